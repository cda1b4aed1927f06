"""Frames cut at the borders of a file's extents, read on where the file system says they go on.

The file system's order is the proof of where a frame's next piece lies; that it is a frame is
proven as ever, by the format's own reader. So frames over three and more extents are whole, too.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from vidrecover import segments
from vidrecover.formats import MAX_FRAME_SIZE, Format, FormatSet
from vidrecover.framings import SCATTERED, reader_of
from vidrecover.model import (
    Extent,
    FrameFlag,
    Frames,
    LooseEnd,
    RecorderMs,
    Segment,
    Source,
    Window,
)
from vidrecover.signatures import Matcher
from vidrecover.source import ExtentsSource

_BEHIND = 1 << 16  # bytes behind a gap in which the next header stands as a witness
_LEAST_READ = 1 << 30  # bytes that may be read for gaps, or twice the source if that is more
_DOUBT = FrameFlag.UNFINISHED | FrameFlag.OVERRUN | FrameFlag.BAD_CHECKSUM

Place = tuple[str, bool, int]
"""Format, whether a run stops there, and position of a loose end."""


class Told(NamedTuple):
    """Joined frames, and the loose ends that they lie between."""

    joined: list[Segment]
    used: set[Place]


class _Gap(NamedTuple):
    """Logical bytes [start, end) of a view between two runs of frames, over a border."""

    view: ExtentsSource
    start: int
    end: int
    stop: LooseEnd
    begin: LooseEnd | None


def joined(
    source: Source,
    ends: Sequence[LooseEnd],
    formats: FormatSet,
    files: Sequence[Sequence[Extent]],
) -> Told:
    """All frames that lie over borders of the files. files: extents in logical order.

    What a file's gap holds is read once for each format that stops before it; hostile lists of
    extents cost no more than twice the source.
    """
    found = Told([], set())
    parts: dict[str, list[LooseEnd]] = defaultdict(list)
    for end in ends:
        parts[end.format].append(end)
    room = max(_LEAST_READ, 2 * source.size)
    for name, own in sorted(parts.items()):
        one = formats[name]
        if one.framing.reader in SCATTERED or not files:
            continue
        stops = sorted((end for end in own if end.after), key=_position)
        begins = sorted((end for end in own if not end.after), key=_position)
        finder = _Finder(one)
        for extents in files:
            for gap in _gaps(source, extents, stops, begins):
                room -= gap.end - gap.start + _BEHIND
                if room < 0:
                    return found
                frames = list(finder.frames(gap))
                found.joined.extend(frames)
                if frames:
                    found.used.add((name, True, gap.stop.position))
                    if gap.begin is not None:
                        found.used.add((name, False, gap.begin.position))
    return found


def _position(end: LooseEnd) -> int:
    return end.position


def _gaps(
    source: Source, extents: Sequence[Extent], stops: list[LooseEnd], begins: list[LooseEnd]
) -> Iterator[_Gap]:
    """Where frames stop before a border of the view, up to where they begin behind it."""
    view = ExtentsSource(source, extents)
    bases = [0, *accumulate(one.size for one in view.extents)]
    done = -1
    for place, extent in enumerate(view.extents[:-1]):
        last = bisect_right(stops, extent.end, key=_position) - 1
        if last < 0 or stops[last].position <= extent.start:
            continue  # nothing begins here: a gap before reaches over it
        stop = stops[last]
        start = bases[place] + stop.position - extent.start
        if start <= done or start == bases[place + 1]:
            continue
        begin, end = None, min(view.size, start + MAX_FRAME_SIZE)
        for behind in range(place + 1, len(view.extents)):
            if bases[behind] > end:
                break
            other = view.extents[behind]
            first = bisect_left(begins, other.start, key=_position)
            if first < len(begins) and begins[first].position < other.end:
                begin = begins[first]
                end = bases[behind] + begin.position - other.start
                break
        if start < end <= start + MAX_FRAME_SIZE:
            done = start
            yield _Gap(view, start, end, stop, begin)


class _Finder:
    """The frames of one format in gaps."""

    def __init__(self, one: Format) -> None:
        self._format = one
        self._reader = reader_of(one)
        self._matcher = Matcher(sorted({p for each in one.layouts for p in each.signatures}))

    def frames(self, gap: _Gap) -> Iterator[Segment]:
        """Segments of the whole frames that lie over a border of the gap's view."""
        view = gap.view
        data = np.empty(min(gap.end + _BEHIND, view.size) - gap.start, dtype=np.uint8)
        refused = view.read_into(gap.start, data)
        limit = gap.end - gap.start
        shift = gap.start  # the window is logical: positions count from the view's start
        window = Window(shift, data, limit, (), gap.start + len(data) == view.size)
        hits = self._matcher.find(data)
        rows = self._reader(window, hits.positions)
        borders = np.array(view.borders, dtype=np.int64)
        for row in range(len(rows)):
            one = rows[row : row + 1]
            start, end = int(one["offset"][0]), int(one["offset"][0]) + int(one["size"][0])
            crosses = bool(((borders > start) & (borders < end)).any())
            if not crosses or end > gap.end or one["flags"][0] & int(_DOUBT):
                continue
            pieces = in_places(one, view.absolute(start, end))
            if any(bad.start < end and start < bad.end for bad in refused):
                pieces["flags"] |= int(FrameFlag.UNFINISHED)
            yield segments.joined(pieces, self._format, _time(gap))


def _time(gap: _Gap) -> RecorderMs | None:
    """Half way between the frames beside the gap; None when they have no time."""
    times = [end.time_ms for end in (gap.stop, gap.begin) if end is not None]
    known = [time_ms for time_ms in times if time_ms is not None]
    return sum(known) // len(known) if known else None


def in_places(row: Frames, places: Sequence[Extent]) -> Frames:
    """The rows of a frame that lies in several places, in logical order."""
    first = int(row["payload_offset"][0])
    last = first + int(row["payload_size"][0])
    rows = np.repeat(row, len(places))
    at = 0
    for number, place in enumerate(places):
        end = at + place.size
        low, high = min(max(first, at), end), max(min(last, end), at)
        rows["offset"][number], rows["size"][number] = place.start, place.size
        rows["payload_offset"][number] = low - at
        rows["payload_size"][number] = max(high - low, 0)
        at = end
    rows["flags"][:-1] |= int(FrameFlag.MORE)
    rows["flags"][1:] |= int(FrameFlag.CONTINUES)
    return rows
