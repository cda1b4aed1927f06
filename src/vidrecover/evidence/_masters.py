"""Masters: the native bytes of a recording as they stand on the source."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover.evidence import _runs
from vidrecover.evidence._runs import Runs
from vidrecover.evidence._tables import FragmentRows
from vidrecover.extents import common, merged
from vidrecover.model import Extent, Progress, Source, SourceIdentity


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes | memoryview) -> None:
        """Adds bytes."""
        ...


class Places:
    """Where the bytes of a master stand on the source, and where in the master."""

    def __init__(self) -> None:
        self._parts: list[Runs] = []
        self._position = 0

    def add(self, found: Runs) -> None:
        """The next runs of the master."""
        if not len(found):
            return
        ends = found["offset"] + found["length"]
        starts = np.append(0, np.flatnonzero(found["offset"][1:] != ends[:-1]) + 1)
        part = np.zeros((len(starts), 3), dtype=np.int64)
        part[:, 0] = found["offset"][starts]
        part[:, 1] = np.add.reduceat(found["length"], starts)
        part[:, 2] = self._position + np.cumsum(part[:, 1]) - part[:, 1]
        self._position += int(part[:, 1].sum())
        self._parts.append(part)

    def ordered(self) -> npt.NDArray[np.int64]:
        """Rows of offset, length, position in the master; by offset, without overlap."""
        if not self._parts:
            return np.zeros((0, 3), dtype=np.int64)
        rows = np.concatenate(self._parts)
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        ends = np.maximum.accumulate(rows[:, 0] + rows[:, 1])
        seen = np.maximum(np.append(0, ends[:-1]) - rows[:, 0], 0)
        rows[:, 0] += seen
        rows[:, 1] -= seen
        rows[:, 2] += seen
        return rows[rows[:, 1] > 0]

    def count(self) -> int:
        """How many there are, those that touch counted as one."""
        rows = np.concatenate(self._parts) if self._parts else np.zeros((0, 3), dtype=np.int64)
        apart = rows[1:, 0] != rows[:-1, 0] + rows[:-1, 1]
        return int(apart.sum()) + 1 if len(rows) else 0


class MasterSource:
    """A master as if it were the source: its bytes at their places, zeros elsewhere.

    So an access copy is made of the master itself, and the source is read only once.
    """

    def __init__(
        self,
        path: Path,
        identity: SourceIdentity,
        places: npt.NDArray[np.int64],
        refused: tuple[Extent, ...],
    ) -> None:
        self._identity, self._places = identity, places
        self._refused = merged(refused)
        self._file = path.open("rb", buffering=0)

    @property
    def size(self) -> int:
        """Bytes of the source."""
        return self._identity.size

    @property
    def identity(self) -> SourceIdentity:
        """That of the source."""
        return self._identity

    def read_into(self, offset: int, buffer: npt.NDArray[np.uint8]) -> list[Extent]:
        """See `Source.read_into`."""
        end = offset + len(buffer)
        if offset < 0 or end > self.size:
            raise ValueError(f"[{offset}, {end}) is not inside the source")
        buffer[:] = 0
        first = max(int(np.searchsorted(self._places[:, 0], offset, side="right")) - 1, 0)
        last = int(np.searchsorted(self._places[:, 0], end, side="left"))
        view = buffer.data
        for start, length, position in self._places[first:last].tolist():
            skipped = max(offset - start, 0)
            if skipped < length:
                at = start + skipped - offset
                stop = min(start + length, end) - offset
                self._file.seek(position + skipped)
                self._file.readinto(view[at:stop])
        return common([Extent(offset, end)], self._refused)

    def read(self, offset: int, size: int) -> bytes:
        """See `Source.read`."""
        buffer = np.zeros(max(min(size, self.size - offset), 0), dtype=np.uint8)
        if len(buffer):
            self.read_into(offset, buffer)
        return buffer.tobytes()

    def close(self) -> None:
        """Closes the master."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Native(msgspec.Struct, kw_only=True):
    """What was learnt while the native bytes of a recording went by."""

    size: int = 0
    sha256: str = ""
    fragments: int = 0
    first: int = 0
    end: int = 0
    refused: list[Extent] = []


def copy(
    tables: Iterator[Runs],
    source: Source,
    rows: FragmentRows,
    out: Sink | None,
    progress: Progress | None,
) -> tuple[Native, Places]:
    """The bytes of the runs into `out`, or nowhere, with a row in the table for each run."""
    native, places = Native(refused=[]), Places()
    whole = hashlib.sha256()
    part = hashlib.sha256()
    for found in tables:
        refused: list[Extent] = []
        places.add(found)
        for one in _runs.read(found, source, refused):
            part.update(one.data)
            whole.update(one.data)
            if out is not None:
                out.write(one.data)
            if one.ends:
                rows.add(found[one.place].item(), part.hexdigest())
                part = hashlib.sha256()
        native.refused = merged([*native.refused, *_runs.within(found, refused)])
        low = int(found["offset"].min())
        native.first = low if not native.fragments else min(native.first, low)
        native.end = max(native.end, int((found["offset"] + found["length"]).max()))
        native.fragments += len(found)
        native.size += int(found["length"].sum())
        if progress is not None:
            progress(int(found["length"].sum()))
    native.sha256 = whole.hexdigest()
    return native, places
