"""Footage whose bytes name no camera is sorted by what its pictures show."""

import csv
import json
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from vidrecover import evidence, show
from vidrecover.case import Case
from vidrecover.errors import CatalogueError
from vidrecover.model import Clip, Segment, SourceRef
from vidrecover.source import open_source
from vidrecover.terminal import name_option


@pytest.fixture(scope="module")
def numbered(
    simulated: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A scanned case of twelve anonymous cameras, and the folder of its truth."""
    truth = simulated("annexb-twelve")
    folder = tmp_path_factory.mktemp("twelve") / "case"
    with Case.open(folder, create=True) as case:
        case.scan(SourceRef(path=str(truth / "disk.img")))
    return folder, truth


@pytest.fixture(scope="module")
def twelve(
    numbered: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The same as if no number stood in the pictures."""
    case, truth = numbered
    folder = tmp_path_factory.mktemp("unnumbered") / "case"
    shutil.copytree(case, folder)
    with Case.open(folder) as opened:
        opened.catalogue.views.label(opened.catalogue.views.labels(), {})
    return folder, truth


def test_the_number_in_the_pictures_is_that_of_the_camera(
    numbered: tuple[Path, Path], tmp_path: Path
) -> None:
    case, truth = numbered
    owner = owners(truth)
    with Case.open(case) as opened:
        found = [one for one in opened.segments() if one.channel is not None]
        told = opened.diagnose()
    assert {one.channel for one in found} == set(range(1, 13))
    assert all(one.numbered and owner[one.start - 1] == str(one.channel) for one in found)
    assert [one.channel for one in told.channels][:12] == list(range(1, 13))
    clips = {one.file: one for one in recovered(case, tmp_path / "clips", {"B": 7})}
    first, named = clips["camera-01_undated.mp4"], clips["camera-07_undated.mp4"]
    assert first.notes[0].startswith(
        f"camera 1 is the number burnt into the pictures of camera {first.label}: "
    )
    assert named.notes[0].startswith("camera 7 is the user's name for camera B: ")
    taken = next(one for one in found if one.channel == 7)
    assert f"camera-{taken.label}_undated.mp4" in clips  # its number is the user's for another


def owners(truth: Path) -> dict[int, str]:
    """The true camera by the place of each picture; a row begins one zero later."""
    with (truth / "frames.csv").open(newline="") as file:
        return {int(row["pieces"].split("+")[0]): row["camera"] for row in csv.DictReader(file)}


def sorted_by_label(case: Path) -> dict[str | None, list[Segment]]:
    found = defaultdict(list)
    with Case.open(case) as opened:
        for one in opened.segments():
            found[one.label].append(one)
    return found


def test_pieces_are_with_their_own_camera_or_with_none(twelve: tuple[Path, Path]) -> None:
    case, truth = twelve
    owner = owners(truth)
    found = sorted_by_label(case)
    unknown = found.pop(None, [])
    assert found.keys() == set("ABCDEFGHIJKL")
    cameras = [{owner[one.start - 1] for one in own} for own in found.values()]
    assert all(len(one) == 1 for one in cameras)
    assert len({name for one in cameras for name in one}) == 12
    assert len(unknown) <= 2


def test_labels_are_the_same_in_another_case_and_after_another_scan(
    twelve: tuple[Path, Path], tmp_path: Path
) -> None:
    case, truth = twelve
    disk = SourceRef(path=str(truth / "disk.img"))
    shutil.copytree(case, tmp_path / "again")
    with Case.open(tmp_path / "again") as opened:
        opened.scan(disk)
    with Case.open(tmp_path / "new", create=True) as opened:
        opened.scan(disk, window_size=1 << 20)
    told = [
        {label: [one.start for one in own] for label, own in sorted_by_label(folder).items()}
        for folder in (case, tmp_path / "again", tmp_path / "new")
    ]
    assert told[0] == told[1] == told[2]


def recovered(case: Path, folder: Path, names: dict[str, int]) -> list[Clip]:
    with Case.open(case, names=names) as opened:
        return opened.recover(folder)


def test_clips_are_named_by_label_or_as_the_user_says(
    twelve: tuple[Path, Path], tmp_path: Path
) -> None:
    case, _ = twelve
    clips = {one.file: one for one in recovered(case, tmp_path / "clips", {"B": 7})}
    first, seventh = clips["camera-A_undated.mp4"], clips["camera-07_undated.mp4"]
    assert (first.channel, first.label) == (None, "A")
    assert (seventh.channel, seventh.label) == (7, "B")
    assert "camera-B_undated.mp4" not in clips
    assert first.notes[0] == "camera A: what its pictures show, as its bytes name no camera"
    assert "6 pieces in the order of their place on the source: pauses do not show" in first.notes
    assert seventh.notes[0].startswith("camera 7 is the user's name for camera B: ")
    written = json.loads((tmp_path / "clips" / "clips.json").read_text())
    told = {(one["channel"], one.get("label")) for one in written}
    assert {(None, "camera A"), (7, "camera B")} <= told


def test_a_named_camera_can_be_asked_for(twelve: tuple[Path, Path], tmp_path: Path) -> None:
    case, truth = twelve
    with Case.open(case, names={"C": 3}) as opened:
        (clip,) = opened.recover(tmp_path / "clips", channel=3)
        assert (clip.channel, clip.label, clip.frames) == (3, "C", 150)
        told = opened.diagnose(channels=[3])
        assert (told.channels[0].channel, told.channels[0].label) == (3, None)
        opened.export(tmp_path / "bag", channel=3)
    (row,) = json.loads((tmp_path / "bag" / "data/provenance/clips.json").read_text())["exhibits"]
    assert row["channel"] == 3
    with open_source(SourceRef(path=str(truth / "disk.img"))) as source:
        assert evidence.verify(tmp_path / "bag", source).is_sound


def test_a_diagnosis_has_a_line_for_each_label(twelve: tuple[Path, Path]) -> None:
    case, _ = twelve
    with Case.open(case) as opened:
        told = opened.diagnose()
    labels = [one.get("label") for one in show.diagnosis_json(told)["channels"]]
    assert labels[:12] == [f"camera {letter}" for letter in "ABCDEFGHIJKL"]
    assert {one["channel"] for one in show.diagnosis_json(told)["channels"]} == {None}
    assert "camera L: on disk, not indexed, without a date" in show.diagnosis_text(told)


def test_a_label_that_no_footage_has_is_refused(twelve: tuple[Path, Path]) -> None:
    with pytest.raises(CatalogueError, match="there is no camera Z: labels are A, B, C"):
        Case.open(twelve[0], names={"Z": 3})


@click.command()
@name_option
def _naming(names: dict[str, int]) -> None:
    click.echo(json.dumps(names))


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["--name", "A"], "expected a label"),
        (["--name", "3=A"], "expected a label"),
        (["--name", "A=0"], "one camera from 1 to 256"),
        (["--name", "A=1", "--name", "a=2"], "one camera from 1 to 256 a label"),
    ],
)
def test_a_name_is_a_label_and_a_number(words: list[str], wrong: str) -> None:
    with pytest.raises(click.UsageError, match=wrong):
        _naming.main(words, standalone_mode=False)
