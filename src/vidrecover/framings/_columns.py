"""Columns cut out of bytes: headers of many frames at once, and what their fields say.

All functions take positions in a window's data and give one element per position.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.formats import Number, Requirement, Sum, Time
from vidrecover.model import NO_TIME, Frames, Media, Window, no_frames

Column = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]

_IMPOSSIBLE = 1 << 40  # stands for sizes below zero or beyond any source
_EARLIEST_UNIX_S, _LATEST_UNIX_S = 1104537600, 2208988800  # 2005 to 2040
_SAFE = 1 << 47  # what can be multiplied by any factor of a description


def cut(data: Bytes, positions: Column, dtype: Any) -> Column:
    """Items of a dtype at byte positions; what lies behind the end of the data is zeros."""
    item = np.dtype(dtype)
    room = len(data) - item.itemsize
    if len(positions) and int(positions.max()) <= room:
        # Whole items are copied several times faster than their fields one by one.
        whole = np.dtype((np.void, item.itemsize))
        view: Column = np.ndarray((room + 1,), whole, data.data, strides=(1,))
        return view[positions].view(item)
    items = np.zeros(len(positions), dtype=item)
    inside = positions <= room
    if inside.any():
        items[inside] = cut(data, positions[inside], item)
    for place in np.flatnonzero(~inside).tolist():
        rest = data[int(positions[place]) :].tobytes()[: item.itemsize]
        items[place] = np.frombuffer(rest.ljust(item.itemsize, b"\0"), dtype=item)[0]
    return items


def bytes_at(data: Bytes, positions: Column, size: int) -> Column:
    """Bytes behind each position as rows of an array (n, size), zeros behind the data's end."""
    return cut(data, positions, f"V{size}").view(np.uint8).reshape(len(positions), size)


def any_of(values: Column, wanted: list[int]) -> Column:
    """Whether each value is one of a few; faster than a sorted search for so few."""
    found = np.zeros(len(values), dtype=bool)
    for one in wanted:
        found |= values == one
    return found


def distinct(ordered: Column) -> Column:
    """Ascending positions, each once."""
    rises = np.append(True, ordered[1:] > ordered[:-1])
    return ordered.compress(rises[: len(ordered)])


def header_type(fields: list[tuple[str, str]], order: str) -> np.dtype[Any]:
    """The dtype of a described header; order: `<` or `>`. Numbers of 24 bits stay raw bytes."""
    return np.dtype([(name, _numpy_type(kind, order)) for name, kind in fields])


def _numpy_type(kind: str, order: str) -> str:
    if kind.endswith("s"):
        return f"V{kind[:-1]}"
    if kind == "u24":
        return "V3"
    return f"{order}{kind[0]}{int(kind[1:]) // 8}"


class Fields(NamedTuple):
    """The headers of some frames. rows: of a `header_type`; order: its byte order."""

    rows: Column
    order: str

    def where(self, kept: Column) -> "Fields":
        """Those of the frames at the kept places (indices or a mask)."""
        whole = self.rows.compress(kept) if kept.dtype == bool else self.rows.take(kept)
        return Fields(whole, self.order)

    def column(self, name: str) -> Column:
        """One field as int64; of raw bytes the first eight at most make one number."""
        column = self.rows[name]
        return column.astype(np.int64) if column.dtype.kind != "V" else self._number_of(name, 8)

    def _number_of(self, name: str, most: int) -> Column:
        """The first bytes of a raw field, `most` of them, as a number."""
        raw = self.raw(name)[:, :most].astype(np.int64)
        steps = np.arange(raw.shape[1], dtype=np.int64)
        result: Column = (raw << (8 * (steps if self.order == "<" else steps[::-1]))).sum(axis=1)
        return result

    def raw(self, name: str) -> Column:
        """The bytes of one field, of shape (n, its size)."""
        column = np.ascontiguousarray(self.rows[name])
        return column.view(np.uint8).reshape(len(column), column.dtype.itemsize)

    def masked(self, name: str, mask: int | None) -> Column:
        """One field with the bits of the mask only."""
        column = self.column(name)
        return column if mask is None else column & mask

    def meets(self, rule: Requirement) -> Column:
        """Whether each frame's field is as required."""
        value = self.masked(rule.field, rule.mask)
        result = np.ones(len(value), dtype=bool)
        if rule.one_of is not None:
            result &= any_of(value, rule.one_of)
        if rule.min is not None:
            result &= value >= rule.min
        if rule.max is not None:
            result &= value <= rule.max
        return result

    def sum(self, rule: Sum) -> Column:
        """Bytes; where a field is negative or huge, more than any frame has."""
        total = np.full(len(self.rows), rule.plus, dtype=np.int64)
        for name in rule.fields:
            value = self.column(name)
            value = np.where((value >= 0) & (value < _IMPOSSIBLE), value, _IMPOSSIBLE)
            total += -(-value // rule.align) * rule.align if rule.align > 1 else value
        return total

    def number(self, rule: Number) -> Column:
        """The field masked, shifted, multiplied and added to."""
        value = self.masked(rule.field, rule.mask) >> rule.shift
        if rule.times != 1:
            value = np.clip(value, -_SAFE, _SAFE) * rule.times
        return value + rule.plus

    def dates(self, rule: Time) -> Column:
        """RecorderMs by a named clock, NO_TIME where impossible; see `formats.Time`."""
        name = rule.fields[0]
        if rule.clock == "packed_date":
            result = clock.packed_dates(self._number_of(name, 4))
        elif rule.clock == "packed_date_1970":
            result = clock.packed_dates(self._number_of(name, 4), first_year=1970)
            result = np.where(result >= _EARLIEST_UNIX_S * 1000, result, NO_TIME)
        elif rule.clock == "six_bytes":
            parts = [self.raw(name)[:, place].astype(np.int64) for place in range(6)]
            result = np.where(parts[0] < 64, clock.dates(2000 + parts[0], *parts[1:]), NO_TIME)
        else:
            result = self._unix(name, 1000 if rule.clock == "unix_s" else 1)
        return result if rule.when is None else np.where(self.meets(rule.when), result, NO_TIME)

    def _unix(self, name: str, unit_ms: int) -> Column:
        is_raw = self.rows[name].dtype.kind == "V"
        value = self._number_of(name, 4 if unit_ms == 1000 else 8) if is_raw else self.column(name)
        seconds = value if unit_ms == 1000 else value // 1000
        sane = (seconds >= _EARLIEST_UNIX_S) & (seconds < _LATEST_UNIX_S)
        return np.where(sane, value, 0) * unit_ms + np.where(sane, 0, NO_TIME)


def data_rows(window: Window, found: Sequence[tuple[int, int, int]]) -> Frames:
    """Rows of data without time. found: (place in the window, size in bytes, flags) of each."""
    rows = no_frames(len(found))
    if found:
        columns = np.array(found, dtype=np.int64).T
        rows["offset"] = columns[0] + window.offset
        rows["size"], rows["payload_size"], rows["flags"] = columns[1], columns[1], columns[2]
        rows["kind"] = Media.DATA
    return rows
