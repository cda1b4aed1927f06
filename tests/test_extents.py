"""Arithmetic on extents, against sets of bytes."""

from hypothesis import given
from hypothesis import strategies as st

from vidrecover import extents
from vidrecover.model import Extent

E = Extent


def test_what_overlaps_or_touches_is_merged() -> None:
    parts = [E(10, 20), E(0, 5), E(5, 7), E(15, 18), E(19, 30), E(40, 40), E(41, 42)]
    assert extents.merged(parts) == [E(0, 7), E(10, 30), E(41, 42)]
    assert extents.merged([]) == []


def test_what_is_removed_leaves_what_is_around_it() -> None:
    whole = [E(0, 10), E(20, 30), E(40, 50)]
    assert extents.minus(whole, [E(3, 5), E(8, 22), E(29, 60)]) == [
        E(0, 3),
        E(5, 8),
        E(22, 29),
    ]
    assert extents.minus(whole, []) == whole
    assert extents.minus(whole, [E(0, 100)]) == []
    assert extents.minus([], whole) == []


def test_what_two_lists_have_in_common_is_cut_out() -> None:
    first, second = [E(0, 10), E(20, 30)], [E(5, 6), E(8, 25), E(28, 99)]
    assert extents.common(first, second) == [E(5, 6), E(8, 10), E(20, 25), E(28, 30)]
    assert extents.common(first, []) == []


def test_the_total_counts_bytes() -> None:
    assert extents.total([E(0, 10), E(20, 21)]) == 11
    assert extents.total([]) == 0


pieces = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=10).map(
    lambda pairs: [E(start, start + size) for start, size in pairs]
)


def covered(parts: list[Extent]) -> set[int]:
    return {place for one in parts for place in range(one.start, one.end)}


def is_ordered(parts: list[Extent]) -> bool:
    """Ordered, disjoint, none of them empty."""
    edges = [edge for one in parts for edge in one]
    return edges == sorted(edges) and all(one.size > 0 for one in parts)


@given(pieces)
def test_merging_keeps_the_bytes(parts: list[Extent]) -> None:
    merged = extents.merged(parts)
    assert covered(merged) == covered(parts)
    assert is_ordered(merged)
    assert len({edge for one in merged for edge in one}) == 2 * len(merged)
    assert extents.total(merged) == len(covered(parts))


@given(pieces, pieces)
def test_difference_and_intersection_are_those_of_the_bytes(
    first: list[Extent], second: list[Extent]
) -> None:
    one, other = extents.merged(first), extents.merged(second)
    left, both = extents.minus(one, other), extents.common(one, other)
    assert covered(left) == covered(first) - covered(second)
    assert covered(both) == covered(first) & covered(second)
    assert is_ordered(left)
    assert is_ordered(both)
    assert extents.merged([*left, *both]) == one
