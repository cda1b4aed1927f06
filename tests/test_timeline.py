"""Neighbours are joined, copies are not, and both witnesses stand side by side."""

from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover.model import Claim, ClaimKind, Codec, Extent, Segment, Stream, TimeSpan
from vidrecover.timeline import (
    Moment,
    Shelf,
    attributed,
    claimed,
    compare,
    covered,
    lists,
    missing_extents,
    provable_from,
    recordings,
)

MIB = 1 << 20
MINUTE = 60_000


def segment(
    start_ms: int | None,
    end_ms: int | None = None,
    *,
    start: int = 0,
    size: int = 1000,
    channel: int | None = 1,
    numbers: tuple[int, int] | None = None,
    frames: int = 25,
    joined: bool = False,
    stream: Stream = Stream.MAIN,
) -> Segment:
    return Segment(
        format="dhav",
        channel=channel,
        stream=stream,
        codec=Codec.H264,
        start_ms=start_ms,
        end_ms=start_ms if end_ms is None else end_ms,
        start=start,
        end=start + size,
        frames=frames,
        keys=1,
        audio=0,
        size=size,
        first_sequence=numbers[0] if numbers else None,
        last_sequence=numbers[1] if numbers else None,
        missing=0,
        unfinished=0,
        rows=b"",
        joined=joined,
    )


def claim(
    start_ms: int | None,
    end_ms: int | None,
    *extents: Extent,
    kind: ClaimKind = ClaimKind.INDEX,
    channel: int | None = 1,
    is_open: bool = False,
) -> Claim:
    return Claim(
        volume="dhfs",
        kind=kind,
        channel=channel,
        start_ms=start_ms,
        end_ms=end_ms,
        extents=extents,
        entry=Extent(0, 32),
        open=is_open,
    )


def chains(*segments: Segment) -> list[tuple[Segment, ...]]:
    return [recording.segments for recording in recordings(segments)]


def test_neighbours_in_time_are_one_recording() -> None:
    first, second = segment(0, 960, start=0), segment(1000, 1960, start=1000)
    (found,) = recordings([first, second])
    assert found.segments == (first, second)
    assert (found.channel, found.stream, found.format, found.codec) == (
        1,
        Stream.MAIN,
        "dhav",
        Codec.H264,
    )
    assert (found.start_ms, found.end_ms) == (0, 1960)


def test_a_gap_longer_than_the_tolerance_ends_a_recording() -> None:
    first, near, far = segment(0, 1000), segment(3000, 4000), segment(6001, 7000)
    assert chains(first, near, far) == [(first, near), (far,)]
    assert len(recordings([first, near, far], tolerance_ms=1999)) == 3


def test_a_wrap_does_not_make_a_gap() -> None:
    first, second = segment(0, 960, start=900 * MIB), segment(1000, 1960, start=MIB)
    assert chains(first, second) == [(first, second)]


def test_cameras_and_streams_are_different_recordings() -> None:
    first = segment(0, 960)
    other = segment(1000, 1960, channel=2)
    sub = segment(1000, 1960, channel=2, stream=Stream.SUB)
    assert chains(first, other, sub) == [(first,), (other,), (sub,)]


def test_the_same_content_twice_makes_two_recordings() -> None:
    copies = [[segment(t, t + 960, start=at + t) for t in (0, 1000, 2000)] for at in (0, 500 * MIB)]
    mixed = sorted(copies[0] + copies[1], key=lambda s: (s.start_ms or 0, s.start))
    assert chains(*mixed) == [tuple(copies[0]), tuple(copies[1])]


def test_copies_of_less_than_a_second_are_told_apart_by_number_or_content() -> None:
    numbered = [segment(5000, start=at, numbers=(7, 9)) for at in (0, 5000)]
    assert chains(*numbered) == [(numbered[0],), (numbered[1],)]
    plain = [segment(5000, start=at) for at in (0, 5000)]
    assert chains(*plain) == [(plain[0],), (plain[1],)]
    following = [segment(5000, numbers=(7, 9)), segment(5000, start=5000, numbers=(10, 12))]
    assert chains(*following) == [tuple(following)]


def test_a_frame_glued_over_a_border_lies_between_its_neighbours() -> None:
    before = segment(0, 10_000, start=5 * MIB, numbers=(1, 250))
    glued = segment(10_000, start=6 * MIB, numbers=(251, 251), joined=True, frames=1)
    after = segment(10_000, 20_000, start=MIB, numbers=(252, 500))
    assert chains(before, after, glued) == [(before, glued, after)]


