"""A small bitmap font for what recorders burn into pictures: digits, capitals, `-` and `:`.

Own drawing, five by seven dots; doubled in height and thickened it fills the cell of 8 x 16 dots
that recorders use at CIF size. [B: codec-repair.md section 4.1]
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]

CELL_WIDTH = 8
CELL_HEIGHT = 16

_WHITE, _BLACK = 235, 16

_DOTS = {
    "0": (".###.", "#...#", "#...#", "#...#", "#...#", "#...#", ".###."),
    "1": ("..#..", ".##..", "..#..", "..#..", "..#..", "..#..", ".###."),
    "2": (".###.", "#...#", "....#", "...#.", "..#..", ".#...", "#####"),
    "3": (".###.", "#...#", "....#", "..##.", "....#", "#...#", ".###."),
    "4": ("...#.", "..##.", ".#.#.", "#..#.", "#####", "...#.", "...#."),
    "5": ("#####", "#....", "####.", "....#", "....#", "#...#", ".###."),
    "6": ("..##.", ".#...", "#....", "####.", "#...#", "#...#", ".###."),
    "7": ("#####", "....#", "...#.", "...#.", "..#..", "..#..", "..#.."),
    "8": (".###.", "#...#", "#...#", ".###.", "#...#", "#...#", ".###."),
    "9": (".###.", "#...#", "#...#", ".####", "....#", "...#.", ".##.."),
    "-": (".....", ".....", ".....", "####.", ".....", ".....", "....."),
    ":": (".....", "..#..", "..#..", ".....", "..#..", "..#..", "....."),
    "A": ("..#..", ".#.#.", "#...#", "#...#", "#####", "#...#", "#...#"),
    "C": (".###.", "#...#", "#....", "#....", "#....", "#...#", ".###."),
    "D": ("###..", "#..#.", "#...#", "#...#", "#...#", "#..#.", "###.."),
    "E": ("#####", "#....", "#....", "####.", "#....", "#....", "#####"),
    "H": ("#...#", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"),
    "I": (".###.", "..#..", "..#..", "..#..", "..#..", "..#..", ".###."),
    "L": ("#....", "#....", "#....", "#....", "#....", "#....", "#####"),
    "M": ("#...#", "##.##", "#.#.#", "#...#", "#...#", "#...#", "#...#"),
    "O": (".###.", "#...#", "#...#", "#...#", "#...#", "#...#", ".###."),
    "S": (".####", "#....", "#....", ".###.", "....#", "....#", "####."),
    "V": ("#...#", "#...#", "#...#", "#...#", ".#.#.", ".#.#.", "..#.."),
}


@lru_cache(maxsize=256)
def _cell(letter: str, scale: int) -> npt.NDArray[np.bool_]:
    """The letter's dots in its cell; a blank cell for a letter the font does not have."""
    cell = np.zeros((CELL_HEIGHT, CELL_WIDTH), dtype=bool)
    rows = _DOTS.get(letter)
    if rows is not None:
        dots = np.array([[dot == "#" for dot in row] for row in rows]).repeat(2, axis=0)
        cell[1:15, 1:6] = dots
        cell[1:15, 2:7] |= dots
    return cell.repeat(scale, axis=0).repeat(scale, axis=1)


@lru_cache(maxsize=64)
def written(text: str, scale: int) -> tuple[Plane, npt.NDArray[np.bool_]]:
    """The luma of a line of text, and the mask of the dots it covers.

    White letters with a dark rim, one dot wide. Shape (16 * scale, 8 * scale * letters).
    """
    ink = np.concatenate([_cell(letter, scale) for letter in text], axis=1)
    padded = np.pad(ink, scale)
    rows, columns = ink.shape
    rim = np.zeros_like(ink)
    for down in (0, scale, 2 * scale):
        for right in (0, scale, 2 * scale):
            rim |= padded[down : down + rows, right : right + columns]
    return np.where(ink, np.uint8(_WHITE), np.uint8(_BLACK)), rim
