"""One pass over all signatures of all formats.

Two engines give the same candidates: hyperscan where its wheel exists, else `re` from the
standard library. Callers see `Matcher` only.
"""

import re
from array import array
from collections.abc import Sequence
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
        self._engine: Engine = (_ReEngine if use_re else _HyperscanEngine)(self.patterns)

    def find(self, data: npt.NDArray[np.uint8]) -> Hits:
        """All hits in the bytes, overlapping ones included."""
        if not self.patterns or not len(data):
            nothing = np.empty(0, dtype=np.int64)
            return Hits(nothing, nothing)
        packed = np.sort(np.frombuffer(self._engine(data.data), dtype=np.int64))
        positions = packed & _POSITION_MASK
        order = np.argsort(positions, kind="stable")
        return Hits((packed >> _POSITION_BITS)[order], positions[order])


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
