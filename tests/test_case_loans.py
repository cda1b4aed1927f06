"""Footage whose parameter sets are lost plays with those that decoding proves to be its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vidrecover import simulate
from vidrecover.case import Case
from vidrecover.clips import LeftOut
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


NAKED = """
title = "Naked streams of two cameras whose parameter sets are mostly missing"
layout = "annexb"
seed = 16
start = "2026-03-14T07:30:00"
end = "2026-03-14T07:30:06"

[[cameras]]
numbers = [1]
codec = "{codec}"

[[cameras]]
numbers = [2]
codec = "{codec}"

[annexb]
pieces = {pieces}
sets = "{sets}"
"""


def naked(folder: Path, sets: str, codec: str, *, pieces: bool) -> tuple[list[Clip], list[LeftOut]]:
    """Clips of naked streams with so many parameter sets, and what could not become one."""
    text = NAKED.format(sets=sets, codec=codec, pieces=str(pieces).lower())
    (folder / "naked.toml").write_text(text)
    simulate.build(simulate.load(folder / "naked.toml"), folder / "disk.img")
    scanned(folder / "disk.img", folder / "case")
    told: list[Clip | LeftOut] = []
    with Case.open(folder / "case") as case:
        clips = case.recover(folder / "clips", told=told.append)
    return clips, [one for one in told if isinstance(one, LeftOut)]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_sets_that_stand_at_the_beginning_alone_do_for_the_whole_file(
    codec: str, tmp_path: Path
) -> None:
    clips, left_out = naked(tmp_path, "first", codec, pieces=False)
    assert [(one.frames, one.grade) for one in clips] == [(75, Grade.COMPLETE)] * 2
    assert left_out == []
    assert "parameter sets" not in str(clips)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_pieces_without_sets_play_with_borrowed_ones_and_say_so(codec: str, tmp_path: Path) -> None:
    clips, left_out = naked(tmp_path, "first", codec, pieces=True)
    assert sum(one.frames for one in clips) + sum(one.frames for one in left_out) >= 149
    lent = [one for one in clips if one.grade is not Grade.COMPLETE]
    assert len(lent) == 4
    for one in lent:
        assert one.grade is Grade.DAMAGED
        words = "parameter sets borrowed from footage of unknown camera, offset "
        assert [note for note in one.notes if note.startswith(words)] != []


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_where_no_sets_are_anywhere_no_clip_is_made_and_the_reason_is_plain(
    codec: str, pieces: bool, tmp_path: Path
) -> None:
    clips, left_out = naked(tmp_path, "never", codec, pieces=pieces)
    assert clips == []
    assert {one.reason for one in left_out} == {
        "no whole key frame with its parameter sets: the frames cannot be decoded alone"
    }
