"""Reading that goes on behind bad sectors, against a device made of a function."""

import errno

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover.extents import merged
from vidrecover.model import Extent
from vidrecover.source._reading import clipped, read_around

SIZE = 64 * 512
CONTENT = np.random.default_rng(7).integers(1, 256, SIZE, dtype=np.uint8).tobytes()


class FakeDisk:
    """Refuses every request that touches a bad sector; counts requests; may read short."""

    def __init__(self, bad: set[int], most: int = SIZE, code: int = errno.EIO) -> None:
        self.bad, self.most, self.code = bad, most, code
        self.asked: list[Extent] = []

    def __call__(self, offset: int, view: memoryview) -> int:
        self.asked.append(Extent(offset, offset + len(view)))
        if any(offset < (one + 1) * 512 and one * 512 < offset + len(view) for one in self.bad):
            raise OSError(self.code, "refused")
        data = CONTENT[offset : offset + min(len(view), self.most)]
        view[: len(data)] = data
        return len(data)


def expected(offset: int, size: int, bad: set[int]) -> tuple[bytes, list[Extent]]:
    """Content with bad sectors zero, and their extents cut to the read."""
    data = bytearray(CONTENT[offset : offset + size].ljust(size, b"\0"))
    extents = clipped(
        [Extent(one * 512, one * 512 + 512) for one in bad], Extent(offset, offset + size)
    )
    for one in extents:
        data[one.start - offset : one.end - offset] = bytes(one.size)
    return bytes(data), extents


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, SIZE),
    st.integers(0, SIZE),
    st.sets(st.integers(0, 63), max_size=12),
    st.integers(1, SIZE),
    st.sampled_from([errno.EIO, errno.ENODATA, errno.EREMOTEIO, errno.EILSEQ]),
)
def test_exactly_the_bad_sectors_are_lost(
    first: int, second: int, bad: set[int], most: int, code: int
) -> None:
    start, end = sorted((first, second))
    memory = bytearray(b"\xaa" * (end - start))
    found = read_around(FakeDisk(bad, most, code), start, memoryview(memory), 512)
    assert (bytes(memory), found) == expected(start, end - start, bad)


def test_requests_on_an_aligned_read_stay_aligned_and_end_at_one_sector() -> None:
    disk = FakeDisk({5, 40})
    read_around(disk, 0, memoryview(bytearray(SIZE)), 512)
    assert all(one.start % 512 == 0 and one.end % 512 == 0 for one in disk.asked)
    assert [one for one in disk.asked if one.size == 512 and one.start in (5 * 512, 40 * 512)] == [
        Extent(2560, 3072),
        Extent(20480, 20992),
    ]
    assert len(disk.asked) <= 2 * 2 * 7


def test_larger_sectors_are_the_unit_of_loss() -> None:
    memory = bytearray(SIZE)
    found = read_around(FakeDisk({9}), 0, memoryview(memory), 4096)
    assert found == [Extent(4096, 8192)]
    assert bytes(memory) == CONTENT[:4096] + bytes(4096) + CONTENT[8192:]


def test_a_source_that_ends_early_is_unreadable_behind_its_end() -> None:
    memory = bytearray(b"\xaa" * 2048)
    found = read_around(FakeDisk(set()), SIZE - 1000, memoryview(memory), 512)
    assert found == [Extent(SIZE, SIZE + 1048)]
    assert bytes(memory) == CONTENT[-1000:] + bytes(1048)


def test_an_error_of_the_whole_source_is_not_a_bad_sector() -> None:
    with pytest.raises(OSError, match="refused"):
        read_around(FakeDisk({0}, code=errno.ENODEV), 0, memoryview(bytearray(512)), 512)


def test_extents_are_merged_in_order_and_cut() -> None:
    extents = [Extent(30, 40), Extent(0, 10), Extent(10, 20), Extent(5, 7), Extent(25, 25)]
    assert merged(extents) == [Extent(0, 20), Extent(30, 40)]
    assert clipped(extents, Extent(15, 33)) == [Extent(15, 20), Extent(30, 33)]
