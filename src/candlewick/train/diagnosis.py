"""Why a loss is not finite: the input, the label, the weights, or what the network made of them."""

import numpy as np

from candlewick.core.clock import iso
from candlewick.core.errors import TrainingError
from candlewick.samples.dataset import Dataset
from candlewick.train._torch import torch
from candlewick.train.batches import Batch


def check_batch(batch: Batch, data: Dataset, *, where: str) -> None:
    """Refuse inputs and labels that are not finite before they reach the network.

    Raises:
        TrainingError: names epoch and batch, the row's time and instrument, and the column.
    """
    x, z = batch.x.numpy(), batch.z.numpy()
    if not np.isfinite(x).all():
        lane, time, column = np.argwhere(~np.isfinite(x))[0]
        raise TrainingError(
            f"{where}: the input is not finite, column {data.columns[column]} was {x[lane, time, column]} "
            f"{_row_title(data, _input_row(batch, lane, time))}. Scaled features must be finite. "
            "Look at that bar with `candlewick check`, and at the scaler's range."
        )
    if not np.isfinite(z).all():
        lane, answer = np.argwhere(~np.isfinite(z))[0]
        row = batch.rows[lane, answer]
        raise TrainingError(
            f"{where}: the label is not finite, was {data.y[row]} {_row_title(data, row)}. "
            "Rows need a label that float32 can hold. Leave such rows out of the split, or mend the bars behind them."
        )


def check_weights(module: torch.nn.Module, *, where: str) -> None:
    """Refuse weights that an update has made infinite or NaN.

    Raises:
        TrainingError: names the weights.
    """
    broken = _broken(module)
    if broken:
        raise TrainingError(f"{where}: {broken} are not finite, the last update was too large. {_CALMER}.")


def not_finite(what: str, module: torch.nn.Module, batch: Batch, data: Dataset, *, where: str) -> TrainingError:
    """The error to raise when a loss or gradient is not finite although inputs and labels are."""
    rows = batch.rows[batch.rows >= 0]
    span = f"rows of {iso(data.t[rows].min())} to {iso(data.t[rows].max())}"
    broken = _broken(module)
    if broken:
        reason = f"{broken} exploded in an earlier step. {_CALMER}"
    else:
        largest = max(float(p.detach().abs().max()) for p in module.parameters())
        reason = (
            "inputs, labels and weights are finite, but the network's output overflowed: the largest weight is "
            f"{largest:.1e}, the largest input {float(batch.x.abs().max()):.1e}. "
            "Lower learning_rate, set clip, or scale the features"
        )
    return TrainingError(f"{where} ({span}): the {what} is not finite, because {reason}.")


_CALMER = "Lower learning_rate, or set clip"


def _broken(module: torch.nn.Module) -> str:
    names = [name for name, p in module.named_parameters() if not torch.isfinite(p).all()]
    return f"the weights {', '.join(names[:3])}{' and others' * (len(names) > 3)}" if names else ""


def _input_row(batch: Batch, lane: int, time: int) -> int | None:
    asked = np.flatnonzero(batch.rows[lane] >= 0)
    if not len(asked):
        return None
    # Bars of a lane follow one another, and answers belong to its newest bars.
    answered_time = batch.x.shape[1] - batch.rows.shape[1] + asked[0]
    return int(batch.rows[lane, asked[0]] + time - answered_time)


def _row_title(data: Dataset, row: int | None) -> str:
    if row is None:
        return "in the bars before the first label of a lane"
    return f"at row {row} ({data.symbols[data.symbol[row]]}, {iso(data.t[row])})"