def test_numbers_that_begin_anew_keep_their_order() -> None:
    last = segment(0, 9000, numbers=(65_000, 65_533))
    glued = segment(9000, numbers=(65_534, 65_535), joined=True)
    after = segment(9000, 12_000, numbers=(0, 70), start=MIB)
    assert chains(last, after, glued) == [(last, glued, after)]


def test_a_small_step_back_is_bridged_where_place_or_number_prove_it() -> None:
    first = segment(0, 60_010, start=0, size=1000)
    beside = segment(59_990, 70_000, start=1000)
    assert chains(first, beside) == [(first, beside)]
    assert recordings([first, beside])[0].end_ms == 70_000
    elsewhere = segment(59_990, 70_000, start=50 * MIB)
    assert chains(first, elsewhere) == [(first,), (elsewhere,)]
    further_back = segment(59_000, 70_000, start=1000)
    assert chains(first, further_back) == [(first,), (further_back,)]


def test_segments_without_time_are_joined_by_neighbourhood_only() -> None:
    near = [segment(None, start=0), segment(None, start=MIB + 999)]
    far = segment(None, start=2 * MIB + 1999)
    assert chains(*near, far) == [tuple(near), (far,)]
    glued = segment(None, start=500, size=900 * MIB, joined=True)
    assert chains(near[0], glued, far) == [(near[0], glued), (far,)]


def test_dated_and_undated_segments_are_never_joined() -> None:
    dated, undated = segment(0, 960), segment(None, start=1000)
    assert chains(dated, undated) == [(dated,), (undated,)]


_SEGMENTS = st.lists(
    st.builds(
        lambda t, d, at, size, channel, number, joined: segment(
            t,
            None if t is None else t + d,
            start=at,
            size=size,
            channel=channel,
            numbers=None if number is None else (number, number + 5),
            joined=joined,
        ),
        st.none() | st.integers(0, 20_000),
        st.integers(0, 5000),
        st.integers(0, 1 << 24),
        st.integers(1, 1 << 22),
        st.sampled_from([None, 1, 2]),
        st.none() | st.integers(0, 100),
        st.booleans(),
    ),
    max_size=25,
)


def _ordered(segments: list[Segment]) -> list[Segment]:
    return sorted(
        segments,
        key=lambda s: (
            s.channel is None,
            s.channel or 0,
            s.start_ms is None,
            s.start_ms or 0,
            s.start,
        ),
    )


@settings(max_examples=150, deadline=None)
@given(_SEGMENTS)
def test_every_segment_is_in_exactly_one_recording(segments: list[Segment]) -> None:
    found = recordings(_ordered(segments))
    inside = [id(one) for recording in found for one in recording.segments]
    assert sorted(inside) == sorted(id(one) for one in segments)
    for recording in found:
        for before, after in pairwise(recording.segments):
            if before.end_ms is None or after.start_ms is None:
                assert before.end_ms is None and after.start_ms is None
            else:
                assert -500 <= after.start_ms - before.end_ms <= 2000


def test_many_copies_at_one_time_are_no_trap() -> None:
    segments = [segment(0, 10_000, start=i * 1000) for i in range(3000)]
    assert len(recordings(segments)) == 3000


def test_the_last_frame_lasts_its_usual_interval() -> None:
    assert covered(segment(7, 967, frames=25)) == TimeSpan(7, 1007)
    assert covered(segment(7, frames=1)) == TimeSpan(7, 47)
    assert covered(segment(0, 60_007, frames=2)) == TimeSpan(0, 62_007)


def test_whole_seconds_last_to_their_end() -> None:
    assert covered(segment(1000, 9000)) == TimeSpan(1000, 10_000)


def test_a_claim_includes_its_last_second() -> None:
    assert claimed(claim(1000, 9000)) == TimeSpan(1000, 10_000)
    assert claimed(claim(1000, 9500)) == TimeSpan(1000, 9501)
    assert claimed(claim(1000, None)) == TimeSpan(1000, 2000)
    assert claimed(claim(9000, 1000)) == TimeSpan(9000, 10_000)
    assert claimed(claim(None, 9000)) is None


def test_an_open_claim_ends_with_its_last_frame() -> None:
    still = claim(1000, 2_147_483_647_000, Extent(0, 5000), is_open=True)
    older = segment(-90_000, -80_000, start=4000, size=500)
    own = segment(1500, 8000, start=0)
    other = segment(9000, 10_000, start=9000)
    assert claimed(still, Shelf([older, own, other])) == TimeSpan(1000, covered(own).end_ms)
    assert claimed(still, Shelf([older, other])) == TimeSpan(1000, 2000)


