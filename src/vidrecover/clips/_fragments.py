"""The contiguous runs of source bytes that a clip is made of, with their digests."""

import csv
import hashlib
import io
from pathlib import Path
from tempfile import TemporaryFile

from vidrecover.clips._units import Piece
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

    def _run(self, kind: str, offset: int, data: bytes) -> None:
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
        self._text.write(
            f"{self._clip},{self.count},{self._source},{self._start},{self._end - self._start},"
            f"{self._digest.hexdigest()},{self._kind}\r\n"
        )
        self.count += 1

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
        self._text.close()


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
