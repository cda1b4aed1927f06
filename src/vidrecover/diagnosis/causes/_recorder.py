"""Causes that lie with the recorder, its power, its ring and its index."""

from collections.abc import Iterator, Sequence

from vidrecover.diagnosis._facts import Facts
from vidrecover.diagnosis.causes._clocks import Leap, is_reset
from vidrecover.diagnosis.causes._signs import (
    TOGETHER_MS,
    Sign,
    events_near,
    named_event,
    overlap,
    recurring,
    spans_of,
)
from vidrecover.model import (
    CauseKind,
    Certainty,
    ChannelDiagnosis,
    Claim,
    ClaimKind,
    EventKind,
    RecorderMs,
    State,
    StateSpan,
    TimeSpan,
)
from vidrecover.timeline import covered, lists, provable_from
from vidrecover.wording import said

_RESTART_MS = 180_000  # a shorter pause of all cameras is a restart rather than a stop [C]
_CUT_MS = 2000  # that footage goes on behind the end of its entry [C: entries hold whole seconds]
_OWN = frozenset({ClaimKind.INDEX, ClaimKind.FILE})


def signs(
    facts: Facts, channels: Sequence[ChannelDiagnosis], leaps: Sequence[Leap]
) -> Iterator[Sign]:
    """Signs about the recorder as a whole; leaps: of its clock."""
    known = [one for one in channels if one.channel is not None]
    opened = _opened(facts)
    yield from _ends(facts, known, opened, leaps)
    yield from _overwritten(facts, known, leaps)
    yield from _index(facts, channels, opened)
    yield from _not_written(channels)
    yield from _repaired(facts, channels)


def _named(claim: Claim) -> str:
    return f"claim {claim.id}" if claim.id is not None else f"claim at {claim.entry.start:#x}"


def _opened(facts: Facts) -> list[tuple[RecorderMs, Claim]]:
    """Entries that were never closed, with the end of their footage, in order of that."""
    found = [
        (facts.dates[id(claim)].end_ms, claim)
        for claim in facts.evidence.claims
        if claim.open and claim.kind in _OWN and id(claim) in facts.dates
    ]
    return sorted(found, key=lambda one: one[0])


def _ends(
    facts: Facts,
    known: Sequence[ChannelDiagnosis],
    opened: Sequence[tuple[RecorderMs, Claim]],
    leaps: Sequence[Leap],
) -> Iterator[Sign]:
    """Why all cameras stop together, once for each pause and for the last footage."""
    told: set[int] = set()
    pauses = [
        pause
        for pause in _pauses(facts, known)
        if not any(abs(leap.time_ms - pause.span.start_ms) <= TOGETHER_MS for leap in leaps)
    ]
    regular = recurring(pause.span for pause in pauses)
    spells = facts.footage.spans
    ends = {one.span.start_ms: one for one in pauses}
    moments: list[tuple[RecorderMs, RecorderMs | None]] = [
        (start, ends[start].span.end_ms) for start in sorted(ends)
    ]
    if spells:
        moments.append((spells[-1].end_ms, None))  # the last footage
    for stop_ms, resume_ms in moments:
        cut = [(t, c) for t, c in opened if abs(t - stop_ms) <= TOGETHER_MS]
        told |= {id(claim) for _, claim in cut}
        span = TimeSpan(stop_ms, resume_ms if resume_ms is not None else stop_ms)
        pause = ends.get(stop_ms)
        yield from _end(
            facts, span, pause, cut, is_regular=pause is not None and pause.span in regular
        )
    for end_ms, claim in opened:
        if id(claim) not in told and claim.channel is not None:
            yield Sign(
                CauseKind.UNCLOSED_FILES,
                (claim.channel,),
                TimeSpan(claim.start_ms or end_ms, end_ms),
                Certainty.SUSPECTED,
                (said("unclosed_alone"),),
                (_named(claim),),
            )


