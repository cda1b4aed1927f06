"""Pictures without any index: NAL units behind lengths, found by what they have in common.

codec-repair.md section 5.2, as columns: every place where a unit may begin is judged at once, units
that lead to one another make chains, and the chains teach which headers this stream has and how
far apart its units stand. Nothing is asked of a healthy file.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from vidrecover.containers import _nals
from vidrecover.containers._nals import AFTER, SLICE, Units
from vidrecover.containers._view import Column, View
from vidrecover.model import Codec

_WINDOW = 16 << 20
_LESSON = 4 << 20  # from which codec and lengths are told
_STUDY = 32 << 20  # from which headers and gaps are learnt
_SHARE = 0.005  # of a stream's units that a header has at least
_NEAR = 2048  # bytes between neighbouring units at least allowed
_FIRST_NEAR = 8192
_FAR = 1 << 60
_NEARLY_ALL, _WIDEST = 99.8, 256 << 10
_USUAL_LENGTHS = 4
_FEW = 4  # chained units below which nothing is believed
_CODINGS = (
    (Codec.H264, 4), (Codec.H265, 4), (Codec.H264, 2), (Codec.H265, 2), (Codec.H264, 3),
    (Codec.H265, 3),
)  # fmt: skip


class Lesson(NamedTuple):
    """What is learnt of a stream. marks: of its units, ordered; gap: bytes between two units, as
    most are; widest: as all but very few are."""

    codec: Codec
    lengths: int
    marks: Column
    gap: int
    widest: int


class Pictures(NamedTuple):
    """Access units as columns, in order. torn: its first slice is missing, or nothing bears out
    where it ends; shown: it holds slices."""

    starts: Column
    ends: Column
    keys: Column
    torn: Column
    shown: Column


class _Bytes(NamedTuple):
    """A stretch in memory. data: with PADDING zeros behind it; size: without them; wrong: what no
    unit holds."""

    data: _nals.Bytes
    size: int
    wrong: _nals.Forbidden


def _read(view: View, start: int, end: int) -> _Bytes:
    data, _ = view.array(start, end, _nals.PADDING)
    return _Bytes(data, len(data) - _nals.PADDING, _nals.forbidden(data[: -_nals.PADDING]))


def learnt(view: View, start: int, end: int) -> Lesson | None:
    """Codec, lengths and habits of the stream in the stretch; None where there is none."""
    first = _read(view, start, min(end, start + _LESSON))
    best: tuple[int, Codec, int] | None = None
    for codec, lengths in _CODINGS:
        if best is not None and (lengths < _USUAL_LENGTHS or 2 * best[0] > first.size):
            break
        lesson = Lesson(codec, lengths, np.zeros(0), _FIRST_NEAR, _FIRST_NEAR)
        units, _ = _borne(_judged(first, lengths, codec), lesson, first.size)
        covered = int((units.ends - units.starts).sum())
        if len(units.starts) >= _FEW and (best is None or covered > best[0]):
            best = covered, codec, lengths
    if best is None:
        return None
    _, codec, lengths = best
    whole = first if first.size == end - start else _read(view, start, min(end, start + _STUDY))
    judged = _judged(whole, lengths, codec)
    lesson = Lesson(codec, lengths, np.zeros(0), _FIRST_NEAR, _FIRST_NEAR)
    units, score = _borne(judged, lesson, whole.size)
    marks, counts = np.unique(units.marks, return_counts=True)
    rare = np.unique(units.marks[(units.keys | (units.classes != SLICE)) & (score >= 2)])
    marks = np.union1d(marks[counts >= max(_SHARE * len(units.marks), 1)], rare)
    gaps = units.starts[1:] - units.ends[:-1]
    gaps = gaps[gaps > 0]
    usual, widest = np.percentile(gaps, [90, _NEARLY_ALL]).astype(int) if len(gaps) else (0, 0)
    gap = max(_NEAR, 3 * int(usual))
    return Lesson(codec, lengths, marks, gap, max(gap, min(2 * int(widest), _WIDEST)))


def _judged(bytes_: _Bytes, lengths: int, codec: Codec) -> Units:
    """Every unit that can be: length, header and body are possible."""
    places = _nals.candidates(bytes_.data, bytes_.size, lengths, codec)
    if lengths < _USUAL_LENGTHS:
        places = _nals.chained(bytes_.data, places, lengths)
    if not len(places):
        return _nals.no_units()
    units, _ = _nals.plausible(bytes_.data, places, lengths, codec)
    units = units.where(units.ends <= bytes_.size)
    return units.where(~bytes_.wrong.inside(units.starts + lengths, units.ends))


def _chain_lengths(units: Units) -> Column:
    """How many units the chain through each has: those it leads to and those that lead to it."""
    count = len(units.starts)
    if not count:
        return np.zeros(0, dtype=np.int64)
    following = np.searchsorted(units.starts, units.ends)
    nothing = count
    inside = following < count
    leads = np.full(count + 1, nothing, dtype=np.int64)
    leads[:count][inside] = np.where(
        units.starts[following[inside]] == units.ends[inside], following[inside], nothing
    )
    behind = np.full(count + 1, nothing, dtype=np.int64)
    sources = np.flatnonzero(leads[:count] != nothing)
    behind[leads[sources]] = sources
    turned = np.where(behind[:count] == nothing, nothing, count - 1 - behind[:count])[::-1]
    result: Column = _depths(leads[:count]) + _depths(turned)[::-1] - 1
    return result


def _depths(leads: Column) -> Column:
    """How many steps lead from each place to the last one of its chain, that one counted.

    leads: to a place further on, or to their number for none. Where places lead to the next ones
    they are one step of many; the steps that are left are doubled, so that a long chain takes few
    rounds.
    """
    count = len(leads)
    goes_on = leads == np.arange(1, count + 1)
    goes_on[-1] = False
    lasts = np.flatnonzero(~goes_on)
    number = np.cumsum(~goes_on) - ~goes_on  # of the last place of each one's run
    inside = leads[lasts] < count
    target = np.where(inside, leads[lasts], 0)
    jump = np.append(np.where(inside, number[target], len(lasts)), len(lasts))
    steps = np.append(1 + np.where(inside, lasts[number[target]] - target, 0), 0)
    while (jump[:-1] != len(lasts)).any():
        steps += steps[jump]
        jump = jump[jump]
    result: Column = lasts[number] - np.arange(count) + steps[:-1][number]
    return result


def _apart(units: Units, score: Column) -> Column:
    """Places of units that do not overlap; of two that do, the one of the longer chain stays."""
    count = len(units.starts)
    if not count:
        return np.zeros(0, dtype=np.int64)
    reach = np.maximum.accumulate(units.ends)
    clash = np.zeros(count, dtype=bool)
    clash[1:] = units.starts[1:] < reach[:-1]
    if not clash.any():
        return np.arange(count)
    together = clash.copy()
    together[:-1] |= clash[1:]
    alone = np.flatnonzero(~together)
    doubtful = np.flatnonzero(together)
    kept: list[int] = []
    starts, ends, worth = (
        column[doubtful].tolist() for column in (units.starts, units.ends, score)
    )
    for place, start in enumerate(starts):
        beaten = False
        while kept and ends[kept[-1]] > start:
            if worth[kept[-1]] >= worth[place]:
                beaten = True
                break
            kept.pop()
        if not beaten:
            kept.append(place)
    return np.sort(np.concatenate([alone, doubtful[kept]]))


def units(
    view: View, start: int, end: int, lesson: Lesson, *, sure: int, reach: int
) -> Iterator[Units]:
    """The units of the stretch, window by window, in order.

    sure: up to here all is of this file, the last unit ends near it. reach: bytes without any
    unit, beyond that, behind which the stream is taken to have ended.
    """
    at, last = start, start
    while at < end:
        held = _read(view, at, min(at + _WINDOW + _nals.LARGEST, end))
        limit = min(_WINDOW, held.size)
        judged = _judged(held, lesson.lengths, lesson.codec)
        own = judged.where(np.isin(judged.marks, lesson.marks))
        stop = held.size if at + held.size >= end else None
        found, _ = _borne(own, lesson, stop, is_known=sure >= end)
        found = found.where(found.starts < limit).moved(at)
        found = found.where(found.starts >= last)
        begins = np.append(found.starts, at + limit)
        gaps = begins - np.concatenate([[last], found.ends])
        far = np.flatnonzero((gaps > reach) & (begins - reach > sure))
        if len(far):
            found = found.where(np.arange(int(far[0])))
        if len(found.starts):
            last = int(found.ends[-1])
            yield found
        if len(far):
            return
        at = max(at + limit, last)


def _borne(
    own: Units, lesson: Lesson, stop: int | None, *, is_known: bool = False
) -> tuple[Units, Column]:
    """Those of the units that something beside them bears out: a unit that they lead to or that
    leads to them, for slices another unit near by, or the end. None over another; and how long
    the chain of each is.

    stop: where the media data end, None where more follows; is_known: the file itself says so.
    """
    score = _chain_lengths(own)
    if lesson.lengths < _USUAL_LENGTHS:  # too many places look like a unit
        own, score = own.where(score >= _FEW), score[score >= _FEW]
    kept = _apart(own, score)
    own, score = own.where(kept), score[kept]
    if not len(own.starts):
        return own, score
    behind = np.append(own.starts[1:], _FAR) - own.ends
    before = own.starts - np.append(-_FAR, own.ends[:-1])
    near = (behind <= lesson.gap) | (before <= lesson.gap)
    ended = behind <= lesson.widest
    if stop is not None:
        near |= own.ends >= stop - 4
        ended[-1] |= stop - own.ends[-1] <= (_WIDEST if is_known else 0)  # sound may come last
    borne = (score >= 2) | ((own.classes == SLICE) & near)
    return own._replace(ended=ended).where(borne), score[borne]


def openings(found: Units) -> Column:
    """Which units begin an access unit: the first slice of a picture and what stands before
    pictures, where a slice came before; and what stands behind a gap.

    [A: H.264 clause 7.4.1.2.3, H.265 clause 7.4.2.4.4]
    """
    count = len(found.starts)
    begins = np.ones(count, dtype=bool)
    begins[1:] = found.starts[1:] != found.ends[:-1]
    is_slice = found.classes == SLICE
    number = np.arange(count)
    told = np.maximum.accumulate(np.where(found.classes != AFTER, number, 0))
    has_slice = np.zeros(count, dtype=bool)
    has_slice[1:] = is_slice[told[:-1]]
    opens = (~is_slice & (found.classes != AFTER)) | (is_slice & found.firsts)
    result: Column = begins | (opens & has_slice)
    return result


def pictures(found: Units) -> Pictures:
    """Units as access units."""
    first = np.flatnonzero(openings(found))
    if not len(first):
        none = np.zeros(0, dtype=bool)
        return Pictures(found.starts, found.ends, none, none, none)
    last = np.append(first[1:], len(found.starts)) - 1
    keys = np.logical_or.reduceat(found.keys, first)
    shown = np.logical_or.reduceat(found.classes == SLICE, first)
    begun = np.logical_or.reduceat(found.firsts, first)
    whole = begun & np.logical_and.reduceat(found.ended, first)
    return Pictures(found.starts[first], found.ends[last], keys, shown & ~whole, shown)
