"""Masters: the native bytes of a recording as they stand on the source."""

from collections.abc import Iterator
from typing import Protocol

import msgspec

from vidrecover.evidence import _runs
from vidrecover.evidence._runs import Places, Runs
from vidrecover.evidence._tables import FragmentRows
from vidrecover.extents import merged
from vidrecover.model import Extent, Progress, Source


class Sink(Protocol):
    """Where bytes go, hashed on the way; sha256: of all of them, hexadecimal."""

    @property
    def sha256(self) -> str:
        """Of all bytes so far, hexadecimal."""
        ...

    def write(self, data: bytes | memoryview) -> None:
        """Adds bytes."""
        ...


class Native(msgspec.Struct, kw_only=True):
    """What was learnt while the native bytes of a recording went by.

    places: runs that touch on the source count as one; first, end: lowest and highest position.
    """

    size: int = 0
    sha256: str = ""
    fragments: int = 0
    places: int = 0
    first: int = 0
    end: int = 0
    refused: list[Extent] = []


def copy(
    tables: Iterator[Runs],
    source: Source,
    rows: FragmentRows,
    out: Sink,
    progress: Progress | None,
) -> Native:
    """The bytes of the runs into `out`, with a row in the table for each run."""
    native, places = Native(refused=[]), Places()

    for found in tables:
        refused: list[Extent] = []
        rows.add(found, _runs.digests(_runs.read(found, source, refused), out.write))
        places.add(found)
        if refused:
            native.refused = merged([*native.refused, *_runs.within(found, refused)])
        low = int(found["offset"].min())
        native.first = low if not native.fragments else min(native.first, low)
        native.end = max(native.end, int((found["offset"] + found["length"]).max()))
        native.fragments += len(found)
        size = int(found["length"].sum())
        native.size += size
        if progress is not None:
            progress(size)
    native.sha256, native.places = out.sha256, places.count
    return native
