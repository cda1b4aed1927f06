"""Each state, each condition that stands in its way, and that nothing is said too much."""

import random
from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover.diagnosis import Evidence, Sight, diagnose
from vidrecover.extents import merged, minus
from vidrecover.model import (
    CauseKind,
    ChannelDiagnosis,
    Claim,
    ClaimKind,
    Codec,
    Diagnosis,
    Event,
    EventKind,
    Extent,
    PictureState,
    Segment,
    State,
    StateSpan,
    Stream,
    TimeSpan,
)
from vidrecover.wording import said

MINUTE = 60_000
DISK = 1_000_000
ALL = TimeSpan(0, 10 * MINUTE)


def segment(
    number: int,
    start_ms: int | None,
    end_ms: int | None = None,
    *,
    at: int,
    channel: int | None = 1,
    size: int = 10_000,
    frames: int = 1500,
) -> Segment:
    return Segment(
        id=number,
        format="dhav",
        channel=channel,
        stream=Stream.MAIN,
        codec=Codec.H264,
        start_ms=start_ms,
        end_ms=start_ms if end_ms is None else end_ms,
        start=at,
        end=at + size,
        frames=frames,
        keys=60,
        audio=0,
        size=size,
        first_sequence=None,
        last_sequence=None,
        missing=0,
        unfinished=0,
        rows=b"",
    )


