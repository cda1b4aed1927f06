"""Cut frames, and the grid of borders that they show together."""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover.model import Grid, LooseEnd, RecorderMs

SECTOR = 512
"""Every border lies on a multiple of this."""
_SMALLEST_FRAGMENT, _LARGEST_FRAGMENT = 1 << 12, 1 << 30
_AGREEING_SHARE = 0.9
_LEAST_CUTS, _MOST_CUTS = 3, 2048  # from which a grid is told


class Cut(msgspec.Struct, frozen=True):
    """A run's end and the beginning that carries it on, with the size of the frame between.

    head: its bytes before the border where a claim tells that; None: a grid must.
    """

    stop: LooseEnd
    begin: LooseEnd
    size: int
    head: int | None = None

    @property
    def shift(self) -> int:
        """How much further on the source the tail stands than it would uncut."""
        return self.begin.position - self.stop.position - self.size

    @property
    def time_ms(self) -> RecorderMs | None:
        """Half way between the frames beside it, or that of the one that has a time."""
        times = [one for one in (self.stop.time_ms, self.begin.time_ms) if one is not None]
        return sum(times) // len(times) if times else None

    @property
    def borders(self) -> npt.NDArray[np.int64]:
        """Every place where the head's fragment may end."""
        first = self.stop.position // SECTOR * SECTOR + SECTOR
        return np.arange(first, self.stop.position + self.size, SECTOR)


def grid_of(cuts: Sequence[Cut]) -> Grid | None:
    """The grid that the cuts show when no layout tells it, or None when they leave it open.

    The shift of every tail is a multiple of the fragment size, and all borders have one
    remainder by it. The largest size for which a single remainder suits nearly all cuts; of
    very many cuts a sample tells as much.
    """
    cuts = cuts[:: len(cuts) // _MOST_CUTS + 1]
    size = _LARGEST_FRAGMENT
    while size >= _SMALLEST_FRAGMENT:
        fitting = [cut for cut in cuts if cut.shift % size == 0 and cut.size < size]
        if len(fitting) >= max(_AGREEING_SHARE * len(cuts), _LEAST_CUTS):
            borders = np.concatenate([cut.borders for cut in fitting])
            remainders, votes = np.unique(borders % size, return_counts=True)
            most = int(votes.max(initial=0))
            if most >= _AGREEING_SHARE * len(fitting) and int((votes == most).sum()) == 1:
                return Grid(int(remainders[votes.argmax()]), size)
        size //= 2
    return None
