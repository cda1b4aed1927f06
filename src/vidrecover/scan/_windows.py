"""Windows over a source through one buffer, and what of them is blank."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from vidrecover import extents
from vidrecover.formats import MAX_FRAME_SIZE
from vidrecover.model import Extent, Source, Window

BLOCK = 4096
"""Blank bytes are told in blocks of this size."""
HISTORY = 4096
"""Bytes held before a window, and bytes at its end that may lack what is behind them."""

_OVERLAP = 1 << 20  # enough for nearly every frame and the header behind it
_WHOLE_OVERLAP = MAX_FRAME_SIZE + 4096  # enough for any
_BUFFER_SIZE = 8 << 20
_BEFORE, _BEHIND = 256 << 10, 64 << 10  # looked at around a unit, so that its border is no end


class Buffer:
    """Windows over a source through one buffer; bytes that windows share are read once."""

    def __init__(self, source: Source, window_size: int) -> None:
        self._source = source
        self._window_size = window_size
        windows = max(_BUFFER_SIZE // window_size, 1)
        room = HISTORY + windows * window_size + _OVERLAP
        self._bytes = _aligned(room)
        self._held = Extent(0, 0)
        self._refused: list[Extent] = []

    def windows(self, unit: Extent) -> Iterator[Window]:
        """The unit's windows, in order, with one before and one behind it for what lies across
        its borders; each is valid until the next is asked for."""
        size = self._source.size
        starts = list(range(unit.start, unit.end, self._window_size))
        limits = [*starts[1:], unit.end] if starts else []
        if unit.start:
            starts.insert(0, max(unit.start - _BEFORE, 0))
            limits.insert(0, unit.start)
        if unit.end < size:
            starts.append(unit.end)
            limits.append(min(unit.end + _BEHIND, size))
        wanted = min(unit.end + _BEHIND + _OVERLAP, size)
        for start, limit in zip(starts, limits, strict=True):
            end = min(limit + _OVERLAP, size)
            if not self._held.start <= start <= end <= self._held.end:
                self._fill(max(start - HISTORY, 0), wanted)
            base = start - self._held.start
            yield Window(
                offset=start,
                data=self._bytes[base : end - self._held.start],
                limit=limit - start,
                unreadable=tuple(
                    one for one in self._refused if one.end > start and one.start < end
                ),
                at_end=end == size,
            )

    def held(self, start: int, end: int) -> bytes | None:
        """The bytes of the last window or beside it; None where not all are in memory."""
        if not self._held.start <= start <= end <= self._held.end:
            return None
        return self._bytes[start - self._held.start : end - self._held.start].tobytes()

    def widened(self, window: Window, start: int) -> Window:
        """The window from `start` on, with the overlap of the largest frame, read anew."""
        limit = window.offset + window.limit
        end = min(limit + _WHOLE_OVERLAP, self._source.size)
        data = np.empty(end - start, dtype=np.uint8)
        refused = tuple(self._source.read_into(start, data))
        return Window(start, data, limit - start, refused, end == self._source.size)

    def _fill(self, start: int, wanted: int) -> None:
        """Hold the bytes from `start`, as many as fit up to `wanted`; keep what is there."""
        kept = 0
        if self._held.start <= start < self._held.end:
            kept = self._held.end - start
            first = start - self._held.start
            self._bytes[:kept] = self._bytes[first : first + kept]
            self._refused = [one for one in self._refused if one.end > start]
        else:
            self._refused = []
        end = min(start + len(self._bytes), wanted)
        if start + kept < end:
            refused = self._source.read_into(start + kept, self._bytes[kept : end - start])
            self._refused = extents.merged([*self._refused, *refused])
        self._held = Extent(start, end)


def _aligned(size: int) -> npt.NDArray[np.uint8]:
    """Room for bytes that begins with a page of memory: some processors copy what is read twice
    as fast there."""
    room = np.empty(size + BLOCK, dtype=np.uint8)
    start = -room.ctypes.data % BLOCK
    return room[start : start + size]


def blank_extents(window: Window) -> list[Extent]:
    """Runs of blocks in the window that hold one value only, unreadable zeros included."""
    data = window.data[: window.limit]
    whole = len(data) // BLOCK
    found: list[Extent] = []
    if whole:
        words = data[: whole * BLOCK].view(np.uint64)
        if words[0] == words[-1] and _one_byte(words[0]) and _alike(words):
            found.append(Extent(0, whole * BLOCK))
        else:
            blocks = words.reshape(whole, BLOCK // 8)
            middle = blocks[:, 0] == blocks[:, 255]
            likely = np.flatnonzero(middle & (blocks[:, 0] == blocks[:, -1]))
            found += [
                Extent(place * BLOCK, (place + 1) * BLOCK)
                for place in likely.tolist()
                if (blocks[place] == blocks[place, 0]).all() and _one_byte(blocks[place, 0])
            ]
    last = data[whole * BLOCK :]
    if len(last) and (last == last[0]).all():
        found.append(Extent(whole * BLOCK, len(data)))
    return extents.merged(
        Extent(window.offset + start, window.offset + end) for start, end in found
    )


def _alike(words: npt.NDArray[np.uint64]) -> bool:
    """Whether all words equal the first; zeros, the commonest by far, take one pass only."""
    if not words[0]:
        return not words.max()  # twice as fast as `any`, which makes booleans of them first
    return bool(words.max() == words.min())


def _one_byte(word: Any) -> bool:
    return int(word) == (int(word) & 0xFF) * 0x0101010101010101


def covers(blank: list[Extent], window: Window) -> bool:
    """Whether all bytes of the window up to its limit are blank."""
    end = window.offset + window.limit
    return bool(blank) and blank[-1].start <= window.offset and blank[-1].end >= end
