"""MPEG transport streams: packets of 188 bytes, or of 192 with a time stamp of 4 before each.

A packet begins with 47; its header names a stream (PID) and counts the packets of each by four
bits. A row is the payload of a packet; a frame is a PES packet over several of them, with packets
of other streams between. Frames are found by the codes with which PES packets begin, and held by
the grid of packets around them. [A: ITU-T H.222.0 clause 2.4.3; 192 bytes: BDAV]
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.framings import _access, _pes, _pictures, _psm, _sealed
from vidrecover.framings._columns import Column, cut
from vidrecover.framings._grid import (
    FIRST_PID,
    HEADER,
    LONG,
    MAP,
    NULL_PID,
    SIZE,
    SYNC,
    sizes,
    starts_at,
)
from vidrecover.model import NO_TICK, Codec, FrameFlag, Frames, Media, Window, no_frames

_FARTHEST = 1 << 20  # between two packets of one frame
_REACH = _FARTHEST - (1 << 16)  # from a map to what it tells of
_MOST_FILLER = 4096
_COMPARED = 100  # last bytes of packets that may be the same
_MOST_LOST = 64  # packets over which their counters are compared


_HEAD = np.dtype(
    {
        "names": ["sync", "pid", "flags", "field", "more"],
        "formats": ["u1", ">u2", "u1", "u1", "u1"],
        "offsets": [0, 1, 3, 4, 5],
        "itemsize": 6,
    }
)


def frames(window: Window, candidates: npt.NDArray[np.int64]) -> Frames:
    """Rows of PES packets whose first transport packet begins before the limit, wherever the
    others lie, and of program maps.

    candidates: where codes of PES packets or maps stand in the window's data. A frame of which
    packets are missing by their counter is UNFINISHED in all its rows; one that goes beyond the
    data is OVERRUN. A packet that is there twice counts once.
    """
    tables = [no_frames()]
    starts = starts_at(window.data, candidates)
    for size in (SIZE, LONG):
        own = starts[sizes(window, starts) == size]
        for phase in np.unique(own % size).tolist():
            tables += _Grid(window, own[own % size == phase], size).tables()
    rows = np.concatenate(tables)
    return rows.take(np.argsort(rows["offset"], kind="stable"))


def _repeated(ticks: Column, begins: Column) -> Column:
    """Packets of PES packets whose time the next PES packet has as well: it is that one's."""
    own = ticks[begins]
    result: Column = np.append(own[1:] == own[:-1], False)[np.maximum(np.cumsum(begins) - 1, 0)]
    return result


class _Packets(NamedTuple):
    """Packets of a grid as columns, with gaps where it holds none. slot: place on the grid."""

    slot: Column
    pid: Column
    first: Column  # of a PES packet or table
    counter: Column
    payload: Column  # where it begins in the packet
    restarts: Column  # the counter may jump

    def take(self, places: Column) -> "_Packets":
        return _Packets(*(column[places] for column in self))


class _Some(NamedTuple):
    """Packets that carry frames, by stream, in order, as columns.

    begins: of a PES packet; own: of one that begins before the window's limit; flags: of what
    ends there; joint: the one before it is there and whole; read: as if a PES packet began.
    """

    packets: _Packets
    begins: Column
    own: Column
    flags: Column
    joint: Column
    read: _pes.Packets

    def take(self, places: Column) -> "_Some":
        return _Some(
            self.packets.take(places),
            self.begins[places],
            self.own[places],
            self.flags[places],
            self.joint[places],
            _pes.Packets(*(column[places] for column in self.read)),
        )


