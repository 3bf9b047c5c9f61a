"""A stack of LSTM layers with layer norm, dropout and identity skips, which can carry its state from bar to bar."""

from collections.abc import Sequence

from torch import Tensor, nn

from candlewick.models.blocks.dropout import Dropout


class ResidualLstm(nn.Module):
    """`out_k = dropout(norm_k(lstm_k(out_{k-1}))) + sum of out_j over the skips (j, k)`, then a linear head.

    `forward(x, state=None) -> (raw, state)`: x (batch, time, inputs), raw (batch, time, outputs); the state is
    h_1, c_1, h_2, c_2, ... of shape (batch, hidden). Without one the state is zero.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        layers: int,
        hidden: int,
        projection: int | None,
        norm: bool,
        dropout: float,
        skips: Sequence[tuple[int, int]],
    ) -> None:
        super().__init__()
        self.hidden = hidden
        self.into = {k: [j for j, to in skips if to == k] for k in range(1, layers + 1)}
        self.projection = nn.Linear(inputs, projection) if projection else nn.Identity()
        first = projection or inputs
        self.lstm = nn.ModuleList(nn.LSTM(hidden if k else first, hidden) for k in range(layers))
        self.norm = nn.ModuleList(nn.LayerNorm(hidden) if norm else nn.Identity() for _ in range(layers))
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor, state: tuple[Tensor, ...] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Raw outputs at every time, and the state after the last one."""
        # torch's LSTM works time first; turned once here instead of once a layer.
        out = self.projection(x.transpose(0, 1))
        outs: list[Tensor] = []
        after: list[Tensor] = []
        for k, (lstm, norm) in enumerate(zip(self.lstm, self.norm, strict=True)):
            before = None if state is None else (state[2 * k][None], state[2 * k + 1][None])
            out, (h, c) = lstm(out, before)
            after += (h[0], c[0])
            out = self.dropout(norm(out))
            for j in self.into[k + 1]:
                out = out + outs[j - 1]
            outs.append(out)
        return self.head(out).transpose(0, 1), tuple(after)
