"""HX files of HiSilicon consumer cameras, from other-dvr-frames.md section 2 [A]; little-endian."""

import struct
from collections.abc import Iterator, Sequence

from vidrecover.simulate import hisilicon
from vidrecover.simulate.encoding import nal_units
from vidrecover.simulate.footage import Frame
from vidrecover.simulate.image import Chunk
from vidrecover.simulate.times import calendar

INDEX_SIZE = 200_000
"""Bytes of the index behind its tag: room for 25000 entries of eight bytes."""

_FILE_TAGS = {"h264": b"HXVS", "h265": b"HXVT"}
_TAG = struct.Struct("<4sIII")
_KEY, _OTHER = 1, 2


def file_header(codec: str, width: int, height: int) -> bytes:
    """Tag of the codec, width, height, 0."""
    return _TAG.pack(_FILE_TAGS[codec], width, height, 0)


def video_header(size: int, uptime_ms: int, *, key: bool) -> bytes:
    """`HXVF`, size, free-running milliseconds, 1 for key pictures and parameter sets, else 2."""
    return _TAG.pack(b"HXVF", size, uptime_ms, _KEY if key else _OTHER)


def audio_header(size: int, uptime_ms: int) -> bytes:
    """`HXAF`, size with the voice header, free-running milliseconds, 0."""
    return _TAG.pack(b"HXAF", size, uptime_ms, 0)


def index(entries: Sequence[tuple[int, int]], duration_ms: int, end_ms: int) -> bytes:
    """`HXFI`, its size, duration, end as seconds of the day [B]; then (offset, milliseconds) of
    key units, zero filled."""
    end = calendar(end_ms)
    seconds = end.hour * 3600 + end.minute * 60 + end.second
    body = b"".join(struct.pack("<II", offset, ms) for offset, ms in entries)
    return _TAG.pack(b"HXFI", INDEX_SIZE, duration_ms, seconds) + body[:INDEX_SIZE].ljust(
        INDEX_SIZE, b"\0"
    )


def chunks(
    shots: Sequence[tuple[Frame, bytes]], *, closed: bool, uptime_ms: int
) -> Iterator[Chunk]:
    """One file of one camera: every NAL unit has its own tag; the index comes last."""
    camera = shots[0][0].camera
    head = file_header(camera.codec, camera.width, camera.height)
    yield Chunk(head)
    at, entries = len(head), []
    pictures = [shot.time_ms for shot, _ in shots if shot.media == "video"]
    for shot, payload in shots:
        for chunk in _frame(shot, payload, shot.time_ms - shot.boot_ms + uptime_ms):
            if shot.key:
                entries.append((at, shot.time_ms - pictures[0]))
            yield chunk
            at += len(chunk.data)
    if closed:
        yield Chunk(index(entries, pictures[-1] - pictures[0], pictures[-1]))


def _frame(shot: Frame, payload: bytes, uptime_ms: int) -> Iterator[Chunk]:
    if shot.media == "audio":
        voice = hisilicon.header(payload)
        head = audio_header(len(voice) + len(payload), uptime_ms) + voice
        yield Chunk(head + payload, shot, ((len(head), len(head) + len(payload)),))
        return
    for unit in nal_units(payload):
        head = video_header(len(unit), uptime_ms, key=shot.key)
        yield Chunk(head + unit, shot, ((len(head), len(head) + len(unit)),))
