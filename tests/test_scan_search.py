"""Searching last, and only where no proven frames are, finds what searching everything finds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import formats
from vidrecover.model import FrameFlag, Frames, Window, no_frames
from vidrecover.scan import _search
from vidrecover.scan._search import Search

FORMATS = formats.load(formats.shipped()).formats
NAKED = [one.name for one in FORMATS].index("annexb")
CODE, PICTURE = b"\0\0\1", b"\xff\xd8\xff"
SIZE, LIMIT, OFFSET = 1 << 18, (1 << 18) - 4096, 1 << 30


def frames(places: list[tuple[int, int, bool]]) -> Frames:
    """Rows at (start, size) in the window; True: proven."""
    rows = no_frames(len(places))
    for row, (start, size, is_proven) in zip(rows, sorted(places), strict=True):
        row["offset"], row["size"] = OFFSET + start, size
        row["flags"] = 0 if is_proven else FrameFlag.END_UNPROVEN
    return rows


def expected(codes: list[int], claims: Frames) -> list[int]:
    """Start codes outside of proven frames, and the first of each run inside of them."""
    proven = [row for row in claims if not row["flags"] & FrameFlag.END_UNPROVEN]

    def held(place: int) -> bool:
        return any(0 <= OFFSET + place - int(one["offset"]) < int(one["size"]) for one in proven)

    found, before = [], True  # nothing stands before the first
    for place in codes:
        inside = held(place)
        if not (inside and before):
            found.append(place)
        before = inside
    return found


PLACES = st.integers(0, LIMIT // 8 - 1).map(lambda one: 8 * one)
CLAIMS = st.tuples(PLACES, st.integers(1, SIZE), st.booleans())


@settings(max_examples=150, deadline=None)
@given(st.lists(PLACES, unique=True, max_size=40), st.lists(CLAIMS, max_size=6))
def test_candidates_of_a_format_that_yields_are_those_of_the_whole_window(
    codes: list[int], places: list[tuple[int, int, bool]]
) -> None:
    data = np.full(SIZE, 0xFF, dtype=np.uint8)
    for place in codes:
        data[place : place + 3] = np.frombuffer(CODE, dtype=np.uint8)
    window = Window(offset=OFFSET, data=data, limit=LIMIT, unreadable=())
    claims = frames(places)
    found = dict(Search(FORMATS).yielded(window, [claims], is_blank=False))
    assert list(found.get(NAKED, [])) == expected(sorted(codes), claims)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(PLACES, st.booleans()), unique=True, max_size=40),
    st.lists(st.lists(CLAIMS, max_size=4), min_size=1, max_size=4),
)
def test_one_pass_over_all_signatures_tells_the_candidates_of_two(
    codes: list[tuple[int, bool]], windows: list[list[tuple[int, int, bool]]]
) -> None:
    data = np.full(SIZE, 0xFF, dtype=np.uint8)
    for place, is_jpeg in codes:
        data[place : place + 3] = np.frombuffer(PICTURE if is_jpeg else CODE, dtype=np.uint8)
    window = Window(offset=OFFSET, data=data, limit=LIMIT, unreadable=())
    search, apart = Search(FORMATS), Search(FORMATS)
    for claims in map(frames, windows):
        list(search.firm(window, is_blank=False))
        assert told(search, window, claims) == told(apart, window, claims)


def told(search: Search, window: Window, claims: Frames) -> dict[int, list[int]]:
    """What a search tells of the formats that yield."""
    found = search.yielded(window, [claims], is_blank=False)
    return {number: places.tolist() for number, places in found if len(places)}


def test_long_runs_of_proven_frames_are_not_searched() -> None:
    data = np.zeros(SIZE, dtype=np.uint8)
    data[::3] = 0xFF
    for place in (100, 1000, 120_000):
        data[place : place + 3] = np.frombuffer(CODE, dtype=np.uint8)
    window = Window(offset=OFFSET, data=data, limit=LIMIT, unreadable=())
    claims = frames([(900, _search._WORTH_SKIPPING * 3, True)])
    searched = list(Search(FORMATS).yielded(window, [claims], is_blank=False))
    assert [(number, found.tolist()) for number, found in searched] == [(NAKED, [100, 1000])]
