"""The diagnosis: a lane per camera, spans with reasons, and the contract's JSON."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import msgspec

from vidrecover import clock
from vidrecover.model import (
    ChannelDiagnosis,
    ClockOffset,
    Diagnosis,
    Joins,
    SaidValue,
    State,
    StateSpan,
    TimeSpan,
)
from vidrecover.show._causes import causes_json, causes_text, overwrite_json, overwrite_text
from vidrecover.show._words import camera_words, table
from vidrecover.wording import Wording, said, text

STATE_WORDS = {state: text([said(f"state_{state.value}")]) for state in State}
STATE_MEANINGS = {state: text([said(f"means_{state.value}")]) for state in State}
_LANE = {
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
_PLAIN = str.maketrans({"█": "#", "▓": "=", "○": "o", "·": "."})
_LANE_WIDTH = 48
_MOST_SPANS = 24  # listed for one camera
_DAY_MS = 86_400_000
_MOST_CLOCKS = 6
_MOST_JOINS = 8  # proofs or doubts listed
_SEVERITY = {state: place for place, state in enumerate(State)}


def speakable(text: str, encoding: str) -> str:
    """The text in letters that the terminal has; lanes have plain ones for every terminal."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, errors="replace").decode(encoding)
    return text


def is_whole(result: Diagnosis) -> bool:
    """Whether all was read, there is footage, and every camera is recorded while any is."""
    states = {one.state for one in result.channels}
    fine = bool(states) and states <= {State.RECORDED, State.RECORDER_OFF}
    return fine and result.scanned_share == 1.0


def diagnosis_json(result: Diagnosis) -> dict[str, Any]:
    """The contract of `diagnose --json`, with the causes beside it."""
    window = result.window
    return {
        "source": result.source,
        "scanned_share": result.scanned_share,
        "window": None if window is None else [clock.iso(time) for time in window],
        "channels": [
            {
                "channel": one.channel,
                "state": one.state.value,
                "spans": [_span_json(span) for span in one.spans],
                **({} if one.label is None else {"label": camera_words(one.label)}),
            }
            for one in result.channels
        ],
        "notes": list(result.notes),
        "causes": causes_json(result.causes),
        "overwrite": overwrite_json(result.overwrite),
        "media": [msgspec.to_builtins(one) for one in result.media],
        "clocks": clocks_json(result.clocks),
        "joins": [msgspec.to_builtins(one) for one in result.joins],
    }


def clocks_json(found: Sequence[ClockOffset]) -> list[dict[str, Any]]:
    """The recorder's clock minus that of the satellites, in seconds, for each span."""
    return [
        {
            "from": clock.iso(one.span.start_ms),
            "to": clock.iso(one.span.end_ms),
            "reference": "gps",
            "offset_s": one.offset_ms / 1000,
            "spread_s": one.spread_ms / 1000,
            "records": one.records,
        }
        for one in found
    ]


def _span_json(one: StateSpan) -> dict[str, Any]:
    return {
        "from": clock.iso(one.span.start_ms),
        "to": clock.iso(one.span.end_ms),
        "state": one.state.value,
        "indexed": one.indexed,
        "picture": one.picture.value,
        "reason": one.reason,
        "basis": list(one.basis),
    }


def diagnosis_text(result: Diagnosis, language: Wording = "en") -> str:
    """The sum, why, a lane per camera, worst first, every span with its reason; recorder time."""
    say = partial(_say, language)
    lines = overwrite_text(result.overwrite, language)
    lines += _read_lines(result, say)
    notes = [say("note", note=one) for one in notes_in(result, language)]
    notes += [say("note", note=_offset(one, say)) for one in result.clocks[:_MOST_CLOCKS]]
    notes += _join_lines(result.joins, language)
    if result.window is None:
        undated = [
            say(
                "undated_camera",
                camera=_camera(one.channel or one.label, say),
                state=said(f"state_{one.state.value}"),
            )
            for one in result.channels
            if one.state is not State.NOT_KNOWN
        ]
        return "\n".join([*lines, say("no_dated"), *undated, *notes])
    start, end = result.window
    ordered = sorted(result.channels, key=_worst_first)
    rows = [
        (
            _camera(one.channel or one.label, say),
            say(f"state_{one.state.value}"),
            _lane(one, result.window),
        )
        for one in ordered
    ]
    lines += [say("recorder_time", start=start, end=end), _sum_words(ordered, say), ""]
    why = causes_text(result.causes, result.window, language)
    lines += [*([say("why"), *(f"  {line}" for line in why), ""] if why else [])]
    lines += [
        table(("", "", _ruler(result.window)), rows),
        "",
        *_legend(ordered, say),
        "",
    ]
    tell = partial(_told, window=result.window, language=language)
    for told, alike in groupby(ordered, key=tell):
        lines.append(_cameras([one.channel or one.label for one in alike], say))
        lines += [f"  {line}" for line in told]
    return "\n".join(lines + notes)


def _offset(one: ClockOffset, say: Callable[..., str]) -> str:
    """How far the recorder's clock was from the satellites'."""
    return say(
        "clock_behind" if one.offset_ms < 0 else "clock_ahead",
        start=clock.spoken(one.span.start_ms),
        end=clock.spoken(one.span.end_ms),
        seconds=f"{abs(one.offset_ms) / 1000:.3f}",
        records=one.records,
    )


