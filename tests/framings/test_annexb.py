"""Naked streams: what makes a picture, where it ends, and what is none."""

from typing import Any

import numpy as np

from vidrecover.framings import annexb
from vidrecover.model import Codec, FrameFlag, Frames, Media, Window

# First bytes of units, from ITU-T H.264 table 7-1: IDR slice (I, set 0), P slices that begin a
# picture and one that does not (first_mb_in_slice 1); bodies without zeros.
BODY = bytes(range(1, 90))
KEY = b"\0\0\1\x65\xb8" + BODY
DELTA = b"\0\0\1\x41\x9a" + BODY
SECOND = b"\0\0\1\x41\x4a" + BODY
DELIMITER = b"\0\0\1\x09\xf0"
H265_DELTA = b"\0\0\1\x02\x01\xd0" + BODY


def read(data: bytes) -> Frames:
    array = np.frombuffer(data, dtype=np.uint8)
    places = [at for at in range(len(data)) if data.startswith(b"\0\0\1", at)]
    window = Window(0, array, len(array), (), True)
    return annexb.frames(window, np.array(places, dtype=np.int64))


def told(data: bytes) -> list[tuple[Any, ...]]:
    names = ["offset", "size", "kind", "codec", "flags"]
    found: list[tuple[Any, ...]] = read(data)[names].tolist()
    return found


def test_slices_of_one_picture_and_the_delimiter_before_are_one_row() -> None:
    first = DELIMITER + KEY + SECOND
    last = len(first + DELTA)
    assert told(first + DELTA + DELTA) == [
        (0, len(first), Media.KEY, Codec.H264, 0),
        (len(first), len(DELTA), Media.DELTA, Codec.H264, 0),
        (last, len(DELTA), Media.DELTA, Codec.H264, FrameFlag.END_UNPROVEN),
    ]


def test_a_start_code_of_another_kind_ends_a_picture_without_proof() -> None:
    rows = told(DELTA + b"\0\0\1\xba" + BODY)
    assert rows == [(0, len(DELTA), Media.DELTA, Codec.H264, FrameFlag.END_UNPROVEN)]


def test_a_slice_without_the_first_of_its_picture_is_none() -> None:
    assert told(SECOND + SECOND) == []


def test_zeros_before_a_key_picture_part_it_from_the_one_in_front() -> None:
    for zeros, touches in ((0, True), (1, True), (2, False), (300, False)):
        rows = read(DELTA + bytes(zeros) + KEY + DELTA)
        end = int(rows["offset"][0]) + int(rows["size"][0])
        assert (end == int(rows["offset"][1])) == touches
        assert rows["payload_size"][0] == len(DELTA)


def test_zeros_end_the_last_picture_whatever_is_behind_them() -> None:
    rows = read(DELTA + DELTA + bytes(5) + BODY[9:] * 3)
    assert rows["payload_size"].tolist() == [len(DELTA), len(DELTA)]


def test_lengths_of_an_mp4_file_with_two_more_behind_are_no_h265_units() -> None:
    """00 00 01 12 is 274 bytes, 01 9e the H.264 slice behind; as H.265 it were a slice too."""
    slice_ = b"\x01\x9e" + bytes([7]) * 272
    lengths = (len(slice_).to_bytes(4, "big") + slice_) * 6
    assert all(row[0] >= 4 * 278 for row in told(lengths + BODY))
    assert {row[3] for row in told(H265_DELTA * 3)} == {Codec.H265}
