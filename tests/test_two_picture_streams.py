"""Two streams of pictures in one program stream stay apart, with each other's time, and whole."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vidrecover.case import Case
from vidrecover.model import Codec, Grade, SourceRef
from vidrecover.simulate import ps

SIZES = ((176, 144), (128, 96))
COUNT = 20


def film(size: tuple[int, int], seed: int) -> list[bytes]:
    """Pictures of H.264 with parameter sets before every tenth."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    (encoder.width, encoder.height), encoder.pix_fmt = size, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.gop_size = Fraction(1, 10), Fraction(10), 10
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
    rng = np.random.default_rng(seed)
    still = rng.integers(0, 255, (size[1] * 3 // 2 // 8, size[0] // 8)).repeat(8, 0).repeat(8, 1)
    found = []
    for number in range(COUNT):
        shown = np.roll(still, 3 * number, axis=1).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(shown, format="yuv420p")
        frame.pts = number
        found += [bytes(one) for one in encoder.encode(frame)]
    return found


@pytest.mark.parametrize("apart_ms", [0, 40])
def test_pictures_of_two_streams_are_two_recordings(apart_ms: int, tmp_path: Path) -> None:
    films = [film(size, seed) for seed, size in enumerate(SIZES)]
    data = bytearray(bytes(4096))
    for number, units in enumerate(zip(*films, strict=True)):
        pts = 90 * (5000 + 100 * number)
        data += ps.pack(pts, stuffing=0)
        for place, unit in enumerate(units):
            stamp = pts + 90 * apart_ms * place
            for at in range(0, len(unit), 1500):
                part = unit[at : at + 1500]
                data += ps.packet(ps.VIDEO + place, part, None if at else stamp)
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(data) + bytes(4096))
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(path)), pictures=False)
        found = [(one.lane, one.codec, one.frames, one.unfinished) for one in case.segments()]
        clips = case.recover(tmp_path / "clips")
    lanes = [ps.VIDEO, ps.VIDEO + 1]
    assert sorted(found) == [(lane, Codec.H264, COUNT, 0) for lane in lanes]
    assert [(one.frames, one.grade) for one in clips] == [(COUNT, Grade.COMPLETE)] * 2
    shapes = set()
    for one in clips:
        with av.open(str(tmp_path / "clips" / one.file)) as container:
            video = container.streams.video[0]
            shapes.add((video.width, video.height))
    assert shapes == set(SIZES)
