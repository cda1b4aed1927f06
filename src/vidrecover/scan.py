"""Reading everything: units of the source become segments, in one pass over the bytes.

A unit is read in windows that overlap by the largest frame. All signatures are searched
together; each format's reader verifies its own candidates. Nothing a unit yields depends on
the window size or on how many processes share the work.
"""

import pickle
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from vidrecover import extents, segments
from vidrecover.formats import MAX_FRAME_SIZE, FormatSet
from vidrecover.framings import reader_of
from vidrecover.model import (
    EDGE_SIZE,
    Extent,
    FrameFlag,
    Frames,
    LooseEnd,
    Source,
    SourceRef,
    UnitResult,
    Window,
    no_frames,
)
from vidrecover.signatures import Matcher
from vidrecover.source import open_source

Positions = npt.NDArray[np.int64]

UNIT_SIZE = 64 << 20
"""Bytes that are scanned and stored together."""
WINDOW_SIZE = 2 << 20
"""Bytes searched at once; a result never depends on it."""

_OVERLAP = 256 << 10  # enough for nearly every frame and the header behind it
_WHOLE_OVERLAP = MAX_FRAME_SIZE + 4096  # enough for any
_BUFFER_SIZE = 8 << 20
_HISTORY = 4096  # bytes held before a window
_EDGE = 128  # more than the longest signature with its distance from the start of a frame
_BLOCK = 4096  # blank bytes are told in blocks of this size
_SMALLEST_GAP = 512  # shorter runs between frames are not listed


def unit_extents(size: int, unit_size: int = UNIT_SIZE) -> list[Extent]:
    """The units of a source, in order."""
    return [Extent(at, min(at + unit_size, size)) for at in range(0, size, unit_size)]


def spread(
    ref: SourceRef,
    formats: FormatSet,
    pending: Iterable[Extent],
    executor: Executor,
    *,
    window_size: int = WINDOW_SIZE,
    in_flight: int = 2,
) -> Iterator[UnitResult]:
    """Scan the pending units on an executor, results in order.

    in_flight: units handed out at a time, two per worker at most. Raises SourceError when the
    source cannot be opened. To scan in this process, use `Scanner`.
    """
    packed = pickle.dumps(formats)
    waiting: deque[Future[UnitResult]] = deque()
    try:
        for one in pending:
            waiting.append(executor.submit(scan_unit, ref, packed, one, window_size))
            if len(waiting) >= in_flight:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def scan_unit(ref: SourceRef, packed_formats: bytes, unit: Extent, window_size: int) -> UnitResult:
    """What one unit holds; the entry for worker processes, which keep the source open.

    packed_formats: a pickled FormatSet.
    """
    return _scanner(ref, packed_formats, window_size).scan(unit)


@lru_cache(maxsize=1)
def _scanner(ref: SourceRef, packed_formats: bytes, window_size: int) -> "Scanner":
    return Scanner(open_source(ref), pickle.loads(packed_formats), window_size=window_size)


