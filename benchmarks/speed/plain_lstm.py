"""The yardstick: what a competent person writes in forty lines of PyTorch to train a deep LSTM on one long stream."""

import time

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, inputs, projection, hidden, layers, skips, dropout):
        super().__init__()
        self.project = nn.Linear(inputs, projection)
        self.lstms = nn.ModuleList(nn.LSTM(hidden if k else projection, hidden) for k in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(layers))
        self.dropout, self.head, self.skips = nn.Dropout(dropout), nn.Linear(hidden, 1), dict(skips)

    def forward(self, x, states):
        outs, after = [self.project(x)], []
        for k, (lstm, norm) in enumerate(zip(self.lstms, self.norms, strict=True), start=1):
            out, state = lstm(outs[-1], states[k - 1] if states else None)
            out = self.dropout(norm(out))
            if k in self.skips:
                out = out + outs[self.skips[k]]
            outs.append(out)
            after.append(state)
        return self.head(outs[-1])[..., 0], after


class Trainer:
    """x (time, lanes, inputs) and y (time, lanes), lanes being stretches of the stream."""

    def __init__(self, x, y, *, chunk, bf16=False, **net):
        self.x, self.y, self.chunk, self.bf16 = x, y, chunk, bf16
        self.net = Net(x.shape[2], **net)
        self.adam = torch.optim.AdamW(self.net.parameters(), lr=1e-3, weight_decay=0.01, fused=True)

    def epoch(self):
        """Seconds for one pass over the stream."""
        began, states = time.perf_counter(), None
        for at in range(0, len(self.x), self.chunk):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
                raw, states = self.net(self.x[at : at + self.chunk], states)
            loss = nn.functional.mse_loss(raw.float(), self.y[at : at + self.chunk])
            states = [(h.detach(), c.detach()) for h, c in states]
            self.adam.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            self.adam.step()
        return time.perf_counter() - began


class WindowTrainer:
    """Shuffled windows of x (bars, inputs), each with one label of y (windows,), that of its newest bar."""

    def __init__(self, x, y, *, length, batch, bf16=False, **net):
        self.windows, self.y = x.unfold(0, length, 1).permute(2, 0, 1), y
        self.batch, self.bf16 = batch, bf16
        self.net = Net(x.shape[1], **net)
        self.adam = torch.optim.AdamW(self.net.parameters(), lr=1e-3, weight_decay=0.01, fused=True)

    def epoch(self):
        """Seconds for one pass over the windows."""
        began = time.perf_counter()
        for chosen in torch.randperm(len(self.y)).split(self.batch):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
                raw, _ = self.net(self.windows[:, chosen], None)
            loss = nn.functional.mse_loss(raw[-1].float(), self.y[chosen])
            self.adam.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            self.adam.step()
        return time.perf_counter() - began