def run(first: int, start: float, end: float, *, at: int, channel: int | None = 1) -> list[Segment]:
    """A segment for every minute from minute `start` to minute `end`, 10,000 bytes each."""
    found: list[Segment] = []
    time, place = int(start * MINUTE), at
    while time < end * MINUTE:
        until = min((time // MINUTE + 1) * MINUTE, int(end * MINUTE))
        number = first + len(found)
        found.append(
            segment(
                number, time, until - 40, at=place, channel=channel, frames=(until - time) // 40
            )
        )
        time, place = until, place + 10_000
    return found


def claim(
    number: int,
    start: float | None,
    end: float | None,
    *extents: tuple[int, int],
    kind: ClaimKind = ClaimKind.INDEX,
    channel: int | None = 1,
    is_open: bool = False,
) -> Claim:
    """From minute `start` to minute `end`."""
    return Claim(
        id=number,
        volume="dhfs",
        kind=kind,
        channel=channel,
        start_ms=None if start is None else int(start * MINUTE),
        end_ms=None if end is None else int(end * MINUTE) - 1000,
        extents=tuple(Extent(*extent) for extent in extents),
        entry=Extent(0, 32),
        open=is_open,
    )


def event(number: int, kind: EventKind, minute: float, channel: int | None = None) -> Event:
    return Event(
        id=number,
        kind=kind,
        time_ms=int(minute * MINUTE),
        channel=channel,
        code=None,
        text=kind.value.replace("_", " "),
        entry=Extent(number, number + 1),
    )


def evidence(
    segments: Sequence[Segment] = (),
    claims: Sequence[Claim] = (),
    *,
    scanned: Sequence[tuple[int, int]] = ((0, DISK),),
    unreadable: Sequence[tuple[int, int]] = (),
    events: Sequence[Event] = (),
    pictures: Mapping[int, PictureState | Sequence[Sight]] | None = None,
) -> Evidence:
    return Evidence(
        source="van.img",
        size=DISK,
        scanned=[Extent(*extent) for extent in scanned],
        segments=segments,
        claims=claims,
        events=events,
        unreadable=[Extent(*extent) for extent in unreadable],
        pictures={
            number: [Sight(None, seen)] if isinstance(seen, PictureState) else seen
            for number, seen in (pictures or {}).items()
        },
    )


def of(diagnosis: Diagnosis, channel: int | None) -> ChannelDiagnosis:
    (found,) = (one for one in diagnosis.channels if one.channel == channel)
    return found


def states(diagnosis: Diagnosis, channel: int | None) -> list[tuple[float, float, str]]:
    """Spans of a camera in minutes."""
    return [
        (span.span.start_ms / MINUTE, span.span.end_ms / MINUTE, span.state.value)
        for span in of(diagnosis, channel).spans
    ]


def span_at(diagnosis: Diagnosis, channel: int | None, minute: float) -> StateSpan:
    time = int(minute * MINUTE)
    (found,) = (
        one for one in of(diagnosis, channel).spans if one.span.start_ms <= time < one.span.end_ms
    )
    return found


OTHER = run(100, 0, 10, at=500_000, channel=2)
"""Camera 2 has footage for all ten minutes."""


FRAMES = said("frames", count=15000)


def test_footage_that_the_index_lists_is_recorded() -> None:
    found = diagnose(
        evidence(run(1, 0, 10, at=0), [claim(4, 0, 10, (0, 100_000))]), channels=[1], window=ALL
    )
    assert msgspec.structs.replace(found, causes=(), overwrite=None) == Diagnosis(
        source="van.img",
        scanned_share=1.0,
        window=ALL,
        channels=(
            ChannelDiagnosis(
                channel=1,
                state=State.RECORDED,
                spans=(
                    StateSpan(
                        span=ALL,
                        state=State.RECORDED,
                        indexed=True,
                        picture=PictureState.NOT_CHECKED,
                        reason="15000 frames found, listed by the recorder (1 entry)",
                        basis=(*(f"segment {i}" for i in range(1, 11)), "claim 4"),
                        said=(said("listed", frames=FRAMES, claims=said("entry")),),
                    ),
                ),
            ),
        ),
    )


def test_footage_without_an_entry_is_not_indexed() -> None:
    found = diagnose(evidence([*run(1, 0, 1, at=0), *OTHER], [claim(4, 0, 10, channel=2)]))
    span = span_at(found, 1, 0.5)
    assert span == StateSpan(
        span=TimeSpan(0, MINUTE),
        state=State.NOT_INDEXED,
        indexed=False,
        picture=PictureState.NOT_CHECKED,
        reason="1500 frames found, no entry in the recorder's index",
        basis=("segment 1", "claim none"),
        said=(said("no_entry", frames=said("frames", count=1500)),),
    )
    assert of(found, 2).state is State.RECORDED  # a listed claim that names no bytes


def test_footage_of_a_plain_stream_is_not_indexed() -> None:
    found = diagnose(evidence(run(1, 0, 2, at=0)))
    assert states(found, 1) == [(0, 2, "not_indexed")]
    assert "holds no index or file system" in span_at(found, 1, 1).reason
    assert found.notes == ("no index and no file system that lists footage was found",)


def test_frames_outside_the_claimed_bytes_are_not_indexed() -> None:
    found = diagnose(evidence(run(1, 0, 2, at=0), [claim(4, 0, 2, (500_000, 510_000))]))
    span = span_at(found, 1, 1)
    assert (span.state, span.indexed) == (State.NOT_INDEXED, False)
    assert span.reason == (
        "3000 frames found, but the recorder's entry for this time leads elsewhere (1 entry)"
    )


@pytest.mark.parametrize("kind", [ClaimKind.DELETED, ClaimKind.REMNANT, ClaimKind.DELETED_FILE])
def test_entries_that_the_recorder_no_longer_lists_do_not_index(kind: ClaimKind) -> None:
    found = diagnose(evidence(run(1, 0, 2, at=0), [claim(4, 0, 2, (0, 20_000), kind=kind)]))
    assert states(found, 1) == [(0, 2, "not_indexed")]
    assert span_at(found, 1, 1).basis == ("segment 1", "segment 2", "claim 4")


def test_a_claim_lists_frames_up_to_a_second_beyond_its_times() -> None:
    frames = [segment(1, 0, 2 * MINUTE + 1960, at=0, frames=3050)]
    found = diagnose(evidence(frames, [claim(4, 1 / 60, 2 + 1 / 60, (0, 20_000))]))
    assert states(found, 1) == [(0, 122_000 / MINUTE, "recorded")]
    longer = [segment(1, 0, 3 * MINUTE - 40, at=0)]
    found = diagnose(evidence(longer, [claim(4, 0, 2, (0, 20_000))]))
    assert [state for *_, state in states(found, 1)] == ["recorded", "not_indexed"]


def test_a_file_without_times_lists_the_frames_in_its_bytes() -> None:
    listed = claim(4, None, None, (0, 20_000), kind=ClaimKind.FILE, channel=None)
    assert states(diagnose(evidence(run(1, 0, 2, at=0), [listed])), 1) == [(0, 2, "recorded")]


def test_the_camera_of_frames_that_do_not_tell_it_comes_from_their_claim() -> None:
    frames = run(1, 0, 2, at=0, channel=None)
    found = diagnose(evidence(frames, [claim(4, 0, 2, (0, 20_000), channel=3)]))
    assert [one.channel for one in found.channels] == [1, 2, 3]
    assert states(found, 3) == [(0, 2, "recorded")]
    assert states(found, 1) == [(0, 2, "not_recorded")]


def test_footage_of_an_unknown_camera_has_its_own_entry() -> None:
    found = diagnose(evidence(run(1, 2, 3, at=0, channel=None)), channels=[1], window=ALL)
    assert states(found, None) == [(2, 3, "not_indexed")]


def test_a_camera_without_footage_while_others_have_some_is_not_recorded() -> None:
    found = diagnose(evidence([*run(1, 0, 4, at=0), *run(20, 6, 10, at=100_000), *OTHER]))
    assert states(found, 1) == [
        (0, 4, "not_indexed"),
        (4, 6, "not_recorded"),
        (6, 10, "not_indexed"),
    ]
    assert span_at(found, 1, 5).reason == (
        "no frames found while other cameras have footage; every byte was read"
    )


def test_cameras_up_to_the_highest_seen_are_expected_and_so_are_those_asked_for() -> None:
    frames = run(1, 0, 10, at=0, channel=3)
    found = diagnose(evidence(frames))
    assert [(one.channel, one.state) for one in found.channels] == [
        (1, State.NOT_RECORDED),
        (2, State.NOT_RECORDED),
        (3, State.NOT_INDEXED),
    ]
    found = diagnose(evidence(frames), channels=[5, 3])
    assert [one.channel for one in found.channels] == [3, 5]
    assert of(found, 5).state is State.NOT_RECORDED
    found = diagnose(evidence(frames), channels=[1])
    assert "footage of cameras that were not asked for: 3" in found.notes


BLOCKED = {
    "1000 bytes of 1.0 MB have not been scanned": evidence(OTHER, scanned=[(0, DISK - 1000)]),
    "512 bytes cannot be read": evidence(OTHER, unreadable=[(1024, 1536)]),
    "footage of an unknown camera exists": evidence([*OTHER, *run(1, 0, 10, at=0, channel=None)]),
    "1500 frames carry neither camera nor time": evidence(
        [*OTHER, segment(1, None, at=0, channel=None)]
    ),
    "1500 frames of this camera carry no time": evidence([*OTHER, segment(1, None, at=0)]),
    "sound of this camera was found": evidence(
        [*OTHER, segment(1, 0, 10 * MINUTE, at=0, frames=0)]
    ),
    "claim 7 names no time": evidence(OTHER, [claim(7, None, None, (0, 5000))]),
    "an entry that names no camera is about this time": evidence(
        OTHER, [claim(7, 0, 10, (0, 5000), channel=None)]
    ),
    "that the recorder no longer lists named footage here": evidence(
        OTHER, [claim(7, 0, 10, (0, 5000), kind=ClaimKind.REMNANT)]
    ),
}


@pytest.mark.parametrize("why", BLOCKED)
def test_not_recorded_is_not_said_while_a_condition_fails(why: str) -> None:
    found = diagnose(BLOCKED[why], channels=[1, 2], window=ALL)
    assert states(found, 1) == [(0, 10, "not_known")]
    assert why in span_at(found, 1, 5).reason


def test_files_that_are_no_footage_stand_in_nothings_way() -> None:
    readme = claim(7, None, None, (0, 5000), kind=ClaimKind.FILE, channel=None)
    assert of(diagnose(evidence(OTHER, [readme]), channels=[1]), 1).state is State.NOT_RECORDED


def test_footage_of_an_unknown_camera_stands_in_the_way_at_its_time_only() -> None:
    found = diagnose(
        evidence([*OTHER, *run(1, 4, 6, at=0, channel=None)]), channels=[1], window=ALL
    )
    assert states(found, 1) == [
        (0, 4, "not_recorded"),
        (4, 6, "not_known"),
        (6, 10, "not_recorded"),
    ]


def _wrapped_ring() -> list[Segment]:
    """Twenty blocks of cameras 1 and 2 in turn, ten minutes each, minutes 40 to 140."""
    blocks = []
    for block in range(8, 28):
        at, start = (block % 20) * 40_000, block // 2 * 10
        blocks += [
            msgspec.structs.replace(one, start=at + i * 4000, end=at + i * 4000 + 4000, size=4000)
            for i, one in enumerate(
                run(block * 100, start, start + 10, at=at, channel=block % 2 + 1)
            )
        ]
    return blocks


def test_a_wrapped_ring_does_not_say_not_recorded_at_its_edge() -> None:
    entries = [
        claim(
            block,
            block // 2 * 10,
            block // 2 * 10 + 10,
            (block % 20 * 40_000, (block % 20 + 1) * 40_000),
            channel=block % 2 + 1,
        )
        for block in range(8, 28)
    ]
    found = diagnose(evidence(_wrapped_ring(), entries), channels=[3])
    assert states(found, 3) == [(40, 50, "not_known"), (50, 140, "not_recorded")]
    assert "may have lost footage from before 1970-01-01 00:50:00" in span_at(found, 3, 45).reason


def test_remains_of_older_footage_take_away_what_absence_proves() -> None:
    other = run(100, 0, 90, at=90_000, channel=2)
    newest = run(1, 60, 62, at=0)
    found = diagnose(evidence([*newest, *other]))
    assert states(found, 1) == [
        (0, 60, "not_recorded"),
        (60, 62, "not_indexed"),
        (62, 90, "not_recorded"),
    ]
    remains = run(20, 3, 4, at=30_000)
    found = diagnose(evidence([*newest, *remains, *other]))
    assert states(found, 1) == [
        (0, 3, "not_known"),
        (3, 4, "not_indexed"),
        (4, 60, "not_known"),
        (60, 62, "not_indexed"),
        (62, 90, "not_known"),
    ]


def test_an_entry_that_was_never_closed_lists_nothing() -> None:
    found = diagnose(evidence(run(1, 0, 2, at=0), [claim(4, 0, 0, (0, 20_000), is_open=True)]))
    span = span_at(found, 1, 1)
    assert (span.state, span.indexed) == (State.NOT_INDEXED, False)
    assert (
        span.reason == "3000 frames found; the recorder's entry for them was never closed (1 entry)"
    )


def test_what_an_entry_lacks_by_less_than_two_seconds_is_listed_too() -> None:
    frames = run(1, 0, 2, at=0)
    found = diagnose(evidence(frames, [claim(4, 0, 2 - 1.5 / 60, (0, 20_000))]))
    assert states(found, 1) == [(0, 2, "recorded")]


def test_the_recorder_was_off_where_no_camera_has_footage() -> None:
    frames = [
        one
        for channel in (1, 2)
        for part in ((0, 4), (6, 10))
        for one in run(channel * 100 + part[0], *part, at=channel * 200_000 + part[0] * 10_000,
                       channel=channel)
    ]  # fmt: skip
    found = diagnose(evidence(frames))
    for channel in (1, 2):
        assert states(found, channel)[1] == (4, 6, "recorder_off")
        assert (
            span_at(found, channel, 5).reason == "no camera has footage here; every byte was read"
        )
    assert of(found, 1).state is State.NOT_INDEXED


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"scanned": [(0, DISK - 1)]}, "1 bytes of 1.0 MB have not been scanned"),
        ({"unreadable": [(900_000, 900_512)]}, "512 bytes cannot be read"),
        ({"segments": [segment(9, None, at=990_000, channel=2)]}, "frames without a time"),
        (
            {"segments": [segment(9, 4 * MINUTE, 6 * MINUTE, at=990_000, channel=2, frames=0)]},
            "sound or an entry of the recorder shows that it ran",
        ),
        ({"claims": [claim(9, 4, 6, (980_000, 990_000), channel=2)]}, "shows that it ran"),
    ],
)
def test_off_is_not_said_while_the_recorder_may_have_run(
    more: dict[str, Sequence[tuple[int, int]]], why: str
) -> None:
    given = evidence([*run(1, 0, 4, at=0), *run(20, 6, 10, at=100_000)])
    segments = [*given.segments, *more.pop("segments", [])]
    changed = {
        name: [Extent(*one) if isinstance(one, tuple) else one for one in value]
        for name, value in more.items()
    }
    found = diagnose(msgspec.structs.replace(given, segments=segments, **changed))
    assert states(found, 1)[1] == (4, 6, "not_known")
    assert why in span_at(found, 1, 5).reason


