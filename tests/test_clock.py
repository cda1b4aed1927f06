"""Recorder time: dates as recorders write them, and times of frames out of dates and counter."""

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import clock
from vidrecover.clock import Phase
from vidrecover.model import NO_TICK, NO_TIME

Times = npt.NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START_MS = clock.parse_iso("2026-03-14T07:30:00.480")
HOUR_MS = 3_600_000
INTERVAL_MS = 40


def column(*values: int) -> Times:
    return np.array(values, dtype=np.int64)


def test_times_are_written_as_the_contract_says() -> None:
    assert clock.iso(START_MS) == "2026-03-14T07:30:00.480"
    assert clock.iso(-1) == "1969-12-31T23:59:59.999"
    assert clock.spoken(START_MS) == "2026-03-14 07:30:00.480"


@given(st.integers(946_684_800_000, 4_102_444_800_000))
def test_what_is_written_is_read_back(time_ms: int) -> None:
    assert clock.parse_iso(clock.iso(time_ms)) == time_ms
    assert clock.parse_iso(clock.spoken(time_ms)) == time_ms


@pytest.mark.parametrize(
    "text", ["2026-03-14T07:30:00Z", "2026-03-14T07:30:00+00:00", "yesterday", "2026-02-30", ""]
)
def test_a_time_with_a_zone_or_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"zone|isoformat|day|month"):
        clock.parse_iso(text)


def test_a_packed_date_of_the_specification_is_read() -> None:
    # dhav.md section 4: 0x61628780 is 2024-05-17 08:30:00 [A]
    assert clock.packed_date(0x61628780) == clock.parse_iso("2024-05-17T08:30:00")


