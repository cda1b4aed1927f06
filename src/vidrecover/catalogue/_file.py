"""The file of a catalogue: opening, checking, migrating and locking it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from sqlite_utils import Database, Migrations

from vidrecover.errors import CatalogueError

APPLICATION_ID = 0x56524543
"""`VREC` in the header of the SQLite file: a catalogue of vidrecover."""

_CACHE_KIB = 32768
_BUSY_S = 5.0


def prepared(path: Path) -> Database:
    """The database in `path`, created or migrated to the newest schema.

    Raises CatalogueError when the file is something else, is of a newer vidrecover, or cannot
    be opened for writing.
    """
    with told(path):
        conn = sqlite3.connect(path, timeout=_BUSY_S)
        try:
            return _migrated(path, conn)
        except BaseException:
            conn.close()
            raise


def locked(path: Path) -> sqlite3.Connection:
    """A lock beside the catalogue, held until the connection is closed or the process ends."""
    lock = sqlite3.connect(f"{path}.lock", timeout=0, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        raise CatalogueError(
            f"{path}: locked, another vidrecover is working on this case; wait until it has"
            " ended, or use another case folder"
        ) from error
    return lock


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what SQLite complains about into a CatalogueError that says what to do."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise CatalogueError(
            f"{path}: not stored, because it cannot be so: {error}; please report this"
        ) from error
    except sqlite3.OperationalError as error:
        raise CatalogueError(
            f"{path}: {error}; check that the folder is writable, that the disk is not full, and"
            " that no other program holds the file"
        ) from error
    except sqlite3.DatabaseError as error:
        raise CatalogueError(
            f"{path}: not a catalogue, or damaged ({error}); use another case folder"
        ) from error


def _migrated(path: Path, conn: sqlite3.Connection) -> Database:
    mark = conn.execute("PRAGMA application_id").fetchone()[0]
    tables = conn.execute(
        "SELECT count(*) FROM sqlite_master WHERE tbl_name != ?", (Migrations.migrations_table,)
    ).fetchone()[0]  # that one alone: stopped before the first schema was whole
    if mark != APPLICATION_ID and (mark or tables):
        raise CatalogueError(
            f"{path}: a database of another program, not a catalogue; use another case folder"
        )
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        f"cache_size = -{_CACHE_KIB}",
    ):
        conn.execute(f"PRAGMA {pragma}")
    database = Database(conn, execute_plugins=False)
    migrations = _migrations()
    unknown = {one.name for one in migrations.applied(database)} - set(_MIGRATIONS)
    if unknown:
        raise CatalogueError(
            f"{path}: written by a newer vidrecover (schema {max(unknown)}); use that version"
        )
    migrations.apply(database)
    return database


def _run(database: Database, name: str) -> None:
    """A file of statements, one by one, inside the open transaction."""
    statement = ""
    text = files("vidrecover.catalogue").joinpath(name).read_text("utf-8")
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            database.conn.execute(statement)
            statement = ""


def _first_schema(database: Database) -> None:
    """Migration 1: all of schema.sql."""
    _run(database, "schema.sql")
    database.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _containers(database: Database) -> None:
    """Migration 2: files of container formats and their streams."""
    _run(database, "0002_containers.sql")


def _clocks(database: Database) -> None:
    """Migration 3: which segments were asked for a clock in their pictures."""
    _run(database, "0003_clocks.sql")


def _times_of_files(database: Database) -> None:
    """Migration 4: when the file of a claim was last changed, by the file system's own
    clock, and whether it is locked."""
    database.conn.execute("ALTER TABLE claim ADD COLUMN written_ms INTEGER")
    database.conn.execute("ALTER TABLE claim ADD COLUMN locked INTEGER NOT NULL DEFAULT 0")


def _prints(database: Database) -> None:
    """Migration 5: digests of key pictures."""
    _run(database, "0005_prints.sql")


def _unallocated(database: Database) -> None:
    """Migration 6: what of a file system belongs to no file."""
    _run(database, "0006_unallocated.sql")


def _views(database: Database) -> None:
    """Migration 7: what pictures show of footage whose bytes name no camera."""
    _run(database, "0007_views.sql")


def _lanes(database: Database) -> None:
    """Migration 8: the number of a segment's stream in its file; NULL where it has none."""
    database.conn.execute("ALTER TABLE segment ADD COLUMN lane INTEGER")


def _positions(database: Database) -> None:
    """Migration 9: positions of the vehicle."""
    _run(database, "0009_positions.sql")


def _seams(database: Database) -> None:
    """Migration 10: proofs and doubts of frames cut at borders."""
    _run(database, "0010_seams.sql")


def _probes(database: Database) -> None:
    """Migration 11: what searches saw in single places."""
    _run(database, "0011_probes.sql")


def _numbers(database: Database) -> None:
    """Migration 12: the camera's number that its pictures show; NULL where none is read."""
    database.conn.execute("ALTER TABLE view ADD COLUMN number INTEGER")


def _standing(database: Database) -> None:
    """Migration 13: what tells a picture that stands still over several segments."""
    database.conn.execute("ALTER TABLE picture ADD COLUMN cells BLOB")
    database.conn.execute("ALTER TABLE picture ADD COLUMN overlay REAL")


_MIGRATIONS = {
    "0001_schema": _first_schema,
    "0002_containers": _containers,
    "0003_clocks": _clocks,
    "0004_times_of_files": _times_of_files,
    "0005_prints": _prints,
    "0006_unallocated": _unallocated,
    "0007_views": _views,
    "0008_lanes": _lanes,
    "0009_positions": _positions,
    "0010_seams": _seams,
    "0011_probes": _probes,
    "0012_numbers": _numbers,
    "0013_standing": _standing,
}
"""All changes of the schema, by name, oldest first; never altered once released."""


def _migrations() -> Migrations:
    known = Migrations("vidrecover")
    for name, change in _MIGRATIONS.items():
        known(name=name)(change)
    return known
