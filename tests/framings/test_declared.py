"""Descriptions become rows: single facts on bytes made by hand, damage and hostile values."""

import struct
from pathlib import Path

import numpy as np
import pytest

from vidrecover import clock, formats
from vidrecover.framings import bitstream
from vidrecover.framings.declared import DeclaredReader
from vidrecover.model import (
    NO_CHANNEL,
    NO_SEQUENCE,
    NO_TICK,
    NO_TIME,
    Codec,
    FrameFlag,
    Frames,
    Media,
    Window,
)
from vidrecover.signatures import Matcher

SHIPPED = formats.load(formats.shipped())
HEAD = """
name = "made"
title = "Made for a test"
[framing]
signature = "4D 41 44 45"
"""
MADE = b"MADE"


def described(folder: Path, lines: str) -> formats.Format:
    (folder / "made.toml").write_text(HEAD + lines, encoding="utf-8")
    return formats.load(folder)["made"]


def read(one: formats.Format, data: bytes, *, limit: int | None = None) -> Frames:
    array = np.frombuffer(data, dtype=np.uint8)
    patterns = sorted({pattern for layout in one.layouts for pattern in layout.signatures})
    positions = Matcher(patterns).find(array).positions
    window = Window(0, array, len(array) if limit is None else limit, (), limit is None)
    return DeclaredReader(one)(window, positions)


@pytest.mark.parametrize(("endian", "length"), [("little", "10 00 00"), ("big", "00 00 10")])
def test_numbers_of_24_bits_are_read_in_their_byte_order(
    tmp_path: Path, endian: str, length: str
) -> None:
    lines = f'endian = "{endian}"\nheader = [["text", "4s"], ["length", "u24"]]\n'
    one = described(tmp_path, lines + 'size = {fields = ["length"]}')
    data = (MADE + bytes.fromhex(length)).ljust(16, b"x")
    assert read(one, data * 3)["size"].tolist() == [16, 16, 16]


@pytest.mark.parametrize(
    ("clock_name", "kind", "endian", "raw", "text"),
    [
        ("packed_date", "u32", "little", "80876261", "2024-05-17T08:30:00"),
        ("packed_date", "4s", "big", "61628780", "2024-05-17T08:30:00"),
        ("six_bytes", "6s", "little", "0e0a15012708", "2014-10-21T01:39:08"),
        ("six_bytes", "8s", "big", "0e0a150127080000", "2014-10-21T01:39:08"),
        ("unix_s", "u32", "big", "610a9bf0", "2021-08-04T13:53:52"),
        ("unix_s", "8s", "little", "f09b0a6129010000", "2021-08-04T13:53:52"),
        ("unix_ms", "u64", "little", "3ccb92b36b010000", "2019-07-02T16:44:30.396"),
        ("unix_ms", "8s", "big", "0000016bb392cb3c", "2019-07-02T16:44:30.396"),
        ("packed_date", "u32", "little", "ffffffff", None),
        ("packed_date_1970", "u32", "little", "808762d9", "2024-05-17T08:30:00"),
        ("packed_date_1970", "u32", "little", "ffffffff", None),
        ("six_bytes", "6s", "little", "400a15012708", None),  # 64 years after 2000
        ("unix_s", "u64", "little", "f09b0a6129010000", None),
        ("unix_s", "u32", "little", "00000000", None),
        ("unix_ms", "u64", "little", "ffffffffffffffff", None),
    ],
)
def test_named_clocks_read_their_bytes(
    tmp_path: Path, clock_name: str, kind: str, endian: str, raw: str, text: str | None
) -> None:
    lines = f'endian = "{endian}"\nheader = [["text", "4s"], ["date", "{kind}"]]\n'
    lines += f'time = {{clock = "{clock_name}", fields = ["date"]}}\nsize = {{plus = 20}}'
    rows = read(described(tmp_path, lines), (MADE + bytes.fromhex(raw)).ljust(20, b"x"))
    assert rows["time_ms"].tolist() == [NO_TIME if text is None else clock.parse_iso(text)]


def numbers(folder: Path, rules: str, value: int) -> Frames:
    lines = 'header = [["text", "4s"], ["value", "u64"]]\nsize = {plus = 20}\n'
    data = MADE + struct.pack("<Q", value) + bytes(8)
    return read(described(folder, lines + rules), data)


@pytest.mark.parametrize(
    ("value", "channel"),
    [(0, NO_CHANNEL), (1, 1), (32767, 32767), (65537, NO_CHANNEL), ((1 << 64) - 1, NO_CHANNEL)],
)
def test_a_number_that_is_no_camera_is_never_made_one(
    tmp_path: Path, value: int, channel: int
) -> None:
    rows = numbers(tmp_path, 'channel = {field = "value"}', value)
    assert rows["channel"].tolist() == [channel]


@pytest.mark.parametrize(("value", "rate"), [(25, 2500), (655, 65500), (656, 0), (1 << 60, 0)])
def test_a_rate_beyond_all_pictures_is_unknown(tmp_path: Path, value: int, rate: int) -> None:
    rows = numbers(tmp_path, 'rate = {field = "value", times = 100}', value)
    assert rows["rate"].tolist() == [rate]


