"""A span is called whole only when the frames prove it."""

from collections.abc import Sequence

import msgspec
import pytest

from vidrecover.coverage import Coverage, covered
from vidrecover.model import (
    Codec,
    Frames,
    Media,
    Segment,
    Stream,
    TimeSpan,
    no_frames,
)

SPAN = TimeSpan(100_000, 110_000)
RATE_MS = 100


def segment(start_ms: int, end_ms: int, first: int, *, place: int = 0) -> Segment:
    """Ten pictures a second of camera 3, numbered from `first`, each second begun by a key."""
    count = (end_ms - start_ms) // RATE_MS
    return Segment(
        format="dhav", channel=3, stream=Stream.MAIN, codec=Codec.H264, start_ms=start_ms,
        end_ms=end_ms - RATE_MS, start=place + first * 1000, end=place + (first + count) * 1000,
        frames=count, keys=count // 10, audio=0, size=count * 1000, first_sequence=first,
        last_sequence=first + count - 1, missing=0, unfinished=0, rows=b"",
    )  # fmt: skip


def rows(one: Segment) -> Frames:
    """The frames of such a segment."""
    table = no_frames(one.frames)
    for number in range(one.frames):
        table["time_ms"][number] = (one.start_ms or 0) + number * RATE_MS
        table["kind"][number] = Media.DELTA if number % 10 else Media.KEY
    return table


def judged(*segments: Segment, counted: Sequence[str] = ("dhav",)) -> Coverage:
    return covered(segments, 3, SPAN, counted=counted, unpack=rows)


def test_frames_without_a_hole_from_a_key_picture_on_are_whole() -> None:
    found = judged(segment(95_000, 105_000, 500), segment(105_000, 112_000, 600))
    assert (found.is_whole, found.reason) == (True, None)


def test_a_missing_number_inside_is_a_hole_however_short() -> None:
    found = judged(segment(95_000, 105_000, 500), segment(105_000, 112_000, 601))
    assert found.has_hole
    assert not found.is_whole
    assert found.reason is not None
    assert "missing" in found.reason


def test_a_hole_between_the_key_picture_and_the_span_counts() -> None:
    before = msgspec.structs.replace(segment(95_000, 99_000, 500), end_ms=98_900)
    late = segment(99_500, 112_000, 560)
    found = covered(
        [before, late], 3, SPAN, counted={"dhav"},
        unpack=lambda one: rows(one)[1:] if one is late else rows(one),
    )  # fmt: skip
    assert found.lacks_before
    assert not found.is_whole


@pytest.mark.parametrize(
    ("start", "end", "before", "behind"),
    [(100_500, 112_000, True, False), (95_000, 109_000, False, True)],
)
def test_what_reaches_not_over_the_span_lacks_that_end(
    start: int, end: int, before: bool, behind: bool
) -> None:
    found = judged(segment(start, end, 500))
    assert (found.lacks_before, found.lacks_behind) == (before, behind)
    assert not found.is_whole


def test_numbers_that_go_on_prove_a_silence() -> None:
    found = judged(segment(90_000, 96_000, 500), segment(115_000, 120_000, 560))
    assert found.is_whole
    assert found.frames == 0
    assert [(one.start_ms, one.end_ms) for one in found.silences] == [(95_900, 115_000)]


def test_numbers_that_jump_over_the_span_prove_nothing() -> None:
    found = judged(segment(90_000, 96_000, 500), segment(115_000, 120_000, 900))
    assert not found.is_whole


def test_the_same_frames_twice_are_no_hole() -> None:
    one = segment(95_000, 112_000, 500)
    found = judged(one, segment(95_000, 112_000, 500, place=10**9))
    assert found.is_whole


def test_without_numbers_a_gap_of_time_is_a_hole() -> None:
    parts = segment(95_000, 103_000, 500), segment(106_000, 112_000, 580)
    assert judged(*parts).is_whole
    assert judged(*parts, counted=()).has_hole


def test_no_frames_prove_nothing() -> None:
    found = judged()
    assert (found.is_whole, found.frames) == (False, 0)
