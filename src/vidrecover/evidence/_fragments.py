"""Every run of every master, read again and held against the tables, and against the source."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vidrecover.closing import Closing
from vidrecover.evidence import _runs
from vidrecover.evidence._findings import Area, Findings
from vidrecover.evidence._rows import Batch
from vidrecover.evidence._runs import Places, Runs
from vidrecover.evidence._values import FRAGMENTS, FRAMES, Exhibit
from vidrecover.extents import merged
from vidrecover.model import Extent, Source
from vidrecover.source.raw import RawSource

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


class Walk(Closing):
    """One exhibit's rows, batch by batch; a context manager that owns the open master.

    expected: the runs by the tables of frames, None when these cannot be read; source: None when
    it is not at hand; copy: gets the native bytes where no master holds them. Whatever does not
    agree goes to the findings.
    """

    def __init__(
        self,
        exhibit: Exhibit,
        root: Path,
        expected: Iterator[Runs] | None,
        source: Source | None,
        findings: Findings,
        copy: Path | None = None,
    ) -> None:
        self.exhibit, self.places = exhibit, Places()
        self.size = self.fragments = 0
        self.first, self.end = -1, 0
        self.refused: list[Extent] = []
        self._feed = None if expected is None else Feed(expected)
        self._source, self._findings = source, findings
        self._whole = hashlib.sha256()
        self._position = 0
        self._master = self._opened(root)
        self._copy = None if copy is None else copy.open("xb")

    def _opened(self, root: Path) -> RawSource | None:
        if self.exhibit.file is None:
            return None
        path = root / self.exhibit.file
        if not path.is_file() or path.is_symlink():
            return None
        return RawSource(str(path))

    def close(self) -> None:
        """Close the files."""
        if self._master is not None:
            self._master.close()
        if self._copy is not None:
            self._copy.close()

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

    def _hash(self, batch: Batch, master: RawSource) -> None:
        """The master's bytes, run by run."""
        there = batch.found.copy()
        there["offset"] = self._position + np.cumsum(there["length"]) - there["length"]
        self._position += int(there["length"].sum())
        inside = int((there["offset"] + there["length"] <= master.size).sum())
        found = self._digests(there[:inside], master, [], keep=True)
        differing = enumerate(batch.digests) if found != batch.digests else ()
        for place, digest in differing:
            if place >= inside or found[place] != digest:
                what = f"is not what stands in {self.exhibit.file}: digests differ"
                self._differs(batch, place, what)
                where, seq = str(self.exhibit.file), batch.seq[place]
                self._findings.differs(Area.MASTERS, where, f"differs in run {seq}")

    def _digests(
        self, found: Runs, source: Source, refused: list[Extent], *, keep: bool
    ) -> list[str]:
        """SHA-256 of each run; keep: they are the native bytes."""

        def sink(data: bytes | memoryview) -> None:
            if keep:
                self._whole.update(data)
                if self._copy is not None:
                    self._copy.write(data)

        return _runs.digests(_runs.read(found, source, refused), sink)

    def _read_again(self, batch: Batch, source: Source) -> None:
        """The source's bytes, run by run."""
        refused: list[Extent] = []
        found = self._digests(batch.found, source, refused, keep=self._master is None)
        differing = enumerate(batch.digests) if found != batch.digests else ()
        for place, digest in differing:
            if found[place] != digest:
                self._not_there(batch, place)
        if refused:
            self.refused = merged([*self.refused, *_runs.within(batch.found, refused)])

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
        if self._position < self._master.size:
            where = str(self.exhibit.file)
            self._findings.differs(Area.MASTERS, where, "goes on behind its last run")
            for start in range(self._position, self._master.size, _CHUNK):
                self._whole.update(self._master.read(start, _CHUNK))
        return self._whole.hexdigest()
