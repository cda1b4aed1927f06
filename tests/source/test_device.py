"""Block devices: one made of a function, and where the machine allows it, real ones."""

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover.case import MAP, Case
from vidrecover.errors import SourceError
from vidrecover.model import Extent, SourceIdentity, SourceRef
from vidrecover.source import ddrescue, open_source
from vidrecover.source._drive import Names
from vidrecover.source._linux import LinuxDrive, drives, names
from vidrecover.source.device import BLOCK, DeviceSource

if sys.platform != "linux":
    pytest.skip("block devices are read under Linux only", allow_module_level=True)

SECTOR = 512
SIZE = 2 * BLOCK + 64 * SECTOR
CONTENT = np.random.default_rng(4).integers(1, 256, SIZE, dtype=np.uint8)


def made_device(
    path: Path, bad: set[int], sector: int = SECTOR, code: int = errno.ENODATA
) -> DeviceSource:
    """A device over CONTENT that refuses bad sectors and, as O_DIRECT does, unaligned requests."""

    def read_at(offset: int, view: memoryview) -> int:
        address = np.frombuffer(view, dtype=np.uint8).ctypes.data
        if offset % sector or len(view) % sector or address % sector:
            raise OSError(errno.EINVAL, "not aligned")
        first, last = offset // sector, (offset + len(view) - 1) // sector
        if any(first <= one <= last for one in bad):
            raise OSError(code, "No data available")
        view[:] = CONTENT[offset : offset + len(view)].data
        return len(view)

    identity = SourceIdentity(path=str(path), kind="device", size=SIZE, sector_size=sector)
    return DeviceSource(LinuxDrive(os.open(path, os.O_RDONLY), identity, read_at=read_at))


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A file that stands for the device's node."""
    path = tmp_path / "sdx"
    path.touch()
    return path


