"""Which spans are told in full on a page that must stay small; the worst and longest first."""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from vidrecover.model import ChannelDiagnosis, PictureState, State, StateSpan, TimeSpan
from vidrecover.report._answer import SEVERITY
from vidrecover.report._shown import shown
from vidrecover.report._words import Words
from vidrecover.show import ranges

_ROW_BYTES = 420  # of a row's tags and times
_MOST_BASIS = 12
_NUMBERED = re.compile(r"([a-z]{1,20}) ([0-9]{1,15})")
STATES = tuple(State)
PICTURES = tuple(PictureState)


class Limits(NamedTuple):
    """How much a page holds. items: log records, clips, volumes, extents, of each; lanes: cameras;
    cells: pieces drawn in all lanes; spans: told on pointing at them, with strings of so many
    bytes; table_bytes: of the tables of spans.
    """

    items: int = 400
    lanes: int = 128
    cells: int = 6000
    spans: int = 25_000
    string_bytes: int = 1_000_000
    table_bytes: int = 1_500_000

    def halved(self) -> "Limits":
        """Half of everything."""
        return Limits(*(one // 2 for one in self))


class Row(NamedTuple):
    """One span in a camera's table."""

    one: StateSpan
    basis: str


class Told(NamedTuple):
    """What one camera's spans are told with. rows: in time order; hidden: spans not among them;
    records: of the spans the page carries, for its script: [from, to, state, listed, picture,
    reason, basis], times relative to the window, reason and basis as places in the strings.
    """

    rows: list[Row]
    hidden: int
    records: list[list[int]]


def told(
    channels: Sequence[ChannelDiagnosis], window: TimeSpan, words: Words, limits: Limits
) -> tuple[list[Told], list[str]]:
    """What is told of each camera, and the strings that records refer to."""
    every = [(lane, place) for lane, one in enumerate(channels) for place in range(len(one.spans))]
    every.sort(key=lambda at: _urgency(channels[at[0]].spans[at[1]]))
    strings: dict[str, int] = {}
    rows: list[dict[int, Row]] = [{} for _ in channels]
    records: list[dict[int, list[int]]] = [{} for _ in channels]
    in_table, in_strings = limits.table_bytes, limits.string_bytes
    for lane, place in every[: limits.spans]:
        one = channels[lane].spans[place]
        basis, reason = basis_text(one, words), shown(words.reason(one))
        if in_table > 0:
            rows[lane][place] = Row(one, basis)
            in_table -= _ROW_BYTES + len(escape(basis).encode()) + len(escape(reason).encode())
        new = [text for text in (reason, basis) if text not in strings]
        if in_strings > 0:
            in_strings -= sum(len(script_text(text)) for text in new)
            for text in new:
                strings.setdefault(text, len(strings))
        records[lane][place] = _record(one, window, strings.get(reason), strings.get(basis))
    found = [
        Told(
            [rows[lane][place] for place in sorted(rows[lane])],
            len(one.spans) - len(rows[lane]),
            [records[lane][place] for place in sorted(records[lane])],
        )
        for lane, one in enumerate(channels)
    ]
    return found, list(strings)


def worst_first(channels: Sequence[ChannelDiagnosis], most: int) -> list[ChannelDiagnosis]:
    """At most so many cameras, those in the worst states, in the order given."""
    ranked = sorted(range(len(channels)), key=lambda at: -SEVERITY[channels[at].state])
    return [channels[at] for at in sorted(ranked[:most])]


def basis_text(one: StateSpan, words: Words) -> str:
    """What a span rests on, neighbouring numbers drawn together: `segment 1-4, 9; claim 3`."""
    numbered: dict[str, list[int]] = {}
    parts: list[str] = []
    for item in one.basis:
        match = _NUMBERED.fullmatch(item)
        if match:
            numbered.setdefault(match[1], []).append(int(match[2]))
        else:
            parts.append(shown(item))
    runs = [f"{name} {_cut(ranges(numbers), words)}" for name, numbers in numbered.items()]
    return "; ".join([*runs, _cut(parts, words)] if parts else runs)


def _cut(parts: Sequence[str], words: Words) -> str:
    """The first dozen, and how many there are besides."""
    more = len(parts) - _MOST_BASIS
    tail = [words("label.cut", count=more)] if more > 0 else []
    return ", ".join([*parts[:_MOST_BASIS], *tail])


def script_text(value: Any) -> str:
    """JSON that can stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for one in "<>&":
        text = text.replace(one, f"\\u{ord(one):04x}")
    return text


def script_data(value: Any) -> Markup:
    """The same, for a template."""
    return Markup(script_text(value))


def _urgency(one: StateSpan) -> tuple[int, int]:
    return -SEVERITY[one.state], one.span.start_ms - one.span.end_ms


def _record(one: StateSpan, window: TimeSpan, reason: int | None, basis: int | None) -> list[int]:
    return [
        one.span.start_ms - window.start_ms,
        one.span.end_ms - window.start_ms,
        STATES.index(one.state),
        int(one.indexed),
        PICTURES.index(one.picture),
        -1 if reason is None else reason,
        -1 if basis is None else basis,
    ]
