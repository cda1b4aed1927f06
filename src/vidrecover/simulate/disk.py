"""The image being written: a new sparse file, whose trouble is told in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from vidrecover.errors import ScenarioError
from vidrecover.simulate.footage import Frame


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into a ScenarioError that names the file."""
    try:
        yield
    except FileExistsError as error:
        raise ScenarioError(f"{path} exists already; nothing is overwritten") from error
    except OSError as error:
        raise ScenarioError(f"{path} cannot be written: {error.strerror or error}") from error


class Disk:
    """A disk image under construction; bytes that nobody writes are zeros."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with told(path):
            self._file = path.open("x+b", buffering=0)

    @property
    def path(self) -> Path:
        """The image, for the tools that make volumes in it."""
        return self._path

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Write bytes at an absolute offset."""
        with told(self._path):
            self._file.seek(offset)
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]

    def resize(self, size: int) -> None:
        """Set the size of the whole image in bytes."""
        with told(self._path):
            self._file.truncate(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with told(self._path):
            self._file.close()


class Written(NamedTuple):
    """What a layout wrote: the image's size in bytes, all frames in the order they were made,
    the half-open range of bytes in which the footage lies, the cameras whose number nothing
    on the disk tells, and whether names of files tell the cameras, whatever the frames say."""

    size: int
    frames: list[Frame]
    footage: tuple[int, int]
    nameless: frozenset[int] = frozenset()
    named: bool = False


def joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Half-open ranges in the same order, with neighbours that touch made one."""
    result: list[tuple[int, int]] = []
    for start, end in ranges:
        if result and result[-1][1] == start:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result
