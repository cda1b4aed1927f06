"""Footage whose bytes carry no date gets that of the clock in its pictures."""

import csv
from pathlib import Path

import pytest

from vidrecover import simulate
from vidrecover.case import Case
from vidrecover.clock import parse_iso
from vidrecover.model import Clip, SourceRef

SCENARIO = """
title = "One camera whose files carry no date"
layout = "hx"
seed = 15
start = "2026-03-14T07:29:40"
end = "2026-03-14T07:30:10"

[[cameras]]
numbers = [1]
width = 352
height = 288
rate = 10.0
gop = 20

[image]
period_s = 30.0
"""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scanned case of half a minute of footage without dates."""
    folder = tmp_path_factory.mktemp("undated")
    (folder / "undated.toml").write_text(SCENARIO)
    simulate.build(simulate.load(folder / "undated.toml"), folder / "disk.img")
    with Case.open(folder / "case", create=True) as opened:
        opened.scan(SourceRef(path=str(folder / "disk.img")))
    return folder / "case"


def true_times(case: Path) -> list[int]:
    with (case.parent / "frames.csv").open() as file:
        return [parse_iso(row["time"]) for row in csv.DictReader(file) if row["media"] == "video"]


def recovered(case: Path, name: str) -> list[Clip]:
    with Case.open(case) as opened:
        return opened.recover(case / name)


def test_a_clip_begins_and_ends_at_the_times_in_its_pictures(case: Path) -> None:
    (clip,) = recovered(case, "clips")
    times = true_times(case)
    assert clip.frames == len(times)
    assert clip.from_ms is not None
    assert clip.to_ms is not None
    assert abs(clip.from_ms - times[0]) < 1000
    assert abs(clip.to_ms - times[-1]) < 1500
    assert "dates are those of the clock in the picture" in clip.notes
    assert clip.channel is None


def test_it_can_be_asked_for_by_time(case: Path) -> None:
    with Case.open(case) as opened:
        last_day = opened.last_day()
        assert last_day is not None
        assert last_day.start_ms == parse_iso("2026-03-14T00:00:00")
        (one,) = opened.diagnose().channels
        assert one.channel is None
        assert one.state.value == "not_indexed"


def test_nobody_is_asked_twice(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(*_: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr("vidrecover.case._dating.clockreading.ask", unexpected)
    with Case.open(case) as opened:
        before = list(opened.segments())
        opened.scan(SourceRef(path=str(case.parent / "disk.img")))
        assert list(opened.segments()) == before
