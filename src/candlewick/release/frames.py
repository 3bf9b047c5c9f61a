"""Frames: what a journal writes in one piece. Each carries a digest of itself and of the one before.

A frame is a head of 56 bytes and a payload. The digest covers the digest of the frame before, the numbers of the head
and the payload, so that no frame can be changed, left out, repeated or moved without being seen; the head has a
checksum of its own, so that a damaged length is not believed.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

HEAD = struct.Struct("<4sIQI16s16s")
_CHECK = struct.Struct("<I")
SIZE = HEAD.size + _CHECK.size
"""Bytes of a head."""

ORIGIN = bytes(16)
"""What stands for the frame before the first."""

LARGEST = 16 * 2**20
"""Bytes of a payload at most."""

_USUAL = 2**20  # bytes of a payload, where its records are smaller
_MAGIC = b"cwj1"


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame's head.

    Attributes:
        seq: of its first record.
        count: records in it.
        length: bytes of its payload.
        previous: digest of the frame before.
        digest: its own.
    """

    seq: int
    count: int
    length: int
    previous: bytes
    digest: bytes

    @property
    def size(self) -> int:
        """Bytes of head and payload."""
        return SIZE + self.length

    def holds(self, payload: bytes | memoryview) -> bool:
        """Whether `payload` is the one it was made for."""
        return len(payload) == self.length and _digest(self.seq, self.count, self.previous, payload) == self.digest


def framed(seq: int, count: int, previous: bytes, payload: bytes) -> tuple[Frame, bytes]:
    """A frame, and its bytes."""
    frame = Frame(seq, count, len(payload), previous, _digest(seq, count, previous, payload))
    head = HEAD.pack(_MAGIC, frame.length, seq, count, previous, frame.digest)
    return frame, head + _CHECK.pack(zlib.crc32(head)) + payload


def head_at(data: bytes | memoryview, offset: int) -> Frame | None:
    """The frame whose head stands at `offset`; None where none does."""
    if len(data) - offset < SIZE:
        return None
    head = data[offset : offset + HEAD.size]
    (check,) = _CHECK.unpack_from(data, offset + HEAD.size)
    if zlib.crc32(head) != check:
        return None
    magic, length, seq, count, previous, digest = HEAD.unpack(head)
    sane = magic == _MAGIC and 0 < count <= length <= LARGEST
    return Frame(seq, count, length, previous, digest) if sane else None


def later_head(data: bytes, offset: int, seq: int) -> bool:
    """Whether the head of a frame with a record after `seq` stands somewhere behind `offset`."""
    place = data.find(_MAGIC, offset + 1)
    while place >= 0:
        frame = head_at(data, place)
        if frame is not None and frame.seq > seq:
            return True
        place = data.find(_MAGIC, place + 1)
    return False


def _digest(seq: int, count: int, previous: bytes, payload: bytes | memoryview) -> bytes:
    digest = blake2b(previous, digest_size=16)
    digest.update(seq.to_bytes(8, "little") + count.to_bytes(4, "little"))
    digest.update(payload)
    return digest.digest()


def parted(records: list[tuple[Any, bytes]]) -> Iterator[list[tuple[Any, bytes]]]:
    """Records and their bytes in parts of a moderate frame each."""
    part: list[tuple[Any, bytes]] = []
    size = 0
    for record in records:
        if part and size + len(record[1]) > _USUAL:
            yield part
            part, size = [], 0
        part.append(record)
        size += len(record[1])
    if part:
        yield part