def test_a_power_record_says_off_without_a_complete_scan() -> None:
    log = [event(1, EventKind.POWER_OFF, 4), event(2, EventKind.POWER_ON, 6)]
    frames = [*run(1, 0, 4, at=0), *run(20, 6, 10, at=100_000)]
    found = diagnose(evidence(frames, events=log, scanned=[(0, 300_000)]))
    span = span_at(found, 1, 5)
    assert (span.span, span.state) == (TimeSpan(4 * MINUTE, 6 * MINUTE), State.RECORDER_OFF)
    assert span.reason == (
        "no footage of any camera; the log says power off; the log notes “power off” at"
        " 1970-01-01 00:04:00.000, “power on” at 1970-01-01 00:06:00.000"
    )
    assert span.basis == ("claim none", "event 1", "event 2")


def test_what_is_older_than_all_footage_is_not_known() -> None:
    found = diagnose(evidence(run(1, 5, 10, at=0)), window=ALL)
    assert states(found, 1) == [(0, 5, "not_known"), (5, 10, "not_indexed")]
    assert "older than the oldest footage" in span_at(found, 1, 1).reason


def test_an_entry_whose_bytes_were_read_and_hold_nothing_is_not_found() -> None:
    found = diagnose(evidence(OTHER, [claim(4, 0, 10, (0, 100_000))]))
    assert of(found, 1).spans == (
        StateSpan(
            span=ALL,
            state=State.INDEXED_NOT_FOUND,
            indexed=True,
            picture=PictureState.NOT_CHECKED,
            reason="listed by the recorder (1 entry), but no frames are in its bytes or elsewhere",
            basis=("claim 4",),
            said=(said("listed_not_found", claims=said("entry")),),
        ),
    )


