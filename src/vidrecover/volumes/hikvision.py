"""Hikvision's disk: master sector, log, equal data blocks, two index trees.

One block holds one camera's program stream, in which no camera number stands; the index and the
table of key frames at the block's end name it. Byte facts: hikvision-fs.md, with its marks.
Everything is bounded by the size of the source; nothing raises on damaged bytes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vidrecover import clock
from vidrecover.model import Extent, Source, VolumeReport
from vidrecover.volumes import _hik_blocks as blocks
from vidrecover.volumes import _hik_log as log
from vidrecover.volumes import _hik_tree as tree
from vidrecover.volumes._hik_claims import claims
from vidrecover.volumes._hik_ring import ring
from vidrecover.volumes._reading import read

SECTOR = 512
MARK = b"HIKVISION@HANGZHOU"
_MARK_INSIDE = 0x10
_MASTER = np.dtype(
    {
        "names": [
            "capacity", "log", "log_size", "video", "block_size", "blocks", "tree", "tree_size",
            "tree2", "tree2_size", "formatted",
        ],
        "formats": [
            "<u8", "<u8", "<u8", "<u8", "<u8", "<u4", "<u8", "<u4", "<u8", "<u4", "<u4",
        ],
        "offsets": [0x48, 0x60, 0x68, 0x78, 0x88, 0x90, 0x98, 0xA0, 0xA8, 0xB0, 0xF0],
        "itemsize": 256,
    }
)  # fmt: skip
"""[A; hikvision-fs.md section 3]"""
_AT_START = 4096
_AT_END = 1 << 22
_SEARCHED = 1 << 28
_CHUNK = 1 << 22
_LEAST_BLOCK, _MOST_BLOCK, _MOST_BLOCKS = 1 << 16, 1 << 34, 1 << 20
_FIRST_LOG = 0xA200
_MOST_LOG = 1 << 27
_SAMPLES = 8
_QUARTER_MS = 900_000


class _Master(NamedTuple):
    """A plausible master sector, or what the index itself tells of it; absolute bytes."""

    place: int
    log: int
    log_size: int
    video: int
    block_size: int
    block_count: int
    trees: tuple[Extent, ...]
    formatted: int

    @property
    def end(self) -> int:
        """Absolute end of the last block."""
        return self.video + self.block_count * self.block_size


def examine(source: Source) -> list[VolumeReport]:
    """The Hikvision volume of a source, if there is one.

    Reads the first 4 KiB and the last 4 MiB when nothing speaks for it. The master sector is
    taken from its copy behind the log where it is not legible; where both are gone, blocks and
    trees follow from a tree that is found at the end. Claims: INDEX for the entries, open ones
    for blocks being recorded; REMNANT for what only the tables of key frames in the blocks tell.
    Times are made recorder time by the clock that stands in the streams, see `_shift`.
    """
    master, words = _found(source)
    if master is None:
        return []
    entries, tree_words = _entries(source, master)
    words = [*words, *tree_words]
    every = [
        Extent(at, at + master.block_size)
        for at in range(master.video, master.end, master.block_size)
    ]
    whole = [one for one in every if one.end <= source.size]
    if len(whole) < master.block_count:
        words.append(
            f"only {len(whole)} of {master.block_count} blocks lie before the end of the source"
        )
    borders = _borders(entries)
    runs = {
        one.start: found
        for one in whole
        if (found := blocks.runs(source, one, borders.get(one.start, ())))
    }
    shift_ms, told = _shift(source, [found[0] for found in runs.values()])
    listed, claim_words = claims(entries, runs, whole, shift_ms)
    return [
        VolumeReport(
            layout="hikvision",
            extent=Extent(0, source.size),
            claims=tuple(listed),
            events=tuple(log.events(source, _log_area(master, source.size), shift_ms)),
            damage=(*words, *claim_words),
            label=_label(master, told),
            ring=ring(entries[0], runs, whole, master.formatted) if whole == every else None,
        )
    ]


def _found(source: Source) -> tuple[_Master | None, list[str]]:
    """The master sector, and what is wrong with it in words."""
    head = source.read(0, _AT_START)
    place = head.find(MARK)
    if place >= _MARK_INSIDE:
        master = _master_at(source, place - _MARK_INSIDE)
        if master is not None:
            return master, []
    tail = _tree_at_end(source)
    if place < 0 and tail is None:
        return None, []
    for found in _marks(source):
        master = _master_at(source, found - _MARK_INSIDE)
        if master is not None:
            return master, ["the master sector is not legible: taken from its copy"]
    master = _derived(source, tail) if tail is not None else None
    if master is None:
        return None, []
    return master, ["no master sector is legible: blocks are told by the index tree alone"]


def _master_at(source: Source, place: int) -> _Master | None:
    raw, refused = read(source, Extent(place, place + _MASTER.itemsize))
    if refused or len(raw) < _MASTER.itemsize:
        return None
    row = raw.view(_MASTER)[0]
    size, count = int(row["block_size"]), int(row["blocks"])
    video = int(row["video"])
    sane = _LEAST_BLOCK <= size <= _MOST_BLOCK and not size % SECTOR and not video % SECTOR
    if not sane or not 0 < count <= _MOST_BLOCKS or not 0 < video < source.size:
        return None
    trees = ((row["tree"], row["tree_size"]), (row["tree2"], row["tree2_size"]))
    return _Master(
        place=place,
        log=int(row["log"]),
        log_size=int(row["log_size"]),
        video=video,
        block_size=size,
        block_count=count,
        trees=tuple(Extent(int(at), int(at) + int(size)) for at, size in trees),
        formatted=int(row["formatted"]),
    )


def _tree_at_end(source: Source) -> int | None:
    """Where a tree's header stands in the last bytes of the source: the second one does. [B]"""
    start = max(source.size - _AT_END, 0) // SECTOR * SECTOR
    place = source.read(start, _AT_END + SECTOR).rfind(tree.MARK)
    return start + place - 0x10 if place >= 0x10 else None


