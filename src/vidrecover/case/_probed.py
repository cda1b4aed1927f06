"""What a case already knows of places that a survey wants to look at."""

from collections.abc import Iterator

import msgspec
import numpy as np

from vidrecover import extents, segments
from vidrecover.case._opened import Opened
from vidrecover.model import NO_TIME, Extent, Segment
from vidrecover.survey import Probe, Sighting

_PAGE = 4096
_STEP_MS = 2000  # between two segments that go on one behind the other


class Probed:
    """Probes of earlier searches, and what was scanned before this one; a `survey.Memory`."""

    def __init__(self, case: Opened) -> None:
        self._case = case
        stored = (msgspec.json.decode(one, type=Probe) for one in case.catalogue.probes.stored())
        self._kept = {Extent(one.start, one.end): one for one in stored}
        self._scanned, self._blank = case.catalogue.scanned(), case.catalogue.blank()

    def recalled(self, place: Extent) -> Probe | None:
        """What the place shows, without reading it; None where the case does not know."""
        known = self._kept.get(place)
        if known is not None or extents.common([place], self._scanned) != [place]:
            return known
        found = self._case.catalogue.probes.segments(place)
        blank = extents.total(extents.common([place], self._blank))
        return Probe(
            *place,
            tuple(sorted(_sightings(found, place), key=lambda one: (one.start, one.first_ms))),
            is_blank=blank >= place.size // _PAGE * _PAGE,
            has_undated=any(one.start_ms is None for one in found),
        )

    def keep(self, probe: Probe) -> None:
        """Remember what was read in a place."""
        place = Extent(probe.start, probe.end)
        self._case.catalogue.probes.store(place, msgspec.json.encode(probe).decode())


def _sightings(found: list[Segment], place: Extent) -> Iterator[Sighting]:
    """The dated frames that lie wholly in a place. What the border of a unit of the scan divided
    is one again: it is no border between recordings."""
    last: dict[tuple[str, int | None, int], Sighting] = {}
    for one in found:
        rows = segments.unpack(one.rows)
        ends = rows["offset"] + rows["size"].astype(np.int64)
        inside = (rows["offset"] >= place.start) & (ends <= place.end)
        inside &= rows["time_ms"] != NO_TIME
        if not inside.any():
            continue
        times, key = rows["time_ms"][inside], (one.format, one.channel, int(one.stream))
        seen = Sighting(
            one.channel,
            int(rows["offset"][inside].min()),
            int(ends[inside].max()),
            int(times.min()),
            int(times.max()),
            one.stream,
        )
        before = last.get(key)
        if before is not None and 0 <= seen.first_ms - before.last_ms <= _STEP_MS:
            seen = seen._replace(start=before.start, first_ms=before.first_ms)
        elif before is not None:
            yield before
        last[key] = seen
    yield from last.values()
