"""How far back the absence of footage proves anything: storage is written again and again."""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from vidrecover.model import NO_TIME, Claim, ClaimKind, RecorderMs, TimeSpan
from vidrecover.timeline._places import Shelf

_TOLERANCE_MS = 2000  # by which one camera's footage may go back in time on fresh storage
_LATER_MS = 10_000  # by which frames in a claim's bytes are newer than the claim, beyond doubt
_RING = frozenset({ClaimKind.INDEX, ClaimKind.DELETED, ClaimKind.REMNANT})

_Times = npt.NDArray[np.int64]


def provable_from(
    shelf: Shelf, claims: Iterable[Claim], dates: Mapping[int, TimeSpan]
) -> dict[int | None, RecorderMs]:
    """From when on the absence of footage shows that none was recorded, by camera.

    Under None for every camera, and for those that were never seen; no entry: from the beginning.
    Storage was used again where a camera's footage goes back in time from one place to a later
    one, or where a claim's bytes hold newer frames. In a ring, whose blocks each belong to one
    camera, everything begun after the oldest block that is left is there: that block begins at
    most one block's time behind the first old frame that follows the newest ones, and the rests
    of lost footage among newer must be older still. Where nothing tells that it is a ring, only
    what is newer than all older footage behind newer, and than the oldest of the rest, is certain.
    A block lasts no longer than the longest claim, or unbroken run of one camera. [C]
    """
    claims = list(claims)
    dated = np.flatnonzero(shelf.start_ms != NO_TIME)
    if not len(dated):
        return {}
    starts, ends, channels = (c[dated] for c in (shelf.start_ms, shelf.end_ms, shelf.channels))
    blocks = [dates[id(c)] for c in claims if c.kind in _RING and c.extents and id(c) in dates]
    longest = max(
        _longest(starts, ends, channels), *(date.end_ms - date.start_ms for date in blocks), 0
    )
    is_ring = bool(blocks)
    found: dict[int | None, RecorderMs] = {}
    behind = np.zeros(len(starts), dtype=bool)
    for channel in np.unique(channels).tolist():
        own = np.flatnonzero(channels == channel)
        behind[own] = starts[own] < np.maximum.accumulate(starts[own]) - _TOLERANCE_MS
        if behind[own].any():
            found[channel] = _edge(starts[own], ends[own], behind[own], longest, is_ring)
    limits = [] if not behind.any() else [_edge(starts, ends, behind, longest, is_ring)]
    limits += [date.end_ms + longest for date in _replaced(shelf, claims, dates)]
    if limits:
        found[None] = max(limits)
    return found


def _longest(starts: _Times, ends: _Times, channels: _Times) -> int:
    """The longest time of one camera without a break on the source."""
    steps = starts[1:] - ends[:-1]
    broken = (np.diff(channels) != 0) | (steps < -_TOLERANCE_MS) | (steps > _TOLERANCE_MS)
    firsts = np.concatenate([[0], np.flatnonzero(broken) + 1])
    lasts = np.concatenate([firsts[1:] - 1, [len(starts) - 1]])
    return int((ends[lasts] - starts[firsts]).max())


def _edge(starts: _Times, ends: _Times, behind: _Times, longest: int, is_ring: bool) -> RecorderMs:
    """See `provable_from`; behind: rows older than one before them on the source, at least one."""
    if not is_ring:
        return max(int(ends[behind].max()), int(starts[~behind].min())) + longest
    newest = int(np.flatnonzero(ends >= ends.max() - longest)[-1])
    following = newest + 1 if newest + 1 < len(starts) else 0
    rests = np.flatnonzero(behind[: newest + 1])
    latest_rest = int(ends[rests].max()) if len(rests) else NO_TIME
    return max(int(starts[following]) + 2 * longest, latest_rest + longest)


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
