"""Chunks of AVI files: one row a chunk of pictures or sound, one row of data a file's head.

A chunk carries its stream, its kind and its size; a second chunk behind it, at the even place
where the size leads, is the witness. No index is read: `idx1` and `ix##` say nothing that the
chunks do not. Byte facts: Microsoft's AVI RIFF File Reference and OpenDML AVI File Format
Extensions 1.02 [A]; VOP types of ISO/IEC 14496-2 clause 6.2.5, markers of ITU-T T.81 clause
B.1.1 [A].
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.formats import MAX_FRAME_SIZE
from vidrecover.framings import _avi_head, bitstream
from vidrecover.framings._columns import Bytes, Column, any_of, bytes_at, cut
from vidrecover.model import (
    Codec,
    FrameFlag,
    Frames,
    Media,
    Window,
    no_frames,
    together,
)

_HEAD = np.dtype([("stream", "u1", (2,)), ("kind", "<u2"), ("size", "<u4")])
_HEAD_SIZE = 8
_NAME = 4
_LARGEST = MAX_FRAME_SIZE - 4096
_LARGEST_SOUND = 1 << 20
_LARGEST_HEAD = 64 << 10
_MOST_HEADS = 4096  # of one window that are looked at, hostile bytes or not
_SHOWN = 8  # first bytes of a payload that name its codec
_BATCH = 1 << 15


def _number(name: str) -> int:
    return int.from_bytes(name.encode(), "little")


_PICTURES = [*map(_number, ("dc", "db"))]
_SOUND = _number("wb")
_STREAMED = [*map(_number, ("dc", "db", "wb", "tx", "pc"))]
_OTHERS = [*map(_number, ("LIST", "JUNK", "RIFF", "idx1"))]
_INDEX = _number("ix")

# Codes with which a picture of MPEG-4 Visual begins: object, layer, sequence, group, picture.
_MPEG4 = [0x00, 0x20, 0xB0, 0xB3, 0xB5, 0xB6]
_VOP = 0xB6
_NOT_CODED = 0x7F  # one byte in the place of a picture that is as the one before [D]


class _Chunks(NamedTuple):
    """Chunks as columns. start: in the window's data; size: of the payload."""

    start: Column
    stream: Column
    is_sound: Column
    size: Column

    def where(self, kept: Column) -> "_Chunks":
        return _Chunks(*(column[kept] for column in self))


def frames(window: Window, candidates: npt.NDArray[np.int64]) -> Frames:
    """Chunks that start before the limit, ordered by offset.

    candidates: where a chunk's name stands, or that of a file's first list. A chunk is
    END_UNPROVEN unless the name of another one follows, or the source ends there. Pictures that
    do not begin as H.264, H.265, MPEG-4 or JPEG do, and empty chunks, which repeat the picture
    before, are rows of data if they are proven. The lane of a
    row is its stream, counted from 1.
    """
    is_head = _is_head(window.data, candidates)
    chunks = candidates[~is_head & (candidates < window.limit)]
    tables = [
        _batch(window, chunks[first : first + _BATCH]) for first in range(0, len(chunks), _BATCH)
    ]
    heads = _heads(window, candidates[is_head] - _avi_head.AT)
    if not len(heads):
        return together(tables)
    rows = together([*tables, heads])
    return rows.take(np.argsort(rows["offset"], kind="stable"))


def _is_head(data: Bytes, candidates: Column) -> Column:
    """Which candidates are the name of a file's first list."""
    result: Column = cut(data, candidates, f"V{_NAME}") == np.void(_avi_head.NAME)
    return result


def _heads(window: Window, starts: Column) -> Frames:
    """A row of data for each head of a file, which announces rate and sound of what follows."""
    starts = starts[(starts >= 0) & (starts < window.limit)]
    signed = cut(window.data, starts, f"V{_NAME}") == np.void(b"RIFF")
    found = [
        (start, one)
        for start in starts[signed][:_MOST_HEADS].tolist()
        if (one := _avi_head.head(window.data[start : start + _LARGEST_HEAD].tobytes()))
        and (one.size or (not window.at_end and start + _LARGEST_HEAD > len(window.data)))
    ]
    rows = no_frames(len(found))
    for place, (start, one) in enumerate(found):
        row = rows[place : place + 1]
        row["offset"], row["size"] = start + window.offset, one.size or _LARGEST_HEAD
        row["kind"], row["rate"], row["codec"] = Media.DATA, one.rate, one.sound
        row["flags"] = 0 if one.size else FrameFlag.OVERRUN
    return rows


