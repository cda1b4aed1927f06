"""The head of an AVI file: rate of the pictures and coding of the sound, as one row of data.

Byte facts: Microsoft's AVI RIFF File Reference (lists hdrl and strl, AVISTREAMHEADER), and
WAVEFORMATEX. [A]
"""

import struct
from typing import NamedTuple

from vidrecover.model import Codec

NAME = b"hdrl"
AT = 20
"""Bytes from the file's start to the name of its first list."""
_MOST_CHUNKS = 64  # of a head, stream by stream
_MOST_RATE = 24_000  # pictures in 100 seconds
_TELEPHONE = 8000
_PCM = 1
_CODECS = {6: Codec.PCM_ALAW, 7: Codec.PCM_MULAW}


class Head(NamedTuple):
    """size: bytes up to the first chunk, None when the data end before that is seen; rate:
    of the first pictures, in 100 seconds, 0 unknown; sound: UNKNOWN unless its own number and
    8000 samples of one channel say how it is to be played."""

    size: int | None
    rate: int = 0
    sound: Codec = Codec.UNKNOWN


def head(data: bytes) -> Head | None:
    """The head that the data begin with, None when it is none or leads to no chunks."""
    if len(data) < AT + 4 or data[:4] != b"RIFF" or data[8:16] != b"AVI LIST":
        return None
    place, rate, sound, kind = 12, 0, Codec.UNKNOWN, b""
    for _ in range(_MOST_CHUNKS):
        if place + 12 > len(data):
            return Head(None)
        name, size = struct.unpack_from("<4sI", data, place)
        inner = data[place + 8 : place + 12]
        if name == b"LIST" and inner == b"movi":
            return Head(place + 12, rate, sound)
        if name == b"LIST" and inner in (NAME, b"strl"):
            place += 12
            continue
        body = data[place + 8 : place + 8 + min(size, 64)]
        if name == b"strh" and len(body) >= 28:
            kind = body[:4]
            rate = rate or (_rate(body) if kind == b"vids" else 0)
        if name == b"strf" and kind == b"auds" and sound == Codec.UNKNOWN:
            sound = _sound(body)
        place += 8 + size + (size & 1)
    return None


def _rate(header: bytes) -> int:
    scale, rate = struct.unpack_from("<II", header, 20)
    found = rate * 100 // scale if scale else 0
    return found if found <= _MOST_RATE else 0


def _sound(form: bytes) -> Codec:
    if len(form) < 16:
        return Codec.UNKNOWN
    tag, channels, rate = struct.unpack_from("<HHI", form)
    bits = int.from_bytes(form[14:16], "little")
    if channels != 1 or rate != _TELEPHONE:
        return Codec.UNKNOWN
    return Codec.PCM_S16LE if (tag, bits) == (_PCM, 16) else _CODECS.get(tag, Codec.UNKNOWN)
