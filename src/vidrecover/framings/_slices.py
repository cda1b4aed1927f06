"""What NAL units are by their first bytes, in columns: parts of pictures, first slices, keys.

ITU-T H.264 clauses 7.3.1, 7.3.3 and 7.4.1, H.265 clauses 7.3.1, 7.3.6 and 7.4.2. [A]
"""

from typing import NamedTuple

import numpy as np

from vidrecover.framings._columns import Bytes, Column, bytes_at

START_CODE = b"\0\0\1"
CODE = len(START_CODE)
HEAD = 8
"""Bytes behind a start code that tell what the unit is."""

# Parts that a NAL unit plays in an access unit.
BAD, BEFORE, SLICE, BEHIND = 0, 1, 2, 3


def _h264_parts() -> Column:
    """By the first byte of a unit; nal_ref_idc as clause 7.4.1 wants it."""
    parts = np.zeros(256, dtype=np.uint8)
    for kind in (1, 2, 3, 4, 5, 19, 20):
        for importance in range(1 if kind == 5 else 0, 4):
            parts[importance << 5 | kind] = SLICE
    for kind in (7, 8, 13, 15):
        parts[[1 << 5 | kind, 2 << 5 | kind, 3 << 5 | kind]] = BEFORE
    parts[[6, 9, *(importance << 5 | 14 for importance in range(4))]] = BEFORE
    parts[[10, 11, 12]] = BEHIND
    return parts


def _h265_parts() -> Column:
    """By the first byte of a unit of layer 0; table 7-1."""
    parts = np.zeros(256, dtype=np.uint8)
    for kind in (*range(10), *range(16, 22)):
        parts[kind << 1] = SLICE
    for kind in (32, 33, 34, 35, 39):
        parts[kind << 1] = BEFORE
    for kind in (36, 37, 38, 40):
        parts[kind << 1] = BEHIND
    return parts


H264_PARTS, H265_PARTS = _h264_parts(), _h265_parts()
_IN_FILES = (H264_PARTS != BAD) & np.isin(np.arange(256) & 31, (1, 5, 6, 7, 8, 9))
"""First bytes of the units that MP4 files hold behind lengths."""
_H264_IDR, _H264_SPS, _PREFIX_UNIT, _H265_SPS = 5, 7, 14, 33
_H264_TYPES = np.array([1, 1, 1, 0, 0, 1, 1, 1, 0, 0], dtype=bool)
"""slice_type 0 to 9: P, B, I and no SP, SI, which no recorder writes."""
_H264_INTRA = np.array([0, 0, 1, 0, 0, 0, 0, 1, 0, 0], dtype=bool)
_MOST_H264_SETS, _MOST_H265_SETS = 255, 63


class Roles(NamedTuple):
    """What units are in one codec. part: of an access unit; first: the first slice of a
    picture, its head readable; intra: of a slice type without prediction; key: it restarts
    decoding; sets: a sequence parameter set; place: of a slice in its picture, -1 unknown;
    joint: may stand before any slice, not only the first."""

    part: Column
    first: Column
    intra: Column
    key: Column
    sets: Column
    place: Column
    joint: Column


def _numbers(words: Column) -> tuple[Column, Column]:
    """Exp-Golomb codes at the top of 64-bit words, and the words behind them; -1 for one that
    is longer than 31 bits."""
    top = (words >> np.uint64(32)).astype(np.float64)
    zeros = 32 - np.frexp(top)[1]
    size = (2 * zeros + 1).astype(np.uint64)
    short = zeros < 16
    size = np.where(short, size, np.uint64(1))
    value = (words >> (np.uint64(64) - size)).astype(np.int64) - 1
    return np.where(short, value, -1), words << size


def _words(heads: Column, skip: int) -> Column:
    """Bytes of the heads behind `skip` as big-endian words."""
    words = np.zeros((len(heads), 8), dtype=np.uint8)
    words[:, : HEAD - skip] = heads[:, skip:]
    return words.view(">u8").reshape(-1).astype(np.uint64)


