"""JT/T 808 messages, written from jt808.md and jt1078.md sections 6 and 8; integers big-endian."""

import struct
from collections.abc import Sequence

from vidrecover.simulate.times import calendar

_HELD_BODY = 0x3FF
_IN_PARTS, _NEWER = 1 << 13, 1 << 14


def message(
    number: int,
    terminal: str,
    serial: int,
    body: bytes,
    *,
    part: tuple[int, int] | None = None,
    newer: bool = False,
) -> bytes:
    """From flag to flag: header, body, checksum, all escaped. [A: jt808.md section 1]

    part: how many there are, and which this is, from 1; newer: the 2019 edition, with 10 bytes of
    terminal number instead of the 6 of 2013.
    """
    marks = (_IN_PARTS if part else 0) | (_NEWER if newer else 0)
    head = struct.pack(">2H", number, len(body) & _HELD_BODY | marks)
    head += (
        b"\1" + bytes.fromhex(terminal.zfill(20)) if newer else bytes.fromhex(terminal.zfill(12))
    )
    data = head + struct.pack(">H", serial) + (struct.pack(">2H", *part) if part else b"") + body
    total = 0
    for byte in data:
        total ^= byte
    inside = (data + bytes([total])).replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")
    return b"\x7e" + inside + b"\x7e"


def parts(
    number: int, terminal: str, serial: int, body: bytes, size: int, *, newer: bool = False
) -> list[bytes]:
    """A message in parts with bodies of so many bytes; serials rise by one and wrap. [A]"""
    bodies = [body[place : place + size] for place in range(0, len(body), size)]
    return [
        message(
            number,
            terminal,
            (serial + place) & 0xFFFF,
            one,
            part=(len(bodies), place + 1),
            newer=newer,
        )
        for place, one in enumerate(bodies)
    ]


def position(
    time_ms: int, *, ignition: bool = True, lost: Sequence[int] = (), covered: Sequence[int] = ()
) -> bytes:
    """The body of a position, with cameras without a signal and covered ones. [A]"""
    body = struct.pack(">4I3H", 0, int(ignition) | 2, 30_123_456, 120_654_321, 12, 453, 90)
    items = [(0x15, _mask(lost)), (0x16, _mask(covered))]
    return (
        body
        + digits(time_ms)
        + b"".join(struct.pack(">2BI", number, 4, mask) for number, mask in items if mask)
    )


def digits(time_ms: int) -> bytes:
    """Six pairs of decimal digits, from the year on."""
    return bytes.fromhex(calendar(time_ms).strftime("%y%m%d%H%M%S"))


def resource(channel: int, start_ms: int, end_ms: int, size: int) -> bytes:
    """A record of a list of footage: 28 bytes. [A: jt1078.md section 8.1]"""
    times = digits(start_ms) + digits(end_ms)
    return bytes([channel]) + times + struct.pack(">Q3BI", 0, 2, 1, 1, size)


def resources(query: int, records: Sequence[bytes]) -> bytes:
    """The body of a list of footage."""
    return struct.pack(">HI", query, len(records)) + b"".join(records)


def batch(positions: Sequence[bytes]) -> bytes:
    """The body of a batch of positions that were sent late. [A: jt808.md section 4]"""
    items = (struct.pack(">H", len(one)) + one for one in positions)
    return struct.pack(">HB", len(positions), 1) + b"".join(items)


def settings(query: int, values: Sequence[tuple[int, bytes]]) -> bytes:
    """The body of an answer with settings by number. [A: jt808.md section 2]"""
    items = (struct.pack(">IB", number, len(value)) + value for number, value in values)
    return struct.pack(">HB", query, len(values)) + b"".join(items)


def channels(records: Sequence[tuple[int, int, int, int]]) -> bytes:
    """The setting 0x0076: physical and logical channel, type (0 both, 1 sound, 2 picture), and
    whether it is moved. [A: jt1078.md section 6.1]"""
    counts = bytes(sum(one[2] == kind for one in records) for kind in range(3))
    return counts + b"".join(map(bytes, records))


def _mask(channels: Sequence[int]) -> int:
    return sum(1 << channel - 1 for channel in channels)
