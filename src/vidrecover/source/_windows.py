r"""Physical drives under Windows (`\\.\PhysicalDrive0`): aligned reads past the cache.

All calls of the system go through `Kernel`, so that a made-up one can stand for it in tests: this
module was never run on a Windows machine by us.
"""

import ctypes
import errno
import struct
from collections.abc import Iterator
from pathlib import PureWindowsPath
from typing import Any, Protocol

from vidrecover.errors import SourceError
from vidrecover.model import SourceIdentity
from vidrecover.source._drive import Names
from vidrecover.source._reading import cannot_open

PREFIX = "\\\\.\\"
_MOST_DRIVES = 64

IOCTL_DISK_GET_LENGTH_INFO = 0x0007405C
"""Gives the size in bytes, i64. [A: winioctl.h, two public readers]"""
IOCTL_DISK_GET_DRIVE_GEOMETRY_EX = 0x000700A0
"""Gives cylinders i64, medium, tracks, sectors, bytes per sector u32, size i64. [A: as above]"""
IOCTL_STORAGE_QUERY_PROPERTY = 0x002D1400
"""Asked for property 0 gives a STORAGE_DEVICE_DESCRIPTOR: offsets of zero-ended texts stand at
12 (vendor), 16 (product) and 24 (serial number), u32, 0 for none. [A: as above]"""

IOCTL_STORAGE_GET_DEVICE_NUMBER = 0x002D1080
"""Gives device type, number of the drive and of the partition, u32 each. [A: as above]"""

_UNREADABLE = frozenset({23, 25, 27, 30, 121, 483, 1117, 1127})
"""ERROR_CRC, SEEK, SECTOR_NOT_FOUND, READ_FAULT, SEM_TIMEOUT, DEVICE_HARDWARE_ERROR, IO_DEVICE
and DISK_OPERATION_FAILED: this place cannot be read. [A: winerror.h; C: that they speak of a
place only]"""
_ERRNO = {2: errno.ENOENT, 3: errno.ENOENT, 5: errno.EACCES, 32: errno.EACCES}


class Kernel(Protocol):
    """The few calls of Windows that reading a drive takes; each raises OSError."""

    def open(self, path: str) -> int:
        """A handle that can only read, shared with others, past the cache."""
        ...

    def control(self, handle: int, code: int, query: bytes, size: int) -> bytes:
        """The answer of a device to a control code, at most `size` bytes."""
        ...

    def read(self, handle: int, offset: int, view: memoryview) -> int:
        """Fill the view from an offset; gives the bytes read."""
        ...

    def close(self, handle: int) -> None:
        """Release the handle."""
        ...


class WindowsDrive:
    """An open physical drive or volume; owns its handle."""

    def __init__(self, kernel: Kernel, handle: int, identity: SourceIdentity) -> None:
        self._kernel = kernel
        self._handle: int | None = handle
        self.identity = identity

    def read_at(self, offset: int, view: memoryview) -> int:
        """Fill the view by one request; see `Drive.read_at`."""
        return self._kernel.read(self._opened(), offset, view)

    def is_present(self) -> bool:
        """Whether the drive still answers with the size it had; raises OSError."""
        return _size(self._kernel, self._opened()) == self.identity.size

    def close(self) -> None:
        """Release the handle; may be called again."""
        if self._handle is not None:
            self._kernel.close(self._handle)
            self._handle = None

    def _opened(self) -> int:
        if self._handle is None:
            raise ValueError("the source is closed")
        return self._handle


def is_device_path(path: str) -> bool:
    r"""Whether Windows takes the path for a device: `\\.\PhysicalDrive0`, `\\.\D:`."""
    return path.startswith(PREFIX) and len(path) > len(PREFIX)


def open_drive(path: str, kernel: Kernel | None = None) -> WindowsDrive:
    """Open a drive; raises SourceError with what to do. kernel: another one, for tests."""
    kernel = kernel or Kernel32()
    try:
        handle = kernel.open(path)
    except OSError as error:
        raise cannot_open(path, error) from error
    try:
        return WindowsDrive(kernel, handle, _identity(kernel, handle, path))
    except BaseException:
        kernel.close(handle)
        raise


def drives(kernel: Kernel | None = None) -> Iterator[SourceIdentity]:
    """The physical drives that may be opened; those that need an administrator are left out."""
    kernel = kernel or Kernel32()
    for number in range(_MOST_DRIVES):
        path = f"{PREFIX}PhysicalDrive{number}"
        try:
            handle = kernel.open(path)
        except OSError:
            continue
        try:
            yield _identity(kernel, handle, path)
        except SourceError:
            continue
        finally:
            kernel.close(handle)


def drive_number(path: str, kernel: Kernel | None = None) -> int | None:
    r"""The number of the physical drive that a device path leads to, as `\\.\D:` does."""
    kernel = kernel or Kernel32()
    try:
        handle = kernel.open(path)
    except OSError:
        return None
    try:
        answer = kernel.control(handle, IOCTL_STORAGE_GET_DEVICE_NUMBER, b"", 12)
    except OSError:
        return None
    finally:
        kernel.close(handle)
    return int(struct.unpack_from("<I", answer, 4)[0]) if len(answer) >= 8 else None


