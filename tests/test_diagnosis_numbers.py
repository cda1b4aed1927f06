"""What is said of footage that frame numbers prove to have been, or never to have been."""

from collections.abc import Sequence

import pytest

from vidrecover.diagnosis import Evidence, diagnose
from vidrecover.model import (
    Claim,
    ClaimKind,
    Codec,
    Extent,
    Segment,
    State,
    StateSpan,
    Stream,
    TimeSpan,
)

DISK = 1_000_000
ALL = TimeSpan(0, 600_000)
COUNTED = frozenset({"dhav"})


def minute(
    number: int, second: int, *, at: int, channel: int = 1, first: int | None, format: str = "dhav"
) -> Segment:
    """A minute of footage from a second on, 1500 frames in 6000 bytes."""
    return Segment(
        id=number,
        format=format,
        channel=channel,
        stream=Stream.MAIN,
        codec=Codec.H264,
        start_ms=second * 1000,
        end_ms=second * 1000 + 59_960,
        start=at,
        end=at + 6000,
        frames=1500,
        keys=30,
        audio=0,
        size=6000,
        first_sequence=first,
        last_sequence=None if first is None else first + 1499,
        missing=0,
        unfinished=0,
        rows=b"",
    )


OTHER = [
    minute(100 + i, 60 * i, at=500_000 + 6000 * i, channel=2, first=1500 * i) for i in range(10)
]
"""Camera 2 has all ten minutes."""
BEFORE = minute(1, 0, at=0, first=0)
BACK = minute(2, 300, at=12_000, first=7500)  # nothing was left out by the numbers but time
ON = minute(2, 300, at=12_000, first=1500)
ANEW = minute(2, 300, at=12_000, first=0)
REUSED = minute(3, 540, at=6000, first=13_500)
"""Newer footage before the older `BACK` on the disk."""


def hole(
    *segments: Segment,
    claims: Sequence[Claim] = (),
    unreadable: Sequence[Extent] = (),
    scanned: int = DISK,
    counted: frozenset[str] = COUNTED,
    others: Sequence[Segment] = OTHER,
) -> StateSpan:
    """What is said of camera 1 in minute three."""
    evidence = Evidence(
        source="van.img",
        size=DISK,
        scanned=[Extent(0, scanned)],
        segments=[*segments, *others],
        claims=claims,
        unreadable=unreadable,
        counted=counted,
    )
    found = diagnose(evidence, channels=[1], window=ALL)
    (span,) = (
        one for one in found.channels[0].spans if one.span.start_ms <= 180_000 < one.span.end_ms
    )
    return span


MANY = "no frames found, but by their numbers 6000 were recorded here"


def test_numbers_that_go_on_prove_that_the_camera_recorded_nothing() -> None:
    span = hole(BEFORE, ON)
    assert span == StateSpan(
        span=TimeSpan(60_000, 300_000),
        state=State.NOT_RECORDED,
        indexed=False,
        picture=span.picture,
        reason="no frames found while other cameras have footage; every byte was read; its frame"
        " numbers go on behind as they stopped before",
        basis=("claim none",),
        said=span.said,
    )


def test_numbers_that_go_on_outweigh_a_disk_that_was_written_over() -> None:
    assert hole(BEFORE, ON, REUSED).state is State.NOT_RECORDED
    span = hole(BEFORE, ANEW, REUSED)
    assert (span.state, "may have been written over again" in span.reason) == (
        State.NOT_KNOWN,
        True,
    )


def test_numbers_that_go_on_do_not_outweigh_bytes_that_were_not_read() -> None:
    assert hole(BEFORE, ON, scanned=DISK - 1).state is State.NOT_KNOWN
    assert hole(BEFORE, ON, unreadable=[Extent(900_000, 900_512)]).state is State.NOT_KNOWN


