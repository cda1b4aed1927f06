"""JT/T 1078 packets: the specification's vectors, real captures, windows, damage."""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import formats
from vidrecover.framings import jt1078
from vidrecover.model import (
    FRAME_DTYPE,
    NO_CHANNEL,
    NO_SEQUENCE,
    NO_TICK,
    NO_TIME,
    Codec,
    FrameFlag,
    Frames,
    Media,
    Window,
    no_frames,
)

VEHICLE = Path(__file__).parents[2].parent / "shared" / "corpus" / "vehicle"
NONE, MORE, CONTINUES = FrameFlag.NONE, FrameFlag.MORE, FrameFlag.CONTINUES
UNPROVEN, UNFINISHED = FrameFlag.END_UNPROVEN, FrameFlag.UNFINISHED

# jt1078.md section 9: vectors 1 and 2 are real, 5 to 9 synthetic.
ATOMIC = bytes.fromhex(
    "3031636481E2108801123456781001100000016BB392CA7C02800028002E"
    "0000000161E1A2BF0098CFC0EE1E17283407788E39A403FDDBD1D546BFB06301"
    "3F59AC34C97A021AB96A28A42C08"
)
NEXT = bytes.fromhex(
    "3031636481E210BB01123456781001100000016BB392CF2C07300028001D"
    "0000000161E462BF0032BE88823B946F41EE7C287D82A59C2949A84CBF"
)
SMALLEST = bytes.fromhex("3031636481060000295696659617010000000000000000000000000000020000")
TRANSPARENT = bytes.fromhex("3031636481E200002956969566170240000101")
AUDIO = bytes.fromhex("3031636481860008017299841738033000000174923BC85E0008" + "D5" * 8)
LONG_VIDEO = bytes.fromhex(
    "3031636481E2000700000000017299841738031000000174923BC85E0078005000080000000161E042BF"
)
LONG_AUDIO = bytes.fromhex(
    "303163648186000800000000017299841738033000000174923BC85E0008" + "D5" * 8
)


def packet(
    body: bytes,
    *,
    sequence: int = 1,
    channel: int = 1,
    kind: int = 1,
    mark: int = 0,
    time_ms: int = 1_600_181_225_446,
    payload_type: int = 98,
    sim: str = "013912345678",
) -> bytes:
    """A packet after tables 19 and, with a number of 20 digits, 5-36."""
    head = jt1078.MAGIC + bytes([0x81, payload_type]) + sequence.to_bytes(2, "big")
    head += bytes.fromhex(sim) + bytes([channel, kind << 4 | mark])
    if kind != 4:
        head += time_ms.to_bytes(8, "big")
    if kind < 3:
        head += bytes(4)
    return head + len(body).to_bytes(2, "big") + body


def window(
    data: bytes, offset: int = 0, limit: int | None = None, *, at_end: bool = True
) -> Window:
    array = np.frombuffer(data, dtype=np.uint8)
    return Window(offset, array, len(data) if limit is None else limit, (), at_end)


def candidates(data: bytes) -> npt.NDArray[np.int64]:
    places, place = [], data.find(jt1078.MAGIC)
    while place >= 0:
        places.append(place)
        place = data.find(jt1078.MAGIC, place + 1)
    return np.array(places, dtype=np.int64)


def read(data: bytes) -> Frames:
    return jt1078.frames(window(data), candidates(data))


def row(**fields: object) -> Frames:
    one = no_frames(1)
    for name, value in fields.items():
        one[name] = value
    return one


def assert_rows(found: Frames, *expected: Frames) -> None:
    assert found.dtype == FRAME_DTYPE
    assert found.tolist() == np.concatenate([no_frames(), *expected]).tolist()


def in_windows(data: bytes, size: int, overlap: int = 1 << 18) -> Frames:
    """Rows as a scan gathers them: windows of `size` that see `overlap` bytes more."""
    tables = [no_frames()]
    for start in range(0, len(data), size):
        part = data[start : start + size + overlap]
        end = start + len(part) == len(data)
        seen = window(part, start, min(size, len(part)), at_end=end)
        tables.append(jt1078.frames(seen, candidates(part)))
    rows: Frames = np.concatenate(tables)
    return rows


