"""A picture that stands still is told over several segments, and dated to one key picture."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from tests.test_inspection import BEGIN, Disk, segment, table

from vidrecover import picture
from vidrecover.catalogue import Look
from vidrecover.inspection import inspect, standing
from vidrecover.model import PictureState

LIVE, FROZEN = PictureState.LIVE, PictureState.FROZEN
Image = npt.NDArray[np.uint8]

STEP_MS = 24_000  # from one key picture to the next


def houses(moment: int, *, light: float = 1.0, noise: float = 2.0) -> Image:
    """A street in which nothing moves, as a sensor sees it; light: of 1."""
    random = np.random.default_rng(7)
    image = np.full((288, 352), 120.0)
    for left in range(0, 352, 22):
        top = int(random.integers(60, 190))
        image[top:260, left : left + 18] = random.integers(30, 200)
    image = image * light + np.random.default_rng(moment).normal(0, noise, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def coded(image: Image, clock: str = "") -> bytes:
    """A JPEG, with a time of the day in the upper band."""
    shown = cv2.merge([image, image, np.minimum(image, 215) + 40])
    cv2.putText(shown, clock, (8, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255,) * 3, 2)
    return cv2.imencode(".jpg", shown)[1].tobytes()


def seen(
    minutes: Sequence[Sequence[bytes]], *, camera_of: Callable[[int], int] = lambda _: 1
) -> list[tuple[int, int, int, PictureState]]:
    """Segment, begin and end in key pictures, and what is seen, after both passes."""
    pictures = [one for minute in minutes for one in minute]
    rows = table(pictures)
    rows["time_ms"] = BEGIN + STEP_MS * np.arange(len(rows))
    parts, first = {}, 0
    for number, minute in enumerate(minutes, start=1):
        parts[number] = rows[first : first + len(minute)]
        first += len(minute)
    segments = [
        segment(part, id=number, channel=camera_of(number)) for number, part in parts.items()
    ]
    disk = Disk(pictures)

    def unpack(one: object) -> object:
        return parts[one.id]  # type: ignore[attr-defined]

    def again(looks: dict[int, tuple[Look, ...]]) -> dict[int, tuple[Look, ...]]:
        all_of = [one for number in sorted(looks) for one in looks[number]]
        found = standing(segments, all_of, unpack, disk, {})  # type: ignore[arg-type]
        return looks | {group[0].segment_id: group for group in found}

    groups = inspect(segments, unpack, disk, {})  # type: ignore[arg-type]
    looks = again({group[0].segment_id: group for group in groups})
    assert again(looks) == looks
    return [
        (number, _key(one.start_ms), _key(one.end_ms), one.state)
        for number in sorted(looks)
        for one in looks[number]
    ]


def _key(time_ms: int | None) -> int:
    assert time_ms is not None
    return (time_ms - BEGIN) // STEP_MS


def hour(frozen: range, count: int = 16, each: int = 2, **clock: bool) -> list[list[bytes]]:
    """Key pictures of a street; in some of them the picture of the first of these."""
    runs = clock.get("runs", True)
    pictures = []
    for i in range(count):
        at = frozen[0] if i in frozen else i
        shown = i if runs or i not in frozen else at
        pictures.append(coded(houses(at), f"07:{shown:02}:24"))
    return [pictures[i : i + each] for i in range(0, count, each)]


@pytest.mark.parametrize("runs", [True, False])
def test_a_camera_frozen_for_minutes_is_told_whatever_its_clock_does(runs: bool) -> None:
    found = seen(hour(range(4, 12), runs=runs))
    frozen = [one[0] for one in found if one[3] is FROZEN]
    assert frozen == [3, 4, 5, 6]
    assert {one[3] for one in found} == {LIVE, FROZEN}


def test_its_begin_and_its_end_are_dated_to_one_key_picture() -> None:
    found = seen(hour(range(8, 31), count=40, each=10))
    assert [one[1:3] for one in found if one[3] is FROZEN] == [(8, 9), (10, 19), (20, 29), (30, 31)]
    assert [one[1:3] for one in found if one[3] is LIVE] == [(0, 8), (31, 39)]


def test_a_standing_vehicle_is_not_frozen_while_its_sensor_lives() -> None:
    for light in (1.0, 0.4):
        pictures = [coded(houses(i, light=light)) for i in range(16)]
        found = seen([pictures[i : i + 2] for i in range(0, 16, 2)])
        assert {one[3] for one in found} == {LIVE}


def test_a_scene_without_noise_in_which_the_light_creeps_is_not_frozen() -> None:
    pictures = [coded(houses(0, light=1 - 0.008 * (i // 5), noise=0)) for i in range(20)]
    found = seen([pictures[i : i + 5] for i in range(0, 20, 5)])
    assert [one[3] for one in found] == [LIVE] * 4


def test_a_picture_that_is_replaced_now_and_then_stays_frozen() -> None:
    pictures = [coded(houses(0, light=1 - 0.1 * (i // 5), noise=0)) for i in range(20)]
    found = seen([pictures[i : i + 5] for i in range(0, 20, 5)])
    assert [one[3] for one in found] == [FROZEN] * 4


def test_black_with_a_few_lamps_in_it_is_never_frozen() -> None:
    image = np.full((288, 352), 4, np.uint8)
    for left in range(20, 340, 40):
        cv2.circle(image, (left, 100 + left % 60), 6, 220, -1)
    pictures = [coded(image)] * 16
    found = seen([pictures[i : i + 4] for i in range(0, 16, 4)])
    assert FROZEN not in {one[3] for one in found}
    assert picture.drift(picture.cells_of(image), picture.cells_of(image)) is None


def test_cameras_are_not_laid_beside_each_other() -> None:
    minutes = [[coded(houses(0))]] * 4
    found = seen(minutes, camera_of=lambda number: number)
    assert {one[3] for one in found} == {LIVE}
