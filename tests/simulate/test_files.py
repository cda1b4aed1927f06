"""The simulated FAT32 volume, judged by the tools of others."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vidrecover import simulate
from vidrecover.errors import ScenarioError
from vidrecover.simulate import heap

TOOLS = ("fsck.vfat", "mkfs.vfat", "fsck.exfat", "mkfs.exfat", "fls", "icat")
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
