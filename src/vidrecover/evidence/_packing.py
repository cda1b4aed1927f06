"""One recording into the package: its master, the rows of the tables, its access copies."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from vidrecover import clips, clock, segments
from vidrecover.clips import TickClock
from vidrecover.evidence import _copies, _masters, _onvif, _runs
from vidrecover.evidence._choice import Choice
from vidrecover.evidence._package import Hashed, Package
from vidrecover.evidence._records import source_name
from vidrecover.evidence._structure import digest
from vidrecover.evidence._tables import FragmentRows, frames_line
from vidrecover.evidence._values import MASTERS, AccessCopy, Exhibit, Missed, Order, Stored
from vidrecover.model import (
    Clip,
    Codec,
    Progress,
    Recording,
    Source,
    Stream,
)

STREAMS = {Stream.UNKNOWN: None, Stream.MAIN: "main", Stream.SUB: "sub"}


class Job(NamedTuple):
    """What all recordings of a package share."""

    package: Package
    source: Source
    order: Order
    content_free: bool
    decode: bool
    names: clips.Names
    rows: FragmentRows
    frames: Hashed
    progress: Progress | None


def pack(job: Job, recording: Recording, number: int) -> Exhibit | None:
    """The exhibit of a recording; None when no row of it is wanted.

    number: of the exhibit, from 1. Its copies are not yet played, if they stay in the package.
    Raises EvidenceError.
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
    for segment in recording.segments:
        job.frames.write(frames_line(clip, segment, segments.pack(order.unpack(segment))))
    with _opened(job, path) as out:
        found = _runs.runs(choice.tables(), job.source.size)
        native, places = _masters.copy(found, job.source, job.rows, out, job.progress)
    exhibit = Exhibit(
        exhibit=exhibit_number(order.exhibit, number),
        clip=clip,
        channel=recording.channel,
        stream=STREAMS[recording.stream],
        format=recording.format,
        codec=recording.codec.name.lower(),
        begins=choice.begins,
        ends=choice.ends,
        file=None if job.content_free else path,
        size=native.size,
        sha256=native.sha256,
        fragments=native.fragments,
        places=places.count(),
        first=native.first,
        end=native.end,
        **choice.seen._asdict(),
        unreadable=tuple(native.refused),
        ticks=choice.ticks,
    )
    return _with_copies(job, exhibit, choice, places)


def exhibit_number(root: str, number: int) -> str:
    """Of an exhibit inside the package's own number; it sorts."""
    return f"{root}/{number:03d}"


@contextmanager
def _opened(job: Job, path: str) -> Iterator[Hashed | None]:
    if job.content_free:
        yield None
        return
    with job.package.file(path) as out:
        yield out


def _with_copies(job: Job, exhibit: Exhibit, choice: Choice, places: _masters.Places) -> Exhibit:
    """The exhibit with its access copies, made of the master that was just written.

    A content-free package tells of them, but they are made of the source in a folder of this
    computer, so that no trace of them gets onto the disk that is handed over.
    """
    lent = _copies.Lent(job.order.borrow)
    order, offset_ms = job.order, _onvif.offset_to_utc(job.order.clock)
    labels = _onvif.Labels(exhibit.channel, order.operator, offset_ms)
    recipe = _copies.Recipe(choice.recording, order.unpack, choice.ticks, order.span, lent, labels)
    access, left_out = list[AccessCopy](), list[Missed]()
    with _place(job) as folder:
        with _bytes(job, exhibit, places) as master:
            made = _copies.make(recipe, master, folder)
        for one in made:
            if isinstance(one, Clip):
                access.append(_taken(job, exhibit.clip, one, folder, len(access)))
            else:
                begins, ends = choice.iso(one.from_ms), choice.iso(one.to_ms)
                missed = Missed(begins=begins, ends=ends, frames=one.frames, reason=one.reason)
                left_out.append(missed)
    loan = lent.loan
    if loan is not None and job.content_free:
        loan = msgspec.structs.replace(loan, units="")
    return msgspec.structs.replace(
        exhibit, loan=loan, access=tuple(access), left_out=tuple(left_out)
    )


@contextmanager
def _place(job: Job) -> Iterator[Path]:
    """An empty folder for access copies, gone afterwards."""
    if job.content_free:
        with TemporaryDirectory(prefix="vidrecover-") as name:
            yield Path(name) / "copies"
        return
    folder = job.package.work() / "copies"
    yield folder
    with job.package.explained():
        shutil.rmtree(folder)


@contextmanager
def _bytes(job: Job, exhibit: Exhibit, places: _masters.Places) -> Iterator[Source]:
    """The master as a source, or the source itself where there is no master."""
    if exhibit.file is None:
        yield job.source
        return
    known = job.source.identity
    identity = msgspec.structs.replace(known, path=source_name(known))
    path = job.package.root / exhibit.file
    with _masters.MasterSource(path, identity, places.ordered(), exhibit.unreadable) as master:
        yield master


def _taken(job: Job, clip: str, one: Clip, folder: Path, number: int) -> AccessCopy:
    """An access copy into the package; of a content-free one only what is known of it."""
    path = folder / one.file
    name = _copies.file_name(clip, number, path.suffix)
    if job.content_free:
        graded = clips.grade(one, folder) if job.decode else one
        stored = Stored(file=name, size=path.stat().st_size, sha256=digest(path))
    else:
        graded, stored = one, job.package.adopt(name, path)
    return AccessCopy(
        file=name,
        size=stored.size,
        sha256=stored.sha256,
        begins=None if one.from_ms is None else clock.iso(one.from_ms),
        ends=None if one.to_ms is None else clock.iso(one.to_ms),
        frames=one.frames,
        codec=one.codec.name.lower(),
        grade=graded.grade,
        notes=graded.notes,
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
