"""How fast a package is made and checked, and how much memory it takes, beside `sha256sum`.

Run as `python tests/benchmarks/evidence_speed.py --clips 200 --folder /var/tmp/evidence`. For each
`--run`, the mean bytes of a fragment, an image is written and scanned, and then `export` and
`verify`, without and with the source, run as commands of their own, in turn with `sha256sum` of
the same native bytes. MB/s are of native bytes; each byte is read, hashed in its run, in its
master and in its access copy, and written twice. CPU seconds count besides the wall clock, for a
machine that others use too. `--parts` says what masters, access copies, statements and graph cost,
in one process. Twice the size of the image is needed beside it.
"""

import argparse
import contextlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
MB = 1e6
TARGET, MOST_MIB = 200, 400


class Cost(NamedTuple):
    """Of a command and the processes that it started, their memory together."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def main() -> None:
    """Make, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--runs", type=int, default=10_000, help="fragments of each clip")
    parser.add_argument("--run", type=int, nargs="*", default=[1000, 2000, 10_000],
                        help="mean bytes of a fragment")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--decode", action="store_true", help="also play every access copy")
    parser.add_argument("--content-free", action="store_true", help="also without pictures")
    parser.add_argument("--parts", action="store_true", help="what each part costs")
    parser.add_argument("--folder", type=Path, help="where images and packages are put")
    parser.add_argument("--command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.command:
        print(json.dumps(spent(chosen.command)))
        return
    with tempfile.TemporaryDirectory(prefix="vidrecover-", dir=chosen.folder) as made:
        print(f"{'bytes of a run':>14}{'command':>22}{'MB/s':>8}{'per CPU s':>11}{'target':>8}"
              f"{'of sha256sum':>14}{'MiB':>6}")  # fmt: skip
        for run in chosen.run:
            measured(Path(made), run, chosen)


def measured(folder: Path, run: int, chosen: argparse.Namespace) -> None:
    """One size of runs."""
    sys.path.insert(0, str(ROOT))
    from tests.benchmarks import footage

    image, case, bag = folder / "disk.img", folder / "case", folder / "EX-1"
    size = footage.write(image, clips=chosen.clips, runs=chosen.runs, run=run)
    plain = cost(["sha256sum", str(image)])
    cost(vidrecover("scan", image, "--case", case, "--no-pictures"))
    decode = "--decode" if chosen.decode else "--no-decode"
    more = [decode, "--jobs", str(chosen.jobs)]
    commands = {
        "export": vidrecover("export", "--case", case, "--folder", bag, *more),
        "verify": vidrecover("verify", bag, *more),
        "verify with source": vidrecover("verify", bag, "--source", image, *more),
    }
    if chosen.content_free:
        free = folder / "EX-2"
        commands["content-free"] = vidrecover(
            "export", "--case", case, "--content-free", "--folder", free, *more
        )
        commands["verify content-free"] = vidrecover("verify", free, "--source", image, *more)
    line(run, "sha256sum", size, plain, plain)
    for name, command in commands.items():
        line(run, name, size, cost(command), plain)
    if chosen.parts:
        shutil.rmtree(bag)
        parts(case, bag, size)
    for path in (case, bag, folder / "EX-2"):
        shutil.rmtree(path, ignore_errors=True)
    image.unlink()


def line(run: int, name: str, size: int, one: Cost, plain: Cost) -> None:
    """A row of the table."""
    rate = size / one.wall_s / MB
    target = TARGET if name != "sha256sum" else 0
    print(f"{run:14}{name:>22}{rate:8.0f}{size / one.cpu_s / MB:11.0f}{target or '':>8}"
          f"{plain.wall_s / one.wall_s:14.2f}{one.peak_mib:6.0f}", flush=True)  # fmt: skip


def vidrecover(*words: object) -> list[str]:
    """The command, as a user gives it."""
    return [sys.executable, "-m", "vidrecover", *map(str, words)]


def cost(command: list[str]) -> Cost:
    """What a command costs, by a process of its own that watches it."""
    watch = [sys.executable, __file__, "--command", *command]
    return Cost(*json.loads(subprocess.run(watch, stdout=subprocess.PIPE, check=True).stdout))


def spent(command: list[str]) -> Cost:
    """Runs a command; exit code 1, footage damaged, is no failure here."""
    start, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said) as process:
            while process.poll() is None:
                peak = max(peak, memory_mib(process.pid))
                time.sleep(0.2)
        said.seek(0)
        if process.returncode > 1:
            raise SystemExit(said.read().decode())
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter() - start
    return Cost(wall, used.ru_utime + used.ru_stime, max(peak, used.ru_maxrss / 1024))


def memory_mib(pid: int) -> float:
    """What a process and all that it started hold now; memory that they share counts once."""
    waiting, whole = [pid], 0
    while waiting:
        place = Path("/proc") / str(waiting.pop())
        with contextlib.suppress(OSError, StopIteration):  # it may have ended
            waiting += map(int, (place / f"task/{place.name}/children").read_text().split())
            lines = (place / "smaps_rollup").read_text().splitlines()
            whole += int(next(one for one in lines if one.startswith("Pss:")).split()[1])
    return whole / 1024


def parts(case: Path, bag: Path, size: int) -> None:
    """CPU seconds of the parts of an export in one process, without decoding."""
    from vidrecover.case import Case
    from vidrecover.evidence import _copies, _export, _graph, _masters, _packing

    seconds: dict[str, float] = {}
    watched: list[tuple[Any, str, str]] = [
        (_masters, "copy", "masters and their runs"),
        (_packing, "_stored", "tables of frames"),
        (_copies, "make", "access copies"),
        (_export, "_words", "statements and records"),
        (_graph, "graph", "CASE graph"),
    ]
    for module, name, title in watched:
        setattr(module, name, _timed(getattr(module, name), title, seconds))
    start = time.process_time()
    with Case.open(case) as opened:
        opened.export(bag, decode=False)
    seconds["all"] = time.process_time() - start
    for title, spent_s in seconds.items():
        print(f"{'':14}{title:>22}{'':8}{size / spent_s / MB:11.0f}{'':>8}{spent_s:12.2f} s")


def _timed(call: Callable[..., Any], title: str, seconds: dict[str, float]) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        start = time.process_time()
        try:
            return call(*given, **named)
        finally:
            seconds[title] = seconds.get(title, 0.0) + time.process_time() - start

    return timed


if __name__ == "__main__":
    main()
