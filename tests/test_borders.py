"""The grid of borders that torn pictures show."""

import numpy as np

from vidrecover.model import Extent, Grid
from vidrecover.seams.borders import grid_of

SIZE, START = 1 << 16, 512 * 9


def torn(count: int, *, seed: int = 1) -> list[Extent]:
    """Pictures over one border each."""
    rng = np.random.default_rng(seed)
    borders = START + SIZE * np.sort(rng.choice(1000, count, replace=False))
    return [
        Extent(int(one - rng.integers(1, 9000)), int(one + rng.integers(1, 9000)))
        for one in borders
    ]


def test_a_grid_is_told_by_what_all_torn_pictures_have_in_common() -> None:
    assert grid_of(torn(40)) == Grid(START, SIZE)


def test_a_few_pictures_that_lack_others_for_another_reason_do_not_hide_it() -> None:
    assert grid_of([*torn(40), Extent(7, 3000), Extent(99_000, 101_000)]) == Grid(START, SIZE)


def test_too_few_or_pictures_laid_by_chance_tell_none() -> None:
    rng = np.random.default_rng(3)
    assert grid_of(torn(4)) is None
    for count in (6, 12, 40, 200):
        starts = np.sort(rng.integers(0, 1 << 30, count)).tolist()
        assert grid_of([Extent(at, at + 9000) for at in starts]) is None
    assert grid_of([]) is None


def test_large_pictures_hold_a_border_of_any_small_grid() -> None:
    rng = np.random.default_rng(4)
    starts = np.sort(rng.integers(0, 1 << 30, 60)).tolist()
    assert grid_of([Extent(at, at + 60_000) for at in starts]) is None
