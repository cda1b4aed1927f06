"""Thousands of damaged file systems: no crash, no hang over ten seconds, memory under 400 MB.

    python tests/benchmarks/filesystem_fuzz.py [--count 2000] [KIND ...]

Small volumes of the real mkfs, filled by real tools. In each image random bytes of its structures
are changed, or numbers in them are made equal to others, which closes chains and folders to rings.
"""

import argparse
import random
import resource
import runpy
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vidrecover.model import SourceRef
from vidrecover.volumes._fs_walk import walk
from vidrecover.workers import told

TESTS = Path(__file__).parents[1]
KINDS = ("fat12", "fat32", "ext2", "ext4", "ntfs")
BATCH, LIMIT_S = 50, 120.0


class Done(NamedTuple):
    """One image: seconds, entries listed, and the process's memory at its peak, in MiB."""

    seconds: float
    entries: int
    memory: float


def walk_all(send: Callable[[object], None], paths: Sequence[str]) -> None:
    """Walk one image after the other in this process."""
    for path in paths:
        listed: list[object] = []
        start = time.perf_counter()
        try:
            walk(listed.append, SourceRef(path=path), ())
        except OSError:
            listed.append("refused")
        entries = sum(len(one) for one in listed if isinstance(one, list))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        send(Done(time.perf_counter() - start, entries, peak))


def damaged(whole: bytes, structures: Sequence[int], rng: random.Random) -> bytes:
    """A copy with 1 to 64 bytes of its structures changed, every third with numbers repeated."""
    data = bytearray(whole)
    for _ in range(rng.choice((1, 2, 4, 8, 16, 32, 64))):
        data[rng.choice(structures)] = rng.randrange(256)
    if rng.random() < 0.34:
        for _ in range(rng.randrange(1, 16)):
            start, other = (rng.choice(structures) & ~3 for _ in range(2))
            data[start : start + 4] = data[other : other + 4]
    return bytes(data)


def fuzzed(kind: str, count: int, folder: Path) -> None:
    """Walk so many damaged images and print one line."""
    tests: Any = runpy.run_path(str(TESTS / "volumes" / "test_filesystem.py"))
    whole = tests["made"](kind, folder).read_bytes()
    used = [at for at in range(0, len(whole), 512) if whole[at : at + 512].strip(b"\0")]
    content = {bytes([number + 1]) * 512 for number in range(4)}
    sectors = [at for at in used if whole[at : at + 512] not in content]
    structures = [at + i for at in sectors for i in range(512)]
    rng = random.Random(kind)
    done: list[Done] = []
    broken = 0
    for first in range(0, count, BATCH):
        paths = [folder / f"{n}.img" for n in range(min(BATCH, count - first))]
        for path in paths:
            path.write_bytes(damaged(whole, structures, rng))
        try:
            for one in told(walk_all, ([str(path) for path in paths],), seconds=LIMIT_S):
                assert isinstance(one, Done)
                done.append(one)
        except ChildProcessError as error:
            broken += 1
            print(f"{kind}: {error}, image {len(done) - first} of its batch")
    longest, memory = max(one.seconds for one in done), max(one.memory for one in done)
    listing = sum(1 for one in done if one.entries)
    print(
        f"{kind:6} {len(done):6} images  {broken:3} broke the process  {longest:6.2f} s longest"
        f"  {memory:5.0f} MiB  {listing:6} still list files"
    )


def main() -> None:
    """Fuzz the kinds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--count", type=int, default=2000)
    asked = parser.parse_args()
    for kind in asked.kinds:
        with tempfile.TemporaryDirectory() as folder:
            fuzzed(kind, asked.count, Path(folder))


if __name__ == "__main__":
    main()
