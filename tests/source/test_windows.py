r"""Windows drives over a made-up kernel: the calls, their answers and their errors.

No test of ours runs on Windows; what stands here is what its documentation says.
"""

import errno
import struct
from pathlib import PureWindowsPath

import numpy as np
import pytest

from vidrecover.errors import SourceError
from vidrecover.model import Extent, SourceIdentity
from vidrecover.source import _windows as windows
from vidrecover.source.device import DeviceSource

SIZE = 9 << 20
CONTENT = np.random.default_rng(6).integers(1, 256, SIZE, dtype=np.uint8)
DRIVE = r"\\.\PhysicalDrive1"


class MadeKernel:
    """Two drives, of which the second has a medium, a serial number and one bad sector."""

    def __init__(self, sector: int = 512, bad: int = 9000, lost: int = 1117) -> None:
        self.sector, self.bad, self.lost = sector, bad, lost
        self.size = SIZE
        self.names = {r"\\.\PhysicalDrive0": 0, DRIVE: 1, r"\\.\D:": 1, r"\\.\C:": 0}
        self.opened: list[int] = []

    def open(self, path: str) -> int:
        if path == r"\\.\PhysicalDrive2":
            raise windows.failure(5, "cannot be opened")
        if path not in self.names:
            raise windows.failure(2, "cannot be opened")
        self.opened.append(self.names[path] + 100)
        return self.names[path] + 100

    def control(self, handle: int, code: int, query: bytes, size: int) -> bytes:
        if code == windows.IOCTL_DISK_GET_LENGTH_INFO:
            return struct.pack("<q", self.size if handle == 101 else 0)
        if code == windows.IOCTL_DISK_GET_DRIVE_GEOMETRY_EX:
            return struct.pack("<qIIIIq", 100, 12, 255, 63, self.sector, self.size)
        if code == windows.IOCTL_STORAGE_GET_DEVICE_NUMBER:
            return struct.pack("<III", 7, handle - 100, 0)
        assert (code, query) == (windows.IOCTL_STORAGE_QUERY_PROPERTY, bytes(12))
        texts = b"WDC     \0WD10PURX-64E\0   WD-WCC4J0001\0"
        return struct.pack("<IIBBBBIIIIII", 40, 75, 0, 0, 1, 0, 36, 45, 0, 58, 7, 0) + texts

    def read(self, handle: int, offset: int, view: memoryview) -> int:
        address = np.frombuffer(view, dtype=np.uint8).ctypes.data
        assert not (offset % self.sector or len(view) % self.sector or address % self.sector)
        if offset <= self.bad * self.sector < offset + len(view):
            raise windows.failure(self.lost, "cannot be read")
        view[:] = CONTENT[offset : offset + len(view)].data
        return len(view)

    def close(self, handle: int) -> None:
        self.opened.remove(handle)


@pytest.mark.parametrize(("sector", "bad"), [(512, 9000), (4096, 1125)])
def test_a_drive_reads_as_its_content_but_for_the_bad_sector(sector: int, bad: int) -> None:
    kernel = MadeKernel(sector, bad)
    lost = Extent(bad * sector, (bad + 1) * sector)
    with DeviceSource(windows.open_drive(DRIVE, kernel)) as source:
        assert source.identity == SourceIdentity(
            path=DRIVE, kind="device", size=SIZE, sector_size=sector,
            model="WDC WD10PURX-64E", serial="WD-WCC4J0001",
        )  # fmt: skip
        buffer = np.full(SIZE - 1001, 170, dtype=np.uint8)
        assert source.read_into(1001, buffer) == [lost]
    expected = CONTENT.copy()
    expected[lost.start : lost.end] = 0
    assert buffer.tobytes() == expected[1001:].tobytes()
    assert kernel.opened == []


def test_a_drive_that_goes_away_is_no_drive_of_bad_sectors() -> None:
    kernel = MadeKernel(lost=1167)  # ERROR_DEVICE_NOT_CONNECTED
    with (
        DeviceSource(windows.open_drive(DRIVE, kernel)) as source,
        pytest.raises(SourceError, match=r"reading stopped .* check the cable"),
    ):
        source.read(9000 * 512, 512)
    kernel = MadeKernel()
    with DeviceSource(windows.open_drive(DRIVE, kernel)) as source:
        kernel.size -= 512
        with pytest.raises(SourceError, match="the device has gone; connect it again"):
            source.read(9000 * 512, 512)


def test_drives_are_listed_and_errors_say_what_to_do() -> None:
    kernel = MadeKernel()
    assert [one.path for one in windows.drives(kernel)] == [DRIVE]
    for path, words in (
        (r"\\.\PhysicalDrive0", "no medium"),
        (r"\\.\PhysicalDrive2", "as administrator"),
        (r"\\.\PhysicalDrive9", "no such file or device"),
    ):
        with pytest.raises(SourceError, match=words):
            windows.open_drive(path, kernel)
    assert kernel.opened == []


def test_nothing_may_be_written_onto_a_volume_of_the_drive() -> None:
    kernel = MadeKernel()
    assert windows.lies_on_drive(PureWindowsPath("D:/cases/van17"), DRIVE, kernel)
    assert not windows.lies_on_drive(PureWindowsPath("C:/cases/van17"), DRIVE, kernel)
    assert not windows.lies_on_drive(PureWindowsPath("E:/cases/van17"), DRIVE, kernel)


def test_errors_of_a_place_are_told_from_errors_of_the_drive() -> None:
    assert {windows.failure(code, "x").errno for code in (23, 27, 121, 1117)} == {errno.EIO}
    assert {windows.failure(code, "x").errno for code in (21, 55, 433, 1167)} == {errno.ENODEV}
    assert windows.divided(0x1_2345_6789) == (0x2345_6789, 1)
    assert windows.is_device_path(DRIVE)
    assert not windows.is_device_path(r"C:\disk.img")
