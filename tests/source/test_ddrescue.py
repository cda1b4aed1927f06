"""Maps of ddrescue, and sources with extents known to be bad."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover.errors import SourceError
from vidrecover.model import Extent, SourceRef
from vidrecover.source import open_source
from vidrecover.source.ddrescue import RescueMap, load, parse
from vidrecover.source.mapped import MappedSource
from vidrecover.source.raw import RawSource

CONTENT = np.random.default_rng(3).integers(1, 256, 8_192, dtype=np.uint8).tobytes()

MAP = """# Mapfile. Created by GNU ddrescue version 1.27
# Command line: ddrescue -d /dev/sdb disk.img disk.map
# current_pos  current_status  current_pass
0x00000600     +               1
#      pos        size  status
0x00000000  0x00000400  +
0x00000400  0x00000200  -
0x00000600  0x00000200  +
0x00000800  0x00000400  /
0x00000C00  0x00000400  *
0x00001000  0x00001000  ?
"""


def test_everything_but_finished_is_bad() -> None:
    bad = (Extent(0x400, 0x600), Extent(0x800, 0x2000))
    assert parse(MAP) == RescueMap(bad, Extent(0, 0x2000), 0x800)


@pytest.mark.parametrize("status_line", ["", "0x600 ?\n", "1536 F 1\n", "03000 + 0x2\n"])
def test_old_logfiles_and_every_status_line_are_read(status_line: str) -> None:
    assert parse(f"{status_line}0x0 1024 +\n0x400 0x400 - # tail\n") == RescueMap(
        (Extent(1024, 2048),), Extent(0, 2048), 1024
    )


def test_what_a_map_does_not_cover_was_never_tried() -> None:
    found = parse("0x0 +\n0x200 0x200 +\n0x400 0x200 -\n")
    assert found.unreadable(0x1000) == [Extent(0, 0x200), Extent(0x400, 0x1000)]
    assert found.unreadable(0x500) == [Extent(0, 0x200), Extent(0x400, 0x500)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0x0 0x200 +\n0x400 0x200 +\n", "line 2: begins at 0x400, not at 0x200"),
        ("0x0 0x200 +\n0x100 0x200 +\n", "line 2: begins at 0x100, not at 0x200"),
        ("0x0 + 1\n0x0 0x200 %\n", "line 2: status '%' is none of"),
        ("0x0 + 1\n0x0 0x200\n", "line 2: has 2 fields"),
        ("0x0 + 1\n0x0 0x0 +\n", "line 2: a block of 0 bytes"),
        ("0x0 0xFFFFFFFFFFFFFFFF +\n", "line 1: a block of"),
        ("0x0 12y +\n", "line 1: '12y' is not a number"),
        ("-5 12 +\n", "line 1: '-5' is not a number"),
        ("0x0 + 1\n0x0 + 1\n", "line 2: '\\+' is not a number|line 2: status '1'"),
        ("# nothing\n", "holds no block"),
        ("\x00\x01\x02", "line 1: has 1 fields"),
    ],
)
def test_a_wrong_line_is_named(text: str, problem: str) -> None:
    with pytest.raises(SourceError, match=problem):
        parse(text)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="0x1F+-?*/# \n\t9G", max_size=80) | st.text(max_size=40))
def test_any_text_is_a_map_or_an_error(text: str) -> None:
    try:
        found = parse(text)
    except SourceError:
        return
    assert found.covered.start < found.covered.end
    assert found.unreadable(0) == []


def test_a_map_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"disk\.map': the ddrescue map cannot be read"):
        load(str(tmp_path / "disk.map"))


extents = st.tuples(st.integers(0, 9_000), st.integers(0, 9_000)).map(
    lambda pair: Extent(min(pair), max(pair))
)


@settings(max_examples=100, deadline=None)
@given(st.lists(extents, max_size=6), st.integers(0, 8_192), st.integers(0, 8_192))
def test_bad_extents_are_zero_reported_merged_and_cut_to_the_read(
    tmp_path_factory: pytest.TempPathFactory, bad: list[Extent], first: int, second: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "mapped.img"
    if not path.exists():
        path.write_bytes(CONTENT)
    start, end = sorted((first, second))
    refused = np.zeros(9_000, dtype=bool)
    for one in bad:
        refused[one.start : one.end] = True
    buffer = np.full(end - start, 170, dtype=np.uint8)
    with open_source(SourceRef(path=str(path), faults=tuple(bad))) as source:
        found = source.read_into(start, buffer)
        assert source.read(start, end - start) == buffer.tobytes()
    plain = np.frombuffer(CONTENT, dtype=np.uint8)[start:end]
    assert buffer.tobytes() == np.where(refused[start:end], 0, plain).astype(np.uint8).tobytes()
    reported = np.zeros(9_000, dtype=bool)
    for one in found:
        reported[one.start : one.end] = True
    assert reported[start:end].tolist() == refused[start:end].tolist()
    assert all(start <= one.start < one.end <= end for one in found)
    assert all(one.end < other.start for one, other in itertools.pairwise(found))


def test_a_map_marks_the_image_and_known_bad_places_are_not_asked_again(tmp_path: Path) -> None:
    image, rescue_map = tmp_path / "disk.img", tmp_path / "disk.map"
    image.write_bytes(CONTENT)
    rescue_map.write_text(MAP)
    ref = SourceRef(path=str(image), map_path=str(rescue_map), faults=(Extent(0, 16),))
    with open_source(ref) as source:
        assert isinstance(source, MappedSource)
        assert source.unreadable == (Extent(0, 16), Extent(0x400, 0x600), Extent(0x800, 0x2000))
        assert isinstance(source.inner, RawSource)
        assert source.identity == source.inner.identity
        source.inner.close()
        buffer = np.full(0x200, 170, dtype=np.uint8)
        assert source.read_into(0x400, buffer) == [Extent(0x400, 0x600)]
        assert not buffer.any()


def test_a_map_of_a_larger_image_is_refused(tmp_path: Path) -> None:
    image, rescue_map = tmp_path / "disk.img", tmp_path / "disk.map"
    image.write_bytes(CONTENT)
    rescue_map.write_text("0 +\n0 8193 +\n")
    with pytest.raises(SourceError, match=r"8193 bytes were rescued, but .* has 8192"):
        open_source(SourceRef(path=str(image), map_path=str(rescue_map)))
