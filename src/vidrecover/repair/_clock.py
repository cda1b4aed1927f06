"""The process that reads the clock in pictures: see `servant`."""

import pickle
from collections.abc import Iterator

import av
import cv2
import msgspec
import numpy as np
from av.video.frame import VideoFrame

from vidrecover.repair._decoding import decoder
from vidrecover.repair._values import ClockJob, ClockRead, FontData
from vidrecover.repair.burntclock import Font, Ink, Luma, read
from vidrecover.servant import serve

_LARGE = 720
"""Rows from which on pictures are halved: their letters are large enough."""
_MOST_HELD = 96 << 20
"""Bytes of luma that are held."""


def answer(message: bytes) -> bytes:
    """What the clock shows in a pickled job's pictures, None where it cannot be read."""
    job: ClockJob = pickle.loads(message)
    shown = dict(_pictures(job))
    fonts = [_font(one) for one in job.fonts]
    reading = read(list(shown.values()), fonts, calibrated=job.calibrate) if shown else None
    if reading is None:
        return msgspec.msgpack.encode(None)
    times = dict(zip(shown, reading.times, strict=True))
    return msgspec.msgpack.encode(
        ClockRead(times=tuple(times.get(one) for one in job.wanted), font=_data(reading.font))
    )


def _pictures(job: ClockJob) -> Iterator[tuple[int, Luma]]:
    """The wanted pictures that decode without damage, by their place, as many as can be held."""
    context = decoder(job.codec, {})
    wanted, held = set(job.wanted), 0
    for place, unit in enumerate([*job.units, None]):
        packet = None if unit is None else av.Packet(unit)
        if packet is not None:
            packet.pts = packet.dts = place
        try:
            frames = context.decode(packet)
        except (av.FFmpegError, ValueError, MemoryError):
            continue
        for frame in frames:
            if frame.pts in wanted and not frame.is_corrupt:
                luma = _luma(frame)
                held += luma.size
                if held > _MOST_HELD:
                    return
                yield int(frame.pts), luma


def _luma(frame: VideoFrame) -> Luma:
    luma = frame.reformat(format="gray").to_ndarray().astype(np.uint8, copy=False)
    if luma.shape[0] < _LARGE:
        return luma
    halved = cv2.resize(luma, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return halved.astype(np.uint8, copy=False)


def _font(data: FontData) -> Font:
    digits = np.frombuffer(data.digits, np.float32).reshape(10, data.height, data.width)
    ink = Ink(data.level, data.tophat)
    return Font(ink, data.x, data.y, data.width, data.height, digits, data.order, data.certain)


def _data(font: Font) -> FontData:
    return FontData(
        level=font.ink.level,
        tophat=font.ink.tophat,
        x=font.x,
        y=font.y,
        width=font.width,
        height=font.height,
        digits=font.digits.astype(np.float32).tobytes(),
        order=font.order,
        certain=font.certain,
    )


if __name__ == "__main__":
    av.logging.set_level(av.logging.PANIC)
    cv2.setNumThreads(1)
    serve(answer)
