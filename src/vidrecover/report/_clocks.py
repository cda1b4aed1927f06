"""What is known of the recorder's clock, in sentences."""

from vidrecover.clock import lasting
from vidrecover.model import ClockOffset, EventKind
from vidrecover.report._facts import Facts
from vidrecover.report._words import Words, spoken

_MOST_SETTINGS = 12


def clocks(facts: Facts, words: Words) -> list[str]:
    """Which times the footage carries, whether the clock was set, and what was not established."""
    first = [one.first_ms for one in facts.totals if one.first_ms is not None]
    last = [one.last_ms for one in facts.totals if one.last_ms is not None]
    if first and last:
        said = [words("clock.span", start=spoken(min(first)), end=spoken(max(last)))]
    else:
        said = [words("clock.none")]
    times = [
        one.time_ms
        for one in facts.events
        if one.kind is EventKind.CLOCK_SET and one.time_ms is not None
    ]
    if times:
        named = [spoken(time_ms) for time_ms in times[:_MOST_SETTINGS]]
        named += ["…"] if len(times) > _MOST_SETTINGS else []
        said.append(words("clock.set", times=", ".join(named)))
    elif facts.events:
        said.append(words("clock.unset"))
    offsets = facts.diagnosis.clocks
    said += [_offset(one, words) for one in offsets[:_MOST_SETTINGS]]
    if not offsets:
        said.append(words("clock.offset"))
    return [*said, words("clock.computer")]


def _offset(one: ClockOffset, words: Words) -> str:
    key = "clock.behind" if one.offset_ms < 0 else "clock.ahead"
    return words(
        key,
        start=spoken(one.span.start_ms),
        end=spoken(one.span.end_ms),
        offset=lasting(abs(one.offset_ms)),
        seconds=f"{abs(one.offset_ms) / 1000:.3f}",
        spread=f"{one.spread_ms / 1000:.3f}",
        count=one.records,
    )
