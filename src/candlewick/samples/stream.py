"""Contiguous chunks for training with carried state: every asked row is a sample exactly once an epoch.

The rows that the asked ones span are laid end to end, instrument after instrument, into a circle, and the circle is
cut into one arc a lane, at a place drawn anew each epoch. A lane walks its arc; where an arc enters another
instrument, or the circle closes, a new piece begins with zero state and a warm-up of its own.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from candlewick.core import random
from candlewick.core.errors import ConfigError
from candlewick.samples.dataset import Dataset
from candlewick.samples.roles import Rows


@dataclass(frozen=True)
class _Piece:
    """Dataset rows first .. last - 1, walked in order from zero state; rows before `loss_from` only warm it up."""

    first: int
    loss_from: int
    last: int


@dataclass(frozen=True)
class _Span:
    """Dataset rows first .. last - 1 of one instrument hold the asked ones; those from `earliest` on may warm up."""

    earliest: int
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class StreamPlan:
    """Chunks of one epoch, `lanes` rows of them side by side.

    Attributes:
        data: the dataset, with scaled `x`.
        chunk_length: bars of a chunk.
        first: int64 (steps, lanes), dataset row at which each chunk begins.
        size: int64 (steps, lanes), its rows; fewer than `chunk_length` where a piece ends, 0 where a lane is done.
        loss_from: int64 (steps, lanes), rows before this one carry no loss.
        reset: bool (steps, lanes), the state is set to zero before the chunk.
        asked: bool (n,), the rows that are samples.
    """

    data: Dataset
    chunk_length: int
    first: np.ndarray
    size: np.ndarray
    loss_from: np.ndarray
    reset: np.ndarray
    asked: np.ndarray

    @property
    def steps(self) -> int:
        """Chunks a lane walks through."""
        return len(self.first)

    @property
    def samples(self) -> int:
        """Rows that carry loss, each exactly once."""
        return int(self.asked.sum())

    def chunk(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Chunk `k` of every lane: what goes in, which rows carry loss, and whose state begins anew.

        Returns:
            x: float32 (lanes, chunk, width), zeros after the end of a piece.
            positions: int64 (lanes, chunk), the dataset row whose label is asked for there, -1 where there is no loss.
            reset: bool (lanes,), state is zero before this chunk.
        """
        lanes = self.first.shape[1]
        x = np.zeros((lanes, self.chunk_length, self.data.x.shape[1]), dtype=np.float32)
        for lane, (first, size) in enumerate(zip(self.first[k], self.size[k], strict=True)):
            x[lane, :size] = self.data.x[first : first + size]
        offset = np.arange(self.chunk_length)
        rows = self.first[k, :, None] + offset
        inside = (offset < self.size[k, :, None]) & (rows >= self.loss_from[k, :, None])
        rows = np.where(inside, rows, 0)
        return x, np.where(inside & self.asked[rows], rows, -1), self.reset[k]


def plan(data: Dataset, rows: Rows, *, lanes: int, chunk: int, warmup: int, epoch: int, seed: int) -> StreamPlan:
    """The chunks of one epoch over `rows`, in `lanes` lanes that begin at other places each epoch.

    Rows before a piece's first one are its inputs for `warmup` bars (fewer where the instrument's warmed-up history
    begins later) without loss; no row after the last of `rows` in its instrument is ever an input. There are no more
    lanes than whole or begun chunks: a lane of a few rows would be nearly all padding, which costs as much as rows do.
    Lanes with more chunks come first, so that those still walking are always the first ones.

    Raises:
        ConfigError: there are no rows.
    """
    spans = _spans(data, rows)
    total = sum(span.last - span.first for span in spans)
    lanes = min(lanes, -(-total // chunk))
    offset = int(random.stream(seed, "stream", epoch).integers(total))
    edges = [offset + total * lane // lanes for lane in range(lanes + 1)]
    arcs = [_pieces(spans, total, begin, end, warmup) for begin, end in itertools.pairwise(edges)]
    arcs.sort(key=lambda pieces: len(_walk(pieces, chunk)), reverse=True)
    return _laid_out(data, rows, arcs, chunk)


def replay(data: Dataset, rows: Rows, *, chunk: int, warmup: int) -> StreamPlan:
    """One lane an instrument that has `rows`, in order, zero state `warmup` bars before its first one (the anchor)."""
    lanes = [[_Piece(max(span.earliest, span.first - warmup), span.first, span.last)] for span in _spans(data, rows)]
    return _laid_out(data, rows, lanes, chunk)


def _spans(data: Dataset, rows: Rows) -> list[_Span]:
    if len(rows) == 0:
        raise ConfigError("there are no rows to stream over, was 0. Give a fold with training rows.")
    spans = []
    edges = np.searchsorted(data.symbol, np.arange(len(data.symbols) + 1))
    for begin, end in itertools.pairwise(edges):
        asked = rows.index[slice(*np.searchsorted(rows.index, (begin, end)))]
        if len(asked):
            # The first ready row's window is the first whole stretch of warmed-up features.
            warm = begin + int(np.argmax(data.ready[begin:end])) - data.length + 1
            spans.append(_Span(int(warm), int(asked[0]), int(asked[-1]) + 1))
    return spans


def _pieces(spans: list[_Span], total: int, begin: int, end: int, warmup: int) -> list[_Piece]:
    """Positions begin .. end - 1 of the circle (end may lie beyond one turn) as pieces of instruments."""
    pieces = []
    for low, high in ((begin, min(end, total)), (max(begin - total, 0), end - total)):
        base = 0
        for span in spans:
            shift = span.first - base
            first, last = max(low + shift, span.first), min(high + shift, span.last)
            if first < last:
                pieces.append(_Piece(max(span.earliest, first - warmup), first, last))
            base += span.last - span.first
    return pieces


def _walk(pieces: list[_Piece], chunk: int) -> list[tuple[int, _Piece]]:
    return [(at, piece) for piece in pieces for at in range(piece.first, piece.last, chunk)]


def _laid_out(data: Dataset, rows: Rows, lanes: list[list[_Piece]], chunk: int) -> StreamPlan:
    walks = [_walk(pieces, chunk) for pieces in lanes]
    shape = (max(len(walk) for walk in walks), len(lanes))
    first, size, loss_from = np.zeros((3, *shape), dtype=np.int64)
    reset = np.zeros(shape, dtype=bool)
    for lane, walk in enumerate(walks):
        for k, (at, piece) in enumerate(walk):
            first[k, lane], size[k, lane] = at, min(chunk, piece.last - at)
            loss_from[k, lane], reset[k, lane] = piece.loss_from, at == piece.first
    asked = np.zeros(len(data), dtype=bool)
    asked[rows.index] = True
    return StreamPlan(data, chunk, first, size, loss_from, reset, asked)
