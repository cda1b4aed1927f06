"""The process that reads the clock in pictures: see `servant`."""

import pickle
from collections.abc import Iterator

import av
import cv2
import msgspec
import numpy as np
from av.video.frame import VideoFrame

from vidrecover.repair._cells import Luma
from vidrecover.repair._decoding import decoded, decoder
from vidrecover.repair._values import ClockJob, ClockRead, FontData, InkJob, InkRead
from vidrecover.repair.burntclock import Font, font_of, read
from vidrecover.servant import serve

_LARGE = 720
"""Rows from which on pictures are halved: their letters are large enough."""
_MOST_HELD = 96 << 20
"""Bytes of luma that are held."""


def answer(message: bytes) -> bytes:
    """What the clock shows in a pickled job's pictures, None where it cannot be read; for an
    InkJob where their ink is."""
    job: ClockJob | InkJob = pickle.loads(message)
    if isinstance(job, InkJob):
        return msgspec.msgpack.encode(_inked(job))
    shown = dict(_pictures(job))
    fonts = [font_of(one) for one in job.fonts]
    reading = read(list(shown.values()), fonts, calibrated=job.calibrate) if shown else None
    if reading is None:
        return msgspec.msgpack.encode(None)
    times = dict(zip(shown, reading.times, strict=True))
    return msgspec.msgpack.encode(
        ClockRead(times=tuple(times.get(one) for one in job.wanted), font=_data(reading.font))
    )


def _inked(job: InkJob) -> InkRead | None:
    """None where no picture decodes whole, or their sizes differ."""
    ink = font_of(job.font).ink
    found: list[Luma] = []
    for units in job.groups:
        frames, _ = decoded(job.codec, units, {})
        found += [_luma(one) for one in frames[:1] if not one.is_corrupt]
    if not found or len({one.shape for one in found}) > 1:
        return None
    share = np.mean([ink.of(one) for one in found], axis=0)
    rows, columns = share.shape
    inked = np.round(255 * share).astype(np.uint8).tobytes()
    return InkRead(rows=rows, columns=columns, inked=inked, pictures=len(found))


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
