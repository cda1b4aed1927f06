"""What the recorder claims and what the bytes show, laid side by side."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import msgspec

from vidrecover.extents import merged, minus
from vidrecover.model import LISTED, Claim, ClaimKind, Extent, RecorderMs, Segment, TimeSpan
from vidrecover.timeline._joining import SHORTEST_GAP_MS
from vidrecover.timeline._numbers import Numbers, Told
from vidrecover.timeline._places import FILES, Index, Shelf

_SECOND_MS = 1000  # resolution of claims
_FRAME_MS = 40  # how long a frame is taken to last when it stands alone [C]
_MOST_NAMED = 16  # segments and claims named for one moment


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What both witnesses say of one camera in a span.

    segments: with video frames there; holders: claims listed by the recorder in whose bytes
    frames of the span lie, and whose time, if they state one, agrees to a second: all frames of
    at least one stream are held, or none are. listed, remains: claims that name this camera and
    time, listed by the recorder or not any more, sixteen at most; deleted files in whose bytes
    the frames lie are remains, too.
    """

    span: TimeSpan
    segments: tuple[Segment, ...]
    holders: tuple[Claim, ...]
    listed: tuple[Claim, ...]
    remains: tuple[Claim, ...]


class Comparison(NamedTuple):
    """moments: by channel, tiling the span; undated: video without a time that no claim dates;
    dates: spans of the claims that name one, by `id` of the claim; shelf: of all video."""

    moments: dict[int | None, list[Moment]]
    undated: tuple[Segment, ...]
    dates: dict[int, TimeSpan]
    shelf: Shelf


def lists(claim: Claim) -> bool:
    """Whether the recorder would show the claim's footage: a live entry that was closed.

    Entries that were never closed, as by a power cut, are passed over. [A for DHFS: dahua-dhfs.md
    section 5; C for others]
    """
    return claim.kind in LISTED and not claim.open


def claimed(claim: Claim, shelf: Shelf | None = None) -> TimeSpan | None:
    """The span of time that a claim names, its last second included; None when it names none.

    The end of an open claim is that of the last of its frames on the shelf, else its start. A file
    is of the time of the dated frames in its bytes, and of what its name tells beside that only
    when both agree: the footage knows better.
    """
    start_ms, end_ms = claim.start_ms, claim.end_ms
    if start_ms is None:
        return None
    if claim.kind in FILES and shelf is not None:
        return _of_file(claim, shelf)
    if claim.open:
        later = [
            covered(s).end_ms
            for s in (shelf.within(claim.extents) if shelf is not None else ())
            if s.channel in (claim.channel, None) and (s.end_ms or 0) >= start_ms
        ]
        return TimeSpan(start_ms, max(later, default=start_ms + _SECOND_MS))
    if end_ms is None or end_ms < start_ms:
        end_ms = start_ms
    return TimeSpan(start_ms, end_ms + (_SECOND_MS if end_ms % _SECOND_MS == 0 else 1))


def _of_file(claim: Claim, shelf: Shelf) -> TimeSpan | None:
    """The span of a file whose name tells its beginning, by name and by the frames in it."""
    stated = claimed(claim)
    shown = dated_inside(claim, shelf)
    if stated is None or shown is None:
        return stated
    agrees = shown.start_ms < stated.end_ms + _SECOND_MS
    agrees = agrees and shown.end_ms >= stated.start_ms - _SECOND_MS
    if not agrees or claim.end_ms is None:
        return shown
    return TimeSpan(min(stated.start_ms, shown.start_ms), max(stated.end_ms, shown.end_ms))


