"""Files beside the footage: which are kept of a listing, and how they are read.

An index of key frames, a log, a list of positions: they hold no footage, and tell of it.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from vidrecover.model import Claim, Event, Extent, Source
from vidrecover.source import ExtentsSource
from vidrecover.volumes._fs_listing import Entry

_NAMES = re.compile(
    r".*\.k|.*\.idx|.*dvrlog.*|index\d\d\.bin",
    re.IGNORECASE | re.DOTALL,
)


class Told(NamedTuple):
    """What side files make of the claims; damage: in words."""

    claims: list[Claim]
    events: list[Event]
    damage: list[str]


def is_side(path: str) -> bool:
    """Whether a file is one that tells of footage, by its name."""
    return _NAMES.fullmatch(path.rpartition("/")[2]) is not None


def content(source: Source, entry: Entry, most: int) -> bytes:
    """The first bytes of a live file, or of one whose place is known; unreadable ones are zeros.

    What lies behind the end of the source is left out.
    """
    whole = [Extent(e.start, min(e.end, source.size)) for e in entry.extents]
    inside: Sequence[Extent] = [e for e in whole if e.start < e.end]
    if not inside:
        return b""
    view = ExtentsSource(source, inside)
    return view.read(0, min(most, entry.size, view.size))
