"""A machine whose every measurement follows from a few round figures, so that predictions can be reckoned by hand."""

from itertools import product

from candlewick.sizing.machine import Machine, Measured

RATES = {"fp32": 100.0, "bf16": 200.0, "int8": 400.0}
PER_CALL, PER_MULTIPLY_ADD = 1e-4, 1e-10
ENGINE, ENGINE_P99, OWN = 30e-6, 60e-6, 5e-6
STEP = 2e-10  # seconds of a multiply-add in a compiled step


def known_machine(*, torch: bool = True, compiled: bool = True, **changes: object) -> Machine:
    """Two cores; a layer of h units takes 0.1 ms a call and 0.1 ns a multiply-add (bf16 half of it)."""
    memories = ((2**20, 200.0), (2**24, 100.0), (2**27, 40.0))
    sizes = tuple(product((1, 32), (4, 40)))
    rows = [
        *(_row("product", "numpy", p, (1024, 1024, 1024), work=2.0 * 1024**3, rate=RATES[p] * n, threads=n)
          for p, n in product(("fp32", "int8"), (1, 2))),
        *(_row(what, "compiled", "fp32", (size,), work=float(size), rate=rate, threads=n)
          for what, (size, rate), n in product(("read", "copy"), memories, (1, 2))),
        _row("gates", "numpy", "fp32", (32, 512), seconds=1e-9),
        *(_row("estimator step", "estimator", "fp32", (b, c), seconds=OWN) for b, c in sizes),
        *(_row("engine", "estimator", "fp32", (b, c), seconds=ENGINE * b) for b, c in sizes),
        *(_row("engine p99", "estimator", "fp32", (b, c), seconds=ENGINE_P99 * b) for b, c in sizes),
        _row("tree walk", "estimator", "fp32", (1, 800), seconds=4e-6),
        *(_row("fit", path, "fp32", (n, c, r), seconds=n * c * (1 + r) * 1e-8)
          for path, (n, c), r in product(("linear", "har", "gradient_boosting"), ((1000, 10), (10000, 20)), (5, 25))),
    ]  # fmt: skip
    if compiled:
        rows += [
            _row("step", "compiled", p, (b, h, 3), seconds=3 * 8 * h * h * b * STEP)
            for p, b, h in product(RATES, (1, 32), (16, 64, 256, 512))
        ]
    if torch:
        rows += [*_torch(1), *_torch(2)]
    facts: dict[str, object] = {
        "processor": "a known one", "flags": ("avx2",), "cores": 2, "memory": 16 * 2**30,
        "versions": {"numpy": "2"}, "overrides": {}, "measured_at": 0, "measurements": tuple(rows),
    }  # fmt: skip
    return Machine(**{**facts, **changes})  # type: ignore[arg-type]


def _torch(threads: int) -> list[Measured]:
    sizes = tuple(product((16, 64, 256, 512), (1, 32, 128), (4, 16)))
    layers = {p: {(b, h, t): (PER_CALL + 8 * h * h * b * t * PER_MULTIPLY_ADD) / speed / threads for h, b, t in sizes}
              for p, speed in (("fp32", 1), ("bf16", 2))}  # fmt: skip
    return [
        *(_row("product", "torch linear", p, (n, 1024, 1024), work=2.0 * n * 1024**2, rate=RATES[p] * threads,
               threads=threads) for p, n in product(("fp32", "bf16"), (32, 1024))),
        *(_row("lstm training", "torch", p, shape, seconds=seconds, threads=threads)
          for p, own in layers.items() for shape, seconds in own.items()),
        *(_row("lstm validation", "torch", "fp32", shape, seconds=seconds / 4, threads=threads)
          for shape, seconds in layers["fp32"].items()),
        *(_row(what, "torch", "fp32", (n, size), seconds=n * 1e-6 + size * 1e-9 * (1 + (what != "update")),
               threads=threads)
          for what, (n, size) in product(("update", "compensated update"), ((64, 1024), (4, 4_000_000)))),
        *(_row(f"{mode} loop", "torch", "fp32", (b, 16, 16), seconds=1e-3 + b * 1e-5)
          for mode, b in product(("streams", "windows"), (1, 128)) if threads == 1),
        _row("resident", "torch", "fp32", (), work=300e6, seconds=1.0),
    ]  # fmt: skip


def _row(what: str, path: str, precision: str, shape: tuple[int, ...], *, work: float = 1.0, seconds: float = 0.0,
         rate: float = 0.0, threads: int = 1) -> Measured:  # fmt: skip
    return Measured(what, path, precision, threads, shape, work, seconds or work / rate / 1e9, 0.0)
