"""Loose ends: where unbroken runs of frames stop and begin without a neighbour."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vidrecover.formats import Format
from vidrecover.model import NO_CHANNEL, NO_SEQUENCE, NO_TIME, Codec, Frames, LooseEnd
from vidrecover.segments._pieces import numbers_of

Column = npt.NDArray[Any]


class Edges(Protocol):
    """The bytes beside a position."""

    def __call__(self, position: int, *, after: bool) -> bytes:
        """At most EDGE_SIZE bytes behind the position, or before it."""
        ...


def loose_places(rows: Frames) -> tuple[Column, Column]:
    """Indices of the rows behind which, and of those before which, no row of their format is.

    rows: ordered by offset.
    """
    stops, begins = [], []
    for number in numbers_of(rows):
        own = np.flatnonzero(rows["format"] == number)
        starts = rows["offset"][own]
        apart = np.flatnonzero(starts[1:] != (starts + rows["size"][own])[:-1])
        stops.append(own[np.append(apart, len(own) - 1)])
        begins.append(own[np.append(0, apart + 1)])
    nothing = np.zeros(0, dtype=np.int64)
    return np.concatenate([nothing, *stops]), np.concatenate([nothing, *begins])


def loose_ends(
    rows: Frames, times: Column, formats: Sequence[Format], edges: Edges, *, most: int
) -> list[LooseEnd]:
    """Where unbroken runs of frames of one format stop and begin, in place order.

    rows: of a unit, ordered by offset; times: their resolved RecorderMs. A run that goes on in
    the next unit shows as an end and a beginning at one position; `uncancelled` drops those.
    most: of more, which come of hostile bytes only, these are the first.
    """
    stops, begins = loose_places(rows)
    places = np.append(stops, begins)
    after = np.append(np.ones(len(stops), dtype=bool), np.zeros(len(begins), dtype=bool))
    positions = rows["offset"][places] + np.where(after, rows["size"][places], 0)
    order = np.lexsort((after, positions))[:most]
    chosen = rows.take(places[order])
    columns = (
        after[order],
        positions[order],
        times[places[order]],
        *(chosen[name] for name in ("format", "channel", "codec", "sequence")),
    )
    return [
        LooseEnd(
            after=is_after,
            position=position,
            format=formats[number].name,
            channel=None if channel == NO_CHANNEL else channel,
            codec=Codec(codec),
            sequence=None if sequence == NO_SEQUENCE else sequence,
            time_ms=None if time_ms == NO_TIME else time_ms,
            edge=edges(position, after=is_after),
        )
        for is_after, position, time_ms, number, channel, codec, sequence in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def uncancelled(ends: Sequence[LooseEnd]) -> list[LooseEnd]:
    """The ends without those at which a run of the same format goes on."""
    stops = {(one.format, one.position) for one in ends if one.after}
    begins = {(one.format, one.position) for one in ends if not one.after}
    both = stops & begins
    return [one for one in ends if (one.format, one.position) not in both]
