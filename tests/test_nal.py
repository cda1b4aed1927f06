"""NAL units: splitting, parameter sets and slice heads, on known bytes, real streams and noise."""

import csv
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vidrecover import nal
from vidrecover.model import Codec

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"

# SPS and PPS of a vehicle recorder (Main, 352x288, no VUI): codec-repair.md section 3.1.
MDVR_SPS = bytes.fromhex("674d00149da8582590")
MDVR_PPS = bytes.fromhex("68ee3c80")
# x265 (through PyAV), 352x288 at 25 pictures per second, made for this test.
X265_VPS = bytes.fromhex("40010c01ffff01600000030090000003000003003cba0240")


def unit_bytes(data: bytes) -> list[bytes]:
    return [data[span.start : span.end] for span in nal.units(data)]


def test_units_are_split_at_start_codes_of_three_and_four_bytes() -> None:
    data = bytes.fromhex("ff 00000001 6701 000001 6802 00000000000001 6503 0000")
    assert unit_bytes(data) == [b"\x67\x01", b"\x68\x02", b"\x65\x03"]


def test_empty_units_and_bytes_without_start_code_give_nothing() -> None:
    assert unit_bytes(b"") == []
    assert unit_bytes(b"\0\0") == []
    assert unit_bytes(b"\x67\x42\x00\x1f") == []
    assert unit_bytes(b"\0\0\1\0\0\1\0\0\0\0") == []


def test_a_recorders_sequence_set_is_read() -> None:
    assert nal.sequence_parameters(Codec.H264, MDVR_SPS) == nal.SequenceParameters(
        codec=Codec.H264,
        id=0,
        profile=77,
        level=20,
        width=352,
        height=288,
        chroma=1,
        luma_depth=8,
        chroma_depth=8,
        interlaced=False,
        rate=None,
        reorder=0,
        frame_num_bits=10,
        order_type=2,
        order_delta_zero=True,
    )


def test_a_recorders_picture_set_is_read() -> None:
    assert nal.picture_parameters(Codec.H264, MDVR_PPS) == nal.PictureParameters(
        codec=Codec.H264, id=0, sequence_id=0, arithmetic=True
    )


def test_a_video_set_of_h265_is_read() -> None:
    assert nal.video_parameters(X265_VPS) == nal.VideoParameters(
        id=0, layers=1, sub_layers=1, rate=None
    )


def test_a_unit_of_another_kind_is_no_parameter_set() -> None:
    assert nal.sequence_parameters(Codec.H264, MDVR_PPS) is None
    assert nal.picture_parameters(Codec.H264, MDVR_SPS) is None
    assert nal.sequence_parameters(Codec.MJPEG, MDVR_SPS) is None
    assert nal.video_parameters(MDVR_SPS) is None


@pytest.mark.parametrize("size", range(len(MDVR_SPS) - 1))
def test_a_cut_sequence_set_is_none(size: int) -> None:
    assert nal.sequence_parameters(Codec.H264, MDVR_SPS[:size]) is None


def test_lengths_become_start_codes_only_when_they_end_exactly() -> None:
    chained = bytes.fromhex("00000002 6701 00000003 650203")
    assert nal.annexb(chained) == bytes.fromhex("00000001 6701 00000001 650203")
    assert nal.annexb(chained + b"\x05") is None
    assert nal.annexb(bytes.fromhex("00000001 65 00000001 41")) is None
    assert nal.annexb(bytes(64)) is None
    assert nal.annexb(b"") is None


def test_the_head_of_an_access_unit_ends_with_its_first_slice() -> None:
    first = b"\x65\x88" + bytes(range(1, 200))
    data = b"".join(b"\0\0\0\1" + unit for unit in (MDVR_SPS, MDVR_PPS, first, first))
    assert nal.head(Codec.H264, data) == [
        nal.Nal("sps", MDVR_SPS),
        nal.Nal("pps", MDVR_PPS),
        nal.Nal("slice", first[:64]),
    ]


def test_the_first_slice_is_told_by_its_first_bit() -> None:
    assert nal.starts_picture(Codec.H264, b"\x65\x88")
    assert not nal.starts_picture(Codec.H264, b"\x65\x48")
    assert not nal.starts_picture(Codec.H264, b"\x67\x88")
    assert nal.starts_picture(Codec.H265, b"\x26\x01\xac")
    assert not nal.starts_picture(Codec.H265, b"\x26\x01\x2c")
    assert not nal.starts_picture(Codec.H265, b"\x26\x01")


def corpus_streams() -> list[dict[str, str]]:
    """Elementary streams that are not damaged on purpose."""
    manifest = CORPUS / "MANIFEST.tsv"
    if not manifest.is_file():
        return []
    with manifest.open(newline="") as rows:
        table = list(csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        row
        for row in table
        if row["container"] == "es"
        and row["codec"] in ("h264", "hevc")
        and not row["path"].startswith("broken/")
    ]


