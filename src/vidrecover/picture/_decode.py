"""Key access units to pictures, each through a decoder of its own.

FFmpeg is told to stop at the first error. What does not decode like that is decoded once more
with errors allowed and marked as damaged: nobody shall judge what a decoder made up.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from vidrecover import nal
from vidrecover.model import Codec
from vidrecover.picture._values import HEIGHT, WIDTH, Picture, Plane

DECODERS = {
    Codec.H264: "h264",
    Codec.H265: "hevc",
    Codec.MPEG4: "mpeg4",
    Codec.MJPEG: "mjpeg",
}

_WITH_START_CODES = frozenset({Codec.H264, Codec.H265, Codec.UNKNOWN})
STARTS_WITHIN = 64
"""Bytes of a unit within which its start code would stand. [C]"""

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


def scrambled(
    units: Sequence[bytes], codec: Codec, parameter_sets: bytes = b"", enciphered: int = 0
) -> int:
    """How many of the units that should be coded pictures are uniform noise, as encryption leaves
    them; 0 where any is none. See `nal.contradicts` for what begins with a start code.

    enciphered: so many bytes of each may be noise alone, or 0 for all. Where one must begin with
    a start code and does not, evenness tells. [C] Of an unknown codec it tells only where
    beginnings differ: those of a coded picture have a form.
    """
    told = [_is_noise(unit, codec, parameter_sets, enciphered) for unit in units]
    if codec is Codec.UNKNOWN and not enciphered and len({unit[:4] for unit in units}) < len(units):
        return 0
    return 0 if False in told else told.count(True)


def _is_noise(unit: bytes, codec: Codec, sets: bytes, enciphered: int) -> bool | None:
    if codec not in _WITH_START_CODES or len(unit) < nal.LEAST_EVEN:
        return None
    if b"\x00\x00\x01" in unit[:STARTS_WITHIN]:
        return nal.contradicts(codec, unit, sets)
    return nal.is_even(unit[: enciphered or len(unit)])
