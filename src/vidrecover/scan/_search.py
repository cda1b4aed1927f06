"""Where signatures stand in a window, by format: one pass for all formats but those that yield.

A format that yields takes only what no other frame holds, and its start codes stand in nearly
every frame of the others; so its signatures are searched last, and only where no proven frames
are.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.formats import Format
from vidrecover.model import FrameFlag, Frames, Window, together
from vidrecover.scan._rows import held_by, in_order
from vidrecover.signatures import Matcher

Positions = npt.NDArray[np.int64]

_WORTH_SKIPPING = 64 << 10
"""Bytes of frames in one run; skipping fewer costs more than searching them."""
_FIRST_STEP = 4096


class Search:
    """The signatures of formats, compiled. yielding: which formats yield, by number."""

    def __init__(self, formats: Sequence[Format]) -> None:
        self.yielding = [n for n, one in enumerate(formats) if one.framing.yields]
        self._firm = _Wanted.of(formats, [n for n in range(len(formats)) if n not in self.yielding])
        self._soft = _Wanted.of(formats, self.yielding)
        self._reach = max(
            (one.at + len(p) for f in formats for one in f.layouts for p in one.signatures),
            default=0,
        )

    def firm(self, window: Window, *, is_blank: bool) -> Iterator[tuple[int, Positions]]:
        """Number and candidates of each format that does not yield and has some in the window.

        is_blank: all bytes up to the window's limit are known to be blank.
        """
        first = max(window.limit - self._reach, 0) if is_blank else 0
        yield from self._firm.found(window, [(first, window.limit + self._reach)])

    def yielded(
        self, window: Window, claims: Sequence[Frames], *, is_blank: bool
    ) -> Iterator[tuple[int, Positions]]:
        """Number and candidates of each format that yields; see `firm`.

        claims: the others' frames in the window. Of candidates inside a run of proven frames only
        the first is told: it ends what stands before.
        """
        first = max(window.limit - self._reach, 0) if is_blank else 0
        last = min(window.limit + self._reach, len(window.data))
        proven = _proven(claims)
        begins, ends = _runs(proven, window.offset, first, last)
        stretches = []
        for begin, end in zip(begins, ends, strict=True):
            stretches.append((first, begin))
            stretches.append((begin, self._soft.end_of_first(window, begin, end)))
            first = end
        stretches.append((first, last))
        for number, candidates in self._soft.found(window, stretches):
            yield number, thinned(candidates, window.offset, proven)


class _Wanted(NamedTuple):
    """Signatures of some formats. owners: the format's number for each pattern."""

    matcher: Matcher
    owners: Positions

    @classmethod
    def of(cls, formats: Sequence[Format], numbers: Sequence[int]) -> "_Wanted":
        patterns = [
            (pattern, number)
            for number in numbers
            for pattern in sorted({p for one in formats[number].layouts for p in one.signatures})
        ]
        owners = np.array([number for _, number in patterns], dtype=np.int64)
        return cls(Matcher([pattern for pattern, _ in patterns]), owners)

    def found(
        self, window: Window, stretches: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[int, Positions]]:
        """Number and candidates of each format that has some beginning in the stretches, which
        are ordered and lie apart."""
        owners, places = [], []
        for start, end in stretches:
            if start < end:
                hits = self.matcher.find(window.data[start : end + self.matcher.longest - 1])
                inside = int(np.searchsorted(hits.positions, end - start))
                owners.append(self.owners[hits.patterns[:inside]])
                places.append(hits.positions[:inside] + start)
        if not any(map(len, places)):
            return
        owner, position = np.concatenate(owners), np.concatenate(places)
        for number in np.flatnonzero(np.bincount(owner)).tolist():
            yield number, position[owner == number]

    def end_of_first(self, window: Window, begin: int, end: int) -> int:
        """Behind which byte from `begin` on a signature has begun, `end` where none does."""
        step = _FIRST_STEP
        while begin < end:
            hits = self.matcher.find(window.data[begin : begin + step + self.matcher.longest - 1])
            if len(hits.positions):
                return min(begin + int(hits.positions[0]) + 1, end)
            begin, step = begin + step, 2 * step
        return end


def _proven(claims: Sequence[Frames]) -> Frames:
    """The frames whose end something proves, ordered by offset."""
    rows = in_order(together(list(claims)))
    return rows.compress((rows["flags"] & FrameFlag.END_UNPROVEN) == 0)


def _runs(rows: Frames, offset: int, first: int, last: int) -> tuple[list[int], list[int]]:
    """Where long runs of frames without a gap begin and end in a window at the offset, from its
    byte `first` to `last`."""
    if not len(rows):
        return [], []
    starts = rows["offset"]
    reach = np.maximum.accumulate(starts + rows["size"])
    new = np.append(True, starts[1:] > reach[:-1])
    begins = np.clip(starts[new] - offset, first, last)
    ends = np.clip(reach[np.append(new[1:], True)] - offset, first, last)
    long = ends - begins >= _WORTH_SKIPPING
    return begins[long].tolist(), ends[long].tolist()


def thinned(candidates: Positions, offset: int, proven: Frames) -> Positions:
    """Candidates without those inside proven frames of others; of each such run behind a
    candidate outside, the first is kept: it ends what stands before.

    offset: absolute, of the window; proven: ordered by offset.
    """
    held = held_by(proven, candidates + offset)
    held[1:] &= held[:-1].copy()
    return candidates[~held]
