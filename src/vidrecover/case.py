"""A case: the folder with everything learnt about one source, and the verbs that work on it.

| in the folder | what |
|---|---|
| `catalogue.db` | all observations |
| `source.json` | how to open the source again |
| `formats/` | the engineer's own descriptions |
| `clips/`, `exhibits/` | what was recovered and handed over, unless another folder is named |
| `actions.jsonl` | what was done, by which version, each line with the digest of the one before |
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from vidrecover import (
    __version__,
    actions,
    clips,
    evidence,
    extents,
    formats,
    segments,
    timeline,
    volumes,
    whereabouts,
)  # fmt: skip
from vidrecover import report as reports
from vidrecover.catalogue import Catalogue, ChannelSummary, Look
from vidrecover.diagnosis import Evidence, Sight, diagnose
from vidrecover.errors import CatalogueError
from vidrecover.inspection import inspect
from vidrecover.model import (
    Clip,
    Diagnosis,
    Extent,
    Frames,
    Progress,
    Segment,
    Source,
    SourceRef,
    TimeSpan,
    UnitResult,
)
from vidrecover.outcome import ScanReport, scan_report
from vidrecover.scan import UNIT_SIZE, WINDOW_SIZE, Scanner, changed_units, spread
from vidrecover.seams import Grid, join
from vidrecover.source import lies_on, open_source
from vidrecover.source.mapped import MappedSource
from vidrecover.workers import processes

CATALOGUE, ACTIONS = "catalogue.db", "actions.jsonl"


class Case:
    """An open case folder; a context manager."""

    def __init__(self, folder: Path, catalogue: Catalogue, known: formats.FormatSet) -> None:
        self.folder = folder
        self.formats = known
        self._catalogue = catalogue

    @classmethod
    def open(cls, folder: Path, *, create: bool = False) -> Self:
        """The case in a folder, made when it is missing and `create` is true.

        Raises CatalogueError when there is none, FormatError when a description is wrong.
        """
        if create:
            try:
                (folder / "formats").mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CatalogueError(
                    f"{folder}: the case cannot be made ({error.strerror}); choose another folder"
                ) from error
        elif not (folder / CATALOGUE).is_file():
            raise CatalogueError(
                f"{folder}: there is no case; scan a source first: vidrecover scan SOURCE"
                f" --case {folder}"
            )
        known = formats.load(formats.shipped(), folder / "formats")
        return cls(folder, Catalogue.open(folder / CATALOGUE, create=create), known)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._catalogue.close()

    def found(self) -> list[ChannelSummary]:
        """Cameras, frames and hours found so far; cheap, for progress."""
        return self._catalogue.summary()

    def scanned_share(self) -> float:
        """How much of the source was read by every format of the last scan, 0 to 1."""
        identity = self._catalogue.identity()
        return 0.0 if identity is None else self._catalogue.scanned_share(identity.size)

    def unreadable(self) -> int:
        """Bytes that the source refused so far."""
        return extents.total(self._catalogue.unreadable())

    def scan(
        self,
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
            if lies_on(self.folder, source):
                raise CatalogueError(
                    f"{self.folder} lies on {ref.path} itself: choose a --case on another disk"
                )
            run = self._catalogue.begin_run(
                source.identity,
                self.formats.digest,
                [one.name for one in self.formats.formats],
                __version__,
                fingerprint=whereabouts.fingerprint(source),
            )
            whereabouts.remember(self.folder, ref)
            self._catalogue.store_volumes(volumes.examine(source))
            pending = self._catalogue.pending(source.size, UNIT_SIZE)
            if ref.map_path is not None:
                told = source.unreadable if isinstance(source, MappedSource) else ()
                changed = changed_units(source.size, self._catalogue.unreadable(), told)
                pending = sorted({*pending, *changed})
            resumed = source.size - extents.total(pending)
            if planned is not None:
                planned(source.size, resumed)
            for result in self._units(source, ref, pending, jobs, window_size):
                self._catalogue.store_unit(result)
                if progress is not None:
                    progress(result.extent.size)
            doubtful = self._join(source)
            if pictures:
                self._look(source, jobs)
            report = scan_report(
                self._catalogue, source, self._segments(), resumed=resumed, doubtful=doubtful
            )
        details = {"run": run.id, "source": ref.path, "jobs": jobs, "size": report.size}
        self._note("scan", details | {"damage": report.damage})
        return report

    def _units(
        self, source: Source, ref: SourceRef, pending: Sequence[Extent], jobs: int, window_size: int
    ) -> Iterator[UnitResult]:
        if jobs == 1:
            scanner = Scanner(source, self.formats, window_size=window_size)
            yield from map(scanner.scan, pending)
            return
        with processes(jobs) as executor:
            yield from spread(
                ref,
                self.formats,
                pending,
                executor,
                window_size=window_size,
                in_flight=2 * jobs,
            )

    def _look(self, source: Source, jobs: int) -> None:
        """Judge the key pictures of all segments that were not looked at yet."""
        seen = {one.segment_id for one in self._catalogue.looks()}
        unseen = [one for one in self._catalogue.segments() if one.id not in seen]
        with processes(jobs) if jobs > 1 else nullcontext() as executor:
            known = {one.name: one for one in self.formats.formats}
            looks = inspect(unseen, self._unpack, source, known, executor=executor, workers=jobs)
            for batch in _batches(looks):
                self._catalogue.store_looks(chain.from_iterable(batch))

    def _join(self, source: Source) -> int:
        """Store the frames cut at borders that could be proven; returns how many could not."""
        grids = [
            Grid(one.fragment_start, one.fragment_size)
            for one in self._catalogue.volumes()
            if one.fragment_start is not None and one.fragment_size
        ]
        found = join(source, list(self._catalogue.loose_ends()), self.formats, grids)
        self._catalogue.store_seams(found.joined)
        return len(found.doubtful)

    def diagnose(
        self, *, channels: Sequence[int] | None = None, window: TimeSpan | None = None
    ) -> Diagnosis:
        """Every camera's state over time, with reasons; see `diagnosis.diagnose`."""
        identity = self._catalogue.identity()
        if identity is None:
            raise CatalogueError(f"{self.folder}: nothing was scanned yet; scan the source first")
        stored = self._catalogue
        observed = Evidence(
            source=identity.path,
            size=identity.size,
            scanned=stored.scanned(),
            segments=list(self._segments()),
            claims=stored.claims(),
            events=stored.events(),
            unreadable=stored.unreadable(),
            unidentified=stored.unidentified(),
            pictures=_sights(stored.looks()),
            counted=frozenset(f.name for f in self.formats.formats if f.framing.counted),
        )
        return diagnose(observed, channels=channels, window=window)

    def report_facts(
        self, *, channels: Sequence[int] | None = None, window: TimeSpan | None = None
    ) -> reports.Facts:
        """All that a report of the case shows, with the clips that were recovered last."""
        return reports.gather(
            self._catalogue,
            self.formats,
            self._segments(),
            self.diagnose(channels=channels, window=window),
            log=self.folder / ACTIONS,
        )

    def save_report(self, content: str, path: Path) -> None:
        """Store a report as a new file, never on the source; raises EvidenceError."""
        digest = reports.save(content, path, whereabouts.recall(self.folder))
        self._note("report", {"file": str(path), "sha256": digest})

    def last_day(self) -> TimeSpan | None:
        """The recorder's last day with footage, or None when nothing is dated."""
        newest = max((one.last_ms for one in self.found() if one.last_ms is not None), default=None)
        if newest is None:
            return None
        start = newest // 86_400_000 * 86_400_000
        return TimeSpan(start, start + 86_400_000)

    def recover(
        self,
        folder: Path,
        *,
        channel: int | None = None,
        span: TimeSpan | None = None,
        source: str | None = None,
        planned: Callable[[int], None] | None = None,
        progress: Progress | None = None,
        told: Callable[[Clip | clips.LeftOut], None] | None = None,
    ) -> list[Clip]:
        """Playable clips of the footage in the folder, graded; writes `clips.json` last.

        channel: None for all cameras; source: where the source is now, if it was moved; planned:
        told about how many bytes of frames there are, of which `progress` counts those read;
        told: given each clip when it is finished and graded, and whatever cannot become one,
        with the reason. Raises ClipError, SourceError.
        """
        with self._source(source) as opened:
            chosen = self._chosen(channel, span, planned)
            written = clips.write(
                timeline.recordings(chosen),
                opened,
                self._unpack,
                folder,
                clocks={one.name: clips.TickClock.of(one) for one in self.formats.formats},
                span=span,
                progress=progress,
            )
            made, left_out = list[Clip](), list[clips.LeftOut]()
            for one in clips.graded(written, folder):
                (made if isinstance(one, Clip) else left_out).append(one)  # type: ignore[arg-type]
                if told is not None:
                    told(one)
            clips.save(made, folder)
        details = {"folder": str(folder), "channel": channel, "clips": len(made)}
        self._note("recover", details | {"left_out": [one._asdict() for one in left_out]})
        return made

    def export(
        self,
        folder: Path,
        *,
        channel: int | None = None,
        span: TimeSpan | None = None,
        exhibit: str = "EX-1",
        operator: str | None = None,
        content_free: bool = False,
        decode: bool = True,
        signer: evidence.Signer | None = None,
        source: str | None = None,
        planned: Callable[[int], None] | None = None,
        progress: Progress | None = None,
    ) -> evidence.Packed:
        """An evidence package of the footage as a new folder; see `recover` and `evidence.export`.

        operator: who answers for it; signer: signs it. Raises EvidenceError, SourceError.
        """
        with self._source(source) as opened:
            chosen = self._chosen(channel, span, planned)
            facts = self.report_facts(channels=[channel] if channel else None, window=span)
            order = evidence.ordered(
                self._catalogue, self.formats, chosen, self._unpack, facts.diagnosis, self.folder,
                exhibit=exhibit, channel=channel, span=span, operator=operator,
            )  # fmt: skip
            packed = evidence.export(
                folder,
                opened,
                order,
                content_free=content_free,
                decode=decode,
                page=reports.html(facts),
                signer=signer,
                progress=progress,
            )
        actions.add(self.folder / ACTIONS, packed.action)
        return packed

    def _chosen(
        self, channel: int | None, span: TimeSpan | None, planned: Callable[[int], None] | None
    ) -> list[Segment]:
        """The segments of a camera and span that may hold footage; planned: told their bytes."""
        found = [
            one
            for one in self._segments(span)
            if (channel is None or one.channel == channel) and self._counts(one)
        ]
        if planned is not None:
            planned(sum(one.size for one in found))
        return found

    def _counts(self, segment: Segment) -> bool:
        """Whether a segment has pictures or sound, or numbers that tell of missing ones."""
        counted = self.formats[segment.format].framing.counted
        return bool(segment.frames or segment.audio or counted)

    @contextmanager
    def _source(self, moved: str | None) -> Iterator[Source]:
        """The case's source, wherever it is now."""
        with open_source(whereabouts.recall(self.folder, moved)) as source:
            whereabouts.compare(source, self._catalogue.identity(), self.folder)
            yield source

    def _segments(self, span: TimeSpan | None = None) -> Iterator[Segment]:
        """The catalogue's segments without rows, cameras numbered from 1.

        For formats in which only a channel 1 proves that the bytes count from 0, see
        `formats.Framing.channel_one_tells`.
        """
        unsure = {one.name for one in self.formats.formats if one.framing.channel_one_tells}
        if unsure:
            unsure -= {one.format for one in self._catalogue.segments(channel=1)}
        for one in self._catalogue.segments(span=span):
            if one.channel is not None and one.format in unsure:
                yield msgspec.structs.replace(one, channel=one.channel - 1)
            else:
                yield one

    def _note(self, action: str, details: dict[str, Any]) -> None:
        actions.append(self.folder / ACTIONS, action, details)

    def _unpack(self, segment: Segment) -> Frames:
        assert segment.id is not None
        return segments.unpack(self._catalogue.segment_rows(segment.id))


def _sights(looks: Iterable[Look]) -> dict[int, list[Sight]]:
    found: dict[int, list[Sight]] = {}
    for one in looks:
        found.setdefault(one.segment_id, []).append(Sight(one.start_ms, one.state))
    return found


def _batches(
    looks: Iterable[tuple[Look, ...]], size: int = 200
) -> Iterator[list[tuple[Look, ...]]]:
    rest = iter(looks)
    while batch := list(islice(rest, size)):
        yield batch