def test_an_entry_whose_bytes_were_not_read_is_not_known() -> None:
    found = diagnose(evidence(OTHER, [claim(4, 0, 10, (0, 100_000))], scanned=[(60_000, DISK)]))
    span = span_at(found, 1, 5)
    assert (span.state, span.indexed) == (State.NOT_KNOWN, True)
    assert span.reason == (
        "the recorder names footage here (1 entry),"
        " but 60000 bytes of its bytes have not been scanned"
    )


def test_an_entry_needs_its_own_bytes_read_and_no_others() -> None:
    found = diagnose(evidence(OTHER, [claim(4, 0, 10, (0, 100_000))], scanned=[(0, 600_000)]))
    assert of(found, 1).state is State.INDEXED_NOT_FOUND


def test_older_frames_in_the_bytes_of_an_entry_show_that_it_was_never_written() -> None:
    stale = run(1, 0, 2, at=0)
    found = diagnose(evidence([*stale, *OTHER], [claim(4, 5, 7, (0, 20_000))]))
    assert span_at(found, 1, 6).state is State.INDEXED_NOT_FOUND


@pytest.mark.parametrize(("kind", "indexed"), [(ClaimKind.INDEX, True), (ClaimKind.REMNANT, False)])
def test_newer_frames_in_the_bytes_of_a_claim_show_that_it_was_overwritten(
    kind: ClaimKind, indexed: bool
) -> None:
    newer = run(1, 8, 10, at=0, channel=2)
    found = diagnose(
        evidence([*newer, *run(50, 0, 10, at=500_000, channel=3)],
                 [claim(4, 0, 2, (0, 20_000), kind=kind)])
    )  # fmt: skip
    span = span_at(found, 1, 1)
    assert (span.state, span.indexed) == (State.OVERWRITTEN, indexed)
    assert (
        span.reason
        == "the recorder named footage here, but its bytes hold newer footage now (1 entry)"
    )
    assert span.basis == ("segment 1", "segment 2", "claim 4")
    assert states(found, 1)[1] == (2, 10, "not_known")
    assert "was written over again" in span_at(found, 1, 5).reason
    assert LOST in found.notes


LOST = "the disk was written over again: some of its older footage is lost"
UNSURE = "whether older footage was overwritten is not known: nothing proves it either way"


def test_footage_that_nothing_lists_does_not_show_that_older_footage_is_lost() -> None:
    backwards = [*run(1, 60, 65, at=0), *run(50, 0, 5, at=500_000)]
    found = diagnose(evidence(backwards))
    assert UNSURE in found.notes and LOST not in found.notes
    files = [claim(7, 60, 65, (0, 60_000), kind=ClaimKind.FILE, channel=None)]
    assert LOST not in diagnose(evidence(backwards, files)).notes


def test_footage_of_a_ring_that_goes_back_in_time_shows_that_older_footage_is_lost() -> None:
    ring = [*run(1, 60, 65, at=0), *run(50, 0, 5, at=500_000)]
    entries = [claim(7, 60, 65, (0, 60_000)), claim(8, 0, 5, (500_000, 560_000))]
    assert LOST in diagnose(evidence(ring, entries)).notes


def test_a_clock_that_was_set_back_does_not_show_that_older_footage_is_lost() -> None:
    before = [numbered(one, 100 * i) for i, one in enumerate(run(1, 60, 65, at=0))]
    after = [numbered(one, 500 + 100 * i) for i, one in enumerate(run(50, 0, 5, at=50_000))]
    entries = [claim(7, 60, 65, (0, 50_000)), claim(8, 0, 5, (50_000, 100_000))]
    seen = evidence([*before, *after], entries)
    seen = msgspec.structs.replace(seen, counted=frozenset({before[0].format}))
    found = diagnose(seen)
    assert LOST not in found.notes
    assert [one.kind for one in found.causes if one.kind is CauseKind.CLOCK_JUMP]


