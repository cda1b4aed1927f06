"""Frame numbers prove what was recorded, and what was not."""

import msgspec
import pytest

from vidrecover.model import Codec, Segment, Stream, TimeSpan
from vidrecover.timeline import Numbers, Step, Told

COUNTED = frozenset({"dhav"})


def segment(
    start_ms: int | None,
    end_ms: int | None,
    first: int | None,
    last: int | None,
    *,
    channel: int | None = 1,
    stream: Stream = Stream.MAIN,
    frames: int = 25,
) -> Segment:
    """A hundred bytes a frame."""
    count = 1 + (last or 0) - (first or 0)
    return Segment(
        format="dhav",
        channel=channel,
        stream=stream,
        codec=Codec.H264,
        start_ms=start_ms,
        end_ms=end_ms,
        start=start_ms or 0,
        end=(start_ms or 0) + 100 * count,
        frames=frames,
        keys=1,
        audio=0,
        size=100 * count,
        first_sequence=first,
        last_sequence=last,
        missing=0,
        unfinished=0,
        rows=b"",
    )


BEFORE = segment(0, 10_000, 0, 100)
"""Ten frames a second."""


def step(*segments: Segment, at_ms: int = 15_000, channel: int = 1) -> Step | None:
    return Numbers(segments, COUNTED).over(channel, at_ms)


def test_numbers_that_follow_each_other_prove_that_nothing_was_recorded() -> None:
    found = step(BEFORE, segment(20_000, 30_000, 101, 201))
    assert found == Step(TimeSpan(10_000, 20_000), Told.NONE, 0, 0)


def test_as_many_missing_as_such_a_time_takes_prove_that_it_was_recorded() -> None:
    found = step(BEFORE, segment(20_000, 30_000, 200, 300))
    assert found == Step(TimeSpan(10_000, 20_000), Told.FILLED, 99, 9900)


@pytest.mark.parametrize(
    ("after", "told"),
    [(150, Told.SOME), (190, Told.FILLED), (310, Told.FILLED), (500, Told.SOME)],
)
def test_too_few_and_far_too_many_tell_only_that_there_were_some(after: int, told: Told) -> None:
    found = step(BEFORE, segment(20_000, 30_000, after, after + 100))
    assert found is not None
    assert (found.told, found.frames) == (told, after - 101)


def test_the_slower_and_the_faster_rate_beside_both_fit() -> None:
    slow = segment(20_000, 30_000, 125, 150)
    fast = segment(20_000, 30_000, 350, 600)
    for after in (slow, fast):
        found = step(BEFORE, after)
        assert found is not None
        assert found.told is Told.FILLED


def test_numbers_that_begin_anew_prove_nothing() -> None:
    assert step(BEFORE, segment(20_000, 30_000, 0, 100)) is None
    assert step(BEFORE, segment(20_000, 30_000, 100, 200)) is None


def test_without_numbers_or_times_nothing_is_proven() -> None:
    after = segment(20_000, 30_000, 101, 201)
    assert Numbers([BEFORE, after], frozenset()).over(1, 15_000) is None
    assert step(BEFORE, segment(20_000, 30_000, None, None)) is None
    assert step(BEFORE, segment(None, None, 101, 201)) is None
    assert step(BEFORE, after, channel=2) is None
    assert step(BEFORE, after, at_ms=9000) is None
    assert step(BEFORE, msgspec.structs.replace(after, channel=None)) is None
    assert step() is None


def test_a_frame_alone_tells_no_rate() -> None:
    found = step(segment(10_000, 10_000, 100, 100), segment(20_000, 20_000, 200, 200))
    assert found == Step(TimeSpan(10_000, 20_000), Told.SOME, 99, 9900)


def test_short_steps_are_left_out() -> None:
    numbers = Numbers([BEFORE, segment(10_500, 20_000, 105, 200)], COUNTED)
    assert numbers.steps(1) == []
    assert numbers.steps(None) == []


def test_another_copy_in_between_hides_no_step() -> None:
    copy = segment(2000, 4000, 20, 40)
    found = step(BEFORE, copy, segment(20_000, 30_000, 101, 201))
    assert found is not None
    assert found.told is Told.NONE


def test_sound_and_data_count_among_the_numbers() -> None:
    sound = segment(14_000, 14_500, 101, 105, frames=0)
    after = segment(20_000, 30_000, 106, 206)
    assert step(BEFORE, sound, after, at_ms=12_000) == Step(
        TimeSpan(10_000, 14_000), Told.NONE, 0, 0
    )
    assert step(BEFORE, sound, after, at_ms=14_200) is None


def test_nothing_is_proven_absent_while_another_stream_does_not_tell() -> None:
    after = segment(20_000, 30_000, 101, 201)
    sub = segment(0, 9000, 0, 90, stream=Stream.SUB)
    assert step(BEFORE, after, sub) is None
    lost = segment(20_000, 30_000, 200, 300, stream=Stream.SUB)
    found = step(BEFORE, after, sub, lost)
    assert found is not None
    assert (found.told, found.frames) == (Told.FILLED, 109)
