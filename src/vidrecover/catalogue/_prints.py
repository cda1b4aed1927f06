"""Digests of key pictures, remembered so that no medium is read twice to compare it."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from vidrecover.catalogue import _file

_OFFSET, _DIGEST = 8, 16  # bytes


class Prints:
    """Digests by segment and by where a picture's first piece begins on the source."""

    def __init__(self, path: Path, conn: sqlite3.Connection) -> None:
        self._path, self._conn = path, conn

    def of(self, segment_id: int) -> dict[int, bytes]:
        """What is remembered of a segment: the first 16 bytes of each digest, by offset."""
        query = "SELECT packed FROM print WHERE segment_id = ?"
        with _file.told(self._path):
            found = self._conn.execute(query, [segment_id]).fetchone()
        packed = b"" if found is None else bytes(found[0])
        step = _OFFSET + _DIGEST
        pieces = (packed[i : i + step] for i in range(0, len(packed), step))
        return {int.from_bytes(one[:_OFFSET], "little"): one[_OFFSET:] for one in pieces}

    def store(self, segment_id: int, digests: Mapping[int, bytes]) -> None:
        """Remember these, in place of what was; a segment that is gone meanwhile is passed by."""
        packed = b"".join(
            offset.to_bytes(_OFFSET, "little") + digest[:_DIGEST]
            for offset, digest in sorted(digests.items())
        )
        query = "INSERT OR REPLACE INTO print SELECT id, ? FROM segment WHERE id = ?"
        with _file.told(self._path), self._conn:
            self._conn.execute(query, [packed, segment_id])
