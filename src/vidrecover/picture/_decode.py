"""Key access units to pictures, each through a decoder of its own.

FFmpeg is told to stop at the first error. What does not decode like that is decoded once more
with errors allowed and marked as damaged: nobody shall judge what a decoder made up.
"""

from collections.abc import Iterable
from typing import cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from vidrecover.model import Codec
from vidrecover.picture._values import HEIGHT, WIDTH, Picture, Plane

DECODERS = {
    Codec.H264: "h264",
    Codec.H265: "hevc",
    Codec.MPEG4: "mpeg4",
    Codec.MJPEG: "mjpeg",
}

_WITH_START_CODES = frozenset({Codec.H264, Codec.H265, Codec.UNKNOWN})
SCRAMBLED_LEAST = 1024
STARTS_WITHIN = 64
EVEN = 400.0
"""Bytes that a unit must have, and within which its start code would stand; chi-square of 255
degrees of freedom that uniform noise stays below: its mean is 255, its deviation 23. [C]"""

LARGEST = 8192 * 4320
"""Pixels of the largest picture that is decoded; a broken header may claim any size."""

OPTIONS = {
    "max_pixels": str(LARGEST),
    "flags": "+output_corrupt",  # else an I picture that is no IDR is held back
    "flags2": "+showall",
}
STRICT = OPTIONS | {"err_detect": "+explode"}
LENIENT = OPTIONS | {"err_detect": "careful"}


def decode_keys(
    units: Iterable[bytes], codec: Codec, parameter_sets: bytes = b""
) -> list[Picture | None]:
    """The picture of each key access unit, scaled to WIDTH x HEIGHT, None where none comes out.

    units: one access unit each, H.264 and H.265 as Annex B. parameter_sets: Annex B, put
    before every unit; sets within a unit win over them. Raises nothing on any bytes, but a
    decoder may crash or hang on hostile ones: `check` decodes in another process.
    """
    name = DECODERS.get(codec)
    if name is None:
        return [None for _ in units]
    return [_decoded(parameter_sets + unit, name) if unit else None for unit in units]


def _decoded(data: bytes, decoder: str) -> Picture | None:
    frame = _frame(data, decoder, STRICT)
    damaged = frame is None
    if frame is None:
        frame = _frame(data, decoder, LENIENT)
    return None if frame is None else _picture(frame, damaged=damaged or frame.is_corrupt)


def _frame(data: bytes, decoder: str, options: dict[str, str]) -> VideoFrame | None:
    """The first picture that a fresh decoder gives for one packet."""
    try:
        context = cast(VideoCodecContext, av.CodecContext.create(decoder, "r"))
        context.options = options
        context.thread_count = 1
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except (av.FFmpegError, ValueError, MemoryError):
        return None
    return frames[0] if frames else None


def _picture(frame: VideoFrame, *, damaged: bool) -> Picture | None:
    try:
        small = frame.reformat(
            width=WIDTH, height=HEIGHT, format="yuvj420p", interpolation="AREA", threads=1
        )
        luma, blue, red = (_plane(plane) for plane in small.planes)
    except (av.FFmpegError, ValueError, MemoryError):
        return None
    return Picture(luma, blue, red, frame.width, frame.height, damaged)


def _plane(plane: av.video.plane.VideoPlane) -> Plane:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return np.ascontiguousarray(rows[:, : plane.width])


def is_scrambled(unit: bytes, codec: Codec) -> bool:
    """Whether bytes that should be a coded picture are uniform noise: no start code where one
    must stand, and all byte values equally often, as encryption leaves them. [C]

    Coded pictures are nearly as uniform, but begin with a start code; so only that and the
    evenness together count.
    """
    if codec not in _WITH_START_CODES or len(unit) < SCRAMBLED_LEAST:
        return False
    if b"\x00\x00\x01" in unit[:STARTS_WITHIN]:
        return False
    counts = np.bincount(np.frombuffer(unit, dtype=np.uint8), minlength=256)
    expected = len(unit) / 256
    return float(((counts - expected) ** 2).sum() / expected) < EVEN
