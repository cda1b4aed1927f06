"""Boxes of MP4, MOV and 3GP, as rows of data: the places from which `containers` reads files.

A row covers no more than the head of a box: what it holds may be gigabytes. Byte facts:
ISO/IEC 14496-12 clauses 4.2, 4.3, 8.1 and 8.2, QuickTime File Format [A].
"""

import numpy as np
import numpy.typing as npt

from vidrecover.framings._columns import Column, any_of, cut
from vidrecover.model import Codec, FrameFlag, Frames, Media, Window, no_frames

_HEAD = np.dtype(
    {
        "names": ["size", "kind", "large", "inner", "inner_kind"],
        "formats": [">u4", ">u4", ">u8", ">u4", ">u4"],
        "offsets": [0, 4, 8, 8, 12],
        "itemsize": 16,
    }
)


def _kind(text: str) -> int:
    return int.from_bytes(text.encode(), "big")


_FTYP, _MOOV, _MOOF, _MDAT = map(_kind, ("ftyp", "moov", "moof", "mdat"))
_IN_MOOV = [*map(_kind, ("mvhd", "trak", "udta", "meta", "iods", "mvex", "cmov", "gps ", "free"))]
_IN_MOOF = [*map(_kind, ("mfhd", "traf", "uuid", "pssh"))]
_LARGEST_FTYP = 1024
_ROW_SIZE = 8


def frames(window: Window, candidates: npt.NDArray[np.int64]) -> Frames:
    """The heads of boxes that start before the limit, ordered by offset.

    candidates: where a type stands, four bytes behind the box's start. The second witness: of
    `ftyp` a sane size and a printable brand, of `moov` and `moof` a first child that belongs
    there. An `mdat` has none, as any size may be left of a power cut: it is only a place where
    media data may begin, unless its size is text.
    """
    starts = candidates[(candidates >= 4) & (candidates - 4 < window.limit)] - 4
    heads = cut(window.data, starts, _HEAD)
    short = starts + _HEAD.itemsize > len(window.data)
    right = _fits(heads)
    if not window.at_end:
        right |= short
    starts, short = starts[right], short[right]
    rows = no_frames(len(starts))
    rows["offset"] = starts + window.offset
    rows["size"] = np.minimum(_ROW_SIZE, len(window.data) - starts)
    rows["payload_offset"] = rows["size"]
    rows["kind"] = Media.DATA
    rows["codec"] = Codec.UNKNOWN
    if not window.at_end:
        rows["flags"][short] = int(FrameFlag.OVERRUN)
    return rows


def _fits(heads: Column) -> Column:
    """Which heads can be those of boxes."""
    size, kind = heads["size"].astype(np.int64), heads["kind"]
    inside = (heads["inner"] >= 8) & (heads["inner"] <= size - 8)
    right = (kind == _MOOV) & inside & any_of(heads["inner_kind"], _IN_MOOV)
    right |= (kind == _MOOF) & inside & any_of(heads["inner_kind"], _IN_MOOF)
    brand = (size >= 16) & (size <= _LARGEST_FTYP) & (size % 4 == 0)
    right |= (kind == _FTYP) & brand & _printable(heads["inner"])
    media = ((size <= 1) | (size >= 8)) & ~_printable(heads["size"])
    result: Column = right | ((kind == _MDAT) & media)
    return result


def _printable(words: Column) -> Column:
    """Whether four bytes are printable characters."""
    each = words.astype(">u4").view(np.uint8).reshape(-1, 4)
    result: Column = np.asarray(((each >= 0x20) & (each < 0x7F)).all(axis=1))
    return result