def numbered(one: Segment, first: int) -> Segment:
    return msgspec.structs.replace(one, first_sequence=first, last_sequence=first + 99)


def test_unreadable_bytes_between_the_frames_of_a_claim() -> None:
    frames = [*run(1, 0, 4, at=0), *run(20, 6, 10, at=60_000), *OTHER]
    found = diagnose(
        evidence(frames, [claim(4, 0, 10, (0, 100_000))], unreadable=[(0x9C40, 0xEA60)])
    )
    assert states(found, 1) == [(0, 4, "recorded"), (4, 6, "unreadable"), (6, 10, "recorded")]
    span = span_at(found, 1, 5)
    assert (span.indexed, span.basis) == (True, ("claim 4", "unreadable 0x9c40-0xea60"))
    assert span.reason == "20000 bytes that the recorder names here cannot be read (1 entry)"


def test_unreadable_bytes_elsewhere_in_a_claim_explain_no_hole() -> None:
    frames = [*run(1, 1, 4, at=10_000), *run(20, 6, 10, at=60_000), *OTHER]
    found = diagnose(evidence(frames, [claim(4, 0, 10, (0, 100_000))], unreadable=[(0, 10_000)]))
    assert states(found, 1)[0] == (0, 1, "unreadable")
    assert states(found, 1)[2] == (4, 6, "indexed_not_found")


def test_stale_footage_of_the_camera_does_not_bound_where_its_own_would_lie() -> None:
    stale = run(1, 0, 2, at=10_000)
    later = run(20, 8, 10, at=200_000)
    found = diagnose(
        evidence([*stale, *later, *OTHER], [claim(4, 5, 7, (0, 30_000))], unreadable=[(0, 512)])
    )
    assert span_at(found, 1, 6).state is State.UNREADABLE


def test_unreadable_bytes_inside_a_run_without_a_claim() -> None:
    frames = [*run(1, 0, 4, at=0), *run(20, 4.2, 10, at=60_000), *OTHER]
    found = diagnose(evidence(frames, unreadable=[(50_000, 50_512)]))
    assert states(found, 1) == [
        (0, 4, "not_indexed"),
        (4, 4.2, "unreadable"),
        (4.2, 10, "not_indexed"),
    ]
    assert span_at(found, 1, 4.1).basis == ("claim none", "unreadable 0xc350-0xc550")


def test_a_hole_longer_than_its_bytes_could_hold_is_not_laid_on_unreadable_ones() -> None:
    between = run(50, 3.9, 8.1, at=45_000, channel=3)
    frames = [*run(1, 0, 4, at=0), *between, *run(20, 8, 10, at=200_000), *OTHER]
    found = diagnose(evidence(frames, unreadable=[(44_000, 44_512)]))
    assert states(found, 1)[1] == (4, 8, "not_known")


def test_a_claim_that_its_frames_fill_lists_nothing_more() -> None:
    frames = [*run(1, 0, 4, at=0), *run(20, 6, 10, at=40_000), *OTHER]
    found = diagnose(evidence(frames, [claim(4, 0, 10, (0, 80_000))]))
    assert states(found, 1)[1] == (4, 6, "not_recorded")


def test_a_logged_loss_of_video_explains_that_nothing_was_written() -> None:
    log = [
        event(1, EventKind.VIDEO_LOSS_START, 4, channel=1),
        event(2, EventKind.VIDEO_LOSS_END, 6, channel=1),
    ]
    frames = [*run(1, 0, 4, at=0), *run(20, 6, 8, at=100_000), *OTHER]
    found = diagnose(evidence(frames, events=log, scanned=[(0, 9)]))
    assert [state for *_, state in states(found, 1)] == [
        "not_indexed",
        "no_signal",
        "not_indexed",
        "not_known",
    ]
    span = span_at(found, 1, 5)
    assert span.reason == "no frames found; the log notes loss of video"
    assert span.basis == ("claim none", "event 1", "event 2")


def test_a_loss_that_never_ends_lasts_to_the_end_of_the_log_or_of_the_power() -> None:
    loss = event(1, EventKind.VIDEO_LOSS_START, 2, channel=1)
    log = [loss, event(2, EventKind.OTHER, 7)]
    found = diagnose(evidence([*run(1, 0, 2, at=0), *OTHER], events=log))
    assert [span[2] for span in states(found, 1)] == ["not_indexed", "no_signal", "not_recorded"]
    assert states(found, 1)[1][:2] == (2, 7)
    log = [loss, event(2, EventKind.POWER_OFF, 5)]
    found = diagnose(evidence([*run(1, 0, 2, at=0), *OTHER], events=log))
    assert states(found, 1)[1][:2] == (2, 5)


def test_a_loss_whose_end_is_not_logged_ends_with_the_next_footage() -> None:
    log = [event(1, EventKind.VIDEO_LOSS_START, 2, channel=1), event(2, EventKind.OTHER, 9)]
    frames = [*run(1, 0, 2, at=0), *run(20, 4, 6, at=100_000), *OTHER]
    found = diagnose(evidence(frames, events=log))
    assert states(found, 1) == [
        (0, 2, "not_indexed"),
        (2, 4, "no_signal"),
        (4, 6, "not_indexed"),
        (6, 10, "not_recorded"),
    ]
    over = diagnose(evidence([*run(1, 0, 6, at=0), *OTHER], events=log))
    assert states(over, 1) == [(0, 6, "not_indexed"), (6, 10, "not_recorded")]


