"""Records of satellite receivers as dash cameras store them, from dashcam-mp4.md with its marks.

Each writer gives the bytes of one record, or of a box with several, as they stand in a file.
"""

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

_BLOCK = 0x1000
_KNOT = 1.852
_MILE = 1.609344
_SINCE_1904 = 2_082_844_800  # seconds to 1970
GARMIN = bytes.fromhex("9b630f8d637440ec8204bc5ff5091728")


class Fix(NamedTuple):
    """Where a vehicle was. moment: year, month, day, hour, minute, second; degrees north and east
    positive; course in degrees."""

    moment: tuple[int, int, int, int, int, int]
    latitude: float
    longitude: float
    speed_kmh: float
    course: float

    @property
    def digits(self) -> str:
        """YYYYMMDDhhmmss."""
        return "{:04}{:02}{:02}{:02}{:02}{:02}".format(*self.moment)

    @property
    def letters(self) -> bytes:
        """A, north or south, east or west."""
        return b"A" + (b"S" if self.latitude < 0 else b"N") + (b"W" if self.longitude < 0 else b"E")

    @property
    def minutes(self) -> tuple[float, float]:
        """Latitude and longitude as DDMM.mmmm, without a sign."""
        return _minutes(self.latitude), _minutes(self.longitude)


def _minutes(degrees: float) -> float:
    whole = int(abs(degrees))
    return whole * 100 + (abs(degrees) - whole) * 60


def block(body: bytes, size: int = _BLOCK) -> bytes:
    """A `freeGPS ` block; body: from its twelfth byte on. [A: section 2.2]"""
    return struct.pack(">I8s", size, b"freeGPS ") + body.ljust(size - 12, b"\0")


def _at(*parts: tuple[int, bytes]) -> bytes:
    """The body of a block with bytes at places counted from the block's start."""
    body = bytearray(struct.pack("<I", 0xF0))
    for place, data in parts:
        body = body.ljust(place - 12, b"\0")
        body[place - 12 : place - 12 + len(data)] = data
    return bytes(body)


def _masked(data: bytes) -> bytes:
    return bytes(byte ^ 0xAA for byte in data)


def sentence(one: Fix, *, checked: bool = True) -> bytes:
    """`$GPRMC` in UTC, by the fix's own time. [A: NMEA 0183]"""
    year, month, day, hour, minute, second = one.moment
    north, east = one.minutes
    _, side, other = (bytes([letter]).decode() for letter in one.letters)
    body = (
        f"GPRMC,{hour:02}{minute:02}{second:02}.00,A,{north:09.4f},{side},{east:010.4f},{other},"
        f"{one.speed_kmh / _KNOT:.3f},{one.course:.2f},{day:02}{month:02}{year % 100:02},,,A"
    )
    total = 0
    for byte in body.encode():
        total ^= byte
    return f"${body}*{total if checked else total ^ 1:02X}".encode()


def azdome(one: Fix) -> bytes:
    """Type 1, disguised by AA hexadecimal: text from byte 18 on. [A]"""
    north, east = (round(value * 1e4) for value in one.minutes)
    text = b"\0\0XKZD\xfe\xfe" + one.digits.encode() + b"\0" + b"CAM".ljust(15, b"\0")
    text += one.letters[1:2] + b"%08d" % north + one.letters[2:] + b"%09d" % east + b"00000000"
    return block(_at((18, _masked(text.ljust(293, b"\0")))), 0x8000)


def nextbase_512gw(one: Fix) -> bytes:
    """Type 2: the camera's own clock, then sentences. [A]"""
    return block(_at((52, one.digits.encode()), (68, struct.pack("<3i", 3, 250, -8)),
                     (80, sentence(one) + b"\r\n")))  # fmt: skip


def shifted(one: Fix) -> bytes:
    """Types 7 and 9: a sentence of which each byte is 16 more. [A]"""
    return block(_at((60, bytes(byte + 16 for byte in sentence(one) + b"\r\n"))))


def vantrue_s1(one: Fix) -> bytes:
    """Type 10: longitude first. [A]"""
    north, east = one.minutes
    values = struct.pack("<6I", *one.moment)
    values += struct.pack("<4f", east, north, one.speed_kmh / _KNOT, one.course)
    return block(_at((48, b"horsontech"), (64, one.letters + b"\0"), (68, values)))


def iqs(one: Fix) -> bytes:
    """Type 16: degrees in whole numbers. [B]"""
    values = struct.pack("<3i", round(abs(one.latitude) * 1e7), round(abs(one.longitude) * 1e7),
                         round(one.speed_kmh / 3.6 * 100))  # fmt: skip
    return block(_at((16, b"IQS\0"), (48, _clock(one)), (72, one.letters + b"\0" + values)))


def novatek(one: Fix, *, degrees: bool = False) -> bytes:
    """Type 17; degrees: 17c, whose size is 4000 hexadecimal. [A]"""
    north, east = one.minutes
    values = struct.pack("<4f", north, east, one.speed_kmh / _KNOT, one.course)
    if degrees:
        values = struct.pack(
            "<4f", abs(one.latitude), abs(one.longitude), one.speed_kmh, one.course
        )
    body = _at((48, _clock(one)), (72, one.letters + b"\0" + values))
    return block(body, 0x4000 if degrees else 0x8000)


def _clock(one: Fix) -> bytes:
    """Hour, minute, second, year since 2000, month, day."""
    year, month, day, *clock = one.moment
    return struct.pack("<6I", *clock, year - 2000, month, day)


