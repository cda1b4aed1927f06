"""NNdcH264 chunks, written from other-dvr-frames.md 1 and mdvr-vendors.md 2; little-endian."""

import struct
from collections.abc import Iterable, Iterator

from vidrecover.simulate import hisilicon
from vidrecover.simulate.footage import Frame
from vidrecover.simulate.image import Chunk
from vidrecover.simulate.times import calendar

_VIDEO = struct.Struct("<BB2s4sIHHQ")
_CODECS = {"h264": b"H264", "h265": b"H265"}
_AUDIO_KINDS = {"adpcm": b"1", "aac": b"5", "mulaw": b"7"}
_UNKNOWN_OF_KEYS = 0x20  # as in the sample of a raw disk; other writers have 0 [B]


def video_header(
    number: int, *, key: bool, codec: str, size: int, micros: int, date: bytes = b""
) -> bytes:
    """Camera, kind `0` or `1`, `dc`, codec, size, length of the extra header, microseconds.

    The camera is 0x30 plus its number, so 10 is `:`. [A to 9, B above]
    """
    unknown = _UNKNOWN_OF_KEYS if date else 0
    head = _VIDEO.pack(
        0x30 + number,
        ord("0") if key else ord("1"),
        b"dc",
        _CODECS[codec],
        size,
        len(date),
        unknown,
        micros,
    )
    return head + date


def date(time_ms: int, extra: int) -> bytes:
    """Extra header of key chunks on raw disks: yy mm dd hh mm ss in binary, then zeros. [B]"""
    when = calendar(time_ms)
    fields = (when.year - 2000, when.month, when.day, when.hour, when.minute, when.second)
    return bytes(fields).ljust(extra, b"\0")


def audio_header(number: int, codec: str, size: int) -> bytes:
    """Camera, kind, `wb`, the size twice. [B: other-dvr-frames.md section 1.2]"""
    return bytes([0x30 + number]) + _AUDIO_KINDS[codec] + b"wb" + struct.pack("<HH", size, size)


def padding(size: int) -> bytes:
    """Zeros that fill a payload of this size to a multiple of eight."""
    return bytes(-size % 8)


def chunks(shots: Iterable[tuple[Frame, bytes]], *, extra: int, uptime_ms: int) -> Iterator[Chunk]:
    """The chunks of all cameras. uptime_ms: how long the recorder had run when it recorded
    first; its microseconds count from its boot."""
    for shot, payload in shots:
        number = shot.camera.number
        if shot.media == "audio":
            voice = hisilicon.header(payload) if shot.codec == "adpcm" else b""
            head = audio_header(number, shot.codec, len(voice) + shot.size) + voice
        else:
            head = video_header(
                number,
                key=shot.key,
                codec=shot.codec,
                size=shot.size,
                micros=(shot.time_ms - shot.boot_ms + uptime_ms) * 1000,
                date=date(shot.time_ms, extra) if shot.key else b"",
            )
        start = len(head)
        data = head + payload + padding(start + shot.size)
        yield Chunk(data, shot, ((start, start + shot.size),))