def test_the_recorder_was_off_only_if_the_numbers_of_all_cameras_go_on() -> None:
    others = [one for one in OTHER if not 60_000 <= (one.start_ms or 0) < 300_000]
    on = [
        minute(200 + i, 300 + 60 * i, at=600_000 + 6000 * i, channel=2, first=1500 * (i + 1))
        for i in range(5)
    ]
    assert hole(BEFORE, ON, REUSED, others=[OTHER[0], *on]).state is State.RECORDER_OFF
    assert hole(BEFORE, ON, REUSED, others=others).state is State.NOT_KNOWN


def test_what_was_recorded_on_a_disk_written_over_since_is_overwritten() -> None:
    span = hole(BEFORE, BACK, REUSED)
    assert (span.span, span.state) == (TimeSpan(60_000, 300_000), State.OVERWRITTEN)
    assert span.reason == f"{MANY}; since then the disk was written over with newer footage"


def test_what_unreadable_bytes_can_hold_is_unreadable() -> None:
    bad = Extent(700_000, 712_288)
    span = hole(BEFORE, BACK, unreadable=[bad])
    assert (span.state, span.reason) == (
        State.UNREADABLE,
        f"{MANY}; 12288 bytes of the disk cannot be read",
    )
    assert span.basis[-1] == "unreadable 0xaae60-0xade60"
    assert hole(BEFORE, BACK, unreadable=[Extent(700_000, 700_512)]).state is State.NOT_KNOWN


@pytest.mark.parametrize(
    ("segments", "bad", "scanned", "why"),
    [
        ([BEFORE, BACK], [], DISK, "nothing shows what became of them"),
        ([BEFORE, BACK, REUSED], [], DISK - 10, "10 bytes have not been scanned"),
        (
            [BEFORE, BACK, REUSED],
            [Extent(700_000, 712_288)],
            DISK,
            "they were overwritten, or lie in 12288 bytes that cannot be read",
        ),
    ],
)
def test_what_became_of_recorded_footage_may_be_unknown(
    segments: list[Segment], bad: list[Extent], scanned: int, why: str
) -> None:
    span = hole(*segments, unreadable=bad, scanned=scanned)
    assert (span.state, span.reason) == (State.NOT_KNOWN, f"{MANY}; {why}")


def test_too_few_frames_for_the_time_do_not_tell_when() -> None:
    span = hole(BEFORE, minute(2, 300, at=12_000, first=2000), REUSED)
    assert (span.state, span.reason) == (
        State.NOT_KNOWN,
        "no frames found, but by their numbers 500 were recorded here; that does not tell in"
        " which part of it",
    )


def test_numbers_of_formats_that_do_not_count_every_frame_say_nothing() -> None:
    assert hole(BEFORE, BACK, counted=frozenset()).state is State.NOT_RECORDED


def test_an_entry_that_lists_nothing_more_leaves_the_word_to_the_numbers() -> None:
    former = Claim(
        id=9,
        volume="dhfs",
        kind=ClaimKind.DELETED,
        channel=1,
        start_ms=60_000,
        end_ms=299_999,
        extents=(Extent(800_000, 824_000),),
        entry=Extent(0, 32),
    )
    assert hole(BEFORE, BACK, REUSED, claims=[former]).state is State.OVERWRITTEN
    assert hole(BEFORE, ANEW, REUSED, claims=[former]).state is State.NOT_KNOWN


@pytest.mark.parametrize(("first", "gap"), [(1500, False), (1525, True)])
def test_a_second_is_a_gap_only_if_frames_are_missing(first: int, gap: bool) -> None:
    after = minute(2, 61, at=12_000, first=first)
    evidence = Evidence(
        source="van.img",
        size=DISK,
        scanned=[Extent(0, DISK)],
        segments=[BEFORE, after],
        counted=COUNTED,
    )
    found = diagnose(evidence, channels=[1], window=TimeSpan(0, 121_000))
    states = [(one.span.start_ms, one.state) for one in found.channels[0].spans]
    lost = [(60_000, State.NOT_KNOWN), (61_000, State.NOT_INDEXED)] if gap else []
    assert states == [(0, State.NOT_INDEXED), *lost]