def h264(heads: Column) -> Roles:
    """Slices begin with first_mb_in_slice, slice_type and pic_parameter_set_id (clause 7.3.3)."""
    part = H264_PARTS[heads[:, 0]]
    kind = heads[:, 0] & 31
    key = kind == _H264_IDR
    first, intra = np.zeros(len(part), dtype=bool), np.zeros(len(part), dtype=bool)
    place = np.full(len(part), -1)
    slices = np.flatnonzero((part == SLICE) & ((kind <= 2) | key))
    place[slices], rest = _numbers(_words(heads[slices], 1))
    slice_type, rest = _numbers(rest)
    sets, _ = _numbers(rest)
    known = (slice_type >= 0) & (slice_type < len(_H264_TYPES))
    slice_type = np.where(known, slice_type, 0)
    known &= _H264_TYPES[slice_type] & (sets >= 0) & (sets <= _MOST_H264_SETS)
    intra[slices] = _H264_INTRA[slice_type]
    known &= intra[slices] | ~key[slices]
    opens = place[slices] == 0
    first[slices] = opens & known
    part[slices[opens & ~known]] = BAD
    return Roles(part, first, intra, key, kind == _H264_SPS, place, kind == _PREFIX_UNIT)


def h265(heads: Column) -> Roles:
    """Slices begin with first_slice_segment_in_pic_flag, then for IRAP a flag, then
    slice_pic_parameter_set_id (clause 7.3.6.1)."""
    part = np.where((heads[:, 1] == 0) | (heads[:, 1] > 7), BAD, H265_PARTS[heads[:, 0]])
    kind = heads[:, 0] >> 1
    key = (kind >= 16) & (kind <= 21)
    first = np.zeros(len(part), dtype=bool)
    slices = np.flatnonzero((part == SLICE) & (heads[:, 2] >= 0x80))
    skipped = np.where(key[slices], 2, 1).astype(np.uint64)
    sets, _ = _numbers(_words(heads[slices], 2) << skipped)
    known = (sets >= 0) & (sets <= _MOST_H265_SETS) & ~(key[slices] & (heads[slices, 1] != 1))
    first[slices] = known
    part[slices[~known]] = BAD
    unknown, never = np.full(len(part), -1), np.zeros(len(part), dtype=bool)
    return Roles(part, first, key, key, kind == _H265_SPS, unknown, never)


def drop_lengths(data: Bytes, at: Column, heads: Column, roles: Roles) -> None:
    """Make units BAD that are a length of 256 to 511 before an H.264 unit in an MP4 file, in place.

    00 00 01 12 01 is the H.265 header 12 01, or 274 bytes that begin with the H.264 header 01:
    then the next length and header stand behind them. Where that, too, looks like a start code,
    the one after it must fit as well.
    """
    doubtful = np.flatnonzero(roles.first & (heads[:, 1] == 1))
    following, chained = _next_length(data, at[doubtful])
    limit = np.append(at[1:], len(data))[doubtful]
    chained &= following <= limit
    chained &= (following < limit) | _next_length(data, following)[1]
    roles.part[doubtful[chained]] = BAD
    roles.first[doubtful[chained]] = False


def _next_length(data: Bytes, at: Column) -> tuple[Column, Column]:
    """Where the unit behind a 4-byte length ends, and whether a length and a header stand there."""
    size = bytes_at(data, at, HEAD)[:, 2:4].astype(np.int64)
    end = at + 4 + (size[:, 0] << 8 | size[:, 1])
    behind = bytes_at(data, end, HEAD)
    chained = (behind[:, 0] == 0) & (behind[:, 1] < 2)
    chained &= behind[:, 1:3].any(axis=1) | (behind[:, 3] > 1)  # 00 00 00 01 is a start code
    return end, chained & _IN_FILES[behind[:, 4]] & (end + HEAD <= len(data))
