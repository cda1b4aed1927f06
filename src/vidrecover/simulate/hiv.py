"""Hikvision's file layout on FAT32, written from hikvision-fs.md section 9; little-endian.

Files of one size are made once; each holds one camera's program stream at a time and is written
anew when the ring comes round. `index00.bin` tells what is in them.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vidrecover.errors import ScenarioError
from vidrecover.simulate import ps
from vidrecover.simulate.disk import Disk, Written, joined
from vidrecover.simulate.fat import Fat32
from vidrecover.simulate.footage import Footage, Frame, play
from vidrecover.simulate.scenario import Scenario
from vidrecover.simulate.settings import Hiv, Imkh

_MUX = Imkh(header=False)
_HEAD, _SEGMENTS = 1280, 256
_UNUSED = 0xFFFF
_LIE_MS = 3_600_000


@dataclass(slots=True)
class _Entry:
    """A segment record; generation: which round of its file."""

    file: int
    generation: int
    start_ms: int
    end_ms: int
    first: int
    last: int
    is_open: bool = False


@dataclass(slots=True)
class _File:
    """A file of the ring. ranges: where it lies; reach: per round how far it was written."""

    ranges: list[tuple[int, int]] = field(default_factory=list)
    owner: int | None = None
    busy: bool = False
    reach: list[int] = field(default_factory=list)
    entries: list[_Entry] = field(default_factory=list)

    def places(self, start: int, end: int) -> list[tuple[int, int]]:
        """Where the file's bytes [start, end) lie."""
        found, at = [], 0
        for low, high in self.ranges:
            first, last = max(start, at), min(end, at + high - low)
            if first < last:
                found.append((low + first - at, low + last - at))
            at += high - low
        return found


def write(disk: Disk, scenario: Scenario, footages: Sequence[Footage]) -> Written:
    """Make the volume and its files, fill them, write the index with its faults."""
    writer = _Writer(disk, scenario, scenario.hiv or Hiv(), footages)
    for shot, payload in play(footages, writer.settings.period_s):
        writer.add(shot, payload)
    return writer.finish(footages)