STREAMS = corpus_streams()
CODECS = {"h264": Codec.H264, "hevc": Codec.H265}


@pytest.mark.skipif(not STREAMS, reason="the corpus of real footage is not beside the repository")
def test_every_real_stream_has_the_size_and_pictures_that_ffmpeg_finds() -> None:
    wrong = []
    for row in STREAMS:
        sizes, pictures, unread = _examined(CODECS[row["codec"]], CORPUS / row["path"])
        if row["WxH"] not in sizes or str(pictures) != row["frames"] or unread:
            wrong.append((row["path"], row["WxH"], sizes, row["frames"], pictures, unread))
    assert wrong == []


def _examined(codec: Codec, path: Path) -> tuple[set[str], int, int]:
    """Sizes of the sequence sets, first slices, and units that could not be read."""
    data = path.read_bytes()
    sizes: set[str] = set()
    pictures = unread = 0
    sequences: dict[int, nal.SequenceParameters] = {}
    sets: dict[int, nal.PictureParameters] = {}
    for unit in unit_bytes(data):
        kind = nal.unit_kind(codec, unit[0])
        if kind == "sps":
            sequence = nal.sequence_parameters(codec, unit)
            unread += sequence is None
            if sequence is not None:
                sequences[sequence.id] = sequence
                sizes.add(f"{sequence.width}x{sequence.height}")
        elif kind == "pps":
            picture = nal.picture_parameters(codec, unit)
            unread += picture is None
            if picture is not None:
                sets[picture.id] = picture
        elif kind == "vps":
            unread += nal.video_parameters(unit) is None
        elif kind == "slice" and nal.starts_picture(codec, unit):
            pictures += 1
            unread += not any(
                nal.slice_header(codec, unit, sequences[each.sequence_id], each)
                for each in sets.values()
            )
    return sizes, pictures, unread


@pytest.mark.skipif(not STREAMS, reason="the corpus of real footage is not beside the repository")
def test_frame_numbers_of_a_vehicle_recorder_count_up_from_each_key_frame() -> None:
    data = (CORPUS / "vehicle" / "jt1078__jt1078_3.h264").read_bytes()
    sps = nal.sequence_parameters(Codec.H264, nal.head(Codec.H264, data)[0].data)
    pps = nal.picture_parameters(Codec.H264, nal.head(Codec.H264, data)[1].data)
    assert sps is not None
    assert pps is not None
    heads = [nal.slice_header(Codec.H264, unit, sps, pps) for unit in unit_bytes(data)]
    slices = [head for head in heads if head is not None]
    expected, number = [], -1
    for each in slices:
        number = 0 if each.restarts else (number + 1) % (1 << sps.frame_num_bits)
        expected.append(number)
    assert [each.frame_num for each in slices] == expected


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([Codec.H264, Codec.H265]))
@example(bytes.fromhex("67640000") + bytes(4000), Codec.H264)
@example(bytes.fromhex("4201") + b"\xff" * 4000, Codec.H265)
@example(bytes.fromhex("674d0014") + bytes.fromhex("000003") * 900, Codec.H264)
def test_no_bytes_raise_or_hang(noise: bytes, codec: Codec) -> None:
    sps = nal.sequence_parameters(Codec.H264, MDVR_SPS)
    pps = nal.picture_parameters(Codec.H264, MDVR_PPS)
    assert sps is not None
    assert pps is not None
    list(nal.units(noise))
    nal.head(codec, noise)
    nal.annexb(noise)
    for first in (noise[:1], b"\x67", b"\x68", b"\x65", b"\x40\x01", b"\x42\x01", b"\x44\x01"):
        unit = first + noise
        nal.sequence_parameters(codec, unit)
        nal.picture_parameters(codec, unit)
        nal.video_parameters(unit)
        nal.slice_header(codec, unit, sps, pps)
        nal.starts_picture(codec, unit)


@settings(max_examples=300, deadline=None)
@given(st.integers(8, len(MDVR_SPS) * 8 - 1))
def test_a_flipped_bit_gives_a_plausible_size_or_none(bit: int) -> None:
    damaged = bytearray(MDVR_SPS)
    damaged[bit // 8] ^= 0x80 >> (bit % 8)
    sps = nal.sequence_parameters(Codec.H264, bytes(damaged))
    assert sps is None or 0 < sps.width * sps.height <= 1 << 27


def test_the_rate_of_the_display_information_is_read() -> None:
    # x264 (through PyAV), 352x288 at 25 pictures per second, made for this test.
    unit = bytes.fromhex("6742c00dda05825a1000000300100000030328f142aa")
    sps = nal.sequence_parameters(Codec.H264, unit)
    assert sps is not None
    assert (sps.width, sps.height, sps.rate) == (352, 288, Fraction(25))
