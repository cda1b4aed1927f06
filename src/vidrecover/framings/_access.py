"""Where pictures begin in the payload of PES packets, which may hold several or parts of them.

Recorders begin a packet with each picture. DVDs, converters and some cameras cut their streams
anywhere: a time then belongs to the first picture that begins in its packet (H.222.0 clause
2.4.3.7), and only the codec's own start codes tell where that is. [A]
"""

from typing import NamedTuple

import numpy as np

from vidrecover.framings import _slices
from vidrecover.framings._columns import Bytes, Column, any_of, bytes_at
from vidrecover.framings._slices import BAD, BEFORE, CODE, HEAD, SLICE
from vidrecover.model import Codec

_GAP = 64  # stands for what is lost between two pieces
_HOLE = 0xFF
_GATHERED = 1 << 15  # start codes over a border of pieces that are read at once
_LEAST_UNIT, _FEW = 12, 1 << 16  # bytes of units on the average, beyond so many: no encoder's

_SEQUENCE, _GROUP, _PICTURE, _EXTENSION = 0xB3, 0xB8, 0x00, 0xB5
_LAST_SLICE, _USER_DATA = 0xAF, 0xB2
_INTRA, _FRAME = 1, 3  # picture_coding_type, picture_structure of MPEG-2
_VOP, _MPEG4_HEADS, _MPEG4_OBJECTS = 0xB6, [0xB0, 0xB2, 0xB3, 0xB5, 0xB6], 0x30
_INTRA_VOP = 0  # vop_coding_type
_H264_MESSAGE = 6  # 06 05 is one far more often than a picture of H.265 with sub-layers
_H264_SETS = [0x27, 0x47, 0x67, 0x68]  # heads that no unit of H.265 in use has


class Pieces(NamedTuple):
    """The payload of one stream in pieces, in order.

    start, size: in the data; begins: of a PES packet; stamped: which has a time of its own;
    renewed: another one than the packets before it; joint: nothing is lost between the piece and
    the one before it; sealed: it is enciphered, so that what looks like a start code in it is none.
    """

    start: Column
    size: Column
    begins: Column
    stamped: Column
    renewed: Column
    joint: Column
    sealed: Column


class Parts(NamedTuple):
    """Pieces cut where pictures begin, in order.

    piece: which it lies in; skip: bytes of that piece before it; frame: number of its picture,
    -1 for what belongs to none whose beginning is known; opens: it begins the picture. Of each
    picture: codec, key: as its start codes tell, else UNKNOWN and False; stamped: the time of
    the packet in which it begins is its own.
    """

    piece: Column
    skip: Column
    size: Column
    frame: Column
    opens: Column
    codec: Column
    key: Column
    stamped: Column


class _Starts(NamedTuple):
    """Start codes of a stream. at: places in the stream; codec: of the picture that begins;
    seen: its first slice is there; begins: a picture begins; goes_on: the codec has such a unit,
    and it is no first slice; key, sets: see `_slices.Roles`, of the picture that begins."""

    at: Column
    codec: Column
    seen: Column
    begins: Column
    goes_on: Column
    key: Column
    sets: Column

    def where(self, chosen: Column, others: "_Starts") -> "_Starts":
        """These at the chosen places, the others elsewhere."""
        columns = zip(self, others, strict=True)
        return _Starts(*(np.where(chosen, own, other) for own, other in columns))


