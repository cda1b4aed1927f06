"""What is drawn: one lane of cells per camera, and the ticks of the time axis."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vidrecover.model import RecorderMs, State, StateSpan, TimeSpan
from vidrecover.report._answer import SEVERITY
from vidrecover.report._words import in_calendar, spoken

_FINEST, _COARSEST = 1 << 17, 1 << 3  # cells over the whole window at which drawing begins, ends
_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
STEPS_MS = (
    *(n * _SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 3, 6, 12)),
    *(n * _DAY for n in (1, 2, 7, 14, 30, 91, 182, 365, 730, 1826, 3652, 18262, 36525, 365242)),
)
"""Distances between ticks that people read easily."""
MOST_TICKS = 7
_BLOCKS = {
    State.RECORDED: "█",
    State.NOT_INDEXED: "▓",
    State.NO_SIGNAL: "○",
    State.INDEXED_NOT_FOUND: "?",
    State.OVERWRITTEN: "x",
    State.UNREADABLE: "!",
    State.RECORDER_OFF: "·",
    State.NOT_RECORDED: "-",
    State.NOT_KNOWN: "~",
}


class Cell(NamedTuple):
    """A piece of a lane: one span, or `number` neighbours too short to be drawn apart.

    state: the worst of them; first: place of the first among the camera's spans.
    """

    span: TimeSpan
    state: State
    first: int
    number: int


class Tick(NamedTuple):
    """A mark of the time axis. place: 0 to 100 along the lane."""

    place: float
    text: str


def drawn(lanes: Sequence[Sequence[StateSpan]], window: TimeSpan, *, most: int) -> list[list[Cell]]:
    """The cells of all lanes, as finely as their number allows: `most` of them, or nearly."""
    pieces = _FINEST
    while True:
        resolution = max((window.end_ms - window.start_ms) // pieces, 1)
        found = [list(cells(spans, resolution)) for spans in lanes]
        if pieces == _COARSEST or sum(map(len, found)) <= most:
            return found
        pieces //= 2


def cells(spans: Sequence[StateSpan], resolution_ms: int) -> Iterator[Cell]:
    """The spans, neighbours drawn together while they are shorter than the resolution in all."""
    first, place = 0, 0
    while first < len(spans):
        start_ms = spans[first].span.start_ms
        place = first + 1
        while place < len(spans) and spans[place].span.end_ms - start_ms < resolution_ms:
            place += 1
        group = spans[first:place]
        worst = max((one.state for one in group), key=SEVERITY.__getitem__)
        yield Cell(TimeSpan(start_ms, group[-1].span.end_ms), worst, first, len(group))
        first = place


def ticks(window: TimeSpan) -> list[Tick]:
    """At most eight marks at round times; dates where days begin. None beyond the calendar."""
    length = max(window.end_ms - window.start_ms, 1)
    step = next((one for one in STEPS_MS if length <= one * MOST_TICKS), STEPS_MS[-1])
    first = -(-window.start_ms // step) * step
    if not in_calendar(window.start_ms) or not in_calendar(window.end_ms):
        return []
    return [
        Tick(100 * (time_ms - window.start_ms) / length, _tick_text(time_ms, step))
        for time_ms in range(first, window.end_ms + 1, step)
    ]


def _tick_text(time_ms: RecorderMs, step: int) -> str:
    date, _, of_day = spoken(time_ms).partition(" ")
    if step >= 91 * _DAY:
        return date[:7] if step >= 365 * _DAY else date
    if step >= _DAY or time_ms % _DAY == 0:
        return date[5:]
    return of_day[:8] if step < _MINUTE else of_day[:5]


def blocks(spans: Sequence[StateSpan], window: TimeSpan, width: int) -> str:
    """A lane of `width` characters: the worst state in each slice of the window."""
    length = max(window.end_ms - window.start_ms, 1)
    line, worst = [" "] * width, [-1] * width
    for one in spans:
        first = max((one.span.start_ms - window.start_ms) * width // length, 0)
        last = min((one.span.end_ms - window.start_ms - 1) * width // length, width - 1)
        for place in range(first, last + 1):
            if SEVERITY[one.state] > worst[place]:
                worst[place], line[place] = SEVERITY[one.state], _BLOCKS[one.state]
    return "".join(line)


def block(state: State) -> str:
    """The character that stands for a state."""
    return _BLOCKS[state]
