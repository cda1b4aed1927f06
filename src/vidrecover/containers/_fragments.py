"""Movie fragments (`moof`): samples that are listed piece by piece, each before its own bytes.

Byte facts: ISO/IEC 14496-12 clause 8.8. [A]
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vidrecover.containers._boxes import Box, child, children
from vidrecover.containers._descriptions import Description
from vidrecover.containers._tables import (
    MOST_SAMPLES,
    Samples,
    TrackTable,
    milliseconds,
)
from vidrecover.containers._view import Column, View
from vidrecover.model import Codec, Media

_MOST_MOOF = 4 << 20
_MOST_TRACKS = 8
_MOST_OF_TRACK = MOST_SAMPLES // 4
_FARTHEST, _LATEST = 1 << 60, 1 << 52
_NOT_SYNC = 0x10000  # sample_is_non_sync_sample
_RUN_FIELDS = ((0x100, "duration"), (0x200, "size"), (0x400, "flags"), (0x800, "offset"))


class _Run(NamedTuple):
    """The samples of one `trun`; ticks: of showing, in the track's time scale."""

    offsets: Column
    sizes: Column
    ticks: Column
    keys: Column


class _Going:
    """A track while its fragments are read."""

    def __init__(self) -> None:
        self.runs: list[_Run] = []
        self.count = 0
        self.clock = 0


def fragments(
    view: View,
    boxes: Sequence[Box],
    tracks: Sequence[TrackTable],
    defaults: Mapping[int, tuple[int, int, int]],
) -> list[TrackTable]:
    """The tracks with the samples of all fragments behind those of the index.

    defaults: duration, size and flags of samples, by track. A track that no index describes is
    taken as pictures whose codec the bytes must tell; its time scale is unknown.
    """
    going: dict[int, _Going] = {}
    for box in boxes:
        if box.kind == b"moof" and box.end - box.start <= _MOST_MOOF and not box.is_open:
            data = view.read(box.start, box.end - box.start)
            whole = Box(b"moof", 0, box.body - box.start, len(data))
            end_of_last = 0
            for traf in (
                one for one in children(data, whole.body, whole.end) if one.kind == b"traf"
            ):
                end_of_last = _traf(data, traf, box.start, end_of_last, defaults, going)
    known = {one.id: one for one in tracks}
    found = [_with(one, going.get(one.id)) for one in tracks]
    for number, one in going.items():
        if number not in known:
            what = Description(Media.DELTA, Codec.UNKNOWN, note="no index describes this track")
            nothing = np.zeros(0, dtype=np.int64)
            empty = Samples(nothing, nothing, nothing, np.zeros(0, dtype=bool))
            found.append(_with(TrackTable(number, what, 0, None, 0, empty), one))
    return found


def _with(track: TrackTable, going: _Going | None) -> TrackTable:
    if going is None or not going.runs:
        return track
    columns = [np.concatenate(column) for column in zip(*going.runs, strict=True)]
    offsets, sizes, ticks, keys = columns
    times = milliseconds(ticks, track.timescale or 1000)
    own = track.samples
    return track._replace(
        samples=Samples(
            np.concatenate([own.offsets, offsets]),
            np.concatenate([own.sizes, sizes]),
            np.concatenate([own.times, times]),
            np.concatenate([own.keys, keys]),
        )
    )


def _number(data: bytes, place: int, size: int = 4) -> int:
    return int.from_bytes(data[place : place + size], "big")


def _traf(
    data: bytes,
    traf: Box,
    moof: int,
    end_of_last: int,
    defaults: Mapping[int, tuple[int, int, int]],
    going: dict[int, _Going],
) -> int:
    """Adds the runs of one track fragment; where its last sample ends, from the file's start."""
    head = child(data, traf, b"tfhd")
    if head is None:
        return end_of_last
    flags, place = _number(data, head.body + 1, 3), head.body + 8
    track = _number(data, head.body + 4)
    base = moof if flags & 0x20000 or not end_of_last else end_of_last
    if flags & 1:
        base, place = min(_number(data, place, 8), _FARTHEST), place + 8
    place += 4 if flags & 2 else 0
    values = list(defaults.get(track, (0, 0, 0)))
    for number, bit in enumerate((8, 16, 32)):
        if flags & bit:
            values[number], place = _number(data, place), place + 4
    if track not in going and len(going) >= _MOST_TRACKS:
        return end_of_last
    one = going.setdefault(track, _Going())
    clock = child(data, traf, b"tfdt")
    if clock is not None:
        wide = data[clock.body : clock.body + 1] == b"\1"
        one.clock = min(_number(data, clock.body + 4, 8 if wide else 4), _LATEST)
    at = base
    for run in children(data, traf.body, traf.end):
        if run.kind == b"trun":
            at = _run(data, run, base, at, (values[0], values[1], values[2]), one)
    return at


def _run(
    data: bytes, run: Box, base: int, at: int, default: tuple[int, int, int], one: _Going
) -> int:
    """Adds the samples of one `trun`; where the last one ends."""
    version = data[run.body] if run.end > run.body else 0
    flags, count = _number(data, run.body + 1, 3), _number(data, run.body + 4)
    place = run.body + 8
    if flags & 1:
        shift = _number(data, place)
        at, place = base + shift - ((shift >> 31) << 32), place + 4
    first_flags = None
    if flags & 4:
        first_flags, place = _number(data, place), place + 4
    names = [name for bit, name in _RUN_FIELDS if flags & bit]
    kind = np.dtype([(name, ">u4") for name in names])
    room = (run.end - place) // kind.itemsize if names else _most_implied(default)
    count = max(min(count, room, _MOST_OF_TRACK - one.count), 0)
    if not count:
        return at
    table = np.frombuffer(data, kind, count, place) if names else None

    def column(name: str, usual: int) -> Column:
        if table is None or name not in names:
            return np.full(count, usual, dtype=np.int64)
        values: Column = table[name].astype(np.int64)
        return values

    durations, sizes = column("duration", default[0]), column("size", default[1])
    marks = column("flags", default[2])
    if first_flags is not None:
        marks[0] = first_flags
    shown = column("offset", 0)
    if version:
        shown -= (shown >> 31) << 32
    ticks = one.clock + np.cumsum(durations) - durations
    ends = at + np.cumsum(sizes)
    one.runs.append(_Run(ends - sizes, sizes, ticks + shown, (marks & _NOT_SYNC) == 0))
    one.clock = min(one.clock + int(durations.sum()), _LATEST)
    one.count += count
    return int(ends[-1])


def _most_implied(default: tuple[int, int, int]) -> int:
    """How many samples a run without any field may claim: only their number is stated."""
    return 4096 if default[1] else 0
