"""Each cause is drawn from what shows it, dated, and not drawn from what only looks like it."""

from collections.abc import Mapping, Sequence

import msgspec
import pytest

from vidrecover import clock
from vidrecover.diagnosis import Evidence, Sight, diagnose
from vidrecover.model import (
    Cause,
    CauseKind,
    Certainty,
    Claim,
    ClaimKind,
    Codec,
    Event,
    EventKind,
    Extent,
    PictureState,
    Segment,
    Stream,
    TimeSpan,
    VolumeReport,
)

DAY = clock.parse_iso("2026-03-14")
MINUTE = 60_000
DISK = 1 << 34
DHFS = VolumeReport(layout="dhfs", extent=Extent(0, DISK), claims=())


def run(
    channel: int, start: float, end: float, *, at: int | None = None, rate: int = 25, first: int = 0
) -> list[Segment]:
    """A segment a minute, of 10,000 bytes, from minute `start` to `end` of the day, numbered."""
    place = int(start) * 400_000 + channel * 100_000 if at is None else at
    found = []
    time = DAY + int(start * MINUTE)
    while time < DAY + end * MINUTE:
        until = min((time // MINUTE + 1) * MINUTE, DAY + int(end * MINUTE))
        frames = (until - time) * rate // 1000
        found.append(
            Segment(
                id=place // 1000,
                format="dhav",
                channel=channel,
                stream=Stream.MAIN,
                codec=Codec.H264,
                start_ms=time,
                end_ms=until - 1000 // rate,
                start=place,
                end=place + 10_000,
                frames=frames,
                keys=30,
                audio=0,
                size=10_000,
                first_sequence=first,
                last_sequence=first + frames - 1,
                missing=0,
                unfinished=0,
                rows=b"",
            )
        )
        time, place, first = until, place + 10_000, first + frames
    return found


def listing(
    segments: Sequence[Segment], *, opened: bool = False, end_ms: int | None = None
) -> Claim:
    """The entry that holds all these segments."""
    first, last = segments[0], segments[-1]
    start_ms = first.start_ms or 0
    stop_ms = ((last.end_ms or 0) + 999) // 1000 * 1000 - 1000 if end_ms is None else end_ms
    return Claim(
        id=first.id,
        volume="dhfs",
        kind=ClaimKind.INDEX,
        channel=first.channel,
        start_ms=start_ms,
        end_ms=start_ms if opened else stop_ms,
        extents=(Extent(first.start, last.end),),
        entry=Extent(0, 32),
        open=opened,
    )


def event(kind: EventKind, minute: float, channel: int | None = None) -> Event:
    text = kind.value.replace("_", " ")
    time_ms = DAY + int(minute * MINUTE)
    return Event(
        id=int(minute), kind=kind, time_ms=time_ms, channel=channel, code=None, text=text,
        entry=Extent(0, 1),
    )  # fmt: skip


def causes(
    segments: Sequence[Segment],
    claims: Sequence[Claim] = (),
    events: Sequence[Event] = (),
    *,
    pictures: Mapping[int | None, Sequence[Sight]] | None = None,
    volumes: Sequence[VolumeReport] = (DHFS,),
    unreadable: Sequence[Extent] = (),
    channels: Sequence[int] | None = None,
    window: TimeSpan | None = None,
) -> tuple[Cause, ...]:
    observed = Evidence(
        source="van.img",
        size=DISK,
        scanned=[Extent(0, DISK)],
        segments=segments,
        claims=claims,
        events=events,
        unreadable=unreadable,
        pictures={key: seen for key, seen in (pictures or {}).items() if key is not None},
        counted=frozenset({"dhav"}),
        volumes=volumes,
    )
    return diagnose(observed, channels=channels, window=window).causes


def told(found: Sequence[Cause]) -> list[tuple[str, tuple[int | None, ...], float, float, str]]:
    """Kind, cameras, span in minutes of the day, certainty."""
    return [
        (
            one.kind.value,
            one.channels,
            (one.span.start_ms - DAY) / MINUTE,
            (one.span.end_ms - DAY) / MINUTE,
            one.certainty.value,
        )
        for one in found
        if one.span is not None
    ]


def listed(*runs: Sequence[Segment]) -> list[Claim]:
    return [listing(one) for one in runs]


def test_nothing_is_explained_where_nothing_is_wrong() -> None:
    one, two = run(1, 0, 10), run(2, 0, 10)
    assert causes([*one, *two], listed(one, two)) == ()


def test_loss_of_video_in_the_log_is_certain_and_dated() -> None:
    one, two, later = run(1, 0, 10), run(2, 0, 4), run(2, 6, 10, first=6000)
    events = [event(EventKind.VIDEO_LOSS_START, 4, 2), event(EventKind.VIDEO_LOSS_END, 6, 2)]
    found = causes([*one, *two, *later], listed(one, two, later), events)
    assert told(found) == [("video_loss", (2,), 4, 6, "certain")]
    assert "the log notes loss of video" in found[0].reason
    assert "event 4" in found[0].basis


@pytest.mark.parametrize("sure", [True, False])
def test_loss_of_video_in_the_pictures_is_as_certain_as_they_are(sure: bool) -> None:
    one, two = run(1, 0, 10), run(2, 0, 10)
    card = [Sight(None, PictureState.NO_SIGNAL, is_certain=sure)]
    found = causes([*one, *two], listed(one, two), pictures={s.id: card for s in two})
    assert told(found) == [("video_loss", (2,), 0, 10, "certain" if sure else "suspected")]


def test_cameras_that_lose_their_signal_together_are_told_together() -> None:
    one, two, three = run(1, 0, 10), run(2, 0, 10), run(3, 0, 10)
    card = [Sight(None, PictureState.NO_SIGNAL, is_certain=True)]
    found = causes(
        [*one, *two, *three], listed(one, two, three), pictures={s.id: card for s in (*two, *three)}
    )
    assert [one.channels for one in found] == [(2, 3)]


def test_a_signal_that_comes_and_goes_is_one_cause_with_its_count() -> None:
    one = run(1, 0, 9)
    parts = [run(2, a, a + 1, first=a * 1500) for a in (0, 2, 4, 6, 8)]
    events = [
        event(kind, minute, 2)
        for minute in (1, 3, 5, 7)
        for kind in (EventKind.VIDEO_LOSS_START, EventKind.VIDEO_LOSS_END)
    ]
    events = [
        msgspec.structs.replace(one, time_ms=(one.time_ms or 0) + MINUTE)
        if one.kind is EventKind.VIDEO_LOSS_END
        else one
        for one in events
    ]
    (found,) = causes([*one, *(s for part in parts for s in part)], listed(one, *parts), events)
    assert (found.kind, found.count, found.channels) == (CauseKind.VIDEO_LOSS, 4, (2,))
    assert found.reason.endswith("4 times, 4 min in all")


def test_a_blip_is_listed_but_not_told_first() -> None:
    one, two = run(1, 0, 10), run(2, 0, 5)
    later = run(2, 5 + 1.5 / 60, 10, first=7500)
    events = [event(EventKind.VIDEO_LOSS_START, 5, 2)]
    end = msgspec.structs.replace(event(EventKind.VIDEO_LOSS_END, 5, 2), time_ms=DAY + 301_500)
    found = causes([*one, *two, *later], listed(one, two, later), [*events, end])
    assert [(cause.kind, cause.is_brief) for cause in found] in (
        [],
        [(CauseKind.VIDEO_LOSS, True)],
    )


def test_a_camera_that_never_was_is_disabled_and_one_that_pauses_has_a_gap() -> None:
    one, two, later = run(1, 0, 10), run(2, 0, 4), run(2, 6, 10, first=6000)
    found = causes([*one, *two, *later], listed(one, two, later), channels=[1, 2, 3])
    assert told(found) == [
        ("camera_disabled", (3,), 0, 10, "suspected"),
        ("camera_gap", (2,), 4, 6, "suspected"),
    ]


def test_the_same_hours_of_several_days_are_a_schedule() -> None:
    days = [run(1, d * 1440 + a, d * 1440 + b)
            for d in range(3) for a, b in ((900, 902), (930, 932))]  # fmt: skip
    found = causes([s for day in days for s in day], listed(*days))
    kinds = {cause.kind for cause in found}
    assert kinds == {CauseKind.RECORDING_SCHEDULE}


def test_entries_of_all_cameras_left_open_together_are_a_power_cut() -> None:
    one, two = run(1, 0, 10), run(2, 0, 10)
    found = causes([*one, *two], [listing(one, opened=True), listing(two, opened=True)])
    assert told(found) == [("power_cut", (), 10, 10, "certain")]


def test_one_entry_left_open_while_others_go_on_is_an_unclosed_file() -> None:
    one, two = run(1, 0, 10), run(2, 0, 5)
    later = run(2, 5, 10)
    found = causes(
        [*one, *two, *later], [*listed(one, later), listing(two, opened=True)], channels=[1, 2]
    )
    assert told(found) == [("unclosed_files", (2,), 0, 5, "suspected")]


def test_a_pause_of_all_cameras_is_a_stop_or_a_restart_by_its_length_and_the_log() -> None:
    def paused(until: float, events: Sequence[Event] = ()) -> list[tuple[str, str]]:
        parts = [run(c, a, b, first=0) for c in (1, 2) for a, b in ((0, 5), (until, until + 5))]
        found = causes([s for part in parts for s in part], listed(*parts), events)
        return [(one.kind.value, one.certainty.value) for one in found]

    assert paused(6) == [("restart", "suspected")]
    assert paused(35) == [("ignition_off", "suspected")]
    log = [event(EventKind.POWER_OFF, 5), event(EventKind.POWER_ON, 35)]
    assert paused(35, log) == [("ignition_off", "certain")]


def test_numbers_that_go_on_over_a_pause_are_no_leap_of_the_clock() -> None:
    """Unless nothing shows that it was a pause."""

    def told_of(starts: Sequence[float], events: Sequence[Event] = ()) -> list[str]:
        parts = [
            run(c, start, start + 5, at=int(1e6) * (i + 1) + c * 100_000, first=7500 * i)
            for i, start in enumerate(starts)
            for c in (1, 2)
        ]
        found = causes([s for part in parts for s in part], listed(*parts), events)
        return [one.kind.value for one in found if not one.is_brief]

    assert told_of((0, 30)) == ["clock_jump"]
    assert told_of((0, 30), [event(EventKind.POWER_OFF, 5), event(EventKind.POWER_ON, 30)]) == [
        "ignition_off"
    ]
    assert told_of((600, 2040, 3480)) == ["recording_schedule"]


def test_refused_bytes_and_log_records_are_disk_errors() -> None:
    one = run(1, 0, 10)
    found = causes(one, listed(one), unreadable=[Extent(9_000_192, 9_004_288)])
    assert [(cause.kind, cause.certainty, cause.span) for cause in found] == [
        (CauseKind.DISK_ERRORS, Certainty.CERTAIN, None)
    ]
    log = [event(EventKind.DISK_ERROR, 3), event(EventKind.DISK_FULL, 9)]
    assert told(causes(one, listed(one), log)) == [
        ("disk_errors", (), 3, 3, "certain"),
        ("disk_full", (), 9, 9, "certain"),
    ]
    repaired = [event(EventKind.REPAIRED, 6)]
    assert told(causes(one, listed(one), repaired)) == [("repair_cut", (), 6, 6, "certain")]


@pytest.mark.parametrize(
    ("left", "gone", "is_full"), [(100, False, True), (100, True, False), (50_000, False, False)]
)
def test_a_file_system_without_room_is_full_unless_its_recorder_goes_round(
    left: int, gone: bool, is_full: bool
) -> None:
    parts = [run(1, 0, 4), run(1, 4, 10), run(2, 0, 4), run(2, 4, 10)]
    files = [msgspec.structs.replace(listing(one), kind=ClaimKind.FILE) for one in parts]
    if gone:
        files[0] = msgspec.structs.replace(files[0], kind=ClaimKind.DELETED_FILE)
    volume = msgspec.structs.replace(DHFS, layout="fat32", unallocated=left)
    found = causes([s for one in parts for s in one], files, volumes=[volume])
    assert (("disk_full", (), 10, 10, "suspected") in told(found)) is is_full


def test_a_log_that_goes_on_behind_the_footage_is_a_write_stop_unless_power_went() -> None:
    one = run(1, 0, 10)
    log = [event(EventKind.OTHER, minute) for minute in (5, 15)]
    assert told(causes(one, listed(one), log)) == [("write_stop", (), 10, 15, "suspected")]
    assert causes(one, listed(one), [event(EventKind.POWER_OFF, 10), *log[1:]]) == ()


def test_missing_entries_of_some_cameras_and_an_empty_index_are_told_apart() -> None:
    one, two = run(1, 0, 10), run(2, 0, 10)
    assert told(causes([*one, *two], listed(one))) == [("index_incomplete", (2,), 0, 10, "certain")]
    assert told(causes([*one, *two])) == [("index_lost", (1, 2), 0, 10, "certain")]
    assert told(causes([*one, *two], volumes=())) == [("index_lost", (1, 2), 0, 10, "suspected")]


def test_footage_behind_the_end_of_its_own_entry_was_cut_by_a_repair() -> None:
    one, two = run(1, 0, 10), run(2, 0, 10)
    short = listing(two, end_ms=DAY + 7 * MINUTE - 1000)
    found = causes([*one, *two], [*listed(one), short])
    ((kind, cameras, start, end, _),) = told(found)
    assert (kind, cameras, end) == ("repair_cut", (2,), 10)
    assert abs(start - 7) <= 1 / 60  # entries are no finer than a second


def test_dates_of_a_dead_clock_are_told_beside_true_ones() -> None:
    old = run(1, 0, 2)
    reset = [
        msgspec.structs.replace(s, start_ms=(s.start_ms or 0) - DAY, end_ms=(s.end_ms or 0) - DAY)
        for s in run(1, 0, 2, at=9_000_000)
    ]
    found = causes([*old, *reset], listed(old))
    (told_reset,) = (one for one in found if one.kind is CauseKind.CLOCK_RESET)
    assert (told_reset.certainty, told_reset.span) == (
        Certainty.CERTAIN,
        TimeSpan(0, 2 * MINUTE),
    )
    assert not any(one.kind is CauseKind.IGNITION_OFF for one in found)


def test_a_clock_set_back_is_certain_by_the_numbers_and_forward_only_if_all_cameras_leap() -> None:
    def leap(minutes: float, cameras: Sequence[int]) -> list[tuple[str, str]]:
        segments = []
        for channel in (1, 2):
            by = minutes if channel in cameras else 0
            segments += run(channel, 10, 15)
            segments += run(channel, 15 + by, 20 + by, at=int(6e6) + channel * 100_000, first=7500)
        found = causes(segments, listed(*_by_camera(segments)))
        return [
            (one.kind.value, one.certainty.value)
            for one in found
            if one.kind is CauseKind.CLOCK_JUMP
        ]

    assert leap(-3, (1, 2)) == [("clock_jump", "certain")]
    assert leap(60, (1, 2)) == [("clock_jump", "suspected")]
    assert leap(60, (1,)) == []
    assert leap(0, ()) == []


def _by_camera(segments: Sequence[Segment]) -> list[list[Segment]]:
    return [[one for one in segments if one.channel == channel] for channel in (1, 2)]


@pytest.mark.parametrize(
    ("date", "certainty"),
    [
        ("1970-01-01T00:00:05", "certain"),
        ("1980-01-01T00:00:05", "certain"),
        ("2000-01-02T00:00:05", "certain"),
        ("2010-01-01T00:00:05", "suspected"),
        ("2015-01-01T00:00:05", "suspected"),
        ("2038-01-19T03:14:07", "suspected"),
        ("2106-02-07T06:28:15", "suspected"),
        ("2000-01-05T00:00:05", None),
        ("2035-12-31T23:59:00", None),
    ],
)
def test_dates_at_which_clocks_begin_or_end_are_known(date: str, certainty: str | None) -> None:
    start_ms = clock.parse_iso(date)
    lost = [
        msgspec.structs.replace(one, start_ms=start_ms, end_ms=start_ms + 1000, id=9000)
        for one in run(2, 0, 1)
    ]
    found = causes([*run(1, 0, 10), *lost], listed(run(1, 0, 10)))
    told_ = [one.certainty.value for one in found if one.kind is CauseKind.CLOCK_RESET]
    assert told_ == ([] if certainty is None else [certainty])


def test_a_clock_set_in_the_log_is_told() -> None:
    one = run(1, 0, 10)
    found = causes(one, listed(one), [event(EventKind.CLOCK_SET, 4)])
    assert told(found) == [("clock_jump", (), 4, 4, "certain")]


def test_a_camera_of_which_only_the_small_stream_exists_is_told() -> None:
    one, two = run(1, 0, 10), run(2, 0, 10)
    small = [msgspec.structs.replace(s, stream=Stream.SUB) for s in two]
    found = causes([*one, *small], listed(one, small))
    assert told(found) == [("sub_stream_only", (2,), 0, 10, "certain")]
    both = [msgspec.structs.replace(s, stream=Stream.SUB, id=9000) for s in run(1, 0, 10)]
    assert causes([*one, *both], listed(one, both)) == ()


def test_a_change_of_rate_or_size_is_dated() -> None:
    one = run(1, 0, 10)
    before, after = run(2, 0, 5), run(2, 5, 10, rate=10, first=7500)
    found = causes([*one, *before, *after], listed(one, before, after))
    assert told(found) == [("frame_rate_changed", (2,), 5, 5, "certain")]
    (mixed,) = run(2, 5, 6)
    mixed = msgspec.structs.replace(mixed, frames=(1500 * 20 + 600 * 40) // 60)
    after = run(2, 6, 10, rate=10, first=7500 + mixed.frames)
    found = causes([*one, *before, mixed, *after], listed(one, before, [mixed], after))
    (told_of,) = [cause.span for cause in found if cause.kind is CauseKind.FRAME_RATE_CHANGED]
    assert told_of is not None
    assert abs(told_of.start_ms - (DAY + 5 * MINUTE + 20_000)) < 200
    two = run(2, 0, 10)
    sizes = {
        s.id: [Sight(s.start_ms, PictureState.LIVE, width=352 if i < 5 else 704, height=288)]
        for i, s in enumerate(two)
    }
    found = causes([*one, *two], listed(one, two), pictures=sizes)
    assert told(found) == [("resolution_changed", (2,), 5, 5, "certain")]
    assert found[0].reason == "pictures of 352x288 before, 704x288 behind"


@pytest.mark.parametrize(
    ("seen", "others", "kind"),
    [
        (PictureState.DARK, PictureState.LIVE, CauseKind.PICTURE_DARK),
        (PictureState.COVERED, PictureState.LIVE, CauseKind.PICTURE_COVERED),
        (PictureState.FROZEN, PictureState.LIVE, CauseKind.PICTURE_FROZEN),
        (PictureState.BLURRED, PictureState.LIVE, CauseKind.PICTURE_BLURRED),
        (PictureState.DARK, PictureState.DARK, None),
        (PictureState.FROZEN, PictureState.FROZEN, None),
        (PictureState.COLOURLESS, PictureState.COLOURLESS, None),
    ],
)
def test_night_and_a_parked_vehicle_are_no_faults_but_one_camera_alone_is(
    seen: PictureState, others: PictureState, kind: CauseKind | None
) -> None:
    runs = [run(channel, 0, 10) for channel in (1, 2, 3)]
    pictures = {
        s.id: [Sight(None, seen if s.channel == 2 else others)] for one in runs for s in one
    }
    found = causes([s for one in runs for s in one], listed(*runs), pictures=pictures)
    assert [(one.kind, one.channels) for one in found] == ([(kind, (2,))] if kind else [])


@pytest.mark.parametrize(
    ("overlay", "words"),
    [(2.0, "goes on, so the camera"), (0.1, "stands still too"), (None, "frozen; 2 other cameras")],
)
def test_the_clock_in_a_frozen_picture_tells_who_repeats_it(
    overlay: float | None, words: str
) -> None:
    runs = [run(number, 0, 10) for number in (1, 2, 3)]
    shown = {
        one.id: (Sight(one.start_ms, PictureState.FROZEN, overlay=overlay),)
        if one.channel == 3
        else (Sight(one.start_ms, PictureState.LIVE),)
        for part in runs
        for one in part
    }
    (cause,) = causes([s for part in runs for s in part], listed(*runs), pictures=shown)
    assert cause.kind is CauseKind.PICTURE_FROZEN
    assert words in cause.reason


def test_a_camera_much_less_sharp_than_it_usually_is_is_blurred() -> None:
    runs = [run(channel, 0, 10) for channel in (1, 2)]
    pictures = {
        s.id: [Sight(None, PictureState.LIVE, sharpness=0.3 if i >= 6 and s.channel == 2 else 0.7)]
        for one in runs
        for i, s in enumerate(one)
    }
    found = causes([s for one in runs for s in one], listed(*runs), pictures=pictures)
    assert told(found) == [("picture_blurred", (2,), 6, 10, "suspected")]
    always = {s.id: [Sight(None, PictureState.LIVE, sharpness=0.3)] for one in runs for s in one}
    assert causes([s for one in runs for s in one], listed(*runs), pictures=always) == ()


def test_noise_in_place_of_pictures_is_suspected_encryption() -> None:
    one, two = run(1, 0, 10), run(2, 0, 10)
    noise = [Sight(None, PictureState.NOT_CHECKED, is_scrambled=True)]
    found = causes([*one, *two], listed(one, two), pictures={s.id: noise for s in two})
    assert told(found) == [("encrypted", (2,), 0, 10, "suspected")]


def test_a_cause_tells_since_when_even_if_a_window_is_asked_for() -> None:
    one, two = run(1, 0, 10), run(2, 0, 10)
    window = TimeSpan(DAY + 5 * MINUTE, DAY + 6 * MINUTE)
    found = causes([*one, *two], listed(one), window=window)
    assert told(found) == [("index_incomplete", (2,), 0, 10, "certain")]
    other = TimeSpan(DAY + 20 * MINUTE, DAY + 30 * MINUTE)
    assert causes([*one, *two], listed(one), window=other) == ()
