"""Several media of one recorder: the best of each moment, and no absence that is not sure."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrecover.diagnosis import Medium, of_media
from vidrecover.model import (
    Cause,
    CauseKind,
    Certainty,
    ChannelDiagnosis,
    Diagnosis,
    PictureState,
    State,
    StateSpan,
    TimeSpan,
)

WINDOW = TimeSpan(0, 10_000)
FOOTAGE = {State.RECORDED, State.NOT_INDEXED}
ABSENCE = {State.NOT_RECORDED, State.RECORDER_OFF}
UNPROVEN = ABSENCE | {State.NOT_KNOWN}


def lane(*parts: tuple[int, State]) -> tuple[StateSpan, ...]:
    """Spans that tile the window, each from the end of the one before to its time."""
    edges = [0, *(time for time, _ in parts)]
    return tuple(
        StateSpan(
            span=TimeSpan(*edge),
            state=state,
            indexed=state is State.RECORDED,
            picture=PictureState.NOT_CHECKED,
            reason=f"it is {state.value}",
            basis=("claim none",),
        )
        for edge, (_, state) in zip(pairwise(edges), parts, strict=True)
    )


def one(spans: tuple[StateSpan, ...], share: float = 1.0, **more: object) -> Diagnosis:
    camera = ChannelDiagnosis(channel=1, state=spans[0].state, spans=spans)
    return Diagnosis(
        source="disk", scanned_share=share, window=WINDOW, channels=(camera,), **more  # type: ignore[arg-type]
    )  # fmt: skip


def merged(*media: Diagnosis | None) -> Diagnosis:
    names = ("main", "sd", "backup")
    return of_media([Medium(*pair) for pair in zip(names, media, strict=False)], WINDOW)


def spans(*media: Diagnosis | None) -> list[tuple[int, int, State]]:
    (camera,) = merged(*media).channels
    return [(*told.span, told.state) for told in camera.spans]


def state_at(told: tuple[StateSpan, ...], time_ms: int) -> State:
    return next(span.state for span in told if span.span.start_ms <= time_ms < span.span.end_ms)


@st.composite
def diagnoses(draw: st.DrawFn) -> Diagnosis:
    inner = draw(st.sets(st.integers(1, 9).map(lambda second: second * 1000), max_size=4))
    parts = [(time, draw(st.sampled_from(State))) for time in (*sorted(inner), WINDOW.end_ms)]
    return one(lane(*parts), draw(st.sampled_from((1.0, 1.0, 0.5))))


@given(st.lists(st.one_of(diagnoses(), st.none()), min_size=1, max_size=3))
def test_no_moment_is_told_worse_than_the_best_medium_proves_nor_absent_where_one_is_unsure(
    media: list[Diagnosis | None],
) -> None:
    found = merged(*media)
    if all(medium is None for medium in media):
        assert found.channels == ()
        return
    (camera,) = found.channels
    assert [camera.spans[0].span.start_ms, camera.spans[-1].span.end_ms] == [*WINDOW]
    assert all(left.span.end_ms == right.span.start_ms for left, right in pairwise(camera.spans))
    known = [medium for medium in media if medium is not None]
    are_whole = len(known) == len(media) and all(one.scanned_share == 1.0 for one in known)
    for time_ms in range(0, WINDOW.end_ms, 500):
        said = {state_at(medium.channels[0].spans, time_ms) for medium in known}
        best = state_at(camera.spans, time_ms)
        assert best in said | {State.NOT_KNOWN, State.NOT_RECORDED}
        if said & FOOTAGE:
            assert best is (State.RECORDED if State.RECORDED in said else State.NOT_INDEXED)
        elif said - UNPROVEN:
            assert best in said - UNPROVEN
        elif said <= ABSENCE and are_whole:
            assert best is (State.NOT_RECORDED if State.NOT_RECORDED in said else best)
            assert best in said
        else:
            assert best is State.NOT_KNOWN


def test_each_stretch_comes_from_the_medium_that_has_it_and_says_so() -> None:
    half = lane((6000, State.RECORDED), (10_000, State.INDEXED_NOT_FOUND))
    other = lane((4000, State.NOT_KNOWN), (10_000, State.NOT_INDEXED))
    (camera,) = merged(one(half), one(other)).channels
    assert [(*told.span, told.state) for told in camera.spans] == [
        (0, 6000, State.RECORDED),
        (6000, 10_000, State.NOT_INDEXED),
    ]
    first, second = camera.spans
    assert first.reason == "on medium main: it is recorded"
    assert second.reason.startswith("on medium sd: it is not_indexed (said of ")
    assert first.basis == ("medium main: claim none", "medium sd: footage of this time too")
    assert camera.state is State.NOT_INDEXED


@pytest.mark.parametrize("absent", sorted(ABSENCE))
def test_absence_needs_every_medium_read_whole(absent: State) -> None:
    gone = one(lane((10_000, absent)))
    assert spans(gone, gone) == [(0, 10_000, absent)]
    assert spans(gone, one(lane((10_000, absent)), 0.5)) == [(0, 10_000, State.NOT_KNOWN)]
    half = merged(gone, one(lane((10_000, absent)), 0.5)).channels[0].spans[0]
    assert "on medium sd: only 50.0 % of it was read" in half.reason
    assert spans(gone, None) == [(0, 10_000, State.NOT_KNOWN)]
    assert "medium sd: it was never scanned" in merged(gone, None).channels[0].spans[0].reason
    assert "medium sd was named, but never scanned: scan it" in merged(gone, None).notes


def test_a_recorder_that_another_medium_saw_running_was_not_off() -> None:
    off, gap = one(lane((10_000, State.RECORDER_OFF))), one(lane((10_000, State.NOT_RECORDED)))
    assert spans(off, gap) == [(0, 10_000, State.NOT_RECORDED)]


def test_a_cause_that_two_media_show_is_told_once_with_both() -> None:
    cause = Cause(
        kind=CauseKind.VIDEO_LOSS, channels=(1,), span=WINDOW, certainty=Certainty.CERTAIN,
        reason="no picture", basis=("segment 1",),
    )  # fmt: skip
    told = lane((10_000, State.NO_SIGNAL))
    (found,) = merged(one(told, causes=(cause,)), one(told, causes=(cause,))).causes
    assert found.reason == "on media main, sd: no picture"
    assert found.basis == ("medium main: segment 1", "medium sd: segment 1")
