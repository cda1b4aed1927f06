"""Where a vehicle was, by its satellite receiver, and what two clocks showed then."""

import msgspec

from vidrecover.model._source import Extent
from vidrecover.model._time import RecorderMs, TimeSpan


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A record of a receiver. kind: what it was read from, as `nmea`.

    gps_ms: by the satellites' clock, in UTC, milliseconds since 1970; recorder_ms: what the
    recorder's own clock showed then; latitude, longitude: degrees, north and east positive, None
    without a fix; speed_kmh, course: degrees from north; entry: where it stands on the source.
    """

    kind: str
    gps_ms: int | None = None
    recorder_ms: RecorderMs | None = None
    latitude: float | None = None
    longitude: float | None = None
    speed_kmh: float | None = None
    course: float | None = None
    entry: Extent


class ClockOffset(msgspec.Struct, frozen=True, kw_only=True):
    """The recorder's clock minus the satellites' over a span of recorder time, in milliseconds.

    A zone is part of it. spread_ms: half of the records differ by no more from it; records: how
    many have both times.
    """

    span: TimeSpan
    offset_ms: int
    spread_ms: int
    records: int
