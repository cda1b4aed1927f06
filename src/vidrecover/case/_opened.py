"""An open case folder: its catalogue, its formats, its source, its log."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover import actions, containers, formats, segments, timeline, whereabouts
from vidrecover.catalogue import Catalogue
from vidrecover.errors import CatalogueError
from vidrecover.model import (
    NO_TICK,
    NO_TIME,
    FrameFlag,
    Frames,
    Media,
    Segment,
    Source,
    SourceRef,
    TimeSpan,
)
from vidrecover.source import device_of, open_source
from vidrecover.source.mapped import MappedSource

CATALOGUE, ACTIONS, MAP = "catalogue.db", "actions.jsonl", "device.map"
STILLS, MEDIA = "stills", "media"


class Opened(NamedTuple):
    """What every verb works on. names: of cameras, by their labels, as the user says."""

    folder: Path
    formats: formats.FormatSet
    catalogue: Catalogue
    names: Mapping[str, int] = {}  # never changed in place

    def segments(self, span: TimeSpan | None = None) -> Iterator[Segment]:
        """The catalogue's segments without rows, cameras numbered from 1, those of unknown
        camera with the one that the recorder's records name, or that their pictures show; in
        the catalogue's order. Boxes of container files are no footage and left out.

        For formats in which only a channel 1 proves that the bytes count from 0, see
        `formats.Framing.channel_one_tells`.
        """
        claims = self.catalogue.claims()
        stored = self.catalogue.segments(channel=None, span=None if claims else span)
        unknown = (one for one in stored if not self._are_boxes(one))
        named = self._labelled(timeline.attributed(unknown, claims, self))
        if span is not None:
            named = [one for one in named if _shows(one, span)]
        known = (one for one in self._numbered(span) if one.channel is not None)
        own = timeline.divided(known, claims, self)
        yield from heapq.merge(own, sorted(named, key=_order), key=_order)

    def _labelled(self, found: list[Segment]) -> list[Segment]:
        """Segments of unknown camera with the camera that their pictures show, and its number where
        the user says which it is, or it is burnt into them."""
        labels = self.catalogue.views.labels()
        if not labels:
            return found
        taken = set(self.names.values())
        burnt = {k: n for k, n in self.catalogue.views.numbers().items() if n not in taken}
        names = burnt | dict(self.names)
        return [
            msgspec.structs.replace(
                one,
                label=label,
                channel=names.get(label),
                numbered=label in burnt and label not in self.names,
            )
            if one.channel is None and (label := labels.get(one.id or 0)) is not None
            else one
            for one in found
        ]

    def boxes(self) -> Iterator[Segment]:
        """Where the scan saw boxes of container files, without rows."""
        return filter(self._are_boxes, self.catalogue.segments(channel=None))

    def _are_boxes(self, segment: Segment) -> bool:
        reader = self.formats[segment.format].framing.reader
        return reader == containers.READER and segment.track is None

    def _numbered(self, span: TimeSpan | None) -> Iterator[Segment]:
        unsure = {one.name for one in self.formats.formats if one.framing.channel_one_tells}
        if unsure:
            unsure -= {one.format for one in self.catalogue.segments(channel=1)}
        for one in self.catalogue.segments(span=span):
            if one.channel is not None and one.format in unsure:
                yield msgspec.structs.replace(one, channel=one.channel - 1)
            else:
                yield one

    def cut(self, segment: Segment, places: Sequence[int]) -> Iterator[Segment]:
        """The parts of a segment between the places; their frames are those of the segment that
        begin there, see `unpack`. With `ends` what `timeline.attributed` asks for."""
        rows = self.unpack(segment)
        known = self.formats.formats
        rows["format"] = [one.name for one in known].index(segment.format)
        for part in timeline.parts(segment, places):
            inside = (rows["offset"] >= part.start) & (rows["offset"] < part.end)
            linked = segment.track is not None
            for one in segments.assemble(rows.compress(inside), known, linked=linked).segments:
                yield msgspec.structs.replace(one, id=segment.id, track=segment.track, rows=b"")

    def ends(self, segment: Segment) -> tuple[int, int]:
        """Where a glued frame's first piece begins, and its last one ends."""
        rows = self.unpack(segment)
        return int(rows["offset"][0]), int(rows["offset"][-1]) + int(rows["size"][-1])

    def ticks(self, segment: Segment) -> TimeSpan | None:
        """The counter at a segment's first and last picture, in milliseconds; None: none."""
        rows = self.unpack(segment)
        counted = np.flatnonzero(_counted(rows))
        if not len(counted):
            return None
        first, last = (int(rows["tick_ms"][place]) for place in (counted[0], counted[-1]))
        modulus = self.formats[segment.format].modulus_ms
        return TimeSpan(first, last if modulus is None else first + (last - first) % modulus)

    def unpack(self, segment: Segment) -> Frames:
        """The rows of a segment, or of a part of one, in playing order; with times where the
        segment has one by the name of its file, and the rows a counter alone."""
        assert segment.id is not None
        rows = segments.unpack(self.catalogue.segment_rows(segment.id))
        inside = (rows["offset"] >= segment.start) & (rows["offset"] < segment.end)
        if not segment.joined and not inside.all():
            rows = rows.compress(inside)
        counted = _counted(rows)
        if segment.start_ms is not None and counted.any() and (rows["time_ms"] == NO_TIME).all():
            ticks = rows["tick_ms"][counted]
            since = ticks - ticks[0]
            modulus = self.formats[segment.format].modulus_ms
            rows["time_ms"][counted] = segment.start_ms + (since % modulus if modulus else since)
            rows["flags"][counted] |= int(FrameFlag.NAMED)
        return rows

    def place(self, moved: str | None = None) -> SourceRef:
        """How to open the source; moved: where it is now."""
        return whereabouts.recall(self.folder, moved)

    @contextmanager
    def source(self, moved: str | None = None) -> Iterator[Source]:
        """The case's source, wherever it is now; raises SourceError when it is another one.

        What a device refused in the scan is not asked for again: each sector may take seconds.
        """
        with open_source(self.place(moved)) as source:
            whereabouts.compare(source, self.catalogue.identity(), self.folder)
            refused = () if device_of(source) is None else self.catalogue.unreadable()
            yield MappedSource(source, refused) if refused else source

    def note(self, action: str, details: dict[str, Any]) -> None:
        """Write down what was done."""
        actions.append(self.folder / ACTIONS, action, details)


