"""Scanning a source into a case: layouts, units, cut frames, key pictures."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import chain, islice

from vidrecover import __version__, extents, volumes, whereabouts
from vidrecover.case._opened import Opened
from vidrecover.catalogue import Look
from vidrecover.errors import CatalogueError
from vidrecover.inspection import inspect
from vidrecover.model import Extent, Progress, Source, SourceRef, UnitResult
from vidrecover.outcome import ScanReport, scan_report
from vidrecover.scan import UNIT_SIZE, WINDOW_SIZE, Scanner, changed_units, spread
from vidrecover.seams import Grid, join
from vidrecover.source import lies_on, open_source
from vidrecover.source.mapped import MappedSource
from vidrecover.workers import processes


def scan(
    case: Opened,
    ref: SourceRef,
    *,
    jobs: int = 1,
    pictures: bool = True,
    window_size: int = WINDOW_SIZE,
    planned: Callable[[int, int], None] | None = None,
    progress: Progress | None = None,
) -> ScanReport:
    """Index everything on the source; carries on where an earlier scan stopped.

    jobs: processes; pictures: look at key pictures of every minute afterwards; planned:
    told the source's size and the bytes already read before the long work begins. Raises
    SourceError, CatalogueError.
    """
    with open_source(ref) as source:
        if lies_on(case.folder, source):
            raise CatalogueError(
                f"{case.folder} lies on {ref.path} itself: choose a --case on another disk"
            )
        run = case.catalogue.begin_run(
            source.identity,
            case.formats.digest,
            [one.name for one in case.formats.formats],
            __version__,
            fingerprint=whereabouts.fingerprint(source),
        )
        whereabouts.remember(case.folder, ref)
        case.catalogue.store_volumes(volumes.examine(source))
        pending = case.catalogue.pending(source.size, UNIT_SIZE)
        if ref.map_path is not None:
            told = source.unreadable if isinstance(source, MappedSource) else ()
            changed = changed_units(source.size, case.catalogue.unreadable(), told)
            pending = sorted({*pending, *changed})
        resumed = source.size - extents.total(pending)
        if planned is not None:
            planned(source.size, resumed)
        for result in _units(case, source, ref, pending, jobs, window_size):
            case.catalogue.store_unit(result)
            if progress is not None:
                progress(result.extent.size)
        doubtful = _join(case, source)
        if pictures:
            _look(case, source, jobs)
        report = scan_report(
            case.catalogue, source, case.segments(), resumed=resumed, doubtful=doubtful
        )
    details = {"run": run.id, "source": ref.path, "jobs": jobs, "size": report.size}
    case.note("scan", details | {"damage": report.damage})
    return report


def _units(
    case: Opened,
    source: Source,
    ref: SourceRef,
    pending: Sequence[Extent],
    jobs: int,
    window_size: int,
) -> Iterator[UnitResult]:
    if jobs == 1:
        scanner = Scanner(source, case.formats, window_size=window_size)
        yield from map(scanner.scan, pending)
        return
    with processes(jobs) as executor:
        yield from spread(
            ref,
            case.formats,
            pending,
            executor,
            window_size=window_size,
            in_flight=2 * jobs,
        )


def _look(case: Opened, source: Source, jobs: int) -> None:
    """Judge the key pictures of all segments that were not looked at yet."""
    seen = {one.segment_id for one in case.catalogue.looks()}
    unseen = [one for one in case.catalogue.segments() if one.id not in seen]
    with processes(jobs) if jobs > 1 else nullcontext() as executor:
        known = {one.name: one for one in case.formats.formats}
        looks = inspect(unseen, case.unpack, source, known, executor=executor, workers=jobs)
        for batch in _batches(looks):
            case.catalogue.store_looks(chain.from_iterable(batch))


def _join(case: Opened, source: Source) -> int:
    """Store the frames cut at borders that could be proven; returns how many could not."""
    grids = [
        Grid(one.fragment_start, one.fragment_size)
        for one in case.catalogue.volumes()
        if one.fragment_start is not None and one.fragment_size
    ]
    found = join(source, list(case.catalogue.loose_ends()), case.formats, grids)
    case.catalogue.store_seams(found.joined)
    return len(found.doubtful)


def _batches(
    looks: Iterable[tuple[Look, ...]], size: int = 200
) -> Iterator[list[tuple[Look, ...]]]:
    rest = iter(looks)
    while batch := list(islice(rest, size)):
        yield batch
