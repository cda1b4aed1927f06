"""The map that GNU ddrescue keeps of what it could copy.

`#` lines are comments; then one status line `pos status [pass]`, which logfiles before 1.6 lack;
then contiguous lines `pos size status`, status one of ? * / - + (non-tried, non-trimmed,
non-scraped, bad sector, finished). Numbers are C literals. [A: DEPENDENCIES.md: the manual
of two versions, and a map made there]
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vidrecover.errors import SourceError
from vidrecover.extents import common, merged, minus
from vidrecover.model import Extent

MOST_BYTES = 64 << 20
"""A map is text of a few lines; more than 64 MiB is some other file."""

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|0[0-7]*|[1-9][0-9]{0,18}")
_CURRENT = frozenset("?*/-FG+")
_STATES = frozenset("?*/-+")


class RescueMap(NamedTuple):
    """What a map says. bad: everything not finished, merged; covered: what the map speaks of;
    rescued_end: the byte behind the last finished block, 0 when nothing was finished."""

    bad: tuple[Extent, ...]
    covered: Extent
    rescued_end: int

    def unreadable(self, size: int) -> list[Extent]:
        """Bad extents of an image of `size` bytes; what the map does not cover was never tried."""
        outside = [Extent(0, self.covered.start), Extent(self.covered.end, size)]
        inside = [Extent(start, min(end, size)) for start, end in self.bad]
        return merged([*outside, *inside])


def text(
    size: int, *, finished: Sequence[Extent], bad: Sequence[Extent], left: Sequence[Extent]
) -> str:
    """A map of a device of `size` bytes, which ddrescue can go on with.

    finished: what was copied; bad: what cannot be read (`-`); left: what was left for later
    (`*`, non-trimmed); all else was not tried (`?`). Each in order; where they overlap, bad wins
    over left, and left over finished.
    """
    whole = [Extent(0, size)]
    later = minus(common(left, whole), bad)
    states = [(one, "-") for one in common(bad, whole)] + [(one, "*") for one in later]
    states += [(one, "+") for one in minus(minus(common(finished, whole), bad), later)]
    states += [(one, "?") for one in minus(whole, merged(one for one, _ in states))]
    lines = ["# Mapfile, as GNU ddrescue keeps it", "# current_pos  current_status  current_pass"]
    lines += [f"0x{size:08X}     {'+' if not (left or bad) else '?'}               1"]
    lines += ["#      pos        size  status"]
    lines += [f"0x{one.start:08X}  0x{one.size:08X}  {state}" for one, state in sorted(states)]
    return "\n".join(lines) + "\n"


def load(path: str) -> RescueMap:
    """Read a map; raises SourceError naming the file, the line and what is wrong."""
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{path!r}: the ddrescue map cannot be read ({reason})", path) from error
    if len(data) > MOST_BYTES:
        raise SourceError(f"{path!r}: too large for a ddrescue map; give the .map file", path)
    return parse(data.decode("utf-8", "replace"), path)


def parse(text: str, path: str = "map") -> RescueMap:
    """A map from its text; `path` names it in errors. Raises SourceError."""
    bad: list[Extent] = []
    first: int | None = None
    position = rescued_end = 0
    status_line_seen = False
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.partition("#")[0].split()
        if not fields:
            continue
        if first is None and not status_line_seen and _is_status_line(fields):
            status_line_seen = True
            continue
        block, state = _block(fields, path, number)
        if first is None:
            first = block.start
        elif block.start != position:
            raise _wrong(path, number, f"begins at {block.start:#x}, not at {position:#x}")
        position = block.end
        if state == "+":
            rescued_end = position
        else:
            bad.append(block)
    if first is None:
        raise SourceError(f"{path!r}: holds no block; this is not a ddrescue map", path)
    return RescueMap(tuple(merged(bad)), Extent(first, position), rescued_end)


def _is_status_line(fields: list[str]) -> bool:
    """Whether this is `pos status [pass]`: a block has a number in second place."""
    numbers = (fields[0], *fields[2:])
    return (
        2 <= len(fields) <= 3
        and fields[1] in _CURRENT
        and all(_NUMBER.fullmatch(one) for one in numbers)
    )


def _block(fields: list[str], path: str, number: int) -> tuple[Extent, str]:
    """One line `pos size status`."""
    if len(fields) != 3:
        raise _wrong(path, number, f"has {len(fields)} fields, not position, size and status")
    if fields[2] not in _STATES:
        raise _wrong(path, number, f"status {fields[2]!r} is none of ? * / - +")
    start, size = (_count(field, path, number) for field in fields[:2])
    if size == 0 or start + size > 1 << 63:
        raise _wrong(path, number, f"a block of {size} bytes at {start:#x} is impossible")
    return Extent(start, start + size), fields[2]


def _count(field: str, path: str, number: int) -> int:
    """A C literal: 0x hexadecimal, leading 0 octal, else decimal."""
    if not _NUMBER.fullmatch(field):
        raise _wrong(path, number, f"{field!r} is not a number")
    if field[:2] in ("0x", "0X"):
        return int(field, 16)
    return int(field, 8 if field[0] == "0" else 10)


def _wrong(path: str, number: int, text: str) -> SourceError:
    """A line that cannot stand in a map."""
    return SourceError(f"{path!r}, line {number}: {text}; this is not a sound ddrescue map", path)
