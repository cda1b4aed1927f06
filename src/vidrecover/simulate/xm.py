"""Xiongmai's XM frames, written from wfs.md section 6 [A]; all integers little-endian."""

import struct
from collections.abc import Iterable, Iterator

from vidrecover.simulate import image
from vidrecover.simulate.footage import Frame
from vidrecover.simulate.image import Chunk
from vidrecover.simulate.times import packed

_CODECS = {"h264": 2, "h265": 3}
_AUDIO_TYPES = {"alaw": 0x0E, "mulaw": 0x0A}
_RATE_8_KHZ = 2
_VEHICLE_INFORMATION = 1
_INFORMATION = (
    b"GPS:$GPRMC,,V,,,,,,,,,,N*53;G-SENSOR:+0012,-0008,+0998;INFO:;STATUS:10000000000;SPEED:0;"
)


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


def chunks(shots: Iterable[tuple[Frame, bytes]], *, information: bool) -> Iterator[Chunk]:
    """The frames of one camera; only key pictures carry a date."""
    for shot, payload in shots:
        camera = shot.camera
        if shot.media == "audio":
            head = audio_header(shot.codec, shot.size)
        elif shot.key:
            if information:
                yield Chunk(information_frame(_INFORMATION))
            head = key_header(
                shot.codec, camera.width, camera.height, camera.rate, shot.time_ms, shot.size
            )
        else:
            head = delta_header(shot.size)
        yield image.whole(head + payload, shot, len(head), len(head) + shot.size)
