"""What the first bytes of a payload show: start codes, codec, key pictures, audio headers.

Only enough to name a frame in bulk; real parsing of NAL units is done in `nal`.
"""

import numpy as np

from vidrecover.framings._columns import Bytes, Column, bytes_at
from vidrecover.model import Codec

START_CODE = 4
"""Bytes of the longer start code."""

_LOOK = 6  # bytes looked at: a start code of four, a NAL unit header of two
_LOOK_BEHIND = 64  # and where a delimiter or message comes first, to find what it announces

# Leading NAL unit header bytes of H.264: type 1, 5, 6, 7, 8, 9 with a sensible nal_ref_idc
# (slices may have any, SEI and AUD none). [A: ITU-T H.264 7.4.1]
_H264 = np.zeros(256, dtype=bool)
_H264[[0x01, 0x21, 0x41, 0x61, 0x25, 0x45, 0x65, 0x27, 0x47, 0x67, 0x28, 0x48, 0x68, 6, 9]] = True
# A unit that opens an access unit with a key picture: IDR slice, SPS, PPS.
_H264_KEY = np.zeros(256, dtype=bool)
_H264_KEY[[0x25, 0x45, 0x65, 0x27, 0x47, 0x67, 0x28, 0x48, 0x68]] = True
# H.265: header is type << 1, then layer 0 and temporal id 0 to 6. [A: ITU-T H.265 7.3.1.2]
_H265 = np.zeros(256, dtype=bool)
_H265[
    [kind << 1 for kind in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, *range(16, 22), 32, 33, 34, 35, 39)]
] = 1
_H265[6] = False  # 06 05 is an H.264 SEI message far more often than TSA_R with tid 4
_H265_KEY = np.zeros(256, dtype=bool)
_H265_KEY[[kind << 1 for kind in (*range(16, 22), 32, 33, 34)]] = True
# Units that stand before a picture of either kind: delimiter and message (SEI).
_H264_BEFORE, _H265_BEFORE = (6, 9), (35 << 1, 39 << 1)


def starts_annexb(data: Bytes, positions: Column) -> Column:
    """Whether a start code of three or four bytes stands at each position."""
    if not len(positions):
        return np.zeros(0, dtype=bool)
    head = bytes_at(data, positions, 4)
    three = (head[:, 0] == 0) & (head[:, 1] == 0)
    result: Column = three & ((head[:, 2] == 1) | ((head[:, 2] == 0) & (head[:, 3] == 1)))
    return result


def sniff(data: Bytes, positions: Column, sizes: Column) -> tuple[Column, Column]:
    """Codec of each payload by its first NAL unit, and whether it opens a key picture.

    sizes: of the payloads. Where a delimiter or a message comes first, the units that begin
    soon behind it tell.
    """
    if not len(positions):
        return np.zeros(0, dtype=np.uint8), np.zeros(0, dtype=bool)
    head = bytes_at(data, positions, _LOOK)
    coded = starts_annexb(data, positions) & (sizes > START_CODE)
    long = head[:, 2] == 0
    first = np.where(long, head[:, 4], head[:, 3])
    second = np.where(long, head[:, 5], head[:, 4])
    h265 = coded & _H265[first] & (second >= 1) & (second <= 7)
    h264 = coded & _H264[first] & ~h265
    codec = np.where(h265, Codec.H265, np.where(h264, Codec.H264, Codec.UNKNOWN))
    key = (h265 & _H265_KEY[first]) | (h264 & _H264_KEY[first])
    for before, is_codec, keys in (
        (_H264_BEFORE, h264, _H264_KEY),
        (_H265_BEFORE, h265, _H265_KEY),
    ):
        open_places = np.flatnonzero(is_codec & ((first == before[0]) | (first == before[1])))
        key[open_places] = _announces(data, positions[open_places], sizes[open_places], keys)
    return codec.astype(np.uint8), key


def _announces(data: Bytes, positions: Column, sizes: Column, keys: Column) -> Column:
    """Whether a unit that opens a key picture begins within the first bytes of each payload."""
    head = bytes_at(data, positions, _LOOK_BEHIND)
    codes = (head[:, :-3] == 0) & (head[:, 1:-2] == 0) & (head[:, 2:-1] == 1)
    codes &= np.arange(3, _LOOK_BEHIND) < sizes[:, None]
    result: Column = (codes & keys[head[:, 3:]]).any(axis=1)
    return result


def hisilicon_header(data: Bytes, positions: Column, sizes: Column) -> Column:
    """4 where a HiSilicon voice header stands before the audio, else 0.

    `00 01 LL cc` with LL the length in 16-bit words. [A: dvr-audio.md section 1]
    """
    if not len(positions):
        return np.zeros(0, dtype=np.int64)
    head = bytes_at(data, positions, 3)
    fits = (head[:, 0] == 0) & (head[:, 1] == 1) & (2 * head[:, 2].astype(np.int64) == sizes - 4)
    return np.where(fits, 4, 0).astype(np.int64)
