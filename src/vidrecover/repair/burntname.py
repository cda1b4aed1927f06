"""The number of a camera in its pictures, read with the digits that the clock has taught.

Recorders write "CH3" or "CAM 03" beside the clock, in the same letters. Nothing here knows those: a
cell is a number's only where every camera of the recorder has a digit there that never changes,
the letters before it are the same dots in all of them, and the digits are not. What is not told
like that beyond doubt is not told: a wrong camera is worse than none. [C: measured in
tests/benchmarks/sorted_cameras.py]
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from vidrecover.repair.burntclock import Font, font_of

__all__ = [
    "LEAST_CAMERAS",
    "LEAST_PICTURES",
    "Field",
    "Inked",
    "Told",
    "font_of",
    "numbers",
    "read",
]

Inked = npt.NDArray[np.uint8]
Share = npt.NDArray[np.float32]

LEAST_CAMERAS = 3
LEAST_PICTURES = 3
"""Of a camera; more of them, and farther apart, show better what never changes."""

_HIGHEST = 64  # camera numbers of one recorder
_MOST_DIGITS = 3
_READABLE = 2 / 3  # of the cameras, at least
_ALONE = 3 / 4  # of the cameras that are read, with a number that no other has
_CLEAR = 1 / 3  # of the distance to the digit most alike, at most
_UNSTEADY, _UNLIKE, _BLANK = 0.06, 0.06, 0.02
_LETTER = (0.5, 1.6)  # of a digit's ink: a colon or dash has less, a bright wall more
_LETTERS = 2  # before the number; a blank may stand between
_MOST_PLACES = 400


class _Camera(NamedTuple):
    """What stands at each place of a camera's pictures, as the upper left corner of a cell.

    share: 0 to 1, how often each dot is ink; digit: -1 for none; apart: from that digit; blank,
    letter: no ink, or as much as a letter has, that never changes.
    """

    share: Share
    digit: npt.NDArray[np.int64]
    apart: Share
    blank: npt.NDArray[np.bool_]
    letter: npt.NDArray[np.bool_]


class Field(NamedTuple):
    """Where the number stands. y, cells: upper left corners of its digits, in pixels; letters:
    those before it, as all cameras have them, by their left edge; end: the blank behind it, None
    at the edge of the picture."""

    font: Font
    y: int
    cells: tuple[int, ...]
    letters: tuple[tuple[int, Share], ...]
    end: int | None

    def number(self, inked: Inked) -> int | None:
        """The number in one more piece's pictures, see `read`; None where it is not clear, or
        not all that stands before and behind it is the same."""
        if inked.shape[0] < self.y + self.font.height or inked.shape[1] < self.cells[-1]:
            return None
        one = _camera(inked, self.font)
        rows = slice(self.y, self.y + self.font.height)
        for left, letter in self.letters:
            shown = one.share[rows, left : left + self.font.width]
            if shown.shape != letter.shape or np.abs(shown - letter).mean() > _UNLIKE:
                return None
        if self.end is not None and not one.blank[self.y, self.end]:
            return None
        if not all(_ends(one, self.y, cell) for cell in self.cells):
            return None
        return _value([int(one.digit[self.y, cell]) for cell in self.cells])


class Told(NamedTuple):
    """The number of each camera, None where none is told, and where it stands."""

    numbers: list[int | None]
    field: Field


def read(cameras: Sequence[Inked], font: Font) -> Told | None:
    """The numbers that are written into the pictures of cameras; None where none are.

    cameras: for each how often each dot is ink over its pictures, 0 to 255, (rows, columns) as
    `font` sees them, all of one size. Numbers are from 1, and no two cameras have the same.
    """
    if len(cameras) < LEAST_CAMERAS or len({one.shape for one in cameras}) != 1:
        return None
    answers = list(_answers([_camera(one, font) for one in cameras], font))
    if not answers or any(one.numbers != answers[0].numbers for one in answers):
        return None
    return answers[0]


def numbers(cameras: Sequence[Inked], font: Font) -> list[int | None]:
    """The same without the place."""
    told = read(cameras, font)
    return [None] * len(cameras) if told is None else told.numbers


def _camera(inked: Inked, font: Font) -> _Camera:
    share: Share = inked.astype(np.float32) / np.float32(255)
    size = (font.width, font.height)
    ink = _mean(share, size)
    usual = float(font.digits.mean())
    steady = _mean(np.minimum(share, 1 - share), size) <= _UNSTEADY
    apart = np.stack(
        [ink + one.mean() - 2 * _mean_of(share, one) for one in font.digits.astype(np.float32)]
    )
    best = apart.argmin(axis=0)
    nearest = np.take_along_axis(apart, best[None], axis=0)[0]
    told = steady & (nearest <= _CLEAR * _separation(font)[best])
    return _Camera(
        share,
        np.where(told, best, -1),
        nearest,
        ink <= _BLANK,
        steady & (ink >= _LETTER[0] * usual) & (ink <= _LETTER[1] * usual),
    )


def _mean(values: Share, size: tuple[int, int]) -> Share:
    """The mean of the cell at each place; places without a whole cell are cut off."""
    whole = cv2.boxFilter(values, cv2.CV_32F, size, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    rows, columns = values.shape[0] - size[1] + 1, values.shape[1] - size[0] + 1
    return whole[:rows, :columns].astype(np.float32, copy=False)


def _mean_of(share: Share, pattern: Share) -> Share:
    """The mean of the product with a pattern at each place."""
    found = cv2.matchTemplate(share, pattern, cv2.TM_CCORR)
    return (found / pattern.size).astype(np.float32, copy=False)


def _separation(font: Font) -> Share:
    """How far each digit is from the one most like it."""
    digits = font.digits.reshape(10, -1)
    apart = np.abs(digits[:, None] - digits[None]).mean(axis=2)
    np.fill_diagonal(apart, 1)
    result: Share = apart.min(axis=1).astype(np.float32)
    return result


def _answers(read: Sequence[_Camera], font: Font) -> Iterator[Told]:
    """The numbers that each place tells where a number may stand, the clearest first."""
    digits = np.stack([one.digit for one in read])
    told = digits >= 0
    count = told.sum(axis=0)
    varied = np.where(told, digits, -1).max(axis=0) > np.where(told, digits, 10).min(axis=0)
    fits = (count >= max(LEAST_CAMERAS, _READABLE * len(read))) & varied
    fits[max(font.y - font.height, 0) : font.y + 2 * font.height] = False
    apart = np.where(told, np.stack([one.apart for one in read]), 0).sum(axis=0)
    places = np.argwhere(fits)
    order = np.argsort((apart / np.maximum(count, 1))[fits], kind="stable")
    for y, x in places[order][:_MOST_PLACES].tolist():
        found = _told(read, font, y, x)
        if found is not None:
            yield found


def _told(read: Sequence[_Camera], font: Font, y: int, x: int) -> Told | None:
    """The numbers of which digits stand at a place."""
    own = [place for place, one in enumerate(read) if one.digit[y, x] >= 0]
    some = [read[one] for one in own]
    left = x
    while left >= font.width and all(one.digit[y, left - font.width] >= 0 for one in some):
        left -= font.width
    cells = list(range(left, x + 1, font.width))
    end = None
    for right in range(x + font.width, read[0].digit.shape[1], font.width):
        if all(one.blank[y, right] for one in some):
            end = right
            break
        if not all(_ends(one, y, right) for one in some):
            return None
        cells.append(right)
    letters = _letters(some, font, y, left)
    texts = [[int(one.digit[y, cell]) for cell in cells] for one in some]
    told = _distinct(texts, own, len(read)) if letters else None
    return None if told is None else Told(told, Field(font, y, tuple(cells), letters, end))


def _ends(camera: _Camera, y: int, x: int) -> bool:
    """Whether a digit or nothing stands at a place."""
    return bool(camera.digit[y, x] >= 0 or camera.blank[y, x])


def _letters(
    read: Sequence[_Camera], font: Font, y: int, left: int
) -> tuple[tuple[int, Share], ...]:
    """The letters before a number that are the same in all cameras, not only digits; none where
    they are not."""
    at = left - font.width
    if at >= 0 and all(one.blank[y, at] for one in read):
        at -= font.width
    places = [at - step * font.width for step in range(_LETTERS)]
    if min(places) < 0 or not all(one.letter[y, place] for one in read for place in places):
        return ()
    if all(one.digit[y, place] >= 0 for one in read for place in places):
        return ()
    found = []
    for place in places:
        cells = [one.share[y : y + font.height, place : place + font.width] for one in read]
        usual: Share = np.median(np.stack(cells), axis=0).astype(np.float32)
        if max(float(np.abs(one - usual).mean()) for one in cells) > _UNLIKE:
            return ()
        found.append((place, usual))
    return tuple(found)


def _distinct(
    texts: Sequence[Sequence[int]], own: Sequence[int], count: int
) -> list[int | None] | None:
    """The numbers of the cameras that were read, when they can be those of cameras. What several
    have is told of none: it may be one camera whose view has changed."""
    values: list[int] = []
    for text in texts:
        value = _value(text)
        if value is None:
            return None
        values.append(value)
    alone = [one for one in values if values.count(one) == 1]
    if len(alone) < max(LEAST_CAMERAS, _ALONE * len(values)):
        return None
    found: list[int | None] = [None] * count
    for place, value in zip(own, values, strict=True):
        found[place] = value if value in alone else None
    return found


def _value(text: Sequence[int]) -> int | None:
    """The number of a row of digits, with blanks (-1) behind them only; None for no camera's."""
    digits = [one for one in text if one >= 0]
    broken = any(before < 0 <= after for before, after in pairwise(text))
    if broken or not 1 <= len(digits) <= _MOST_DIGITS:
        return None
    value = int("".join(map(str, digits)))
    return value if 1 <= value <= _HIGHEST else None