class _Grid:
    """All packets of one size and phase behind the first start of the window."""

    def __init__(self, window: Window, starts: Column, size: int) -> None:
        self._window, self._size, self._starts = window, size, starts
        self._before = size - SIZE
        data, end = window.data, len(window.data)
        self._positions = np.arange(int(starts[0]), max(end - SIZE + 1, 0), size)
        heads = cut(data, self._positions, _HEAD)
        pid = heads["pid"].astype(np.int64)
        held = (heads["sync"] == SYNC) & (pid & 0x8000 == 0)
        self._lost = np.cumsum(~held)
        field = heads["flags"] >> 4 & 3
        payload = np.where(field >= 2, HEADER + 1 + heads["field"].astype(np.int64), HEADER)
        filler = held & ((pid & 0x1FFF < FIRST_PID) | (pid & 0x1FFF == NULL_PID))
        carries = held & ((field & 1) == 1) & (heads["flags"] < 0x40) & (payload <= SIZE)
        restarts = (field >= 2) & (heads["field"] > 0) & (heads["more"] >= 0x80)
        every = np.arange(len(self._positions))
        packets = _Packets(
            every, pid & 0x1FFF, (pid & 0x4000) != 0, heads["flags"] & 15, payload, restarts
        )
        self._packets = packets.take(np.flatnonzero(carries & ~filler))
        sealed = held & ((field & 1) == 1) & (heads["flags"] >= 0x40) & (payload <= SIZE)
        self._sealed = packets.take(np.flatnonzero(sealed & ~filler))
        behind = np.where(filler, len(every), every)
        following = np.minimum.accumulate(behind[::-1])[::-1]
        self._next = np.append(following, [len(every)] * 2)

    def tables(self) -> Iterator[Frames]:
        """Rows of the maps and of the frames that begin before the limit."""
        data, limit = self._window.data, self._window.limit
        own = self._starts[(self._starts >= self._before) & (self._starts - self._before < limit)]
        whole = own + SIZE <= len(data)
        if not whole.all() and not self._window.at_end:
            yield self._unclear(own[~whole])
        own = own[whole]
        mapped = cut(data, own + HEADER, ">u4") >> 8 == MAP
        yield self._maps(own[mapped])
        if len(self._sealed.slot):
            yield self._scrambled()
        index = (own[~mapped] - self._starts[0]) // self._size
        if len(index):
            yield self._frames(index)

    def _unclear(self, starts: Column) -> Frames:
        """Rows that ask for more bytes: the window ends inside of these packets."""
        rows = no_frames(len(starts))
        rows["offset"] = starts - self._before + self._window.offset
        rows["size"], rows["flags"] = 1, FrameFlag.OVERRUN
        return rows

    def _rows(self, packets: _Packets) -> Frames:
        """A row for each packet, as far as it tells alone; tables and empty packets behind it
        are part of it."""
        following = self._next[packets.slot + 1]
        count = np.minimum(following - packets.slot, _MOST_FILLER)
        rows = no_frames(len(packets.slot))
        rows["offset"] = self._positions[packets.slot] - self._before + self._window.offset
        rows["size"] = count * self._size
        rows["payload_offset"] = packets.payload + self._before
        rows["payload_size"] = SIZE - packets.payload
        rows["lane"] = packets.pid
        if not self._window.at_end:
            cut_off = (following >= len(self._positions)) & (count < _MOST_FILLER)
            rows["flags"] = np.where(cut_off, FrameFlag.OVERRUN, 0)
        return rows

    def _maps(self, starts: Column) -> Frames:
        """A DATA row for each program map whose checksum is right: it tells the sound."""
        sounds, right = _psm.program_maps(self._window.data, starts + HEADER + 1, starts + SIZE)
        index = (starts[right] - self._starts[0]) // self._size
        nothing = np.zeros(len(index), dtype=np.int64)
        rows = self._rows(_Packets(index, nothing, nothing, nothing, nothing + SIZE, nothing))
        rows["kind"], rows["codec"], rows["lane"] = Media.DATA, sounds[right], 0
        return rows

    def _scrambled(self) -> Frames:
        """Rows of scrambled packets, whose PES headers are hidden as well: a frame is what a packet
        with the start bit begins, in a stream that a map before the limit names."""
        packets = self._sealed
        packets = packets.take(np.argsort(packets.pid, kind="stable"))
        packets = packets.take(np.flatnonzero(~self._repeated(packets)))
        near, fits = self._steps(packets)
        begins = packets.first | np.append(True, packets.pid[1:] != packets.pid[:-1])
        number, first = np.cumsum(begins) - 1, np.flatnonzero(begins)
        kind = np.where(packets.first[first], self._announced(packets.take(first)), 0)[number]
        torn = np.cumsum(np.append(False, ~near[:-1]) & ~begins)
        kept = (kind > 0) & (torn == torn[first[number]])
        last = kept & ~np.append(kept[1:] & ~begins[1:], False)
        flags = np.where(last, self._ends(packets, near, fits, np.zeros_like(near)), 0)
        flags[np.append(False, ~fits[:-1]) & ~begins] |= int(FrameFlag.UNFINISHED)
        places = np.flatnonzero(kept)
        packets = packets.take(places)
        rows = self._rows(packets)
        rows["flags"] |= flags[places].astype(np.uint16)
        rows["kind"] = kind[places]
        codecs = np.where(kind == Media.AUDIO, Codec.ENCRYPTED_AUDIO, Codec.ENCRYPTED)
        rows["codec"] = codecs[places]
        _sealed.join(rows, number[places])
        rows["tick_ms"] = _sealed.clocks(
            self._window.data, self._positions[packets.slot], begins[places]
        )
        return rows

    def _announced(self, packets: _Packets) -> Column:
        """Media of the stream of each packet, as the last map before it on the unbroken grid says,
        where that is of this window and near; else UNKNOWN."""
        maps, data = self._packets, self._window.data
        maps = maps.take(np.flatnonzero(maps.first & (maps.payload == HEADER)))
        at = self._positions[maps.slot] + HEADER
        mapped = np.flatnonzero(cut(data, at, ">u4") >> 8 == MAP)
        at, slot = at[mapped] + 1, maps.slot[mapped]
        told = _psm.program_streams(data, at, at - HEADER - 1 + SIZE)
        place, kind = _sealed.last_before(told, slot[told.which], packets.pid, packets.slot)
        here, there = self._positions[place], self._positions[packets.slot]
        fits = (here - self._before < self._window.limit) & (there - here <= _REACH)
        fits &= self._lost[place] == self._lost[packets.slot]
        return np.where(fits, kind, Media.UNKNOWN)

    def _frames(self, starts: Column) -> Frames:
        """Rows of the PES packets that begin at these places of the grid."""
        packets = self._packets
        wanted = np.zeros(NULL_PID + 1, dtype=bool)
        place = np.searchsorted(packets.slot, starts)
        wanted[packets.pid[place]] = True
        kept = np.flatnonzero(wanted[packets.pid])
        packets = packets.take(kept[np.argsort(packets.pid[kept], kind="stable")])
        packets = packets.take(np.flatnonzero(~self._repeated(packets)))
        return self._joined(packets, np.isin(packets.slot, starts))

    def _steps(self, packets: _Packets) -> tuple[Column, Column]:
        """For each packet and the next one of its stream: whether they are near each other, and
        whether the counter shows that none is missing between."""
        same = packets.pid[1:] == packets.pid[:-1]
        index = self._positions[packets.slot]
        near = same & (np.diff(self._lost[packets.slot]) <= _MOST_LOST)
        near &= np.diff(index) <= _FARTHEST
        step = (packets.counter[1:].astype(np.int64) - packets.counter[:-1]) & 15
        fits = near & ((step == 1) | packets.restarts[1:])
        return np.append(near, False), np.append(fits, False)

    def _repeated(self, packets: _Packets) -> Column:
        """Packets that are there once more as the next one of their stream."""
        repeated = np.zeros(len(packets.slot), dtype=bool)
        same = (packets.pid[1:] == packets.pid[:-1]) & (packets.counter[1:] == packets.counter[:-1])
        places = np.flatnonzero(same & (packets.payload[1:] == packets.payload[:-1]))
        if len(places):
            at = self._positions[packets.slot]
            steps = np.arange(SIZE - _COMPARED, SIZE)
            here, there = (at[one][:, None] + steps for one in (places, places + 1))
            repeated[places] = (self._window.data[here] == self._window.data[there]).all(axis=1)
        return repeated

    def _joined(self, packets: _Packets, own: Column) -> Frames:
        """Rows of frames; packets: by stream, in order; own: where wanted ones begin."""
        near, fits = self._steps(packets)
        begins = packets.first | np.append(True, packets.pid[1:] != packets.pid[:-1])
        number = np.cumsum(begins) - 1
        first = np.flatnonzero(begins)
        position = self._positions[packets.slot]
        read = _pes.packets(self._window.data, position + packets.payload)
        late = packets.first & read.valid & (position - self._before >= self._window.limit)
        verified = own | (late & (_pes.kinds(read.stream) == Media.DELTA))
        far = np.append(False, ~near[:-1]) & ~begins
        torn = np.cumsum(far)
        kept = verified[first][number] & (torn == torn[first[number]])
        room = SIZE - packets.payload
        so_far = np.cumsum(room)
        so_far -= (so_far - room)[first][number]
        stated = np.where(verified, read.length, 0)[first][number]
        kept &= (stated == 0) | (so_far - room < stated)
        last = kept & ~np.append(kept[1:] & ~begins[1:], False)
        closed = (stated > 0) & (so_far >= stated)
        flags = np.where(last, self._ends(packets, near, fits, closed), 0)
        short = last & (stated > 0) & ~closed & ((flags & FrameFlag.OVERRUN) == 0)
        flags[short] |= int(FrameFlag.UNFINISHED)
        joint = np.append(False, fits[:-1] & kept[:-1])
        whole = np.append(False, (flags[:-1] & FrameFlag.UNFINISHED) == 0)
        some = _Some(
            packets, begins, own[first][number], flags, np.where(begins, joint & whole, joint), read
        )
        return self._named(some.take(np.flatnonzero(kept)))

    def _ends(self, packets: _Packets, near: Column, fits: Column, closed: Column) -> Column:
        """What is to be said of a frame whose last packet each one is."""
        data_end, count = len(self._window.data), len(self._positions)
        last_of_stream = np.append(packets.pid[1:] != packets.pid[:-1], True)
        lost = self._lost[count - 1] - self._lost[packets.slot]
        to_end = last_of_stream & (lost <= _MOST_LOST)
        to_end &= data_end - self._positions[packets.slot] <= _FARTHEST
        if self._window.at_end:
            ended = (lost == 0) & to_end & (self._positions[-1] + SIZE == data_end)
            state = np.where(ended, 0, FrameFlag.END_UNPROVEN)
        else:
            state = np.where(to_end, FrameFlag.OVERRUN, FrameFlag.END_UNPROVEN)
        state = np.where(near, np.where(fits, 0, FrameFlag.UNFINISHED), state)
        return np.where(closed & (state != FrameFlag.OVERRUN), 0, state).astype(np.int64)

    def _named(self, some: "_Some") -> Frames:
        """Rows of frames, each told by its first packet."""
        rows = self._rows(some.packets)
        rows["flags"] |= some.flags.astype(np.uint16)
        opening = np.flatnonzero(some.begins)
        which = np.cumsum(some.begins) - 1
        before = some.read.payload[opening]
        room = rows["payload_size"][opening].astype(np.int64)
        rows["payload_offset"][opening] += np.minimum(before, room).astype(np.uint16)
        rows["payload_size"][opening] = np.maximum(room - before, 0)
        rows["tick_ms"] = some.read.tick_ms[opening][which]
        kind = _pes.kinds(some.read.stream[opening])[which]
        rows["kind"] = kind
        tables = [self._sounds(rows, some, np.flatnonzero(kind != Media.DELTA))]
        video = np.flatnonzero(kind == Media.DELTA)
        pids = some.packets.pid[video]
        tables += [
            self._pictures(rows, some, video[pids == one]) for one in np.unique(pids).tolist()
        ]
        return np.concatenate(tables)

    def _pictures(self, rows: Frames, some: "_Some", places: Column) -> Frames:
        """Rows of one stream of pictures."""
        rows = rows.take(places)
        begins, joint = some.begins[places], some.joint[places]
        start = rows["offset"] - self._window.offset + rows["payload_offset"]
        stamped = begins & (rows["tick_ms"] != NO_TICK)
        stamped &= ~_repeated(rows["tick_ms"], begins)
        size = rows["payload_size"].astype(np.int64)
        marked = some.read.sealed[places][begins][np.cumsum(begins) - 1]
        sealed = _pictures.sealed(self._window.data, start, stamped, marked)
        pieces = _access.Pieces(start, size, begins, stamped, stamped, joint, sealed)
        own = some.own[places]
        return _pictures.pictures(self._window.data, rows, pieces, ~joint & ~begins, own)

    def _sounds(self, rows: Frames, some: "_Some", places: Column) -> Frames:
        """Rows of sound and private data: a frame is a PES packet."""
        places = places[some.own[places]]
        rows, begins = rows.take(places), some.begins[places]
        if not len(rows):
            return rows
        number = np.cumsum(begins) - 1
        shared = np.zeros(int(number[-1]) + 1, dtype=np.uint16)
        flags = rows["flags"] & ~np.uint16(FrameFlag.END_UNPROVEN)
        flags[~some.joint[places] & ~begins] |= np.uint16(FrameFlag.UNFINISHED)
        np.bitwise_or.at(shared, number, flags)
        rows["flags"] |= shared[number]
        opening = np.flatnonzero(begins & (rows["kind"] == Media.AUDIO))
        start = rows["offset"] - self._window.offset + rows["payload_offset"]
        size = rows["payload_size"].astype(np.int64)[opening]
        read = some.read
        total = np.maximum((read.length - read.payload)[places][opening], size)
        named = np.zeros(len(shared), dtype=np.uint8)
        names = _pes.name_audio(self._window.data, start[opening], size, total)
        named[number[opening]] = _pes.with_sealed(names, read.sealed[places][opening])
        rows["codec"] = named[number]
        same = number[1:] == number[:-1]
        rows["flags"][1:][same] |= np.uint16(FrameFlag.CONTINUES)
        rows["flags"][:-1][same] |= np.uint16(FrameFlag.MORE)
        return rows
