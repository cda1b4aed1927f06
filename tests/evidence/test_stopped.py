"""Packing with workers that is killed, or for which the disk is too small: all or nothing."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vidrecover import evidence
from vidrecover.clock import parse_iso
from vidrecover.errors import EvidenceError
from vidrecover.evidence import _copies
from vidrecover.evidence._package import Package
from vidrecover.model import TimeSpan

CaseOf = Callable[[str], Any]
"""The fixture `scanned`."""
WINDOW = TimeSpan(parse_iso("2026-03-14T07:30:04"), parse_iso("2026-03-14T07:30:06"))

PACKING = """
import sys, time
from pathlib import Path
from vidrecover.case import Case
from vidrecover.evidence import _copies, {module}

def wait(*_):
    Path(sys.argv[2] + ".waits").touch()
    time.sleep(600)

_copies._WORTH = 0
{module}.{name} = wait
if __name__ == "__main__":
    with Case.open(Path(sys.argv[1])) as case:
        case.export(Path(sys.argv[2]), channel=2, decode=False, jobs=2)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed like this there")
@pytest.mark.parametrize(("module", "name"), [("_packing", "_taken"), ("_graph", "graph")])
def test_a_killed_export_leaves_no_package_and_the_next_clears_up(
    scanned: CaseOf, tmp_path: Path, module: str, name: str
) -> None:
    case, target = scanned("jt1078-ten"), tmp_path / "out" / "EX-1"
    target.parent.mkdir()
    script, waits = tmp_path / "packing.py", target.with_name("EX-1.waits")
    script.write_text(PACKING.format(module=module, name=name))
    command = [sys.executable, str(script), str(case.folder / "case"), str(target)]
    with subprocess.Popen(command) as process:
        while not waits.exists() and process.poll() is None:
            time.sleep(0.05)
        (left,) = target.parent.glob(".EX-1.*.partial")
        with case.order(channel=2, span=WINDOW) as order, case.open() as source:
            evidence.export(target.with_name("EX-2"), source, order, evidence.Asked(decode=False))
        assert left.is_dir()  # another package leaves it alone
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert left.is_dir() and not target.exists()
    case.export(target, channel=2, span=WINDOW)
    assert sorted(one.name for one in target.parent.iterdir()) == ["EX-1", "EX-1.waits", "EX-2"]
    assert evidence.verify(target, decode=False).differences == ()


def test_an_export_that_goes_on_is_not_cleared_up(scanned: CaseOf, tmp_path: Path) -> None:
    case = scanned("jt1078-ten")
    asked = case.order(channel=2, span=WINDOW)
    with asked as order, case.open() as source, Package(tmp_path / "EX-1", source) as first:
        first.root.rename(first.root.with_name(".EX-1.1.partial"))
        evidence.export(tmp_path / "EX-1", source, order, evidence.Asked(decode=False))
        assert (tmp_path / ".EX-1.1.partial").is_dir()


def test_a_full_disk_leaves_nothing_behind_though_workers_write(
    scanned: CaseOf,
    tmp_path: Path,
    small_disk: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_copies, "_WORTH", 0)
    case = scanned("jt1078-ten")
    whole = tmp_path / "whole"
    with case.order(channel=2) as order, case.open() as source:
        evidence.export(whole, source, order, evidence.Asked(decode=False, jobs=1))
        size = sum(one.stat().st_size for one in whole.rglob("*") if one.is_file())
        masters = sum(one.stat().st_size for one in (whole / "data/master").rglob("*.jt1078"))
        folder = small_disk((masters + (size - masters) // 3) // 1024)
        with pytest.raises(EvidenceError, match="cannot be written"):
            evidence.export(folder / "EX-1", source, order, evidence.Asked(decode=False, jobs=2))
        assert list(folder.iterdir()) == []
