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

_OVERLAP = 1 << 20  # enough for nearly every frame and the header behind it
_WHOLE_OVERLAP = MAX_FRAME_SIZE + 4096  # enough for any
_BUFFER_SIZE = 8 << 20
_HISTORY = 4096  # bytes held before a window
_BEFORE, _BEHIND = 256 << 10, 64 << 10  # looked at around a unit, so that its border is no end
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
        self._reach = max(
            (one.at + len(p) for f in formats.formats for one in f.layouts for p in one.signatures),
            default=0,
        )
        self._window_size = window_size
        self._buffer = _Buffer(source, window_size)

    def scan(self, unit: Extent) -> UnitResult:
        """What the unit holds: frames that start in it, and what its other bytes are."""
        tables: list[Frames] = [no_frames()]
        blank: list[Extent] = []
        unreadable: list[Extent] = []
        edges: dict[tuple[int, bool], bytes] = {}
        for window in self._buffer.windows(unit):
            blank.extend(_blank(window))
            unreadable.extend(window.unreadable)
            for rows in self._frames(window, unreadable, is_blank=_covers(blank, window)):
                tables.append(rows)
                self._keep_edges(rows, edges)
        rows = np.concatenate(tables)
        del tables
        refused = extents.merged(unreadable)
        rows = _consistent(rows[np.argsort(rows["offset"], kind="stable")])
        _mark_unreadable(rows, refused)
        found = segments.assemble(rows, self.formats.formats, unit)
        before = rows[rows["offset"] < unit.start]
        refused = extents.common(refused, [unit])
        rest = _unexplained(unit, [before, found.rows], refused)
        empty = extents.common(rest, extents.merged(blank))

        def edge(position: int, *, after: bool) -> bytes:
            kept = edges.get((position, after))
            return self._edge(position, after) if kept is None else kept

        loose = segments.loose_ends(found.rows, found.times, self.formats.formats, edge)
        return UnitResult(
            extent=unit,
            segments=found.segments,
            loose_ends=segments.uncancelled(loose),
            unidentified=extents.minus(rest, empty),
            blank=empty,
            unreadable=refused,
        )

    def _frames(
        self, window: Window, unreadable: list[Extent], *, is_blank: bool
    ) -> Iterator[Frames]:
        """One table per format that has frames starting in the window; see `_read`."""
        first = max(window.limit - self._reach, 0) if is_blank else 0
        hits = self._matcher.find(window.data[first : window.limit + self._reach])
        if not len(hits.positions):
            return
        owners = self._owners[hits.patterns]
        for number in np.unique(owners).tolist():
            candidates = hits.positions[owners == number] + first
            rows = self._read(number, window, candidates, unreadable)
            if len(rows):
                rows["format"] = number
                yield rows

    def _read(
        self, number: int, window: Window, candidates: Positions, unreadable: list[Extent]
    ) -> Frames:
        """One format's frames. Those that go beyond the window, or end so near its end that the
        header behind them is not there, are looked at again with all that they need; what of it
        cannot be read is added to `unreadable`."""
        rows = self._readers[number](window, candidates)
        known = window.offset + len(window.data) - (0 if window.at_end else _HISTORY)
        flags, ends = rows["flags"], rows["offset"] + rows["size"]
        unsure = (flags & FrameFlag.OVERRUN) != 0
        unsure |= ((flags & FrameFlag.END_UNPROVEN) != 0) & (ends > known)
        if not unsure.any():
            return rows
        first = int(rows["offset"][np.argmax(unsure)])
        wide = self._buffer.widened(window, first)
        unreadable.extend(wide.unreadable)
        candidates = candidates - (first - window.offset)
        again = self._readers[number](wide, candidates[candidates >= 0])
        whole = again[(again["flags"] & FrameFlag.OVERRUN) == 0]
        return np.concatenate([rows[rows["offset"] < first], whole])

    def _keep_edges(self, rows: Frames, edges: dict[tuple[int, bool], bytes]) -> None:
        """Keep the bytes beside the ends of runs while they are in memory."""
        stops, begins = segments.loose_places(rows)
        if len(edges) + len(stops) + len(begins) > segments.MOST_LOOSE_ENDS:
            return
        for position in (rows["offset"][stops] + rows["size"][stops]).tolist():
            edges[position, True] = self._edge(position, True)
        for position in rows["offset"][begins].tolist():
            edges[position, False] = self._edge(position, False)

    def _edge(self, position: int, after: bool) -> bytes:
        """At most EDGE_SIZE bytes behind the position, or before it."""
        start = position if after else max(position - EDGE_SIZE, 0)
        end = min(start + EDGE_SIZE, self._source.size) if after else position
        return self._buffer.held(start, end) or self._source.read(start, end - start)


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
        """The unit's windows, in order, with one before and one behind it for what lies across
        its borders; each is valid until the next is asked for."""
        size = self._source.size
        starts = list(range(unit.start, unit.end, self._window_size))
        limits = [*starts[1:], unit.end] if starts else []
        if unit.start:
            starts.insert(0, max(unit.start - _BEFORE, 0))
            limits.insert(0, unit.start)
        if unit.end < size:
            starts.append(unit.end)
            limits.append(min(unit.end + _BEHIND, size))
        wanted = min(unit.end + _BEHIND + _OVERLAP, size)
        for start, limit in zip(starts, limits, strict=True):
            end = min(limit + _OVERLAP, size)
            if not self._held.start <= start <= end <= self._held.end:
                self._fill(max(start - _HISTORY, 0), wanted)
            base = start - self._held.start
            yield Window(
                offset=start,
                data=self._bytes[base : end - self._held.start],
                limit=limit - start,
                unreadable=tuple(
                    one for one in self._refused if one.end > start and one.start < end
                ),
                at_end=end == size,
            )

    def held(self, start: int, end: int) -> bytes | None:
        """The bytes of the last window or beside it; None where not all are in memory."""
        if not self._held.start <= start <= end <= self._held.end:
            return None
        return self._bytes[start - self._held.start : end - self._held.start].tobytes()

    def widened(self, window: Window, start: int) -> Window:
        """The window from `start` on, with the overlap of the largest frame, read anew."""
        limit = window.offset + window.limit
        end = min(limit + _WHOLE_OVERLAP, self._source.size)
        data = np.empty(end - start, dtype=np.uint8)
        refused = tuple(self._source.read_into(start, data))
        return Window(start, data, limit - start, refused, end == self._source.size)

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
    found: list[Extent] = []
    if whole:
        words = data[: whole * _BLOCK].view(np.uint64)
        if words[0] == words[-1] and words.max() == words.min() and _one_byte(words[0]):
            found.append(Extent(0, whole * _BLOCK))
        else:
            blocks = words.reshape(whole, _BLOCK // 8)
            middle = blocks[:, 0] == blocks[:, 255]
            likely = np.flatnonzero(middle & (blocks[:, 0] == blocks[:, -1]))
            found += [
                Extent(place * _BLOCK, (place + 1) * _BLOCK)
                for place in likely.tolist()
                if (blocks[place] == blocks[place, 0]).all() and _one_byte(blocks[place, 0])
            ]
    last = data[whole * _BLOCK :]
    if len(last) and (last == last[0]).all():
        found.append(Extent(whole * _BLOCK, len(data)))
    return extents.merged(
        Extent(window.offset + start, window.offset + end) for start, end in found
    )


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


def _unexplained(unit: Extent, tables: list[Frames], refused: list[Extent]) -> list[Extent]:
    """The unit's bytes that are neither frames nor refused, short runs left out."""
    frames = [one for rows in tables for one in segments.extents(rows, smallest_gap=_SMALLEST_GAP)]
    rest = extents.minus([unit], extents.merged([*frames, *refused]))
    return [one for one in rest if one.size >= _SMALLEST_GAP]


def _mark_unreadable(rows: Frames, refused: list[Extent]) -> None:
    """Frames with unreadable bytes lack them: zeros read there are not the recorder's."""
    ends = rows["offset"] + rows["size"]
    for one in refused:
        first = int(np.searchsorted(ends, one.start, side="right"))
        last = int(np.searchsorted(rows["offset"], one.end, side="left"))
        rows["flags"][first:last] |= int(FrameFlag.UNFINISHED)
