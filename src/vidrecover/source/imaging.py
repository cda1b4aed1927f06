"""An image made while the source is read for something else, so that a disk is read once.

What is read is written at its place into a raw file, sparse where it is zero. Beside it stands a
map in ddrescue's form: what was copied, what cannot be read, what was not tried. With both, a
stopped copy goes on, here or with ddrescue.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from vidrecover.errors import EvidenceError
from vidrecover.extents import common, merged, minus
from vidrecover.model import Extent, Source
from vidrecover.source import ddrescue
from vidrecover.source._readable import Around
from vidrecover.source._reading import Buffer

_PIECE = 4 << 20
_HOLE = 4096
"""Zeros are left out of the file in blocks of this size, in bytes."""


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """An image: bytes, SHA-256 in hexadecimal with unreadable bytes taken as zeros, and how many
    bytes are missing."""

    path: str
    size: int
    sha256: str
    missing: int


class ImagingSource(Around):
    """Another source, whose bytes are kept in an image as they are read; owns neither.

    A context manager, which closes the image's file.
    """

    def __init__(self, inner: Source, path: Path) -> None:
        """Begin an image, or go on with one that has its map beside it.

        Raises EvidenceError when there is another file of that name, or it cannot be written.
        """
        super().__init__(inner)
        self._path = path
        self._finished: list[Extent] = []
        self._bad: list[Extent] = []
        self._digest, self._hashed = hashlib.sha256(), 0
        with _told(path):
            self._file = self._opened()
        self.save_map([])

    @property
    def map_path(self) -> Path:
        """Where the map stands: beside the image."""
        return self._path.with_name(self._path.name + ".map")

    def read_into(self, offset: int, buffer: Buffer) -> list[Extent]:
        """See `Source.read_into`; what is read for the first time goes into the image."""
        refused = self.inner.read_into(offset, buffer)
        whole = [Extent(offset, offset + len(buffer))]
        new = minus(minus(whole, refused), common(self._finished, whole))
        with _told(self._path):
            for one in new:
                self._keep(one.start, buffer[one.start - offset : one.end - offset])
        self._finished = merged([*self._finished, *new])
        self._bad = minus(merged([*self._bad, *refused]), self._finished)
        self._hash(offset, buffer)
        return refused

    def save_map(self, left: list[Extent]) -> None:
        """Write the map anew, whole or not at all. left: what was left for later."""
        text = ddrescue.text(
            self.size, finished=self._finished, bad=minus(self._bad, left), left=left
        )
        fresh = self.map_path.with_name(self.map_path.name + ".new")
        with _told(self.map_path):
            self._file.flush()
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self.map_path)

    def complete(self) -> Copied:
        """Read what no one has asked for yet, and give the image's digest."""
        for gap in minus([Extent(0, self.size)], merged([*self._finished, *self._bad])):
            for start in range(gap.start, gap.end, _PIECE):
                buffer = np.empty(min(_PIECE, gap.end - start), dtype=np.uint8)
                self.read_into(start, buffer)
        self.save_map([])
        with _told(self._path), self._path.open("rb") as file:
            file.seek(self._hashed)
            while piece := file.read(_PIECE):
                self._digest.update(piece)
        self._hashed = self.size
        missing = sum(one.size for one in self._bad)
        return Copied(
            path=str(self._path),
            size=self.size,
            sha256=self._digest.hexdigest(),
            missing=missing,
        )

    def close(self) -> None:
        """Close the image's file; the inner source stays open."""
        self._file.close()

    def _opened(self) -> BinaryIO:
        """The image's file, open for writing; what it holds already is taken from its map."""
        if not self._path.exists():
            file = self._path.open("x+b")
            file.truncate(self.size)
            return file
        if not self.map_path.is_file() or self._path.stat().st_size != self.size:
            raise EvidenceError(
                f"{self._path} exists, and is no image of this source with its map beside it;"
                " nothing is overwritten: choose another name"
            )
        known = ddrescue.load(str(self.map_path))
        self._finished = minus([Extent(0, self.size)], known.unreadable(self.size))
        return self._path.open("r+b")

    def _keep(self, offset: int, part: Buffer) -> None:
        """Write new bytes at their place; blocks of zeros stay holes."""
        blocks = -(-len(part) // _HOLE)
        padded = np.zeros(blocks * _HOLE, dtype=np.uint8)
        padded[: len(part)] = part
        used = padded.reshape(blocks, _HOLE).any(axis=1)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], used, [False]])))
        for first, last in edges.reshape(-1, 2).tolist():
            self._file.seek(offset + first * _HOLE)
            self._file.write(part[first * _HOLE : last * _HOLE].data)

    def _hash(self, offset: int, buffer: Buffer) -> None:
        """Carry the digest on over what was read in order; the rest is read from the image."""
        sound = next(iter(common(self._finished, [Extent(self._hashed, self.size)])), None)
        end = offset + len(buffer)
        if sound is not None and offset <= sound.start == self._hashed < end:
            stop = min(end, sound.end)
            self._digest.update(buffer[self._hashed - offset : stop - offset].data)
            self._hashed = stop


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what to do when a file cannot be written."""
    try:
        yield
    except OSError as error:
        raise EvidenceError(
            f"{path}: the image cannot be written ({error.strerror}); make room, or choose another"
            " place; the same command goes on"
        ) from error