def _pauses(facts: Facts, known: Sequence[ChannelDiagnosis]) -> list[StateSpan]:
    """Spans in which the diagnosis says that no camera has footage, between other footage."""
    if not known or not facts.footage.spans:
        return []
    first, last = facts.footage.spans[0].start_ms, facts.footage.spans[-1].end_ms
    fullest = max(known, key=lambda one: sum(s.state is State.RECORDER_OFF for s in one.spans))
    return [
        span
        for span in spans_of(fullest, {State.RECORDER_OFF})
        if first < span.span.start_ms and span.span.end_ms <= last
    ]


def _end(
    facts: Facts,
    span: TimeSpan,
    pause: StateSpan | None,
    cut: Sequence[tuple[RecorderMs, Claim]],
    *,
    is_regular: bool,
) -> Iterator[Sign]:
    """Why the footage of all cameras ends here; pause None: it does not go on."""
    logged = events_near(facts, span.start_ms, {EventKind.POWER_OFF})
    basis = tuple(_named(claim) for _, claim in cut) + tuple(map(named_event, logged))
    if cut:
        every = _running(facts, span.start_ms) <= {claim.channel for _, claim in cut}
        spread = max(t for t, _ in cut) - min(t for t, _ in cut)
        told = (said("unclosed_together", spread=spread),)
        sure = every and spread <= TOGETHER_MS
        certainty = Certainty.CERTAIN if sure else Certainty.SUSPECTED
        yield Sign(
            CauseKind.POWER_CUT,
            (),
            TimeSpan(span.start_ms, span.start_ms),
            certainty,
            told,
            basis,
        )
        return
    if pause is None or is_reset(span.start_ms) != is_reset(span.end_ms):
        return
    length = span.end_ms - span.start_ms
    if logged:
        why, kind, certainty = (
            said("power_logged"),
            CauseKind.IGNITION_OFF,
            Certainty.CERTAIN,
        )
    elif is_regular:
        why, kind, certainty = (
            said("all_same_hours"),
            CauseKind.RECORDING_SCHEDULE,
            Certainty.SUSPECTED,
        )
    elif length < _RESTART_MS:
        why, kind, certainty = (
            said("short_pause", length=length),
            CauseKind.RESTART,
            Certainty.SUSPECTED,
        )
    else:
        why, kind, certainty = (
            said("all_closed"),
            CauseKind.IGNITION_OFF,
            Certainty.SUSPECTED,
        )
    yield Sign(kind, (), span, certainty, (why,), (*basis, *pause.basis))


def _running(facts: Facts, stop_ms: RecorderMs) -> set[int | None]:
    """Cameras with footage in the last seconds before a moment."""
    late = TimeSpan(stop_ms - TOGETHER_MS, stop_ms)
    dated = (s for s in facts.shelf.segments if s.start_ms is not None)
    return {s.channel for s in dated if overlap(covered(s), late)}


def _overwritten(
    facts: Facts, known: Sequence[ChannelDiagnosis], leaps: Sequence[Leap]
) -> Iterator[Sign]:
    for one in known:
        for span in spans_of(one, {State.OVERWRITTEN}):
            yield Sign(
                CauseKind.RING_OVERWRITE,
                (one.channel,),
                span.span,
                Certainty.CERTAIN,
                (said("newer_lies"),),
                span.basis,
            )
    written_again = any(channel is not None for channel in facts.proven)
    since = max(facts.proven.values(), default=None)
    if since is None or not written_again or any(leap.step < 0 for leap in leaps):
        return
    if not facts.rewritten and not _came_round(facts):
        return
    start = min((s.span.start_ms for one in known for s in one.spans), default=since)
    if start < since and not any(spans_of(one, {State.OVERWRITTEN}) for one in known):
        told = (said("lost_before" if facts.rewritten else "lost_before_maybe", since=since),)
        gone = TimeSpan(start, since)
        yield Sign(CauseKind.RING_OVERWRITE, (), gone, Certainty.SUSPECTED, told)


def _came_round(facts: Facts) -> bool:
    """Whether the order of the footage on the disk shows more than pauses within blocks."""
    found = facts.evidence
    return bool(provable_from(facts.shelf, found.claims, facts.dates, found.size, paused=True))


