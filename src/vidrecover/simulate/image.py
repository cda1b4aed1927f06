"""Plain streams in an image: files of frames one after the other, other data around them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vidrecover.simulate.disk import Disk, Written, joined
from vidrecover.simulate.footage import Frame
from vidrecover.simulate.scenario import Scenario
from vidrecover.simulate.settings import Image

ALIGNMENT = 4096
"""Files begin at multiples of this many bytes, as clusters of a file system do."""

_TEXT = b"recorder: volume mounted, free space checked, recording resumed\r\n"
_FILLER_RUN = 8192


class Chunk(NamedTuple):
    """Bytes that lie together in a file. shot: the frame they belong to, None for structure of
    the layout; payload: half-open ranges of its payload inside data."""

    data: bytes
    shot: Frame | None = None
    payload: tuple[tuple[int, int], ...] = ()


def write(disk: Disk, scenario: Scenario, files: Iterable[Iterable[Chunk]]) -> Written:
    """Lay the files into the image, and note in the frames where they are.

    Before, between and behind the files lie random bytes, text and zeros in turn.
    """
    settings = scenario.image or Image()
    rng = np.random.default_rng([scenario.seed, 5])
    shots: list[Frame] = []
    at = first = last = _fill(disk, rng, 0, settings.lead_kib)
    for number, file in enumerate(files):
        if number:
            at = _fill(disk, rng, at, settings.between_kib)
        last = at = _lay(disk, at, file, shots)
        at = -(-at // ALIGNMENT) * ALIGNMENT
    size = _fill(disk, rng, at, settings.tail_kib)
    disk.resize(size)
    for shot in shots:
        shot.pieces, shot.whole = joined(shot.pieces), joined(shot.whole)
    return Written(size, shots, (first, last))


def by_part(shots: Iterable[tuple[Frame, bytes]]) -> Iterator[list[tuple[Frame, bytes]]]:
    """Frames of all cameras, in time order, cut into the recorder's files.

    A frame belongs to the file of its camera's part, so around the change of files the cameras
    change one after the other, each at a key picture.
    """
    waiting: dict[tuple[int, int], list[tuple[Frame, bytes]]] = {}
    for shot, payload in shots:
        waiting.setdefault(shot.part, []).append((shot, payload))
        while len(waiting) > 2:
            yield waiting.pop(min(waiting))
    for part in sorted(waiting):
        yield waiting[part]


def by_camera(file: Sequence[tuple[Frame, bytes]]) -> list[list[tuple[Frame, bytes]]]:
    """The frames of one part, camera by camera."""
    cameras: dict[int, list[tuple[Frame, bytes]]] = {}
    for shot, payload in file:
        cameras.setdefault(shot.camera.number, []).append((shot, payload))
    return [cameras[number] for number in sorted(cameras)]


def whole(data: bytes, shot: Frame, start: int, end: int) -> Chunk:
    """A chunk that holds one frame with its whole payload at [start, end)."""
    return Chunk(data, shot, ((start, end),))


def _lay(disk: Disk, at: int, file: Iterable[Chunk], shots: list[Frame]) -> int:
    for chunk in file:
        disk.write(at, chunk.data)
        shot = chunk.shot
        if shot is not None:
            if not shot.whole:
                shots.append(shot)
            shot.whole.append((at, at + len(chunk.data)))
            shot.pieces += [(at + start, at + end) for start, end in chunk.payload]
        at += len(chunk.data)
    return at


def _fill(disk: Disk, rng: np.random.Generator, at: int, kib: int) -> int:
    """Random bytes, text and zeros in turn; zeros are simply left out."""
    end = at + kib * 1024
    for turn, start in enumerate(range(at, end, _FILLER_RUN)):
        size = min(_FILLER_RUN, end - start)
        if turn % 3 == 0:
            disk.write(start, rng.bytes(size))
        elif turn % 3 == 1:
            disk.write(start, (_TEXT * (size // len(_TEXT) + 1))[:size])
    return end
