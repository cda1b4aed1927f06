"""Arithmetic on extents: union, difference, intersection. Lists are ordered and disjoint."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from vidrecover.model import Extent


def merged(parts: Iterable[Extent]) -> list[Extent]:
    """The same bytes as ordered, disjoint extents that do not touch."""
    result: list[Extent] = []
    for one in sorted(part for part in parts if part.end > part.start):
        if result and one.start <= result[-1].end:
            result[-1] = Extent(result[-1].start, max(result[-1].end, one.end))
        else:
            result.append(one)
    return result


def minus(whole: Sequence[Extent], removed: Sequence[Extent]) -> list[Extent]:
    """The bytes of `whole` that are not in `removed`; both ordered and disjoint."""
    result: list[Extent] = []
    starts = [one.start for one in removed]
    for one in whole:
        position = one.start
        place = max(bisect_right(starts, position) - 1, 0)
        while place < len(removed) and removed[place].start < one.end:
            hole = removed[place]
            if hole.start > position:
                result.append(Extent(position, hole.start))
            position = max(position, hole.end)
            place += 1
        if position < one.end:
            result.append(Extent(position, one.end))
    return result


def common(first: Sequence[Extent], second: Sequence[Extent]) -> list[Extent]:
    """The bytes in both; both ordered and disjoint."""
    result: list[Extent] = []
    starts = [one.start for one in second]
    for one in first:
        place = max(bisect_right(starts, one.start) - 1, 0)
        while place < len(second) and second[place].start < one.end:
            start, end = max(one.start, second[place].start), min(one.end, second[place].end)
            if start < end:
                result.append(Extent(start, end))
            place += 1
    return result


def total(parts: Iterable[Extent]) -> int:
    """Bytes in all of them."""
    return sum(one.size for one in parts)


def divided(parts: Iterable[Extent], size: int) -> list[Extent]:
    """The same bytes in extents of which none reaches over a multiple of `size`."""
    result: list[Extent] = []
    for one in parts:
        start = one.start
        while start < one.end:
            end = min(one.end, (start // size + 1) * size)
            result.append(Extent(start, end))
            start = end
    return result
