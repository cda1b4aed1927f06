"""A DHAV image of real H.264 pictures in so many recordings, written from the specifications.

Cameras take turns frame by frame, so that hardly two frames of a camera touch: each is three runs
of bytes in an evidence package: header, picture, trailer. Of vidrecover nothing is imported.
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from tests.benchmarks.images import _DHAV, Bytes, _packed_dates, _put

_GROUP = 25
_WIDTH, _HEIGHT = 640, 368
_START_MS = 1_773_473_340_000  # 2026-03-14 07:29:00
_PAUSE_MS = 120_000
RUNS_PER_FRAME = 3


def pictures(size: int) -> list[bytes]:
    """A group of pictures, the first a key frame with its parameter sets; bytes on average."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.gop_size = _GROUP
    encoder.bit_rate = size * 8 * 25
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "bf": "0"}
    rng = np.random.default_rng(4)
    noise = rng.integers(0, 256, (_HEIGHT * 3 // 2, _WIDTH), dtype=np.uint8)
    found = []
    for number in range(4 * _GROUP):
        shown = np.roll(noise, 3 * number, axis=1)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="yuv420p")
        frame.pts = number
        found += [bytes(packet) for packet in encoder.encode(frame)]
    found += [bytes(packet) for packet in encoder.encode(None)]
    return found[-_GROUP:]


def write(path: Path, *, clips: int, runs: int, run: int, channels: int = 10) -> int:
    """So many recordings of so many runs of about so many bytes; returns bytes of the image."""
    group = pictures(max(run * RUNS_PER_FRAME - 32, 64))
    channels = min(channels, clips)
    tile, starts, sizes = _tile(group, channels)
    number = np.arange(len(sizes))
    heads = np.zeros(len(sizes), dtype=_DHAV)
    heads["magic"], heads["channel"], heads["total"] = b"DHAV", number % channels, sizes
    heads["type"] = np.where(number < channels, 0xFD, 0xFC)
    groups = max(runs // RUNS_PER_FRAME // _GROUP, 1)
    with path.open("wb") as file:
        for recording in range(clips // channels):
            begins = _START_MS + recording * (groups * _GROUP * 40 + _PAUSE_MS)
            for turn in range(groups):
                frame = turn * _GROUP + number // channels
                time_ms = begins + frame * 40
                heads["sequence"], heads["date"] = frame, _packed_dates(time_ms)
                heads["millis"], heads["checksum"] = time_ms & 0xFFFF, 0
                raw = heads.view(np.uint8).reshape(len(heads), 24)
                heads["checksum"] = raw[:, :23].sum(axis=1) & 255
                _put(tile, starts, heads)
                file.write(tile.data)
    return path.stat().st_size


def _tile(group: list[bytes], channels: int) -> tuple[Bytes, np.ndarray, np.ndarray]:
    """The frames of a group for all cameras in turn, with room for headers; places and sizes."""
    sizes = np.repeat([len(one) + 32 for one in group], channels)
    starts = np.cumsum(sizes) - sizes
    tile = np.zeros(int(sizes.sum()), dtype=np.uint8)
    for number, (start, size) in enumerate(zip(starts.tolist(), sizes.tolist(), strict=True)):
        payload = group[number // channels]
        tile[start + 24 : start + 24 + len(payload)] = np.frombuffer(payload, dtype=np.uint8)
        tile[start + size - 8 : start + size - 4] = np.frombuffer(b"dhav", dtype=np.uint8)
        tile[start + size - 4 : start + size] = np.frombuffer(size.to_bytes(4, "little"), np.uint8)
    return tile, starts, sizes
