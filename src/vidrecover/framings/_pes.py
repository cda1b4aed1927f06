"""Packets of ISO/IEC 13818-1 as columns: what program and transport streams share.

A PES packet is `00 00 01`, an identifier, its length in 16 bits and, in most streams, a header
with time stamps of 90 kHz. [A: ITU-T H.222.0 clause 2.4.3.6; gb28181-ps.md section 1.4]
"""

from typing import NamedTuple

import numpy as np

from vidrecover.framings import bitstream
from vidrecover.framings._columns import Bytes, Column, any_of, bytes_at, cut
from vidrecover.model import NO_TICK, Codec, Media

PREFIX = 6
"""Bytes before those that a PES packet's length counts."""
PRIVATE_1, PADDING, PRIVATE_2 = 0xBD, 0xBE, 0xBF

_HEAD = np.dtype(
    {
        "names": ["code", "length", "flags", "more", "header", "high", "middle", "low"],
        "formats": [">u4", ">u2", "u1", "u1", "u1", "u1", ">u2", ">u2"],
        "offsets": [0, 4, 6, 7, 8, 9, 10, 12],
        "itemsize": 14,
    }
)
HEAD_SIZE = _HEAD.itemsize
_CODE = 0x00000100
_STAMPED = np.zeros(256, dtype=bool)  # streams whose packets have the long header
_STAMPED[[PRIVATE_1, *range(0xC0, 0xF0), 0xFD]] = True
_BARE = np.zeros(256, dtype=bool)  # and those that go by their length alone
_BARE[[PADDING, PRIVATE_2, 0xF0, 0xF1, 0xF2, 0xF8, 0xFC, 0xFF]] = True
_KINDS = np.full(256, Media.DATA, dtype=np.uint8)
_KINDS[0xC0:0xE0] = Media.AUDIO
_KINDS[0xE0:0xF0] = Media.DELTA
_MPEG2_SEQUENCE, _MPEG2_PICTURE = 0xB3, 0x00
_MPEG2, _MPEG2_EXTENSION = [0xB3, 0xB8], np.array([0, 0, 1, 0xB5], dtype=np.uint8)
_MPEG4_PICTURE = 0xB6
_MPEG4 = [0xB0, 0xB5, _MPEG4_PICTURE]
_INTRA = 0  # vop_coding_type, two bits behind the start code of a picture
_LOOK = 16

# Of MPEG audio: by whether it is version 1, by layer bits (1 is III, 2 is II) and index.
_KILOBITS = np.zeros((2, 4, 16), dtype=np.int64)
_KILOBITS[1, 1, 1:15] = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KILOBITS[1, 2, 1:15] = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_KILOBITS[0, 1:3, 1:15] = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_FREQUENCIES = np.array([44_100, 48_000, 32_000, 4])
_HALVED = np.array([2, 0, 1, 0])  # version 2.5, none, 2, 1


class Packets(NamedTuple):
    """PES packets that may begin at some positions.

    valid: the header is one; stream: its identifier; length: of the whole packet, 0 where it
    says none; payload: bytes before the payload; tick_ms: time of showing, NO_TICK without;
    sealed: its PES_scrambling_control says that the payload is enciphered.
    """

    valid: Column
    stream: Column
    length: Column
    payload: Column
    tick_ms: Column
    sealed: Column


