"""What the rules ask again and again, worked out once for all cameras."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import NamedTuple

import msgspec

from vidrecover.diagnosis import _log as log
from vidrecover.diagnosis._spells import Spells
from vidrecover.diagnosis._unallocated import Unallocated
from vidrecover.extents import merged, minus, total
from vidrecover.model import (
    Claim,
    ClaimKind,
    Event,
    Extent,
    PictureState,
    RecorderMs,
    Said,
    Segment,
    TimeSpan,
    VolumeReport,
)
from vidrecover.timeline import (
    SHORTEST_GAP_MS,
    Comparison,
    Numbers,
    Shelf,
    covered,
    lists,
    provable_from,
    shows_reuse,
)
from vidrecover.wording import said

_BLUR_SHARE = 0.6  # of the usual sharpness of a camera [B: codec-repair.md 8.2]
_USUAL_LEAST = 4  # sights from which that is known
_SEEN = frozenset({PictureState.LIVE, PictureState.BLURRED})
_OWN = frozenset({ClaimKind.INDEX, ClaimKind.DELETED, ClaimKind.REMNANT})


class Sight(NamedTuple):
    """What key pictures show from a moment on; start_ms None: of footage without a time.

    is_certain: else suspected; width, height: as coded, None when none decoded; sharpness: see
    `picture.Measures`; is_scrambled: they are no pictures but noise; overlay: change in the bands
    in which recorders write, None when unknown.
    """

    start_ms: RecorderMs | None
    state: PictureState
    is_certain: bool = False
    width: int | None = None
    height: int | None = None
    sharpness: float | None = None
    is_scrambled: bool = False
    overlay: float | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that a diagnosis rests on, as the catalogue hands it out.

    source: its name; size: bytes; scanned: what every format has read, ordered and disjoint like
    unreadable and unidentified; segments: without their rows, in any order; pictures: what the key
    pictures of segments show, by segment id, in order of time; counted: formats whose numbers rise
    by one with every frame of a stream; volumes: the recorder's structures, whose claims and events
    count only as `claims` and `events`.
    """

    source: str
    size: int
    scanned: Sequence[Extent]
    segments: Sequence[Segment]
    claims: Sequence[Claim] = ()
    events: Sequence[Event] = ()
    unreadable: Sequence[Extent] = ()
    unidentified: Sequence[Extent] = ()
    pictures: Mapping[int, Sequence[Sight]] = {}
    counted: frozenset[str] = frozenset()
    volumes: Sequence[VolumeReport] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Of the whole source. Spells: of time with footage of a known camera (`footage`), of an
    unknown one (`unknown`), with other signs that the recorder ran (`activity`), with sound but
    no pictures by camera (`sound`), with video loss and recorded in the log by camera (`losses`,
    `recordings`), without power by the log (`off`), with claims of an unknown camera whose
    footage is not there (`nameless`). timeless: such a claim without a time, by camera. undated:
    frames without a time, by camera; unlisted: cameras with such frames in no listed bytes.
    unknown_bytes: of no known format. oldest: of all frames with a time; proven: see
    `timeline.provable_from`; rewritten: see `timeline.shows_reuse`. free: what file systems give
    to no file. dates: see `timeline.Comparison`. seen: the pictures, judged against the camera's
    own other hours, by segment.
    """

    evidence: Evidence
    shelf: Shelf
    dates: Mapping[int, TimeSpan]
    scanned: list[Extent]
    unreadable: list[Extent]
    unknown_bytes: int
    incomplete: tuple[Said, ...]
    footage: Spells
    unknown: Spells
    activity: Spells
    sound: Mapping[int | None, Spells]
    losses: Mapping[int, Spells]
    recordings: Mapping[int, Spells]
    off: Spells
    undated: Mapping[int | None, int]
    unlisted: frozenset[int | None]
    oldest: RecorderMs | None
    proven: Mapping[int | None, RecorderMs]
    rewritten: bool
    numbers: Numbers
    cameras: frozenset[int]
    nameless: Spells
    timeless: Mapping[int | None, Claim]
    seen: Mapping[int, Sequence[Sight]]
    events: list[tuple[RecorderMs, Event]]
    free: Unallocated

    def sights(self, segment: Segment) -> Sequence[Sight]:
        """What the key pictures of a segment show, in order of time; of a part of one that was cut
        at a border of claims, what its own ones show."""
        found = () if segment.id is None else self.seen.get(segment.id, ())
        if len(found) < 2 or segment.start_ms is None or segment.end_ms is None:
            return found
        ends = [*(one.start_ms for one in found[1:]), None]
        return [
            one
            for one, end_ms in zip(found, ends, strict=True)
            if (one.start_ms is None or one.start_ms <= segment.end_ms)
            and (end_ms is None or end_ms > segment.start_ms)
        ]

    def during(self, span: TimeSpan) -> list[tuple[RecorderMs, Event]]:
        """The log's records from five seconds before a span to five seconds behind it."""
        first = bisect_left(self.events, span.start_ms - 5000, key=lambda one: one[0])
        last = bisect_right(self.events, span.end_ms + 5000, key=lambda one: one[0])
        return self.events[first:last]

    def proven_from(self, channel: int | None) -> RecorderMs | None:
        """Before this, absent footage of the camera may have been overwritten."""
        times = [self.proven[one] for one in {channel, None} if one in self.proven]
        return max(times, default=None)

    def is_reused(self, channel: int | None, span: TimeSpan) -> bool:
        """Whether footage of a camera and time may have been overwritten; span: over no border."""
        proven_ms = self.proven_from(channel)
        return proven_ms is not None and span.start_ms < proven_ms

    def borders(self, channel: int | None, span: TimeSpan) -> list[RecorderMs]:
        """Where, inside a span, anything changes that the rules for this camera look at."""
        times = {time for time in (self.oldest, self.proven_from(channel)) if time is not None}
        spells = [self.footage, self.unknown, self.activity, self.off, self.nameless]
        logged = (self.losses.get(channel or 0), self.recordings.get(channel or 0))
        spells += [one for one in (self.sound.get(channel), *logged) if one]
        times.update(time for step in self.numbers.steps(channel) for time in step.span)
        for borders in (one.borders for one in spells):
            first = bisect_right(borders, span.start_ms)
            times.update(borders[first : bisect_left(borders, span.end_ms)])
        return sorted(time for time in times if span.start_ms < time < span.end_ms)