def test_live_entries_that_were_closed_list_footage() -> None:
    listing = [kind for kind in ClaimKind if lists(claim(0, 9, kind=kind))]
    assert listing == [ClaimKind.INDEX, ClaimKind.FILE]
    assert not lists(claim(0, 9, is_open=True))


def test_the_camera_that_the_recorder_names_is_taken_over() -> None:
    unknown = segment(1000, 2000, start=100, channel=None)
    third = claim(0, 60_000, Extent(0, 5000), channel=3)
    named = msgspec.structs.replace(unknown, channel=3, named_by_claim=True)
    assert attributed([unknown], [third]) == [named]
    known = segment(1000, 2000, start=100, channel=1)
    assert attributed([known], [third]) == [known]


def test_a_camera_is_not_taken_over_when_time_or_place_disagree() -> None:
    unknown = segment(100_000, 110_000, start=100, channel=None)
    stale = claim(0, 60_000, Extent(0, 5000), channel=3)
    elsewhere = claim(100_000, 110_000, Extent(5000, 9000), channel=3)
    assert attributed([unknown], [stale, elsewhere]) == [unknown]


def test_a_camera_is_not_taken_over_when_two_are_named() -> None:
    unknown = segment(1000, 2000, start=100, channel=None)
    both = [claim(0, 60_000, Extent(0, 5000), channel=channel) for channel in (3, 4)]
    assert attributed([unknown], both) == [unknown]
    former = claim(0, 60_000, Extent(0, 5000), channel=4, kind=ClaimKind.DELETED)
    assert attributed([unknown], [both[0], former])[0].channel == 3


def test_frames_without_a_time_take_the_camera_of_listed_claims_only() -> None:
    unknown = segment(None, start=100, channel=None)
    listed = claim(0, 60_000, Extent(0, 5000), channel=3, kind=ClaimKind.FILE)
    assert attributed([unknown], [listed])[0].channel == 3
    deleted = claim(0, 60_000, Extent(0, 5000), channel=3, kind=ClaimKind.DELETED_FILE)
    assert attributed([unknown], [deleted]) == [unknown]


def moments(
    segments: list[Segment], claims: list[Claim], within: TimeSpan, channel: int | None = 1
) -> list[Moment]:
    return compare(segments, claims, within=within, channels=[channel]).moments[channel]


def moment(start_ms: int, end_ms: int, **more: tuple[object, ...]) -> Moment:
    lists = {"segments": (), "holders": (), "listed": (), "remains": (), **more}
    return msgspec.convert(
        {"span": TimeSpan(start_ms, end_ms), **lists}, Moment, from_attributes=True
    )


def test_both_witnesses_tile_the_span() -> None:
    seen = segment(10_007, 19_967, start=0, frames=250)
    listed = claim(5000, 14_000, Extent(0, 1000))
    gone = claim(22_000, 24_000, Extent(5000, 6000), kind=ClaimKind.DELETED)
    end = covered(seen).end_ms
    assert moments([seen], [listed, gone], TimeSpan(0, 30_000)) == [
        moment(0, 5000),
        moment(5000, 10_007, listed=(listed,)),
        moment(10_007, 15_000, segments=(seen,), holders=(listed,), listed=(listed,)),
        moment(15_000, 16_000, segments=(seen,), holders=(listed,)),
        moment(16_000, end, segments=(seen,)),
        moment(end, 22_000),
        moment(22_000, 25_000, remains=(gone,)),
        moment(25_000, 30_000),
    ]


def test_a_claim_inside_footage_that_it_holds_makes_no_moment_of_its_own() -> None:
    both = [segment(7, 59_967, frames=1500), segment(60_007, 119_967, start=1000, frames=1500)]
    listed = [claim(1000, 59_000, Extent(0, 1000)), claim(60_000, 119_000, Extent(1000, 2000))]
    (found,) = moments(both, listed, TimeSpan(1000, 100_000))
    assert (found.segments, found.holders) == (tuple(both), tuple(listed))


def test_frames_outside_the_bytes_of_a_claim_are_not_held() -> None:
    seen = segment(7, 9967, start=5000)
    listed = claim(0, 9000, Extent(0, 5000))
    (found,) = moments([seen], [listed], TimeSpan(1000, 9000))
    assert found == moment(1000, 9000, segments=(seen,), listed=(listed,))


