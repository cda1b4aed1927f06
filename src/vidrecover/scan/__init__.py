"""Reading everything: units of the source become segments, in one pass over the bytes.

A unit is read in windows that overlap by the largest frame. All signatures are searched
together; each format's reader verifies its own candidates. Nothing a unit yields depends on
the window size or on how many processes share the work.
"""

import pickle
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import extents, segments
from vidrecover.formats import FormatSet
from vidrecover.framings import SCATTERED, reader_of
from vidrecover.model import (
    EDGE_SIZE,
    Extent,
    FrameFlag,
    Frames,
    Grid,
    Source,
    SourceRef,
    UnitResult,
    Window,
    together,
)
from vidrecover.scan._rows import in_order, mark_unreadable, settled, unexplained
from vidrecover.scan._search import Search
from vidrecover.scan._windows import BLOCK, HISTORY, Buffer, blank_extents, covers
from vidrecover.source import open_source

Positions = npt.NDArray[np.int64]

UNIT_SIZE = 64 << 20
"""Bytes that are scanned and stored together."""
WINDOW_SIZE = 8 << 20
"""Bytes searched at once; a result never depends on it."""
MOST_ROWS = 1 << 20
"""Held at once; a unit with more, as hostile bytes make it, is scanned in halves."""


def unit_extents(size: int, unit_size: int = UNIT_SIZE) -> list[Extent]:
    """The units of a source, in order."""
    return [Extent(at, min(at + unit_size, size)) for at in range(0, size, unit_size)]


def changed_units(size: int, known: Sequence[Extent], told: Sequence[Extent]) -> list[Extent]:
    """Units in which a map of bad ranges now tells something else than a scan has met.

    known: unreadable bytes of the scan; told: those of the map.
    """
    told = extents.merged(told)
    changed = extents.merged([*extents.minus(known, told), *extents.minus(told, known)])
    return [one for one in unit_extents(size) if extents.common([one], changed)]


def spread(
    ref: SourceRef,
    formats: FormatSet,
    pending: Iterable[Extent],
    executor: Executor,
    *,
    grids: Sequence[Grid] = (),
    window_size: int = WINDOW_SIZE,
    in_flight: int = 2,
    at_once: int = 1,
) -> Iterator[UnitResult]:
    """Scan the pending units on an executor, results in order.

    grids: see `Scanner`; in_flight: tasks handed out at a time, two per worker at most; at_once:
    units of a task, more than one where handing out costs much. Raises SourceError when the
    source cannot be opened. To scan in this process, use `Scanner`.
    """
    packed, rest = pickle.dumps(formats), iter(pending)
    waiting: deque[Future[list[UnitResult]]] = deque()
    try:
        while units := list(islice(rest, at_once)):
            task = executor.submit(scan_units, ref, packed, units, window_size, tuple(grids))
            waiting.append(task)
            if len(waiting) >= in_flight:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def scan_units(
    ref: SourceRef,
    packed_formats: bytes,
    units: Sequence[Extent],
    window_size: int,
    grids: tuple[Grid, ...] = (),
) -> list[UnitResult]:
    """What units hold; the entry for worker processes, which keep the source open.

    packed_formats: a pickled FormatSet; grids: see `Scanner`.
    """
    scanner = _scanner(ref, packed_formats, window_size, grids)
    return [scanner.scan(unit) for unit in units]


@lru_cache(maxsize=1)
def _scanner(
    ref: SourceRef, packed_formats: bytes, window_size: int, grids: tuple[Grid, ...]
) -> "Scanner":
    known = pickle.loads(packed_formats)
    return Scanner(open_source(ref), known, window_size=window_size, grids=grids)


class _Seen(NamedTuple):
    """What the windows of a unit show. edges: bytes before (False) and behind positions."""

    tables: list[Frames]
    blank: list[Extent]
    unreadable: list[Extent]
    edges: dict[tuple[int, bool], bytes]


