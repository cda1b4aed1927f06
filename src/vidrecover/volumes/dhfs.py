"""Dahua DHFS 4.1: a disk of partitions, each with a superblock, descriptors and equal fragments.

Byte facts: dahua-dhfs.md, with its marks. The log area is not read: its records are not public.
Everything is bounded by the size of the source; nothing here raises on damaged bytes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.model import NO_TIME, Extent, Source, VolumeReport
from vidrecover.volumes import _descriptors as descriptors
from vidrecover.volumes import _superblock as superblock
from vidrecover.volumes import _tables as tables
from vidrecover.volumes._reading import read
from vidrecover.volumes._superblock import SECTOR, Superblock, placed

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

_SUPERBLOCK = superblock.header(
    {"mark": 0x0C, "first_date": 0x10, "last_date": 0x14, "current": 0x18, "wfs_mark": 0x148}
)
"""[A, but B: mark, current; dahua-dhfs.md section 4]; wfs_mark tells the sister layout WFS, whose
superblock has the same geometry fields. [B: wfs.md section 3]"""
_SUPERBLOCK_MARK = 0x55
_WFS_MARK = 0x789ABCDE
_SISTER = b"WFS0."

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
_TYPES = {
    0: descriptors.Type.FREE,
    1: descriptors.Type.MAIN,
    2: descriptors.Type.CONTINUATION,
    0xFE: descriptors.Type.RESERVED,
}


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


def _listed(source: Source) -> tuple[list[Superblock], list[str]]:
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
    found: dict[int, Superblock] = {}
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


def _superblock_of(source: Source, start: int, sector: int) -> Superblock | None:
    """The superblock that a partition entry names (both numbers in sectors), if plausible."""
    offset = (start + sector) * SECTOR
    if offset + SECTOR > source.size:
        return None
    raw, refused = read(source, Extent(offset, offset + SECTOR))
    rows = raw.view(_SUPERBLOCK)
    if refused or not _plausible(rows)[0]:
        return None
    return placed(rows[0], start * SECTOR, offset, source.size)


def _plausible(rows: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which sectors could be superblocks by their geometry and a second witness.

    Witness: the mark at 0x0C or two possible dates. [C: dahua-dhfs.md section 3]
    """
    geometry = superblock.sane(rows) & (rows["wfs_mark"] != _WFS_MARK)
    rest = np.flatnonzero(geometry)
    first = clock.packed_dates(rows["first_date"][rest]) != NO_TIME
    last = clock.packed_dates(rows["last_date"][rest]) != NO_TIME
    geometry[rest] = (rows["mark"][rest] == _SUPERBLOCK_MARK) | (first & last)
    return np.asarray(geometry, dtype=np.bool_)


def _searched(source: Source, listed: list[Superblock], first: int) -> list[Superblock]:
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


def _first_superblock(source: Source, extent: Extent) -> Superblock | None:
    """The first sector in the extent that is a superblock, consistent with its own position.

    Here nothing else names it, so it must also have room for itself before the descriptors and
    for the descriptors before the fragments, and begin behind the extent's start. [C]
    """
    for start in range(extent.start - extent.start % SECTOR, extent.end, _CHUNK):
        raw, _ = read(source, Extent(start, min(start + _CHUNK, extent.end)))
        rows = raw[: len(raw) // SECTOR * SECTOR].view(_SUPERBLOCK)
        for place in np.flatnonzero(_plausible(rows)).tolist():
            offset = start + place * SECTOR
            block = placed(
                rows[place], offset - int(rows["sector"][place]) * SECTOR, offset, source.size
            )
            if block is not None and block.start >= extent.start and _roomy(block):
                return block
    return None


def _roomy(block: Superblock) -> bool:
    table_end = block.descriptors + block.fragment_count * descriptors.WIDTH
    return block.offset < block.descriptors and table_end <= block.fragments


def _report(source: Source, block: Superblock, end: int, damage: list[str]) -> VolumeReport:
    """Claims and damage of one partition; no byte behind `end` belongs to it."""
    known = superblock.fragments(source, "dhfs", block, end)
    table = tables.read_table(source, block.descriptors, known.rows, _stated)
    claims, words = tables.table_claims(table, known.layout)
    return superblock.report(
        "dhfs",
        block,
        known,
        claims,
        damage=[*damage, *known.words, *words],
        label=(
            f"ring written up to fragment {block.current} of {block.fragment_count}, {block.span}"
        ),
    )


def _stated(raw: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    """Descriptors in the columns that all layouts share."""
    found = raw.view(_DESCRIPTOR)
    channel = found["channel"].astype("<i2") - _FIRST_CHANNEL + 1
    return descriptors.stated(found, found["type"], _TYPES, channel)
