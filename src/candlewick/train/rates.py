"""Short measurements of torch: matrix products, recurrent layers forward and backward, and what an update costs."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from candlewick.core.progress import Silent
from candlewick.core.random import stream
from candlewick.models._heads import HeadScale, Point
from candlewick.models.blocks.residual_lstm import ResidualLstm
from candlewick.models.lstm import Lstm
from candlewick.runtime.rates import SHAPES, Trial, product, repeats, resident, timed
from candlewick.samples.dataset import Dataset, Samples
from candlewick.train._torch import torch
from candlewick.train.device import has_bf16, reproducible
from candlewick.train.loop import fit
from candlewick.train.optimiser import clip_gradients, optimiser
from candlewick.train.recipe import Recipe

HIDDEN, BATCHES = (16, 32, 64, 128, 256, 512), (1, 8, 32, 128)
"""Sizes of the recurrent layers that are tried."""

VALIDATED = 32
"""The batch with which forecasts alone are tried, without dropout or a backward pass."""

_SMALL = 128  # units up to which a layer is tried among others

INPUTS, BARS = 40, 16
"""Columns and bars of the loop's own trials."""

_UPDATES = 8


def trials(threads: int) -> Iterator[Trial]:
    """Loop, optimiser, products and layers."""
    precisions = ("fp32", "bf16") if has_bf16("cpu") else ("fp32",)
    if threads == 1:
        yield from _loop()
        yield resident("torch")  # with what the first updates load
    yield from _optimiser(threads)
    yield from _products(precisions, threads)
    for precision in precisions:
        yield from _layers(precision, threads)


def _products(precisions: Sequence[str], threads: int) -> Iterator[Trial]:
    types = {"fp32": torch.float32, "bf16": torch.bfloat16}
    for shape in SHAPES:
        rows, inner, columns = shape
        for precision in precisions:
            x = torch.randn(rows, inner, dtype=types[precision])
            w = torch.randn(columns, inner, dtype=types[precision])
            linear = partial(torch.nn.functional.linear, x, w)
            matmul = partial(torch.matmul, x, w.t().contiguous())
            yield product("torch linear", precision, threads, shape, _on(threads, linear, repeats(shape)))
            yield product("torch matmul", precision, threads, shape, _on(threads, matmul, repeats(shape)))
        a, b = (torch.randint(-9, 9, size, dtype=torch.int8) for size in ((rows, inner), (inner, columns)))
        whole = partial(torch._int_mm, a, b)
        yield product("torch integer product", "int8", threads, shape, _on(threads, whole, repeats(shape)))


def _layers(precision: str, threads: int) -> Iterator[Trial]:
    for hidden in HIDDEN:
        # Wide layers of a few lanes lie on a line; for narrow ones it bends where a call costs more than its work.
        for batch in BATCHES if hidden < _SMALL else (BATCHES[0], *BATCHES[2:]):
            # About as much work at every size; two lengths tell what a call costs from what a bar costs.
            long = min(64, max(4, 2**24 // (batch * hidden**2)))
            for bars in (long // 4, long):
                yield _layer("lstm training", precision, threads, (batch, hidden, bars))
            if precision == "fp32" and batch == VALIDATED:
                yield _layer("lstm validation", precision, threads, (batch, hidden, long))


def _layer(what: str, precision: str, threads: int, shape: tuple[int, int, int]) -> Trial:
    """One layer of several: what a lone small one needs stays in the cache, and memory is not asked for anew."""
    batch, hidden, bars = shape
    layers, training = 3 if hidden <= _SMALL else 1, what == "lstm training"
    module = ResidualLstm(
        hidden, 1, layers=layers, hidden=hidden, projection=None, norm=True, dropout=0.2, skips=()
    ).train(training)  # fmt: skip
    x = torch.randn(batch, bars, hidden, requires_grad=training)

    def act() -> None:
        with torch.set_grad_enabled(training):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
                out, _ = module(x)
            if training:
                torch.autograd.backward(out.float().sum())

    whole = _on(threads, act)
    return Trial(what, "torch", precision, threads, shape, 1.0, lambda: whole() / layers)


def _optimiser(threads: int) -> Iterator[Trial]:
    """Clipping and AdamW, plain and compensated: many tensors of nothing, and a few large ones."""
    kinds = {"update": (Recipe(), torch.float32)}
    if has_bf16("cpu"):
        kinds["compensated update"] = (Recipe(precision="bf16", kahan=True), torch.bfloat16)
    for what, (recipe, dtype) in kinds.items():
        for tensors, size in ((64, 16), (4, 2**20)):
            weights = [torch.nn.Parameter(torch.zeros(size // 16, 16, dtype=dtype)) for _ in range(tensors)]
            for weight in weights:
                weight.grad = torch.ones_like(weight)
            act = partial(_update, weights, optimiser(weights, recipe))
            yield Trial(what, "torch", "fp32", threads, (tensors, tensors * size), 1.0, _on(threads, act))


def _update(weights: Sequence[torch.nn.Parameter], adam: torch.optim.Optimizer) -> None:
    for weight in weights:
        assert weight.grad is not None
        weight.grad.fill_(1.0)  # the backward pass writes it, clipping shrinks it
    clip_gradients(weights, 1.0)
    adam.step()


def _loop() -> Iterator[Trial]:
    """The whole loop on a network of next to nothing: what an update costs beside its layers."""
    for sampling, batches in (("streams", (1, 128)), ("windows", (1, 128))):
        for batch in batches:
            recipe = Recipe(
                sampling=sampling, batch=batch, chunk=BARS, warmup=0, epochs=1, schedule="constant"
            )  # fmt: skip
            updates = _UPDATES * 4 if batch == 1 else _UPDATES
            rows = batch * updates * (BARS if sampling == "streams" else 1)
            samples = _samples(rows, BARS)
            act = partial(_epoch, samples, recipe, updates)
            yield Trial(f"{sampling} loop", "torch", "fp32", 1, (batch, HIDDEN[0], BARS), 1.0, act)


def _epoch(samples: Samples, recipe: Recipe, updates: int) -> float:
    nothing = Samples(samples.data, np.array([], dtype=np.int64))
    network, scale = Lstm(layers=1, hidden=HIDDEN[0]), HeadScale(0.0, 1.0)
    done = fit(network, samples, nothing, head=Point(), scale=scale, recipe=recipe, seed=0, progress=Silent())
    return done.seconds / updates


def _samples(rows: int, length: int) -> Samples:
    rng, bars = stream(0, "trials"), rows + length - 1
    t = np.arange(bars, dtype=np.int64)
    data = Dataset(
        x=rng.normal(size=(bars, INPUTS)).astype(np.float32), columns=tuple(f"f{k}" for k in range(INPUTS)), t=t,
        symbol=np.zeros(bars, np.int64), symbols=("SYN",), y=rng.normal(size=bars), known_at=t + 1,
        echo=np.full(bars, np.nan), start=t, length=length, ready=t >= length - 1,
    )  # fmt: skip
    return Samples(data, np.arange(length - 1, bars))


def _on(threads: int, act: Callable[[], object], times: int = 1) -> Callable[[], float]:
    def seconds() -> float:
        with reproducible(threads):
            return timed(act, times)

    return seconds
