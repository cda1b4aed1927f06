"""Frames grouped into segments, and packed so that a segment gives back exactly its frames.

A segment is unbroken in time, at most a minute long, and of one format, channel, stream and
codec. All work is done on columns; Python runs once per segment.
"""

import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.formats import Format
from vidrecover.model import (
    FRAME_DTYPE,
    NO_CHANNEL,
    NO_SEQUENCE,
    NO_TICK,
    NO_TIME,
    Codec,
    Extent,
    FrameFlag,
    Frames,
    LooseEnd,
    Media,
    RecorderMs,
    Segment,
    Stream,
)

Column = npt.NDArray[Any]

LARGEST_STEP_MS = 2000
"""A longer step between two frames ends a segment."""
_LARGEST_STEP_BACK_MS = 500
_MINUTE_MS = 60_000
_LARGEST_LOSS = 1000  # more missing numbers than this are another recording, not a loss
_PACKED = ("offset", "time_ms", "tick_ms", "sequence")  # stored as differences
_MOST_LOST_PACKETS = 256  # more missing numbers than this are another connection
_ENCODE, _DECODE = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder()


def assemble(rows: Frames, formats: Sequence[Format]) -> tuple[list[Segment], Column]:
    """The segments of one scanned unit, ordered by format, channel and place; and all times.

    rows: the unit's frames ordered by offset; their `format` indexes `formats`. The times are
    the resolved RecorderMs of the rows, NO_TIME where the bytes tell none.
    """
    key = (
        rows["format"].astype(np.int64) << 32
        | (rows["channel"].astype(np.int64) + 1) << 8
        | rows["stream"]
    )
    holes, apart = _holes(rows), _apart(rows)
    times = np.full(len(rows), NO_TIME, dtype=np.int64)
    order = np.argsort(key, kind="stable")
    edges = [0, *(np.flatnonzero(np.diff(key[order])) + 1).tolist(), len(rows)]
    found: list[Segment] = []
    for start, end in pairwise(edges):
        if end > start:
            places = order[start:end]
            group = rows[places]
            one = formats[int(group["format"][0])]
            _join_pieces(group, holes[places], one)
            times[places] = _filled(group, resolved(group, one)[0])
            found.extend(_segments(group, times[places], apart[places], one))
    return found, times


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


def _segments(group: Frames, times: Column, apart: Column, one: Format) -> list[Segment]:
    """Segments of one channel and stream, in place order; apart: see `_apart`.

    They end wherever frames are missing, so that a frame glued over a border finds its place.
    """
    steps = _steps(group, times, one)
    lost = _lost(group, one)
    breaks = (steps > LARGEST_STEP_MS) | (steps < -_LARGEST_STEP_BACK_MS) | (lost != 0)
    breaks |= _codec_changes(group["codec"], _is_video(group))
    if not one.framing.counted:
        breaks[1:] |= np.diff(apart) != 0
    breaks |= _minute(times, steps)
    breaks &= (group["flags"] & FrameFlag.CONTINUES) == 0
    breaks[0] = True
    places = [*np.flatnonzero(breaks).tolist(), len(group)]
    lost = np.where((lost > 0) & (lost <= _LARGEST_LOSS), lost, 0)
    lost[0] = 0
    return [
        _segment(group[start:end], times[start:end], one, missing=int(lost[start:end].sum()))
        for start, end in pairwise(places)
    ]


def _join_pieces(group: Frames, holes: Column, one: Format) -> None:
    """Mark the pieces of one frame, in place: NAL units of one counter value, fragments.

    A fragment whose beginning or end is missing inside the unit is UNFINISHED.
    """
    flags = group["flags"]
    if one.framing.same_tick == "joins":
        video = np.flatnonzero(_is_video(group))
        if len(video) > 1:
            ticks = group["tick_ms"][video]
            same = (np.diff(ticks) == 0) & (ticks[1:] != NO_TICK)
            flags[video[1:][same]] |= int(FrameFlag.CONTINUES)
            flags[video[:-1][same]] |= int(FrameFlag.MORE)
        return
    if not (flags & (FrameFlag.CONTINUES | FrameFlag.MORE)).any():
        return
    for media in (_is_video(group), ~_is_video(group)):
        places = np.flatnonzero(media)
        if len(places):
            group["flags"][places] = _checked_pieces(group[places], holes[places])


