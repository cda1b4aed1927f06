"""One recording into the package: its master, the rows of the tables, its access copies."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from vidrecover import clips, clock, segments
from vidrecover.clips import LeftOut, TickClock, Unpack
from vidrecover.evidence import _copies, _masters, _onvif, _runs
from vidrecover.evidence._package import Hashed, Package
from vidrecover.evidence._tables import FragmentRows, frames_line
from vidrecover.evidence._values import (
    FRAMES,
    MASTERS,
    MOST_STILLS,
    AccessCopy,
    Asked,
    Derived,
    Exhibit,
    Missed,
    Order,
    Stored,
)
from vidrecover.model import (
    Clip,
    Codec,
    Frames,
    Progress,
    RecorderMs,
    Recording,
    Segment,
    Source,
    Stream,
    TimeSpan,
)


class Choice:
    """Rows of a recording within a span; `tables` once, then the rest holds."""

    def __init__(
        self, recording: Recording, unpack: Unpack, ticks: TickClock, span: TimeSpan | None
    ) -> None:
        self.recording, self.unpack, self.ticks, self.span = recording, unpack, ticks, span
        self.dated = any(one.start_ms is not None for one in recording.segments)
        self.seen = _runs.Count()
        self._first_ms: RecorderMs | None = None
        self._last_ms: RecorderMs | None = None

    def tables(self) -> Iterator[Frames]:
        """Once through all wanted rows."""
        for rows, times in clips.within(self.recording, self.unpack, self.ticks, self.span):
            low, high = int(times.min()), int(times.max())
            self._first_ms = low if self._first_ms is None else min(self._first_ms, low)
            self._last_ms = high if self._last_ms is None else max(self._last_ms, high)
            self.seen = self.seen.plus(_runs.counted(rows))
            yield rows

    def start(self) -> RecorderMs | None:
        """When its first row was recorded; None when no row is wanted."""
        found = clips.within(self.recording, self.unpack, self.ticks, self.span)
        return next((int(times[0]) for _, times in found), None)

    @property
    def begins(self) -> str | None:
        """Recorder time of the earliest row; None where nothing is dated."""
        return self.iso(self._first_ms)

    @property
    def ends(self) -> str | None:
        """Recorder time of the latest row; None where nothing is dated."""
        return self.iso(self._last_ms)

    def iso(self, time_ms: RecorderMs | None) -> str | None:
        """As it stands in the tables; None where nothing is dated."""
        return clock.iso(time_ms) if self.dated and time_ms is not None else None

    def name(self, names: clips.Names) -> tuple[str, str] | None:
        """Camera and file name of its master, the next one free; None when no row is wanted."""
        start = self.start()
        if start is None:
            return None
        one = self.recording
        camera = names.camera(one.channel, one.label)
        return camera, names.clip(camera, one.stream, start if self.dated else None, one.format)


STREAMS = {Stream.UNKNOWN: None, Stream.MAIN: "main", Stream.SUB: "sub"}


class Job(NamedTuple):
    """What all recordings of a package share. masters: where they go in a content-free package,
    which tells of them; a folder of this computer, so that no trace of them gets onto the disk
    that is handed over. run: makes access copies, now or in a worker."""

    package: Package
    source: Source
    order: Order
    asked: Asked
    names: clips.Names
    rows: FragmentRows
    frames: Hashed
    progress: Progress | None
    hidden: Path | None
    run: Callable[[_copies.Task], Callable[[], list[_copies.Copy | LeftOut]]]


class Begun(NamedTuple):
    """An exhibit whose master is written, and whose access copies are being made."""

    exhibit: Exhibit
    choice: Choice
    task: _copies.Task
    copies: Callable[[], list[_copies.Copy | LeftOut]]


def begin(job: Job, recording: Recording, number: int) -> Begun | None:
    """The master of a recording and its rows in the tables; None when no row of it is wanted.

    number: of the exhibit, from 1. Raises EvidenceError.
    """
    order = job.order
    ticks = order.ticks.get(recording.format, TickClock())
    choice = Choice(recording, order.unpack, ticks, order.span)
    named = choice.name(job.names)
    if named is None:
        return None
    camera, file = named
    clip, path = file.removesuffix(f".{recording.format}"), f"{MASTERS}/{camera}/{file}"
    job.rows.begin(clip)
    lines = _stored(job, clip, recording)
    with _opened(job, path) as out:
        found = _runs.runs(choice.tables(), job.source.size)
        native = _masters.copy(found, job.source, job.rows, out, job.progress)
    exhibit = Exhibit(
        exhibit=exhibit_number(order.exhibit, number),
        clip=clip,
        channel=recording.channel,
        stream=STREAMS[recording.stream],
        format=recording.format,
        codec=recording.codec.name.lower(),
        begins=choice.begins,
        ends=choice.ends,
        file=None if job.hidden is not None else path,
        size=native.size,
        sha256=native.sha256,
        fragments=native.fragments,
        places=native.places,
        first=native.first,
        end=native.end,
        **choice.seen._asdict(),
        unreadable=tuple(native.refused),
        ticks=choice.ticks,
        loan=_copies.lent(order.borrow, recording),
    )
    task = _task(job, exhibit, msgspec.structs.replace(recording, segments=lines), path)
    return Begun(exhibit, choice, task, job.run(task))


def _stored(job: Job, clip: str, recording: Recording) -> tuple[Segment, ...]:
    """Writes the tables of frames; the segments with the places of their lines."""
    lines = list[Segment]()
    for segment in recording.segments:
        lines.append(msgspec.structs.replace(segment, id=job.frames.size))
        proof = job.order.proofs.get(segment.start) if segment.joined else None
        rows = segments.pack(job.order.unpack(segment))
        job.frames.write(frames_line(clip, segment, rows, proof))
    job.frames.flush()
    return tuple(lines)


def _task(job: Job, exhibit: Exhibit, recording: Recording, path: str) -> _copies.Task:
    order, root = job.order, job.package.root
    labels = _onvif.Labels(exhibit.channel, order.operator, _onvif.offset_to_utc(order.clock))
    work = job.package.work() if job.hidden is None else job.hidden
    return _copies.Task(
        recording=recording,
        frames=root / FRAMES,
        master=(root if job.hidden is None else job.hidden) / path,
        size=job.source.size,
        ticks=exhibit.ticks,
        span=order.span,
        loan=exhibit.loan,
        refused=exhibit.unreadable,
        labels=labels,
        folder=work / f"copies of {exhibit.clip}",
        decode=job.asked.decode,
        stills=MOST_STILLS if job.asked.stills else 0,
        proxy=job.asked.proxy,
    )


def exhibit_number(root: str, number: int) -> str:
    """Of an exhibit inside the package's own number; it sorts."""
    return f"{root}/{number:03d}"


