"""The first pictures of a recording, as a decoder wants them."""

from collections.abc import Callable, Iterator
from itertools import dropwhile, islice
from typing import NamedTuple

import numpy as np

from vidrecover import nal
from vidrecover.clips._stretches import Stretches
from vidrecover.clips._units import Unit, Unpack, units
from vidrecover.model import Media, Recording, Source

_MOST_UNITS = 500
"""Looked at for a whole key picture."""


class Coded(NamedTuple):
    """A whole picture; place: where its first byte stands; unit: with start codes."""

    place: int
    key: bool
    unit: bytes


class Opening(NamedTuple):
    """Access units with start codes, the first a key picture; place: where that stands."""

    place: int
    units: tuple[bytes, ...]


def pictures(
    recording: Recording,
    source: Source,
    unpack: Unpack,
    *,
    lengths: int = 0,
    keys_only: bool = False,
) -> Iterator[Coded]:
    """The whole pictures of a recording in order of storage, from the first key picture on.

    lengths: bytes of the length before each NAL unit, where the container tells.
    """
    tables = (unpack(one) for one in recording.segments)
    if keys_only:
        tables = (rows.compress(rows["kind"] == Media.KEY) for rows in tables)
    timed = ((rows, np.zeros(len(rows), dtype=np.int64)) for rows in tables)
    begun = False
    for unit in units(timed, Stretches(source), counted=False, progress=None):
        if not unit.video or unit.torn or not (unit.key or begun):
            continue
        begun = True
        yield Coded(unit.pieces[0].offset, unit.key, _with_start_codes(unit, lengths))


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

    None when there is no such picture among the first few hundred.
    """
    looked = islice(pictures(recording, source, unpack, lengths=lengths), _MOST_UNITS)
    rest = dropwhile(lambda one: not (one.key and one.unit and begins(one.unit)), looked)
    found = list(islice(rest, count))
    return Opening(found[0].place, tuple(one.unit for one in found)) if found else None


def _with_start_codes(unit: Unit, lengths: int) -> bytes:
    payload = unit.payload
    changed = nal.annexb(payload, lengths) if lengths else nal.annexb(payload)
    return payload if changed is None else changed
