"""Xiongmai's WFS disk, written from wfs.md; all integers little-endian.

Superblock, its copy, index area, fragments. A recording is a chain of fragments of one camera;
its XM frames, which name no camera, are cut wherever a fragment ends.
"""

import struct
from collections.abc import Sequence

import numpy as np

from vidrecover.simulate import image, xm
from vidrecover.simulate.disk import Disk, Written, joined
from vidrecover.simulate.footage import Footage, Frame, play
from vidrecover.simulate.ring import (
    BLOCK,
    CONTINUATION,
    FREE,
    MAIN,
    RESERVED,
    Chain,
    Descriptor,
    Place,
    Ring,
)
from vidrecover.simulate.scenario import Scenario
from vidrecover.simulate.settings import Wfs
from vidrecover.simulate.times import packed

SUPERBLOCK_BLOCK, COPY_OFFSET, INDEX_BLOCK, DATA_BLOCK = 0x18, 0x83000, 0xBB, 0x3200
_ATTRIBUTES = {FREE: 0x00, MAIN: 0x02, CONTINUATION: 0x01, RESERVED: 0xFE}
_MARK = 0x789ABCDE
_DESCRIPTOR = struct.Struct("<BBHIIIIHHIHBB")


def write(disk: Disk, scenario: Scenario, footages: Sequence[Footage]) -> Written:
    """Lay the whole disk; the frames know afterwards where they are and what became of them."""
    writer = _Writer(disk, scenario, scenario.wfs or Wfs(), footages)
    for shot, payload in play(footages, writer.settings.period_s):
        writer.add(shot, payload)
    return writer.finish()


