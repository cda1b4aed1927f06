"""Xiongmai's XM frames, written from wfs.md section 6 [A]; all integers little-endian."""

import struct
from collections.abc import Iterable, Iterator

from vidrecover.simulate import image
from vidrecover.simulate.footage import Frame
from vidrecover.simulate.image import Chunk
from vidrecover.simulate.times import calendar, packed

_CODECS = {"h264": 2, "h265": 3}
_AUDIO_TYPES = {"alaw": 0x0E, "mulaw": 0x0A}
_RATE_8_KHZ = 2
_VEHICLE_INFORMATION = 1
_WITHOUT_FIX = b"$GPRMC,,V,,,,,,,,,,N*53"
_REST = b";G-SENSOR:+0012,-0008,+0998;INFO:;STATUS:10000000000;SPEED:0;"


def key_header(codec: str, width: int, height: int, rate: float, time_ms: int, size: int) -> bytes:
    """`00 00 01 FC`, codec with the high bits of the sizes, rate, width/8, height/8, date, size."""
    wide, high = width // 8, height // 8
    kind = _CODECS[codec] | (wide >> 8 & 3) << 4 | (high >> 8 & 3) << 6
    return struct.pack(
        "<4s4BII",
        b"\x00\x00\x01\xfc",
        kind,
        round(rate) & 31,
        wide & 255,
        high & 255,
        packed(time_ms),
        size,
    )


def delta_header(size: int) -> bytes:
    """`00 00 01 FD` and the size."""
    return struct.pack("<4sI", b"\x00\x00\x01\xfd", size)


def audio_header(codec: str, size: int) -> bytes:
    """`00 00 01 FA`, type, sampling rate index, size in 16 bits."""
    return struct.pack("<4sBBH", b"\x00\x00\x01\xfa", _AUDIO_TYPES[codec], _RATE_8_KHZ, size)


def information_frame(text: bytes) -> bytes:
    """`00 00 01 F9`, type, count, size in 16 bits, text about the vehicle."""
    head = struct.pack("<4sBBH", b"\x00\x00\x01\xf9", _VEHICLE_INFORMATION, 1, len(text))
    return head + text


def sentence(gps_ms: int) -> bytes:
    """A receiver's RMC at a time of the satellites: a vehicle that drives north. [A: NMEA 0183]"""
    now, minutes = calendar(gps_ms), gps_ms // 1000 % 3600 / 1000
    place = f"52{30 + minutes:07.4f},N,01324.0000,E"
    body = f"GPRMC,{now:%H%M%S}.00,A,{place},36.0,0.0,{now:%d%m%y},,,A"
    total = 0
    for byte in body.encode():
        total ^= byte
    return f"${body}*{total:02X}".encode()


def chunks(
    shots: Iterable[tuple[Frame, bytes]], *, information: bool, ahead_s: float | None = None
) -> Iterator[Chunk]:
    """The frames of one camera; only key pictures carry a date. ahead_s: of the satellites' clock,
    the recorder's; None: the receiver has no fix."""
    for shot, payload in shots:
        camera = shot.camera
        if shot.media == "audio":
            head = audio_header(shot.codec, shot.size)
        elif shot.key:
            if information:
                fix = _WITHOUT_FIX
                if ahead_s is not None:
                    fix = sentence(shot.time_ms - round(ahead_s * 1000))
                yield Chunk(information_frame(b"GPS:" + fix + _REST))
            head = key_header(
                shot.codec, camera.width, camera.height, camera.rate, shot.time_ms, shot.size
            )
        else:
            head = delta_header(shot.size)
        yield image.whole(head + payload, shot, len(head), len(head) + shot.size)
