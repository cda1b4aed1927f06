"""JT/T 808 messages: the vectors of jt808.md and jt1078.md, real ones among them."""

import random
from pathlib import Path

import numpy as np
import pytest

from vidrecover import clock
from vidrecover.case import Case
from vidrecover.framings import jt808
from vidrecover.model import Event, EventKind, SourceRef, Window
from vidrecover.simulate import jt808 as writer

SIMULATOR = (
    "7e0200001c0123456789010000000004000000080007203b7d0202633df70138000300632410012359591c7e"
)
ALARMS = (
    "7e020000370172998417380001000000000000000301cba5c0073109f1000c01c5005a20071700003514040000"
    "000715040000080216040000001017021001180300025ac97e"
)
NEWER = (
    "7e0200403701000000000172998417380001000000000000000301cba5c0073109f1000c01c5005a2007170000"
    "3514040000000715040000080216040000001017021001180300025a887e"
)
LIST = (
    "7e1205003e017299841738007d020002000000020120071700000020071700003500000000000000000001010226"
    "85940220071700000020071700003500000001000000010001010224d5b86b7e"
)
ONE = (
    "7e1205002212345678901200000000000000010124110200000024110200010200000000000004000101010000"
    "000bb27e"
)


def raw(text: str) -> bytes:
    """From the first flag to the checksum."""
    return bytes.fromhex(text)[:-1]


def ms(text: str) -> int:
    return clock.parse_iso(text)


def told(*texts: str) -> list[tuple[EventKind, int | None, str]]:
    found = jt808.events((place * 500, raw(text)) for place, text in enumerate(texts))
    return [(event.kind, event.channel, event.text) for event in found]


@pytest.mark.parametrize("text", [ALARMS, NEWER])
def test_the_alarms_of_a_position_name_cameras_and_storage(text: str) -> None:
    message = jt808.decoded(raw(text))
    assert message is not None
    assert (message.number, message.terminal[-11:], message.serial) == (0x200, "17299841738", 1)
    assert jt808.position(message.body) == jt808.Report(
        time_ms=ms("2020-07-17T00:00:35"),
        ignition=True,
        power_lost=False,
        lost=frozenset({2, 12}),
        covered=frozenset({5}),
        storage=True,
    )


def test_an_escaped_byte_counts_once() -> None:
    message = jt808.decoded(raw(SIMULATOR))
    assert message is not None
    assert (message.terminal, len(message.body)) == ("012345678901", 28)
    assert jt808.position(message.body).time_ms == ms("2024-10-01T23:59:59")


def test_a_wrong_checksum_or_length_is_no_message() -> None:
    good = bytearray(raw(ALARMS))
    good[-1] ^= 1
    assert jt808.decoded(bytes(good)) is None
    assert jt808.decoded(raw(ALARMS)[:-2]) is None
    assert jt808.decoded(b"\x7e" + bytes(12)) is None


def test_lists_of_footage_are_events_at_their_begin() -> None:
    lists = "the terminal lists footage until 2020-07-17 00:00:35.000"
    assert told(LIST) == [
        (EventKind.OTHER, 1, f"{lists}, 36078996 bytes"),
        (EventKind.OTHER, 2, f"{lists}, 35968440 bytes"),
    ]
    (event,) = jt808.events([(70, raw(ONE))])
    assert (event.channel, event.time_ms, event.code) == (1, ms("2024-11-02T00:00:00"), 0x1205)


def test_only_changes_of_positions_are_events_in_order_of_time() -> None:
    start = ms("2026-03-14T07:30:00")
    bodies = [
        writer.position(start),
        writer.position(start + 20_000, lost=[7]),
        writer.position(start + 30_000, lost=[7]),
        writer.position(start + 40_000, ignition=False),
    ]
    sent = [writer.message(0x200, "13800138000", n, body)[:-1] for n, body in enumerate(bodies)]
    random.Random(1).shuffle(sent)
    found: list[Event] = jt808.events((n * 100, data) for n, data in enumerate(sent))
    assert [(one.kind, one.channel, one.time_ms, one.text) for one in found] == [
        (EventKind.VIDEO_LOSS_START, 7, start + 20_000, "the terminal reports video loss"),
        (EventKind.VIDEO_LOSS_END, 7, start + 40_000, "the terminal reports the signal back"),
        (EventKind.OTHER, None, start + 40_000, "ignition off"),
    ]


