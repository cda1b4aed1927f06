"""Hikvision's system log: records that begin with RATS.

Byte facts: hikvision-fs.md section 6; major and minor codes are the maker's. [A]
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from vidrecover.model import Event, EventKind, Extent, Source
from vidrecover.volumes._reading import read

_MARK = b"RATS"
_HEAD = np.dtype(
    [("mark", "S4"), ("kind", "<u4"), ("time", "<u4"), ("major", "<u2"), ("minor", "<u2")]
)
_KINDS = (0x14, 1)
_CHUNK, _OVERLAP = 1 << 22, 4096
_MOST_RECORDS = 200_000
_LONGEST = 1024
_UNTOLD = 47  # of a last record whose length nothing tells: no place counted from its end
_FIRST_SECOND, _LAST_SECOND = 946_684_800, 0x7FFFFFFF  # from 2000 on; the last is no date


class _Code(NamedTuple):
    """What a code means. camera: where its number stands in the record, None when it has none."""

    kind: EventKind
    text: str
    camera: int | None = None


_OTHER = EventKind.OTHER
_CODES: dict[tuple[int, int], _Code] = {
    (1, 0x01): _Code(_OTHER, "alarm input"),
    (1, 0x02): _Code(_OTHER, "alarm output"),
    (1, 0x03): _Code(_OTHER, "motion begins", 16),
    (1, 0x04): _Code(_OTHER, "motion ends", 16),
    (1, 0x05): _Code(_OTHER, "the camera is covered", 16),
    (1, 0x06): _Code(_OTHER, "the camera is no longer covered", 16),
    (2, 0x20): _Code(EventKind.DISK_ERROR, "RAID error"),
    (2, 0x21): _Code(EventKind.VIDEO_LOSS_START, "video loss", 16),
    (2, 0x22): _Code(_OTHER, "illegal login"),
    (2, 0x23): _Code(EventKind.DISK_FULL, "disk full"),
    (2, 0x24): _Code(EventKind.DISK_ERROR, "disk error"),
    (2, 0x28): _Code(EventKind.DISK_ERROR, "error while recording"),
    (2, 0x29): _Code(_OTHER, "network camera without link"),
    (2, 0x2A): _Code(_OTHER, "video input exception", 16),
    (2, 0x2E): _Code(_OTHER, "input standard mismatch"),
    (2, 0x2F): _Code(_OTHER, "resolution mismatch"),
    (2, 0x37): _Code(EventKind.DISK_ERROR, "file abnormal"),
    (3, 0x41): _Code(EventKind.POWER_ON, "power on"),
    (3, 0x42): _Code(EventKind.POWER_OFF, "shutdown"),
    (3, 0x43): _Code(EventKind.POWER_OFF, "abnormal shutdown"),
    (3, 0x44): _Code(_OTHER, "reboot"),
    (3, 0x50): _Code(_OTHER, "local login"),
    (3, 0x51): _Code(_OTHER, "local logout"),
    (3, 0x52): _Code(_OTHER, "local configuration"),
    (3, 0x55): _Code(_OTHER, "recording started by hand"),
    (3, 0x56): _Code(_OTHER, "recording stopped by hand"),
    (3, 0x59): _Code(EventKind.CLOCK_SET, "time changed"),
    (3, 0x5A): _Code(_OTHER, "upgrade"),
    (3, 0x5C): _Code(EventKind.DISK_FORMATTED, "disk formatted"),
    (3, 0x63): _Code(_OTHER, "network camera added"),
    (3, 0x64): _Code(_OTHER, "network camera deleted"),
    (3, 0x65): _Code(_OTHER, "network camera set"),
    (3, 0x6E): _Code(_OTHER, "disk test"),
    (3, 0x70): _Code(_OTHER, "remote login"),
    (3, 0x71): _Code(_OTHER, "remote logout"),
    (3, 0x72): _Code(_OTHER, "recording started from afar"),
    (3, 0x73): _Code(_OTHER, "recording stopped from afar"),
    (3, 0x7B): _Code(_OTHER, "remote reboot"),
    (3, 0x82): _Code(EventKind.DISK_FORMATTED, "disk formatted from afar"),
    (3, 0x83): _Code(EventKind.POWER_OFF, "remote shutdown"),
    (4, 0xA0): _Code(EventKind.CLOCK_SET, "time synchronised"),
    (4, 0xA1): _Code(_OTHER, "disk information"),
    (4, 0xA2): _Code(_OTHER, "S.M.A.R.T. values"),
    (4, 0xA3): _Code(EventKind.RECORD_START, "recording starts", -48),
    (4, 0xA4): _Code(EventKind.RECORD_STOP, "recording stops", -48),
    (4, 0xA5): _Code(_OTHER, "expired recording deleted"),
    (4, 0xAA): _Code(_OTHER, "running state"),
}
"""[A: codes; B: where the camera stands; negative: from the record's end]"""


def events(source: Source, extent: Extent, shift_ms: int) -> list[Event]:
    """The records in an extent, in the order in which they stand, 200,000 at most.

    shift_ms: what makes recorder time of UNIX time on this recorder. A mark alone is no record:
    its kind, date and code must be possible. The length of a record is the distance to the next;
    that of the last one is taken for that of the one before it of its code. [C]
    """
    found: list[Event] = []
    usual: dict[bytes, int] = {}
    for start in range(extent.start, extent.end, _CHUNK):
        end = min(start + _CHUNK + _OVERLAP, extent.end)
        raw, _ = read(source, Extent(start, end))
        data = raw.tobytes()
        for place, distance in _records(data, _CHUNK):
            code = data[place + 12 : place + 16]
            size = usual.get(code, _UNTOLD) if distance is None else distance
            if distance is not None:
                usual[code] = distance
            one = _event(data[place : place + size], start + place, shift_ms)
            if one is not None:
                found.append(one)
            if len(found) >= _MOST_RECORDS:
                return found
    return found


def _records(data: bytes, limit: int) -> Iterator[tuple[int, int | None]]:
    """Start of each possible record before the limit, and its length; None of the last one."""
    place = data.find(_MARK)
    while 0 <= place < limit:
        following = data.find(_MARK, place + len(_MARK))
        yield place, None if following < 0 else min(following - place, _LONGEST)
        place = following


def _event(record: bytes, place: int, shift_ms: int) -> Event | None:
    if len(record) < _HEAD.itemsize:
        return None
    head = np.frombuffer(record[: _HEAD.itemsize], _HEAD)[0]
    major, minor, time = int(head["major"]), int(head["minor"]), int(head["time"])
    if int(head["kind"]) not in _KINDS or not _FIRST_SECOND <= time < _LAST_SECOND:
        return None
    if not 1 <= major <= 4 or minor > 0xFF:
        return None
    code = _CODES.get((major, minor), _Code(_OTHER, f"code {major:x}.{minor:02x}"))
    return Event(
        kind=code.kind,
        time_ms=time * 1000 + shift_ms,
        channel=_camera(record, code.camera),
        code=major << 8 | minor,
        text=code.text,
        entry=Extent(place, place + len(record)),
    )


def _camera(record: bytes, place: int | None) -> int | None:
    if place is None or not -len(record) <= place < len(record):
        return None
    number = record[place]
    return number if 1 <= number <= 64 else None
