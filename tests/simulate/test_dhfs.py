"""The DHFS disk, read back with nothing but `struct` and the specification."""

import csv
import json
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vidrecover import simulate
from vidrecover.errors import ScenarioError

SCENE = """
title = "small disk"
layout = "dhfs"
seed = 3
start = "2026-03-14T07:30:00"
end = "2026-03-14T07:30:06"

[[cameras]]
numbers = [1]
audio = "alaw"
{first}

[[cameras]]
numbers = [3]

[dhfs]
blocks_per_fragment = 32
reserved = 2
period_s = 2.0
{disk}
"""


class Row(NamedTuple):
    """A descriptor by its fields, dates unpacked to second of the day."""

    kind: int
    channel: int
    number: int
    begin: int
    end: int
    following: int
    last: int
    previous: int
    main: int


class Read:
    """A DHFS disk as the specification says it is to be read."""

    def __init__(self, folder: Path) -> None:
        self.data = (folder / "disk.img").read_bytes()
        with (folder / "frames.csv").open() as table:
            self.frames: list[dict[str, str]] = list(csv.DictReader(table))
        self.truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())

    def open(self) -> "Read":
        assert self.data[:7] == b"DHFS4.1"
        (superblock,) = struct.unpack_from("<I", self.data, 0x3C34 + 20)
        (partition,) = struct.unpack_from("<Q", self.data, 0x3C34 + 48)
        assert self.data[0x3C34 + 64 :][:4] == bytes.fromhex("AA55AA55")
        self.start = partition * 512
        at = self.start + superblock * 512
        assert struct.unpack_from("<I", self.data, at + 0x0C) == (0x55,)
        self.first, self.last, self.current = struct.unpack_from("<3I", self.data, at + 0x10)
        block, blocks = struct.unpack_from("<2I", self.data, at + 0x2C)
        assert block == 512
        fields = struct.unpack_from("<6I", self.data, at + 0x38)
        self.reserved, unknown, own, table, video, count = fields
        assert (unknown, own) == (0x7900, superblock)
        self.size = block * blocks
        self.video = self.start + video * 512
        assert self.start + table * 512 + 32 * count <= self.video
        assert self.video + count * self.size == len(self.data)
        rows = struct.iter_unpack(
            "<BBHIIIIII4x", self.data[self.start + table * 512 :][: 32 * count]
        )
        self.rows = [
            Row(kind, channel - 47, number, second(begin), second(end), *rest)
            for kind, channel, number, begin, end, *rest in rows
        ]
        return self

    def fragment(self, number: int) -> bytes:
        return self.data[self.video + number * self.size :][: self.size]

    def chain(self, main: int) -> list[int]:
        """The fragments of a recording, checked against every field of their rows."""
        row, numbers = self.rows[main], [main]
        assert row.main == main
        while self.rows[numbers[-1]].following:
            following = self.rows[numbers[-1]].following
            after = self.rows[following]
            assert (after.kind, after.channel, after.main) == (2, row.channel, main)
            assert (after.number, after.previous) == (len(numbers), numbers[-1])
            numbers.append(following)
        return numbers

    def recording(self, main: int) -> bytes:
        """Its bytes: whole fragments, and the used blocks of the last."""
        numbers = self.chain(main)
        assert self.rows[main].number == len(numbers) - 1
        parts = [self.fragment(number) for number in numbers]
        return b"".join(parts[:-1]) + parts[-1][: self.rows[main].last * 512]


def second(packed: int) -> int:
    return (packed >> 12 & 31) * 3600 + (packed >> 6 & 63) * 60 + (packed & 63)