def gathered(
    evidence: Evidence, segments: Iterable[Segment], compared: Comparison, numbers: Numbers
) -> Facts:
    """The facts. segments: with cameras attributed; compared: for every camera among them."""
    shelf = compared.shelf
    sound = [s for s in segments if not s.frames and s.start_ms is not None]
    shown = {
        channel: [moment.span for moment in moments if moment.segments]
        for channel, moments in compared.moments.items()
    }
    unreadable = merged(evidence.unreadable)
    lost = _adrift(filter(_names_footage, evidence.claims), shelf)
    return Facts(
        evidence=evidence,
        shelf=shelf,
        dates=compared.dates,
        scanned=merged(evidence.scanned),
        unreadable=unreadable,
        unknown_bytes=total(merged(evidence.unidentified)),
        incomplete=tuple(_incomplete(evidence, unreadable)),
        footage=Spells(
            (span for channel, spans in shown.items() if channel is not None for span in spans),
            bridge_ms=SHORTEST_GAP_MS,
        ),
        unknown=Spells(shown.get(None, ()), bridge_ms=SHORTEST_GAP_MS),
        activity=Spells([*_unfilled(evidence.claims, compared), *map(covered, sound)]),
        sound={
            channel: Spells(covered(s) for s in sound if s.channel == channel)
            for channel in {segment.channel for segment in sound}
        },
        losses=log.losses(evidence.events, shown),
        recordings=log.recordings(evidence.events, shown),
        off=log.off(evidence.events),
        undated=_counted(compared.undated),
        unlisted=_unlisted(evidence.claims, compared),
        oldest=min((s.start_ms for s in shelf.segments if s.start_ms is not None), default=None),
        proven=provable_from(shelf, evidence.claims, compared.dates, evidence.size),
        rewritten=shows_reuse(shelf, evidence.claims, compared.dates, evidence.counted),
        numbers=numbers,
        cameras=frozenset(channel for channel in shown if channel and shown[channel]),
        nameless=Spells(
            compared.dates[id(c)] for c in lost if c.channel is None and c.start_ms is not None
        ),
        timeless={claim.channel: claim for claim in lost if claim.start_ms is None},
        seen=_against_the_usual(evidence.pictures, shelf),
        events=log.in_order(evidence.events),
        free=Unallocated(evidence.volumes),
    )


