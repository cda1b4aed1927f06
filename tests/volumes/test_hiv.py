"""Hikvision's `index00.bin` and its files, on simulated cards and on hostile listings."""

import random
import runpy
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrecover import clock, formats, volumes
from vidrecover.model import Claim, ClaimKind, Extent, SourceRef, VolumeReport
from vidrecover.simulate import heap
from vidrecover.source import open_source
from vidrecover.volumes import _hiv
from vidrecover.volumes._fs_listing import Entry

MADE = runpy.run_path(str(Path(__file__).parents[1] / "memory_source.py"))
MemorySource: Any = MADE["MemorySource"]
SIZE, FILE, COUNT = 1 << 20, 1 << 18, 3
INDEX_SIZE = 1280 + COUNT * (32 + 256 * 80)

needs_mkfs = pytest.mark.skipif(
    heap.place_of("mkfs.vfat") is None, reason="not installed: mkfs.vfat (dosfstools)"
)


def ms(text: str) -> int:
    return clock.parse_iso(f"2026-03-14T{text}")


def report_of(folder: Path) -> VolumeReport:
    ref = SourceRef(path=str(folder / "disk.img"))
    with open_source(ref) as source:
        (report,) = volumes.examine(source, ref, formats.load(formats.shipped()))
    return report


def index(*rows: tuple[int, int, int, int], channel: int = 5, count: int = COUNT) -> bytearray:
    """An index whose file 1 holds the rows: start and end in seconds, first and last byte."""
    data = bytearray(INDEX_SIZE)
    struct.pack_into("<QIIII", data, 0, 1, 1, count, 0, 0)
    for number in range(COUNT):
        used = (channel, len(rows)) if number == 1 else (0xFFFF, 0)
        struct.pack_into("<IHH", data, 1280 + 32 * number, number, *used)
    for place, (start, end, first, last) in enumerate(rows):
        at = 1280 + 32 * COUNT + (256 + place) * 80
        struct.pack_into("<QQ", data, at + 8, start, end)
        struct.pack_into("<II", data, at + 40, first, last)
    return data


def listing(*extents: Extent, size: int = INDEX_SIZE) -> tuple[list[Claim], list[Entry]]:
    """Three files of the ring in one piece each, and the index behind them."""
    claims = [
        Claim(
            volume="fat32@0x0", kind=ClaimKind.FILE, channel=None, start_ms=None, end_ms=None,
            extents=(Extent(number * FILE, (number + 1) * FILE),), entry=Extent(0, 32),
            name=f"/datadir0/hiv{number:05}.mp4",
        )
        for number in range(COUNT)
    ]  # fmt: skip
    place = extents or (Extent(COUNT * FILE, COUNT * FILE + INDEX_SIZE),)
    return claims, [Entry("/datadir0/index00.bin", False, size, None, Extent(0, 32), tuple(place))]


def told(data: bytes | bytearray) -> Any:
    source = MemorySource(bytes(COUNT * FILE) + data, SIZE)
    return _hiv.told(source, "fat32@0x0", *listing())


NOON = ms("12:00:00") // 1000


@needs_mkfs
def test_entries_claim_the_bytes_of_their_camera_and_time_in_the_ring_s_files(
    simulated: Callable[[str], Path],
) -> None:
    folder = simulated("hiv-intact")
    claims = report_of(folder).claims
    assert {one.kind for one in claims} == {ClaimKind.INDEX}
    first = claims[0]
    assert (first.channel, first.start_ms) == (1, ms("07:30:00"))  # eight hours ahead of the index
    if shutil.which("icat") and shutil.which("ffprobe"):
        disk = (folder / "disk.img").read_bytes()
        piece = b"".join(disk[e.start : e.end] for e in first.extents)
        shown = subprocess.run(
            ["ffprobe", "-v", "error", "-f", "mpeg", "-count_packets", "-select_streams", "v",
             "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", "-"],
            input=piece, capture_output=True, check=True,
        )  # fmt: skip
        assert int(shown.stdout.split()[0].strip(b",")) in (99, 100)


