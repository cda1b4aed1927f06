"""Access copies: clips made of a master, at packing and again at verifying, here or in a worker.

`make` makes them; a `Crew` has them made beside the other work.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover import clips, clock
from vidrecover.clips import Borrowed, LeftOut, TickClock
from vidrecover.closing import Closing
from vidrecover.errors import ClipError, EvidenceError
from vidrecover.evidence import _onvif
from vidrecover.evidence._structure import digest
from vidrecover.evidence._tables import FrameFile
from vidrecover.evidence._values import ACCESS, PROXIES, STILLS, Derived, Loan, Look
from vidrecover.extents import merged
from vidrecover.model import Clip, Extent, Frames, Recording, Segment, TimeSpan
from vidrecover.source.mapped import MappedSource
from vidrecover.source.raw import RawSource
from vidrecover.workers import processes

Borrow = Callable[[Recording], Borrowed | None]

_WORTH = 64 << 20
"""Bytes; for less of them workers take longer to start than they save."""
_IN_FLIGHT = 4


class Task(NamedTuple):
    """Of what a recording's access copies are made: small, so that any executor can make them.

    recording: segments without rows, whose `id` says where in the file `frames` they stand;
    size: of the source; refused: what the device refused of it; labels: see `_onvif`; folder: a
    new one for the copies; decode: play them; stills: of each at most so many; proxy: of each. See
    `clips.write` for the rest.
    """

    recording: Recording
    frames: Path
    master: Path
    size: int
    ticks: TickClock
    span: TimeSpan | None
    loan: Loan | None
    refused: tuple[Extent, ...]
    labels: _onvif.Labels
    folder: Path
    decode: bool
    stills: int = 0
    proxy: bool = False


class Copy(NamedTuple):
    """A finished access copy: as it was made, as a decoder judged it, and its file's bytes.

    derived: stills and a proxy, their files as paths from the task's folder; underived: why not.
    """

    clip: Clip
    graded: Clip
    size: int
    sha256: str
    derived: tuple[Derived, ...] = ()
    underived: str | None = None


def make(task: Task) -> list[Copy | LeftOut]:
    """Writes the access copies, every byte read from the master; raises EvidenceError."""
    try:
        with FrameFile(task.frames) as frames:
            rows = _InMaster(task, frames)
            with MappedSource(RawSource(str(task.master)), rows.refused) as master:
                made = clips.write(
                    [task.recording],
                    master,
                    rows.unpack,
                    task.folder,
                    clocks={task.recording.format: task.ticks},
                    span=task.span,
                    borrow=_lend(task.loan),
                    listed=False,
                )
                return [_finished(task, one) for one in made]
    except ClipError as error:
        raise EvidenceError(str(error)) from error
    except OSError as error:
        raise EvidenceError(
            f"{task.folder} cannot be written ({error.strerror}): make room"
        ) from error


def _finished(task: Task, one: Clip | LeftOut) -> Copy | LeftOut:
    if isinstance(one, LeftOut):
        return one
    path = task.folder / one.file
    if path.suffix == ".mp4":
        _onvif.add(path, task.labels, one.from_ms)
    graded = clips.grade(one, task.folder) if task.decode else one
    copy = Copy(one, graded, path.stat().st_size, digest(path))
    return _derived(task, copy) if task.stills or task.proxy else copy


def _derived(task: Task, copy: Copy) -> Copy:
    """The copy with its stills and its proxy."""
    folder = task.folder / f"derived of {copy.clip.file}"
    folder.mkdir()
    proxy = folder / "proxy.mp4" if task.proxy else None
    path = task.folder / copy.clip.file
    shown = clips.derive(copy.clip, path, folder, stills=task.stills, proxy=proxy)
    found = [(Look.STILL, folder / one.file, one.at_ms, 1) for one in shown.pictures]
    if proxy is not None and shown.frames:
        found.append((Look.PROXY, proxy, 0, shown.frames))
    start = copy.clip.from_ms
    derived = [
        Derived(
            file=str(file.relative_to(task.folder)),
            kind=kind,
            size=file.stat().st_size,
            sha256=digest(file),
            at=None if start is None or kind is Look.PROXY else clock.iso(start + at_ms),
            at_ms=at_ms,
            pictures=pictures,
        )
        for kind, file, at_ms, pictures in found
    ]
    return copy._replace(derived=tuple(derived), underived=shown.failed)


class _InMaster:
    """A recording's rows with the places of their bytes in the master instead of on the source.

    refused: what the device refused, by its place in the master. A row that is not wanted, or
    that goes beyond the end of the source, has a place beyond the end of the master.
    """

    def __init__(self, task: Task, frames: FrameFile) -> None:
        self._frames, self._limit = frames, task.size
        self._starts: dict[int | None, int] = {}
        self._kept: dict[int | None, bytes] = {}
        bad, position, refused = merged(task.refused), 0, list[Extent]()
        found = clips.chosen(task.recording, frames.unpack, task.ticks, task.span)
        for segment, one in zip(task.recording.segments, found, strict=True):
            self._starts[segment.id] = position
            if not one.kept.all():
                self._kept[segment.id] = np.packbits(one.kept).tobytes()
            for row in bad:
                refused += self._hit(one.rows[one.kept], position, row)
            position += int(self._sizes(one.rows)[one.kept].sum())
        self.refused = tuple(merged(refused))

    def _sizes(self, rows: Frames) -> npt.NDArray[np.int64]:
        """Bytes of each row that are in the master."""
        start = np.minimum(rows["offset"], self._limit)
        behind = np.minimum(start + rows["size"], self._limit)
        sizes: npt.NDArray[np.int64] = (behind - start).astype(np.int64)
        return sizes

    def _hit(self, rows: Frames, position: int, bad: Extent) -> Iterator[Extent]:
        """Places in the master of a refused extent."""
        offsets, sizes = rows["offset"].astype(np.int64), self._sizes(rows)
        places = position + np.cumsum(sizes) - sizes - offsets
        for one in np.flatnonzero((offsets < bad.end) & (offsets + sizes > bad.start)).tolist():
            first, size, moved = int(offsets[one]), int(sizes[one]), int(places[one])
            yield Extent(max(first, bad.start) + moved, min(first + size, bad.end) + moved)

    def unpack(self, segment: Segment) -> Frames:
        """See `clips.Unpack`."""
        rows = self._frames.unpack(segment)
        sizes, packed = self._sizes(rows), self._kept.get(segment.id)
        whole = sizes == rows["size"]
        if packed is not None:
            kept = np.unpackbits(np.frombuffer(packed, np.uint8), count=len(rows)).astype(bool)
            sizes[~kept] = 0
            whole &= kept
        places = self._starts[segment.id] + np.cumsum(sizes) - sizes
        rows["offset"] = np.where(whole, places, np.int64(1) << 62)
        return rows


def lent(borrow: Borrow | None, recording: Recording) -> Loan | None:
    """The parameter sets at hand for a recording, so that its copies can be made again."""
    found = borrow(recording) if borrow is not None else None
    if found is None:
        return None
    return Loan(**found._asdict() | {"units": found.units.hex()})


def _lend(loan: Loan | None) -> Borrow | None:
    """The same parameter sets again."""
    if loan is None:
        return None
    found = Borrowed(**msgspec.structs.asdict(loan) | {"units": bytes.fromhex(loan.units)})
    return lambda _: found


def file_name(clip: str, number: int, suffix: str) -> str:
    """Path of an access copy in the package; number: from 0, of the clip's copies."""
    more = f"-{number + 1}" if number else ""
    return f"{ACCESS}/{clip}__ACCESS{more}{suffix}"


