"""Footage in files, live, deleted and destroyed, against the simulated truth."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from vidrecover import simulate
from vidrecover.case import Case
from vidrecover.model import Diagnosis, SourceRef, State
from vidrecover.simulate import heap

pytestmark = pytest.mark.skipif(
    None in map(heap.place_of, ("mkfs.vfat", "mkfs.exfat")),
    reason="not installed: dosfstools or exfatprogs",
)


needs_ext = pytest.mark.skipif(
    None in map(heap.place_of, ("mke2fs", "debugfs")), reason="not installed: e2fsprogs"
)
needs_ntfs = pytest.mark.skipif(
    None in map(heap.place_of, ("mkntfs", "ntfscp")), reason="not installed: ntfs-3g"
)


class Result(NamedTuple):
    """Frames by the places of their pieces, with the camera they were given."""

    wanted: dict[str, int]
    found: dict[str, int | None]
    diagnosis: Diagnosis


def result_of(folder: Path, case_folder: Path) -> Result:
    with (folder / "frames.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["media"] == "video"]
    wanted = {row["frame_pieces"]: int(row["camera"]) for row in rows}
    found: dict[str, int | None] = {}
    with Case.open(case_folder, create=True) as case:
        case.scan(SourceRef(path=str(folder / "disk.img")), pictures=False)
        for segment in case.segments():
            pieces: list[list[str]] = []
            for row in case.unpack(segment):
                if not row["flags"] & 1:
                    pieces.append([])
                pieces[-1].append(f"{row['offset']}+{row['size']}")
            found |= {" ".join(one): segment.channel for one in pieces}
        return Result(wanted, found, case.diagnose())


def test_live_files_give_every_frame_and_deleted_ones_what_can_be_proven(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    result = result_of(simulated("fat-twelve"), tmp_path / "case")
    assert all(result.wanted.get(place) == camera for place, camera in result.found.items())
    lacking = [camera for place, camera in result.wanted.items() if place not in result.found]
    assert set(lacking) <= {3, 7}  # frames over three clusters of a deleted file
    assert len(lacking) <= 6
    for camera in result.diagnosis.channels:
        state = State.NOT_INDEXED if camera.channel in (3, 7) else State.RECORDED
        assert {span.state for span in camera.spans} == {state}


def test_interleaved_clusters_without_a_table_are_put_together_and_none_in_a_wrong_clip(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    result = result_of(simulated("fat-zeroed"), tmp_path / "case")
    assert all(result.wanted.get(place) == camera for place, camera in result.found.items())
    assert len(result.found) >= 0.997 * len(result.wanted)
    with Case.open(tmp_path / "case") as case:
        seams = case.catalogue.seams()
    by_decoding = [one for one in seams if one.joined and "decode" in one.words]
    assert len(by_decoding) >= 20  # frames over three clusters and more
    assert all(one.words for one in seams)
    assert {one.state for one in result.diagnosis.channels} == {State.NOT_INDEXED}


@pytest.mark.parametrize(
    ("scenario", "gone"), [("exfat-contiguous", {2}), ("exfat-twelve", {3, 7})]
)
def test_deleted_exfat_files_give_every_frame_by_what_is_left_of_their_entries(
    scenario: str, gone: set[int], simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    result = result_of(simulated(scenario), tmp_path / "case")
    assert result.found == result.wanted
    for camera in result.diagnosis.channels:
        state = State.NOT_INDEXED if camera.channel in gone else State.RECORDED
        assert {span.state for span in camera.spans} == {state}
        for span in camera.spans:
            is_free = "unallocated space of exfat@0x0" in span.basis
            assert is_free is (camera.channel in gone)
            assert ("in unallocated space of exfat@0x0" in span.reason) is is_free


@needs_ext
def test_deleted_ext4_files_give_every_frame_by_its_bytes_though_their_inodes_are_empty(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    result = result_of(simulated("ext4-deleted"), tmp_path / "case")
    assert len(result.wanted) == 4 * 150
    assert result.found == result.wanted
    for camera in result.diagnosis.channels:
        is_gone = camera.channel == 2
        assert {one.state for one in camera.spans} == {
            State.NOT_INDEXED if is_gone else State.RECORDED
        }
        for span in camera.spans:
            assert ("in unallocated space of ext4@0x0" in span.reason) is is_gone


@needs_ntfs
def test_a_deleted_ntfs_file_names_the_camera_that_its_frames_do_not(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    result = result_of(simulated("ntfs-deleted"), tmp_path / "case")
    assert len(result.wanted) == 4 * 150
    assert result.found == result.wanted
    for camera in result.diagnosis.channels:
        is_gone = camera.channel == 2
        for span in camera.spans:
            assert span.state is (State.NOT_INDEXED if is_gone else State.RECORDED)
            assert "the frames name no camera" in span.reason
            assert ("in unallocated space of ntfs@0x0" in span.reason) is is_gone


@pytest.mark.parametrize("scenario", ["fat-formatted", "fat-start-destroyed"])
def test_frames_come_back_after_formatting_and_without_the_first_sector(
    scenario: str, simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    result = result_of(simulated(scenario), tmp_path / "case")
    assert all(result.wanted.get(place) == camera for place, camera in result.found.items())
    assert len(result.found) >= 0.96 * len(result.wanted)
    for camera in result.diagnosis.channels:
        if camera.channel is None:
            continue  # beginnings of cut pictures that nothing puts together
        lost = scenario == "fat-formatted" or camera.channel == 3
        state = State.NOT_INDEXED if lost else State.RECORDED
        assert {span.state for span in camera.spans} == {state}


def test_a_file_that_was_never_closed_is_read_by_its_chain_and_told_from_the_closed_one(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    result = result_of(simulated("fat-power-cut"), tmp_path / "case")
    assert result.found == result.wanted
    for camera in result.diagnosis.channels:
        first, second = camera.spans
        assert (first.state, second.state) == (State.RECORDED, State.NOT_INDEXED)
        assert abs(first.span.end_ms - first.span.start_ms - 6000) <= 100
        assert "was never closed" in second.reason


NAMELESS = """
title    = "frames that name no camera, in files whose names do"
layout   = "xm"
start    = "2026-03-14T07:30:00"
end      = "2026-03-14T07:30:06"
cameras  = [{numbers = [1, 2], width = 176, height = 144}]
files    = {period_s = 3.0, interleaved = true}
"""


def test_footage_that_names_no_camera_gets_it_from_the_name_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "xm.toml").write_text(NAMELESS)
    simulate.build(simulate.load(tmp_path / "xm.toml"), tmp_path / "disk" / "disk.img")
    result = result_of(tmp_path / "disk", tmp_path / "case")
    assert result.found.keys() == result.wanted.keys()
    for camera in result.diagnosis.channels:
        assert camera.channel in (1, 2)
        assert "75 frames found, listed by the recorder" in camera.spans[0].reason
        assert "the frames name no camera" in camera.spans[0].reason
