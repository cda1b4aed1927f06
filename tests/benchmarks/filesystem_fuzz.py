"""Thousands of damaged file systems: no crash, no hang over ten seconds, memory under 400 MB.

    python tests/benchmarks/filesystem_fuzz.py [--count 2000] [KIND ...]

Small volumes of the real mkfs, filled by real tools, kept in memory. In each image random bytes of
its structures are changed, or numbers in them are made equal to others, which closes chains and
folders to rings. In every tenth image entries are copied over others, so that folders and tables
lead to themselves.
"""

import argparse
import random
import resource
import runpy
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.model import Extent, SourceIdentity, SourceRef
from vidrecover.volumes import _fs_walk as fs_walk
from vidrecover.volumes import filesystem
from vidrecover.volumes._fs_listing import Volume
from vidrecover.workers import told

TESTS = Path(__file__).parents[1]
KINDS = ("fat12", "fat16", "fat32", "exfat", "ext2", "ext4", "ntfs")
BATCH, LIMIT_S, SECTOR = 500, 900.0, 512


class Done(NamedTuple):
    """One image: seconds, entries listed, claims outside the source, and the process's memory at
    its peak, in MiB."""

    seconds: float
    entries: int
    outside: int
    memory: float


class Image:
    """Bytes in memory as a source, with other sectors in place of some."""

    def __init__(self, whole: bytes) -> None:
        self._whole, self.size = whole, len(whole)
        self._changed: dict[int, bytearray] = {}
        self.identity = SourceIdentity(path="memory", kind="raw", size=self.size)

    def change(self, offset: int, data: bytes) -> None:
        """Put bytes in place that lie in one sector."""
        at = offset // SECTOR * SECTOR
        sector = self._changed.setdefault(at, bytearray(self._whole[at : at + SECTOR]))
        sector[offset - at : offset - at + len(data)] = data

    def read(self, offset: int, size: int) -> bytes:
        """At most so many bytes."""
        if offset < 0 or size <= 0:
            return b""
        data = bytearray(self._whole[offset : offset + size])
        for at, sector in self._changed.items():
            first, last = max(at, offset), min(at + SECTOR, offset + len(data))
            if first < last:
                data[first - offset : last - offset] = sector[first - at : last - at]
        return bytes(data)

    def read_into(self, offset: int, buffer: npt.NDArray[np.uint8]) -> list[Extent]:
        """Fill the buffer."""
        buffer[:] = np.frombuffer(self.read(offset, len(buffer)), dtype=np.uint8)
        return []

    def __enter__(self) -> "Image":
        return self

    def __exit__(self, *_: object) -> None: ...


def walk_all(
    send: Callable[[object], None], path: str, kind: str, structures: bytes, first: int, end: int
) -> None:
    """Walk the images of these numbers in this process."""
    whole = Path(path).read_bytes()
    sectors = np.frombuffer(structures, dtype=np.int64).tolist()
    for number in range(first, end):
        image = damaged(whole, sectors, random.Random(f"{kind} {number}"), number)
        setattr(fs_walk, "open_source", partial(_given, image))  # noqa: B010
        listed: list[Any] = []
        start = time.perf_counter()
        try:
            fs_walk.walk(listed.append, SourceRef(path=path), ())
        except OSError:
            listed.append("refused")
        found = [one for one in listed if isinstance(one, list)]
        outside = sum(not _is_inside(one, image) for one in found)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        entries = sum(len(one) for one in found)
        send(Done(time.perf_counter() - start, entries, outside, peak))


def _is_inside(entries: Any, image: Any) -> bool:
    whole = Volume("fuzzed", Extent(0, image.size), None, 0, 0, ())
    report = filesystem._report(filesystem._Found(whole, entries, [], []), (), image)
    every = (extent for claim in report.claims for extent in claim.extents)
    return all(0 <= one.start < one.end <= image.size for one in every)


def _given(image: Image, _: SourceRef) -> Image:
    return image


def damaged(whole: bytes, sectors: Sequence[int], rng: random.Random, number: int) -> Image:
    """The image with 1 to 64 bytes of its structures changed, every third with numbers repeated,
    every tenth with entries repeated."""
    image = Image(whole)
    for _ in range(rng.choice((1, 2, 4, 8, 16, 32, 64))):
        image.change(rng.choice(sectors) + rng.randrange(SECTOR), bytes([rng.randrange(256)]))
    if rng.random() < 0.34:
        for _ in range(rng.randrange(1, 16)):
            start, other = (rng.choice(sectors) + rng.randrange(0, SECTOR, 4) for _ in range(2))
            image.change(start, image.read(other, 4))
    if number % 10 == 0:
        entry = image.read(rng.choice(sectors) + rng.randrange(0, SECTOR, 32), 32)
        for _ in range(rng.randrange(1, 64)):
            image.change(rng.choice(sectors) + rng.randrange(0, SECTOR, 32), entry)
    return image


def fuzzed(kind: str, count: int, folder: Path) -> None:
    """Walk so many damaged images and print one line."""
    tests: Any = runpy.run_path(str(TESTS / "volumes" / "test_filesystem.py"))
    path = tests["made"](kind, folder)
    whole = path.read_bytes()
    used = [at for at in range(0, len(whole), SECTOR) if whole[at : at + SECTOR].strip(b"\0")]
    content = {bytes([number + 1]) * SECTOR for number in range(4)}
    chosen = [at for at in used if whole[at : at + SECTOR] not in content]
    places = np.array(chosen, dtype=np.int64).tobytes()
    done: list[Done] = []
    broken, at = 0, 0
    while at < count:
        arguments = (str(path), kind, places, at, min(at + BATCH, count))
        try:
            for one in told(walk_all, arguments, seconds=LIMIT_S):
                assert isinstance(one, Done)
                done.append(one)
                at += 1
        except ChildProcessError as error:
            broken += 1
            print(f"{kind}: {error}, image {at}", flush=True)
            at += 1
    longest, memory = max(one.seconds for one in done), max(one.memory for one in done)
    listing = sum(1 for one in done if one.entries)
    outside = sum(one.outside for one in done)
    print(
        f"{kind:6} {len(done):6} images  {broken:3} broke the process  {longest:6.2f} s longest"
        f"  {memory:5.0f} MiB  {listing:6} still list files  {outside} with claims outside",
        flush=True,
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
