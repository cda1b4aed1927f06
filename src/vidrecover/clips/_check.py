"""Decodes clips, told by path, and answers with what it found; run as a process of its own.

A decoder may crash, hang or need much memory on damaged bytes. Here that costs a grade only.
"""

import os
from pathlib import Path

import av
import msgspec

from vidrecover.clips._grade import Decoded
from vidrecover.servant import serve

MOST_PIXELS = "35651584"
"""Of the largest picture of H.264 and H.265 up to level 6.2, as the decoder may allocate."""
_ERROR = av.logging.ERROR


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
    return Decoded(
        packets=packets,
        pictures=pictures,
        corrupt=corrupt,
        refused=refused,
        messages=tuple(list(lines)[:5]),
    )


if __name__ == "__main__":
    serve(lambda path: msgspec.json.encode(decode(Path(os.fsdecode(path)))))
