"""What TME recorders keep beside their footage, on simulated disks and on hostile files."""

import random
import runpy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrecover import clock, formats, volumes
from vidrecover.model import Claim, ClaimKind, Event, EventKind, Extent, SourceRef, VolumeReport
from vidrecover.simulate import heap
from vidrecover.source import open_source
from vidrecover.volumes import _tme
from vidrecover.volumes._fs_listing import Entry

MADE = runpy.run_path(str(Path(__file__).parents[1] / "memory_source.py"))
MemorySource: Any = MADE["MemorySource"]
FORMATS = formats.load(formats.shipped())
SIZE = 1 << 22
BASE = "/_van17_/20260314/CH02/CH02_20260314073000"

needs_mkfs = pytest.mark.skipif(
    heap.place_of("mkfs.vfat") is None, reason="not installed: mkfs.vfat (dosfstools)"
)


def ms(text: str) -> int:
    return clock.parse_iso(f"2026-03-14T{text}")


def report_of(folder: Path) -> VolumeReport:
    ref = SourceRef(path=str(folder / "disk.img"))
    with open_source(ref) as source:
        (report,) = volumes.examine(source, ref, FORMATS)
    return report


def entry(path: str, start: int, size: int, *, is_deleted: bool = False) -> Entry:
    return Entry(path, is_deleted, size, None, Extent(0, 32), (Extent(start, start + size),))


def claim(path: str, start: int, size: int, *, open_: bool = False) -> Claim:
    return Claim(
        volume="fat32@0x0", kind=ClaimKind.FILE, channel=3, start_ms=ms("07:30:00"),
        end_ms=None, extents=(Extent(start, start + size),), entry=Extent(0, 32), name=path,
        open=open_,
    )  # fmt: skip


def told(data: bytes, claims: list[Claim], sides: list[Entry]) -> Any:
    return _tme.told(MemorySource(data, SIZE), "fat32@0x0", claims, sides, FORMATS.names)


