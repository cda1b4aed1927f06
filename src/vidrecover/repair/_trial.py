"""The process that tries parameter sets on pictures: see `servant`.

Decoders crash and hang on wrong sets; here that costs one trial.
"""

import hashlib
import pickle

import av
import msgspec
import numpy as np
from av.video.frame import VideoFrame

from vidrecover.repair._decoding import WHOLE, Plane, decoded, planes
from vidrecover.repair._values import Trial, TrialJob
from vidrecover.servant import serve

_FIRST = {"ec": "0", "skip_loop_filter": "all"}
_LAG = 8


def answer(message: bytes) -> bytes:
    """The trials of a pickled job, one for each candidate, as MessagePack."""
    job: TrialJob = pickle.loads(message)
    return msgspec.msgpack.encode([_tried(job, one) for one in job.candidates])


def _tried(job: TrialJob, sets: bytes) -> Trial:
    """What a decoder makes of the pictures with these sets: first of the first alone, with no
    concealment, then of all."""
    first, *rest = job.units
    frames, errors = decoded(job.codec, [sets + first], _FIRST)
    if errors or not frames or _untouched(frames[0]) > 0.02:
        return Trial(errors=max(errors, 1), corrupt=0, pictures=0)
    frames, errors = decoded(job.codec, [sets + first, *rest], WHOLE)
    if not frames:
        return Trial(errors=max(errors, 1), corrupt=0, pictures=0)
    lumas = [planes(one)[0] for one in frames]
    digest = hashlib.sha256()
    for one in frames:
        digest.update(one.to_ndarray().tobytes())
    return Trial(
        errors=errors,
        corrupt=sum(bool(one.is_corrupt) for one in frames),
        pictures=len(frames),
        clipped=float(np.mean([((one <= 2) | (one >= 253)).mean() for one in lumas])),
        roughness=_roughness(lumas),
        digest=digest.hexdigest(),
    )


def _untouched(frame: VideoFrame) -> float:
    """Share of the picture that no macroblock was decoded for: there all planes are zero."""
    parts = planes(frame)
    if len(parts) < 3:
        return 0.0
    return float(((parts[1] == 0) & (parts[2] == 0)).mean())


def _roughness(lumas: list[Plane]) -> float:
    """Mean difference from picture to picture, times two minus the likeness of near rows: low for
    pictures of the world, high for what a decoder makes up. [B: codec-repair.md 3.4]"""
    first = lumas[0].astype(np.float32)
    if any(one.shape != lumas[0].shape for one in lumas) or first.shape[0] <= _LAG:
        return float("inf")
    above, below = first[:-_LAG].ravel(), first[_LAG:].ravel()
    spread = float(above.std() * below.std())
    likeness = float(((above - above.mean()) * (below - below.mean())).mean()) / (spread + 1e-6)
    steps = [
        np.abs(one.astype(np.float32) - other).mean()
        for one, other in zip(lumas[1:], lumas, strict=False)
    ]
    return float(np.mean(steps) if steps else 1.0) * (2 - likeness)


if __name__ == "__main__":
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    serve(answer)
