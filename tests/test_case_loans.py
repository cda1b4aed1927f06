"""Footage whose parameter sets are lost plays with those that decoding proves to be its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vidrecover.case import Case
from vidrecover.model import Clip, FrameFlag, Grade, Media, SourceRef


def scanned(disk: Path, folder: Path) -> None:
    with Case.open(folder, create=True) as case:
        case.scan(SourceRef(path=str(disk)), pictures=False)


def recovered(disk: Path, folder: Path, channel: int) -> Clip:
    scanned(disk, folder)
    with Case.open(folder) as case:
        (clip,) = case.recover(folder / "clips", channel=channel)
    return clip


def without_sets(disk: Path, folder: Path, channel: int, *, most: int) -> Path:
    """A copy of the disk whose first key pictures of a camera have lost their parameter sets:
    their NAL units are of another type, the lengths stay."""
    scanned(disk, folder / "before")
    data = bytearray(disk.read_bytes())
    with Case.open(folder / "before") as case:
        segments = [one for one in case.segments() if one.channel == channel]
        keys = 0
        for one in sorted(segments, key=lambda one: one.start_ms or 0):
            rows = case.unpack(one)
            begins = (rows["flags"] & FrameFlag.CONTINUES) == 0
            for row in rows[(rows["kind"] == Media.KEY) & begins]:
                if keys == most:
                    break
                keys += 1
                at = int(row["offset"]) + int(row["payload_offset"])
                head = bytes(data[at : at + 200])
                for unit in (b"\0\0\1\x67", b"\0\0\1\x68"):
                    place = head.find(unit)
                    assert place >= 0
                    data[at + place + 3] = 0x0C
    assert keys
    copy = folder / "disk.img"
    copy.write_bytes(data)
    return copy


@pytest.mark.parametrize(
    ("most", "grade", "words"),
    [
        (1, Grade.COMPLETE, "parameter sets taken from camera 1, offset "),
        (10_000, Grade.DAMAGED, "parameter sets borrowed from camera 2, offset "),
    ],
)
def test_lost_sets_are_lent_by_the_same_camera_or_said_to_be_borrowed(
    simulated: Callable[[str], Path], tmp_path: Path, most: int, grade: Grade, words: str
) -> None:
    disk = simulated("dhfs-intact") / "disk.img"
    whole = recovered(disk, tmp_path / "whole", 1)
    clip = recovered(without_sets(disk, tmp_path, 1, most=most), tmp_path / "case", 1)
    assert (clip.frames, clip.grade) == (whole.frames, grade)
    assert [note for note in clip.notes if note.startswith(words)] != []


def test_without_any_sets_there_is_no_clip_but_the_reason(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    disk = simulated("dhfs-intact") / "disk.img"
    disk = without_sets(disk, tmp_path, 1, most=10_000)
    (tmp_path / "again").mkdir()
    disk = without_sets(disk, tmp_path / "again", 2, most=10_000)
    scanned(disk, tmp_path / "case")
    told: list[object] = []
    with Case.open(tmp_path / "case") as case:
        assert case.recover(tmp_path / "clips", channel=1, told=told.append) == []
    assert "no whole key frame with its parameter sets" in str(told)
    assert len(told) == 1
