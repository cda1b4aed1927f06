"""A raw image cut into numbered parts: `.001, .002, ...`, `.000, ...`, or `.aa, .ab, ...`.

Numbers grow a digit when they run out (.999, .1000). split(1) with its default of two places goes
from `yz` to `zaaa` (and from `89` to `9000`), so that names stay in order. [B: parts made
by split(1)]
"""

import itertools
import os
import re
import string
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from vidrecover.errors import SourceError
from vidrecover.extents import merged
from vidrecover.model import Extent, SourceIdentity
from vidrecover.source._readable import Readable
from vidrecover.source._reading import (
    Buffer,
    ReadAt,
    cannot_open,
    cannot_read,
    file_reader,
    open_read_only,
    read_around,
    writable_view,
)

SECTOR = 512
"""Bytes; how far a part of a file that cannot be read is narrowed down."""

LOOK_AHEAD = 100
"""How many names behind a missing part are tried, to tell a gap from the end."""

OPEN_PARTS = 8
"""Descriptors kept open at once; images may have thousands of parts."""

_NUMBERED = re.compile(r"\d{2,3}|0\d{3,}")
_FIRST_LETTERS = re.compile(r"a{2,}")


class _OpenPart(NamedTuple):
    """An open part: its descriptor, and how it is read."""

    descriptor: int
    read_at: ReadAt


def parts_of(path: str) -> list[str] | None:
    """All parts of a split image in order when `path` names its first; None for a lone file.

    Raises SourceError when a part between two others is missing (it is named), or when `path`
    is a later part.
    """
    stem, _, suffix = path.rpartition(".")
    names = _names(stem, suffix)
    if names is None:
        return None
    found: list[str] = []
    for suffix_now in names:
        candidate = f"{stem}.{suffix_now}"
        if not Path(candidate).is_file():
            _require_end(candidate, (f"{stem}.{one}" for one in names))
            break
        found.append(candidate)
    return found if len(found) > 1 else None


def _names(stem: str, suffix: str) -> Iterator[str] | None:
    """The suffixes from this one on, in order; None when it is no suffix of a first part."""
    if _FIRST_LETTERS.fullmatch(suffix):
        if len(suffix) == 2 and Path(f"{stem}.zaaa").is_file():
            return _widening(string.ascii_lowercase)
        return (
            "".join(one) for one in itertools.product(string.ascii_lowercase, repeat=len(suffix))
        )
    if not _NUMBERED.fullmatch(suffix):
        return None
    width, number = len(suffix), int(suffix)
    _require_first(stem, width, number)
    if number > 1:
        return None
    if suffix == "00" and Path(f"{stem}.9000").is_file():
        return _widening(string.digits)
    return (f"{one:0{width}d}" for one in itertools.count(number))


def _widening(alphabet: str) -> Iterator[str]:
    """Suffixes of split(1) with two places to begin with: aa to yz, zaaa to zyzz, zzaaaa..."""
    for turn in itertools.count():
        for first in alphabet[:-1]:
            for rest in itertools.product(alphabet, repeat=turn + 1):
                yield alphabet[-1] * turn + first + "".join(rest)


def _require_first(stem: str, width: int, number: int) -> None:
    """Raise SourceError when numbered neighbours show that another part comes first."""
    given = f"{stem}.{number:0{width}d}"
    before = [f"{stem}.{one:0{width}d}" for one in (0, 1, number - 1) if 0 <= one < number]
    present = [name for name in before if Path(name).is_file()]
    if present:
        raise SourceError(
            f"{given!r} is a later part of a split image; give the first part, {present[0]!r}",
            given,
        )
    after = f"{stem}.{number + 1:0{width}d}"
    if number > 1 and Path(after).is_file():
        raise SourceError(
            f"{before[1]!r}, the first part of a split image, is missing; put it beside {given!r}",
            before[1],
        )


def _require_end(missing: str, later: Iterable[str]) -> None:
    """Raise SourceError when a part behind the missing one exists."""
    for name in itertools.islice(later, LOOK_AHEAD):
        if Path(name).is_file():
            raise SourceError(
                f"{missing!r}, a part of a split image, is missing, while {name!r} is there;"
                " put it beside the others",
                missing,
            )


class SplitSource(Readable):
    """The parts of a split image as one, open for reading; sizes of parts may differ."""

    def __init__(self, parts: list[str]) -> None:
        """`parts` in order, at least one. Raises SourceError for one that is empty or closed."""
        self._parts = parts
        sizes = [_size_of(part, last=part == parts[-1]) for part in parts]
        self._starts = [0, *itertools.accumulate(sizes)]
        self._open: dict[int, _OpenPart] = {}
        self._identity = SourceIdentity(path=parts[0], kind="split", size=self._starts[-1])

    @property
    def parts(self) -> tuple[str, ...]:
        """Paths of the parts in order."""
        return tuple(self._parts)

    def read_into(self, offset: int, buffer: Buffer) -> list[Extent]:
        """See `Source.read_into`; a part that was cut since opening is unreadable behind it."""
        view = writable_view(offset, buffer, self.size)
        bad: list[Extent] = []
        position, end = offset, offset + len(buffer)
        while position < end:
            number = bisect_right(self._starts, position) - 1
            stop = min(end, self._starts[number + 1])
            bad += self._read_part(number, position, view[position - offset : stop - offset])
            position = stop
        return merged(bad)

    def _read_part(self, number: int, offset: int, view: memoryview) -> list[Extent]:
        """Fill the view from one part; offsets stay those of the whole image."""
        start = self._starts[number]
        try:
            bad = read_around(self._part(number).read_at, offset - start, view, SECTOR)
        except OSError as error:
            raise cannot_read(self._parts[number], error) from error
        return [Extent(start + one.start, start + one.end) for one in bad]

    def _part(self, number: int) -> _OpenPart:
        """An open part; the one opened first is closed when there are too many."""
        part = self._open.get(number)
        if part is None:
            if len(self._open) >= OPEN_PARTS:
                os.close(self._open.pop(next(iter(self._open))).descriptor)
            descriptor = open_read_only(self._parts[number])
            part = self._open[number] = _OpenPart(descriptor, file_reader(descriptor))
        return part

    def close(self) -> None:
        """Release all descriptors; may be called again."""
        while self._open:
            os.close(self._open.popitem()[1].descriptor)


def _size_of(part: str, *, last: bool) -> int:
    """Bytes of a readable part; raises SourceError when it is closed to us, or wrongly empty."""
    os.close(open_read_only(part))
    try:
        size = Path(part).stat().st_size
    except OSError as error:
        raise cannot_open(part, error) from error
    if size == 0 and not last:
        raise SourceError(f"{part!r}, a part of a split image, is empty; copy it again", part)
    return size
