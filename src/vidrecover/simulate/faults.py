"""What goes wrong with a camera's picture, done to the planes of a YUV 4:2:0 picture."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.simulate.times import Span

Plane = npt.NDArray[np.uint8]
Word = Literal["dark", "covered", "frozen", "blurred", "noisy", "rolling", "colourless"]
WORDS: tuple[Word, ...] = (
    "dark", "covered", "frozen", "blurred", "noisy", "rolling", "colourless",
)  # fmt: skip

_GREY = 128
_NIGHT = 0.3  # of the light that is left
_BLUR = 4  # pixels to each side, three times: a sigma of about 4
_NOISE = 35.0
_GRAIN = 2.0  # of a sensor by day: real empty rooms change as much  [B: codec-repair.md 8.2]
_ROLLS = 0.067  # rows a millisecond


class Fault(NamedTuple):
    """A fault and when it lasts."""

    word: Word
    span: Span


def shown(faults: Sequence[Fault], time_ms: int) -> Fault | None:
    """The fault at a time, the first where several last."""
    return next((one for one in faults if one.span.start_ms <= time_ms < one.span.end_ms), None)


def night(planes: Sequence[Plane]) -> None:
    """Little light, as behind a windscreen after dark: shapes stay, colour goes."""
    planes[0][:] = 16 + (planes[0].astype(np.float32) - 16) * _NIGHT
    for plane in planes[1:]:
        plane[:] = _GREY + (plane.astype(np.float32) - _GREY) * _NIGHT


def grain(luma: Plane, time_ms: int) -> None:
    """What a sensor adds to a scene in which nothing moves; another with every picture."""
    rng = np.random.default_rng([time_ms & 0x7FFFFFFF, 7])
    luma[:] = np.clip(luma + rng.normal(0, _GRAIN, luma.shape), 16, 235).astype(np.uint8)


def spoil(planes: Sequence[Plane], word: Word, time_ms: int) -> None:
    """Do to a picture what the fault does; `frozen` is done by drawing an earlier time."""
    luma = planes[0]
    rng = np.random.default_rng([time_ms & 0x7FFFFFFF, 5])
    if word == "dark":
        luma[:] = 16 + (luma >> 6)
    elif word == "covered":
        across = np.linspace(-4, 4, luma.shape[1])
        luma[:] = (90 + across + np.linspace(-3, 3, luma.shape[0])[:, None]).astype(np.uint8)
    elif word == "blurred":
        for plane in planes:
            plane[:] = _smooth(plane, _BLUR if plane is luma else _BLUR // 2)
    elif word == "noisy":
        noise = rng.normal(0, _NOISE, luma.shape)
        luma[:] = np.clip(luma + noise, 16, 235).astype(np.uint8)
    elif word == "rolling":
        for plane in planes:
            rows = int(time_ms * _ROLLS) % luma.shape[0] * plane.shape[0] // luma.shape[0]
            plane[:] = np.roll(plane, rows, axis=0)
    if word in ("dark", "covered", "colourless"):
        for plane in planes[1:]:
            plane[:] = _GREY


def _smooth(plane: Plane, reach: int) -> Plane:
    """Three means over neighbours in both directions: nearly a bell."""
    values = plane.astype(np.float32)
    for axis in (0, 1) * 3:
        padded = np.pad(values, [(reach + 1, reach) if a == axis else (0, 0) for a in (0, 1)],
                        mode="edge")  # fmt: skip
        sums = padded.cumsum(axis=axis)
        length = 2 * reach + 1
        upper, lower = [slice(None)] * 2, [slice(None)] * 2
        upper[axis], lower[axis] = slice(length, None), slice(None, -length)
        values = (sums[tuple(upper)] - sums[tuple(lower)]) / length
    return values.astype(np.uint8)
