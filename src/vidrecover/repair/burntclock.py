"""The clock in the picture, read without knowing its font: it calibrates itself.

A recorder writes date and time into its pictures, in cells of fixed pitch. The cell whose pattern
runs through one cycle of ten is that of the single seconds; the pattern that stands there when the
cell to its left changes is the 0. So the ten digits of this recorder's font are known, and all
other cells are read with them. [B: codec-repair.md 4.1, two recorders] No model and no font file is
needed, and what does not step like a clock is not believed.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from vidrecover.clock import parse_iso
from vidrecover.model import RecorderMs
from vidrecover.repair._cells import Bits, Luma, cycle, windows, zero
from vidrecover.repair._values import FontData

LEAST_S = 20
"""Seconds of footage in which all ten digits occur, twice."""
LEAST_PER_S = 2
"""Pictures a second that calibration needs: each second must be seen."""

_LEVELS = (190, 170, 210, 150, 130)
_TOPHATS = (30, 20, 45)
_HEIGHTS = (16, 20, 24, 32, 48)
_READ = 0.10
_GOOD, _ENOUGH, _LEAST_READ = 0.99, 0.90, 0.8
_SAMPLED, _LEAST_CYCLE = 4, 0.5
"""One of so many cells is looked at first: those around a clock's seconds, which are alike and so
stand side by side, all run through a cycle more or less."""
_MOST_PICTURES = 600  # that calibration looks at
_TRIED = 12  # of the cells of one height that run through a cycle: neighbours cut less cleanly
_CELLS = 26  # to the left of the single seconds: date, time and a few blanks between them
_TIME = re.compile(r"(\d\d).(\d\d).(\d\d)$")
_DATES = (
    re.compile(r"(?P<y>20\d\d).(?P<m>\d\d).(?P<d>\d\d)\D{1,6}$"),
    re.compile(r"(?P<d>\d\d).(?P<m>\d\d).(?P<y>20\d\d)\D{1,6}$"),
    re.compile(r"(?P<m>\d\d).(?P<d>\d\d).(?P<y>20\d\d)\D{1,6}$"),
)


class Ink(NamedTuple):
    """How letters are told from the picture: luma above a level, or that much above what
    surrounds them."""

    level: int
    tophat: bool

    def of(self, picture: Luma) -> Bits:
        """Which pixels are letters."""
        if not self.tophat:
            return picture > self.level
        return cv2.morphologyEx(picture, cv2.MORPH_TOPHAT, _kernel()) > self.level


class Font(NamedTuple):
    """A recorder's clock: where its single seconds stand, and what its digits look like.

    x, y: left upper corner, in pixels; width, height: of a cell; digits: ten patterns of 0 and 1;
    order: place of the date's pattern in `yyyy-mm-dd`, `dd-mm-yyyy`, `mm-dd-yyyy`; certain: day
    and month cannot be meant the other way round.
    """

    ink: Ink
    x: int
    y: int
    width: int
    height: int
    digits: npt.NDArray[np.float32]
    order: int = 0
    certain: bool = True

    def text(self, picture: Luma) -> str:
        """What stands in the cells up to the single seconds, `.` for all that is no digit."""
        bits = self.ink.of(picture)
        found = []
        for place in range(_CELLS, -1, -1):
            left = self.x - place * self.width
            if left < 0:
                continue
            cell = bits[self.y : self.y + self.height, left : left + self.width]
            apart = np.abs(self.digits - cell).mean(axis=(1, 2))
            best = int(apart.argmin())
            found.append(str(best) if apart[best] < _READ else ".")
        return "".join(found)

    def read(self, picture: Luma) -> RecorderMs | None:
        """The time that a picture shows, in whole seconds, None when it cannot be read."""
        return _time(self.text(picture), self.order)


def font_of(data: FontData) -> Font:
    """A font that has travelled."""
    digits = np.frombuffer(data.digits, np.float32).reshape(10, data.height, data.width)
    ink = Ink(data.level, data.tophat)
    return Font(ink, data.x, data.y, data.width, data.height, digits, data.order, data.certain)


class Reading(NamedTuple):
    """What the clock in a row of pictures shows.

    times: of each picture, None where it cannot be read; rate: pictures in a second of the clock;
    jumps: places in the row where the clock steps back, or by more than the pictures allow for.
    """

    font: Font
    times: tuple[RecorderMs | None, ...]
    rate: float | None
    jumps: tuple[int, ...]


def read(
    pictures: Sequence[Luma], fonts: Sequence[Font] = (), *, calibrated: bool = True
) -> Reading | None:
    """The clock in pictures of one camera in order; None when none is found or believed.

    pictures: uint8 (height, width), all of one size, at least LEAST_PER_S for each second and
    LEAST_S of them to calibrate. fonts: known ones, tried first, with which few pictures do;
    calibrated: find a new one when they do not.
    """
    for font in fonts:
        found = _reading(pictures, font)
        if found is not None:
            return found
    made = calibrate(pictures) if calibrated else None
    return None if made is None else _reading(pictures, made)


def calibrate(pictures: Sequence[Luma]) -> Font | None:
    """The clock's font, told by how its cells change; None when no cell behaves like one."""
    if len(pictures) < LEAST_S * LEAST_PER_S or len({one.shape for one in pictures}) != 1:
        return None
    stack = np.stack(pictures[:_MOST_PICTURES])
    best: tuple[float, Font] | None = None
    for ink in _inks():
        bits = np.stack([ink.of(one) for one in stack])
        for font in _likeliest(bits, ink):
            dated = _dated(pictures, font)
            if dated is not None and (best is None or dated[0] > best[0]):
                best = dated
        if best is not None and best[0] >= _GOOD:
            break
    return None if best is None else best[1]


