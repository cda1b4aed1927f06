"""Messages of vehicle terminals that lie on a source, told as events of a report of their own."""

from collections.abc import Iterator
from itertools import islice

from vidrecover.case._opened import Opened
from vidrecover.framings import jt808
from vidrecover.model import Extent, Source, VolumeReport

LAYOUT = "jt808"
_MOST_MESSAGES = 200_000


def store_records(case: Opened, source: Source) -> None:
    """Decode the messages that the scan found, and store their events beside the layouts'.

    They explain absence, and prove nothing by their own: they make no claims. Of more than
    200,000 messages the first are taken, by place.
    """
    places = list(islice(_places(case), _MOST_MESSAGES))
    if not places:
        return
    found = jt808.events((at.start, source.read(at.start, at.size)) for at in places)
    report = VolumeReport(
        layout=LAYOUT,
        extent=Extent(places[0].start, max(at.end for at in places)),
        claims=(),
        events=tuple(found),
        label=f"{len(places)} messages of vehicle terminals",
    )
    case.catalogue.store_volumes([*case.catalogue.volumes(), report])


def _places(case: Opened) -> Iterator[Extent]:
    for segment in case.catalogue.segments(channel=None):
        if segment.format == LAYOUT:
            rows = case.unpack(segment)
            ends = (rows["offset"] + rows["size"]).tolist()
            yield from map(Extent, rows["offset"].tolist(), ends)
