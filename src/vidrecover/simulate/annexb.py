"""Naked H.264 and H.265 (ITU-T H.264 and H.265, annex B): coded pictures and nothing else."""

import hashlib
from collections.abc import Iterator, Sequence

from vidrecover.simulate.encoding import nal_units
from vidrecover.simulate.footage import Frame
from vidrecover.simulate.image import Chunk, by_camera
from vidrecover.simulate.settings import Annexb

SECTOR = 512
_SETS = {"h264": (7, 8), "h265": (32, 33, 34)}

Shots = Sequence[tuple[Frame, bytes]]


def blocks(shots: Shots, settings: Annexb) -> Iterator[Chunk]:
    """The streams of all cameras in blocks, each written when it is full; at the end what is left
    of each camera, behind which zeros stand."""
    size, seen = settings.block_kib << 10, set[int]()
    waiting: dict[int, list[Chunk]] = {}
    held: dict[int, int] = {}
    for shot, payload in shots:
        number = shot.camera.number
        data = _with_sets(shot, payload, settings, seen)
        while data:
            part = data[: size - held.get(number, 0)]
            waiting.setdefault(number, []).append(Chunk(part, shot, ((0, len(part)),)))
            held[number] = (held.get(number, 0) + len(part)) % size
            if not held[number]:
                yield from waiting.pop(number)
            data = data[len(part) :]
    for number, left in waiting.items():
        yield from left
        yield Chunk(bytes(-held[number] % size))


def chunks(shots: Shots, settings: Annexb) -> Iterator[Chunk]:
    """A file of one camera, or the pieces of all, each behind zeros up to the next sector."""
    at, seen = 0, set[int]()
    for piece in _pieces(shots) if settings.pieces else [shots]:
        padding = bytes(-at % SECTOR)
        if padding:
            yield Chunk(padding)
            at += len(padding)
        for shot, payload in piece:
            data = _with_sets(shot, payload, settings, seen)
            yield Chunk(data, shot, ((0, len(data)),))
            at += len(data)


def _pieces(shots: Shots) -> list[list[tuple[Frame, bytes]]]:
    """Groups from one key picture to the next, of all cameras, in the order of their beginning."""
    found: list[list[tuple[Frame, bytes]]] = []
    for camera in by_camera(shots):
        for one in camera:
            if one[0].key or not found or found[-1][0][0].camera is not one[0].camera:
                found.append([])
            found[-1].append(one)
    return sorted(found, key=lambda piece: piece[0][0].time_ms)


def _with_sets(shot: Frame, payload: bytes, settings: Annexb, seen: set[int]) -> bytes:
    """The picture with parameter sets, or without; seen: cameras that had some."""
    number = shot.camera.number
    if settings.sets == "never" or (settings.sets == "first" and number in seen):
        payload = _without_sets(shot, payload)
    seen.add(number)
    return payload


def _without_sets(shot: Frame, payload: bytes) -> bytes:
    """The picture without parameter sets, which is noted in its frame."""
    shift = 0 if shot.codec == "h264" else 1
    mask = 31 if shot.codec == "h264" else 63
    kept = [one for one in nal_units(payload) if one[4] >> shift & mask not in _SETS[shot.codec]]
    data = b"".join(kept)
    shot.size, shot.sha256 = len(data), hashlib.sha256(data).hexdigest()
    return data