@cache
def capture(name: str) -> bytes:
    """A real capture: the last field of each line is hex of packets; skips when absent."""
    path = VEHICLE / name
    if not path.is_file():
        pytest.skip(f"the corpus file {name} is not here")
    lines = path.read_text(encoding="utf-8-sig").split()
    return b"".join(bytes.fromhex(line.split(",")[-1]) for line in lines)


def pictures(rows: Frames) -> Frames:
    video = (rows["kind"] == Media.KEY) | (rows["kind"] == Media.DELTA)
    begins: Frames = rows[video & ((rows["flags"] & CONTINUES) == 0)]
    return begins


def test_real_pictures_of_the_specification_are_read_as_it_says() -> None:
    shared = {"payload_offset": 30, "channel": 1, "kind": Media.DELTA, "codec": Codec.H264}
    assert_rows(
        read(ATOMIC + NEXT),
        row(offset=0, size=76, payload_size=46, time_ms=1562085870204, sequence=4232, **shared),
        row(offset=76, size=59, payload_size=29, time_ms=1562085871404, sequence=4283, **shared),
    )


def test_an_empty_looking_key_picture_counted_from_zero_has_a_counter_and_no_date() -> None:
    assert_rows(
        read(SMALLEST),
        row(
            size=32,
            payload_offset=30,
            payload_size=2,
            channel=1,
            kind=Media.KEY,
            tick_ms=0,
            sequence=0,
        ),
    )


def test_a_transparent_packet_has_no_time() -> None:
    assert_rows(
        read(TRANSPARENT),
        row(size=19, payload_offset=18, payload_size=1, channel=2, kind=Media.DATA, sequence=0),
    )


@pytest.mark.parametrize(("data", "head"), [(AUDIO, 26), (LONG_AUDIO, 30)])
def test_audio_is_read_with_either_length_of_the_terminal_number(data: bytes, head: int) -> None:
    assert_rows(
        read(data),
        row(
            size=len(data),
            payload_offset=head,
            payload_size=8,
            channel=3,
            kind=Media.AUDIO,
            codec=Codec.PCM_ALAW,
            time_ms=1600181225566,
            sequence=8,
        ),
    )


def test_a_long_terminal_number_is_told_from_a_short_one() -> None:
    assert_rows(
        read(LONG_VIDEO),
        row(
            size=42,
            payload_offset=34,
            payload_size=8,
            channel=3,
            kind=Media.DELTA,
            codec=Codec.H264,
            time_ms=1600181225566,
            sequence=7,
        ),
    )


def test_a_short_number_of_a_terminal_that_counts_from_zero_is_not_taken_for_a_long_one() -> None:
    data = packet(b"\0\0\0\1\x61" + bytes(60), time_ms=0) + b"noise behind it"
    found = read(data)
    assert found["payload_offset"].tolist() == [30]
    assert found["flags"].tolist() == [UNPROVEN]


def test_marks_say_which_rows_are_one_picture() -> None:
    body = b"\0\0\0\1\x67\x4d" + bytes(944)
    data = b"".join(
        packet(body if mark < 2 else bytes(950), mark=mark, kind=0, sequence=place)
        for place, mark in enumerate((1, 3, 2, 0))
    )
    found = read(data)
    assert found["flags"].tolist() == [MORE, MORE | CONTINUES, CONTINUES, NONE]
    assert found["codec"].tolist() == [Codec.H264, Codec.UNKNOWN, Codec.UNKNOWN, Codec.H264]
    assert found["kind"].tolist() == [Media.KEY] * 4


def test_the_body_names_the_codec_before_the_payload_type_does() -> None:
    data = packet(b"\0\0\0\1\x40\x01\x0c\x01", payload_type=98) + packet(b"??", payload_type=99)
    assert read(data)["codec"].tolist() == [Codec.H265, Codec.H265]


def test_a_hisilicon_header_is_not_part_of_the_audio() -> None:
    body = b"\0\1\x50\0" + b"\xd5" * 160
    first, second = read(
        packet(body, kind=3, payload_type=6) + packet(body[:-2], kind=3, payload_type=8)
    )
    assert (first["payload_offset"], first["payload_size"]) == (30, 160)
    assert (second["payload_offset"], second["payload_size"]) == (26, 162)
    assert (first["codec"], second["codec"]) == (Codec.PCM_ALAW, Codec.G726)


