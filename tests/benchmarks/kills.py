"""Programs killed by SIGKILL at random moments, and what they leave: work to go on with.

Run as `python tests/benchmarks/kills.py`. A ring of 768 MiB is scanned, by one process, by two, and
with an image made on the way, and searched by `find`. Each is killed again and again at a random
moment and begun anew in the same case until it ends by itself; then the catalogue is compared with
that of an undisturbed run, the image with the disk, the clips of `find` byte for byte. That is
repeated in fresh cases until so many were killed.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.find_speed import write  # noqa: E402
from tests.test_stopping import content  # noqa: E402
from tests.virtual_ring import MIXED, START_MS, VirtualRing  # noqa: E402

from vidrecover.clock import iso  # noqa: E402

MIB = 1 << 20
PROGRAM = [sys.executable, "-m", "vidrecover"]
_START_S = 0.3  # of Python itself, in which nothing is written


class Way(NamedTuple):
    """A command to be killed. words: given the case and the number of the attempt; same: whether
    what is left in the end is what it should be."""

    name: str
    words: Callable[[Path, int], list[str]]
    same: Callable[[Path, int], bool]


def main() -> None:
    """Kill, compare, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="of each way")
    parser.add_argument("--ways", nargs="*", default=["scan", "jobs", "image", "find"])
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vidrecover-kills-") as name:
        folder = Path(name)
        disk = folder / "disk.img"
        ring = VirtualRing(768 * MIB, MIXED, block=64 * MIB)
        write(ring, disk)
        start = START_MS + int((ring.oldest_s() + ring.now_s) / 2) * 1000
        span = iso(start), iso(start + 30_000)
        known = {one.name: one for one in ways(disk, folder, span)}
        print(f"{'way':8}{'kills':>7}{'cases':>7}{'alike':>7}{'undisturbed s':>15}")
        for one in chosen.ways:
            row(known[one], folder / one, chosen.kills, random.Random(f"{one} {chosen.seed}"))


def row(way: Way, folder: Path, kills: int, moments: random.Random) -> None:
    """So many kills of one way, and a line about them."""
    folder.mkdir()
    seconds = undisturbed_s(way, folder / "timed")
    killed = cases = alike = 0
    while killed < kills:
        case, attempts = folder / f"case-{cases}", 0
        while True:
            limit = moments.uniform(_START_S, seconds) if killed < kills else None
            attempts += 1
            if finished(way.words(case, attempts), limit):
                break
            killed += 1
        cases += 1
        alike += way.same(case, attempts)
        shutil.rmtree(case)
    print(f"{way.name:8}{killed:7}{cases:7}{alike:7}{seconds:15.1f}", flush=True)
    if alike != cases:
        raise SystemExit(f"{way.name}: {cases - alike} of {cases} differ")


def finished(words: list[str], limit_s: float | None) -> bool:
    """Whether a command ended well before it was killed, with all its processes."""
    running = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        told = running.communicate(timeout=limit_s)[1]
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        return False
    if running.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {running.returncode}: {told}")
    return True


def undisturbed_s(way: Way, case: Path) -> float:
    """Seconds of the command when nobody kills it."""
    begun = time.monotonic()
    finished(way.words(case, 0), None)
    return time.monotonic() - begun


def ways(disk: Path, folder: Path, span: tuple[str, str]) -> list[Way]:
    """The commands, compared with what an undisturbed scan leaves."""

    def scan(case: Path, *more: str) -> list[str]:
        return [*PROGRAM, "scan", str(disk), "--case", str(case), "--no-pictures", *more]

    whole = folder / "whole"
    finished(scan(whole), None)
    right = content(whole)

    def find(case: Path, attempt: int) -> list[str]:
        own = ["--channel", "3", "--from", span[0], "--to", span[1]]
        out = case.parent / f"{case.name}-clips-{attempt}"
        return [*PROGRAM, "find", str(disk), "--case", str(case), *own, "--folder", str(out)]

    finished(find(folder / "found", 0), None)
    clips = digests(folder / "found-clips-0")
    finished(scan(folder / "found"), None)
    behind = content(folder / "found")

    def same_image(case: Path, _: int) -> bool:
        image = case / "image.img"
        return content(case) == right and digest(image) == digest(disk)

    def same_clips(case: Path, attempt: int) -> bool:
        if digests(case.parent / f"{case.name}-clips-{attempt}") != clips:
            return False
        finished(scan(case), None)
        return bool(content(case) == behind)

    return [
        Way("scan", lambda case, _: scan(case), lambda case, _: content(case) == right),
        Way(
            "jobs",
            lambda case, _: scan(case, "--jobs", "2"),
            lambda case, _: content(case) == right,
        ),
        Way("image", lambda case, _: scan(case, "--image", str(case / "image.img")), same_image),
        Way("find", find, same_clips),
    ]


def digest(path: Path) -> str:
    """Of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path) -> list[tuple[str, str]]:
    """Of the clips in a folder, by name."""
    return [(one.name, digest(one)) for one in sorted(folder.glob("*.m*"))]


if __name__ == "__main__":
    main()
