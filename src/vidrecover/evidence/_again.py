"""Access copies made again and compared, and played."""

import shutil
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import msgspec

from vidrecover import clips, clock
from vidrecover.clips import LeftOut
from vidrecover.errors import EvidenceError
from vidrecover.evidence import _copies, _onvif, _structure
from vidrecover.evidence._choice import Choice
from vidrecover.evidence._findings import Area
from vidrecover.evidence._fragments import Walk
from vidrecover.evidence._job import BROKEN, Job
from vidrecover.evidence._masters import MasterSource
from vidrecover.evidence._packing import as_clip
from vidrecover.evidence._values import CLIPS, AccessCopy, Contents, Exhibit
from vidrecover.model import Clip, Grade, SourceIdentity


def check(job: Job, contents: Contents, exhibit: Exhibit, walk: Walk, choice: Choice) -> None:
    """Makes an exhibit's copies again, of the source if it is there, else of the master."""
    if contents.content_free and exhibit.loan is not None:
        job.other.append(exhibit.clip)  # what was lent is not told
        return
    folder = job.scratch / "copies"
    recipe = _copies.Recipe(
        choice.recording,
        choice.unpack,
        choice.ticks,
        contents.recorder_span(),
        _copies.lend(exhibit.loan),
        _onvif.Labels(exhibit.channel, contents.operator, _onvif.offset_to_utc(job.tables.clock)),
    )
    try:
        if job.source is not None:
            made = _copies.make(recipe, job.source, folder)
        else:
            with _master(job, exhibit, walk) as master:
                made = _copies.make(recipe, master, folder)
        _compare(job, contents, exhibit, choice, folder, made)
    except (*BROKEN, OSError) as error:
        what = f"its access copies cannot be made again: {error}"
        job.findings.differs(Area.COPIES, exhibit.clip, what)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _master(job: Job, exhibit: Exhibit, walk: Walk) -> MasterSource:
    record = job.tables.source
    if record is None or exhibit.file is None:
        raise EvidenceError("the record of the source is missing")
    identity = SourceIdentity(path=record.name, kind=record.kind, size=record.size)
    path = job.bag.root / exhibit.file
    return MasterSource(path, identity, walk.places.ordered(), exhibit.unreadable)


def _compare(
    job: Job,
    contents: Contents,
    exhibit: Exhibit,
    choice: Choice,
    folder: Path,
    made: Sequence[Clip | LeftOut],
) -> None:
    """The copies in the package, and what is said of them, against those just made."""
    copies = [one for one in made if isinstance(one, Clip)]
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
        path = folder / one.file
        name = _copies.file_name(exhibit.clip, number, path.suffix)
        job.again(Area.TABLES, CLIPS, f"access copy of {exhibit.clip}", copy.file, name)
        fresh = _structure.digest(path)
        job.again(Area.TABLES, CLIPS, f"SHA-256 of {copy.file}", copy.sha256, fresh)
        there = job.hash(copy.file)
        if there is not None:
            what = "SHA-256"
            job.again(Area.COPIES, copy.file, what, there.sha256, fresh)
        _said(job, copy, one, played=contents.decoded)


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


def play(job: Job, contents: Contents, executor: Executor | None) -> int:
    """Plays every access copy that is there; returns how many."""
    waiting = [
        (copy, as_clip(copy, one))
        for one in contents.exhibits
        for copy in one.access
        if copy.file in job.bag.files
    ]
    fresh = [msgspec.structs.replace(clip, grade=Grade.COMPLETE, notes=()) for _, clip in waiting]
    run = map if executor is None else executor.map
    for (copy, _), one in zip(
        waiting, run(clips.grade, fresh, [job.bag.root] * len(fresh)), strict=True
    ):
        if one.grade is Grade.DAMAGED and (copy.grade is not Grade.DAMAGED or not contents.decoded):
            what = f"is called {copy.grade.value}, but does not play: {'; '.join(one.notes)}"
            job.findings.differs(Area.PLAYING, copy.file, what)
        elif contents.decoded and not set(one.notes) <= set(copy.notes):
            job.other.append(copy.file)
    return len(waiting)
