"""Dahua's DHFS 4.1 disk, written from dahua-dhfs.md; all integers little-endian.

One partition at 0x10000: superblock, log area, descriptor table, fragments. A recording is a
chain of fragments of one camera; its DHAV frames are cut wherever a fragment ends.
"""

import dataclasses
import struct
from collections.abc import Sequence

import numpy as np

from vidrecover.simulate import dhav
from vidrecover.simulate.disk import Disk, Written, joined
from vidrecover.simulate.footage import Footage, Frame, play, watermark_shot
from vidrecover.simulate.ring import (
    BLOCK,
    MAIN,
    RESERVED,
    Chain,
    Descriptor,
    Place,
    Ring,
    RingFullError,
)
from vidrecover.simulate.scenario import Scenario
from vidrecover.simulate.settings import Dhfs
from vidrecover.simulate.times import packed

PARTITION = 0x10000
PARTITION_TABLE = 0x3C34
SUPERBLOCK_BLOCK, LOG_BLOCK, DESCRIPTOR_BLOCK, LEAST_VIDEO_BLOCK = 0x22, 0x30, 0xBB, 0x200
LOG_BLOCKS = DESCRIPTOR_BLOCK - LOG_BLOCK

_LISTED = frozenset({"intact", "ends_early", "never_closed", "not_written"})
_FRAME_OVERHEAD = 64  # bytes of DHAV around a payload, at most
_MARGIN = 80  # room that a watermark frame surely fits in


def write(disk: Disk, scenario: Scenario, footages: Sequence[Footage]) -> Written:
    """Lay the whole disk; the frames know afterwards where they are and what became of them."""
    settings = scenario.dhfs or Dhfs()
    writer = _Writer(disk, scenario, settings, footages)
    for shot, payload in play(footages, settings.period_s):
        writer.add(shot, payload)
    return writer.finish()