def _marks(source: Source) -> Iterator[int]:
    """Where the maker's mark stands in the first 256 MiB."""
    for start in range(0, min(_SEARCHED, source.size), _CHUNK):
        data = source.read(start, _CHUNK + len(MARK))
        place = data.find(MARK)
        while place >= 0:
            if start + place >= _MARK_INSIDE:
                yield start + place
            place = data.find(MARK, place + 1)


def _derived(source: Source, place: int) -> _Master | None:
    """Blocks as a tree's entries have them: as far apart as their nearest ones, if all fit. [C]"""
    rows = tree.entries(source, place, "the tree at the end").rows
    starts = np.unique(rows["block"].astype(np.int64))
    starts = starts[(starts > 0) & (starts < source.size)]
    if len(starts) < 2:
        return None
    size = int(np.gcd.reduce(np.diff(starts)))
    if not _LEAST_BLOCK <= size <= _MOST_BLOCK or size % SECTOR:
        return None
    first, last = int(starts[0]), int(starts[-1])
    count = (last - first) // size + 1
    if count > _MOST_BLOCKS or not any(
        blocks.runs(source, Extent(int(s), int(s) + size)) for s in starts
    ):
        return None
    trees = (Extent(place, min(place + (1 << 24), source.size)),)
    return _Master(place, 0, 0, first, size, count, trees, 0)


def _entries(source: Source, master: _Master) -> tuple[list[tree.Entries], list[str]]:
    """The index: the first tree that is legible; else what is left of the pages of both.

    Two lists: what the recorder lists, and what only scattered pages tell.
    """
    words: list[str] = []
    nothing = tree.Entries(np.zeros(0, dtype=tree.ENTRY), np.zeros(0, dtype=np.int64), ())
    for number, extent in enumerate(master.trees, start=1):
        if not tree.stands_at(source, extent.start):
            words.append(f"index tree {number} at {extent.start:#x} is not legible")
            continue
        found = tree.entries(source, extent.start, f"index tree {number}")
        if len(found.rows) or not found.words:
            return [found, nothing], [*words, *found.words]
        words += found.words
    known = np.arange(master.video, master.end, master.block_size, dtype=np.int64)
    for extent in master.trees:
        found = tree.scattered(source, extent, known)
        if len(found.rows):
            return [nothing, found], [*words, "entries are taken from pages without their tree"]
    return [nothing, nothing], [*words, "the index lists nothing"]


def _borders(entries: Sequence[tree.Entries]) -> dict[int, list[int]]:
    """Seconds at which closed entries of each block begin, and those behind their ends."""
    found: dict[int, set[int]] = {}
    for table in entries:
        closed = table.rows[(table.rows["empty"] == 0) & (table.rows["start"] < tree.RECORDING)]
        columns = (closed[name].tolist() for name in ("block", "start", "end"))
        for block, start, end in zip(*columns, strict=True):
            found.setdefault(block, set()).update((start, end + 1))
    return {block: sorted(times) for block, times in found.items()}


def _shift(source: Source, runs: Sequence[blocks.Run]) -> tuple[int, str]:
    """What makes recorder time of the index's times, and that in words.

    The index may count in UTC or in local time; the streams carry the clock as the recorder
    showed it. Their difference at a few key frames, in quarters of an hour, when all agree.
    """
    found: Counter[int] = Counter()
    for run in runs[:: max(len(runs) // _SAMPLES, 1)][:_SAMPLES]:
        shown = blocks.shown_ms(source, run.first)
        if shown is not None:
            found[round((shown - run.start_s * 1000) / _QUARTER_MS) * _QUARTER_MS] += 1
    if len(found) != 1:
        why = "no stream tells" if not found else "the streams do not agree on"
        return 0, f"{why} the recorder's clock: times are as the index has them"
    (shift_ms,) = found
    minutes = shift_ms // 60_000
    sign = "-" if minutes < 0 else "+"
    return (
        shift_ms,
        f"index times {sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02} are recorder time",
    )


def _log_area(master: _Master, size: int) -> Extent:
    """Where records may stand: before the video area, whichever way its start is told. [A, and
    C: both ways of the public readers]"""
    end = min(master.video, size)
    start = min(_FIRST_LOG, master.log) if master.log else _FIRST_LOG
    start = max(start, end - _MOST_LOG, 0)
    return Extent(min(start, end), end)


def _label(master: _Master, told: str) -> str:
    words = f"{master.block_count} blocks of {master.block_size} bytes, {told}"
    if 0 < master.formatted < tree.RECORDING:
        words = f"formatted {clock.spoken(master.formatted * 1000)} (as the index counts), {words}"
    return words