@settings(max_examples=60, deadline=None)
@given(
    offset=st.integers(0, SIZE) | st.integers(BLOCK - 5_000, BLOCK + 5_000),
    size=st.integers(0, 9_000) | st.integers(0, SIZE),
    bad=st.sets(st.integers(0, 40) | st.integers(BLOCK // 512 - 20, BLOCK // 512 + 20), max_size=8),
    sector=st.sampled_from([512, 4_096]),
)
def test_any_read_is_aligned_and_loses_exactly_the_bad_sectors(
    tmp_path_factory: pytest.TempPathFactory, offset: int, size: int, bad: set[int], sector: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "node"
    path.touch()
    end = min(SIZE, offset + size)
    expected = CONTENT[offset:end].copy()
    lost = np.zeros(len(expected), dtype=bool)
    for one in bad:
        lost[max(0, one * sector - offset) : max(0, (one + 1) * sector - offset)] = True
    expected[lost] = 0
    buffer = np.full(len(expected), 170, dtype=np.uint8)
    with made_device(path, bad, sector) as source:
        found = source.read_into(offset, buffer)
    assert buffer.tobytes() == expected.tobytes()
    seen = np.zeros(len(expected), dtype=bool)
    for extent in found:
        seen[extent.start - offset : extent.end - offset] = True
    assert seen.tobytes() == lost.tobytes()
    assert sum(one.size for one in found) == int(lost.sum())


def test_an_unplugged_device_is_not_a_device_of_bad_sectors(node: Path) -> None:
    with made_device(node, set(range(SIZE // SECTOR)), code=errno.EIO) as source:
        assert source.read(0, 8 * SECTOR) == bytes(8 * SECTOR)
        node.unlink()
        with pytest.raises(SourceError, match=r"sdx': reading stopped"):
            source.read(0, 8 * SECTOR)
        node.mkdir()
        with pytest.raises(SourceError, match=r"sdx': the device has gone; connect it again"):
            source.read(0, 8 * SECTOR)


def test_an_error_of_the_whole_device_stops_the_reading(node: Path) -> None:
    with (
        made_device(node, {1}, code=errno.ENODEV) as source,
        pytest.raises(SourceError, match=r"reading stopped .* check the cable"),
    ):
        source.read(0, 4_096)


def test_model_and_serial_come_from_the_disk_of_a_partition(tmp_path: Path) -> None:
    disk = tmp_path / "sda"
    (disk / "device").mkdir(parents=True)
    (disk / "device" / "model").write_text("WDC WD10PURX-64E\n")
    (disk / "device" / "vpd_pg80").write_bytes(b"\x00\x80\x00\x0f   WD-WCC4J0001")
    (disk / "sda1").mkdir()
    (disk / "sda1" / "partition").write_text("1\n")
    card = tmp_path / "mmcblk0"
    (card / "device").mkdir(parents=True)
    (card / "device" / "name").write_text("SD64G\n")
    (card / "device" / "serial").write_text("0x1234abcd\n")
    assert names(disk / "sda1") == names(disk) == Names("WDC WD10PURX-64E", "WD-WCC4J0001")
    assert names(card) == Names("SD64G", "0x1234abcd")
    assert names(tmp_path / "absent") == Names(None, None)


def test_disks_are_listed_with_size_sector_and_names(tmp_path: Path) -> None:
    for name, sectors, block in (("sda", 8, 4096), ("sdb", 0, 512), ("loop0", 8, 512)):
        (tmp_path / name / "queue").mkdir(parents=True)
        (tmp_path / name / "size").write_text(f"{sectors}\n")
        (tmp_path / name / "queue/logical_block_size").write_text(f"{block}\n")
    (tmp_path / "sda/device").mkdir()
    (tmp_path / "sda/device/model").write_text("ST2000\n")
    assert list(drives(tmp_path)) == [
        SourceIdentity(path="/dev/sda", kind="device", size=4096, sector_size=4096, model="ST2000")
    ]
    assert list(drives(tmp_path / "absent")) == []


def loop_over(path: Path) -> str:
    """Attach a read-only loop device."""
    command = ["losetup", "--find", "--show", "--read-only", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no loop device can be had here: {done.stderr.strip()}")
    return done.stdout.strip()


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[str]:
    """A real block device over CONTENT."""
    if os.geteuid() != 0 or shutil.which("losetup") is None:
        pytest.skip("loop devices need losetup and root")
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENT.tobytes())
    device = loop_over(path)
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def test_a_real_device_reads_as_its_content(loop: str) -> None:
    with open_source(SourceRef(path=loop, faults=(Extent(700, 702),))) as source:
        assert source.identity == SourceIdentity(path=loop, kind="device", size=SIZE)
        buffer = np.full(SIZE - 1_001, 170, dtype=np.uint8)
        assert source.read_into(1_001, buffer) == []
        assert buffer.tobytes() == CONTENT[1_001:].tobytes()
        assert source.read(699, 4) == bytes([CONTENT[699], 0, 0, CONTENT[702]])


FILE_SYSTEM = """
import errno, mfusepy, os, stat, sys, time
image = open(sys.argv[1], "rb").read()
bad = [range(40960, 45056), range(1000448, 1000960)]
hanging = [range(6000128, 6000640)] * (sys.argv[3] == "hanging")
left = int(sys.argv[4])
class Faulty(mfusepy.Operations):
    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": len(image)}
    def readdir(self, path, fh):
        return [".", "..", "disk.img"]
    def read(self, path, size, offset, fh):
        global left
        left -= size
        if left < 0:
            os._exit(1)
        if any(offset < one.stop and one.start < offset + size for one in bad):
            raise mfusepy.FuseOSError(errno.EIO)
        if any(offset < one.stop and one.start < offset + size for one in hanging):
            hanging.clear()
            time.sleep(3)
        return image[offset : offset + size]
mfusepy.FUSE(Faulty(), sys.argv[2], foreground=True, direct_io=True, ro=True, allow_other=True)
"""


@contextmanager
def faulty(tmp_path: Path, kind: str, left: int = 1 << 40) -> Iterator[str]:
    """A real block device that answers EIO in two places: 4 KiB and 512 bytes. One that hangs
    besides lets the first read of a third place wait for three seconds. left: bytes that it
    gives before it dies."""
    if importlib.util.find_spec("mfusepy") is None:
        pytest.skip("mfusepy, which makes a real device with bad sectors, is not installed")
    if os.geteuid() != 0 or not Path("/dev/fuse").exists() or shutil.which("losetup") is None:
        pytest.skip("a device with bad sectors needs FUSE, losetup and root")
    image, folder = tmp_path / "disk.img", tmp_path / "mount"
    image.write_bytes(CONTENT.tobytes())
    folder.mkdir(exist_ok=True)
    server = subprocess.Popen(
        [sys.executable, "-c", FILE_SYSTEM, str(image), str(folder), kind, str(left)]
    )
    try:
        deadline = time.monotonic() + 10
        while not (folder / "disk.img").exists() and server.poll() is None:
            assert time.monotonic() < deadline, "the file system of the test does not come up"
        device = loop_over(folder / "disk.img")
        try:
            yield device
        finally:
            subprocess.run(["losetup", "--detach", device], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
        server.wait(timeout=20)


@pytest.fixture(params=["prompt", "hanging"])
def faulty_loop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """One of them."""
    with faulty(tmp_path, request.param) as device:
        yield device


def test_a_real_device_that_dies_marks_nothing_and_leaves_a_case_that_goes_on(
    tmp_path: Path,
) -> None:
    for left in (4 << 20, 12 << 20):
        with (
            faulty(tmp_path, "prompt", left) as device,
            Case.open(tmp_path / "case", create=True) as case,
        ):
            with pytest.raises(SourceError, match="run the same command"):
                case.scan(SourceRef(path=device), pictures=False)
            assert case.catalogue.unreadable() == []
    with (
        faulty(tmp_path, "prompt") as device,
        Case.open(tmp_path / "case", create=True) as case,
    ):
        case.scan(SourceRef(path=device), pictures=False)
        assert case.catalogue.unreadable() == [Extent(40_960, 45_056), Extent(1_000_448, 1_000_960)]


def test_a_real_device_loses_exactly_its_bad_sectors(faulty_loop: str) -> None:
    with open_source(SourceRef(path=faulty_loop)) as source:
        buffer = np.full(SIZE, 170, dtype=np.uint8)
        assert source.read_into(0, buffer) == [Extent(40_960, 45_056), Extent(1_000_448, 1_000_960)]
    expected = CONTENT.copy()
    expected[40_960:45_056] = 0
    expected[1_000_448:1_000_960] = 0
    assert buffer.tobytes() == expected.tobytes()


def test_a_scan_of_a_real_device_marks_exactly_its_bad_sectors(
    faulty_loop: str, tmp_path: Path
) -> None:
    ref = SourceRef(path=faulty_loop, read_limit_s=0.5)
    with Case.open(tmp_path / "case", create=True) as case:
        report = case.scan(ref, pictures=False, image=tmp_path / "copy.img")
    bad = [Extent(40_960, 45_056), Extent(1_000_448, 1_000_960)]
    known = ddrescue.load(str(tmp_path / "case" / MAP))
    assert list(known.unreadable(SIZE)) == bad
    assert report.image is not None
    expected = CONTENT.copy()
    for one in bad:
        expected[one.start : one.end] = 0
    assert (tmp_path / "copy.img").read_bytes() == expected.tobytes()
