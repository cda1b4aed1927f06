"""Recorder time of every frame of a recording, segment by segment."""

from collections.abc import Iterable
from fractions import Fraction

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.clips._units import begins, is_video
from vidrecover.formats import Format
from vidrecover.model import NO_CHANNEL, NO_TICK, NO_TIME, FrameFlag, Frames, RecorderMs

Times = npt.NDArray[np.int64]

_SECOND = 1000
_LAST_RESORT = Fraction(25)
_TOLERANCE = 0.2
_OPENING_MS = 5000
_OPENING_TABLES = 64


class TickClock(msgspec.Struct, frozen=True, kw_only=True):
    """How a format counts and dates.

    modulus: where the free-running counter wraps, in milliseconds, None when it does not;
    resolution: of the dates in milliseconds; counted: sequence numbers rise by one per frame,
    video and audio of a channel together.
    """

    modulus: int | None = None
    resolution: int = 1000
    counted: bool = False

    @classmethod
    def of(cls, one: Format) -> "TickClock":
        """As the format's description says."""
        framing = one.framing
        return cls(
            modulus=one.modulus_ms, resolution=framing.resolution_ms, counted=framing.counted
        )


class Survey(msgspec.Struct, kw_only=True):
    """What the rows of a whole recording tell about time; all counts are of whole pictures.

    first_ms, last_ms: dates of the first and last dated key frame; between: pictures from the
    one to the other; rate: pictures in 100 seconds as most headers say, 0 unknown; nameless:
    pictures whose bytes name no camera.
    """

    pictures: int = 0
    ticked: int = 0
    dated: int = 0
    dated_keys: int = 0
    first_ms: RecorderMs | None = None
    last_ms: RecorderMs | None = None
    between: int = 0
    rate: int = 0
    nameless: int = 0
    burnt: int = 0
    named: int = 0
    opening: list[Frames] = []


def survey(tables: Iterable[Frames]) -> Survey:
    """Looks over the rows of all segments once."""
    found, rates, since = Survey(), dict[int, int](), 0
    for rows in tables:
        pictures = rows[is_video(rows) & begins(rows)]
        keys = np.flatnonzero((pictures["kind"] == 1) & (pictures["time_ms"] != NO_TIME))
        found.ticked += int((pictures["tick_ms"] != NO_TICK).sum())
        found.dated += int((pictures["time_ms"] != NO_TIME).sum())
        found.burnt += int(((pictures["flags"] & FrameFlag.BURNT) != 0).sum())
        found.named += int(((pictures["flags"] & FrameFlag.NAMED) != 0).sum())
        found.nameless += int((pictures["channel"] == NO_CHANNEL).sum())
        for rate, count in zip(*np.unique(pictures["rate"], return_counts=True), strict=True):
            rates[int(rate)] = rates.get(int(rate), 0) + int(count)
        if len(keys):
            found.dated_keys += len(keys)
            if found.first_ms is None:
                found.first_ms, since = int(pictures["time_ms"][keys[0]]), -int(keys[0])
            found.last_ms = int(pictures["time_ms"][keys[-1]])
            found.between = since + int(keys[-1])
        if _short(found.opening):
            found.opening.append(pictures)
        since += len(pictures)
        found.pictures += len(pictures)
    stated = {rate: count for rate, count in rates.items() if rate}
    found.rate = max(stated, key=lambda one: stated[one]) if stated else 0
    return found


def _short(tables: list[Frames]) -> bool:
    """Whether the dates of the tables do not yet span enough seconds."""
    if len(tables) > _OPENING_TABLES:
        return False
    dates = [one["time_ms"][one["time_ms"] != NO_TIME] for one in tables]
    known = [one for one in dates if len(one)]
    return not known or int(known[-1].max()) - int(known[0].min()) < _OPENING_MS


