"""Frames of MPEG audio, layers II and III: what their headers say (ISO/IEC 11172-3 clause 2.4.1.3
and 13818-3 clause 2.4.2.3). [A]"""

from collections.abc import Iterator
from typing import NamedTuple

from vidrecover.model import Codec

_SYNC, _HEADER = 0xFFE0, 4
_FULL, _HALF, _QUARTER = 3, 2, 0  # MPEG-1, MPEG-2, and the unofficial 2.5
_RATES = {
    _FULL: (44100, 48000, 32000),
    _HALF: (22050, 24000, 16000),
    _QUARTER: (11025, 12000, 8000),
}
_KILOBITS = {
    (_FULL, Codec.MP2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (_FULL, Codec.MP3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_KILOBITS_HALF = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_LAYERS = {2: Codec.MP2, 1: Codec.MP3}
_MONO = 3
_SILENT = 7  # place of a bit rate that mono and stereo have at every rate


class Head(NamedTuple):
    """What a frame's header says. size: bytes of the frame; rate, samples: a second, a frame."""

    codec: Codec
    rate: int
    channels: int
    samples: int
    size: int


def head(data: bytes) -> Head | None:
    """The header at the beginning of the data, or None; free bit rates are none."""
    if len(data) < _HEADER or (data[0] << 8 | data[1]) & _SYNC != _SYNC:
        return None
    version, codec = data[1] >> 3 & 3, _LAYERS.get(data[1] >> 1 & 3)
    place, index = data[2] >> 4, data[2] >> 2 & 3
    if codec is None or version not in _RATES or index == 3 or not 0 < place < 15:
        return None
    rate = _RATES[version][index]
    kilobits = _KILOBITS.get((version, codec), _KILOBITS_HALF)[place - 1]
    halved = codec == Codec.MP3 and version != _FULL
    samples = 576 if halved else 1152
    size = samples // 8 * 1000 * kilobits // rate + (data[2] >> 1 & 1)
    return Head(codec, rate, 1 if data[3] >> 6 == _MONO else 2, samples, size)


def frames(payload: bytes) -> Iterator[tuple[bytes, int]]:
    """Whole frames one behind the other, each with its samples."""
    position = 0
    while (one := head(payload[position : position + _HEADER])) is not None:
        if position + one.size > len(payload):
            return
        yield payload[position : position + one.size], one.samples
        position += one.size


def silence(codec: Codec, rate: int, channels: int) -> bytes:
    """A frame in which no band has any bits."""
    version = next(version for version, known in _RATES.items() if rate in known)
    layer = next(number for number, one in _LAYERS.items() if one == codec)
    first = bytes(
        (
            0xFF,
            0xE0 | version << 3 | layer << 1 | 1,
            (_SILENT + 1) << 4 | _RATES[version].index(rate) << 2,
            (_MONO if channels == 1 else 0) << 6,
        )
    )
    told = head(first)
    assert told is not None
    return first.ljust(told.size, b"\0")
