"""Pictures into access units with real encoders: Annex B, parameter sets before each IDR."""

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np

from vidrecover.simulate.pictures import Plane, Scene
from vidrecover.simulate.plan import Camera

_START_CODE = b"\x00\x00\x00\x01"
_LIBRARIES = {"h264": "libx264", "h265": "libx265"}


class AccessUnit(NamedTuple):
    """One coded picture; all its start codes have four bytes. key: decodes alone (IDR)."""

    data: bytes
    key: bool


def access_units(camera: Camera, scene: Scene, times: list[int]) -> Iterator[AccessUnit]:
    """The coded pictures for these times, one each and in order; the first is a key picture.

    One thread and no rate control by time make the bytes the same on every run.
    """
    encoder = _encoder(camera)
    for time_ms in times:
        picture = av.VideoFrame(camera.width, camera.height, "yuv420p")
        scene.draw(time_ms, _planes(picture))
        picture.pts = time_ms - times[0]
        yield from map(_unit, encoder.encode(picture))
    yield from map(_unit, encoder.encode(None))


def _unit(packet: "av.Packet[av.VideoStream]") -> AccessUnit:
    data = bytes(packet)
    return AccessUnit(b"".join(nal_units(data)), bool(packet.is_keyframe))


def nal_units(data: bytes) -> list[bytes]:
    """The NAL units of an access unit, each behind a start code of four bytes."""
    return [
        _START_CODE + part.rstrip(b"\x00")
        for part in data.split(_START_CODE[1:])
        if part.strip(b"\x00")
    ]


def _encoder(camera: Camera) -> av.VideoCodecContext:
    encoder = av.CodecContext.create(_LIBRARIES[camera.codec], "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = camera.width, camera.height, "yuv420p"
    encoder.time_base = Fraction(1, 1000)
    encoder.framerate = Fraction(camera.rate).limit_denominator(1000)
    encoder.thread_count = 1
    encoder.max_b_frames = 0
    common = f"keyint={camera.gop}:min-keyint=1:scenecut=0:repeat-headers=1:annexb=1:bframes=0"
    options = {"preset": "ultrafast", "tune": "zerolatency", "crf": str(camera.quality)}
    if camera.codec == "h264":
        options["x264-params"] = common
    else:
        only = "info=0:open-gop=0:pools=none:frame-threads=1:wpp=0:log-level=none"
        options["x265-params"] = f"{common}:{only}"
    encoder.options = options
    return encoder


def _planes(picture: av.VideoFrame) -> tuple[Plane, Plane, Plane]:
    """Writable views of the three planes without the padding of their lines."""
    luma, cb, cr = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[
            :, : plane.width
        ]
        for plane in picture.planes
    )
    return luma, cb, cr
