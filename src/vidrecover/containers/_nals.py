"""NAL units behind lengths, judged as columns: what can be one, and what its body must not hold.

Facts: codec-repair.md section 5.2 [A where the standard is named, else measured there].
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.model import Codec, Extent

Bytes = npt.NDArray[np.uint8]
Column = npt.NDArray[Any]

LARGEST = 4 << 20
"""Bytes of the largest NAL unit."""
PADDING = 20
"""Bytes from the length of a unit on that are looked at, and more."""

SLICE, SETS, BEFORE, AFTER = 1, 2, 3, 4
"""Classes of units: a slice; parameter sets; what else opens a picture; what belongs behind one."""

_TAIL_ZEROS = 16  # that careless writers put behind a unit
_END_OF_SEQUENCE = 5  # bytes: a start code of four and the header


def _h264_classes() -> Column:
    """Class by header byte, 0 where impossible: forbidden bit; delimiter, message, filler and ends
    need nal_ref_idc 0, sets and IDR slices another (H.264 clause 7.4.1). [A]"""
    found = np.zeros(256, dtype=np.uint8)
    for value in range(128):
        kind, reference = value & 31, value >> 5
        if kind == 1 or (kind == 5 and reference):
            found[value] = SLICE
        elif kind in (7, 8) and reference:
            found[value] = SETS
        elif kind in (6, 9) and not reference:
            found[value] = BEFORE
        elif kind in (10, 11, 12) and not reference:
            found[value] = AFTER
    return found


def _h265_classes() -> Column:
    """Class by the first header byte: layer 0 has an even one below 128 (H.265 clause 7.3.1.2)."""
    found = np.zeros(256, dtype=np.uint8)
    for value in range(0, 128, 2):
        kind = value >> 1
        if kind <= 9 or 16 <= kind <= 21:
            found[value] = SLICE
        elif kind in (32, 33, 34):
            found[value] = SETS
        elif kind in (35, 39):
            found[value] = BEFORE
        elif kind in (36, 37, 38, 40):
            found[value] = AFTER
    return found


CLASSES = {Codec.H264: _h264_classes(), Codec.H265: _h265_classes()}
_H264_MOST = np.full(32, LARGEST, dtype=np.int64)
_H264_MOST[[6, 7, 8, 9, 10, 11]] = (65536, 1024, 1024, 8, 1, 1)
_H264_LEAST = np.full(32, 2, dtype=np.int64)
_H264_LEAST[[1, 5, 7, 8, 10, 11]] = (3, 3, 5, 3, 1, 1)
_H265_MOST = np.full(64, LARGEST, dtype=np.int64)
_H265_MOST[32:41] = (1024, 4096, 4096, 16, 2, 2, LARGEST, 65536, 65536)
_H265_LEAST = np.full(64, 4, dtype=np.int64)
_H265_LEAST[32:41] = (8, 8, 4, 3, 2, 2, 3, 3, 3)
_PROFILES = np.zeros(256, dtype=bool)
_PROFILES[[66, 77, 88, 100, 110, 118, 122, 128, 138, 144, 244, 44, 83, 86]] = True
_I_SLICES = (2, 7)


class Units(NamedTuple):
    """Possible NAL units as columns, ordered by start.

    starts: of the length; ends; classes: see SLICE; firsts: a slice that begins a picture; keys:
    a slice of a picture that decodes alone; marks: what units of one stream have in common;
    ended: something bears out where the unit ends.
    """

    starts: Column
    ends: Column
    classes: Column
    firsts: Column
    keys: Column
    marks: Column
    ended: Column

    def where(self, kept: Column) -> "Units":
        """Those at the kept places (indices or a mask)."""
        return Units(*(column[kept] for column in self))

    def moved(self, by: int) -> "Units":
        """The same, counted from another place."""
        return self._replace(starts=self.starts + by, ends=self.ends + by)


def no_units() -> Units:
    """None."""
    none = np.zeros(0, dtype=np.int64)
    flags = np.zeros(0, dtype=bool)
    return Units(none, none, none.astype(np.uint8), flags, flags, none, flags)


def numbers(data: Bytes, places: Column, size: int) -> Column:
    """Big-endian numbers of at most 7 bytes at places with PADDING bytes of data behind them."""
    words: Column = np.ndarray((max(len(data) - 7, 0),), ">u8", data.data, strides=(1,))
    found: Column = words[places].astype(np.uint64) >> np.uint64(64 - 8 * size)
    return found.astype(np.int64)


def plausible(data: Bytes, starts: Column, lengths: int, codec: Codec) -> tuple[Units, Column]:
    """The units among the starts whose length and header can be true, and which starts these are.

    data must hold PADDING bytes behind each start. Whether they end inside the data,
    and what their bodies hold, is for the caller to ask.
    """
    size = numbers(data, starts, lengths)
    kind = data[starts + lengths]
    classes = CLASSES[codec][kind]
    h264 = codec == Codec.H264
    number = (kind & 31) if h264 else (kind >> 1) & 63
    least, most = (_H264_LEAST, _H264_MOST) if h264 else (_H265_LEAST, _H265_MOST)
    possible = (classes != 0) & (size >= least[number]) & (size <= most[number])
    second = data[starts + lengths + 1]
    if not h264:
        possible &= (second >= 1) & (second <= 7)
    kept = np.flatnonzero(possible)
    starts, size, kind, classes = starts[kept], size[kept], kind[kept], classes[kept]
    reader = _h264_slices if h264 else _h265_slices
    right, firsts, keys, marks = reader(data, starts + lengths, kind, classes)
    ends = starts + lengths + size
    ended = np.ones(len(starts), dtype=bool)
    return Units(starts, ends, classes, firsts, keys, marks, ended).where(right), kept[right]


def _h264_slices(
    data: Bytes, heads: Column, kind: Column, classes: Column
) -> tuple[Column, Column, Column, Column]:
    """Which units can be true by what stands behind the header, and what it says.

    first_mb_in_slice, slice_type and pic_parameter_set_id are ue(v) (H.264 clause 7.3.3). [A]
    """
    bits = numbers(data, heads + 1, 7)
    first, used = _exp_golomb(bits, np.zeros(len(bits), dtype=np.int64))
    type_, used = _exp_golomb(bits, used)
    sets, used = _exp_golomb(bits, used)
    is_slice = classes == SLICE
    is_idr = (kind & 31) == 5
    is_intra = (type_ == _I_SLICES[0]) | (type_ == _I_SLICES[1])
    fits = (first <= 40000) & (type_ <= 9) & (sets <= 7) & (~is_idr | is_intra)
    right = ~is_slice | fits
    right &= ((kind & 31) != 7) | _PROFILES[data[heads + 1]]
    marks = kind.astype(np.int64) << 16 | np.where(is_slice, type_ << 8 | sets, 0)
    return right, is_slice & (first == 0), is_slice & is_idr, marks


def _h265_slices(
    data: Bytes, heads: Column, kind: Column, classes: Column
) -> tuple[Column, Column, Column, Column]:
    """As for H.264: first_slice_segment_in_pic_flag is the first bit (H.265 clause 7.3.6.1). [A]

    Behind the flag (and one more bit in pictures that decode alone) stands the number of the
    picture parameter set, ue(v).
    """
    number = (kind >> 1) & 63
    is_slice = classes == SLICE
    is_key = (number >= 16) & (number <= 21)
    bits = numbers(data, heads + 2, 7)
    sets, _ = _exp_golomb(bits, np.where(is_key, 2, 1).astype(np.int64))
    right = ~is_slice | (sets <= 15)
    top = data[heads + 2].astype(np.int64) >> 5
    marks = kind.astype(np.int64) << 16 | data[heads + 1].astype(np.int64) << 8
    return (
        right,
        is_slice & (data[heads + 2] >= 128),
        is_slice & is_key,
        np.where(is_slice, marks | top, marks),
    )


def _exp_golomb(bits: Column, used: Column) -> tuple[Column, Column]:
    """ue(v) in 56-bit numbers behind `used` bits, and the bits used then; one of more than 25 bits
    is a number beyond any limit."""
    rest = (bits << used) & ((1 << 56) - 1)
    zeros = 32 - np.frexp((rest >> 24).astype(np.float64))[1].astype(np.int64)
    short = zeros <= 12
    zeros = np.where(short, zeros, 0)
    value = np.where(short, (rest >> (55 - 2 * zeros)) - 1, 1 << 30)
    return value, used + np.where(short, 2 * zeros + 1, 0)


class Forbidden(NamedTuple):
    """Runs of positions at which three bytes stand that no NAL unit holds: 00 00 followed by 00,
    01 or 02 (H.264 clause 7.4.1). [A] starts and stops: half-open, of the first of the bytes."""

    starts: Column
    stops: Column

    def inside(self, begins: Column, ends: Column) -> Column:
        """Whether the bodies [begin, end) hold such bytes. Zeros at their very end are left out,
        and the end of a sequence behind a start code, which some writers put into the last one."""
        if not len(self.starts):
            return np.zeros(len(begins), dtype=bool)
        at = np.searchsorted(self.stops, begins, side="right")
        known = np.minimum(at, len(self.starts) - 1)
        first = np.maximum(self.starts[known], begins)
        wrong = (at < len(self.starts)) & (first + 3 <= ends)
        tail = (self.stops[known] + 2 >= ends) & (ends - first <= _TAIL_ZEROS)
        tail |= ends - first <= _END_OF_SEQUENCE
        result: Column = wrong & ~tail
        return result


_BLOCK = 1 << 18
_ROUNDS = 2


def forbidden(data: Bytes) -> Forbidden:
    """Where the data holds what no NAL unit may; in blocks that stay in the processor's cache."""
    edges: list[Column] = []
    for start in range(0, max(len(data) - 2, 0), _BLOCK):
        part = data[start : start + _BLOCK + 2]
        wrong = (part[:-2] | part[1:-1]) == 0
        wrong &= part[2:] <= 2
        if not wrong.any():
            continue
        padded = np.zeros(len(wrong) + 2, dtype=bool)
        padded[1:-1] = wrong
        edges.append(np.flatnonzero(padded[1:] != padded[:-1]) + start)
    if not edges:
        none = np.zeros(0, dtype=np.int64)
        return Forbidden(none, none)
    every = np.concatenate(edges)
    starts, stops = every[::2], every[1::2]
    apart = np.flatnonzero(starts[1:] != stops[:-1])
    return Forbidden(
        np.concatenate([starts[:1], starts[1:][apart]]),
        np.concatenate([stops[:-1][apart], stops[-1:]]),
    )


