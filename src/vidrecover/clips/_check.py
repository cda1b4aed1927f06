"""Decodes clips, told by path, and answers with what it found; run as a process of its own.

A decoder may crash, hang or need much memory on damaged bytes. Here that costs a grade only.
"""

import os
from pathlib import Path

import av
import msgspec
from av.bitstream import BitStreamFilterContext

from vidrecover import nal
from vidrecover.clips._grade import Decoded
from vidrecover.model import Codec
from vidrecover.servant import serve

MOST_PIXELS = "35651584"
"""Of the largest picture of H.264 and H.265 up to level 6.2, as the decoder may allocate."""
_ERROR = av.logging.ERROR
_FEW = 0.1  # of the pictures, so few whole ones that encryption is asked for [C]
_LEAST_NOISE, _MOST_NOISE = 3, 16  # key pictures: damage hits one, hardly several alike [C]
_FILTERS = {
    "h264": (Codec.H264, "h264_mp4toannexb"),
    "hevc": (Codec.H265, "hevc_mp4toannexb"),
}


def decode(path: Path) -> Decoded:
    """Decodes the first video stream of a file, every picture, on one thread."""
    packets = pictures = corrupt = refused = 0
    av.logging.set_level(_ERROR)
    av.logging.set_skip_repeated(False)
    with av.logging.Capture() as logs:
        with av.open(str(path)) as container:
            video = container.streams.video[0]
            video.codec_context.thread_count = 1
            video.codec_context.options = {"max_pixels": MOST_PIXELS}
            for packet in container.demux(video):
                packets += packet.size > 0
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    refused += 1
                    continue
                pictures += len(frames)
                corrupt += sum(bool(frame.is_corrupt) for frame in frames)
        lines = dict.fromkeys(line.strip() for level, _, line in logs if level <= _ERROR)
    is_dark = packets > 0 and pictures - corrupt <= _FEW * packets
    return Decoded(
        packets=packets,
        pictures=pictures,
        corrupt=corrupt,
        refused=refused,
        noise=_noise(path) if is_dark else 0,
        messages=tuple(list(lines)[:5]),
    )


def _noise(path: Path) -> int:
    """How many of the first key pictures are noise behind clear headers; 0 where too few are, or
    any is a picture. See `nal.contradicts`."""
    told: list[bool | None] = []
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        if video.codec_context.name not in _FILTERS:
            return 0
        codec, name = _FILTERS[video.codec_context.name]
        rewritten = BitStreamFilterContext(name, video)
        for packet in container.demux(video):
            if packet.size and packet.is_keyframe and len(told) < _MOST_NOISE:
                units = b"".join(map(bytes, rewritten.filter(packet)))
                told.append(nal.contradicts(codec, units))
    count = told.count(True)
    return count if count >= _LEAST_NOISE and False not in told else 0


if __name__ == "__main__":
    serve(lambda path: msgspec.json.encode(decode(Path(os.fsdecode(path)))))
