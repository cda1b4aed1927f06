"""Footage: the coded pictures and sound of every camera, made in parallel, kept in spool files.

A camera's frames are columns (`FOOTAGE_DTYPE`), their bytes lie in its spool file one after the
other. `play` yields all frames of all cameras in the order in which a recorder gets them.
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.simulate import sound
from vidrecover.simulate.cipher import enciphered
from vidrecover.simulate.encoding import access_units
from vidrecover.simulate.pictures import Scene
from vidrecover.simulate.plan import Camera, Stretch

VIDEO, AUDIO = 0, 1

FOOTAGE_DTYPE = np.dtype(
    [
        ("time_ms", "<i8"),
        ("media", "u1"),  # VIDEO or AUDIO
        ("key", "?"),
        ("card", "?"),  # the recorder's video-loss card
        ("run", "<u2"),  # boots of the recorder, from 0
        ("stretch", "<u2"),  # place among the camera's stretches
        ("offset", "<i8"),  # in the spool file
        ("size", "<u4"),
        ("sha256", "S64"),
    ]
)


class Job(NamedTuple):
    """One camera to be filmed; small and picklable."""

    camera: Camera
    seed: int
    spool: str


class Footage(NamedTuple):
    """One camera's frames, ordered by time."""

    camera: Camera
    rows: npt.NDArray[Any]
    spool: str


@dataclass(slots=True)
class Frame:
    """One frame on its way to the disk, and what becomes of it.

    time_ms: by the recorder's clock; true_ms: as it was, None for the same; boot_ms: when the
    recorder's run began; part: counts the recordings of the camera: (run, period); sequence: as
    written, None where the layout has none. pieces, whole: half-open byte ranges on the disk, of
    the payload and of the frame with its headers, in order. state: on_disk, overwritten,
    unreadable, never_written (not all of it). indexed: the recorder's index still leads to it.
    """

    camera: Camera
    media: str
    codec: str
    key: bool
    card: bool
    time_ms: int
    run: int
    boot_ms: int
    part: tuple[int, int]
    size: int
    sha256: str
    sequence: int | None = None
    pieces: list[tuple[int, int]] = field(default_factory=list)
    whole: list[tuple[int, int]] = field(default_factory=list)
    state: str = "on_disk"
    indexed: bool = False
    true_ms: int | None = None

    @property
    def tick_base_ms(self) -> int:
        """The true time, which counters follow whatever the clock is set to."""
        return self.time_ms if self.true_ms is None else self.true_ms

    @property
    def hidden(self) -> bool:
        """Whether its coded picture is enciphered, see `Camera.encrypted`."""
        spans = self.camera.encrypted
        return any(span.start_ms <= self.time_ms < span.end_ms for span in spans)


def film(job: Job) -> npt.NDArray[Any]:
    """Encode one camera into its spool file; its rows, ordered by time."""
    rows: list[tuple[Any, ...]] = []
    with Path(job.spool).open("xb") as spool:
        for place, stretch in enumerate(job.camera.stretches):
            times = job.camera.times(stretch)
            if times:
                rows += _pictures(job, place, times, spool)
                rows += _sounds(job.camera, place, times[0], spool)
    table = np.array(rows, dtype=FOOTAGE_DTYPE)
    return table[np.argsort(table["time_ms"], kind="stable")]


def film_all(
    cameras: Sequence[Camera], seed: int, folder: Path, executor: Executor | None
) -> Iterator[Footage]:
    """The footage of every camera, in order; without an executor one after the other, here."""
    jobs = [Job(camera, seed, str(folder / f"camera{camera.number}")) for camera in cameras]
    tables = map(film, jobs) if executor is None else executor.map(film, jobs)
    for job, rows in zip(jobs, tables, strict=True):
        yield Footage(job.camera, rows, job.spool)