class _Stream:
    """Pieces of a stream as one, with a gap where something is lost."""

    def __init__(self, data: Bytes, pieces: Pieces) -> None:
        self._data, self._pieces = data, pieces
        before = np.cumsum(pieces.size) - pieces.size
        self.at = before + np.cumsum(~pieces.joint) * _GAP

    def codes(self) -> tuple[Column, Column, Column]:
        """Places of start codes in the stream, the bytes behind each, and how many times
        something is lost before each."""
        data, pieces = self._data, self._pieces
        first, last = int(pieces.start[0]), int((pieces.start + pieces.size).max())
        places = np.flatnonzero(data[first:last] == 1) + first
        piece = np.searchsorted(pieces.start, places, side="right") - 1
        inside = places - pieces.start[piece]
        held = (inside < pieces.size[piece]) & ~pieces.sealed[piece]
        near = (inside >= 2) & held
        near[near] = (data[places[near] - 1] == 0) & (data[places[near] - 2] == 0)
        split = np.flatnonzero(held & (inside < 2))
        at = self.at[piece[split]] + inside[split]
        zero = (self.bytes(at - 2) == 0) & (self.bytes(at - 1) == 0)
        chosen = np.sort(np.append(np.flatnonzero(near), split[zero]))
        if len(chosen) > (last - first) // _LEAST_UNIT + _FEW:
            chosen = chosen[:0]
        places, piece, inside = places[chosen], piece[chosen], inside[chosen]
        heads = bytes_at(data, places + 1, HEAD)
        at = self.at[piece] + inside - (CODE - 1)
        over = np.flatnonzero(inside + 1 + HEAD > pieces.size[piece])
        for some in range(0, len(over), _GATHERED):
            those = over[some : some + _GATHERED]
            heads[those] = self.bytes(at[those][:, None] + CODE + np.arange(HEAD))
        return at, heads, np.cumsum(~pieces.joint)[piece]

    def bytes(self, places: Column) -> Column:
        """The bytes at places in the stream, `_HOLE` where it has none."""
        pieces = self._pieces
        piece = np.maximum(np.searchsorted(self.at, places, side="right") - 1, 0)
        inside = places - self.at[piece]
        held = (inside >= 0) & (inside < pieces.size[piece])
        where = np.where(held, pieces.start[piece] + inside, 0)
        return np.where(held, self._data[where], _HOLE)


def parts(data: Bytes, pieces: Pieces) -> Parts:
    """The pieces of one stream, cut where its pictures begin; see `Parts`.

    A packet begins a picture where its first start code does; or where it has a time and begins
    with a first slice, whatever was announced before, or none of its start codes begins one:
    then its bytes are damaged, enciphered, or of a codec not known here. Of two packets with
    different times none goes on with the other's picture, whatever its slices say. Any other goes
    on with the picture before. Two pictures in a packet of their own between such packets are the
    fields of one.
    """
    stream = _Stream(data, pieces)
    starts = _starts(*stream.codes())
    packets = np.flatnonzero(pieces.begins)
    heads = stream.at[packets]
    own = np.searchsorted(heads, starts.at, side="right") - 1
    long = (starts.codec == Codec.H264) | (starts.codec == Codec.H265)
    place = starts.at - ((stream.bytes(starts.at - 1) == 0) & long)
    place = np.where((own >= 0) & (place < heads[np.maximum(own, 0)]), starts.at, place)
    opens = _open_packets(
        starts, own, place, heads, pieces.stamped[packets], pieces.renewed[packets]
    )
    kept = starts.begins & ~_fields(starts, own, place, heads, opens)
    return _cut(stream, pieces, starts, place, kept, heads, opens)


def _open_packets(
    starts: _Starts, own: Column, place: Column, heads: Column, stamped: Column, renewed: Column
) -> Column:
    """Which packets begin a picture. own: packet of each start code; place: of its first byte."""
    count = len(heads)
    first = (own >= 0) & (place == heads[np.maximum(own, 0)])
    opening = np.bincount(own[first & starts.begins], minlength=count) > 0
    going_on = np.bincount(own[first & starts.goes_on & ~starts.begins], minlength=count) > 0
    coded = np.bincount(own[first], minlength=count) > 0
    inner = np.bincount(own[starts.begins & ~first & (own >= 0)], minlength=count) > 0
    result: Column = opening | (stamped & np.where(coded, ~going_on | (renewed & ~inner), ~inner))
    return result


def _fields(starts: _Starts, own: Column, place: Column, heads: Column, opens: Column) -> Column:
    """Pictures that are the second field in the packet of the first. [A: H.264 clause 7.4.1.2.4]"""
    second = np.zeros(len(own), dtype=bool)
    begins = np.flatnonzero(starts.begins & (own >= 0))
    count = np.bincount(own[begins], minlength=len(heads))
    alone = opens & np.append(opens[1:], True) & (count == 2)
    inner = begins[place[begins] != heads[own[begins]]]
    second[inner] = alone[own[inner]] & ~starts.sets[inner] & (starts.codec[inner] == Codec.H264)
    return second