def _against_the_usual(
    pictures: Mapping[int, Sequence[Sight]], shelf: Shelf
) -> Mapping[int, Sequence[Sight]]:
    """The sights, blurred where they are much less sharp than the camera usually is."""
    known: dict[int | None, list[float]] = {}
    owner = {s.id: s.channel for s in (*shelf.segments, *shelf.glued) if s.id is not None}
    for number, sights in pictures.items():
        sharp = [s.sharpness for s in sights if s.state in _SEEN and s.sharpness is not None]
        known.setdefault(owner.get(number), []).extend(sharp)
    usual = {one: median(values) for one, values in known.items() if len(values) >= _USUAL_LEAST}
    usual.pop(None, None)
    if not usual:
        return pictures
    return {
        number: [_compared(sight, usual.get(owner.get(number))) for sight in sights]
        for number, sights in pictures.items()
    }


def _compared(sight: Sight, usual: float | None) -> Sight:
    is_live = sight.state is PictureState.LIVE and sight.sharpness is not None
    if usual is None or not is_live or (sight.sharpness or 0) >= _BLUR_SHARE * usual:
        return sight
    return sight._replace(state=PictureState.BLURRED, is_certain=False)


def _counted(undated: Iterable[Segment]) -> dict[int | None, int]:
    frames: dict[int | None, int] = {}
    for segment in undated:
        frames[segment.channel] = frames.get(segment.channel, 0) + segment.frames
    return frames


def _unlisted(claims: Iterable[Claim], compared: Comparison) -> frozenset[int | None]:
    listed = merged(extent for c in claims if lists(c) for extent in c.extents)
    held = {id(segment) for segment in compared.shelf.within(listed)} if compared.undated else set()
    return frozenset(s.channel for s in compared.undated if id(s) not in held)


def _incomplete(evidence: Evidence, unreadable: Sequence[Extent]) -> Iterable[Said]:
    left = total(minus([Extent(0, evidence.size)], merged(evidence.scanned)))
    if left:
        yield said("unscanned", left=left, size=evidence.size)
    if unreadable:
        yield said("unreadable", bad=total(unreadable))


def _names_footage(claim: Claim) -> bool:
    """Whether a claim is about footage at all: a file of no camera may be anything."""
    return claim.channel is not None or claim.kind in _OWN


def _adrift(claims: Iterable[Claim], shelf: Shelf) -> list[Claim]:
    """Claims that lack camera or time, and in whose bytes no frames lie."""
    lacking = (c for c in claims if c.extents and None in (c.channel, c.start_ms))
    return [claim for claim in lacking if not len(shelf.touching(claim.extents))]


def _unfilled(claims: Iterable[Claim], compared: Comparison) -> list[TimeSpan]:
    """Spans of claims that say more than the frames in their bytes: those fill under nine tenths
    of them."""
    dated = [claim for claim in claims if id(claim) in compared.dates]
    filled = iter(compared.shelf.filled([e for claim in dated for e in claim.extents]).tolist())
    found = []
    for claim in dated:
        size = total(claim.extents)
        if not size or 10 * sum(islice(filled, len(claim.extents))) < 9 * size:
            found.append(compared.dates[id(claim)])
    return found
