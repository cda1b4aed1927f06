"""Which key pictures are looked at, and that a loss of video is dated to one of them."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from vidrecover import stills
from vidrecover.catalogue import Look
from vidrecover.inspection import inspect, needless
from vidrecover.model import (
    NO_TIME,
    Codec,
    Extent,
    FrameFlag,
    Frames,
    Media,
    PictureState,
    Segment,
    SourceIdentity,
    Stream,
    no_frames,
)
from vidrecover.stills import Album

LIVE, LOST = PictureState.LIVE, PictureState.NO_SIGNAL
BEGIN = 60_000


@cache
def scene(moment: int) -> bytes:
    """A JPEG of houses, with something that moves."""
    random = np.random.default_rng(7)
    image = np.full((288, 352, 3), 120, np.uint8)
    for left in range(0, 352, 22):
        top = int(random.integers(60, 190))
        colour = [int(value) for value in random.integers(0, 255, 3)]
        cv2.rectangle(image, (left, top), (left + 18, 260), colour, -1)
    cv2.rectangle(image, (10 * moment, 200), (10 * moment + 60, 240), (20, 20, 230), -1)
    grain = np.random.default_rng(moment).integers(-9, 9, image.shape)
    image = np.clip(image + grain, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes()


@cache
def card() -> bytes:
    """A JPEG of a blue screen with a message."""
    image = np.full((288, 352, 3), (200, 40, 20), np.uint8)
    cv2.putText(image, "VIDEO LOSS", (70, 150), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255,) * 3, 2)
    return cv2.imencode(".jpg", image)[1].tobytes()


class Disk:
    """Key pictures one behind the other, and how often one was read."""

    def __init__(self, pictures: Sequence[bytes]) -> None:
        self.data = b"".join(pictures)
        self.identity = SourceIdentity(path="disk", kind="raw", size=len(self.data))
        self.size = len(self.data)
        self.reads = 0

    def read(self, offset: int, size: int) -> bytes:
        self.reads += 1
        return self.data[offset : offset + size]

    def read_into(self, offset: int, buffer: np.ndarray) -> list[Extent]:
        raise AssertionError("not needed")

    def close(self) -> None:
        raise AssertionError("not needed")


def table(pictures: Sequence[bytes], *, dated: bool = True) -> Frames:
    """A key picture every two seconds."""
    rows = no_frames(len(pictures))
    sizes = [len(one) for one in pictures]
    rows["offset"] = np.cumsum([0, *sizes[:-1]])
    rows["size"] = rows["payload_size"] = sizes
    rows["kind"], rows["codec"] = Media.KEY, Codec.MJPEG
    rows["time_ms"] = BEGIN + 2000 * np.arange(len(rows)) if dated else NO_TIME
    return rows


def segment(rows: Frames, **more: object) -> Segment:
    dated = len(rows) and rows["time_ms"][0] != NO_TIME
    one = Segment(
        id=5,
        format="plain",
        channel=1,
        stream=Stream.MAIN,
        codec=Codec.MJPEG,
        start_ms=int(rows["time_ms"][0]) if dated else None,
        end_ms=int(rows["time_ms"][-1]) if dated else None,
        start=0,
        end=int(rows["size"].sum()),
        frames=len(rows),
        keys=len(rows),
        audio=0,
        size=int(rows["size"].sum()),
        first_sequence=None,
        last_sequence=None,
        missing=0,
        unfinished=0,
        rows=b"",
    )
    return msgspec.structs.replace(one, **more)


def looks(
    pictures: Sequence[bytes], disk: Disk | None = None, *, dated: bool = True
) -> list[tuple[int | None, int | None, PictureState]]:
    """Seconds from the segment's begin, or None, and what is seen."""
    rows = table(pictures, dated=dated)
    found = inspect([segment(rows)], lambda _: rows, disk or Disk(pictures), {})
    (group,) = list(found)
    assert {one.segment_id for one in group} == {5}
    return [(_second(one.start_ms), _second(one.end_ms), one.state) for one in group]


def _second(time_ms: int | None) -> int | None:
    return None if time_ms is None else (time_ms - BEGIN) // 1000