def opened(folder: Path, *, create: bool) -> Opened:
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
    known = formats.load(formats.shipped(), *_descriptions(folder))
    return Opened(folder, known, Catalogue.open(folder / CATALOGUE, create=create))


def _descriptions(folder: Path) -> Iterator[Path]:
    """The folders of the engineer's own descriptions; those of a case are for all its media."""
    above = folder.absolute().parent
    if above.name == MEDIA and (above.parent / CATALOGUE).is_file():
        yield above.parent / "formats"
    yield folder / "formats"


def _shows(segment: Segment, span: TimeSpan) -> bool:
    """Whether a segment has frames in the span."""
    if segment.start_ms is None or segment.end_ms is None:
        return False
    return segment.start_ms < span.end_ms and segment.end_ms >= span.start_ms


def _order(segment: Segment) -> tuple[bool, int, str, int, str, int, bool, int, int]:
    """The catalogue's order: unknown camera last, unknown time last."""
    known = (segment.channel is None, segment.channel or 0, segment.label or "")
    camera = (*known, int(segment.stream))
    time = (segment.start_ms is None, segment.start_ms or 0, segment.start)
    return (*camera, segment.format, int(segment.codec), *time)


def _counted(rows: Frames) -> npt.NDArray[np.bool_]:
    """Which rows are pictures that a counter dates."""
    video = (rows["kind"] == Media.KEY) | (rows["kind"] == Media.DELTA)
    result: npt.NDArray[np.bool_] = video & (rows["tick_ms"] != NO_TICK)
    return result
