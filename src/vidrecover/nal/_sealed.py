"""Pictures enciphered behind clear framing: told by what their units say of one another.

Start codes, NAL headers and mostly the parameter sets stay readable, slices do not. [B: public
readers of Hikvision's streams] No single sign proves it: a slice coded by arithmetic is as even
as noise, and damage contradicts as well. Ask for many pictures. [C]
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vidrecover.model import Codec
from vidrecover.nal import _h264, _h265
from vidrecover.nal._bits import Bits, BitsEnd, rbsp
from vidrecover.nal._sets import PictureParameters, SequenceParameters

LEAST_EVEN = 1024
EVEN = 400.0
"""Bytes from which evenness can be told, and chi-square of 255 degrees of freedom that uniform
noise stays below: its mean is 255, its deviation 23. [C]"""

HEADER = {Codec.H264: 1, Codec.H265: 2}
"""Bytes of a NAL unit's header."""

_BLOCK, _DEPTH = 16, 4096  # bytes of a unit that are enciphered, as far as it has them [B]
_HEAD = 64
_FORBIDDEN = 0x80
_IDR, _INTRA = 5, frozenset({2, 4, 7, 9})
_IRAP, _INTRA_H265 = range(16, 24), 2
_PROFILES = {
    Codec.H264: frozenset(
        (44, 66, 77, 83, 86, 88, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244)
    ),
    Codec.H265: frozenset(range(1, 12)),
}


class Sets(NamedTuple):
    """The parameter sets of a picture that can be read, by their ids."""

    sequences: dict[int, SequenceParameters]
    pictures: dict[int, PictureParameters]


def is_even(data: bytes) -> bool:
    """Whether all byte values are equally frequent, as encryption leaves them; False for less than
    LEAST_EVEN bytes."""
    if len(data) < LEAST_EVEN:
        return False
    counts = np.bincount(np.frombuffer(data, dtype=np.uint8), minlength=256)
    expected = len(data) / 256
    return float(((counts - expected) ** 2).sum() / expected) < EVEN


def read(codec: Codec, sequences: Sequence[bytes], pictures: Sequence[bytes]) -> Sets:
    """The sets among NAL units that call themselves so; what the standard's profiles do not know
    is none."""
    found = Sets({}, {})
    module = _h264 if codec == Codec.H264 else _h265
    for unit in sequences:
        try:
            sps = module.sequence(_payload(codec, unit))
        except BitsEnd:
            continue
        if sps is not None and sps.profile in _PROFILES[codec]:
            found.sequences[sps.id] = sps
    for unit in pictures:
        try:
            pps = module.picture(_payload(codec, unit))
        except BitsEnd:
            continue
        if pps.sequence_id in found.sequences:
            found.pictures[pps.id] = pps
    return found


def contradicts(
    codec: Codec, sets: Sets, slices: Sequence[bytes], large: Sequence[bytes]
) -> bool | None:
    """Whether a key picture has no slice that can be what its own sets say, but noise; False
    where it has one, None where neither shows.

    slices: NAL units that call themselves so; large: units that call themselves no sets. Where no
    set can be read, what calls itself one is noise, too.
    """
    if sets.pictures and any(_fits(codec, sets, one) for one in slices):
        return False
    return any(_is_noise(codec, one) for one in large) or None


def _is_noise(codec: Codec, unit: bytes) -> bool:
    body = unit[HEADER[codec] :][:_DEPTH]
    return is_even(body[: len(body) // _BLOCK * _BLOCK])


def _payload(codec: Codec, unit: bytes) -> Bits:
    return Bits(rbsp(unit)[HEADER[codec] :])


def _fits(codec: Codec, sets: Sets, unit: bytes) -> bool:
    """Whether the head of a slice can be that of the first one of a key picture with these sets."""
    fits = _fits_h264 if codec == Codec.H264 else _fits_h265
    try:
        return not unit[0] & _FORBIDDEN and fits(unit, sets, _payload(codec, unit[:_HEAD]))
    except BitsEnd:
        return False


def _fits_h264(unit: bytes, sets: Sets, bits: Bits) -> bool:
    """An IDR picture has intra slices only, and frame_num 0. [A: clauses 7.4.1.2.4 and 7.4.3]"""
    first, kind = bits.unsigned(), bits.unsigned(9)
    pps = sets.pictures.get(bits.unsigned(255))
    if first or pps is None:
        return False
    sps = sets.sequences[pps.sequence_id]
    if sps.separate_planes:
        bits.skip(2)
    number = bits.fixed(sps.frame_num_bits)
    return unit[0] & 31 != _IDR or (kind in _INTRA and number == 0)


def _fits_h265(unit: bytes, sets: Sets, bits: Bits) -> bool:
    """A random access picture has intra slices only. [A: clauses 7.3.6.1 and 7.4.7.1]"""
    is_key = unit[0] >> 1 & 63 in _IRAP
    first = bits.flag()
    bits.skip(int(is_key))
    pps = sets.pictures.get(bits.unsigned(63))
    if not first or pps is None:
        return False
    bits.skip(pps.extra_slice_bits)
    kind = bits.unsigned(2)
    return not is_key or kind == _INTRA_H265