def test_footage_during_a_logged_loss_keeps_its_state_and_says_so() -> None:
    log = [
        event(1, EventKind.VIDEO_LOSS_START, 4, channel=1),
        event(2, EventKind.VIDEO_LOSS_END, 6, channel=1),
    ]
    found = diagnose(evidence(run(1, 0, 10, at=0), events=log))
    assert states(found, 1) == [
        (0, 4, "not_indexed"),
        (4, 6, "not_indexed"),
        (6, 10, "not_indexed"),
    ]
    assert span_at(found, 1, 5).reason.startswith("3000 frames found")
    assert span_at(found, 1, 5).reason.endswith("; the log notes loss of video")


RING = [*run(1, 60, 65, at=0), *run(50, 8, 10, at=500_000)]
ENTRIES = [claim(7, 60, 65, (0, 50_000)), claim(8, 8, 10, (500_000, 520_000))]
"""A ring that came round: camera 1 has footage of minutes 8 and 9 left."""


def test_what_the_log_saw_recorded_in_a_ring_that_came_round_is_overwritten() -> None:
    log = [
        event(1, EventKind.RECORD_START, 1, channel=1),
        event(2, EventKind.RECORD_STOP, 3, channel=1),
        event(3, EventKind.RECORD_START, 6, channel=1),
    ]
    found = diagnose(evidence(RING, ENTRIES, events=log), window=ALL, channels=[1])
    assert states(found, 1) == [
        (0, 1, "not_known"),
        (1, 3, "overwritten"),
        (3, 6, "not_known"),
        (6, 8, "overwritten"),  # had it stopped before minute 8, the log would say so
        (8, 10, "recorded"),
    ]
    span = span_at(found, 1, 2)
    assert "by its log the recorder recorded this camera here" in span.reason
    assert span.basis == ("claim none", "event 1", "event 2")


@pytest.mark.parametrize(
    "kind",
    [EventKind.POWER_ON, EventKind.DISK_ERROR, EventKind.CLOCK_SET, EventKind.DISK_FORMATTED],
)
def test_behind_a_break_in_the_log_a_recording_without_an_end_proves_nothing(
    kind: EventKind,
) -> None:
    log = [event(1, EventKind.RECORD_START, 2, channel=1), event(2, kind, 5)]
    found = diagnose(evidence(RING, ENTRIES, events=log), window=ALL, channels=[1])
    assert states(found, 1) == [(0, 8, "not_known"), (8, 10, "recorded")]


def test_what_the_log_saw_recorded_is_never_told_as_not_recorded() -> None:
    frames = [*run(1, 0, 4, at=0), *run(20, 6, 10, at=100_000), *OTHER]
    log = [
        event(1, EventKind.RECORD_START, 0, channel=1),
        event(2, EventKind.RECORD_STOP, 10, channel=1),
    ]
    assert states(diagnose(evidence(frames)), 1)[1] == (4, 6, "not_recorded")
    found = diagnose(evidence(frames, events=log))
    assert states(found, 1)[1] == (4, 6, "not_known")
    assert "nothing shows what became of them" in span_at(found, 1, 5).reason


def test_pictures_without_a_signal_make_the_state() -> None:
    looked = dict.fromkeys((1, 2, 3), PictureState.LIVE)
    looked |= dict.fromkeys((5, 7), PictureState.NO_SIGNAL)
    found = diagnose(
        evidence(run(1, 0, 10, at=0), [claim(4, 0, 10, (0, 100_000))], pictures=looked)
    )
    assert [(span.span, span.state, span.picture) for span in of(found, 1).spans] == [
        (TimeSpan(0, 3 * MINUTE), State.RECORDED, PictureState.LIVE),
        (TimeSpan(3 * MINUTE, 4 * MINUTE), State.RECORDED, PictureState.NOT_CHECKED),
        (TimeSpan(4 * MINUTE, 7 * MINUTE), State.NO_SIGNAL, PictureState.NO_SIGNAL),
        (TimeSpan(7 * MINUTE, 10 * MINUTE), State.RECORDED, PictureState.NOT_CHECKED),
    ]
    lost = span_at(found, 1, 5)
    assert (lost.indexed, lost.basis) == (True, ("segment 5", "segment 6", "segment 7", "claim 4"))
    assert of(found, 1).state is State.NO_SIGNAL


def test_a_loss_begins_and_ends_with_the_key_picture_that_shows_it() -> None:
    live, lost = PictureState.LIVE, PictureState.NO_SIGNAL
    sights = {
        1: [Sight(0, live), Sight(20_000, lost), Sight(50_000, live)],
        2: [Sight(62_000, live), Sight(90_000, lost)],
        3: [Sight(122_000, lost)],
        4: [Sight(181_000, live)],
    }
    frames = run(1, 0, 4, at=0)
    found = diagnose(evidence(frames, [claim(4, 0, 4, (0, 40_000))], pictures=sights))
    assert [(span.span, span.picture) for span in of(found, 1).spans] == [
        (TimeSpan(0, 20_000), live),
        (TimeSpan(20_000, 50_000), lost),
        (TimeSpan(50_000, 90_000), live),
        (TimeSpan(90_000, 181_000), lost),
        (TimeSpan(181_000, 240_000), live),
    ]