def lies_on_drive(folder: PureWindowsPath, path: str, kernel: Kernel | None = None) -> bool:
    """Whether an absolute folder is on the drive, or on a volume of it."""
    kernel = kernel or Kernel32()
    number = drive_number(path, kernel)
    return number is not None and drive_number(f"{PREFIX}{folder.drive}", kernel) == number


def _identity(kernel: Kernel, handle: int, path: str) -> SourceIdentity:
    try:
        size = _size(kernel, handle)
    except OSError as error:
        raise cannot_open(path, error) from error
    if size == 0:
        raise SourceError(f"{path!r}: no medium in the device; insert the disk or card", path)
    model, serial = _names(kernel, handle)
    return SourceIdentity(
        path=path,
        kind="device",
        size=size,
        sector_size=_sector(kernel, handle),
        model=model,
        serial=serial,
    )


def _size(kernel: Kernel, handle: int) -> int:
    answer = kernel.control(handle, IOCTL_DISK_GET_LENGTH_INFO, b"", 8)
    return max(struct.unpack("<q", answer)[0], 0) if len(answer) == 8 else 0


def _sector(kernel: Kernel, handle: int) -> int:
    """Bytes of a logical sector; 4096, which suits both kinds, where the drive does not tell."""
    try:
        answer = kernel.control(handle, IOCTL_DISK_GET_DRIVE_GEOMETRY_EX, b"", 256)
    except OSError:
        return 4096
    sector = struct.unpack_from("<I", answer, 20)[0] if len(answer) >= 24 else 0
    return sector if 512 <= sector <= 65536 and sector & (sector - 1) == 0 else 4096


def _names(kernel: Kernel, handle: int) -> Names:
    try:
        answer = kernel.control(handle, IOCTL_STORAGE_QUERY_PROPERTY, bytes(12), 1024)
    except OSError:
        return Names(None, None)
    texts = [_text(answer, at) for at in (12, 16, 24)]
    model = " ".join(one for one in texts[:2] if one)
    return Names(model or None, texts[2])


def _text(answer: bytes, at: int) -> str | None:
    """A zero-ended text at the offset that stands at `at`."""
    if len(answer) < at + 4:
        return None
    start = struct.unpack_from("<I", answer, at)[0]
    raw = answer[start : start + 256].partition(b"\0")[0] if start else b""
    text = "".join(chr(byte) for byte in raw if 0x20 <= byte < 0x7F).strip()
    return text or None


def failure(code: int, text: str) -> OSError:
    """A system error in the words of `errno`, so that bad sectors are told from lost drives."""
    number = errno.EIO if code in _UNREADABLE else _ERRNO.get(code, errno.ENODEV)
    return OSError(number, f"{text} (Windows error {code})")


class Kernel32:
    """The calls themselves, through kernel32.dll. [A: Windows API documentation]"""

    _READ, _SHARED, _EXISTING, _PAST_CACHE = 0x80000000, 3, 3, 0x20000000

    def __init__(self) -> None:
        library: Any = getattr(ctypes, "WinDLL", None)
        if library is None:
            raise SourceError("drives are opened by this name under Windows only")
        self._calls = library("kernel32", use_last_error=True)
        self._calls.CreateFileW.restype = ctypes.c_void_p
        self._calls.CreateFileW.argtypes = [
            ctypes.c_wchar_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p,
            ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p,
        ]  # fmt: skip
        self._calls.DeviceIoControl.argtypes = [
            ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32,
            ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        self._calls.ReadFile.argtypes = [
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        self._calls.CloseHandle.argtypes = [ctypes.c_void_p]

    def open(self, path: str) -> int:
        """See `Kernel.open`."""
        handle = self._calls.CreateFileW(
            path, self._READ, self._SHARED, None, self._EXISTING, self._PAST_CACHE, None
        )
        if handle is None or handle == ctypes.c_void_p(-1).value:
            raise self._failure("cannot be opened")
        return int(handle)

    def control(self, handle: int, code: int, query: bytes, size: int) -> bytes:
        """See `Kernel.control`."""
        answer, count = ctypes.create_string_buffer(size), ctypes.c_uint32()
        done = self._calls.DeviceIoControl(
            handle, code, query or None, len(query), answer, size, ctypes.byref(count), None
        )
        if not done:
            raise self._failure("does not answer")
        return answer.raw[: count.value]

    def read(self, handle: int, offset: int, view: memoryview) -> int:
        """See `Kernel.read`: the offset stands in an OVERLAPPED, u32 low and high at 2 words."""
        place = (ctypes.c_size_t * 4)()
        struct.pack_into("<II", place, 2 * ctypes.sizeof(ctypes.c_size_t), *divided(offset))
        count = ctypes.c_uint32()
        target = (ctypes.c_char * len(view)).from_buffer(view)
        done = self._calls.ReadFile(
            handle, target, len(view), ctypes.byref(count), ctypes.byref(place)
        )
        if not done:
            raise self._failure("cannot be read")
        return int(count.value)

    def close(self, handle: int) -> None:
        """See `Kernel.close`."""
        self._calls.CloseHandle(handle)

    def _failure(self, text: str) -> OSError:
        code: int = getattr(ctypes, "get_last_error")()  # noqa: B009  # absent elsewhere
        return failure(code, text)


def divided(offset: int) -> tuple[int, int]:
    """Low and high 32 bits of an offset."""
    return offset & 0xFFFFFFFF, offset >> 32
