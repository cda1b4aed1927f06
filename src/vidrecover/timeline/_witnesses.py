"""What the recorder claims and what the bytes show, laid side by side."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate, islice, pairwise
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover.model import LISTED, Claim, Extent, RecorderMs, Segment, TimeSpan
from vidrecover.timeline._joining import SHORTEST_GAP_MS

_SECOND_MS = 1000  # resolution of claims
_FRAME_MS = 40  # how long a frame is taken to last when it stands alone [C]
_MOST_SKIPPED = 256  # claims looked at in vain for one segment, in a hostile index
_MOST_NAMED = 16  # segments and claims named for one moment


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What both witnesses say of one camera in a span in which neither changes its mind.

    segments: with video frames there; holders: claims listed by the recorder in whose bytes
    these frames lie, and whose time, if they state one, agrees to a second; listed, remains:
    claims that name this camera and time, listed by the recorder or not any more. Sixteen each
    at most.
    """

    span: TimeSpan
    segments: tuple[Segment, ...]
    holders: tuple[Claim, ...]
    listed: tuple[Claim, ...]
    remains: tuple[Claim, ...]


class Comparison(NamedTuple):
    """moments: by channel, tiling the span; undated: video without a time that no claim dates."""

    moments: dict[int | None, list[Moment]]
    undated: tuple[Segment, ...]


class Shelf:
    """Segments by their place on the source, to be asked what lies in some bytes.

    Segments glued over a border are left out: they lie in two places.
    """

    def __init__(self, segments: Iterable[Segment]) -> None:
        kept = (s for s in segments if not s.joined)
        self.segments = sorted(kept, key=lambda s: s.start)
        self._starts = np.array([s.start for s in self.segments], dtype=np.int64)
        self._ends = np.array([s.end for s in self.segments], dtype=np.int64)
        self._reach = np.maximum.accumulate(self._ends) if self.segments else self._ends

    def touching(self, extents: Iterable[Extent]) -> npt.NDArray[np.int64]:
        """Indexes of all segments that share bytes with the extents, ascending."""
        found = [np.empty(0, dtype=np.int64)]
        for extent in extents:
            first = int(np.searchsorted(self._reach, extent.start, "right"))
            last = int(np.searchsorted(self._starts, extent.end))
            if last > first:
                found.append(first + np.flatnonzero(self._ends[first:last] > extent.start))
        return np.unique(np.concatenate(found))

    def within(self, extents: Iterable[Extent]) -> list[Segment]:
        """The segments of `touching`, by place."""
        return [self.segments[i] for i in self.touching(extents).tolist()]


class _Index:
    """Claims by the bytes they name."""

    def __init__(self, claims: Iterable[Claim]) -> None:
        places = [(e.start, e.end, c) for c in claims for e in c.extents if e.end > e.start]
        self._places = sorted(places, key=lambda place: place[:2])
        self._starts = [start for start, _, _ in self._places]
        self._reach = list(accumulate((end for _, end, _ in self._places), max))

    def naming(self, segment: Segment) -> list[Claim]:
        """Claims that name bytes of the segment, each once."""
        end = segment.start + 1 if segment.joined else segment.end
        found: dict[int, Claim] = {}
        skipped = 0
        for i in range(bisect_left(self._starts, end) - 1, -1, -1):
            if self._reach[i] <= segment.start or skipped + len(found) > _MOST_SKIPPED:
                break
            _, claim_end, claim = self._places[i]
            if claim_end > segment.start:
                found[id(claim)] = claim
            else:
                skipped += 1
        return list(found.values())


def attributed(segments: Iterable[Segment], claims: Sequence[Claim]) -> list[Segment]:
    """The segments, those of unknown camera with the camera that the recorder names for them.

    A camera is taken over only when the claims that name the segment's bytes and agree with its
    time, listed ones before others, name one camera and no second; claims without a time, or
    frames without one, only for listed claims. [C]
    """
    index = _Index(claim for claim in claims if claim.channel is not None)
    return [_attributed(s, index) if s.channel is None else s for s in segments]


def _attributed(segment: Segment, index: _Index) -> Segment:
    naming = index.naming(segment)
    listed = {c.channel for c in naming if c.kind in LISTED and _agrees(segment, c) is not False}
    others = {c.channel for c in naming if c.kind not in LISTED and _agrees(segment, c)}
    channels = listed or others
    if len(channels) != 1:
        return segment
    return msgspec.structs.replace(segment, channel=channels.pop())


def _agrees(segment: Segment, claim: Claim) -> bool | None:
    """Whether the times agree to a second; None when one of both has none."""
    span = claimed(claim)
    if span is None or segment.start_ms is None or segment.end_ms is None:
        return None
    if claim.open:
        return segment.end_ms >= span.start_ms - _SECOND_MS
    return (
        segment.start_ms < span.end_ms + _SECOND_MS and segment.end_ms >= span.start_ms - _SECOND_MS
    )


