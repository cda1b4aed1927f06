"""What a program stream says of itself: the program stream map, and Hikvision's file header."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from vidrecover import clock
from vidrecover.framings._columns import Bytes, Column, any_of, bytes_at, cut
from vidrecover.model import NO_TIME, Codec, Media

MEDIA_INFO = b"IMKH"
MEDIA_INFO_SIZE = 40
_INFO = np.dtype(
    {
        "names": ["magic", "version", "system", "audio"],
        "formats": ["<u4", "<u2", "<u2", "<u2"],
        "offsets": [0, 4, 8, 12],
        "itemsize": MEDIA_INFO_SIZE,
    }
)
_VERSIONS, _PROGRAM_STREAM = [0x0101, 0x0201], 2

# Stream types. [A for AAC and 90; B for the other 9x: gb28181-ps.md section 1.3]
_SOUNDS = np.zeros(256, dtype=np.uint8)
_SOUNDS[[0x03, 0x04, 0x0F]] = (Codec.MP2, Codec.MP2, Codec.AAC)
_SOUNDS[[0x90, 0x91, 0x96]] = (Codec.PCM_ALAW, Codec.PCM_MULAW, Codec.G726)
_SOUNDS[[0x11, 0x81, 0x92, 0x93, 0x99, 0x9B]] = Codec.OTHER_AUDIO
_FILMS = [0x01, 0x02, 0x10, 0x1B, 0x24, 0x80]
# Sound as the file header names it. [A: vendor header; imkh-ps.md section 3]
_INFO_SOUNDS = np.zeros(65536, dtype=np.uint8)
_INFO_SOUNDS[[0x2000, 0x2001, 0x3000]] = (Codec.MP2, Codec.AAC, Codec.AMR)
_INFO_SOUNDS[[0x7110, 0x7111]] = (Codec.PCM_MULAW, Codec.PCM_ALAW)
_INFO_SOUNDS[[0x7260, 0x7261]] = Codec.G726

_FIRST_DESCRIPTOR = 10
_CLOCK = np.frombuffer(bytes.fromhex("400e484b"), dtype=np.uint8)
_MOST_STREAMS = 16
_MOST_CHECKED = 256  # bytes of a map whose sum is checked
_POLYNOMIAL = 0x04C11DB7


class Maps(NamedTuple):
    """What program stream maps say: recorder time, codec of the sound (UNKNOWN without), and
    whether their checksum differs."""

    time_ms: Column
    sound: Column
    wrong: Column


def maps(data: Bytes, positions: Column, ends: Column) -> Maps:
    """The maps at the positions, as far as they are valid units of a program stream."""
    hikvision = (bytes_at(data, positions + _FIRST_DESCRIPTOR, 4) == _CLOCK).all(axis=1)
    hikvision &= ends - positions >= _FIRST_DESCRIPTOR + 16 + 6
    times = _dates(bytes_at(data, positions + _FIRST_DESCRIPTOR + 6, 6).astype(np.int64))
    wrong = np.zeros(len(positions), dtype=bool)
    dated = np.flatnonzero(hikvision & (ends - positions <= _MOST_CHECKED))
    wrong[dated] = _wrong(data, positions[dated], ends[dated], swapped=True)
    return Maps(np.where(hikvision, times, NO_TIME), _sounds(data, positions, ends), wrong)


def _dates(raw: Column) -> Column:
    """Recorder time of Hikvision's descriptor: a byte of year, then month 4, day 5, hour 5,
    minute 6, second 6, millisecond 10 and flags 4 bits. [A: imkh-ps.md section 6.1]"""
    bits = raw[:, 1] << 32 | raw[:, 2] << 24 | raw[:, 3] << 16 | raw[:, 4] << 8 | raw[:, 5]
    millis = bits >> 4 & 1023
    times = clock.dates(
        2000 + raw[:, 0], bits >> 36, bits >> 31 & 31, bits >> 26 & 31, bits >> 20 & 63,
        bits >> 14 & 63,
    )  # fmt: skip
    sane = (times != NO_TIME) & (millis < 1000) & (raw[:, 0] < 100)
    return np.where(sane, times + millis, NO_TIME)


def _sounds(data: Bytes, positions: Column, ends: Column) -> Column:
    """Codec of the first audio stream of each map; one entry of all maps at each step."""
    found = np.zeros(len(positions), dtype=np.uint8)
    at = positions + _FIRST_DESCRIPTOR + cut(data, positions + 8, ">u2").astype(np.int64)
    last = np.minimum(at + 2 + cut(data, at, ">u2").astype(np.int64), ends - 4)
    at = at + 2
    for _ in range(_MOST_STREAMS):
        inside = at + 4 <= last
        if not inside.any():
            break
        entry = bytes_at(data, np.where(inside, at, 0), 4).astype(np.int64)
        audio = inside & (entry[:, 1] >= 0xC0) & (entry[:, 1] < 0xE0) & (found == 0)
        found[audio] = _SOUNDS[entry[audio, 0]]
        at = np.where(inside, at + 4 + (entry[:, 2] << 8 | entry[:, 3]), last)
    return found


def _wrong(data: Bytes, positions: Column, ends: Column, *, swapped: bool) -> Column:
    """Whether the last four bytes are not the MPEG-2 CRC-32 of those before them, nor, where
    allowed, this swapped, as Hikvision stores it. [A; B for the swap: imkh-ps.md section 6]"""
    sums = np.full(len(positions), 0xFFFFFFFF, dtype=np.int64)
    at, last = positions.copy(), ends - 4
    while len(positions) and (inside := at < last).any():
        byte = data[np.minimum(at, len(data) - 1)].astype(np.int64)
        after = (sums << 8 & 0xFFFFFFFF) ^ _TABLE[sums >> 24 ^ byte]
        sums, at = np.where(inside, after, sums), at + 1
    stored = cut(data, last, ">u4")
    result: Column = (stored != sums) & (~np.bool_(swapped) | (stored.byteswap() != sums))
    return result


def program_maps(data: Bytes, positions: Column, ends: Column) -> tuple[Column, Column]:
    """Codec of the first sound that each program map of a transport stream names, and which maps
    are right by their checksum.

    positions: of their tables; ends: of what may belong to them. [A: H.222.0 clause 2.4.4.8]
    """
    right, last = _right(data, positions, ends)
    found = np.zeros(len(positions), dtype=np.uint8)
    for inside, entry in _entries(data, positions, right, last):
        named = inside & (found == 0)
        found[named] = _SOUNDS[entry[named, 0]]
    return found, np.flatnonzero(right)


class Streams(NamedTuple):
    """Streams of pictures or sound that program maps name. which: of the maps; pid: of the stream;
    kind: DELTA or AUDIO."""

    which: Column
    pid: Column
    kind: Column


def program_streams(data: Bytes, positions: Column, ends: Column) -> Streams:
    """The streams that program maps with a right checksum name; see `program_maps`."""
    right, last = _right(data, positions, ends)
    found = [Streams(*(np.zeros(0, dtype=np.int64) for _ in Streams._fields))]
    for inside, entry in _entries(data, positions, right, last):
        kind = np.where(_SOUNDS[entry[:, 0]] > 0, Media.AUDIO, Media.DATA)
        kind[any_of(entry[:, 0], _FILMS)] = Media.DELTA
        named = np.flatnonzero(inside & (kind != Media.DATA))
        pid = (entry[named, 1] & 0x1F) << 8 | entry[named, 2]
        found.append(Streams(named, pid, kind[named]))
    return Streams(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def _right(data: Bytes, positions: Column, ends: Column) -> tuple[Column, Column]:
    """Which program maps are right by their checksum, and where they end."""
    head = bytes_at(data, positions, 3).astype(np.int64)
    last = positions + 3 + ((head[:, 1] & 15) << 8 | head[:, 2])
    right = last <= ends
    right[right] = ~_wrong(data, positions[right], last[right], swapped=False)
    return right, last


def _entries(
    data: Bytes, positions: Column, right: Column, last: Column
) -> Iterator[tuple[Column, Column]]:
    """The entries of program maps, those of all maps at each step, and which maps have one."""
    head = bytes_at(data, positions + 10, 2).astype(np.int64)
    at = positions + 12 + ((head[:, 0] & 15) << 8 | head[:, 1])
    for _ in range(_MOST_STREAMS):
        inside = right & (at + 5 <= last - 4)
        if not inside.any():
            break
        entry = bytes_at(data, np.where(inside, at, 0), 5).astype(np.int64)
        yield inside, entry
        at = at + 5 + ((entry[:, 3] & 15) << 8 | entry[:, 4])


def _table() -> Column:
    sums = np.arange(256, dtype=np.int64) << 24
    for _ in range(8):
        sums = np.where(sums & 0x80000000, sums << 1 ^ _POLYNOMIAL, sums << 1) & 0xFFFFFFFF
    return sums


_TABLE = _table()


def media_infos(data: Bytes, positions: Column) -> tuple[Column, Column]:
    """Which positions hold Hikvision's file header of a program stream, and the codec of the
    sound that it names."""
    heads = cut(data, positions, _INFO)
    fits = heads["magic"] == int.from_bytes(MEDIA_INFO, "little")
    fits &= np.isin(heads["version"], _VERSIONS) & (heads["system"] == _PROGRAM_STREAM)
    return fits, _INFO_SOUNDS[heads["audio"]]