class _Writer:
    """Writes frames into the ring as they come, the index at the end."""

    def __init__(
        self, disk: Disk, scenario: Scenario, settings: Dhfs, footages: Sequence[Footage]
    ) -> None:
        self._disk, self._settings = disk, settings
        self._faults = {footage.camera.number: footage.camera.index_fault for footage in footages}
        self._ring = Ring(
            size=settings.fragments,
            reserved=settings.reserved,
            fragment_size=settings.blocks_per_fragment * BLOCK,
            overwrite=settings.overwrite,
        )
        self._full = False
        self._video_block = _video_block(settings, footages)
        self._largest = {
            footage.camera.number: int(footage.rows["size"].max(initial=0)) + _FRAME_OVERHEAD
            for footage in footages
        }
        self._counters = dhav.Counters(scenario.seed)
        self._rng = np.random.default_rng([scenario.seed, 3])
        self._open: dict[int, Chain] = {}
        self._laid: list[tuple[Frame, Chain, list[Place]]] = []

    def add(self, shot: Frame, payload: bytes) -> None:
        """Append a frame to its camera's recording, which begins anew with each part; nothing is
        written any more once the ring is full."""
        if not self._full:
            try:
                self._append(shot, payload)
            except RingFullError:
                self._full = True

    def _append(self, shot: Frame, payload: bytes) -> None:
        number = shot.camera.number
        chain = self._open.get(number)
        if chain is None or chain.part != shot.part:
            if chain is not None:
                self._close(chain)
            chain = self._open[number] = self._ring.start(shot)
            self._container_head(chain, shot)
        padding = self._padding(chain, shot)
        if padding:
            self._put(chain, *watermark_shot(shot, dhav.watermark(bytes(padding))))
        self._put(chain, shot, payload)

    def finish(self) -> Written:
        """Close what is open, write the index with its faults, and settle what became of whom."""
        for chain in self._open.values():
            if self._is_cut_off(chain):
                self._cut_power(chain)
            else:
                self._close(chain)
        if self._settings.fragments is None:
            self._ring.grow(self._settings.spare)
        size = self._offset(len(self._ring.rows), 0)
        self._disk.resize(size)
        self._write_index()
        for shot, chain, places in self._laid:
            shot.state = "on_disk" if all(map(self._ring.whole, places)) else "overwritten"
            shot.indexed = shot.state == "on_disk" and self._listed(chain)
            main = self._ring.rows[chain.fragments[0]]
            if self._faults[chain.channel] == "ends_early" and shot.time_ms > _half_way(main):
                shot.indexed = False
        self._wipe_unwritten()
        used = self._offset(min(self._ring.highest + 1, len(self._ring.rows)), 0)
        return Written(size, [shot for shot, _, _ in self._laid], (self._offset(0, 0), used))

    def _put(self, chain: Chain, shot: Frame, payload: bytes) -> None:
        data, (start, end) = dhav.framed(shot, payload, self._counters)
        places = self._ring.put(chain, len(data), shot.time_ms)
        at = 0
        for place in places:
            offset, length = self._offset(place.fragment, place.start), place.end - place.start
            self._disk.write(offset, data[at : at + length])
            shot.whole.append((offset, offset + length))
            low, high = max(start, at), min(end, at + length)
            if low < high:
                shot.pieces.append((offset + low - at, offset + high - at))
            at += length
        shot.whole, shot.pieces = joined(shot.whole), joined(shot.pieces)
        self._laid.append((shot, chain, places))

    def _padding(self, chain: Chain, shot: Frame) -> int:
        """Text of a watermark frame that makes the border cut `shot` as asked for, or 0."""
        room, size = self._ring.room(chain), dhav.size_of(shot)
        wanted = 0
        if self._settings.cut == "header" and room - size < _MARGIN:
            wanted = room - int(self._rng.integers(1, dhav.HEADER_SIZE))
        elif self._settings.cut == "trailer":
            left = room - size
            if left < self._largest[shot.camera.number] + _MARGIN:
                wanted = left + int(self._rng.integers(1, dhav.TRAILER_SIZE))
        return max(0, wanted - dhav.WATERMARK_OVERHEAD)

    def _container_head(self, chain: Chain, shot: Frame) -> None:
        """The `DHII` head of the main fragment; only its first four bytes are known. [B]"""
        size = self._settings.dhii
        if size:
            (place,) = self._ring.put(chain, size, shot.time_ms)
            self._disk.write(self._offset(place.fragment, place.start), b"DHII".ljust(size, b"\0"))

    def _close(self, chain: Chain) -> None:
        last, start, end = self._ring.close(chain, clear_slack=self._settings.slack == "zeros")
        self._disk.write(self._offset(last, start), bytes(end - start))

    def _cut_power(self, chain: Chain) -> None:
        """The main descriptor stays as at its beginning: end is begin, no further fragments."""
        main = self._ring.rows[chain.fragments[0]]
        main.end_ms, main.count = main.begin_ms, 0

    def _is_cut_off(self, chain: Chain) -> bool:
        """Whether the last recording of a camera was never closed."""
        return self._settings.power_cut or self._faults[chain.channel] == "never_closed"

    def _wipe_unwritten(self) -> None:
        """Zeros where the entries of a camera name footage that never reached the disk."""
        for shot, chain, _ in self._laid:
            if self._faults[chain.channel] == "not_written":
                shot.state = "never_written"
                for start, end in shot.whole:
                    self._disk.write(start, bytes(end - start))

    def _listed(self, chain: Chain) -> bool:
        cut_off = self._is_cut_off(chain) and self._open.get(chain.channel) is chain
        intact = self._settings.index == "intact" and self._faults[chain.channel] in _LISTED
        main = self._ring.rows[chain.fragments[0]]
        lasts = packed(main.end_ms or 0) > packed(main.begin_ms or 0)  # else ignored [A]
        return intact and not cut_off and lasts and self._ring.listed(chain)

    def _offset(self, fragment: int, inside: int) -> int:
        start = PARTITION + self._video_block * BLOCK
        return start + fragment * self._ring.fragment_size + inside

    def _write_index(self) -> None:
        self._disk.write(0, b"DHFS4.1")
        self._disk.write(PARTITION_TABLE, _partition_table())
        self._disk.write(PARTITION + SUPERBLOCK_BLOCK * BLOCK, self._superblock())
        log = struct.pack("<I", LOG_BLOCKS * BLOCK)  # the unit is not said [C]
        self._disk.write(PARTITION + LOG_BLOCK * BLOCK, log)
        self._disk.write(PARTITION + DESCRIPTOR_BLOCK * BLOCK, b"".join(self._descriptors()))
        if self._settings.index == "destroyed":
            size = self._offset(0, 0)
            noise = self._settings.destroyed_with == "random"
            self._disk.write(0, self._rng.bytes(size) if noise else bytes(size))

    def _descriptors(self) -> list[bytes]:
        """The rows as they lie on the disk, with the faults of the scenario."""
        table = []
        for row in self._ring.rows:
            fault = "intact" if row.chain is None else self._faults[row.channel]
            if fault == "ends_early" and row.kind == MAIN:
                row = dataclasses.replace(row, end_ms=_half_way(row))
            data = row.packed()
            if fault == "entries_removed" or (fault == "mains_removed" and row.kind == MAIN):
                data = bytes(len(data))
            elif self._settings.index == "formatted" and row.kind != RESERVED:
                data = b"\0" + data[1:]
            table.append(data)
        return table

    def _superblock(self) -> bytes:
        """See dahua-dhfs.md section 4; formatting resets the times and the write position."""
        mains = [row for row in self._ring.rows if row.kind == MAIN]
        begins = [row.begin_ms for row in mains if row.begin_ms is not None]
        ends = [row.end_ms for row in mains if row.end_ms is not None]
        first = packed(min(begins)) if begins else 0
        last = packed(max(ends)) if ends else 0
        current = self._ring.current
        if self._settings.index == "formatted":
            first, last, current = 0, 0, self._settings.reserved
        sector = bytearray(BLOCK)
        struct.pack_into("<4I", sector, 0x0C, 0x55, first, last, current)
        struct.pack_into("<2I", sector, 0x2C, BLOCK, self._settings.blocks_per_fragment)
        struct.pack_into(
            "<6I",
            sector,
            0x38,
            self._settings.reserved,
            0x7900,
            SUPERBLOCK_BLOCK,
            DESCRIPTOR_BLOCK,
            self._video_block,
            len(self._ring.rows),
        )
        struct.pack_into("<I", sector, 0xF8, LOG_BLOCK)
        return bytes(sector)


