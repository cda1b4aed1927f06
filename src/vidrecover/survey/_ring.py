"""A disk whose times rise from place to place but for one wrap: brackets around a span."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from vidrecover.extents import merged, total
from vidrecover.model import Extent, RecorderMs, TimeSpan
from vidrecover.survey._probes import LOOK, PROBE, Probe, Prober

COARSE = 96
"""Probes over the whole disk, before anything is wanted."""
FINE = 8 << 20
"""Bytes between two probes that are near enough."""
_MOST_EDGES = 32  # stretches that may hold an end of the span: with more, the order tells nothing
_MOST_UNCLEAR = 1 << 30  # unless all of it is soon read
_LOOKS = 3
_MOST_FALLS = 3
_LEAST_SLACK_MS = 5000

Kind = Literal["inside", "edge", "outside"]


class Order(NamedTuple):
    """What the first probes tell.

    probes: all over the disk, in place order, those without dated frames too; slack_ms: by how
    much times may fall from place to place where cameras are mixed; is_mixed: whether a long
    look shows several cameras, or the whole disk has one only; rate: bytes in a millisecond of
    recording, as long looks show it.
    """

    probes: list[Probe]
    slack_ms: int
    is_mixed: bool
    rate: float

    @property
    def dated(self) -> list[Probe]:
        """The probes with dated frames."""
        return [one for one in self.probes if one.sightings]

    @property
    def is_ring(self) -> bool:
        """Whether times rise from place to place, but for a wrap and jumps of the clock."""
        falls = sum(b.last_ms < a.first_ms - self.slack_ms for a, b in pairwise(self.dated))
        return self.is_mixed and falls <= _MOST_FALLS

    @property
    def newest(self) -> Probe:
        """The probe with the newest time."""
        return max(self.dated, key=lambda one: one.last_ms)


def first_order(prober: Prober) -> Order | None:
    """What probes all over the disk tell; None when none shows a dated frame."""
    step = max(prober.size // COARSE // PROBE, 1) * PROBE
    probes = [prober.at(place) for place in range(0, prober.size, step)]
    dated = [one for one in probes if one.sightings]
    if not dated:
        return None
    places = dated[:: max(len(dated) // _LOOKS, 1)][:_LOOKS]
    looks = [look for look in (prober.at(one.start, LOOK) for one in places) if look.sightings]
    rates = sorted((one.end - one.start) / max(one.last_ms - one.first_ms, 1000) for one in looks)
    falls = sorted(_fall_ms(one) for one in looks)
    middle = len(looks) // 2
    cameras = frozenset[int | None]().union(*(one.channels for one in dated))
    several = sum(len(one.channels) > 1 for one in looks)
    return Order(
        probes,
        2 * max(falls[middle], 0) + _LEAST_SLACK_MS,
        is_mixed=len(cameras) == 1 or 2 * several > len(looks),
        rate=rates[middle],
    )


def _fall_ms(look: Probe) -> int:
    """By how much times fall at most from one place to a later one."""
    places = look.sightings
    return max(
        (a.last_ms - b.first_ms for a in places for b in places if a.end <= b.start), default=0
    )


def brackets(prober: Prober, order: Order, span: TimeSpan) -> list[Extent] | None:
    """Stretches in which frames of the span may lie; None where the order tells nothing.

    Neighbouring probes are asked for what is between them until they are FINE bytes apart or
    tell that all of it is inside or outside the span.
    """
    probes = list(order.probes)
    asked = {one.start for one in probes}
    while True:
        kinds = _kinds(probes, order.slack_ms, span)
        edges = [place for place, kind in enumerate(kinds) if kind == "edge"]
        if len(edges) > _MOST_EDGES:
            unclear = total(_stretch(prober, probes, place) for place in edges)
            if unclear > _MOST_UNCLEAR:
                return None
            break
        middles = (_middle(_stretch(prober, probes, place)) for place in edges)
        wanted = {one for one in middles if one is not None} - asked
        if not wanted:
            break
        asked |= wanted
        probes = sorted([*probes, *(prober.at(place) for place in wanted)])
    return merged(
        _stretch(prober, probes, place) for place, kind in enumerate(kinds) if kind != "outside"
    )


def _stretch(prober: Prober, probes: Sequence[Probe], place: int) -> Extent:
    """The bytes from a probe to the end of the next one."""
    end = probes[place + 1].end if place + 1 < len(probes) else prober.size
    return Extent(probes[place].start, end)


def _middle(stretch: Extent) -> int | None:
    if stretch.size <= FINE:
        return None
    return (stretch.start + stretch.size // 2) // PROBE * PROBE


def _kinds(probes: Sequence[Probe], slack: int, span: TimeSpan) -> list[Kind]:
    """For each stretch between a probe and the next: does it hold the span, or an end of it.

    Times are those of the nearest dated probes on both sides; between two probes that show no
    dated frame nothing is looked for.
    """
    before: list[RecorderMs | None] = []
    known: RecorderMs | None = None
    for one in probes:
        known = one.first_ms - slack if one.sightings else known
        before.append(known)
    behind: list[RecorderMs | None] = []
    known = None
    for one in reversed(probes):
        behind.append(known)
        known = one.last_ms + slack if one.sightings else known
    behind.reverse()
    empty = [not one.sightings for one in probes] + [True]
    return [
        "outside" if empty[place] and empty[place + 1] else _kind(first, last, span)
        for place, (first, last) in enumerate(zip(before, behind, strict=True))
    ]


def _kind(first: RecorderMs | None, last: RecorderMs | None, span: TimeSpan) -> Kind:
    """first, last: bounds of the times in a stretch; None: there is no dated probe on that side.
    Where the last lies before the first, the recorder's newest meets its oldest."""
    if first is not None and last is not None and first <= last:
        if span.end_ms < first or span.start_ms > last:
            return "outside"
        return "inside" if span.start_ms <= first and last <= span.end_ms else "edge"
    later = first is not None and span.end_ms >= first
    earlier = last is not None and span.start_ms <= last
    return "edge" if later or earlier else "outside"


def head(prober: Prober, order: Order) -> Extent:
    """Where the recorder wrote last: the bytes between the newest probe and older ones."""
    low = order.newest
    following = (one.start for one in order.probes if one.start > low.start)
    end = next(following, prober.size)
    while end - low.start > FINE:
        middle = prober.at((low.start + end) // 2 // PROBE * PROBE)
        if middle.start <= low.start or middle.start >= end:
            break
        if middle.sightings and middle.last_ms >= low.last_ms - order.slack_ms:
            low = middle
        else:
            end = middle.start
    return Extent(low.start, min(end + PROBE, prober.size))
