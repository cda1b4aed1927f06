"""Dahua DHFS 4.1: a disk of partitions, each with a superblock, descriptors and equal fragments.

Byte facts: dahua-dhfs.md, with its marks. The log area is not read: its records are not public.
Everything is bounded by the size of the source; nothing here raises on damaged bytes.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.model import NO_CHANNEL, NO_TIME, Extent, Source, VolumeReport
from vidrecover.volumes import _chains as chains
from vidrecover.volumes import _descriptors as descriptors
from vidrecover.volumes import _tables as tables
from vidrecover.volumes._reading import read

SECTOR = 512
MARK = b"DHFS4.1"
_PARTITION_TABLE = 0x3C34
_PARTITION_ENTRY = np.dtype(
    {
        "names": ["end_mark", "superblock", "start"],
        "formats": ["<u4", "<u4", "<u8"],
        "offsets": [0, 20, 48],
        "itemsize": 64,
    }
)
"""[A: superblock and start, B: end mark; dahua-dhfs.md section 3]; both in 512-byte sectors."""
_END_MARK = 0x55AA55AA
_MOST_PARTITIONS = 64

_SUPERBLOCK = np.dtype(
    {
        "names": [
            "mark",
            "first_date",
            "last_date",
            "current",
            "block_size",
            "fragment_blocks",
            "reserved",
            "sector",
            "descriptors",
            "fragments",
            "count",
            "wfs_mark",
        ],
        "formats": ["<u4"] * 12,
        "offsets": [0x0C, 0x10, 0x14, 0x18, 0x2C, 0x30, 0x38, 0x40, 0x44, 0x48, 0x4C, 0x148],
        "itemsize": SECTOR,
    }
)
"""[A, but B: mark, current, sector; dahua-dhfs.md section 4]; wfs_mark tells the sister layout
WFS, whose superblock has the same geometry fields. [B: wfs.md section 3]"""
_SUPERBLOCK_MARK = 0x55
_WFS_MARK = 0x789ABCDE
_SISTER = b"WFS0."

_LEAST_FRAGMENT = 1 << 12
_MOST_FRAGMENT = 1 << 28
_MOST_DESCRIPTORS = 1 << 23
_CHUNK = 1 << 24
_SEARCH_PLAIN = 1 << 22
_SEARCH_MARKED = 1 << 26
_SEARCH_BEHIND = 1 << 24


_DESCRIPTOR = np.dtype(
    [
        ("type", "u1"),  # 0 free, 1 first of a recording, 2 continuation, others reserved
        ("channel", "u1"),  # '0' + channel counted from 0
        ("number", "<u2"),
        ("begin", "<u4"),
        ("end", "<u4"),
        ("next", "<u4"),
        ("last", "<u4"),
        ("previous", "<u4"),
        ("main", "<u4"),
        ("unknown", "<u4"),
    ]
)
"""One descriptor on the disk; see `_descriptors.STATED`. [A: dahua-dhfs.md section 5]"""
_FIRST_CHANNEL = 0x30
_RESERVED = 0xFE


class _Superblock(NamedTuple):
    """A plausible superblock and the partition it describes; start, offset: absolute bytes."""

    start: int
    offset: int
    block_size: int
    fragment_size: int
    descriptors: int
    fragments: int
    fragment_count: int
    current: int
    reserved: int
    first_date: int
    last_date: int

    @property
    def end(self) -> int:
        """Absolute end of the last fragment, as the superblock has it."""
        return self.fragments + self.fragment_count * self.fragment_size


def examine(source: Source) -> list[VolumeReport]:
    """The DHFS partitions of a source, in disk order; empty when there are none.

    Reads some 4 MiB when nothing speaks for DHFS, up to 64 MiB more when sector 0 does but its
    partition table is broken, else the superblocks and descriptor tables alone. Claims per chain:
    INDEX for a live main, DELETED for freed descriptors still legible, REMNANT for continuations
    whose main is gone. A main with begin == end is open when it has fragments or a size, and no
    claim when it has neither (only allotted). The slack of a last fragment is in no extent.
    """
    if source.read(0, len(_SISTER)) == _SISTER:
        return []
    marked = source.read(0, len(MARK)) == MARK
    found, damage = _listed(source) if marked else ([], ["sector 0 lacks the DHFS mark"])
    if damage:
        found = _searched(source, found, _SEARCH_MARKED if marked else _SEARCH_PLAIN)
    if not found:
        return [_hollow(source, damage)] if marked else []
    ends = [block.start for block in found[1:]] + [source.size]
    return [
        _report(source, block, end, damage if place == 0 else [])
        for place, (block, end) in enumerate(zip(found, ends, strict=True))
    ]


def _hollow(source: Source, damage: list[str]) -> VolumeReport:
    words = (*damage, "no superblock found: the index of this DHFS disk cannot be read")
    return VolumeReport(layout="dhfs", extent=Extent(0, source.size), claims=(), damage=words)


def _listed(source: Source) -> tuple[list[_Superblock], list[str]]:
    """Partitions by the partition table, ordered by start, and what is wrong with the table."""
    size = _MOST_PARTITIONS * _PARTITION_ENTRY.itemsize
    raw, refused = read(source, Extent(_PARTITION_TABLE, _PARTITION_TABLE + size))
    whole = len(raw) // _PARTITION_ENTRY.itemsize * _PARTITION_ENTRY.itemsize
    entries = raw[:whole].view(_PARTITION_ENTRY)
    damage = ["the partition table cannot be read in full"] if refused else []
    ends = np.flatnonzero(entries["end_mark"] == _END_MARK)
    if len(ends):
        entries = entries[: ends[0]]
    else:
        damage.append("the partition table has no end mark")
    found: dict[int, _Superblock] = {}
    for place, entry in enumerate(entries):
        block = _superblock_of(source, int(entry["start"]), int(entry["superblock"]))
        if block is not None:
            found.setdefault(block.start, block)
        elif len(ends) and (entry["start"] or entry["superblock"]):
            start = int(entry["start"]) * SECTOR
            damage.append(f"partition {place + 1} at {start:#x} has no legible superblock")
    if not found and not damage:
        damage.append("the partition table is empty")
    return [found[start] for start in sorted(found)], damage


def _superblock_of(source: Source, start: int, sector: int) -> _Superblock | None:
    """The superblock that a partition entry names (both numbers in sectors), if plausible."""
    offset = (start + sector) * SECTOR
    if offset + SECTOR > source.size:
        return None
    raw, refused = read(source, Extent(offset, offset + SECTOR))
    rows = raw.view(_SUPERBLOCK)
    if refused or not _plausible(rows)[0]:
        return None
    return _placed(rows[0], start * SECTOR, offset, source.size)


def _plausible(rows: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which sectors could be superblocks by their geometry and a second witness.

    Geometry: a block size, fragments of a sane size, descriptors before fragments. Witness: the
    mark at 0x0C or two possible dates. [C: dahua-dhfs.md section 3]
    """
    block = rows["block_size"].astype(np.int64)
    blocks = rows["fragment_blocks"].astype(np.int64)
    size = np.minimum(block, 1 << 20) * np.minimum(blocks, 1 << 30)
    geometry = (
        ((block & (block - 1)) == 0)
        & (block >= SECTOR)
        & (block <= 4096)
        & (size >= _LEAST_FRAGMENT)
        & (size <= _MOST_FRAGMENT)
        & (rows["descriptors"] > 0)
        & (rows["descriptors"] < rows["fragments"])
        & (rows["count"] > 0)
        & (rows["wfs_mark"] != _WFS_MARK)
    )
    rest = np.flatnonzero(geometry)
    first = clock.packed_dates(rows["first_date"][rest]) != NO_TIME
    last = clock.packed_dates(rows["last_date"][rest]) != NO_TIME
    geometry[rest] = (rows["mark"][rest] == _SUPERBLOCK_MARK) | (first & last)
    return np.asarray(geometry, dtype=np.bool_)


