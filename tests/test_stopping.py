"""A scan that is stopped at any moment goes on as if nothing had happened."""

import os
import random
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vidrecover import segments
from vidrecover.catalogue import Catalogue

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind do not exist here"),
]

IMAGES = Path(__file__).parent / "benchmarks" / "images.py"
MIB = 1 << 20


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of twelve cameras in four units, and zeros that take a while to be read."""
    path = tmp_path_factory.mktemp("large") / "disk.img"
    runpy.run_path(str(IMAGES))["dhav"](path, 240 * MIB)
    with path.open("r+b") as file:
        file.truncate(1024 * MIB)
    return path


@pytest.fixture(scope="module")
def undisturbed(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, float]:
    """What a scan finds that nobody stops, and how many seconds it takes."""
    case = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    scan = scanning(disk, case)
    scan.communicate()
    assert scan.returncode == 0
    return content(case), time.monotonic() - began


def scanning(disk: Path, case: Path, *words: str) -> "subprocess.Popen[str]":
    """A scan that has begun, in a group of processes of its own."""
    command = [sys.executable, "-m", "vidrecover", "scan", str(disk), "--case", str(case)]
    return subprocess.Popen(
        [*command, "--no-pictures", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def content(case: Path) -> Any:
    """All that a catalogue holds, as values: no ids, no runs."""
    with Catalogue.open(case / "catalogue.db", create=False) as stored:
        found = [
            (msgspec.structs.replace(one, id=None, rows=b""), segments.unpack(one.rows).tobytes())
            for one in stored.segments(rows=True)
        ]
        return {
            "segments": sorted(found, key=repr),
            "claims": [msgspec.structs.replace(one, id=None) for one in stored.claims()],
            "loose ends": list(stored.loose_ends()),
            "scanned": stored.scanned(),
            "unidentified": stored.unidentified(),
            "blank": stored.blank(),
            "unreadable": stored.unreadable(),
        }


def test_a_scan_killed_at_any_moment_goes_on_and_ends_alike(
    disk: Path, undisturbed: tuple[Any, float], tmp_path: Path
) -> None:
    whole, seconds = undisturbed
    moments = random.Random(17)
    codes = []
    for share in (0.1, 0.2, 0.35, 0.5, 0.7):  # early ones too: later scans may be much faster
        scan = scanning(disk, tmp_path)
        try:
            told = scan.communicate(timeout=moments.uniform(share, share + 0.1) * seconds)[1]
        except subprocess.TimeoutExpired:
            scan.kill()
            told = scan.communicate()[1]
        assert "Traceback" not in told
        codes.append(scan.returncode)
    assert set(codes) <= {0, -signal.SIGKILL}
    assert -signal.SIGKILL in codes
    scan = scanning(disk, tmp_path)
    assert "next: vidrecover diagnose" in scan.communicate()[1]
    assert (scan.returncode, content(tmp_path)) == (0, whole)


@pytest.mark.parametrize("words", [[], ["--jobs", "2"]])
def test_a_scan_stopped_by_its_user_says_so_and_goes_on(
    disk: Path, undisturbed: tuple[Any, float], tmp_path: Path, words: list[str]
) -> None:
    scan = scanning(disk, tmp_path, *words)
    assert scan.stderr is not None
    assert "to read" in scan.stderr.readline()
    os.killpg(scan.pid, signal.SIGINT)  # as a terminal does: all processes of the group
    told = scan.communicate()[1]
    assert (scan.returncode, told.strip()) == (
        3,
        "stopped; a scan goes on where it was when the same command is given again",
    )
    again = scanning(disk, tmp_path, *words)
    assert "Traceback" not in again.communicate()[1]
    assert again.returncode == 0
    assert content(tmp_path) == undisturbed[0]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no list of processes here")
def test_no_process_is_left_behind_when_a_scan_of_several_is_killed(
    disk: Path, undisturbed: tuple[Any, float], tmp_path: Path
) -> None:
    scan = scanning(disk, tmp_path, "--jobs", "2")
    assert scan.stderr is not None
    scan.stderr.readline()
    scan.kill()
    scan.wait()
    # Ends when the last process that holds it has ended. What it says is not ours: Python's own
    # start of a process complains when the one that starts it is gone.
    scan.stderr.read()
    scan.stderr.close()
    until = time.monotonic() + 30  # a process that has closed its files may still be ending
    while group(scan.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert group(scan.pid) == []


def group(number: int) -> list[int]:
    """The living processes of a group."""
    found = []
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            try:
                fields = (one / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == number and fields[0] != "Z":
                found.append(int(one.name))
    return found
