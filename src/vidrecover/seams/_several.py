"""Frames cut at more than one border: which clusters may be their middle, by header arithmetic.

The header tells the length, the grid how much of it lies in the first cluster and in the last; what
is left is whole clusters, and they are among those that nothing else explains. Which ones they are
the arithmetic alone does not prove: it names every way, and decoding chooses (`repair.joining`).
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, islice
from math import comb
from typing import NamedTuple

from vidrecover.model import Extent, Grid, LooseEnd

MOST_WAYS = 64
"""Of one frame; where there are more, none is tried."""
_BESIDE = 8  # clusters before and behind the likely ones that are tried too: what does chance do?


class Several(NamedTuple):
    """A frame over three or more clusters, between a run that stops and one that begins.

    head: its bytes before the first border; ways: places of all its bytes in logical order, those
    first that lie between its ends, as clusters that are taken in order do.
    """

    stop: LooseEnd
    begin: LooseEnd
    size: int
    head: int
    ways: tuple[tuple[Extent, ...], ...]


class Clusters:
    """The whole clusters of one grid that nothing explains, by place."""

    def __init__(self, grid: Grid, left: Sequence[Extent]) -> None:
        self.grid = grid
        self._starts: list[int] = []
        for extent in left:
            first = extent.start + (grid.start - extent.start) % grid.size
            self._starts.extend(range(first, extent.end - grid.size + 1, grid.size))

    def ways(self, stop: LooseEnd, begin: LooseEnd, size: int) -> Several | None:
        """How a frame of `size` bytes may lie over the grid; None where it does not fit, or in too
        many ways."""
        grid = self.grid
        border = grid.border(stop.position)
        tail = (begin.position - grid.start) % grid.size or grid.size
        middle = size - (border - stop.position) - tail
        if middle <= 0 or middle % grid.size:
            return None
        count, last = middle // grid.size, begin.position - tail
        first = bisect_left(self._starts, border)
        end = bisect_right(self._starts, last - 1)
        between = self._starts[first:end] if border <= last else []
        if not 0 < comb(len(between), count) <= MOST_WAYS:
            return None
        found = [_pieces(stop.position, border, places, grid.size, Extent(last, begin.position))
                 for places in combinations(between, count)]  # fmt: skip
        if count == 1:
            beside = self._starts[max(first - _BESIDE, 0) : first]
            beside += self._starts[end : end + _BESIDE]
            found += [
                _pieces(stop.position, border, (one,), grid.size, Extent(last, begin.position))
                for one in beside
                if one not in (border - grid.size, last)
            ]
        return Several(stop, begin, size, border - stop.position, tuple(found))


def _pieces(
    start: int, border: int, places: Sequence[int], size: int, tail: Extent
) -> tuple[Extent, ...]:
    found = [Extent(start, border)]
    for place in places:
        if found[-1].end == place:
            found[-1] = Extent(found[-1].start, place + size)
        else:
            found.append(Extent(place, place + size))
    if found[-1].end == tail.start:
        found[-1] = Extent(found[-1].start, tail.end)
    else:
        found.append(tail)
    return tuple(found)


def several(
    cuts: Sequence[tuple[LooseEnd, LooseEnd, int]], grids: Sequence[Grid], left: Sequence[Extent]
) -> Iterator[Several]:
    """The cuts (stop, begin, size) that a grid explains by whole clusters between; left: what
    nothing explains, ordered. Of two cuts with one end, neither."""
    stops = Counter(stop.position for stop, _, _ in cuts)
    begins = Counter(begin.position for _, begin, _ in cuts)
    shelves = [Clusters(grid, left) for grid in grids]
    for stop, begin, size in cuts:
        if stops[stop.position] > 1 or begins[begin.position] > 1:
            continue
        ways = (one for shelf in shelves if (one := shelf.ways(stop, begin, size)) is not None)
        yield from islice(ways, 1)
