"""The simulated volumes of files, judged by the tools of others."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vidrecover import simulate
from vidrecover.errors import ScenarioError
from vidrecover.simulate import heap

STAGED = ["ext4-deleted", "ntfs-deleted"]
TOOLS = ("fsck.vfat", "mkfs.vfat", "fsck.exfat", "mkfs.exfat", "fls", "icat", "mke2fs", "mkntfs")
MISSING = [one for one in TOOLS if shutil.which(one) is None]
needs_tools = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


@needs_tools
def test_the_volume_is_sound_and_holds_its_files(simulated: Callable[[str], Path]) -> None:
    folder = simulated("fat-twelve")
    disk = folder / "disk.img"
    checked = subprocess.run(["fsck.vfat", "-n", disk], capture_output=True, text=True, check=True)
    assert "35 files" in checked.stdout  # 20 live ones and their 15 folders
    listed = subprocess.run(["fls", "-r", "-p", disk], capture_output=True, text=True, check=True)
    name = r"r/r (\* )?(\d+):\t_van17_/20260314/CH\d\d/CH(\d\d)_(\d{14})_6_N_van17\.264"
    files = re.findall(name, listed.stdout)
    assert len(files) == 24
    assert {int(camera) + 1 for gone, _, camera, _ in files if gone} == {3, 7}
    number = next(number for gone, number, camera, _ in files if (gone, camera) == ("", "00"))
    content = subprocess.run(["icat", disk, number], capture_output=True, check=True).stdout
    frames = re.findall(rb"DHAV.{2}\0", content, re.DOTALL)
    assert len(frames) == 75  # six seconds at 12.5 pictures, all of camera 1
    assert content.endswith(b"dhav" + content[-4:])


@needs_tools
@pytest.mark.parametrize(("scenario", "files"), [("exfat-contiguous", 6), ("exfat-twelve", 20)])
def test_the_exfat_volume_is_sound(
    scenario: str, files: int, simulated: Callable[[str], Path]
) -> None:
    disk = simulated(scenario) / "disk.img"
    checked = subprocess.run(["fsck.exfat", "-n", disk], capture_output=True, text=True, check=True)
    assert f"clean. directories {7 if files == 6 else 15}, files {files}" in checked.stdout


@pytest.mark.skipif(shutil.which("e2fsck") is None, reason="not installed: e2fsprogs")
def test_the_ext4_volume_is_sound_and_deleted_files_keep_their_names_alone(
    simulated: Callable[[str], Path],
) -> None:
    disk = simulated("ext4-deleted") / "disk.img"
    checked = subprocess.run(["e2fsck", "-fn", disk], capture_output=True, text=True, check=True)
    assert "VANCAM: 23/" in checked.stdout  # eleven inodes of its own, 6 files, their 6 folders
    for number, camera in enumerate((0, 1, 2, 3)):
        path = f"/_van17_/20260314/CH{camera:02}"
        told = subprocess.run(
            ["debugfs", "-R", f"ls -d {path}", disk], capture_output=True, text=True, check=True
        )
        files = re.findall(r"(<?\d+>?) +\(\d+\) CH\d\d_2026", told.stdout)
        assert [one.startswith("<") for one in files] == [number == 1] * 2
        inode = files[0].strip("<>")
        stat = subprocess.run(
            ["debugfs", "-R", f"stat <{inode}>", disk], capture_output=True, text=True, check=True
        )
        assert ("EXTENTS:\n(" in stat.stdout) is (number != 1)


@pytest.mark.skipif(shutil.which("ntfsfix") is None, reason="not installed: ntfs-3g")
def test_the_ntfs_volume_is_sound_and_deleted_files_are_whole_for_its_own_tools(
    simulated: Callable[[str], Path],
) -> None:
    disk = simulated("ntfs-deleted") / "disk.img"
    fixed = subprocess.run(["ntfsfix", "-n", disk], capture_output=True, text=True, check=True)
    assert "was processed successfully" in fixed.stdout
    assert "does not match" not in fixed.stdout + fixed.stderr
    listed = subprocess.run(["ntfsls", "-f", disk], capture_output=True, text=True, check=True)
    assert re.findall(r"CH(\d\d)_2026\d{10}_6", listed.stdout) == [
        "00",
        "00",
        "02",
        "02",
        "03",
        "03",
    ]
    left = subprocess.run(["ntfsundelete", "-f", disk], capture_output=True, text=True, check=False)
    assert re.findall(r"100%.*(CH\d\d)_2026", left.stdout) == ["CH01", "CH01"]


@pytest.mark.parametrize(
    "more", ["interleaved = true", "power_cut = true", 'fault = "formatted"', "cluster = 8192"]
)
def test_what_the_tools_of_ext4_cannot_do_is_refused(more: str, tmp_path: Path) -> None:
    path = tmp_path / "ext4.toml"
    path.write_text(simulate.scenarios()["ext4-deleted"].read_text() + more + "\n")
    with pytest.raises(ScenarioError, match=f"key `files.{more.split()[0]}`: .*"):
        simulate.load(path)


@needs_tools
@pytest.mark.parametrize("name", STAGED)
def test_volumes_filled_by_tools_have_the_same_bytes_each_time(
    name: str, simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    simulate.build(simulate.load(simulate.scenarios()[name]), tmp_path / "disk.img")
    assert (tmp_path / "disk.img").read_bytes() == (simulated(name) / "disk.img").read_bytes()


def test_files_are_told_apart_from_streams_in_an_image(tmp_path: Path) -> None:
    path = tmp_path / "both.toml"
    text = simulate.scenarios()["fat-twelve"].read_text() + "\n[image]\n"
    path.write_text(text)
    with pytest.raises(ScenarioError, match="says nothing for layout dhav"):
        simulate.load(path)


def test_a_missing_tool_is_told_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heap, "PLACES", (tmp_path,))
    with pytest.raises(ScenarioError, match="install the package dosfstools"):
        simulate.build(simulate.load(simulate.scenarios()["fat-twelve"]), tmp_path / "disk.img")
