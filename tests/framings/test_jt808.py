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
