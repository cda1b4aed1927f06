"""What a recorder's log tells of stretches of time: video loss, recording, power."""

from collections.abc import Iterable, Mapping, Sequence

from vidrecover.diagnosis._spells import MOST, Spells
from vidrecover.model import Event, EventKind, RecorderMs, TimeSpan

_SECOND_MS = 1000


def losses(
    events: Iterable[Event], shown: Mapping[int | None, Sequence[TimeSpan]]
) -> dict[int, Spells]:
    """Video loss by camera: from its log record to the signal's return, a power record, or the
    end of the log.

    Some recorders do not log the return: without it the loss lasts until the camera's next
    footage at most, and where footage goes on over its record, pictures must tell.
    """
    going: dict[int, RecorderMs] = {}
    found: dict[int, list[TimeSpan]] = {}
    records = in_order(events)
    for time_ms, event in records:
        if event.kind == EventKind.VIDEO_LOSS_START and event.channel is not None:
            going.setdefault(event.channel, time_ms)
        elif event.kind == EventKind.VIDEO_LOSS_END and event.channel in going:
            start_ms = going.pop(event.channel)
            found.setdefault(event.channel, []).append(TimeSpan(start_ms, time_ms))
        elif event.kind in (EventKind.POWER_OFF, EventKind.POWER_ON):
            for channel, start_ms in going.items():
                span = _until_shown(TimeSpan(start_ms, time_ms), shown.get(channel, ()))
                found.setdefault(channel, []).append(span)
            going.clear()
    for channel, start_ms in going.items():
        span = _until_shown(TimeSpan(start_ms, records[-1][0]), shown.get(channel, ()))
        found.setdefault(channel, []).append(span)
    return {channel: Spells(spans) for channel, spans in found.items()}


def _until_shown(loss: TimeSpan, shown: Iterable[TimeSpan]) -> TimeSpan:
    """The part of a loss before footage that begins in it or goes on over its beginning."""
    later = (s.start_ms for s in shown if s.end_ms > loss.start_ms + _SECOND_MS)
    end_ms = min((max(start, loss.start_ms) for start in later), default=loss.end_ms)
    return TimeSpan(loss.start_ms, min(end_ms, loss.end_ms))


BREAKS = frozenset(
    {
        EventKind.POWER_ON,
        EventKind.POWER_OFF,
        EventKind.DISK_ERROR,
        EventKind.DISK_FORMATTED,
        EventKind.DISK_FULL,
        EventKind.CLOCK_SET,
    }
)
"""Behind these nothing is known of a recording that the log saw begin."""


def recordings(
    events: Iterable[Event], shown: Mapping[int | None, Sequence[TimeSpan]]
) -> dict[int, Spells]:
    """When each camera was recorded, by the log: from a record that its recording starts to the
    one that it stops.

    A start without a stop counts up to the camera's last footage before the recorder lost power,
    its disk or its time: had the recording stopped before that, the log would say so.
    """
    going: dict[int, RecorderMs] = {}
    found: dict[int, list[TimeSpan]] = {}
    records = in_order(events)
    for time_ms, event in records:
        if event.kind == EventKind.RECORD_START and event.channel is not None:
            going[event.channel] = time_ms
        elif event.kind == EventKind.RECORD_STOP and event.channel in going:
            span = TimeSpan(going.pop(event.channel), time_ms)
            found.setdefault(event.channel, []).append(span)
        elif event.kind in BREAKS:
            for channel, start_ms in going.items():
                span = _up_to_the_last(TimeSpan(start_ms, time_ms), shown.get(channel, ()))
                found.setdefault(channel, []).append(span)
            going.clear()
        elif event.kind == EventKind.VIDEO_LOSS_START and event.channel is not None:
            going.pop(event.channel, None)
    for channel, start_ms in going.items():
        until_ms = max((span.end_ms for span in shown.get(channel, ())), default=start_ms)
        span = _up_to_the_last(TimeSpan(start_ms, until_ms), shown.get(channel, ()))
        found.setdefault(channel, []).append(span)
    return {channel: Spells(sorted(spans)) for channel, spans in found.items()}


def _up_to_the_last(going: TimeSpan, shown: Iterable[TimeSpan]) -> TimeSpan:
    """The part of a recording without an end before the last footage that begins in it."""
    inside = (s.start_ms for s in shown if going.start_ms <= s.start_ms < going.end_ms)
    return TimeSpan(going.start_ms, max(inside, default=going.start_ms))


def off(events: Iterable[Event]) -> Spells:
    """From a record that the power goes to the next that it is back."""
    found: list[TimeSpan] = []
    since: RecorderMs | None = None
    for time_ms, event in in_order(events):
        if event.kind == EventKind.POWER_OFF:
            since = time_ms
        elif event.kind == EventKind.POWER_ON and since is not None:
            found.append(TimeSpan(since, time_ms))
            since = None
        elif event.kind != EventKind.OTHER:
            since = None  # something was logged: the power was there
    return Spells(found if len(found) <= MOST else ())


def in_order(events: Iterable[Event]) -> list[tuple[RecorderMs, Event]]:
    """Events with a time, as they stand in the log where times are equal."""
    timed = [(e.time_ms, e.entry.start, e) for e in events if e.time_ms is not None]
    return [(time_ms, event) for time_ms, _, event in sorted(timed, key=lambda one: one[:2])]