def pack(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    date = (year - 2000) << 26 | month << 22 | day << 17
    return date | hour << 12 | minute << 6 | second


@pytest.mark.parametrize(
    "value",
    [
        0,
        0xFFFFFFFF,
        pack(2024, 0, 1, 0, 0, 0),
        pack(2024, 13, 1, 0, 0, 0),
        pack(2024, 1, 0, 0, 0, 0),
        pack(2023, 2, 29, 0, 0, 0),
        pack(2024, 4, 31, 0, 0, 0),
        pack(2024, 1, 1, 24, 0, 0),
        pack(2024, 1, 1, 0, 60, 0),
        pack(2024, 1, 1, 0, 0, 60),
    ],
)
def test_an_impossible_packed_date_is_none(value: int) -> None:
    assert clock.packed_date(value) is None


@given(st.integers(0, (1 << 32) - 1))
def test_any_packed_date_is_what_the_calendar_says(value: int) -> None:
    fields = (value >> 26, value >> 22 & 15, value >> 17 & 31)
    time = (value >> 12 & 31, value >> 6 & 63, value & 63)
    try:
        moment = datetime(2000 + fields[0], *fields[1:], *time, tzinfo=UTC)
    except ValueError:
        assert clock.packed_date(value) is None
    else:
        assert clock.packed_date(value) == (moment - EPOCH) // timedelta(milliseconds=1)


def test_columns_of_dates_keep_good_and_bad_apart() -> None:
    dates = clock.dates(
        column(2024, 2023, 2100, 2000, 2400),
        column(2, 2, 2, 2, 2),
        column(29, 29, 29, 29, 29),
        *(column(0, 0, 0, 0, 0) for _ in range(3)),
    )
    leap = [clock.parse_iso(f"{year}-02-29") for year in (2024, 2000, 2400)]
    assert dates.tolist() == [leap[0], NO_TIME, NO_TIME, leap[1], leap[2]]


def stamped(truth: Times) -> Times:
    """Dates of whole seconds."""
    return truth // 1000 * 1000


def resolved(
    stamps: Times, ticks: Times, *, modulus: int | None = 65536, phase: Phase | None = None
) -> tuple[Times, Phase | None]:
    times, behind = clock.resolve(stamps, ticks, modulus=modulus, resolution=1000, phase=phase)
    return np.asarray(times), behind


def early(truth: Times, times: Times) -> list[int]:
    """By how much the times are before the truth: the least and the most."""
    return [int((truth - times).min()), int((truth - times).max())]


@settings(max_examples=100)
@given(
    st.integers(0, 999),
    st.integers(0, 1 << 40),
    st.lists(st.integers(1, 200), min_size=30, max_size=120),
    st.sampled_from([65536, 1 << 32, None]),
)
def test_times_lag_the_truth_by_less_than_an_interval(
    begin: int, phase: int, steps: list[int], modulus: int | None
) -> None:
    truth = START_MS + begin + np.cumsum(column(*steps))
    ticks = truth - START_MS + phase
    times, behind = resolved(stamped(truth), ticks if modulus is None else ticks % modulus)
    if int(truth[-1]) // 1000 == int(truth[0]) // 1000:
        truth, times = truth[:1], times[:1]
        assert 0 <= early(truth, times)[0] < 1000
        return
    least, most = early(truth, times)
    assert least == most  # all by the same: the distances are exact
    assert 0 <= least < max(steps)
    assert (np.diff(times) == np.diff(truth)).all()
    assert behind is not None
    assert behind.time_ms == int(times[-1])


def test_the_counter_may_wrap_at_16_bits_again_and_again() -> None:
    truth = START_MS + np.arange(0, 300_000, INTERVAL_MS)
    times, behind = resolved(stamped(truth), (truth + 999) % 65536)
    assert early(truth, times) == [0, 0]
    assert behind == Phase(int(truth[-1] + 999) % 65536, int(truth[-1]))


def test_a_date_that_goes_back_an_hour_is_followed_at_that_frame() -> None:
    running = START_MS + np.arange(0, 20_000, INTERVAL_MS)
    truth = np.where(np.arange(len(running)) < 250, running, running - HOUR_MS)
    times, _ = resolved(stamped(truth), running % 65536)
    least, most = early(truth, times)
    assert 0 <= least <= most < INTERVAL_MS
    assert int(np.argmin(np.diff(times))) == 249


def test_a_single_wrong_date_moves_its_frame_alone() -> None:
    truth = START_MS + np.arange(0, 4_000, INTERVAL_MS)
    stamps = stamped(truth)
    stamps[30] += HOUR_MS
    times, _ = resolved(stamps, truth % 65536)
    others = np.arange(len(truth)) != 30
    assert early(truth[others], times[others])[0] >= 0
    assert early(truth[others], times[others])[1] < 1000
    assert (times[30] - truth[30]) // 1000 in (HOUR_MS // 1000 - 1, HOUR_MS // 1000)


def test_without_dates_times_are_known_from_the_phase_only() -> None:
    ticks = column(100, 140, 180)
    nothing = column(NO_TIME, NO_TIME, NO_TIME)
    times, behind = resolved(nothing, ticks)
    assert (times.tolist(), behind) == (nothing.tolist(), None)
    times, behind = resolved(nothing, ticks, phase=Phase(65_500, START_MS))
    assert times.tolist() == [START_MS + 136, START_MS + 176, START_MS + 216]
    assert behind == Phase(180, START_MS + 216)


def test_without_a_counter_the_dates_stand_and_the_phase_is_handed_on() -> None:
    stamps, nothing = column(START_MS, NO_TIME), column(NO_TICK, NO_TICK)
    phase = Phase(5, START_MS)
    times, behind = resolved(stamps, nothing, phase=phase)
    assert times.tolist() == stamps.tolist()
    assert behind == phase
    assert resolved(stamps, nothing)[1] is None


def test_no_frames_have_no_times() -> None:
    times, behind = resolved(column(), column())
    assert (times.tolist(), behind) == ([], None)


def test_undated_frames_between_dated_ones_are_filled_in() -> None:
    """As in NNdcH264: only key frames are dated, all are counted."""
    truth = START_MS + np.arange(0, 8_000, INTERVAL_MS)
    stamps = np.where(np.arange(len(truth)) % 24 == 0, stamped(truth), NO_TIME)
    times, _ = resolved(stamps, truth - START_MS + 77, modulus=None)
    least, most = early(truth, times)
    assert least == most
    assert 0 <= least < 24 * INTERVAL_MS


def test_a_row_without_a_counter_keeps_its_own_date() -> None:
    stamps = column(START_MS, START_MS + 7000, NO_TIME, START_MS)
    times, _ = resolved(stamps, column(10, NO_TICK, NO_TICK, 50))
    assert times[[1, 2]].tolist() == [START_MS + 7000, NO_TIME]


def test_undated_frames_behind_a_break_of_the_counter_belong_to_the_next_date() -> None:
    """The seam of a ring: newer frames, then the rest of an older group of pictures."""
    new = START_MS + np.arange(0, 2_000, INTERVAL_MS)
    old = START_MS - 9 * HOUR_MS + np.arange(0, 2_000, INTERVAL_MS)
    truth = np.concatenate([new, old])
    places = np.arange(len(truth))
    stamps = np.where((places % 25 == 0) & (places != len(new)), stamped(truth), NO_TIME)
    ticks = np.concatenate([new - START_MS + 5, old - START_MS + 11 * HOUR_MS])
    times, _ = resolved(stamps, ticks, modulus=None)
    assert early(truth, times)[0] >= 0
    assert early(truth, times)[1] < 1000


def test_dates_that_come_late_and_early_are_met_in_the_middle() -> None:
    truth = START_MS + np.arange(0, 10_000, INTERVAL_MS)
    lag = np.where(np.arange(len(truth)) % 3 == 0, 300, 0)
    times, _ = resolved(stamped(truth - lag), truth % 65536)
    assert -300 <= early(truth, times)[0] <= early(truth, times)[1] <= 300
    assert (np.diff(times) == INTERVAL_MS).all()


def in_segments(stamps: Times, ticks: Times, sizes: list[int]) -> Times:
    phase: Phase | None = None
    parts = []
    start = 0
    for size in [*sizes, len(stamps)]:
        end = min(start + size, len(stamps))
        times, phase = resolved(stamps[start:end], ticks[start:end], phase=phase)
        parts.append(times)
        start = end
    return np.concatenate(parts)


@settings(max_examples=60)
@given(st.integers(0, 65535), st.lists(st.integers(25, 400), max_size=6))
def test_segment_by_segment_gives_the_same_as_all_at_once(offset: int, sizes: list[int]) -> None:
    truth = START_MS + np.arange(0, 60_000, INTERVAL_MS)
    stamps, ticks = stamped(truth), (truth + offset) % 65536
    whole, _ = resolved(stamps, ticks)
    assert in_segments(stamps, ticks, sizes).tolist() == whole.tolist()


@settings(max_examples=60)
@given(
    st.lists(st.integers(20, 90), min_size=300, max_size=300),
    st.lists(st.integers(60, 120), max_size=4),
)
def test_between_segments_no_time_goes_back_or_leaves_its_interval(
    steps: list[int], sizes: list[int]
) -> None:
    """With uneven pictures a later segment may know better: by less than one interval."""
    truth = START_MS + np.cumsum(column(*steps))
    times = in_segments(stamped(truth), truth % 65536, sizes)
    least, most = early(truth, times)
    assert 0 <= least <= most < 90
    assert (np.diff(times) > 0).all()


def test_a_counter_that_is_slow_by_a_little_never_makes_time_go_back() -> None:
    truth = START_MS + np.arange(0, 240_000, INTERVAL_MS)
    ticks = START_MS + ((truth - START_MS) * 9995) // 10000
    times = in_segments(stamped(truth), ticks % 65536, [750] * 7)
    assert (np.diff(times) > 0).all()
    assert max(map(abs, early(truth, times))) < 2 * INTERVAL_MS


def test_a_counter_that_is_fast_by_a_little_never_makes_time_go_back() -> None:
    truth = START_MS + np.arange(0, 240_000, INTERVAL_MS)
    ticks = START_MS + ((truth - START_MS) * 10005) // 10000
    times = in_segments(stamped(truth), ticks % 65536, [750] * 7)
    assert (np.diff(times) > 0).all()
    assert max(map(abs, early(truth, times))) < 2 * INTERVAL_MS


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([NO_TIME, START_MS, START_MS + 1000, 0, START_MS - HOUR_MS]),
            st.sampled_from([NO_TICK, 0, 1 << 62, -(1 << 62), (1 << 63) - 1])
            | st.integers(0, 1 << 20),
        ),
        max_size=20,
    ),
    st.sampled_from([None, 65536, 1 << 32]),
)
def test_hostile_columns_give_times_in_the_calendar(
    rows: list[tuple[int, int]], modulus: int | None
) -> None:
    stamps = column(*(stamp for stamp, _ in rows))
    times, behind = resolved(stamps, column(*(tick for _, tick in rows)), modulus=modulus)
    assert len(times) == len(rows)
    for time_ms in times.tolist():
        assert time_ms == NO_TIME or len(clock.iso(time_ms)) >= 20
    assert behind is None or len(clock.iso(behind.time_ms)) >= 20


def test_alternating_dates_do_not_take_long() -> None:
    count = 1 << 20
    stamps = START_MS + np.arange(count) % 2 * HOUR_MS
    times, _ = resolved(stamps, np.arange(count) % 65536)
    assert times.tolist() == stamps.tolist()
