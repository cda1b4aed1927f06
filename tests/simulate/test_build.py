"""Whole disks: truth and bytes agree, runs repeat, nothing is overwritten."""

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import av
import pytest
from tests.conftest import build_or_skip

from vidrecover import simulate
from vidrecover.errors import ScenarioError

SMALL = sorted(set(simulate.scenarios()) - {"van"})
RINGS = (
    "dhfs-ring-failure",
    "dhfs-ring-restart",
    "dhfs-twice",
    "dhfs-wrapped",
    "wfs-wrapped",
    "hikvision-wrapped",
    "hiv-wrapped",
)
HARMED = ("dhfs-bad-sectors", "jt1078-six", "ts-sectors")
WHOLE = [name for name in SMALL if name not in {*HARMED, *RINGS}]
DECODERS = {"h264": "h264", "h265": "hevc"}


class Built(NamedTuple):
    """A scenario's disk with its truth as read back from the files."""

    folder: Path
    data: bytes
    truth: dict[str, Any]
    rows: list[dict[str, str]]


def read(folder: Path) -> Built:
    with (folder / "frames.csv").open() as table:
        rows = list(csv.DictReader(table))
    truth = json.loads((folder / "truth.json").read_text())
    return Built(folder, (folder / "disk.img").read_bytes(), truth, rows)


@pytest.fixture(scope="module", params=SMALL)
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp(request.param)
    build_or_skip(request.param, folder / "disk.img")
    yield read(folder)


def ranges(text: str) -> list[tuple[int, int]]:
    return [(int(offset), int(size)) for offset, size in (one.split("+") for one in text.split())]


def payload(disk: Built, row: dict[str, str]) -> bytes:
    return b"".join(disk.data[offset : offset + size] for offset, size in ranges(row["pieces"]))


