"""The action log of a case: what was done, when, by which version; lines chained by digest."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from vidrecover import __version__
from vidrecover.errors import CatalogueError


def append(path: Path, action: str, details: dict[str, Any]) -> None:
    """Add one line to the log; it carries the SHA-256 of the line before, None if first.

    Raises CatalogueError when the log cannot be written.
    """
    try:
        add(path, line(path.read_bytes() if path.exists() else b"", action, details))
    except OSError as error:
        raise _unwritable(path, error) from error


def add(path: Path, made: bytes) -> None:
    """Add a line that `line` made of this very log; raises CatalogueError."""
    try:
        with path.open("ab") as file:
            file.write(made)
    except OSError as error:
        raise _unwritable(path, error) from error


def line(before: bytes, action: str, details: dict[str, Any], now: datetime | None = None) -> bytes:
    """The line that follows the log `before`, with its line feed; now: of this computer, aware."""
    lines = before.splitlines()
    entry = {
        "at": stamp(now or datetime.now(UTC)),
        "tool": __version__,
        "action": action,
        **details,
        "previous": digest(lines[-1]) if lines else None,
    }
    return msgspec.json.encode(entry) + b"\n"


def stamp(now: datetime) -> str:
    """A moment in UTC, ISO 8601, whole seconds."""
    return now.astimezone(UTC).isoformat(timespec="seconds")


def digest(one: bytes) -> str:
    """SHA-256 of a line without its line feed, hexadecimal."""
    return hashlib.sha256(one).hexdigest()


def _unwritable(path: Path, error: OSError) -> CatalogueError:
    return CatalogueError(f"{path}: the action log cannot be written ({error.strerror}); make room")
