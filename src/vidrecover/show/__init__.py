"""Results in words for people, and as the JSON that other programs rely on."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from vidrecover import clips as clip_files
from vidrecover.catalogue import ChannelSummary
from vidrecover.formats import Format
from vidrecover.model import Clip, Grade
from vidrecover.outcome import ScanReport
from vidrecover.show._causes import (
    cause_words,
    causes_json,
    explanation,
    overwrite_json,
    reason_in,
    runbooks_json,
)
from vidrecover.show._devices import devices_json, devices_text
from vidrecover.show._diagnosis import (
    STATE_MEANINGS,
    STATE_WORDS,
    diagnosis_json,
    diagnosis_text,
    is_whole,
    notes_in,
    speakable,
)
from vidrecover.show._find import find_json, find_text, window_words
from vidrecover.show._health import health_json, health_text
from vidrecover.show._many import many_json, many_text
from vidrecover.show._words import camera_words, columns, iso, ranges, size_words, table, time_words
from vidrecover.source.imaging import Copied

__all__ = [
    "GRADE_MEANINGS",
    "STATE_MEANINGS",
    "STATE_WORDS",
    "cause_words",
    "causes_json",
    "clip_words",
    "clips_json",
    "clips_text",
    "columns",
    "demo_json",
    "demo_text",
    "devices_json",
    "devices_text",
    "diagnosis_json",
    "diagnosis_text",
    "explanation",
    "find_json",
    "find_text",
    "formats_json",
    "formats_text",
    "found",
    "health_json",
    "health_text",
    "is_whole",
    "left_out_words",
    "many_json",
    "many_text",
    "notes_in",
    "overwrite_json",
    "ranges",
    "reason_in",
    "runbooks_json",
    "scan_json",
    "scan_text",
    "size_words",
    "speakable",
    "truth_json",
    "truth_text",
    "window_words",
]

GRADE_MEANINGS = {
    Grade.COMPLETE: "every frame of the span is there, in order, and decodes",
    Grade.PARTIAL: "frames are known to be missing",
    Grade.DAMAGED: "frames are there that do not decode",
}


def found(channels: Sequence[ChannelSummary]) -> str:
    """Cameras and hours found so far, for a progress bar."""
    known = sum(one.channel is not None for one in channels)
    hours = sum(one.seconds for one in channels) / 3600
    return f"{known} cameras, {hours:.1f} h"


def scan_json(report: ScanReport) -> dict[str, Any]:
    """The scan report; times of recorder time."""
    result: dict[str, Any] = msgspec.to_builtins(report)
    result["channels"] = [
        {
            "channel": one.channel,
            "frames": one.frames,
            "size": one.size,
            "from": iso(one.first_ms),
            "to": iso(one.last_ms),
        }
        for one in report.channels
    ]
    return result


def scan_text(report: ScanReport) -> str:
    """What was read and found, a line per camera; recorder time."""
    rows = [
        (
            camera_words(one.channel),
            f"{one.frames:,}",
            f"{one.size / 1e9:.3f}",
            time_words(one.first_ms),
            time_words(one.last_ms),
        )
        for one in report.channels
    ]
    head = ("camera", "frames", "GB", "first frame (recorder time)", "last frame")
    return "\n".join(
        [
            f"{report.source}: all {size_words(report.size)} read",
            *(
                [f"of these by an earlier scan: {size_words(report.resumed)}"]
                * (report.resumed > 0)
            ),
            f"of no known format: {size_words(report.unidentified)}",
            f"blank: {size_words(report.blank)}",
            f"entries in the recorder's index: {report.claims}",
            f"frames cut at the border of a disk fragment: {report.joined} put together,"
            f" {report.doubtful} not, for want of proof",
            "",
            table(head, rows) if rows else "no footage of any known format was found",
            *_image_lines(report.image),
            *[f"damage: {one}" for one in report.damage],
            *[f"note: {one}" for one in report.notes],
        ]
    )


def _image_lines(image: Copied | None) -> list[str]:
    if image is None:
        return []
    lacks = f"; {image.missing:,} bytes could not be copied" if image.missing else ""
    return ["", f"image: {image.path}, SHA-256 {image.sha256}{lacks}"]


def clips_json(made: Sequence[Clip]) -> list[dict[str, object]]:
    """The contract of `recover --json`."""
    return [clip_files.as_json(one) for one in made]


def clips_text(made: Sequence[Clip], folder: Path) -> str:
    """A line per clip, what the grades mean, and the notes; recorder time."""
    if not made:
        return "no clip was made; vidrecover diagnose says what exists and why"
    rows = [
        (one.file, camera_words(one.channel or one.label), time_words(one.from_ms),
         time_words(one.to_ms), f"{one.frames:,}", one.grade.value)
        for one in made
    ]  # fmt: skip
    head = ("clip", "camera", "from (recorder time)", "to", "frames", "grade")
    grades = {one.grade for one in made}
    lines = [
        f"in {folder}",
        table(head, rows),
        "",
        *[f"{one.value}: {GRADE_MEANINGS[one]}" for one in Grade if one in grades],
    ]
    for notes, alike in groupby(made, key=lambda one: one.notes):
        if notes:
            lines += ["", *[one.file for one in alike], *[f"  {note}" for note in notes]]
    return "\n".join(lines)


def clip_words(one: Clip) -> str:
    """One clip in a line, for progress."""
    return f"{one.file}: {one.frames:,} frames, {one.grade.value}"


def left_out_words(one: clip_files.LeftOut) -> str:
    """Footage of which no clip was made, with the reason; recorder time."""
    span = (
        f"{time_words(one.from_ms)} to {time_words(one.to_ms)}"
        if one.from_ms is not None
        else "no date"
    )
    return (
        f"no clip of {one.frames} frames of {camera_words(one.channel)} ({one.format}, {span}):"
        f" {one.reason}"
    )


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
            f"  vidrecover diagnose --case {folder / 'case'} --explain",
            f"  vidrecover recover --case {folder / 'case'} --channel 3 --from 07:30 --to 07:31"
            f" --folder {folder / 'camera-3'}",
        ]
    )