def minute(*lost: range) -> list[bytes]:
    """Thirty key pictures, of which some are video-loss pictures."""
    return [card() if any(i in run for run in lost) else scene(i) for i in range(30)]


def test_in_a_steady_minute_four_pictures_are_enough() -> None:
    pictures = minute()
    disk = Disk(pictures)
    assert looks(pictures, disk) == [(0, 58, LIVE)]
    assert disk.reads == 4


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (range(20, 30), [(0, 40, LIVE), (40, 58, LOST)]),
        (range(7), [(0, 14, LOST), (14, 58, LIVE)]),
        (range(3, 22), [(0, 6, LIVE), (6, 44, LOST), (44, 58, LIVE)]),
    ],
)
def test_a_loss_is_dated_to_one_key_picture(
    lost: range, expected: list[tuple[int, int, PictureState]]
) -> None:
    assert looks(minute(lost)) == expected


def test_a_loss_between_the_pictures_that_are_always_looked_at_is_found_by_its_size() -> None:
    assert looks(minute(range(4, 7), range(20, 21))) == [
        (0, 8, LIVE),
        (8, 14, LOST),
        (14, 40, LIVE),
        (40, 42, LOST),
        (42, 58, LIVE),
    ]


def test_a_loss_without_times_is_told_in_order() -> None:
    assert looks(minute(range(20, 30)), dated=False) == [(None, None, LIVE), (None, None, LOST)]


def test_pictures_that_do_not_decode_are_not_checked_and_hide_no_loss_beside_them() -> None:
    assert looks([b"no picture"] * 3) == [(0, 4, PictureState.NOT_CHECKED)]
    pictures = minute(range(20, 30))
    pictures[18] = pictures[19] = b"no picture"
    assert looks(pictures) == [(0, 40, LIVE), (40, 58, LOST)]


def test_times_stay_in_the_segment_and_undated_pictures_among_dated_ones_follow() -> None:
    pictures = minute(range(20, 30))
    rows = table(pictures)
    one = segment(rows)
    rows["time_ms"] -= 500
    rows["time_ms"][20] = NO_TIME
    (group,) = list(inspect([one], lambda _: rows, Disk(pictures), {}))
    assert [(look.start_ms, look.end_ms) for look in group] == [
        (BEGIN, BEGIN + 38_000),
        (BEGIN + 38_000, BEGIN + 58_000),
    ]


def test_the_first_look_begins_with_the_first_whole_key_picture() -> None:
    pictures = minute()
    rows = table(pictures)
    one = segment(rows)
    rows["kind"][0] = Media.DELTA
    rows["flags"][1] = FrameFlag.UNFINISHED
    (group,) = list(inspect([one], lambda _: rows, Disk(pictures), {}))
    assert (group[0].overlay or 0) > 0
    assert (msgspec.structs.replace(group[0], overlay=None),) == (
        Look(
            segment_id=5,
            start_ms=BEGIN + 4000,
            end_ms=BEGIN + 58_000,
            state=LIVE,
            certain=True,
            pictures=4,
            reason=group[0].reason,
            width=352,
            height=288,
            sharpness=group[0].sharpness,
        ),
    )


@pytest.mark.parametrize(
    ("still", "expected"),
    [
        (range(13, 30), [(0, 26, LIVE), (26, 58, PictureState.FROZEN)]),
        (range(12), [(0, 24, PictureState.FROZEN), (24, 58, LIVE)]),
        (range(30), [(0, 58, PictureState.FROZEN)]),
    ],
)
def test_a_picture_that_stands_still_is_dated_to_one_key_picture(
    still: range, expected: list[tuple[int, int, PictureState]]
) -> None:
    assert looks([scene(still[0] if i in still else i) for i in range(30)]) == expected


def shaded(moment: int, rows: int) -> bytes:
    """The scene, its rows moved as those of a picture without synchronisation."""
    image = np.asarray(cv2.imdecode(np.frombuffer(scene(moment), np.uint8), cv2.IMREAD_COLOR))
    shade = np.linspace(0, 60, 288).astype(np.uint8)[:, None, None]
    image = np.where(image > 195, image, image + shade).astype(np.uint8)
    return cv2.imencode(".jpg", np.roll(image, rows, axis=0))[1].tobytes()


