"""Runs of source bytes: what the rows of a recording are made of, in playing order.

A run is contiguous on the source and of one kind. It is a row of `fragments.csv`; the master is
all of them one behind the other.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.extents import merged
from vidrecover.model import Extent, FrameFlag, Frames, Media, Source

HEADER, VIDEO, AUDIO = range(3)
KINDS = ("header", "video", "audio")
"""Words for the bytes of a run; header: all that is neither picture nor sound, trailers too."""

RUN_DTYPE = np.dtype(
    [
        ("offset", "<i8"),  # absolute on the source
        ("length", "<i8"),
        ("kind", "u1"),  # index into KINDS
        ("first", "<i8"),  # number of the first frame with bytes in it, from 1
        ("last", "<i8"),
    ]
)

Runs = npt.NDArray[Any]
"""A structured array of RUN_DTYPE."""

STRETCH = 4 << 20
"""Bytes read at once, and the longest piece of a run in memory."""
_BRIDGED = 64 << 10  # bytes between two runs that are cheaper to read than to seek over


class Count(NamedTuple):
    """Counts over the frames of rows: of every kind, pictures, key pictures, sounds."""

    frames: int = 0
    pictures: int = 0
    keys: int = 0
    sounds: int = 0

    def plus(self, other: "Count") -> "Count":
        """Both together."""
        return Count(*(one + more for one, more in zip(self, other, strict=True)))


def counted(rows: Frames) -> Count:
    """How many frames begin in the rows."""
    kinds = rows["kind"][(rows["flags"] & FrameFlag.CONTINUES) == 0]
    video = int(np.isin(kinds, (Media.KEY, Media.DELTA)).sum())
    keys, sounds = int((kinds == Media.KEY).sum()), int((kinds == Media.AUDIO).sum())
    return Count(len(kinds), video, keys, sounds)


def runs(tables: Iterable[Frames], size: int) -> Iterator[Runs]:
    """The runs of the rows, some thousands at a time; size: of the source, where rows end."""
    numbers = np.zeros(2, dtype=np.int64)  # last frame begun: not video, video
    highest = 0
    held = np.zeros(0, dtype=RUN_DTYPE)
    for rows in tables:
        pieces, highest = _pieces(rows, numbers, highest, size)
        found = _joined(np.concatenate([held, pieces]))
        if len(found) > 1:
            yield found[:-1]
        held = found[-1:]
    if len(held):
        yield held


def _pieces(
    rows: Frames, numbers: npt.NDArray[np.int64], highest: int, size: int
) -> tuple[Runs, int]:
    """Header, payload and trailer of each row, empty ones left out; and the last frame's number.

    numbers: of the frame that a continuing row carries on, by medium; changed in place.
    """
    begins = (rows["flags"] & FrameFlag.CONTINUES) == 0
    if highest == 0 and len(rows):
        begins = begins.copy()
        begins[0] = True
    count = highest + np.cumsum(begins)
    own = np.zeros(len(rows), dtype=np.int64)
    video = np.isin(rows["kind"], (Media.KEY, Media.DELTA))
    for place, mine in enumerate((~video, video)):
        started = np.where(begins[mine], count[mine], 0)
        known = np.maximum.accumulate(np.append(numbers[place], started))
        own[mine] = known[1:]
        numbers[place] = known[-1]
    own = np.where(own == 0, count, own)
    start = np.minimum(rows["offset"], size)
    end = np.minimum(start + rows["size"], size)
    first = np.minimum(start + rows["payload_offset"], end)
    behind = np.minimum(first + rows["payload_size"], end)
    kind = np.where(video, VIDEO, np.where(rows["kind"] == Media.AUDIO, AUDIO, HEADER))
    found = np.zeros((len(rows), 3), dtype=RUN_DTYPE)
    found["offset"] = np.stack([start, first, behind], axis=1)
    found["length"] = np.stack([first - start, behind - first, end - behind], axis=1)
    found["kind"][:, 1] = kind
    found["first"] = found["last"] = own[:, None]
    flat = found.reshape(-1)
    return flat[flat["length"] > 0], int(count[-1]) if len(rows) else highest


def _joined(pieces: Runs) -> Runs:
    """The pieces, neighbours of one kind that touch on the source in one."""
    if len(pieces) < 2:
        return pieces
    ends = pieces["offset"] + pieces["length"]
    apart = (pieces["offset"][1:] != ends[:-1]) | (pieces["kind"][1:] != pieces["kind"][:-1])
    starts = np.append(0, np.flatnonzero(apart) + 1)
    found: Runs = pieces[starts]
    found["length"] = np.add.reduceat(pieces["length"], starts)
    found["first"] = np.minimum.reduceat(pieces["first"], starts)
    found["last"] = np.maximum.reduceat(pieces["last"], starts)
    return found


Bytes = bytes | memoryview


class Group(NamedTuple):
    """Bytes of runs that follow each other: whole runs, or a piece of one long run.

    places: of each run in data; whole: all of them one behind the other; ends: false where the
    piece is not the last of its run. The bytes are valid until the next group.
    """

    data: memoryview
    places: list[tuple[int, int]]
    whole: Bytes
    ends: bool


class _Stretch(NamedTuple):
    """What is read at once: bytes of the source for runs [first, first + many)."""

    start: int
    size: int
    first: int
    many: int


def read(found: Runs, source: Source, refused: list[Extent]) -> Iterator[Group]:
    """The bytes of the runs in order, at most STRETCH at a time.

    refused: gets what the device would not give; those bytes are zeros.
    """
    buffer = np.empty(STRETCH, dtype=np.uint8)
    held, filled = list[_Stretch](), 0
    for one in _stretches(found["offset"], found["length"]):
        if held and filled + one.size > STRETCH:
            yield _group(found, held, buffer)
            held, filled = [], 0
        if one.size > STRETCH:
            yield from _long(one, source, buffer, refused)
            continue
        refused += _read(source, one.start, buffer[filled : filled + one.size])
        held.append(one)
        filled += one.size
    if held:
        yield _group(found, held, buffer)


def _group(found: Runs, held: list[_Stretch], buffer: npt.NDArray[np.uint8]) -> Group:
    """The runs of stretches that stand one behind the other in the buffer."""
    starts, sizes, firsts, counts = np.array(held, dtype=np.int64).T
    runs = found[int(firsts[0]) : int(firsts[-1] + counts[-1])]
    moved = np.repeat(np.cumsum(sizes) - sizes - starts, counts)
    offsets = runs["offset"] + moved
    ends, view = offsets + runs["length"], buffer.data
    places = list(zip(offsets.tolist(), ends.tolist(), strict=True))
    apart = np.flatnonzero(offsets[1:] != ends[:-1]) + 1
    if not len(apart):
        return Group(view, places, view[int(offsets[0]) : int(ends[-1])], True)
    pieces = zip(
        offsets[np.append(0, apart)].tolist(),
        ends[np.append(apart - 1, len(ends) - 1)].tolist(),
        strict=True,
    )
    return Group(view, places, b"".join([view[a:b] for a, b in pieces]), True)


def digests(groups: Iterable[Group], sink: Callable[[Bytes], None]) -> list[str]:
    """SHA-256 of each run, hexadecimal; sink: gets all bytes in order."""
    sha256, found, long = hashlib.sha256, list[str](), None
    for group in groups:
        if group.ends and long is None:
            # A list of all parts would be looked through by the collector of garbage.
            data = group.data
            found += [sha256(data[start:end]).hexdigest() for start, end in group.places]
        else:
            long = sha256() if long is None else long
            long.update(group.whole)
            if group.ends:
                found.append(long.hexdigest())
                long = None
        sink(group.whole)
    return found


def _read(source: Source, start: int, into: npt.NDArray[np.uint8]) -> list[Extent]:
    return source.read_into(start, into) if len(into) else []


def _long(
    one: _Stretch, source: Source, buffer: npt.NDArray[np.uint8], refused: list[Extent]
) -> Iterator[Group]:
    """A run that is longer than a stretch."""
    for done in range(0, one.size, STRETCH):
        part = buffer[: min(STRETCH, one.size - done)]
        refused += _read(source, one.start + done, part)
        yield Group(part.data, [(0, len(part))], part.data, done + len(part) == one.size)


def _stretches(
    offsets: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> Iterator[_Stretch]:
    """Runs that are read at once: those of rising places with little between them."""
    if not len(offsets):
        return
    ends = offsets + lengths
    between = offsets[1:] - ends[:-1]
    apart = (between < 0) | (between > _BRIDGED)
    edges = [0, *(np.flatnonzero(apart) + 1).tolist(), len(offsets)]
    for first, end in pairwise(edges):
        place = first
        while place < end:
            start = int(offsets[place])
            stop = end
            if int(ends[end - 1]) - start > STRETCH:
                fits = int(np.searchsorted(ends[place:end], start + STRETCH, "right"))
                stop = place + max(fits, 1)
            yield _Stretch(start, int(ends[stop - 1]) - start, place, stop - place)
            place = stop


def within(found: Runs, refused: Iterable[Extent]) -> list[Extent]:
    """The refused bytes that belong to the runs, merged and ordered; the rest was bridged."""
    hit: list[Extent] = []
    ends = found["offset"] + found["length"]
    for bad in merged(refused):
        touched = np.flatnonzero((found["offset"] < bad.end) & (ends > bad.start))
        hit += [
            Extent(max(bad.start, int(found["offset"][i])), min(bad.end, int(ends[i])))
            for i in touched.tolist()
        ]
    return merged(hit)


class Places:
    """Counts the places on the source that runs make up: those that touch are one."""

    def __init__(self) -> None:
        self.count, self._end = 0, -1

    def add(self, found: Runs) -> None:
        """The next runs, in playing order."""
        if len(found):
            ends = found["offset"] + found["length"]
            before = np.append(self._end, ends[:-1])
            self.count += int((found["offset"] != before).sum())
            self._end = int(ends[-1])