def _spoken(one: Fix, speed: float) -> bytes:
    date = "{:04}/{:02}/{:02} {:02}:{:02}:{:02}".format(*one.moment)
    _, side, other = (bytes([letter]).decode() for letter in one.letters)
    return (
        f"{date} {side}:{abs(one.latitude):.6f} {other}:{abs(one.longitude):.6f} {speed:.2f} km/h"
        " x:0.01 y:-0.02 z:0.99"
    ).encode()


def xgody(one: Fix) -> bytes:
    """Type 18: text whose km/h are knots. [B]"""
    return block(_at((23, _spoken(one, one.speed_kmh / _KNOT))))


def nextbase_512g(one: Fix) -> bytes:
    """Type 20: big-endian records of 32 bytes. [A]"""
    year, month, day, hour, minute, second = one.moment
    record = struct.pack(
        ">2sHhH4BHBii", b"$S", round(one.speed_kmh / 3.6 * 100), round(one.course * 100), year,
        month, day, hour, minute, second * 10, 0, round(one.latitude * 1e7),
        round(one.longitude * 1e7),
    )  # fmt: skip
    return block(_at((48, record.ljust(32, b"\0"))))


def ligo(one: Fix) -> bytes:
    """LIGOGPSINFO with one plain record of 132 bytes. [B: section 5]"""
    head = b"LIGOGPSINFO\0".ljust(0x14, b"\0")
    return head + (b"\1\0\0\0" + _spoken(one, one.speed_kmh)).ljust(0x84, b"\0")


def novatek_stream(one: Fix) -> bytes:
    """A private packet of Novatek's transport streams, 1008 bytes long. [A: section 4]"""
    north, east = one.minutes
    values = struct.pack("<4f", north, east, one.speed_kmh / _KNOT, one.course)
    body = _clock(one) + one.letters + b"\0" + values
    return struct.pack(">IH", 0x1BF, 1008) + body.ljust(1008, b"\0")


def garmin(fixes: Sequence[Fix]) -> bytes:
    """Garmin's box: records since 1904 in UTC, miles an hour. [A: section 3.2]"""
    rows = b"".join(
        struct.pack(
            ">IH6xii", _seconds(one) + _SINCE_1904, round(one.speed_kmh / _MILE),
            round(one.latitude * (1 << 31) / 180), round(one.longitude * (1 << 31) / 180),
        )
        for one in fixes
    )  # fmt: skip
    content = b"uuid" + (GARMIN + bytes(17))[:33].ljust(33, b"\0") + rows
    return struct.pack(">I", 4 + len(content)) + content


def _seconds(one: Fix) -> int:
    """Seconds since 1970, by the civil calendar's own arithmetic."""
    year, month, day, hour, minute, second = one.moment
    shifted_year, shifted_month = (year - 1, month + 12) if month < 3 else (year, month)
    days = 365 * shifted_year + shifted_year // 4 - shifted_year // 100 + shifted_year // 400
    days += (153 * (shifted_month - 3) + 2) // 5 + day - 719_469
    return ((days * 24 + hour) * 60 + minute) * 60 + second


def kenwood(one: Fix) -> bytes:
    """The user data of Kenwood's files. [B: section 3.1]"""
    north, east = (round(value * 1e4) for value in one.minutes)
    text = b"VIDEO" + b"U" * 22 + b"\xfe\xfe" + one.digits.encode() + b"." + one.digits.encode()
    text += b"03" + one.letters[1:2] + b"%08d" % north + one.letters[2:] + b"%09d" % east + b"+0034"
    return struct.pack(">I", 8 + len(text)) + b"udta" + text


def ambarella(fixes: Sequence[Fix]) -> bytes:
    """The box `gps0`, records of 32 bytes. [A: section 3.4]"""
    rows = b""
    for one in fixes:
        year, *rest = one.moment
        north, east = one.minutes
        signs = (-1 if one.latitude < 0 else 1, -1 if one.longitude < 0 else 1)
        rows += struct.pack(
            "<2diH6BB3x", north * signs[0], east * signs[1], 34, round(one.speed_kmh), year - 2000,
            *rest, round(one.course / 2),
        )  # fmt: skip
    return struct.pack(">I", 8 + len(rows)) + b"gps0" + rows


def thinkware(one: Fix) -> bytes:
    """A sample of Thinkware's text track. [B: section 3.9]"""
    text = sentence(one, checked=False)[2:].partition(b"*")[0]
    return b"gsensori,4,12,-7,250;G" + text.replace(b"PRMC", b"NRMC") + b";CAR,0,0,0;"


def nextbase_322gw(one: Fix) -> bytes:
    """A sample of the subtitle track, 290 bytes; its sum does not hold. [A: section 3.5]"""
    head = struct.pack(">HI", 0x120, 7) + one.digits.encode() + struct.pack("<3i", 1, 2, 1280)
    return head + sentence(one, checked=False).ljust(128, b"\0") + b"$GPGGA".ljust(130, b"\0")


BLOCKS: dict[str, Callable[[Fix], bytes]] = {
    "azdome": azdome,
    "nextbase-512gw": nextbase_512gw,
    "shifted": shifted,
    "vantrue-s1": vantrue_s1,
    "iqs": iqs,
    "novatek": novatek,
    "xgody": xgody,
    "nextbase-512g": nextbase_512g,
}
"""Writers of `freeGPS ` blocks."""
