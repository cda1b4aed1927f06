"""Packing: recordings in, a finished package out."""

from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from vidrecover import __version__, actions, clips, clock
from vidrecover.errors import EvidenceError
from vidrecover.evidence import _actions, _graph, _leaks, _pdf, _records, _seals, _statements
from vidrecover.evidence import _tables as tables
from vidrecover.evidence._package import Package
from vidrecover.evidence._packing import Job, as_clip, pack
from vidrecover.evidence._signature import Signer
from vidrecover.evidence._values import (
    ACTIONS,
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
    AccessCopy,
    Contents,
    Exhibit,
    Order,
    Packed,
)
from vidrecover.model import Progress, Source


def export(
    target: Path,
    source: Source,
    order: Order,
    *,
    content_free: bool = False,
    decode: bool = True,
    executor: Executor | None = None,
    page: str | None = None,
    signer: Signer | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Packed:
    """Packs the recordings into a BagIt bag at `target`, whole or not at all.

    content_free: neither pictures nor sound, but everything else, digests included; decode: play
    every access copy, which takes longer than all the rest, on the executor if there is one;
    page: the case's own report, self-contained HTML, to be added; signer: signs the tag
    manifest; now: of this computer, aware; progress: bytes of native footage. The source is read
    once. Raises EvidenceError when the target exists, lies on the source or cannot be written.
    """
    at = now or datetime.now(UTC)
    with Package(target, source) as package:
        contents = _clips(package, source, order, content_free, decode, progress)
        if decode and not content_free:
            contents = _played(contents, package.root, executor)
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
    content_free: bool,
    decode: bool,
    progress: Progress | None,
) -> Contents:
    """Masters and access copies with the rows of their tables."""
    exhibits, span = list[Exhibit](), order.span
    name = _records.source_name(source.identity)
    with package.file(FRAGMENTS) as fragments, package.file(FRAMES) as frames:
        rows = tables.FragmentRows(fragments, name)
        job = Job(
            package, source, order, content_free, decode, clips.Names(), rows, frames, progress
        )
        for recording in order.recordings:
            one = pack(job, recording, len(exhibits) + 1)
            if one is not None:
                exhibits.append(one)
        rows.flush()
    return Contents(
        case=order.case,
        exhibit=order.exhibit,
        operator=order.operator,
        channel=order.channel,
        span=None if span is None else (clock.iso(span.start_ms), clock.iso(span.end_ms)),
        content_free=content_free,
        decoded=decode and content_free,
        tool=__version__,
        exhibits=tuple(exhibits),
    )


def _played(contents: Contents, root: Path, executor: Executor | None) -> Contents:
    """The contents with the grades that a decoder gives."""
    waiting = [as_clip(copy, one) for one in contents.exhibits for copy in one.access]
    run = map if executor is None else executor.map
    graded = {one.file: one for one in run(clips.grade, waiting, [root] * len(waiting))}

    def with_grade(copy: AccessCopy) -> AccessCopy:
        one = graded[copy.file]
        return msgspec.structs.replace(copy, grade=one.grade, notes=one.notes)

    exhibits = tuple(
        msgspec.structs.replace(one, access=tuple(map(with_grade, one.access)))
        for one in contents.exhibits
    )
    return msgspec.structs.replace(contents, exhibits=exhibits, decoded=True)


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
