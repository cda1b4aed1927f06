"""Pieces of footage whose bytes name no camera, sorted by what their pictures show.

Where a recorder has cut its cameras' streams into pieces, one piece of a camera ends with nearly
the picture with which its next one begins. Pieces that are so alike are chained; a chain is a
camera only where every other piece is clearly less alike. All else stays unknown: a wrong camera
is worse than none. [B: codec-repair.md 4.2 and 4.3, measured in tests/benchmarks/sorted_cameras.py]

Two chains may still be one camera, where its view has changed between two pieces. Pictures with
little to see, such as a recorder's video-loss picture, prove nothing and stay out.
"""

import pickle
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover.repair._values import View, ViewJob
from vidrecover.servant import Servant

__all__ = ["MOST_PIECES", "Piece", "View", "ViewJob", "ask", "reader", "together"]

MOST_PIECES = 50_000
"""Of one kind that are compared; with more, none is."""
TIME_LIMIT_S = 60.0
_MODULE = "vidrecover.repair._views"
_NEAR = 128
"""Pieces before each one that it is compared with; twelve cameras in turn are twelve apart."""
_WHOLE_CONTRAST, _MOST_GAIN = 40.0, 4.0
_COLOUR = 10.0
_ALIKE, _APART = 7.0, 1.7
"""Unlikeness up to which pieces are chained, and how many times as unlike all others must be. In
luma steps at full contrast: successors of one camera are at 1 to 6, different ones from 10 on."""
_NOISE = 2.0
_FARTHEST = (_ALIKE + _NOISE) * _APART
_LEAST_CONTRAST, _LEAST_DETAIL = 3.0, 0.3
_EDGE = 3

Columns = npt.NDArray[np.float32]


class Piece(NamedTuple):
    """place: of its first byte on the source; kind: pieces of another kind are of another stream,
    such as their parameter sets; view: see `ask`."""

    place: int
    kind: bytes
    view: View


def reader() -> Servant:
    """The process that `ask` asks; a context manager."""
    return Servant(_MODULE, TIME_LIMIT_S)


def ask(job: ViewJob, servant: Servant) -> View | None:
    """What the pictures of a piece show, None where none decodes or the decoder dies of them."""
    answer = servant.ask(pickle.dumps(job))
    if isinstance(answer, str):
        return None
    return msgspec.msgpack.decode(answer, type=View | None)


def together(pieces: Sequence[Piece]) -> list[int | None]:
    """For each piece the camera that it is of, counted from 0 in the order of the first places;
    None where that is not clear."""
    kinds: dict[tuple[bytes, int, int], list[int]] = defaultdict(list)
    for number, one in enumerate(pieces):
        if _tells(one.view):
            kinds[one.kind, one.view.width, one.view.height].append(number)
    found: list[list[int]] = []
    for alike in kinds.values():
        if len(alike) <= MOST_PIECES:
            alike.sort(key=lambda number: pieces[number].place)
            found += [
                [alike[one] for one in chain]
                for chain in _chains([pieces[number].view for number in alike])
            ]
    found.sort(key=lambda chain: min(pieces[number].place for number in chain))
    cameras: list[int | None] = [None] * len(pieces)
    for camera, chain in enumerate(found):
        for number in chain:
            cameras[number] = camera
    return cameras


def _tells(view: View) -> bool:
    """Whether there is enough to see to tell one camera from another."""
    luma = np.frombuffer(view.luma, np.uint8)
    edges = np.frombuffer(view.edges, np.uint8)
    return bool(luma.std() >= _LEAST_CONTRAST and (edges >= _EDGE).mean() >= _LEAST_DETAIL)


def _chains(views: Sequence[View]) -> list[list[int]]:
    """Groups of two and more views that are alike, each far from all others; views in order of
    place."""
    chains = _Chains(len(views))
    for apart, one, other in sorted(_pairs(views)):
        chains.join(one, other, apart)
    return chains.isolated()


def _pairs(views: Sequence[View]) -> Iterator[tuple[float, int, int]]:
    """How unlike two near views are, for those that are not beyond doubt of two cameras."""
    if len(views) < 2:
        return
    first = _table([one.luma for one in views], np.uint8)
    last = _table([one.last for one in views], np.uint8)
    colours = np.sqrt(_table([one.colours for one in views], np.float32))
    contrast = first.std(axis=1)
    for number in range(1, len(views)):
        near = slice(max(0, number - _NEAR), number)
        light = np.minimum(
            np.abs(last[near] - first[number]).mean(axis=1),
            np.abs(first[near] - first[number]).mean(axis=1),
        )
        gain = _WHOLE_CONTRAST / np.minimum(contrast[near], contrast[number])
        shared = colours[near] @ colours[number]
        apart = light * np.minimum(gain, _MOST_GAIN)
        apart += _COLOUR * np.sqrt(np.maximum(1 - shared, 0))
        for place in np.flatnonzero(apart < _FARTHEST).tolist():
            yield float(apart[place]), near.start + place, number


def _table(parts: Sequence[bytes], kind: type[np.generic]) -> Columns:
    return np.stack([np.frombuffer(one, kind) for one in parts]).astype(np.float32)


class _Chains:
    """Views joined from the most alike on; what was isolated on the way is kept."""

    def __init__(self, count: int) -> None:
        self._members = [[number] for number in range(count)]
        self._of = list(range(count))
        self._widest = [0.0] * count
        self._kept: list[int | None] = [None] * count
        self._count = 0

    def join(self, one: int, other: int, apart: float) -> None:
        """Two views are so far apart; pairs come in ascending order."""
        first, second = self._of[one], self._of[other]
        if first == second:
            return
        for chain in (first, second):
            self._keep(chain, apart)
        if len(self._members[first]) < len(self._members[second]):
            first, second = second, first
        for member in self._members[second]:
            self._of[member] = first
        self._members[first] += self._members[second]
        self._members[second] = []
        self._widest[first] = apart

    def _keep(self, chain: int, nearest: float) -> None:
        """Keep a chain to which all others are far, in place of parts of it kept before."""
        widest = self._widest[chain]
        far = nearest + _NOISE >= _APART * (widest + _NOISE)
        if len(self._members[chain]) > 1 and widest <= _ALIKE and far:
            for member in self._members[chain]:
                self._kept[member] = self._count
            self._count += 1

    def isolated(self) -> list[list[int]]:
        """All chains that were far from all others, the widest ones."""
        for chain, members in enumerate(self._members):
            if members:
                self._keep(chain, _FARTHEST)
        found: dict[int, list[int]] = defaultdict(list)
        for member, chain_kept in enumerate(self._kept):
            if chain_kept is not None:
                found[chain_kept].append(member)
        return [one for one in found.values() if len(one) > 1]
