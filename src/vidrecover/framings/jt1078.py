"""JT/T 1078 stream packets ("01cd"): one row a packet, the pieces of a picture marked as such.

Byte facts: jt1078.md sections 2 to 5, with their marks. Nothing in a packet says whether the
terminal's number (SIM) takes 6 or 10 bytes: each packet is read both ways and decides alone, so
that rows never depend on where a window begins.
"""

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.framings import bitstream
from vidrecover.framings._columns import Bytes, Column, cut
from vidrecover.model import (
    NO_CHANNEL,
    NO_TICK,
    NO_TIME,
    Codec,
    FrameFlag,
    Frames,
    Media,
    Window,
    no_frames,
    together,
)

MAGIC = b"01cd"
_MAGIC = int.from_bytes(MAGIC, "little")
MAX_SIZE = 62 + (1 << 20)
"""Bytes of the largest row: a piece of an attachment of 1 MiB (the standard sends 64 KiB)."""

_HEAD = np.dtype(
    {
        "names": ["version", "payload_type", "sequence", "sim", "sim_tail", *"abcdefghijkl"],
        "formats": ["u1", "u1", ">u2", ">u8", ">u2", *["u1", "u1", ">u8", ">u2", ">u2", ">u2"] * 2],
        "offsets": [4, 5, 6, 8, 16, 14, 15, 16, 28, 24, 16, 18, 19, 20, 32, 28, 20],
        "itemsize": 34,
    }
)
"""The head of a packet, big-endian; a to f: channel, type and mark, time, and the body length of
video, audio and data with a SIM of 6 bytes; g to l: with 10 bytes. [A: sections 2 and 2.2]"""
_SIM_6, _SIM_10 = "abcdef", "ghijkl"
_ONES = 0x1111111111111111

_AUDIO, _DATA = 3, 4
_KINDS = np.full(256, Media.UNKNOWN, dtype=np.uint8)
_KINDS[:5] = (Media.KEY, Media.DELTA, Media.DELTA, Media.AUDIO, Media.DATA)
_HEAD_SIZES = np.zeros(16, dtype=np.int64)
_HEAD_SIZES[:5] = (30, 30, 30, 26, 18)
_MARKS = np.array([0, FrameFlag.MORE, FrameFlag.CONTINUES, FrameFlag.MORE | FrameFlag.CONTINUES])
"""Atomic, first, last, middle. [A: table 19]"""
_USUAL_LENGTH = 950
_BATCH = 1 << 17
_FIRST_WALL_MS, _LAST_WALL_MS = 946_684_800_000, 4_102_444_800_000  # 2000 to 2100

# Payload types of table 12 [A]; 26 is IMA and 22, 23 little-endian in the field [B].
_VIDEO_CODECS = np.zeros(128, dtype=np.uint8)
_VIDEO_CODECS[[98, 99]] = (Codec.H264, Codec.H265)
_AUDIO_CODECS = np.zeros(128, dtype=np.uint8)
_AUDIO_CODECS[1:29] = Codec.OTHER_AUDIO
_AUDIO_CODECS[[6, 7, 8]] = (Codec.PCM_ALAW, Codec.PCM_MULAW, Codec.G726)
_AUDIO_CODECS[[17, 19, 21, 22]] = (Codec.MP2, Codec.AAC, Codec.AAC, Codec.PCM_S16LE)
_AUDIO_CODECS[[23, 24, 25]] = (Codec.PCM_S16LE, Codec.AAC, Codec.MP3)
_AUDIO_CODECS[[26, 28]] = (Codec.ADPCM_IMA, Codec.AMR)

_PIECE_HEAD = np.dtype(
    {"names": ["name", "size"], "formats": ["S50", ">u4"], "offsets": [4, 58], "itemsize": 62}
)
"""Head of a piece of an attachment, the trap of the same magic. [A: section 5]"""
_PIECE_NAME = re.compile(
    rb"0[0-5]_\d{1,3}_[0-9A-F]{4}_\d+_[0-9A-Za-z]+\.(?:jpg|png|wav|h264|mp4|bin)"
)


def frames(window: Window, candidates: npt.NDArray[np.int64]) -> Frames:
    """Packets and attachment pieces that start before the limit, ordered by offset.

    candidates: where MAGIC stands in the window's data. A packet needs a decimal SIM, a known
    type and mark, and a sane length; one longer than the standard's 950 bytes, or empty, needs
    the next magic at its end too. Where neither that nor the source's end stands there, the row
    is END_UNPROVEN; a packet cut by the source's end is UNFINISHED besides. The codec of a
    continuation is UNKNOWN: it is that of its picture, and its header is not reliable. [B]
    """
    positions = candidates[candidates < window.limit]
    tables = [
        _batch(window, positions[first : first + _BATCH])
        for first in range(0, len(positions), _BATCH)
    ]
    if len(tables) == 1:
        return tables[0]
    return together(tables)