def _half_way(main: Descriptor) -> int:
    """The end that a repair gave a recording: a whole second half way."""
    begin_ms, end_ms = main.begin_ms or 0, main.end_ms or 0
    return begin_ms + (end_ms - begin_ms) // 2000 * 1000


def _partition_table() -> bytes:
    """One entry: superblock in sectors at 20, start in sectors at 48; then the end mark. [A, B]"""
    entry = struct.pack("<20xI24xQ8x", SUPERBLOCK_BLOCK, PARTITION // 512)
    return entry + bytes.fromhex("AA55AA55")


def _video_block(settings: Dhfs, footages: Sequence[Footage]) -> int:
    """Where fragment 0 begins, in blocks of the partition: behind a table that surely suffices."""
    count = settings.fragments
    if count is None:
        size = settings.blocks_per_fragment * BLOCK
        stored = sum(
            int(footage.rows["size"].sum()) + len(footage.rows) * _FRAME_OVERHEAD
            for footage in footages
        )
        keys = sum(int(footage.rows["key"].sum()) for footage in footages)
        count = settings.reserved + 2 * (stored // size + 1) + keys + settings.spare
    table = -(-count * 32 // BLOCK)
    return max(LEAST_VIDEO_BLOCK, -(-(DESCRIPTOR_BLOCK + table) // 8) * 8)
