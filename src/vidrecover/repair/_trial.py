"""The process that tries parameter sets on pictures: see `servant`.

Decoders crash and hang on wrong sets; here that costs one trial.
"""

import hashlib
import pickle
from typing import cast

import av
import msgspec
import numpy as np
import numpy.typing as npt
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from vidrecover.model import Codec
from vidrecover.repair._values import Trial, TrialJob
from vidrecover.servant import serve

Plane = npt.NDArray[np.uint8]

_DECODERS = {Codec.H264: "h264", Codec.H265: "hevc"}
_MOST_PIXELS = "35651584"
_FIRST = {"max_pixels": _MOST_PIXELS, "ec": "0", "skip_loop_filter": "all"}
_WHOLE = {
    "max_pixels": _MOST_PIXELS,
    "flags": "+output_corrupt",
    "flags2": "+showall",
    "strict": "1",  # holds back as many as may be reordered: else pictures are lost at the start
}
_LAG = 8
_PLAIN = ("yuv420p", "yuvj420p", "gray")


def answer(message: bytes) -> bytes:
    """The trials of a pickled job, one for each candidate, as MessagePack."""
    job: TrialJob = pickle.loads(message)
    return msgspec.msgpack.encode([_tried(job, one) for one in job.candidates])


def _tried(job: TrialJob, sets: bytes) -> Trial:
    """What a decoder makes of the pictures with these sets: first of the first alone, with no
    concealment, then of all."""
    name = _DECODERS[job.codec]
    frames, errors = _decoded(name, _FIRST, sets, job.units[:1])
    if errors or not frames or _untouched(frames[0]) > 0.02:
        return Trial(errors=max(errors, 1), corrupt=0, pictures=0)
    frames, errors = _decoded(name, _WHOLE, sets, job.units)
    if not frames:
        return Trial(errors=max(errors, 1), corrupt=0, pictures=0)
    lumas = [_planes(one)[0] for one in frames]
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


def _decoded(
    name: str, options: dict[str, str], sets: bytes, units: tuple[bytes, ...]
) -> tuple[list[VideoFrame], int]:
    """The pictures that come out, and how many errors the decoder told or raised."""
    errors, frames = 0, list[VideoFrame]()
    with av.logging.Capture() as logs:
        context = cast(VideoCodecContext, av.CodecContext.create(name, "r"))
        context.options = options
        context.thread_count = 1
        packets = [sets + units[0], *units[1:]] if units else []
        for packet in [*map(av.Packet, packets), None]:
            try:
                frames += context.decode(packet)
            except (av.FFmpegError, ValueError, MemoryError):
                errors += 1
        errors += sum(level <= av.logging.ERROR for level, _, _ in logs)
    return frames, errors


def _planes(frame: VideoFrame) -> list[Plane]:
    """Luma and chroma of eight bits."""
    small = frame if frame.format.name in _PLAIN else frame.reformat(format="yuv420p")
    return [
        np.frombuffer(memoryview(one), np.uint8).reshape(one.height, one.line_size)[:, : one.width]
        for one in small.planes
    ]


def _untouched(frame: VideoFrame) -> float:
    """Share of the picture that no macroblock was decoded for: there all planes are zero."""
    planes = _planes(frame)
    if len(planes) < 3:
        return 0.0
    return float(((planes[1] == 0) & (planes[2] == 0)).mean())


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
