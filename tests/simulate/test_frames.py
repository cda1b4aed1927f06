"""The bytes of each layout against the examples in hexadecimal of the specifications.

Where an example elides its payload only header and trailer are compared.
"""

from vidrecover.simulate import dhav, hisilicon, hx, jt1078, nndc, xm
from vidrecover.simulate.ring import CONTINUATION, MAIN, RESERVED, Descriptor
from vidrecover.simulate.times import Span, iso, moment, overlaps, packed, without

MAY_17 = moment("2024-05-17T08:30:00")


def test_packed_date_is_the_one_of_the_specification() -> None:
    assert packed(MAY_17) == 0x61628780


def test_times_survive_writing_and_reading() -> None:
    assert iso(moment("2026-03-14T07:30:00.480")) == "2026-03-14T07:30:00.480"
    assert moment("07:31:00", MAY_17) == MAY_17 - 59 * 60_000


def test_spans_are_cut_and_met() -> None:
    span = Span(0, 100)
    holes = [Span(80, 120), Span(10, 20), Span(15, 30)]
    assert without(span, holes) == [Span(0, 10), Span(30, 80)]
    assert overlaps(span, holes) == [Span(10, 30), Span(80, 100)]


def test_dhav_key_frame_is_the_example() -> None:
    data, payload = dhav.frame(
        dhav.KEY,
        channel=3,
        sequence=1000,
        time_ms=MAY_17,
        counter=500,
        payload=bytes(51234),
        extension=dhav.key_extension(1920, 1080, "h264", 25.0),
    )
    assert data[:36] == bytes.fromhex(
        "44484156 FD000200 E8030000 4EC80000 80876261 F4010CEE82000000 80073804 81000219"
    )
    assert data[-8:] == bytes.fromhex("64686176 4EC80000")
    assert payload == (36, 36 + 51234)


def test_dhav_delta_and_audio_frames_are_the_examples() -> None:
    delta, _ = dhav.frame(
        dhav.DELTA, channel=3, sequence=1001, time_ms=MAY_17, counter=540, payload=bytes(3210)
    )
    assert delta[:24].hex() == "44484156fc000200e9030000aa0c0000808762611c0200ab"
    audio, payload = dhav.frame(
        dhav.AUDIO,
        channel=3,
        sequence=1002,
        time_ms=MAY_17,
        counter=560,
        payload=bytes(320),
        extension=dhav.audio_extension("alaw"),
    )
    assert audio[:28].hex() == "44484156f0000200ea030000640100008087626130020467" + "83010e02"
    assert audio[-8:].hex() == "6468617664010000"
    assert payload == (28, 348)


def test_dhfs_descriptors_are_the_examples() -> None:
    main = Descriptor(
        kind=MAIN, channel=3, count=2, begin_ms=MAY_17, end_ms=moment("2024-05-17T08:41:12"),
        following=66, last_blocks=0x942, main=64,
    )  # fmt: skip
    assert main.packed() == bytes.fromhex(
        "01320200 80876261 4C8A6261 42000000 42090000 00000000 40000000 00000000"
    )
    middle = Descriptor(
        kind=CONTINUATION, channel=3, count=1, begin_ms=moment("2024-05-17T08:35:00"),
        end_ms=moment("2024-05-17T08:39:00"), following=67, previous=64, main=64,
    )  # fmt: skip
    assert middle.packed() == bytes.fromhex(
        "02320100 C0886261 C0896261 43000000 00000000 40000000 40000000 00000000"
    )
    assert Descriptor(kind=RESERVED).packed() == b"\xfe" + bytes(31)


def test_xm_headers_are_the_examples() -> None:
    assert xm.key_header("h264", 1920, 1080, 25.0, MAY_17, 51234).hex() == (
        "000001fc0219f0878087626122c80000"
    )
    assert xm.key_header("h265", 2560, 1440, 20.0, MAY_17, 51234).hex() == (
        "000001fc131440b48087626122c80000"
    )
    assert xm.delta_header(3210).hex() == "000001fd8a0c0000"
    assert xm.audio_header("alaw", 320).hex() == "000001fa0e024001"
    assert xm.information_frame(b"GPS:").hex() == "000001f901010400" + b"GPS:".hex()


