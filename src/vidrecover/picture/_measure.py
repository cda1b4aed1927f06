"""Counts in one picture what the rules of `_judge` need."""

import math
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover.errors import VidrecoverError
from vidrecover.picture._card import UNIFORM, counts, falloff, ground_of, lettering
from vidrecover.picture._values import HEIGHT, WIDTH, Image, Measures, Picture, Plane

try:
    import cv2
except ImportError:  # no wheel for Windows on ARM
    cv2 = None  # type: ignore[assignment]  # the module or nothing

MISSING = "OpenCV is not installed on this machine, so pictures cannot be judged"

TOP, BOTTOM = 40, 248
"""Rows between the overlay bands: 13 rows of 16x16 cells. [B: codec-repair.md 8.2]"""

CELLS = (WIDTH // 16, (BOTTOM - TOP) // 16)
"""Columns and rows of cells, in the order in which OpenCV wants sizes."""

LAPLACE_DIFFERENCE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
IMMERKAER = math.sqrt(math.pi / 2) / 6
"""Noise is the mean magnitude of that filter's answer times this (Immerkaer 1996). [B]"""

EDGE = 60
CONTRAST = 30
"""Steps over eight pixels, in luma, from which their steepness can be told. [C]"""

LIT = (24, 240)
LIT_SHARE = 0.2
"""Means of cells in which a sensor shows its noise, and the share of such cells from which standing
still can be told: black and white are cut off, and are the same every time. [C]"""

ROW_MATCH = 0.8
"""Correlation of row means from which two pictures count as the same scene, moved. [C]"""

Float = npt.NDArray[np.float32]


def available() -> bool:
    """Whether pictures can be judged on this machine."""
    return cv2 is not None


def measure(picture: Picture | Image, previous: Picture | Image | None = None) -> Measures:
    """The values of one picture, and how it differs from the one before it.

    Raises VidrecoverError without OpenCV, ValueError for an array of another shape or type.
    """
    if cv2 is None:
        raise VidrecoverError(MISSING)
    shown = _scaled(picture)
    if previous is None:
        return _alone(shown)
    return _compared(_alone(shown), shown.luma, _scaled(previous).luma)


def _scaled(picture: Picture | Image) -> Picture:
    if isinstance(picture, Picture):
        return picture
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or not picture.size:
        raise ValueError(f"a picture is uint8 in two or three axes, not {picture.shape}")
    height, width = picture.shape[:2]
    small = _shrunk(picture, (WIDTH, HEIGHT))
    if picture.ndim == 2:
        return Picture(small, None, None, width, height)
    if picture.shape[2] != 3:
        raise ValueError(f"a colour picture has three channels, not {picture.shape[2]}")
    luma, red, blue = cv2.split(cv2.cvtColor(small, cv2.COLOR_BGR2YCrCb))
    half = (WIDTH // 2, HEIGHT // 2)
    return Picture(_plane(luma), _shrunk(blue, half), _shrunk(red, half), width, height)


def _shrunk(plane: Image, size: tuple[int, int]) -> Plane:
    return _plane(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))


def _plane(samples: Image) -> Plane:
    return np.ascontiguousarray(samples, dtype=np.uint8)


def _cells(samples: Float) -> Float:
    """Means of the 16x16 cells."""
    means = cv2.resize(samples, CELLS, interpolation=cv2.INTER_AREA)
    return means.astype(np.float32, copy=False)


class _Luma(NamedTuple):
    mean: float
    deviation: float
    flat: float
    texture: float


def _luma(band: Plane) -> _Luma:
    samples = band.astype(np.float32)
    means, squares = _cells(samples), _cells(samples * samples)
    deviations = np.sqrt(np.maximum(squares - means * means, 0))
    mean = float(means.mean())
    variance = float(squares.mean()) - mean * mean
    return _Luma(
        mean=mean,
        deviation=math.sqrt(max(variance, 0.0)),
        flat=float((deviations < 1.5).mean()),
        texture=float(np.median(deviations)),
    )


def cells_of(picture: Picture | Image) -> bytes:
    """The means of the 16x16 cells between the overlay bands, row by row: a fingerprint that is the
    same for one picture coded twice, but for coding; see `drift`.

    22 x 13 numbers of 16 bits, little-endian, in 256ths of a step of luma.
    """
    if cv2 is None:
        raise VidrecoverError(MISSING)
    means = _cells(_scaled(picture).luma[TOP:BOTTOM].astype(np.float32))
    return np.rint(means * 256).astype("<u2").tobytes()


def drift(one: bytes, other: bytes) -> float | None:
    """How far two pictures are from each other by `cells_of`, in steps of luma: what 95 of 100 lit
    cells do not exceed. None where too few cells are lit to tell."""
    now, then = (np.frombuffer(cells, dtype="<u2") / 256 for cells in (one, other))
    return _cell_change(now, then) if now.size == then.size else None


def _cell_change(now: npt.NDArray[Any], then: npt.NDArray[Any]) -> float | None:
    lit = (np.minimum(now, then) >= LIT[0]) & (np.maximum(now, then) <= LIT[1])
    if lit.mean() < LIT_SHARE:
        return None
    return float(np.percentile(np.abs(now - then)[lit], 95))


def _alone(picture: Picture) -> Measures:
    rows, half_rows = slice(TOP, BOTTOM), slice(TOP // 2, BOTTOM // 2)
    band = picture.luma[rows]
    blue = None if picture.blue is None else picture.blue[half_rows]
    red = None if picture.red is None else picture.red[half_rows]
    ground = ground_of(band, blue, red)
    plain = ground.uniform >= UNIFORM
    luma = _luma(band)
    return Measures(
        width=picture.width,
        height=picture.height,
        mean=luma.mean,
        deviation=luma.deviation,
        flat=luma.flat,
        texture=luma.texture,
        dominant=_dominant(band, ground.luma),
        edges=_edges(band),
        sharpness=_sharpness(band),
        noise=_noise(band),
        colour=_colour(blue, red),
        ground=ground.luma,
        tint_blue=ground.tint_blue,
        tint_red=ground.tint_red,
        overlaid=ground.overlaid,
        uniform=ground.uniform,
        falloff=falloff(band, blue) if plain else None,
        lettering=plain and lettering(picture.luma, ground.luma),
    )


def _dominant(band: Plane, commonest: int) -> float:
    near = counts(band)[max(commonest - 3, 0) : commonest + 4]
    return float(near.sum()) / band.size


def _edges(band: Plane) -> float:
    across, down = cv2.spatialGradient(band)
    slope = cv2.magnitude(across.astype(np.float32), down.astype(np.float32))
    _, steep = cv2.threshold(slope, EDGE, 1.0, cv2.THRESH_BINARY)
    return cv2.countNonZero(steep) / band.size


def _sharpness(band: Plane) -> float | None:
    near = _percentile(_difference(band[:, 1:], band[:, :-1]), 0.995)
    far = _percentile(_difference(band[:, 8:], band[:, :-8]), 0.995)
    return near / (far + 2) if far >= CONTRAST else None


def _difference(one: Plane, other: Plane) -> Plane:
    return np.asarray(cv2.absdiff(one, other), dtype=np.uint8)


def _percentile(differences: Plane, share: float) -> int:
    """The value that `share` of the differences do not exceed."""
    sums = counts(differences).cumsum()
    return int(np.searchsorted(sums, share * sums[-1]))


def _noise(band: Plane) -> float:
    answer = cv2.filter2D(band, cv2.CV_16S, LAPLACE_DIFFERENCE)
    cells = _cells(np.abs(answer).astype(np.float32))
    return float(np.percentile(cells, 20)) * IMMERKAER


def _colour(blue: Plane | None, red: Plane | None) -> float | None:
    if blue is None or red is None:
        return None
    small = (WIDTH // 8, (BOTTOM - TOP) // 8)
    tints = [np.abs(_shrunk(plane, small).astype(np.int16) - 128) for plane in (blue, red)]
    return float(np.percentile(np.maximum(*tints), 99))


def _compared(measures: Measures, luma: Plane, before: Plane) -> Measures:
    difference = _difference(luma, before)
    band = difference[TOP:BOTTOM]
    overlay = np.concatenate([difference[:TOP], difference[BOTTOM:]])
    now, then = (_cells(one[TOP:BOTTOM].astype(np.float32)) for one in (luma, before))
    shift, gain = _shift(luma, before)
    return msgspec.structs.replace(
        measures,
        change=cv2.mean(band)[0],
        change_peak=float(_percentile(band, 0.995)),
        cell_change=_cell_change(now, then),
        overlay_change=cv2.mean(overlay)[0],
        shift_rows=shift,
        shift_gain=gain,
    )


def _shift(luma: Plane, before: Plane) -> tuple[int, float]:
    """Rows by which the picture has rolled, and the gain in correlation; (0, 0) if unlike."""
    now, then = (rows - rows.mean() for rows in (_row_means(luma), _row_means(before)))
    power = math.sqrt(float(now @ now) * float(then @ then))
    if power < 1:
        return 0, 0.0
    match = np.fft.irfft(np.fft.rfft(now) * np.conj(np.fft.rfft(then)), HEIGHT) / power
    best = int(match.argmax())
    if match[best] < ROW_MATCH:
        return 0, 0.0
    return min(best, HEIGHT - best), float(match[best] - match[0])


def _row_means(luma: Plane) -> Float:
    means = cv2.reduce(luma, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)
    return np.asarray(means, dtype=np.float32).ravel()