def _cut(
    stream: _Stream,
    pieces: Pieces,
    starts: _Starts,
    place: Column,
    kept: Column,
    heads: Column,
    opens: Column,
) -> Parts:
    """Parts of the pieces. kept: start codes that begin a picture; opens: packets that do."""
    begun = np.unique(np.concatenate([place[kept], heads[opens]]))
    bounds = np.unique(np.concatenate([stream.at, begun]))
    piece = np.searchsorted(stream.at, bounds, side="right") - 1
    bounds, piece = bounds[piece >= 0], piece[piece >= 0]
    skip = bounds - stream.at[piece]
    ends = np.append(skip[1:], 0)
    last = np.append(piece[1:] != piece[:-1], True)
    size = np.where(last, pieces.size[piece], ends) - skip
    first = np.isin(bounds, begun)
    number = np.cumsum(first) - 1
    lost = np.cumsum(~pieces.joint[piece] & pieces.begins[piece] & (skip == 0) & ~first)
    frame = np.where(lost == np.append(-1, lost[first])[number + 1], number, -1)
    told = np.searchsorted(place[kept], begun)
    exact = (np.append(place[kept], -1)[told] == begun) & np.append(starts.seen[kept], False)[told]
    codec = np.where(exact, np.append(starts.codec[kept], 0)[told], Codec.UNKNOWN)
    key = np.append(starts.key[kept], False)[told] & exact
    packet = np.searchsorted(heads, begun, side="right") - 1
    timed = np.append(True, packet[1:] != packet[:-1]) & (packet >= 0)
    timed &= pieces.stamped[np.flatnonzero(pieces.begins)[np.maximum(packet, 0)]]
    return Parts(piece, skip, size, frame, first, codec, key, timed)


def _starts(at: Column, heads: Column, run: Column) -> _Starts:
    """What the start codes are; run: how many times something is lost before each.

    No first slice of H.264 is one of H.265; the slices of MPEG-2 look like both, so its headers
    decide for all of a run.
    """
    first = heads[:, 0]
    starts = _coded(at, heads, run)
    if not len(at):
        return starts
    own = (first[1:] == _EXTENSION) & ((first[:-1] == _PICTURE) | (first[:-1] == _SEQUENCE))
    mpeg2 = np.bincount(run[:-1][own], minlength=int(run[-1]) + 1) > 0
    pictures = np.bincount(run[first == _VOP], minlength=len(mpeg2))
    mpeg4 = pictures > np.bincount(run[starts.begins & starts.seen], minlength=len(mpeg2))
    for chosen, read in ((mpeg4, _mpeg4), (mpeg2, _mpeg2)):
        if chosen.any():
            starts = read(at, heads, run).where(chosen[run], starts)
    return starts


def _coded(at: Column, heads: Column, run: Column) -> _Starts:
    """Of H.264 and H.265, each picture in its own."""
    roles = _slices.h264(heads)
    h264 = _view(Codec.H264, at, roles, run)
    lead, seen = _following(roles.part != BEFORE, run)
    behind = np.append(False, any_of(heads[:-1, 0], _H264_SETS) & (run[1:] == run[:-1]))[: len(at)]
    message = (heads[:, 0] == _H264_MESSAGE) & ((seen & roles.first[lead]) | behind)
    roles = _slices.h265(heads)
    roles.first[message], roles.part[message] = False, BAD
    h265 = _view(Codec.H265, at, roles, run)
    starts = h265.where(h265.begins & (h265.seen | ~h264.begins), h264)
    number = np.arange(len(at))
    last = np.maximum.accumulate(np.where(starts.begins & starts.seen, number, -1))
    told = np.append(starts.codec, Codec.UNKNOWN)[last]
    goes_on = np.where(told == Codec.H265, h265.goes_on, h264.goes_on)
    return starts._replace(goes_on=goes_on & (told != Codec.UNKNOWN))


