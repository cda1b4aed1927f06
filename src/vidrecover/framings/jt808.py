"""JT/T 808 messages: what vehicle terminals report of positions, alarms and stored footage.

Byte facts: jt808.md sections 1 to 3, jt1078.md sections 7 and 8, with their marks. A message is
proven by its checksum, its stated length and a decimal terminal number.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.model import (
    NO_TIME,
    Event,
    EventKind,
    Extent,
    FrameFlag,
    Frames,
    Media,
    Position,
    RecorderMs,
    Window,
    no_frames,
)

FLAG = 0x7E
MAX_SIZE = 2400
"""Bytes of the longest message with everything in it escaped."""
_LEAST = 13
_MOST_CANDIDATES = 50_000  # of one window that are looked at, hostile bytes or not
_POSITION, _BATCH, _LIST = 0x0200, 0x0704, 0x1205
_LOSS, _COVERED, _STORAGE = 0x15, 0x16, 0x17
_MOST_CHANNELS = 32
_RECORD = 28
_GMT8_MS = 8 * 3_600_000


class Message(NamedTuple):
    """A message as decoded; terminal: its number as digits."""

    number: int
    terminal: str
    serial: int
    body: bytes


class Report(NamedTuple):
    """A position report; lost, covered: cameras from 1 without a signal, or covered; storage: any
    store has failed."""

    time_ms: RecorderMs | None
    ignition: bool
    power_lost: bool
    lost: frozenset[int]
    covered: frozenset[int]
    storage: bool


def frames(window: Window, candidates: npt.NDArray[np.int64]) -> Frames:
    """One row a message, without the flag that ends it, for the next one may share that.

    candidates: where a flag with a known message number stands. Of a message whose end lies
    behind the window the row is OVERRUN.
    """
    kept: list[tuple[int, int, int, int]] = []
    for start in candidates[candidates < window.limit].tolist()[:_MOST_CANDIDATES]:
        reach = window.data[start + 1 : start + MAX_SIZE + 1].tobytes()
        size = reach.find(FLAG) + 1
        if not size:
            if len(reach) < MAX_SIZE and not window.at_end:
                kept.append((start, MAX_SIZE, NO_TIME, int(FrameFlag.OVERRUN)))
            continue
        message = decoded(window.data[start : start + size].tobytes()) if size >= _LEAST else None
        if message is not None:
            kept.append((start, size, _dated(message), 0))
    rows = no_frames(len(kept))
    if kept:
        columns = np.array(kept, dtype=np.int64).T
        rows["offset"] = columns[0] + window.offset
        rows["size"], rows["time_ms"], rows["flags"] = columns[1], columns[2], columns[3]
        rows["payload_offset"], rows["payload_size"] = 1, columns[1] - 1
        rows["kind"] = Media.DATA
    return rows


def decoded(raw: bytes) -> Message | None:
    """The message from its first flag to its checksum, escaped as stored, or None. [A]"""
    data = raw[1:].replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
    if len(data) < _LEAST or int(np.bitwise_xor.reduce(np.frombuffer(data, np.uint8))):
        return None
    properties = int.from_bytes(data[2:4], "big")
    newer, parted = properties >> 14 & 1, properties >> 13 & 1
    digits = data[5:15] if newer else data[4:10]
    head = (17 if newer else 12) + 4 * parted
    if len(data) != head + (properties & 0x3FF) + 1 or not digits.hex().isdecimal():
        return None
    serial = int.from_bytes(data[head - 4 * parted - 2 : head - 4 * parted], "big")
    return Message(int.from_bytes(data[:2], "big"), digits.hex(), serial, data[head:-1])


def _dated(message: Message) -> int:
    time = position(message.body).time_ms if message.number == _POSITION else None
    return NO_TIME if time is None else time


def position(body: bytes) -> Report:
    """A position body, and the video alarms behind it. [A]"""
    alarm, status = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
    items = dict(_items(body[28:]))
    return Report(
        time_ms=_time(body[22:28]),
        ignition=bool(status & 1),
        power_lost=bool(alarm >> 8 & 1),
        lost=_channels(items.get(_LOSS, b"")),
        covered=_channels(items.get(_COVERED, b"")),
        storage=any(items.get(_STORAGE, b"")),
    )


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 2 <= len(data) and place + 2 + data[place + 1] <= len(data):
        yield data[place], data[place + 2 : place + 2 + data[place + 1]]
        place += 2 + data[place + 1]


def _channels(mask: bytes) -> frozenset[int]:
    bits = int.from_bytes(mask[:4], "big")
    return frozenset(n + 1 for n in range(_MOST_CHANNELS) if bits >> n & 1)


def _time(digits: bytes) -> RecorderMs | None:
    """A date of six pairs of decimal digits, from the year on; None for an impossible one."""
    text = digits.hex()
    if len(text) != 12 or not text.isdecimal():
        return None
    fields = (np.array([int(text[at : at + 2])]) for at in range(0, 12, 2))
    year, *rest = fields
    value = int(clock.dates(year + 2000, *rest)[0])
    return None if value == NO_TIME else value


def events(messages: Iterable[tuple[int, bytes]]) -> list[Event]:
    """What messages tell of cameras, power and storage, in order of time.

    messages: place and bytes of each, as `frames` found them. Of positions only changes are told;
    a batch of old positions counts at their own times. Times are the terminal's own. [A]
    """
    found: list[Event] = []
    reports: list[tuple[str, RecorderMs, int, int, Report]] = []
    for place, raw in messages:
        message = decoded(raw)
        if message is None:
            continue
        entry = Extent(place, place + len(raw))
        if message.number == _LIST:
            found += _listed(message, entry)
        for body in _positions(message):
            one = position(body)
            if len(body) >= 28 and one.time_ms is not None:
                reports.append((message.terminal, one.time_ms, place, len(raw), one))
    before: dict[str, Report] = {}
    for terminal, _, place, size, one in sorted(reports, key=lambda report: report[:3]):
        found += _changes(before.get(terminal), one, Extent(place, place + size))
        before[terminal] = one
    return sorted(found, key=lambda event: (event.time_ms or 0, event.entry))


def positions(messages: Iterable[tuple[int, bytes]]) -> Iterator[Position]:
    """Where terminals say that they were: latitude, longitude in millionths of a degree, speed in
    tenths of km/h, course; status bits 1: there is a fix, 2: south, 3: west. [A: jt808.md 3]

    messages: place and bytes of each. Times are eight hours ahead of UTC, by the satellites
    where there is a fix.
    """
    for place, raw in messages:
        message = decoded(raw)
        for body in _positions(message) if message is not None else ():
            if len(body) < 28 or not body[7] & 2:
                continue
            time_ms = _time(body[22:28])
            latitude, longitude = (int.from_bytes(body[at : at + 4], "big") for at in (8, 12))
            if time_ms is None or latitude > 90_000_000 or longitude > 180_000_000:
                continue
            speed, course = (int.from_bytes(body[at : at + 2], "big") for at in (18, 20))
            yield Position(
                kind="jt808",
                gps_ms=time_ms - _GMT8_MS,
                latitude=latitude / (-1e6 if body[7] & 4 else 1e6),
                longitude=longitude / (-1e6 if body[7] & 8 else 1e6),
                speed_kmh=speed / 10,
                course=float(course) if course <= 360 else None,
                entry=Extent(place, place + len(raw)),
            )


def _positions(message: Message) -> Iterator[bytes]:
    if message.number == _POSITION:
        yield message.body
    elif message.number == _BATCH:
        place = 3
        while place + 2 <= len(message.body):
            size = int.from_bytes(message.body[place : place + 2], "big")
            yield message.body[place + 2 : place + 2 + size]
            place += 2 + size


def _changes(before: Report | None, now: Report, entry: Extent) -> Iterator[Event]:
    """Events for what differs from the report before; with none, for what is not as usual."""

    def event(kind: EventKind, text: str, channel: int | None = None) -> Event:
        return Event(
            kind=kind, time_ms=now.time_ms, channel=channel, code=None, text=text, entry=entry
        )

    lost = before.lost if before is not None else frozenset[int]()
    covered = before.covered if before is not None else frozenset[int]()
    for channel in sorted(now.lost - lost):
        yield event(EventKind.VIDEO_LOSS_START, "the terminal reports video loss", channel)
    for channel in sorted(lost - now.lost):
        yield event(EventKind.VIDEO_LOSS_END, "the terminal reports the signal back", channel)
    for channel in sorted(now.covered - covered):
        yield event(EventKind.OTHER, "the terminal reports a covered camera", channel)
    if now.storage and not (before is not None and before.storage):
        yield event(EventKind.DISK_ERROR, "the terminal reports a failed storage")
    if now.power_lost and not (before is not None and before.power_lost):
        yield event(EventKind.OTHER, "the terminal reports that its main power is lost")
    if before is not None and now.ignition != before.ignition:
        yield event(EventKind.OTHER, "ignition on" if now.ignition else "ignition off")


def _listed(message: Message, entry: Extent) -> Iterator[Event]:
    """What a terminal lists as stored: one event a record, at its begin. [A: jt1078.md 8.1]"""
    records = message.body[6:]
    for place in range(0, len(records) - _RECORD + 1, _RECORD):
        one = records[place : place + _RECORD]
        start, end = _time(one[1:7]), _time(one[7:13])
        if start is None or end is None or not 1 <= one[0] <= 64:
            return
        size = int.from_bytes(one[24:28], "big")
        yield Event(
            kind=EventKind.OTHER,
            time_ms=start,
            channel=one[0],
            code=message.number,
            text=f"the terminal lists footage until {clock.spoken(end)}, {size} bytes",
            entry=entry,
        )