@needs_mkfs
def test_files_claim_the_camera_and_time_of_their_names_and_sleuthkit_lists_the_same(
    simulated: Callable[[str], Path],
) -> None:
    folder = simulated("tme-intact")
    report = report_of(folder)
    assert report.layout == "fat32"
    first = min(report.claims, key=lambda one: (one.channel or 0, one.start_ms or 0))
    assert (first.channel, first.start_ms) == (1, ms("07:30:00"))
    assert {one.channel for one in report.claims} == {1, 2, 3}
    assert not any(one.open for one in report.claims)
    if shutil.which("fls"):
        listed = subprocess.run(
            ["fls", "-rpF", str(folder / "disk.img")], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        names = {"/" + line.split("\t")[1] for line in listed if line.endswith(".264")}
        assert names == {one.name for one in report.claims}


@needs_mkfs
def test_the_log_tells_of_lost_video(simulated: Callable[[str], Path]) -> None:
    report = report_of(simulated("tme-intact"))
    losses = [(e.kind, e.time_ms, e.channel) for e in report.events if e.channel is not None]
    assert losses == [
        (EventKind.VIDEO_LOSS_START, ms("07:30:22"), 2),
        (EventKind.VIDEO_LOSS_END, ms("07:30:30"), 2),
    ]
    start = next(e for e in report.events if e.kind is EventKind.POWER_ON)
    disk = (simulated("tme-intact") / "disk.img").read_bytes()
    assert disk[start.entry.start : start.entry.end].endswith(b"Start DVR.")


@needs_mkfs
def test_files_that_power_cut_are_open(simulated: Callable[[str], Path]) -> None:
    claims = report_of(simulated("tme-power-cut")).claims
    assert {one.name.split("_")[-3] for one in claims if one.open and one.name} == {"0"}
    assert sum(one.open for one in claims) == 3


@needs_mkfs
def test_indexes_without_footage_and_footage_without_its_index_are_told(
    simulated: Callable[[str], Path],
) -> None:
    report = report_of(simulated("tme-deleted"))
    deleted = [one for one in report.claims if one.kind is ClaimKind.DELETED_FILE]
    assert {one.channel for one in deleted} == {2}
    assert [one for one in report.damage if ".k" in one] == [
        "4 files have no index of key frames (.k): the recorder's own player cannot seek in them"
    ]


def test_an_index_whose_footage_is_gone_claims_its_time_and_no_bytes() -> None:
    sides = [entry(f"{BASE}_0_N_van17.k", 4096, 30)]
    (found,) = told(bytes(4096) + b"0,40\n2000,90000\n58000,91000\n".ljust(30), [], sides).claims
    assert (found.channel, found.start_ms, found.end_ms) == (3, ms("07:30:00"), ms("07:30:58"))
    assert (found.kind, found.extents) == (ClaimKind.DELETED_FILE, ())


def test_a_large_file_beside_an_index_of_one_line_was_never_closed() -> None:
    one, index = claim(f"{BASE}_60_N_van17.264", 0, 1 << 20), f"{BASE}_60_N_van17.k"
    assert [c.open for c in told(b"", [one], [entry(index, 0, 5)]).claims] == [True]
    assert [c.open for c in told(b"", [one], [entry(index, 0, 50)]).claims] == [False]


def test_lines_of_the_log_become_events_with_their_place() -> None:
    lines = (
        b"Sat Mar 14 07:30:00 2026:Disk writing error detect, rescan disks.\n"
        b"Sat Mar 44 07:30:00 2026:no such day\n"
        b"Thu Jan  1 00:00:02 1970:the clock was lost\n"
        b"Sat Mar 14 07:31:00 2026: Camera 7 video signal lost! *\n"
    )
    log = entry("/dvrlog.txt", 512, len(lines))
    events = told(bytes(512) + lines, [], [log]).events
    assert [(e.kind, e.time_ms, e.channel) for e in events] == [
        (EventKind.DISK_ERROR, ms("07:30:00"), None),
        (EventKind.VIDEO_LOSS_START, ms("07:31:00"), 7),
    ]
    assert events[0].entry.start == 512


def damaged(rng: random.Random) -> tuple[bytes, int]:
    """Side files with bytes flipped; what is said of them comes from `examined`."""
    text = b"".join(
        b"Sat Mar 14 07:3%d:00 2026:Camera %d video signal lost\n" % (n % 10, n) for n in range(40)
    )
    data = bytearray(text + b"0,40\n2000,90000\n" * 40)
    for _ in range(rng.choice((1, 8, 200))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data), SIZE


def examined(data: bytes, size: int, rng: random.Random) -> list[VolumeReport]:
    """A report of a listing that lies: extents that loop, overlap and leave the source."""
    paths = [f"{BASE}_{n}_N_van17" for n in (0, 60, 300)]
    sides, claims = [], []
    for path in [*paths, "/dvrlog.txt", "/CH99_99999999999999_0_N_x"]:
        extents = tuple(
            Extent(at, at + rng.randrange(1, 9000))
            for at in (rng.randrange(0, 2 * size) for _ in range(rng.randrange(4)))
        )
        whole = rng.choice((0, 5, len(data), size, 1 << 40))
        ending = ".k" if "van17" in path or "x" in path else ""
        one = Entry(path + ending, rng.random() < 0.3, whole, None, Extent(0, 32), extents)
        sides.append(one)
        if rng.random() < 0.5:
            claims.append(claim(path + ".264", 0, rng.choice((1, size))))
    source = MemorySource(data, size)
    found = _tme.told(source, "fat32@0x0", claims, sides, FORMATS.names)
    return [
        VolumeReport(
            layout="fat32",
            extent=Extent(0, size),
            claims=tuple(found.claims),
            events=tuple(found.events),
            damage=tuple(found.damage),
        )
    ]


@given(st.integers(0, 1 << 30))
def test_lying_listings_and_broken_side_files_give_no_bytes_that_are_not_there(seed: int) -> None:
    rng = random.Random(seed)
    (report,) = examined(*damaged(rng), rng)
    for one in report.claims:
        assert all(0 <= e.start < e.end <= SIZE for e in one.extents)
    events: tuple[Event, ...] = report.events
    assert all(event.channel is None or 1 <= event.channel <= 64 for event in events)
