"""A case remembers what was read, and reads again what has changed."""

from collections.abc import Callable
from pathlib import Path

from vidrecover import simulate
from vidrecover.case import Case
from vidrecover.clock import parse_iso
from vidrecover.model import SourceRef


def test_a_map_that_comes_later_is_heeded_and_one_that_rescued_more_gives_the_bytes_back(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = simulated("dhfs-bad-sectors")
    disk, bad = str(folder / "disk.img"), str(folder / "bad.map")
    found = []
    for map_path in (None, bad, None):
        whole = tmp_path / "whole.map"
        whole.write_text(f"0x0 +\n0x0 {Path(disk).stat().st_size:#x} +\n")
        ref = SourceRef(path=disk, map_path=map_path or str(whole))
        with Case.open(tmp_path / "case", create=True) as case:
            report = case.scan(ref, pictures=False)
        found.append((report.unreadable > 0, sum(one.frames for one in report.channels)))
    assert [refused for refused, _ in found] == [False, True, False]
    assert found[0] == found[2]


def test_a_date_of_2038_is_not_the_last_day_while_there_are_others(tmp_path: Path) -> None:
    text = simulate.scenarios()["dhav-plain"].read_text()
    start = next(line for line in text.splitlines() if line.startswith("start"))
    lost = 'clock = [["07:30:06", "2038-01-19T03:14:08"]]'
    scene = tmp_path / "scene.toml"
    scene.write_text(text.replace(start, f"{start}\n{lost}"))
    simulate.build(simulate.load(scene), tmp_path / "disk.img")
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(tmp_path / "disk.img")), pictures=False)
        assert max(one.last_ms or 0 for one in case.found()) > parse_iso("2038-01-01T00:00:00")
        day = case.last_day()
    assert day is not None
    assert day.start_ms == parse_iso("2026-03-14T00:00:00")