def dhav(stream: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
    """Type, channel, sequence, second and payload of frames that follow without a gap; behind
    them only zeros."""
    at = 0
    while stream[at : at + 4] == b"DHAV":
        head = struct.unpack_from("<4sBBHIIIHBB", stream, at)
        _, kind, _, channel, sequence, size, date, _, extension, checksum = head
        assert checksum == sum(stream[at : at + 23]) & 255
        assert stream[at + size - 8 : at + size] == b"dhav" + struct.pack("<I", size)
        payload = stream[at + 24 + extension : at + size - 8]
        yield kind, channel + 1, sequence, second(date), payload
        at += size
    assert not stream[at:].strip(b"\0")
    assert len(stream) - at < 512


def built(folder: Path, *, first: str = "", disk: str = "") -> Read:
    path = folder / "scene.toml"
    path.write_text(SCENE.format(first=first, disk=disk))
    simulate.build(simulate.load(path), folder / "disk.img")
    return Read(folder)


def of_camera(read: Read, camera: int) -> list[dict[str, str]]:
    return [row for row in read.frames if int(row["camera"]) == camera]


def time_of(row: dict[str, str]) -> int:
    hour, minute, rest = row["time"][11:].split(":")
    return int(hour) * 3600 + int(minute) * 60 + int(float(rest))


def test_recordings_read_through_the_index_are_the_frames_of_the_truth(tmp_path: Path) -> None:
    read = built(tmp_path).open()
    assert [row.kind for row in read.rows[:2]] == [0xFE, 0xFE]
    mains = [number for number, row in enumerate(read.rows) if row.kind == 1]
    assert [read.rows[main].channel for main in mains] == [1, 3] * 3
    assert any(len(read.chain(main)) > 2 for main in mains)
    for camera in (1, 3):
        expected = of_camera(read, camera)
        own = [main for main in mains if read.rows[main].channel == camera]
        frames = [frame for main in own for frame in dhav(read.recording(main))]
        assert [frame[1:4] for frame in frames] == [
            (camera, int(row["sequence"]), time_of(row)) for row in expected
        ]
        kinds = {("video", "1"): 0xFD, ("video", "0"): 0xFC, ("audio", "0"): 0xF0}
        assert [frame[0] for frame in frames] == [
            kinds[row["media"], row["key"]] for row in expected
        ]
        assert [len(frame[4]) for frame in frames] == [int(row["size"]) for row in expected]
        for main, begin in zip(own, (0, 2, 4), strict=True):
            assert read.rows[main].begin == 7 * 3600 + 30 * 60 + begin
            assert read.rows[main].end == read.rows[main].begin + 1
    assert (second(read.first), second(read.last)) == (27000, 27005)
    assert read.current == max(max(read.chain(main)) for main in mains)


def test_cameras_interleave_fragment_by_fragment(tmp_path: Path) -> None:
    read = built(tmp_path).open()
    owners = [row.channel for row in read.rows if row.kind in (1, 2)]
    assert sum(one != other for one, other in pairwise(owners)) >= 6


@pytest.mark.parametrize("cut", ["header", "trailer"])
def test_borders_cut_where_the_scenario_says(tmp_path: Path, cut: str) -> None:
    read = built(tmp_path, disk=f'cut = "{cut}"').open()
    seams = []
    for frame in read.frames:
        pieces = [tuple(map(int, piece.split("+"))) for piece in frame["frame_pieces"].split()]
        if len(pieces) == 2:
            seams.append(pieces[0][1] if cut == "header" else pieces[1][1])
    assert len(seams) >= 3
    assert all(1 <= seam < (24 if cut == "header" else 8) for seam in seams)
    assert any(frame["media"] == "data" for frame in read.frames)
    for main, row in enumerate(read.rows):
        if row.kind == 1:
            assert list(dhav(read.recording(main)))


def test_removed_mains_leave_continuations_that_name_them(tmp_path: Path) -> None:
    read = built(tmp_path, first='index = "mains_removed"').open()
    assert {row.channel for row in read.rows if row.kind == 1} == {3}
    orphans = [row for row in read.rows if row.kind == 2 and row.channel == 1]
    assert orphans
    assert all(read.rows[row.main].kind == 0 for row in orphans)
    states = [[span["state"] for span in one["spans"]] for one in read.truth["channels"]]
    assert states == [["not_indexed"], ["recorded"]]


def test_removed_entries_leave_only_the_other_camera(tmp_path: Path) -> None:
    read = built(tmp_path, first='index = "entries_removed"').open()
    assert {row.channel for row in read.rows if row.kind in (1, 2)} == {3}


def test_formatting_frees_every_row_and_forgets_the_times(tmp_path: Path) -> None:
    read = built(tmp_path, disk='index = "formatted"').open()
    assert {row.kind for row in read.rows[2:]} == {0}
    assert (read.first, read.last, read.current) == (0, 0, 2)
    assert {row.channel for row in read.rows[2:] if row.begin} == {1, 3}


@pytest.mark.parametrize("fill", ["random", "zeros"])
def test_destruction_ends_where_fragment_0_begins(tmp_path: Path, fill: str) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "gone").mkdir()
    whole = built(tmp_path / "whole").open()
    gone = built(tmp_path / "gone", disk=f'index = "destroyed"\ndestroyed_with = "{fill}"')
    assert gone.data[whole.video :] == whole.data[whole.video :]
    before = gone.data[: whole.video]
    assert not before.strip(b"\0") if fill == "zeros" else before.count(0) < len(before) // 100


def test_a_dhii_head_stands_before_the_first_frame(tmp_path: Path) -> None:
    read = built(tmp_path, disk="dhii = 512").open()
    for main, row in enumerate(read.rows):
        if row.kind == 1:
            stream = read.recording(main)
            assert stream[:4] == b"DHII"
            assert list(dhav(stream[512:]))


def test_a_power_cut_leaves_a_main_that_ends_where_it_begins(tmp_path: Path) -> None:
    read = built(tmp_path, disk="power_cut = true").open()
    cut = [main for main, row in enumerate(read.rows) if row.kind == 1 and row.number == 0]
    assert [read.rows[main].channel for main in cut] == [1, 3]
    for main in cut:
        assert read.rows[main].begin == read.rows[main].end == 27004
        assert len(read.chain(main)) > 1
    for channel in read.truth["channels"]:
        assert [span["state"] for span in channel["spans"]] == ["recorded", "not_indexed"]


def test_the_ring_comes_round_and_leaves_dirty_continuations(tmp_path: Path) -> None:
    read = built(tmp_path, disk='fragments = 16\nslack = "older"').open()
    assert len(read.rows) == 16
    mains = [number for number, row in enumerate(read.rows) if row.kind == 1]
    listed = {number for main in mains for number in read.chain(main)}
    dirty = [row for number, row in enumerate(read.rows) if row.kind == 2 and number not in listed]
    assert dirty
    for row in dirty:
        main = read.rows[row.main]
        assert (main.kind, main.channel) != (1, row.channel) or main.begin > row.begin
    states = [row["state"] for row in read.frames]
    assert {"on_disk", "overwritten"} == set(states)
    words = {span["state"] for one in read.truth["channels"] for span in one["spans"]}
    assert words == {"overwritten", "not_indexed", "recorded"}


def test_a_ring_too_small_for_its_open_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"dhfs\.fragments.*too small"):
        built(tmp_path, disk="fragments = 4")
    assert [path.name for path in tmp_path.iterdir()] == ["scene.toml"]
