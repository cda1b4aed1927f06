"""Hikvision's disk, written from hikvision-fs.md; integers little-endian but for the channel.

Master sector, log, copy of the master, data blocks, two trees. A block holds one camera's
program stream at a time, and a table of key frames that grows down from its end.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from vidrecover.errors import ScenarioError
from vidrecover.simulate import ps
from vidrecover.simulate.disk import Disk, Written, joined
from vidrecover.simulate.footage import Footage, Frame, play
from vidrecover.simulate.plan import boots
from vidrecover.simulate.scenario import Scenario
from vidrecover.simulate.settings import Hikvision, Imkh

MASTER, LOG, LOG_SIZE, VIDEO = 0x200, 0xA200, 0x4000, 0x20000
TREE_SIZE_LEAST, PAGE = 0x8000, 4096
_RECORDING, _NOTHING = 0x7FFFFFFF, 0xFFFFFFFFFFFFFFFF
_OFNI_SIZE = 56
_MUX = Imkh(header=False)
_EXCEPTION, _OPERATION, _INFORMATION = 2, 3, 4
_NOTED = {"disk_full": (2, 0x23), "disk_error": (2, 0x24), "running": (4, 0xAA)}  # [A: section 6]


@dataclass(slots=True)
class _Entry:
    """A row of the index; end_ms None: being recorded."""

    channel: int
    block: int
    generation: int
    start_ms: int
    end_ms: int | None = None


@dataclass(slots=True)
class _Key:
    """A row of a block's table."""

    number: int
    channel: int
    time_ms: int
    offset: int


@dataclass(slots=True)
class _Block:
    """A data block. written: per generation how far its stream reaches, and its key frames."""

    owner: int | None = None
    streams: list[int] = field(default_factory=list)
    keys: list[list[_Key]] = field(default_factory=list)


@dataclass(slots=True)
class _Laid:
    """A frame in a block: [start, end) inside it."""

    shot: Frame
    entry: _Entry
    start: int
    end: int


def write(disk: Disk, scenario: Scenario, footages: Sequence[Footage]) -> Written:
    """Lay the whole disk; the frames know afterwards where they are and what became of them."""
    writer = _Writer(disk, scenario, scenario.hikvision or Hikvision())
    for shot, payload in play(footages, writer.settings.period_s):
        writer.add(shot, payload)
    return writer.finish(footages)