def test_nndc_key_header_is_that_of_a_real_disk() -> None:
    date = nndc.date(moment("2014-10-21T01:39:08"), 8)
    key = nndc.video_header(3, key=True, codec="h264", size=0xDD82, micros=0x29E29A17D0C, date=date)
    assert key == bytes.fromhex(
        "3330646348323634 82DD0000 08002000 0C7DA1299E020000 0E0A150127080000"
    )


def test_nndc_delta_and_audio_headers_are_the_examples() -> None:
    delta = nndc.video_header(2, key=False, codec="h264", size=3210, micros=0x3211FE40)
    assert delta == bytes.fromhex("3231646348323634 8A0C0000 00000000 40FE113200000000")
    assert nndc.audio_header(2, "adpcm", 320).hex() == "3231776240014001"


def test_nndc_cameras_above_nine_are_the_characters_behind_the_digits() -> None:
    heads = [nndc.audio_header(number, "mulaw", 0)[:1] for number in (9, 10, 11, 12, 15)]
    assert heads == [b"9", b":", b";", b"<", b"?"]


def test_nndc_chunks_fill_up_to_eight_bytes() -> None:
    assert [len(nndc.padding(size)) for size in (0, 1, 7, 8, 9)] == [0, 7, 1, 0, 7]


def test_hx_tags_are_the_examples() -> None:
    assert hx.file_header("h265", 2560, 1920).hex() == "48585654000a00008007000000000000"
    assert hx.video_header(28, 220934624, key=True).hex() == "485856461c000000e0312b0d01000000"
    sound = bytes([0x55]) * 160
    audio = hx.audio_header(164, 220934536) + hisilicon.header(sound)
    assert audio.hex() == "48584146a400000088312b0d00000000" + "00015000"
    index = hx.index([(16, 0), (60, 0)], 0x4970, moment("2023-11-26T18:15:17"))
    assert index[:32].hex() == (
        "48584649400d030070490000b5000100" + "10000000000000003c00000000000000"
    )
    assert len(index) == 16 + 200_000


def test_jt1078_six_byte_packet_is_the_real_one() -> None:
    body = bytes.fromhex(
        "0000000161E1A2BF0098CFC0EE1E17283407788E39A403FDDBD1D546BFB06301"
        "3F59AC34C97A021AB96A28A42C08"
    )
    head = jt1078.Head(98, bytes.fromhex("011234567810"), 1, 1, 1562085870204, 640, 40)
    assert jt1078.packet(head, sequence=4232, mark=jt1078.ATOMIC, body=body) == (
        bytes.fromhex("3031636481E210880112345678100110" + "0000016BB392CA7C02800028002E") + body
    )


def test_jt1078_first_fragment_and_audio_are_the_examples() -> None:
    sim = bytes.fromhex("001901305037")
    first = jt1078.packet(
        jt1078.Head(98, sim, 3, 0, 1600181225446, 0, 0), sequence=0, mark=1, body=bytes(950)
    )
    assert first[:30].hex() == "303163648162000000190130503703010000017492" + "3bc7e60000000003b6"
    audio = jt1078.packet(
        jt1078.Head(6, bytes.fromhex("017299841738"), 3, 3, 1600181225566, 0, 0),
        sequence=8,
        mark=0,
        body=b"\xd5" * 8,
    )
    assert audio.hex() == "3031636481860008017299841738033000000174923bc85e0008" + "d5" * 8


def test_jt1078_ten_byte_packet_is_the_example() -> None:
    sim = bytes.fromhex("00000000017299841738")
    head = jt1078.Head(98, sim, 3, 1, 1600181225566, 120, 80)
    data = jt1078.packet(head, sequence=7, mark=0, body=bytes.fromhex("0000000161E042BF"))
    assert data.hex() == (
        "303163648" + "1e2000700000000017299841738031000000174923bc85e0078005000080000000161e042bf"
    )


def test_an_attachment_has_the_magic_before_its_name() -> None:
    piece = jt1078.attachment("00_65_6502_1_a.jpg", 2048, b"abc")
    assert piece[:4] == b"01cd"
    assert piece[4:54].rstrip(b"\0") == b"00_65_6502_1_a.jpg"
    assert piece[54:].hex() == "0000080000000003" + b"abc".hex()
