"""Heads of frames of small formats, written from other-dvr-frames.md; little-endian."""

import struct

from vidrecover.simulate.times import calendar

G2FDB_MAGIC = 0x03419F7D
LUODAT_HEAD = b"luo ".ljust(0x1FFC, b"\0") + b" oul"
"""What a `luodat` file begins with. [A: section 4]"""


def luodat(
    *,
    stream: int,
    size: tuple[int, int],
    rate: int,
    key: bool,
    index: int,
    pts_ms: int,
    length: int,
) -> bytes:
    """128 bytes between `liu ` and ` uil`: stream, width, height, rate, key, index, milliseconds,
    bytes of the payload. [A: section 4]"""
    head = struct.pack("<4s4I16x", b"liu ", stream, *size, rate)
    head += struct.pack("<I4xI4xQI60x", int(key), index, pts_ms, length)
    return head + b" uil"


def g2fdb(
    *, camera: int, name: str, time_ms: int, size: tuple[int, int], place: int, length: int
) -> bytes:
    """161 bytes: packed time with years from 1970, magic, payload size, camera from 0, offset of
    the frame, width, height, name of the camera. [B: section 5]"""
    now = calendar(time_ms)
    packed = (now.year - 1970) << 26 | now.month << 22 | now.day << 17
    packed |= now.hour << 12 | now.minute << 6 | now.second
    head = struct.pack("<IIIIII", 1, packed, 0, G2FDB_MAGIC, length, 0)
    head += struct.pack("<HHIHHH", camera - 1, 0, place, *size, len(name))
    return head + name.encode().ljust(91, b"\0") + bytes(32)


def pavs(*, size: tuple[int, int], names: tuple[str, str], start_ms: int, length: int) -> bytes:
    """576 bytes: block size in whole sectors, payload size twice, width, height, two names of
    the camera, when the recording began in seconds since 1970. [B: section 7]"""
    block = -(-(0x240 + length) // 512) * 512
    head = bytearray(0x240)
    head[:8] = b"PAVS\x02\x09\0\0"
    struct.pack_into("<I", head, 0x3C, block)
    struct.pack_into("<I", head, 0x48, length)
    struct.pack_into("<HH", head, 0x50, *size)
    text = b"\0".join(name.encode() for name in names) + b"\0"
    head[0x5C : 0x5C + len(text)] = text
    struct.pack_into("<I", head, 0x214, start_ms // 1000)
    struct.pack_into("<I", head, 0x228, length)
    return bytes(head)
