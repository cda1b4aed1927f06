"""Scanning a source into a case: layouts, units, cut frames, key pictures."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import ExitStack, nullcontext
from itertools import chain, islice
from pathlib import Path

import msgspec

from vidrecover import __version__, containers, extents, volumes, whereabouts
from vidrecover.case._cameras import sort_cameras
from vidrecover.case._dating import date
from vidrecover.case._naked import join_naked, parted_before
from vidrecover.case._opened import MAP, STILLS, Opened
from vidrecover.case._passes import results
from vidrecover.case._positions import store_positions
from vidrecover.case._records import store_records
from vidrecover.case._several import decided
from vidrecover.case._sharing import shared
from vidrecover.catalogue import Look, Run
from vidrecover.errors import CatalogueError
from vidrecover.inspection import inspect, needless, standing
from vidrecover.model import (
    ClaimKind,
    Extent,
    Grid,
    Progress,
    Seam,
    Segment,
    Source,
    SourceRef,
    UnitResult,
    VolumeReport,
    together,
)
from vidrecover.outcome import ScanReport, scan_report
from vidrecover.precedence import contradicted, surrendered
from vidrecover.scan import UNIT_SIZE, WINDOW_SIZE, Scanner, changed_units, unit_extents
from vidrecover.seams import Seams, join
from vidrecover.source import ddrescue, device_of, lies_on, open_source
from vidrecover.source.imaging import ImagingSource
from vidrecover.source.mapped import MappedSource
from vidrecover.stills import Album
from vidrecover.workers import processes

_SHORT_RUN, _FEW_PICTURES = 64 << 10, 16
_IN_PIECES = 10  # one of so many files; else a frame at a cluster's end mostly goes on behind it


def scan(
    case: Opened,
    ref: SourceRef,
    *,
    jobs: int = 1,
    pictures: bool = True,
    stills: bool = False,
    window_size: int = WINDOW_SIZE,
    image: Path | None = None,
    cluster: str | None = None,
    planned: Callable[[int, int], None] | None = None,
    progress: Progress | None = None,
) -> ScanReport:
    """Index everything on the source; carries on where an earlier scan stopped.

    jobs: processes; pictures: look at key pictures of every minute afterwards; stills: keep some
    of them as small JPEG files; image: make a raw image on the way, with one process; cluster:
    address of a Dask scheduler, whose workers reach the source by the same path; planned: told
    the source's size and the bytes already read before the long work begins. Raises SourceError,
    CatalogueError, EvidenceError.
    """
    if image is not None and (jobs != 1 or cluster is not None):
        raise ValueError("an image is made by one process")
    with open_source(ref) as opened, ExitStack() as stack:
        refuse_source(case.folder, opened, ref, "choose a --case on another disk")
        source: Source = opened
        imaging = None
        if image is not None:
            refuse_source(image.parent, opened, ref, "choose an --image on another disk")
            source = imaging = stack.enter_context(ImagingSource(opened, image))
        run = run_on(case, source, ref)
        pending = _pending(case, opened, ref)
        resumed = source.size - extents.total(pending)
        if planned is not None:
            planned(source.size, resumed)
        if jobs == 1 and cluster is None:
            found = _units(case, source, pending, window_size, imaging)
        else:
            found = _shared(case, pending, window_size, jobs, cluster)
        for result in found:
            case.catalogue.store_unit(result)
            if progress is not None:
                progress(result.extent.size)
        _save_map(case, opened)
        copied = None
        if imaging is not None:
            copied = imaging.complete()
            there = SourceRef(path=copied.path, map_path=str(imaging.map_path))
            source = stack.enter_context(open_source(there))
        doubtful = _explained(case, source, jobs, pictures=pictures, stills=stills)
        report = scan_report(
            case.catalogue,
            opened,
            case.segments(),
            resumed=resumed,
            doubtful=doubtful,
            image=copied,
        )
    details = {"run": run.id, "source": ref.path, "jobs": jobs, "size": report.size}
    if report.image is not None:
        details["image"] = msgspec.to_builtins(report.image)
    case.note("scan", details | {"damage": report.damage})
    return report


def run_on(case: Opened, source: Source, ref: SourceRef) -> Run:
    """A run of work on a source that begins, with what its own structures say stored."""
    run = case.catalogue.begin_run(
        source.identity,
        case.formats.digest,
        [one.name for one in case.formats.formats],
        __version__,
        fingerprint=whereabouts.fingerprint(source),
    )
    whereabouts.remember(case.folder, ref)
    case.catalogue.store_volumes(volumes.examine(source, ref, case.formats))
    return run


def _explained(case: Opened, source: Source, jobs: int, *, pictures: bool, stills: bool) -> int:
    """Make of what the units hold all that can be told once every byte was read.

    Returns how many frames cut at borders stay in doubt.
    """
    doubtful = join_cuts(case, source)
    store_records(case, source)
    contain(case, source)
    store_positions(case, source)
    if pictures:
        sort_cameras(case, source)
        date(case, source)
        _look(case, source, jobs, stills=stills)
    return doubtful


def refuse_source(folder: Path, source: Source, ref: SourceRef, advice: str) -> None:
    """Raises CatalogueError for a folder on the source itself."""
    if lies_on(folder, source):
        raise CatalogueError(f"{folder} lies on {ref.path} itself: {advice}")


def _pending(case: Opened, source: Source, ref: SourceRef) -> list[Extent]:
    """What remains to be read, and what a map of bad ranges tells anew."""
    pending = case.catalogue.pending(source.size, UNIT_SIZE)
    if ref.map_path is None:
        return pending
    told = source.unreadable if isinstance(source, MappedSource) else ()
    changed = changed_units(source.size, case.catalogue.unreadable(), told)
    if changed and parted_before(case).joined:  # their units no longer hold what they were cut of
        changed = unit_extents(source.size)
    return sorted({*pending, *changed})


def _units(
    case: Opened,
    source: Source,
    pending: Sequence[Extent],
    window_size: int,
    imaging: ImagingSource | None,
) -> Iterator[UnitResult]:
    """What the units hold, read here, and imaged on the way."""
    scanner = Scanner(source, case.formats, window_size=window_size, grids=fragments(case))
    left: list[Extent] = []

    def told(resisting: list[Extent]) -> None:
        left[:] = extents.merged(resisting)

    for result in results(case.catalogue, source, pending, scanner, told):
        yield result
        if imaging is not None:
            imaging.save_map(left)


def _shared(
    case: Opened, pending: Sequence[Extent], window_size: int, jobs: int, cluster: str | None
) -> Iterator[UnitResult]:
    """What the units hold, read by several processes or a cluster."""
    return shared(
        case.place(),
        case.formats,
        pending,
        jobs=jobs,
        address=cluster,
        grids=fragments(case),
        window_size=window_size,
    )


def _save_map(case: Opened, source: Source) -> None:
    """Keep what a device refused as a ddrescue map in the case."""
    bad = case.catalogue.unreadable()
    if device_of(source) is None or not bad:
        return
    text = ddrescue.text(source.size, finished=case.catalogue.scanned(), bad=bad, left=[])
    try:
        (case.folder / MAP).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CatalogueError(
            f"{case.folder / MAP} cannot be written ({error.strerror}): make room, then scan again"
        ) from error


def _look(case: Opened, source: Source, jobs: int, *, stills: bool) -> None:
    """Judge the key pictures of all segments that were not looked at yet; of all segments again
    when the first stills are asked for."""
    album = Album(case.folder / STILLS) if stills else None
    segments = list(case.segments())
    seen = {one.segment_id for one in case.catalogue.looks()}
    if stills and not (case.folder / STILLS).exists():
        seen = set()
    seen |= needless(segments)
    unseen = [one for one in segments if one.id not in seen]
    known = {one.name: one for one in case.formats.formats}
    tracks = case.catalogue.tracks()
    with processes(jobs) if jobs > 1 else nullcontext() as executor:
        looks = inspect(
            unseen,
            case.unpack,
            source,
            known,
            tracks=tracks,
            executor=executor,
            workers=jobs,
            album=album,
        )
        for batch in _batches(looks):
            case.catalogue.store_looks(chain.from_iterable(batch))
    looks = standing(segments, case.catalogue.looks(), case.unpack, source, known, tracks=tracks)
    for batch in _batches(looks):
        case.catalogue.store_looks(chain.from_iterable(batch))


def contain(case: Opened, source: Source) -> None:
    """Read the container files whose boxes the scan saw, and store those that are new."""
    one = next((f for f in case.formats.formats if f.framing.reader == containers.READER), None)
    if one is None:
        return
    boxes = together([case.unpack(segment) for segment in case.boxes()])
    done = case.catalogue.containers()
    for found in containers.build(source, boxes, one, known=_in_pieces(case), done=done):
        case.catalogue.store_container(found)
    for found in containers.loose(source, _unexplained(case), one):
        case.catalogue.store_container(found)


def _unexplained(case: Opened) -> list[Extent]:
    """What no reader knows, with what lies between that may be an imitation in it: a few naked
    pictures, and short runs of a single value."""
    left = case.catalogue.unidentified()
    between = [one for one in case.catalogue.blank() if one.size <= _SHORT_RUN]
    naked = {one.name for one in case.formats.formats if one.framing.yields}
    between += [
        Extent(one.start, one.end)
        for one in case.catalogue.segments(channel=None)
        if one.format in naked and not one.joined and one.frames <= _FEW_PICTURES
    ]
    every = extents.merged([*left, *between])
    known = [one.start for one in left]
    return [one for one in every if bisect_left(known, one.start) < bisect_left(known, one.end)]


def _in_pieces(case: Opened) -> dict[int, tuple[Extent, ...]]:
    """Files that lie in several pieces as a file system lists them, by first byte."""
    kinds = (ClaimKind.FILE, ClaimKind.DELETED_FILE)
    claims = case.catalogue.claims(kinds)
    return {one.extents[0].start: one.extents for one in claims if len(one.extents) > 1}


def grids(case: Opened) -> list[Grid]:
    """Where the layouts on the source begin their fragments, and file systems their clusters."""
    return _grids(case.catalogue.volumes())


def fragments(case: Opened) -> list[Grid]:
    """Where frames are cut: at the fragments of recorders' own layouts, and at the clusters of a
    file system whose files lie in pieces. Elsewhere most clusters go on one behind the other."""
    return _grids(one for one in case.catalogue.volumes() if _is_in_pieces(one))


def _is_in_pieces(report: VolumeReport) -> bool:
    if report.layout in volumes.LAYOUTS:
        return True
    laid = [claim for claim in report.claims if claim.extents]
    return _IN_PIECES * sum(len(claim.extents) > 1 for claim in laid) > len(laid)


def _grids(reports: Iterable[VolumeReport]) -> list[Grid]:
    return [
        Grid(one.fragment_start, one.fragment_size)
        for one in reports
        if one.fragment_start is not None and one.fragment_size
    ]


def join_cuts(case: Opened, source: Source, borders: Sequence[Grid] = ()) -> int:
    """Store the frames cut at borders that could be proven; returns how many could not.

    borders: where frames may be cut, beside what layouts tell.
    """
    before = parted_before(case)
    ends, claims = list(case.catalogue.loose_ends()), case.catalogue.claims()
    files = [c.extents for c in claims if c.kind is ClaimKind.FILE and len(c.extents) > 1]
    if files:
        stored = case.catalogue.segments(channel=None)
        wrong = list(contradicted(stored, files, case.formats, case.unpack))
        case.catalogue.replace([(one.id or 0, rest) for one, rest in wrong])
    left = extents.merged(case.catalogue.unidentified())
    found = join(source, ends, case.formats, [*grids(case), *borders], claims, left)
    case.catalogue.store_seams(found.joined, _told(found))
    known = -1
    while found.several and len(found.joined) > known:
        known = len(found.joined)
        found = decided(case, source, found)
        case.catalogue.store_seams(found.joined, _told(found))
    yielding = {one.name for one in case.formats.formats if one.framing.yields}
    naked = _with_rows(case, yielding) if found.joined else ()
    given = [(one.id or 0, rest) for one, rest in surrendered(naked, found.joined, case.formats)]
    case.catalogue.replace(given)
    naked_found = join_naked(case, source, before)
    if naked_found.seams:
        joined = [*_joined(case), *naked_found.joined]
        case.catalogue.store_seams(joined, [*_told(found), *naked_found.seams])
    return len(found.doubtful) + sum(not one.joined for one in naked_found.seams)


def _joined(case: Opened) -> Iterator[Segment]:
    """What was put together and has not given way, with rows."""
    for one in case.catalogue.segments():
        if one.joined and one.id is not None:
            yield msgspec.structs.replace(one, rows=case.catalogue.segment_rows(one.id))


def _told(found: Seams) -> Iterator[Seam]:
    """The proof of each frame that was put together, and the doubt about each other."""
    for segment, words in zip(found.joined, found.proofs, strict=True):
        yield Seam(start=segment.start, joined=True, words=words)
    for extent, words in zip(found.doubtful, found.doubts, strict=True):
        yield Seam(start=extent.start, joined=False, words=words)


def _with_rows(case: Opened, names: Set[str]) -> Iterator[Segment]:
    """Segments of some formats with their tables; those of others are not read."""
    for one in case.catalogue.segments():
        if one.format in names and one.id is not None:
            yield msgspec.structs.replace(one, rows=case.catalogue.segment_rows(one.id))


def _batches(
    looks: Iterable[tuple[Look, ...]], size: int = 200
) -> Iterator[list[tuple[Look, ...]]]:
    rest = iter(looks)
    while batch := list(islice(rest, size)):
        yield batch
