"""The recorder's clock against that of the satellites."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from vidrecover.model import ClockOffset, Position, TimeSpan

LEAST = 5
"""Records with both times from which on an offset is told."""
_STEP_MS = 2_000  # more is another setting of the clock, when it lasts
_LARGEST_MS = 86_400_000 * 400  # a receiver that lost its week tells another year
_MOST = 200_000
_MOST_OFFSETS = 100


def offsets(positions: Iterable[Position]) -> list[ClockOffset]:
    """How far the recorder's clock was ahead of the satellites', for each span in which it did
    not jump, in order of recorder time.

    Only records with both times and a fix count: without one a receiver's clock runs on its own.
    Each is the median of its records, so that single ones that lie change nothing; of fewer
    than LEAST records none is told. Zones are part of an offset.
    """
    pairs = sorted(
        (one.recorder_ms, one.recorder_ms - one.gps_ms)
        for one in positions
        if one.gps_ms is not None
        and one.recorder_ms is not None
        and one.latitude is not None
        and abs(one.recorder_ms - one.gps_ms) < _LARGEST_MS
    )[:_MOST]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return [_told(part) for part in _parts(table) if len(part) >= LEAST][:_MOST_OFFSETS]


def _parts(table: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """Runs of records whose offset stays: a jump is one that the records behind it share."""
    start = place = 0
    while place < len(table):
        level = float(np.median(table[start : start + LEAST, 1]))
        away = np.abs(table[start:, 1] - level) > _STEP_MS
        lasting = np.convolve(away, np.ones(LEAST, dtype=np.int64), "valid") == LEAST
        jumps = np.flatnonzero(lasting)
        place = start + int(jumps[0]) if len(jumps) else len(table)
        place = max(place, start + 1)
        own = table[start:place]
        yield own[np.abs(own[:, 1] - level) <= _STEP_MS]
        start = place


def _told(part: npt.NDArray[np.int64]) -> ClockOffset:
    offset = float(np.median(part[:, 1]))
    spread = float(np.median(np.abs(part[:, 1] - offset)))
    return ClockOffset(
        span=TimeSpan(int(part[0, 0]), int(part[-1, 0])),
        offset_ms=round(offset),
        spread_ms=round(spread),
        records=len(part),
    )
