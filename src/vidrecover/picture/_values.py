"""What travels through `picture`: decoded pictures, their measures, the judgement."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover.model import Certainty, PictureState

WIDTH = 352
HEIGHT = 288
"""Every picture is looked at in this size (CIF)."""

Plane: TypeAlias = npt.NDArray[np.uint8]
"""One plane of samples, (height, width)."""

Image: TypeAlias = npt.NDArray[Any]
"""uint8, (height, width, 3) in BGR or (height, width) luma; full range: black 0, white 255."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A key picture scaled to WIDTH x HEIGHT, planar YUV 4:2:0 in full range.

    luma: (288, 352); blue, red: the chroma planes U and V, (144, 176), None where only luma is
    known. width, height: as coded, before scaling. damaged: the decoder met errors, so parts
    may be its own invention; such a picture is never judged.
    """

    luma: Plane
    blue: Plane | None
    red: Plane | None
    width: int
    height: int
    damaged: bool = False


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """What can be counted in one picture, the overlay bands at top and bottom left out.

    Luma and differences run from 0 to 255, shares from 0 to 1.
    width, height: as coded. mean, deviation: of the luma. flat: share of 16x16 cells that deviate
    by less than 1.5. texture: median deviation of the cells. dominant: share of pixels within 3
    of the commonest luma. edges: share of Sobel magnitudes above 60. sharpness: the steepest
    steps over one pixel against those over eight, about 0.15 (blurred) to 1, None without
    contrast. noise: Immerkaer's
    estimate in the quieter cells. colour: how far the most
    coloured hundredth of the 8x8 cells is from grey in chroma, None without chroma.

    For video-loss pictures: ground: commonest luma; tint_blue, tint_red: commonest chroma less
    128; overlaid: share of the picture that letters may occupy; uniform: share of all other
    pixels that have one and the same colour; falloff: how far the border differs from the
    centre, None where the picture is not uniform; lettering: a line of large letters stands in
    the middle of a uniform picture.

    Against the picture before, None without one: change, change_peak: mean and 99.5th
    percentile of the absolute difference; cell_change: 95th percentile of the differences of
    the lit cells' means, None where too few are lit; overlay_change: mean difference in the
    overlay bands; shift_rows, shift_gain: how far the rows have moved vertically, and by how
    much the correlation of the row means is better there than unmoved (0 where they match nowhere).
    """

    width: int
    height: int
    mean: float
    deviation: float
    flat: float
    texture: float
    dominant: float
    edges: float
    sharpness: float | None
    noise: float
    colour: float | None
    ground: int
    tint_blue: int
    tint_red: int
    overlaid: float
    uniform: float
    falloff: float | None
    lettering: bool
    change: float | None = None
    change_peak: float | None = None
    cell_change: float | None = None
    overlay_change: float | None = None
    shift_rows: int | None = None
    shift_gain: float | None = None


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What the key pictures of one camera show, and the measured values behind the word.

    also: what else they show, e.g. colourless (infrared at night is no fault). judged: pictures
    measured; rejected: pictures that did not decode or decoded with errors; cards: video-loss
    pictures among the judged. measures: medians over the judged, None when there are none.
    alone: what each given picture shows by itself, in the given order; unmoved: whether it differs
    from the one before it by coding alone; rolled: whether its rows have moved against it; sizes:
    width and height as coded, 0 where unknown. scrambled: units among the given that are uniform
    noise where a coded picture should be; 0 where any is one. cells: fingerprint of the first
    picture where all are the same but for coding, see `cells_of`; empty where they are not.
    """

    state: PictureState
    certainty: Certainty
    reason: str
    also: tuple[PictureState, ...] = ()
    judged: int = 0
    rejected: int = 0
    cards: int = 0
    measures: Measures | None = None
    alone: tuple[PictureState, ...] = ()
    unmoved: tuple[bool, ...] = ()
    rolled: tuple[bool, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    scrambled: int = 0
    cells: bytes = b""


def not_checked(reason: str, rejected: int = 0) -> Judgement:
    """The judgement on pictures that could not be looked at; `rejected` of them were given."""
    return Judgement(
        state=PictureState.NOT_CHECKED,
        certainty=Certainty.CERTAIN,
        reason=reason,
        rejected=rejected,
        alone=(PictureState.NOT_CHECKED,) * rejected,
        unmoved=(False,) * rejected,
        rolled=(False,) * rejected,
        sizes=((0, 0),) * rejected,
    )
