"""One disk scanned by one process, by two, by a cluster that loses a worker, out of object storage.

Run as `python tests/benchmarks/sharing_speed.py --size 2`, with the extras `cluster` and `test`
installed. Each row scans the same ring into a new case: seconds of the reading alone, without key
pictures, and whether the catalogue holds exactly what that of one process holds. The cluster is
Dask's LocalCluster of two workers, one of which is killed when half of the disk is read. The object
storage is moto's S3 server on this machine; it copies the whole object for each range that is asked
for, so the object is small, and its rows show the server's speed and that the result is the same.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import distributed

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.find_speed import write  # noqa: E402
from tests.test_stopping import content  # noqa: E402
from tests.virtual_ring import MIXED, VirtualRing  # noqa: E402

from vidrecover.case import Case  # noqa: E402
from vidrecover.model import SourceRef  # noqa: E402

GIB = 1 << 30


class Scanned(NamedTuple):
    """seconds: of a scan; found: all that its catalogue holds."""

    seconds: float
    found: Any


def main() -> None:
    """Make the ring, scan it in every way, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=2, help="GiB of the ring")
    parser.add_argument("--object", type=int, default=64, help="MiB of the object")
    parser.add_argument("--folder", type=Path, help="where it is made; thrown away at the end")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vidrecover-sharing-", dir=chosen.folder) as name:
        folder = Path(name)
        disk = folder / "disk.img"
        write(VirtualRing(round(chosen.size * GIB), MIXED, block=64 << 20), disk)
        size = disk.stat().st_size
        print(f"{'way':34}{'seconds':>9}{'GB/s':>7}{'times one':>11}  alike", flush=True)
        one = scanned(str(disk), folder / "one")
        row("one process", size, one, one)
        row("two processes", size, scanned(str(disk), folder / "two", jobs=2), one)
        with workers() as local:
            address = {"cluster": local.scheduler_address}
            row("cluster of two", size, scanned(str(disk), folder / "many", **address), one)
            losing = scanned(str(disk), folder / "loses", half=killing(local), **address)
            row("cluster of two, one killed", size, losing, one)
        small = folder / "small.img"
        write(VirtualRing(chosen.object << 20, MIXED, block=8 << 20), small)
        size, one = small.stat().st_size, scanned(str(small), folder / "small")
        row("the object as a file", size, one, one)
        with stored(small) as url:
            row("object storage, one process", size, scanned(url, folder / "s3"), one)
            row("object storage, two", size, scanned(url, folder / "s3-two", jobs=2), one)
            with workers() as local:
                address = {"cluster": local.scheduler_address}
                row("object storage, cluster", size, scanned(url, folder / "s3-many", **address),
                    one)  # fmt: skip


def row(name: str, size: int, this: Scanned, one: Scanned) -> None:
    """A line of the table."""
    print(f"{name:34}{this.seconds:9.1f}{size / this.seconds / 1e9:7.2f}"
          f"{one.seconds / this.seconds:11.2f}  {'yes' if this.found == one.found else 'NO'}",
          flush=True)  # fmt: skip


def scanned(
    path: str, folder: Path, *, half: Callable[[], None] | None = None, **how: Any
) -> Scanned:
    """A scan into a new case; half: called once, when half of the disk is read."""
    read = total = 0

    def planned(size: int, _: int) -> None:
        nonlocal total
        total = size

    def progress(size: int) -> None:
        nonlocal read, half
        read += size
        if half is not None and read >= total // 2:
            half()
            half = None

    begun = time.perf_counter()
    with Case.open(folder, create=True) as case:
        case.scan(SourceRef(path=path), pictures=False, planned=planned, progress=progress, **how)
    return Scanned(time.perf_counter() - begun, content(folder))


@contextmanager
def workers() -> Iterator[Any]:
    """Two workers of one thread each on this machine."""
    cluster: Any = distributed.LocalCluster
    with cluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as local:
        yield local


def killing(local: Any) -> Callable[[], None]:
    """What kills the first worker."""
    victim = next(iter(local.workers.values())).pid
    return lambda: os.kill(victim, signal.SIGKILL)


@contextmanager
def stored(disk: Path) -> Iterator[str]:
    """The disk as an object in an S3 server, a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "made", "AWS_SECRET_ACCESS_KEY": "up", "AWS_REGION": "us-east-1",
    }  # fmt: skip
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        storage = boto3.client("s3")
        storage.create_bucket(Bucket="fleet")
        storage.upload_file(str(disk), "fleet", "disk.img")
        yield "s3://fleet/disk.img"
    finally:
        server.kill()
        server.wait()


def wait_for(port: int) -> None:
    """Until something listens there, a minute at most."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the S3 server does not start")


if __name__ == "__main__":
    main()