def _checked_pieces(rows: Frames, holes: Column) -> Column:
    """Flags of fragmented rows, those of broken frames made UNFINISHED."""
    flags = rows["flags"].copy()
    more = (flags & FrameFlag.MORE) != 0
    continues = (flags & FrameFlag.CONTINUES) != 0
    torn = np.zeros(len(rows), dtype=bool)
    torn[1:] = more[:-1] != continues[1:]
    changed = (np.diff(rows["tick_ms"]) != 0) | (np.diff(rows["time_ms"]) != 0)
    torn[1:] |= continues[1:] & (changed | (np.diff(holes) != 0))
    begins = ~continues | torn
    begins[0] = True
    number = np.cumsum(begins) - 1
    broken = np.zeros(number[-1] + 1, dtype=bool)
    places = np.flatnonzero(torn)
    broken[number[places[continues[places]]]] = True
    broken[number[places[more[places - 1]] - 1]] = True
    flags[broken[number]] |= int(FrameFlag.UNFINISHED)
    flags[begins & torn] &= ~np.uint16(FrameFlag.CONTINUES)
    return flags


def _holes(rows: Frames) -> Column:
    """How many packets were lost before each row, counted up, as far as neighbours tell.

    Packets of one connection share a counter of 16 bits: where two stand side by side and a
    few numbers are missing between them, packets are lost there.
    """
    missing = np.zeros(len(rows), dtype=np.int64)
    if len(rows):
        beside = rows["offset"][1:] == rows["offset"][:-1] + rows["size"][:-1]
        beside &= rows["format"][1:] == rows["format"][:-1]
        skipped = (np.diff(rows["sequence"]) - 1) & 0xFFFF
        missing[1:] = np.where(beside & (skipped <= _MOST_LOST_PACKETS), skipped, 0)
    result: Column = np.cumsum(missing)
    return result


def _apart(rows: Frames) -> Column:
    """How many places before each row, counted up, parted two rows of one format."""
    parted = np.zeros(len(rows), dtype=np.int64)
    for number in np.unique(rows["format"]):
        own = np.flatnonzero(rows["format"] == number)
        begins = rows["offset"][own[1:]] != rows["offset"][own[:-1]] + rows["size"][own[:-1]]
        parted[own[1:]] = np.cumsum(begins)
    return parted


def _is_video(rows: Frames) -> Column:
    kind = rows["kind"]
    result: Column = (kind == Media.KEY) | (kind == Media.DELTA)
    return result


