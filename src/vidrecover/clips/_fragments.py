"""The contiguous runs of source bytes that a clip is made of, with their digests."""

import csv
import hashlib
import io
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import numpy as np

from vidrecover.clips._units import Batch, Piece
from vidrecover.errors import ClipError

HEADER = ("clip", "seq", "source", "offset", "length", "sha256", "kind")
NAME = "fragments.csv"
_COPIED = 1 << 20


class Runs:
    """Collects the runs of one clip in playing order; rows go to a file without a name.

    count: runs written so far.
    """

    def __init__(self, clip: str, source: str, folder: Path) -> None:
        self._clip, self._source = _cell(clip), _cell(source)
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the clip
        self._text = io.TextIOWrapper(self._file, encoding="utf-8", newline="")
        self._kind = ""
        self._start = self._end = 0
        self._digest = hashlib.sha256()
        self.count = 0

    def add(self, piece: Piece, kind: str) -> None:
        """A row's bytes: its header, its payload as `kind`, its trailer."""
        first, end = piece.payload
        self._run("header", piece.offset, piece.data[:first])
        self._run(kind, piece.offset + first, piece.data[first:end])
        self._run("header", piece.offset + end, piece.data[end:])

    def add_all(self, batch: Batch, first: int, end: int) -> None:
        """The same of the pictures [first, end) of a batch."""
        runs = _runs(batch, first, end)
        self._run(*runs[0])
        if len(runs) > 1:
            self._write()
            self._text.write("".join(
                self._line(number, kind, start, len(data), hashlib.sha256(data).hexdigest())
                for number, (kind, start, data) in enumerate(runs[1:-1], self.count)
            ))  # fmt: skip
            self.count += len(runs) - 2
            self._kind = ""
            self._run(*runs[-1])

    def _run(self, kind: str, offset: int, data: bytes | memoryview) -> None:
        if not data:
            return
        if kind != self._kind or offset != self._end:
            self._write()
            self._kind, self._start, self._digest = kind, offset, hashlib.sha256()
        self._digest.update(data)
        self._end = offset + len(data)

    def _write(self) -> None:
        if not self._kind:
            return
        size = self._end - self._start
        digest = self._digest.hexdigest()
        self._text.write(self._line(self.count, self._kind, self._start, size, digest))
        self.count += 1

    def _line(self, number: int, kind: str, start: int, size: int, digest: str) -> str:
        return f"{self._clip},{number},{self._source},{start},{size},{digest},{kind}\r\n"

    def append_to(self, path: Path) -> None:
        """Adds all rows to the table; a table that cannot be written is left as it was."""
        self._write()
        self._kind = ""
        self._text.flush()
        self._file.seek(0)
        with path.open("ab") as table:
            before = table.tell()
            try:
                while chunk := self._file.read(_COPIED):
                    table.write(chunk)
                table.flush()
            except OSError:
                table.truncate(before)
                raise

    def close(self) -> None:
        """Drops the rows."""
        with suppress(OSError):  # a full disk refuses those that are not written yet
            self._text.close()


class _Run(NamedTuple):
    kind: str
    offset: int
    data: memoryview


def _runs(batch: Batch, first: int, end: int) -> list[_Run]:
    """Neighbouring bytes of one kind of the pictures [first, end), in order."""
    rows = batch.rows[first:end]
    before, length = rows["payload_offset"].astype(np.int64), rows["payload_size"]
    edges = np.stack([np.zeros_like(before), before, before + length, rows["size"]], axis=1)
    sizes = np.diff(edges).ravel()
    there = np.flatnonzero(sizes)
    starts = (edges[:, :3] + rows["offset"].astype(np.int64)[:, None]).ravel()[there]
    places = (edges[:, :3] + batch.places[first:end, None]).ravel()[there]
    is_payload = there % 3 == 1
    begins = np.append(True, (is_payload[1:] != is_payload[:-1]) | (
        starts[1:] != starts[:-1] + sizes[there[:-1]]))  # fmt: skip
    groups = np.flatnonzero(begins)
    ends = places[groups] + np.add.reduceat(sizes[there], groups)
    view = batch.data.data
    return [
        _Run("video" if is_video else "header", start, view[place:end])
        for is_video, start, place, end in zip(
            *(one.tolist() for one in (is_payload[groups], starts[groups], places[groups], ends)),
            strict=True,
        )
    ]


def _cell(text: str) -> str:
    """A text as it stands in a row, quoted where it must be."""
    line = io.StringIO()
    csv.writer(line).writerow([text])
    return line.getvalue().removesuffix("\r\n")


def begin(folder: Path) -> Path:
    """A new table with its header in the folder; raises ClipError if there is one already."""
    path = folder / NAME
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(HEADER)
    except FileExistsError as error:
        raise ClipError(f"{path} exists already: choose an empty folder") from error
    except OSError as error:
        raise ClipError(
            f"{path} cannot be written ({error.strerror}): choose another folder"
        ) from error
    return path
