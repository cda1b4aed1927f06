"""Chunks of AVI: files of another muxer as witness, real files, and names where no chunk is."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vidrecover import formats, scan, segments
from vidrecover.framings import avi
from vidrecover.model import NO_CHANNEL, Codec, FrameFlag, Frames, Media, SourceRef, Window
from vidrecover.source import open_source

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
SLICE = b"\0\0\0\1\x41\x9a" + bytes(range(1, 95))
KEY = b"\0\0\0\1\x67\x64" + bytes(range(1, 95))
JPEG = b"\xff\xd8\xff\xe0" + bytes(60) + b"\xff\xd9"


def chunk(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + bytes(len(payload) & 1)


def read(data: bytes, *, at_end: bool = True) -> Frames:
    """All rows of the data; every place is a candidate."""
    array = np.frombuffer(data, dtype=np.uint8)
    places = np.arange(len(array), dtype=np.int64)
    return avi.frames(Window(0, array, len(array), (), at_end), places)


def scanned(path: Path) -> Frames:
    """Rows of AVI that a scan with every format finds; no others may be there."""
    source = open_source(SourceRef(path=str(path)))
    scanner = scan.Scanner(source, formats.load(formats.shipped()))
    found = [one for unit in scan.unit_extents(source.size) for one in scanner.scan(unit).segments]
    source.close()
    assert {one.format for one in found} == {"avi"}
    rows = np.concatenate([segments.unpack(one.rows) for one in found])
    return rows[np.argsort(rows["offset"])]


def payloads(rows: Frames, data: bytes) -> list[bytes]:
    places = rows[["offset", "payload_offset", "payload_size"]].tolist()
    return [data[at + skip : at + skip + size] for at, skip, size in places]


def muxed(path: Path, codec: str, count: int = 30) -> list[bytes]:
    """A file of libavformat with pictures and sound; gives its pictures as coded."""
    rng = np.random.default_rng(5)
    with av.open(str(path), "w", format="avi") as container:
        film = container.add_stream(codec, rate=15)
        assert isinstance(film, av.VideoStream)
        film.width, film.height = 64, 48
        film.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        film.gop_size, film.max_b_frames = 6, 0
        voice = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        assert isinstance(voice, av.AudioStream)
        for place in range(count):
            plane = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            picture = av.VideoFrame.from_ndarray(plane, format="rgb24")
            picture.pts, picture.time_base = place, Fraction(1, 15)
            packets = film.encode(picture.reformat(format=film.pix_fmt))
            sound = av.AudioFrame.from_ndarray(
                rng.integers(-99, 99, (1, 533), dtype=np.int16), format="s16", layout="mono"
            )
            sound.sample_rate, sound.pts = 8000, place * 533
            for packet in [*packets, *voice.encode(sound)]:
                container.mux(packet)
        for packet in [*film.encode(None), *voice.encode(None)]:
            container.mux(packet)
    with av.open(str(path)) as container:
        return [bytes(one) for one in container.demux(video=0) if one.size]


@pytest.mark.parametrize(
    ("codec", "wanted"),
    [("libx264", Codec.H264), ("mjpeg", Codec.MJPEG), ("mpeg4", Codec.MPEG4)],
)
def test_every_picture_of_another_muxer_is_found_and_no_other(
    codec: str, wanted: Codec, tmp_path: Path
) -> None:
    path = tmp_path / "film.avi"
    known = muxed(path, codec)
    rows = scanned(path)
    film = rows[rows["kind"] <= Media.DELTA]
    assert payloads(film, path.read_bytes()) == known
    assert set(film["codec"].tolist()) == {wanted}
    assert int(film["kind"][0]) == Media.KEY
    assert set(film["rate"].tolist()) == {1500}
    voice = rows[rows["kind"] == Media.AUDIO]
    assert (len(voice), set(voice["codec"].tolist())) == (30, {Codec.PCM_S16LE})
    assert not (rows["flags"] & FrameFlag.END_UNPROVEN).any()


@pytest.mark.parametrize("codec", ["libx264", "mjpeg"])
def test_a_file_without_head_and_end_keeps_its_whole_pictures(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "film.avi"
    known = muxed(path, codec)
    data = path.read_bytes()
    start, end = len(data) // 5, len(data) * 4 // 5
    path.write_bytes(data[start:end])
    places = [data.find(one) for one in known]
    wanted = [
        one
        for at, one in zip(places, known, strict=True)
        if at - 8 >= start and at + len(one) <= end
    ]
    rows = scanned(path)
    assert payloads(rows[rows["kind"] <= Media.DELTA], data[start:end]) == wanted


@pytest.mark.parametrize(
    "name",
    [
        "containers/media__sample.avi",
        "containers/media__sample-with-large-length.avi",
        "ipcam/bgslibrary__video02.avi",
        "ipcam/dvr-scan__issue53_brightness_change.avi",
    ],
)
def test_real_files_give_the_pictures_that_their_index_names(name: str) -> None:
    path = CORPUS / name
    if not path.is_file():
        pytest.skip(f"the corpus file {path.name} is not here")
    with av.open(str(path)) as container:
        known = [bytes(one) for one in container.demux(video=0) if one.size]
    rows = scanned(path)
    assert payloads(rows[rows["kind"] <= Media.DELTA], path.read_bytes()) == known


def test_a_head_that_leads_to_no_chunks_is_none(tmp_path: Path) -> None:
    path = tmp_path / "film.avi"
    muxed(path, "mjpeg", 1)
    data = path.read_bytes()
    head = data[: data.index(b"movi") + 4]
    (row,) = read(head)
    assert (row["size"], row["rate"], row["codec"]) == (len(head), 1500, Codec.PCM_S16LE)
    for size in range(len(head)):
        assert not len(read(head[:size]))
        assert all(read(head[:size], at_end=False)["flags"] & FrameFlag.OVERRUN)
    other = bytearray(head)
    place = head.index(b"strh") + 8 + 20
    other[place : place + 4] = bytes(4)  # a scale of zero
    assert read(bytes(other))["rate"].tolist() == [0]


def test_streams_are_kept_apart_and_name_no_camera() -> None:
    data = chunk(b"00dc", KEY) + chunk(b"01dc", KEY) + chunk(b"02wb", b"x" * 40) + b"JUNK"
    rows = read(data)
    assert rows["channel"].tolist() == [NO_CHANNEL] * 3
    assert rows["lane"].tolist() == [1, 2, 3]
    assert rows["kind"].tolist() == [Media.KEY, Media.KEY, Media.AUDIO]


def test_padding_may_be_left_out() -> None:
    odd = SLICE + b"x"
    (first, second) = read(b"00dc" + struct.pack("<I", len(odd)) + odd + chunk(b"00db", JPEG))
    assert (first["size"], first["flags"]) == (8 + len(odd), 0)
    assert (second["kind"], second["codec"]) == (Media.KEY, Codec.MJPEG)
    (first, _) = read(chunk(b"00dc", odd) + chunk(b"00dc", KEY))
    assert first["size"] == 8 + len(odd) + 1


def test_entries_of_an_index_and_names_in_text_are_no_chunks() -> None:
    entries = b"".join(
        struct.pack("<4sIII", name, flags, 4 + 3000 * place, 2992)
        for place, (name, flags) in enumerate([(b"00dc", 16), (b"00dc", 0), (b"01wb", 16)] * 40)
    )
    kept = read(chunk(b"idx1", entries), at_end=False)
    assert not len(kept[(kept["flags"] & (FrameFlag.END_UNPROVEN | FrameFlag.OVERRUN)) == 0])
    assert not len(read(b"streams 00dc, 01wb and 00db; 00dc0100wb"))


def test_a_chunk_of_recorders_with_the_codec_in_its_name_is_another_format() -> None:
    assert not len(read(b"00dcH264" + struct.pack("<IHHQ", 100, 0, 0, 9) + SLICE + b"00dcH264"))


def test_pictures_of_an_unknown_codec_and_repeated_ones_are_data() -> None:
    data = chunk(b"00dc", b"\x05\x75\xec\x07" * 9) + chunk(b"00dc", b"") + chunk(b"00dc", SLICE)
    rows = read(data)
    assert rows["kind"].tolist() == [Media.DATA, Media.DATA, Media.DELTA]
    assert rows["codec"].tolist() == [Codec.UNKNOWN, Codec.UNKNOWN, Codec.H264]
    assert not len(read(chunk(b"00dc", b"\x05\x75\xec\x07" * 9) + b"other" * 9))


@pytest.mark.parametrize(
    ("head", "codec"),
    [
        ("fffb9464", Codec.MP3),
        ("fffd9464", Codec.MP2),
        ("fff15080", Codec.AAC),
        ("ffe15080", Codec.UNKNOWN),
        ("01000200", Codec.UNKNOWN),
    ],
)
def test_sound_is_named_by_its_own_head_only(head: str, codec: Codec) -> None:
    (row,) = read(chunk(b"01wb", bytes.fromhex(head) + bytes(50)) + b"LIST")
    assert (row["kind"], row["codec"], row["flags"]) == (Media.AUDIO, codec, 0)
