"""Whether a recorder records, in words and as JSON."""

from typing import Any

from vidrecover.model import RecorderMs
from vidrecover.show._words import camera_words, iso, size_words, table, time_words
from vidrecover.survey import CameraHealth, Health, Pulse

_DAY_MS = 86_400_000
_WORDS = {
    Pulse.RECORDING: "recording",
    Pulse.SILENT: "SILENT: its newest footage is old",
    Pulse.NOT_SEEN: "NOT SEEN: look at camera and cable, then scan the disk",
    Pulse.NOT_KNOWN: "not known: the order of the disk does not tell where its newest footage is",
}


def health_json(found: Health, source: str, size: int, read: int, seconds: float) -> dict[str, Any]:
    """size: of the source, and read of it, bytes."""
    return {
        "source": source,
        "newest": iso(found.newest_ms),
        "oldest": iso(found.oldest_ms),
        "days": _days(found.oldest_ms, found.newest_ms),
        "order_known": found.is_told,
        "channels": [
            {
                "channel": one.channel,
                "state": one.pulse.value,
                "newest": iso(one.newest_ms),
                "oldest": iso(one.oldest_ms),
                "days": _days(one.oldest_ms, one.newest_ms),
            }
            for one in found.cameras
        ],
        "bytes_read": read,
        "source_size": size,
        "seconds": round(seconds, 3),
    }


def health_text(found: Health, source: str, size: int, read: int, seconds: float) -> str:
    """A line per camera; recorder time."""
    rows = [_row(one) for one in found.cameras]
    head = ("camera", "newest seen (recorder time)", "oldest seen", "days", "")
    return "\n".join(
        [
            f"{source}: newest footage {time_words(found.newest_ms)}, oldest seen"
            f" {time_words(found.oldest_ms)}",
            table(head, rows) if rows else "no dated footage of any known format was seen",
            f"read: {size_words(read)} of {size_words(size)}, in {seconds:.1f} s",
        ]
    )


def _row(one: CameraHealth) -> tuple[str, ...]:
    days = _days(one.oldest_ms, one.newest_ms)
    return (
        camera_words(one.channel),
        time_words(one.newest_ms),
        time_words(one.oldest_ms),
        "" if days is None else f"{days:.1f}",
        _WORDS[one.pulse],
    )


def _days(first: RecorderMs | None, last: RecorderMs | None) -> float | None:
    return None if first is None or last is None else round((last - first) / _DAY_MS, 2)
