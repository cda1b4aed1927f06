"""Neighbouring segments joined to recordings."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

from vidrecover.model import RecorderMs, Recording, Segment

SHORTEST_GAP_MS = 2000
"""What lies less apart is no gap: recorders' dates are whole seconds, rounded up or down."""

_NEAR = 1 << 20  # bytes; undated segments further apart are different recordings
# What lies beside a naked stream may be of any camera: only neighbours join.
_NAKED = frozenset({"annexb", "jpeg"})
_NEAR_OF_CAMERA = 1 << 28  # for pieces of one camera between those of others
_MOST_COPIES = 16  # of one camera's footage at one time that are told apart
_STEP_BACK_MS = 500  # within a recording, where place or number prove the neighbours


def recordings(
    segments: Iterable[Segment], *, tolerance_ms: int = SHORTEST_GAP_MS
) -> list[Recording]:
    """Neighbouring segments joined: same channel, stream, lane, format and codec, and no
    gap.

    segments: ordered as `Catalogue.segments` gives them. A gap is more than tolerance_ms from the
    last frame to the next first one; where they lie on the source makes none, so a wrap does not.
    The same content found twice makes two recordings. Segments without a time are joined while
    less than 1 MiB lies between them, those of naked streams while nothing does, or 256 MiB where
    their pictures show that they are of one camera. Streams of container files are each for
    themselves.
    """
    found: list[Recording] = []
    for _, group in groupby(segments, key=lambda s: (s.channel, s.label, s.stream, s.format)):
        for members in _by_track(list(group)):
            dated = [(s.start_ms, s) for s in members if s.start_ms is not None]
            undated = [s for s in members if s.start_ms is None]
            if undated and members[0].track is not None:
                found.append(_recording(members))
                continue
            chains = _chains_in_time(_in_order(dated), tolerance_ms) + _chains_in_place(undated)
            found.extend(_recording(chain) for chain in chains)
    return found


def _by_track(members: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Segments of one lane and codec each; those of a container's stream together whatever their
    codec."""
    tracks: dict[int, list[Segment]] = {}
    for one in members:
        if one.track is not None:
            tracks.setdefault(one.track, []).append(one)
    rest = [one for one in members if one.track is None]
    for lane in dict.fromkeys(one.lane for one in rest):
        yield from _by_codec([one for one in rest if one.lane == lane])
    yield from tracks.values()


def _by_codec(members: Sequence[Segment]) -> list[list[Segment]]:
    """Segments of one codec each; those without pictures go with the pictures beside them."""
    codecs = sorted({s.codec for s in members if s.frames})
    if len(codecs) < 2:
        return [list(members)]
    groups = {codec: [s for s in members if s.frames and s.codec == codec] for codec in codecs}
    times = {codec: sorted(s.start_ms or 0 for s in group) for codec, group in groups.items()}
    for segment in members:
        if not segment.frames:
            groups[min(codecs, key=lambda c: _distance_to(times[c], segment))].append(segment)
    return list(groups.values())


def _distance_to(times: Sequence[RecorderMs], segment: Segment) -> int:
    """Milliseconds from the segment to the nearest of the ordered times."""
    start = segment.start_ms or 0
    place = bisect_left(times, start)
    return min(abs(time - start) for time in times[max(place - 1, 0) : place + 1])


def _recording(chain: Sequence[Segment]) -> Recording:
    first = next((one for one in chain if one.frames), chain[0])
    return Recording(
        channel=first.channel,
        stream=first.stream,
        format=first.format,
        codec=first.codec,
        start_ms=chain[0].start_ms,
        end_ms=max((s.end_ms for s in chain if s.end_ms is not None), default=None),
        segments=tuple(chain),
        label=first.label,
    )


def _in_order(dated: list[tuple[RecorderMs, Segment]]) -> Iterator[Segment]:
    """Segments by time; those of one time by number, also where the numbers begin anew."""
    dated.sort(key=lambda one: (one[0], _number(one[1]), not one[1].joined, one[1].start))
    for _, ties in groupby(dated, key=lambda one: one[0]):
        same = [segment for _, segment in ties]
        jumps = [_number(after) - _number(before) for before, after in pairwise(same)]
        largest = max(jumps, default=0)
        if largest > 1000 and 2 * largest > _number(same[-1]):
            turn = jumps.index(largest) + 1
            same = same[turn:] + same[:turn]
        yield from same


def _number(segment: Segment) -> int:
    return -1 if segment.first_sequence is None else segment.first_sequence


def _chains_in_time(segments: Iterable[Segment], tolerance_ms: int) -> list[list[Segment]]:
    chains: list[list[Segment]] = []
    going: list[list[Segment]] = []
    for segment in segments:
        going = [chain for chain in going if _gap(segment, chain[-1]) <= tolerance_ms]
        before = [chain for chain in going if _follows(segment, chain[-1])]
        if before:
            nearest = min(before, key=lambda chain: _distance(segment, chain[-1]))
            nearest.append(segment)
        else:
            chains.append([segment])
            going = [*going[1 - _MOST_COPIES :], chains[-1]]
    return chains


def _gap(segment: Segment, last: Segment) -> int:
    """Milliseconds from the last frame to the segment's first, negative when it goes back."""
    return (segment.start_ms or 0) - (last.end_ms or 0)


def _step(segment: Segment, last: Segment) -> int | None:
    """By how much the frame number grows from one to the other, where both are known."""
    if segment.first_sequence is None or last.last_sequence is None:
        return None
    return segment.first_sequence - last.last_sequence


def _follows(segment: Segment, last: Segment) -> bool:
    """Whether it may be the continuation and not another copy of the same content."""
    gap, step = _gap(segment, last), _step(segment, last)
    beside = abs(segment.start - last.end) < _NEAR
    if gap < 0:
        return gap >= -_STEP_BACK_MS and segment.start_ms != last.start_ms and (step == 1 or beside)
    if segment.start_ms != last.start_ms:
        return True
    if step is not None:
        return not -1000 < step <= 0
    return (segment.end_ms, segment.frames, segment.size) != (last.end_ms, last.frames, last.size)


def _distance(segment: Segment, last: Segment) -> tuple[bool, bool, int, int]:
    """Less for the more likely continuation: by number, then by place, then by time."""
    place = segment.start - last.end
    return _step(segment, last) != 1, place < 0, abs(place), _gap(segment, last)


def _chains_in_place(undated: list[Segment]) -> list[list[Segment]]:
    chains: list[list[Segment]] = []
    reach = 0
    for segment in sorted(undated, key=lambda s: s.start):
        apart = 1 if segment.format in _NAKED else _NEAR
        apart = apart if segment.label is None else _NEAR_OF_CAMERA
        if not chains or segment.start - reach >= apart:
            chains.append([])
            reach = segment.start
        chains[-1].append(segment)
        if not segment.joined:  # its end may lie anywhere
            reach = max(reach, segment.end)
    return _over_borders(chains)


def _over_borders(chains: list[list[Segment]]) -> list[list[Segment]]:
    """The chains of naked streams linked where a picture was put together over a border: it begins
    at the end of one of them, and ends where another begins."""
    begins = {one[0].start: one for one in chains if not one[0].joined}
    following = {
        id(chain): begins[last.end]
        for chain in chains
        if (last := chain[-1]).joined and last.format in _NAKED and last.end in begins
    }
    behind = {id(one) for one in following.values()}
    found: list[list[Segment]] = []
    for chain in chains:
        if id(chain) not in behind:
            whole, part = list(chain), chain
            while (further := following.get(id(part))) is not None:
                whole += further
                part = further
            found.append(whole)
    return found
