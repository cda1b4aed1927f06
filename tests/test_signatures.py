"""Both engines give the same hits: all of them, overlapping ones too, in one order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import formats, signatures
from vidrecover.signatures import Matcher

ENGINES = ["hyperscan", "re"]
every_engine = pytest.mark.parametrize("engine", ENGINES)


def found(patterns: list[bytes], data: bytes, engine: str) -> list[tuple[int, int]]:
    """(position, pattern) of each hit."""
    hits = Matcher(patterns, engine=engine).find(np.frombuffer(data, dtype=np.uint8))
    return list(zip(hits.positions.tolist(), hits.patterns.tolist(), strict=True))


def plain(patterns: list[bytes], data: bytes) -> list[tuple[int, int]]:
    """The same by looking at every place, in order."""
    return [
        (place, number)
        for place in range(len(data))
        for number, one in enumerate(patterns)
        if data.startswith(one, place)
    ]


@every_engine
@pytest.mark.parametrize(
    ("patterns", "data"),
    [
        ([b"aa"], b"aaaa"),  # overlapping itself
        ([b"abc", b"ab", b"abcd"], b"xabcdabx"),  # one start, several lengths, in any order
        ([b"bc", b"abc"], b"abc"),  # one end
        ([b"ab", b"ab"], b"abab"),  # the same twice
        ([b"start", b"end"], b"start middle end"),  # at both borders
        ([b"\0\0\1\xfc", b"\0\0\1\xfd"], b"\0\0\0\1\xfc\0\0\1\xfd"),
        ([b".*", b"[a]", b"(", b"\n"], b"x.*[a](\n"),  # not expressions
        ([b"abc"], b"ab"),  # longer than the data
    ],
)
def test_every_occurrence_is_found_in_order(
    patterns: list[bytes], data: bytes, engine: str
) -> None:
    assert found(patterns, data, engine) == plain(patterns, data)


@every_engine
def test_no_data_and_no_patterns_give_no_hits(engine: str) -> None:
    assert found([b"DHAV"], b"", engine) == []
    assert found([], b"DHAV", engine) == []


@every_engine
def test_a_part_of_an_array_is_searched_alone(engine: str) -> None:
    data = np.frombuffer(b"DHAV..DHAV..DHAV", dtype=np.uint8)
    hits = Matcher([b"DHAV"], engine=engine).find(data[1:13])
    assert hits.positions.tolist() == [5]
    assert hits.positions.dtype == hits.patterns.dtype == np.int64


few_letters = st.lists(st.sampled_from(b"ab\0\1"), max_size=60).map(bytes)
short_patterns = st.lists(
    st.lists(st.sampled_from(b"ab\0\1"), min_size=1, max_size=4).map(bytes), min_size=1, max_size=5
)


@every_engine
@settings(max_examples=150, deadline=None)
@given(short_patterns, few_letters)
def test_both_engines_find_what_looking_at_every_place_finds(
    engine: str, patterns: list[bytes], data: bytes
) -> None:
    assert found(patterns, data, engine) == plain(patterns, data)


def test_both_engines_agree_on_all_shipped_signatures_among_noise() -> None:
    patterns = [
        pattern
        for one in formats.load(formats.shipped()).formats
        for layout in one.layouts
        for pattern in layout.signatures
    ]
    random = np.random.default_rng(9)
    parts = [patterns[place] for place in random.integers(0, len(patterns), 3000)]
    data = b"".join(part + random.bytes(int(random.integers(0, 40))) for part in parts)
    assert found(patterns, data, "hyperscan") == found(patterns, data, "re")
    assert len(found(patterns, data, "re")) >= 3000


@every_engine
def test_a_matcher_serves_many_searches(engine: str) -> None:
    matcher = Matcher([b"DHAV", b"dhav"], engine=engine)
    for size in (0, 1, 5, 1 << 16):
        data = np.frombuffer(bytes(size) + b"DHAVdhav", dtype=np.uint8)
        hits = matcher.find(data)
        assert (hits.positions.tolist(), hits.patterns.tolist()) == ([size, size + 4], [0, 1])


def test_the_longest_pattern_is_told() -> None:
    assert Matcher([b"01cd", b"dcH264"]).longest == 6
    assert Matcher([]).longest == 0


def test_an_empty_pattern_or_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        Matcher([b"DHAV", b""])
    with pytest.raises(ValueError, match="`grep` is no engine"):
        Matcher([b"DHAV"], engine="grep")


def test_without_hyperscan_the_other_engine_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "hyperscan", None)
    hits = Matcher([b"DHAV"]).find(np.frombuffer(b"xDHAV", dtype=np.uint8))
    assert hits.positions.tolist() == [1]
    with pytest.raises(RuntimeError, match="not installed"):
        Matcher([b"DHAV"], engine="hyperscan")
