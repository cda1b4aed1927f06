"""JT/T 808 messages: what vehicle terminals report of positions, alarms, footage and settings.

Byte facts: jt808.md sections 1 to 4, jt1078.md sections 6 to 8, with their marks. A message is
proven by its checksum, its stated length and a decimal terminal number.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.framings import _jt808_settings
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
_MOST_PARTS = 20_000  # of messages in parts that are kept at once: 20 MB
_SETTINGS, _POSITION, _BATCH, _LIST = 0x0104, 0x0200, 0x0704, 0x1205
_LOSS, _COVERED, _STORAGE = 0x15, 0x16, 0x17
_MOST_CHANNELS = 32
_RECORD = 28
_GMT8_MS = 8 * 3_600_000


class Message(NamedTuple):
    """A message as decoded; terminal: its number as digits; part: from 1, of a message in `parts`
    parts, each with a header of its own."""

    number: int
    terminal: str
    serial: int
    body: bytes
    parts: int = 1
    part: int = 1


class Whole(NamedTuple):
    """A message with the bodies of all its parts; entry: its first part that is there; short: how
    it lacks parts, in words, or None. Then its body ends before the first that is missing."""

    message: Message
    entry: Extent
    short: str | None = None


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
    fields = head - 4 * parted
    number, serial = (int.from_bytes(data[at : at + 2], "big") for at in (0, fields - 2))
    message = Message(number, digits.hex(), serial, data[head:-1])
    if not parted:
        return message
    parts, part = (int.from_bytes(data[at : at + 2], "big") for at in (fields, fields + 2))
    return message._replace(parts=parts, part=part) if 1 <= part <= parts else None


def wholes(messages: Iterable[tuple[int, bytes]]) -> Iterator[Whole]:
    """Messages, those in parts put together: their bodies are cut anywhere, their serials rise by
    one a part. [A: jt808.md 1]

    messages: place and bytes of each. What came in parts comes last. A part that is there twice
    counts once, with two contents it counts as missing: serials begin again after 65,536
    messages. Of more than 20,000 parts the others count as missing.
    """
    groups: dict[tuple[str, int, int, int], dict[int, list[tuple[bytes, Extent]]]] = {}
    room = _MOST_PARTS
    for place, raw in messages:
        message = decoded(raw)
        if message is None:
            continue
        entry = Extent(place, place + len(raw))
        if message.parts == 1:
            yield Whole(message, entry)
            continue
        first = (message.serial - message.part + 1) & 0xFFFF
        key = (message.terminal, message.number, first, message.parts)
        seen = groups.setdefault(key, {}).setdefault(message.part, [])
        if room and len(seen) < 2 and message.body not in (body for body, _ in seen):
            seen.append((message.body, entry))
            room -= 1
    for (terminal, number, first, parts), there in groups.items():
        if any(there.values()):
            yield _together(Message(number, terminal, first, b"", parts), there)


def _together(message: Message, there: dict[int, list[tuple[bytes, Extent]]]) -> Whole:
    """A message of its parts, each with its contents, up to the first that is not clear."""
    clear = {part: seen[0][0] for part, seen in there.items() if len(seen) == 1}
    bodies: list[bytes] = []
    while len(bodies) + 1 in clear:
        bodies.append(clear[len(bodies) + 1])
    entry = next(seen[0][1] for _, seen in sorted(there.items()) if seen)
    short = None
    if len(bodies) < message.parts:
        short = (
            f"message {message.number:04X} came in {message.parts} parts; found: {len(clear)}; "
            f"read, from the first on: {len(bodies)}"
        )
    return Whole(message._replace(body=b"".join(bodies)), entry, short)


def _dated(message: Message) -> int:
    alone = message.number == _POSITION and message.parts == 1
    time = position(message.body).time_ms if alone else None
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
    """What messages tell of cameras, power, storage and settings, in order of time.

    messages: place and bytes of each, as `frames` found them. Of positions only changes are told,
    of settings each value once, without a time, for they carry none; a batch of old positions
    counts at their own times. Times are the terminal's own. [A] What lacks parts is told, too.
    """
    found: list[Event] = []
    reports: list[tuple[str, RecorderMs, Extent, Report]] = []
    settings: set[tuple[str, int, bytes]] = set()
    for whole in wholes(messages):
        message, entry, short = whole
        if short is not None:
            found.append(_plain(message.number, short, entry))
        if message.number == _LIST:
            found += _listed(whole)
        elif message.number == _SETTINGS:
            for number, value in _jt808_settings.items(message.body):
                if (message.terminal, number, value) not in settings:
                    settings.add((message.terminal, number, value))
                    found += _jt808_settings.events(number, value, entry)
        for body in _positions(whole):
            one = position(body)
            if len(body) >= 28 and one.time_ms is not None:
                reports.append((message.terminal, one.time_ms, entry, one))
    before: dict[str, Report] = {}
    for terminal, _, entry, one in sorted(reports, key=lambda report: report[:3]):
        found += _changes(before.get(terminal), one, entry)
        before[terminal] = one
    return sorted(found, key=lambda event: (event.time_ms or 0, event.entry))


def _plain(code: int, text: str, entry: Extent) -> Event:
    """An event without a time and of no camera."""
    return Event(
        kind=EventKind.OTHER, time_ms=None, channel=None, code=code, text=text, entry=entry
    )


def positions(messages: Iterable[tuple[int, bytes]]) -> Iterator[Position]:
    """Where terminals say that they were: latitude, longitude in millionths of a degree, speed in
    tenths of km/h, course; status bits 1: there is a fix, 2: south, 3: west. [A: jt808.md 3]

    messages: place and bytes of each. Times are eight hours ahead of UTC, by the satellites
    where there is a fix.
    """
    for whole in wholes(messages):
        for body in _positions(whole):
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
                entry=whole.entry,
            )


def _positions(whole: Whole) -> Iterator[bytes]:
    """Bodies of positions; one that is cut is none, for its alarms may be in what is missing."""
    body, number = whole.message.body, whole.message.number
    if number == _POSITION and whole.short is None:
        yield body
    elif number == _BATCH:
        place = 3
        while place + 2 <= len(body):
            end = place + 2 + int.from_bytes(body[place : place + 2], "big")
            if end <= len(body):
                yield body[place + 2 : end]
            place = end


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


def _listed(whole: Whole) -> Iterator[Event]:
    """What a terminal lists as stored: one event a record, at its begin. [A: jt1078.md 8.1]

    A list in parts says how many records all of them hold: where that is not so, they are of
    several lists.
    """
    message, entry, short = whole
    records = message.body[6:]
    count = int.from_bytes(message.body[2:6], "big")
    if message.parts > 1 and (
        len(records) > count * _RECORD or (short is None and len(records) != count * _RECORD)
    ):
        text = (
            f"message {message.number:04X} is not read: its {message.parts} parts do not hold the "
            f"{count} records that the first states"
        )
        yield _plain(message.number, text, entry)
        return
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
