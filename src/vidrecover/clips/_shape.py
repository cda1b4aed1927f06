"""Width and height of key frames, and the parameter sets that a decoder needs first."""

from typing import NamedTuple

from vidrecover import nal
from vidrecover.clips import _mpeg2
from vidrecover.model import Codec

_H26X = (Codec.H264, Codec.H265)
_LARGEST = 16384
# Start-of-frame markers of baseline to progressive JPEG (ITU-T T.81 table B.1). [A]
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_JPEG_ALONE = frozenset({0x01, 0xFF, *range(0xD0, 0xD9)})


class Shape(NamedTuple):
    """What makes two key frames belong in one clip: size, and the sequence parameter sets."""

    width: int
    height: int
    sets: tuple[bytes, ...] = ()


def shape(codec: Codec, payload: bytes) -> Shape | None:
    """Shape of a key frame, None when it does not say enough to be decoded from here."""
    if codec in _H26X:
        return _coded(codec, nal.head(codec, payload))
    size = _SIZES.get(codec, _mpeg4)(payload)
    if size is None or not (0 < size[0] <= _LARGEST and 0 < size[1] <= _LARGEST):
        return None
    return Shape(*size)


def _coded(codec: Codec, head: list[nal.Nal]) -> Shape | None:
    sets = tuple(dict.fromkeys(one.data for one in head if one.kind == "sps"))
    read = [nal.sequence_parameters(codec, one) for one in sets]
    needed = {"sps", "pps", "slice"} | ({"vps"} if codec == Codec.H265 else set())
    if not needed <= {one.kind for one in head} or not read or read[0] is None:
        return None
    return Shape(read[0].width, read[0].height, sets)


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """Size in the frame header of a JPEG picture (ITU-T T.81 clauses B.1.1 and B.2.2). [A]"""
    position = 2
    while data[:2] == b"\xff\xd8" and position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _JPEG_ALONE:
            position += 1 if marker == 0xFF else 2
            continue
        if marker in _JPEG_FRAMES:
            height = int.from_bytes(data[position + 5 : position + 7], "big")
            return int.from_bytes(data[position + 7 : position + 9], "big"), height
        position += 2 + max(int.from_bytes(data[position + 2 : position + 4], "big"), 2)
    return None


_SIZES = {Codec.MJPEG: _jpeg, Codec.MPEG2: _mpeg2.size}


class _Bits:
    """Bits of a video object layer; behind its end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[:64].ljust(64, b"\0"), "big")
        self._left = 512

    def take(self, count: int) -> int:
        """The next `count` bits as a number."""
        self._left = max(self._left - count, 0)
        return (self._value >> self._left) & ((1 << count) - 1)


def _mpeg4(data: bytes) -> tuple[int, int] | None:
    """Size in the video object layer of MPEG-4 Visual (ISO/IEC 14496-2 clause 6.2.3). [A]"""
    place = data[:4096].find(b"\0\0\1")
    while place >= 0 and place + 4 < len(data) and not 0x20 <= data[place + 3] <= 0x2F:
        place = data[:4096].find(b"\0\0\1", place + 3)
    if place < 0:
        return None
    bits = _Bits(data[place + 4 :])
    bits.take(9)
    version = 1
    if bits.take(1):
        version = bits.take(7) >> 3
    if bits.take(4) == 15:
        bits.take(16)
    if bits.take(1):
        bits.take(3)
        if bits.take(1):
            bits.take(79)
    if bits.take(2) != 0 or version not in (1, 2, 4, 5):
        return None
    bits.take(1)
    resolution = bits.take(16)
    bits.take(1)
    if bits.take(1):
        bits.take(max((resolution - 1).bit_length(), 1))
    bits.take(1)
    width = bits.take(13)
    bits.take(1)
    return width, bits.take(13)
