"""Results in words for people, and as the JSON that other programs rely on."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from vidrecover import clips as clip_files
from vidrecover import clock
from vidrecover.formats import Format
from vidrecover.model import (
    ChannelDiagnosis,
    Clip,
    Diagnosis,
    RecorderMs,
    State,
    StateSpan,
)

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
_LANE_WIDTH = 48
_SEVERITY = {state: place for place, state in enumerate(State)}


def size_words(size: int) -> str:
    """Bytes as GB and exactly: `4.00 GB (4,000,000,000 bytes)`."""
    return f"{size / 1e9:.2f} GB ({size:,} bytes)"


def camera_words(channel: int | None) -> str:
    """`camera 3`, or that it is unknown."""
    return "camera unknown" if channel is None else f"camera {channel}"


def _time(time_ms: RecorderMs | None) -> str:
    return "no date" if time_ms is None else clock.spoken(time_ms)


def _iso(time_ms: RecorderMs | None) -> str | None:
    return None if time_ms is None else clock.iso(time_ms)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns of text, left-aligned, under a head; trailing blanks cut."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def found(channels: Sequence[Any]) -> str:
    """Cameras and hours found so far, for a progress bar."""
    known = sum(one.channel is not None for one in channels)
    hours = sum(one.seconds for one in channels) / 3600
    return f"{known} cameras, {hours:.1f} h"


def scan_json(report: Any) -> dict[str, Any]:
    """The scan report; times of recorder time."""
    result: dict[str, Any] = msgspec.to_builtins(report)
    result["channels"] = [
        {
            "channel": one.channel,
            "frames": one.frames,
            "size": one.size,
            "from": _iso(one.first_ms),
            "to": _iso(one.last_ms),
        }
        for one in report.channels
    ]
    return result


def scan_text(report: Any) -> str:
    """What was read and found, a line per camera; recorder time."""
    lines = [
        f"{report.source}: {size_words(report.size)} read"
        + (f", {size_words(report.resumed)} of it by an earlier scan" if report.resumed else ""),
        f"{report.segments} segments, {report.claims} entries of the recorder,"
        f" {report.joined} cut frames joined"
        + (f" ({report.doubtful} not: the proof is missing)" if report.doubtful else ""),
        f"unidentified {size_words(report.unidentified)}, blank {size_words(report.blank)}",
        "",
    ]
    rows = [
        (
            camera_words(one.channel),
            f"{one.frames:,}",
            f"{one.size / 1e9:.3f}",
            _time(one.first_ms),
            _time(one.last_ms),
        )
        for one in report.channels
    ]
    head = ("camera", "frames", "GB", "first (recorder time)", "last (recorder time)")
    lines.append(table(head, rows) if rows else "no footage was found")
    lines += [f"note: {one}" for one in report.notes]
    return "\n".join(lines)


def is_whole(result: Diagnosis) -> bool:
    """Whether every camera is recorded throughout and nothing is in doubt."""
    return all(one.state in (State.RECORDED, State.RECORDER_OFF) for one in result.channels)


def diagnosis_json(result: Diagnosis) -> dict[str, Any]:
    """The contract of `diagnose --json`."""
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
            }
            for one in result.channels
        ],
        "notes": list(result.notes),
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
    """A lane per camera, worst first, then every span with its reason; recorder time."""
    lines = [f"{result.source}: {100 * result.scanned_share:.1f} % of the bytes were read"]
    if result.window is None:
        return "\n".join([*lines, "no dated footage was found", *result.notes])
    start, end = (clock.spoken(time) for time in result.window)
    lines += [f"recorder time {start} to {end}", ""]
    ordered = sorted(result.channels, key=_worst_first)
    head = ("camera", "state", "lane")
    lines.append(
        table(head, [(camera_words(one.channel), STATE_WORDS[one.state], _lane(one, result))
                     for one in ordered])
    )  # fmt: skip
    used = {span.state for one in ordered for span in one.spans}
    legend = ", ".join(f"{_LANE[one]} {STATE_WORDS[one]}" for one in State if one in used)
    lines += ["", legend, ""]
    for one in ordered:
        lines.append(camera_words(one.channel))
        lines += [f"  {_span_text(span)}" for span in one.spans]
    lines += [f"note: {one}" for one in result.notes]
    return "\n".join(lines)


def _worst_first(one: ChannelDiagnosis) -> tuple[int, bool, int]:
    return -_SEVERITY[one.state], one.channel is None, one.channel or 0


def _span_text(one: StateSpan) -> str:
    start, end = clock.spoken(one.span.start_ms), clock.spoken(one.span.end_ms)
    return f"{start} to {end}  {STATE_WORDS[one.state]}: {one.reason}"


def _lane(one: ChannelDiagnosis, result: Diagnosis) -> str:
    """One character per slice of the window: the worst state in it."""
    assert result.window is not None
    start, end = result.window
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


def clips_json(made: Sequence[Clip]) -> list[dict[str, object]]:
    """The contract of `recover --json`."""
    return [clip_files.as_json(one) for one in made]


def clips_text(made: Sequence[Clip], folder: Path) -> str:
    """A line per clip with its notes; recorder time."""
    if not made:
        return "no footage in this span; vidrecover diagnose says why"
    rows = [
        (one.file, camera_words(one.channel), _time(one.from_ms), _time(one.to_ms),
         f"{one.frames:,}", one.grade.value)
        for one in made
    ]  # fmt: skip
    head = ("clip", "camera", "from (recorder time)", "to", "frames", "grade")
    notes = [f"{one.file}: {note}" for one in made for note in one.notes]
    return "\n".join([f"in {folder}", table(head, rows), *notes])


def formats_json(chosen: Sequence[Format]) -> list[dict[str, Any]]:
    """Name, title, vendors, limits and references of each format."""
    return [
        {
            "name": one.name,
            "title": one.title,
            "vendors": one.vendors,
            "limits": one.limits,
            "references": msgspec.to_builtins(one.references),
        }
        for one in chosen
    ]


def formats_text(chosen: Sequence[Format], *, whole: bool) -> str:
    """A table of formats, or everything about one."""
    if not whole:
        return table(("name", "format"), [(one.name, one.title) for one in chosen])
    parts = []
    for one in chosen:
        signatures = sorted({p.hex(" ") for layout in one.layouts for p in layout.signatures})
        parts += [
            f"{one.name}: {one.title}",
            f"vendors: {', '.join(one.vendors) or 'unknown'}",
            f"signatures: {'; '.join(signatures)}",
            *[f"limit: {limit}" for limit in one.limits],
            *[f"source: {item.text} [{item.confidence}]" for item in one.references],
        ]
    return "\n".join(parts)


def truth_json(truth: Any, disk: Path) -> dict[str, Any]:
    """The truth of a simulated disk, and where it lies."""
    result: dict[str, Any] = msgspec.to_builtins(truth)
    return {"disk": str(disk), **result}


def truth_text(truth: Any, disk: Path) -> str:
    """What was written where."""
    folder = disk.parent
    return "\n".join(
        [
            f"{disk}: {truth.title}, {size_words(truth.size)}",
            f"what is true of it: {folder / 'truth.json'} and {folder / 'frames.csv'}",
            *([f"bad sectors: {folder / 'bad.map'}"] if truth.bad else []),
        ]
    )


def demo_json(result: Any) -> dict[str, Any]:
    """The diagnosis and the clips of the demo."""
    return {
        "folder": result.folder,
        "seconds": round(result.seconds, 1),
        "diagnosis": diagnosis_json(result.diagnosis),
        "clips": clips_json(result.clips),
    }


def demo_text(result: Any) -> str:
    """The table of cameras, where the clips are, and what to try next."""
    folder = Path(result.folder)
    return "\n".join(
        [
            diagnosis_text(result.diagnosis),
            "",
            clips_text(result.clips, folder / "clips"),
            "",
            f"done in {result.seconds:.0f} s; look at the clips in {folder / 'clips'}, or try",
            f"  vidrecover diagnose --case {folder / 'case'} --from 07:30 --to 07:31",
            f"  vidrecover recover --case {folder / 'case'} --channel 3 --from 07:30 --to 07:31"
            f" --folder {folder / 'camera-3'}",
        ]
    )
