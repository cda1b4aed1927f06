"""Cells of a picture that run through digits: where pixels change as those of a clock do.

Nothing is known of the font: digits are ten patterns that follow each other in one cycle.
[B: codec-repair.md 4.1, two recorders]
"""

from collections import Counter
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]
Bits = npt.NDArray[np.bool_]

_ALIKE = 0.055
_INK = (0.08, 0.70)
_CANDIDATES = 300
_STRIP = 64  # lines
_DIGITS = 10
_MOST_PATTERNS, _MOST_CLUSTERS = 200, 40
_MOST_KINDS = 12  # that hold nine tenths of all patterns: ten digits, and what covers them
_LEAST_CHANGES = 12
_MOST_UNEVEN = 0.25  # variance of the pictures between two changes, over their mean squared
_MOST_CHANGES = 0.75  # of the steps from picture to picture, at two pictures a second


def windows(
    bits: Bits,
    inked: npt.NDArray[np.float32],
    changes: npt.NDArray[np.float32],
    width: int,
    height: int,
) -> list[tuple[int, int]]:
    """Corners of the cells that hold a letter's share of ink and change as digits do: evenly in
    time, much, and between that not at all; the likeliest first.

    inked, changes: of each pixel, the share of pictures that have it as ink, and how often it
    becomes ink or ceases to be.
    """
    size = width * height
    total = _sums(changes, width, height)
    ink = _sums(inked, width, height) / size
    fits = (ink >= _INK[0]) & (ink <= _INK[1]) & (total > _LEAST_CHANGES * _ALIKE * size)
    fits[bits.shape[1] - height + 1 :] = False
    fits[:, bits.shape[2] - width + 1 :] = False
    if not fits.any():
        return []
    score = _paces(bits, fits, total, width, height)
    best = np.argsort(score, axis=None)[::-1][:_CANDIDATES]
    rows, columns = np.unravel_index(best[score.ravel()[best] > 0], score.shape)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def _paces(
    bits: Bits, fits: Bits, total: npt.NDArray[np.float32], width: int, height: int
) -> npt.NDArray[np.float32]:
    """How much like a digit's the changes of some cells are, 0 for not at all.

    fits: the upper left corners of the cells; total: of each corner, pixels that change in all.
    Looked at in strips that stay in the processor's cache.
    """
    score = np.zeros(fits.shape, np.float32)
    for top in range(0, fits.shape[0], _STRIP):
        corners = fits[top : top + _STRIP]
        if corners.any():
            columns = np.flatnonzero(corners.any(axis=0))
            place = np.s_[top : top + _STRIP, columns[0] : columns[-1] + 1]
            around = bits[:, top : top + _STRIP + height, columns[0] : columns[-1] + width]
            paced = _paced(around, total[place], width, height)
            score[place] = np.where(fits[place], paced, 0)
    return score


def _paced(
    bits: Bits, total: npt.NDArray[np.float32], width: int, height: int
) -> npt.NDArray[np.float32]:
    """See `_paces`. bits: of a strip and what its cells reach beyond it; total: of its corners.

    All sums are of whole numbers, so that their order changes nothing.
    """
    steps, moved, squares = np.zeros((3, *total.shape), np.float32)
    first, last = np.full(total.shape, len(bits), np.float32), np.full(total.shape, -1, np.float32)
    for place, (now, before) in enumerate(zip(bits[1:], bits[:-1], strict=True)):
        apart = _sums((now != before).view(np.uint8), width, height)
        apart = apart[: total.shape[0], : total.shape[1]]
        large = apart > _ALIKE * width * height
        weight = large.astype(np.float32)
        steps += weight
        moved += apart * weight
        squares += (place - last) ** 2 * weight
        np.copyto(last, place, where=large)
        np.minimum(first, np.where(large, np.float32(place), first), out=first)
    squares -= (first + 1) ** 2  # from before the first picture to the first change
    quiet, much = moved / np.maximum(total, 1), moved / np.maximum(steps, 1)
    pace = (last - first) / np.maximum(steps - 1, 1)
    uneven = squares / np.maximum(steps - 1, 1) / np.maximum(pace, 1) ** 2 - 1
    even = (steps >= _LEAST_CHANGES) & (steps <= _MOST_CHANGES * len(bits[1:]))
    even &= uneven < _MOST_UNEVEN
    return np.where(even, quiet * quiet * much, 0)


