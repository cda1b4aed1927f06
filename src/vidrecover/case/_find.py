"""The incident first: clips of a span of time without reading the whole source."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from vidrecover import clips, extents, timeline
from vidrecover.case._dating import date
from vidrecover.case._footage import footage
from vidrecover.case._loans import lender
from vidrecover.case._opened import Opened
from vidrecover.case._passes import results
from vidrecover.case._probed import Probed
from vidrecover.case._records import store_records
from vidrecover.case._scanning import contain, fragments, join_cuts, refuse_source, run_on
from vidrecover.coverage import AROUND_MS, Coverage, covered
from vidrecover.model import (
    Clip,
    Extent,
    Grade,
    Progress,
    RecorderMs,
    Recording,
    Source,
    SourceRef,
    TimeSpan,
)
from vidrecover.outcome import Found, WindowFound
from vidrecover.scan import UNIT_SIZE, Scanner
from vidrecover.source import CountedSource, open_source
from vidrecover.survey import Answer, Survey

LEAD_MS, TRAIL_MS = 12_000, 2_000
"""Read before a span, for the key picture that it needs, and behind it."""
SMALL = 512 << 20
"""Bytes of a source that is scanned whole, as probes and stretches would read as much."""
_GROW = 32 << 20  # bytes by which stretches grow at first where the proof is missing
_ROUNDS = 4

Span = TimeSpan | Callable[[RecorderMs | None], TimeSpan]
Told = Callable[[Clip | clips.LeftOut | WindowFound], None]


def find(
    case: Opened,
    ref: SourceRef,
    folder: Path,
    *,
    channels: Sequence[int],
    span: Span,
    progress: Progress | None = None,
    told: Told | None = None,
) -> Found:
    """Clips of these cameras in a span, from as little reading as the disk's order allows.

    span: or what makes it from the newest time on the disk, None when nothing is dated. Written
    camera by camera; what was read stays in the catalogue, and a scan reads only the rest.
    progress: bytes scanned; told: given each clip, what cannot become one, and how far each
    camera's span is proven to be whole. Raises ClipError, SourceError, CatalogueError.
    """
    begun = time.monotonic()
    with open_source(ref) as opened:
        refuse_source(case.folder, opened, ref, "choose a --case on another disk")
        source = CountedSource(opened)
        run = run_on(case, source, ref)
        survey = Survey(source, case.formats, case.catalogue.claims(), Probed(case))
        reader = _Reader(case, source, progress, survey)
        if source.size <= SMALL:
            reader.scan([Extent(0, source.size)])
            reader.finish(files=True)
            store_records(case, source)
        if not isinstance(span, TimeSpan):
            is_read = case.catalogue.scanned_share(source.size) == 1
            span = span(_newest(case) if is_read else survey.newest_ms())
        search = _Search(reader, survey, span, told)
        made, left_out = _written(search, channels, folder)
        result = Found(
            source=ref.path,
            span=span,
            clips=tuple(made),
            left_out=tuple(words for words in left_out),
            windows=tuple(search.windows),
            bytes_read=source.bytes_read,
            source_size=source.size,
            probes=survey.prober.count,
            seconds=time.monotonic() - begun,
        )
    case.note(
        "find",
        {
            "run": run.id, "source": ref.path, "folder": str(folder), "channels": list(channels),
            "span": list(span), "bytes_read": result.bytes_read, "clips": len(made),
            "windows": msgspec.to_builtins(result.windows),
        },
    )  # fmt: skip
    return result


def _written(
    search: "_Search", channels: Sequence[int], folder: Path
) -> tuple[list[Clip], list[str]]:
    """The clips, written as soon as a camera's stretches were read, and what became none."""
    case = search.case
    made, left_out = list[Clip](), list[str]()
    with lender(case, search.source) as borrow:
        written = clips.write(
            search.recordings(channels),
            search.source,
            case.unpack,
            folder,
            clocks={one.name: clips.TickClock.of(one) for one in case.formats.formats},
            span=search.span,
            borrow=borrow,
        )
        for one in clips.graded(written, folder):
            if isinstance(one, clips.LeftOut):
                left_out.append(one.reason)
                search.tell(one)
            else:
                made.append(search.judged(one))
                search.tell(made[-1])
    clips.save(made, folder)
    return made, left_out


def _newest(case: Opened) -> RecorderMs | None:
    """The newest time of all that was scanned."""
    return max((one.end_ms for one in case.segments() if one.end_ms is not None), default=None)


