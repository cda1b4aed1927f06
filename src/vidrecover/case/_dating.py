"""Dates for footage whose bytes carry none, from the clock that the recorder wrote into it."""

from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec
import numpy as np

from vidrecover import clips, segments, timeline
from vidrecover.case._loans import Lender, lender
from vidrecover.case._opened import Opened
from vidrecover.formats import Format
from vidrecover.model import Codec, FrameFlag, Frames, Media, RecorderMs, Segment, Source
from vidrecover.repair import clockreading
from vidrecover.repair.clockreading import ClockJob, ClockRead, FontData
from vidrecover.servant import Servant

_CODECS = (Codec.H264, Codec.H265, Codec.MJPEG, Codec.MPEG4)
_MOST_PICTURES = 1500
"""Of a segment that are decoded to find a font; a minute at 25 a second."""
_EVERY = 3
"""One of so many is looked at: recorders write ten pictures a second and more."""
_MOST_TRIES = 12
"""Segments in a row on which no font is found; then only known ones are tried."""
_MOST_FONTS = 16
_BATCH = 50


def date(case: Opened, source: Source) -> None:
    """Ask the pictures of all segments without a date, and store what they show."""
    asked = case.catalogue.clock_asked()
    undated = [
        one
        for one in case.catalogue.segments()
        if one.start_ms is None and one.codec in _CODECS and one.keys and one.id not in asked
    ]
    if not undated:
        return
    with lender(case, source) as lent, clockreading.reader() as servant:
        answers = _Dating(case, source, lent, servant).answers(undated)
        while batch := list(islice(answers, _BATCH)):
            case.catalogue.store_clocks(batch)


class _Dating:
    """The fonts that were found so far, and how often none was."""

    def __init__(self, case: Opened, source: Source, lent: Lender, servant: Servant) -> None:
        self._case, self._source, self._lent, self._servant = case, source, lent, servant
        self._fonts: list[FontData] = []
        self._failures = 0

    def answers(self, undated: Sequence[Segment]) -> Iterator[tuple[int, Segment | None]]:
        """Each segment's id, and itself with dates, or None."""
        for one in undated:
            assert one.id is not None
            times = self._times(one)
            yield one.id, None if times is None else self._dated(one, times)

    def _times(self, segment: Segment) -> dict[int, RecorderMs] | None:
        """Times of key pictures by their place; known fonts first, then a new one."""
        found = self._read(segment, calibrate=False) if self._fonts else None
        if found is not None or segment.frames < clockreading.LEAST_PICTURES:
            return found
        if self._failures < _MOST_TRIES:
            found = self._read(segment, calibrate=True)
            self._failures = 0 if found is not None else self._failures + 1
        return found

    def _read(self, segment: Segment, *, calibrate: bool) -> dict[int, RecorderMs] | None:
        (recording,) = timeline.recordings([segment])
        told = self._lent(recording)
        pictures = list(
            islice(
                clips.pictures(
                    recording,
                    self._source,
                    self._case.unpack,
                    lengths=0 if told is None else told.lengths,
                    keys_only=not calibrate,
                ),
                _MOST_PICTURES,
            )
        )
        if not pictures:
            return None
        units = [one.unit for one in pictures]
        if told is not None:
            units[0] = told.units + units[0]
        step = _EVERY if len(pictures) >= _EVERY * clockreading.LEAST_PICTURES else 1
        wanted = [n for n, one in enumerate(pictures) if one.key or n % step == 0]
        answer = clockreading.ask(
            ClockJob(
                codec=segment.codec,
                units=tuple(units),
                wanted=tuple(wanted),
                fonts=tuple(self._fonts),
                calibrate=calibrate,
            ),
            self._servant,
        )
        if answer is None:
            return None
        self._keep(answer)
        return {
            pictures[place].place: time_ms
            for place, time_ms in zip(wanted, answer.times, strict=True)
            if time_ms is not None and pictures[place].key
        }

    def _keep(self, answer: ClockRead) -> None:
        """The font that read last is tried first."""
        others = [one for one in self._fonts if one != answer.font]
        self._fonts = [answer.font, *others][:_MOST_FONTS]

    def _dated(self, segment: Segment, times: dict[int, RecorderMs]) -> Segment | None:
        """The segment with the times of its key pictures, None when it has none."""
        rows = self._case.unpack(segment)
        begins = (rows["flags"] & FrameFlag.CONTINUES) == 0
        keys = np.flatnonzero((rows["kind"] == Media.KEY) & begins)
        known = [(row, times[at]) for row in keys if (at := int(rows["offset"][row])) in times]
        if not known:
            return None
        for row, time_ms in known:
            rows["time_ms"][row] = time_ms
            rows["flags"][row] |= FrameFlag.BURNT
        start_ms, end_ms = _span(rows, self._case.formats.formats, segment.format)
        return msgspec.structs.replace(
            segment, start_ms=start_ms, end_ms=end_ms, rows=segments.pack(rows)
        )


def _span(rows: Frames, formats: Sequence[Format], name: str) -> tuple[RecorderMs, RecorderMs]:
    """First and last time of rows, as the format's own clock fills in what lies between."""
    known = rows.copy()
    known["format"] = [one.name for one in formats].index(name)
    found = segments.assemble(known, formats, linked=True).segments
    starts = [one.start_ms for one in found if one.start_ms is not None]
    ends = [one.end_ms for one in found if one.end_ms is not None]
    dates = rows["time_ms"][(rows["flags"] & FrameFlag.BURNT) != 0]
    return min([*starts, int(dates.min())]), max([*ends, int(dates.max())])
