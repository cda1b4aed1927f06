"""The ways in which vidrecover cannot go on.

Every message says what, where and what to do. What was merely learnt about the evidence is a
value, never an exception.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


class VidrecoverError(Exception):
    """Root of all expected failures; the command line exits with 3."""


class SourceError(VidrecoverError):
    """A source cannot be opened or read at all."""

    def __init__(self, message: str, path: Path | str | None = None) -> None:
        super().__init__(message)
        self.path = path


class FormatError(VidrecoverError):
    """A description in a `formats/` folder is wrong."""

    def __init__(self, message: str, path: Path | None = None, key: str | None = None) -> None:
        place = f"{path}: " if path is not None else ""
        where = f"key `{key}`: " if key else ""
        super().__init__(f"{place}{where}{message}")
        self.path = path
        self.key = key


class DamagedError(VidrecoverError):
    """A structure was recognised but is broken.

    offset: absolute position on the source; salvaged: what was read before the damage.
    """

    def __init__(self, message: str, offset: int, salvaged: Sequence[Any] = ()) -> None:
        super().__init__(f"{message} (offset {offset:#x})")
        self.offset = offset
        self.salvaged = tuple(salvaged)


class CatalogueError(VidrecoverError):
    """The catalogue has another schema, belongs to another source, or is locked."""


class ClipError(VidrecoverError):
    """A clip cannot be rebuilt without re-encoding, or cannot be written."""


class EvidenceError(VidrecoverError):
    """A digest differs, an exhibit exists already, or the destination lies on the source."""


class ScenarioError(VidrecoverError):
    """A scenario of the simulator is wrong."""