class _Writer:
    """Writes frames into the ring as they come, the index at the end."""

    def __init__(
        self, disk: Disk, scenario: Scenario, settings: Wfs, footages: Sequence[Footage]
    ) -> None:
        self.settings = settings
        self._disk = disk
        self._faults = {footage.camera.number: footage.camera.index_fault for footage in footages}
        self._ring = Ring(
            size=settings.fragments,
            reserved=settings.reserved,
            fragment_size=settings.blocks_per_fragment * BLOCK,
            layout="wfs",
        )
        self._rng = np.random.default_rng([scenario.seed, 3])
        self._open: dict[int, Chain] = {}
        self._laid: list[tuple[Frame, Chain, list[Place]]] = []
        self._order: dict[int, int] = {}

    def add(self, shot: Frame, payload: bytes) -> None:
        """Append a frame to its camera's recording, which begins anew with each part."""
        number = shot.camera.number
        chain = self._open.get(number)
        if chain is None or chain.part != shot.part:
            if chain is not None:
                self._close(chain)
            chain = self._open[number] = self._ring.start(shot)
            self._order[chain.fragments[0]] = len(self._open) - 1
        for chunk in xm.chunks([(shot, payload)], information=self.settings.information):
            self._put(chain, shot, chunk)

    def finish(self) -> Written:
        """Close what is open, write the index with its faults, and settle what became of whom."""
        for chain in self._open.values():
            if self.settings.power_cut:
                main = self._ring.rows[chain.fragments[0]]
                main.end_ms, main.count = main.begin_ms, 0
            else:
                self._close(chain)
        if self.settings.fragments is None:
            self._ring.grow(self.settings.spare)
        size = self._offset(len(self._ring.rows), 0)
        self._disk.resize(size)
        self._write_index()
        for shot, chain, places in self._laid:
            whole = all(map(self._ring.whole, places))
            shot.state = "on_disk" if whole else "overwritten"
            shot.indexed = whole and self._listed(chain)
        frames = list({id(shot): shot for shot, _, _ in self._laid}.values())
        used = self._offset(min(self._ring.highest + 1, len(self._ring.rows)), 0)
        return Written(size, frames, (self._offset(0, 0), used), self._nameless())

    def _nameless(self) -> frozenset[int]:
        """Cameras of whose number no descriptor is left."""
        lost = self.settings.index == "destroyed" and not self.settings.copy_of_index
        return frozenset(
            number
            for number, fault in self._faults.items()
            if lost or fault == "entries_removed" or self.settings.index == "zeroed"
        )

    def _put(self, chain: Chain, shot: Frame, chunk: image.Chunk) -> None:
        places = self._ring.put(chain, len(chunk.data), shot.time_ms)
        at = 0
        for place in places:
            offset, length = self._offset(place.fragment, place.start), place.end - place.start
            self._disk.write(offset, chunk.data[at : at + length])
            if chunk.shot is not None:
                shot.whole.append((offset, offset + length))
                for start, end in chunk.payload:
                    low, high = max(start, at), min(end, at + length)
                    if low < high:
                        shot.pieces.append((offset + low - at, offset + high - at))
            at += length
        shot.whole, shot.pieces = joined(shot.whole), joined(shot.pieces)
        if chunk.shot is not None:
            self._laid.append((shot, chain, places))

    def _close(self, chain: Chain) -> None:
        last, start, end = self._ring.close(chain, clear_slack=self.settings.slack == "zeros")
        self._ring.rows[last].last_blocks = -(-start // BLOCK)
        self._disk.write(self._offset(last, start), bytes(end - start))

    def _listed(self, chain: Chain) -> bool:
        cut_off = self.settings.power_cut and self._open.get(chain.channel) is chain
        intact = self.settings.index == "intact" and self._faults[chain.channel] == "intact"
        main = self._ring.rows[chain.fragments[0]]
        lasts = packed(main.end_ms or 0) > packed(main.begin_ms or 0)  # else not listed [A]
        return intact and not cut_off and lasts and self._ring.listed(chain)

    def _offset(self, fragment: int, inside: int) -> int:
        return DATA_BLOCK * BLOCK + fragment * self._ring.fragment_size + inside

    def _write_index(self) -> None:
        start = bytearray(BLOCK)
        start[:6], start[0x1FE:] = f"WFS{self.settings.version}".encode(), b"XM"
        self._disk.write(0, bytes(start))
        superblock, rows = self._superblock(), b"".join(self._descriptors())
        self._disk.write(SUPERBLOCK_BLOCK * BLOCK, superblock)
        if self.settings.copy_of_index:
            self._disk.write(self._offset(0, 0), rows)
        if self.settings.index == "zeroed":
            rows = bytes(len(rows))
        self._disk.write(INDEX_BLOCK * BLOCK, rows)
        if self.settings.index == "destroyed":
            self._disk.write(0, self._rng.bytes(INDEX_BLOCK * BLOCK + len(rows)))
        elif self.settings.superblock != "intact":
            self._disk.write(SUPERBLOCK_BLOCK * BLOCK, bytes(BLOCK))
        self._disk.write(COPY_OFFSET, superblock)

    def _descriptors(self) -> list[bytes]:
        """The rows as they lie on the disk, with the faults of the scenario."""
        table = []
        for number, row in enumerate(self._ring.rows):
            data, fault = self._row(number, row), "intact"
            if row.chain is not None:
                fault = self._faults[row.channel]
            if fault == "entries_removed" or (fault == "mains_removed" and row.kind == MAIN):
                data = bytes(len(data))
            elif self.settings.index == "formatted" and row.kind != RESERVED:
                data = b"\0\0" + data[2:]
            table.append(data)
        return table

    def _row(self, number: int, row: Descriptor) -> bytes:
        """The 32 bytes; camera: 4 times its number, less 2. [A: wfs.md section 4]"""
        if row.kind in (FREE, RESERVED):
            return bytes([0, _ATTRIBUTES[row.kind]]) + bytes(30)
        begin, end = (0 if ms is None else packed(ms) for ms in (row.begin_ms, row.end_ms))
        order = self._order.get(number, 0) if row.kind == MAIN else 0
        return _DESCRIPTOR.pack(
            0, _ATTRIBUTES[row.kind], row.count, row.previous, row.following, begin, end,
            0, row.last_blocks & 0xFFFF, row.main, 0, order & 0xFF, 4 * row.channel - 2 & 0xFF,
        )  # fmt: skip

    def _superblock(self) -> bytes:
        """See wfs.md section 3; formatting resets the times and the write position."""
        rows = self._ring.rows
        mains = [row for row in rows if row.kind == MAIN]
        begins = [row.begin_ms for row in mains if row.begin_ms is not None]
        first, last = (packed(f(begins)) if begins else 0 for f in (min, max))
        current = self._ring.current
        if self.settings.index in ("formatted", "zeroed"):
            first, last, current = 0, 0, self.settings.reserved
        sector = bytearray(BLOCK)
        following = min(current + 1, len(rows) - 1)
        struct.pack_into("<I", sector, 0x08, 1)
        struct.pack_into(
            "<7I", sector, 0x10, last, last, current, following, len(rows) - 1, first, first
        )
        struct.pack_into("<2I", sector, 0x2C, BLOCK, self.settings.blocks_per_fragment)
        struct.pack_into(
            "<6I", sector, 0x38,
            self.settings.reserved, 0x3100, SUPERBLOCK_BLOCK, INDEX_BLOCK, DATA_BLOCK, len(rows),
        )  # fmt: skip
        struct.pack_into("<I", sector, 0x148, _MARK)
        return bytes(sector)
