"""Heads of many slices of H.264 at once, as columns."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.nal._sets import SequenceParameters

HEAD_BYTES = 8
"""Behind the header of a NAL unit, as many as are looked at."""

_WINDOW = 16  # bits in which a code must end: values up to 254
_MOST_KIND = 9

Column = npt.NDArray[Any]


class SliceHeads(NamedTuple):
    """Of slices. read: whether the other columns hold, if so many bits belong to the slice;
    picture_set: pic_parameter_set_id."""

    read: npt.NDArray[np.bool_]
    bits: npt.NDArray[np.int64]
    picture_set: npt.NDArray[np.int64]
    frame_num: npt.NDArray[np.int64]


def _codes() -> tuple[Column, Column]:
    """Value and length of the Exp-Golomb code that 16 bits begin with (H.264 clause 9.1); length
    0 where it is longer."""
    values, lengths = np.zeros(1 << _WINDOW, np.uint64), np.zeros(1 << _WINDOW, np.uint64)
    for zeros in range(_WINDOW // 2):
        length = 2 * zeros + 1
        for value in range(1 << zeros):
            first = ((1 << zeros) | value) << (_WINDOW - length)
            values[first : first + (1 << (_WINDOW - length))] = (1 << zeros) - 1 + value
            lengths[first : first + (1 << (_WINDOW - length))] = length
    return values, lengths


_VALUES, _LENGTHS = _codes()


def slice_heads(words: Column, sequence: SequenceParameters) -> SliceHeads:
    """The beginnings of slice headers (clause 7.3.3): first macroblock, type, set and frame_num.

    words: the first 8 bytes behind the NAL header as big-endian numbers, without emulation
    prevention bytes among them.
    """
    rest = words.astype(np.uint64)
    read = np.ones(len(rest), dtype=bool)
    bits = np.full(len(rest), 2 * sequence.separate_planes + sequence.frame_num_bits)
    found = []
    for _ in range(3):
        top = (rest >> np.uint64(64 - _WINDOW)).astype(np.int64)
        length = _LENGTHS[top]
        read &= length > 0
        bits += length.astype(np.int64)
        found.append(_VALUES[top].astype(np.int64))
        rest = rest << length
    if sequence.separate_planes:
        rest = rest << np.uint64(2)
    number = (rest >> np.uint64(64 - sequence.frame_num_bits)).astype(np.int64)
    return SliceHeads(read & (found[1] <= _MOST_KIND), bits, found[2], number)
