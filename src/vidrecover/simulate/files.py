"""Footage in files of a file system: one file a camera and period, written at once or in turn."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from vidrecover.simulate import dhav, hx, image, xm
from vidrecover.simulate.disk import Disk, Written, joined
from vidrecover.simulate.exfat import ExFat
from vidrecover.simulate.ext4 import Ext4
from vidrecover.simulate.fat import Fat32
from vidrecover.simulate.footage import Footage, Frame, play
from vidrecover.simulate.heap import File, Heap
from vidrecover.simulate.image import Chunk, by_camera, by_part
from vidrecover.simulate.ntfs import Ntfs
from vidrecover.simulate.scenario import Scenario
from vidrecover.simulate.settings import Files, Hx, Xm
from vidrecover.simulate.times import iso
from vidrecover.simulate.truth import WITHOUT_CHANNEL


class _Volume(Protocol):
    """A volume under construction. size: bytes; heap: its clusters and files."""

    size: int

    @property
    def heap(self) -> Heap: ...

    def close(self) -> int: ...


@runtime_checkable
class _Harmed(_Volume, Protocol):
    """One that knows the faults."""

    def format(self) -> None: ...
    def zero_tables(self) -> None: ...
    def destroy_start(self) -> None: ...


class _Maker(Protocol):
    def __call__(self, disk: Disk, path: Path, cluster: int, room: int) -> _Volume: ...


_SYSTEMS: dict[str, _Maker] = {"fat32": Fat32, "exfat": ExFat, "ext4": Ext4, "ntfs": Ntfs}


class _Laid(NamedTuple):
    """A frame, or a part of one, in its file. start, end: bytes of the file; payload: half-open
    ranges of coded bytes behind `start`."""

    shot: Frame
    file: File
    start: int
    end: int
    payload: Sequence[tuple[int, int]]


class _Recording(NamedTuple):
    """The file of one camera and period before it is laid."""

    camera: int
    part: tuple[int, int]
    start_ms: int
    end_ms: int
    chunks: list[Chunk]
    stream: str


def write(disk: Disk, scenario: Scenario, footages: Sequence[Footage]) -> Written:
    """Make the volume, fill it, and apply the faults; the frames know where they are."""
    settings = scenario.files or Files()
    room = sum(int(footage.rows["size"].sum()) + 64 * len(footage.rows) for footage in footages)
    volume = _SYSTEMS[settings.system](disk, disk.path, settings.cluster, room)
    laid: list[_Laid] = []
    newest = max((max(f.rows["time_ms"], default=0) for f in footages), default=0)
    for recordings in _parts(scenario, play(footages, settings.period_s)):
        _lay(volume, settings, recordings, laid, newest)
    if settings.full and isinstance(volume, Fat32):
        volume.fill(int(newest))
    used = volume.close()
    shots = _placed(volume.heap, laid)
    if isinstance(volume, _Harmed):
        _harm(volume, settings.fault)
    for shot in shots:
        shot.pieces, shot.whole = joined(shot.pieces), joined(shot.whole)
        shot.indexed = shot.indexed and settings.fault in ("none", "start_destroyed")
    is_named = settings.names != "plain" and settings.fault in ("none", "start_destroyed")
    footage = volume.heap.start, used
    if settings.system == "ext4" and scenario.layout in WITHOUT_CHANNEL:
        # the name of a file that was deleted there leads to no bytes any more
        return Written(volume.size, shots, footage, frozenset(settings.deleted), is_named)
    return Written(volume.size, shots, footage, named=is_named)


def _harm(volume: _Harmed, fault: str) -> None:
    if fault == "tables_zeroed":
        volume.zero_tables()
    elif fault == "formatted":
        volume.format()
    elif fault == "start_destroyed":
        volume.destroy_start()


def _parts(scenario: Scenario, shots: Iterator[tuple[Frame, bytes]]) -> Iterator[list[_Recording]]:
    counters = dhav.Counters(scenario.seed)
    uptime_ms = int(np.random.default_rng([scenario.seed, 6]).integers(20_000, 90_000))
    for part in by_part(shots):
        found = []
        for frames in by_camera(part):
            chunks = list(_chunks(scenario, frames, counters, uptime_ms))
            first, last = frames[0][0], frames[-1][0]
            found.append(
                _Recording(
                    first.camera.number,
                    first.part,
                    first.time_ms,
                    last.time_ms,
                    chunks,
                    first.camera.stream,
                )
            )
        yield found


def _chunks(
    scenario: Scenario,
    frames: list[tuple[Frame, bytes]],
    counters: dhav.Counters,
    uptime_ms: int,
) -> Iterator[Chunk]:
    if scenario.layout == "xm":
        yield from xm.chunks(frames, information=(scenario.xm or Xm()).information)
    elif scenario.layout == "hx":
        yield from hx.chunks(frames, closed=(scenario.hx or Hx()).closed, uptime_ms=uptime_ms)
    else:
        for shot, payload in frames:
            data, (start, end) = dhav.framed(shot, payload, counters)
            yield image.whole(data, shot, start, end)


def _lay(
    volume: _Volume,
    settings: Files,
    recordings: list[_Recording],
    laid: list[_Laid],
    newest_ms: int,
) -> None:
    """The recordings of one period: frame by frame in the order of time, or file by file."""
    files: list[File] = []
    for one in recordings:
        file = volume.heap.file(_name(settings.names, one), one.end_ms)
        file.is_deleted = one.camera in settings.deleted
        file.is_unclosed = settings.power_cut and one.end_ms + 1000 * settings.period_s > newest_ms
        files.append(file)
    queue = []
    for place, one in enumerate(recordings):
        time_ms = one.start_ms
        for order, chunk in enumerate(one.chunks):
            time_ms = chunk.shot.time_ms if chunk.shot is not None else time_ms
            queue.append((time_ms if settings.interleaved else 0, place, order, chunk))
    for _, place, _, chunk in sorted(queue, key=lambda item: item[:3]):
        file = files[place]
        start = file.size
        volume.heap.append(file, chunk.data)
        if chunk.shot is not None:
            laid.append(_Laid(chunk.shot, file, start, file.size, chunk.payload))


def _placed(heap: Heap, laid: list[_Laid]) -> list[Frame]:
    """The frames in the order they were made; they know where they are."""
    shots: list[Frame] = []
    for shot, file, start, end, payload in laid:
        if not shot.whole:
            shots.append(shot)
            shot.state = "on_disk"
            shot.indexed = not file.is_deleted and not file.is_unclosed
        shot.whole += heap.ranges(file, start, end)
        for low, high in payload:
            shot.pieces += heap.ranges(file, start + low, start + high)
    return shots


def _name(scheme: str, one: _Recording) -> str:
    """The path of a file; `tme`: cameras count from 0, the length in seconds stands behind the
    start. [A: mdvr-vendors.md section 3.1]"""
    digits = "".join(c for c in iso(one.start_ms)[:19] if c.isdigit())
    if scheme == "tme":
        lasting = max(round((one.end_ms - one.start_ms) / 1000), 1)
        channel = f"CH{one.camera - 1:02}"
        return f"/_van17_/{digits[:8]}/{channel}/{channel}_{digits}_{lasting}_N_van17.264"
    if scheme == "blackvue":
        return f"/BlackVue/Record/{digits[:8]}_{digits[8:]}_N{'FRIO'[one.camera - 1]}.mp4"
    if scheme == "nextbase":  # [A: dashcam-naming.md]
        lens, stream = "FR"[one.camera - 1], {"main": "H", "sub": "L"}[one.stream]
        return f"/DCIM/{digits[2:8]}_{digits[8:]}_{one.part[1]:03}_{lens}{stream}.mp4"
    return f"/REC/{one.part[0]:02}{one.part[1]:04}{one.camera:02}.DAT"
