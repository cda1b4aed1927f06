"""Packing: recordings in, a finished package out."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from vidrecover import __version__, actions, clips, clock, extents, timeline
from vidrecover.catalogue import Catalogue
from vidrecover.clips import Borrowed, TickClock, Unpack
from vidrecover.errors import EvidenceError
from vidrecover.evidence import _actions, _graph, _leaks, _pdf, _records, _seals, _statements
from vidrecover.evidence import _tables as tables
from vidrecover.evidence._copies import crew_of
from vidrecover.evidence._package import Package
from vidrecover.evidence._packing import Begun, Job, begin, finish
from vidrecover.evidence._signature import Signer
from vidrecover.evidence._values import (
    ACTIONS,
    ALL,
    CASE_PAGE,
    CLIPS,
    CLOCK,
    COVERAGE,
    FORMATS,
    FRAGMENTS,
    FRAMES,
    GRAPH,
    PDF,
    SOURCE,
    TEXT,
    TOOL,
    Asked,
    ClockCheck,
    Contents,
    Exhibit,
    Order,
    Packed,
)
from vidrecover.formats import FormatSet
from vidrecover.model import Diagnosis, Progress, Recording, Segment, Source, TimeSpan


def export(
    target: Path,
    source: Source,
    order: Order,
    asked: Asked = ALL,
    *,
    page: str | None = None,
    signer: Signer | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Packed:
    """Packs the recordings into a BagIt bag at `target`, whole or not at all.

    page: the case's own report, self-contained HTML, to be added; signer:
    signs the tag manifest; now: of this computer, aware; progress: bytes of native footage. The
    source is read once. Raises EvidenceError when the target exists, lies on the source or
    cannot be written.
    """
    if asked.content_free and (asked.stills or asked.proxy):
        raise EvidenceError("a content-free package holds no stills and no proxies: leave one out")
    at = now or datetime.now(UTC)
    with Package(target, source) as package:
        contents = _clips(package, source, order, asked, progress)
        package.put(CLIPS, tables.contents_json(contents))
        record = _records.source_record(source.identity, order, contents.exhibits)
        _words(package, order, contents, record)
        if page is not None:
            package.put(CASE_PAGE, page)
        for name, content in sorted(order.descriptions.items()):
            package.put(f"{FORMATS}/{name}", content)
        tool = _records.tool_record(source.identity.path, str(target), list(order.descriptions))
        package.put(TOOL, _records.as_json(tool))
        action = _close(package, source, order, contents, record, signer, at)
    return Packed(folder=str(target), contents=contents, files=tuple(package.files), action=action)


def _clips(
    package: Package,
    source: Source,
    order: Order,
    asked: Asked,
    progress: Progress | None,
) -> Contents:
    """Masters and access copies with the rows of their tables."""
    span = order.span
    name = _records.source_name(source.identity)
    with ExitStack() as stack:
        hidden = None
        if asked.content_free:
            hidden = Path(stack.enter_context(TemporaryDirectory(prefix="vidrecover-")))
        footage = sum(part.size for one in order.recordings for part in one.segments)
        crew = stack.enter_context(crew_of(asked.jobs, footage))
        fragments = stack.enter_context(package.file(FRAGMENTS))
        frames = stack.enter_context(package.file(FRAMES))
        rows = tables.FragmentRows(fragments, name)
        job = Job(
            package=package,
            source=source,
            order=order,
            asked=asked,
            names=clips.Names(),
            rows=rows,
            frames=frames,
            progress=progress,
            hidden=hidden,
            run=crew.run,
        )
        exhibits = list(_exhibits(job, crew.most))
    return Contents(
        case=order.case,
        exhibit=order.exhibit,
        operator=order.operator,
        channel=order.channel,
        span=None if span is None else (clock.iso(span.start_ms), clock.iso(span.end_ms)),
        content_free=asked.content_free,
        decoded=asked.decode,
        tool=__version__,
        exhibits=tuple(exhibits),
    )


def _exhibits(job: Job, most: int) -> Iterator[Exhibit]:
    """All exhibits in order; while copies of some are being made, the next master is written."""
    waiting = deque[Begun]()
    number = 0
    for recording in job.order.recordings:
        begun = begin(job, recording, number + 1)
        if begun is not None:
            number += 1
            waiting.append(begun)
        while len(waiting) > most:
            yield finish(job, waiting.popleft())
    while waiting:
        yield finish(job, waiting.popleft())


def _words(
    package: Package, order: Order, contents: Contents, record: _records.SourceRecord
) -> None:
    """Coverage, records and statements."""
    coverage = tables.coverage_csv(order.diagnosis)
    package.put(COVERAGE, coverage)
    package.put(SOURCE, _records.as_json(record))
    dial = _records.clock_record(order)
    package.put(CLOCK, _records.as_json(dial))
    said = _statements.Said(contents, record, dial, tables.coverage_of(coverage))
    made = _statements.texts(said)
    for name, text in made.items():
        package.put(name, text)
    if _pdf.is_possible():
        package.put(PDF, _pdf.printed(made[TEXT], contents.exhibit))


def _refuse_leaks(package: Package, source: Source) -> None:
    """Raises EvidenceError when anything of the recording is in the package."""
    names = [one.file for one in package.files]
    with package.explained():
        leaks = _leaks.of_package(package.root, names, source)
    if leaks:
        found = "; ".join(f"{one.file} {one.what}" for one in leaks[:5])
        raise EvidenceError(f"the package would not be content-free, so none was written: {found}")


def _close(
    package: Package,
    source: Source,
    order: Order,
    contents: Contents,
    record: _records.SourceRecord,
    signer: Signer | None,
    now: datetime,
) -> bytes:
    """Graph, log, tag files and seals; returns the line that ends the log."""
    entries, _ = _actions.read(order.actions)
    action = {"at": actions.stamp(now), "action": _actions.EXPORT}
    package.put(GRAPH, _graph.graph(contents, record, [*entries, action], package.files))
    details = {
        "exhibit": contents.exhibit,
        "clips": len(contents.exhibits),
        "content_free": contents.content_free,
        "digest": _actions.content_digest(package.files),
    }
    if signer is not None:
        details[_actions.SIGNED_BY] = signer.public
    line = actions.line(order.actions, _actions.EXPORT, details, now)
    package.put(ACTIONS, order.actions + line)
    if contents.content_free:
        _refuse_leaks(package, source)
    info = _actions.bag_info(contents, line)
    package.finish(info, lambda manifest: _seals.made(manifest, signer, now))
    return line


def ordered(
    stored: Catalogue,
    known: FormatSet,
    segments: Iterable[Segment],
    unpack: Unpack,
    diagnosis: Diagnosis,
    folder: Path,
    *,
    exhibit: str,
    channel: int | None = None,
    span: TimeSpan | None = None,
    operator: str | None = None,
    clock: ClockCheck | None = None,
    borrow: Callable[[Recording], Borrowed | None] | None = None,
) -> Order:
    """The order for a camera and span of a case.

    segments: of that camera and span, without rows, in the catalogue's order; folder: of the
    case, whose name the package bears, with `formats/` and `actions.jsonl`.
    """
    recordings = tuple(timeline.recordings(segments))
    used = sorted({one.format for one in recordings})
    return Order(
        case=folder.absolute().name,
        exhibit=exhibit,
        recordings=recordings,
        unpack=unpack,
        ticks={one.name: TickClock.of(one) for one in known.formats},
        diagnosis=diagnosis,
        channel=channel,
        span=span,
        operator=operator,
        clock=clock or ClockCheck(),
        events=tuple(stored.events()),
        unreadable=extents.total(stored.unreadable()),
        unidentified=extents.total(stored.unidentified()),
        formats_digest=known.digest,
        format_limits={name: tuple(known[name].limits) for name in used},
        descriptions=_own(folder / "formats", used),
        actions=_read(folder / "actions.jsonl"),
        proofs={one.start: one.words for one in stored.seams() if one.joined},
        borrow=borrow,
    )


def _own(folder: Path, used: Iterable[str]) -> dict[str, bytes]:
    """The engineer's own descriptions of formats that were used, by file name."""
    paths = [folder / f"{name}.toml" for name in used]
    return {path.name: _read(path) for path in paths if path.is_file()}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read ({error.strerror})") from error