def _batch(window: Window, positions: Column) -> Frames:
    """Rows of so many candidates as their columns fit into some MiB, hostile bytes or not."""
    data = window.data
    chunks = _sized(data, positions)
    kinds, codecs = _contents(data, chunks)
    ends, proven, blind = _ends(window, chunks)
    shown = (kinds != Media.DATA) & (chunks.is_sound | (chunks.size > 1))
    kept = blind | proven | (shown & (chunks.start + _HEAD_SIZE + chunks.size <= len(data)))
    chunks = chunks.where(kept)
    rows = no_frames(len(chunks.start))
    rows["offset"] = chunks.start + window.offset
    rows["size"] = ends[kept] - chunks.start
    rows["payload_offset"], rows["payload_size"] = _HEAD_SIZE, chunks.size
    rows["kind"], rows["codec"] = kinds[kept], codecs[kept]
    rows["lane"] = chunks.stream + 1
    unproven = np.where(blind[kept], FrameFlag.OVERRUN, FrameFlag.END_UNPROVEN)
    rows["flags"] = np.where(proven[kept], 0, unproven)
    return rows


def _sized(data: Bytes, positions: Column) -> _Chunks:
    """The candidates whose size can be one."""
    heads = cut(data, positions, _HEAD)
    kind, size = heads["kind"], heads["size"].astype(np.int64)
    digits = heads["stream"].astype(np.int64) - ord("0")
    is_sound = kind == _SOUND
    right = (digits >= 0).all(axis=1) & (digits <= 9).all(axis=1)
    right &= is_sound | any_of(kind, _PICTURES)
    right &= np.where(is_sound, (size > 0) & (size <= _LARGEST_SOUND), size <= _LARGEST)
    right &= positions + _HEAD_SIZE <= len(data)
    stream = digits[:, 0] * 10 + digits[:, 1]
    return _Chunks(positions, stream, is_sound, size).where(right)


def _contents(data: Bytes, chunks: _Chunks) -> tuple[Column, Column]:
    """Media and codec of each chunk by its first bytes."""
    begins = chunks.start + _HEAD_SIZE
    head = bytes_at(data, begins, _SHOWN)
    head[np.arange(_SHOWN) >= chunks.size[:, None]] = 0
    codecs, keys = bitstream.sniff(data, begins, chunks.size)
    other = codecs == Codec.UNKNOWN
    coded = other & (head[:, 0] == 0) & (head[:, 1] == 0) & (head[:, 2] == 1) & (chunks.size > 4)
    mpeg4 = coded & any_of(head[:, 3], _MPEG4)
    keys |= mpeg4 & ((head[:, 3] != _VOP) | (head[:, 4] >> 6 == 0))
    mpeg4 |= (chunks.size == 1) & (head[:, 0] == _NOT_CODED)
    jpeg = (head[:, 0] == 0xFF) & (head[:, 1] == 0xD8) & (head[:, 2] == 0xFF)
    codecs = np.where(mpeg4, Codec.MPEG4, np.where(jpeg, Codec.MJPEG, codecs))
    kinds = np.where(codecs == Codec.UNKNOWN, Media.DATA, Media.DELTA)
    kinds = np.where(chunks.is_sound, Media.AUDIO, np.where(keys | jpeg, Media.KEY, kinds))
    return kinds, np.where(chunks.is_sound, _sound(head), codecs)


def _sound(head: Column) -> Column:
    """Codec of sound by the head of an MPEG audio frame: AAC with ADTS, MP3, MP2. [A: ISO/IEC
    11172-3 clause 2.4.1.3, 13818-7 clause 6.2]"""
    synced = (head[:, 0] == 0xFF) & (head[:, 1] >= 0xE0)
    layer = head[:, 1] >> 1 & 3
    codecs = np.array([Codec.AAC, Codec.MP3, Codec.MP2, Codec.UNKNOWN], dtype=np.uint8)[layer]
    synced &= (layer != 0) | (head[:, 1] >= 0xF0)
    result: Column = np.where(synced, codecs, Codec.UNKNOWN)
    return result


def _ends(window: Window, chunks: _Chunks) -> tuple[Column, Column, Column]:
    """Where each chunk ends, whether the bytes there prove it, and whether the window ends
    before they can be seen.

    An odd size is followed by a byte of padding [A], which some writers leave out.
    """
    data = window.data
    bare = chunks.start + _HEAD_SIZE + chunks.size
    padded = bare + (chunks.size & 1)
    is_padded = _named(data, padded)
    is_bare = ~is_padded & _named(data, bare)
    ends = np.where(is_bare, bare, padded)
    blind = (padded + _NAME > len(data)) & (not window.at_end)
    last = (bare <= len(data)) & (padded >= len(data)) & window.at_end & (chunks.size > 0)
    ends = np.where(last, len(data), ends)
    return ends, (is_padded | is_bare | last) & ~blind, blind


def _named(data: Bytes, positions: Column) -> Column:
    """Whether the name of a chunk that belongs to AVI stands at each position."""
    names = bytes_at(data, positions, _NAME)
    is_digit = (names >= ord("0")) & (names <= ord("9"))
    words = names.view("<u2").reshape(-1, 2)
    found = is_digit[:, :2].all(axis=1) & any_of(words[:, 1], _STREAMED)
    found |= is_digit[:, 2:].all(axis=1) & (words[:, 0] == _INDEX)
    result: Column = found | any_of(names.view("<u4")[:, 0], _OTHERS)
    return result
