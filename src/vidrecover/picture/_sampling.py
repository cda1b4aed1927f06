"""Which key pictures to look at, and how to date a change to one GOP. No pictures here."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.model import NO_TIME, PictureState

Column = npt.NDArray[Any]
Marks = npt.NDArray[np.bool_]

MINUTE_MS = 60_000
UNTIMED_STEP = 60
"""Where keys carry no time, one in so many is taken."""

NEIGHBOURS = 31
SMALL = 0.55
LARGE = 2.5
"""Sizes beyond these parts of their 31 neighbours catch the eye: cards take 2 to 8 kB where scenes
take 8 to 28. [B: codec-repair.md 8.3] Large is measured by the median, small by the upper quarter:
a signal that comes and goes would draw the median down to its cards. [C]"""


def choose(times_ms: Column, sizes: Column) -> npt.NDArray[np.int64]:
    """Indices of the key pictures of one channel worth looking at, ascending.

    times_ms: recorder time, NO_TIME where unknown; sizes: bytes; both in playing order. Taken:
    first, last, the first of every minute, and the ends of every run of keys of unusual size.
    """
    count = len(times_ms)
    if count != len(sizes):
        raise ValueError(f"{count} times but {len(sizes)} sizes")
    if not count:
        return np.zeros(0, dtype=np.int64)
    taken = _new_minute(times_ms.astype(np.int64)) | _ends(_unusual(sizes.astype(np.float64)))
    taken[[0, -1]] = True
    return np.flatnonzero(taken).astype(np.int64)


def _new_minute(times_ms: Column) -> Marks:
    """Where a minute begins that the key before was not in; without times every 60th key."""
    taken = np.zeros(len(times_ms), dtype=bool)
    dated = np.flatnonzero(times_ms != NO_TIME)
    if dated.size:
        minutes = (times_ms[dated] - times_ms[dated[0]]) // MINUTE_MS
        taken[dated[np.diff(minutes, prepend=minutes[0] - 1) != 0]] = True
    taken[np.flatnonzero(times_ms == NO_TIME)[::UNTIMED_STEP]] = True
    return taken


def _unusual(sizes: Column) -> Marks:
    around = np.pad(sizes, NEIGHBOURS // 2, mode="symmetric")
    beside = np.lib.stride_tricks.sliding_window_view(around, NEIGHBOURS)
    median, most = np.percentile(beside, (50, 75), axis=1)
    marked: Marks = (sizes < SMALL * most) | (sizes > LARGE * median)
    return marked


def _ends(marked: Marks) -> Marks:
    """The first and the last of every run of marks."""
    before = np.concatenate([[False], marked[:-1]])
    after = np.concatenate([marked[1:], [False]])
    ends: Marks = marked & ~(before & after)
    return ends


class Change(NamedTuple):
    """Between which two key pictures a state changes.

    before: index of the last key picture that still looks like the first; after: of the next
    one that does not. Neighbours (one GOP apart) unless those between cannot be decoded.
    """

    before: int
    after: int


def date_change(first: int, last: int, look: Callable[[int], PictureState]) -> Change | None:
    """Where between two key pictures the state leaves that of the first, found by halving.

    look: the state of one key picture alone, by index; called about log2(last - first) times,
    more often around pictures that are NOT_CHECKED. None when both ends look the same or one
    cannot be looked at. Raises ValueError unless first < last.
    """
    if first >= last:
        raise ValueError(f"nothing lies between {first} and {last}")
    start, end = look(first), look(last)
    if start == end or PictureState.NOT_CHECKED in (start, end):
        return None
    low, high = first, last
    while high - low > 1:
        found = _nearest_seen(low, high, look)
        if found is None:
            break
        index, state = found
        if state == start:
            low = index
        else:
            high = index
    return Change(low, high)


def _nearest_seen(
    low: int, high: int, look: Callable[[int], PictureState]
) -> tuple[int, PictureState] | None:
    """A key picture strictly between that can be looked at, as near to the middle as may be."""
    middle = (low + high) // 2
    for step in range(high - low):
        for index in dict.fromkeys((middle - step, middle + step)):
            if low < index < high and (state := look(index)) != PictureState.NOT_CHECKED:
                return index, state
    return None
