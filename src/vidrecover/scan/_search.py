"""Where signatures stand in a window, by format: one pass for all formats but those that yield.

A format that yields takes only what no other frame holds, and its start codes stand in nearly
every frame of the others; so its signatures are searched last, and only where no proven frames
are. Where the window before held hardly any, all are searched in one pass: that takes no longer
than one without them. The candidates are the same either way.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_NOWHERE = np.iinfo(np.int64).max
_HARDLY = 4
"""One of so many parts of a window is hardly any of it."""


class Search:
    """The signatures of formats, compiled. yielding: which formats yield, by number."""

    def __init__(self, formats: Sequence[Format]) -> None:
        self.yielding = [n for n, one in enumerate(formats) if one.framing.yields]
        self._firm = _Wanted.of(formats, [n for n in range(len(formats)) if n not in self.yielding])
        self._soft = _Wanted.of(formats, self.yielding)
        self._every = _Wanted.of(formats, range(len(formats)))
        self._is_free = True
        self._ahead: dict[int, Positions] | None = None
        self._reach = max(
            (one.at + len(p) for f in formats for one in f.layouts for p in one.signatures),
            default=0,
        )

    def firm(self, window: Window, *, is_blank: bool) -> Iterator[tuple[int, Positions]]:
        """Number and candidates of each format that does not yield and has some in the window.

        is_blank: all bytes up to the window's limit are known to be blank.
        """
        first = max(window.limit - self._reach, 0) if is_blank else 0
        stretches = [(first, window.limit + self._reach)]
        if not self._is_free:
            self._ahead = None
            yield from self._firm.found(window, stretches)
            return
        found = dict(self._every.found(window, stretches))
        self._ahead = {number: found.pop(number) for number in self.yielding if number in found}
        yield from found.items()

    def yielded(
        self, window: Window, claims: Sequence[Frames], *, is_blank: bool
    ) -> Iterator[tuple[int, Positions]]:
        """Number and candidates of each format that yields, of the window that `firm` was asked
        about last.

        claims: the others' frames in the window. Of candidates inside a run of proven frames only
        the first is told: it ends what stands before.
        """
        first = max(window.limit - self._reach, 0) if is_blank else 0
        last = min(window.limit + self._reach, len(window.data))
        proven = _proven(claims)
        begins, ends = _runs(proven, window.offset, first, last)
        if self._ahead is None:
            found = self._soft.found(window, self._free(window, begins, ends, first, last))
        else:
            found = _outside(self._ahead, begins, ends)
        for number, candidates in found:
            yield number, thinned(candidates, window.offset, proven)
        if not is_blank:
            self._is_free = sum(ends) - sum(begins) < (last - first) // _HARDLY

    def _free(
        self, window: Window, begins: Sequence[int], ends: Sequence[int], first: int, last: int
    ) -> Iterator[tuple[int, int]]:
        """Stretches outside runs of proven frames, and of each run what its first candidate
        ends."""
        for begin, end in zip(begins, ends, strict=True):
            yield first, begin
            yield begin, self._soft.end_of_first(window, begin, end)
            first = end
        yield first, last


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
        self, window: Window, stretches: Iterable[tuple[int, int]]
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


def _outside(
    found: Mapping[int, Positions], begins: Sequence[int], ends: Sequence[int]
) -> Iterator[tuple[int, Positions]]:
    """Number and candidates of each format without those inside runs, but for the first place
    of each run where any is. found: candidates by number."""
    if not begins:
        yield from found.items()
        return
    places = np.unique(np.concatenate([*found.values(), [_NOWHERE]]))
    firsts = places[np.searchsorted(places, begins)]
    for number, candidates in found.items():
        run = np.maximum(np.searchsorted(begins, candidates, side="right") - 1, 0)
        held = (candidates >= np.take(begins, run)) & (candidates < np.take(ends, run))
        kept = candidates[~held | (candidates == firsts[run])]
        if len(kept):
            yield number, kept


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
