"""Samples of a table against the bytes: a table is a claim, and only what fits it is a frame."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from vidrecover.containers import _nals
from vidrecover.containers._descriptions import Description
from vidrecover.containers._view import View
from vidrecover.model import Codec, Extent, Media

Column = npt.NDArray[Any]

_STRETCH = 8 << 20
_BRIDGED = 256 << 10
_MOST_UNITS = 512  # of a sample that are followed
_BLANK = 4096  # so many equal bytes at the start of a sample are no coded sound

RIGHT, UNREADABLE, WRONG = 0, 1, 2
"""How a sample stands to the bytes."""


def largest(what: Description) -> int:
    """Bytes of the largest sample that is believed."""
    return 16 << 20 if what.media == Media.DELTA else 4 << 20


def checked(view: View, offsets: Column, sizes: Column, what: Description) -> tuple[Column, Column]:
    """RIGHT, UNREADABLE or WRONG for each sample, and which the bytes show to decode alone; they
    may come in any order."""
    state = np.full(len(offsets), WRONG, dtype=np.uint8)
    alone = np.zeros(len(offsets), dtype=bool)
    inside = (sizes > 0) & (sizes <= largest(what))
    inside &= (offsets >= 0) & (offsets <= view.size - np.minimum(sizes, view.size))
    places = np.flatnonzero(inside)
    places = places[np.argsort(offsets[places], kind="stable")]
    for own in _stretches(offsets[places], sizes[places]):
        chosen = places[own]
        start = int(offsets[chosen[0]])
        end = int((offsets[chosen] + sizes[chosen]).max())
        data, refused = view.array(start, end)
        starts = offsets[chosen] - start
        ends = starts + sizes[chosen]
        right, alone[chosen] = _fits(data, starts, ends, what)
        refused = [Extent(one.start - start, one.end - start) for one in refused]
        lost = _nals.touching(refused, starts, ends)
        state[chosen] = np.where(lost, UNREADABLE, np.where(right, RIGHT, WRONG))
    return state, alone


def _stretches(offsets: Column, sizes: Column) -> Iterator[slice]:
    """Runs of ordered samples that are read at once."""
    ends = np.maximum.accumulate(offsets + sizes)
    place = 0
    while place < len(offsets):
        start = int(offsets[place])
        stop = int(np.searchsorted(ends, start + _STRETCH, side="right"))
        stop = max(min(stop, len(offsets)), place + 1)
        far = np.flatnonzero(offsets[place + 1 : stop] > ends[place : stop - 1] + _BRIDGED)
        stop = place + 1 + int(far[0]) if len(far) else stop
        yield slice(place, stop)
        place = stop


def _fits(
    data: _nals.Bytes, starts: Column, ends: Column, what: Description
) -> tuple[Column, Column]:
    """Which samples can be what the table says, and which of them decode alone."""
    if what.codec in _nals.CLASSES:
        return chains(data, starts, ends, what.lengths, what.codec)
    head = np.zeros((len(starts), 4), dtype=np.uint8)
    for step in range(4):
        at = np.minimum(starts + step, len(data) - 1)
        head[:, step] = np.where(starts + step < ends, data[at], 0)
    every = np.ones(len(starts), dtype=bool)
    if what.codec == Codec.MJPEG:
        return (head[:, 0] == 0xFF) & (head[:, 1] == 0xD8), every
    if what.codec == Codec.MPEG4:
        return (head[:, 0] == 0) & (head[:, 1] == 0) & (head[:, 2] == 1), ~every
    if what.sample_bytes is not None or what.media == Media.DATA:
        return every, ~every  # silence is one value, and so is a record of nothing
    return ~_uniform(data, starts, ends), ~every


def _uniform(data: _nals.Bytes, starts: Column, ends: Column) -> Column:
    """Which stretches of some size hold one value only: never written, or wiped."""
    changes = np.flatnonzero(data[1:] != data[:-1])
    at = np.searchsorted(changes, starts)
    following = np.append(changes, len(data))[at] + 1
    result: Column = np.minimum(following, ends) - starts >= np.minimum(ends - starts, _BLANK)
    return result & (ends - starts >= 16)


def chains(
    data: _nals.Bytes, starts: Column, ends: Column, lengths: int, codec: Codec
) -> tuple[Column, Column]:
    """Which samples are unbroken chains of NAL units with a slice, and which of them decode alone.

    Every length must lead to the next, the last one to the end; no body holds what no unit may.
    """
    wrong = _nals.forbidden(data)
    at = starts.astype(np.int64).copy()
    alive = np.ones(len(starts), dtype=bool)
    slices, keys = np.zeros(len(starts), dtype=bool), np.zeros(len(starts), dtype=bool)
    padded = np.concatenate([data, np.zeros(_nals.PADDING, dtype=np.uint8)])
    going = np.arange(len(starts))
    for _ in range(_MOST_UNITS):
        going = going[at[going] < ends[going]]
        if not len(going):
            break
        units, kept = _nals.plausible(padded, at[going], lengths, codec)
        right = units.ends <= ends[going[kept]]
        right &= ~wrong.inside(units.starts + lengths, units.ends)
        units, kept = units.where(right), kept[right]
        alive[going] = False
        going = going[kept]
        alive[going] = True
        at[going] = units.ends
        slices[going] |= units.classes == _nals.SLICE
        keys[going] |= units.keys
    return alive & slices, keys