def _placed(row: Any, start: int, offset: int, size: int) -> _Superblock | None:
    """The superblock with absolute places, or None when its descriptors lie behind the source."""
    block = int(row["block_size"])
    placed = _Superblock(
        start=start,
        offset=offset,
        block_size=block,
        fragment_size=block * int(row["fragment_blocks"]),
        descriptors=start + int(row["descriptors"]) * block,
        fragments=start + int(row["fragments"]) * block,
        fragment_count=int(row["count"]),
        current=int(row["current"]),
        reserved=int(row["reserved"]),
        first_date=int(row["first_date"]),
        last_date=int(row["last_date"]),
    )
    return placed if placed.descriptors < size else None


def _searched(source: Source, listed: list[_Superblock], first: int) -> list[_Superblock]:
    """The listed partitions and those found by structure, ordered by start.

    Searched are the first bytes of the source, and the bytes behind each partition known: the
    next one begins there. Nothing is looked for inside a known partition, so that a copy of a
    superblock is not taken for another partition.
    """
    found = {block.start: block for block in listed}
    place, stop = 0, first
    while place < source.size and len(found) < _MOST_PARTITIONS:
        known = [block for block in found.values() if block.start <= place < block.end]
        if known:
            place = max(block.end for block in known)
            stop = max(stop, place + _SEARCH_BEHIND)
            continue
        if place >= stop:
            later = [block.start for block in found.values() if block.start > place]
            if not later:
                break
            place = min(later)
            continue
        limit = min([stop, *(b.start for b in found.values() if b.start > place)])
        block = _first_superblock(source, Extent(place, min(limit, source.size)))
        if block is None:
            place = limit
        else:
            found[block.start] = block
            place = max(block.end, block.offset + SECTOR)
            stop = max(stop, place + _SEARCH_BEHIND)
    return [found[start] for start in sorted(found)]


