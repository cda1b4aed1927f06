"""The clusters of a file system under construction: which file got which, and what was written.

Files grow as the recorder writes them, so that the clusters of cameras which record at once lie
between each other. Clusters are taken in order, never twice.
"""

import os
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
        begin = file.size
        while data:
            inside = file.size % self.cluster
            if not inside:
                file.clusters.append(self.take())
            part = data[: self.cluster - inside]
            self._disk.write(self.place(file.clusters[-1]) + inside, part)
            file.size += len(part)
            data = data[len(part) :]
        return self.ranges(file, begin, file.size)

    def ranges(self, file: File, start: int, end: int) -> list[tuple[int, int]]:
        """Where bytes of a file lie on the disk, half-open, one range for each cluster."""
        found = []
        while start < end:
            inside = start % self.cluster
            size = min(self.cluster - inside, end - start)
            at = self.place(file.clusters[start // self.cluster]) + inside
            found.append((at, at + size))
            start += size
        return found

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


class Staged(Heap):
    """Files that are gathered in a folder, until a tool of the system lays them on a volume.

    Only then the clusters are known, and with them the ranges: `append` has none to tell. Clusters
    count from the volume's first byte. folder: where the files are gathered.
    """

    def __init__(self, disk: Disk, folder: Path, cluster: int) -> None:
        super().__init__(disk, 0, cluster, 0)
        self.folder = folder

    def append(self, file: File, data: bytes) -> list[tuple[int, int]]:
        """Write behind the end of the gathered file."""
        place = self.gathered(file)
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("ab") as out:
            out.write(data)
        file.size += len(data)
        return []

    def place(self, cluster: int) -> int:
        """Where a cluster begins, bytes."""
        return cluster * self.cluster

    def gathered(self, file: File) -> Path:
        """The file as it waits for its volume."""
        return self.folder / file.path.removeprefix("/")

    def lay(self, file: File, clusters: list[int]) -> None:
        """Say where a tool has laid a file; ScenarioError when its bytes do not lie there."""
        file.clusters = clusters
        content = self.gathered(file).read_bytes()
        if len(clusters) != -(-len(content) // self.cluster):
            raise ScenarioError(f"{file.path} got {len(clusters)} clusters for {file.size} bytes")
        with self._disk.path.open("rb") as disk:
            for start in range(0, len(content), self.cluster):
                disk.seek(self.place(clusters[start // self.cluster]))
                part = content[start : start + self.cluster]
                if disk.read(len(part)) != part:
                    raise ScenarioError(f"{file.path} does not lie where its volume says")

    def footage(self) -> tuple[int, int]:
        """The half-open range of bytes from the first cluster of a file to the last."""
        used = [cluster for file in self.files for cluster in file.clusters] or [0]
        self.start = self.place(min(used))
        return self.start, self.place(max(used) + 1)


def place_of(tool: str) -> Path | None:
    """Where a tool of the system stands, None where it is not installed."""
    return next((one / tool for one in PLACES if (one / tool).exists()), None)


def run(tool: str, package: str, *words: str | Path, now_s: int | None = None) -> str:
    """What a tool of Debian prints; ScenarioError when it is missing or fails.

    now_s: the time that the tools of ext take for the present, seconds since 1970.
    """
    found = place_of(tool)
    if found is None:
        raise ScenarioError(f"{tool} is missing: install the package {package}")
    clock = {} if now_s is None else {"E2FSPROGS_FAKE_TIME": str(now_s)}
    done = subprocess.run(
        [found, *words], capture_output=True, check=False, env={**os.environ, **clock}
    )
    if done.returncode:
        raise ScenarioError(f"{tool} fails: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")


def head(path: Path, size: int = 512) -> bytes:
    """The first bytes of an image."""
    with path.open("rb") as file:
        return file.read(size)
