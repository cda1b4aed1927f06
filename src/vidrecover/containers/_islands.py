"""Where media data of a file may lie of which no box is left: islands of NAL units behind lengths.

In data that no reader knows every place where a unit may begin is judged at once, as in known media
data (`_walk`). Noise holds such places too, but none that lead from one to the next: a unit ends
where another begins, or with a little sound between, many times in a row. What breaks off inside a
unit ends an island: behind it may lie another file.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from vidrecover.containers import _nals
from vidrecover.containers._nals import SLICE, Units
from vidrecover.containers._view import Column, View
from vidrecover.model import Codec

MOST_READ = 1 << 30
"""Bytes that are looked at all through; of more a sample."""
_WINDOW, _OVERLAP = 16 << 20, 1 << 20
PROBE = 2 << 20
_NEAR, _FAR, _BRIDGED = 2048, 8192, 32 << 10
_LEAST, _LEAST_FAR = 8, 16
"""Units of an island that lie so near to each other. Noise of 4 MiB holds eight by one chance in
10^7, and text and tables no slices that look like noise. [C]"""
_LEAST_SLICES = 4
_LENGTHS = 4
_LOOKED_AT = 4096  # bytes of a slice
_HIGH = (0.3, 0.7)  # share of them above 127
_LEAST_SIZE, _SAMPLE = 2048, 256
_LEAST_BITS, _LEAST_FILLED, _LEAST_FIRSTS = 7.0, 0.25, 0.05
_LONG, _GAPLESS = 64, 0.95
_REFERENCE = 16 + 5  # where nal_ref_idc begins in the mark of a unit
_BLOCK = 1 << 18
_MOST_TRIED = 64
_ALIKE = 3


class Island(NamedTuple):
    """A stretch of a view from the first unit to the end of the last. marks: of its slices; torn:
    a unit begins at its end that leads to nothing."""

    codec: Codec
    start: int
    end: int
    marks: frozenset[int]
    torn: bool


def islands(view: View) -> Iterator[Island]:
    """All islands of a stretch that nothing explains, in order, none over another.

    Those with little between them, such as a chunk of sound, are one where they have the same
    headers.
    """
    held: Island | None = None
    for start in range(0, view.size, _WINDOW):
        limit = min(start + _WINDOW, view.size)
        for one in _of_window(view, start, limit, min(limit + _OVERLAP, view.size)):
            if held is not None and one.start < held.end:
                continue
            if held is not None and _go_on(held, one):
                held = Island(one.codec, held.start, one.end, held.marks | one.marks, one.torn)
                continue
            if held is not None:
                yield held
            held = one
    if held is not None:
        yield held


def _go_on(one: Island, other: Island) -> bool:
    near = other.start - one.end <= _BRIDGED and not one.torn
    return near and one.codec == other.codec and bool(one.marks & other.marks)


def promising(view: View, start: int) -> bool:
    """Whether a probe of a stretch holds an island."""
    limit = min(start + PROBE, view.size)
    return any(True for _ in _of_window(view, start, limit, limit))


def _of_window(view: View, start: int, limit: int, end: int) -> Iterator[Island]:
    """Islands of units that begin in [start, limit) and end before `end`."""
    data, _ = view.array(start, end, _nals.PADDING)
    size = len(data) - _nals.PADDING
    places = _places(data, min(limit - start, size))
    found: list[Island] = []
    for codec in (Codec.H264, Codec.H265):
        units, _ = _nals.plausible(data, places[codec], _LENGTHS, codec)
        units = units.where(units.ends <= size)
        if _longest(units) is None:
            continue
        wrong = _nals.forbidden(data[:size])
        units = units.where(~wrong.inside(units.starts + _LENGTHS, units.ends))
        found += [
            Island(
                codec,
                start + int(one.starts[0]),
                start + int(one.ends[-1]),
                frozenset(one.marks[one.classes == SLICE].tolist()),
                bool(_begins_slice(data, int(one.ends[-1]), codec)),
            )
            for row in _chains(units)
            for one in _whole_rows(data, row, codec)
            if _is_coded(data, one, codec)
        ]
    found.sort(key=lambda one: (one.start, one.start - one.end))
    yield from found


def _whole_rows(data: _nals.Bytes, units: Units, codec: Codec) -> Iterator[Units]:
    """A row of units parted where a slice begins behind one that leads over the next."""
    gaps = np.flatnonzero(units.starts[1:] != units.ends[:-1])
    begun, kept = _nals.plausible(data, units.ends[gaps], _LENGTHS, codec)
    over = (begun.classes == SLICE) & (begun.ends > units.starts[gaps[kept] + 1])
    bounds = [0, *(gaps[kept][over] + 1).tolist(), len(units.starts)]
    yield from (units.where(np.arange(*pair)) for pair in pairwise(bounds))


def _begins_slice(data: _nals.Bytes, place: int, codec: Codec) -> bool:
    """Whether a slice may begin at a place."""
    if place + _nals.PADDING > len(data):
        return False
    one, _ = _nals.plausible(data, np.array([place]), _LENGTHS, codec)
    return bool((one.classes == SLICE).any())


def _places(data: _nals.Bytes, limit: int) -> dict[Codec, Column]:
    """Where a length of four bytes and a header may stand, by codec; see `_nals.candidates`."""
    limit = max(min(limit, len(data) - _nals.PADDING), 0)
    found: dict[Codec, list[Column]] = {Codec.H264: [], Codec.H265: []}
    for start in range(0, limit, _BLOCK):
        part = data[start : min(start + _BLOCK, limit) + _LENGTHS + 1]
        size = len(part) - _LENGTHS - 1
        tests = part[:size] == 0
        tests &= part[1 : size + 1] < 0x40
        tests &= part[_LENGTHS : size + _LENGTHS] != 0
        places = np.flatnonzero(tests)
        if not len(places):
            continue
        kinds, second = part[places + _LENGTHS], part[places + _LENGTHS + 1]
        found[Codec.H264].append(places[_nals.CLASSES[Codec.H264][kinds] != 0] + start)
        fits = (_nals.CLASSES[Codec.H265][kinds] != 0) & (second >= 1) & (second <= 7)
        found[Codec.H265].append(places[fits] + start)
    none = np.zeros(0, dtype=np.int64)
    return {codec: np.concatenate([none, *some]) for codec, some in found.items()}


def _successors(units: Units, gap: int) -> tuple[list[int], list[int]]:
    """For each unit how many lie in a row from it on, each near behind the one before, and the
    next of them, -1 for the last."""
    count = len(units.starts)
    first = np.searchsorted(units.starts, units.ends)
    last = np.searchsorted(units.starts, units.ends + gap, side="right")
    length, following = [1] * count, [-1] * count
    led = np.flatnonzero(first < last)[::-1]
    for place, low, high in zip(led.tolist(), first[led].tolist(), last[led].tolist(), strict=True):
        for other in range(low, min(high, low + _MOST_TRIED)):
            if length[other] >= length[place]:
                length[place], following[place] = length[other] + 1, other
    return length, following


def _longest(units: Units) -> int | None:
    """Units of the longest row that is long enough; None: there is none."""
    for gap, least in ((_NEAR, _LEAST), (_FAR, _LEAST_FAR)):
        if len(units.starts) >= least:
            longest = max(_successors(units, gap)[0])
            if longest >= least:
                return longest
    return None


def _chains(units: Units) -> Iterator[Units]:
    """The rows of units that are long enough, in order of place, none over another; long ones with
    larger gaps lie between those with small ones."""
    taken: list[tuple[int, int, list[int]]] = []
    for gap, least in ((_FAR, _LEAST_FAR), (_NEAR, _LEAST)):
        length, following = _successors(units, gap)
        for place in np.argsort(-np.array(length), kind="stable").tolist():
            if length[place] < least:
                break
            begin = int(units.starts[place])
            if any(a <= begin < b for a, b, _ in taken):
                continue
            chain = [place]
            while following[chain[-1]] >= 0:
                chain.append(following[chain[-1]])
            chain = _trimmed(units, chain)
            begin, end = int(units.starts[chain[0]]), int(units.ends[chain[-1]])
            if len(chain) >= least and all(end <= a or b <= begin for a, b, _ in taken):
                taken.append((begin, end, chain))
    yield from (units.where(np.array(chain)) for _, _, chain in sorted(taken))


def _trimmed(units: Units, chain: list[int]) -> list[int]:
    """A row without what stands apart at its ends and is like no other unit of it: noise."""
    counts = Counter(units.marks[chain].tolist())
    first, last = 0, len(chain) - 1

    def is_foreign(place: int, other: int) -> bool:
        before, behind = sorted((chain[place], chain[other]))
        apart = units.ends[before] != units.starts[behind]
        return bool(apart) and counts[int(units.marks[chain[place]])] < _ALIKE

    while first < last and is_foreign(first, first + 1):
        first += 1
    while first < last and is_foreign(last, last - 1):
        last -= 1
    return chain[first : last + 1]


def _is_coded(data: _nals.Bytes, units: Units, codec: Codec) -> bool:
    """Whether there are slices among the units that others refer to, they fill much of their
    stretch, and their bytes look like noise, as codes do.

    Machine code and tables have up to 6.6 bits a byte, codes 7.5 and more; where a picture hardly
    changes they have less, but then a long row of pictures stands without a gap. [C]
    """
    slices = units.where(units.classes == SLICE)
    count = len(slices.starts)
    if count < _LEAST_SLICES or slices.firsts.mean() < _LEAST_FIRSTS:
        return False
    if codec == Codec.H264 and not (slices.marks >> _REFERENCE).any():
        return False
    sizes = units.ends - units.starts
    filled = float(sizes.sum()) / float(units.ends[-1] - units.starts[0])
    parts = [
        data[start + 8 : min(end, start + _LOOKED_AT)]
        for start, end in zip(slices.starts[:_SAMPLE].tolist(), slices.ends.tolist(), strict=False)
    ]
    every = np.concatenate(parts)
    if len(every) < _LEAST_SIZE or filled < _LEAST_FILLED:
        return False
    if not _HIGH[0] <= float((every > 127).mean()) <= _HIGH[1]:
        return False
    shares = np.bincount(every, minlength=256) / len(every)
    bits = -float((shares[shares > 0] * np.log2(shares[shares > 0])).sum())
    is_long = count >= _LONG and filled >= _GAPLESS and bool(slices.keys.any())
    return bits >= _LEAST_BITS or is_long
