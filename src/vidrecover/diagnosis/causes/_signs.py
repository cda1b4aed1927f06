"""What detectors yield, and what they share."""

from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from vidrecover.diagnosis._facts import Facts
from vidrecover.model import (
    CauseKind,
    Certainty,
    ChannelDiagnosis,
    Event,
    EventKind,
    RecorderMs,
    Said,
    Segment,
    State,
    StateSpan,
    TimeSpan,
)

BLIP_MS = 2000
"""Shorter stretches are listed, not headlined."""

TOGETHER_MS = 5000
"""All cameras that end within this end for one reason. [B: vehicle-faults.md 4.5]"""

_DAY_MS = 86_400_000
_SAME_TIME_MS = 120_000  # of a day at which a schedule begins or ends, give or take [C]
_SHORTEST_BREAK_MS = 600_000  # that a schedule would make [C]

LASTING = frozenset(CauseKind) - {
    CauseKind.POWER_CUT,
    CauseKind.CLOCK_JUMP,
    CauseKind.WRITE_STOP,
    CauseKind.DISK_ERRORS,
    CauseKind.DISK_FULL,
    CauseKind.RESOLUTION_CHANGED,
    CauseKind.FRAME_RATE_CHANGED,
}
"""Kinds whose stretches are long or short; the others happen at a moment."""


class Sign(NamedTuple):
    """One sign of a cause. channels: empty for the recorder as a whole."""

    kind: CauseKind
    channels: tuple[int | None, ...]
    span: TimeSpan | None
    certainty: Certainty
    said: tuple[Said, ...]
    basis: tuple[str, ...] = ()


def spans_of(one: ChannelDiagnosis, states: Iterable[State]) -> list[StateSpan]:
    """Neighbouring spans of these states as one, with the reason of the first."""
    wanted, found = frozenset(states), list[StateSpan]()
    for span in one.spans:
        if span.state not in wanted:
            continue
        last = found[-1] if found else None
        if last is not None and last.span.end_ms == span.span.start_ms:
            found[-1] = StateSpan(
                span=TimeSpan(last.span.start_ms, span.span.end_ms),
                state=last.state,
                indexed=last.indexed and span.indexed,
                picture=last.picture,
                reason=last.reason,
                basis=tuple(dict.fromkeys([*last.basis, *span.basis])),
            )
        else:
            found.append(span)
    return found


def recurring(spans: Iterable[TimeSpan]) -> list[TimeSpan]:
    """Long ones that begin and end at the same time of the day as one of another day."""
    long = [one for one in spans if one.end_ms - one.start_ms >= _SHORTEST_BREAK_MS]
    return [one for one in long if any(_same_hours(one, other) for other in long)]


def _same_hours(one: TimeSpan, other: TimeSpan) -> bool:
    if one.start_ms // _DAY_MS == other.start_ms // _DAY_MS:
        return False
    return all(
        min(abs(a - b) % _DAY_MS, _DAY_MS - abs(a - b) % _DAY_MS) <= _SAME_TIME_MS
        for a, b in zip(one, other, strict=True)
    )


def overlap(one: TimeSpan, other: TimeSpan) -> int:
    """Milliseconds that two spans share."""
    return max(min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms), 0)


def named_event(one: Event) -> str:
    """An event as a basis."""
    return f"event {one.id}" if one.id is not None else f"event at {one.entry.start:#x}"


def named_segments(segments: Sequence[Segment]) -> tuple[str, ...]:
    """Segments as a basis."""
    return tuple(
        f"segment {one.id}" if one.id is not None else f"segment at {one.start:#x}"
        for one in segments
    )


def events_near(facts: Facts, time_ms: RecorderMs, kinds: Set[EventKind]) -> list[Event]:
    """The log's records of some kinds at about a moment."""
    near = facts.during(TimeSpan(time_ms - TOGETHER_MS, time_ms + TOGETHER_MS))
    return [event for _, event in near if event.kind in kinds]
