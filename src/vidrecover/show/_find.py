"""A search for a span of time in words and as JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vidrecover import clips as clip_files
from vidrecover.model import TimeSpan
from vidrecover.outcome import Found, WindowFound
from vidrecover.show._words import camera_words, iso, size_words, table, time_words


def find_json(found: Found) -> dict[str, Any]:
    """The contract of `find --json`: the clips as `recover` lists them, and what was read."""
    return {
        "source": found.source,
        "from": iso(found.span.start_ms),
        "to": iso(found.span.end_ms),
        "clips": [clip_files.as_json(one) for one in found.clips],
        "windows": [
            {
                "channel": one.channel,
                "whole": one.is_whole,
                "footage": one.has_footage,
                "silences": _spans(one.silences),
                "reason": one.reason,
            }
            for one in found.windows
        ],
        "left_out": list(found.left_out),
        "probes": found.probes,
        "bytes_read": found.bytes_read,
        "source_size": found.source_size,
        "seconds": round(found.seconds, 3),
    }


def _spans(spans: Sequence[TimeSpan]) -> list[dict[str, str | None]]:
    return [{"from": iso(one.start_ms), "to": iso(one.end_ms)} for one in spans]


def find_text(found: Found, folder: Path) -> str:
    """A line per camera, a line per clip, and how much was read; recorder time."""
    share = 100 * found.bytes_read / found.source_size
    rows = [
        (one.file, camera_words(one.channel), time_words(one.from_ms), time_words(one.to_ms),
         f"{one.frames:,}", one.grade.value)
        for one in found.clips
    ]  # fmt: skip
    head = ("clip", "camera", "from (recorder time)", "to", "frames", "grade")
    notes = [f"{one.file}: {note}" for one in found.clips for note in one.notes]
    return "\n".join(
        [
            f"{time_words(found.span.start_ms)} to {time_words(found.span.end_ms)}, recorder time:",
            *[window_words(one) for one in found.windows],
            "",
            *([f"in {folder}", table(head, rows)] if rows else ["no clip was made"]),
            *notes,
            "",
            f"read: {size_words(found.bytes_read)} of {size_words(found.source_size)}"
            f" ({share:.2f} %), in {found.seconds:.1f} s, {found.probes} places looked at first",
        ]
    )


def window_words(one: WindowFound) -> str:
    """How far one camera's span was found, in a line."""
    if one.is_whole and one.has_footage:
        words = "all of it"
    elif one.is_whole:
        words = "nothing was recorded"
    elif one.has_footage:
        words = f"footage, not proven to be all: {one.reason}"
    else:
        words = f"not known: {one.reason}"
    gaps = [
        f"nothing was recorded from {time_words(gap.start_ms)} to {time_words(gap.end_ms)}"
        for gap in one.silences
    ]
    return "; ".join([f"{camera_words(one.channel)}: {words}", *gaps])
