"""Real footage as twelve alike cameras of one recorder would store it: naked H.264 groups.

Scenes of the corpus, all encoded anew with the same settings, so that parameter sets, sizes and
bit rates tell nothing of the camera.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SCENES = (
    "vehicle/jt1078__JT1078_6_8.mp4",
    "vehicle/jt1078__jt1078_3.h264",
    "vehicle/carnd-lanelines-p1__solidWhiteRight.mp4",
    "ipcam/dvr-scan__traffic_camera.mp4",
    "ipcam/sample-videos__bottle-detection.mp4",
    "ipcam/sample-videos__car-detection.mp4",
    "ipcam/sample-videos__one-by-one-person-detection.mp4",
    "ipcam/bgslibrary__video.avi",
    "ipcam/bgslibrary__video02.avi",
    "ipcam/bgslibrary__video03.avi",
    "containers/torchcodec__nasa_13013.mp4",
    "containers/mp4ff__prog_8s.mp4",
)
GROUP = 25
_WIDTH, _HEIGHT = 352, 288


def groups(
    path: Path,
    *,
    seconds: int = 12,
    night: bool = False,
    h265: bool = False,
    rate: int = 500_000,
    width: int = _WIDTH,
) -> list[list[bytes]]:
    """The groups of pictures of a scene: access units, the first of each a key picture with sets.

    night: a third of the light, and the noise of a sensor.
    """
    height = width * _HEIGHT // _WIDTH // 16 * 16
    encoder = av.CodecContext.create("libx265" if h265 else "libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.bit_rate, encoder.gop_size = rate, GROUP
    common = f"scenecut=0:repeat-headers=1:bframes=0:keyint={GROUP}:min-keyint={GROUP}"
    encoder.options = {
        "preset": "ultrafast" if h265 else "veryfast", "tune": "zerolatency",
        "x264-params": f"{common}:threads=1:slices=1",
        "x265-params": f"{common}:open-gop=0:pools=none:frame-threads=1:log-level=none",
    }  # fmt: skip
    found: list[list[bytes]] = []
    rng = np.random.default_rng(len(path.name))
    packets = []
    for number, frame in enumerate(_frames(path, seconds * 25, width, height)):
        shown = _darkened(frame, rng) if night else frame
        shown.pts = number
        packets += encoder.encode(shown)
    for packet in [*packets, *encoder.encode(None)]:
        if packet.is_keyframe:
            found.append([])
        found[-1].append(bytes(packet))
    return found


def _frames(path: Path, count: int, width: int, height: int) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= count:
                return
            yield frame.reformat(width=width, height=height, format="yuv420p")


def _darkened(frame: av.VideoFrame, rng: np.random.Generator) -> av.VideoFrame:
    planes = frame.to_ndarray(format="yuv420p").astype(np.float32)
    height = frame.height
    luma = 16 + (planes[:height] / 255) ** 1.8 * 90
    planes[:height] = luma + rng.normal(0, 4, luma.shape)
    planes[height:] = 128 + (planes[height:] - 128) / 3
    return av.VideoFrame.from_ndarray(planes.clip(0, 255).astype(np.uint8), format="yuv420p")
