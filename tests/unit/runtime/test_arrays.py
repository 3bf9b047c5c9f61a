"""Arrays arrive as they left, and a header that says anything else than its file holds is refused."""

import json

import numpy as np
import pytest

from candlewick.core.errors import StorageError
from candlewick.runtime.arrays import LARGEST_HEADER, packed, unpacked


def file(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def test_arrays_arrive_as_they_left():
    arrays = {
        "f": np.array([[1.5, np.nan], [-0.0, np.inf]], np.float32).T, "d": np.array(2.5), "e": np.empty((0, 7)),
        "i": np.arange(3), "n": np.arange(-3, 0, dtype=np.int8), "u": np.arange(5, dtype=np.uint8),
        "s": np.arange(3, dtype=np.int32), "b": np.array([True, False]),
    }  # fmt: skip
    back = unpacked(packed(arrays), "here")
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (back[name].dtype, back[name].shape) == (array.dtype, array.shape)
        assert back[name].tobytes() == array.tobytes()
        assert back[name].flags.aligned
        assert back[name].flags.writeable


BODY = bytes(8)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "header of 0 bytes in a file of 0"),
        (b"\x01\x00\x00", "header of 1 bytes"),
        ((2**63).to_bytes(8, "little") + b"{}", "header of 9,223,372,036,854,775,808 bytes"),
        (file(b" " * (LARGEST_HEADER + 1)), "header of"),
        (file(b"[]"), "must hold a mapping"),
        (file(b"{"), "not plain JSON"),
        (file(b"\xff\xfe{}"), "not plain JSON"),
        (file(b'{"a": NaN}'), "NaN"),
        (file(b'{"a": {"dtype": "F32", "dtype": "F64"}}'), "'dtype' stands twice"),
        (file({"__metadata__": {"a": "b"}}), "is no array"),
        (file({"a": [1]}), "is no array"),
        (file({"a": entry() | {"more": 1}}, BODY), "is no array"),
        (file({"a": entry("O")}, BODY), "of type 'O'"),
        (file({"a": entry("F16", (4,))}, BODY), "of type 'F16'"),
        (file({"a": entry(["F32"])}, BODY), "of type"),
        (file({"a": entry(shape=(-2,))}, BODY), r"of shape \[-2\]"),
        (file({"a": entry(shape=(2.0,))}, BODY), r"of shape \[2.0\]"),
        (file({"a": entry(shape=(True, 2))}, BODY), r"of shape \[True"),
        (file({"a": entry(shape="2")}, BODY), "of shape 2"),
        (file({"a": entry(shape=(1,) * 9)}, BODY), "of shape"),
        (file({"a": entry(shape=(0, 2**70), offsets=(0, 0))}), "of shape"),
        (file({"a": entry(shape=(2**32, 2**32))}, BODY), "of shape"),
        (file({"a": entry(shape=(3,))}, BODY), "keeps 'a' at"),
        (file({"a": entry(offsets=(0, 4))}, BODY), "keeps 'a' at"),
        (file({"a": entry(offsets=(-8, 0))}, BODY), "keeps 'a' at"),
        (file({"a": entry(offsets=(0.0, 8))}, BODY), "keeps 'a' at"),
        (file({"a": entry(offsets="08")}, BODY), "keeps 'a' at"),
        (file({"a": entry(), "b": entry()}, BODY), "keeps 'b' at"),
        (file({"a": entry(), "b": entry(offsets=(4, 12))}, BODY + BODY), "keeps 'b' at"),
        (file({"a": entry(), "b": entry(offsets=(12, 20))}, BODY + BODY + BODY), "keeps 'b' at"),
        (file({"a": entry()}, BODY[:-1]), "keeps 'a' at"),
        (file({"a": entry()}, BODY + b"\x00"), "9 bytes of arrays where its header tells of 8"),
        (file({}, BODY), "8 bytes of arrays where its header tells of 0"),
        (file({"a": entry("BOOL", (8,))}, b"\x02" * 8), "neither 0 nor 1"),
    ],
)
def test_a_header_that_lies_is_refused(data, says):
    with pytest.raises(StorageError, match=says):
        unpacked(data, "here")
