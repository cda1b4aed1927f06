"""Decoding inside the processes that may die of it; errors are counted, never hidden."""

from collections.abc import Mapping, Sequence
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from vidrecover.model import Codec

Plane = npt.NDArray[np.uint8]

MOST_PIXELS = "35651584"
WHOLE = {
    "flags": "+output_corrupt",
    "flags2": "+showall",
    "strict": "1",  # holds back as many as may be reordered: else pictures are lost at the start
}
"""Options with which every picture comes out, damaged ones marked."""
_DECODERS = {Codec.H264: "h264", Codec.H265: "hevc", Codec.MJPEG: "mjpeg", Codec.MPEG4: "mpeg4"}
_PLAIN = ("yuv420p", "yuvj420p", "gray")


def decoder(codec: Codec, options: Mapping[str, str]) -> VideoCodecContext:
    """A decoder of one thread; raises KeyError for a codec that has none here."""
    context = cast(VideoCodecContext, av.CodecContext.create(_DECODERS[codec], "r"))
    context.options = {"max_pixels": MOST_PIXELS, **options}
    context.thread_count = 1
    return context


def decoded(
    codec: Codec, units: Sequence[bytes], options: Mapping[str, str]
) -> tuple[list[VideoFrame], int]:
    """The pictures that come out, each with its unit's place as `pts`, and how many errors the
    decoder told or raised.

    units: access units with start codes, in order of storage.
    """
    errors, frames = 0, list[VideoFrame]()
    with av.logging.Capture() as logs:
        context = decoder(codec, options)
        for place, unit in enumerate([*units, None]):
            packet = None if unit is None else av.Packet(unit)
            if packet is not None:
                packet.pts = packet.dts = place
            try:
                frames += context.decode(packet)
            except (av.FFmpegError, ValueError, MemoryError):
                errors += 1
        errors += sum(level <= av.logging.ERROR for level, _, _ in logs)
    return frames, errors


def planes(frame: VideoFrame) -> list[Plane]:
    """Luma and chroma of eight bits, without the padding of their lines."""
    small = frame if frame.format.name in _PLAIN else frame.reformat(format="yuv420p")
    return [
        np.frombuffer(memoryview(one), np.uint8).reshape(one.height, one.line_size)[:, : one.width]
        for one in small.planes
    ]
