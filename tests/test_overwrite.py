"""The overwrite clock keeps what it says, and says nothing where no ring is proven."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from vidrecover import clock, show, simulate
from vidrecover.case import Case
from vidrecover.diagnosis import Evidence, diagnose
from vidrecover.model import (
    Codec,
    Extent,
    OverwriteClock,
    Ring,
    Segment,
    SourceRef,
    Stream,
    TimeSpan,
    VolumeReport,
)

START = clock.parse_iso("2026-03-14T07:30:00")
SIZE, BLOCK = 6_000_000, 10_000


def segments(
    first: int, last: int, *, at: Callable[[int], int], rate: Callable[[int], int] = lambda _: BLOCK
) -> list[Segment]:
    """One segment a second, from second `first` on, where `at` says."""
    return [
        Segment(
            id=second + 1, format="dhav", channel=1, stream=Stream.MAIN, codec=Codec.H264,
            start_ms=START + second * 1000, end_ms=START + second * 1000 + 960,
            start=at(second), end=at(second) + rate(second), frames=25, keys=1, audio=0,
            size=rate(second), first_sequence=None, last_sequence=None, missing=0, unfinished=0,
            rows=b"",
        )
        for second in range(first, last)
    ]  # fmt: skip


def clock_of(
    found: Sequence[Segment],
    ring: Ring | None,
    window: TimeSpan | None = None,
    *,
    scanned: int = SIZE,
) -> OverwriteClock | None:
    volumes = (VolumeReport(layout="dhfs", extent=Extent(0, SIZE), claims=(), ring=ring),)
    observed = Evidence(
        source="van.img",
        size=SIZE,
        scanned=[Extent(0, scanned)],
        segments=found,
        volumes=volumes if ring is not None else (),
    )
    return diagnose(observed, window=window).overwrite


def second(first: int, last: int) -> TimeSpan:
    return TimeSpan(START + first * 1000, START + last * 1000)


def test_a_ring_that_is_not_full_takes_its_free_space_first() -> None:
    ring = Ring(extent=Extent(0, SIZE), head=3_000_000, block=BLOCK)
    found = clock_of(segments(0, 300, at=lambda s: s * BLOCK), ring, second(100, 110))
    assert found is not None
    assert (found.rate, found.kept_ms) == (10_000, 600_000)
    assert found.left_ms == 400_000  # 300 s of free space, then what came before the window
    assert (found.least_ms, found.most_ms) == (399_000, 401_000)
    assert found.pull_before_ms == START + 299_960 + 399_000


def test_a_ring_that_came_round_is_counted_from_its_head() -> None:
    found = clock_of(
        segments(400, 1000, at=lambda s: s % 600 * BLOCK),
        Ring(extent=Extent(0, SIZE), head=4_000_000, block=BLOCK),
        second(500, 510),
    )
    assert found is not None
    assert found.left_ms == 100_000


def test_a_pause_of_the_recorder_does_not_count_as_recording() -> None:
    two = [
        *segments(0, 150, at=lambda s: s * BLOCK),
        *segments(4000, 4150, at=lambda s: (s - 3850) * BLOCK),
    ]
    ring = Ring(extent=Extent(0, SIZE), head=3_000_000, block=BLOCK)
    found = clock_of(two, ring)
    assert found is not None
    assert found.rate == pytest.approx(10_000, rel=0.01)
    assert found.left_ms is None


def test_a_ring_is_proven_by_footage_alone_when_no_structure_is_left() -> None:
    found = clock_of(segments(400, 1000, at=lambda s: s % 600 * BLOCK), None, second(500, 510))
    assert found is not None
    assert found.left_ms is not None
    assert abs(found.left_ms - 100_000) <= 1000
    assert "goes back in time at one place only" in found.reason


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (segments(0, 300, at=lambda s: s * BLOCK), "nothing proves that it is a ring"),
        (
            [
                *segments(0, 100, at=lambda s: (s + 100) * BLOCK),
                *segments(500, 600, at=lambda s: (s - 500) * BLOCK),
                *segments(200, 300, at=lambda s: (s + 100) * BLOCK),
                *segments(50, 90, at=lambda s: (s + 400) * BLOCK),
            ],
            "nothing proves that it is a ring",
        ),
    ],
)
def test_without_a_proven_ring_it_is_not_known_and_says_why(
    found: Sequence[Segment], why: str
) -> None:
    told = clock_of(found, None, second(0, 10))
    assert told is not None
    assert (told.rate, told.left_ms, told.pull_before_ms) == (None, None, None)
    assert why in told.reason
    said = show.overwrite_json(told)
    assert said is not None
    assert (said["known"], said["seconds_left"]) == (False, None)


def test_what_is_missing_for_the_time_asked_for_is_told() -> None:
    ring = Ring(extent=Extent(0, SIZE), head=3_000_000, block=BLOCK)
    half = segments(0, 300, at=lambda s: s * BLOCK)
    late = clock_of(half, ring, second(400, 410))
    cut = clock_of(half, ring, second(100, 110), scanned=SIZE - 1000)
    short = clock_of(segments(0, 3, at=lambda s: s * BLOCK), ring)
    assert late is not None
    assert cut is not None
    assert short is not None
    assert (late.left_ms, cut.left_ms, short.rate) == (None, None, None)
    assert "no footage of the time asked for" in late.reason
    assert "1000 bytes of it have not been scanned" in cut.reason
    assert "too little footage" in short.reason


def test_blocks_that_last_long_go_from_front_to_back_and_only_the_latest_time_tells() -> None:
    ring = Ring(extent=Extent(0, SIZE), head=3_000_000, block=BLOCK, lasting_ms=60_000)
    found = clock_of(segments(0, 300, at=lambda s: s * BLOCK), ring, second(100, 110))
    assert found is not None
    assert (found.least_ms, found.left_ms, found.most_ms) == (399_000, 400_000, 461_000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "seconds", "most_ms"),
    [("dhfs-wrapped", 40, 30_000), ("dhfs-wrapped", 57, 30_000), ("hikvision-wrapped", 57, 90_000)],
)
def test_a_simulated_ring_loses_the_window_within_the_error_that_was_told(
    tmp_path: Path, name: str, seconds: int, most_ms: int
) -> None:
    scenario = simulate.load(simulate.scenarios()[name])
    if scenario.hikvision is not None:
        wider = msgspec.structs.replace(scenario.hikvision, blocks=12)
        scenario = msgspec.structs.replace(scenario, hikvision=wider)
    start = clock.parse_iso(scenario.start)
    window = TimeSpan(start + (seconds - 12) * 1000, start + (seconds - 10) * 1000)

    def built(lasting_ms: int, folder: Path) -> Path:
        end = clock.iso(start + lasting_ms)[:23]
        disk = folder / "disk.img"
        simulate.build(msgspec.structs.replace(scenario, end=end), disk)
        return disk

    def is_whole(folder: Path) -> bool:
        with (folder / "frames.csv").open(newline="") as file:
            return not any(
                row["state"] == "overwritten"
                and window.start_ms <= clock.parse_iso(row["time"]) < window.end_ms
                for row in csv.DictReader(file)
            )

    disk = built(seconds * 1000, tmp_path / "now")
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(disk)), pictures=False)
        found = case.diagnose(window=window).overwrite
    assert found is not None
    assert found.least_ms is not None
    assert found.most_ms is not None
    assert 4000 < found.least_ms < found.most_ms < most_ms
    built(seconds * 1000 + found.least_ms, tmp_path / "least")
    assert is_whole(tmp_path / "least")
    built(seconds * 1000 + found.most_ms, tmp_path / "most")
    assert not is_whole(tmp_path / "most")