def test_less_than_two_seconds_between_frames_are_no_gap() -> None:
    first, second = segment(7, 967, frames=25), segment(3006, 3966, start=1000, frames=25)
    third = segment(6006, 6966, start=2000, frames=25)
    assert [m.span for m in moments([first, second, third], [], TimeSpan(7, 7006))] == [
        TimeSpan(7, 4006),
        TimeSpan(4006, 6006),
        TimeSpan(6006, 7006),
    ]


def test_sound_alone_is_not_seen() -> None:
    sound = segment(0, 9000, frames=0)
    assert moments([sound], [], TimeSpan(0, 5000)) == [moment(0, 5000)]


def test_frames_without_a_time_stand_at_the_time_of_the_claim_that_they_fill() -> None:
    undated = segment(None, start=100, size=600)
    listed = claim(5000, 8000, Extent(0, 1000), kind=ClaimKind.FILE)
    found = compare([undated], [listed], within=TimeSpan(5000, 9000), channels=[1])
    assert found.moments[1] == [
        moment(5000, 9000, segments=(undated,), holders=(listed,)),
    ]
    assert found.undated == ()
    larger = claim(5000, 8000, Extent(0, 2000), kind=ClaimKind.FILE)
    found = compare([undated], [larger], within=TimeSpan(5000, 9000), channels=[1])
    assert found.moments[1] == [moment(5000, 9000, listed=(larger,))]
    assert found.undated == (undated,)