class Timeline:
    """Times of the rows of one recording; asked once for each segment, in order.

    dated: times are recorder time, else they count from the first frame. notes: how the times
    came about, where they are not simply as stored. coded_rate: of the codec's own headers,
    used where nothing else tells.
    """

    def __init__(self, facts: Survey, ticks: TickClock, coded_rate: Fraction | None) -> None:
        self._ticks = ticks
        self._phase: clock.Phase | None = None
        self._next_ms = 0
        self._pictures = 0
        self.dated = facts.dated > 0
        self.notes: list[str] = []
        self._counting = facts.ticked > 0
        self._dense = facts.dated > facts.pictures // 2
        exact = self._dense and ticks.resolution < _SECOND
        self._as_stored = self._counting or exact
        self._interval = Fraction(40)
        if not self._as_stored:
            self._interval = self._spread(facts, coded_rate)
        if self.dated and facts.opening:
            self._phase = self._opened(np.concatenate(facts.opening))
        if self._counting and not self.dated:
            self.notes.append("the frames carry no date: times count from the first frame")

    def _opened(self, pictures: Frames) -> clock.Phase | None:
        """The phase of the first picture, from the dates of the first seconds together."""
        if self._counting:
            ticks, stamps = pictures["tick_ms"], self._resolve(pictures, None)[0]
        elif not self._as_stored and not self._dense:
            ticks = self._evenly(0, len(pictures))
            stamps = self._dated(pictures["time_ms"], ticks, None)[0]
        else:
            return None
        usable = np.flatnonzero((ticks != NO_TICK) & (stamps != NO_TIME))
        if not len(usable):
            return None
        return clock.Phase(int(ticks[usable[0]]), int(stamps[usable[0]]))

    def times(self, rows: Frames) -> Times:
        """RecorderMs of each row of the next segment (or milliseconds from the first frame)."""
        video = is_video(rows)
        stamps = rows["time_ms"].astype(np.int64)
        if self._counting:
            stamps = self._counted(rows, video)
        elif not self._as_stored:
            pictures = np.flatnonzero(video)
            stamps[pictures] = self._even(rows[pictures])
            stamps[~video] = NO_TIME
        return self._filled(stamps)

    def _counted(self, rows: Frames, video: npt.NDArray[np.bool_]) -> Times:
        """Dates refined by the counter; audio follows the phase of the pictures."""
        if self._phase is None and not self.dated:
            first = rows["tick_ms"][rows["tick_ms"] != NO_TICK]
            self._phase = clock.Phase(int(first[0]), 0) if len(first) else None
        stamps = rows["time_ms"].astype(np.int64)
        stamps[video], phase = self._resolve(rows[video], self._phase)
        stamps[video] = _between(stamps[video], np.cumsum(begins(rows[video])))
        start = np.flatnonzero(video & (rows["tick_ms"] != NO_TICK) & (stamps != NO_TIME))
        before = self._phase
        if len(start):
            before = clock.Phase(int(rows["tick_ms"][start[0]]), int(stamps[start[0]]))
        if not video.all():
            stamps[~video], _ = self._resolve(rows[~video], before)
        self._phase = phase or self._phase
        return stamps

    def _resolve(self, rows: Frames, phase: clock.Phase | None) -> tuple[Times, clock.Phase | None]:
        times, behind = clock.resolve(
            rows["time_ms"],
            rows["tick_ms"],
            modulus=self._ticks.modulus,
            resolution=self._ticks.resolution,
            phase=phase,
        )
        return np.asarray(times, dtype=np.int64), behind

    def _even(self, pictures: Frames) -> Times:
        """Times of pictures whose dates are coarse, rare or absent."""
        starts = begins(pictures)
        first = np.flatnonzero(starts)
        if not len(first):
            return np.full(len(pictures), NO_TIME, dtype=np.int64)
        number = np.maximum(np.cumsum(starts) - 1, 0)
        stamps: Times = pictures["time_ms"][first].astype(np.int64)
        if self._dense:
            filled: Times = seconds_filled(stamps, float(self._interval))[number]
            return filled
        ticks = self._evenly(self._pictures, len(first))
        self._pictures += len(first)
        if not self.dated:
            even: Times = ticks[number]
            return even
        times, phase = self._dated(stamps, ticks, self._phase)
        self._phase = phase or self._phase
        resolved: Times = times[number]
        return resolved

    def _evenly(self, first: int, count: int) -> Times:
        """A counter that runs at the interval of the pictures."""
        ticks = [int(place * self._interval) for place in range(first, first + count)]
        return np.array(ticks, dtype=np.int64)

    def _dated(
        self, stamps: Times, ticks: Times, phase: clock.Phase | None
    ) -> tuple[Times, clock.Phase | None]:
        times, behind = clock.resolve(
            stamps,
            ticks,
            modulus=None,
            resolution=max(self._ticks.resolution, _SECOND),
            phase=phase,
        )
        return np.asarray(times, dtype=np.int64), behind

    def _filled(self, stamps: Times) -> Times:
        """Unknown times taken from the neighbours in storage order."""
        known = np.flatnonzero(stamps != NO_TIME)
        if not len(known):
            return np.full(len(stamps), self._next_ms, dtype=np.int64)
        if len(known) < len(stamps):
            places = np.arange(len(stamps))
            stamps = np.interp(places, known, stamps[known]).astype(np.int64)
        self._next_ms = int(stamps[known[-1]])
        return stamps

    def _spread(self, facts: Survey, coded_rate: Fraction | None) -> Fraction:
        """Milliseconds between pictures where time must be spread, noted with its reason."""
        if self._dense:
            self.notes.append(
                "dates are whole seconds: the pictures of a second are spread evenly over it"
            )
        measured = _measured(facts)
        stated = Fraction(facts.rate, 100) or None
        if measured is not None and (self._dense or _agree(measured, stated)):
            if not self._dense:
                self.notes.append(_measured_note(measured, facts))
            return _SECOND / measured
        if stated is not None:
            origin = "as the recorder's frame headers say"
        elif coded_rate is not None:
            stated, origin = coded_rate, "as the codec's own headers say"
        else:
            stated, origin = _LAST_RESORT, "an assumption, as nothing in the bytes tells the rate"
        if not self._dense:
            self.notes.append(_stated_note(stated, origin, dated=self.dated))
        return _SECOND / stated


