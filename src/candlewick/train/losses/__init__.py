"""Losses: what training makes small, one a head by default."""

from candlewick.core.errors import ConfigError
from candlewick.core.registry import Family
from candlewick.models._heads import Head
from candlewick.train.losses._base import Loss

LOSSES = Family("candlewick.train.losses", Loss)

_OWN = {
    "point": "mse",
    "variance": "qlike",
    "gaussian": "gaussian_nll",
    "quantile": "pinball",
    "classes": "cross_entropy",
}


def loss_for(head: Head, wanted: Loss | None = None) -> Loss:
    """The wanted loss, or the head's own where none is named.

    >>> from candlewick.models._heads import Variance
    >>> loss_for(Variance()).spec_name()
    'qlike'

    Raises:
        ConfigError: the loss does not understand the outputs of this head.
    """
    kind = head.model_dump()["head"]
    loss = wanted or LOSSES.build(_OWN[kind])
    if not isinstance(head, loss.heads):
        fitting = ", ".join(sorted(name for name in LOSSES.names() if isinstance(head, LOSSES.member(name).heads)))
        raise ConfigError(
            f"loss {loss.spec_name()} does not suit the {kind} head, whose outputs it cannot read. "
            f"Allowed with it: {fitting}. Leave the loss out to take the head's own, {_OWN[kind]}."
        )
    return loss
