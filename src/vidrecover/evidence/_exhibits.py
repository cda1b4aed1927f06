"""Every exhibit of a package checked: its rows, its master, what the tables say of it."""

from collections import deque
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from vidrecover import clips
from vidrecover.errors import EvidenceError
from vidrecover.evidence import _again, _copies, _runs
from vidrecover.evidence._findings import Area
from vidrecover.evidence._fragments import Walk
from vidrecover.evidence._job import BROKEN, Job
from vidrecover.evidence._packing import STREAMS, Choice, exhibit_number
from vidrecover.evidence._rows import Batch, batches
from vidrecover.evidence._runs import Runs
from vidrecover.evidence._tables import FrameTable
from vidrecover.evidence._values import (
    CLIPS,
    FRAGMENTS,
    FRAMES,
    MASTERS,
    Contents,
    Exhibit,
    Stored,
)

_UNKNOWN_SIZE = 1 << 62
_NAMES = ("number", "name", "file", "camera, stream and format", "codec")


class _Frames(NamedTuple):
    """The recordings of the package, and what their masters are called."""

    table: FrameTable
    names: clips.Names


def check(job: Job) -> None:
    """All exhibits, in the order of the tables."""
    contents = job.tables.contents
    if contents is None:
        return
    try:
        table = FrameTable(job.bag.root / FRAMES)
    except (EvidenceError, OSError) as error:
        job.findings.differs(Area.TABLES, FRAMES, str(error))
        _walk(job, contents, None)
        return
    with table:
        _walk(job, contents, _Frames(table, clips.Names()))
    for name in sorted(table.segments.keys() - {one.clip for one in contents.exhibits}):
        job.findings.differs(Area.TABLES, FRAMES, f"knows {name}, but {CLIPS} does not")


def _walk(job: Job, contents: Contents, frames: _Frames | None) -> None:
    """The rows of `fragments.csv` clip by clip, each beside its exhibit."""
    if FRAGMENTS not in job.bag.files:
        return
    size = job.tables.source.size if job.tables.source is not None else _UNKNOWN_SIZE
    waiting = {one.clip: (number, one) for number, one in enumerate(contents.exhibits, 1)}
    found = batches(job.bag.root / FRAGMENTS, size)
    asked = deque[_again.Asked]()
    for name, group in groupby(found, key=lambda one: one.clip):
        number, exhibit = waiting.pop(name, (0, None))
        if exhibit is None:
            what = f"line {next(group).line} begins {name!r}, which {CLIPS} does not know there"
            job.findings.differs(Area.TABLES, FRAGMENTS, what)
            continue
        choice = _choice(job, contents, exhibit, frames, number)
        again = _one(job, contents, exhibit, choice, group, size, number)
        if again is not None:
            asked.append(again)
        while len(asked) > job.crew.most:
            _again.finish(job, asked.popleft())
    for one in asked:
        _again.finish(job, one)
    for name in waiting:
        job.findings.differs(Area.TABLES, FRAGMENTS, f"has no row of {name}")


def _one(
    job: Job,
    contents: Contents,
    exhibit: Exhibit,
    choice: Choice | None,
    group: Iterator[Batch],
    size: int,
    number: int,
) -> _again.Asked | None:
    """The rows of one exhibit; its copies, begun to be made again where that is possible."""
    expected = None if choice is None else _safely(job, choice, size)
    hidden = None
    if exhibit.file is None and choice is not None and job.source is not None:
        hidden = job.scratch / f"master {number}"
    with Walk(exhibit, job.bag.root, expected, job.source, job.findings, hidden) as walk:
        for batch in group:
            walk.take(batch)
            _named(job, batch.sources)
            if job.progress is not None and len(batch.found):
                job.progress(int(batch.found["length"].sum()))
        digest = walk.finish()
    _total(job, exhibit, walk, choice, digest)
    if choice is None or not (hidden or exhibit.file in job.bag.files):
        return None
    return _again.begin(job, contents, exhibit, choice, hidden)


def _named(job: Job, sources: frozenset[str]) -> None:
    record = job.tables.source
    for name in sources - ({record.name} if record is not None else sources):
        job.findings.differs(Area.TABLES, FRAGMENTS, f"names another source: {name!r}")


def _choice(
    job: Job, contents: Contents, exhibit: Exhibit, frames: _Frames | None, number: int
) -> Choice | None:
    """The rows of an exhibit as they were chosen; None when the table of frames has none."""
    found = frames.table.segments.get(exhibit.clip) if frames is not None else None
    if frames is None or not found:
        if frames is not None:
            job.findings.differs(Area.TABLES, FRAMES, f"knows nothing of {exhibit.clip}")
        return None
    try:
        one = _copies.recording_of(found)
        choice = Choice(one, frames.table.unpack, exhibit.ticks, contents.recorder_span())
        camera, file = choice.name(frames.names) or ("", "")
    except BROKEN as error:
        job.findings.differs(Area.TABLES, FRAMES, f"{exhibit.clip}: {error}")
        return None
    mine = exhibit.channel, exhibit.stream, exhibit.format
    stated = (exhibit.exhibit, exhibit.clip, exhibit.file, mine, exhibit.codec)
    wanted = (
        exhibit_number(contents.exhibit, number),
        file.removesuffix(f".{one.format}"),
        None if contents.content_free else f"{MASTERS}/{camera}/{file}",
        (one.channel, STREAMS[one.stream], one.format),
        one.codec.name.lower(),
    )
    for what, is_, expected in zip(_NAMES, stated, wanted, strict=True):
        job.findings.unequal(Area.TABLES, CLIPS, f"{what} of {exhibit.clip}", is_, expected)
    return choice


def _safely(job: Job, choice: Choice, size: int) -> Iterator[Runs]:
    try:
        yield from _runs.runs(choice.tables(), size)
    except BROKEN as error:
        job.findings.differs(Area.TABLES, FRAMES, str(error))


def _total(
    job: Job, exhibit: Exhibit, walk: Walk, choice: Choice | None, digest: str | None
) -> None:
    """What `clips.json` says of an exhibit against what went by."""
    seen: dict[str, object] = {
        "fragments": walk.fragments,
        "size": walk.size,
        "places": walk.places.count,
        "first": walk.first,
        "end": walk.end,
    }
    if choice is not None:
        seen |= choice.seen._asdict()
        try:
            seen |= {"begins": choice.begins, "ends": choice.ends}
        except BROKEN as error:
            job.findings.differs(Area.TABLES, FRAMES, f"{exhibit.clip}: {error}")
    if digest is not None:
        seen["sha256"] = digest
    if digest is not None and exhibit.file in job.bag.files and exhibit.file is not None:
        size = job.bag.files[exhibit.file]
        job.now[exhibit.file] = Stored(file=exhibit.file, size=size, sha256=digest)
    for name, value in seen.items():
        stated = getattr(exhibit, name)
        job.findings.unequal(Area.TABLES, CLIPS, f"{name} of {exhibit.clip}", stated, value)
    if job.source is not None and tuple(walk.refused) != exhibit.unreadable:
        what = f"refuses other bytes of {exhibit.clip} than when it was packed"
        job.findings.differs(Area.SOURCE, "source", what)
