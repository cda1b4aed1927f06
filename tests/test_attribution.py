"""Footage whose bytes name no camera, and the claims that name one for its place and time."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from vidrecover.model import Claim, ClaimKind, Codec, Extent, Segment, Stream, TimeSpan
from vidrecover.timeline import attributed, parts


def segment(
    start_ms: int | None, end_ms: int | None, start: int, size: int, *, frames: int = 25,
    joined: bool = False, channel: int | None = None,
) -> Segment:  # fmt: skip
    return Segment(
        format="xm", channel=channel, stream=Stream.UNKNOWN, codec=Codec.H264,
        start_ms=start_ms, end_ms=end_ms, start=start, end=start + size,
        frames=frames, keys=1, audio=0, size=size, first_sequence=None, last_sequence=None,
        missing=0, unfinished=0, rows=b"", joined=joined,
    )  # fmt: skip


def claim(
    channel: int, start_ms: int, end_ms: int, *extents: Extent, kind: ClaimKind = ClaimKind.INDEX
) -> Claim:
    return Claim(
        volume="wfs", kind=kind, channel=channel, start_ms=start_ms, end_ms=end_ms,
        extents=extents, entry=Extent(0, 32),
    )  # fmt: skip


class Rows:
    """Cuts by the share of bytes; glued frames as given: from the first byte to the last;
    counters by the place of the segment."""

    def __init__(
        self,
        glued: Mapping[int, tuple[int, int]],
        counters: Mapping[int, TimeSpan] | None = None,
    ) -> None:
        self.glued, self.counters = glued, counters or {}

    def cut(self, segment: Segment, places: Sequence[int]) -> Iterable[Segment]:
        for part in parts(segment, places):
            yield msgspec.structs.replace(segment, start=part.start, end=part.end, size=part.size)

    def ends(self, segment: Segment) -> tuple[int, int]:
        return self.glued[segment.start]

    def ticks(self, segment: Segment) -> TimeSpan | None:
        return self.counters.get(segment.start)


def cameras(found: Sequence[Segment]) -> list[tuple[int, int | None]]:
    return [(one.start, one.channel) for one in found]


def test_a_segment_is_cut_where_the_bytes_of_two_cameras_meet() -> None:
    both = segment(0, 9000, 100, 800)
    first, second = claim(1, 0, 9000, Extent(0, 500)), claim(2, 0, 9000, Extent(500, 1000))
    found = attributed([both], [first, second], Rows({}))
    assert [(one.start, one.end, one.channel) for one in found] == [(100, 500, 1), (500, 900, 2)]
    assert all(one.named_by_claim for one in found)


def test_what_lies_behind_the_named_bytes_stays_unnamed() -> None:
    found = attributed([segment(0, 9000, 100, 800)], [claim(1, 0, 9000, Extent(0, 500))], Rows({}))
    assert cameras(found) == [(100, 1), (500, None)]


def test_a_segment_inside_one_claim_is_never_cut() -> None:
    whole = segment(0, 9000, 100, 300)
    (found,) = attributed([whole], [claim(1, 0, 9000, Extent(0, 500))], None)
    assert found == msgspec.structs.replace(whole, channel=1, named_by_claim=True)


def test_glued_frames_carry_the_camera_to_fragments_that_nothing_names() -> None:
    first, second, third = (segment(0, 1000, place, 90) for place in (0, 2000, 4000))
    glued = [segment(900, 900, place, 2100, frames=1, joined=True) for place in (90, 2090)]
    named = claim(7, 0, 9000, Extent(4000, 4100))
    rows = Rows({90: (90, 2000), 2090: (2090, 4000)})
    found = attributed([first, second, third, *glued], [named], rows)
    assert {one.channel for one in found} == {7}


def test_glued_frames_between_two_cameras_carry_neither() -> None:
    first, second = segment(0, 1000, 0, 90), segment(0, 1000, 2000, 90)
    loose = segment(900, 900, 90, 2000, frames=1, joined=True)
    claims = [claim(1, 0, 9000, Extent(0, 90)), claim(2, 0, 9000, Extent(2000, 2100))]
    found = attributed([first, second, loose], claims, Rows({90: (90, 2000)}))
    assert [one.channel for one in found] == [1, 2, None]


def test_footage_without_a_date_follows_the_footage_before_it_in_its_claim() -> None:
    dated = segment(10_000, 14_800, 5000, 90, frames=61)
    undated = segment(None, None, 0, 90, frames=10)
    listed = claim(1, 10_000, 16_000, Extent(5000, 5100), Extent(0, 100))
    found = attributed([undated, dated], [listed])
    assert [(one.start_ms, one.end_ms) for one in found] == [(14_880, 15_600), (10_000, 14_800)]


def test_footage_without_a_date_lies_evenly_between_its_neighbours() -> None:
    before, after = segment(0, 960, 0, 90), segment(2000, 3000, 200, 90)
    undated = segment(None, None, 100, 90, frames=3)
    found = attributed([before, undated, after], [claim(1, 0, 3000, Extent(0, 300))])
    assert [(one.start_ms, one.end_ms) for one in found] == [(0, 960), (1220, 1740), (2000, 3000)]


def test_footage_before_the_first_date_of_its_claim_ends_there() -> None:
    undated, after = segment(None, None, 0, 90, frames=5), segment(2000, 3000, 200, 90, frames=26)
    found = attributed([undated, after], [claim(1, 1000, 3000, Extent(0, 300))])
    assert [(one.start_ms, one.end_ms) for one in found] == [(1800, 1960), (2000, 3000)]


def test_no_date_is_made_behind_the_end_of_a_closed_claim() -> None:
    dated, undated = segment(0, 1000, 0, 90), segment(None, None, 100, 90, frames=500)
    found = attributed([dated, undated], [claim(1, 0, 2000, Extent(0, 200))])
    assert [one.start_ms for one in found] == [0, None]
    assert [one.channel for one in found] == [1, 1]


def file(*extents: Extent, open_: bool = False, end_ms: int | None = 9_999) -> Claim:
    """A file whose name tells camera 1 and ten seconds from 0 on."""
    whole = claim(1, 0, 0, *extents, kind=ClaimKind.FILE)
    return msgspec.structs.replace(whole, end_ms=end_ms, open=open_)


def test_a_counter_counts_from_the_time_that_the_name_of_the_file_tells() -> None:
    first, second = segment(None, None, 40, 60), segment(None, None, 200, 60)
    rows = Rows({}, {40: TimeSpan(70_000, 72_000), 200: TimeSpan(76_000, 79_000)})
    found = attributed([second, first], [file(Extent(0, 100), Extent(200, 300))], rows)
    assert [(one.start, one.start_ms, one.end_ms, one.channel) for one in found] == [
        (200, 6000, 9000, 1), (40, 0, 2000, 1),
    ]  # fmt: skip


def test_no_time_is_taken_from_a_name_whose_length_is_not_that_of_the_footage() -> None:
    rows = Rows({}, {40: TimeSpan(0, 60_000)})
    (found,) = attributed([segment(None, None, 40, 60)], [file(Extent(0, 100))], rows)
    assert found.start_ms is None


def test_what_lies_behind_the_end_of_an_unclosed_file_is_not_of_its_camera() -> None:
    own, stale = segment(None, None, 40, 60), segment(None, None, 200, 60)
    rows = Rows({}, {40: TimeSpan(70_000, 72_000), 200: TimeSpan(10_000, 13_000)})
    claims = [file(Extent(0, 300), open_=True, end_ms=None)]
    found = attributed([own, stale], claims, rows)
    assert [(one.start_ms, one.channel) for one in found] == [(0, 1), (None, None)]


def test_a_deleted_file_that_its_frames_fill_from_end_to_end_names_them() -> None:
    rows = Rows({}, {40: TimeSpan(70_000, 75_000), 4040: TimeSpan(75_080, 79_000)})
    parts_ = [segment(None, None, 40, 4000), segment(None, None, 4040, 4000)]
    gone = claim(1, 0, 9_999, Extent(0, 8060), kind=ClaimKind.DELETED_FILE)
    found = attributed(parts_, [gone], rows)
    assert [(one.start_ms, one.channel) for one in found] == [(0, 1), (5080, 1)]
    larger = claim(1, 0, 9_999, Extent(0, 12_000), kind=ClaimKind.DELETED_FILE)
    found = attributed(parts_, [larger], rows)
    assert [(one.start_ms, one.channel) for one in found] == [(None, None), (None, None)]
