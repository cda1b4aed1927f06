"""A TME vehicle recorder's disk: FAT32 with a folder for each day and camera, and a log.

Names and side files from tme-mdvr.md sections 2, 3, 6 and 7.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vidrecover.simulate import ps, tme
from vidrecover.simulate.disk import Disk, Written, joined
from vidrecover.simulate.fat import Fat32
from vidrecover.simulate.footage import Footage, Frame, play
from vidrecover.simulate.heap import File
from vidrecover.simulate.image import Chunk, by_camera, by_part
from vidrecover.simulate.plan import boots
from vidrecover.simulate.scenario import Scenario
from vidrecover.simulate.settings import Tme
from vidrecover.simulate.times import Span, iso


class _Recording(NamedTuple):
    """The file of one camera and period."""

    camera: int
    start_ms: int
    end_ms: int
    chunks: list[Chunk]
    is_open: bool


def write(disk: Disk, scenario: Scenario, footages: Sequence[Footage]) -> Written:
    """Make the volume and fill it; the frames know where they are and what became of them."""
    settings = scenario.tme or Tme()
    room = sum(int(one.rows["size"].sum()) + 256 * len(one.rows) for one in footages)
    volume = Fat32(disk, disk.path, settings.cluster, room + (16 << 20))
    newest_ms = max((int(max(f.rows["time_ms"], default=0)) for f in footages), default=0)
    shots: list[Frame] = []
    older: dict[int, bytes] = {}
    for part in _parts(scenario, settings, footages, newest_ms):
        for one in part:
            older.setdefault(one.camera, b"".join(c.data for c in one.chunks[:40])[: tme.TAIL])
        _lay(volume, settings, part, shots, older)
    if settings.log:
        lines = list(_lines(scenario, footages))
        name = f"/smartlog/{iso(scenario.span.start_ms)[:10].replace('-', '')}_dvrlog.txt"
        volume.heap.append(volume.heap.file(name, newest_ms), tme.log(lines))
    used = volume.close()
    for shot in shots:
        shot.pieces, shot.whole = joined(shot.pieces), joined(shot.whole)
    return Written(volume.size, shots, (volume.heap.start, used))


def _parts(
    scenario: Scenario, settings: Tme, footages: Sequence[Footage], newest_ms: int
) -> Iterator[list[_Recording]]:
    ticks = ps.Clock(int(np.random.default_rng([scenario.seed, 6]).integers(1 << 33)))
    serials: dict[int, int] = {}
    for part in by_part(play(footages, settings.period_s)):
        found = []
        for frames in by_camera(part):
            first, last = frames[0][0], frames[-1][0]
            number = first.camera.number
            serial = serials.get(number, 0)
            serials[number] = serial + len(frames)
            is_last = last.time_ms + 1000 * settings.period_s > newest_ms
            chunks = list(tme.chunks(frames, settings, ticks, serial))
            found.append(
                _Recording(
                    number, first.time_ms, last.time_ms, chunks, settings.power_cut and is_last
                )
            )
        yield found


def _lay(
    volume: Fat32,
    settings: Tme,
    part: Sequence[_Recording],
    shots: list[Frame],
    older: dict[int, bytes],
) -> None:
    """The recordings of one period, at once or one after the other, then their indexes."""
    files = [_file(volume, settings, one) for one in part]
    queue = []
    for place, one in enumerate(part):
        time_ms = one.start_ms
        for order, chunk in enumerate(one.chunks):
            time_ms = chunk.shot.time_ms if chunk.shot is not None else time_ms
            queue.append((time_ms if settings.interleaved else 0, place, order, chunk))
    keys: list[list[tuple[int, int]]] = [[] for _ in part]
    for _, place, _, chunk in sorted(queue, key=lambda item: item[:3]):
        shot = chunk.shot
        if shot is not None and shot.key and not shot.whole:
            keys[place].append((shot.time_ms - part[place].start_ms, files[place].size))
        _put(volume, files[place], chunk, shots, is_open=part[place].is_open)
    for one, file, own in zip(part, files, keys, strict=True):
        if one.is_open:
            behind = older[one.camera] if settings.tail == "older" else b""
            volume.heap.append(file, behind.ljust(tme.TAIL, b"\0"))
        if one.camera in settings.without_keys:
            continue
        index = volume.heap.file(f"{file.path.rpartition('.')[0]}.k", one.end_ms)
        index.is_deleted = file.is_deleted and not settings.keys_kept
        volume.heap.append(index, tme.keys(own[:1] if one.is_open else own))


def _file(volume: Fat32, settings: Tme, one: _Recording) -> File:
    digits = "".join(c for c in iso(one.start_ms)[:19] if c.isdigit())
    lasting = 0 if one.is_open else max(round((one.end_ms - one.start_ms) / 1000), 1)
    file = volume.heap.file(tme.name(one.camera, digits, lasting, settings.ending), one.end_ms)
    file.is_deleted = one.camera in settings.deleted
    return file


def _put(volume: Fat32, file: File, chunk: Chunk, shots: list[Frame], *, is_open: bool) -> None:
    ranges = volume.heap.append(file, chunk.data)
    shot = chunk.shot
    if shot is None:
        return
    if not shot.whole:
        shots.append(shot)
        shot.state = "on_disk"
        shot.indexed = not file.is_deleted and not is_open
    shot.whole += ranges
    at = 0
    for start, end in ranges:
        for low, high in chunk.payload:
            first, last = max(low, at), min(high, at + end - start)
            if first < last:
                shot.pieces.append((start + first - at, start + last - at))
        at += end - start


_NOTED = {
    "disk_error": "Disk writing error detect, rescan disks.",
    "repaired": "File repaired. CH01",
    "running": "Detected hard drive: sda",
}
"""[B: section 6]"""


def _lines(scenario: Scenario, footages: Sequence[Footage]) -> Iterator[tuple[int, str]]:
    """What the recorder notes of power and cameras. [B: section 6]"""
    enabled = len([one for one in footages if len(one.rows)])
    for span in boots(scenario):
        yield span.start_ms, "Start DVR."
        yield (
            span.start_ms,
            f"Total {len(footages)} cameras initialized, {enabled} cameras enabled.",
        )
        if span.end_ms < scenario.span.end_ms:
            yield span.end_ms, "Quit DVR."
    for time_ms, word in scenario.notes():
        yield time_ms, _NOTED[word]
    for one in footages:
        for stretch in one.camera.stretches:
            if stretch.card:
                yield from _lost(one.camera.number, stretch.span)
        for span in one.camera.silent:
            yield from _lost(one.camera.number, span)


def _lost(number: int, span: Span) -> Iterator[tuple[int, str]]:
    yield span.start_ms, f"Camera {number} video signal lost!"
    yield span.end_ms, f"Camera {number} video signal on."