_CLAIMS = st.lists(
    st.builds(
        lambda t, d, at, size, kind, channel, is_open: claim(
            t,
            None if t is None else t + d,
            Extent(at, at + size),
            kind=kind,
            channel=channel,
            is_open=is_open,
        ),
        st.none() | st.integers(0, 20_000),
        st.integers(-5, 9000),
        st.integers(0, 1 << 24),
        st.integers(0, 1 << 22),
        st.sampled_from(list(ClaimKind)),
        st.sampled_from([None, 1, 2]),
        st.booleans(),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(_SEGMENTS, _CLAIMS)
def test_moments_tile_and_show_every_dated_segment(
    segments: list[Segment], claims: list[Claim]
) -> None:
    within = TimeSpan(-1000, 40_000)
    found = compare(segments, claims, within=within, channels=[1, 2, None])
    shown: dict[int, list[TimeSpan]] = {}
    for run in found.moments.values():
        assert (run[0].span.start_ms, run[-1].span.end_ms) == within
        assert all(a.span.end_ms == b.span.start_ms for a, b in pairwise(run))
        assert all(m.span.start_ms < m.span.end_ms for m in run)
        for m in run:
            for one in m.segments:
                shown.setdefault(id(one), []).append(m.span)
    for one in segments:
        if one.start_ms is not None:
            spans = shown[id(one)]
            assert min(span.start_ms for span in spans) <= one.start_ms
            assert max(span.end_ms for span in spans) >= covered(one).end_ms


def test_missing_bytes_lie_between_the_frames_beside_a_hole() -> None:
    chain = claim(0, 9000, Extent(5000, 6000), Extent(1000, 2000))
    before, after = segment(0, start=5200, size=300), segment(9, start=1700, size=100)
    assert missing_extents(chain, before, after) == [Extent(5500, 6000), Extent(1000, 1700)]
    assert missing_extents(chain, None, after) == [Extent(5000, 6000), Extent(1000, 1700)]
    assert missing_extents(chain, before, None) == [Extent(5500, 6000), Extent(1000, 2000)]
    elsewhere = segment(0, start=9000)
    assert missing_extents(chain, elsewhere, elsewhere) == list(chain.extents)
    assert missing_extents(chain, after, before) == list(chain.extents)


HOUR = 3_600_000


def _ring(newest_block: int) -> list[Segment]:
    """Twenty blocks of two cameras in turn, an hour each; the write position behind the newest."""
    return [
        segment(
            (block // 2) * HOUR + minute * MINUTE,
            (block // 2) * HOUR + minute * MINUTE + 59_960,
            start=(block % 20) * 60_000 + minute * 1000,
            channel=block % 2 + 1,
        )
        for block in range(newest_block - 19, newest_block + 1)
        for minute in range(60)
    ]


def proven(
    segments: list[Segment], claims: list[Claim], size: int = 30 * 60_000
) -> dict[int | None, int]:
    shelf = Shelf(segments)
    dates = {id(one): span for one in claims if (span := claimed(one, shelf)) is not None}
    return provable_from(shelf, claims, dates, size)


def entries(newest_block: int) -> list[Claim]:
    """Those of `_ring`."""
    return [
        claim(
            (block // 2) * HOUR,
            (block // 2 + 1) * HOUR - 1000,
            Extent((block % 20) * 60_000, (block % 20 + 1) * 60_000),
            channel=block % 2 + 1,
        )
        for block in range(max(newest_block - 19, 0), newest_block + 1)
    ]


def test_fresh_storage_proves_absence_from_the_beginning() -> None:
    assert proven(_ring(19), []) == {}
    assert proven([], []) == {}
    assert proven([segment(None), segment(5)], []) == {}


def test_a_wrapped_ring_proves_absence_from_one_block_behind_its_oldest() -> None:
    oldest = min(one.start_ms or 0 for one in _ring(27))
    edge = oldest + HOUR
    assert proven(_ring(27), entries(27)) == {1: edge, 2: edge, None: edge}


def test_a_full_ring_may_have_come_round_at_its_very_end() -> None:
    assert proven(_ring(19), entries(19)) == {}
    assert proven(_ring(19), entries(19), size=20 * 60_000) == {None: HOUR}
    assert proven(_ring(19), [], size=20 * 60_000) == {None: HOUR - 40}
    files = [claim(0, HOUR - 1000, Extent(0, 60_000), kind=ClaimKind.FILE)]
    assert proven(_ring(19), files, size=20 * 60_000) == {}


def test_a_pass_begun_anew_may_have_taken_all_that_was_between() -> None:
    border, anew = 8 * 60_000, 30 * HOUR
    newer = [
        msgspec.structs.replace(
            one, start_ms=anew + (one.start_ms or 0), end_ms=anew + (one.end_ms or 0)
        )
        for one in _ring(19)
        if one.start < border
    ]
    older = [one for one in _ring(19) if one.start >= border]
    newest = entries(7)
    entry = [
        msgspec.structs.replace(
            one, start_ms=anew + (one.start_ms or 0), end_ms=anew + (one.end_ms or 0)
        )
        for one in newest
    ]
    assert proven([*newer, *older], [*entry, *entries(19)[8:]])[None] == anew + HOUR


def test_old_frames_behind_newer_ones_show_the_wrap_though_little_is_left_of_them() -> None:
    fresh = _ring(19)
    rest = segment(-9 * HOUR, -9 * HOUR + 2000, start=60_000 * 3 + 59_500, size=400, channel=1)
    entry = claim(0, HOUR - 1000, Extent(0, 60_000))
    found = proven([*fresh, rest], [entry])
    assert found[1] == found[None] == HOUR
    assert 2 not in found


def test_reused_storage_that_is_no_ring_proves_absence_only_after_all_old_footage() -> None:
    begun_anew = 10 * HOUR
    assert proven(_ring(27), [])[None] == begun_anew + 59 * MINUTE + 59_960


def test_newer_frames_in_the_bytes_of_a_claim_show_that_storage_was_reused() -> None:
    fresh = _ring(19)
    lost = claim(-5 * HOUR, -4 * HOUR - 1000, Extent(0, 60_000))
    assert proven(fresh, [lost]) == {None: -4 * HOUR + HOUR}
    assert proven(fresh, [claim(0, HOUR - 1000, Extent(0, 60_000))]) == {}


def test_a_file_is_of_the_time_of_the_footage_in_it_where_its_name_tells_another() -> None:
    inside = [segment(7_200_000, 7_230_000, start=100), segment(7_230_040, 7_260_000, start=1100)]
    bytes_ = Extent(0, 5000)
    wrong = claim(1000, 61_000, bytes_, kind=ClaimKind.FILE)
    within = TimeSpan(0, 8_000_000)
    moments = compare(inside, [wrong], within=within, channels=[1]).moments[1]
    held = [one for one in moments if one.segments]
    assert all(one.holders == (wrong,) for one in held)
    assert not any(one.listed for one in moments if not one.segments)


def test_frames_in_the_bytes_of_a_deleted_file_name_it_as_what_remains() -> None:
    gone = claim(None, None, Extent(0, 5000), kind=ClaimKind.DELETED_FILE, channel=None)
    inside = [segment(1000, 2000, start=100)]
    moments = compare(inside, [gone], within=TimeSpan(0, 3000), channels=[1]).moments[1]
    (held,) = [one for one in moments if one.segments]
    assert (held.holders, held.remains) == ((), (gone,))
