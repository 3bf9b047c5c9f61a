"""torch, or one clear sentence where it is not installed."""

from candlewick.train.requirement import require_torch

require_torch()

import torch  # noqa: E402

__all__ = ["torch"]