def behind_start_codes(sample: bytes) -> bytes:
    """NAL units that stand behind lengths of four bytes, as a decoder without a file wants them."""
    parts, at = [], 0
    while at < len(sample):
        size = int.from_bytes(sample[at : at + 4], "big")
        parts.append(b"\0\0\0\1" + sample[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(parts)


def decodes(codec: str, units: list[bytes]) -> int:
    decoder = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.options = {"err_detect": "explode"}
    pictures = [frame for unit in units for frame in decoder.decode(av.Packet(unit))]
    pictures += decoder.decode(None)
    assert not any(frame.is_corrupt for frame in pictures)
    return len(pictures)


def check_pieces(disk: Built) -> None:
    assert len(disk.data) == disk.truth["size"]
    for row in disk.rows:
        stored = payload(disk, row)
        intact = hashlib.sha256(stored).hexdigest() == row["sha256"]
        assert intact or row["state"] != "on_disk"
        assert not intact or row["state"] != "never_written"
        assert len(stored) == int(row["size"]) or row["state"] == "never_written"
        bare = disk.truth["layout"] in ("mp4", "annexb", "gbps")  # frames without a header
        assert sum(size for _, size in ranges(row["frame_pieces"])) + bare > len(stored)


def check_decoding(disk: Built) -> None:
    units: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for row in disk.rows:
        if row["media"] == "video":
            unit = payload(disk, row)
            if disk.truth["layout"] == "mp4":
                unit = behind_start_codes(unit)
            units[row["camera"], row["codec"]].append(unit)
    for (_, codec), own in units.items():
        assert decodes(codec, own) == len(own)


def test_every_piece_of_every_frame_hashes_to_its_digest(built: Built) -> None:
    check_pieces(built)


def test_no_two_frames_on_the_disk_share_a_byte(built: Built) -> None:
    taken = sorted(
        (offset, offset + size)
        for row in built.rows
        if row["state"] == "on_disk"
        for offset, size in ranges(row["frame_pieces"])
    )
    assert all(one[1] <= other[0] for one, other in pairwise(taken))


def test_what_was_not_damaged_decodes_completely(built: Built) -> None:
    if built.truth["scenario"] in WHOLE:
        check_decoding(built)
    else:
        assert {row["state"] for row in built.rows} - {"on_disk"}


def test_spans_follow_each_other_from_the_first_picture_to_the_end(built: Built) -> None:
    truth = built.truth
    assert truth["channels"]
    for channel in truth["channels"]:
        spans = channel["spans"]
        assert truth["recorder_start"] <= spans[0]["from"] < truth["recorder_start"][:-3] + "999"
        assert spans[-1]["to"] == truth["recorder_end"]
        for one, other in pairwise(spans):
            assert one["to"] == other["from"]
            assert {**one, "from": 0, "to": 0} != {**other, "from": 0, "to": 0}


def states(disk: Built) -> dict[int, list[tuple[str, str, str]]]:
    return {
        channel["camera"]: [
            (span["from"][17:], span["to"][17:], span["state"]) for span in channel["spans"]
        ]
        for channel in disk.truth["channels"]
    }


def of(name: str, folder: Path) -> Built:
    simulate.build(simulate.load(simulate.scenarios()[name]), folder / "disk.img")
    return read(folder)


def test_gaps_have_their_reasons(tmp_path: Path) -> None:
    assert states(of("dhfs-gaps", tmp_path)) == {
        1: [
            ("00.000", "12.000", "recorded"),
            ("12.000", "18.000", "recorder_off"),
            ("18.000", "36.000", "recorded"),
            ("36.000", "40.000", "not_indexed"),
        ],
        2: [
            ("00.016", "12.016", "recorded"),
            ("12.016", "18.016", "recorder_off"),
            ("18.016", "24.016", "recorded"),
            ("24.016", "25.056", "not_indexed"),
            ("25.056", "30.016", "not_recorded"),
            ("30.016", "36.016", "recorded"),
            ("36.016", "40.000", "not_indexed"),
        ],
        3: [
            ("00.032", "05.072", "recorded"),
            ("05.072", "10.032", "no_signal"),
            ("10.032", "12.032", "recorded"),
            ("12.032", "18.032", "recorder_off"),
            ("18.032", "36.032", "recorded"),
            ("36.032", "40.000", "not_indexed"),
        ],
        4: [
            ("00.000", "12.000", "not_recorded"),
            ("12.000", "18.000", "recorder_off"),
            ("18.000", "40.000", "not_recorded"),
        ],
    }


def test_bad_sectors_are_zero_in_the_image_and_bad_in_the_map(tmp_path: Path) -> None:
    disk = of("dhfs-bad-sectors", tmp_path)
    lines = [
        line.split()
        for line in (tmp_path / "bad.map").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert lines[0] == ["0x00000000", "+", "1"]
    at, bad = 0, []
    for start, size, word in lines[1:]:
        assert int(start, 16) == at
        at += int(size, 16)
        if word == "-":
            bad.append([int(start, 16), at])
            assert not disk.data[int(start, 16) : at].strip(b"\0")
    assert at == len(disk.data)
    assert bad == disk.truth["bad"]
    assert sum(end - start for start, end in bad) == 12 * 4096
    for row in disk.rows:
        hit = any(
            start < offset + size and offset < end
            for offset, size in ranges(row["frame_pieces"])
            for start, end in bad
        )
        assert (row["state"] == "unreadable") == hit


def test_a_disk_without_bad_sectors_has_no_map(tmp_path: Path) -> None:
    of("dhfs-intact", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "disk.img", "frames.csv", "truth.json",
    ]  # fmt: skip


def test_the_returned_truth_is_the_written_one(tmp_path: Path) -> None:
    scenario = simulate.load(simulate.scenarios()["dhfs-intact"])
    truth = simulate.build(scenario, tmp_path / "disk.img")
    assert (truth.scenario, truth.size) == ("dhfs-intact", (tmp_path / "disk.img").stat().st_size)
    assert (
        read(tmp_path).truth["channels"][0]["spans"][0]["from"] == truth.channels[0].spans[0].start
    )


@pytest.mark.parametrize("name", ["dhfs-orphaned", "xm-plain"])
def test_the_same_scenario_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    one, other = of(name, tmp_path / "one"), of(name, tmp_path / "other")
    assert one.data == other.data
    assert (one.truth, one.rows) == (other.truth, other.rows)


def test_other_processes_give_the_same_bytes(tmp_path: Path) -> None:
    scenario = simulate.load(simulate.scenarios()["dhfs-intact"])
    done: list[int] = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        simulate.build(scenario, tmp_path / "one" / "disk.img", done.append, executor=pool)
    assert read(tmp_path / "one").data == of("dhfs-intact", tmp_path / "other").data
    assert sum(done) == sum(int(row["size"]) for row in read(tmp_path / "one").rows)


@pytest.mark.parametrize("name", ["disk.img", "truth.json", "frames.csv", "bad.map"])
def test_no_file_is_ever_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("evidence")
    with pytest.raises(ScenarioError, match=f"{name} exists already"):
        of("dhfs-intact", tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "evidence")]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ScenarioError, match="cannot be a folder"):
        of("dhfs-intact", tmp_path / "file")


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vidrecover.simulate.building.table", full)
    with pytest.raises(ScenarioError, match="No space left on device"):
        of("dhfs-intact", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_bad_extent_behind_the_end_is_told(tmp_path: Path) -> None:
    text = simulate.scenarios()["dhfs-intact"].read_text()
    path = tmp_path / "scene.toml"
    path.write_text(text + "\n[bad_sectors]\nextents = [[0, 1099511627776]]\n")
    with pytest.raises(ScenarioError, match=r"bad_sectors\.extents.*the disk ends at"):
        simulate.build(simulate.load(path), tmp_path / "disk" / "disk.img")


@pytest.mark.slow
def test_the_van_is_the_van_of_the_demonstration(tmp_path: Path) -> None:
    van = of("van", tmp_path)
    check_pieces(van)
    check_decoding(van)
    found = {number: [word for _, _, word in spans] for number, spans in states(van).items()}
    assert found == {
        **{number: ["not_indexed"] for number in range(1, 7)},
        **{number: ["no_signal"] for number in (7, 8)},
        **{number: ["recorded"] for number in range(9, 13)},
    }
    assert sum(row["media"] == "video" for row in van.rows) == 12 * 180 * 25 // 2