def test_messages_that_share_a_flag_are_both_found() -> None:
    data = np.frombuffer(bytes.fromhex(ALARMS)[:-1] + bytes.fromhex(LIST), dtype=np.uint8)
    starts = np.array([0, len(bytes.fromhex(ALARMS)) - 1])
    rows = jt808.frames(Window(0, data, len(data), (), True), starts)
    assert rows["offset"].tolist() == starts.tolist()
    assert rows["time_ms"][0] == ms("2020-07-17T00:00:35")


def test_any_bytes_are_survived() -> None:
    rng = random.Random(2)
    for _ in range(2000):
        data = bytearray(raw(rng.choice([ALARMS, NEWER, LIST, ONE])))
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(1, len(data))] = rng.randrange(256)
        message = jt808.decoded(bytes(data))
        if message is not None:
            jt808.position(message.body)
        jt808.events([(0, bytes(data))])


def test_a_scan_tells_the_events_of_messages_between_footage(tmp_path: Path) -> None:
    start = ms("2026-03-14T07:30:00")
    bodies = [writer.position(start + 10_000 * n, lost=[3] * (n in (2, 3))) for n in range(6)]
    sent = b"".join(writer.message(0x200, "13800138000", n, one) for n, one in enumerate(bodies))
    disk = tmp_path / "disk.img"
    disk.write_bytes(random.Random(3).randbytes(70_000) + sent + bytes(50_000))
    for _ in range(2):
        with Case.open(tmp_path / "case", create=True) as case:
            case.scan(SourceRef(path=str(disk)))
            found = [(one.kind, one.channel, one.time_ms) for one in case.catalogue.events()]
        assert found == [
            (EventKind.VIDEO_LOSS_START, 3, start + 20_000),
            (EventKind.VIDEO_LOSS_END, 3, start + 40_000),
        ]


# --- messages in parts -------------------------------------------------------------------------

PHONE = "13800138000"


def long_list(count: int = 60) -> bytes:
    start = ms("2026-03-14T07:30:00")
    records = [
        writer.resource(n % 8 + 1, start + 60_000 * n, start + 60_000 * n + 59_000, 1000 + n)
        for n in range(count)
    ]
    return writer.resources(0x7E7D, records)


def in_parts(number: int, body: bytes, size: int, *, newer: bool = False) -> list[bytes]:
    """As they lie on a disk, without the flag that ends them; their serials wrap."""
    return [one[:-1] for one in writer.parts(number, PHONE, 0xFFFE, body, size, newer=newer)]


def texts(parts: list[bytes]) -> list[tuple[int | None, int | None, str]]:
    found = jt808.events((place * 5000, one) for place, one in enumerate(parts))
    return [(one.time_ms, one.channel, one.text) for one in found]


@pytest.mark.parametrize("newer", [False, True])
@pytest.mark.parametrize("size", [1, 6, 28, 100, 286, 500])
def test_a_list_in_parts_is_the_list(size: int, newer: bool) -> None:
    short = long_list(3) if size < 20 else long_list(30)
    expected = texts([writer.message(0x1205, PHONE, 1, short)[:-1]])
    assert len(expected) == (3 if size < 20 else 30)
    parts = in_parts(0x1205, short, size, newer=newer)
    random.Random(size).shuffle(parts)
    assert texts([*parts, *parts[:3]]) == expected  # sent again: counts once


def test_a_real_first_part_is_decoded() -> None:
    head = bytes.fromhex("1205211e01729984173842fc001200010002000000b4")
    data = head + bytes(286 - 6)
    total = 0
    for byte in data:
        total ^= byte
    message = jt808.decoded(b"\x7e" + data + bytes([total]))
    assert message is not None
    assert (message.parts, message.part, message.serial) == (18, 1, 0x42FC)
    assert len(message.body) == 286


def test_a_missing_part_is_told_and_nothing_behind_it_is_read() -> None:
    parts = in_parts(0x1205, long_list(), 286)
    assert len(parts) == 6
    (first, *rest) = texts([*parts[:2], *parts[3:]])
    assert first == (
        None, None, "message 1205 came in 6 parts; found: 5; read, from the first on: 2"
    )  # fmt: skip
    assert rest == texts([writer.message(0x1205, PHONE, 1, long_list(20))[:-1]])
    assert texts(parts[1:]) == [
        (None, None, "message 1205 came in 6 parts; found: 5; read, from the first on: 0")
    ]


