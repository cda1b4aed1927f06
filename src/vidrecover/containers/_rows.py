"""Samples as rows of a frame table, in pieces where their file is, and rows as segments."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover import segments
from vidrecover.containers._view import View
from vidrecover.formats import Format
from vidrecover.model import (
    NO_TICK,
    NO_TIME,
    Codec,
    Extent,
    FrameFlag,
    Frames,
    Media,
    RecorderMs,
    Segment,
    no_frames,
    together,
)

Column = npt.NDArray[Any]

_BATCH = 1 << 17
"""Rows that become segments together."""
_SMALLEST_GAP = 512
_SPREAD = 64 << 20
"""Bytes of a file whose undated rows become one segment."""


def rows(
    view: View,
    offsets: Column,
    sizes: Column,
    kinds: Column,
    codec: Codec,
    *,
    ticks: Column | None = None,
    start_ms: RecorderMs | None = None,
    unfinished: Column | None = None,
    unproven: Column | None = None,
) -> Frames:
    """A row for each sample, in the order given; more where a border of the view cuts it.

    offsets: in the view; ticks: milliseconds from the file's beginning; start_ms: recorder time
    of that moment.
    """
    table = no_frames(len(offsets))
    table["offset"], table["size"], table["payload_size"] = offsets, sizes, sizes
    table["kind"], table["codec"] = kinds, codec
    if ticks is not None:
        table["tick_ms"] = ticks
        if start_ms is not None:
            table["time_ms"] = ticks + start_ms
    if unfinished is not None:
        table["flags"][unfinished] |= int(FrameFlag.UNFINISHED)
    if unproven is not None:
        table["flags"][unproven] |= int(FrameFlag.END_UNPROVEN)
    table = _cut(table, view.borders())
    table["offset"] = view.places(table["offset"]) if len(table) else table["offset"]
    return table


def _cut(table: Frames, borders: Column) -> Frames:
    """The rows, those over a border in pieces that carry each other on."""
    if not len(borders) or not len(table):
        return table
    starts = table["offset"].astype(np.int64)
    ends = starts + table["size"]
    first = np.searchsorted(borders, starts, side="right")
    count = np.searchsorted(borders, ends, side="left") - first + 1
    number = np.repeat(np.arange(len(table)), count)
    if len(number) == len(table):
        return table
    part = np.arange(len(number)) - np.repeat(np.cumsum(count) - count, count)
    padded = np.concatenate([[0], borders, [np.iinfo(np.int64).max]])
    place = first[number] + part
    cut = table.take(number)
    cut["offset"] = np.maximum(starts[number], padded[place])
    cut["size"] = np.minimum(ends[number], padded[place + 1]) - cut["offset"]
    cut["payload_size"] = cut["size"]
    cut["flags"] |= np.where(part > 0, int(FrameFlag.CONTINUES), 0).astype(np.uint16)
    cut["flags"] |= np.where(part < count[number] - 1, int(FrameFlag.MORE), 0).astype(np.uint16)
    return cut


def in_playing_order(tables: Sequence[Frames]) -> Frames:
    """Rows of pictures and of what goes with them, by their time; each table is in order."""
    whole = together(tables)
    order = np.argsort(whole["tick_ms"], kind="stable")
    taken: Frames = whole.take(order)
    return taken


def as_segments(table: Frames, one: Format, track: int) -> Iterator[Segment]:
    """Segments of the rows of one track, in playing order; whatever lies between their bytes."""
    for first, last in _batches(table):
        part = table[first:last].copy()
        part["format"] = 0
        made = segments.assemble(part, [one], linked=True).segments
        yield from (msgspec.structs.replace(segment, track=track) for segment in made)


def _batches(table: Frames) -> Iterator[tuple[int, int]]:
    """Stretches of rows, none cut inside a frame."""
    first = 0
    while first < len(table):
        last = min(first + _BATCH, len(table))
        if table["tick_ms"][first] == NO_TICK and table["time_ms"][first] == NO_TIME:
            reach = np.cumsum(table["size"][first:last], dtype=np.int64)
            last = first + max(int(np.searchsorted(reach, _SPREAD)), 1)
        while last < len(table) and table["flags"][last] & FrameFlag.CONTINUES:
            last += 1
        yield first, last
        first = last


def claimed(table: Frames) -> list[Extent]:
    """The bytes of the rows, merged, short gaps included as a scan does."""
    return segments.extents(table, smallest_gap=_SMALLEST_GAP)


def free(table: Frames, taken: Sequence[Extent]) -> Frames:
    """The rows that touch none of the ordered extents."""
    if not taken or not len(table):
        return table
    starts = np.array([one.start for one in taken])
    ends = np.array([one.end for one in taken])
    at = np.searchsorted(ends, table["offset"], side="right")
    inside = at < len(starts)
    stops = table["offset"] + table["size"]
    hit = inside & (starts[np.minimum(at, len(starts) - 1)] < stops)
    kept: Frames = table.compress(~hit)
    return kept


def media_of(kind: Media, keys: Column) -> Column:
    """The kind of each row of a track."""
    if kind != Media.DELTA:
        return np.full(len(keys), int(kind), dtype=np.uint8)
    return np.where(keys, int(Media.KEY), int(Media.DELTA)).astype(np.uint8)