def test_what_stands_at_the_end_proves_a_packet() -> None:
    assert read(ATOMIC + b"x" * 40)["flags"].tolist() == [UNPROVEN]
    assert read(ATOMIC)["flags"].tolist() == [NONE]
    assert read(ATOMIC[:-6])["flags"].tolist() == [UNPROVEN | UNFINISHED]
    assert read(ATOMIC[:-6])["payload_size"].tolist() == [40]
    assert len(read(ATOMIC[:29])) == 0


def test_a_length_above_the_standard_is_believed_with_a_packet_behind_it_only() -> None:
    long = packet(bytes(3000))
    assert read(long + ATOMIC)["payload_size"].tolist() == [3000, 46]
    assert read(long + b"x" * 99)["payload_size"].tolist() == []


@pytest.mark.parametrize(
    ("place", "value"), [(4, 0x41), (8, 0xA1), (13, 0x0F), (15, 0x50), (15, 0x14)]
)
def test_a_header_that_cannot_be_is_no_packet(place: int, value: int) -> None:
    data = bytearray(ATOMIC)
    data[place] = value
    assert len(read(bytes(data))) == 0


def test_a_time_that_can_be_no_date_is_a_counter() -> None:
    data = packet(b"??", time_ms=90_000) + packet(b"??", time_ms=(1 << 64) - 1)
    found = read(data)
    assert found["time_ms"].tolist() == [NO_TIME, NO_TIME]
    assert found["tick_ms"].tolist() == [90_000, NO_TICK]


def test_channel_zero_is_no_camera() -> None:
    assert read(packet(b"??", channel=0))["channel"].tolist() == [NO_CHANNEL]


def piece(name: bytes, start: int, body: bytes) -> bytes:
    sizes = start.to_bytes(4, "big") + len(body).to_bytes(4, "big")
    return jt1078.MAGIC + name.ljust(50, b"\0") + sizes + body


def test_pieces_of_attachments_are_data_and_never_video() -> None:
    body = bytes(range(256)) * 256
    data = piece(b"02_65_6502_3_a1b2.h264", 65536, body) + ATOMIC
    shared = {"payload_offset": 62, "kind": Media.DATA, "sequence": NO_SEQUENCE}
    data += piece(b"passwords.txt", 0, b"") + piece(b"02_65_6502_3_a1b2.h265", 0, b"x")
    found = read(data)
    assert_rows(
        found,
        row(offset=0, size=65598, payload_size=65536, **shared),
        row(
            offset=65598,
            size=76,
            payload_offset=30,
            payload_size=46,
            channel=1,
            kind=Media.DELTA,
            codec=Codec.H264,
            time_ms=1562085870204,
            sequence=4232,
        ),
    )


def test_a_piece_beyond_the_window_is_read_again_with_all_of_it() -> None:
    data = piece(b"00_64_6401_0_77.jpg", 0, bytes(65536)) + ATOMIC
    part = window(data[:40000], limit=100, at_end=False)
    assert jt1078.frames(part, candidates(data[:40000]))["flags"].tolist() == [FrameFlag.OVERRUN]


def test_rows_beyond_the_limit_belong_to_the_next_window() -> None:
    seen = window(ATOMIC + NEXT, 1000, 76, at_end=True)
    assert jt1078.frames(seen, candidates(ATOMIC + NEXT))["offset"].tolist() == [1000]


@pytest.mark.parametrize(
    ("name", "count", "seconds", "channel"),
    [("jt1078__JT1078_2.txt", 270, 39.6, 1), ("jt1078__jt1078_4.txt", 931, 106.122, 3)],
)
def test_real_captures_are_read_whole(name: str, count: int, seconds: float, channel: int) -> None:
    rows = read(capture(name))
    shown = pictures(rows)
    assert int(rows["size"].sum()) == len(capture(name))
    assert len(shown) == count
    assert int(shown["time_ms"][-1] - shown["time_ms"][0]) == round(seconds * 1000)
    assert set(rows["channel"].tolist()) == {channel}
    assert set(shown["codec"].tolist()) == {Codec.H264}