def claimed(claim: Claim, shelf: Shelf | None = None) -> TimeSpan | None:
    """The span of time that a claim names, its last second included; None when it names none.

    The end of an open claim is that of the last of its frames on the shelf, else its start.
    """
    start_ms, end_ms = claim.start_ms, claim.end_ms
    if start_ms is None:
        return None
    if claim.open:
        later = [
            covered(s).end_ms
            for s in (shelf.within(claim.extents) if shelf is not None else ())
            if s.channel in (claim.channel, None) and (s.start_ms or 0) >= start_ms - _SECOND_MS
        ]
        return TimeSpan(start_ms, max(later, default=start_ms + _SECOND_MS))
    if end_ms is None or end_ms < start_ms:
        end_ms = start_ms
    return TimeSpan(start_ms, end_ms + (_SECOND_MS if end_ms % _SECOND_MS == 0 else 1))


def covered(segment: Segment) -> TimeSpan:
    """The time that a dated segment's frames show: the last one lasts its usual interval.

    Where dates are whole seconds, the last second counts as shown.
    """
    start_ms, end_ms = segment.start_ms or 0, segment.end_ms or 0
    if start_ms % _SECOND_MS == 0 and end_ms % _SECOND_MS == 0:
        return TimeSpan(start_ms, end_ms + _SECOND_MS)
    interval = (end_ms - start_ms) // (segment.frames - 1) if segment.frames > 1 else _FRAME_MS
    return TimeSpan(start_ms, end_ms + min(max(interval, 1), SHORTEST_GAP_MS))


def compare(
    segments: Sequence[Segment],
    claims: Sequence[Claim],
    *,
    within: TimeSpan,
    channels: Collection[int | None],
) -> Comparison:
    """Both witnesses for each of the channels, in spans that tile `within`.

    segments: in any order, after `attributed`; only those with video frames count. Frames less
    than SHORTEST_GAP_MS apart show the time between them. Frames without a time that fill half of
    the bytes of a dated claim are shown at its time. Unknown cameras' footage is channel None.
    """
    video = [segment for segment in segments if segment.frames]
    shelf = Shelf(video)
    listed = [claim for claim in claims if claim.kind in LISTED]
    spans = [(span, claim) for claim in claims if (span := claimed(claim, shelf)) is not None]
    dates = {id(claim): span for span, claim in spans}
    pieces, undated = _pieces(video, _Index(listed), dates)
    moments = {
        channel: list(
            _moments(
                _bridged(pieces.get(channel, [])),
                [(span, claim) for span, claim in spans if claim.channel == channel],
                within,
            )
        )
        for channel in channels
    }
    return Comparison(moments, undated)


class _Piece(NamedTuple):
    """Frames of one camera seen in a span, and the listed claims that hold them."""

    span: TimeSpan
    segment: Segment
    holders: tuple[Claim, ...]


_Pieces = dict[int | None, list[_Piece]]


def _pieces(
    video: Sequence[Segment], index: _Index, dates: dict[int, TimeSpan]
) -> tuple[_Pieces, tuple[Segment, ...]]:
    """Footage in time, by channel, and what stays without a time."""
    found: _Pieces = {}
    undated: list[tuple[Segment, list[Claim]]] = []
    share: dict[int, int] = {}
    for segment in video:
        holders = index.naming(segment)
        if segment.channel is not None:
            holders = [c for c in holders if c.channel in (segment.channel, None)]
        if segment.start_ms is not None:
            found.setdefault(segment.channel, []).extend(_cut(segment, holders, dates))
            continue
        dated = [claim for claim in holders if id(claim) in dates][:_MOST_NAMED]
        undated.append((segment, dated))
        for claim in dated:
            share[id(claim)] = share.get(id(claim), 0) + segment.size
    left = []
    for segment, dated in undated:
        filled = [c for c in dated if 2 * share[id(c)] >= sum(e.size for e in c.extents)]
        if not filled:
            left.append(segment)
        for claim in filled:
            piece = _Piece(dates[id(claim)], segment, (claim,))
            found.setdefault(segment.channel, []).append(piece)
    return found, tuple(left)


def _cut(
    segment: Segment, holders: Sequence[Claim], dates: dict[int, TimeSpan]
) -> Iterator[_Piece]:
    """A dated segment, cut where a claim that holds its bytes begins or ends in time."""
    span = covered(segment)
    wide = [
        (TimeSpan(date.start_ms - _SECOND_MS, date.end_ms + _SECOND_MS), claim)
        if (date := dates.get(id(claim))) is not None
        else (span, claim)
        for claim in holders
    ]
    borders = {time for one, _ in wide for time in one if span.start_ms < time < span.end_ms}
    for start, end in pairwise([span.start_ms, *sorted(borders), span.end_ms]):
        held = tuple(c for one, c in wide if one.start_ms <= start and end <= one.end_ms)
        yield _Piece(TimeSpan(start, end), segment, held[:_MOST_NAMED])


