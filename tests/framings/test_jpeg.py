"""JPEG pictures outside of containers: dates, small pictures inside, real streams."""

from pathlib import Path

import numpy as np
import pytest

from vidrecover import clock
from vidrecover.framings import _exif, jpeg
from vidrecover.model import Codec, Frames, Media, Window

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus" / "mjpeg" / "libvpl__cars_320x240.mjpeg"


def read(data: bytes) -> Frames:
    array = np.frombuffer(data, dtype=np.uint8)
    places = [at for at in range(len(data)) if data[at : at + 3] == b"\xff\xd8\xff"]
    return jpeg.frames(Window(0, array, len(array), (), True), np.array(places, dtype=np.int64))


@pytest.mark.skipif(not CORPUS.is_file(), reason="the corpus of real footage is not here")
def test_a_real_stream_gives_each_picture_once() -> None:
    data = CORPUS.read_bytes()
    rows = read(data)
    ends = rows["offset"] + rows["size"]
    assert (len(rows), int(rows["offset"][0]), int(ends[-1])) == (30, 0, len(data))
    assert (ends[:-1] == rows["offset"][1:]).all()
    assert set(rows["kind"].tolist()) == {Media.KEY}
    assert set(rows["codec"].tolist()) == {Codec.MJPEG}


@pytest.mark.skipif(not CORPUS.is_file(), reason="the corpus of real footage is not here")
def test_no_cut_of_a_real_picture_is_one() -> None:
    rows = read(CORPUS.read_bytes())
    picture = CORPUS.read_bytes()[: int(rows["size"][0])]
    assert [len(read(picture[:size])) for size in range(0, len(picture), 97)] == [0] * len(
        range(0, len(picture), 97)
    )
    assert len(read(picture)) == 1


@pytest.mark.parametrize(
    ("block", "time"),
    [
        # little-endian: ModifyDate only, in a directory of one entry
        ("49492a0008000000 0100 3201 0200 14000000 1a000000 00000000", "2026-03-14T07:30:12.000"),
        ("4d4d002a00000008 0001 0132 0002 00000014 0000001a 00000000", "2026-03-14T07:30:12.000"),
        ("4d4d002a00000008 0001 0132 0002 00000014 000000ff 00000000", None),
        ("4d4d002a000000ff", None),
        ("00" * 30, None),
    ],
)
def test_the_time_of_a_picture_is_the_one_that_exif_tells(block: str, time: str | None) -> None:
    data = bytes.fromhex(block.replace(" ", "")) + b"2026:03:14 07:30:12\0"
    found = _exif.taken(data)
    assert (None if found is None else clock.iso(found)) == time


def test_an_impossible_date_is_none() -> None:
    head = bytes.fromhex("4d4d002a00000008000101320002000000140000001a00000000")
    assert _exif.taken(head + b"2026:02:31 07:30:12\0") is None
    assert _exif.taken(head + b"0000:00:00 00:00:00\0") is None
