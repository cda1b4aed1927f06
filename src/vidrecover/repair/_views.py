"""The process that decodes pictures to tell cameras apart: see `servant`."""

import pickle

import av
import cv2
import msgspec
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from vidrecover.repair._decoding import decoded
from vidrecover.repair._values import View, ViewJob
from vidrecover.servant import serve

_THUMB = (44, 36)
_COLOURS = (4, 8, 8)


def answer(message: bytes) -> bytes:
    """What the pictures of a pickled job show as a View, None when none decodes whole."""
    job: ViewJob = pickle.loads(message)
    frames, _ = decoded(job.codec, job.first, {})
    whole = [one for one in frames if not one.is_corrupt]
    if not whole:
        return msgspec.msgpack.encode(None)
    last = whole
    if job.last:
        frames, _ = decoded(job.codec, job.last, {})
        last = [one for one in frames if not one.is_corrupt] or whole[:1]
    return msgspec.msgpack.encode(_view(whole[0], last[-1]))


def _view(first: VideoFrame, last: VideoFrame) -> View:
    luma, ending = _luma(first), _luma(last)
    return View(
        width=first.width,
        height=first.height,
        luma=_small(luma).tobytes(),
        edges=_edges(luma).tobytes(),
        colours=_histogram(first).tobytes(),
        last=_small(ending).tobytes(),
    )


def _luma(frame: VideoFrame) -> npt.NDArray[np.uint8]:
    return frame.reformat(format="gray").to_ndarray().astype(np.uint8, copy=False)


def _small(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    small = cv2.resize(luma, _THUMB, interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8, copy=False)


def _edges(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """How much luma changes from dot to dot, in a picture of 352 x 288 at most."""
    part = cv2.resize(luma, (352, 288), interpolation=cv2.INTER_AREA)
    across = cv2.Sobel(part, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(part, cv2.CV_32F, 0, 1)
    small = cv2.resize(cv2.magnitude(across, down), _THUMB, interpolation=cv2.INTER_AREA)
    return np.clip(small, 0, 255).astype(np.uint8)


def _histogram(frame: VideoFrame) -> npt.NDArray[np.float32]:
    """Shares of the colours of the Lab space, light coarser than hue."""
    small = frame.reformat(width=176, height=144, format="bgr24").to_ndarray()
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB)
    found = cv2.calcHist([lab], [0, 1, 2], None, list(_COLOURS), [0, 256, 64, 192, 64, 192])
    return (found.ravel() / max(float(found.sum()), 1.0)).astype(np.float32)


if __name__ == "__main__":
    av.logging.set_level(av.logging.PANIC)
    cv2.setNumThreads(1)
    serve(answer)