def _filled(group: Frames, times: Column) -> Column:
    """Times with the unknown ones filled in from the row before: one picture interval later
    for video where the rate is known, the same for audio; what stands before any is unknown."""
    known = times != NO_TIME
    if known.all() or not known.any():
        return times
    last = np.maximum.accumulate(np.where(known, np.arange(len(times)), -1))
    pictures = np.cumsum(_is_video(group) & ((group["flags"] & FrameFlag.CONTINUES) == 0))
    since = np.where(last >= 0, pictures - pictures[np.maximum(last, 0)], 0)
    rate = group["rate"][np.maximum(last, 0)].astype(np.int64)
    later = np.where(rate > 0, since * 100_000 // np.maximum(rate, 1), 0)
    guessed = times[np.maximum(last, 0)] + later
    return np.where(known, times, np.where(last >= 0, guessed, NO_TIME))


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
        known = (number[1:] != NO_SEQUENCE) & (number[:-1] != NO_SEQUENCE)
        lost[1:][known] = (np.diff(number) - 1)[known]
    return lost


def _codec_changes(codec: Column, video: Column) -> Column:
    """Where the video codec becomes another one."""
    changes = np.zeros(len(codec), dtype=bool)
    places = np.flatnonzero(video & (codec != Codec.UNKNOWN))
    if len(places) > 1:
        changes[places[1:][np.diff(codec[places].astype(np.int64)) != 0]] = True
    return changes


def _minute(times: Column, steps: Column) -> Column:
    """Where a new minute begins: of recorder time, or of the counter where no date tells."""
    minutes = np.where(times != NO_TIME, times, np.cumsum(steps)) // _MINUTE_MS
    begins = np.zeros(len(times), dtype=bool)
    begins[1:] = np.diff(minutes) != 0
    return begins


def _segment(
    rows: Frames, times: Column, one: Format, *, missing: int, is_joined: bool = False
) -> Segment:
    video = _is_video(rows)
    begins = (rows["flags"] & FrameFlag.CONTINUES) == 0
    codecs = rows["codec"][video & (rows["codec"] != Codec.UNKNOWN)]
    dated = times[times != NO_TIME]
    numbers = rows["sequence"][rows["sequence"] != NO_SEQUENCE]
    channel = int(rows["channel"][0])
    torn = (rows["flags"] & FrameFlag.UNFINISHED) != 0
    return Segment(
        format=one.name,
        channel=None if channel == NO_CHANNEL else channel,
        stream=Stream(int(rows["stream"][0])),
        codec=Codec(int(codecs[0])) if len(codecs) else Codec.UNKNOWN,
        start_ms=int(dated.min()) if len(dated) else None,
        end_ms=int(dated.max()) if len(dated) else None,
        start=int(rows["offset"].min()),
        end=int((rows["offset"] + rows["size"]).max()),
        frames=int((video & begins).sum()),
        keys=int(((rows["kind"] == Media.KEY) & begins).sum()),
        audio=int(((rows["kind"] == Media.AUDIO) & begins).sum()),
        size=int(rows["size"].sum(dtype=np.int64)),
        first_sequence=int(numbers[0]) if len(numbers) else None,
        last_sequence=int(numbers[-1]) if len(numbers) else None,
        missing=missing,
        unfinished=int((torn & begins).sum()),
        rows=pack(rows),
        joined=is_joined,
    )


def pack(rows: Frames) -> bytes:
    """A frame table as one compact blob; `unpack` gives it back unchanged."""
    columns = {
        name: _pack_column(rows[name].astype(np.int64), name in _PACKED)
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
        values = np.diff(values, prepend=values[:1])
    low, high = int(values.min()), int(values.max())
    kind = next(k for k in ("<i1", "<i2", "<i4", "<i8") if _fits(low, high, k))
    return [first, kind, values.astype(kind).tobytes(), as_steps]


def _fits(low: int, high: int, kind: str) -> bool:
    limits = np.iinfo(kind)
    return bool(limits.min <= low and high <= limits.max)


def _unpack_column(column: list[Any], count: int) -> Column:
    if len(column) == 1:
        return np.full(count, column[0], dtype=np.int64)
    first, kind, content, as_steps = column
    values = np.frombuffer(content, dtype=kind).astype(np.int64)
    if as_steps:
        values[0] = first
        values = np.cumsum(values)
    return values


class Edges(Protocol):
    """The bytes beside a position, as far as they are at hand."""

    def __call__(self, position: int, *, after: bool) -> bytes:
        """At most EDGE_SIZE bytes behind the position, or before it."""
        ...


def loose_ends(rows: Frames, formats: Sequence[Format], edges: Edges) -> list[LooseEnd]:
    """Where unbroken runs of frames of one format stop and begin, in place order.

    rows: ordered by offset. A run that goes on in the next window or unit shows as an end and
    a beginning at one position; `uncancelled` drops those.
    """
    found: list[LooseEnd] = []
    for number in np.unique(rows["format"]).tolist():
        run = rows[rows["format"] == number]
        ends = run["offset"] + run["size"]
        apart = np.flatnonzero(run["offset"][1:] != ends[:-1])
        name = formats[number].name
        stops = run[np.append(apart, len(run) - 1)]
        begins = run[np.append(0, apart + 1)]
        found.extend(_loose(row, name, edges, after=True) for row in stops)
        found.extend(_loose(row, name, edges, after=False) for row in begins)
    return sorted(found, key=lambda one: (one.position, one.after))


def _loose(row: Any, name: str, edges: Edges, *, after: bool) -> LooseEnd:
    channel, sequence, time_ms = int(row["channel"]), int(row["sequence"]), int(row["time_ms"])
    position = int(row["offset"]) + (int(row["size"]) if after else 0)
    return LooseEnd(
        after=after,
        position=position,
        format=name,
        channel=None if channel == NO_CHANNEL else channel,
        codec=Codec(int(row["codec"])),
        sequence=None if sequence == NO_SEQUENCE else sequence,
        time_ms=None if time_ms == NO_TIME else time_ms,
        edge=edges(position, after=after),
    )


def timed(ends: Sequence[LooseEnd], rows: Frames, times: Column) -> list[LooseEnd]:
    """The ends with the resolved times of their frames; rows and times as in `assemble`."""
    by_end = dict(zip((rows["offset"] + rows["size"]).tolist(), times.tolist(), strict=True))
    by_start = dict(zip(rows["offset"].tolist(), times.tolist(), strict=True))
    found = []
    for one in ends:
        time_ms = (by_end if one.after else by_start).get(one.position, NO_TIME)
        known = None if time_ms == NO_TIME else time_ms
        found.append(msgspec.structs.replace(one, time_ms=known))
    return found


def uncancelled(ends: Sequence[LooseEnd]) -> list[LooseEnd]:
    """The ends without those at which a run of the same format goes on."""
    stops = {(one.format, one.position) for one in ends if one.after}
    begins = {(one.format, one.position) for one in ends if not one.after}
    both = stops & begins
    return [one for one in ends if (one.format, one.position) not in both]


def extents(rows: Frames) -> list[Extent]:
    """The bytes of the rows as merged extents in place order."""
    order = np.argsort(rows["offset"], kind="stable")
    starts = rows["offset"][order]
    ends = np.maximum.accumulate((rows["offset"] + rows["size"])[order])
    if not len(starts):
        return []
    apart = np.flatnonzero(starts[1:] > ends[:-1])
    first = [0, *(apart + 1).tolist()]
    last = [*apart.tolist(), len(starts) - 1]
    return [Extent(int(starts[a]), int(ends[b])) for a, b in zip(first, last, strict=True)]