def _index(
    facts: Facts, channels: Sequence[ChannelDiagnosis], opened: Sequence[tuple[RecorderMs, Claim]]
) -> Iterator[Sign]:
    """Footage that the recorder does not list: one camera's entries are gone, or all are."""
    listed = [claim for claim in facts.evidence.claims if lists(claim)]
    damage = tuple(word for volume in facts.evidence.volumes for word in volume.damage)
    cut = {(channel, span) for channel, span, _ in _cut_off(facts, channels)}
    for one in channels:
        for span in spans_of(one, {State.NOT_INDEXED}):
            if any(
                claim.channel == one.channel and overlap(facts.dates[id(claim)], span.span)
                for _, claim in opened
            ):
                continue
            if (one.channel, span.span) in cut:
                continue
            if listed and facts.is_reused(one.channel, span.span):
                kind, certainty = CauseKind.RING_OVERWRITE, Certainty.CERTAIN
                why = said("entry_replaced")
            elif listed:
                kind, certainty = CauseKind.INDEX_INCOMPLETE, Certainty.CERTAIN
                why = said("entries_missing")
            elif facts.evidence.volumes:
                kind, certainty = CauseKind.INDEX_LOST, Certainty.CERTAIN
                why = said("index_empty")
                if damage:
                    why = said("index_empty_damage", damage=damage[0])
            else:
                kind, certainty = CauseKind.INDEX_LOST, Certainty.SUSPECTED
                why = said("no_structure")
            yield Sign(kind, (one.channel,), span.span, certainty, (why,), span.basis)
    for time_ms, event in facts.events:
        if event.kind is EventKind.DISK_FORMATTED:
            told = (said("logged", text=event.text[:80]),)
            at = TimeSpan(time_ms, time_ms)
            yield Sign(CauseKind.INDEX_LOST, (), at, Certainty.CERTAIN, told, (named_event(event),))


def _not_written(channels: Sequence[ChannelDiagnosis]) -> Iterator[Sign]:
    for one in channels:
        for span in spans_of(one, {State.INDEXED_NOT_FOUND}):
            yield Sign(
                CauseKind.NOT_WRITTEN,
                (one.channel,),
                span.span,
                Certainty.SUSPECTED,
                (said("entry_only"),),
                span.basis,
            )


def _cut_off(
    facts: Facts, channels: Sequence[ChannelDiagnosis]
) -> list[tuple[int | None, TimeSpan, Claim]]:
    """Unlisted footage that goes on, in an entry's own bytes, behind the end that it names."""
    entries = [c for c in facts.evidence.claims if lists(c) and c.extents and id(c) in facts.dates]
    found = []
    for one in channels:
        for span in spans_of(one, {State.NOT_INDEXED}):
            near = [
                claim
                for claim in entries
                if claim.channel == one.channel
                and abs(facts.dates[id(claim)].end_ms - span.span.start_ms) <= _CUT_MS
            ]
            found += [(one.channel, span.span, c) for c in near if _goes_on(facts, c, span.span)]
    return found


def _goes_on(facts: Facts, claim: Claim, span: TimeSpan) -> bool:
    """Whether the footage of a span ends inside the claim's bytes."""
    inside = (facts.shelf.segments[i] for i in facts.shelf.touching(claim.extents).tolist())
    last = [s for s in inside if s.channel == claim.channel and s.start_ms is not None and s.frames]
    return any(
        abs(covered(s).end_ms - span.end_ms) <= _CUT_MS
        and any(extent.start < s.end <= extent.end for extent in claim.extents)
        for s in last
    )


def _repaired(facts: Facts, channels: Sequence[ChannelDiagnosis]) -> Iterator[Sign]:
    for channel, span, claim in _cut_off(facts, channels):
        yield Sign(
            CauseKind.REPAIR_CUT,
            (channel,),
            span,
            Certainty.SUSPECTED,
            (said("goes_on_behind"),),
            (_named(claim),),
        )
