"""One pass over all signatures of all formats.

Two engines give the same candidates: hyperscan where its wheel exists, else `re` from the
standard library. Callers see `Matcher` only.
"""

import re
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

try:
    import hyperscan
except ImportError:  # no wheel for Windows on ARM
    hyperscan = None  # type: ignore[assignment]  # the one optional import of this module

_POSITION_BITS = 40
_POSITION_MASK = (1 << _POSITION_BITS) - 1


class Hits(NamedTuple):
    """Where signatures begin, ordered by position, then by pattern; two arrays of one length.

    patterns: index into the matcher's patterns; positions: in the data that was searched.
    """

    patterns: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]


class Engine(Protocol):
    """Finds every occurrence, overlapping ones included, in any order."""

    def __call__(self, data: memoryview) -> "array[int]":
        """Packed hits: pattern number << 40 | position of the first byte."""
        ...


class Matcher:
    """Searches for fixed byte patterns together; not to be shared between threads."""

    def __init__(self, patterns: Sequence[bytes], *, engine: str = "auto") -> None:
        """engine: auto, hyperscan or re. Raises ValueError for another, or an empty pattern."""
        if engine not in ("auto", "hyperscan", "re"):
            raise ValueError(f"`{engine}` is no engine; expected auto, hyperscan or re")
        if any(not pattern for pattern in patterns):
            raise ValueError("a signature has at least one byte")
        self.patterns = tuple(patterns)
        self.longest = max((len(pattern) for pattern in patterns), default=0)
        use_re = engine == "re" or not patterns or (engine == "auto" and hyperscan is None)
        roots = _roots(self.patterns)
        self._families = list(roots.items())
        self._engine: Engine = (_ReEngine if use_re else _HyperscanEngine)(list(roots))

    def find(self, data: npt.NDArray[np.uint8]) -> Hits:
        """All hits in the bytes, overlapping ones included."""
        if not self.patterns or not len(data):
            nothing = np.empty(0, dtype=np.int64)
            return Hits(nothing, nothing)
        packed = np.frombuffer(self._engine(data.data), dtype=np.int64)
        number, positions = packed >> _POSITION_BITS, packed & _POSITION_MASK
        hits = [(0, positions[:0])]
        for place in np.flatnonzero(np.bincount(number)).tolist():
            root, members = self._families[place]
            hits += _told(data, positions[number == place], len(root), members)
        patterns = np.concatenate([np.full(len(at), one, dtype=np.int64) for one, at in hits])
        places = np.concatenate([at for _, at in hits])
        order = np.lexsort((patterns, places))
        return Hits(patterns[order], places[order])


_Members = list[tuple[int, bytes]]


def _roots(patterns: Sequence[bytes]) -> dict[bytes, _Members]:
    """The patterns that begin with no other one, each with all that begin with it, itself
    included: their numbers, and what is behind the root. The fewer patterns an engine looks for,
    the faster it is, and many formats begin with one start code."""
    roots: dict[bytes, _Members] = {}
    for one in sorted(set(patterns), key=len):
        root = next((other for other in roots if one.startswith(other)), one)
        members = roots.setdefault(root, [])
        members += [(n, one[len(root) :]) for n, each in enumerate(patterns) if each == one]
    return roots


def _told(
    data: npt.NDArray[np.uint8], found: npt.NDArray[np.int64], root: int, members: _Members
) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Number and places of each pattern that occurs, of a root of that many bytes.

    found: where the root is, ascending.
    """
    inside = found[: np.searchsorted(found, len(data) - root)]
    behind = data[inside + root]
    for number, rest in members:
        at = inside[behind == rest[0]] if rest else found
        at = at[: np.searchsorted(at, len(data) - root - len(rest), side="right")]
        for step, value in enumerate(rest[1:], start=root + 1):
            at = at[data[at + step] == value]
        if len(at):
            yield number, at


class _HyperscanEngine:
    """Hyperscan in block mode; literals report the position behind their last byte."""

    def __init__(self, patterns: Sequence[bytes]) -> None:
        if hyperscan is None:
            raise RuntimeError("hyperscan is not installed on this machine")
        self._database: Any = hyperscan.Database()
        expressions = [b"".join(b"\\x%02x" % byte for byte in one) for one in patterns]
        count = len(patterns)
        self._database.compile(
            expressions=expressions,
            ids=list(range(count)),
            elements=count,
            flags=[hyperscan.HS_FLAG_DOTALL] * count,
        )
        self._scratch: Any = hyperscan.Scratch(self._database)
        self._bases = [(number << _POSITION_BITS) - len(one) for number, one in enumerate(patterns)]

    def __call__(self, data: memoryview) -> "array[int]":
        hits: array[int] = array("q")
        append, bases = hits.append, self._bases

        def on_match(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            append(bases[number] + end)

        self._database.scan(data, match_event_handler=on_match, scratch=self._scratch)
        return hits


class _ReEngine:
    """One alternation over all patterns; restarts one byte behind each hit, so none is missed."""

    def __init__(self, patterns: Sequence[bytes]) -> None:
        by_length = sorted(set(patterns), key=len)
        minimal = [
            one
            for position, one in enumerate(by_length)
            if not any(one.startswith(shorter) for shorter in by_length[:position])
        ]
        self._search = re.compile(b"|".join(re.escape(one) for one in minimal), re.DOTALL).search
        self._numbers: dict[bytes, list[int]] = {}
        for number, one in enumerate(patterns):
            self._numbers.setdefault(one, []).append(number << _POSITION_BITS)
        self._lengths = sorted({len(one) for one in patterns})

    def __call__(self, data: memoryview) -> "array[int]":
        hits: array[int] = array("q")
        match = self._search(data)
        while match is not None:
            start = match.start()
            behind = bytes(data[start : start + self._lengths[-1]])
            for length in self._lengths:
                if length <= len(behind):
                    for base in self._numbers.get(behind[:length], ()):
                        hits.append(base + start)
            match = self._search(data, start + 1)
        return hits
