"""The grid of borders that pictures show which go on as another stream's."""

from collections.abc import Sequence
from math import comb, log

import numpy as np

from vidrecover.model import Extent, Grid
from vidrecover.seams._cuts import SECTOR

_SMALLEST, _LARGEST = 1 << 12, 1 << 30
_LEAST, _MOST = 6, 2048  # pictures from which a grid is told
_AGREEING_SHARE = 0.9
_SHORT_SHARE = 0.5  # larger ones lie over several borders, or hold what was overwritten
_CHANCE = log(1e-6)


def grid_of(torn: Sequence[Extent]) -> Grid | None:
    """The grid of which a border lies in each of these stretches, or None where they leave it
    open.

    torn: pictures of whose bytes the last are another stream's. The largest size for which a
    single remainder suits nearly all that are smaller, and no chance would: a long stretch holds a
    border anyway. Of very many a sample tells as much.
    """
    torn = torn[:: len(torn) // _MOST + 1]
    size = _LARGEST
    while size >= _SMALLEST and len(torn) >= _LEAST:
        short = [one for one in torn if one.size < size]
        if len(short) >= max(_SHORT_SHARE * len(torn), _LEAST):
            places = [_sectors(one) % size for one in short]
            remainders, votes = np.unique(np.concatenate(places), return_counts=True)
            most = int(votes.max(initial=0))
            told = most >= _AGREEING_SHARE * len(short) and int((votes == most).sum()) == 1
            if told and _chance(short, most, size) < _CHANCE:
                return Grid(int(remainders[votes.argmax()]), size)
        size //= 2
    return None


def _sectors(one: Extent) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Every place in a stretch where a border may lie."""
    return np.arange(one.start // SECTOR * SECTOR + SECTOR, one.end, SECTOR, dtype=np.int64)


def _chance(torn: Sequence[Extent], most: int, size: int) -> float:
    """Logarithm of how often so many stretches laid anywhere have a border of some grid."""
    shares = np.sort([one.size / size for one in torn])[::-1]
    ways = comb(len(torn), most) * (size // SECTOR)
    return log(ways) + float(np.log(shares[:most]).sum())