def _bridged(pieces: list[_Piece]) -> list[_Piece]:
    """Pieces by time, each reaching to the next where less than a gap lies between."""
    found: list[_Piece] = []
    last, reach = -1, 0
    for piece in sorted(pieces, key=lambda piece: (piece.span, piece.segment.start)):
        start, end = piece.span
        if last >= 0 and 0 < start - reach < SHORTEST_GAP_MS:
            before = found[last]
            found[last] = before._replace(span=TimeSpan(before.span.start_ms, start))
        found.append(piece)
        if last < 0 or end >= reach:
            last, reach = len(found) - 1, end
    return found


def _moments(
    pieces: Sequence[_Piece], claims: Sequence[tuple[TimeSpan, Claim]], within: TimeSpan
) -> Iterator[Moment]:
    spans = [piece.span for piece in pieces] + [span for span, _ in claims]
    edges = [(max(span.start_ms, within.start_ms), 1, i) for i, span in enumerate(spans)]
    edges += [(max(span.end_ms, within.start_ms), 0, i) for i, span in enumerate(spans)]
    footage: dict[int, None] = {}
    named: dict[int, None] = {}
    at_ms = within.start_ms
    for time_ms, enters, i in [*sorted(edges), (within.end_ms, 0, -1)]:
        until_ms = min(time_ms, within.end_ms)
        if until_ms > at_ms:
            yield _moment(
                TimeSpan(at_ms, until_ms),
                [pieces[j] for j in islice(footage, _MOST_NAMED)],
                [claims[j - len(pieces)][1] for j in islice(named, _MOST_NAMED)],
            )
            at_ms = until_ms
        active = footage if 0 <= i < len(pieces) else named
        if enters:
            active[i] = None
        else:
            active.pop(i, None)


def _moment(span: TimeSpan, pieces: Sequence[_Piece], claims: Sequence[Claim]) -> Moment:
    holders = {id(claim): claim for piece in pieces for claim in piece.holders}
    return Moment(
        span=span,
        segments=tuple(piece.segment for piece in pieces),
        holders=tuple(holders.values()),
        listed=tuple(claim for claim in claims if claim.kind in LISTED),
        remains=tuple(claim for claim in claims if claim.kind not in LISTED),
    )


def missing_extents(claim: Claim, before: Segment | None, after: Segment | None) -> list[Extent]:
    """The bytes of a claim in which the footage between two segments must lie, in its order.

    before, after: the camera's last segment before and first one after; where one is not in the
    claim's bytes, everything from its beginning or to its end counts.
    """
    start = _logical(claim, before.end - 1) if before is not None else None
    end = _logical(claim, after.start) if after is not None else None
    first = 0 if start is None else start + 1
    last = sum(extent.size for extent in claim.extents) if end is None else end
    if first > last:
        first, last = 0, sum(extent.size for extent in claim.extents)
    found, position = [], 0
    for extent in claim.extents:
        begin, stop = max(first - position, 0), min(last - position, extent.size)
        if begin < stop:
            found.append(Extent(extent.start + begin, extent.start + stop))
        position += extent.size
    return found


def _logical(claim: Claim, place: int) -> int | None:
    """Where a byte of the source lies in a claim's logical order; None when it does not."""
    position = 0
    for extent in claim.extents:
        if extent.start <= place < extent.end:
            return position + place - extent.start
        position += extent.size
    return None


def ring_edge(segments: Iterable[Segment]) -> RecorderMs | None:
    """Until when single cameras may have been overwritten earlier than others, or None.

    Where a ring's blocks each belong to one camera, the cameras' oldest footage differs by up to
    the longest block. Blocks show as runs of one camera on the source; the wrap as a step back in
    time that is far longer than any of them. None: nothing shows a wrap. [C]
    """
    shelf = Shelf(s for s in segments if s.frames and s.start_ms is not None)
    if len(shelf.segments) < 2:
        return None
    starts = np.array([s.start_ms for s in shelf.segments], dtype=np.int64)
    ends = np.array([s.end_ms for s in shelf.segments], dtype=np.int64)
    channels = np.array([s.channel or 0 for s in shelf.segments], dtype=np.int64)
    steps = starts[1:] - ends[:-1]
    broken = (np.diff(channels) != 0) | (steps < -_SECOND_MS) | (steps > 60 * _SECOND_MS)
    firsts = np.concatenate([[0], np.flatnonzero(broken) + 1])
    lasts = np.concatenate([firsts[1:] - 1, [len(starts) - 1]])
    longest = int((ends[lasts] - starts[firsts]).max())
    if -int(steps.min()) <= 2 * longest + 60 * _SECOND_MS:
        return None
    return int(starts.min()) + longest