@pytest.mark.parametrize(
    ("rolling", "expected"),
    [
        (range(14, 30), [(0, 28, LIVE), (28, 58, PictureState.ROLLING)]),
        (range(17), [(0, 34, PictureState.ROLLING), (34, 58, LIVE)]),
    ],
)
def test_a_picture_that_rolls_is_dated_to_one_key_picture(
    rolling: range, expected: list[tuple[int, int, PictureState]]
) -> None:
    assert looks([shaded(i, 71 * i + 40 if i in rolling else 0) for i in range(30)]) == expected


def test_a_picture_that_moved_once_does_not_roll() -> None:
    found = looks([shaded(i, 40 if i >= 28 else 0) for i in range(30)])
    assert {one[2] for one in found} == {LIVE}


def test_stills_are_kept_only_when_asked_for_and_when_something_changes(tmp_path: Path) -> None:
    pictures = minute(range(20, 30))
    rows = table(pictures)
    album = Album(tmp_path / "stills")
    assert list(inspect([segment(rows)], lambda _: rows, Disk(pictures), {}))
    assert not (tmp_path / "stills").exists()
    for _ in range(2):  # the second time nothing has changed
        list(inspect([segment(rows)], lambda _: rows, Disk(pictures), {}, album=album))
        kept = list(stills.listed(tmp_path / "stills"))
        album = Album(tmp_path / "stills")
    first = [(one.channel, _second(one.time_ms), one.state) for one in kept[:2]]
    assert first == [(1, 0, LIVE), (1, 40, LOST)]
    for one in kept:
        image = cv2.imdecode(np.fromfile(tmp_path / "stills" / one.file, np.uint8), 1)
        assert image is not None
        assert image.shape == (262, 320, 3)
    assert kept[1].file == "camera-01_1970-01-01_00-01-40.000.jpg"


def test_noise_in_place_of_a_coded_picture_is_told_from_one() -> None:
    noise = [np.random.default_rng(i).bytes(6000) for i in range(3)]
    rows = table(noise)
    rows["codec"] = Codec.H264
    one = segment(rows, codec=Codec.H264)
    ((look,),) = list(inspect([one], lambda _: rows, Disk(noise), {}))
    assert (look.state, look.scrambled) == (PictureState.NOT_CHECKED, True)
    plain = [b"\0\0\0\1\x67" + one for one in noise]
    rows = table(plain)
    one = segment(rows, codec=Codec.H264)
    ((look,),) = list(inspect([one], lambda _: rows, Disk(plain), {}))
    assert (look.state, look.scrambled) == (PictureState.NOT_CHECKED, False)


def test_the_small_stream_is_looked_at_where_the_full_one_is_not() -> None:
    minutes = [BEGIN + 60_000 * i for i in range(4)]
    rows = table([scene(0)])

    def at(start_ms: int, **more: object) -> Segment:
        return segment(rows, start_ms=start_ms, end_ms=start_ms + 59_900, **more)

    small = [at(t, id=10 + i, stream=Stream.SUB) for i, t in enumerate(minutes)]
    full = [at(minutes[0], id=1), at(minutes[2], id=2), at(minutes[1], id=3, channel=2)]
    assert needless([*small, *full]) == {10, 12}
    assert needless(small) == frozenset()


def test_what_cannot_be_looked_at_is_left_out() -> None:
    rows = table([scene(0)])
    one = segment(rows)
    others = [
        segment(rows, keys=0),
        segment(rows, codec=Codec.PCM_ALAW),
        segment(rows, id=None),
    ]
    delta = rows.copy()
    delta["kind"] = Media.DELTA
    disk = Disk([scene(0)])
    assert list(inspect(others, lambda _: rows, disk, {})) == []
    assert list(inspect([one], lambda _: delta, disk, {})) == []
    assert list(inspect([], lambda _: rows, disk, {})) == []