def test_frames_without_a_key_picture_go_on_with_what_was_seen_for_ten_seconds() -> None:
    first, second, *others = run(1, 0, 4, at=0)
    keyless = [
        msgspec.structs.replace(
            second, id=20 + i, keys=0, start_ms=start_ms, end_ms=end_ms, start=at, end=at + 1000
        )
        for i, (start_ms, end_ms, at) in enumerate(
            [(60_000, 69_960, 10_000), (70_000, 79_960, 11_000), (80_000, 119_960, 12_000)]
        )
    ]
    looked = {1: PictureState.LIVE, 3: PictureState.NO_SIGNAL, 4: PictureState.LIVE}
    found = diagnose(
        evidence([first, *keyless, *others], [claim(4, 0, 4, (0, 40_000))], pictures=looked)
    )
    assert [(span.span.end_ms, span.picture) for span in of(found, 1).spans] == [
        (80_000, PictureState.LIVE),
        (2 * MINUTE, PictureState.NOT_CHECKED),
        (3 * MINUTE, PictureState.NO_SIGNAL),
        (4 * MINUTE, PictureState.LIVE),
    ]


def test_a_camera_is_as_bad_as_its_worst_span() -> None:
    frames = [*run(1, 0, 4, at=0), *OTHER]
    found = diagnose(evidence(frames, [claim(4, 0, 4, (0, 40_000))]))
    assert [state for *_, state in states(found, 1)] == ["recorded", "not_recorded"]
    assert of(found, 1).state is State.NOT_RECORDED


def test_moments_shorter_than_two_seconds_are_no_gaps() -> None:
    frames = [
        segment(1, 1500, 60_000 - 40, at=0),
        segment(2, 61_900, 9 * MINUTE, at=10_000),
        *OTHER,
    ]
    found = diagnose(evidence(frames), window=TimeSpan(0, 9 * MINUTE))
    assert states(found, 1) == [(0, 9, "not_indexed")]


def test_the_window_changes_only_what_is_shown() -> None:
    frames = [*run(1, 0, 4, at=0), *run(20, 6, 10, at=100_000), *OTHER]
    whole = diagnose(evidence(frames))
    window = TimeSpan(int(3.5 * MINUTE), 5 * MINUTE)
    part = diagnose(evidence(frames), window=window)
    assert states(part, 1) == [(3.5, 4, "not_indexed"), (4, 5, "not_recorded")]
    assert span_at(part, 1, 3.7).reason.startswith("about 750 frames found")
    assert span_at(whole, 1, 4.5).reason == span_at(part, 1, 4.5).reason


def test_nothing_found_is_not_known() -> None:
    found = diagnose(evidence(), channels=[1])
    assert found.window is None
    assert found.channels == (ChannelDiagnosis(channel=1, state=State.NOT_KNOWN, spans=()),)
    found = diagnose(evidence(), channels=[1], window=ALL)
    assert states(found, 1) == [(0, 10, "not_known")]
    assert "no frames with a time were found at all" in span_at(found, 1, 1).reason
    assert diagnose(evidence(scanned=[])).scanned_share == 0.0


def test_footage_without_a_time_is_told_in_a_note() -> None:
    frames = [segment(1, None, at=0), segment(2, None, at=10_000, channel=None)]
    found = diagnose(evidence(frames))
    assert [(one.channel, one.state, one.spans) for one in found.channels] == [
        (1, State.NOT_INDEXED, ()),
        (None, State.NOT_INDEXED, ()),
    ]
    assert "1500 frames of camera 1 carry no time; they are in no span" in found.notes
    listed = claim(4, None, None, (0, 10_000), kind=ClaimKind.FILE, channel=None)
    assert of(diagnose(evidence(frames[:1], [listed])), 1).state is State.RECORDED


def test_a_name_that_tells_another_time_than_the_footage_is_noted() -> None:
    frames = run(1, 60, 62, at=0)
    named = claim(50, 0, 2, (0, 20_000), kind=ClaimKind.FILE)
    (note,) = (n for n in diagnose(evidence(frames, [named])).notes if "name tells" in n)
    assert note.startswith("1 file holds footage of another time than the name tells, by up to 1 h")
    own = claim(50, 60, 62, (0, 20_000), kind=ClaimKind.FILE)
    assert not [n for n in diagnose(evidence(frames, [own])).notes if "name tells" in n]


def test_the_file_system_s_clock_is_held_against_the_footage_s() -> None:
    frames = [*run(1, 0, 2, at=0), *run(10, 2, 4, at=100_000), *run(20, 4, 6, at=200_000)]

    def noted(*ahead_min: float) -> list[str]:
        files = [
            msgspec.structs.replace(
                claim(50 + n, 2 * n, 2 * n + 2, (100_000 * n, 100_000 * n + 20_000),
                      kind=ClaimKind.FILE),
                written_ms=int((2 * n + 2 + ahead) * MINUTE),
            )
            for n, ahead in enumerate(ahead_min)
        ]  # fmt: skip
        return [note for note in diagnose(evidence(frames, files)).notes if "file system" in note]

    assert noted(60, 60, 61) == [
        "the clock of the file system is about 1 h ahead of that in the footage (3 files): another"
        " zone, or another clock"
    ]
    assert ["behind" in one for one in noted(-480, -480, -480)] == [True]
    assert noted(0, 0.1, 0) == [] == noted(60, 0, 300) == noted(60, 60)


def test_an_index_in_which_everything_overlaps_is_not_believed() -> None:
    crowd = [claim(i, 0, 10, (i * 1000, i * 1000 + 1000)) for i in range(20)]
    found = diagnose(evidence(OTHER, crowd))
    assert states(found, 1) == [(0, 10, "not_known")]
    assert "more than 8 entries name this camera and time" in span_at(found, 1, 5).reason


def test_the_basis_of_a_long_span_stays_short() -> None:
    frames = [
        segment(i, i * MINUTE, i * MINUTE + 59_960, at=i * 100, size=100) for i in range(5000)
    ]
    (span,) = of(diagnose(evidence(frames)), 1).spans
    assert span.basis == (
        *(f"segment {i}" for i in range(20)),
        "4980 more segments",
        "claim none",
    )
    assert span.reason.startswith("7500000 frames found")


