"""Causes that lie with the storage: errors, a disk that is full, writing that stopped."""

from collections.abc import Iterator, Sequence
from statistics import median

from vidrecover.diagnosis._facts import Facts
from vidrecover.diagnosis.causes._signs import (
    TOGETHER_MS,
    Sign,
    events_near,
    named_event,
    spans_of,
)
from vidrecover.extents import total
from vidrecover.model import (
    CauseKind,
    Certainty,
    ChannelDiagnosis,
    Claim,
    ClaimKind,
    EventKind,
    Extent,
    State,
    TimeSpan,
)
from vidrecover.wording import said

_GOES_ON_MS = 60_000  # that a log goes on behind the last footage
_ROOM_SHARE = 8  # of a usual recording that a full file system may still have free [C]
_STOPS = {EventKind.POWER_OFF, EventKind.DISK_FULL, EventKind.RECORD_STOP}


def signs(facts: Facts, channels: Sequence[ChannelDiagnosis]) -> Iterator[Sign]:
    """What is wrong with the disk, by what it refused and by the log."""
    if facts.unreadable:
        spans = [s for one in channels for s in spans_of(one, {State.UNREADABLE})]
        told = (said("bad", bad=total(facts.unreadable)),)
        basis = tuple(f"unreadable {e.start:#x}-{e.end:#x}" for e in facts.unreadable[:20])
        hit = (
            TimeSpan(min(s.span.start_ms for s in spans), max(s.span.end_ms for s in spans))
            if spans
            else None
        )
        yield Sign(CauseKind.DISK_ERRORS, (), hit, Certainty.CERTAIN, told, basis)
    for time_ms, event in facts.events:
        kind = {
            EventKind.DISK_ERROR: CauseKind.DISK_ERRORS,
            EventKind.DISK_FULL: CauseKind.DISK_FULL,
            EventKind.REPAIRED: CauseKind.REPAIR_CUT,
        }.get(event.kind)
        if kind is not None:
            told = (said("logged", text=event.text[:80]),)
            at = TimeSpan(time_ms, time_ms)
            yield Sign(kind, (), at, Certainty.CERTAIN, told, (named_event(event),))
    yield from _stopped(facts)
    yield from _filled(facts)
    yield from _without_room(facts)


def _stopped(facts: Facts) -> Iterator[Sign]:
    """The log goes on behind the last footage: the recorder ran, but wrote nothing."""
    if not facts.footage.spans or not facts.events:
        return
    last = facts.footage.spans[-1].end_ms
    later = [(t, e) for t, e in facts.events if t > last + TOGETHER_MS]
    off = [t for t, e in later if e.kind is EventKind.POWER_OFF]
    awake = [(t, e) for t, e in later if not off or t < off[0]]
    if awake and awake[-1][0] >= last + _GOES_ON_MS and not events_near(facts, last, _STOPS):
        yield Sign(
            CauseKind.WRITE_STOP,
            (),
            TimeSpan(last, awake[-1][0]),
            Certainty.SUSPECTED,
            (said("log_goes_on"),),
            tuple(named_event(event) for _, event in awake[-3:]),
        )


def _filled(facts: Facts) -> Iterator[Sign]:
    """The ring is written to its last block once, and recording did not begin again at its start.

    A disk that was pulled just then looks the same.
    """
    rings = [one.ring for one in facts.evidence.volumes if one.ring is not None]
    if len(rings) != 1 or not facts.footage.spans or facts.proven.keys() - {None}:
        return
    ring, last = rings[0], facts.footage.spans[-1].end_ms
    inside = facts.shelf.touching([Extent(ring.extent.end - ring.block, ring.extent.end)])
    late = [facts.shelf.segments[i] for i in inside.tolist()]
    if ring.head != ring.extent.start or not any(
        one.end_ms is not None and last - one.end_ms <= _GOES_ON_MS for one in late
    ):
        return
    at, told = TimeSpan(last, last), (said("written_once"),)
    yield Sign(CauseKind.DISK_FULL, (), at, Certainty.SUSPECTED, told)


def _without_room(facts: Facts) -> Iterator[Sign]:
    """The file system that holds the last footage has no room for any more, and none was deleted.

    A recorder that goes round deletes before it writes. Files of one and the same size were made
    before there was footage for them: such a volume is full from the first day.
    """
    if not facts.footage.spans:
        return
    last = facts.footage.spans[-1].end_ms
    for one in facts.evidence.volumes:
        if one.unallocated is None:
            continue
        inside = [c for c in facts.evidence.claims if c.extents and _lies_in(c, one.extent)]
        files = [c for c in inside if c.kind is ClaimKind.FILE and c.channel is not None]
        sizes = [total(claim.extents) for claim in files]
        late = any(
            last - facts.dates[id(c)].end_ms <= _GOES_ON_MS for c in files if id(c) in facts.dates
        )
        goes_round = any(claim.kind is not ClaimKind.FILE for claim in inside)
        if not late or goes_round or len(files) < 2 or len(set(sizes)) == 1:
            continue
        if one.unallocated * _ROOM_SHARE <= median(sizes):
            told = (said("no_room", left=one.unallocated),)
            yield Sign(CauseKind.DISK_FULL, (), TimeSpan(last, last), Certainty.SUSPECTED, told)


def _lies_in(claim: Claim, extent: Extent) -> bool:
    return extent.start <= claim.extents[0].start < extent.end