def test_counters_and_sequences_beyond_63_bits_are_unknown(tmp_path: Path) -> None:
    rules = 'tick = {field = "value", unit = "us"}\nsequence = {field = "value"}'
    for value, tick_ms, sequence in ((5_999, 5, 5_999), ((1 << 64) - 2, NO_TICK, NO_SEQUENCE)):
        rows = numbers(tmp_path, rules, value)
        assert (rows["tick_ms"].tolist(), rows["sequence"].tolist()) == ([tick_ms], [sequence])


def test_fields_are_masked_shifted_multiplied_and_added_to(tmp_path: Path) -> None:
    rules = 'channel = {field = "value", mask = 0xF0, shift = 4, times = 2, plus = 1}'
    assert numbers(tmp_path, rules, 0x35)["channel"].tolist() == [7]


@pytest.mark.parametrize("length", [1 << 40, (1 << 64) - 12, (1 << 63) - 1, 0, 11])
def test_no_length_however_large_makes_a_frame(tmp_path: Path, length: int) -> None:
    lines = 'header = [["text", "4s"], ["length", "u64"]]\nsize = {fields = ["length"]}'
    assert len(read(described(tmp_path, lines), MADE + struct.pack("<Q", length) + bytes(99))) == 0


def test_a_payload_lies_between_header_and_trailer_whatever_its_length_says(
    tmp_path: Path,
) -> None:
    lines = 'header = [["text", "4s"], ["said", "i32"]]\nsize = {plus = 24}\n'
    lines += 'payload_size = {fields = ["said"]}\ntrailer = {text = "END"}'
    one = described(tmp_path, lines)
    for said, size in ((5, 5), (13, 13), (14, 13), (-3, 13), (1 << 30, 13)):
        frame = (MADE + struct.pack("<i", said)).ljust(21, b"x") + b"END"
        assert read(one, frame)["payload_size"].tolist() == [size]


def test_a_payload_that_begins_too_far_away_is_no_frame(tmp_path: Path) -> None:
    lines = 'header = [["text", "4s"], ["head", "u32"]]\nsize = {plus = 70000}\n'
    one = described(tmp_path, lines + 'payload = {fields = ["head"]}')
    for head, count in ((65535, 1), (65536, 0)):
        assert len(read(one, (MADE + struct.pack("<I", head)).ljust(70000, b"x"))) == count


def xm_key(body: bytes) -> bytes:
    head = bytes.fromhex("000001FC0219F08780876261")  # wfs.md section 6.4
    return head + struct.pack("<I", len(body)) + body


XM_DELTA = bytes.fromhex("000001FD0A000000" + "00000001419A0000AB0C")
XM_KEY = xm_key(bytes.fromhex("00000001674D001F9A66"))


def test_key_frames_need_their_start_code_too() -> None:
    good, bad = XM_KEY + XM_DELTA + XM_DELTA, xm_key(b"no start code") + XM_DELTA + XM_DELTA
    assert read(SHIPPED["xm"], good)["offset"].tolist() == [0, 26, 44]
    assert read(SHIPPED["xm"], bad)["offset"].tolist() == [29, 47]


def test_a_key_frame_2048_dots_wide_is_found() -> None:
    wide = bytearray(XM_KEY)
    wide[4], wide[6] = 0x12, 0
    rows = read(SHIPPED["xm"], bytes(wide) + XM_DELTA)
    assert rows["kind"].tolist() == [Media.KEY, Media.DELTA]
    assert rows["rate"].tolist() == [2500, 0]


def test_where_the_window_ends_before_the_proof_more_bytes_are_asked_for() -> None:
    data = XM_DELTA * 3
    for size in range(18, 18 + 12):
        assert read(SHIPPED["xm"], data[:size], limit=1)["flags"].tolist() == [FrameFlag.OVERRUN]
    assert read(SHIPPED["xm"], data[: 18 + 12 + 1], limit=1)["flags"].tolist() == [0]
    behind = XM_DELTA + b"something else that is long enough"
    assert read(SHIPPED["xm"], behind, limit=1)["flags"].tolist() == [FrameFlag.END_UNPROVEN]


def test_raw_fields_of_candidates_that_are_no_frames_are_nothing() -> None:
    assert len(read(SHIPPED["dahua-old"], b"\0\0\1\xfd" * 3)) == 0
    assert len(read(SHIPPED["dahua-old"], b"\0\0\1\xfc" + bytes(40))) == 0


def dhav(extension: bytes, payload: bytes, kind: int = 0xF0) -> bytes:
    size = 32 + len(extension) + len(payload)
    head = b"DHAV" + bytes([kind, 0, 0, 0]) + struct.pack("<III", 7, size, 0x61628780)
    head += struct.pack("<HB", 500, len(extension))
    head += bytes([sum(head) & 255])
    return head + extension + payload + b"dhav" + struct.pack("<I", size)


