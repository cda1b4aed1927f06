"""The overwrite clock: how long the recorder may run on before wanted footage is overwritten.

It needs a ring, proven by the recorder's structure or by footage that goes back in time at one
place only, and the rate at which recording takes its bytes. Everything else is told as not known.
"""

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover.diagnosis._facts import Facts
from vidrecover.extents import merged, minus, total
from vidrecover.model import NO_TIME, Extent, OverwriteClock, RecorderMs, Ring, TimeSpan
from vidrecover.wording import said, text

_PIECES = 8  # of the newest footage, whose rates give the error
_LEAST_PIECES = 3
_LEAST_PIECE_MS = 1000
_MOST_BLOCKS = 1 << 16  # into which a ring is divided to tell its rate
_DAY_MS = 86_400_000
_LEAST_MS = 10_000  # of recording from which a rate is told
_NEAR_MS = 60_000  # by which footage of several cameras may lie out of order [C]
_BACK_MS = 10_000  # by which footage is older at the place where a ring begins again [C]

_Column = npt.NDArray[np.int64]


class _Footage(NamedTuple):
    """Dated footage inside the ring. age: bytes from its start forward to the head: how long ago
    it was written; start_ms, end_ms, place: columns in the same order, newest first."""

    age: _Column
    start_ms: _Column
    end_ms: _Column
    place: _Column


def overwrite_clock(facts: Facts, window: TimeSpan | None) -> OverwriteClock | None:
    """The clock for a window, or for the ring as a whole; None without any dated footage."""
    dated = facts.shelf.start_ms != NO_TIME
    if not dated.any():
        return None
    rings = [one.ring for one in facts.evidence.volumes if one.ring is not None]
    ring, proof = (rings[0], "ring_by_structure") if len(rings) == 1 else (None, "")
    if ring is None and not rings:
        ring, proof = _by_bytes(facts), "ring_by_footage"
    if ring is None:
        return _told(OverwriteClock(reason=""), "ring_several" if rings else "ring_unproven")
    footage = _aged(facts, ring)
    rates = _rates(footage, ring, facts)
    if rates is None:
        return _told(OverwriteClock(reason=""), "ring_too_little")
    size = ring.extent.size
    newest = int(footage.end_ms.max())
    known = OverwriteClock(
        reason="",
        rate=rates.usual * 1000,
        kept_ms=round(size / rates.usual),
        newest_ms=newest,
    )
    known = _told(known, proof, size=size)
    return known if window is None else _until(known, facts, ring, footage, rates, window)


def _told(one: OverwriteClock, key: str, **values: int) -> OverwriteClock:
    """With one more sentence."""
    told = (*one.said, said(key, **values))
    return msgspec.structs.replace(one, reason=text(told), said=told)


class _Rates(NamedTuple):
    """Bytes of the ring in a millisecond of recording."""

    usual: float
    slow: float
    fast: float


def _by_bytes(facts: Facts) -> Ring | None:
    """The ring that footage alone proves: everything before one place is newer than everything
    behind it, and it is all of one round."""
    dated = np.flatnonzero(facts.shelf.start_ms != NO_TIME)
    starts, ends = facts.shelf.start_ms[dated], facts.shelf.end_ms[dated]
    last = int(ends.argmax())
    if last + 1 >= len(starts) or starts[last + 1] > starts[last] - _BACK_MS:
        return None
    if starts[: last + 1].min() < ends[last + 1 :].max() - _NEAR_MS:
        return None
    for part in (starts[: last + 1], starts[last + 1 :]):
        if (part < np.maximum.accumulate(part) - _NEAR_MS).any():
            return None
    segments = [facts.shelf.segments[i] for i in dated.tolist()]
    extent = Extent(segments[0].start, max(one.end for one in segments))
    return Ring(extent=extent, head=segments[last].end, block=1)


def _aged(facts: Facts, ring: Ring) -> _Footage:
    """Footage in the ring by the way that the head came since it was written: what lies at the
    head itself was written a whole round ago."""
    places = np.array([one.start for one in facts.shelf.segments], dtype=np.int64)
    chosen = (facts.shelf.start_ms != NO_TIME) & (places >= ring.extent.start)
    chosen &= places < ring.extent.end
    age = (ring.head - places[chosen] - 1) % ring.extent.size + 1
    order = np.argsort(age, kind="stable")
    columns = (age, facts.shelf.start_ms[chosen], facts.shelf.end_ms[chosen], places[chosen])
    return _Footage(*(column[order] for column in columns))


def _rates(footage: _Footage, ring: Ring, facts: Facts) -> _Rates | None:
    """From the newest day of footage, block by block back from the head.

    The time of a block is that of the newest footage in it: what is left behind the end of a
    recording may be of an earlier round. The recorder's pauses do not count: a rate is bytes for
    time with footage of any camera.
    """
    block = max(ring.block, ring.extent.size // _MOST_BLOCKS, 1)
    blocks, first = np.unique(footage.age // block, return_index=True)
    if len(blocks) <= _LEAST_PIECES:
        return None
    times = np.maximum.reduceat(footage.start_ms, first)
    times = np.maximum.accumulate(times[::-1])[::-1]  # the way back in time never turns
    count = int(np.searchsorted(times.max() - times, _DAY_MS, "right"))
    edges = np.unique(np.linspace(0, count - 1, _PIECES + 1).astype(np.int64))
    running = [_running(facts, int(times[i])) for i in edges.tolist()]
    ways = np.diff(blocks[edges]) * block
    lasting = np.diff(running)
    known = lasting >= _LEAST_PIECE_MS
    if known.sum() < _LEAST_PIECES or lasting.sum() < _LEAST_MS:
        return None
    pieces = ways[known] / lasting[known]
    return _Rates(float(ways.sum() / lasting.sum()), float(pieces.min()), float(pieces.max()))


def _running(facts: Facts, since_ms: RecorderMs) -> int:
    """Milliseconds with footage from a moment to the end."""
    return sum(max(span.end_ms - max(span.start_ms, since_ms), 0) for span in facts.footage.spans)


def _until(
    known: OverwriteClock,
    facts: Facts,
    ring: Ring,
    footage: _Footage,
    rates: _Rates,
    window: TimeSpan,
) -> OverwriteClock:
    """The clock with the time that is left for the window."""
    inside = (footage.start_ms < window.end_ms) & (footage.end_ms >= window.start_ms)
    if not inside.any():
        return _told(known, "ring_not_wanted")
    left = total(minus([ring.extent], merged(facts.scanned)))
    if left:
        return _told(known, "ring_left", left=left)
    oldest = int(footage.age[inside].max())
    ahead = max(ring.extent.size - oldest, 0)  # from the head forward to its first byte
    ahead -= ahead % ring.block  # a block goes as a whole
    cameras = max(len(facts.cameras), 1)
    margin = min(ring.block * cameras, ahead)  # each camera may take a block at once
    return msgspec.structs.replace(
        known,
        left_ms=round(ahead / rates.usual),
        least_ms=round((ahead - margin) / rates.fast),
        most_ms=round((ahead + ring.block) / rates.slow) + ring.lasting_ms,
    )
