"""A machine whose measurements are made up, so that plans need none."""

import itertools

import pytest

from candlewick.sizing.machine import Machine, Measured


@pytest.fixture
def machine() -> Machine:
    """A machine of round figures: 100 GFLOP/s in fp32, 200 in bf16, 400 in int8, 50 GB/s."""
    rates = {"fp32": 100e9, "bf16": 200e9, "int8": 400e9}
    found = [_measured("gates", 1e-9), _measured("tree walk", 4e-6, shape=(1, 800))]
    found += [_measured("resident", 1.0, path=path, work=size) for path, size in (("runtime", 2e8), ("torch", 5e8))]
    for what, size in itertools.product(("read", "copy"), (2**19, 2**23, 2**27)):
        found.append(_measured(what, size / 50e9, shape=(size,), work=size))
    for precision, path, rows in itertools.product(rates, ("torch linear", "onnxruntime"), (1, 32, 1024)):
        work = 2.0 * rows * 512 * 2048
        found.append(_measured("product", work / rates[precision], path, precision, (rows, 512, 2048), work))
    for precision, hidden, batch in itertools.product(rates, (16, 64, 512), (1, 32, 128)):
        step = 16 * hidden**2 * batch / rates[precision] + 1e-6
        found.append(_measured("step", 3 * step, "compiled", precision, (batch, hidden, 3)))
        for bars in (4, 16) if precision != "int8" else ():
            found.append(_measured("lstm training", 1e-4 + 3 * bars * step, "torch", precision, (batch, hidden, bars)))
            found.append(_measured("lstm validation", 1e-4 + bars * step, "torch", precision, (batch, hidden, bars)))
    for what, tensors, size in itertools.product(("update", "compensated update"), (64,), (16,)):
        found.append(_measured(what, 1e-4, "torch", shape=(tensors, tensors * size)))
        found.append(_measured(what, 1e-2, "torch", shape=(4, 2**22)))
    for sampling, batch in itertools.product(("streams", "windows"), (1, 128)):
        found.append(_measured(f"{sampling} loop", 1e-3, "torch", shape=(batch, 16, 16)))
    for instruments, columns in itertools.product((1, 32), (4, 40)):
        shape = (instruments, columns)
        for what, seconds in (("estimator step", 5e-6), ("engine", 2e-5), ("engine p99", 3e-5)):
            found.append(_measured(what, seconds * instruments, shape=shape))
    for path, size in itertools.product(("linear", "linear classes", "har", "gradient_boosting"), (1000, 6000)):
        found.append(_measured("fit", size * 1e-6, path, shape=(size, 10, 10)))
    return Machine("made up", (), 2, 16 * 2**30, {}, {}, 0, tuple(found))


def _measured(
    what: str, seconds: float, path: str = "estimator", precision: str = "fp32", shape: tuple[int, ...] = (),
    work: float = 1.0,
) -> Measured:  # fmt: skip
    return Measured(what, path, precision, 1, shape, work, seconds, 0.0)
