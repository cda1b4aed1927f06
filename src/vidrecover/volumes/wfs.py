"""WFS 0.4 and 0.5: the disks of Xiongmai's recorders, sister of DHFS.

Descriptor i tells fragment i. The frames in the fragments carry no camera number: only the
descriptors do. Byte facts: wfs.md, with its marks. Everything is bounded by the size of the
source; nothing raises on damaged bytes.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.model import NO_CHANNEL, NO_TIME, Claim, ClaimKind, Extent, Source, VolumeReport
from vidrecover.volumes import _chains as chains
from vidrecover.volumes import _descriptors as descriptors
from vidrecover.volumes import _superblock as superblock
from vidrecover.volumes import _tables as tables
from vidrecover.volumes._partitions import partition_starts
from vidrecover.volumes._reading import read
from vidrecover.volumes._superblock import SECTOR, Superblock, placed

MARKS = (b"WFS0.4", b"WFS0.5")
_SUPERBLOCK_SECTOR = 0x18
_COPY_OFFSET = 0x83000
_SUPERBLOCK = superblock.header(
    {"last_date": 0x14, "current": 0x18, "valid_from": 0x1C, "first_date": 0x28, "mark": 0x148}
)
"""[A, but B: mark; wfs.md section 3]"""
_MARK = 0x789ABCDE

_DESCRIPTOR = np.dtype(
    [
        ("zero", "u1"),
        ("attribute", "u1"),  # 2, 3 main; 1 continuation; 0 free; 0xFE reserved
        ("number", "<u2"),
        ("previous", "<u4"),
        ("next", "<u4"),
        ("begin", "<u4"),
        ("end", "<u4"),
        ("unused", "<u2"),
        ("last", "<u2"),
        ("main", "<u4"),
        ("unknown", "<u2"),
        ("order", "u1"),
        ("camera", "u1"),  # 4 * camera - 2
    ]
)
"""One descriptor on the disk; see `_descriptors.STATED`. [A; wfs.md section 4]"""
_TYPES = {
    0: descriptors.Type.FREE,
    1: descriptors.Type.CONTINUATION,
    2: descriptors.Type.MAIN,
    3: descriptors.Type.MAIN,
    0xFE: descriptors.Type.RESERVED,
}

_FIRST_GONE = "its first descriptor is empty: the second one names its fragment"
_MOST_RESERVED = 1 << 28
_SEARCHED = 1 << 22
_LEAST_VOTES = 2
_CHUNK = 1 << 22


def examine(source: Source) -> list[VolumeReport]:
    """The WFS volumes of a source, in disk order; empty when there are none.

    Looked for at the source's start and at partitions' starts, then by structure in the first
    4 MiB. The superblock is taken from its copy where it is not legible; the descriptors from
    the copy that some recorders keep in the reserved fragments, where the table lists nothing:
    what only a copy lists, the recorder does not show any more, so it is a REMNANT. A main that
    was only allotted is an open claim, for frames may be in it that nothing else gives a camera.
    """
    found: dict[int, VolumeReport] = {}
    for start in [0, *partition_starts(source)]:
        marked = source.read(start, len(MARKS[0])) in MARKS
        block, damage = _superblock(source, start, marked=marked)
        if block is not None:
            found[start] = _report(source, block, damage)
        elif marked:
            found[start] = _hollow(source, start, damage)
    if not found:
        block = _searched(source)
        if block is not None:
            words = ["found by its superblock: the start of the volume lacks the WFS mark"]
            found[block.start] = _report(source, block, words)
    return [found[start] for start in sorted(found)]


def _hollow(source: Source, start: int, damage: list[str]) -> VolumeReport:
    words = (*damage, "the index of this WFS disk cannot be read")
    return VolumeReport(layout="wfs", extent=Extent(start, source.size), claims=(), damage=words)


def _superblock(source: Source, start: int, *, marked: bool) -> tuple[Superblock | None, list[str]]:
    """The superblock of a volume, or its copy, and what is wrong in words."""
    places = (start + _SUPERBLOCK_SECTOR * SECTOR, start + _COPY_OFFSET)
    for place, offset in enumerate(places):
        block = _superblock_at(source, start, offset, marked=marked)
        if block is not None:
            words = [] if marked else ["the start of the volume lacks the WFS mark"]
            words += ["the superblock is not legible: taken from its copy"] if place else []
            return block, words
    return None, ["neither the superblock nor its copy is legible"]


def _superblock_at(source: Source, start: int, offset: int, *, marked: bool) -> Superblock | None:
    """The superblock at an absolute offset, if it is one. marked: the volume's own mark stands,
    so that the superblock needs no second witness of its own."""
    if offset + SECTOR > source.size:
        return None
    raw, refused = read(source, Extent(offset, offset + SECTOR))
    rows = raw.view(_SUPERBLOCK)
    if refused or not _plausible(rows, marked=marked)[0]:
        return None
    return placed(rows[0], start, offset, source.size)


def _plausible(rows: npt.NDArray[Any], *, marked: bool) -> npt.NDArray[np.bool_]:
    """Which sectors could be superblocks by their geometry, and by their mark unless `marked`."""
    found = superblock.sane(rows) & (rows["sector"] > 0) & (rows["sector"] < rows["descriptors"])
    return np.asarray(found & (marked | (rows["mark"] == _MARK)), dtype=np.bool_)


def _searched(source: Source) -> Superblock | None:
    """A superblock in the first bytes of a source whose start is gone: at the sector that it
    names itself, or one that stands where the copy of such a one does. [B: the copy]"""
    for first in range(0, min(_SEARCHED, source.size), _CHUNK):
        raw, _ = read(source, Extent(first, first + _CHUNK))
        rows = raw[: len(raw) // SECTOR * SECTOR].view(_SUPERBLOCK)
        for place in np.flatnonzero(_plausible(rows, marked=False)).tolist():
            offset = first + place * SECTOR
            for inside in (int(rows["sector"][place]) * SECTOR, _COPY_OFFSET):
                block = placed(rows[place], offset - inside, offset, source.size)
                if block is not None and block.start >= 0 and not block.start % SECTOR:
                    return block
    return None


def _report(source: Source, block: Superblock, damage: list[str]) -> VolumeReport:
    known = superblock.fragments(source, "wfs", block, source.size)
    layout = known.layout._replace(keeps_allotted=True)
    claims, words = _claims(source, block, layout, known.rows)
    return superblock.report(
        "wfs",
        block,
        known,
        claims,
        damage=[*damage, *known.words, *words],
        label=(
            f"ring written up to fragment {block.current} of {block.fragment_count}, valid again"
            f" from {block.valid_from}, {block.span}"
        ),
    )


def _claims(
    source: Source, block: Superblock, layout: chains.Layout, count: int
) -> tuple[list[Claim], list[str]]:
    """What the table says, and what a copy of it in the reserved fragments adds."""
    table = tables.read_table(source, layout.table, count, _stated)
    claims, words = tables.table_claims(table, layout)
    claims = _with_first(claims, table, layout, block.reserved)
    if any(claim.kind is ClaimKind.INDEX for claim in claims):
        return claims, words
    copy = _copy(source, block)
    if copy is None:
        return claims, words
    table = tables.read_table(source, copy, count, _stated)
    older, _ = tables.table_claims(table, layout._replace(table=copy))
    said = "listed by a copy of the index only"
    claims += [
        msgspec.structs.replace(
            claim,
            kind=ClaimKind.REMNANT,
            damage=said if claim.damage is None else f"{said}; {claim.damage}",
        )
        for claim in older
    ]
    return claims, [*words, f"a copy of the index at {copy:#x} lists {len(older)} recordings"]


def _with_first(
    claims: list[Claim], table: tables.Table, layout: chains.Layout, reserved: int
) -> list[Claim]:
    """The claims, those of a chain whose main is empty with the fragment of that main before it.

    The second descriptor names it twice, as main and as the one before. What lies in the fragment
    is taken for footage of this recording only as far as its time leads to the chain's. Where two
    chains name one main none has it. [C]
    """
    wanted: dict[int, list[int]] = {}
    for place, claim in enumerate(claims):
        row = table.rows[(claim.entry.start - layout.table) // descriptors.WIDTH]
        main = int(row["root"])
        is_second = claim.kind is ClaimKind.REMNANT and row["position"] == 1
        is_named = row["previous"] == main and main >= reserved
        if is_second and is_named and table.rows["use"][main] == descriptors.Use.NONE:
            wanted.setdefault(main, []).append(place)
    found = list(claims)
    for main, places in wanted.items():
        start = layout.fragment_start + main * layout.fragment_size
        first = Extent(start, start + layout.fragment_size)
        if len(places) == 1 and first.end <= layout.end:
            claim = claims[places[0]]
            found[places[0]] = msgspec.structs.replace(
                claim,
                extents=(first, *claim.extents),
                damage="; ".join(filter(None, (claim.damage, _FIRST_GONE))),
            )
    return found


def _copy(source: Source, block: Superblock) -> int | None:
    """Where a copy of the table begins in the reserved fragments, or None.

    A main descriptor names itself, so each tells where row 0 of its table must stand; two must
    agree. [B: some models keep a copy; C: how it is found]
    """
    size = min(block.reserved * block.fragment_size, _MOST_RESERVED)
    votes: dict[int, int] = {}
    for first in range(block.fragments, min(block.fragments + size, source.size), _CHUNK):
        last = min(first + _CHUNK, block.fragments + size)
        raw, _ = read(source, Extent(first, last))
        rows = raw[: len(raw) // descriptors.WIDTH * descriptors.WIDTH].view(_DESCRIPTOR)
        for base in _bases(rows, first, block.fragment_count):
            if base >= block.fragments:
                votes[base] = votes.get(base, 0) + 1
    best = max(votes, key=lambda base: (votes[base], -base), default=None)
    return best if best is not None and votes[best] >= _LEAST_VOTES else None


def _bases(rows: npt.NDArray[Any], first: int, count: int) -> Iterator[int]:
    """Where row 0 would stand by each row that is a main descriptor beyond doubt."""
    main = (rows["attribute"] == 2) | (rows["attribute"] == 3)
    main &= (rows["zero"] == 0) & (rows["unused"] == 0) & (rows["previous"] == 0)
    main &= (rows["main"] < count) & (rows["camera"] % 4 == 2)
    places = np.flatnonzero(main)
    begins = clock.packed_dates(rows["begin"][places])
    ends = clock.packed_dates(rows["end"][places])
    places = places[(begins != NO_TIME) & (ends >= begins)]
    own = first + places * descriptors.WIDTH
    yield from (own - rows["main"][places].astype(np.int64) * descriptors.WIDTH).tolist()


def _stated(raw: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    """Descriptors in the columns that all layouts share; camera: (value + 2) / 4. [A]"""
    found = raw.view(_DESCRIPTOR)
    value = found["camera"].astype("<i2")
    channel = np.where(value % 4 == 2, (value + 2) // 4, NO_CHANNEL)
    return descriptors.stated(found, found["attribute"], _TYPES, channel)
