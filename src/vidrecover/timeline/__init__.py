"""Footage in time: neighbouring segments joined, and both witnesses laid side by side.

One witness is what the recorder claims, the other the frames that were found.
"""

from vidrecover.timeline._attribution import attributed, divided, parts
from vidrecover.timeline._copies import Copy, Taken, chosen
from vidrecover.timeline._joining import SHORTEST_GAP_MS, recordings
from vidrecover.timeline._numbers import Numbers, Step, Told
from vidrecover.timeline._offsets import offsets
from vidrecover.timeline._places import FILES, Shelf
from vidrecover.timeline._reuse import followers, provable_from, shows_reuse
from vidrecover.timeline._witnesses import (
    Comparison,
    Moment,
    claimed,
    compare,
    covered,
    dated_inside,
    lists,
    missing_extents,
)

__all__ = [
    "FILES",
    "SHORTEST_GAP_MS",
    "Comparison",
    "Copy",
    "Moment",
    "Numbers",
    "Shelf",
    "Step",
    "Taken",
    "Told",
    "attributed",
    "chosen",
    "claimed",
    "compare",
    "covered",
    "dated_inside",
    "divided",
    "followers",
    "lists",
    "missing_extents",
    "offsets",
    "parts",
    "provable_from",
    "recordings",
    "shows_reuse",
]
