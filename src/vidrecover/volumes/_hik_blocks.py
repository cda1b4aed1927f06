"""Hikvision's data blocks: the table of key frames that grows down from each block's end.

Byte facts: hikvision-fs.md section 5, with its marks.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.model import Extent, Source
from vidrecover.volumes._hik_tree import RECORDING
from vidrecover.volumes._reading import read

RECORD = np.dtype(
    {
        "names": ["mark", "size", "number", "channel", "time", "offset"],
        "formats": ["S4", "<u4", "<u4", "u1", "<u4", "<u4"],
        "offsets": [0x00, 0x04, 0x0C, 0x10, 0x18, 0x24],
        "itemsize": 56,
    }
)
"""One key frame. [A: mark, time; B: the rest]"""
_MARK = b"OFNI"
_FIRST_READ, _MOST_READ = 1 << 14, 1 << 20
_LONGEST_PAUSE_S = 10  # from one key frame of a run to the next [C]
_MOST_RUNS = 64


class Run(NamedTuple):
    """Key frames of one camera one behind the other; the nearest to the block's end first.

    extent: bytes from behind the last key frame of the run before it, as the first group of a
    former round may have lost its key frame, to where the next run of this round begins, else
    to what a group as large as its largest cannot reach, for how far the last round wrote is not
    told; first: of its first key frame, absolute; start_s, end_s: UNIX seconds of its first and
    last key frame; entry: its records in the table.
    """

    channel: int | None
    start_s: int
    end_s: int
    extent: Extent
    first: int
    entry: Extent


def runs(source: Source, block: Extent, borders: Sequence[int] = ()) -> list[Run]:
    """The runs of a block's table, from its end upwards: those written last come first.

    borders: ascending UNIX seconds at which a run ends anyway, as entries begin or end there.
    """
    table, place = _table(source, block)
    if not len(table):
        return []
    offset, time = table["offset"].astype(np.int64), table["time"].astype(np.int64)
    steps = np.diff(time)
    parted = (np.diff(offset) <= 0) | (steps < 0) | (steps > _LONGEST_PAUSE_S)
    parted |= np.diff(np.searchsorted(np.array(borders, dtype=np.int64), time, "right")) != 0
    parted |= np.diff(table["channel"].astype(np.int64)) != 0
    bounds = [0, *(np.flatnonzero(parted) + 1).tolist(), len(table)]
    found = list(_bounded(table, bounds, block, place))
    return found[:_MOST_RUNS]


def _bounded(
    table: npt.NDArray[Any], bounds: list[int], block: Extent, place: int
) -> Iterator[Run]:
    """Runs with their bytes, see `Run`."""
    offsets = table["offset"].astype(np.int64)
    finals = np.sort(offsets[np.array(bounds[1:]) - 1])
    for first, last in pairwise(bounds):
        begin, final = int(offsets[first]), int(offsets[last - 1])
        goes_on = last < len(table) and offsets[last] > final
        if goes_on and table["time"][last] >= table["time"][last - 1]:
            end = int(offsets[last])
        else:
            groups = np.diff(offsets[first:last])
            reach = final + 2 * int(groups.max()) if len(groups) else block.size
            older = offsets[last:][offsets[last:] >= reach]
            end = int(older.min()) if len(older) else place - block.start
        before = finals[: np.searchsorted(finals, begin)]
        start = int(before[-1]) + 1 if len(before) else 0
        channel = int(table["channel"][first])
        yield Run(
            channel=channel if 1 <= channel <= 64 else None,
            start_s=int(table["time"][first]),
            end_s=int(table["time"][last - 1]),
            extent=Extent(block.start + start, block.start + max(end, final + 1)),
            first=block.start + begin,
            entry=Extent(block.end - last * RECORD.itemsize, block.end - first * RECORD.itemsize),
        )


def _table(source: Source, block: Extent) -> tuple[npt.NDArray[Any], int]:
    """The records, the nearest to the block's end first, and where the table begins.

    Read as far as records stand one before the other, a mebibyte at most.
    """
    size = _FIRST_READ
    while True:
        start = max(block.end - size // RECORD.itemsize * RECORD.itemsize, block.start)
        raw, refused = read(source, Extent(start, block.end))
        whole = len(raw) // RECORD.itemsize * RECORD.itemsize
        if refused or start + len(raw) < block.end:
            return np.zeros(0, dtype=RECORD), block.end
        table = raw[len(raw) - whole :].view(RECORD)[::-1]
        fits = (table["mark"] == _MARK) & (table["size"] == RECORD.itemsize)
        fits &= (table["offset"] < block.size) & (table["time"] > 0) & (table["time"] < RECORDING)
        count = len(table) if fits.all() else int(np.argmin(fits))
        if count < len(table) or size >= _MOST_READ or start == block.start:
            return table[:count], block.end - count * RECORD.itemsize
        size *= 4


def shown_ms(source: Source, place: int) -> int | None:
    """What the recorder's own clock showed at a key frame, by the stream itself.

    Milliseconds since 1970 as the program stream map has it; None where there is none. [A:
    imkh-ps.md section 6.1]
    """
    head = source.read(place, 256) if place < source.size else b""
    place = head.find(b"\x00\x00\x01\xbc")
    stamp = head.find(b"\x40\x0eHK", place) if place >= 0 else -1
    if stamp < 0 or len(head) < stamp + 12:
        return None
    year, bits = head[stamp + 6] + 2000, int.from_bytes(head[stamp + 7 : stamp + 12], "big")
    day = np.datetime64("1970-01-01", "D")
    month, of_month = bits >> 36, bits >> 31 & 31
    hour, minute, second = bits >> 26 & 31, bits >> 20 & 63, bits >> 14 & 63
    if not (1 <= month <= 12 and 1 <= of_month <= 31 and hour < 24 and minute < 60 and second < 60):
        return None
    day = np.datetime64(f"{year:04}-{month:02}", "D") + np.timedelta64(of_month - 1, "D")
    days = int(day.astype(np.int64))
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + (bits >> 4 & 1023)
