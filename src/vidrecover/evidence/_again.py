"""Access copies made again and compared, and played."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

import msgspec

from vidrecover import clips, clock
from vidrecover.clips import LeftOut
from vidrecover.errors import SourceError
from vidrecover.evidence import _copies, _onvif
from vidrecover.evidence._findings import Area
from vidrecover.evidence._job import BROKEN, Job
from vidrecover.evidence._packing import Choice, as_clip
from vidrecover.evidence._values import CLIPS, FRAMES, AccessCopy, Contents, Exhibit
from vidrecover.model import Clip, Grade


class Asked(NamedTuple):
    """Copies of an exhibit that are being made again. master: made for that, to be removed."""

    contents: Contents
    exhibit: Exhibit
    choice: Choice
    task: _copies.Task
    made: Callable[[], list[_copies.Copy | LeftOut]]
    master: Path | None


def begin(
    job: Job, contents: Contents, exhibit: Exhibit, choice: Choice, master: Path | None
) -> Asked | None:
    """Begins to make an exhibit's copies again; master: of a package that holds none."""
    record = job.tables.source
    if contents.content_free and exhibit.loan is not None:
        job.other.append(exhibit.clip)  # what was lent is not told
        return None
    if record is None or (exhibit.file is None and master is None):
        what = "its access copies cannot be made again: the record of the source is missing"
        job.findings.differs(Area.COPIES, exhibit.clip, what)
        return None
    offset_ms = _onvif.offset_to_utc(job.tables.clock)
    task = _copies.Task(
        recording=choice.recording,
        frames=job.bag.root / FRAMES,
        master=master or job.bag.root / (exhibit.file or ""),
        size=record.size,
        ticks=choice.ticks,
        span=contents.recorder_span(),
        loan=exhibit.loan,
        refused=exhibit.unreadable,
        labels=_onvif.Labels(exhibit.channel, contents.operator, offset_ms),
        folder=Path(mkdtemp(dir=job.scratch)),
        decode=False,
    )
    return Asked(contents, exhibit, choice, task, job.crew.run(task), master)


def finish(job: Job, asked: Asked) -> None:
    """Compares the copies made again with those in the package."""
    try:
        _compare(job, asked, asked.made())
    except (*BROKEN, SourceError, OSError) as error:
        what = f"its access copies cannot be made again: {error}"
        job.findings.differs(Area.COPIES, asked.exhibit.clip, what)
    finally:
        shutil.rmtree(asked.task.folder, ignore_errors=True)
        if asked.master is not None:
            asked.master.unlink(missing_ok=True)


def _compare(job: Job, asked: Asked, made: Sequence[_copies.Copy | LeftOut]) -> None:
    """The copies in the package, and what is said of them, against those just made."""
    contents, exhibit, choice = asked.contents, asked.exhibit, asked.choice
    copies = [one for one in made if isinstance(one, _copies.Copy)]
    missed = [
        (choice.iso(one.from_ms), choice.iso(one.to_ms), one.frames, one.reason)
        for one in made
        if isinstance(one, LeftOut)
    ]
    stated = [(one.begins, one.ends, one.frames, one.reason) for one in exhibit.left_out]
    job.again(Area.TABLES, CLIPS, f"left_out of {exhibit.clip}", stated, missed)
    what = f"number of access copies of {exhibit.clip}"
    job.again(Area.TABLES, CLIPS, what, len(exhibit.access), len(copies))
    for number, (copy, one) in enumerate(zip(exhibit.access, copies, strict=False)):
        name = _copies.file_name(exhibit.clip, number, Path(one.clip.file).suffix)
        job.again(Area.TABLES, CLIPS, f"access copy of {exhibit.clip}", copy.file, name)
        job.again(Area.TABLES, CLIPS, f"SHA-256 of {copy.file}", copy.sha256, one.sha256)
        there = job.hash(copy.file)
        if there is not None:
            job.again(Area.COPIES, copy.file, "SHA-256", there.sha256, one.sha256)
        _said(job, copy, one.clip, played=contents.decoded)


def _said(job: Job, copy: AccessCopy, one: Clip, *, played: bool) -> None:
    """What `clips.json` says of a copy; a decoder may have lowered the grade and added notes."""
    wanted = {
        "from": None if one.from_ms is None else clock.iso(one.from_ms),
        "to": None if one.to_ms is None else clock.iso(one.to_ms),
        "frames": one.frames,
        "codec": one.codec.name.lower(),
        "notes": one.notes,
    }
    notes = copy.notes[: len(one.notes)] if played else copy.notes
    stated = dict(
        zip(wanted, (copy.begins, copy.ends, copy.frames, copy.codec, notes), strict=True)
    )
    for name, value in wanted.items():
        job.again(Area.TABLES, CLIPS, f"{name} of {copy.file}", stated[name], value)
    if copy.grade is not one.grade and not (played and copy.grade is Grade.DAMAGED):
        job.again(Area.TABLES, CLIPS, f"grade of {copy.file}", copy.grade.value, one.grade.value)


def play(job: Job, contents: Contents) -> int:
    """Plays every access copy that is there; returns how many."""
    waiting = [
        (copy, as_clip(copy, one))
        for one in contents.exhibits
        for copy in one.access
        if copy.file in job.bag.files
    ]
    fresh = [msgspec.structs.replace(clip, grade=Grade.COMPLETE, notes=()) for _, clip in waiting]
    run = map if job.crew.executor is None else job.crew.executor.map
    for (copy, _), one in zip(
        waiting, run(clips.grade, fresh, [job.bag.root] * len(fresh)), strict=True
    ):
        if one.grade is Grade.DAMAGED and (copy.grade is not Grade.DAMAGED or not contents.decoded):
            what = f"is called {copy.grade.value}, but does not play: {'; '.join(one.notes)}"
            job.findings.differs(Area.PLAYING, copy.file, what)
        elif contents.decoded and not set(one.notes) <= set(copy.notes):
            job.other.append(copy.file)
    return len(waiting)
