"""Frames grouped into segments, and packed so that a segment gives back exactly its frames.

A segment is unbroken in time, at most a minute long, and of one format, channel, stream and
codec. All work is done on columns; Python runs once per segment.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.formats import Format
from vidrecover.model import (
    NO_CHANNEL,
    NO_SEQUENCE,
    NO_TICK,
    NO_TIME,
    Codec,
    Extent,
    FrameFlag,
    Frames,
    Media,
    RecorderMs,
    Segment,
    Stream,
)
from vidrecover.segments._ends import Edges, loose_ends, loose_places, uncancelled
from vidrecover.segments._packing import pack, unpack
from vidrecover.segments._pieces import (
    apart,
    holes,
    is_open,
    is_video,
    join_pieces,
    lanes,
    name_rates,
    name_sounds,
    numbers_of,
)

__all__ = [
    "LARGEST_STEP_MS",
    "Assembled",
    "Edges",
    "assemble",
    "extents",
    "joined",
    "loose_ends",
    "loose_places",
    "numbers_of",
    "pack",
    "resolved",
    "uncancelled",
    "unpack",
]

Column = npt.NDArray[Any]

LARGEST_STEP_MS = 2000
"""A longer step between two frames ends a segment."""
_LEAST_BYTES, _FEW = 4096, 1024  # of a unit for each of its segments, beyond so many
_LARGEST_STEP_BACK_MS = 500
_MINUTE_MS = 60_000
_MOST_PICTURES = 1500  # a minute at 25 pictures per second
_LARGEST_LOSS = 1000  # more missing numbers than this are another recording, not a loss
_CONTINUES, _UNFINISHED = int(FrameFlag.CONTINUES), int(FrameFlag.UNFINISHED)
_KEY, _AUDIO, _UNKNOWN = int(Media.KEY), int(Media.AUDIO), int(Codec.UNKNOWN)
_ANYWHERE = Extent(0, int(np.iinfo(np.int64).max))


class Assembled(NamedTuple):
    """Segments ordered by format, channel and place; their rows ordered by offset, and the
    resolved RecorderMs of each row, NO_TIME where the bytes tell none."""

    segments: list[Segment]
    rows: Frames
    times: Column


class _Group(NamedTuple):
    """Rows of one format, channel and stream; bounds: where segments begin, and the last ends."""

    format: Format
    places: Column
    rows: Frames
    times: Column
    lost: Column
    bounds: Column


def assemble(
    rows: Frames,
    formats: Sequence[Format],
    unit: Extent = _ANYWHERE,
    *,
    linked: bool = False,
) -> Assembled:
    """The segments of one scanned unit.

    rows: ordered by offset, their `format` indexes `formats`. Those that lie outside the unit
    only tell how the first and last ones inside are to be understood. Hostile bytes can make
    more segments than one for each 4 KiB: then only the longest are made. linked: the rows are
    in playing order, and something else than their place tells that they belong together.
    """
    lost = holes(rows)
    parted = np.zeros(len(rows), dtype=np.int64) if linked else apart(rows, formats)
    key = (
        rows["format"].astype(np.int64) << 40
        | lanes(rows, parted) << 24
        | (rows["channel"].astype(np.int64) + 1 & 0xFFFF) << 8
        | rows["stream"]
    )
    order = np.argsort(key, kind="stable")
    edges = [0, *(np.flatnonzero(np.diff(key[order])) + 1).tolist(), len(rows)]
    groups = [
        _grouped(rows, order[start:end], lost, parted, formats, unit)
        for start, end in pairwise(edges)
        if end > start
    ]
    chosen = _chosen(groups, max(unit.size // _LEAST_BYTES, _FEW))
    found: list[Segment] = []
    kept = np.zeros(len(rows), dtype=bool)
    times = np.full(len(rows), NO_TIME, dtype=np.int64)
    for group, wanted in zip(groups, chosen, strict=True):
        times[group.places] = group.times
        bounds = group.bounds.tolist()
        for place in np.flatnonzero(wanted).tolist():
            start, end = bounds[place], bounds[place + 1]
            kept[group.places[start:end]] = True
            found.append(_of_group(group, start, end))
    return Assembled(found, rows.compress(kept), times[kept])


def joined(rows: Frames, one: Format, time_ms: RecorderMs | None) -> Segment:
    """The segment of one frame that was glued over a fragment border.

    time_ms: by its neighbours, for the format's dates may be whole seconds.
    """
    rows["flags"] |= int(FrameFlag.JOINED)
    times = np.full(len(rows), NO_TIME if time_ms is None else time_ms, dtype=np.int64)
    return _segment(rows, times, one, missing=0, is_joined=True)


def resolved(
    rows: Frames, one: Format, phase: clock.Phase | None = None
) -> tuple[Column, clock.Phase | None]:
    """RecorderMs of each row (NO_TIME: none), and the phase for the rows behind; see `clock`."""
    return clock.resolve(
        rows["time_ms"],
        rows["tick_ms"],
        modulus=one.modulus_ms,
        resolution=one.framing.resolution_ms,
        phase=phase,
    )


def _grouped(
    rows: Frames,
    places: Column,
    lost: Column,
    parted: Column,
    formats: Sequence[Format],
    unit: Extent,
) -> _Group:
    """One group, its pieces joined, its times resolved and its segments bounded."""
    group = rows.take(places)
    one = formats[int(group["format"][0])]
    join_pieces(group, lost[places], parted[places], one)
    name_sounds(group, parted[places])
    name_rates(group, parted[places])
    for column in ("flags", "codec", "rate"):
        rows[column][places] = group[column]
    times = _filled(group, resolved(group, one)[0], parted[places])
    missing = _lost(group, one)
    breaks = _breaks(group, times, missing, parted[places], one)
    first, last = 0, len(group)
    if unit != _ANYWHERE:
        first, last = np.searchsorted(group["offset"], unit).tolist()
    inside = breaks[(breaks > first) & (breaks < last)]
    bounds = np.concatenate([[first], inside, [last]]) if last > first else inside
    missing = np.where((missing > 0) & (missing <= _LARGEST_LOSS), missing, 0)
    return _Group(one, places, group, times, missing, bounds)


def _chosen(groups: Sequence[_Group], most: int) -> list[Column]:
    """Which segments of each group are made: all, or the longest when they are too many."""
    lengths = [np.diff(group.bounds) for group in groups]
    every = np.concatenate(lengths) if lengths else np.zeros(0, dtype=np.int64)
    wanted = np.ones(len(every), dtype=bool)
    if len(every) > most:
        wanted[np.argsort(-every, kind="stable")[most:]] = False
    return np.split(wanted, np.cumsum([len(one) for one in lengths])[:-1]) if groups else []


def _breaks(group: Frames, times: Column, lost: Column, parted: Column, one: Format) -> Column:
    """Where segments begin, in place order.

    They end wherever frames are missing, so that a frame glued over a border finds its place;
    never between the pieces of a frame.
    """
    steps = _steps(group, times, one)
    breaks = (steps > LARGEST_STEP_MS) | (steps < -_LARGEST_STEP_BACK_MS) | (lost != 0)
    breaks |= _codec_changes(group["codec"], is_video(group))
    named = bool(group["channel"][0] != NO_CHANNEL)  # else the numbers are of several cameras
    if not (one.framing.counted and named) and not one.framing.scattered:
        breaks[1:] |= np.diff(parted) != 0
    breaks |= _minute(times, steps, breaks)
    if one.framing.yields:
        breaks |= _many(group)
    going = is_open(group)
    if not going.any():
        return np.flatnonzero(breaks)
    allowed = np.flatnonzero(~going)
    moved = np.searchsorted(allowed, np.flatnonzero(breaks))
    result: Column = np.unique(allowed[moved[moved < len(allowed)]])
    return result


def _filled(group: Frames, times: Column, parted: Column) -> Column:
    """Times with the unknown ones filled in from the nearest known one of an unbroken run.

    The one before is taken, where there is none the one behind. Pictures are one interval apart
    where the rate is known, sound has the time of its neighbour.
    """
    known = times != NO_TIME
    if known.all() or not known.any():
        return times
    number = np.arange(len(times))
    last = np.maximum.accumulate(np.where(known, number, -1))
    following = np.minimum.accumulate(np.where(known, number, len(times))[::-1])[::-1]
    is_behind = (last >= 0) & (parted[last] == parted)
    anchor = np.where(is_behind, last, np.minimum(following, len(times) - 1))
    is_ahead = ~is_behind & (following < len(times)) & (parted[anchor] == parted)
    video = is_video(group)
    pictures = np.cumsum(video & ((group["flags"] & _CONTINUES) == 0))
    rate = group["rate"][anchor].astype(np.int64)
    since = np.where(rate > 0, (pictures - pictures[anchor]) * 100_000, 0)
    usable = known | is_behind | (is_ahead & ((rate > 0) | ~video))
    return np.where(usable, times[anchor] + since // np.maximum(rate, 1), NO_TIME)


def _steps(group: Frames, times: Column, one: Format) -> Column:
    """Milliseconds between each row and the one before; by the counter where no date tells."""
    steps = np.zeros(len(times), dtype=np.int64)
    dated = times != NO_TIME
    both = dated[1:] & dated[:-1]
    steps[1:][both] = (times[1:] - times[:-1])[both]
    ticks = group["tick_ms"]
    counted = (ticks[1:] != NO_TICK) & (ticks[:-1] != NO_TICK) & ~both
    difference = ticks[1:][counted] - ticks[:-1][counted]
    if one.modulus_ms is not None:
        half = one.modulus_ms // 2
        difference = (difference + half) % one.modulus_ms - half
    steps[1:][counted] = difference
    return steps


def _lost(group: Frames, one: Format) -> Column:
    """Frames missing before each row by its sequence number; negative: the number fell."""
    lost = np.zeros(len(group), dtype=np.int64)
    if one.framing.counted:
        number = group["sequence"]
        known = np.flatnonzero(number != NO_SEQUENCE)
        lost[known[1:]] = np.diff(number[known]) - 1
    return lost


def _codec_changes(codec: Column, video: Column) -> Column:
    """Where the video codec becomes another one."""
    changes = np.zeros(len(codec), dtype=bool)
    places = np.flatnonzero(video & (codec != _UNKNOWN))
    known = codec[places]
    changes[places[1:][known[1:] != known[:-1]]] = True
    return changes


def _minute(times: Column, steps: Column, breaks: Column) -> Column:
    """Where a new minute begins: of recorder time, or of the counter where no date tells.

    breaks: where segments begin anyway. A small step back over a minute's border is none.
    """
    dated = times != NO_TIME
    clock_ms = times if dated.any() else np.cumsum(steps)
    minutes = clock_ms[dated] // _MINUTE_MS if dated.any() else clock_ms // _MINUTE_MS
    places = np.flatnonzero(dated) if dated.any() else np.arange(len(times))
    room = 1 << 38  # minutes; more than any clock's, and 2**24 runs fit beside
    minutes = np.minimum(minutes - minutes.min(), room - 1)
    base = np.cumsum(breaks)[places] * room
    highest = np.maximum.accumulate(base + minutes)[:-1]
    later = base[1:] + minutes[1:]
    begins = np.zeros(len(times), dtype=bool)
    begins[places[1:]] = (later > highest) | (later < highest - 1)
    return begins


def _many(group: Frames) -> Column:
    """Where so many pictures are over as a minute has; for those that no time parts."""
    pictures = np.cumsum(is_video(group)) // _MOST_PICTURES
    timeless = (group["time_ms"] == NO_TIME) & (group["tick_ms"] == NO_TICK)
    begins = np.zeros(len(group), dtype=bool)
    begins[1:] = (np.diff(pictures) != 0) & timeless[1:]
    return begins


def _of_group(group: _Group, start: int, end: int) -> Segment:
    missing = int(group.lost[start:end].sum())
    return _segment(group.rows[start:end], group.times[start:end], group.format, missing=missing)


def _segment(
    rows: Frames, times: Column, one: Format, *, missing: int, is_joined: bool = False
) -> Segment:
    video, kind, codec = is_video(rows), rows["kind"], rows["codec"]
    begins = (rows["flags"] & _CONTINUES) == 0
    codecs = codec[video & (codec != _UNKNOWN)]
    dated = times[times != NO_TIME]
    numbers = rows["sequence"][rows["sequence"] != NO_SEQUENCE]
    channel = int(rows["channel"][0])
    torn = (rows["flags"] & _UNFINISHED) != 0
    return Segment(
        format=one.name,
        channel=None if channel == NO_CHANNEL else channel,
        stream=Stream(int(rows["stream"][0])),
        codec=Codec(int(codecs[0])) if len(codecs) else Codec.UNKNOWN,
        start_ms=int(dated.min()) if len(dated) else None,
        end_ms=int(dated.max()) if len(dated) else None,
        start=int(rows["offset"].min()),
        end=int((rows["offset"] + rows["size"]).max()),
        lane=_lane(rows, video),
        frames=int(np.count_nonzero(video & begins)),
        keys=int(np.count_nonzero((kind == _KEY) & begins)),
        audio=int(np.count_nonzero((kind == _AUDIO) & begins)),
        size=int(rows["size"].sum(dtype=np.int64)),
        first_sequence=int(numbers[0]) if len(numbers) else None,
        last_sequence=int(numbers[-1]) if len(numbers) else None,
        missing=missing,
        unfinished=int(np.count_nonzero(torn & begins)),
        rows=pack(rows),
        joined=is_joined,
    )


def _lane(rows: Frames, video: Column) -> int | None:
    """The lane of a segment's pictures, of its sound where it has none."""
    named = rows["lane"][video] if video.any() else rows["lane"]
    return int(named[0]) or None


def extents(rows: Frames, *, smallest_gap: int = 1) -> list[Extent]:
    """The bytes of the rows as merged extents in place order, shorter gaps included."""
    order = np.argsort(rows["offset"], kind="stable")
    starts = rows["offset"][order]
    ends = np.maximum.accumulate((rows["offset"] + rows["size"])[order])
    if not len(starts):
        return []
    gaps = np.flatnonzero(starts[1:] - ends[:-1] >= smallest_gap)
    first = [0, *(gaps + 1).tolist()]
    last = [*gaps.tolist(), len(starts) - 1]
    return [Extent(int(starts[a]), int(ends[b])) for a, b in zip(first, last, strict=True)]