@pytest.mark.parametrize(
    ("tags", "codec"),
    [
        ("83010E02", Codec.PCM_ALAW),
        ("8C00010A02000000", Codec.PCM_MULAW),
        ("8800000000000000" + "83011A02", Codec.AAC),
        ("83010E02" + "83011A02", Codec.PCM_ALAW),  # the first tells
        ("77" + "83010E02", Codec.UNKNOWN),  # behind an unknown tag nothing is known
        ("8301", Codec.UNKNOWN),  # cut
        ("83013302", Codec.UNKNOWN),
        ("", Codec.UNKNOWN),
    ],
)
@pytest.mark.parametrize("payload", [b"", bytes(300)])
@pytest.mark.parametrize("behind", [b"", bytes(64)])
def test_tags_name_the_audio_codec(tags: str, codec: Codec, payload: bytes, behind: bytes) -> None:
    rows = read(SHIPPED["dhav"], dhav(bytes.fromhex(tags), payload) + behind)
    assert rows["codec"].tolist() == [codec]
    assert rows["payload_size"].tolist() == [len(payload)]


def test_a_frame_of_the_specification_is_read_as_it_says() -> None:
    # dhav.md section 5: I frame, camera 3 counted from 1, 51234 bytes, the header's own checksum
    head = bytes.fromhex(
        "44484156FD000200E80300004EC8000080876261F4010CEE 820000008007380481000219"
    )
    data = head + b"\0\0\0\1\x67" + bytes(51229) + b"dhav" + struct.pack("<I", 51278)
    (row,) = read(SHIPPED["dhav"], data)
    assert row.tolist() == (
        0, 51278, 36, 51234, 3, 0, 0, Media.KEY, Codec.H264, 0,
        clock.parse_iso("2024-05-17T08:30:00"), 500, 1000, 0, 0,
    )  # fmt: skip


def test_sizes_at_both_ends_of_a_cut_frame_are_told() -> None:
    reader, frame = DeclaredReader(SHIPPED["dhav"]), dhav(b"", bytes(100), kind=0xFC)
    assert reader.stated_size(frame[:64]) == len(frame) == 132
    assert reader.stated_size(frame[:20]) is None
    assert reader.trailing_size(frame[-64:]) == 132
    assert reader.trailing_size(frame[-7:]) is None
    assert reader.trailing_size(b"dhav" + struct.pack("<I", 5)) is None
    assert DeclaredReader(SHIPPED["xm"]).trailing_size(XM_KEY) is None
    assert DeclaredReader(SHIPPED["xm"]).stated_size(XM_KEY[:17]) == 26
    array = np.frombuffer(frame, dtype=np.uint8)
    assert reader.at_start(Window(7, array, 1, (), True))["offset"].tolist() == [7]
    assert len(reader.at_start(Window(7, array[1:], 1, (), True))) == 0


@pytest.mark.parametrize(
    ("payload", "codec", "key"),
    [
        ("00000001 67 42C01E", Codec.H264, True),
        ("000001 65 8884", Codec.H264, True),
        ("00000001 41 9A00", Codec.H264, False),
        ("00000001 09F0 00000001 6742", Codec.H264, True),  # delimiter, then SPS
        ("00000001 09F0 00000001 419A", Codec.H264, False),
        ("00000001 06E5018080 000001 2742", Codec.H264, True),  # message, then SPS
        ("00000001 09F0", Codec.H264, False),
        ("00000001 4001 0C01", Codec.H265, True),
        ("00000001 2601 AF", Codec.H265, True),
        ("00000001 0201 D0", Codec.H265, False),
        ("00000001 4601 50 00000001 4001 0C", Codec.H265, True),
        ("00000001 4601 50 00000001 0201 D0", Codec.H265, False),
        ("00000001 B6 00", Codec.UNKNOWN, False),
        ("FFD8FFE0", Codec.UNKNOWN, False),
        ("", Codec.UNKNOWN, False),
    ],
)
def test_the_first_units_name_codec_and_key_pictures(payload: str, codec: Codec, key: bool) -> None:
    raw = bytes.fromhex(payload)
    next_frame = b"\0\0\0\1\x67"  # must not be taken for this payload's
    data = np.frombuffer(b"head" + raw + next_frame, dtype=np.uint8)
    codecs, keys = bitstream.sniff(data, np.array([4]), np.array([len(raw)]))
    assert (codecs.tolist(), keys.tolist()) == ([codec], [key])


@pytest.mark.parametrize(
    ("body", "skipped"),
    [
        (bytes.fromhex("00015000") + bytes(160), 4),
        (bytes.fromhex("00015200") + bytes(164), 4),
        (bytes.fromhex("00015000") + bytes(159), 0),
        (bytes.fromhex("00025000") + bytes(160), 0),
        (b"\xd5" * 160, 0),
    ],
)
def test_a_voice_header_is_one_only_with_the_right_length(body: bytes, skipped: int) -> None:
    data = np.frombuffer(b"x" + body, dtype=np.uint8)
    found = bitstream.hisilicon_header(data, np.array([1]), np.array([len(body)]))
    assert found.tolist() == [skipped]
