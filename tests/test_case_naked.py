"""Naked streams of several cameras that lie in blocks are parted at the borders and joined."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from tests.repair.test_joining import filmed

from vidrecover import segments
from vidrecover.case import Case
from vidrecover.catalogue import Catalogue
from vidrecover.model import Codec, FrameFlag, Frames, Media, Seam, Segment, SourceRef

Pieces = tuple[tuple[int, int], ...]


class Found(NamedTuple):
    """What a case holds: the pieces of whole pictures, and of those that lack bytes; seams."""

    whole: list[Pieces]
    torn: list[Pieces]
    seams: list[Seam]
    segments: list[Segment]


def found(folder: Path) -> Found:
    whole, torn, stored = list[Pieces](), list[Pieces](), list[Segment]()
    with Catalogue.open(folder / "catalogue.db", create=False) as catalogue:
        for one in catalogue.segments(rows=True):
            stored.append(one)
            for pieces in pictures(segments.unpack(one.rows)):
                places = tuple(pieces[["offset", "payload_size"]].tolist())
                is_torn = (pieces["flags"] & FrameFlag.UNFINISHED).any()
                (torn if is_torn else whole).append(places)
        return Found(sorted(whole), sorted(torn), catalogue.seams(), stored)


def pictures(rows: Frames) -> Iterator[Frames]:
    rows = rows[np.isin(rows["kind"], (Media.KEY, Media.DELTA))]
    begins = np.flatnonzero((rows["flags"] & FrameFlag.CONTINUES) == 0)
    for first, last in zip(begins, [*begins[1:], len(rows)], strict=False):
        yield rows[first:last]


def scanned(disk: Path, folder: Path) -> Found:
    with Case.open(folder, create=True) as case:
        case.scan(SourceRef(path=str(disk)), pictures=False)
    return found(folder)


@pytest.fixture(scope="module")
def blocks(
    simulated: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A scanned case of three cameras in blocks, and the folder of its truth."""
    truth = simulated("annexb-blocks")
    folder = tmp_path_factory.mktemp("blocks") / "case"
    with Case.open(folder, create=True) as case:
        case.scan(SourceRef(path=str(truth / "disk.img")))
    return folder, truth


def _place(text: str) -> tuple[int, int]:
    offset, _, size = text.partition("+")
    return int(offset), int(size)


def laid(truth: Path) -> dict[Pieces, str]:
    """Cameras by the pieces of their pictures; a row begins one zero later."""
    made: dict[Pieces, str] = {}
    with (truth / "frames.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            (offset, size), *rest = map(_place, row["pieces"].split())
            made[((offset + 1, size - 1), *rest)] = row["camera"]
    return made


def test_pictures_over_borders_are_joined_with_their_own_rest_or_not_at_all(
    blocks: tuple[Path, Path],
) -> None:
    made, told = laid(blocks[1]), found(blocks[0])
    assert set(told.whole) <= made.keys()
    assert len(told.whole) == len(set(told.whole))
    cut = {one for one in made if len(one) > 1}
    joined = {one for one in told.whole if len(one) > 1}
    assert made.keys() - set(told.whole) <= cut
    assert len(joined) >= len(cut) // 2
    assert {one.start for one in told.seams if one.joined} == {one[0][0] for one in joined}
    assert all(one.words.startswith("a border cuts it: ") for one in told.seams)
    heads = {(one[0][0], one[0][1]) for one in cut - joined}
    assert {one[0] for one in told.torn} == heads


def test_a_segment_is_of_one_camera_and_a_clip_too(
    blocks: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, truth = blocks
    made = {one[0][0]: camera for one, camera in laid(truth).items()}
    labels: dict[str, set[str]] = {}
    with Case.open(folder) as case:
        for one in case.segments():
            cameras = {made[part[0][0]] for part in map(_places, pictures(case.unpack(one)))}
            assert len(cameras) <= 1
            if one.label is not None:
                labels.setdefault(one.label, set()).update(cameras)
        clips = case.recover(tmp_path / "clips")
    assert all(len(cameras) == 1 for cameras in labels.values())
    assert max(one.frames for one in clips) >= 150
    assert any("over the border of a fragment" in note for one in clips for note in one.notes)


def _places(rows: Frames) -> Pieces:
    return tuple(rows[["offset", "payload_size"]].tolist())


def test_another_scan_changes_nothing(blocks: tuple[Path, Path]) -> None:
    folder, truth = blocks
    before = found(folder)
    with Case.open(folder) as case:
        report = case.scan(SourceRef(path=str(truth / "disk.img")))
    after = found(folder)
    assert (after.whole, after.torn, after.seams) == (before.whole, before.torn, before.seams)
    assert report.joined == sum(one.joined for one in after.seams)
    assert report.doubtful == sum(not one.joined for one in after.seams)


def in_blocks(codec: Codec, size: int, cameras: int) -> tuple[bytes, set[Pieces]]:
    """Cameras in blocks of one size, in turn, and where the pictures lie."""
    streams = [filmed(number, codec) for number in range(1, cameras + 1)]
    data, made = bytearray(b"\xff" * 4096), set[Pieces]()
    held = [bytearray() for _ in streams]
    waiting: list[list[tuple[list[tuple[int, int]], int, int]]] = [[] for _ in streams]
    every: list[list[tuple[int, int]]] = []
    for number in range(len(streams[0])):
        for camera, units in enumerate(streams):
            unit, places = units[number], list[tuple[int, int]]()
            every.append(places)
            while unit:
                part = unit[: size - len(held[camera])]
                waiting[camera].append((places, len(held[camera]), len(part)))
                held[camera] += part
                unit = unit[len(part) :]
                if len(held[camera]) == size:
                    for one, start, length in waiting[camera]:
                        one.append((len(data) + start, length))
                    data += held[camera]
                    held[camera].clear()
                    waiting[camera].clear()
    made = {_trimmed(tuple(one), data) for one in every if one}
    return bytes(data), made


def _trimmed(pieces: Pieces, data: bytes | bytearray) -> Pieces:
    """Without the zero before a start code of three bytes."""
    (start, size), *rest = pieces
    zero = data[start : start + 4] == b"\0\0\0\1"
    return ((start + zero, size - zero), *rest)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_both_codecs_are_joined_by_decoding(codec: Codec, tmp_path: Path) -> None:
    data, made = in_blocks(codec, 1 << 14, 6)
    disk = tmp_path / "disk.img"
    disk.write_bytes(data + b"\xff" * 4096)
    told = scanned(disk, tmp_path / "case")
    joined = [one for one in told.whole if len(one) > 1]
    assert joined
    assert set(joined) <= made


def test_one_camera_that_lies_in_one_piece_is_left_as_it_is(tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(b"".join(filmed(1)) + b"\xff" * 4096)
    told = scanned(disk, tmp_path / "case")
    assert (len(told.whole), told.torn, told.seams) == (len(filmed(1)), [], [])
