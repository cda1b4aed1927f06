"""Streams whose pictures begin anywhere in their packets, as FFmpeg's muxers write them."""

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vidrecover.case import Case
from vidrecover.model import Clip, Codec, Grade, SourceRef

SIZE, COUNT, RATE = (320, 240), 60, 25


def written(path: Path, container: str, codec: str) -> None:
    """Pictures in which a bar moves, with B pictures."""
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=RATE, options={"g": "20", "bf": "2"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.bit_rate, stream.time_base = 400_000, Fraction(1, RATE)
        noise = np.random.default_rng(3).integers(0, 90, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
        for number in range(COUNT):
            picture = noise.copy()
            picture[:, 4 * number : 4 * number + 24] = 230
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def packets(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        found = [bytes(one) for one in container.demux(container.streams.video[0]) if one.size]
    return [hashlib.sha256(one.strip(b"\0")).hexdigest() for one in found]


def shown(path: Path) -> list[float]:
    """Times of pictures in the order in which a decoder gives them, from the first one on."""
    with av.open(str(path)) as container:
        times = [float(one.time or 0) for one in container.decode(video=0)]
    return [one - times[0] for one in times]


def recovered(path: Path, folder: Path) -> list[Clip]:
    noise = np.random.default_rng(4).bytes(70_001)
    image = folder / "disk.img"
    image.write_bytes(noise + path.read_bytes() + noise)
    with Case.open(folder / "case", create=True) as case:
        case.scan(SourceRef(path=str(image)), pictures=False)
        return case.recover(folder / "clips")


@pytest.mark.parametrize(("container", "error"), [("vob", 0.09), ("svcd", 0.09), ("mpegts", 0.003)])
def test_every_picture_of_mpeg2_is_in_the_clip_once_and_shown_in_its_order(
    container: str, error: float, tmp_path: Path
) -> None:
    """Where some have no time of their own, right to two pictures: see the format's limits."""
    source = tmp_path / "source"
    written(source, container, "mpeg2video")
    (clip,) = recovered(source, tmp_path)
    assert (clip.codec, clip.frames, clip.grade) == (Codec.MPEG2, COUNT, Grade.COMPLETE)
    assert packets(tmp_path / "clips" / clip.file) == packets(source)
    assert shown(tmp_path / "clips" / clip.file) == pytest.approx(shown(source), abs=error)


def test_every_picture_of_h264_is_in_the_clip_once(tmp_path: Path) -> None:
    source = tmp_path / "source"
    written(source, "vob", "libx264")
    (clip,) = recovered(source, tmp_path)
    assert (clip.codec, clip.frames, clip.grade) == (Codec.H264, COUNT, Grade.COMPLETE)
