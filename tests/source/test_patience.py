"""Slow and failing devices: reads that are given up, and a first pass that hurries."""

import errno
import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover.errors import SourceError
from vidrecover.extents import common, merged, minus, total
from vidrecover.model import Extent, SourceIdentity
from vidrecover.source._patience import MOST_GIVEN_UP, Hurry, TimedDrive
from vidrecover.source._reading import SLOW_GRAIN
from vidrecover.source.device import BLOCK, DeviceSource

SECTOR = 512
SIZE = 24 << 20
CONTENT = np.random.default_rng(8).integers(1, 256, SIZE, dtype=np.uint8)
IDENTITY = SourceIdentity(path="/dev/made", kind="device", size=SIZE, sector_size=SECTOR)


class MadeDrive:
    """CONTENT, with places that are bad or never answer; remembers what it was asked."""

    def __init__(self, bad: list[Extent], hanging: list[Extent] | None = None) -> None:
        self.bad, self.hanging = bad, hanging or []
        self.asked: list[Extent] = []
        self.let_go = threading.Event()

    @property
    def identity(self) -> SourceIdentity:
        return IDENTITY

    def read_at(self, offset: int, view: memoryview) -> int:
        wanted = Extent(offset, offset + len(view))
        self.asked.append(wanted)
        if common(merged(self.hanging), [wanted]):
            self.let_go.wait(30)
        if common(merged(self.bad), [wanted]):
            raise OSError(errno.EIO, "Input/output error")
        view[:] = CONTENT[wanted.start : wanted.end].data
        return len(view)

    def is_present(self) -> bool:
        return True

    def close(self) -> None:
        self.let_go.set()


def content_without(lost: list[Extent]) -> bytes:
    expected = CONTENT.copy()
    for one in lost:
        expected[one.start : one.end] = 0
    return expected.tobytes()


def whole(source: DeviceSource, step: int = SIZE) -> tuple[bytes, list[Extent]]:
    buffer = np.full(SIZE, 170, dtype=np.uint8)
    refused: list[Extent] = []
    for start in range(0, SIZE, step):
        refused += source.read_into(start, buffer[start : start + step])
    return buffer.tobytes(), merged(refused)


@settings(max_examples=25, deadline=None)
@given(
    sectors=st.sets(st.integers(0, SIZE // SECTOR - 1), max_size=6),
    step=st.sampled_from([1 << 20, 3 << 20, 8 << 20]),
)
def test_a_hurried_pass_and_a_patient_one_lose_exactly_the_bad_sectors(
    sectors: set[int], step: int
) -> None:
    bad = merged(Extent(one * SECTOR, (one + 1) * SECTOR) for one in sectors)
    drive = MadeDrive(bad)
    with DeviceSource(drive) as source:
        source.hurry = hurry = Hurry()
        found, left = whole(source, step)
        assert found == content_without(left)
        assert minus(bad, left) == []
        first = len(drive.asked)
        source.hurry = None
        buffer = np.frombuffer(bytearray(found), dtype=np.uint8)
        refused: list[Extent] = []
        for one in common(hurry.skipped, [Extent(0, SIZE)]):
            refused += source.read_into(one.start, buffer[one.start : one.end])
    assert (buffer.tobytes(), merged(refused)) == (content_without(bad), bad)
    undisturbed = len({*range(0, SIZE, step), *range(0, SIZE, BLOCK)})
    assert first <= undisturbed + 2 * len(sectors)


def test_each_failure_leaves_more_behind_it_and_nothing_left_is_asked_for_again() -> None:
    drive = MadeDrive([Extent(0, SIZE)])
    with DeviceSource(drive) as source:
        source.hurry = Hurry()
        assert whole(source) == (bytes(SIZE), [Extent(0, SIZE)])
        asked = len(drive.asked)
        assert asked <= 4
        assert whole(source) == (bytes(SIZE), [Extent(0, SIZE)])
        assert len(drive.asked) == asked


def test_a_read_that_never_comes_back_costs_its_place_only() -> None:
    place = Extent(5 << 20, (5 << 20) + SECTOR)
    drive = MadeDrive([], hanging=[place])
    timed = TimedDrive(drive, 0.05)
    with DeviceSource(timed) as source:
        found, lost = whole(source)
        assert found == content_without(lost)
        assert minus([place], lost) == []
        assert total(lost) <= SLOW_GRAIN


def test_an_answer_that_comes_too_late_changes_nothing() -> None:
    drive = MadeDrive([], hanging=[Extent(0, SECTOR)])
    view = memoryview(bytearray(b"\xaa" * SECTOR))
    with pytest.raises(OSError, match="no answer within"):
        TimedDrive(drive, 0.02).read_at(0, view)
    drive.let_go.set()
    for thread in threading.enumerate():
        if thread.name == "vidrecover-read":
            thread.join(5)
    assert bytes(view) == b"\xaa" * SECTOR


def test_a_device_that_no_longer_answers_ends_the_reading_with_what_to_do() -> None:
    drive = MadeDrive([], hanging=[Extent(0, SIZE)])
    timed = TimedDrive(drive, 0.005)
    view = memoryview(bytearray(SECTOR))

    def until(raised: Callable[[], int]) -> None:
        for _ in range(MOST_GIVEN_UP):
            with pytest.raises(OSError, match="no answer"):
                raised()

    until(lambda: timed.read_at(0, view))
    with pytest.raises(SourceError, match="no longer answers; switch it off and on"):
        timed.read_at(0, view)
    timed.close()


def test_errors_of_the_drive_come_through_the_time_limit() -> None:
    timed = TimedDrive(MadeDrive([Extent(0, SECTOR)]), 5)
    with pytest.raises(OSError, match="Input/output error"):
        timed.read_at(0, memoryview(bytearray(SECTOR)))
    assert timed.read_at(SECTOR, memoryview(bytearray(SECTOR))) == SECTOR
