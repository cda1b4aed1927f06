"""Frames over three and more clusters that no file system orders: decoding chooses the middle."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from vidrecover import segments
from vidrecover.case._opened import Opened
from vidrecover.extents import common, merged
from vidrecover.model import (
    Codec,
    Extent,
    FrameFlag,
    Frames,
    Media,
    Segment,
    Source,
    TimeSpan,
)
from vidrecover.repair import joining
from vidrecover.seams import Seams, Several, glued

_BEFORE_MS, _BEHIND_MS = 20_000, 3_000  # of footage in which the group of a cut picture lies
_VIDEO = (int(Media.KEY), int(Media.DELTA))
_PICTURES = frozenset({Codec.H264, Codec.H265})


class _Picture(NamedTuple):
    """A whole picture: its rows, and its bytes."""

    is_key: bool
    data: bytes


def decided(case: Opened, source: Source, seams: Seams) -> Seams:
    """The seams with the frames over several clusters that decoding proves, and with the doubt
    about the others, which stay among `several`: their groups may be whole when these are stored.
    All that was joined so far must be stored already."""
    joined, proofs = list(seams.joined), list(seams.proofs)
    doubts = dict(zip(seams.doubtful, seams.doubts, strict=True))
    taken: list[Extent] = []
    left = []
    with joining.trials() as servant:
        for name, cut in seams.several:
            left.append((name, cut))
            place = Extent(cut.stop.position, cut.stop.position + cut.size)
            found = [
                (way, *made)
                for way in cut.ways
                if not common(merged(way), taken)
                and (made := glued(source, case.formats[name], cut, way)) is not None
            ]
            if not found or Codec(int(found[0][2]["codec"][0])) not in _PICTURES:
                continue
            codec = Codec(int(found[0][2]["codec"][0]))
            head = cut.head - int(found[0][2]["payload_offset"][0])
            before, behind = _neighbours(case, source, name, cut)
            if head <= 0 or not before:
                continue
            candidates = [joining.Candidate(payload[head:], behind) for _, payload, _ in found]
            choice = joining.choose(codec, before, found[0][1][:head], candidates, servant)
            if choice.place is None:
                doubts[place] = f"it lies over several clusters: {choice.reason}"
                continue
            way, _, rows = found[choice.place]
            joined.append(segments.joined(rows, case.formats[name], _time(cut)))
            proofs.append(f"its length tells how many clusters lie between, and {choice.reason}")
            taken = merged([*taken, *way])
            left.pop()
            doubts.pop(place, None)
    return msgspec.structs.replace(
        seams,
        joined=tuple(joined),
        proofs=tuple(proofs),
        doubtful=tuple(doubts),
        doubts=tuple(doubts.values()),
        several=tuple(left),
    )


def _time(cut: Several) -> int | None:
    times = [one for one in (cut.stop.time_ms, cut.begin.time_ms) if one is not None]
    return sum(times) // len(times) if times else None


def _neighbours(
    case: Opened, source: Source, name: str, cut: Several
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """The pictures from the last key picture to the cut one, and those right behind it; empty
    where a number is missing among the former."""
    stop, begin = cut.stop, cut.begin
    if stop.sequence is None or begin.sequence is None or stop.time_ms is None:
        return (), ()
    span = TimeSpan(stop.time_ms - _BEFORE_MS, stop.time_ms + _BEHIND_MS)
    known: dict[int, Frames] = {}
    for one in case.catalogue.segments(channel=stop.channel, span=span):
        if one.format == name:
            known |= dict(_numbered(case, one))
    before: list[_Picture] = []
    number = stop.sequence
    while number in known and len(before) < joining.BEFORE:
        rows = known[number]
        if rows["kind"][0] in _VIDEO:
            before.append(_picture(rows, source))
            if before[-1].is_key:
                break
        number -= 1
    if not before or not before[-1].is_key:
        return (), ()
    behind: list[bytes] = []
    number = begin.sequence
    while number in known and len(behind) < joining.BEHIND:
        if known[number]["kind"][0] in _VIDEO:
            behind.append(_picture(known[number], source).data)
        number += 1
    return tuple(one.data for one in reversed(before)), tuple(behind)


def _numbered(case: Opened, segment: Segment) -> Iterator[tuple[int, Frames]]:
    """Each whole frame's rows, by its number."""
    rows = case.unpack(segment)
    starts = np.flatnonzero(rows["flags"] & int(FrameFlag.CONTINUES) == 0)
    for first, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        if not rows["flags"][first] & int(FrameFlag.UNFINISHED):
            yield int(rows["sequence"][first]), rows[first:end]


def _picture(rows: Frames, source: Source) -> _Picture:
    starts = (rows["offset"] + rows["payload_offset"]).tolist()
    sizes = rows["payload_size"].tolist()
    pieces = (source.read(start, size) for start, size in zip(starts, sizes, strict=True))
    return _Picture(int(rows["kind"][0]) == int(Media.KEY), b"".join(pieces))
