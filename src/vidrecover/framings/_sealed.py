"""Scrambled packets of transport streams: what their clear headers still tell.

The header, the adaptation field with its clock, and the tables of a stream stay clear; PES headers
and payload do not. [A: ITU-T H.222.0 clause 2.4.3.3, transport_scrambling_control]
"""

import numpy as np

from vidrecover.framings import _psm
from vidrecover.framings._columns import Bytes, Column, cut
from vidrecover.model import NO_TICK, FrameFlag, Frames, Media

_FIELD, _CLOCKED = 0x20, 0x10  # an adaptation field follows; it holds a clock
_LEAST = 7  # bytes of a field with one


def last_before(
    told: _psm.Streams, slots: Column, pid: Column, slot: Column
) -> tuple[Column, Column]:
    """For each packet the last entry of a map before it that names its stream: place of the map,
    and kind of the stream; 0 and UNKNOWN where there is none.

    slots: places of the maps of `told`; pid, slot: of the packets.
    """
    room = int(max(slots.max(initial=0), slot.max(initial=0))) + 1
    keys = told.pid * room + slots
    order = np.argsort(keys, kind="stable")
    found = np.searchsorted(keys[order], pid * room + slot) - 1
    entry = np.append(order, 0)[np.maximum(found, 0)]
    named = (found >= 0) & (np.append(told.pid, -1)[entry] == pid)
    place = np.where(named, np.append(slots, 0)[entry], 0)
    return place, np.where(named, np.append(told.kind, 0)[entry], Media.UNKNOWN)


def clocks(data: Bytes, positions: Column, begins: Column) -> Column:
    """Milliseconds of the clock (PCR) in the packet that begins each frame, for all its packets;
    NO_TICK where it holds none. [A: H.222.0 clause 2.4.3.5]"""
    at = positions[begins]
    has = (data[at + 3] & _FIELD) != 0
    has &= (data[at + 4] >= _LEAST) & ((data[at + 5] & _CLOCKED) != 0)
    base = cut(data, at + 6, ">u4").astype(np.int64) << 1 | data[at + 10] >> 7
    result: Column = np.where(has, base // 90, NO_TICK)[np.cumsum(begins) - 1]
    return result


def join(rows: Frames, number: Column) -> None:
    """Mark rows with the number of one frame as its pieces, in place; what it lacks, all of them
    show."""
    if not len(rows):
        return
    shared = np.zeros(int(number.max()) + 1, dtype=np.uint16)
    lacking = np.uint16(FrameFlag.UNFINISHED | FrameFlag.OVERRUN)
    np.bitwise_or.at(shared, number, rows["flags"] & lacking)
    rows["flags"] |= shared[number]
    same = number[1:] == number[:-1]
    rows["flags"][1:][same] |= np.uint16(FrameFlag.CONTINUES)
    rows["flags"][:-1][same] |= np.uint16(FrameFlag.MORE)
