"""Causes that lie in the settings of the recording: stream, rate, size, encryption."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from statistics import median
from typing import NamedTuple

from vidrecover.diagnosis._facts import Facts
from vidrecover.diagnosis._spells import Spells
from vidrecover.diagnosis.causes._signs import BLIP_MS, Sign, named_segments, overlap
from vidrecover.model import (
    CauseKind,
    Certainty,
    Codec,
    RecorderMs,
    Segment,
    Stream,
    TimeSpan,
)
from vidrecover.timeline import SHORTEST_GAP_MS, covered
from vidrecover.wording import said

_LEAST_MS = 1500  # of a segment from which a rate can be told
_STEADY_MS = 4000  # that a rate holds before it counts [C]
_CHANGES_MS = 1500  # less of another rate is told by one or two pictures, and may be none [C]
_CHANGE = 1.25  # between two rates that are not the same [C]


def signs(facts: Facts) -> Iterator[Sign]:
    """Signs that the recorder was set to record less than it could, or otherwise than before."""
    for channel in sorted(facts.cameras):
        own = [s for s in facts.shelf.segments if s.channel == channel and s.start_ms is not None]
        own.sort(key=lambda one: (one.start_ms or 0, one.start))
        yield from _sub_only(channel, own)
        main = [one for one in own if one.stream is not Stream.SUB]
        yield from _rates(channel, main)
        yield from _sizes(facts, channel, main)
    yield from _encrypted(facts)


def _sub_only(channel: int, own: Sequence[Segment]) -> Iterator[Sign]:
    """The small stream is there where the full one is not."""
    small = [one for one in own if one.stream is Stream.SUB]
    main = Spells(
        sorted(covered(one) for one in own if one.stream is not Stream.SUB),
        bridge_ms=SHORTEST_GAP_MS,
    )
    for spell in Spells((covered(one) for one in small), bridge_ms=SHORTEST_GAP_MS).spans:
        shared = sum(overlap(spell, one) for one in main.spans)
        if spell.end_ms - spell.start_ms - shared < BLIP_MS:
            continue
        inside = [one for one in main.spans if overlap(one, spell)]
        start = spell.start_ms
        for part in [*inside, TimeSpan(spell.end_ms, spell.end_ms)]:
            if part.start_ms - start >= BLIP_MS:
                yield Sign(
                    CauseKind.SUB_STREAM_ONLY,
                    (channel,),
                    TimeSpan(start, part.start_ms),
                    Certainty.CERTAIN,
                    (said("sub_only"),),
                    named_segments(small[:3]),
                )
            start = max(start, part.end_ms)


class _Run(NamedTuple):
    """Neighbouring segments with one value."""

    value: float
    span: TimeSpan
    segments: list[Segment]


def _rates(channel: int, main: Sequence[Segment]) -> Iterator[Sign]:
    runs: list[_Run] = []
    for one in main:
        length = (one.end_ms or 0) - (one.start_ms or 0)
        if length < _LEAST_MS or one.frames < 4 or one.missing or one.unfinished:
            continue
        rate = (one.frames - 1) * 1000 / length
        last = runs[-1] if runs else None
        usual = None if last is None else median(_rate(s) for s in last.segments[-5:])
        if last is not None and usual is not None and 1 / _CHANGE < rate / usual < _CHANGE:
            last.segments.append(one)
            span = TimeSpan(last.span.start_ms, covered(one).end_ms)
            runs[-1] = last._replace(span=span)
        else:
            runs.append(_Run(rate, covered(one), [one]))
    steady = [run for run in runs if run.span.end_ms - run.span.start_ms >= _STEADY_MS]
    for before, after in pairwise(_unmixed(steady)):
        earlier = median(map(_rate, before.segments[:-1] or before.segments))
        later = median(map(_rate, after.segments[1:] or after.segments))
        if not 1 / _CHANGE < later / earlier < _CHANGE:
            told = (said("rate_changed", before=f"{earlier:.1f}", after=f"{later:.1f}"),)
            at_ms = _changed(before.segments[-1], after.segments[0], earlier, later)
            at = TimeSpan(at_ms, at_ms)
            basis = named_segments([before.segments[-1], after.segments[0]])
            kind = CauseKind.FRAME_RATE_CHANGED
            yield Sign(kind, (channel,), at, Certainty.CERTAIN, told, basis)


def _unmixed(runs: Sequence[_Run]) -> list[_Run]:
    """The runs, a segment in which one rate gives way to another as the first of the later one."""
    found: list[_Run] = []
    mixed: _Run | None = None
    for place, run in enumerate(runs):
        last = found[-1] if found else None
        following = runs[place + 1] if place + 1 < len(runs) else None
        if mixed is None and last is not None and following is not None and len(run.segments) == 1:
            low, high = sorted((last.value, following.value))
            if low < run.value < high:
                mixed = run
                continue
        found.append(run if mixed is None else run._replace(segments=mixed.segments + run.segments))
        mixed = None
    return found


def _changed(last: Segment, first: Segment, earlier: float, later: float) -> RecorderMs:
    """When one rate gave way to another: the pictures of a segment tell how long it had which.

    last: the last segment at the earlier rate, or mostly so; first: the next one.
    """
    for one in (last, first):
        length = (one.end_ms or 0) - (one.start_ms or 0)
        spent = round(((one.frames - 1) * 1000 - later * length) / (earlier - later))
        if one is first or spent < length - _CHANGES_MS:
            break
    spent = min(spent, length) if spent > _CHANGES_MS else 0
    return (one.start_ms or 0) + spent


def _rate(one: Segment) -> float:
    return (one.frames - 1) * 1000 / max((one.end_ms or 0) - (one.start_ms or 0), 1)


def _sizes(facts: Facts, channel: int, main: Sequence[Segment]) -> Iterator[Sign]:
    """The size of the coded pictures changes from one moment to the next."""
    seen = [
        (sight.start_ms, (sight.width, sight.height), one)
        for one in main
        for sight in facts.sights(one)
        if sight.start_ms is not None and sight.width and sight.height
    ]
    runs = [list(run) for _, run in groupby(seen, key=lambda one: one[1])]
    for before, after in pairwise(runs):
        (_, size, last), (time_ms, new_size, first) = before[-1], after[0]
        before_size, after_size = ("{}x{}".format(*one) for one in (size, new_size))
        told = (said("size_changed", before=before_size, after=after_size),)
        at = TimeSpan(time_ms, time_ms)
        kind, basis = CauseKind.RESOLUTION_CHANGED, named_segments([last, first])
        yield Sign(kind, (channel,), at, Certainty.CERTAIN, told, basis)


def _encrypted(facts: Facts) -> Iterator[Sign]:
    """What the packets of a stream call enciphered, and pictures that look so; of unknown cameras,
    and without a time, too."""
    every = (*facts.shelf.segments, *facts.shelf.glued)
    sealed = [one for one in every if one.codec is Codec.ENCRYPTED]
    noise = [one for one in every if any(sight.is_scrambled for sight in facts.sights(one))]
    for found, certainty, word in (
        (sealed, Certainty.CERTAIN, "sealed"),
        (noise, Certainty.SUSPECTED, "scrambled"),
    ):
        for channel, span, members in _by_camera(found):
            yield Sign(
                CauseKind.ENCRYPTED,
                (channel,),
                span,
                certainty,
                (said(word, count=sum(one.frames for one in members)),),
                named_segments(members[:10]),
            )


def _by_camera(
    found: Sequence[Segment],
) -> Iterator[tuple[int | None, TimeSpan | None, list[Segment]]]:
    """Segments of each camera by the stretches of time that they cover; undated ones last."""
    for channel in sorted({one.channel for one in found}, key=lambda one: one or 0):
        own = [one for one in found if one.channel == channel]
        dated = [one for one in own if one.start_ms is not None]
        for span in Spells(map(covered, dated), bridge_ms=SHORTEST_GAP_MS).spans:
            yield channel, span, [one for one in dated if overlap(covered(one), span)]
        undated = [one for one in own if one.start_ms is None]
        if undated:
            yield channel, None, undated
