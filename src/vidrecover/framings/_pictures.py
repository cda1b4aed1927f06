"""Rows of pictures out of the rows of the packets that carry them."""

import numpy as np

from vidrecover.framings import _access, _pes, bitstream
from vidrecover.framings._columns import Bytes, Column
from vidrecover.model import NO_TICK, NO_TIME, Codec, FrameFlag, Frames, Media, no_frames

_SHARED = FrameFlag.UNFINISHED | FrameFlag.OVERRUN


def pictures(
    data: Bytes, rows: Frames, pieces: _access.Pieces, holes: Column, own: Column
) -> Frames:
    """Rows of the pictures of one stream.

    rows: of each piece, its payload as in `pieces`, times as its packet has them and flags of
    its end; holes: bytes are missing before the piece; own: pictures that begin in its packet
    are wanted. A picture that lacks bytes, or may go on behind the data, shows so in all rows; one
    with sealed pieces is ENCRYPTED.
    """
    if not len(rows):
        return rows
    parts = _access.parts(data, pieces)
    packet = np.maximum(np.cumsum(pieces.begins) - 1, 0)[parts.piece]
    unsure = _unsure(rows, parts, packet)
    flags = _flags(rows, parts, holes, unsure)
    found = _parted(rows, parts)
    found["flags"] = flags
    opening = np.flatnonzero(parts.opens)
    wanted = np.append(own[parts.piece[opening]], False)
    kept = np.flatnonzero(wanted[parts.frame])
    if not len(kept):
        return no_frames()
    _name(data, rows, pieces, found, parts)
    number = parts.frame[kept]
    found = found.take(kept)
    same = number[1:] == number[:-1]
    found["flags"][1:][same] |= np.uint16(FrameFlag.CONTINUES)
    found["flags"][:-1][same] |= np.uint16(FrameFlag.MORE)
    return found


def sealed(data: Bytes, start: Column, stamped: Column, marked: Column) -> Column:
    """Which pieces are enciphered. marked: their headers say so; but where the picture begins with
    a start code all the same, the bytes are clear, and the header is wrong."""
    if not marked.any():
        return marked
    lead = np.maximum.accumulate(np.where(stamped, np.arange(len(start)), 0))
    result: Column = marked & ~(marked[lead] & bitstream.starts_annexb(data, start[lead]))
    return result


def _unsure(rows: Frames, parts: _access.Parts, packet: Column) -> Column:
    """Parts whose picture more data may change: those of a packet that may go on, and of the one
    before where such a packet begins a picture by its time alone."""
    count = int(packet[-1]) + 2
    going = np.zeros(count, dtype=bool)
    going[packet[(rows["flags"][parts.piece] & FrameFlag.OVERRUN) != 0]] = True
    told = np.zeros(count, dtype=bool)
    opening = np.flatnonzero(parts.opens)
    told[packet[opening[parts.codec != Codec.UNKNOWN]]] = True
    result: Column = (going | np.append((going & ~told)[1:], False))[packet]
    return result


def _flags(rows: Frames, parts: _access.Parts, holes: Column, unsure: Column) -> Column:
    """Flags of the parts; what a picture lacks is said of all of it."""
    flags = rows["flags"][parts.piece].copy()
    last = np.append(parts.piece[1:] != parts.piece[:-1], True)
    flags[~last] &= np.uint16(FrameFlag.BAD_CHECKSUM)
    torn = np.flatnonzero(holes[parts.piece] & (parts.skip == 0))
    flags[torn] |= np.uint16(FrameFlag.UNFINISHED)
    flags[torn[torn > 0] - 1] |= np.uint16(FrameFlag.UNFINISHED)
    flags[unsure] |= np.uint16(FrameFlag.OVERRUN)
    shared = np.zeros(len(parts.codec) + 1, dtype=np.uint16)
    np.bitwise_or.at(shared, parts.frame, flags & np.uint16(_SHARED))
    result: Column = (flags | shared[parts.frame]).astype(np.uint16)
    return result


def _parted(rows: Frames, parts: _access.Parts) -> Frames:
    """A row for each part: the headers of a piece belong to the first one, what is behind its
    payload to the last."""
    found = rows.take(parts.piece)
    before = found["payload_offset"].astype(np.int64) + parts.skip
    last = np.append(parts.piece[1:] != parts.piece[:-1], True)
    ends = np.where(last, found["size"].astype(np.int64), before + parts.size)
    inner = parts.skip > 0
    found["offset"] += np.where(inner, before, 0)
    found["size"] = ends - np.where(inner, before, 0)
    found["payload_offset"][inner] = 0
    found["payload_size"] = parts.size
    return found


def _name(
    data: Bytes, rows: Frames, pieces: _access.Pieces, found: Frames, parts: _access.Parts
) -> None:
    """Write codec, kind and times of each picture into its rows, in place."""
    opening = np.flatnonzero(parts.opens)
    codec, key = parts.codec.astype(np.uint8), parts.key.copy()
    blind = np.flatnonzero(codec == Codec.UNKNOWN)
    torn = np.zeros(len(codec), dtype=bool)
    if len(blind):
        at = parts.piece[opening[blind]]
        start = pieces.start[at]
        size = rows["payload_size"][at].astype(np.int64)
        codec[blind], key[blind] = _pes.name_video(data, start, size)
        torn[blind] = ~bitstream.starts_annexb(data, start)
    piece = parts.piece[opening]
    inside = parts.frame >= 0
    whose = parts.frame[inside]
    hidden = np.zeros(len(codec), dtype=bool)
    hidden[whose[pieces.sealed[parts.piece[inside]]]] = True
    codec[hidden], key[hidden], torn[hidden] = Codec.ENCRYPTED, False, False
    kind = np.where(key, Media.KEY, Media.DELTA)
    found["codec"][inside], found["kind"][inside] = codec[whose], kind[whose]
    for column, nothing in (("tick_ms", NO_TICK), ("time_ms", NO_TIME)):
        found[column][inside] = np.where(parts.stamped, rows[column][piece], nothing)[whose]
    found["flags"][inside] |= np.where(torn, FrameFlag.UNFINISHED, 0).astype(np.uint16)[whose]
