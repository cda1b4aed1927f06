"""Program and transport streams: bytes of the specifications, real files, and hostile ones."""

import time
from pathlib import Path

import numpy as np
import pytest

from vidrecover import clock
from vidrecover.framings import mpegps, mpegts
from vidrecover.model import NO_TIME, Codec, FrameFlag, Frames, Media, Window

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "containers"
PACK = bytes.fromhex("000001ba5f8a5d19a40103acd3feffff002b5136")
MAP = bytes.fromhex(
    "000001bc005af6ff0024400e484b010016ce046b749700ffffff4112484b000102030405060708090a0b0c0d0e0f"
    "002c24e00028420e071010ea0a2007981110c000232944"
    "0a0000800000000000ffff2a0a7fff000008ca1ffe44f3b18c5ff8"
)
"""A real map, with the real clock and checksum. [imkh-ps.md sections 4 and 6.2]"""
KEY = bytes.fromhex("000001e0001c8c80082100010001fffffc000000014001020304050000012601af08")
DELTA = bytes.fromhex("000001e000118c8008210001bf21fffffc000000010201")


def program(data: bytes) -> Frames:
    """All rows of a program stream."""
    array = np.frombuffer(data, dtype=np.uint8)
    places = [at for at in range(len(data)) if data[at : at + 4] in (b"\0\0\1\xba", b"IMKH")]
    return mpegps.frames(Window(0, array, len(array), (), True), np.array(places, dtype=np.int64))


def transport(data: bytes) -> Frames:
    """All rows of a transport stream."""
    array = np.frombuffer(data, dtype=np.uint8)
    codes = (b"\0\0\1\xe0", b"\0\0\1\xc0", b"\0\0\1\xbd")
    places = [at for at in range(len(data)) if data[at : at + 4] in codes]
    return mpegts.frames(Window(0, array, len(array), (), True), np.array(places, dtype=np.int64))


def frames(rows: Frames) -> Frames:
    """First rows of pictures."""
    video = (rows["kind"] == Media.KEY) | (rows["kind"] == Media.DELTA)
    first: Frames = rows[video & ((rows["flags"] & FrameFlag.CONTINUES) == 0)]
    return first


def test_a_real_map_dates_its_key_picture_to_the_millisecond() -> None:
    (told, key, delta) = program(PACK + MAP + KEY + PACK[:-1] + b"\x37" + DELTA)
    assert clock.iso(int(told["time_ms"])) == "2022-12-28T01:06:45.841"
    assert told["time_ms"] == key["time_ms"]
    assert (told["flags"], told["sequence"], told["kind"]) == (0, 0x2B5136, Media.DATA)
    assert (key["kind"], key["codec"]) == (Media.KEY, Codec.H265)
    assert delta["time_ms"] == NO_TIME
    assert delta["sequence"] == 0x2B5137


def test_a_changed_map_has_a_wrong_checksum_that_its_picture_shows() -> None:
    changed = bytearray(MAP)
    changed[60] ^= 1
    (told, key) = program(PACK + bytes(changed) + KEY)
    assert told["flags"] & key["flags"] & FrameFlag.BAD_CHECKSUM


def test_codes_imitated_by_the_counter_and_inside_payloads_are_no_units() -> None:
    pack = PACK[:-4] + b"\0\0\0\1"
    inside = PACK + KEY
    private = b"\0\0\1\xbf" + len(inside).to_bytes(2, "big") + inside
    rows = program(pack + KEY + private + pack + DELTA)
    assert [(row["offset"], row["size"]) for row in rows] == [
        (0, 20 + len(KEY)),
        (20 + len(KEY), len(private)),
        (20 + len(KEY) + len(private), 20 + len(DELTA)),
    ]


@pytest.mark.parametrize("reader", [program, transport])
def test_hostile_lengths_and_fields_cost_bounded_time(reader: object) -> None:
    rng = np.random.default_rng(5)
    parts = [
        PACK,
        MAP,
        KEY,
        DELTA,
        b"\0\0\1\xbe\0\1\0",
        b"\0\0\1\xe0\0\0\x80\0\0",
        b"\x47\x41\0\x10",
    ]
    began = time.process_time()
    for _ in range(6):
        data = bytearray(b"".join(parts[place] for place in rng.integers(0, len(parts), 4000)))
        for place in rng.integers(0, len(data), 300):
            data[place] = int(rng.integers(0, 256))
        rows = reader(bytes(data))  # type: ignore[operator]
        assert ((rows["offset"] + rows["size"]) <= len(data)).all()
    assert time.process_time() - began < 20


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real footage is not here")
@pytest.mark.parametrize(
    ("name", "count", "codec"),
    [
        ("media-server__test_fileSequence0.ts", 150, Codec.H264),
        ("media__sample_h263.ts", 25, Codec.MPEG4),
        ("media__sample_h262_mpeg_audio.ts", 3, Codec.MPEG2),
        ("media__sample_h264.ts", 30, Codec.H264),
        ("media__sample_h265_rps_pred.ts", 16, Codec.H265),
        ("shaka-player__hls-ts-b-frames_1.ts", 144, Codec.H264),
        ("shaka-player__hls-ts-h265_0.ts", 360, Codec.H265),
        ("shaka-player__hls-ts-muxed-aac-h265_0.ts", 150, Codec.H265),
        (
            "shaka-player__hls-ts-muxed-aac-h264-with-overflow-nalus_fileSequence0.ts",
            299,
            Codec.H264,
        ),
    ],
)
def test_real_transport_streams_give_the_packets_that_ffprobe_counts(
    name: str, count: int, codec: Codec
) -> None:
    found = frames(transport((CORPUS / name).read_bytes()))
    assert len(found) == count
    assert set(found["codec"].tolist()) == {codec}
    assert not (found["flags"] & FrameFlag.UNFINISHED).any()


def test_a_lost_packet_shows_in_its_frame_and_in_no_other() -> None:
    path = CORPUS / "shaka-player__hls-ts-b-frames_1.ts"
    if not path.is_file():
        pytest.skip(f"the corpus file {path.name} is not here")
    data = path.read_bytes()
    whole = frames(transport(data))
    lost = int(whole["offset"][20]) + 188
    found = frames(transport(data[:lost] + data[lost + 188 :]))
    torn = np.flatnonzero((found["flags"] & FrameFlag.UNFINISHED) != 0)
    assert (len(found), torn.tolist()) == (len(whole), [20])