def dated_inside(claim: Claim, shelf: Shelf) -> TimeSpan | None:
    """The time of the frames in a claim's bytes, from the first to the last; None: no dates."""
    inside = shelf.touching(claim.extents)
    dated = [shelf.segments[i] for i in inside.tolist() if shelf.segments[i].start_ms is not None]
    own = [s for s in dated if claim.channel is None or s.channel in (claim.channel, None)]
    if not own:
        return None
    return TimeSpan(min(s.start_ms or 0 for s in own), max(covered(s).end_ms for s in own))


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
    segments: Iterable[Segment],
    claims: Sequence[Claim],
    *,
    within: TimeSpan,
    channels: Iterable[int | None],
    numbers: Numbers | None = None,
) -> Comparison:
    """Both witnesses for each of the channels, in moments that tile `within`.

    segments: in any order, after `attributed`; only those with video frames count. Frames less
    than SHORTEST_GAP_MS apart show the time between them, unless the numbers tell of a loss there.
    Frames without a time that fill half of the bytes of a dated claim are shown at its time.
    Unknown cameras' footage is channel None.
    """
    shelf = Shelf(segment for segment in segments if segment.frames)
    dates = {id(c): span for c in claims if (span := claimed(c, shelf)) is not None}
    pieces, undated = _pieces(shelf, claims, dates)
    named: dict[int | None, list[Claim]] = {}
    for claim in claims:
        if id(claim) in dates:
            named.setdefault(claim.channel, []).append(claim)
    moments = {}
    for channel in channels:
        steps = numbers.steps(channel) if numbers is not None else ()
        losses = {step.span.end_ms for step in steps if step.told is not Told.NONE}
        stretches = _stretches(pieces.get(channel, []), losses)
        moments[channel] = list(_moments(stretches, named.get(channel, []), dates, within))
    return Comparison(moments, undated, dates, shelf)


class _Piece(NamedTuple):
    """Frames of one camera seen in a span, and the listed claims that hold them; deleted: files
    in whose bytes frames lie that no listed claim holds."""

    start_ms: int
    end_ms: int
    segment: Segment
    holders: tuple[Claim, ...]
    deleted: tuple[Claim, ...] = ()


_Pieces = dict[int | None, list[_Piece]]


def _pieces(
    shelf: Shelf, claims: Sequence[Claim], dates: dict[int, TimeSpan]
) -> tuple[_Pieces, tuple[Segment, ...]]:
    """Footage in time, by channel, and what stays without a time."""
    index = Index(claim for claim in claims if lists(claim))
    gone = Index(claim for claim in claims if claim.kind is ClaimKind.DELETED_FILE)
    found: _Pieces = {}
    undated: list[tuple[Segment, list[Claim]]] = []
    share: dict[int, int] = {}
    for segment in (*shelf.segments, *shelf.glued):
        holders = index.naming(segment)
        if segment.channel is not None:
            holders = [c for c in holders if c.channel in (segment.channel, None)]
        if segment.start_ms is not None:
            parts = _cut(segment, holders, dates)
            if not holders and (deleted := gone.naming(segment)):
                parts = [part._replace(deleted=tuple(deleted[:_MOST_NAMED])) for part in parts]
            found.setdefault(segment.channel, []).extend(parts)
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
            piece = _Piece(*dates[id(claim)], segment, (claim,))
            found.setdefault(segment.channel, []).append(piece)
    return found, tuple(left)


def _cut(segment: Segment, holders: Sequence[Claim], dates: dict[int, TimeSpan]) -> list[_Piece]:
    """A dated segment, cut where a claim that holds its bytes begins or ends in time.

    Where all its bytes are the claims', their times may be wrong by a second. A live file holds
    whatever lies in its bytes: it shows all of it, whatever its name says.
    """
    start_ms, end_ms = covered(segment)
    if not holders:
        return [_Piece(start_ms, end_ms, segment, ())]
    bytes_ = [Extent(segment.start, segment.end)]
    whole = not minus(bytes_, merged(e for claim in holders for e in claim.extents))
    error_ms = _SECOND_MS if whole and not segment.joined else 0
    wide = [
        (date.start_ms - error_ms, date.end_ms + error_ms, claim)
        if (date := dates.get(id(claim))) is not None and claim.kind is not ClaimKind.FILE
        else (start_ms, end_ms, claim)
        for claim in holders
    ]
    borders = {time for first, last, _ in wide for time in (first, last)}
    inner = sorted(time for time in borders if start_ms < time < end_ms)
    return [
        _Piece(start, end, segment, tuple(c for first, last, c in wide if first <= start < last))
        for start, end in pairwise([start_ms, *inner, end_ms])
    ]


