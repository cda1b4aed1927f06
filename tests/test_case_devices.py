"""A failing disk as its user meets it: read in two passes, resumed, imaged on the way."""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.virtual_ring import MIXED, VirtualRing

from vidrecover.case import MAP, Case
from vidrecover.case import _find as finding
from vidrecover.case._passes import by_worth
from vidrecover.catalogue import Catalogue
from vidrecover.errors import CatalogueError, SourceError
from vidrecover.extents import common
from vidrecover.model import Extent, SourceIdentity, SourceRef, TimeSpan
from vidrecover.outcome import ScanReport
from vidrecover.source import ddrescue, open_source
from vidrecover.source._linux import LinuxDrive
from vidrecover.source.device import DeviceSource

SECTOR = 512


@pytest.fixture
def disk(simulated: Callable[[str], Path]) -> Path:
    """Footage of cameras on a DHFS disk, its index intact."""
    return simulated("dhfs-intact") / "disk.img"


class Fate:
    """What a made device refuses, and after how many requests it is gone."""

    def __init__(self, bad: list[Extent], requests: int = 1 << 30) -> None:
        self.bad, self.requests = bad, requests
        self.read = self.refused = 0


@contextmanager
def device(disk: Path, fate: Fate, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While it lasts, a scan of the image is one of a device of that fate."""
    size = disk.stat().st_size

    def opened(ref: SourceRef) -> DeviceSource:
        descriptor = os.open(disk, os.O_RDONLY)

        def read_at(offset: int, view: memoryview) -> int:
            fate.requests -= 1
            if fate.requests < 0:
                raise OSError(errno.ENODEV, "No such device")
            if common(fate.bad, [Extent(offset, offset + len(view))]):
                fate.refused += 1
                raise OSError(errno.EIO, "Input/output error")
            fate.read += len(view)
            return os.preadv(descriptor, [view], offset)

        identity = SourceIdentity(path=str(disk), kind="device", size=size, sector_size=SECTOR)
        return DeviceSource(LinuxDrive(descriptor, identity, read_at=read_at))

    with monkeypatch.context() as patch:
        for verb in ("_scanning", "_find", "_opened"):
            patch.setattr(f"vidrecover.case.{verb}.open_source", lambda ref: (
                opened(ref) if ref.path == str(disk) else open_source(ref)
            ))  # fmt: skip
        yield


def scan(disk: Path, folder: Path, image: Path | None = None) -> ScanReport:
    with Case.open(folder, create=True) as case:
        return case.scan(SourceRef(path=str(disk)), pictures=False, image=image)


def segments_of(folder: Path) -> list[tuple[object, ...]]:
    with Case.open(folder) as case:
        return [
            (one.channel, one.start, one.end, one.frames, one.unfinished) for one in case.segments()
        ]


def test_a_device_with_bad_sectors_yields_all_that_a_map_of_them_leaves(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = disk.stat().st_size
    bad = [Extent(at // SECTOR * SECTOR, at // SECTOR * SECTOR + SECTOR)
           for at in (size // 3, size // 2, size - 5 * SECTOR)]  # fmt: skip
    fate = Fate(bad)
    with device(disk, fate, monkeypatch):
        report = scan(disk, tmp_path / "device")
    assert report.unreadable == 3 * SECTOR
    known = ddrescue.load(str(tmp_path / "device" / MAP))
    assert list(known.unreadable(size)) == bad
    with Case.open(tmp_path / "mapped", create=True) as case:
        case.scan(SourceRef(path=str(disk), faults=tuple(bad)), pictures=False)
    assert segments_of(tmp_path / "device") == segments_of(tmp_path / "mapped")
    assert segments_of(tmp_path / "device") != []


def test_what_a_device_refused_is_not_asked_for_again_when_clips_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, disk = VirtualRing(4 << 20, MIXED, block=4 << 20, turns=0.9), tmp_path / "disk.img"
    disk.write_bytes(ring.read(0, ring.size))
    fate = Fate([Extent(1 << 20, (1 << 20) + SECTOR)])
    with device(disk, fate, monkeypatch):
        scan(disk, tmp_path / "case")
        assert fate.refused > 0
        fate.refused = 0
        with Case.open(tmp_path / "case") as case:
            made = case.recover(tmp_path / "clips")
    assert fate.refused == 0
    assert len(made) == 12


def test_minutes_are_found_on_a_device_with_bad_sectors(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = [Extent(1 << 19, (1 << 19) + SECTOR)]
    scan(disk, tmp_path / "whole")
    with Case.open(tmp_path / "whole") as case:
        own = [one for one in case.segments() if one.channel == 1 and one.frames]
    start = min(one.start_ms for one in own if one.start_ms is not None)
    end = max(one.end_ms for one in own if one.end_ms is not None)
    span = TimeSpan(start + (end - start) // 4, end - (end - start) // 4)
    for small in (0, finding.SMALL):
        monkeypatch.setattr(finding, "SMALL", small)
        folder = tmp_path / str(small)
        with device(disk, Fate(bad), monkeypatch), Case.open(folder, create=True) as case:
            found = case.find(SourceRef(path=str(disk)), folder / "clips", channels=[1], span=span)
            assert common(case.catalogue.unreadable(), bad) == case.catalogue.unreadable()
        assert found.windows[0].has_footage
        with Case.open(folder / "mapped", create=True) as case:
            case.scan(SourceRef(path=str(disk), faults=tuple(bad)), pictures=False)
            made = case.recover(folder / "mapped-clips", channel=1, span=span)
        assert [one.frames for one in found.clips] == [one.frames for one in made]
        for one in made:
            path = folder / "mapped-clips" / one.file
            assert (folder / "clips" / one.file).read_bytes() == path.read_bytes()


def test_a_device_that_vanishes_leaves_a_case_that_goes_on(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan(disk, tmp_path / "whole")
    image = tmp_path / "copy.img"
    for requests in (3, 9, 30):
        with (
            device(disk, Fate([], requests), monkeypatch),
            pytest.raises(SourceError, match=r"reading stopped .* run the same command again"),
        ):
            scan(disk, tmp_path / "case", image)
    with device(disk, Fate([]), monkeypatch):
        report = scan(disk, tmp_path / "case", image)
    assert segments_of(tmp_path / "case") == segments_of(tmp_path / "whole")
    assert image.read_bytes() == disk.read_bytes()
    assert report.image is not None
    assert report.image.sha256 == hashlib.sha256(disk.read_bytes()).hexdigest()


def test_an_image_is_made_in_the_same_pass_and_read_in_place_of_the_disk(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, fate = tmp_path / "copy.img", Fate([Extent(1 << 19, (1 << 19) + SECTOR)])
    with device(disk, fate, monkeypatch), Case.open(tmp_path / "case", create=True) as case:
        report = case.scan(SourceRef(path=str(disk)), image=image)
    assert report.image is not None
    assert report.image.missing == SECTOR
    expected = bytearray(disk.read_bytes())
    expected[1 << 19 : (1 << 19) + SECTOR] = bytes(SECTOR)
    assert image.read_bytes() == bytes(expected)
    assert report.image.sha256 == hashlib.sha256(expected).hexdigest()
    assert fate.read < disk.stat().st_size + (4 << 20)  # layouts are looked for first
    last = json.loads((tmp_path / "case" / "actions.jsonl").read_text().splitlines()[-1])
    assert last["image"]["sha256"] == report.image.sha256


def test_no_image_is_written_onto_the_source(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "vidrecover.case._scanning.lies_on", lambda folder, source: folder == tmp_path / "stick"
    )
    with pytest.raises(CatalogueError, match="choose an --image on another disk"):
        scan(disk, tmp_path / "case", tmp_path / "stick" / "copy.img")
    assert not (tmp_path / "stick").exists()


def test_what_the_recorder_lists_is_fetched_first_of_what_a_disk_resists(
    disk: Path, tmp_path: Path
) -> None:
    scan(disk, tmp_path / "case")
    with Case.open(tmp_path / "case") as case:
        stored: Catalogue = case.catalogue
        listed = min(one for claim in stored.claims() for one in claim.extents)
        blank = max(stored.blank(), key=lambda one: one.size)
        first = Extent(listed.start, listed.start + SECTOR)
        last = Extent(blank.start + SECTOR, blank.start + 2 * SECTOR)
        assert by_worth(stored, sorted([last, first])) == [first, last]
