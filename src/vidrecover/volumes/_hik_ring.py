"""Where a Hikvision recorder stands in its ring, as far as index and blocks prove it.

No write position is stored. Blocks are taken one behind the other, so what proves it is that the
times at which all of them were taken rise from one block on, once round. [C]
"""

from collections.abc import Mapping, Sequence

import numpy as np

from vidrecover.model import Extent, Ring
from vidrecover.volumes._hik_blocks import Run
from vidrecover.volumes._hik_claims import TOLERANCE_S, Entry, understood
from vidrecover.volumes._hik_tree import RECORDING, Entries

_LEAST_TAKEN = 6  # blocks that hardly lie in order of time by chance
_EMPTY = -1
_DAY_S = 86_400


def ring(
    table: Entries, runs: Mapping[int, Sequence[Run]], blocks: Sequence[Extent], formatted: int
) -> Ring | None:
    """All blocks, with the head behind the one taken last; None unless everything agrees.

    table: the listed entries; runs: by the start of their block; blocks: every block of the disk,
    one behind the other; formatted: UNIX seconds, 0 when no master sector tells: then none is
    proven. Each block must be listed, as empty or with entries that fit its table of key frames.
    Entries of before the format, key frames left of an earlier round that are newer than the
    block's own, and a block that was left open though its camera went on in another one tell of
    a clock that was set back, or of an index that is wrong.
    """
    if not 0 < formatted < RECORDING:
        return None
    own = _by_block(table, blocks)
    times = [] if own is None else _times(own, runs)
    head = _head(times)
    if own is None or head is None:
        return None
    starts = [*own][head:] + [*own][:head]
    oldest_s = min(time for time in times if time != _EMPTY)
    is_dated_before = oldest_s < formatted - _DAY_S
    left = [run for start in starts if not own[start] for run in runs.get(start, ())]
    is_newer_left = any(run.end_s > oldest_s + TOLERANCE_S for run in left)
    if is_dated_before or is_newer_left or _is_left_open([own[start] for start in starts]):
        return None
    return Ring(
        extent=Extent(blocks[0].start, blocks[-1].end),
        head=starts[0],
        block=blocks[0].size,
        lasting_ms=1000 * max(_lasting_s(entries) for entries in own.values()),
    )


def _by_block(table: Entries, blocks: Sequence[Extent]) -> dict[int, list[Entry]] | None:
    """The entries of each block, none for an empty one; None unless every block is listed so."""
    own: dict[int, list[Entry]] = {block.start: [] for block in blocks}
    for entry in understood(table, listed=True):
        if entry.block not in own:
            return None
        own[entry.block].append(entry)
    empty = set(table.rows["block"][table.rows["empty"] != 0].tolist())
    return own if all(bool(rows) != (start in empty) for start, rows in own.items()) else None


def _times(own: Mapping[int, Sequence[Entry]], runs: Mapping[int, Sequence[Run]]) -> list[int]:
    """When each block was taken, or that it is empty; none at all where one contradicts itself."""
    found: list[int] = []
    for start, entries in own.items():
        taken_s = _taken_s(entries, runs.get(start, ())) if entries else _EMPTY
        if taken_s is None:
            return []
        found.append(taken_s)
    return found


def _taken_s(entries: Sequence[Entry], runs: Sequence[Run]) -> int | None:
    """When a block was taken for what its entries list; None when they and its table disagree."""
    closed = [one for one in entries if not one.open]
    if not all(0 < one.start_s <= one.end_s for one in closed):
        return None
    if len(closed) < len(entries):
        channels = {one.channel for one in entries}
        if not runs or runs[0].channel not in channels:
            return None
        return min([runs[0].start_s, *(one.start_s for one in closed)])
    taken_s = min(one.start_s for one in closed)
    held = [any(one.holds(run, TOLERANCE_S) for one in closed) for run in runs]
    if runs and not held[0]:
        return None
    others = (run for run, is_held in zip(runs, held, strict=True) if not is_held)
    return None if any(run.end_s > taken_s + TOLERANCE_S for run in others) else taken_s


def _lasting_s(entries: Sequence[Entry]) -> int:
    """How long a block was written to, pauses counted, as far as its closed entries tell."""
    closed = [one for one in entries if not one.open]
    first_s = min((one.start_s for one in closed), default=0)
    return max((one.end_s for one in closed), default=first_s) - first_s


def _head(times: Sequence[int]) -> int | None:
    """The number of the block that comes next: the first empty one, else the oldest one."""
    taken = np.array(times, dtype=np.int64)
    before = np.roll(taken, 1)
    is_empty = taken == _EMPTY
    if np.count_nonzero(~is_empty) < _LEAST_TAKEN:
        return None
    falls = is_empty & (before != _EMPTY) if is_empty.any() else taken < before - TOLERANCE_S
    if np.count_nonzero(falls) != 1:
        return None
    head = int(np.flatnonzero(falls)[0])
    order = np.roll(taken, -head)
    order = order[order != _EMPTY]
    return None if (order < np.maximum.accumulate(order) - TOLERANCE_S).any() else head


def _is_left_open(order: Sequence[Sequence[Entry]]) -> bool:
    """Whether a block is open though its camera has a later one; order: oldest block first."""
    later: set[int | None] = set()
    for entries in reversed(order):
        if any(one.open and one.channel in later for one in entries):
            return True
        later.update(one.channel for one in entries)
    return False
