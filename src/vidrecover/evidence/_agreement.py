"""Whether every table of a package agrees with every other."""

import csv
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, TypeVar

import msgspec

from vidrecover import clock
from vidrecover.errors import EvidenceError
from vidrecover.evidence import _actions, _copies, _graph, _statements, _structure, _tables
from vidrecover.evidence._findings import Area, Findings
from vidrecover.evidence._job import BROKEN, Job, Tables
from vidrecover.evidence._package import info_text
from vidrecover.evidence._records import ClockRecord, SourceRecord
from vidrecover.evidence._statements import Said
from vidrecover.evidence._tables import UNREADABLE, Covered
from vidrecover.evidence._values import (
    ACCESS,
    ACTIONS,
    CASE_PAGE,
    CLIPS,
    CLOCK,
    COVERAGE,
    FORMATS,
    FRAGMENTS,
    FRAMES,
    GRAPH,
    INFO,
    MASTERS,
    PDF,
    PROXIES,
    SOURCE,
    STILLS,
    TOOL,
    Contents,
    Stored,
)
from vidrecover.extents import merged
from vidrecover.model import State

_NEAR_MS = 2000  # recorders' dates are whole seconds; see timeline.SHORTEST_GAP_MS
_NEVER = (State.RECORDER_OFF, State.NOT_RECORDED)
_SHOWN = (State.RECORDED, State.NOT_INDEXED)
_MOST_OVERLAP_MS = 5000

_Record = TypeVar("_Record")


def load(bag: _structure.Bag, findings: Findings) -> Tables:
    """The tables; one that cannot be read is a difference."""
    tables = Tables(
        contents=_record(bag, CLIPS, Contents, findings),
        source=_record(bag, SOURCE, SourceRecord, findings),
        clock=_record(bag, CLOCK, ClockRecord, findings),
        tool=_record(bag, TOOL, dict[str, Any], findings) or {},
        log=_bytes(bag, ACTIONS, findings),
    )
    try:
        text = _bytes(bag, COVERAGE, findings).decode()
        tables.coverage = _tables.coverage_of(text)
    except (EvidenceError, UnicodeDecodeError, csv.Error) as error:
        findings.differs(Area.TABLES, COVERAGE, str(error))
    if tables.contents is not None:
        try:
            _times(tables.contents)
        except ValueError as error:
            findings.differs(Area.TABLES, CLIPS, str(error))
            tables.contents = None
    tables.actions, wrong = _actions.read(tables.log)
    for sentence in wrong:
        findings.differs(Area.LOG, ACTIONS, sentence)
    return tables


def _times(contents: Contents) -> None:
    """Raises ValueError where a time of the contents is none."""
    contents.recorder_span()
    for one in contents.exhibits:
        for text in (one.begins, one.ends):
            if text is not None:
                clock.parse_iso(text)


def _bytes(bag: _structure.Bag, name: str, findings: Findings) -> bytes:
    content = bag.text(name)
    if content is None:
        findings.differs(Area.TABLES, name, "is missing or far too large")
    return content or b""


def _record(
    bag: _structure.Bag, name: str, kind: type[_Record], findings: Findings
) -> _Record | None:
    content = _bytes(bag, name, findings)
    try:
        return msgspec.json.decode(content, type=kind) if content else None
    except UNREADABLE as error:
        findings.differs(Area.TABLES, name, f"cannot be read: {error}")
        return None


def check(job: Job) -> None:
    """Everything but the exhibits themselves; all files must have been hashed."""
    contents, source = job.tables.contents, job.tables.source
    _log(job)
    _files(job, contents)
    if contents is None:
        if _graph.unlike(job.bag.text(GRAPH) or b"", _graph.EMPTY) == _graph.UNREADABLE:
            job.findings.differs(Area.TABLES, GRAPH, "cannot be read")
        return
    _coverage(job, contents)
    if source is not None:
        bad = tuple(merged(one for exhibit in contents.exhibits for one in exhibit.unreadable))
        job.findings.unequal(Area.TABLES, SOURCE, "bad_ranges", source.bad_ranges, bad)
        _texts(job, contents, source)
        _linked(job, contents, source)
    version = job.tables.tool.get("version")
    job.findings.unequal(Area.TABLES, TOOL, "version", version, contents.tool)


def _payload(job: Job) -> list[Stored]:
    return [one for name, one in job.now.items() if name.startswith("data/")]


def _log(job: Job) -> None:
    """The log must end with the export of exactly these files; bag-info.txt holds its end."""
    actions, contents = job.tables.actions, job.tables.contents
    last: Mapping[str, Any] = actions[-1] if actions else {}
    if last.get("action") != _actions.EXPORT:
        what = "does not end with the export of this package: an action was removed or added"
        job.findings.differs(Area.LOG, ACTIONS, what)
        return
    others = [one for one in _payload(job) if one.file != ACTIONS]
    if last.get("digest") != _actions.content_digest(others):
        what = "says that other files were packed: some of them were changed, added or removed"
        job.findings.differs(Area.LOG, ACTIONS, what)
    if contents is None:
        return
    stated = [last.get(name) for name in ("exhibit", "clips", "content_free", "tool")]
    wanted = [contents.exhibit, len(contents.exhibits), contents.content_free, contents.tool]
    job.findings.unequal(Area.LOG, ACTIONS, "what the export says", stated, wanted)
    line = job.tables.log.rstrip(b"\n").rpartition(b"\n")[2]
    try:
        text = info_text(_actions.bag_info(contents, line), _payload(job))
    except UNREADABLE:
        return  # the log was found broken already
    if job.bag.text(INFO) != text.encode():
        what = "does not say what follows from the log, the tables and the files"
        job.findings.differs(Area.TABLES, INFO, what)


