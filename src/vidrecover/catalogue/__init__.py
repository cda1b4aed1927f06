"""The memory of a case: one SQLite file with all that was observed, and the only place with SQL.

What one call stores goes in as one transaction, so that the file is consistent and the scan
resumable whenever the program is stopped. Nothing computed is stored.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlite_utils import Database

from vidrecover.catalogue import _changes, _containers, _file, _prints, _rows, _views, _volumes
from vidrecover.catalogue._positions import Positions
from vidrecover.catalogue._probes import Probes
from vidrecover.catalogue._rows import ChannelSummary, Look, Run, Shown
from vidrecover.closing import Closing
from vidrecover.errors import CatalogueError
from vidrecover.extents import divided, merged, minus, total
from vidrecover.model import (
    Claim,
    ClaimKind,
    Container,
    Event,
    Extent,
    LooseEnd,
    Seam,
    Segment,
    SourceIdentity,
    TimeSpan,
    Track,
    UnitResult,
    VolumeReport,
)

__all__ = ["Catalogue", "ChannelSummary", "Look", "Run", "Shown"]

_SEGMENT_ORDER = (
    "channel IS NULL, channel, stream, format, codec, start_ms IS NULL, start_ms, start, id"
)
_SUMS = """
    SELECT channel, stream, count(*), sum(frames), sum(size),
           coalesce(sum(end_ms - start_ms), 0), min(start_ms), max(end_ms)
    FROM segment WHERE id > ? AND id <= ? AND hidden_by IS NULL AND (frames > 0 OR audio > 0)
    GROUP BY channel, stream"""


class Catalogue(Closing):
    """An open catalogue; a context manager. To be used from one thread."""

    def __init__(self, path: Path, database: Database) -> None:
        self._path, self._db = path, database
        self._conn: sqlite3.Connection = database.conn
        self.prints, self.views = _prints.Prints(path, self._conn), _views.Views(path, self._conn)
        self.positions, self.probes = Positions(path, self._conn), Probes(path, self._conn)
        self._lock: sqlite3.Connection | None = None
        self._run: Run | None = None
        self._tally = _rows.Tally()

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> "Catalogue":
        """The catalogue in the file `path`, made when it is missing and `create` is true.
        Raises CatalogueError when it is missing, is no catalogue, or is of a newer vidrecover."""
        if not create and not path.is_file():
            raise CatalogueError(f"{path}: there is no catalogue; scan the source into it first")
        return cls(path, _file.prepared(path))

    def close(self) -> None:
        """Release the file and the right to work on it."""
        self._conn.close()
        if self._lock is not None:
            self._lock.close()
        self._lock = None

    def begin_run(
        self,
        identity: SourceIdentity,
        formats_digest: str,
        format_names: Sequence[str],
        tool_version: str,
        *,
        fingerprint: str,
    ) -> Run:
        """Start work on a source; until `close` nobody else can.

        fingerprint: digest of samples of the content. The source is the same when size and
        fingerprint are equal and neither two known serial numbers nor two digests of the same
        name contradict that: path, kind and model do not matter, so an image may take the place
        of its disk. Raises CatalogueError for another source, or while another process works.
        """
        if self._lock is None:
            self._lock = _file.locked(self._path)
        with self._transaction():
            source_id = self._source_id(identity, fingerprint)
            started = datetime.now(UTC).isoformat(timespec="seconds")
            row = (source_id, identity.path, started, tool_version, formats_digest)
            run_id = self._insert_one("run", _rows.RUN, (*row, _rows.json(tuple(format_names))))
        self._run = next(run for run in self.runs() if run.id == run_id)
        return self._run

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        return list(map(_rows.run_of, self._all(f"SELECT id, {_rows.RUN} FROM run ORDER BY id")))

    def identity(self) -> SourceIdentity | None:
        """The source as it was first opened, or None before the first run."""
        rows = self._all(f"SELECT {_rows.SOURCE} FROM source ORDER BY id LIMIT 1")
        return _rows.source_of(rows[0]) if rows else None

    def store_volumes(self, reports: Iterable[VolumeReport]) -> None:
        """Store what the recorder's structures say, in place of what was stored before."""
        run = self._working()
        with self._transaction():
            self._conn.execute("DELETE FROM volume WHERE source_id = ?", (run.source_id,))
            for report in reports:
                _volumes.store(self._conn, run.source_id, report)

    def volumes(self) -> list[VolumeReport]:
        """All layouts and file systems with their claims and events, in the order stored."""
        with _file.told(self._path):
            return _volumes.volumes(self._conn)

    def claims(self, kinds: Iterable[ClaimKind] | None = None) -> list[Claim]:
        """Claims of these kinds, or all, in the order stored."""
        wanted = [str(kind) for kind in (ClaimKind if kinds is None else kinds)]
        with _file.told(self._path):
            return _volumes.claims(self._conn, f"kind IN ({', '.join('?' * len(wanted))})", wanted)

    def events(self) -> list[Event]:
        """Log records ordered by time, those without a time last."""
        with _file.told(self._path):
            return _volumes.events(self._conn, "ORDER BY time_ms IS NULL, time_ms, id")

    def pending(self, size: int, unit_size: int) -> list[Extent]:
        """What remains of `size` bytes to be scanned with the formats of this run, in order; no
        extent reaches over a multiple of unit_size."""
        return divided(minus([Extent(0, size)], self.scanned()), unit_size) if size else []

    def store_unit(self, result: UnitResult) -> None:
        """Store what a unit of the scan found, in place of whatever units it overlaps.

        A unit that is only partly replaced goes as a whole: what is left of it is pending again.
        Segments glued over borders go with any replaced unit, until `store_seams`; containers,
        which follow from all units together, with any unit, until `store_container`.
        """
        run = self._working()
        with self._transaction():
            where = (run.source_id, result.extent.end, result.extent.start)
            replaced = self._conn.execute(
                "DELETE FROM unit WHERE source_id = ? AND start < ? AND end_ > ?", where
            ).rowcount
            if replaced:
                self._conn.execute("DELETE FROM segment WHERE unit_id IS NULL")
            if _containers.drop(self._conn, run.source_id) or replaced:
                self._tally = _rows.Tally()
            unit = (run.source_id, run.id, *result.extent)
            unit_id = self._insert_one("unit", "source_id, run_id, start, end_", unit)
            self._insert_segments(run.source_id, unit_id, result.segments)
            ends = ((unit_id, *_rows.loose_end_row(one)) for one in result.loose_ends)
            self._insert("loose_end", f"unit_id, {_rows.LOOSE_END}", ends)
            stretches = _rows.stretch_rows(unit_id, result)
            self._insert("stretch", "unit_id, kind, start, end_", stretches)

    def store_seams(self, segments: Iterable[Segment], seams: Iterable[Seam] = ()) -> None:
        """Store the segments glued over borders with their proofs, in place of all before;
        ValueError for a segment that is not `joined`: then nothing has changed."""
        run = self._working()
        glued = list(segments)
        if not all(segment.joined for segment in glued):
            raise ValueError("store_seams takes joined segments only")
        with self._transaction():
            self._conn.execute("DELETE FROM segment WHERE unit_id IS NULL")
            self._tally = _rows.Tally()
            self._insert_segments(run.source_id, None, glued)
            _changes.store_words(self._conn, seams)

    def seams(self) -> list[Seam]:
        """Proofs and doubts of cut frames, by place."""
        return _changes.words(self._conn)

    def replace(self, replaced: Iterable[tuple[int, Sequence[Segment]]]) -> None:
        """Put other segments in the place of some, by id, as parts of the same units."""
        run, self._tally = self._working(), _rows.Tally()
        with self._transaction():
            for unit_id, parts in _changes.removed(self._conn, replaced):
                self._insert_segments(run.source_id, unit_id, parts)

    def store_container(self, found: Container) -> None:
        """Store a container file; footage of other formats inside its bytes is shown no more.
        Raises CatalogueError when one that starts there is stored already."""
        run = self._working()
        with self._transaction():
            self._tally = _rows.Tally()
            number, unit_id, tracks = _containers.insert(self._conn, run.source_id, found)
            self._insert_segments(run.source_id, unit_id, found.segments, tracks)
            _containers.hide(self._conn, run.source_id, number, found)

    def containers(self) -> list[Container]:
        """All container files without their segments, ordered by first byte."""
        with _file.told(self._path):
            return list(_containers.stored(self._conn))

    def tracks(self) -> dict[int, Track]:
        """How streams of containers are decoded, by the number that segments name."""
        with _file.told(self._path):
            return _containers.tracks(self._conn)

    def clock_asked(self) -> set[int]:
        """Ids of segments whose pictures were asked for a clock."""
        return {number for (number,) in self._all("SELECT segment_id FROM clock_asked")}

    def store_clocks(self, answers: Iterable[tuple[int, Segment | None]]) -> None:
        """Give segments without dates, by id, those of the clock in their pictures; None: none."""
        with self._transaction():
            _changes.date(self._conn, answers)
            self._tally = _rows.Tally()

    def segments(
        self,
        *,
        channel: int | msgspec.UnsetType | None = msgspec.UNSET,
        span: TimeSpan | None = None,
        rows: bool = False,
    ) -> Iterator[Segment]:
        """Segments ordered by channel, stream, format, codec, time and place, unknown last.

        channel: only this camera, None for those whose camera the bytes do not tell; span: only
        segments with a frame in it; rows: with their frame tables, which are left empty otherwise.
        Shows the state at the first `next`, whatever is stored meanwhile.
        """
        tests = ["hidden_by IS NULL"]
        values: list[int | None] = []
        if channel is not msgspec.UNSET:
            tests += ["(channel IS NULL) = ?", "channel IS ?"]  # both, for the index in order
            values += [channel is None, channel]
        if span is not None:
            tests += ["start_ms < ?", "end_ms >= ?"]
            values += [span.end_ms, span.start_ms]
        where = " AND ".join(tests)
        query = f"SELECT id, {_rows.SEGMENT}, track_id FROM segment WHERE {where}"
        return self._segments(f"{query} ORDER BY {_SEGMENT_ORDER}", values, rows)

    def segment_rows(self, segment_id: int) -> bytes:
        """The packed frame table of one segment; CatalogueError when it is not stored."""
        found = self._all("SELECT rows FROM segment_rows WHERE segment_id = ?", [segment_id])
        if not found:
            raise CatalogueError(
                f"{self._path}: segment {segment_id} is not in the catalogue; it was replaced by a"
                " later scan: list the segments again"
            )
        return bytes(found[0][0])

    def store_looks(self, looks: Iterable[Look]) -> None:
        """Store what key pictures show, in place of what was stored for those segments."""
        self._working()
        rows = [_rows.look_row(one) for one in looks]
        with self._transaction():
            numbers = {(row[0],) for row in rows}
            self._conn.executemany("DELETE FROM picture WHERE segment_id = ?", numbers)
            self._insert("picture", _rows.LOOK, rows)

    def looks(self) -> list[Look]:
        """What key pictures show, as far as they were looked at, by segment and time."""
        rows = self._all(f"SELECT {_rows.LOOK} FROM picture ORDER BY segment_id, start_ms")
        return list(map(_rows.look_of, rows))

    def loose_ends(self) -> Iterator[LooseEnd]:
        """Where runs of frames stop and begin, ordered by place; see `segments` for the state."""
        query = f"SELECT {_rows.LOOSE_END} FROM loose_end ORDER BY position, after, id"
        with self._snapshot() as conn:
            yield from map(_rows.loose_end_of, conn.execute(query))

    def unreadable(self) -> list[Extent]:
        """Bytes that the device refused, merged and ordered."""
        return self._stretches("unreadable")

    def unidentified(self) -> list[Extent]:
        """Bytes that no format knew, merged and ordered."""
        return minus(self._stretches("unidentified"), _containers.claims(self._conn))

    def blank(self) -> list[Extent]:
        """Bytes of a single value outside of container files, merged and ordered."""
        return minus(self._stretches("blank"), _containers.claims(self._conn))

    def scanned(self) -> list[Extent]:
        """What was read by every format of this run, or of the last one, merged and ordered."""
        rows = self._all(
            "SELECT start, end_ FROM unit JOIN run ON run.id = run_id WHERE formats_digest ="
            " (SELECT formats_digest FROM run ORDER BY id DESC LIMIT 1) ORDER BY start"
        )
        return merged(Extent(*row) for row in rows)

    def scanned_share(self, size: int) -> float:
        """Share of a source of `size` bytes that `scanned` covers, 0 to 1; 1 only when all is."""
        return (size - total(self.pending(size, max(size, 1)))) / size if size else 1.0

    def summary(self) -> list[ChannelSummary]:
        """What was found of each camera so far, the unknown camera last; cheap while scanning."""
        version = self._all("PRAGMA data_version")[0][0]
        last = self._all("SELECT coalesce(max(id), 0) FROM segment")[0][0]
        if version != self._tally.version or last < self._tally.last:
            self._tally = _rows.Tally(version=version)
        rows = self._all(_SUMS, [self._tally.last, last])
        self._tally = _rows.added(self._tally, last, rows)
        return _rows.summary(self._tally)

    def _source_id(self, identity: SourceIdentity, fingerprint: str) -> int:
        """The id of this source, stored if the catalogue is new; CatalogueError for another one."""
        known = self.identity()
        if known is None:
            row = (*_rows.source_row(identity), fingerprint)
            return self._insert_one("source", f"{_rows.SOURCE}, fingerprint", row)
        number, stored = self._all("SELECT id, fingerprint FROM source ORDER BY id LIMIT 1")[0]
        difference = _rows.difference(known, identity)
        if difference is None and stored != fingerprint:
            difference = "the content differs, so it is another disk, or has changed since"
        if difference is not None:
            raise CatalogueError(
                f"{self._path}: belongs to {known.path}, but {identity.path} is another source:"
                f" {difference}. Use another case, or --medium NAME for one recorder"
            )
        return int(number)

    def _insert_segments(
        self,
        source_id: int,
        unit_id: int | None,
        segments: Sequence[Segment],
        tracks: Mapping[int, int] | None = None,
    ) -> None:
        known = tracks or {}
        rows = (
            (source_id, unit_id, *_rows.segment_row(one), known.get(one.track or 0))
            for one in segments
        )
        self._insert("segment", f"source_id, unit_id, {_rows.SEGMENT}, track_id", rows)
        last = self._all("SELECT last_insert_rowid()")[0][0]  # ids count up in a transaction
        blobs = enumerate((one.rows for one in segments), last - len(segments) + 1)
        self._insert("segment_rows", "segment_id, rows", blobs)

    def _insert_one(self, table: str, columns: str, row: Sequence[Any]) -> int:
        """Insert one row and return its id."""
        self._insert(table, columns, [row])
        return int(self._all("SELECT last_insert_rowid()")[0][0])

    def _insert(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
        marks = ", ".join("?" * len(columns.split(",")))
        self._conn.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)

    def _stretches(self, kind: str) -> list[Extent]:
        rows = self._all("SELECT start, end_ FROM stretch WHERE kind = ?", [kind])
        return merged(Extent(*row) for row in rows)

    def _working(self) -> Run:
        if self._run is None:
            raise CatalogueError(f"{self._path}: nothing can be stored before a run has begun")
        return self._run

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _file.told(self._path), self._db.atomic():
            yield

    def _all(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with _file.told(self._path):
            return self._conn.execute(query, values).fetchall()

    def _segments(self, query: str, values: Sequence[Any], rows: bool) -> Iterator[Segment]:
        with self._snapshot() as conn:
            for row in conn.execute(query, values):
                packed = (b"",)
                if rows:  # one by one, so that sorting does not hold them all
                    blob = "SELECT rows FROM segment_rows WHERE segment_id = ?"
                    packed = conn.execute(blob, row[:1]).fetchone()
                yield _rows.segment_of(row + packed)

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own: storing meanwhile changes nothing of a query under way."""
        with (
            _file.told(self._path),
            closing(sqlite3.connect(self._path, isolation_level=None)) as conn,
        ):
            conn.execute("BEGIN")
            yield conn