def _likeliest(bits: Bits, ink: Ink) -> Iterator[Font]:
    """The best fonts of each height: a part of a large digit runs through its cycle as well."""
    tried: Counter[int] = Counter()
    for _, font in sorted(_fonts(bits, ink), key=lambda one: -one[0]):
        tried[font.height] += 1
        if tried[font.height] <= _TRIED:
            yield font


def _inks() -> Iterator[Ink]:
    for place in range(max(len(_LEVELS), len(_TOPHATS))):
        if place < len(_LEVELS):
            yield Ink(_LEVELS[place], tophat=False)
        if place < len(_TOPHATS):
            yield Ink(_TOPHATS[place], tophat=True)


def _kernel() -> npt.NDArray[Any]:
    return np.ones((9, 9), dtype=np.uint8)


def _fonts(bits: Bits, ink: Ink) -> Iterator[tuple[float, Font]]:
    """Cells that run through one cycle of ten, with how well they do."""
    inked = bits.mean(axis=0, dtype=np.float32)
    changes = np.zeros(inked.shape, np.float32)
    for now, before in zip(bits[1:], bits[:-1], strict=True):
        changes += now != before
    for height in _HEIGHTS:
        width = height // 2
        if height * 12 > bits.shape[1] or width * 20 > bits.shape[2]:
            continue
        places = windows(bits, inked, changes, width, height)
        cells = [bits[:, y : y + height, x : x + width] for y, x in places]
        if not any(cycle(one, _LEAST_CYCLE) for one in cells[::_SAMPLED]):
            continue
        for (y, x), cell in zip(places, cells, strict=True):
            found = cycle(cell, _ENOUGH)
            if found is None or x < width:
                continue
            first = zero(found.labels, bits[:, y : y + height, x - width : x])
            if first is None:
                continue
            digits = np.stack(
                [cell[found.labels == (first + digit) % 10].mean(axis=0) for digit in range(10)]
            ).astype(np.float32)
            yield found.score, Font(ink, x, y, width, height, digits)


def _dated(pictures: Sequence[Luma], font: Font) -> tuple[float, Font] | None:
    """The font with the order of its date, and the share of pictures that it reads, when it reads
    as a clock; None otherwise."""
    texts = [font.text(one) for one in pictures[:: max(len(pictures) // 60, 1)]]
    shares = [
        sum(_time(text, order) is not None for text in texts) / len(texts)
        for order in range(len(_DATES))
    ]
    best = max(range(len(shares)), key=lambda order: (shares[order], -order))
    if shares[best] < _LEAST_READ:
        return None
    other = sum(share >= _LEAST_READ for share in shares)
    return shares[best], font._replace(order=best, certain=best == 0 or other == 1)


def _time(text: str, order: int) -> RecorderMs | None:
    time = _TIME.search(text)
    if time is None:
        return None
    date = _DATES[order].search(text[: time.start()])
    if date is None:
        return None
    hours, minutes, seconds = time.groups()
    try:
        return parse_iso(f"{date['y']}-{date['m']}-{date['d']}T{hours}:{minutes}:{seconds}")
    except ValueError:  # the 31st of June, 25 o'clock: something was misread
        return None


def _reading(pictures: Sequence[Luma], font: Font) -> Reading | None:
    """What the font reads, if it steps as a clock does."""
    if any(one.shape[0] < font.y + font.height for one in pictures):
        return None
    times = [font.read(one) for one in pictures]
    known = [(place, one) for place, one in enumerate(times) if one is not None]
    if len(known) < max(0.5 * len(times), 1):
        return None
    jumps = [
        place
        for (last, before), (place, now) in pairwise(known)
        if not 0 <= now - before <= 1000 * (1 + place - last)
    ]
    if len(jumps) > 0.02 * len(known) + 1:
        return None
    return Reading(font, tuple(times), _rate(known, jumps), tuple(jumps))


def _rate(known: Sequence[tuple[int, RecorderMs]], jumps: Sequence[int]) -> float | None:
    """Pictures in a second: between the first and the last change of the clock, no jump between."""
    if jumps:
        return None
    changes = [(place, now) for (_, before), (place, now) in pairwise(known) if now != before]
    if len(changes) < 3:
        return None
    (first, start), (last, end) = changes[0], changes[-1]
    return (last - first) * 1000 / (end - start)