class _Stretch(NamedTuple):
    """Pieces without a gap, ordered by start, all held by claims or all not; reach: how far the
    pieces up to each one reach."""

    start_ms: int
    end_ms: int
    pieces: list[_Piece]
    reach: list[int]

    def between(self, start_ms: int, end_ms: int) -> list[_Piece]:
        """The pieces that show something of a span."""
        first = bisect_right(self.reach, start_ms)
        last = bisect_left(self.pieces, end_ms, key=lambda piece: piece.start_ms)
        chosen = self.pieces[first:last] or self.pieces[max(last - 1, 0) : last]
        return [piece for piece in chosen if piece.end_ms > start_ms] or chosen[-1:]


def _stretches(pieces: list[_Piece], losses: Collection[RecorderMs]) -> list[_Stretch]:
    """Pieces by time, in stretches; each reaches to the next piece where less than a gap lies
    between, whether that is held or not, and no loss, of which the ends are given."""
    pieces.sort(key=lambda piece: (piece.start_ms, piece.end_ms, piece.segment.start))
    found: list[_Stretch] = []
    going: dict[tuple[bool, bool], _Stretch] = {}
    last: tuple[bool, bool] | None = None
    reach = 0
    for piece in pieces:
        kind = (bool(piece.holders), piece.segment.start_ms is None)
        gap = piece.start_ms - reach
        if last is not None and 0 < gap < SHORTEST_GAP_MS and piece.start_ms not in losses:
            going[last] = going[last]._replace(end_ms=piece.start_ms)
        same = going.get(kind)
        if same is not None and piece.start_ms <= same.end_ms:
            going[kind] = same._replace(end_ms=max(same.end_ms, piece.end_ms))
            same.pieces.append(piece)
            same.reach.append(max(same.reach[-1], piece.end_ms))
        else:
            if same is not None:
                found.append(same)
            going[kind] = _Stretch(piece.start_ms, piece.end_ms, [piece], [piece.end_ms])
        if last is None or piece.end_ms >= reach:
            last, reach = kind, piece.end_ms
    return [*found, *going.values()]


def _moments(
    stretches: Sequence[_Stretch],
    claims: Sequence[Claim],
    dates: dict[int, TimeSpan],
    within: TimeSpan,
) -> Iterator[Moment]:
    """Moments cut where a stretch begins or ends, or a claim does outside what is held."""
    held = [stretch for stretch in stretches if stretch.pieces[0].holders]
    claims = [claim for claim in claims if not _inside(dates[id(claim)], held)]
    spans = [(stretch.start_ms, stretch.end_ms) for stretch in stretches]
    spans += [dates[id(claim)] for claim in claims]
    edges = [(max(start, within.start_ms), 1, i) for i, (start, _) in enumerate(spans)]
    edges += [(max(end, within.start_ms), 0, i) for i, (_, end) in enumerate(spans)]
    footage: dict[int, None] = {}
    named: dict[int, None] = {}
    at_ms = within.start_ms
    for time_ms, enters, i in [*sorted(edges), (within.end_ms, 0, -1)]:
        until_ms = min(time_ms, within.end_ms)
        if until_ms > at_ms:
            chosen = [claims[j - len(stretches)] for j in islice(named, _MOST_NAMED)]
            yield _moment(TimeSpan(at_ms, until_ms), [stretches[j] for j in footage], chosen)
            at_ms = until_ms
        active = footage if 0 <= i < len(stretches) else named
        if enters:
            active[i] = None
        else:
            active.pop(i, None)


def _inside(span: TimeSpan, held: Sequence[_Stretch]) -> bool:
    """Whether a claim's whole span lies in one stretch; held: ordered and disjoint."""
    i = bisect_right(held, span.start_ms, key=lambda stretch: stretch.start_ms) - 1
    return i >= 0 and span.end_ms <= held[i].end_ms


def _moment(span: TimeSpan, stretches: Sequence[_Stretch], claims: Sequence[Claim]) -> Moment:
    pieces = [piece for stretch in stretches for piece in stretch.between(*span)]
    holders = {id(claim): claim for piece in pieces for claim in piece.holders}
    remains = {id(claim): claim for claim in claims if not lists(claim)}
    remains |= {id(claim): claim for piece in pieces for claim in piece.deleted}
    return Moment(
        span=span,
        segments=tuple({id(piece.segment): piece.segment for piece in pieces}.values()),
        holders=tuple(holders.values()),
        listed=tuple(claim for claim in claims if lists(claim)),
        remains=tuple(islice(remains.values(), _MOST_NAMED)),
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
