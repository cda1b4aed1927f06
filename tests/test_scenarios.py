"""Simulated disks: each cause is named with its span, and what is innocent is left in peace.

`tests/benchmarks/confusion.py` runs all of them and prints the tables; here runs a part.
"""

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from vidrecover.model import CauseKind

ROOT = Path(__file__).parents[1]
REPRESENTATIVE = (
    "loss-that-comes-and-goes",
    "camera-gap",
    "power-cut",
    "disk-full",
    "repair-cut",
    "no-room",
    "unclosed",
    "not-written",
    "write-stop-tme",
    "ignition-off-hikvision",
    "sub-only",
    "clock-reset",
    "resolution-changed",
    "encrypted",
    "dark-from-the-middle",
    "frozen-for-minutes-clock-stands",
    "parked-at-night",
    "a-blip",
)


@pytest.fixture(scope="module")
def confusion() -> dict[str, Any]:
    sys.path.insert(0, str(ROOT))
    try:
        return runpy.run_path(str(ROOT / "tests" / "benchmarks" / "confusion.py"))
    finally:
        sys.path.remove(str(ROOT))


def test_there_are_forty_scenarios_and_more(confusion: dict[str, Any]) -> None:
    names = [one.scenario.name for one in confusion["made"]()]
    assert len(names) == len(set(names)) >= 40
    assert set(REPRESENTATIVE) <= set(names)


def test_each_cause_has_a_disk_that_shows_it(confusion: dict[str, Any]) -> None:
    shown = {cause.kind for one in confusion["made"]() for cause in one.causes}
    assert shown == set(CauseKind)


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_what_is_wrong_is_named_with_its_span_and_nothing_else_is_told(
    name: str, confusion: dict[str, Any], tmp_path: Path
) -> None:
    (one,) = (made for made in confusion["made"]() if made.scenario.name == name)
    assert confusion["result"](one, tmp_path).wrong == []
