"""MPEG program streams: of Hikvision's recorders (with the wall clock), after GB/T 28181, generic.

A pack header begins a pack; what is in it is walked by lengths, for start codes can be imitated
inside. A row is a PES packet; the first one of a pack has the pack's headers before it, except
where a program stream map tells date and sound: that is a row of its own. Byte facts:
imkh-ps.md, gb28181-ps.md, with their marks.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.framings import _access, _pes, _pictures, _psm
from vidrecover.framings._columns import Column, cut
from vidrecover.model import (
    NO_SEQUENCE,
    NO_TICK,
    NO_TIME,
    FrameFlag,
    Frames,
    Media,
    Window,
    no_frames,
)

PACK, SYSTEM, MAP, END = 0xBA, 0xBB, 0xBC, 0xB9
_MEDIA_INFO = int.from_bytes(_psm.MEDIA_INFO, "big")

_HEAD = np.dtype(
    {
        "names": ["code", "length", "scr0", "scr2", "scr4", "scr5", "rate", "stuffing", "ff"],
        "formats": [">u4", ">u2", "u1", "u1", "u1", "u1", "u1", "u1", ">u2"],
        "offsets": [0, 4, 4, 6, 8, 9, 12, 13, 14],
        "itemsize": 20,
    }
)
_HEAD_SIZE = 21  # of the longest pack header
_COUNTED = 0xFE  # six bytes of stuffing, of which the last four count packs [A]
_MOST_STEPS = 4096  # units of one pack
_BATCH = 1 << 16
_NOWHERE = 1 << 62
_FARTHEST = 1 << 20  # between two packets of one picture
_LARGEST_HEADER = 4096


class _Units(NamedTuple):
    """Units of a program stream as columns, ordered by position.

    end: of the unit, where nothing is known its position; foreign: of a pack that begins behind
    the window's limit; sealed: see `_pes.Packets`.
    """

    position: Column
    code: Column
    end: Column
    payload: Column
    tick_ms: Column
    sequence: Column
    foreign: Column
    sealed: Column


def frames(window: Window, candidates: npt.NDArray[np.int64]) -> Frames:
    """Packets of packs that begin before the limit, and those that carry on their pictures.

    candidates: where pack headers' codes stand in the window's data. A picture belongs to the
    window in which its pack begins, wherever its last packets lie. A packet of a picture whose
    first one is lost is left out. A picture that goes beyond the data is OVERRUN in all its rows.
    """
    positions = candidates[candidates < window.limit]
    heads = cut(window.data, positions, _HEAD)
    packs = positions[_is_pack(heads)]
    infos = _media_infos(window, positions[heads["code"] == _MEDIA_INFO])
    if not len(packs):
        return infos
    rows = _Rows(window, _Walk(window).units(packs)).rows()
    if not len(infos):
        return rows
    rows = np.concatenate([infos, rows])
    return rows.take(np.argsort(rows["offset"], kind="stable"))


def _is_pack(heads: Column) -> Column:
    """Marker bits of an MPEG-2 pack header. [A: gb28181-ps.md section 1.1]"""
    result: Column = (heads["code"] == 0x00000100 | PACK) & ((heads["scr0"] & 0xC4) == 0x44)
    result &= ((heads["scr2"] & heads["scr4"] & 4) == 4) & ((heads["scr5"] & 1) == 1)
    result &= ((heads["rate"] & 3) == 3) & (heads["stuffing"] >= 0xF8)
    return result


class _Walk:
    """Walks all packs of a window at once, one unit further in each at every step."""

    def __init__(self, window: Window) -> None:
        self._data = window.data
        self._limit, self._at_end = window.limit, window.at_end
        self._seen = np.zeros(len(window.data) + 1, dtype=bool)
        self._codes: Column | None = None

    def units(self, packs: Column) -> _Units:
        """The units of the packs, and behind the limit those up to the next picture."""
        self._seen[packs] = True
        foreign = np.zeros(len(packs), dtype=bool)
        parts, open_streams = list[_Units](), set[int]()
        for _ in range(_MOST_STEPS):
            if not len(packs) or (foreign.all() and not open_streams and len(packs) == 1):
                break
            part = self._read(packs, foreign)
            parts.append(part)
            video = _pes.kinds(part.code) == Media.DELTA
            open_streams.update(part.code[video & ~part.foreign].tolist())
            open_streams.difference_update(
                part.code[video & part.foreign & (part.tick_ms != NO_TICK)].tolist()
            )
            packs, foreign = self._onward(part)
        units = _Units(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
        order = np.argsort(units.position, kind="stable")
        return self._apart(_Units(*(column[order] for column in units)))

    def _onward(self, part: _Units) -> tuple[Column, Column]:
        """Where the next units begin that no other walk has come to."""
        going = part.end < len(self._data)
        going[going] &= ~self._seen[part.end[going]]
        positions, first = np.unique(part.end[going], return_index=True)
        self._seen[positions] = True
        return positions, part.foreign[going][first]

    def _read(self, positions: Column, foreign: Column) -> _Units:
        """The valid units among those at the positions."""
        heads = cut(self._data, positions, _HEAD)
        packets = _pes.packets(self._data, positions)
        code = (heads["code"] & 0xFF).astype(np.int64)
        started = (heads["code"] >> 8) == 1
        pack = _is_pack(heads)
        counted = pack & (heads["stuffing"] == _COUNTED) & (heads["ff"] == 0xFFFF)
        length = 6 + heads["length"].astype(np.int64)
        length = np.where(pack, 14 + (heads["stuffing"] & 7), length)
        length[code == END] = 4
        stated = started & ((code == SYSTEM) | (code == MAP)) & (length <= _LARGEST_HEADER)
        valid = pack | packets.valid | stated | (started & (code == END))
        ends = positions + length
        unbounded = np.flatnonzero(packets.valid & (packets.length == 0))
        if len(unbounded):
            starts = positions[unbounded] + packets.payload[unbounded]
            ends[unbounded] = np.maximum(self._next_code(starts), starts)
        counter = cut(self._data, positions + 16, ">u4").astype(np.int64)
        counted &= counter != 0xFFFFFFFF
        units = _Units(
            positions,
            code,
            ends,
            np.where(packets.valid, packets.payload, 0),
            np.where(packets.valid, packets.tick_ms, NO_TICK),
            np.where(counted, counter, NO_SEQUENCE),
            foreign | (pack & (positions >= self._limit)),
            packets.valid & packets.sealed,
        )
        kept = np.flatnonzero(valid)
        return _Units(*(column[kept] for column in units))

    def _next_code(self, positions: Column) -> Column:
        """Where the next unit begins behind a packet that tells no length; where none does, the
        source's end, or a place behind the data."""
        if self._codes is None:
            data = self._data
            found = np.flatnonzero((data[:-3] == 0) & (data[1:-2] == 0) & (data[2:-1] == 1))
            found = found[data[found + 3] >= END]
            heads = cut(data, found, _HEAD)
            code = heads["code"] & 0xFF
            valid = _is_pack(heads) | _pes.packets(data, found).valid
            self._codes = found[valid | (code == SYSTEM) | (code == MAP) | (code == END)]
        behind = np.append(self._codes, len(self._data) + (not self._at_end))
        result: Column = behind[np.searchsorted(behind, positions)]
        return result

    def _apart(self, units: _Units) -> _Units:
        """The units without those that lie inside others.

        One that nothing follows gives way to those that begin inside it: its length is wrong, or
        its bytes are gone. Any other wins over what begins inside it: imitated codes.
        """
        kept = np.isin(units.end, units.position)
        doubtful = np.flatnonzero(~kept)
        others = np.union1d(units.position, self._packs_behind(units.end[doubtful]))
        inside = np.searchsorted(others, units.position[doubtful], side="right")
        kept[doubtful] = np.append(others, _NOWHERE)[inside] >= units.end[doubtful]
        units = _Units(*(column[kept] for column in units))
        reach = np.maximum.accumulate(units.end)
        kept = np.ones(len(units.position), dtype=bool)
        kept[1:] = units.position[1:] >= reach[:-1]
        return _Units(*(column[kept] for column in units))

    def _packs_behind(self, ends: Column) -> Column:
        """Packs behind the limit that begin before one of the ends."""
        end = min(int(ends.max()), len(self._data)) if len(ends) else 0
        part = self._data[self._limit : end]
        found = np.flatnonzero((part[:-3] == 0) & (part[2:-1] == 1) & (part[3:] == PACK))
        found = found + self._limit
        packs: Column = found[_is_pack(cut(self._data, found, _HEAD))]
        return packs


