"""How little `find` reads: rings of up to 8 TiB computed on the fly, and a real file.

Run as `python tests/benchmarks/find_speed.py`. On each ring, index lost, twelve cameras, windows at
random times of random cameras are looked for, each into a new case. The seconds of a hard disk are
modelled: 10 ms for each jump, 150 MB in a second; the program's own CPU seconds stand beside them.

`--file DISK.img --size 16` writes a ring of 16 GiB into a file and compares `find` with `scan` and
`recover` on it: seconds, and the clips byte for byte. The page cache is left out by asking the
system to drop the file's pages before each.
"""

import argparse
import hashlib
import os
import random
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.virtual_ring import APART, MIXED, RATE, START_MS, VirtualRing  # noqa: E402

from vidrecover.case import Case  # noqa: E402
from vidrecover.case import _find as finding  # noqa: E402
from vidrecover.model import Grade, SourceRef, TimeSpan  # noqa: E402
from vidrecover.outcome import Found  # noqa: E402

GIB = 1 << 30
KINDS: dict[str, dict[str, Any]] = {
    "frames in turn": {"streams": MIXED},
    "fragments in turn": {"streams": APART, "block": 2 << 20},
    "blocks in turn": {"streams": APART},
    "blocks in no order": {"streams": APART, "is_scattered": True},
    "files in no order": {"streams": MIXED, "block": GIB, "is_scattered": True},
    "fragments in no order": {"streams": APART, "block": 2 << 20, "is_scattered": True},
}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[64, 1024, 4096, 8192], help="GiB")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--windows", type=int, default=10, help="on each ring")
    parser.add_argument("--minutes", type=float, default=2, help="of each window")
    parser.add_argument("--file", type=Path, help="compare with a scan on a real file, made here")
    parser.add_argument("--size", type=int, default=16, help="GiB of that file")
    chosen = parser.parse_args()
    if chosen.file is not None:
        compare(chosen.file, chosen.size * GIB, round(chosen.minutes * 60))
        return
    print(f"{'ring':22}{'GiB':>6}{'whole':>7}{'refused':>9}{'wrong':>7}{'MB read':>9}{'most':>7}"
          f"{'disk s':>8}{'most':>7}{'probes':>8}{'CPU s':>7}")  # fmt: skip
    for kind in chosen.kinds:
        for size in chosen.sizes:
            row(kind, size, chosen.windows, round(chosen.minutes * 60))


def row(kind: str, size: int, windows: int, seconds: int) -> None:
    """Look for windows on one ring, and print a line."""
    rng = random.Random(f"{kind} {size}")
    whole = refused = wrong = probes = 0
    read: list[int] = []
    disk_s: list[float] = []
    begun = time.process_time()
    for _ in range(windows):
        ring = VirtualRing(size * GIB, **KINDS[kind])
        start = int(rng.uniform(ring.oldest_s(), ring.now_s - seconds - 60))
        found = search(ring, rng.randrange(1, 13), start, start + seconds)
        (window,) = found.windows
        is_right = [c.frames for c in found.clips] == [seconds * RATE]
        is_right &= all(c.grade is Grade.COMPLETE for c in found.clips)
        whole += window.is_whole and is_right
        wrong += window.is_whole and not is_right
        refused += not window.is_whole
        read.append(found.bytes_read)
        disk_s.append(ring.seconds)
        probes = max(probes, found.probes)
    cpu = (time.process_time() - begun) / windows
    print(f"{kind:22}{size:6}{whole:7}{refused:9}{wrong:7}{np.mean(read) / 1e6:9.0f}"
          f"{max(read) / 1e6:7.0f}{np.mean(disk_s):8.1f}{max(disk_s):7.1f}{probes:8}{cpu:7.1f}",
          flush=True)  # fmt: skip


def search(ring: VirtualRing, channel: int, start_s: int, end_s: int) -> Found:
    """Find a span on a ring, into a case that is thrown away."""
    vars(finding)["open_source"] = lambda _: nullcontext(ring)
    span = TimeSpan(START_MS + start_s * 1000, START_MS + end_s * 1000)
    with tempfile.TemporaryDirectory(prefix="vidrecover-find-") as name:
        folder = Path(name)
        with Case.open(folder / "case", create=True) as case:
            return case.find(
                SourceRef(path="virtual"), folder / "clips", channels=[channel], span=span
            )


def compare(path: Path, size: int, seconds: int) -> None:
    """`find` against `scan` and `recover` on a file of this size."""
    ring = VirtualRing(size, MIXED)
    write(ring, path)
    ref = SourceRef(path=str(path))
    start = START_MS + int((ring.oldest_s() + ring.now_s) / 2) * 1000
    span = TimeSpan(start, start + seconds * 1000)
    with tempfile.TemporaryDirectory(prefix="vidrecover-find-", dir=path.parent) as name:
        folder = Path(name)
        forget(path)
        begun = time.perf_counter()
        with Case.open(folder / "a", create=True) as case:
            found = case.find(ref, folder / "found", channels=[3], span=span)
        find_s = time.perf_counter() - begun
        forget(path)
        begun = time.perf_counter()
        with Case.open(folder / "b", create=True) as case:
            case.scan(ref, pictures=False)
            case.recover(folder / "all", channel=3, span=span)
        scan_s = time.perf_counter() - begun
        same = digests(folder / "found") == digests(folder / "all")
    print(f"{size / GIB:.0f} GiB: find {find_s:.1f} s, {found.bytes_read / 1e6:.0f} MB read,"
          f" whole: {[w.is_whole for w in found.windows]}; scan and recover {scan_s:.1f} s;"
          f" clips {'the same byte for byte' if same else 'DIFFER'}")  # fmt: skip


def write(ring: VirtualRing, path: Path) -> None:
    """The ring as a file, unless it is there."""
    if path.exists() and path.stat().st_size == ring.size:
        return
    buffer = np.empty(64 << 20, dtype=np.uint8)
    with path.open("wb") as file:
        for start in range(0, ring.size, len(buffer)):
            part = buffer[: ring.size - start]
            ring.read_into(start, part)
            file.write(part.data)
        file.flush()
        os.fsync(file.fileno())


def forget(path: Path) -> None:
    """Let the system drop the file's pages."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def digests(folder: Path) -> list[tuple[str, str]]:
    """The clips of a folder."""
    return [
        (one.name, hashlib.sha256(one.read_bytes()).hexdigest())
        for one in sorted(folder.glob("*.m*"))
    ]


if __name__ == "__main__":
    main()
