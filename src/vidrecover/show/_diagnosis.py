"""The diagnosis: a lane per camera, spans with reasons, and the contract's JSON."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import msgspec

from vidrecover import clock
from vidrecover.model import ChannelDiagnosis, Diagnosis, State, StateSpan, TimeSpan
from vidrecover.show._causes import causes_json, causes_text, overwrite_json, overwrite_text
from vidrecover.show._words import camera_words, cameras_words, table

STATE_WORDS = {
    State.RECORDED: "recorded",
    State.NOT_INDEXED: "on disk, not indexed",
    State.NO_SIGNAL: "no signal",
    State.INDEXED_NOT_FOUND: "indexed, not found",
    State.OVERWRITTEN: "overwritten",
    State.UNREADABLE: "unreadable",
    State.RECORDER_OFF: "recorder off",
    State.NOT_RECORDED: "not recorded",
    State.NOT_KNOWN: "not known",
}
STATE_MEANINGS = {
    State.RECORDED: "footage is on the disk, and the recorder lists it",
    State.NOT_INDEXED: "footage is on the disk, but the recorder does not list it",
    State.NO_SIGNAL: "the recorder had no picture of this camera: video loss",
    State.INDEXED_NOT_FOUND: "the recorder lists footage, but the bytes are not there",
    State.OVERWRITTEN: "there was footage; newer footage has taken its place",
    State.UNREADABLE: "the bytes lie where the disk cannot be read",
    State.RECORDER_OFF: "no camera at all has footage",
    State.NOT_RECORDED: "this camera has no footage while others have; every byte was read",
    State.NOT_KNOWN: "cannot be said; the reason names what is missing",
}
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
                "label": None if one.label is None else camera_words(one.label),
                "state": one.state.value,
                "spans": [_span_json(span) for span in one.spans],
            }
            for one in result.channels
        ],
        "notes": list(result.notes),
        "causes": causes_json(result.causes),
        "overwrite": overwrite_json(result.overwrite),
        "media": [msgspec.to_builtins(one) for one in result.media],
    }


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


def diagnosis_text(result: Diagnosis) -> str:
    """The sum, why, a lane per camera, worst first, every span with its reason; recorder time."""
    lines = overwrite_text(result.overwrite)
    lines += _read_lines(result)
    notes = [f"note: {one}" for one in result.notes]
    if result.window is None:
        undated = [
            f"{camera_words(one.channel or one.label)}: {STATE_WORDS[one.state]}, without a date"
            for one in result.channels
            if one.state is not State.NOT_KNOWN
        ]
        return "\n".join([*lines, "no dated footage was found", *undated, *notes])
    start, end = (clock.spoken(time) for time in result.window)
    ordered = sorted(result.channels, key=_worst_first)
    rows = [
        (
            camera_words(one.channel or one.label),
            STATE_WORDS[one.state],
            _lane(one, result.window),
        )
        for one in ordered
    ]
    lines += [f"recorder time {start} to {end}", _sum_words(ordered), ""]
    why = causes_text(result.causes, result.window)
    lines += [*(["why:", *(f"  {line}" for line in why), ""] if why else [])]
    lines += [
        table(("", "", _ruler(result.window)), rows),
        "",
        *_legend(ordered),
        "",
    ]
    for told, alike in groupby(ordered, key=_told):
        lines.append(cameras_words([one.channel or one.label for one in alike]))
        lines += [f"  {line}" for line in told]
    return "\n".join(lines + notes)


def _read_lines(result: Diagnosis) -> list[str]:
    """What was read, a line for each medium."""
    if not result.media:
        return [f"{result.source}: {100 * result.scanned_share:.1f} % of the bytes were read"]
    return [
        f"medium {one.name}: {one.source or 'never scanned'}:"
        f" {100 * one.scanned_share:.1f} % of the bytes were read"
        for one in result.media
    ]


def _worst_first(one: ChannelDiagnosis) -> tuple[int, bool, int, bool, str]:
    label = (one.label is None, one.label or "")
    return -_SEVERITY[one.state], one.channel is None, one.channel or 0, *label


def _sum_words(channels: Sequence[ChannelDiagnosis]) -> str:
    """`12 cameras: 2 no signal; 6 on disk, not indexed; 4 recorded`, worst first."""
    counts = [
        f"{len(list(group))} {STATE_WORDS[state]}"
        for state, group in groupby(channels, key=lambda one: one.state)
    ]
    known = sum((one.channel or one.label) is not None for one in channels)
    parts = [f"{known} camera{'' if known == 1 else 's'}"] if known else []
    parts += ["footage of unknown camera"] if known < len(channels) else []
    return f"{' and '.join(parts)}: {'; '.join(counts)}"


def _legend(channels: Sequence[ChannelDiagnosis]) -> list[str]:
    """What the signs in the lanes mean, those that occur."""
    used = {span.state for one in channels for span in one.spans}
    return [
        f"{_LANE[one]} {STATE_WORDS[one]}: {STATE_MEANINGS[one]}" for one in State if one in used
    ]


def _told(one: ChannelDiagnosis) -> tuple[str, ...]:
    """A line for each span, the basis left to JSON."""
    lines = [_span_text(span) for span in one.spans]
    more = len(lines) - _MOST_SPANS
    if more <= 0:
        return tuple(lines)
    return *lines[:_MOST_SPANS], f"and {more} more spans: see --json, or ask with --from and --to"


def _span_text(one: StateSpan) -> str:
    start, end = clock.spoken(one.span.start_ms), clock.spoken(one.span.end_ms)
    return f"{start} to {end}  {STATE_WORDS[one.state]}: {one.reason}"


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
