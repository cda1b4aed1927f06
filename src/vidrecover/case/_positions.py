"""Where the vehicle was: what the scan saw of receivers' records, with both clocks."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover.case._opened import Opened
from vidrecover.framings import freegps, gpsbox, jt808, nmea
from vidrecover.model import (
    NO_TIME,
    Extent,
    Media,
    Position,
    Segment,
    Source,
)

_AT_THE_END = frozenset({"garmin", "gps0"})
_MOST = 1_000_000
_LONGEST_TEXT = 2048
_BESIDE = 1 << 20  # bytes between a record and the picture that dates it at most [C]
_MOST_OPEN = 20_000  # segments whose pictures date the records between them


def store_positions(case: Opened, source: Source) -> None:
    """Decode the records of receivers that the scan found, and store them.

    Sentences that stand between the pictures of a container file were written with them: the
    recorder's time is that of the picture before; not so of boxes, which are written at the end.
    What a sentence says inside of a block or record is counted with that. Xiongmai's records stand
    before a dated key picture.
    """
    held = sorted([*_places(case, "freegps"), *_places(case, "gpsbox")])
    free = [one for one in _each(case, source, "nmea", _sentence) if not _inside(one, held)]
    free += _each(case, source, "freegps", _block)
    free += _each(case, source, "gpsbox", _records)
    found = list(_between(case, free))
    found += _reported(case, source)
    found += _informed(case, source)
    if found or case.catalogue.positions.stored():
        case.catalogue.positions.store(islice(found, _MOST))


_Decode = Callable[[Source, Extent], Iterable[Position]]


def _each(case: Opened, source: Source, name: str, decode: _Decode) -> Iterator[Position]:
    """What the records of a format say, by place."""
    for at in _places(case, name):
        yield from decode(source, at)


def _places(case: Opened, name: str) -> Iterator[Extent]:
    for segment in islice(case.catalogue.positions.records(name), _MOST):
        rows = case.unpack(segment)
        ends = rows["offset"] + rows["size"].astype(np.int64)
        yield from map(Extent, rows["offset"].tolist(), ends.tolist())


def _sentence(source: Source, at: Extent) -> Iterator[Position]:
    first = max(at.start - nmea.PREFIX, 0)
    raw = source.read(first, at.end - first)
    size = at.start - first
    return nmea.positions([(at.start, raw[:size], raw[size:])])


def _block(source: Source, at: Extent) -> Iterator[Position]:
    found = freegps.decoded(source.read(at.start, freegps.SIZE), at)
    if found is not None:
        yield found


def _records(source: Source, at: Extent) -> Iterator[Position]:
    yield from gpsbox.positions(source.read(at.start, at.size), at.start)


def _inside(one: Position, held: list[Extent]) -> bool:
    """Whether a record stands in one of the extents, which are in order."""
    place = bisect_right(held, one.entry.start, key=lambda extent: extent.start)
    return place > 0 and one.entry.start < held[place - 1].end


def _reported(case: Opened, source: Source) -> Iterator[Position]:
    places = _places(case, "jt808")
    return jt808.positions((at.start, source.read(at.start, at.size)) for at in places)


def _between(case: Opened, found: list[Position]) -> Iterator[Position]:
    """The records, those inside of container files with the time of the picture before them."""
    if not found:
        return
    dated = [
        one
        for one in islice(case.catalogue.segments(channel=None), _MOST_OPEN)
        if one.track is not None and one.start_ms is not None and one.frames
    ]
    dated.sort(key=lambda one: one.start)
    starts = np.array([one.start for one in dated], dtype=np.int64)
    tables: dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}
    for one in found:
        place = int(np.searchsorted(starts, one.entry.start, "right")) - 1
        if one.recorder_ms is not None or one.kind in _AT_THE_END or place < 0:
            yield one
            continue
        segment = dated[place]
        if one.entry.start - segment.end > _BESIDE:
            yield one
            continue
        if place not in tables:
            tables[place] = _times(case, segment)
        offsets, times = tables[place]
        row = int(np.searchsorted(offsets, one.entry.start, "right")) - 1
        shown = int(times[row]) if row >= 0 else NO_TIME
        yield one if shown == NO_TIME else msgspec.structs.replace(one, recorder_ms=shown)


def _times(case: Opened, segment: Segment) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Places and times of a segment's rows, by place."""
    rows = case.unpack(segment)
    order = np.argsort(rows["offset"], kind="stable")
    return rows["offset"][order], rows["time_ms"][order]


def _informed(case: Opened, source: Source) -> Iterator[Position]:
    """The records in Xiongmai's vehicle information, with the date of the key picture behind."""
    for segment in case.catalogue.segments(channel=None):
        if segment.format != "xm":
            continue
        rows = case.unpack(segment)
        keys = np.flatnonzero((rows["kind"] == Media.KEY) & (rows["time_ms"] != NO_TIME))
        told = np.flatnonzero(rows["kind"] == Media.DATA)
        for row in told.tolist():
            at = int(rows["offset"][row])
            text = source.read(at, min(int(rows["size"][row]), _LONGEST_TEXT))
            place = max(text.find(b"$G"), 0)
            one = nmea.position(text[place:], Extent(at, at + len(text)), kind="xm")
            if one is None:
                continue
            following = int(np.searchsorted(keys, row))
            if following < len(keys):
                time_ms = int(rows["time_ms"][keys[following]])
                one = msgspec.structs.replace(one, recorder_ms=time_ms)
            yield one
