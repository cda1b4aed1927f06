"""Synthetic pictures of a vehicle's cameras, with burnt-in camera number and running clock.

Each camera has its own scene: a still interior, a window with passing scenery, two moving
things. What changes is a function of the recorder time alone, so a stretch can be drawn alone.
"""

import numpy as np
import numpy.typing as npt

from vidrecover.simulate import font
from vidrecover.simulate.faults import grain, night, shown, spoil
from vidrecover.simulate.plan import Camera
from vidrecover.simulate.times import spoken

Plane = npt.NDArray[np.uint8]

CARD_LUMA, CARD_CB, CARD_CR = 32, 168, 118
"""The dark blue of the video-loss card."""


class Scene:
    """Draws one camera's pictures straight into the planes of a YUV 4:2:0 picture."""

    def __init__(
        self,
        *,
        width: int,
        height: int,
        number: int,
        seed: int,
        card: bool,
        camera: Camera | None = None,
    ) -> None:
        """camera: whose faults, light and clock hold; None: nothing is wrong."""
        self._camera = camera
        self._width, self._height, self._card = width, height, card
        self._scale = max(1, round(height / 288))
        self._number = number
        rng = np.random.default_rng([seed, number])
        self._still = self._interior(rng)
        self._scenery = _street(rng, height // 3, width * 2)
        self._pace = float(rng.uniform(20, 60)) * width / 352
        self._walk = rng.uniform(3, 9, size=2)
        self._cloth = _blocks(rng, height // 3, width // 8, coarse=8, low=150, high=220)
        self._body = _figure(height // 3, width // 8)
        self._chroma = [self._tint(rng) for _ in range(2)]

    def draw(self, time_ms: int, planes: tuple[Plane, Plane, Plane]) -> None:
        """Fill luma (height, width) and both chroma planes (half of each) for this true time."""
        luma = planes[0]
        if self._card:
            luma[:] = CARD_LUMA
            planes[1][:], planes[2][:] = CARD_CB, CARD_CR
            self._write(luma, "VIDEO LOSS", self._height * 4 // 9, scale=2 * self._scale)
        else:
            self._see(planes, time_ms)
            below = self._height - (font.CELL_HEIGHT + 8) * self._scale
            self._write(luma, f"CAM {self._number:02d}", below)
        shown_ms = time_ms if self._camera is None else self._camera.burnt_in_ms(time_ms)
        self._write(luma, spoken(shown_ms), 8 * self._scale)

    def _see(self, planes: tuple[Plane, Plane, Plane], time_ms: int) -> None:
        """What the lens sees and what the camera makes of it, without writing."""
        camera = self._camera
        fault = None if camera is None else shown(camera.faults, time_ms)
        seen_ms = time_ms
        if camera is not None and camera.is_parked:
            seen_ms = 0
        elif fault is not None and fault.word == "frozen":
            seen_ms = fault.span.start_ms
        planes[0][:] = self._still
        self._move(planes[0], seen_ms)
        planes[1][:], planes[2][:] = self._chroma
        if camera is not None and camera.is_night:
            night(planes)
        if camera is not None and camera.is_parked and (fault is None or fault.word != "frozen"):
            grain(planes[0], time_ms)
        if fault is not None:
            spoil(planes, fault.word, time_ms)

    def _interior(self, rng: np.random.Generator) -> Plane:
        """Light above, dark below, a framed window, seats, and a little grain that stays."""
        height, width = self._height, self._width
        shade = np.linspace(130, 60, height)[:, None] + _soft(rng, height, width, low=0, high=40)
        top, left = height // 8, width // 3
        rim = max(2, height // 72)
        shade[top - rim : top + height // 3 + rim, left - rim : width - width // 12 + rim] = 40
        for seat in range(4):
            across = (2 * seat + 1) * width // 9
            shade[height * 5 // 8 :, across : across + width // 7] -= 25 + 5 * (seat % 2)
        return (shade + rng.integers(0, 5, size=shade.shape)).astype(np.uint8)

    def _tint(self, rng: np.random.Generator) -> Plane:
        tint = _soft(rng, self._height // 2, self._width // 2, low=108, high=148)
        return tint.astype(np.uint8)

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
            area = luma[down : down + rows, left : left + columns]
            np.copyto(area, self._cloth, where=self._body)

    def _write(self, luma: Plane, text: str, top: int, *, scale: int | None = None) -> None:
        """Write a line at the left; one of another scale in the middle."""
        values, mask = font.written(text, self._scale if scale is None else scale)
        rows, columns = mask.shape
        left = 4 * self._scale if scale is None else max(0, (self._width - columns) // 2)
        area = luma[top : top + rows, left : left + columns]
        seen = slice(area.shape[0]), slice(area.shape[1])
        np.copyto(area, values[seen], where=mask[seen])


def _soft(
    rng: np.random.Generator, rows: int, columns: int, *, low: int, high: int
) -> npt.NDArray[np.float64]:
    """Smooth light and shade: a coarse random grid, interpolated."""
    grid = rng.uniform(low, high, size=(7, 9))
    across = np.linspace(0, 8, columns)
    wide = np.array([np.interp(across, np.arange(9), row) for row in grid])
    down = np.linspace(0, 6, rows)
    return np.array([np.interp(down, np.arange(7), column) for column in wide.T]).T


def _street(rng: np.random.Generator, rows: int, columns: int) -> Plane:
    """Bright sky, houses with windows, a road; what passes outside."""
    street = np.full((rows, columns), 205, dtype=np.uint8)
    at = 0
    while at < columns:
        wide = int(rng.integers(columns // 24, columns // 8))
        roof = int(rng.integers(rows // 8, rows // 2))
        street[roof:, at : at + wide] = rng.integers(80, 160)
        street[roof + 4 :: 12, at + 4 : at + wide - 4] = rng.integers(30, 70)
        at += wide + int(rng.integers(0, columns // 20))
    street[rows * 7 // 8 :] = 90
    return street


def _figure(rows: int, columns: int) -> npt.NDArray[np.bool_]:
    """The outline of a person: a head on shoulders."""
    down, across = np.ogrid[:rows, :columns]
    middle = (columns - 1) / 2
    head = (down - rows * 0.2) ** 2 / (rows * 0.2) ** 2 + (across - middle) ** 2 / (
        columns * 0.25
    ) ** 2
    body = (down - rows) ** 2 / (rows * 0.65) ** 2 + (across - middle) ** 2 / (columns * 0.5) ** 2
    outline: npt.NDArray[np.bool_] = (head <= 1) | (body <= 1)
    return outline


def _blocks(
    rng: np.random.Generator, rows: int, columns: int, *, coarse: int, low: int, high: int
) -> Plane:
    """Random blocks of `coarse` dots a side, of shape (rows, columns)."""
    grid = rng.integers(low, high, size=(rows // coarse + 1, columns // coarse + 1))
    return grid.repeat(coarse, 0).repeat(coarse, 1)[:rows, :columns].astype(np.uint8)
