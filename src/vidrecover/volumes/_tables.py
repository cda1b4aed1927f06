"""Whole tables of descriptors: read, understood, and turned into claims."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.model import Claim, ClaimKind, Extent, Ring, Source
from vidrecover.volumes import _chains as chains
from vidrecover.volumes._descriptors import ROW, WIDTH, Rows, Use, understand
from vidrecover.volumes._reading import read

_CHUNK = 1 << 24


class Table(NamedTuple):
    """A table as read. rows: ROW; refused: what the device refused of it; opaque: rows that
    contradict themselves, refused ones not counted."""

    rows: Rows
    refused: list[Extent]
    opaque: int


def read_table(
    source: Source, start: int, count: int, stated: Callable[[npt.NDArray[np.uint8]], Rows]
) -> Table:
    """A table of `count` descriptors from an absolute place on, read some MiB at a time.

    stated: makes STATED rows of the bytes of whole descriptors.
    """
    rows = np.zeros(count, dtype=ROW)
    refused: list[Extent] = []
    step = _CHUNK // WIDTH
    for first in range(0, count, step):
        last = min(first + step, count)
        raw, bad = read(source, Extent(start + first * WIDTH, start + last * WIDTH))
        rows[first:last] = understand(stated(raw), first, count)
        refused += bad
    opaque = int(np.count_nonzero(rows["use"] == Use.OPAQUE))
    for extent in refused:
        rows[_rows_of(extent, start)]["use"] = Use.OPAQUE
    return Table(rows, refused, opaque)


def _refused_words(table: Table, start: int) -> list[str]:
    """What of the table at `start` could not be read, in words."""
    words = []
    for extent in table.refused:
        rows = _rows_of(extent, start)
        words.append(
            f"descriptors {rows.start} to {rows.stop - 1} cannot be read (offset"
            f" {extent.start:#x}): what their {rows.stop - rows.start} fragments hold is not known"
        )
    return words


def _rows_of(extent: Extent, start: int) -> slice:
    return slice((extent.start - start) // WIDTH, -(-(extent.end - start) // WIDTH))


def table_claims(table: Table, layout: chains.Layout) -> tuple[list[Claim], list[str]]:
    """The claims of a descriptor table, and its damage in words."""
    count = len(table.rows)
    words = _refused_words(table, layout.table)
    if table.opaque:
        words.append(f"{table.opaque} of {count} descriptors contradict themselves")
    lost = int(np.count_nonzero(table.rows["use"] == Use.OPAQUE)) - table.opaque
    if table.opaque > (count - lost) // 2:
        return [], [*words, "the descriptor table is overwritten: nothing is taken from it"]
    found = chains.claims(table.rows, layout)
    if not any(claim.kind is ClaimKind.INDEX for claim in found):
        words.append("the descriptor table lists no recording")
    return found, words


def ring(layout: chains.Layout, reserved: int, current: int, said: int, count: int) -> Ring | None:
    """The fragments behind the reserved ones, written round and round; None when it is cut off
    or its numbers cannot be so. said, count: fragments by the superblock, and descriptors there.
    [write position: B, reserved: A; dahua-dhfs.md section 4. Both A: wfs.md section 3]"""
    if count != said or not reserved <= current < count:
        return None
    following = current + 1 if current + 1 < count else reserved
    start, size = layout.fragment_start, layout.fragment_size
    return Ring(
        extent=Extent(start + reserved * size, start + count * size),
        head=start + following * size,
        block=size,
    )