def _join_lines(joins: Sequence[Joins], language: Wording) -> list[str]:
    """How many frames were put together over borders, and how many were not; the proofs and
    doubts as the catalogue has them, in English."""
    lines = []
    for key, own in (
        ("put_together", [one for one in joins if one.joined]),
        ("not_put_together", [one for one in joins if not one.joined]),
    ):
        if own:
            told = said(key, count=sum(one.frames for one in own))
            lines.append(_say(language, "note", note=told))
            if language == "en":
                lines += [f"  {one.frames:,}: {one.words}" for one in own[:_MOST_JOINS]]
    return lines


def notes_in(result: Diagnosis, language: Wording) -> list[str]:
    """The notes in a language; those that came from elsewhere as they are."""
    known = [text([one], language) for one in result.said]
    return [*known, *result.notes[len(known) :]]


def _say(language: Wording, key: str, **values: SaidValue) -> str:
    return text([said(key, **values)], language)


def _camera(channel: int | str | None, say: Callable[..., str]) -> str:
    return say("camera_unknown") if channel is None else say("camera", channel=channel)


def _cameras(channels: Sequence[int | str | None], say: Callable[..., str]) -> str:
    if len(channels) == 1:
        return _camera(channels[0], say)
    names = (say("unknown_in_list") if one is None else str(one) for one in channels)
    return say("camera_list", list=", ".join(names))


def _read_lines(result: Diagnosis, say: Callable[..., str]) -> list[str]:
    """What was read, a line for each medium."""
    if not result.media:
        return [say("was_read", source=result.source, share=f"{100 * result.scanned_share:.1f}")]
    return [
        say(
            "medium_read",
            medium=one.name,
            source=one.source or say("never_read"),
            share=f"{100 * one.scanned_share:.1f}",
        )
        for one in result.media
    ]


def _worst_first(one: ChannelDiagnosis) -> tuple[int, bool, int, bool, str]:
    label = (one.label is None, one.label or "")
    return -_SEVERITY[one.state], one.channel is None, one.channel or 0, *label


def _sum_words(channels: Sequence[ChannelDiagnosis], say: Callable[..., str]) -> str:
    """`12 cameras: 2 no signal; 6 on disk, not indexed; 4 recorded`, worst first."""
    counts = [
        said("counted_state", count=len(list(group)), state=said(f"state_{state.value}"))
        for state, group in groupby(channels, key=lambda one: one.state)
    ]
    known = sum((one.channel or one.label) is not None for one in channels)
    cameras = said("one_camera") if known == 1 else said("cameras", count=known)
    if known < len(channels):
        cameras = said("cameras_and_unknown", cameras=cameras) if known else said("unknown_alone")
    return say("sum", cameras=cameras, states=tuple(counts))


def _legend(channels: Sequence[ChannelDiagnosis], say: Callable[..., str]) -> list[str]:
    """What the signs in the lanes mean, those that occur."""
    used = {span.state for one in channels for span in one.spans}
    return [
        say(
            "legend",
            sign=_LANE[one],
            state=said(f"state_{one.value}"),
            meaning=said(f"means_{one.value}"),
        )
        for one in State
        if one in used
    ]


def _told(one: ChannelDiagnosis, window: TimeSpan, language: Wording) -> tuple[str, ...]:
    """A line for each span, the basis left to JSON; a day's date once, where there are several."""
    lines, day = list[str](), window.start_ms // _DAY_MS
    dated = window.end_ms // _DAY_MS != day
    for place, span in enumerate(one.spans[:_MOST_SPANS]):
        if dated and (place == 0 or span.span.start_ms // _DAY_MS != day):
            day = span.span.start_ms // _DAY_MS
            lines.append(_say(language, "of_day", date=clock.spoken(span.span.start_ms)[:10]))
        lines.append(("  " if dated else "") + _span_text(span, language))
    more = len(one.spans) - _MOST_SPANS
    if more > 0:
        lines.append(_say(language, "more_spans", count=more))
    return tuple(lines)


def _span_text(one: StateSpan, language: Wording) -> str:
    """A span by the time of its day; with a date where it ends on another day."""
    start, end = (clock.spoken(time) for time in one.span)
    same = start[:10] == end[:10]
    return _say(
        language,
        "dated_span",
        start=start[11:],
        end=end[11:] if same else end,
        state=said(f"state_{one.state.value}"),
        told=one.said or one.reason,
    )


def _ruler(window: TimeSpan) -> str:
    """Start and end of the lanes at their ends: times of a day, or dates of several."""
    start, end = (clock.spoken(time) for time in window)
    if window.start_ms // _DAY_MS == window.end_ms // _DAY_MS:
        return f"{start[11:19]}{end[11:19]:>{_LANE_WIDTH - 8}}"
    return f"{start[:16]}{end[:16]:>{_LANE_WIDTH - 16}}"


def _lane(one: ChannelDiagnosis, window: TimeSpan) -> str:
    """One character per slice of the window: the worst state in it."""
    start, end = window
    length = max(end - start, 1)
    cells = [" "] * _LANE_WIDTH
    worst = [-1] * _LANE_WIDTH
    for span in one.spans:
        first = max((span.span.start_ms - start) * _LANE_WIDTH // length, 0)
        last = min((span.span.end_ms - start - 1) * _LANE_WIDTH // length, _LANE_WIDTH - 1)
        for place in range(first, last + 1):
            if _SEVERITY[span.state] > worst[place]:
                worst[place], cells[place] = _SEVERITY[span.state], _LANE[span.state]
    return "".join(cells)