class _Rows:
    """Rows out of the units of a window."""

    def __init__(self, window: Window, units: _Units) -> None:
        self._window = window
        self._units = units
        count = len(units.position)
        header = (units.code == PACK) | (units.code == SYSTEM) | (units.code == MAP)
        breaks = np.append(True, units.position[1:] != units.end[:-1])
        self._run = np.cumsum(breaks) - 1
        self._pack = np.cumsum((units.code == PACK) | breaks) - 1
        self._proven, self._blind = self._witnesses(breaks)
        self._media = ~header & (units.code != END)
        begins = header & (breaks | ~np.append(False, header[:-1]))
        places = np.arange(count)
        group = np.maximum.accumulate(np.where(begins, places, -1))
        led = self._media & ~breaks & np.append(False, header[:-1])
        self._lead = np.where(led, group, places)
        self._group = group
        self._times = np.full(count, NO_TIME, dtype=np.int64)
        self._sounds = np.zeros(count, dtype=np.uint8)
        self._wrong = np.zeros(count, dtype=bool)
        self._maps = self._read_maps()

    def _witnesses(self, breaks: Column) -> tuple[Column, Column]:
        """Which units are proven by what stands at their end, and for which the window ends
        before that shows."""
        units, size = self._units, len(self._window.data)
        at_end = self._window.at_end
        proven = ~np.append(breaks[1:], True)
        if at_end:
            proven |= units.end == size
        return proven, ~proven & (units.end + _HEAD_SIZE > size) & (not at_end)

    def rows(self) -> Frames:
        """All of them, ordered by offset."""
        units, own = self._units, self._media & ~self._units.foreign
        own &= (units.end <= len(self._window.data)) | (not self._window.at_end)
        video = _pes.kinds(units.code) == Media.DELTA
        tables = [self._map_rows()]
        others = np.flatnonzero(own & ~video)
        if len(others):
            tables.append(self._others(others))
        codes = np.unique(units.code[self._media & video]).tolist()
        tables += [self._pictures(np.flatnonzero(units.code == code)) for code in codes]
        rows = np.concatenate(tables)
        if not (rows["flags"] & FrameFlag.OVERRUN).any():
            rows = np.concatenate([rows, self._unclear()])
        return rows.take(np.argsort(rows["offset"], kind="stable"))

    def _table(self, places: Column) -> Frames:
        """Rows of PES packets with the pack's headers before them, as far as each tells alone."""
        units, data_end = self._units, len(self._window.data)
        lead = np.where(np.isin(self._lead[places], self._maps), places, self._lead[places])
        start = units.position[lead]
        rows = no_frames(len(places))
        end = np.minimum(units.end[places], data_end)
        rows["offset"] = start + self._window.offset
        rows["size"] = end - start
        before = units.position[places] - start + units.payload[places]
        before = np.minimum(before, end - start)
        rows["payload_offset"] = before
        rows["payload_size"] = end - start - before
        rows["kind"] = _pes.kinds(units.code[places])
        rows["lane"] = units.code[places]
        rows["time_ms"], rows["tick_ms"] = self._times[places], units.tick_ms[places]
        rows["sequence"] = units.sequence[lead]
        rows["flags"] = np.where(self._proven[places], 0, FrameFlag.END_UNPROVEN)
        rows["flags"][self._blind[places]] = FrameFlag.OVERRUN
        rows["flags"][self._wrong[places]] |= int(FrameFlag.BAD_CHECKSUM)
        return rows

    def _payload(self, rows: Frames) -> tuple[Column, Column]:
        start = rows["offset"] - self._window.offset + rows["payload_offset"]
        return start, rows["payload_size"].astype(np.int64)

    def _others(self, places: Column) -> Frames:
        """Sound and private data: each packet is a frame of its own."""
        rows = self._table(places)
        audio = np.flatnonzero(rows["kind"] == Media.AUDIO)
        begin, size = self._payload(rows.take(audio))
        named = _pes.name_audio(self._window.data, begin, size, size)
        rows["codec"][audio] = _pes.with_sealed(named, self._units.sealed[places][audio])
        return rows

    def _pictures(self, places: Column) -> Frames:
        """Rows of one video stream: a packet with another time than the one before in its pack
        begins a picture, as far as its start codes do not tell otherwise."""
        units, data_end = self._units, len(self._window.data)
        places = places[(units.end[places] <= data_end) | (not self._window.at_end)]
        stamp, pack = units.tick_ms[places], self._pack[places]
        stamped = stamp != NO_TICK
        renewed = stamped & (stamp != _last_stamp(stamp))
        stamped[1:] &= (stamp[1:] != stamp[:-1]) | (pack[1:] != pack[:-1])
        loose = np.append(False, np.diff(self._run[places]) != 0)
        loose[1:] |= units.position[places[1:]] - units.end[places[:-1]] > _FARTHEST
        rows = self._table(places)
        if len(places) and self._is_open(int(places[-1])):
            rows["flags"][-1] |= int(FrameFlag.OVERRUN)
        start, size = self._payload(rows)
        every = np.ones(len(places), dtype=bool)
        sealed = _pictures.sealed(self._window.data, start, stamped, units.sealed[places])
        pieces = _access.Pieces(start, size, every, stamped, renewed, ~loose, sealed)
        own = ~units.foreign[places]
        return _pictures.pictures(self._window.data, rows, pieces, ~every, own)

    def _is_open(self, last: int) -> bool:
        """Whether the picture of the last packet of a stream may go on behind the window's data."""
        if not self._blind[-1] or self._run[last] != self._run[-1]:
            return False
        return bool(len(self._window.data) - self._units.end[last] <= _FARTHEST)

    def _read_maps(self) -> Column:
        """The groups of headers with a map, as places of their first unit; what the maps tell is
        noted there and at the first picture of their pack."""
        units = self._units
        found = (units.code == MAP) & (units.end <= len(self._window.data)) & ~units.foreign
        places = np.flatnonzero(found)
        read = _psm.maps(self._window.data, units.position[places], units.end[places])
        pictures = np.flatnonzero(
            (_pes.kinds(units.code) == Media.DELTA) & (units.tick_ms != NO_TICK)
        )
        packs, first = np.unique(self._pack[pictures], return_index=True)
        packs, first = np.append(packs, -1), np.append(pictures[first], 0)
        at = np.searchsorted(packs[:-1], self._pack[places])
        shown = packs[at] == self._pack[places]
        for targets, kept in ((self._group[places], slice(None)), (first[at], shown)):
            self._times[targets[kept]] = read.time_ms[kept]
            self._wrong[targets[kept]] = read.wrong[kept]
        self._sounds[self._group[places]] = read.sound
        groups: Column = np.unique(self._group[places])
        return groups

    def _map_rows(self) -> Frames:
        """A DATA row for each group of headers with a map: it tells date and sound."""
        units, count = self._units, len(self._units.position)
        behind = np.append(np.flatnonzero(self._media | (units.code == END)), count)
        following = behind[np.searchsorted(behind, self._maps)]
        places = self._maps[following < count]
        following = following[following < count]
        whole = self._run[places] == self._run[following]
        places, following = places[whole], following[whole]
        rows = no_frames(len(places))
        rows["offset"] = units.position[places] + self._window.offset
        rows["size"] = units.position[following] - units.position[places]
        rows["payload_offset"] = rows["size"]
        rows["kind"], rows["codec"] = Media.DATA, self._sounds[places]
        rows["time_ms"], rows["sequence"] = self._times[places], units.sequence[places]
        rows["flags"] = np.where(self._wrong[places], FrameFlag.BAD_CHECKSUM, 0)
        return rows

    def _unclear(self) -> Frames:
        """A row that asks for more bytes, where the window ends inside of a pack."""
        units = self._units
        if not self._blind[-1] or units.foreign[-1]:
            return no_frames()
        rows = no_frames(1)
        rows["offset"] = units.position[-1] + self._window.offset
        rows["size"], rows["flags"] = 1, FrameFlag.OVERRUN
        return rows


def _last_stamp(stamp: Column) -> Column:
    """The time of the last packet before each that has one, else NO_TICK."""
    last = np.maximum.accumulate(np.where(stamp != NO_TICK, np.arange(len(stamp)), -1))
    result: Column = np.append(NO_TICK, stamp)[np.append(-1, last)[:-1] + 1]
    return result


def _media_infos(window: Window, positions: Column) -> Frames:
    """DATA rows of Hikvision's file headers: they tell the sound. [A: imkh-ps.md section 3]"""
    fits, sounds = _psm.media_infos(window.data, positions)
    ends, size = positions + _psm.MEDIA_INFO_SIZE, len(window.data)
    followed = _is_pack(cut(window.data, ends, _HEAD))
    unclear = ~followed & (ends + _HEAD_SIZE > size) & (not window.at_end)
    kept = np.flatnonzero((fits & followed) | unclear)
    rows = no_frames(len(kept))
    rows["offset"] = positions[kept] + window.offset
    rows["size"] = rows["payload_offset"] = _psm.MEDIA_INFO_SIZE
    rows["kind"], rows["codec"] = Media.DATA, sounds[kept]
    rows["flags"] = np.where(unclear[kept], FrameFlag.OVERRUN, 0)
    return rows