def packets(data: Bytes, positions: Column) -> Packets:
    """What stands at the positions, read as PES packets; behind the data's end there are zeros."""
    heads = cut(data, positions, _HEAD)
    stream = heads["code"] & 0xFF
    stamped, bare = _STAMPED[stream], _BARE[stream]
    length = heads["length"].astype(np.int64)
    header = heads["header"].astype(np.int64)
    valid = ((heads["code"] & 0xFFFFFF00) == _CODE) & (stamped | bare)
    has = heads["more"] >> 6
    timed = has >= 2
    fits = ((heads["flags"] & 0xC0) == 0x80) & (has != 1)
    fits &= header >= np.where(has == 3, 10, np.where(timed, 5, 0))
    fits &= (length == 0) | (header + 3 <= length)
    marked = (heads["high"] & 1) & (heads["middle"] & 1) & (heads["low"] & 1)
    fits &= ~timed | ((marked == 1) & ((heads["high"] >> 4) == has))
    valid &= np.where(stamped, fits, length > 0)
    high = (heads["high"].astype(np.int64) >> 1) & 7
    stamp = high << 30 | heads["middle"].astype(np.int64) >> 1 << 15
    stamp |= heads["low"].astype(np.int64) >> 1
    return Packets(
        valid,
        stream,
        np.where(length > 0, length + PREFIX, 0),
        np.where(stamped, header + 9, PREFIX),
        np.where(stamped & timed, stamp // 90, NO_TICK),
        stamped & ((heads["flags"] & 0x30) != 0),
    )


def kinds(stream: Column) -> Column:
    """Media of each stream identifier; video is DELTA."""
    return _KINDS[stream]


def name_video(data: Bytes, positions: Column, sizes: Column) -> tuple[Column, Column]:
    """Codec of each picture and whether it is a key picture, by the first bytes of its payload.

    sizes: bytes of the payload that lie together there. A picture of MPEG-2 begins as one of
    H.265 may; the extension that follows it at once tells.
    """
    codec, key = bitstream.sniff(data, positions, sizes)
    head = bytes_at(data, positions, _LOOK)
    coded = (sizes > _LOOK) & (head[:, 0] == 0) & (head[:, 1] == 0) & (head[:, 2] == 1)
    first = head[:, 3]
    extended = np.zeros(len(positions), dtype=bool)
    for place in range(8, _LOOK - 3):
        extended |= (head[:, place : place + 4] == _MPEG2_EXTENSION).all(axis=1)
    mpeg2 = coded & (((first == _MPEG2_PICTURE) & extended) | any_of(first, _MPEG2))
    mpeg4 = coded & any_of(first, _MPEG4)
    intra = (first == _MPEG4_PICTURE) & (head[:, 4] >> 6 == _INTRA)
    codec = np.where(mpeg2, Codec.MPEG2, np.where(mpeg4, Codec.MPEG4, codec)).astype(np.uint8)
    key = np.where(mpeg2, first == _MPEG2_SEQUENCE, key)
    return codec, np.where(mpeg4, (first != _MPEG4_PICTURE) | intra, key)


def name_audio(data: Bytes, positions: Column, sizes: Column, totals: Column) -> Column:
    """Codec of sound that shows it: a header of ADTS or of MPEG audio, and at the length that it
    tells another or the payload's end. [A: ISO/IEC 13818-7 clause 6.2, 11172-3 clause 2.4.1.3]

    sizes: bytes of the payloads that lie together there; totals: of all of them.
    """
    head = bytes_at(data, positions, 6).astype(np.int64)
    words = head[:, 0] << 8 | head[:, 1]
    adts = (words & 0xFFF6) == 0xFFF0
    length = (head[:, 3] & 3) << 11 | head[:, 4] << 3 | head[:, 5] >> 5
    version, layer = words >> 3 & 3, words >> 1 & 3
    rate, kilobits = head[:, 2] >> 2 & 3, _KILOBITS[(version == 3) * 1, layer, head[:, 2] >> 4]
    mpeg = ((words & 0xFFE0) == 0xFFE0) & (version != 1) & (rate != 3) & (kilobits > 0)
    frequency = _FREQUENCIES[rate] >> _HALVED[version]
    slots = np.where((layer == 1) & (version != 3), 72_000, 144_000)
    length = np.where(adts, length, slots * kilobits // frequency + (head[:, 2] >> 1 & 1))
    again = cut(data, positions + np.where(adts | mpeg, length, 0), ">u2").astype(np.int64)
    closed = (length < sizes - 1) & ((again & 0xFFFE) == (words & 0xFFFE))
    closed |= (length == totals) | ((length >= sizes) & (length < totals))
    named = np.where(layer == 1, Codec.MP3, Codec.MP2)
    codec = np.where(adts, Codec.AAC, np.where(mpeg, named, Codec.UNKNOWN))
    return np.where(closed & (length > 6), codec, Codec.UNKNOWN).astype(np.uint8)


def with_sealed(codecs: Column, sealed: Column) -> Column:
    """Codecs of sound; what its packets call enciphered is so where the bytes name none."""
    hidden = sealed & (codecs == Codec.UNKNOWN)
    return np.where(hidden, Codec.ENCRYPTED_AUDIO, codecs).astype(np.uint8)