class _Reader:
    """Scans parts of the source into the case, each byte once."""

    def __init__(
        self, case: Opened, source: Source, progress: Progress | None, survey: Survey
    ) -> None:
        self.case, self.source = case, source
        self._progress, self._survey = progress, survey
        self._scanner = Scanner(source, case.formats, grids=fragments(case))
        self._finished = False

    def scan(self, stretches: Sequence[Extent]) -> int:
        """Scan what is not scanned yet of the stretches; bytes scanned."""
        stored = self.case.catalogue
        pending = extents.common(stored.pending(self.source.size, UNIT_SIZE), list(stretches))
        self._scanner.forget()
        for result in results(stored, self.source, pending, self._scanner, lambda _: None):
            stored.store_unit(result)
            self._finished = False
            if self._progress is not None:
                self._progress(result.extent.size)
        return extents.total(pending)

    def finish(self, *, files: bool = False) -> None:
        """What follows from all that was scanned together: cut frames; files: and containers,
        of which all that they consist of must have been scanned, and the clock in pictures of
        footage without dates."""
        if not self._finished:
            join_cuts(self.case, self.source, self._survey.borders())
            self._finished = True
        if files:
            contain(self.case, self.source)
            date(self.case, self.source)


class _Search:
    """One search for a span: what was read for it, and what came of it for each camera."""

    def __init__(self, reader: _Reader, survey: Survey, span: TimeSpan, told: Told | None) -> None:
        self.case, self.source, self.span = reader.case, reader.source, span
        self.windows: list[WindowFound] = []
        self._reader, self._survey, self._told = reader, survey, told
        self._around = TimeSpan(span.start_ms - AROUND_MS, span.end_ms + AROUND_MS)
        self._counted = {f.name for f in self.case.formats.formats if f.framing.counted}

    def tell(self, what: Clip | clips.LeftOut | WindowFound) -> None:
        """Pass on what was found."""
        if self._told is not None:
            self._told(what)

    def recordings(self, channels: Sequence[int]) -> Iterator[Recording]:
        """The recordings in the span, camera by camera, each as soon as it was read."""
        for channel in channels:
            window = self._window(channel)
            self.windows.append(window)
            self.tell(window)
            yield from timeline.recordings(footage(self.case, channel, self.span))

    def judged(self, clip: Clip) -> Clip:
        """The clip with a note, and not complete, where its span is not proven to be whole."""
        window = next(one for one in self.windows if one.channel == clip.channel)
        if window.is_whole or self._share() == 1:
            return clip
        grade = Grade.PARTIAL if clip.grade is Grade.COMPLETE else clip.grade
        note = f"not all of the disk was read: {window.reason}"
        return msgspec.structs.replace(clip, grade=grade, notes=(*clip.notes, note))

    def _window(self, channel: int) -> WindowFound:
        """Read what the span of a camera needs, until it is proven or no more is promising."""
        wanted = TimeSpan(self.span.start_ms - LEAD_MS, self.span.end_ms + TRAIL_MS)
        coverage, reason = self._covered(channel), None
        needs_more = not coverage.is_whole and self._share() < 1
        for answer in self._answers(channel, wanted) if needs_more else ():
            reason = answer.reason
            coverage = self._read(channel, answer.stretches, coverage)
            if coverage.is_whole:
                break
        return WindowFound(
            channel=channel,
            is_whole=coverage.is_whole,
            has_footage=coverage.frames > 0,
            silences=coverage.silences,
            reason=_reason(coverage, reason, self._share()),
        )

    def _answers(self, channel: int, wanted: TimeSpan) -> Iterator[Answer]:
        """Where to read, the most promising first; each is asked for when the one before did
        not do."""
        yield Answer(self._survey.claimed(channel, wanted))
        files = self._survey.files(channel, wanted)
        if files:
            self._reader.scan(files)
            self._reader.finish(files=True)
            yield Answer(files)
        answer = self._survey.stretches(channel, wanted, thorough=False)
        yield answer
        if not answer.is_all:
            yield self._survey.stretches(channel, wanted)

    def _share(self) -> float:
        return self.case.catalogue.scanned_share(self.source.size)

    def _read(self, channel: int, stretches: Sequence[Extent], coverage: Coverage) -> Coverage:
        """Scan the stretches, and more beside them as long as the proof is missing."""
        grow = _GROW
        for _ in range(_ROUNDS if stretches else 0):
            self._reader.scan(stretches)
            coverage = self._covered(channel)
            if coverage.is_whole or not coverage.frames:
                break
            before = grow * (coverage.lacks_before or coverage.has_hole)
            behind = grow * (coverage.lacks_behind or coverage.has_hole)
            stretches = extents.merged(
                Extent(max(one.start - before, 0), min(one.end + behind, self.source.size))
                for one in stretches
            )
            grow *= 2
        return coverage

    def _covered(self, channel: int) -> Coverage:
        self._reader.finish()
        found = (one for one in self.case.segments(self._around) if one.channel == channel)
        return covered(found, channel, self.span, counted=self._counted, unpack=self.case.unpack)


def _reason(coverage: Coverage, why: str | None, share: float) -> str | None:
    """Why a span is not proven to be whole, and what it would take."""
    if coverage.is_whole:
        return None
    words = [one for one in (coverage.reason, why) if one]
    if share == 1:
        return f"{coverage.reason}; every byte of the disk was read"
    return (
        f"{'; '.join(words)}; only a scan of the remaining {100 * (1 - share):.1f} % of the disk"
        " can tell"
    )