def test_parts_of_another_terminal_message_or_edition_are_not_mixed() -> None:
    parts = in_parts(0x1205, long_list(), 286)
    other = [one[:-1] for one in writer.parts(0x1205, "13900139000", 0xFFFE, long_list(), 286)]
    later = [one[:-1] for one in writer.parts(0x1205, PHONE, 7, long_list(), 286)]
    for foreign in (other, later):
        found = texts([*parts[:2], foreign[2], *parts[3:]])
        assert [text for time, _, text in found if time is None] == [
            "message 1205 came in 6 parts; found: 5; read, from the first on: 2",
            "message 1205 came in 6 parts; found: 1; read, from the first on: 0",
        ]
        assert len(found) == 2 + 20


def test_a_part_with_two_contents_counts_as_missing() -> None:
    parts = in_parts(0x1205, long_list(), 286)
    again = in_parts(0x1205, long_list()[:600] + bytes(100) + long_list()[700:], 286)
    found = texts([*parts, *again])
    assert found[0][2] == ("message 1205 came in 6 parts; found: 5; read, from the first on: 2")
    assert len(found) == 1 + 20


def test_parts_that_do_not_hold_the_stated_count_are_of_several_lists() -> None:
    for count in (59, 61):
        body = long_list()[:5] + bytes([count]) + long_list()[6:]
        assert texts(in_parts(0x1205, body, 286)) == [
            (
                None,
                None,
                "message 1205 is not read: its 6 parts do not hold the "
                f"{count} records that the first states",
            )
        ]


def test_a_cut_position_says_nothing_of_cameras() -> None:
    start = ms("2026-03-14T07:30:00")
    before = writer.message(0x200, PHONE, 9, writer.position(start, lost=[7]))[:-1]
    late = writer.batch([writer.position(start + 9000 * n, lost=[7]) for n in (1, 2, 3)])
    parts = in_parts(0x704, late, len(late) - 4)  # the last part ends the last position
    assert [text for _, _, text in texts([before, *parts])] == ["the terminal reports video loss"]
    lone = in_parts(0x200, writer.position(start + 40_000, lost=[7]), 28)
    found = texts([before, parts[0], lone[0]])
    assert [text for _, _, text in found] == [
        "message 0704 came in 2 parts; found: 1; read, from the first on: 1",
        "message 0200 came in 2 parts; found: 1; read, from the first on: 1",
        "the terminal reports video loss",
    ]
    whole = list(jt808.positions((n, one) for n, one in enumerate([*parts, *lone])))
    assert len(whole) == 4
    assert len(list(jt808.positions([(0, parts[0]), (1, lone[0])]))) == 2


def test_any_loss_of_parts_makes_no_footage_up() -> None:
    rng, body = random.Random(5), long_list(30)
    true = set(texts([writer.message(0x1205, PHONE, 1, body)[:-1]]))
    for _ in range(300):
        parts = in_parts(0x1205, body, rng.randint(20, 400))
        kept = [one for one in parts if rng.random() < 0.8]
        rng.shuffle(kept)
        found = texts(kept)
        assert {one for one in found if one[0] is not None} <= true
        assert (len(kept) < len(parts)) >= any(time is None for time, _, _ in found)
        assert len(kept) < len(parts) or set(found) == true


# --- settings ----------------------------------------------------------------------------------


def answer(*values: tuple[int, bytes]) -> bytes:
    return writer.message(0x104, PHONE, 3, writer.settings(5, values))[:-1]


def test_the_list_of_channels_names_the_cameras_that_the_terminal_knows() -> None:
    listed = writer.channels([(1, 1, 0, 0), (3, 33, 1, 0), (2, 7, 2, 1)])
    data = answer((0x75, bytes(21)), (0x76, listed), (0x83, b"plate"))
    found = jt808.events([(100, data), (900, data)])  # the same again is told once
    name = "the terminal's settings name channel"
    assert [(one.kind, one.time_ms, one.channel, one.code, one.text) for one in found] == [
        (EventKind.OTHER, None, 1, 0x76, f"{name} 1: input 1, picture and sound"),
        (EventKind.OTHER, None, None, 0x76, f"{name} 33: input 3, sound alone"),
        (EventKind.OTHER, None, 7, 0x76, f"{name} 7: input 2, picture alone, on a moved mount"),
    ]
    assert {one.entry.start for one in found} == {100}
    parts = in_parts(0x104, writer.settings(5, [(0x75, bytes(21)), (0x76, listed)]), 20)
    assert texts(parts) == texts([data])