@contextmanager
def _opened(job: Job, path: str) -> Iterator[Hashed]:
    """The master's file."""
    if job.hidden is None:
        with job.package.file(path) as out:
            yield out
        return
    with job.package.explained():
        (job.hidden / path).parent.mkdir(parents=True, exist_ok=True)
        out = Hashed(job.hidden / path)
        try:
            yield out
        finally:
            out.close()


def finish(job: Job, begun: Begun) -> Exhibit:
    """The exhibit with its access copies, as soon as they are made; raises EvidenceError."""
    access, left_out = list[AccessCopy](), list[Missed]()
    choice = begun.choice
    for one in begun.copies():
        if isinstance(one, LeftOut):
            begins, ends = choice.iso(one.from_ms), choice.iso(one.to_ms)
            missed = Missed(begins=begins, ends=ends, frames=one.frames, reason=one.reason)
            left_out.append(missed)
        else:
            access.append(_taken(job, begun, one, len(access)))
    with job.package.explained():
        shutil.rmtree(begun.task.folder, ignore_errors=True)
        if job.hidden is not None:
            begun.task.master.unlink()
    loan = begun.exhibit.loan
    if loan is not None and job.hidden is not None:
        loan = msgspec.structs.replace(loan, units="")
    return msgspec.structs.replace(
        begun.exhibit, loan=loan, access=tuple(access), left_out=tuple(left_out)
    )


def _taken(job: Job, begun: Begun, one: _copies.Copy, number: int) -> AccessCopy:
    """An access copy into the package; of a content-free one only what is known of it."""
    path = begun.task.folder / one.clip.file
    name = _copies.file_name(begun.exhibit.clip, number, path.suffix)
    if job.hidden is None:
        job.package.adopt(Stored(file=name, size=one.size, sha256=one.sha256), path)
    derived = list[Derived]()
    for each in one.derived:
        moved = msgspec.structs.replace(each, file=_copies.derived_name(name, each))
        stored = Stored(file=moved.file, size=moved.size, sha256=moved.sha256)
        job.package.adopt(stored, begun.task.folder / each.file)
        derived.append(moved)
    begins, ends = one.clip.from_ms, one.clip.to_ms
    return AccessCopy(
        file=name,
        size=one.size,
        sha256=one.sha256,
        begins=None if begins is None else clock.iso(begins),
        ends=None if ends is None else clock.iso(ends),
        frames=one.clip.frames,
        codec=one.clip.codec.name.lower(),
        grade=one.graded.grade,
        notes=one.graded.notes,
        derived=tuple(derived),
        underived=one.underived,
    )


def as_clip(one: AccessCopy, exhibit: Exhibit) -> Clip:
    """What `clips.grade` wants to know of a copy; times and stream do not matter to it."""
    return Clip(
        file=one.file,
        channel=exhibit.channel,
        stream=Stream.UNKNOWN,
        from_ms=None,
        to_ms=None,
        frames=one.frames,
        codec=Codec[one.codec.upper()],
        grade=one.grade,
        format=exhibit.format,
        notes=one.notes,
    )