class Scanner:
    """An open source with the compiled formats and one reading buffer."""

    def __init__(
        self, source: Source, formats: FormatSet, *, window_size: int = WINDOW_SIZE
    ) -> None:
        if not _BLOCK <= window_size <= 16 << 20 or window_size % _BLOCK:
            raise ValueError("a window has 4 KiB to 16 MiB, in steps of 4 KiB")
        self.formats = formats
        self._source = source
        self._readers = [reader_of(one) for one in formats.formats]
        patterns = [
            (pattern, number)
            for number, one in enumerate(formats.formats)
            for pattern in sorted({p for layout in one.layouts for p in layout.signatures})
        ]
        self._owners = np.array([number for _, number in patterns], dtype=np.int64)
        self._matcher = Matcher([pattern for pattern, _ in patterns])
        self._window_size = window_size
        self._buffer = _Buffer(source, window_size)

    def scan(self, unit: Extent) -> UnitResult:
        """What the unit holds: frames that start in it, and what its other bytes are."""
        tables: list[Frames] = []
        blank: list[Extent] = []
        unreadable: list[Extent] = []
        ends: list[LooseEnd] = []
        for window in self._buffer.windows(unit):
            blank.extend(_blank(window))
            unreadable.extend(window.unreadable)
            for rows in self._frames(window, is_blank=_covers(blank, window)):
                tables.append(rows)
                ends += segments.loose_ends(rows, self.formats.formats, self._buffer.edge)
        rows = np.concatenate(tables) if tables else no_frames()
        refused = extents.merged(unreadable)
        rows = _consistent(rows[np.argsort(rows["offset"], kind="stable")])
        kept = set(rows["offset"].tolist()) | set((rows["offset"] + rows["size"]).tolist())
        _mark_unreadable(rows, refused)
        refused = extents.common(refused, [unit])
        rest = extents.minus([unit], extents.merged([*segments.extents(rows), *refused]))
        empty = extents.common(rest, extents.merged(blank))
        unknown = extents.minus(rest, empty)
        found, times = segments.assemble(rows, self.formats.formats)
        loose = segments.uncancelled([one for one in ends if one.position in kept])
        return UnitResult(
            extent=unit,
            segments=found,
            loose_ends=segments.timed(loose, rows, times),
            unidentified=[one for one in unknown if one.size >= _SMALLEST_GAP],
            blank=[one for one in empty if one.size >= _SMALLEST_GAP],
            unreadable=refused,
        )

    def _frames(self, window: Window, *, is_blank: bool) -> Iterator[Frames]:
        """One table per format that has frames starting in the window."""
        first = max(window.limit - _EDGE, 0) if is_blank else 0
        hits = self._matcher.find(window.data[first : window.limit + _EDGE])
        if not len(hits.positions):
            return
        owners = self._owners[hits.patterns]
        for number in np.unique(owners).tolist():
            candidates = hits.positions[owners == number] + first
            rows = self._read(number, window, candidates)
            if len(rows):
                rows["format"] = number
                yield rows

    def _read(self, number: int, window: Window, candidates: Positions) -> Frames:
        """One format's frames; a frame that goes beyond the window is looked at whole."""
        rows = self._readers[number](window, candidates)
        if not (rows["flags"] & FrameFlag.OVERRUN).any():
            return rows
        rows = self._readers[number](self._buffer.widened(window), candidates)
        whole: Frames = rows[(rows["flags"] & FrameFlag.OVERRUN) == 0]
        return whole


class _Buffer:
    """Windows over a source through one buffer; bytes that windows share are read once."""

    def __init__(self, source: Source, window_size: int) -> None:
        self._source = source
        self._window_size = window_size
        room = max(_BUFFER_SIZE, window_size + _OVERLAP + _HISTORY)
        self._bytes = np.empty(room, dtype=np.uint8)
        self._held = Extent(0, 0)
        self._refused: list[Extent] = []

    def windows(self, unit: Extent) -> Iterator[Window]:
        """The unit's windows, in order; each is valid until the next is asked for."""
        for start in range(unit.start, unit.end, self._window_size):
            limit = min(start + self._window_size, unit.end)
            end = min(limit + _OVERLAP, self._source.size)
            if not self._held.start <= start <= end <= self._held.end:
                wanted = min(unit.end + _OVERLAP, self._source.size)
                self._fill(max(start - _HISTORY, 0), wanted)
            base = start - self._held.start
            yield Window(
                offset=start,
                data=self._bytes[base : end - self._held.start],
                limit=limit - start,
                unreadable=tuple(
                    one for one in self._refused if one.end > start and one.start < end
                ),
                at_end=end == self._source.size,
            )

    def edge(self, position: int, *, after: bool) -> bytes:
        """The bytes beside a position of the last window; see `segments.Edges`."""
        start = position if after else position - EDGE_SIZE
        first = max(start - self._held.start, 0)
        last = min(start + EDGE_SIZE, self._held.end) - self._held.start
        return self._bytes[first : max(last, first)].tobytes()

    def widened(self, window: Window) -> Window:
        """The same window with the overlap of the largest frame, read anew."""
        end = min(window.offset + window.limit + _WHOLE_OVERLAP, self._source.size)
        data = np.empty(end - window.offset, dtype=np.uint8)
        refused = tuple(self._source.read_into(window.offset, data))
        at_end = end == self._source.size
        return Window(window.offset, data, window.limit, refused, at_end)

    def _fill(self, start: int, wanted: int) -> None:
        """Hold the bytes from `start`, as many as fit up to `wanted`; keep what is there."""
        kept = 0
        if self._held.start <= start < self._held.end:
            kept = self._held.end - start
            first = start - self._held.start
            self._bytes[:kept] = self._bytes[first : first + kept]
            self._refused = [one for one in self._refused if one.end > start]
        else:
            self._refused = []
        end = min(start + len(self._bytes), wanted)
        if start + kept < end:
            refused = self._source.read_into(start + kept, self._bytes[kept : end - start])
            self._refused = extents.merged([*self._refused, *refused])
        self._held = Extent(start, end)


