"""Several media of one recorder in one case, as their user meets them."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.test_cli import DONE, INCOMPLETE, refused, run

from vidrecover.case import Case


def without_camera_2(disk: Path, to: Path, begin: str, end: str) -> Path:
    """A copy of the disk on which camera 2's frames of these times of the day are zeros."""
    shutil.copyfile(disk, to)
    with (disk.parent / "frames.csv").open() as table, to.open("r+b") as copy:
        for row in csv.DictReader(table):
            if row["camera"] == "2" and begin <= row["time"][11:] < end:
                for piece in row["frame_pieces"].split():
                    offset, size = map(int, piece.split("+"))
                    copy.seek(offset)
                    copy.write(bytes(size))
    return to


@pytest.fixture
def folder(simulated: Callable[[str], Path], tmp_path: Path) -> Path:
    """A case whose main disk lost camera 2 from 07:30:06 on and whose SD card lost it before."""
    disk = simulated("dhfs-intact") / "disk.img"
    main = without_camera_2(disk, tmp_path / "hdd.img", "07:30:06", "07:30:12")
    mirror = without_camera_2(disk, tmp_path / "sd.img", "07:30:00", "07:30:06")
    case = tmp_path / "case"
    run("scan", main, "--case", case)
    run("scan", mirror, "--case", case, "--medium", "sd")
    return case


def test_what_one_medium_lost_is_told_and_recovered_from_the_other(folder: Path) -> None:
    alone = run("diagnose", "--case", folder / "media" / "sd", "--json").json
    assert alone["channels"][1]["state"] == "indexed_not_found"
    found = run("diagnose", "--case", folder, "--json")
    assert [one["state"] for one in found.json["channels"]] == ["recorded", "recorded"]
    assert [one["name"] for one in found.json["media"]] == ["main", "sd"]
    first, second = found.json["channels"][1]["spans"]
    assert first["reason"].startswith("on medium main: ")
    assert second["reason"].startswith("on medium sd: ")
    assert abs(float(second["from"][17:]) - 6) <= 0.2
    assert f"--case {folder / 'media' / 'sd'} --folder clips-sd" in found.err
    clips = run(
        "recover", "--case", folder / "media" / "sd", "--channel", 2, "--folder",
        folder.parent / "clips", "--json",
    ).json  # fmt: skip
    assert all(one["from"][11:] >= "07:30:06" for one in clips)
    assert sum(one["frames"] for one in clips) == 60


def changed_pictures(disk: Path, to: Path, camera: str) -> Path:
    """A copy of the disk on which the last byte of each of the camera's key pictures differs."""
    shutil.copyfile(disk, to)
    data = disk.read_bytes()
    with (disk.parent / "frames.csv").open() as table, to.open("r+b") as copy:
        for row in csv.DictReader(table):
            if row["camera"] == camera and row["key"] == "1":
                offset, size = map(int, row["pieces"].split()[-1].split("+"))
                copy.seek(offset + size - 1)
                copy.write(bytes([data[offset + size - 1] ^ 1]))
    return to


def test_the_same_footage_is_proven_by_its_bytes_and_other_footage_is_told(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    disk, case = simulated("dhfs-intact") / "disk.img", tmp_path / "case"
    run("scan", disk, "--case", case, "--no-pictures")
    other = changed_pictures(disk, tmp_path / "sd.img", "2")
    run("scan", other, "--case", case, "--no-pictures", "--medium", "sd")
    told = run("diagnose", "--case", case, "--compare-media", "--json").json["notes"]
    first, second = [note for note in told if note.startswith("camera ")]
    assert first.startswith("camera 1: media main and sd hold the same footage (")
    assert second.startswith("camera 2: media main and sd hold different pictures of the same time")
    plain = run("diagnose", "--case", case, "--json").json["notes"]
    assert plain == told[: len(plain)]
    past = run("diagnose", "--case", case, "--compare-media", "--json", "--from", "05:00",
               "--to", "05:01").json["notes"]  # fmt: skip
    assert any(note.startswith("media main and sd: nothing to compare") for note in past)
    other.unlink()
    assert "sd.img" in refused("diagnose", "--case", case, "--compare-media")


def test_an_unscanned_medium_forbids_to_say_that_nothing_was_recorded(folder: Path) -> None:
    with Case.open(folder, create=True, medium="backup"):
        pass
    found = run("diagnose", "--case", folder, "--channels", "1-3", "--json")
    assert found.code == INCOMPLETE
    (camera,) = [one for one in found.json["channels"] if one["channel"] == 3]
    assert camera["state"] == "not_known"
    assert all("medium backup: it was never scanned" in one["reason"] for one in camera["spans"])
    shutil.rmtree(folder / "media" / "backup")
    again = run("diagnose", "--case", folder, "--channels", "1-3", "--json").json
    assert {one["state"] for one in again["channels"]} == {"recorded", "not_recorded"}


def test_a_medium_has_a_proper_name_and_is_not_the_first(folder: Path, tmp_path: Path) -> None:
    words = ("scan", tmp_path / "sd.img", "--case", folder, "--medium")
    assert "cannot be the name of a medium" in refused(*words, "../sd")
    assert "the first medium is missing" in refused(*words[:3], tmp_path / "new", "--medium", "sd")


def test_text_and_report_speak_of_both_media(folder: Path, tmp_path: Path) -> None:
    assert "medium sd: " in run("diagnose", "--case", folder).out
    assert run("report", "--case", folder, "--output", tmp_path / "report.html").code == DONE
    assert "on medium sd: " in (tmp_path / "report.html").read_text(encoding="utf-8")