def candidates(data: Bytes, limit: int, lengths: int, codec: Codec) -> Column:
    """Positions before `limit` at which a length and a header may stand, ascending.

    Of lengths of four bytes the first is 0 and the second below 0x40 (units are smaller than
    4 MiB); zeros in a row are none, as a header behind them is not zero throughout.
    """
    limit = min(limit, len(data) - PADDING)
    found = [np.zeros(0, dtype=np.int64)]
    skip = lengths if codec == Codec.H264 else lengths + 1
    legal = CLASSES[codec] != 0
    for start in range(0, max(limit, 0), _BLOCK):
        stop = min(start + _BLOCK, limit)
        tests = data[start + skip : stop + skip] != 0
        if lengths == 4:
            tests &= data[start:stop] == 0
            tests &= data[start + 1 : stop + 1] < 0x40
            places = np.flatnonzero(tests)
            places = places[legal[data[places + (start + lengths)]]]
        else:
            tests &= legal.take(data[start + lengths : stop + lengths])
            places = np.flatnonzero(tests)
        found.append(places + start)
    return np.concatenate(found)


def chained(data: Bytes, places: Column, lengths: int) -> Column:
    """Those of the places whose length leads to another of them, and those to which one leads.

    For short lengths: every eighth place looks like one, and a chain is asked for anyway.
    """
    for _ in range(_ROUNDS):
        is_place = np.zeros(len(data) + 1, dtype=bool)
        is_place[places] = True
        ends = np.minimum(places + lengths + numbers(data, places, lengths), len(data))
        leads = is_place[ends]
        is_led = np.zeros(len(data) + 1, dtype=bool)
        is_led[ends[leads]] = True
        places = places[leads | is_led[places]]
    return places


def touching(extents: list[Extent], starts: Column, ends: Column) -> Column:
    """Whether each stretch touches one of the ordered extents."""
    if not extents:
        return np.zeros(len(starts), dtype=bool)
    begins = np.array([one.start for one in extents])
    stops = np.array([one.end for one in extents])
    at = np.searchsorted(stops, starts, side="right")
    result: Column = (at < len(begins)) & (begins[np.minimum(at, len(begins) - 1)] < ends)
    return result