def _batch(window: Window, positions: Column) -> Frames:
    """Rows of so many candidates as their columns fit into some MiB, hostile bytes or not."""
    heads = cut(window.data, positions, _HEAD)
    streams = (heads["version"] & 0xC0) == 0x80
    rows = _packets(window, positions[streams], heads[streams])
    digits = np.flatnonzero((heads["version"] == 0x30) & (heads["payload_type"] <= 0x35))
    pieces = _pieces(window, positions[digits])
    if not len(pieces):
        return rows
    rows = together([rows, pieces])
    return rows.take(np.argsort(rows["offset"], kind="stable"))


class _Reading(NamedTuple):
    """Packets read with one size of SIM, as columns.

    possible: the bytes allow it; proven: by what stands at its end; blind: the window ends
    before what stands there.
    """

    head_size: Column
    length: Column
    channel: Column
    type_mark: Column
    stamp: Column
    possible: Column
    proven: Column
    blind: Column


def _packets(window: Window, starts: Column, heads: Column) -> Frames:
    """Rows of the stream packets among the starts."""
    reading = _decided(window, starts, heads)
    kept = np.flatnonzero(reading.possible)
    reading = _Reading(*(column[kept] for column in reading))
    starts, heads = starts[kept], heads[kept]
    kind = _KINDS[reading.type_mark >> 4]
    mark = reading.type_mark & 15
    ends = np.minimum(starts + reading.head_size + reading.length, len(window.data))
    rows = no_frames(len(starts))
    rows["offset"] = starts + window.offset
    rows["size"] = ends - starts
    rows["payload_offset"] = reading.head_size
    rows["payload_size"] = ends - starts - reading.head_size
    rows["channel"] = np.where(reading.channel > 0, reading.channel, NO_CHANNEL)
    rows["kind"] = kind
    rows["sequence"] = heads["sequence"]
    rows["flags"] = _MARKS[mark] | _end_flags(reading, starts, window)
    _stamp(rows, reading.stamp)
    _name_codecs(rows, window.data, starts, heads["payload_type"] & 0x7F, mark)
    return rows


def _decided(window: Window, starts: Column, heads: Column) -> _Reading:
    """Each packet read with the SIM size that its own bytes speak for. [C]

    The reading whose end is proven wins. Where both or neither are, a SIM of 10 bytes is taken
    when its first 8 digits are zeros (numbers have at most 12, padded to 20), else one of 6.
    """
    short = _read(window, starts, heads, _SIM_6)
    padded = heads["sim"] < 1 << 32
    open_places = np.flatnonzero(~(short.possible & short.proven) | padded)
    if not len(open_places):
        return short
    long = _read(window, starts[open_places], heads[open_places], _SIM_10)
    short_possible, short_proven = short.possible[open_places], short.proven[open_places]
    better = np.where(long.proven == short_proven, padded[open_places], long.proven)
    taken = long.possible & (~short_possible | better)
    blind = (short_possible & short.blind[open_places]) | (long.possible & long.blind)
    places = open_places[taken]
    for column, other in zip(short, long, strict=True):
        column[places] = other[taken]
    short.blind[open_places] = blind
    return short


def _read(window: Window, starts: Column, heads: Column, fields: str) -> _Reading:
    """All packets with the fields of one SIM size; see _HEAD."""
    channel, type_mark, stamp, video, audio, data = (heads[name] for name in fields)
    type_ = type_mark >> 4
    extra = 0 if fields == _SIM_6 else 4
    head_size = _HEAD_SIZES[type_] + extra
    length = np.where(type_ < _AUDIO, video, np.where(type_ == _AUDIO, audio, data))
    length = length.astype(np.int64)
    possible = (head_size > extra) & ((type_mark & 15) <= 3) & _decimal(heads, fields)
    ends = starts + head_size + length
    size = len(window.data)
    followed = np.zeros(len(starts), dtype=bool)
    inside = np.flatnonzero(possible & (ends <= size - len(MAGIC)))
    followed[inside] = cut(window.data, ends[inside], "<u4") == _MAGIC
    blind = (ends > size - len(MAGIC)) & (not window.at_end)
    usual = (length > 0) & (length <= _USUAL_LENGTH)
    possible &= (usual | followed | blind) & (starts + head_size <= size)
    proven = followed | ((ends == size) & window.at_end)
    return _Reading(
        head_size,
        length,
        channel.astype(np.int16),
        type_mark.copy(),
        stamp.copy(),
        possible,
        proven,
        blind,
    )


