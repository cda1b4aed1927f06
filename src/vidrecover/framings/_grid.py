"""Where transport packets lie: their beginnings by the codes inside, and the size of their grid."""

import numpy as np

from vidrecover.framings import _pes
from vidrecover.framings._columns import Bytes, Column, cut
from vidrecover.model import Window

SYNC = 0x47
SIZE, LONG = 188, 192
HEADER = 4
NULL_PID = 0x1FFF
FIRST_PID = 0x10
"""Lower PIDs are those of tables."""
MAP = 0x0002B0
"""Pointer 0, table of a program map, with a length of eight bits."""
_LOOK_AHEAD = 4
_BATCH = 4096


def starts_at(data: Bytes, codes: Column) -> Column:
    """Transport packets that begin a PES packet or a map at one of the codes, in order."""
    codes = codes[_begins(data, codes)]
    found = [_before(data, codes[first : first + _BATCH]) for first in range(0, len(codes), _BATCH)]
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *found]))


def _before(data: Bytes, codes: Column) -> Column:
    """Where the packet of each code begins; those of which none does are left out.

    Its header stands just before the code, or before an adaptation field whose length leads
    from the one to the other.
    """
    lengths = np.append(-1, np.arange(SIZE - HEADER - 1))
    places = codes[:, None] - HEADER - 1 - lengths
    inside = places >= 0
    places = np.where(inside, places, 0)
    heads = data[places] == SYNC
    rows, columns = np.nonzero(heads & inside)
    at, length = places[rows, columns], lengths[columns]
    flags, more = data[at + 1], data[at + 3]
    fits = (flags & 0xC0) == 0x40
    field = (more >> 4) & 3
    fits &= np.where(length < 0, field == 1, (field == 3) & (data[at + HEADER] == length))
    pid = cut(data, at + 1, ">u2") & 0x1FFF
    fits &= ((more & 0xC0) == 0) & (pid >= FIRST_PID) & (pid != NULL_PID)
    rows, at = rows[fits], at[fits]
    _, first = np.unique(rows, return_index=True)
    found: Column = at[first]
    return found


def _begins(data: Bytes, positions: Column) -> Column:
    """Whether a PES packet with a sane header begins at each position, or a program map."""
    read = _pes.packets(data, positions)
    media = read.valid & (read.stream != _pes.PADDING)
    found: Column = media | (cut(data, positions, ">u4") >> 8 == MAP)
    return found


def sizes(window: Window, starts: Column) -> Column:
    """Size of the packets around each start, by where the next ones begin; 188 in doubt."""
    scores = []
    for size in (SIZE, LONG):
        places = starts[:, None] + size * np.arange(1, _LOOK_AHEAD + 1)
        inside = places < len(window.data)
        synced = inside & (window.data[np.where(inside, places, 0)] == SYNC)
        scores.append(np.logical_and.accumulate(synced, axis=1).sum(axis=1))
    return np.where(scores[1] > scores[0], LONG, SIZE)
