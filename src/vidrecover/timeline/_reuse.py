"""How far back the absence of footage proves anything: storage is written again and again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.model import (
    NO_CHANNEL,
    NO_TIME,
    Claim,
    ClaimKind,
    RecorderMs,
    Segment,
    TimeSpan,
)
from vidrecover.timeline._places import Shelf

_STEP_BACK_MS = 500  # of one camera's footage on fresh storage, as when its clock is set
_PAUSE_MS = 2000  # in one camera's footage without a break
_LATER_MS = 10_000  # by which frames in a claim's bytes are newer than the claim, beyond doubt
_SECOND_MS = 1000  # resolution of claims
_LIVE = frozenset({ClaimKind.INDEX, ClaimKind.REMNANT})

_Times = npt.NDArray[np.int64]
_Marks = npt.NDArray[np.bool_]


class _Rows(NamedTuple):
    """Dated footage by place. held: in the bytes and at the time of a claim of the ring; behind:
    older than footage at an earlier place, as it cannot be on storage that is used in order."""

    starts: _Times
    ends: _Times
    held: _Marks
    behind: _Marks

    def only(self, marks: _Marks) -> "_Rows":
        """Those marked."""
        return _Rows(self.starts[marks], self.ends[marks], self.held[marks], self.behind[marks])


def provable_from(
    shelf: Shelf,
    claims: Iterable[Claim],
    dates: Mapping[int, TimeSpan],
    size: int,
    *,
    paused: bool = False,
) -> dict[int | None, RecorderMs]:
    """From when on the absence of footage shows that none was recorded, by camera.

    size: of the source, in bytes. Under None for every camera, and for those that were never
    seen; no entry: from the beginning. Storage was used again where footage goes back in time
    from one place to a later one, or where a claim's bytes hold newer frames; a full ring may
    have been too. In a ring, whose blocks each belong to one camera, everything begun after the
    oldest block that is left is there, and what was lost may reach one block's time further:
    counted from the beginning of the oldest footage that an entry holds, from the end of old
    footage behind newer that none holds, and from what `_passes` tells. Where nothing tells that
    it is a ring, only what is newer than all older footage behind newer, and than the oldest of
    the rest, is certain. A block lasts no longer than the longest claim, or unbroken run of one
    camera; or, for those who ask with paused, than entries of one that lie one behind the other: a
    recorder that was off goes on in its block. Nothing absent may be concluded from that. [C]
    """
    claims = list(claims)
    dated = shelf.start_ms != NO_TIME
    if not dated.any():
        return {}
    ring = _ring(claims, dates)
    channels = shelf.channels[dated]
    starts, ends = shelf.start_ms[dated], shelf.end_ms[dated]
    lasting = (dates[id(claim)].end_ms - dates[id(claim)].start_ms for claim in ring)
    longest = max(_longest(starts, ends, channels), *lasting, 0)
    behind = np.zeros(len(starts), dtype=bool)
    if ring:
        usual = max(longest, _dwell(ring, dates)) if paused else longest
        behind = starts < np.maximum.accumulate(starts) - usual - _STEP_BACK_MS
    elif not claims:  # each camera may have a place of its own, but not a time of its own
        oldest = np.minimum.accumulate(starts)
        behind[1:] = starts[1:] < oldest[:-1] - longest - _STEP_BACK_MS
    for channel in np.unique(channels).tolist():
        own = np.flatnonzero(channels == channel)
        behind[own] |= starts[own] < np.maximum.accumulate(starts[own]) - _STEP_BACK_MS
    rows = _Rows(starts, ends, _held(shelf, ring, dates)[dated], behind)
    found: dict[int | None, RecorderMs] = {
        channel: _edge(rows.only(channels == channel), longest)
        for channel in np.unique(channels[behind]).tolist()
    }
    limits = [_edge(rows, longest)] if behind.any() else []
    if (ring or not claims) and not behind.any() and _is_full(shelf, ring, size):
        limits.append(int(starts.min()) + longest)
    limits += [date.end_ms + longest for date in _replaced(shelf, claims, dates)]
    if limits:
        found[None] = max(limits)
    return found


def shows_reuse(
    shelf: Shelf, claims: Iterable[Claim], dates: Mapping[int, TimeSpan], counted: Set[str]
) -> bool:
    """Whether it is beyond doubt that the storage was used again.

    So it is where a claim's bytes hold newer frames, and where in a recorder's ring the footage
    of one camera goes back in time from one place to a later one, unless its frames follow each
    other by number there: then its clock was set back. Files lie in any order, and so may
    footage that nothing lists: both prove nothing. counted: see `followers`.
    """
    claims = list(claims)
    if any(True for _ in _replaced(shelf, claims, dates)):
        return True
    if not any(claim.kind in _LIVE for claim in _ring(claims, dates)):
        return False
    if any(one.start_ms < one.end_ms - _STEP_BACK_MS for one in followers(shelf, counted)):
        return False
    for channel in np.unique(shelf.channels).tolist():
        starts = shelf.start_ms[(shelf.channels == channel) & (shelf.start_ms != NO_TIME)]
        if (starts < np.maximum.accumulate(starts) - _STEP_BACK_MS).any():
            return True
    return False


class Follower(NamedTuple):
    """Two segments of one stream, the later of which goes on where the first ends."""

    before: Segment
    end_ms: RecorderMs
    after: Segment
    start_ms: RecorderMs


def followers(shelf: Shelf, counted: Set[str]) -> Iterator[Follower]:
    """Segments behind each other on the source whose frames follow each other by number.

    counted: formats whose numbers rise by one with every frame of a stream.
    """
    tracks: dict[tuple[int | None, str, int], list[Segment]] = {}
    for one in shelf.segments:
        if one.format in counted and one.start_ms is not None:
            tracks.setdefault((one.channel, one.format, int(one.stream)), []).append(one)
    for one, after in (pair for members in tracks.values() for pair in pairwise(members)):
        follows = one.last_sequence is not None and after.first_sequence == one.last_sequence + 1
        if follows and one.end_ms is not None and after.start_ms is not None:
            yield Follower(one, one.end_ms, after, after.start_ms)


def _ring(claims: Iterable[Claim], dates: Mapping[int, TimeSpan]) -> list[Claim]:
    """The claims of a recorder's own ring: live ones, or those deleted when there are none."""
    own = [c for c in claims if c.extents and id(c) in dates]
    live = [c for c in own if c.kind in _LIVE]
    return live or [c for c in own if c.kind is ClaimKind.DELETED]


