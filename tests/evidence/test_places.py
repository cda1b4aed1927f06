"""Where the vehicle was stays in the case: packages tell no coordinates of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vidrecover.case import Case
from vidrecover.evidence import _layers
from vidrecover.model import SourceRef
from vidrecover.simulate import jt808, xm
from vidrecover.simulate.times import moment

START_MS = moment("2026-03-14T07:30:00")


def telling(root: Path) -> set[str]:
    """Files of a package in which coordinates stand, hidden ones included."""
    names = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    found = {one.file for one in _layers.of(root, names) if any(_layers.coordinates(one, 2))}
    raw = (xm.sentence(START_MS)[20:32], jt808.position(START_MS)[8:16])
    return found | {n for n in names if any(r in (root / n).read_bytes() for r in raw)}


def test_a_package_tells_no_place_but_in_the_native_bytes(
    simulated: Callable[[str], Any], tmp_path: Path
) -> None:
    """Vehicle information stands between the recorder's frames: native files keep it."""
    disk, case_folder = tmp_path / "disk.img", tmp_path / "case"
    beside = b"\r\n".join(xm.sentence(START_MS + 1000 * n) for n in range(8))
    reports = [jt808.position(START_MS + 1000 * n) for n in range(8)]
    sent = b"".join(jt808.message(0x200, "1", n, body) for n, body in enumerate(reports))
    recording = (simulated("xm-plain") / "disk.img").read_bytes()
    disk.write_bytes(recording + beside + bytes(4096) + sent + bytes(4096))
    with Case.open(case_folder, create=True) as case:
        case.scan(SourceRef(path=str(disk)), pictures=False)
        stored = case.catalogue.positions.stored()
        case.export(tmp_path / "free", content_free=True)
        case.export(tmp_path / "whole")
    assert {one.kind for one in stored if one.latitude is not None} == {"xm", "nmea", "jt808"}
    assert telling(tmp_path / "free") == set()
    native = telling(tmp_path / "whole")
    assert native and all(name.startswith("data/master/") for name in native)
