"""Dahua's DHAV frames, written from dhav.md; all integers little-endian."""

import struct
from typing import NamedTuple

import numpy as np

from vidrecover.simulate.footage import Frame
from vidrecover.simulate.sound import RATES
from vidrecover.simulate.times import packed

HEADER_SIZE, TRAILER_SIZE = 24, 8
WATERMARK_OVERHEAD = HEADER_SIZE + TRAILER_SIZE + 12
"""Bytes of a watermark frame without text."""

KEY, DELTA, AUDIO, DATA = 0xFD, 0xFC, 0xF0, 0xF1
WATERMARK = 6  # subtype of DATA [B]

PREFIX = b"DAHUA".ljust(0x400, b"\0")
"""What some files have before their first frame. [A]"""

_HEADER = struct.Struct("<4sBBHIIIHB")
_VIDEO_CODES = {"h264": 2, "h265": 0x0C}
_AUDIO_CODES = {"alaw": 0x0E, "mulaw": 0x0A, "adpcm": 0x0D, "aac": 0x1A}
_RATE_INDEX = {8000: 2, 16000: 4}


class Framed(NamedTuple):
    """A frame as it lies on the disk; payload: half-open range inside data."""

    data: bytes
    payload: tuple[int, int]


def frame(
    kind: int,
    *,
    channel: int,
    sequence: int,
    time_ms: int,
    counter: int,
    payload: bytes,
    extension: bytes = b"",
    subtype: int = 0,
) -> Framed:
    """Header of 24 bytes, extension, payload, trailer `dhav` with the length again.

    channel: from 1, stored from 0; counter: milliseconds, free running, kept to 16 bits. The
    checksum is the sum of the first 23 bytes. [A, checksum B: dhav.md section 3]
    """
    size = HEADER_SIZE + len(extension) + len(payload) + TRAILER_SIZE
    head = _HEADER.pack(
        b"DHAV",
        kind,
        subtype,
        channel - 1,
        sequence & 0xFFFFFFFF,
        size,
        packed(time_ms),
        counter & 0xFFFF,
        len(extension),
    )
    checksum = bytes([sum(head) & 0xFF])
    start = HEADER_SIZE + len(extension)
    data = b"".join((head, checksum, extension, payload, b"dhav", struct.pack("<I", size)))
    return Framed(data, (start, start + len(payload)))


def key_extension(width: int, height: int, codec: str, rate: float) -> bytes:
    """Tags of a key frame: 82 size of the picture, 81 codec and rate. [A: dhav.md section 5]"""
    size = struct.pack("<B3xHH", 0x82, width, height)
    return size + bytes([0x81, 0, _VIDEO_CODES[codec], round(rate)])


def audio_extension(codec: str) -> bytes:
    """Tag 83: one channel, codec, index of the sampling rate. [A: dhav.md section 5]"""
    return bytes([0x83, 1, _AUDIO_CODES[codec], _RATE_INDEX[RATES[codec]]])


def watermark(text: bytes) -> bytes:
    """Payload of a watermark frame (F1 06): `TEXT`, length at 8, text at 12. [B]"""
    return b"TEXT" + struct.pack("<4xI", len(text)) + text


class Counters:
    """Sequence numbers and millisecond counters of every channel, anew at each boot.

    Audio, video and data of a channel share one sequence. The counter runs freely from a
    phase that has nothing to do with the second. [A: dhav.md sections 3, 6]
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._next: dict[tuple[int, int], int] = {}
        self._phase: dict[int, int] = {}

    def sequence(self, channel: int, run: int) -> int:
        """The next sequence number of the channel."""
        if (channel, run) not in self._next:
            rng = np.random.default_rng([self._seed, channel, run, 1])
            self._next[channel, run] = int(rng.integers(0, 5000)) if run == 0 else 0
        number = self._next[channel, run]
        self._next[channel, run] = number + 1
        return number

    def counter(self, time_ms: int, run: int) -> int:
        """The millisecond counter at this time, 16 bits."""
        if run not in self._phase:
            rng = np.random.default_rng([self._seed, run, 2])
            self._phase[run] = int(rng.integers(0, 65536))
        return (time_ms + self._phase[run]) & 0xFFFF


def extension(shot: Frame) -> bytes:
    """The extension of a picture's or a sound's frame; only key pictures and sound have one."""
    camera = shot.camera
    if shot.media == "audio":
        return audio_extension(shot.codec)
    if shot.key:
        return key_extension(camera.width, camera.height, camera.codec, camera.rate)
    return b""


def size_of(shot: Frame) -> int:
    """Bytes of the DHAV frame that `framed` will make of this picture or sound."""
    return HEADER_SIZE + len(extension(shot)) + shot.size + TRAILER_SIZE


def framed(shot: Frame, payload: bytes, counters: Counters) -> Framed:
    """The DHAV frame of a picture or of sound; notes the sequence number in `shot`."""
    shot.sequence = counters.sequence(shot.camera.number, shot.run)
    kind = AUDIO if shot.media == "audio" else KEY if shot.key else DELTA
    return frame(
        DATA if shot.media == "data" else kind,
        channel=shot.camera.number,
        sequence=shot.sequence,
        time_ms=shot.time_ms,
        counter=counters.counter(shot.tick_base_ms, shot.run),
        payload=payload,
        extension=b"" if shot.media == "data" else extension(shot),
        subtype=WATERMARK if shot.media == "data" else 0,
    )
