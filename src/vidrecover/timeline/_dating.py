"""Footage without a time that lies between dated footage of the same claim."""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence

import msgspec

from vidrecover.model import Claim, RecorderMs, Segment
from vidrecover.timeline._places import Index
from vidrecover.timeline._witnesses import claimed

_FRAME_MS = 40  # from one frame to the next where nothing tells [C]
_LONGEST_FRAME_MS = 1000
_STEP_BACK_MS = 500
_SECOND_MS = 1000


def dated(
    segments: list[Segment], claims: Sequence[Claim], foreign: Collection[int] = ()
) -> list[Segment]:
    """The segments, those without a time put between the dated ones of the claim they lie in.

    Where only key frames are dated, a fragment may hold none. In the claim's order its frames
    follow the last dated ones before it, evenly up to the next ones; before the first dated ones
    they end there. Only where one claim and no second names the bytes, and never outside the time
    of the claim; footage of another time beside it does not count. Where only a claim names the
    camera, no number tells the order: there each segment begins behind the one before it in the
    claim's order. foreign: places of segments that are not of the claim they lie in.
    """
    if all(one.start_ms is not None and not one.named_by_claim for one in segments):
        return segments
    index = Index(claim for claim in claims if claim.extents)
    members: dict[int, list[int]] = {}
    wanted: dict[int, Claim] = {}
    for place, segment in enumerate(segments):
        naming = index.naming(segment)
        if len(naming) != 1 or place in foreign or segment.channel not in (naming[0].channel, None):
            continue
        if segment.start_ms is None or _inside(segment, naming[0]):
            members.setdefault(id(naming[0]), []).append(place)
            if segment.start_ms is None or segment.named_by_claim:
                wanted[id(naming[0])] = naming[0]
    found = list(segments)
    for number, claim in wanted.items():
        order = Order(claim)
        own = sorted(members[number], key=lambda place: order.of(segments[place].start))
        for run in _runs(own, segments):
            for place, dated_one in _filled(run, segments, claim):
                found[place] = dated_one
        _put_in_order(own, found)
    return found


def _put_in_order(own: Sequence[int], segments: list[Segment]) -> None:
    """Move beginnings that lie a little before the end of what comes before them, as where sound
    before a key picture is dated by it. own: places in the claim's order."""
    reach: RecorderMs | None = None
    for place in own:
        one = segments[place]
        if one.start_ms is None or one.end_ms is None or not one.named_by_claim:
            continue
        if reach is not None and 0 <= reach - one.start_ms <= _STEP_BACK_MS:
            start_ms, end_ms = reach + 1, max(reach + 1, one.end_ms)
            segments[place] = msgspec.structs.replace(one, start_ms=start_ms, end_ms=end_ms)
        reach = max(segments[place].end_ms or 0, reach or 0)


class Order:
    """Where bytes of the source lie in a claim's logical order."""

    def __init__(self, claim: Claim) -> None:
        base, places = 0, []
        for extent in claim.extents:
            places.append((extent.start, base))
            base += extent.size
        self._places = sorted(places)
        self._starts = [start for start, _ in self._places]

    def of(self, place: int) -> int:
        """The logical place; of bytes before the claim's own 0."""
        number = bisect_right(self._starts, place) - 1
        if number < 0:
            return 0
        start, base = self._places[number]
        return base + place - start


class _Run(msgspec.Struct, frozen=True):
    """Undated segments one behind the other, the dated ones beside them, and the one nearest
    before or behind that tells how far frames are apart."""

    before: Segment | None
    places: list[int]
    after: Segment | None
    telling: Segment | None


def _runs(own: Sequence[int], segments: Sequence[Segment]) -> Iterator[_Run]:
    before: Segment | None = None
    telling: Segment | None = None
    places: list[int] = []
    for place in own:
        segment = segments[place]
        if segment.start_ms is None:
            places.append(place)
            continue
        if places:
            yield _Run(before, places, segment, telling or segment)
        before, places = segment, []
        telling = segment if segment.frames > 1 else telling
    if places:
        yield _Run(before, places, None, telling)


def _filled(run: _Run, segments: Sequence[Segment], claim: Claim) -> Iterator[tuple[int, Segment]]:
    """The segments of a run with times, by place; those that cannot be dated are left out."""
    counts = [max(segments[place].frames, 1) for place in run.places]
    first, interval = _first(run, sum(counts))
    if first is None:
        return
    at_ms: float = first
    for place, count in zip(run.places, counts, strict=True):
        start_ms = round(at_ms)
        end_ms = round(at_ms + interval * (count - 1))
        at_ms += interval * count
        one = msgspec.structs.replace(segments[place], start_ms=start_ms, end_ms=end_ms)
        if _inside(one, claim):
            yield place, one


def _inside(segment: Segment, claim: Claim) -> bool:
    """Whether a dated segment lies in the time of a claim, to a second; an open one has no end."""
    span = claimed(claim)
    if span is None or segment.start_ms is None or segment.end_ms is None:
        return True
    is_early = segment.start_ms < span.start_ms - _SECOND_MS
    return not is_early and (claim.open or segment.end_ms <= span.end_ms + _SECOND_MS)


def _first(run: _Run, count: int) -> tuple[RecorderMs | None, float]:
    """When the first frame of a run was recorded, and how far its frames are apart."""
    interval = _interval(run.telling)
    before = run.before.end_ms if run.before is not None else None
    after = run.after.start_ms if run.after is not None else None
    if before is not None and after is not None:
        even = (after - before) / (count + 1)
        if 0 < even <= _LONGEST_FRAME_MS:
            interval = even
    if before is not None:
        return round(before + interval), interval
    if after is not None:
        return round(after - interval * count), interval
    return None, interval


def _interval(segment: Segment | None) -> float:
    """Milliseconds from one frame of a segment to the next."""
    if segment is None or segment.frames < 2 or segment.start_ms is None:
        return _FRAME_MS
    length = (segment.end_ms or segment.start_ms) - segment.start_ms
    return min(max(length / (segment.frames - 1), 1.0), float(_LONGEST_FRAME_MS))
