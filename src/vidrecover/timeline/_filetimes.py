"""Footage that carries only a counter, dated by the name of the file it lies in."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from vidrecover.model import Claim, ClaimKind, RecorderMs, Segment, TimeSpan
from vidrecover.timeline._dating import Order
from vidrecover.timeline._places import FILES, Index

Ticks = Callable[[Segment], TimeSpan | None]
"""The counter at the first and the last frame of a segment, in milliseconds; None: none."""

_HEAD = 1 << 16  # bytes of a file before its first frame at most [C]
_STEP_MS = 10_000  # a longer step, or any back, is other footage behind an unclosed file's end
_FILLED = 0.98  # of a deleted file, by frames without a gap: then its place is no guess [C]
_GAP = 64  # bytes between such frames
_TOLERANCE_MS = 5_000  # between the length in a name and that of the footage [C]
_LONGEST_MS = 7_200_000


class Named(NamedTuple):
    """The segments in the order given; foreign: places of those that are not of their file."""

    segments: list[Segment]
    foreign: set[int]


def by_name(segments: list[Segment], claims: Sequence[Claim], ticks: Ticks) -> Named:
    """The segments, undated ones in live files with the time that name and counter give them.

    The name tells when the file's first frame was recorded, the counter how much later each other
    was. Only where the frames begin at the file's beginning and are no longer than the name
    says. Behind the end of a file that was never closed lies what was there before: what the
    counter does not continue gets neither time nor the camera of that file. [A: tme-mdvr.md 7]
    A deleted file counts where frames without a gap fill it from its first byte to its last.
    """
    index = Index(c for c in claims if c.kind in FILES and c.start_ms is not None)
    members: dict[int, list[int]] = {}
    owners: dict[int, Claim] = {}
    for place, segment in enumerate(segments):
        if segment.start_ms is not None or segment.track is not None or not segment.frames:
            continue
        naming = index.naming(segment)
        if len(naming) == 1 and segment.channel in (naming[0].channel, None):
            members.setdefault(id(naming[0]), []).append(place)
            owners[id(naming[0])] = naming[0]
    found, foreign = list(segments), set[int]()
    for number, claim in owners.items():
        order = Order(claim)
        own = sorted(members[number], key=lambda place: order.of(segments[place].start))
        inside = [segments[place] for place in own]
        if claim.kind is not ClaimKind.FILE and not _fill(inside, claim):
            continue
        for place, date in zip(own, _dates(inside, claim, order, ticks), strict=True):
            one = found[place]
            if date is not None:
                found[place] = _with(one, date, claim)
            elif claim.open:
                foreign.add(place)
                if one.named_by_claim:
                    found[place] = msgspec.structs.replace(one, channel=None, named_by_claim=False)
    return Named(found, foreign)


def _with(segment: Segment, date: TimeSpan, claim: Claim) -> Segment:
    named = segment.channel is None and claim.channel is not None
    return msgspec.structs.replace(
        segment,
        start_ms=date.start_ms,
        end_ms=date.end_ms,
        channel=claim.channel if named else segment.channel,
        named_by_claim=named or segment.named_by_claim,
    )


def _fill(own: Sequence[Segment], claim: Claim) -> bool:
    """Whether segments, in order, fill a claim's one extent without a gap."""
    if len(claim.extents) != 1 or any(one.joined for one in own):
        return False
    (extent,) = claim.extents
    gaps = all(b.start - a.end <= _GAP for a, b in pairwise(own))
    reaches = own[-1].end - own[0].start >= _FILLED * extent.size
    return gaps and reaches and own[0].start - extent.start <= _HEAD


def _dates(
    own: Sequence[Segment], claim: Claim, order: Order, ticks: Ticks
) -> Iterator[TimeSpan | None]:
    """The time of each segment of a file, given in the file's order."""
    spans = list(_unbroken(own, claim, order, ticks))
    known = [span for span in spans if span is not None]
    start_ms: RecorderMs = claim.start_ms or 0
    most_ms = _LONGEST_MS if claim.end_ms is None else claim.end_ms - start_ms + _TOLERANCE_MS
    if not known or known[-1].end_ms - known[0].start_ms > most_ms:
        spans = [None] * len(own)
    for span in spans:
        first = known[0].start_ms if known else 0
        yield None if span is None else TimeSpan(*(start_ms + tick - first for tick in span))


def _unbroken(
    own: Sequence[Segment], claim: Claim, order: Order, ticks: Ticks
) -> Iterator[TimeSpan | None]:
    """Counters from the file's beginning on, as long as they rise."""
    last: int | None = None
    is_broken = False
    for segment in own:
        span = None if is_broken else ticks(segment)
        if span is None or (last is None and order.of(segment.start) > _HEAD):
            is_broken = is_broken or last is None
            yield None
            continue
        step = 0 if last is None else span.start_ms - last
        if step < 0 or (claim.open and step > _STEP_MS):
            is_broken = True
            yield None
            continue
        last = max(span.end_ms, last or 0)
        yield span
