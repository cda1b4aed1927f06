"""Decodes a finished clip and writes pictures of it, or a proxy; run as a process of its own.

What it writes is encoded anew: good to look at, and never evidence. Encoders run on one thread and
without dates, so that the same clip gives the same bytes with the same libraries.
"""

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import msgspec
from av.video.stream import VideoStream

from vidrecover.clips._check import MOST_PIXELS
from vidrecover.clips._derived import PROXY_COMMENT, Order, Picture, Shown

_QUALITY = {"preset": "veryfast", "crf": "26", "threads": "1"}
_CLOCK = Fraction(1, 1000)
_COMMENT, _MARKER = b"\xff\xfe", b"\xff\xd8"


def main(order: Order) -> Shown:
    """All that is asked for, of the first video stream."""
    av.logging.set_level(None)
    pictures = list(_stills(order)) if order.stills else []
    frames = _proxy(order) if order.proxy is not None else 0
    return Shown(pictures=tuple(pictures), frames=frames)


def _stills(order: Order) -> Iterator[Picture]:
    """Key pictures decoded alone, spread evenly over the clip."""
    with av.open(order.clip) as container:
        video = _stream(container.streams.video[0])
        keys = [one.pts for one in container.demux(video) if one.is_keyframe and one.size]
    last = len(keys) - 1
    most = min(order.stills, len(keys))
    wanted = {keys[place * last // max(most - 1, 1)] for place in range(most)}
    with av.open(order.clip) as container:
        video = _stream(container.streams.video[0])
        for packet in container.demux(video):
            if not packet.is_keyframe or packet.pts not in wanted:
                continue
            at = round((packet.pts or 0) * (packet.time_base or _CLOCK) * 1000)
            try:
                frames = [*packet.decode(), *video.codec_context.decode(None)]
            except av.FFmpegError:
                frames = []
            video.codec_context.flush_buffers()
            if frames:
                path = Path(order.folder) / f"{at}.jpg"
                path.write_bytes(_jpeg(frames[0], order.said))
                yield Picture(at_ms=at, file=path.name)


def _stream(video: VideoStream) -> VideoStream:
    video.codec_context.thread_count = 1
    video.codec_context.options = {"max_pixels": MOST_PIXELS}
    return video


def _jpeg(frame: av.VideoFrame, said: str) -> bytes:
    """A JPEG picture that says in a comment segment (ITU-T T.81 clause B.2.4.5) what it is."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base, encoder.thread_count = _CLOCK, 1
    encoder.flags |= 1 << 23  # bitexact
    shown = frame.reformat(format="yuvj420p")
    shown.pts = 0
    data = b"".join(map(bytes, [*encoder.encode(shown), *encoder.encode(None)]))
    text = said.encode()
    return _MARKER + _COMMENT + (len(text) + 2).to_bytes(2, "big") + text + data[2:]


def _proxy(order: Order) -> int:
    """The clip encoded again as H.264 for browsers; returns its pictures."""
    assert order.proxy is not None
    count = 0
    exact = {"movflags": "faststart", "fflags": "+bitexact"}
    with (
        av.open(order.clip) as container,
        av.open(order.proxy, "w", format="mp4", options=exact) as out,
    ):
        out.metadata.update({"title": order.said, "comment": PROXY_COMMENT})
        video = _stream(container.streams.video[0])
        shape = video.codec_context
        made = out.add_stream("libx264", options=_QUALITY)
        made.width, made.height = shape.width // 2 * 2, shape.height // 2 * 2
        made.pix_fmt, made.time_base, made.codec_context.time_base = "yuv420p", _CLOCK, _CLOCK
        made.codec_context.flags |= 1 << 23
        last = -1
        for frame in container.decode(video):
            if frame.pts is None or frame.time_base is None:
                continue
            at = round(frame.pts * frame.time_base * 1000)
            if at <= last:
                continue
            shown = frame.reformat(width=made.width, height=made.height, format="yuv420p")
            shown.pts, shown.time_base, shown.pict_type = at, _CLOCK, 0
            out.mux(made.encode(shown))
            last, count = at, count + 1
        out.mux(made.encode(None))
    return count


if __name__ == "__main__":
    found = main(msgspec.json.decode(sys.stdin.buffer.read(), type=Order))
    sys.stdout.buffer.write(msgspec.json.encode(found))