def test_alarms_that_are_held_back_are_told() -> None:
    (event,) = jt808.events([(0, answer((0x7A, b"\0\0\0\x05")))])
    assert event.text == (
        "the terminal's settings hold back alarms of video loss, failed storage: that none is "
        "reported proves nothing"
    )
    assert texts([answer((0x7A, bytes(4)))]) == texts([answer((0x7A, b"\0\0\5"))]) == []


@pytest.mark.parametrize(
    "listed",
    [
        b"", b"\2\0\0\1\1\0\0", b"\1\0\0\1\1\0\0\0", b"\1\0\0\0\1\0\0", b"\1\0\0\1\0\0\0",
        b"\1\0\0\1\x41\0\0", b"\1\0\0\1\1\3\0", b"\1\0\0\1\1\0\2",
    ],
)  # fmt: skip
def test_an_impossible_list_of_channels_is_not_told(listed: bytes) -> None:
    assert texts([answer((0x76, listed))]) == []


def test_settings_that_are_cut_or_more_than_stated_are_not_read() -> None:
    listed = writer.channels([(1, 1, 0, 0)])
    body = writer.settings(5, [(0x7A, b"\0\0\0\1"), (0x76, listed)])
    fewer = body[:2] + b"\1" + body[3:]
    for one in (fewer, body[:-1]):
        found = texts([writer.message(0x104, PHONE, 3, one)[:-1]])
        assert [channel for _, channel, _ in found] == [None]


def test_any_bytes_in_parts_and_settings_are_survived() -> None:
    rng = random.Random(6)
    listed = writer.channels([(n, n, n % 3, 0) for n in range(1, 9)])
    bodies = [(0x104, writer.settings(5, [(0x76, listed), (0x7A, b"\0\0\0\7")]))]
    bodies += [(0x1205, long_list(8)), (0x704, writer.batch([writer.position(0)] * 3))]
    for _ in range(1500):
        number, body = rng.choice(bodies)
        changed = bytearray(body[: rng.randint(0, len(body))] if rng.random() < 0.3 else body)
        for _ in range(rng.randint(0, 5) if changed else 0):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        parts = in_parts(number, bytes(changed), rng.randint(1, 60))
        kept = [(n * 100, one) for n, one in enumerate(parts) if rng.random() < 0.9]
        assert all(one.channel is None or 1 <= one.channel <= 64 for one in jt808.events(kept))
        list(jt808.positions(kept))


def test_a_scan_puts_parts_together_that_lie_apart(tmp_path: Path) -> None:
    start, dice = ms("2026-03-14T07:30:00"), random.Random(7)
    late = writer.batch([writer.position(start + 9000 * n, lost=[3]) for n in range(8)])
    listed = writer.channels([(1, 1, 0, 0), (2, 3, 2, 0)])
    pieces = [
        *writer.parts(0x704, PHONE, 50, late, 60),
        writer.message(0x104, PHONE, 70, writer.settings(5, [(0x76, listed)])),
        *writer.parts(0x1205, PHONE, 0xFFFF, long_list(10), 90, newer=True)[:-1],
    ]
    dice.shuffle(pieces)
    disk = tmp_path / "disk.img"
    gaps = [dice.randbytes(dice.randint(0, 9000)) for _ in pieces]
    disk.write_bytes(b"".join(gap + one for gap, one in zip(gaps, pieces, strict=True)))
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(disk)))
        found = case.catalogue.events()
        positions = case.catalogue.positions.stored()
    assert len(positions) == 8
    told = [(one.kind, one.channel, one.code) for one in found]
    assert told[0] == (EventKind.OTHER, 1, 0x1205)
    assert (EventKind.VIDEO_LOSS_START, 3, None) in told
    assert told.count((EventKind.OTHER, 3, 0x76)) == told.count((EventKind.OTHER, 1, 0x76)) == 1
    assert [one.text for one in found if one.time_ms is None and one.code == 0x1205] == [
        "message 1205 came in 4 parts; found: 3; read, from the first on: 3"
    ]
    assert sum(one.code == 0x1205 and one.time_ms is not None for one in found) == 9
