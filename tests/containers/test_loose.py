"""Pictures behind lengths of which no box is left are found, and nothing else is."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.memory_source import MemorySource

from vidrecover import containers, formats, segments
from vidrecover.case import Case
from vidrecover.containers import _islands
from vidrecover.model import Codec, Container, Extent, FrameFlag, Grade, Media, SourceRef

MP4 = formats.load(formats.shipped())["mp4"]
SIZE, COUNT = (320, 240), 60


def film(path: Path, codec: str, *, sound: bool = False, seed: int = 3) -> list[tuple[int, int]]:
    """A file whose index stands at its end, and where its pictures lie, half-open."""
    rng = np.random.default_rng(seed)
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream(codec, rate=25, options={"g": "20", "bf": "0", "crf": "24"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.time_base = Fraction(1, 25)
        if codec == "libx265":
            stream.options["x265-params"] = "log-level=none:pools=none:bframes=0"
        heard = output.add_stream("aac", rate=16_000, layout="mono") if sound else None
        noise = rng.integers(0, 90, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
        for number in range(COUNT):
            picture = noise.copy()
            picture[:, 4 * number : 4 * number + 24] = rng.integers(120, 250)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            output.mux(stream.encode(frame))
            if heard is not None:
                wave = rng.integers(-9000, 9000, (1, 640), dtype=np.int16)
                chunk = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
                chunk.sample_rate, chunk.pts = 16_000, 640 * number
                output.mux(heard.encode(chunk))
        output.mux(stream.encode(None))
        if heard is not None:
            output.mux(heard.encode(None))
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.video[0])
        return sorted((one.pos or 0, (one.pos or 0) + one.size) for one in packets if one.size)


def noise(size: int, seed: int = 5) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def found(data: bytes) -> list[Container]:
    return list(containers.loose(MemorySource(data, len(data)), [Extent(0, len(data))], MP4))


def pictures(found: list[Container]) -> dict[tuple[int, int], bool]:
    """Places of all pictures, and whether their end is proven."""
    told: dict[tuple[int, int], bool] = {}
    for one in (segment for container in found for segment in container.segments):
        rows = segments.unpack(one.rows)
        rows = rows[np.isin(rows["kind"], (Media.KEY, Media.DELTA))]
        for offset, size, flags in rows[["offset", "size", "flags"]].tolist():
            told[offset, offset + size] = not flags & FrameFlag.END_UNPROVEN
    return told


@pytest.mark.parametrize(
    ("codec", "sound"), [("libx264", False), ("libx264", True), ("libx265", False)]
)
def test_every_whole_picture_between_noise_is_found_and_no_other(
    codec: str, sound: bool, tmp_path: Path
) -> None:
    places = film(tmp_path / "film.mp4", codec, sound=sound)
    data = (tmp_path / "film.mp4").read_bytes()
    first, last = places[10][0] + 700, places[50][0] + 900
    lead = 50_021
    image = noise(lead) + data[first:last] + noise(70_000, 6)
    told = pictures(found(image))
    inside = [(a - first + lead, b - first + lead) for a, b in places if first <= a and b <= last]
    assert set(inside) <= told.keys()
    assert {one for one, proven in told.items() if proven} <= set(inside)
    assert len(told.keys() - set(inside)) <= 1


def test_two_files_without_boxes_are_two(tmp_path: Path) -> None:
    parts = []
    for seed in (3, 4):
        places = film(tmp_path / "film.mp4", "libx264", seed=seed)
        data = (tmp_path / "film.mp4").read_bytes()
        parts.append(data[places[5][0] : places[50][0] + 100])
    touching = found(noise(5000) + parts[0] + parts[1] + noise(5000, 6))
    apart = found(parts[0] + noise(60_000) + parts[1])
    assert (len(touching), len(apart)) == (2, 2)
    assert {len(one.tracks) for one in (*touching, *apart)} == {1}


@pytest.mark.parametrize("kind", ["noise", "zeros", "text", "records", "numbers"])
def test_other_data_gives_no_picture(kind: str) -> None:
    rng = np.random.default_rng(7)
    size = 4 << 20
    if kind == "records":  # length, a letter that is a header, text
        one = [(int(n)).to_bytes(4, "big") + b"A" + b"x" * (int(n) - 1)
               for n in rng.integers(5, 400, 9000)]  # fmt: skip
        data = b"".join(one)
    elif kind == "numbers":
        data = rng.integers(0, 900, size // 4).astype(">u4").tobytes()
    else:
        data = {"noise": noise(size), "zeros": bytes(size), "text": b"a line of a log\n" * 9000}[
            kind
        ]
    assert found(data) == []


def test_of_much_unknown_data_probes_tell_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = film(tmp_path / "film.mp4", "libx264")
    data = (tmp_path / "film.mp4").read_bytes()[places[2][0] : places[50][0]]
    monkeypatch.setattr("vidrecover.containers._loose.MOST_READ", 1 << 20)
    monkeypatch.setattr("vidrecover.containers._loose.PROBE", 1 << 18)
    monkeypatch.setattr(_islands, "PROBE", 1 << 18)
    image = data + noise(3 << 20)
    assert len(pictures(found(image))) == 48
    far = noise((3 << 20) - 90_000) + data + noise(2 << 20, 6)
    assert len(pictures(found(far))) == 48
    assert found(noise(300_000) + data + noise(9 << 20, 6)) == []  # between two probes


def test_a_scan_shows_them_as_footage_of_unknown_camera_and_time(tmp_path: Path) -> None:
    places = film(tmp_path / "film.mp4", "libx264")
    data = (tmp_path / "film.mp4").read_bytes()
    first = places[0][0]
    disk = tmp_path / "disk.img"
    disk.write_bytes(noise(9001) + data[first : places[55][0] + 100] + noise(9000, 6))
    for _ in range(2):  # nothing changes the second time
        with Case.open(tmp_path / "case", create=True) as case:
            report = case.scan(SourceRef(path=str(disk)), pictures=False)
            (summary,) = report.channels
            assert (summary.channel, summary.frames) == (None, 56)
            (container,) = case.catalogue.containers()
            assert "no box of a file is left" in container.damage[0]


def test_clips_of_them_borrow_the_sets_of_other_footage_and_say_what_they_are(
    tmp_path: Path,
) -> None:
    places = film(tmp_path / "film.mp4", "libx264")
    data = (tmp_path / "film.mp4").read_bytes()
    first = places[0][0]
    disk = tmp_path / "disk.img"
    disk.write_bytes(noise(9001) + data[first : places[55][0]] + noise(90_000, 6) + data)
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(disk)), pictures=False)
        clips = case.recover(tmp_path / "clips")
    loose = next(one for one in clips if any("no box of its file" in note for note in one.notes))
    assert (loose.codec, loose.channel, loose.from_ms) == (Codec.H264, None, None)
    assert loose.grade != Grade.COMPLETE
    assert loose.frames >= 50