def test_a_frayed_disk_gives_no_more_than_thousands_of_spans() -> None:
    frames = [
        segment(i, i * 10_000 + 7, i * 10_000 + 500, at=i * 100, size=100, channel=i % 4 + 1)
        for i in range(9000)
    ]
    found = diagnose(evidence(frames), channels=range(1, 17))
    assert (
        sum(len(one.spans) for one in found.channels if one.channel and one.channel > 4) < 13 * 4100
    )
    assert "broken too finely" in span_at(found, 16, 1).reason
    assert of(found, 16).state is State.NOT_KNOWN


_TIMES = st.integers(0, 60).map(lambda n: n * 10_000 + 7)
_PLACES = st.integers(0, 90).map(lambda n: n * 10_000)
_SEGMENTS = st.lists(
    st.builds(
        lambda start, length, at, channel, frames: segment(
            0, start, None if start is None else start + length, at=at, channel=channel,
            frames=frames,
        ),
        st.none() | _TIMES | _TIMES | _TIMES,
        st.integers(0, 60_000),
        _PLACES,
        st.sampled_from([1, 2, 2, 3, 3, None]),
        st.sampled_from([0, 100, 100, 100]),
    ),
    max_size=10,
)  # fmt: skip
_CLAIMS = st.lists(
    st.builds(
        lambda start, length, at, channel, kind, is_open: claim(
            0,
            None if start is None else start / 6,
            None if start is None else (start + length) / 6,
            (at, at + 30_000),
            channel=channel,
            kind=kind,
            is_open=is_open,
        ),
        st.none() | st.integers(0, 60),
        st.integers(0, 20),
        _PLACES,
        st.sampled_from([None, 1, 2, 3]),
        st.sampled_from(list(ClaimKind)),
        st.booleans(),
    ),
    max_size=3,
)
_EVIDENCE = st.builds(
    lambda segments, claims, scanned, bad, log, looked: evidence(
        segments,
        claims,
        scanned=[(0, DISK)] if scanned else [(0, 700_000)],
        unreadable=[(bad, bad + 512)] if bad is not None else [],
        events=[event(i, kind, minute, channel) for i, (kind, minute, channel) in enumerate(log)],
        pictures=looked,
    ),
    _SEGMENTS,
    _CLAIMS,
    st.sampled_from([True, True, True, False]),
    st.none() | st.none() | _PLACES,
    st.lists(
        st.tuples(
            st.sampled_from(list(EventKind)), st.integers(0, 10), st.sampled_from([None, 1, 2])
        ),
        max_size=4,
    ),
    st.sampled_from([{}, {0: PictureState.NO_SIGNAL}, {0: PictureState.LIVE}]),
)


@settings(max_examples=300, deadline=None)
@given(_EVIDENCE, st.none() | st.just([1, 2, 3, 4]), st.none() | st.just(ALL))
def test_spans_tile_the_window_and_not_recorded_is_said_only_when_all_conditions_hold(
    given: Evidence, channels: list[int] | None, window: TimeSpan | None
) -> None:
    found = diagnose(given, channels=channels, window=window)
    for one in found.channels:
        assert all(a.span.end_ms <= b.span.start_ms for a, b in pairwise(one.spans))
        assert all(span.reason and "{" not in span.reason for span in one.spans)
        if one.channel is None or found.window is None:
            continue
        assert (one.spans[0].span.start_ms, one.spans[-1].span.end_ms) == found.window
        assert all(a.span.end_ms == b.span.start_ms for a, b in pairwise(one.spans))
        for span in one.spans:
            if span.state is State.NOT_RECORDED:
                _assert_not_recorded(given, one.channel, span.span)
            if span.state is State.RECORDER_OFF:
                assert not _shown(given.segments, span.span)


def _shown(segments: Sequence[Segment], span: TimeSpan) -> list[Segment]:
    """Segments with video in the span, but for two seconds at its edges."""
    return [
        one
        for one in segments
        if one.frames
        and one.start_ms is not None
        and one.end_ms is not None
        and one.start_ms < span.end_ms - 2000
        and one.end_ms > span.start_ms + 2000
    ]


def _assert_not_recorded(given: Evidence, channel: int, span: TimeSpan) -> None:
    assert not minus([Extent(0, given.size)], merged(given.scanned))
    assert not given.unreadable
    shown = _shown(given.segments, span)
    assert all(one.channel != channel for one in shown)
    named = {claim.channel for claim in given.claims}
    if None in {one.channel for one in shown}:
        assert named - {None}, "only a claim can tell the camera of frames that do not"
    undated = [one for one in given.segments if one.frames and one.start_ms is None]
    if {one.channel for one in undated} & {None, channel}:
        assert given.claims, "only a claim can date frames without a time"
    middle = TimeSpan(*[(span.start_ms + span.end_ms) // 2] * 2)
    others = [
        one
        for one in given.segments
        if one.frames and one.start_ms is not None and one.end_ms is not None
        and one.start_ms - 2000 <= middle.start_ms <= one.end_ms + 4000
    ]  # fmt: skip
    assert others or undated


def test_the_order_of_the_evidence_does_not_matter() -> None:
    frames = [*run(1, 0, 4, at=0), *run(20, 6, 10, at=60_000), *OTHER]
    claims = [claim(4, 0, 5, (0, 50_000)), claim(5, 5, 10, (50_000, 100_000))]
    straight = diagnose(evidence(frames, claims))
    random.Random(4).shuffle(frames)
    turned = diagnose(evidence(frames, claims[::-1]))
    for channel in (1, 2):
        assert states(turned, channel) == states(straight, channel)
