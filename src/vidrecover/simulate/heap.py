"""The clusters of a file system under construction: which file got which, and what was written.

Files grow as the recorder writes them, so that the clusters of cameras which record at once lie
between each other. Clusters are taken in order, never twice.
"""

import subprocess
from pathlib import Path

from vidrecover.errors import ScenarioError
from vidrecover.simulate.disk import Disk

PLACES = (Path("/usr/sbin"), Path("/sbin"), Path("/usr/bin"))
"""Where the tools that make volumes stand; they are seldom in a user's path."""


class File:
    """A file under construction: clusters in logical order, and its size in bytes."""

    def __init__(self, path: str, time_ms: int) -> None:
        self.path, self.time_ms = path, time_ms
        self.clusters: list[int] = []
        self.size = 0
        self.is_deleted = False
        self.is_unclosed = False


class Heap:
    """Hands out clusters. start: where cluster 2 begins, bytes; free: the first to be taken."""

    def __init__(self, disk: Disk, start: int, cluster: int, free: int) -> None:
        self._disk, self.start, self.cluster, self.next = disk, start, cluster, free
        self.files: list[File] = []

    def file(self, path: str, time_ms: int) -> File:
        """A new, empty file; `path` with slashes, from the root."""
        self.files.append(File(path, time_ms))
        return self.files[-1]

    def append(self, file: File, data: bytes) -> list[tuple[int, int]]:
        """Write behind the file's end; the half-open byte ranges on the disk."""
        ranges = []
        while data:
            inside = file.size % self.cluster
            if not inside:
                file.clusters.append(self.take())
            start = self.place(file.clusters[-1]) + inside
            part = data[: self.cluster - inside]
            self._disk.write(start, part)
            ranges.append((start, start + len(part)))
            file.size += len(part)
            data = data[len(part) :]
        return ranges

    def take(self) -> int:
        """The number of a free cluster."""
        self.next += 1
        return self.next - 1

    def place(self, cluster: int) -> int:
        """Where a cluster begins, bytes."""
        return self.start + (cluster - 2) * self.cluster

    def below(self, path: str) -> tuple[list[File], list[str]]:
        """The files at any depth below a folder, and the names right in it, ordered."""
        inside = [one for one in self.files if one.path.startswith(f"{path}/")]
        return inside, sorted({f.path[len(path) + 1 :].partition("/")[0] for f in inside})

    def write_folder(self, clusters: list[int], data: bytes) -> None:
        """Write a folder's entries into its clusters; further ones are taken as needed."""
        for place, at in enumerate(range(0, max(len(data), 1), self.cluster)):
            if place == len(clusters):
                clusters.append(self.take())
            part = data[at : at + self.cluster].ljust(self.cluster, b"\0")
            self._disk.write(self.place(clusters[place]), part)


def place_of(tool: str) -> Path | None:
    """Where a tool of the system stands, None where it is not installed."""
    return next((one / tool for one in PLACES if (one / tool).exists()), None)


def run(tool: str, package: str, *words: str | Path) -> str:
    """What a tool of Debian prints; ScenarioError when it is missing or fails."""
    found = place_of(tool)
    if found is None:
        raise ScenarioError(f"{tool} is missing: install the package {package}")
    done = subprocess.run([found, *words], capture_output=True, check=False)
    if done.returncode:
        raise ScenarioError(f"{tool} fails: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")


def head(path: Path, size: int = 512) -> bytes:
    """The first bytes of an image."""
    with path.open("rb") as file:
        return file.read(size)
