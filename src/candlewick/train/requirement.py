"""What training needs installed, so that it can be told before anything is done."""

from importlib.util import find_spec

from candlewick.core.errors import MissingDependencyError


def require_torch() -> None:
    """Nothing where torch is installed, which is looked up without importing it.

    Raises:
        MissingDependencyError: it is not; with what to install.
    """
    if find_spec("torch") is None:
        raise MissingDependencyError(
            "training and forecasting with a network need torch, which is not installed. "
            "Install it with: pip install 'candlewick[train]'. The naive, linear, har and tree models work without it."
        )
