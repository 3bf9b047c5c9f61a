"""torch, or one clear sentence where it is not installed."""

from candlewick.core.errors import MissingDependencyError

try:
    import torch
except ModuleNotFoundError as error:
    raise MissingDependencyError(
        "training and forecasting with a network need torch, which is not installed. "
        "Install it with: pip install 'candlewick[train]'. The naive, linear, har and tree models work without it."
    ) from error

__all__ = ["torch"]
