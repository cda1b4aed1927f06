"""Several media of one recorder in one case, as their user meets them."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.test_cli import DONE, INCOMPLETE, refused, run

from vidrecover.case import Case, _prints


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
    assert "--medium NAME: of one only" in found.err
    out = folder.parent / "clips"
    clips = run("recover", "--case", folder, "--folder", out, "--json").json
    assert json.loads((out / "clips.json").read_text()) == clips
    whole, from_main, from_sd = sorted(clips, key=lambda one: (one["channel"], one["from"]))
    assert whole["frames"] == 150 and "from medium main" in whole["notes"]
    assert (
        "medium sd holds the same pictures in 12 seconds of it, key pictures byte for byte"
        in (whole["notes"])
    )
    assert [one["frames"] for one in (from_main, from_sd)] == [60, 60]
    assert "from medium main" in from_main["notes"] and "from medium sd" in from_sd["notes"]
    assert from_main["to"][11:19] == "07:30:06" == from_sd["from"][11:19]
    with (out / "fragments.csv").open() as table:
        sources = {(row["clip"], Path(row["source"]).name) for row in csv.DictReader(table)}
    assert sources == {
        (whole["file"], "hdd.img"), (from_main["file"], "hdd.img"), (from_sd["file"], "sd.img"),
    }  # fmt: skip
    words = ("recover", "--case", folder, "--channel", 2, "--json", "--folder")
    alone = run(*words, folder.parent / "clips-sd", "--medium", "sd").json
    assert [one["from"][11:19] for one in alone] == ["07:30:06"]


def test_packages_are_made_of_the_media_from_which_anything_is_taken(folder: Path) -> None:
    words = ("export", "--case", folder, "--no-decode", "--jobs", 1, "--folder")
    both = run(*words, folder.parent / "EX-2", "--channel", 2)
    for name, image in (("main", "hdd.img"), ("sd", "sd.img")):
        package = folder.parent / "EX-2" / name
        assert f"vidrecover verify {package}" in both.err
        checked = run("verify", package, "--source", folder.parent / image, "--no-decode")
        assert checked.code == DONE
    one = run(*words, folder.parent / "EX-1", "--channel", 1, "--json")
    assert one.json["folder"] == str(folder.parent / "EX-1")
    page = (folder.parent / "EX-1").rglob("*.html")
    assert any("medium sd holds the same pictures" in file.read_text() for file in page)


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
    clips = run("recover", "--case", case, "--folder", tmp_path / "clips", "--json").json
    assert [one["channel"] for one in clips] == [1, 2, 2]
    for one, differs in zip(clips, (False, True, True), strict=True):
        assert any(note.startswith("CONFLICT: medium ") for note in one["notes"]) is differs
    page = tmp_path / "case.html"
    run("report", "--case", case, "--compare-media", "--output", page)
    assert "camera 2: media main and sd hold different pictures" in page.read_text("utf-8")
    other.unlink()
    assert "sd.img" in refused("diagnose", "--case", case, "--compare-media")


def test_key_pictures_are_read_once_to_be_compared(
    simulated: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, case = simulated("dhfs-intact") / "disk.img", tmp_path / "case"
    copied = shutil.copyfile(disk, tmp_path / "sd.img")
    run("scan", disk, "--case", case, "--no-pictures")
    run("scan", copied, "--case", case, "--no-pictures", "--medium", "sd")
    words = ("recover", "--case", case, "--channel", 1, "--json", "--folder")
    first = run(*words, tmp_path / "clips").json
    monkeypatch.setattr(_prints, "payload", None)  # nothing more is read
    assert run(*words, tmp_path / "again").json == first


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
