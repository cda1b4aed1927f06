"""One recording into the package: its master, the rows of the tables, its access copies."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from vidrecover import clips, clock, segments
from vidrecover.clips import TickClock
from vidrecover.evidence import _copies, _masters, _onvif, _runs
from vidrecover.evidence._choice import Choice
from vidrecover.evidence._package import Hashed, Package
from vidrecover.evidence._records import source_name
from vidrecover.evidence._tables import FragmentRows, frames_line
from vidrecover.evidence._values import MASTERS, AccessCopy, Exhibit, Missed, Order
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
    names: clips.Names
    rows: FragmentRows
    frames: Hashed
    progress: Progress | None


def pack(job: Job, recording: Recording, number: int) -> Exhibit | None:
    """The exhibit of a recording, its copies not yet played; None when no row is wanted.

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
    return exhibit if job.content_free else _with_copies(job, exhibit, choice, places)


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
    """The exhibit with its access copies, made of the master that was just written."""
    assert exhibit.file is not None
    lent = _copies.Lent(job.order.borrow)
    order, offset_ms = job.order, _onvif.offset_to_utc(job.order.clock)
    labels = _onvif.Labels(exhibit.channel, order.operator, offset_ms)
    recipe = _copies.Recipe(choice.recording, order.unpack, choice.ticks, order.span, lent, labels)
    known = job.source.identity
    identity = msgspec.structs.replace(known, path=source_name(known))
    folder = job.package.work() / "copies"
    path = job.package.root / exhibit.file
    with _masters.MasterSource(path, identity, places.ordered(), exhibit.unreadable) as master:
        made = _copies.make(recipe, master, folder)
    access, left_out = list[AccessCopy](), list[Missed]()
    for one in made:
        if isinstance(one, Clip):
            access.append(_adopted(job, exhibit.clip, one, len(access)))
        else:
            begins, ends = choice.iso(one.from_ms), choice.iso(one.to_ms)
            left_out.append(Missed(begins=begins, ends=ends, frames=one.frames, reason=one.reason))
    with job.package.explained():
        shutil.rmtree(folder)
    return msgspec.structs.replace(
        exhibit, loan=lent.loan, access=tuple(access), left_out=tuple(left_out)
    )


def _adopted(job: Job, clip: str, one: Clip, number: int) -> AccessCopy:
    path = job.package.work() / "copies" / one.file
    name = _copies.file_name(clip, number, path.suffix)
    stored = job.package.adopt(name, path)
    return AccessCopy(
        file=name,
        size=stored.size,
        sha256=stored.sha256,
        begins=None if one.from_ms is None else clock.iso(one.from_ms),
        ends=None if one.to_ms is None else clock.iso(one.to_ms),
        frames=one.frames,
        codec=one.codec.name.lower(),
        grade=one.grade,
        notes=one.notes,
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