def _between(stamps: Times, number: npt.NDArray[np.int64]) -> Times:
    """Unknown times of pictures spread evenly between those around, and beyond the first and last
    of these at their mean interval; number: of each picture."""
    known = np.flatnonzero(stamps != NO_TIME)
    if len(known) in (0, len(stamps)):
        return stamps
    first, last = known[0], known[-1]
    step = (stamps[last] - stamps[first]) / max(number[last] - number[first], 1)
    even = np.interp(number, number[known], stamps[known])
    even += step * (np.maximum(number - number[last], 0) + np.minimum(number - number[first], 0))
    return np.where(stamps == NO_TIME, even.astype(np.int64), stamps)


def _measured(facts: Survey) -> Fraction | None:
    """Pictures per second between the first and last dated key frame, of at least three."""
    if facts.dated_keys < 3 or facts.first_ms is None or facts.last_ms is None:
        return None
    span = facts.last_ms - facts.first_ms
    if span < 2 * _SECOND or facts.between <= 0:
        return None
    return Fraction(facts.between * _SECOND, span)


def _agree(measured: Fraction, stated: Fraction | None) -> bool:
    return stated is None or abs(measured / stated - 1) <= _TOLERANCE


def _measured_note(rate: Fraction, facts: Survey) -> str:
    seconds = ((facts.last_ms or 0) - (facts.first_ms or 0)) // _SECOND
    return (
        f"times between key frames are spread evenly at {float(rate):.2f} pictures per second, "
        f"measured over {seconds} s"
    )


def _stated_note(rate: Fraction, origin: str, *, dated: bool) -> str:
    spread = f"are spread evenly at {float(rate):.2f} pictures per second, {origin}"
    if dated:
        return f"times between key frames {spread}"
    return f"the frames carry no date: times count from the first frame and {spread}"


def seconds_filled(stamps: Times, interval: float) -> Times:
    """Times of pictures that are dated to whole seconds, the pictures of a second spread over it.

    stamps: RecorderMs in storage order, some may be NO_TIME; interval: milliseconds between
    pictures where no whole second shows it. The first and last second of the rows may be cut:
    their pictures stand at its end or beginning. A second before a gap is not stretched.
    """
    known = stamps != NO_TIME
    if not known.any():
        return stamps
    filled = stamps[np.maximum.accumulate(np.where(known, np.arange(len(stamps)), known.argmax()))]
    edges = np.flatnonzero(np.diff(filled, prepend=filled[0] - 1))
    sizes = np.diff(edges, append=len(filled))
    steps = _SECOND / sizes
    if len(sizes) > 1:
        steps[0] = min(steps[1] if len(sizes) > 2 else interval, steps[0])
        steps[-1] = min(steps[-2] if len(sizes) > 2 else interval, steps[-1])
    else:
        steps[0] = min(interval, steps[0])
    starts = filled[edges].astype(np.float64)
    if len(sizes) > 1 and filled[edges[1]] - filled[0] == _SECOND:
        starts[0] += _SECOND - sizes[0] * steps[0]
    place = np.arange(len(filled)) - np.repeat(edges, sizes)
    times = np.repeat(starts, sizes) + place * np.repeat(steps, sizes)
    return times.astype(np.int64)