def test_payloads_of_a_real_capture_are_the_stream_that_its_owner_saved() -> None:
    data = capture("jt1078__jt1078_1.txt")
    path = VEHICLE / "jt1078__jt1078_1.h264"
    if not path.is_file():
        pytest.skip("the corpus file jt1078__jt1078_1.h264 is not here")
    payload = b"".join(
        data[start : start + size]
        for start, size in (
            (int(one["offset"]) + int(one["payload_offset"]), int(one["payload_size"]))
            for one in read(data)
        )
    )
    assert payload == path.read_bytes()


def test_the_same_capture_with_long_numbers_gives_the_same_pictures() -> None:
    data = capture("jt1078__jt1078_4.txt")
    rows = read(data)
    longer = b"".join(
        data[start : start + 8] + bytes(4) + data[start + 8 : start + size]
        for start, size in zip(rows["offset"].tolist(), rows["size"].tolist(), strict=True)
    )
    found = read(longer)
    columns = [name for name in FRAME_DTYPE.names or () if name not in ("offset", "size")]
    columns.remove("payload_offset")
    assert (found["payload_offset"] == rows["payload_offset"] + 4).all()
    assert found[columns].tolist() == rows[columns].tolist()


def test_rows_do_not_depend_on_the_window_nor_on_junk_around() -> None:
    random = np.random.default_rng(5)
    junk = random.integers(0, 256, 300_001, dtype=np.uint8).tobytes()
    real = capture("jt1078__jt1078_4.txt")
    data = junk + real + b"01cd" * 50 + junk[:9999] + piece(b"04_1_6402_1_9.png", 0, junk[:70000])
    data += real[:500_000] + junk
    whole = read(data)
    assert len(pictures(whole)) > 931
    assert (whole["offset"][:100] >= len(junk)).all()
    for size in (1 << 18, 300_007, 1 << 20, 1 << 24):
        assert in_windows(data, size).tolist() == whole.tolist()


def test_reading_goes_on_behind_damage() -> None:
    broken = bytearray(ATOMIC + NEXT + AUDIO)
    broken[80:100] = bytes(20)
    assert read(bytes(broken))["sequence"].tolist() == [4232, 8]


def _assert_sane(rows: Frames, size: int) -> None:
    assert (rows["offset"] >= 0).all()
    assert (rows["offset"] + rows["size"] <= size).all()
    spans = rows["payload_offset"].astype(np.int64) + rows["payload_size"]
    assert (spans <= rows["size"]).all()
    assert (np.diff(rows["offset"]) > 0).all()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from([ATOMIC, NEXT, SMALLEST, TRANSPARENT, AUDIO, LONG_VIDEO, b"01cd", b"01"])
        | st.builds(piece, st.sampled_from([b"00_1_6401_0_7.jpg", b"0"]), st.just(0), st.binary())
        | st.binary(max_size=80),
        max_size=12,
    ),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 7)), max_size=8),
    st.integers(0, 400),
    st.integers(1, 600),
)
def test_any_bytes_give_sane_rows_whatever_the_window(
    parts: list[bytes], flips: list[tuple[int, int]], cut: int, size: int
) -> None:
    raw = bytearray(b"".join(parts))
    for place, bit in flips:
        if raw:
            raw[place % len(raw)] ^= 1 << bit
    data = bytes(raw[: max(0, len(raw) - cut)])
    rows = read(data)
    _assert_sane(rows, len(data))
    assert in_windows(data, size).tolist() == rows.tolist()


def test_more_candidates_than_one_batch_lose_nothing_at_its_border() -> None:
    hostile = (jt1078.MAGIC + b"\x81") * ((1 << 17) - 1)
    rows = read(hostile + ATOMIC + NEXT)
    assert (rows["offset"] - len(hostile)).tolist() == [0, 76]


def test_a_narrow_window_never_breaks_the_reader() -> None:
    data = ATOMIC + NEXT + AUDIO
    for size in range(1, len(data)):
        rows = in_windows(data, size, overlap=0)
        kept = rows[(rows["flags"] & FrameFlag.OVERRUN) == 0]
        assert set(kept["offset"].tolist()) <= {0, 76, 135}


def test_the_description_names_this_reader_and_its_largest_row() -> None:
    one = formats.load(formats.shipped())["jt1078"]
    assert one.framing.reader == "jt1078"
    assert one.max_size == jt1078.MAX_SIZE
    assert one.layouts[0].signatures == (jt1078.MAGIC,)
