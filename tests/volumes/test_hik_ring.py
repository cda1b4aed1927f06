"""The head of a Hikvision ring is told where index and blocks prove it, and nowhere else."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrecover.model import Extent, Ring
from vidrecover.source.raw import RawSource
from vidrecover.volumes import hikvision
from vidrecover.volumes._hik_blocks import Run
from vidrecover.volumes._hik_ring import ring
from vidrecover.volumes._hik_tree import ENTRY, RECORDING, Entries

BLOCK, VIDEO = 1 << 20, 0x20000
FORMATTED = 1_773_473_400
LASTING = 100
EMPTY = None

Row = tuple[int, int, int]
"""Camera, start, end; by the index, in seconds since the format."""


def block(number: int) -> Extent:
    return Extent(VIDEO + number * BLOCK, VIDEO + (number + 1) * BLOCK)


def run(number: int, camera: int, start: int, end: int) -> Run:
    """Key frames of a camera in a block."""
    place = block(number)
    return Run(
        camera, FORMATTED + start, FORMATTED + end, place, place.start, Extent(place.end, place.end)
    )


def told(
    rows: Sequence[Row | None],
    *,
    opened: Sequence[int] = (),
    left: Mapping[int, Run] | None = None,
    lying: Mapping[int, int] | None = None,
    unlisted: int | None = None,
    formatted: int = FORMATTED,
) -> Ring | None:
    """What one row a block proves; None: empty. opened: blocks being recorded; left: runs of an
    earlier round; lying: seconds by which the index is wrong."""
    table = np.zeros(len(rows), dtype=ENTRY)
    runs: dict[int, list[Run]] = {}
    for number, row in enumerate(rows):
        entry = table[number : number + 1]
        entry["block"] = block(number).start
        if row is None:
            entry["empty"] = (1 << 64) - 1
        else:
            camera, start, end = row
            shift = FORMATTED + (lying or {}).get(number, 0)
            entry["channel"], entry["start"], entry["end"] = camera, start + shift, end + shift
            if number in opened:
                entry["start"], entry["end"] = RECORDING, 0
            runs[block(number).start] = [run(number, camera, start, end)]
        if left and number in left:
            runs.setdefault(block(number).start, []).append(left[number])
    table = np.delete(table, [] if unlisted is None else [unlisted])
    entries = Entries(table, np.zeros(len(table), dtype=np.int64), ())
    return ring(entries, runs, [block(number) for number in range(len(rows))], formatted)


def came_round(head: int, count: int = 8) -> list[Row | None]:
    """Two cameras in turn, each block twice as long as the way to the next one."""
    ages = [(number - head) % count for number in range(count)]
    return [
        (1 + age % 2, 1000 + age * LASTING // 2, 1000 + age * LASTING // 2 + LASTING)
        for age in ages
    ]


def filled(taken: int, count: int = 9) -> list[Row | None]:
    return [row if number < taken else EMPTY for number, row in enumerate(came_round(0, count))]


def head(found: Ring | None) -> int | None:
    return None if found is None else (found.head - found.extent.start) // found.block


@given(st.integers(0, 11))
def test_a_ring_that_came_round_goes_on_at_its_oldest_block(number: int) -> None:
    found = told(came_round(number, 12))
    assert found == Ring(
        extent=Extent(VIDEO, VIDEO + 12 * BLOCK),
        head=VIDEO + number * BLOCK,
        block=BLOCK,
        lasting_ms=1000 * LASTING,
    )


def test_a_ring_that_is_not_full_goes_on_at_its_first_empty_block() -> None:
    assert head(told(filled(6))) == 6
    rows = filled(6)
    assert head(told([*rows[2:], *rows[:2]])) == 4


def test_blocks_being_recorded_are_dated_by_their_key_frames() -> None:
    assert head(told(came_round(3), opened=(1, 2))) == 3


def test_what_an_earlier_round_left_does_not_move_the_head() -> None:
    left = {number: run(number, 2, 200 + number, 210 + number) for number in range(8)}
    assert head(told(came_round(3), left=left)) == 3
    assert head(told(filled(6), left={7: run(7, 1, -900, -800)})) == 6


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(told(filled(5)), id="too few blocks were taken"),
        pytest.param(told([EMPTY] * 9), id="the index lists nothing"),
        pytest.param(told(came_round(3), formatted=0), id="no master sector tells of a format"),
        pytest.param(told(came_round(3), unlisted=5), id="a block is not listed"),
        pytest.param(
            told([*came_round(0)[:4], EMPTY, *came_round(0)[5:], EMPTY]), id="a block is missing"
        ),
        pytest.param(told(came_round(3), lying={5: 3600}), id="the index lies of one block"),
        pytest.param(
            told(came_round(3), lying=dict.fromkeys(range(8), 7200)), id="the index lies of all"
        ),
        pytest.param(
            told([*came_round(0)[4:6], *came_round(0)[:4], *came_round(0)[6:]]), id="no order"
        ),
        pytest.param(
            told(came_round(0)[::-1]), id="blocks that were taken backwards"
        ),
        pytest.param(
            told(filled(6), left={7: run(7, 1, 1400, 1500)}), id="an empty block is the newest"
        ),
        pytest.param(
            told(came_round(3), left={1: run(1, 2, 5000, 5100)}), id="the clock was set back"
        ),
        pytest.param(
            told(came_round(3), opened=(5,)), id="a block that was left open before newer ones"
        ),
        pytest.param(
            told(came_round(3), formatted=FORMATTED + 200_000), id="older than the format"
        ),
    ],
)  # fmt: skip
def test_without_agreement_of_all_blocks_no_head_is_told(found: Ring | None) -> None:
    assert found is None


@given(
    st.lists(
        st.none() | st.tuples(st.integers(0, 70), st.integers(-9, 99), st.integers(-9, 99)),
        max_size=12,
    ),
    st.sets(st.integers(0, 11)),
)
def test_any_entries_are_survived_and_a_head_is_the_start_of_a_block(
    rows: list[Row | None], opened: set[int]
) -> None:
    found = told(rows, opened=sorted(opened))
    assert found is None or found.head in [block(number).start for number in range(len(rows))]


@pytest.mark.parametrize(
    ("scenario", "number"),
    [
        ("hikvision-wrapped", 0),
        ("hikvision-intact", 7),
        ("hikvision-power-cut", 7),
        ("hikvision-orphaned", None),
        ("hikvision-formatted", None),
        ("hikvision-trees-wiped", None),
        ("hikvision-destroyed", None),
    ],
)
def test_the_head_of_a_simulated_disk_is_where_the_recorder_would_go_on(
    simulated: Callable[[str], Path], scenario: str, number: int | None
) -> None:
    source = RawSource(str(simulated(scenario) / "disk.img"))
    (found,) = hikvision.examine(source)
    source.close()
    assert head(found.ring) == number