def _files(job: Job, contents: Contents | None) -> None:
    """The files that the tables know, and no others; their sizes and digests."""
    own = job.tables.tool.get("own_formats")
    names = own if isinstance(own, list) else []
    known = {ACTIONS, CLIPS, CLOCK, COVERAGE, FRAGMENTS, FRAMES, GRAPH, SOURCE, TOOL}
    known |= set(_statements.FILES) | {f"{FORMATS}/{name}" for name in names}
    exhibits = contents.exhibits if contents is not None else ()
    stated = {one.file: (one.size, one.sha256) for one in exhibits if one.file}
    is_free = contents is not None and contents.content_free
    copies = [copy for one in exhibits for copy in one.access if not is_free]
    stated |= {one.file: (one.size, one.sha256) for one in copies}
    for copy in copies:
        for one in copy.derived:
            stated[one.file] = one.size, one.sha256
            wanted = _copies.derived_name(copy.file, one)
            job.findings.unequal(Area.TABLES, CLIPS, "name of what is derived", one.file, wanted)
    there = {one.file for one in _payload(job)}
    for name in sorted((known | stated.keys()) - there):
        job.findings.differs(Area.TABLES, name, "must be in the package, but is not")
    media = () if contents is not None else (MASTERS, ACCESS, STILLS, PROXIES)
    for name in sorted(there - known - stated.keys() - {CASE_PAGE, PDF}):
        if not name.startswith(media):
            job.findings.differs(Area.TABLES, name, "is in the package, but no table knows it")
    for name in sorted(stated.keys() & there):
        is_ = job.now[name].size, job.now[name].sha256
        if is_ != stated[name]:
            what = f"has {is_[0]} bytes and SHA-256 {is_[1]}; {CLIPS} says {stated[name]}"
            job.findings.differs(Area.TABLES, name, what)


def _texts(job: Job, contents: Contents, source: SourceRecord) -> None:
    """The statements, made again from the tables."""
    dial, coverage = job.tables.clock, job.tables.coverage
    if dial is None or coverage is None:
        return
    try:
        made = _statements.texts(Said(contents, source, dial, coverage))
    except BROKEN as error:
        job.findings.differs(Area.TABLES, CLIPS, f"gives no statements: {error}")
        return
    for name, text in made.items():
        same = job.bag.text(name) == text.encode()
        job.again(Area.TABLES, name, "agrees with the tables", same, True)


def _linked(job: Job, contents: Contents, source: SourceRecord) -> None:
    """The graph, made again from the tables and the files."""
    files = [one for one in _payload(job) if one.file not in (GRAPH, ACTIONS)]
    made = _graph.graph(contents, source, job.tables.actions, files)
    there = job.bag.text(GRAPH) or b""
    known = _graph.digests(there)
    for one in files:
        if known.get(one.file) != one.sha256:
            what = f"says SHA-256 {known.get(one.file)} of {one.file}, which has {one.sha256}"
            job.findings.differs(Area.TABLES, GRAPH, what)
    for name in _graph.unlike(there, made):
        job.again(Area.TABLES, GRAPH, f"the node of {name}", "otherwise", "as the tables say")
    job.again(Area.TABLES, GRAPH, "made again is the same", there == made, True)


def _coverage(job: Job, contents: Contents) -> None:
    """Spans of a camera follow each other; clips lie where there is footage."""
    rows = job.tables.coverage or []
    for camera in dict.fromkeys(one.camera for one in rows):
        own = [one for one in rows if one.camera == camera]
        for one, after in pairwise(own):
            if camera is not None and one.end_ms != after.start_ms:
                what = f"has a hole or an overlap at {clock.iso(one.end_ms)} of camera {camera}"
                job.findings.differs(Area.TABLES, COVERAGE, what)
        for one in own:
            _covered(job, contents, one)


def _covered(job: Job, contents: Contents, one: Covered) -> None:
    """One span against the clips of its camera."""
    expected = _tables.CONFIDENCE[one.state]
    job.findings.unequal(Area.TABLES, COVERAGE, f"mark of {one.state}", one.confidence, expected)
    known = [clip for clip in contents.exhibits if clip.begins and clip.ends]
    spans = [
        (clock.parse_iso(clip.begins or ""), clock.parse_iso(clip.ends or ""))
        for clip in known
        if clip.channel == one.camera
    ]
    at = f"camera {one.camera}, {clock.iso(one.start_ms)}"
    shared = [min(end, one.end_ms) - max(start, one.start_ms) for start, end in spans]
    if one.state in _NEVER and max(shared, default=0) > _MOST_OVERLAP_MS:
        job.findings.differs(Area.TABLES, COVERAGE, f"says {one.state} where a clip is: {at}")
    lasts = one.end_ms - one.start_ms > 2 * _NEAR_MS
    certain = lasts and one.camera is not None and len(known) == len(contents.exhibits)
    unknown = any(clip.channel is None for clip in known)
    if one.state in _SHOWN and certain and not unknown and max(shared, default=-1) < 0:
        job.findings.differs(Area.TABLES, COVERAGE, f"says {one.state} where no clip is: {at}")
