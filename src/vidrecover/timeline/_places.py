"""Segments and claims by their place on the source."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from vidrecover.model import NO_CHANNEL, NO_TIME, Claim, ClaimKind, Extent, Segment

FILES = frozenset({ClaimKind.FILE, ClaimKind.DELETED_FILE})
"""Kinds of claims that are files: names and footage in them may tell different times."""

_MOST_NAMING = 64  # extents of claims looked at for one segment, in a hostile index


class Shelf:
    """Segments by their place on the source, to be asked what lies in some bytes.

    Segments glued over a border are `glued`, and in no bytes: they lie in two places. start_ms,
    end_ms, channels, sizes: of `segments`, as columns, with NO_TIME and NO_CHANNEL.
    """

    def __init__(self, segments: Iterable[Segment]) -> None:
        given = sorted(segments, key=lambda s: s.start)
        self.segments = [segment for segment in given if not segment.joined]
        self.glued = [segment for segment in given if segment.joined]
        self._starts = np.array([s.start for s in self.segments], dtype=np.int64)
        self._ends = np.array([s.end for s in self.segments], dtype=np.int64)
        self._reach = np.maximum.accumulate(self._ends) if self.segments else self._ends
        self.start_ms = np.array(
            [NO_TIME if s.start_ms is None else s.start_ms for s in self.segments], dtype=np.int64
        )
        self.end_ms = np.array(
            [NO_TIME if s.end_ms is None else s.end_ms for s in self.segments], dtype=np.int64
        )
        self.channels = np.array(
            [NO_CHANNEL if s.channel is None else s.channel for s in self.segments], dtype=np.int64
        )
        self.sizes = np.array([s.size for s in self.segments], dtype=np.int64)
        self._sums = np.concatenate([[0], np.cumsum(self.sizes)])

    def touching(self, extents: Iterable[Extent]) -> npt.NDArray[np.int64]:
        """Indexes of all segments that share bytes with the extents, ascending."""
        found: list[npt.NDArray[np.int64]] = []
        for extent in extents:
            first = int(np.searchsorted(self._reach, extent.start, "right"))
            last = int(np.searchsorted(self._starts, extent.end))
            if last > first:
                found.append(first + np.flatnonzero(self._ends[first:last] > extent.start))
        if len(found) == 1:
            return found[0]
        return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *found]))

    def filled(self, extents: Sequence[Extent]) -> npt.NDArray[np.int64]:
        """About how many bytes of each extent are frames: of segments that begin in it."""
        bounds = np.array(extents, dtype=np.int64).reshape(-1, 2)
        places = np.searchsorted(self._starts, bounds)
        found = self._sums[places[:, 1]] - self._sums[places[:, 0]]
        inside: npt.NDArray[np.int64] = np.minimum(found, bounds[:, 1] - bounds[:, 0])
        return inside

    def newest(self, extents: Sequence[Extent]) -> npt.NDArray[np.int64]:
        """The latest start of the segments that begin in each extent; NO_TIME where none does."""
        bounds = np.array(extents, dtype=np.int64).reshape(-1, 2)
        places = np.searchsorted(self._starts, bounds)
        found = np.full(len(bounds), NO_TIME, dtype=np.int64)
        some = np.flatnonzero(places[:, 1] > places[:, 0])
        if len(some):
            column = np.append(self.start_ms, NO_TIME)  # so that an end may be the last place
            found[some] = np.maximum.reduceat(column, places[some].ravel())[::2]
        return found

    def within(self, extents: Iterable[Extent]) -> list[Segment]:
        """The segments of `touching`, by place."""
        return [self.segments[i] for i in self.touching(extents).tolist()]


class Index:
    """Claims by the bytes they name."""

    def __init__(self, claims: Iterable[Claim]) -> None:
        given = list(claims)
        self._entries = _Places(claim for claim in given if claim.kind not in FILES)
        self._files = _Places(claim for claim in given if claim.kind in FILES)

    def naming(self, segment: Segment) -> list[Claim]:
        """Claims that name bytes of the segment, each once.

        Of files, those in which it begins or ends: between its frames may lie clusters of others.
        """
        end = segment.start + 1 if segment.joined else segment.end
        found = {id(claim): claim for claim in self._entries.sharing(segment.start, end)}
        for place in (segment.start, end - 1):
            found |= {id(claim): claim for claim in self._files.sharing(place, place + 1)}
        return list(found.values())


class _Places:
    """Extents of claims, ordered by place."""

    def __init__(self, claims: Iterable[Claim]) -> None:
        places = [(e.start, e.end, c) for c in claims for e in c.extents if e.end > e.start]
        self._places = sorted(places, key=lambda place: place[:2])
        self._starts = [start for start, _, _ in self._places]
        self._reach = list(accumulate((end for _, end, _ in self._places), max))

    def sharing(self, start: int, end: int) -> list[Claim]:
        """Claims with bytes in [start, end), of the last places before the end."""
        found = []
        last = bisect_left(self._starts, end) - 1
        for i in range(last, max(last - _MOST_NAMING, -1), -1):
            if self._reach[i] <= start:
                break
            _, claim_end, claim = self._places[i]
            if claim_end > start:
                found.append(claim)
        return found
