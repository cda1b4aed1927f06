"""Files of TME vehicle recorders, written from tme-mdvr.md; integers little-endian.

Frames, the index of key frames beside each file (`.k`), the system log, the log of positions.
"""

import struct
from collections.abc import Iterator, Sequence
from datetime import datetime

from vidrecover.simulate import image, ps
from vidrecover.simulate.footage import Frame
from vidrecover.simulate.image import Chunk
from vidrecover.simulate.settings import Gbps, Imkh, Tme
from vidrecover.simulate.times import calendar

HEAD, SUB, SOUND_SIZE = 68, 20, 0x50
_KEY, _DELTA = 3, 4
_SUB_SOUND = 0x1001
_FIRST_TICK, _FIRST_SERIAL = 0x0000FA00, 1000
TAIL = 256 << 10
"""Bytes kept behind the last frame of a file that was never closed. [A: section 7]"""


def file_header(width: int, height: int) -> bytes:
    """`4HKH`, six words, the size of the picture, two words. [A: section 3]"""
    return struct.pack("<4s24xHH8x", b"4HKH", width, height)


def frame_header(
    *, serial: int, tick: int, count: int, width: int, height: int, kind: int, size: int
) -> bytes:
    """17 words: flag, serial, counter of 1/64 s, count of parts, picture, type, size. [A]"""
    head = struct.pack("<4I", 1, serial & 0xFFFFFFFF, tick & 0xFFFFFFFF, 0)
    head += struct.pack("<IHH24x", count, width, height)
    return head + struct.pack("<I12xI", kind, size)


def sub_record(flag: int, data: bytes) -> bytes:
    """Flag, three words, size, bytes. [A]"""
    return struct.pack("<I12xI", flag, len(data)) + data


def chunks(
    shots: Sequence[tuple[Frame, bytes]], settings: Tme, ticks: ps.Clock, serial: int
) -> Iterator[Chunk]:
    """One file of one camera, in the container that its ending names. serial: of its first
    frame."""
    if settings.ending == "265":
        yield from ps.imkh_chunks(shots, Imkh(), ticks)
    elif settings.ending == "266":
        yield Chunk(b"FEMT".ljust(40, b"\0"))
        yield from ps.gb28181_chunks(shots, Gbps(), ticks)
    else:
        yield from _frames(shots, settings, serial)


def _frames(shots: Sequence[tuple[Frame, bytes]], settings: Tme, serial: int) -> Iterator[Chunk]:
    camera = shots[0][0].camera
    yield Chunk(file_header(camera.width, camera.height))
    for number, (shot, payload) in enumerate(shots):
        head = frame_header(
            serial=_FIRST_SERIAL + serial + number,
            tick=_FIRST_TICK + (shot.tick_base_ms - shot.boot_ms) * 64 // 1000,
            count=2 if settings.sound else 1,
            width=camera.width,
            height=camera.height,
            kind=_KEY if shot.key else _DELTA,
            size=len(payload),
        )
        shot.sequence = _FIRST_SERIAL + serial + number
        yield image.whole(head + payload, shot, HEAD, HEAD + len(payload))
        size = HEAD + len(payload)
        if settings.sound:
            voice = sub_record(_SUB_SOUND, bytes((7 * (number + n)) & 255 for n in range(80)))
            yield Chunk(voice)
            size += len(voice)
        if size % 4:
            yield Chunk(bytes(-size % 4))


def keys(places: Sequence[tuple[int, int]]) -> bytes:
    """The `.k` file: milliseconds since the start and byte offset of each key frame. [A]"""
    return "".join(f"{ms},{at}\n" for ms, at in places).encode()


def log(lines: Sequence[tuple[int, str]]) -> bytes:
    """The system log: a stamp as C's `ctime` writes it, then the message. [B: section 6]"""
    return "".join(f"{stamp(calendar(ms))}:{text}\n" for ms, text in sorted(lines)).encode()


def stamp(now: datetime) -> str:
    """`Sat Mar 14 07:30:00 2026`."""
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    month = months[now.month - 1]
    return f"{days[now.weekday()]} {month} {now.day:2} {now:%H:%M:%S} {now.year}"


def name(camera: int, digits: str, lasting: int, ending: str, mode: str = "N") -> str:
    """The path of a file; lasting: seconds, 0 while it is being written. [A: section 2]"""
    channel = f"CH{camera - 1:02}"
    return f"/_van17_/{digits[:8]}/{channel}/{channel}_{digits}_{lasting}_{mode}_van17.{ending}"