def _first_superblock(source: Source, extent: Extent) -> _Superblock | None:
    """The first sector in the extent that is a superblock, consistent with its own position.

    Here nothing else names it, so it must also have room for itself before the descriptors and
    for the descriptors before the fragments, and begin behind the extent's start. [C]
    """
    for start in range(extent.start - extent.start % SECTOR, extent.end, _CHUNK):
        raw, _ = read(source, Extent(start, min(start + _CHUNK, extent.end)))
        rows = raw[: len(raw) // SECTOR * SECTOR].view(_SUPERBLOCK)
        for place in np.flatnonzero(_plausible(rows)).tolist():
            offset = start + place * SECTOR
            block = _placed(
                rows[place], offset - int(rows["sector"][place]) * SECTOR, offset, source.size
            )
            if block is not None and block.start >= extent.start and _roomy(block):
                return block
    return None


def _roomy(block: _Superblock) -> bool:
    table_end = block.descriptors + block.fragment_count * descriptors.WIDTH
    return block.offset < block.descriptors and table_end <= block.fragments


def _report(source: Source, block: _Superblock, end: int, damage: list[str]) -> VolumeReport:
    """Claims and damage of one partition; no byte behind `end` belongs to it."""
    words = list(damage)
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
    stop = min(end, block.fragments + count * block.fragment_size)
    layout = chains.Layout(
        volume=f"dhfs@{block.start:#x}",
        table=block.descriptors,
        fragment_start=block.fragments,
        fragment_size=block.fragment_size,
        block_size=block.block_size,
        end=stop,
    )
    table = tables.read_table(source, block.descriptors, count, _stated)
    claims, table_words = tables.table_claims(table, layout)
    return VolumeReport(
        layout="dhfs",
        extent=Extent(block.start, max(stop, block.offset + SECTOR)),
        claims=tuple(claims),
        damage=(*words, *table_words),
        fragment_size=block.fragment_size,
        fragment_start=block.fragments,
        label=_label(block),
        ring=tables.ring(layout, block.reserved, block.current, block.fragment_count, count),
    )


def _stated(raw: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    """Descriptors in the columns that all layouts share."""
    found = raw.view(_DESCRIPTOR)
    rows = np.zeros(len(found), dtype=descriptors.STATED)
    for name in ("number", "begin", "end", "next", "last", "previous", "main"):
        rows[name] = found[name]
    types = descriptors.Type
    kinds = np.full(256, types.OTHER, dtype=np.uint8)
    kinds[[0, 1, 2, _RESERVED]] = types.FREE, types.MAIN, types.CONTINUATION, types.RESERVED
    rows["type"] = kinds[found["type"]]
    channel = found["channel"].astype("<i2") - _FIRST_CHANNEL + 1
    rows["channel"] = np.where(channel > 0, channel, NO_CHANNEL)
    return rows


def _label(block: _Superblock) -> str:
    """The ring's write position and the span of the recordings, as the superblock has them."""
    dates = [clock.packed_date(value) for value in (block.first_date, block.last_date)]
    first, last = (clock.spoken(date) if date is not None else "no date" for date in dates)
    return (
        f"ring written up to fragment {block.current} of {block.fragment_count}, {first} to {last}"
    )
