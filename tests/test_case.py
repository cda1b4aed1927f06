"""A case remembers what was read, and reads again what has changed."""

from collections.abc import Callable
from pathlib import Path

from vidrecover.case import Case
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
