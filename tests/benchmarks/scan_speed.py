"""How fast a scan is, and how much memory it takes, beside `cat` on the same file.

Run as `python tests/benchmarks/scan_speed.py --size 1 --folder /var/tmp/images`. Images are made
once and kept where `--folder` says. Each scan is the whole of `Case.scan` into a new catalogue, in
a process of its own; scans and `cat` take turns, and medians are shown. CPU seconds count
besides the wall clock, for a machine that others use too. Pictures are looked at only with
`--pictures`: those of the images are random bytes.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GIB, GB = 1 << 30, 1e9
TARGETS = {"dhav": 1.0, "jt1078": 0.4, "annexb": 0.8, "zeros": 5.0, "noise": 1.0}
"""GB/s for each CPU."""
MOST_MIB = 400


def main() -> None:
    """Make the images, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=1.0, help="GiB of each image")
    parser.add_argument("--folder", type=Path, help="where images are kept")
    parser.add_argument("--kinds", nargs="*", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--jobs", type=int, nargs="*", default=[1, 2], help="processes")
    parser.add_argument("--growth", action="store_true", help="also 8 GiB: first and last GiB")
    parser.add_argument("--pictures", action="store_true", help="look at key pictures too")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one is not None:
        print(json.dumps(scan(chosen.one, chosen.jobs[0], pictures=chosen.pictures)))
        return
    with tempfile.TemporaryDirectory(prefix="vidrecover-speed-") as made:
        folder = chosen.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{'image':8}{'jobs':>5}{'GB/s':>8}{'per CPU':>9}{'target':>8}{'cat GB/s':>10}"
              f"{'of cat':>8}{'start s':>9}{'MiB':>6}{'frames':>10}")  # fmt: skip
        for kind in chosen.kinds:
            path = image(kind, folder, round(chosen.size * GIB))
            for jobs in chosen.jobs:
                compare(kind, path, jobs, chosen)
        if chosen.growth:
            growth(image("dhav", folder, 8 * GIB), pictures=chosen.pictures)


def image(kind: str, folder: Path, size: int) -> Path:
    """The image of this kind and size, made when it is missing."""
    sys.path.insert(0, str(ROOT))
    from tests.benchmarks import images

    writers: dict[str, Callable[[Path, int], Any]] = {
        "dhav": images.dhav,
        "jt1078": images.jt1078,
        "annexb": images.annexb,
        "zeros": images.zeros,
        "noise": images.noise,
    }
    path = folder / f"{kind}-{size}.img"
    if not path.exists():
        writers[kind](path, size)
    return path


def compare(kind: str, path: Path, jobs: int, chosen: argparse.Namespace) -> None:
    """Scan and `cat` in turn, and print a line of the table."""
    cat(path)
    cats, scans = [], []
    for _ in range(chosen.repeat):
        cats.append(cat(path))
        scans.append(measured(path, jobs, pictures=chosen.pictures))
    size = path.stat().st_size
    wall = median(one["wall_s"] for one in scans)
    cpu = median(one["cpu_s"] for one in scans)
    memory = max(one["peak_mib"] for one in scans)
    rate = size / wall / GB
    plain = size / median(cats) / GB
    start = median(one["start_s"] for one in scans)
    print(f"{kind:8}{jobs:5}{rate:8.2f}{size / cpu / GB:9.2f}{TARGETS[kind]:8.1f}{plain:10.2f}"
          f"{rate / plain:8.2f}{start:9.2f}{memory:6.0f}{scans[0]['frames']:10}")  # fmt: skip


def cat(path: Path) -> float:
    """Seconds that `cat` takes."""
    with Path("/dev/null").open("wb") as nothing:
        start = time.perf_counter()
        subprocess.run(["cat", str(path)], stdout=nothing, check=True)
        return time.perf_counter() - start


def measured(path: Path, jobs: int, *, pictures: bool) -> dict[str, Any]:
    """What a scan in a fresh process tells; `start_s`: what the process took besides."""
    command = [sys.executable, __file__, "--one", str(path), "--jobs", str(jobs)]
    command += ["--pictures"] if pictures else []
    start = time.perf_counter()
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    result: dict[str, Any] = json.loads(output)
    result["start_s"] = time.perf_counter() - start - result["wall_s"]
    return result


def scan(path: Path, jobs: int, *, pictures: bool) -> dict[str, Any]:
    """Scan into a new case; seconds, MiB, frames, and the seconds after each unit."""
    from vidrecover.case import Case
    from vidrecover.model import SourceRef

    steps: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory(prefix="vidrecover-speed-") as folder:
        before, start = cpu_s(), time.perf_counter()

        def progress(size: int) -> None:
            steps.append((time.perf_counter() - start, size))

        with Case.open(Path(folder) / "case", create=True) as case:
            report = case.scan(
                SourceRef(path=str(path)), jobs=jobs, pictures=pictures, progress=progress
            )
        wall = time.perf_counter() - start
    return {
        "wall_s": wall,
        "cpu_s": cpu_s() - before,
        "peak_mib": max(
            resource.getrusage(who).ru_maxrss / 1024
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ),
        "frames": sum(one.frames for one in report.channels),
        "steps": steps,
    }


def cpu_s() -> float:
    """CPU seconds of this process and of its ended children."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def growth(path: Path, *, pictures: bool) -> None:
    """Whether a scan becomes slower or larger with what it has found already."""
    cat(path)
    result = measured(path, 1, pictures=pictures)
    at = done = 0
    edges: list[float] = [0.0]
    for seconds, size in result["steps"]:
        done += size
        if done - at >= GIB:
            edges.append(seconds)
            at = done
    first, last = edges[1], edges[-1] - edges[-2]
    rest = result["wall_s"] - edges[-1]
    print(f"8 GiB of dhav: first GiB {GIB / first / GB:.2f} GB/s, last {GIB / last / GB:.2f} GB/s,"
          f" {rest:.2f} s behind the last unit; {result['frames']} frames,"
          f" {result['peak_mib']:.0f} MiB (at most {MOST_MIB})")  # fmt: skip


if __name__ == "__main__":
    main()