def _sums(
    values: npt.NDArray[np.float32] | Luma, width: int, height: int
) -> npt.NDArray[np.float32]:
    """The sum of the window of that size whose upper left corner is each place."""
    border = cv2.BORDER_CONSTANT
    return cv2.boxFilter(
        values, cv2.CV_32F, (width, height), anchor=(0, 0), normalize=False, borderType=border
    ).astype(np.float32, copy=False)


class Cycle(NamedTuple):
    """labels: place in the cycle of ten for each picture, -1 for none; score: 0 to 1."""

    labels: npt.NDArray[np.int64]
    score: float


def cycle(cell: Bits, least: float) -> Cycle | None:
    """The ten patterns of a cell in their order, when they follow each other in one cycle with
    at least that score."""
    patterns = cell.reshape(len(cell), -1)
    clusters = _clusters(patterns, least)
    if clusters is None:
        return None
    counts = np.bincount(clusters[clusters >= 0])
    kept = np.flatnonzero(counts >= 0.02 * len(patterns))
    if len(kept) != 10:
        return None
    known = np.full(len(counts), -1)
    known[kept] = np.arange(10)
    labels = np.where(clusters >= 0, known[clusters], -1)
    seen = labels[labels >= 0]
    steps = Counter(
        (a, b) for a, b in zip(seen[:-1].tolist(), seen[1:].tolist(), strict=True) if a != b
    )
    total = sum(steps.values())
    if total < 12:
        return None
    following = {}
    for (a, b), _ in sorted(steps.items(), key=lambda item: item[1]):
        following[a] = b  # the commonest comes last
    order, place = [], 0
    for _ in range(10):
        order.append(place)
        place = following.get(place, -1)
        if place < 0:
            return None
    if len(set(order)) != 10 or place != 0:
        return None
    sure = sum(count for (a, b), count in steps.items() if following[a] == b) / total
    rank = np.empty(10, dtype=np.int64)
    rank[order] = np.arange(10)
    ranked = np.where(labels >= 0, rank[labels], -1)
    score = sure * len(seen) / len(labels)
    return Cycle(ranked, score) if score >= least else None


def _clusters(patterns: Bits, least: float) -> npt.NDArray[np.int64] | None:
    """A number for each pattern, alike ones the same; None when they are too many to be digits.

    What lies near to ten of the patterns is all that ten digits can be: `least` of them.
    """
    rows = np.packbits(patterns, axis=1)
    whole = rows.view(np.dtype((np.void, rows.shape[1]))).ravel()
    _, first, inverse, counts = np.unique(
        whole, return_index=True, return_inverse=True, return_counts=True
    )
    if len(first) > _MOST_PATTERNS:
        return None
    near = _apart(rows[first]) / patterns.shape[1] <= _ALIKE
    reached = np.sort(near @ counts)[-_DIGITS:].sum()
    if reached / len(patterns) < least:
        return None
    numbers, free = np.full(len(first), -1, dtype=np.int64), np.ones(len(first), dtype=bool)
    for number in range(_MOST_CLUSTERS):
        if not free.any():
            return numbers[inverse.ravel()]
        own = near[np.argmax(np.where(free, counts, 0))] & free
        numbers[own] = number
        free &= ~own
        if number == _MOST_KINDS and counts[free].sum() > 0.1 * len(patterns):
            return None
    return None


def _apart(packed: Luma) -> npt.NDArray[np.int64]:
    """In how many bits each two of some patterns differ; packed: eight bits a byte."""
    whole = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    whole[:, : packed.shape[1]] = packed
    found = np.zeros((len(packed), len(packed)), dtype=np.int64)
    for word in whole.view(np.uint64).T:
        found += np.bitwise_count(word[:, None] ^ word)
    return found


def zero(labels: npt.NDArray[np.int64], tens: Bits) -> int | None:
    """Which place of the cycle is the 0: what is seen when the cell to the left changes."""
    changed = (tens[1:] != tens[:-1]).reshape(len(tens) - 1, -1).mean(axis=1) > 2 * _ALIKE
    seen = labels[1:][changed & (labels[1:] >= 0)]
    if len(seen) < 2:
        return None
    place, count = Counter(seen.tolist()).most_common(1)[0]
    return int(place) if count >= 0.6 * len(seen) else None
