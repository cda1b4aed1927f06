"""Recognises the video-loss picture: one colour, apart from letters that lie over it."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.picture._values import HEIGHT, WIDTH, Plane

try:
    import cv2
except ImportError:  # no wheel for Windows on ARM; `measure` refuses before coming here
    cv2 = None  # type: ignore[assignment]  # the module or nothing

Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.float32]

LETTER_CONTRAST = 12
"""Luma away from the ground from which a pixel may belong to a letter. [C]"""

LETTER_MARGIN = 13
"""Pixels around a letter that coding errors may reach: one 8x8 block at CIF. [C]"""

LUMA_TOLERANCE = 2
CHROMA_TOLERANCE = 6
"""One colour, after a coarse encoder and the stretch to full range. Cards rendered in eight
colours, 176x144 to 1920x1080, H.264 and H.265 at CRF 28 to 45 keep 0.99 within them. [C]"""

HALO = 5
HALO_SHARE = 0.3
"""Luma that light spreads beside it, and the share of the surroundings that may have it: coding
errors of rendered cards fill up to 0.24, lit signs 0.4 and more unless they hardly glow. [C]"""

UNIFORM = 0.95
"""Letters are looked for from this share of equal pixels on."""

MIDDLE = slice(HEIGHT // 4, HEIGHT * 3 // 4)
"""Rows in which the message stands; clock, names and positions stand above or below. [C]"""


class Ground(NamedTuple):
    """The colour that most of a picture has; see `Measures` for the fields."""

    luma: int
    tint_blue: int
    tint_red: int
    overlaid: float
    uniform: float


def ground_of(luma: Plane, blue: Plane | None, red: Plane | None) -> Ground:
    """The ground of planes that are cut to the same rows, chroma at half size."""
    commonest = int(counts(luma).argmax())
    distance = cv2.absdiff(luma, np.full_like(luma, commonest))
    _, letters = cv2.threshold(distance, LETTER_CONTRAST, 255, cv2.THRESH_BINARY)
    near_letters = cv2.dilate(letters, np.ones((LETTER_MARGIN, LETTER_MARGIN), np.uint8))
    free = np.asarray(cv2.bitwise_not(near_letters), dtype=np.uint8)
    half = np.ascontiguousarray(free[::2, ::2])
    uniform = _share(counts(luma, free), commonest, LUMA_TOLERANCE)
    tints = [0, 0]
    for place, plane in enumerate((blue, red)):
        if plane is not None:
            tint = int(counts(plane).argmax())
            tints[place] = tint - 128
            uniform = min(uniform, _share(counts(plane, half), tint, CHROMA_TOLERANCE))
    overlaid = 1.0 - cv2.countNonZero(free) / free.size
    return Ground(commonest, tints[0], tints[1], overlaid, uniform)


def counts(plane: Plane, where: Plane | None = None) -> Counts:
    """How often each of the 256 values occurs, where the mask is not zero."""
    table = cv2.calcHist([plane], [0], where, [256], [0, 256])
    return np.asarray(table, dtype=np.float32).ravel()


def _share(table: Counts, value: int, tolerance: int) -> float:
    """Share of the counted samples that lie within the tolerance of a value."""
    total = float(table.sum())
    near = float(table[max(value - tolerance, 0) : value + tolerance + 1].sum())
    return near / total if total else 0.0


def lettering(luma: Plane, ground: int) -> bool:
    """Whether a line of large letters stands in the middle of a whole uniform picture.

    Letters are told from lamps, windows and reflections by their strokes, many along a row and
    more than one along a column, and from lit signs by the clean ground around them. [C]
    """
    middle = luma[MIDDLE]
    distance = cv2.absdiff(middle, np.full_like(middle, ground))
    strongest = int(np.partition(distance.ravel(), -50)[-50])
    if strongest < 2 * LETTER_CONTRAST:
        return False
    letters = distance > strongest // 2
    return _clean_around(letters, middle.astype(np.int16) - ground) and any(
        _is_text(letters[rows]) for rows in _lines(letters)
    )


def _clean_around(letters: Mask, offset: npt.NDArray[np.int16]) -> bool:
    """Whether the ground shows three to eight pixels beside the letters, or light spreads.

    offset: luma less the ground. Only what leans to the letters' side counts: coding errors
    lean to both.
    """
    marks = letters.astype(np.uint8)
    near, far = (cv2.dilate(marks, np.ones((reach, reach), np.uint8)) for reach in (7, 17))
    ring = offset[(far > 0) & (near == 0)]
    side = 1 if float(offset[letters].mean()) > 0 else -1
    return not ring.size or float((side * ring > HALO).mean()) <= HALO_SHARE


def _lines(letters: Mask) -> list[slice]:
    """Runs of rows with letters in them, gaps of up to two rows bridged."""
    rows = np.flatnonzero(letters.any(axis=1))
    if not rows.size:
        return []
    parts = np.split(rows, np.flatnonzero(np.diff(rows) > 3) + 1)
    return [slice(int(part[0]), int(part[-1]) + 1) for part in parts]


def _is_text(letters: Mask) -> bool:
    """Whether the rows hold one wide, centred line of strokes. Sizes in pixels at CIF."""
    columns = np.flatnonzero(letters.any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    height, width = letters.shape[0], right - left
    centred = 0.3 * WIDTH < (left + right) / 2 < 0.7 * WIDTH
    if not centred or height < 6 or width < 60 or width < 2.5 * height:
        return False
    box = letters[:, left:right]
    core = box[height // 5 : height - height // 5]
    return (
        _runs(core, axis=1) >= 5
        and 1.25 <= _runs(box[:, box.any(axis=0)], axis=0) <= 6
        and 0.1 <= float(box.mean()) <= 0.75
    )


def _runs(mask: Mask, axis: int) -> float:
    """Mean number of separate strokes met along the axis."""
    starts = np.diff(mask.astype(np.int8), axis=axis, prepend=0) == 1
    return float(starts.sum(axis=axis).mean())


def falloff(luma: Plane, blue: Plane | None) -> float:
    """How far the border of a uniform picture differs from its centre, in luma or chroma.

    Planes as for `ground_of`. A generated picture is level; what a lens sees falls off. [C]
    """
    return max(_falloff(plane) for plane in (luma, blue) if plane is not None)


def _falloff(plane: Plane) -> float:
    cells = cv2.resize(plane.astype(np.float32), (22, 13), interpolation=cv2.INTER_AREA)
    border = np.concatenate([cells[0], cells[-1], cells[1:-1, 0], cells[1:-1, -1]])
    return abs(float(np.median(border)) - float(np.median(cells[4:9, 7:15])))
