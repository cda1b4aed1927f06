"""Which copy of several media is taken, second by second."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vidrecover.model import TimeSpan
from vidrecover.timeline import Copy, Taken, chosen


def copy(frames: dict[int, int], keys: dict[int, str]) -> Copy:
    """A copy with whole frames and the content of a key picture by second."""
    return Copy(
        np.array(sorted(frames), dtype=np.int64),
        np.array([frames[second] for second in sorted(frames)], dtype=np.int64),
        {second * 1000: frozenset({text.encode()}) for second, text in sorted(keys.items())},
    )


def steady(seconds: Sequence[int], content: str = "a", every: int = 2, frames: int = 25) -> Copy:
    """The same number of frames in each second, a key picture at each multiple of `every`."""
    keys = {s: f"{content}{s}" for s in seconds if s % every == 0}
    return copy(dict.fromkeys(seconds, frames), keys)


def spans(taken: Sequence[Taken]) -> list[TimeSpan]:
    return [TimeSpan(one.span.start_ms // 1000, one.span.end_ms // 1000) for one in taken]


def test_of_two_whole_copies_only_the_first_is_taken() -> None:
    first, second = chosen([steady(range(60)), steady(range(60))])
    assert spans(first) == [(0, 60)] and second == []
    assert first[0].alike == {1: 60} and not first[0].other and not first[0].unsure


def test_what_one_lost_is_taken_from_the_other_and_nothing_is_taken_twice() -> None:
    first, second = chosen([steady(range(30)), steady(range(20, 60))])
    assert spans(first) == [(0, 30)] and spans(second) == [(30, 60)]
    assert first[0].alike == {1: 10} and second[0].alike == {}


def test_a_second_with_lost_frames_is_taken_from_the_copy_that_has_them() -> None:
    torn = copy({s: 11 if s == 7 else 25 for s in range(20)}, {s: f"a{s}" for s in range(0, 20, 2)})
    first, second = chosen([torn, steady(range(20))])
    assert first == [] and spans(second) == [(0, 20)]
    worse = copy(
        {s: 9 if s == 15 else 25 for s in range(20)}, {s: f"a{s}" for s in range(0, 20, 2)}
    )
    both = chosen([torn, worse])
    assert [spans(one) for one in both] == [[(15, 20)], [(0, 15)]]


def test_different_pictures_are_both_taken_and_told_on_both_sides() -> None:
    first, second = chosen([steady(range(10)), steady(range(10), content="b")])
    assert spans(first) == spans(second) == [(0, 10)]
    assert first[0].other == {1: 10} and second[0].other == {0: 10}


def test_a_key_picture_speaks_for_ten_seconds_at_most() -> None:
    long = steady(range(40), every=40)
    first, second = chosen([long, long])
    assert spans(first) == [(0, 40)] and spans(second) == [(11, 40)]
    assert first[0].unsure == {1: 29}


def test_footage_without_any_key_picture_replaces_nothing() -> None:
    blind = copy(dict.fromkeys(range(5), 10), {})
    first, second = chosen([steady(range(5)), blind])
    assert spans(first) == spans(second) == [(0, 5)]
    assert second[0].unsure == {0: 5}


def test_a_conflict_of_one_group_leaves_the_rest_to_the_first_copy() -> None:
    other = {s: ("b" if s == 4 else "a") + str(s) for s in range(0, 10, 2)}
    first, second = chosen([steady(range(10)), copy(dict.fromkeys(range(10), 25), other)])
    assert spans(first) == [(0, 10)] and spans(second) == [(4, 6)]
    assert first[0].other == {1: 2} and first[0].alike == {1: 8}


@given(
    st.lists(
        st.dictionaries(st.integers(0, 40), st.integers(1, 5), min_size=1), min_size=1, max_size=4
    ),
    st.lists(st.sampled_from("ab"), min_size=4, max_size=4),
)
def test_no_second_of_any_content_is_left_out(
    held: list[dict[int, int]], content: list[str]
) -> None:
    copies = [
        copy(one, {second: f"{name}{second}" for second in one})
        for one, name in zip(held, content, strict=False)
    ]
    taken = chosen(copies)
    for number, one in enumerate(held):
        for second in one:
            takers = [
                i
                for i, stretches in enumerate(taken)
                if content[i] == content[number]
                and any(a <= second < b for a, b in spans(stretches))
            ]
            assert len(takers) == 1  # of each content one copy
            best = max(
                own.get(second, 0)
                for own, name in zip(held, content, strict=False)
                if name == content[number]
            )
            assert held[takers[0]][second] == best
