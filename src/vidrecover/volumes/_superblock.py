"""What the superblocks of DHFS and its sister WFS share: the geometry of a volume of fragments.

Byte facts: dahua-dhfs.md section 4 and wfs.md section 3, with their marks: both keep the same
geometry at the same places.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.model import Claim, Extent, Source, VolumeReport
from vidrecover.volumes import _chains as chains
from vidrecover.volumes import _descriptors as descriptors
from vidrecover.volumes import _tables as tables

SECTOR = 512
GEOMETRY = {
    "block_size": 0x2C,
    "fragment_blocks": 0x30,
    "reserved": 0x38,
    "sector": 0x40,
    "descriptors": 0x44,
    "fragments": 0x48,
    "count": 0x4C,
}
"""Offset of each field of four bytes, little-endian. [A, but B: sector of DHFS]"""

_LEAST_FRAGMENT, _MOST_FRAGMENT = 1 << 12, 1 << 28
_MOST_DESCRIPTORS = 1 << 23


class Superblock(NamedTuple):
    """A plausible superblock and the volume that it describes.

    start, offset, descriptors, fragments: absolute bytes; reserved, current, valid_from: fragment
    numbers; dates: packed, as `clock.packed_date` reads them; valid_from: None where the layout
    has no such field.
    """

    start: int
    offset: int
    block_size: int
    fragment_size: int
    descriptors: int
    fragments: int
    fragment_count: int
    reserved: int
    current: int
    first_date: int
    last_date: int
    valid_from: int | None

    @property
    def end(self) -> int:
        """Absolute end of the last fragment, as the superblock has it."""
        return self.fragments + self.fragment_count * self.fragment_size

    @property
    def span(self) -> str:
        """From when to when the recordings are, as the superblock has it."""
        dates = [clock.packed_date(value) for value in (self.first_date, self.last_date)]
        first, last = (clock.spoken(date) if date is not None else "no date" for date in dates)
        return f"{first} to {last}"


def header(others: dict[str, int]) -> np.dtype[Any]:
    """A superblock's columns: its geometry, and other fields of four bytes at their offsets."""
    places = {**GEOMETRY, **others}
    return np.dtype(
        {
            "names": list(places),
            "formats": ["<u4"] * len(places),
            "offsets": list(places.values()),
            "itemsize": SECTOR,
        }
    )


def sane(rows: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which sectors could be superblocks by their geometry: a block size, fragments of a sane
    size, descriptors before fragments. [C: dahua-dhfs.md section 3]"""
    block = rows["block_size"].astype(np.int64)
    blocks = rows["fragment_blocks"].astype(np.int64)
    size = np.minimum(block, 1 << 20) * np.minimum(blocks, 1 << 30)
    return np.asarray(
        ((block & (block - 1)) == 0)
        & (block >= SECTOR)
        & (block <= 4096)
        & (size >= _LEAST_FRAGMENT)
        & (size <= _MOST_FRAGMENT)
        & (rows["descriptors"] > 0)
        & (rows["descriptors"] < rows["fragments"])
        & (rows["count"] > 0),
        dtype=np.bool_,
    )


def placed(row: Any, start: int, offset: int, size: int) -> Superblock | None:
    """The superblock with absolute places, or None when its descriptors lie behind the source.

    start, offset: of the volume and of the superblock; size: of the source; all in bytes.
    """
    block = int(row["block_size"])
    names = row.dtype.names
    found = Superblock(
        start=start,
        offset=offset,
        block_size=block,
        fragment_size=block * int(row["fragment_blocks"]),
        descriptors=start + int(row["descriptors"]) * block,
        fragments=start + int(row["fragments"]) * block,
        fragment_count=int(row["count"]),
        reserved=int(row["reserved"]),
        current=int(row["current"]),
        first_date=int(row["first_date"]),
        last_date=int(row["last_date"]),
        valid_from=int(row["valid_from"]) if "valid_from" in names else None,
    )
    return found if found.descriptors < size else None


class Fragments(NamedTuple):
    """The fragments of a volume. rows: of the descriptor table; words: what is wrong."""

    layout: chains.Layout
    rows: int
    words: tuple[str, ...]


def fragments(source: Source, name: str, block: Superblock, end: int) -> Fragments:
    """Where the fragments of a volume lie; no byte behind `end` belongs to it. name: its layout."""
    words = []
    room = (min(block.fragments, end) - block.descriptors) // descriptors.WIDTH
    count = min(block.fragment_count, room, _MOST_DESCRIPTORS)
    if count < block.fragment_count:
        words.append(
            f"the superblock says {block.fragment_count} fragments, its table has {count} rows"
        )
    if block.fragments + count * block.fragment_size > end:
        present = max(0, -(-(end - block.fragments) // block.fragment_size))
        what = "the source" if end == source.size else "the next partition"
        words.append(f"only {present} of {count} fragments lie before the end of {what}")
    layout = chains.Layout(
        volume=f"{name}@{block.start:#x}",
        table=block.descriptors,
        fragment_start=block.fragments,
        fragment_size=block.fragment_size,
        block_size=block.block_size,
        end=min(end, block.fragments + count * block.fragment_size),
    )
    return Fragments(layout, count, tuple(words))


def report(
    name: str,
    block: Superblock,
    known: Fragments,
    claims: Sequence[Claim],
    *,
    damage: Sequence[str],
    label: str,
) -> VolumeReport:
    """All about one volume. damage: in words, what is wrong besides the fragments' own."""
    layout = known.layout
    return VolumeReport(
        layout=name,
        extent=Extent(block.start, max(layout.end, block.offset + SECTOR)),
        claims=tuple(claims),
        damage=tuple(damage),
        fragment_size=block.fragment_size,
        fragment_start=block.fragments,
        label=label,
        ring=tables.ring(layout, block.reserved, block.current, block.fragment_count, known.rows),
    )