def _decimal(heads: Column, fields: str) -> Column:
    """Whether all digits of the SIM are at most 9: bit 3 of none stands with bit 2 or 1."""
    sim = heads["sim"].astype(np.uint64)
    wrong = (sim >> np.uint64(3)) & ((sim >> np.uint64(2)) | (sim >> np.uint64(1)))
    if fields == _SIM_6:
        digits: Column = (wrong & np.uint64(_ONES << 16 & _ONES)) == 0
    else:
        tail = heads["sim_tail"].astype(np.uint16)
        wrong_tail = (tail >> 3) & ((tail >> 2) | (tail >> 1)) & np.uint16(0x1111)
        digits = ((wrong & np.uint64(_ONES)) == 0) & (wrong_tail == 0)
    return digits


def _end_flags(reading: _Reading, starts: Column, window: Window) -> Column:
    ends = starts + reading.head_size + reading.length
    flags = np.where(reading.proven, 0, FrameFlag.END_UNPROVEN)
    flags[reading.blind] = FrameFlag.OVERRUN
    flags[(ends > len(window.data)) & ~reading.blind] |= FrameFlag.UNFINISHED
    return flags


def _stamp(rows: Frames, stamp: Column) -> None:
    """The 8-byte time: wall clock where it can be one, else a counter; data packets have none."""
    stamp = stamp.astype(np.uint64)
    timed = rows["kind"] != Media.DATA
    wall = timed & (stamp >= _FIRST_WALL_MS) & (stamp < _LAST_WALL_MS)
    ticks = timed & ~wall & (stamp < 1 << 63)
    signed = stamp.astype(np.int64)
    rows["time_ms"] = np.where(wall, signed, NO_TIME)
    rows["tick_ms"] = np.where(ticks, signed, NO_TICK)


def _name_codecs(
    rows: Frames, data: Bytes, starts: Column, payload_type: Column, mark: Column
) -> None:
    """Video by its first NAL unit, else by the payload type; audio by the type, its HiSilicon
    header left out of the payload. [A: section 4]"""
    opens = (mark == 0) | (mark == 1)
    video = np.flatnonzero(opens & (rows["kind"] <= Media.DELTA))
    begins, sizes = starts[video] + rows["payload_offset"][video], rows["payload_size"][video]
    codecs, _ = bitstream.sniff(data, begins, sizes)
    said = _VIDEO_CODECS[payload_type[video]]
    rows["codec"][video] = np.where(codecs != Codec.UNKNOWN, codecs, said)
    audio = np.flatnonzero(rows["kind"] == Media.AUDIO)
    rows["codec"][audio] = _AUDIO_CODECS[payload_type[audio]]
    sizes = rows["payload_size"][audio].astype(np.int64)
    skip = bitstream.hisilicon_header(data, starts[audio] + rows["payload_offset"][audio], sizes)
    rows["payload_offset"][audio] += skip.astype(np.uint16)
    rows["payload_size"][audio] = sizes - skip


def _pieces(window: Window, starts: Column) -> Frames:
    """DATA rows of attachment pieces whose name is one and whose size is sane.

    The file's name says an alarm's camera in another numbering, so the channel stays unknown.
    """
    heads = cut(window.data, starts, _PIECE_HEAD)
    sizes = heads["size"].astype(np.int64)
    sane = np.flatnonzero((sizes > 0) & (sizes <= MAX_SIZE - _PIECE_HEAD.itemsize))
    named = [place for place in sane.tolist() if _PIECE_NAME.fullmatch(heads["name"][place])]
    starts, ends = starts[named], starts[named] + _PIECE_HEAD.itemsize + sizes[named]
    size = len(window.data)
    kept = (ends <= size) | (not window.at_end)
    starts, ends = starts[kept], ends[kept]
    rows = no_frames(len(starts))
    rows["offset"] = starts + window.offset
    rows["size"] = ends - starts
    rows["payload_offset"] = _PIECE_HEAD.itemsize
    rows["payload_size"] = ends - starts - _PIECE_HEAD.itemsize
    rows["kind"] = Media.DATA
    proven = (ends == size) & window.at_end
    inside = np.flatnonzero(ends <= size - len(MAGIC))
    proven[inside] = cut(window.data, ends[inside], "<u4") == _MAGIC
    rows["flags"] = np.where(proven, 0, FrameFlag.END_UNPROVEN)
    rows["flags"][(ends > size - len(MAGIC)) & (not window.at_end)] = FrameFlag.OVERRUN
    return rows
