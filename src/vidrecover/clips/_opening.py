"""The first pictures of a recording, as a decoder wants them."""

from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

import numpy as np

from vidrecover import nal
from vidrecover.clips._units import Unit, Unpack, units
from vidrecover.model import Recording, Source

_MOST_UNITS = 500
"""Looked at for a whole key picture."""


class Opening(NamedTuple):
    """Access units with start codes, the first a key picture; place: where that stands."""

    place: int
    units: tuple[bytes, ...]


def opening(
    recording: Recording,
    source: Source,
    unpack: Unpack,
    *,
    count: int,
    lengths: int = 0,
    begins: Callable[[bytes], bool] = bool,
) -> Opening | None:
    """At most `count` whole pictures from the first key picture on for which `begins` is true.

    lengths: bytes of the length before each NAL unit, where the container tells. None when there
    is no such picture among the first few hundred.
    """
    tables = (unpack(one) for one in recording.segments)
    timed = ((rows, np.zeros(len(rows), dtype=np.int64)) for rows in tables)
    found: list[bytes] = []
    place = 0
    for unit in islice(units(timed, source, counted=False, progress=None), _MOST_UNITS):
        if not unit.video or unit.torn or not (unit.key or found):
            continue
        payload = _with_start_codes(unit, lengths)
        if not found and not (payload and begins(payload)):
            continue
        if not found:
            place = unit.pieces[0].offset
        found.append(payload)
        if len(found) == count:
            break
    return Opening(place, tuple(found)) if found else None


def _with_start_codes(unit: Unit, lengths: int) -> bytes:
    payload = unit.payload
    changed = nal.annexb(payload, lengths) if lengths else nal.annexb(payload)
    return payload if changed is None else changed