def derived_name(access: str, one: Derived) -> str:
    """Path in the package of what is derived of an access copy; stills sort by time."""
    stem = PurePosixPath(access).stem
    if one.kind is Look.PROXY:
        return f"{PROXIES}/{stem}__PROXY_NOT_EVIDENCE.mp4"
    return f"{STILLS}/{stem}__STILL_{one.at_ms:010d}.jpg"


def recording_of(segments: Sequence[Segment]) -> Recording:
    """The recording of stored segments, at least one, as it was when it was packed."""
    first = segments[0]
    return Recording(
        channel=first.channel,
        stream=first.stream,
        format=first.format,
        codec=first.codec,
        start_ms=first.start_ms,
        end_ms=max((one.end_ms for one in segments if one.end_ms is not None), default=None),
        segments=tuple(segments),
        label=first.label,
    )


Copies = list[Copy | LeftOut]


class Crew(Closing):
    """Runs tasks; a context manager that leaves none behind.

    most: tasks that may wait; executor: None where everything is done in this process.
    """

    def __init__(self, executor: Executor | None) -> None:
        self.executor = executor
        self._flying: list[Future[Copies]] = []
        self.most = 0 if executor is None else _IN_FLIGHT

    def run(self, task: Task) -> Callable[[], Copies]:
        """Begins a task; what is returned waits for its result."""
        if self.executor is None:
            return partial(make, task)
        self._flying = [one for one in self._flying if not one.done()]
        future = self.executor.submit(make, task)
        self._flying.append(future)
        return future.result

    def close(self) -> None:
        """Leave undone what nobody waits for any more."""
        for one in self._flying:
            one.cancel()
        wait(self._flying)


@contextmanager
def crew_of(jobs: int, size: int) -> Iterator[Crew]:
    """A crew of so many processes, or of this one where so many bytes are not worth them."""
    if jobs == 1 or size < _WORTH:
        yield Crew(None)
        return
    with processes(jobs) as executor, Crew(executor) as crew:
        yield crew