def _view(codec: Codec, at: Column, roles: _slices.Roles, run: Column) -> _Starts:
    """The start codes as one codec reads them. Units that announce a picture whose slice is not
    there begin one as well."""
    part, count = roles.part, len(at)
    lead, seen = _following(part != BEFORE, run)
    before = np.append(False, (part[:-1] == BEFORE) & (run[1:] == run[:-1]))[:count]
    begins = np.where(part == BEFORE, ~before & (~seen | roles.first[lead]), roles.first & ~before)
    begins &= (part == BEFORE) | (part == SLICE)
    begins &= seen | ~roles.joint
    group = np.cumsum(~before)
    sets = np.bincount(group[roles.sets], minlength=count + 1)[group] > 0
    key = begins & seen & (roles.key[lead] | (sets & roles.intra[lead]))
    goes_on = (part != BAD) & ~roles.first
    return _Starts(at, np.full(count, codec), seen, begins, goes_on, key, sets)


def _following(wanted: Column, run: Column) -> tuple[Column, Column]:
    """For each unit the next wanted one, itself included, and whether it is of the same run."""
    count = len(wanted)
    places = np.append(np.flatnonzero(wanted), count)
    found = places[np.searchsorted(places, np.arange(count))]
    place = np.minimum(found, count - 1)
    return place, (found < count) & (run[place] == run)


def _mpeg2(at: Column, heads: Column, run: Column) -> _Starts:
    """Of MPEG-2: headers before the slices of a picture. [A: H.262 clauses 6.2.1 to 6.2.3]"""
    first, count = heads[:, 0], len(at)
    is_slice = (first >= 1) & (first <= _LAST_SLICE)
    is_head = any_of(first, [_SEQUENCE, _GROUP, _PICTURE])
    number = np.arange(count)
    last_slice = np.maximum.accumulate(np.where(is_slice, number, -1))
    last_head = np.append(-1, np.maximum.accumulate(np.where(is_head, number, -1))[:-1])
    opening = np.searchsorted(run, run)
    begins = is_head & ((last_head < last_slice) | (last_head < opening))
    lead, seen = _following(first == _PICTURE, run)
    kind = heads[lead, 2] >> 3 & 7
    sequence, headed = _following(first == _SEQUENCE, run)
    has_sequence = headed & ((sequence < lead) | ~seen)
    key = begins & has_sequence & seen & (kind == _INTRA)
    begins &= ~_second_fields(heads, np.flatnonzero(first == _PICTURE), first)
    known = is_slice | is_head | any_of(first, [_EXTENSION, _USER_DATA])
    return _Starts(at, np.full(count, Codec.MPEG2), seen, begins, known, key, has_sequence)


def _second_fields(heads: Column, pictures: Column, first: Column) -> Column:
    """Picture headers of the second field of a frame, by the coding extension behind them."""
    found = np.zeros(len(first), dtype=bool)
    behind = np.minimum(pictures + 1, len(first) - 1)
    extended = (first[behind] == _EXTENSION) & (heads[behind, 1] >> 4 == 8)
    structure = np.where(extended, heads[behind, 3] & 3, _FRAME)
    shown = heads[pictures, 1].astype(np.int64) << 2 | heads[pictures, 2] >> 6
    pair = (shown[1:] == shown[:-1]) & (structure[1:] + structure[:-1] == 3)
    pair &= structure[1:] != _FRAME
    found[pictures[1:][pair]] = True
    return found


def _mpeg4(at: Column, heads: Column, run: Column) -> _Starts:
    """Of MPEG-4: headers, then a picture. [A: ISO/IEC 14496-2 clause 6.2]"""
    first, count = heads[:, 0], len(at)
    known = any_of(first, _MPEG4_HEADS) | (first < _MPEG4_OBJECTS)
    begins = known & np.append(True, (first[:-1] == _VOP) | (run[1:] != run[:-1]))
    lead, seen = _following(first == _VOP, run)
    key = begins & seen & (heads[lead, 1] >> 6 == _INTRA_VOP)
    return _Starts(at, np.full(count, Codec.MPEG4), seen, begins, known, key, begins)