def _blank(window: Window) -> list[Extent]:
    """Runs of blocks in the window that hold one value only, unreadable zeros included."""
    data = window.data[: window.limit]
    whole = len(data) // _BLOCK
    if not whole:
        return []
    words = data[: whole * _BLOCK].view(np.uint64)
    if words[0] == words[-1] and words.max() == words.min() and _one_byte(words[0]):
        return [Extent(window.offset, window.offset + whole * _BLOCK)]
    blocks = words.reshape(whole, _BLOCK // 8)
    middle = blocks[:, 0] == blocks[:, 255]
    likely = np.flatnonzero(middle & (blocks[:, 0] == blocks[:, -1]))
    runs = [
        Extent(window.offset + place * _BLOCK, window.offset + (place + 1) * _BLOCK)
        for place in likely.tolist()
        if (blocks[place] == blocks[place, 0]).all() and _one_byte(blocks[place, 0])
    ]
    return extents.merged(runs)


def _one_byte(word: Any) -> bool:
    return int(word) == (int(word) & 0xFF) * 0x0101010101010101


def _covers(blank: list[Extent], window: Window) -> bool:
    """Whether all bytes of the window up to its limit are blank."""
    end = window.offset + window.limit
    return bool(blank) and blank[-1].start <= window.offset and blank[-1].end >= end


def _consistent(rows: Frames) -> Frames:
    """The rows without those that contradict better ones; ordered by offset.

    A row whose end nothing proves stays only behind a neighbour of its format. Of rows that
    overlap, the one of the longer unbroken run stays: in `xm` and `dahua-old` the same marks
    mean different things, and only the run tells.
    """
    if not len(rows):
        return rows
    ends = rows["offset"] + rows["size"]
    unproven = (rows["flags"] & FrameFlag.END_UNPROVEN) != 0
    if unproven.any():
        follows = np.zeros(len(rows), dtype=bool)
        for number in np.unique(rows["format"][unproven]):
            own = rows["format"] == number
            follows |= own & np.isin(rows["offset"], ends[own])
        kept = ~unproven | follows
        rows, ends = rows[kept], ends[kept]
    if not (rows["offset"][1:] < np.maximum.accumulate(ends)[:-1]).any():
        return rows
    return rows[_longest_runs(rows, ends)]


def _longest_runs(rows: Frames, ends: Positions) -> list[int]:
    """Indices of rows that do not overlap, those of longer runs preferred."""
    score = np.zeros(len(rows), dtype=np.int64)
    for number in np.unique(rows["format"]):
        own = np.flatnonzero(rows["format"] == number)
        begins = np.ones(len(own), dtype=bool)
        begins[1:] = rows["offset"][own[1:]] != ends[own[:-1]]
        run = np.cumsum(begins) - 1
        score[own] = np.bincount(run)[run]
    kept: list[int] = []
    offsets, limits, scores = rows["offset"].tolist(), ends.tolist(), score.tolist()
    for place, offset in enumerate(offsets):
        beaten = False
        while kept and limits[kept[-1]] > offset:
            if scores[kept[-1]] >= scores[place]:
                beaten = True
                break
            kept.pop()
        if not beaten:
            kept.append(place)
    return kept


def _mark_unreadable(rows: Frames, refused: list[Extent]) -> None:
    """Frames with unreadable bytes lack them: zeros read there are not the recorder's."""
    ends = rows["offset"] + rows["size"]
    for one in refused:
        first = int(np.searchsorted(ends, one.start, side="right"))
        last = int(np.searchsorted(rows["offset"], one.end, side="left"))
        rows["flags"][first:last] |= int(FrameFlag.UNFINISHED)
