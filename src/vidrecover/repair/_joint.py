"""The process that decodes pictures put together from pieces: see `servant`."""

import pickle
from itertools import pairwise
from typing import NamedTuple

import av
import msgspec
import numpy as np
from av.video.frame import VideoFrame

from vidrecover.model import Codec
from vidrecover.repair._decoding import WHOLE, Plane, decoded, planes
from vidrecover.repair._values import JoinJob, JoinTrial
from vidrecover.servant import serve

_AREA = 8
_TAIL, _LEAST_TAIL = 12, 6
"""Bytes that are taken from the end of a NAL unit; decoders read a few ahead of what they need."""
_MORE = b"\x5a" * _TAIL
_LOOKED_AT = 2
"""Changes over a join that count: to the cut picture, and to the one behind it."""


class _Change(NamedTuple):
    """Of luma from one picture to the next: most: mean of the area that changes most; mean: of
    the whole picture. Over what is usual, with a little added, so that a still picture forgives
    noise. [B: codec-repair.md 4.4, for `most`]"""

    most: float
    mean: float


def answer(message: bytes) -> bytes:
    """A trial for each candidate of a pickled job, as MessagePack."""
    job: JoinJob = pickle.loads(message)
    known, told = decoded(job.codec, job.before, WHOLE)
    usual = _usual(known)
    return msgspec.msgpack.encode([_tried(job, one, told, usual) for one in job.candidates])


def _tried(
    job: JoinJob, candidate: tuple[bytes, ...], told: int, usual: _Change | None
) -> JoinTrial:
    """told: errors of the pictures before alone."""
    rest, *behind = candidate
    frames = _pictures(job, [job.head + rest, *behind], told)
    if frames is None:
        return JoinTrial(clean=False)
    first = len(job.before)
    step = None
    if usual is not None:
        over = _changes([one for one in frames if one.pts is not None and one.pts >= first - 1])
        step = max(
            (
                max(one.most / (usual.most + 2), one.mean / (usual.mean + 0.2))
                for one in over[:_LOOKED_AT]
            ),
            default=None,
        )
    return JoinTrial(clean=True, used=_needs_its_end(job, rest, frames, told), step=step)


def _pictures(job: JoinJob, units: list[bytes], told: int) -> list[VideoFrame] | None:
    """All pictures with these behind the known ones, None when one lacks or is damaged."""
    frames, errors = decoded(job.codec, [*job.before, *units], WHOLE)
    own = [one for one in frames if one.pts is not None and one.pts >= len(job.before)]
    whole = errors <= told and len(own) >= len(units) and not any(one.is_corrupt for one in own)
    return frames if whole else None


def _needs_its_end(job: JoinJob, rest: bytes, frames: list[VideoFrame], told: int) -> bool | None:
    """Whether the picture is another one, or none, without the last bytes of the cut NAL unit.

    A decoder that was given foreign bytes may reach the picture's last block before their end and
    say nothing. Of H.265 it also says nothing where their end comes before the last block: then
    more bytes make another picture.
    """
    end = rest.find(b"\0\0\1")
    end = len((rest if end < 0 else rest[:end]).rstrip(b"\0"))
    if end < _LEAST_TAIL:
        return None
    place = len(job.before)
    shown = _bytes_of(frames, place)
    if job.codec == Codec.H265 and shown != _shown_with(job, rest[:end] + _MORE + rest[end:], told):
        return False
    return shown != _shown_with(job, rest[: end - min(_TAIL, end)] + rest[end:], told)


def _shown_with(job: JoinJob, rest: bytes, told: int) -> bytes | None:
    """The cut picture with another rest; None where it is damaged."""
    frames = _pictures(job, [job.head + rest], told)
    return None if frames is None else _bytes_of(frames, len(job.before))


def _bytes_of(frames: list[VideoFrame], place: int) -> bytes | None:
    found = [one for one in frames if one.pts == place]
    return found[0].to_ndarray().tobytes() if found else None


def _usual(frames: list[VideoFrame]) -> _Change | None:
    """The median of the changes from picture to picture; None for a single picture."""
    changes = _changes(frames)
    if not changes:
        return None
    most, mean = np.median(np.array(changes), axis=0).tolist()
    return _Change(most, mean)


def _changes(frames: list[VideoFrame]) -> list[_Change]:
    """From each picture to the next of the same size."""
    lumas = [planes(one)[0] for one in frames]
    return [
        _change(after, before) for before, after in pairwise(lumas) if before.shape == after.shape
    ]


def _change(after: Plane, before: Plane) -> _Change:
    apart = np.abs(after.astype(np.int16) - before)
    rows, columns = (size // _AREA * _AREA for size in apart.shape)
    if not rows or not columns:
        return _Change(0.0, 0.0)
    areas = apart[:rows, :columns].reshape(rows // _AREA, _AREA, columns // _AREA, _AREA)
    return _Change(float(areas.mean(axis=(1, 3)).max()), float(apart.mean()))


if __name__ == "__main__":
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    serve(answer)