@needs_mkfs
def test_sleuthkit_gives_the_same_bytes_for_a_file_in_many_pieces(
    simulated: Callable[[str], Path],
) -> None:
    folder = simulated("hiv-fragments")
    claims = report_of(folder).claims
    if not shutil.which("fls"):
        pytest.skip("not installed: fls (sleuthkit)")
    disk = folder / "disk.img"
    listed = subprocess.run(
        ["fls", "-rpF", str(disk)], capture_output=True, text=True, check=True
    ).stdout
    line = next(one for one in listed.splitlines() if one.endswith("hiv00000.mp4"))
    number = line.split()[1].rstrip(":")
    whole = subprocess.run(["icat", str(disk), number], capture_output=True, check=True).stdout
    data = disk.read_bytes()
    own = [c for c in claims if c.name == "/datadir0/hiv00000.mp4"]
    assert len(own) > 1 and max(len(one.extents) for one in own) > 1
    ours = b"".join(data[e.start : e.end] for one in own for e in one.extents)
    assert whole.startswith(ours)


@needs_mkfs
def test_a_ring_without_its_index_claims_nothing_and_says_so(
    simulated: Callable[[str], Path],
) -> None:
    report = report_of(simulated("hiv-lost"))
    assert report.claims == ()
    assert "without their index" in report.damage[0]


@needs_mkfs
def test_entries_that_were_never_closed_are_open(simulated: Callable[[str], Path]) -> None:
    claims = report_of(simulated("hiv-power-cut")).claims
    assert sorted(one.channel or 0 for one in claims if one.open) == [1, 2, 3]
    assert all(one.end_ms is None for one in claims if one.open)


def test_an_entry_behind_the_end_of_its_file_claims_no_bytes() -> None:
    found = told(index((NOON, NOON + 60, FILE + 1, FILE + 9)))
    (one,) = found.claims
    assert (one.channel, one.extents, one.start_ms) == (5, (), ms("12:00:00"))
    assert found.damage == ["/datadir0: 1 entries of its index name bytes that are in no file"]


def test_an_entry_that_ends_before_it_begins_has_no_time() -> None:
    (one,) = told(index((NOON, NOON - 60, 0, 900))).claims
    assert (one.start_ms, one.damage) == (None, "its times cannot be")


def test_cameras_that_an_index_counts_from_0_count_from_1() -> None:
    (one,) = told(index((NOON, NOON + 60, 0, 900), channel=0)).claims
    assert one.channel == 1


def test_an_index_of_another_size_is_not_believed() -> None:
    found = _hiv.told(MemorySource(bytes(SIZE), SIZE), "fat32@0x0", *listing(size=INDEX_SIZE - 7))
    assert found.claims == [] and "not laid out as known" in found.damage[0]


def damaged(rng: random.Random) -> tuple[bytes, int]:
    """An index with bytes flipped among its records."""
    rows = [
        (NOON + 60 * n, rng.choice((NOON + 60 * n + 59, 0, 0x7FFFFFFF, 1 << 40)), 9000 * n,
         rng.choice((9000 * n + 8999, 0, 1 << 31)))
        for n in range(rng.randrange(1, 9))
    ]  # fmt: skip
    data = index(*rows, channel=rng.choice((0, 1, 5, 64, 65, 60000)))
    for _ in range(rng.choice((1, 8, 200))):
        place = rng.choice((rng.randrange(1400), 1280 + 96 + 256 * 80 + rng.randrange(800)))
        data[place] = rng.randrange(256)
    return bytes(COUNT * FILE) + bytes(data), SIZE


def examined(data: bytes, size: int, rng: random.Random) -> list[VolumeReport]:
    """A report of a listing that lies: extents of the index that overlap and leave the source."""
    extents = [Extent(COUNT * FILE, COUNT * FILE + INDEX_SIZE)]
    if rng.random() < 0.3:
        at = rng.randrange(0, 2 * size)
        extents[rng.randrange(2) :] = [Extent(at, at + rng.randrange(1, size))]
    claims, sides = listing(*extents, size=rng.choice((INDEX_SIZE, INDEX_SIZE, 0, size, 1 << 44)))
    found = _hiv.told(MemorySource(data, size), "fat32@0x0", claims, sides)
    return [
        VolumeReport(
            layout="fat32", extent=Extent(0, size), claims=tuple(found.claims),
            damage=tuple(found.damage),
        )
    ]  # fmt: skip


@given(st.integers(0, 1 << 30))
def test_lying_indexes_claim_no_bytes_that_are_not_there(seed: int) -> None:
    rng = random.Random(seed)
    (report,) = examined(*damaged(rng), rng)
    for one in report.claims:
        assert all(0 <= e.start < e.end <= SIZE for e in one.extents)
        assert one.channel is None or 1 <= one.channel <= 64
