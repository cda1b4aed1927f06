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
        lines = path.read_bytes().splitlines() if path.exists() else []
        entry = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "tool": __version__,
            "action": action,
            **details,
            "previous": hashlib.sha256(lines[-1]).hexdigest() if lines else None,
        }
        with path.open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")
    except OSError as error:
        raise CatalogueError(
            f"{path}: the action log cannot be written ({error.strerror}); make room"
        ) from error