class _Writer:
    """Writes frames into the files as they come."""

    def __init__(
        self, disk: Disk, scenario: Scenario, settings: Hiv, footages: Sequence[Footage]
    ) -> None:
        self.settings, self._scenario, self._disk = settings, scenario, disk
        self._size = settings.file_kib << 10
        room = sum(int(one.rows["size"].sum()) + 400 * len(one.rows) for one in footages)
        count = settings.files or room // self._size + 2 * len(footages) + settings.spare
        self._volume = Fat32(disk, disk.path, settings.cluster, count * self._size + (1 << 20))
        self._files = [_File() for _ in range(count)]
        self._make()
        self._at = -1
        self._clock = ps.Clock(int(np.random.default_rng([scenario.seed, 6]).integers(1 << 33)))
        self._writing: dict[int, int] = {}
        self._parts: dict[int, tuple[int, int]] = {}
        self._counts: dict[int, int] = {}
        self._laid: list[tuple[Frame, _Entry, int, int]] = []

    def _make(self) -> None:
        """All files, zeros in them; in turn, cluster by cluster, where they are fragmented."""
        start_ms = self._scenario.span.start_ms
        files = [
            self._volume.heap.file(f"/datadir0/hiv{number:05}.mp4", start_ms)
            for number in range(len(self._files))
        ]
        step = self.settings.cluster * 16 if self.settings.fragmented else self._size
        for _ in range(0, self._size, step):
            for file, own in zip(files, self._files, strict=True):
                own.ranges = joined([*own.ranges, *self._volume.heap.append(file, bytes(step))])

    def add(self, shot: Frame, payload: bytes) -> None:
        """Append a frame to its camera's file; a new record begins with each part, a new file
        with a key picture where a group might not fit any more."""
        number = shot.camera.number
        count = self._counts[number] = self._counts.get(number, -1) + 1
        chunks = list(ps.imkh_chunks([(shot, payload)], _MUX, self._clock, count))
        size = sum(len(chunk.data) for chunk in chunks)
        place = self._writing.get(number)
        room = size * (3 if shot.key else 1)
        if place is None or self._files[place].reach[-1] + room > self._size:
            if place is not None:
                self._files[place].busy = False
            place = self._taken(number)
            self._parts.pop(number, None)
        self._writing[number] = place
        file = self._files[place]
        at = file.reach[-1]
        if self._parts.get(number) != shot.part:
            self._parts[number] = shot.part
            generation = len(file.reach) - 1
            file.entries.append(_Entry(place, generation, shot.time_ms, shot.time_ms, at, at))
        entry = file.entries[-1]
        start = at
        for chunk in chunks:
            ranges = file.places(at, at + len(chunk.data))
            done = 0
            for low, high in ranges:
                self._disk.write(low, chunk.data[done : done + high - low])
                done += high - low
            for first, last in chunk.payload:
                shot.pieces += file.places(at + first, at + last)
            if chunk.shot is not None:
                shot.whole += ranges
            at += len(chunk.data)
        file.reach[-1] = entry.last = at
        entry.end_ms = shot.time_ms
        self._laid.append((shot, entry, start, at))

    def _taken(self, number: int) -> int:
        self._at = (self._at + 1) % len(self._files)
        file = self._files[self._at]
        if file.busy:
            raise ScenarioError(
                f"key `hiv.files`: {len(self._files)} files are too few: they come round to one"
                f" that camera {file.owner} is still writing"
            )
        file.owner, file.busy, file.entries = number, True, []
        file.reach.append(0)
        return self._at

    def finish(self, footages: Sequence[Footage]) -> Written:
        """Write the index, and settle what became of whom."""
        if self.settings.power_cut:
            for place in self._writing.values():
                self._files[place].entries[-1].is_open = True
        self._write_index()
        used = self._volume.close()
        lies = self.settings.index == "lying"
        for shot, entry, start, _ in self._laid:
            file = self._files[entry.file]
            whole = all(start >= reach for reach in file.reach[entry.generation + 1 :])
            shot.pieces, shot.whole = joined(shot.pieces), joined(shot.whole)
            shot.state = "on_disk" if whole else "overwritten"
            shot.indexed = (
                whole
                and entry in file.entries
                and not entry.is_open
                and self.settings.index in ("intact", "lying")
                and not (lies and shot.camera.number == 2)
            )
        nameless = {2} if lies else set[int]()
        if self.settings.index in ("lost", "torn"):
            nameless = {one.camera.number for one in footages}
        shots = [shot for shot, _, _, _ in self._laid]
        return Written(
            self._volume.size, shots, (self._volume.heap.start, used), frozenset(nameless)
        )

    def _write_index(self) -> None:
        if self.settings.index == "lost":
            return
        data = bytearray(_HEAD)
        struct.pack_into("<QIIII", data, 0, 1, 1, len(self._files), max(self._at, 0), 0)
        for number, file in enumerate(self._files):
            data += self._record(number, file)
        for file in self._files:
            rows = [self._segment(one) for one in file.entries[-_SEGMENTS:]]
            data += b"".join(rows).ljust(_SEGMENTS * 80, b"\0")
        if self.settings.index == "torn":
            del data[-50_000:]
        index = self._volume.heap.file("/datadir0/index00.bin", self._scenario.span.end_ms)
        self._volume.heap.append(index, bytes(data))

    def _record(self, number: int, file: _File) -> bytes:
        """32 bytes: number, channel, count of segments, start, end, status, ..."""
        if file.owner is None or not file.entries:
            return struct.pack("<IHH24x", number, _UNUSED, 0)
        first, last = file.entries[0], file.entries[-1]
        times = (self._seconds(first), 0x7FFFFFFF if last.is_open else self._seconds(last, True))
        return struct.pack("<IHHII16x", number, file.owner, len(file.entries), *times)

    def _segment(self, one: _Entry) -> bytes:
        """80 bytes: type, status, start, end, first key frame, offsets in the file."""
        start, end = self._seconds(one), self._seconds(one, True)
        last = one.last
        if one.is_open:
            end, last = 0x7FFFFFFF, 0
        row = struct.pack("<BBHIQQQII", 1, 0, 0, 0, start, end, start, start, end & 0xFFFFFFFF)
        return row + struct.pack("<II32x", one.first, last)

    def _seconds(self, one: _Entry, is_end: bool = False) -> int:
        time_ms = one.end_ms if is_end else one.start_ms
        if self.settings.index == "lying" and self._files[one.file].owner == 2:
            time_ms += _LIE_MS
        return time_ms // 1000 - self.settings.zone_minutes * 60