class _Writer:
    """Writes frames into blocks as they come, the index at the end."""

    def __init__(self, disk: Disk, scenario: Scenario, settings: Hikvision) -> None:
        self.settings, self._scenario, self._disk = settings, scenario, disk
        self._size = settings.block_kib << 10
        self._blocks: list[_Block] = [_Block() for _ in range(settings.blocks or 0)]
        self._at = -1
        self._rng = np.random.default_rng([scenario.seed, 3])
        self._clock = ps.Clock(int(self._rng.integers(1 << 33)))
        self._entries: list[_Entry] = []
        self._open: dict[int, tuple[_Entry, tuple[int, int]]] = {}
        self._counts: dict[int, int] = {}
        self._largest: dict[int, int] = {}
        self._laid: list[_Laid] = []

    def add(self, shot: Frame, payload: bytes) -> None:
        """Append a frame to its camera's block; a new entry begins with each part, a new block
        with a key picture where little room is left."""
        number = shot.camera.number
        count = self._counts[number] = self._counts.get(number, -1) + 1
        chunks = list(ps.imkh_chunks([(shot, payload)], _MUX, self._clock, count))
        size = sum(len(chunk.data) for chunk in chunks)
        entry, part = self._open.get(number, (None, shot.part))
        if entry is None or not self._fits(entry, size, shot):
            if entry is not None:
                self._blocks[entry.block].owner = None
            entry = self._begun(shot, self._take(number))
        elif part != shot.part:
            entry = self._begun(shot, entry.block)
        self._open[number] = (entry, shot.part)
        entry.end_ms = shot.time_ms
        block = self._blocks[entry.block]
        if shot.key and shot.media == "video":
            offset = block.streams[-1]
            block.keys[-1].append(_Key(count, number, shot.time_ms, offset))
        start = at = block.streams[-1]
        for chunk in chunks:
            base = self._offset(entry.block, at)
            self._disk.write(base, chunk.data)
            shot.pieces += [(base + low, base + high) for low, high in chunk.payload]
            if chunk.shot is not None:
                shot.whole.append((base, base + len(chunk.data)))
            at += len(chunk.data)
        block.streams[-1] = at
        self._laid.append(_Laid(shot, entry, start, at))

    def _fits(self, entry: _Entry, size: int, shot: Frame) -> bool:
        """Whether the frame, and behind a key picture a whole group, has room in the block."""
        block, number = self._blocks[entry.block], shot.camera.number
        if shot.key:
            keys = block.keys[-1]
            group = block.streams[-1] - keys[-1].offset if keys else 0
            self._largest[number] = max(self._largest.get(number, 0), group)
            size = max(size, self._largest[number] * 5 // 4)
        table = (len(block.keys[-1]) + 1) * _OFNI_SIZE
        return block.streams[-1] + size + table <= self._size

    def _begun(self, shot: Frame, block: int) -> _Entry:
        entry = _Entry(
            shot.camera.number, block, len(self._blocks[block].streams) - 1, shot.time_ms
        )
        self._entries.append(entry)
        return entry

    def _take(self, number: int) -> int:
        """The next block of the ring, whose entries are the new camera's from now on."""
        self._at += 1
        if self.settings.blocks is None:
            self._blocks.append(_Block())
        self._at %= len(self._blocks)
        block = self._blocks[self._at]
        if block.owner is not None:
            raise ScenarioError(
                f"key `hikvision.blocks`: {len(self._blocks)} blocks are too few: they come round"
                f" to one that camera {block.owner} is still writing"
            )
        block.owner = number
        block.streams.append(0)
        block.keys.append([])
        self._entries = [entry for entry in self._entries if entry.block != self._at]
        return self._at

    def finish(self, footages: Sequence[Footage]) -> Written:
        """Write tables, index and log with their faults, and settle what became of whom."""
        if self.settings.blocks is None:
            self._blocks += [_Block() for _ in range(self.settings.spare)]
        for number in range(len(self._blocks)):
            self._write_keys(number)
        if self.settings.power_cut:
            for entry, _ in self._open.values():
                entry.end_ms = None
        faults = {one.camera.number: one.camera.index_fault for one in footages}
        listed = [one for one in self._entries if faults[one.channel] == "intact"]
        size = self._write_index(listed, footages)
        self._disk.resize(size)
        wiped = self.settings.index in ("formatted", "trees_wiped")
        kept = {id(one) for one in listed if one.end_ms is not None and not wiped}
        for laid in self._laid:
            whole = self._is_whole(laid)
            laid.shot.pieces, laid.shot.whole = joined(laid.shot.pieces), joined(laid.shot.whole)
            laid.shot.state = "on_disk" if whole else "overwritten"
            laid.shot.indexed = whole and id(laid.entry) in kept
        used = self._offset(len(self._blocks), 0)
        return Written(size, [one.shot for one in self._laid], (VIDEO, used))

    def _is_whole(self, laid: _Laid) -> bool:
        block, later = self._blocks[laid.entry.block], laid.entry.generation + 1
        tables = [len(keys) * _OFNI_SIZE for keys in block.keys]
        return all(
            laid.start >= stream and laid.end <= self._size - table
            for stream, table in zip(block.streams[later:], tables[later:], strict=True)
        )

    def _offset(self, block: int, inside: int) -> int:
        return VIDEO + block * self._size + inside

    def _seconds(self, time_ms: int) -> int:
        return time_ms // 1000 - self.settings.zone_minutes * 60

    def _write_keys(self, number: int) -> None:
        """The table, the record nearest to the block's end the oldest; older rounds below."""
        block = self._blocks[number]
        table: list[_Key] = []
        for keys in block.keys:
            table[: len(keys)] = keys
        for place, key in enumerate(table, start=1):
            row = struct.pack(
                "<4sI4xIB7xI8xI16x", b"OFNI", _OFNI_SIZE, key.number, key.channel,
                self._seconds(key.time_ms), key.offset,
            )  # fmt: skip
            self._disk.write(self._offset(number, self._size - place * _OFNI_SIZE), row)

    def _write_index(self, listed: Sequence[_Entry], footages: Sequence[Footage]) -> int:
        """Master, log, copy and both trees; the size of the disk."""
        rows = self._rows(() if self.settings.index == "formatted" else listed)
        pages = max(-(-len(rows) // self.settings.page_entries), 1)
        tree_size = max((pages + 3) * PAGE, TREE_SIZE_LEAST)
        first = self._offset(len(self._blocks), 0)
        trees = (first, first + tree_size + PAGE)
        size = trees[1] + tree_size
        self._disk.resize(size)
        for number, at in enumerate(trees):
            is_wiped = self.settings.index == "trees_wiped" or (
                number == 0 and self.settings.index == "first_tree_wiped"
            )
            if not is_wiped:
                self._disk.write(at, self._tree(at, rows))
        log = LOG + LOG_SIZE if self.settings.log_before else LOG
        master = bytearray(256)
        master[0x10:0x22], master[0x30:0x3E] = b"HIKVISION@HANGZHOU", b"HIK.2011.03.08"
        for place, kind, value in (
            (0x48, "Q", size), (0x60, "Q", log), (0x68, "Q", LOG_SIZE), (0x78, "Q", VIDEO),
            (0x88, "Q", self._size), (0x90, "I", len(self._blocks)), (0x98, "Q", trees[0]),
            (0xA0, "I", tree_size), (0xA8, "Q", trees[1]), (0xB0, "I", tree_size),
            (0xF0, "I", self._seconds(self._scenario.span.start_ms)),
        ):  # fmt: skip
            struct.pack_into(f"<{kind}", master, place, value)
        self._disk.write(LOG + LOG_SIZE, bytes(master))
        if self.settings.start != "master_wiped":
            self._disk.write(MASTER, bytes(master))
        if self.settings.index != "formatted":
            self._disk.write(LOG, b"".join(self._log(footages))[:LOG_SIZE])
        if self.settings.start == "destroyed":
            self._disk.write(0, self._rng.bytes(VIDEO))
        return size

    def _rows(self, listed: Sequence[_Entry]) -> list[bytes]:
        """The entries ordered by block, and one for each block without any."""
        named = {one.block for one in listed}
        rows = [(one.block, one.start_ms, self._row(one)) for one in listed]
        rows += [
            (number, 0, struct.pack("<2Q16xQ8x", _NOTHING, _NOTHING, self._offset(number, 0)))
            for number in range(len(self._blocks))
            if number not in named
        ]
        return [row for _, _, row in sorted(rows)]

    def _row(self, entry: _Entry) -> bytes:
        start, end = _RECORDING, 0
        if entry.end_ms is not None:
            start, end = self._seconds(entry.start_ms), self._seconds(entry.end_ms)
        head = struct.pack("<2Q", _NOTHING, 0) + struct.pack(">H6x", entry.channel)
        return head + struct.pack("<2IQ8x", start, end, self._offset(entry.block, 0))

    def _tree(self, at: int, rows: Sequence[bytes]) -> bytes:
        """Header, page list, pages, footer, each at a multiple of 4096 from the tree's start."""
        step = self.settings.page_entries
        parts = [rows[first : first + step] for first in range(0, len(rows), step)] or [[]]
        first = at + 2 * PAGE
        last = first + (len(parts) - 1) * PAGE
        head = bytearray(PAGE)
        head[0x10:0x18] = b"HIKBTREE"
        struct.pack_into("<I", head, 0x3C, self._seconds(self._scenario.span.start_ms))
        struct.pack_into("<Q", head, 0x40, last + PAGE)
        struct.pack_into("<2Q", head, 0x50, at + PAGE, first)
        root = bytearray(PAGE)
        struct.pack_into("<I4xQ", root, 0x10, len(parts) - 1, first)
        for place, part in enumerate(parts[1:]):
            row = struct.pack("<Q", first + (place + 1) * PAGE) + part[0][8:]
            root[0x60 + 48 * place : 0x90 + 48 * place] = row
        pages = [self._page(part, first + (n + 1) * PAGE, n + 1 == len(parts))
                 for n, part in enumerate(parts)]  # fmt: skip
        footer = struct.pack("<Q16xQ", _NOTHING, last)
        return bytes(head + root) + b"".join(pages) + footer

    def _page(self, rows: Sequence[bytes], following: int, is_last: bool) -> bytes:
        page = bytearray(PAGE)
        struct.pack_into("<I", page, 0x10, len(rows))
        struct.pack_into("<Q", page, 0x20, _NOTHING if is_last else following)
        body = b"".join(rows)
        page[0x60 : 0x60 + len(body)] = body
        return bytes(page)

    def _log(self, footages: Sequence[Footage]) -> Iterator[bytes]:
        """Records of power, of recordings and of video loss, in order of time.

        What power or the end of the scenario stops has no record that it stops. [A: codes; B:
        place of the camera]
        """
        powered = boots(self._scenario)
        found = [(span.start_ms, _OPERATION, 0x41, b"") for span in powered]
        for one in footages:
            number = bytes([one.camera.number])
            for stretch in one.camera.stretches:
                found.append((stretch.span.start_ms, _INFORMATION, 0xA3, number))
                if stretch.span.end_ms not in {span.end_ms for span in powered}:
                    found.append((stretch.span.end_ms, _INFORMATION, 0xA4, number))
            lost = (stretch.span.start_ms for stretch in one.camera.stretches if stretch.card)
            found += [(time_ms, _EXCEPTION, 0x21, number) for time_ms in lost]
        found += [(time_ms, *_NOTED[word], b"") for time_ms, word in self._scenario.notes()]
        for time_ms, major, minor, text in sorted(found):
            head = struct.pack("<4s2I2H", b"RATS", 0x14, self._seconds(time_ms), major, minor)
            yield head + text.ljust(48, b"\0")
