"""A file's extents read as one source."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrecover.model import Extent, Source, SourceRef
from vidrecover.source import open_source
from vidrecover.source.mapped import MappedSource
from vidrecover.source.view import ExtentsSource

CONTENT = bytes(range(256)) * 16


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Source:
    path = tmp_path_factory.mktemp("view") / "disk.img"
    path.write_bytes(CONTENT)
    return open_source(SourceRef(path=str(path)))


EXTENTS = st.lists(
    st.tuples(st.integers(0, 4096), st.integers(0, 700)).map(lambda p: Extent(p[0], p[0] + p[1])),
    max_size=8,
)


@given(extents=EXTENTS, start=st.integers(0, 5000), size=st.integers(0, 3000))
def test_a_view_reads_what_its_extents_hold_in_their_order(
    disk: Source, extents: list[Extent], start: int, size: int
) -> None:
    view = ExtentsSource(disk, extents)
    whole = b"".join(CONTENT[one.start : one.end] for one in extents)
    assert view.size == len(whole)
    assert view.read(start, size) == whole[start : start + size]


@given(extents=EXTENTS, data=st.data())
def test_every_logical_byte_leads_back_to_its_place(
    disk: Source, extents: list[Extent], data: st.DataObject
) -> None:
    view = ExtentsSource(disk, extents)
    start = data.draw(st.integers(0, view.size))
    end = data.draw(st.integers(start, view.size))
    places = view.absolute(start, end)
    assert b"".join(CONTENT[one.start : one.end] for one in places) == view.read(start, end - start)
    for position in (one.start for one in places):
        logical = view.logical(position)
        assert logical is not None and view.read(logical, 1) == CONTENT[position : position + 1]


def test_unreadable_bytes_are_told_where_the_view_has_them(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENT)
    with MappedSource(open_source(SourceRef(path=str(path))), [Extent(1000, 1100)]) as disk:
        view = ExtentsSource(disk, [Extent(2000, 2050), Extent(900, 1200)])
        buffer = np.ones(350, dtype=np.uint8)
        assert view.read_into(0, buffer) == [Extent(150, 250)]
        assert not buffer[150:250].any()


def test_a_view_refuses_bytes_beyond_its_end(disk: Source) -> None:
    view = ExtentsSource(disk, [Extent(0, 10)])
    with pytest.raises(ValueError, match="leave"):
        view.read_into(5, np.zeros(6, dtype=np.uint8))
    with pytest.raises(ValueError, match="leave"):
        view.absolute(0, 11)
    assert view.logical(10) is None