def _dwell(ring: Sequence[Claim], dates: Mapping[int, TimeSpan]) -> int:
    """The longest time, pauses included, over which entries of one camera lie one behind the
    other."""
    longest = 0
    found = [(claim.channel or 0, claim.extents[0], dates[id(claim)]) for claim in ring]
    channel, end, first_ms = -1, 0, 0
    last_ms = 0
    for own, extent, date in sorted(found):
        goes_on = own == channel and extent.start <= end and date.start_ms >= last_ms
        if not goes_on:
            channel, first_ms = own, date.start_ms
        end, last_ms = extent.end, date.end_ms
        longest = max(longest, last_ms - first_ms)
    return longest


def _held(shelf: Shelf, ring: Sequence[Claim], dates: Mapping[int, TimeSpan]) -> _Marks:
    """Which segments lie in the bytes of a claim of their camera and time."""
    held = np.zeros(len(shelf.start_ms), dtype=bool)
    for claim in ring:
        date = dates[id(claim)]
        inside = shelf.touching(claim.extents)
        agrees = shelf.start_ms[inside] < date.end_ms + _SECOND_MS
        agrees &= shelf.end_ms[inside] >= date.start_ms - _SECOND_MS
        agrees &= np.isin(shelf.channels[inside], (NO_CHANNEL, claim.channel or NO_CHANNEL))
        held[inside[agrees]] = True
    return held


def _longest(starts: _Times, ends: _Times, channels: _Times) -> int:
    """The longest time of one camera without a break on the source."""
    steps = starts[1:] - ends[:-1]
    broken = (np.diff(channels) != 0) | (steps < -_STEP_BACK_MS) | (steps > _PAUSE_MS)
    firsts = np.concatenate([[0], np.flatnonzero(broken) + 1])
    lasts = np.concatenate([firsts[1:] - 1, [len(starts) - 1]])
    return int((ends[lasts] - starts[firsts]).max())


def _edge(rows: _Rows, longest: int) -> RecorderMs:
    """See `provable_from`; at least one row is behind."""
    if not rows.held.any():
        first = rows.starts[~rows.behind].min(initial=rows.starts.max())
        return int(max(rows.ends[rows.behind].max(), first)) + longest
    edges = [int(rows.starts[rows.held].min()) + longest]
    rests = rows.ends[rows.behind & ~rows.held]
    if len(rests):
        edges.append(int(rests.max()) + longest)
    edges += [time + longest for time in _passes(rows.only(rows.held))]
    return max(edges)


def _passes(held: _Rows) -> Iterator[RecorderMs]:
    """Before what the newest pass over the storage may have overwritten footage.

    It has reached the place where its newest footage lies, so what came before the footage at the
    next place is gone; and if it did not begin when the former one ended, as after a format, what
    was recorded between may be gone altogether.
    """
    after = int(held.ends.argmax()) + 1
    older = np.flatnonzero(held.behind[after:])
    if not len(older):
        return
    border = after + int(older[0])
    former = held.only(np.arange(len(held.ends)) >= border)
    yield int(former.starts[0])
    head, behind = held.starts[:border], held.behind[:border]
    begun = int((head if behind.all() else head[~behind]).min())
    if begun > int(former.ends.max()) + _PAUSE_MS:
        yield begun


def _is_full(shelf: Shelf, ring: Iterable[Claim], size: int) -> bool:
    """Whether less than a block is left behind the last footage: less than the largest part of a
    claim, or than the usual way from one to the next, since a recording may end early in its block;
    or, without claims, than the largest segment."""
    parts = sorted(extent for claim in ring for extent in claim.extents)
    largest = max((extent.size for extent in parts), default=int(shelf.sizes.max()))
    if len(parts) > 1:
        largest = max(largest, int(np.median(np.diff([extent.start for extent in parts]))))
    return size - max(segment.end for segment in shelf.segments) < largest


def _replaced(
    shelf: Shelf, claims: Iterable[Claim], dates: Mapping[int, TimeSpan]
) -> Iterable[TimeSpan]:
    """Spans of claims in whose bytes newer frames begin."""
    asked = [c for c in claims if c.extents and not c.open and id(c) in dates]
    newest = iter(shelf.newest([e for claim in asked for e in claim.extents]).tolist())
    for claim in asked:
        latest = max(next(newest) for _ in claim.extents)
        if latest > dates[id(claim)].end_ms + _LATER_MS:
            yield dates[id(claim)]
