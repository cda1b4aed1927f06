"""Every run of every master, read again and held against the tables, and against the source."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from vidrecover.evidence import _runs
from vidrecover.evidence._findings import Area, Findings
from vidrecover.evidence._masters import Places
from vidrecover.evidence._rows import Batch
from vidrecover.evidence._runs import Runs
from vidrecover.evidence._values import FRAGMENTS, FRAMES, Exhibit
from vidrecover.model import Extent, Source

_COLUMNS = ("offset", "length", "kind", "first", "last")
_CHUNK = 1 << 20


class Feed:
    """Runs taken from an iterator of arrays in any portions."""

    def __init__(self, tables: Iterator[Runs]) -> None:
        self._tables = tables
        self._held = np.zeros(0, dtype=_runs.RUN_DTYPE)

    def take(self, count: int) -> Runs:
        """The next `count` runs, fewer at the end."""
        parts = [self._held]
        while sum(map(len, parts)) < count:
            more = next(self._tables, None)
            if more is None:
                break
            parts.append(more)
        whole = np.concatenate(parts)
        self._held = whole[count:]
        return whole[:count]

    def rest(self) -> int:
        """How many runs were not taken."""
        return len(self._held) + sum(map(len, self._tables))


class Walk:
    """One exhibit's rows, batch by batch; a context manager that owns the open master.

    expected: the runs by the tables of frames, None when these cannot be read; source: None when
    it is not at hand. Whatever does not agree goes to the findings.
    """

    def __init__(
        self,
        exhibit: Exhibit,
        root: Path,
        expected: Iterator[Runs] | None,
        source: Source | None,
        findings: Findings,
    ) -> None:
        self.exhibit, self.places = exhibit, Places()
        self.size = self.fragments = 0
        self.first, self.end = -1, 0
        self.refused: list[Extent] = []
        self._feed = None if expected is None else Feed(expected)
        self._source, self._findings = source, findings
        self._whole = hashlib.sha256()
        self._master = self._opened(root)

    def _opened(self, root: Path) -> BinaryIO | None:
        if self.exhibit.file is None:
            return None
        path = root / self.exhibit.file
        return path.open("rb") if path.is_file() and not path.is_symlink() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._master is not None:
            self._master.close()

    def take(self, batch: Batch) -> None:
        """The next rows of the clip."""
        self._count(batch)
        if self._feed is not None:
            self._agree(batch, self._feed.take(len(batch.found)))
        if self._master is not None:
            self._hash(batch, self._master)
        if self._source is not None:
            self._read_again(batch, self._source)
        self.fragments += len(batch.found)

    def _count(self, batch: Batch) -> None:
        for sentence in batch.wrong:
            self._findings.differs(Area.TABLES, FRAGMENTS, sentence)
        wanted = list(range(self.fragments, self.fragments + len(batch.seq)))
        if batch.seq != wanted:
            place = next(i for i, pair in enumerate(zip(batch.seq, wanted, strict=True))
                         if pair[0] != pair[1])  # fmt: skip
            self._differs(batch, place, f"has the number {batch.seq[place]}, not {wanted[place]}")
        if len(batch.found):
            ends = batch.found["offset"] + batch.found["length"]
            low = int(batch.found["offset"].min())
            self.first = low if self.first < 0 else min(self.first, low)
            self.end = max(self.end, int(ends.max()))
            self.size += int(batch.found["length"].sum())
            self.places.add(batch.found)

    def _differs(self, batch: Batch, place: int, what: str) -> None:
        where = f"{FRAGMENTS}, line {batch.line + place} ({batch.clip})"
        self._findings.differs(Area.TABLES, where, what)

    def _agree(self, batch: Batch, expected: Runs) -> None:
        """Rows against the table of frames."""
        found = batch.found[: len(expected)]
        for place in np.flatnonzero(found != expected).tolist():
            for name in _COLUMNS:
                is_, other = int(found[name][place]), int(expected[name][place])
                if is_ != other:
                    what = f"says {name} {is_}, but {FRAMES} says {other}"
                    self._differs(batch, place, what)
        if len(expected) < len(batch.found):
            self._differs(batch, len(expected), f"is a run that {FRAMES} does not know")

    def _hash(self, batch: Batch, master: BinaryIO) -> None:
        """The master's bytes, run by run."""
        lengths = batch.found["length"].tolist()
        for place, (length, digest) in enumerate(zip(lengths, batch.digests, strict=True)):
            one, left = hashlib.sha256(), length
            while left:
                data = master.read(min(left, _CHUNK))
                if not data:
                    break
                one.update(data)
                self._whole.update(data)
                left -= len(data)
            if left or one.hexdigest() != digest:
                self._differs(
                    batch, place, f"is not what stands in {self.exhibit.file}: digests differ"
                )
                self._findings.differs(
                    Area.MASTERS, str(self.exhibit.file), f"differs in run {batch.seq[place]}"
                )

    def _read_again(self, batch: Batch, source: Source) -> None:
        """The source's bytes, run by run."""
        one = hashlib.sha256()
        refused: list[Extent] = []
        for part in _runs.read(batch.found, source, refused):
            one.update(part.data)
            if self._master is None:
                self._whole.update(part.data)
            if part.ends:
                if one.hexdigest() != batch.digests[part.place]:
                    self._not_there(batch, part.place)
                one = hashlib.sha256()
        self.refused += _runs.within(batch.found, refused)

    def _not_there(self, batch: Batch, place: int) -> None:
        offset, length = (int(batch.found[name][place]) for name in ("offset", "length"))
        self._findings.differs(
            Area.SOURCE,
            f"source [{offset}, {offset + length})",
            f"does not hold the bytes of run {batch.seq[place]} of {batch.clip}",
        )

    def finish(self) -> str | None:
        """Ends the walk; SHA-256 of the native bytes, None when nothing holds them."""
        if self._feed is not None and (left := self._feed.rest()):
            self._findings.differs(
                Area.TABLES,
                FRAGMENTS,
                f"lacks {left} runs of {self.exhibit.clip} that {FRAMES} knows",
            )
        if self._master is None:
            return None if self._source is None else self._whole.hexdigest()
        if self._master.read(1):
            self._findings.differs(
                Area.MASTERS, str(self.exhibit.file), "goes on behind its last run"
            )
            while data := self._master.read(_CHUNK):
                self._whole.update(data)
        return self._whole.hexdigest()