def _most_ends(unit: Extent) -> int:
    """How many loose ends of a unit are kept: a recorder's smallest fragments make fewer."""
    return max(unit.size // 2048, 2048)


def _together(unit: Extent, parts: Sequence[UnitResult]) -> UnitResult:
    """The results of the parts of a unit as one."""
    return UnitResult(
        extent=unit,
        segments=[one for part in parts for one in part.segments],
        loose_ends=segments.uncancelled([one for part in parts for one in part.loose_ends]),
        unidentified=extents.merged(one for part in parts for one in part.unidentified),
        blank=extents.merged(one for part in parts for one in part.blank),
        unreadable=extents.merged(one for part in parts for one in part.unreadable),
    )


class Scanner:
    """An open source with the compiled formats and one reading buffer.

    grids: where the layouts on the source may cut frames; only frames whose end nothing proves
    are looked at in their light.
    """

    def __init__(
        self,
        source: Source,
        formats: FormatSet,
        *,
        window_size: int = WINDOW_SIZE,
        grids: Sequence[Grid] = (),
    ) -> None:
        if not BLOCK <= window_size <= 16 << 20 or window_size % BLOCK:
            raise ValueError("a window has 4 KiB to 16 MiB, in steps of 4 KiB")
        self.formats = formats
        self._source, self._grids = source, grids
        self._readers = [reader_of(one) for one in formats.formats]
        self._search = Search(formats.formats)
        self._window_size = window_size
        self._buffer = Buffer(source, window_size)

    def forget(self) -> None:
        """Keep no bytes from before: the source may now read where it did not."""
        self._buffer = Buffer(self._source, self._window_size)

    def scan(self, unit: Extent) -> UnitResult:
        """What the unit holds: frames that start in it, and what its other bytes are."""
        seen = self._seen(unit)
        if seen is None:
            middle = unit.start + unit.size // 2 // BLOCK * BLOCK
            halves = Extent(unit.start, middle), Extent(middle, unit.end)
            return _together(unit, [self.scan(one) for one in halves])
        refused = extents.merged(seen.unreadable)
        rows = settled(in_order(together(seen.tables)), self._search.yielding, self._grids)
        seen.tables.clear()
        mark_unreadable(rows, refused)
        found = segments.assemble(rows, self.formats.formats, unit)
        outside = (rows["offset"] < unit.start) | (rows["offset"] >= unit.end)
        others = rows.compress(outside)
        rest = unexplained(unit, [others, found.rows], refused, self._source.size)
        blank = extents.common(rest, extents.merged(seen.blank))

        def edge(position: int, *, after: bool) -> bytes:
            kept = seen.edges.get((position, after))
            return self._edge(position, after) if kept is None else kept

        return UnitResult(
            extent=unit,
            segments=found.segments,
            loose_ends=segments.uncancelled(
                segments.loose_ends(
                    found.rows, found.times, self.formats.formats, edge, most=_most_ends(unit)
                )
            ),
            unidentified=extents.minus(rest, blank),
            blank=blank,
            unreadable=extents.common(refused, [unit]),
        )

    def _seen(self, unit: Extent) -> "_Seen | None":
        """All that the windows of the unit show; None when it is too much to be held."""
        seen = _Seen([], [], [], {})
        count = 0
        for window in self._buffer.windows(unit):
            seen.blank.extend(blank_extents(window))
            seen.unreadable.extend(window.unreadable)
            for rows in self._frames(window, seen.unreadable, is_blank=covers(seen.blank, window)):
                count += len(rows)
                if count > MOST_ROWS and unit.size > 2 * BLOCK:
                    return None
                seen.tables.append(rows)
                self._keep_edges(rows, seen.edges, _most_ends(unit))
        return seen

    def _frames(
        self, window: Window, unreadable: list[Extent], *, is_blank: bool
    ) -> Iterator[Frames]:
        """One table per format that has frames starting in the window; see `_read`."""
        claims: list[Frames] = []
        for number, candidates in self._search.firm(window, is_blank=is_blank):
            rows = self._read(number, window, candidates, unreadable)
            if len(rows):
                rows["format"] = number
                claims.append(rows)
                yield rows
        for number, candidates in self._search.yielded(window, claims, is_blank=is_blank):
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
        if not len(rows):
            return rows
        known = window.offset + len(window.data) - (0 if window.at_end else HISTORY)
        flags, ends = rows["flags"], rows["offset"] + rows["size"]
        unsure = (flags & FrameFlag.OVERRUN) != 0
        unsure |= ((flags & FrameFlag.END_UNPROVEN) != 0) & (ends > known)
        if not unsure.any():
            return rows
        first = int(rows["offset"][np.argmax(unsure)])
        if self.formats.formats[number].framing.reader in SCATTERED:
            first = window.offset
        wide = self._buffer.widened(window, first)
        unreadable.extend(wide.unreadable)
        candidates = candidates - (first - window.offset)
        again = self._readers[number](wide, candidates[candidates >= 0])
        whole = again.compress((again["flags"] & FrameFlag.OVERRUN) == 0)
        return together([rows.compress(rows["offset"] < first), whole])

    def _keep_edges(self, rows: Frames, edges: dict[tuple[int, bool], bytes], most: int) -> None:
        """Keep the bytes beside the ends of runs while they are in memory."""
        stops, begins = segments.loose_places(rows)
        if len(edges) + len(stops) + len(begins) > most:
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
