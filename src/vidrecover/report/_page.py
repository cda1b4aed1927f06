"""The page: one HTML file with all it needs inside, and nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vidrecover.catalogue import ChannelSummary
from vidrecover.model import (
    ChannelDiagnosis,
    State,
    TimeSpan,
)
from vidrecover.report import _lanes, _spans
from vidrecover.report._answer import Sentence, answer, lasting, troubled
from vidrecover.report._clocks import clocks
from vidrecover.report._facts import Facts, ReadShare
from vidrecover.report._shown import shown
from vidrecover.report._why import brief, deadline, labels_of, why
from vidrecover.report._words import Words, share, spoken

_FOLDER = Path(__file__).parent
MOST_BYTES = 4_900_000
"""Of a page, whatever the case holds."""
_OPEN_ROWS = 60  # spans up to which all cameras stand in one open table


class Lane(NamedTuple):
    """One camera on the page."""

    one: ChannelDiagnosis
    name: str
    cells: list[_lanes.Cell]
    told: _spans.Told
    total: ChannelSummary | None
    lasting: dict[State, int]


class Slice(NamedTuple):
    """A part of the bar of bytes. start, width: 0 to 100."""

    key: str
    size: int
    start: float
    width: float


def page(facts: Facts, words: Words) -> str:
    """The whole page as text, to be written as UTF-8; what finds no room is counted on it."""
    limits = _spans.Limits()
    found = _rendered(facts, words, limits)
    while len(found.encode()) > MOST_BYTES and limits.items:
        limits = limits.halved()
        found = _rendered(facts, words, limits)
    return found


def _rendered(facts: Facts, words: Words, limits: _spans.Limits) -> str:
    style, script = _inline("page.css"), _inline("page.js")
    values = {
        "facts": facts,
        "w": words,
        "policy": _policy(style, script),
        "style": Markup(style),
        "script": Markup(script),
        "bad": len(troubled(facts.diagnosis)),
        "notes": [*words.notes(facts.diagnosis), *facts.notes],
        "slices": list(slices(facts.read)),
        "clocks": clocks(facts, words),
        "most": limits.items,
        "safely": Markup,
        "why": why(facts, words),
        "brief": brief(facts, words),
        "around": labels_of(words),
        "deadline": list(deadline(facts, words)),
        "share": share,
        "spoken": spoken,
    }
    values |= _sentences(facts, words)
    values |= _timeline(facts, words, limits)
    return _environment().get_template("page.html").render(values)


def _sentences(facts: Facts, words: Words) -> dict[str, list[Sentence]]:
    """The answer, in what stands before, among and after the sentences about states."""
    said = answer(facts, words)
    stated = [one for one in said if one.state is not None]
    first = said.index(stated[0]) if stated else min(len(said), 2)
    return {
        "before": said[:first],
        "stated": stated,
        "after": said[first + len(stated) :],
    }


def _timeline(facts: Facts, words: Words, limits: _spans.Limits) -> dict[str, Any]:
    """Lanes, ticks, legend, and what the page's script reads."""
    window = facts.diagnosis.window or TimeSpan(0, 1)
    every = facts.diagnosis.channels
    shown_lanes = _spans.worst_first(every, limits.lanes)
    told, strings = _spans.told(shown_lanes, window, words, limits)
    drawn = _lanes.drawn([one.spans for one in shown_lanes], window, most=limits.cells)
    totals = {one.channel: one for one in facts.totals}
    lanes = [
        Lane(
            one=one,
            name=words.camera(one.channel or one.label),
            cells=_painted(drawn[place], window),
            told=told[place],
            total=totals.get(one.channel) if one.label is None else None,
            lasting=lasting(one),
        )
        for place, one in enumerate(shown_lanes)
    ]
    used = {span.state for one in every for span in one.spans}
    return {
        "window": facts.diagnosis.window,
        "lanes": lanes,
        "more_lanes": len(every) - len(lanes),
        "few": sum(len(one.spans) for one in shown_lanes) <= _OPEN_ROWS,
        "ticks": _lanes.ticks(window) if facts.diagnosis.window else [],
        "legend": [state for state in State if state in used],
        "data": _spans.script_data(_data(window, lanes, strings, words)),
    }


def _data(
    window: TimeSpan, lanes: Sequence[Lane], strings: Sequence[str], words: Words
) -> dict[str, Any]:
    return {
        "start": window.start_ms,
        "length": window.end_ms - window.start_ms,
        "steps": _lanes.STEPS_MS,
        "ticks": _lanes.MOST_TICKS,
        "lanes": [{"name": one.name, "spans": one.told.records} for one in lanes],
        "states": [
            [state.value, words.state(state), words.general(state)] for state in _spans.STATES
        ],
        "pictures": [words.picture(one) for one in _spans.PICTURES],
        "strings": strings,
        "words": {**words.section("chart"), **words.section("label")},
        "units": words.section("unit"),
    }


def _painted(cells: Sequence[_lanes.Cell], window: TimeSpan) -> list[_lanes.Cell]:
    """In the order of painting: what is too thin to be seen stands on top of what is not."""
    thin = (window.end_ms - window.start_ms) / 500
    return sorted(cells, key=lambda one: one.span.end_ms - one.span.start_ms < thin)


def slices(read: ReadShare) -> Iterator[Slice]:
    """What became of the bytes, in the order in which it is told."""
    start = 0.0
    parts = (
        ("understood", read.understood),
        ("blank", read.blank),
        ("unidentified", read.unidentified),
        ("unreadable", read.refused),
        ("not_read", read.not_read),
    )
    for key, size in parts:
        width = 100 * size / read.size if read.size else 0.0
        yield Slice(key, size, start, width)
        start += width


def _policy(style: str, script: str) -> str:
    """The page's own rule for the browser: this style, this script, and no connection at all."""
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _inline(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8").replace("\r\n", "\n").strip()


@cache
def _environment() -> Environment:
    """Templates in which every value is escaped, and every string first made safe to show."""
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_safe,
    )


def _safe(value: object) -> object:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
