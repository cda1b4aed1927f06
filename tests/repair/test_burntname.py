"""A camera's number is read from its pictures only where all cameras together prove it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from vidrecover.repair import burntname
from vidrecover.repair.burntclock import Font, Ink
from vidrecover.simulate import font as letters

SIZE = (144, 176)
INK = Ink(190, tophat=False)
CELL = letters.CELL_WIDTH, letters.CELL_HEIGHT


def clock() -> Font:
    """The letters as a clock at the top would teach them."""
    cells = [letters.written(str(digit), 1)[0] > INK.level for digit in range(10)]
    digits = np.stack(cells).astype(np.float32)
    return Font(INK, 100, 8, *CELL, digits)


def seen(*texts: str, pictures: int = 4, seed: int = 0) -> npt.NDArray[np.uint8]:
    """How often each dot is ink where a text stands at the bottom of a scene of its own; several
    texts take turns."""
    rng = np.random.default_rng(seed)
    still = rng.integers(0, 256, (SIZE[0] // 8, SIZE[1] // 8)).repeat(8, 0).repeat(8, 1)
    total = np.zeros(SIZE)
    for number in range(pictures):
        luma = np.clip(still + rng.normal(0, 3, SIZE), 0, 255).astype(np.uint8)
        values, mask = letters.written(texts[number % len(texts)] + " ", 1)
        area = luma[120 : 120 + mask.shape[0], 4 : 4 + mask.shape[1]]
        area[:] = 40  # the band that recorders lay below
        np.copyto(area, values, where=mask)
        total += INK.of(luma)
    return np.round(255 * total / pictures).astype(np.uint8)


def read(cameras: Sequence[str | tuple[str, ...]]) -> list[int | None]:
    shown = [
        seen(*([one] if isinstance(one, str) else one), seed=place)
        for place, one in enumerate(cameras)
    ]
    return burntname.numbers(shown, clock())


@pytest.mark.parametrize("text", ["CAM {:02}", "CH{:<2}", "VIDEO {:<2}", "SALOM{:03}"])
def test_a_number_behind_letters_that_all_cameras_share_is_read(text: str) -> None:
    numbers = [1, 2, 3, 4, 6, 9, 10, 12]
    assert read([text.format(one) for one in numbers]) == numbers


@pytest.mark.parametrize(
    "cameras",
    [
        [f"CAM {one:02}" for one in (1, 2)],  # too few to know
        ["CAM 03"] * 5,  # the same everywhere: of the vehicle, not of the camera
        [f"CAM {one:02}" for one in range(5)],  # cameras count from 1
        [f"CAM {one:02}" for one in (70, 71, 72, 73)],
        [f"12:4{one}" for one in range(1, 6)],  # a clock
        [f"14-03-2{one}" for one in range(1, 6)],  # a date
        [f"       {one}" for one in range(1, 6)],  # letters are missing
        [f"CAM {one}C" for one in range(1, 6)],  # goes on with something else
        ["CAM 01", "CH 02 ", "IDC 03", "SDL 04"],  # other letters
        ["CAM 01", "CAM 01", "CAM 02", "CAM 02", "CAM 03", "CAM 04"],  # of two vehicles
        ["CAM AC", "CAM DE", "CAM IL", "CAM MO"],
        ["", "", "", ""],
    ],
)
def test_what_is_no_number_of_a_camera_beyond_doubt_is_not_read(cameras: list[str]) -> None:
    assert read(cameras) == [None] * len(cameras)


def test_a_number_that_changes_or_that_two_cameras_have_is_told_of_neither() -> None:
    cameras: list[str | tuple[str, ...]] = [
        "CAM 01",
        ("CAM 02", "CAM 07"),
        "CAM 03",
        "CAM 04",
        "CAM 05",
        "CAM 06",
    ]
    assert read(cameras) == [1, None, 3, 4, 5, 6]
    assert read(["CAM 01", "CAM 01", *(f"CAM {one:02}" for one in range(2, 9))]) == [
        None, None, *range(2, 9)
    ]  # fmt: skip


def test_another_piece_shows_the_number_of_its_camera_or_none() -> None:
    told = burntname.read([seen(f"CAM {one:02}", seed=one) for one in range(1, 7)], clock())
    assert told is not None
    for number in (1, 5, 6, 12, 30):
        for seed in range(3):
            piece = seen(f"CAM {number:02}", pictures=1, seed=100 + seed)
            assert told.field.number(piece) == number
    for other in ("", "CAM 0", "CAM 00", "CAM 77", "CAM 011", "CAM A1", "IDC 03", "   CAM 03"):
        assert told.field.number(seen(other, pictures=1, seed=7)) is None
    assert told.field.number(np.zeros((100, 176), dtype=np.uint8)) is None


def test_scenes_without_text_tell_nothing() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        shown = [
            (255 * (rng.random((36, 44)) < 0.3)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
            for _ in range(4)
        ]
        assert burntname.numbers(shown, clock()) == [None] * 4
