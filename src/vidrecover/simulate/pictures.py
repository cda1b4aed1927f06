"""Synthetic pictures of a vehicle's cameras, with burnt-in camera number and running clock.

Each camera has its own scene: a still interior, a window with passing scenery, two moving
things. What changes is a function of the recorder time alone, so a stretch can be drawn alone.
"""

import numpy as np
import numpy.typing as npt

from vidrecover.simulate import font
from vidrecover.simulate.times import spoken

Plane = npt.NDArray[np.uint8]

CARD_LUMA, CARD_CB, CARD_CR = 32, 168, 118
"""The dark blue of the video-loss card."""


class Scene:
    """Draws one camera's pictures straight into the planes of a YUV 4:2:0 picture."""

    def __init__(self, *, width: int, height: int, number: int, seed: int, card: bool) -> None:
        self._width, self._height, self._card = width, height, card
        self._scale = max(1, round(height / 288))
        self._number = number
        rng = np.random.default_rng([seed, number])
        self._still = self._interior(rng)
        self._scenery = _blocks(rng, height // 2, width * 2, coarse=16, low=70, high=190)
        self._pace = float(rng.uniform(20, 60)) * width / 352
        self._walk = rng.uniform(3, 9, size=2)
        self._cloth = _blocks(rng, height // 4, width // 8, coarse=8, low=150, high=220)
        self._chroma = [self._tint(rng) for _ in range(2)]

    def draw(self, time_ms: int, planes: tuple[Plane, Plane, Plane]) -> None:
        """Fill luma (height, width) and both chroma planes (half of each) for this time."""
        luma = planes[0]
        if self._card:
            luma[:] = CARD_LUMA
            planes[1][:], planes[2][:] = CARD_CB, CARD_CR
            self._write(luma, "VIDEO LOSS", self._height // 2, centred=True)
        else:
            luma[:] = self._still
            self._move(luma, time_ms)
            planes[1][:], planes[2][:] = self._chroma
            below = self._height - (font.CELL_HEIGHT + 8) * self._scale
            self._write(luma, f"CAM {self._number:02d}", below)
        self._write(luma, spoken(time_ms), 8 * self._scale)

    def _interior(self, rng: np.random.Generator) -> Plane:
        """Dark at the bottom, textured, with a little grain that stays."""
        shade = np.linspace(120, 50, self._height)[:, None]
        texture = _blocks(rng, self._height, self._width, coarse=24, low=0, high=50)
        grain = rng.integers(0, 5, size=texture.shape)
        return (shade + texture + grain).astype(np.uint8)

    def _tint(self, rng: np.random.Generator) -> Plane:
        half = (self._height // 2, self._width // 2)
        return _blocks(rng, *half, coarse=16, low=112, high=144)

    def _move(self, luma: Plane, time_ms: int) -> None:
        """The window's scenery passes, two people sway."""
        seconds = time_ms / 1000
        width, height = self._width, self._height
        top, tall = height // 8, height // 3
        shift = int(seconds * self._pace) % width
        window = slice(width // 3, width - width // 12)
        span = window.stop - window.start
        luma[top : top + tall, window] = self._scenery[:tall, shift : shift + span]
        rows, columns = self._cloth.shape
        for place, period in enumerate(self._walk):
            sway = 0.5 + 0.4 * np.sin(2 * np.pi * seconds / period + self._number)
            left = int((width // 2 - columns) * sway) + place * (width // 2)
            down = height // 2 + (height // 12) * place
            luma[down : down + rows, left : left + columns] = self._cloth

    def _write(self, luma: Plane, text: str, top: int, *, centred: bool = False) -> None:
        values, mask = font.written(text, self._scale)
        rows, columns = mask.shape
        left = (self._width - columns) // 2 if centred else 4 * self._scale
        area = luma[top : top + rows, left : left + columns]
        cut = area.shape
        np.copyto(area, values[: cut[0], : cut[1]], where=mask[: cut[0], : cut[1]])


def _blocks(
    rng: np.random.Generator, rows: int, columns: int, *, coarse: int, low: int, high: int
) -> Plane:
    """Random blocks of `coarse` dots a side, of shape (rows, columns)."""
    grid = rng.integers(low, high, size=(rows // coarse + 1, columns // coarse + 1))
    return grid.repeat(coarse, 0).repeat(coarse, 1)[:rows, :columns].astype(np.uint8)
