"""A disk of large equal blocks, each written from its beginning by one recording or camera.

Blocks may be taken in turn, or in no order at all. Where they begin is learnt from places at
which one recording ends and another begins.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from vidrecover.extents import merged
from vidrecover.model import Extent, Grid, RecorderMs, Stream, TimeSpan
from vidrecover.survey._chain import FINE, Chain
from vidrecover.survey._probes import HEAD, PROBE, Probe, Prober, Sighting
from vidrecover.survey._ring import Order

NO_GRID = "the times on the disk follow no order that probes could tell"
_SIZES = [1 << power for power in range(33, 23, -1)]
"""Blocks of 8 GiB to 16 MiB; smaller ones in no order would have to be read one by one."""
_SAMPLES, _LEAST_BORDERS = 14, 6
_AGREEING_SHARE = 0.8
_CHANCE = 256  # round places that are there by chance, of which at most one is believed
_NEAR = 1 << 20
_SLOWER = 4  # times, than usual, a recording may be written
_LARGEST_STEP_MS = 60_000  # inside a recording
_MOST_HEADS = 8192
_MOST_STEPS = 1024  # blocks that are gone back from the one where the span ends
_HEADS = 96
_BATCH = 128  # heads that are looked at in place order, between two thoughts
_MOST_OPEN = 64  # blocks begun last, in which older footage may lie behind what is written
_GOLDEN = 0.618033988749895


def learnt(prober: Prober, order: Order) -> "Blocks | None":
    """The blocks of a disk, or None where its borders show no grid."""
    if not order.dated:
        return None
    starts = [prober.at(place) for place in spread(prober.size, _SAMPLES)]
    borders = [_border(prober, one, order.rate) for one in starts if one.sightings]
    found = _grid([one for one in borders if one is not None])
    return None if found is None else Blocks(prober, found.grid, is_exact=found.is_exact)


def spread(size: int, count: int) -> list[int]:
    """At most so many places below `size`, in order and at no even distances, so that they
    never all fall on the same part of a block."""
    return sorted({int(size * (number * _GOLDEN % 1)) for number in range(count)})


def _border(prober: Prober, begin: Probe, rate: float) -> Extent | None:
    """Where the recording that a probe shows ends: bytes that the border is among."""
    step = 16 << 20
    last, end = begin, None
    while step <= _SIZES[0] and end is None:
        place = begin.start + step
        if place >= prober.size:
            return None
        probe = prober.at(place)
        if _same(begin, probe, rate):
            last, step = probe, step * 2
        else:
            end = place
    while end is not None and end - last.start > PROBE:
        middle = prober.at((last.start + end) // 2 // 4096 * 4096, PROBE)
        if middle.start in (last.start, end):
            break
        if _same(begin, middle, rate):
            last = middle
        else:
            end = middle.start
    if end is None:
        return None
    whole = prober.at(last.start, 3 * _NEAR).sightings
    return _change(whole)


def _change(sightings: Sequence[Sighting]) -> Extent | None:
    """The bytes between the last frames of one recording and the first ones of another: of all
    places over which no run of frames goes, the one with the largest step in time."""
    found: tuple[int, Extent] | None = None
    for number, behind in enumerate(sightings[1:], 1):
        before = max(sightings[:number], key=lambda one: one.end)
        step = abs(behind.first_ms - before.last_ms)
        is_other = before.channel != behind.channel or step > _LARGEST_STEP_MS
        if before.end <= behind.start and is_other and (found is None or step > found[0]):
            found = step, Extent(before.end, behind.start)
    return None if found is None else found[1]


def _same(begin: Probe, probe: Probe, rate: float) -> bool:
    """Whether a later probe may show the same recording going on, written at that rate, a
    quarter of it or more."""
    if not probe.sightings:
        return False
    first, now = begin.sightings[-1], probe.sightings[0]
    if begin.channels.isdisjoint(probe.channels):
        return False
    if len(begin.channels) == 1 and now.channel != first.channel:
        return False
    passed = now.first_ms - first.first_ms
    return -2000 <= passed <= (probe.start - begin.start) / rate * _SLOWER + _LARGEST_STEP_MS


class _Told(NamedTuple):
    """The grid that borders tell; is_exact: to the byte, beyond doubt."""

    grid: Grid
    is_exact: bool


def _grid(borders: Sequence[Extent]) -> _Told | None:
    """The largest blocks whose borders all borders can be."""
    if len(borders) < _LEAST_BORDERS:
        return None
    for size in _SIZES:
        for candidate in borders:
            for start in {candidate.start % size, candidate.end % size}:
                agreeing = sum(_fits(one, start, size) for one in borders)
                if agreeing >= _AGREEING_SHARE * len(borders):
                    return _exact([one for one in borders if _fits(one, start, size)], size)
    return None


def _fits(border: Extent, start: int, size: int) -> bool:
    """Whether a block begins among the bytes of a border."""
    return (start - border.start) % size <= border.size


def _exact(borders: Sequence[Extent], size: int) -> _Told:
    """The grid from the narrowest common place of all borders; the rounder the number of bytes
    that it is a multiple of, the less it is there by chance."""
    base = borders[0].start % size
    low = max((one.start - base + size // 2) % size - size // 2 for one in borders)
    high = min((one.end - base + size // 2) % size - size // 2 for one in borders)
    for power in range(33, 11, -1):  # the roundest place among those left
        rounded = -(-(base + low) // (1 << power)) * (1 << power)
        if rounded <= base + high:
            return _Told(Grid(rounded % size, size), (high - low) * _CHANCE <= 1 << power)
    return _Told(Grid((base + low) % size, size), False)


class _Begun(NamedTuple):
    """When a block was begun, and by which stream of the camera."""

    time_ms: RecorderMs
    stream: Stream


class Blocks:
    """The blocks of a disk, and what their beginnings show."""

    def __init__(self, prober: Prober, grid: Grid, *, is_exact: bool) -> None:
        """is_exact: blocks begin at these bytes and not beside them."""
        self.grid, self.is_exact = grid, is_exact
        self._prober = prober
        first = grid.start % grid.size
        self.count = max((prober.size - first) // grid.size, 1)
        self._first = first
        self._in_turn: bool | None = None
        self._is_mixed: bool | None = None

    def extent(self, number: int) -> Extent:
        """The bytes of a block."""
        start = self._first + number * self.grid.size
        return Extent(start, min(start + self.grid.size, self._prober.size))

    def newest(self) -> int:
        """The block that was begun last; of blocks in no order the newest of a sample."""
        numbers = self._sample()
        top = max(numbers, key=lambda number: self._begun(number) or 0)
        if self.in_turn:
            end = min((one for one in numbers if one > top), default=self.count)
            top = self._last(top, end, self._begun(top) or 0, None)
        self._prober.at(self.extent(top).end - PROBE)
        return top

    def latest(self, most: int) -> Iterator[int]:
        """Blocks from the one begun last backwards, at most so many; all where they are in no
        order."""
        if not self.in_turn:
            yield from range(self.count)
            return
        top = self.newest()
        yield from ((top - step) % self.count for step in range(min(most, self.count)))

    @property
    def in_turn(self) -> bool:
        """Whether blocks are taken one after the other, round and round."""
        if self._in_turn is None:
            times = [time for time in map(self._begun, self._sample()) if time is not None]
            self._in_turn = sum(b < a for a, b in pairwise(times)) <= 1
        return self._in_turn

    def stretches(
        self, channel: int, span: TimeSpan, *, thorough: bool
    ) -> tuple[list[Extent], str | None]:
        """Where frames of the camera in the span may lie; or why that cannot be told.

        thorough: of blocks in no order look at all, even where those seen cover the span.
        """
        if self.in_turn:
            begun = self._back_from(channel, span)
        elif self.count <= _MOST_HEADS:
            begun = self._met(channel, span, thorough=thorough)
        else:
            return [], (
                f"the blocks of {self.grid.size >> 20} MiB were taken in no order, and there are"
                f" {self.count}"
            )
        wanted = _chosen(begun, span)
        parts = [self._chain(one, channel).narrowed(span) for one in wanted]
        if not any(begun[one].time_ms <= span.start_ms for one in wanted):
            parts += self._remains(channel, span, begun)
        return merged(one for part in parts for one in part), None

    def _met(self, channel: int, span: TimeSpan, *, thorough: bool) -> dict[int, _Begun]:
        """Blocks of the camera, met by chance until those that were seen cover the span."""
        numbers = list(range(self.count))
        random.Random(self.count).shuffle(numbers)
        begun: dict[int, _Begun] = {}
        wanted: list[int] = []
        for first in range(0, self.count, _BATCH):
            for number in sorted(numbers[first : first + _BATCH]):
                if (one := self._time(number, channel)) is not None:
                    begun[number] = one
            before, wanted = wanted, _chosen(begun, span)
            if not thorough and wanted != before and self._cover(begun, wanted, channel, span):
                break
        return begun

    def _cover(
        self, begun: Mapping[int, _Begun], wanted: Sequence[int], channel: int, span: TimeSpan
    ) -> bool:
        """Whether blocks follow each other from before the span to its end, in each stream."""
        streams = {begun[one].stream for one in wanted}
        return bool(streams) and all(
            self._goes_on(
                {one: begun[one].time_ms for one in wanted if begun[one].stream is stream},
                channel,
                span,
            )
            for stream in streams
        )

    def _goes_on(self, begun: Mapping[int, RecorderMs], channel: int, span: TimeSpan) -> bool:
        reach = span.start_ms - _LARGEST_STEP_MS
        for number, time in sorted(begun.items(), key=lambda one: one[1]):
            if time > reach + _LARGEST_STEP_MS:
                return False
            until = self._chain(number, channel).until(span.end_ms)
            reach = time if until is None else until
            if reach >= span.end_ms:
                return True
        return False

    def _chain(self, number: int, channel: int) -> Chain:
        """A block; of a disk where each holds several cameras, whichever of them."""
        return Chain(self._prober, [self.extent(number)], None if self.is_mixed else channel)

    def _remains(
        self, channel: int, span: TimeSpan, begun: Mapping[int, _Begun]
    ) -> Iterator[list[Extent]]:
        """Where older footage may hold the span, behind what is written of the newest blocks."""
        if self.in_turn:
            newest = list(self.latest(_MOST_OPEN))
        else:
            dated = {n: time for n in range(self.count) if (time := self._begun(n)) is not None}
            newest = sorted(dated, key=lambda one: -dated[one])[:_MOST_OPEN]
        for number in newest:
            extent = self.extent(number)
            head = self._head(number).sightings
            tail = self._prober.at(max(extent.end - PROBE, extent.start)).sightings
            if not head or not tail or tail[0].last_ms >= head[0].first_ms:
                continue
            own = None if self.is_mixed else head[0].channel
            written = extent.start + Chain(self._prober, [extent], own).end() + FINE
            if written < extent.end:
                rest = Extent(written, extent.end)
                yield Chain(self._prober, [rest], None if self.is_mixed else channel).narrowed(span)

    def _back_from(self, channel: int, span: TimeSpan) -> dict[int, _Begun]:
        """Blocks of the camera where blocks are taken in turn: from the last one before the
        span's end back to the first one that begins before the span."""
        numbers = self._sample()
        dated = [n for n in numbers if self._begun(n) is not None]
        before = [n for n in dated if (self._begun(n) or 0) <= span.end_ms]
        if not before:
            return {}
        top = max(before, key=lambda n: self._begun(n) or 0)
        end = min((n for n in numbers if n > top), default=self.count)
        last = self._last(top, end, self._begun(top) or 0, span.end_ms)
        begun: dict[int, _Begun] = {}
        for step in range(min(_MOST_STEPS, self.count)):
            number = (last - step) % self.count
            if (one := self._time(number, channel)) is not None:
                begun[number] = one
                if one.time_ms <= span.start_ms:
                    break
        return begun

    def _last(self, low: int, end: int, first: RecorderMs, latest: RecorderMs | None) -> int:
        """The last block of a run of rising times that was not begun after the latest."""
        while end - low > 1:
            middle = (low + end) // 2
            time = self._begun(middle)
            if time is not None and time >= first and (latest is None or time <= latest):
                low = middle
            else:
                end = middle
        return low

    def _sample(self) -> list[int]:
        return spread(self.count, _HEADS)

    def _head(self, number: int) -> Probe:
        return self._prober.at(self.extent(number).start, HEAD)

    @property
    def is_mixed(self) -> bool:
        """Whether blocks hold several cameras: a tenth of a sample shows that."""
        if self._is_mixed is None:
            looks = [self._prober.at(self.extent(one).start) for one in self._sample()]
            several = sum(len(one.channels) > 1 for one in looks)
            self._is_mixed = 10 * several > len(looks)
        return self._is_mixed

    def _begun(self, number: int) -> RecorderMs | None:
        seen = self._head(number).sightings
        return seen[0].first_ms if seen else None

    def _time(self, number: int, channel: int) -> _Begun | None:
        """When the block was begun, where it is the camera's, or of none that bytes name, or of
        several cameras."""
        fitting = (
            _Begun(one.first_ms, Stream.UNKNOWN if self.is_mixed else one.stream)
            for one in self._head(number).sightings
            if self.is_mixed or one.channel is None or one.channel == channel
        )
        return next(fitting, None)


def _chosen(begun: Mapping[int, _Begun], span: TimeSpan) -> list[int]:
    """Blocks that begin in the span, and of each stream the last one that begins before."""
    before: dict[Stream, int] = {}
    for number in sorted(begun, key=lambda one: begun[one].time_ms):
        if begun[number].time_ms <= span.start_ms:
            before[begun[number].stream] = number
    inside = [n for n, one in begun.items() if span.start_ms < one.time_ms < span.end_ms]
    return [*inside, *before.values()]
