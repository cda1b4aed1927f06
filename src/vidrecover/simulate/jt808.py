"""JT/T 808 messages, written from jt808.md and jt1078.md section 8; integers big-endian."""

import struct
from collections.abc import Sequence

from vidrecover.simulate.times import calendar

_HELD_BODY = 0x3FF


def message(number: int, terminal: str, serial: int, body: bytes) -> bytes:
    """From flag to flag: header of the 2013 edition with 6 bytes of terminal number, body,
    checksum, all escaped. [A: jt808.md section 1]"""
    head = struct.pack(">2H", number, len(body) & _HELD_BODY)
    data = head + bytes.fromhex(terminal.zfill(12)) + struct.pack(">H", serial) + body
    total = 0
    for byte in data:
        total ^= byte
    inside = (data + bytes([total])).replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")
    return b"\x7e" + inside + b"\x7e"


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


def _mask(channels: Sequence[int]) -> int:
    return sum(1 << channel - 1 for channel in channels)
