"""A frame table as one compact blob: columns, those that grow as differences, deflated."""

import zlib
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover.model import FRAME_DTYPE, Frames

Column = npt.NDArray[Any]

_STEPS = ("offset", "time_ms", "tick_ms", "sequence")  # stored as differences
_KINDS = [(f"<i{size}", (1 << (8 * size - 1)) - 1) for size in (1, 2, 4, 8)]  # and the largest
_ENCODE, _DECODE = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder()


def pack(rows: Frames) -> bytes:
    """A frame table as one compact blob; `unpack` gives it back unchanged."""
    columns = {
        name: _pack_column(rows[name], name in _STEPS)
        for name in FRAME_DTYPE.names or ()
        if name != "format"
    }
    return zlib.compress(_ENCODE.encode([len(rows), columns]), 1)


def unpack(packed: bytes) -> Frames:
    """The frame table of a blob made by `pack`; the column `format` is 0."""
    count, columns = _DECODE.decode(zlib.decompress(packed))
    rows = np.zeros(count, dtype=FRAME_DTYPE)
    for name, column in columns.items():
        rows[name] = _unpack_column(column, count)
    return rows


def _pack_column(values: Column, as_steps: bool) -> list[Any]:
    """[first value] when all are equal, else [first, element type, bytes, whether steps]."""
    first = int(values[0]) if len(values) else 0
    if not len(values) or (values == first).all():
        return [first]
    if as_steps:  # int64 wraps on both ways alike, so NO_TIME among dates is no loss
        steps = np.zeros(len(values), dtype=np.int64)
        np.subtract(values[1:], values[:-1], out=steps[1:])
        values = steps
    low, high = int(values.min()), int(values.max())
    kind = next(kind for kind, most in _KINDS if -most <= low + 1 and high <= most)
    return [first, kind, values.astype(kind).tobytes(), as_steps]


def _unpack_column(column: list[Any], count: int) -> Column:
    if len(column) == 1:
        return np.full(count, column[0], dtype=np.int64)
    first, kind, content, as_steps = column
    values = np.frombuffer(content, dtype=kind).astype(np.int64)
    if as_steps:
        values[0] = first
        values = np.cumsum(values)
    return values