def play(footages: Sequence[Footage], period_s: float) -> Iterator[tuple[Frame, bytes]]:
    """All frames with their payload, in time order, cameras in order within a millisecond.

    A new part of a camera begins with its first key picture of each run and period.
    """
    period_ms = round(period_s * 1000)
    times = np.concatenate([footage.rows["time_ms"] for footage in footages])
    owner = np.repeat(np.arange(len(footages)), [len(footage.rows) for footage in footages])
    inside = np.concatenate([np.arange(len(footage.rows)) for footage in footages])
    order = np.lexsort((inside, owner, times))
    parts: dict[int, tuple[int, int]] = {}
    with ExitStack() as stack:
        spools = [stack.enter_context(Path(footage.spool).open("rb")) for footage in footages]
        for who, number in zip(owner[order].tolist(), inside[order].tolist(), strict=True):
            camera, row = footages[who].camera, footages[who].rows[number].item()
            time_ms, media, key, _card, run, _stretch, offset, size, _digest = row
            if media == VIDEO and key:
                parts[who] = (run, (time_ms - _boot(camera, run)) // period_ms)
            spools[who].seek(offset)
            yield _frame(camera, row, parts[who]), spools[who].read(size)


def watermark_shot(beside: Frame, payload: bytes) -> tuple[Frame, bytes]:
    """A data frame of the same camera and time, with its payload."""
    shot = Frame(
        camera=beside.camera,
        media="data",
        codec="none",
        key=False,
        card=False,
        time_ms=beside.time_ms,
        true_ms=beside.true_ms,
        run=beside.run,
        boot_ms=beside.boot_ms,
        part=beside.part,
        size=len(payload),
        sha256=hashlib.sha256(payload).hexdigest(),
    )
    return shot, payload


def _frame(camera: Camera, row: tuple[Any, ...], part: tuple[int, int]) -> Frame:
    time_ms, media, key, card, run, stretch, _offset, size, digest = row
    video = media == VIDEO
    boot_ms = _boot(camera, run)
    camera = camera.during(camera.stretches[stretch])
    return Frame(
        camera=camera,
        media="video" if video else "audio",
        codec=camera.codec if video else camera.audio,
        key=key,
        card=card,
        time_ms=camera.clock_ms(time_ms),
        true_ms=time_ms,
        run=run,
        boot_ms=boot_ms,
        part=part,
        size=size,
        sha256=digest.decode(),
    )


def _boot(camera: Camera, run: int) -> int:
    return next(stretch.boot_ms for stretch in camera.stretches if stretch.run == run)


def _pictures(job: Job, place: int, times: list[int], spool: BinaryIO) -> Iterator[tuple[Any, ...]]:
    stretch = job.camera.stretches[place]
    camera = job.camera.during(stretch)
    scene = Scene(
        width=camera.width,
        height=camera.height,
        number=camera.number,
        seed=job.seed,
        card=stretch.card,
        camera=camera,
    )
    units = access_units(camera, scene, times)
    for time_ms, unit in zip(times, units, strict=True):
        data = unit.data
        if any(span.start_ms <= time_ms < span.end_ms for span in camera.encrypted):
            key = f"{job.seed} {camera.number}".encode()
            data = enciphered(data, camera.codec, camera.cipher, key)
        yield _row(time_ms, VIDEO, unit.key, (place, stretch), data, spool)


def _sounds(
    camera: Camera, place: int, first_ms: int, spool: BinaryIO
) -> Iterator[tuple[Any, ...]]:
    """Audio frames from just after the first picture to the end of the stretch."""
    stretch = camera.stretches[place]
    if camera.audio == "none":
        return
    times = range(first_ms + 5, stretch.span.end_ms, camera.audio_ms)
    for time_ms, data in zip(times, islice(sound.frames(camera), len(times)), strict=True):
        yield _row(time_ms, AUDIO, False, (place, stretch), data, spool)


def _row(
    time_ms: int,
    media: int,
    key: bool,
    placed: tuple[int, Stretch],
    data: bytes,
    spool: BinaryIO,
) -> tuple[Any, ...]:
    place, stretch = placed
    offset = spool.tell()
    spool.write(data)
    digest = hashlib.sha256(data).hexdigest().encode()
    return time_ms, media, key, stretch.card, stretch.run, place, offset, len(data), digest
