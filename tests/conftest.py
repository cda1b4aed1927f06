"""What several tests share: simulated disks, each built once for all workers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vidrecover import simulate
from vidrecover.errors import ScenarioError


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Waits until no other process holds the file."""
    with path.open("w") as file:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build_or_skip(name: str, disk: Path) -> None:
    """Build a shipped scenario; skip the test where a tool of the system is missing for it."""
    try:
        simulate.build(simulate.load(simulate.scenarios()[name]), disk)
    except ScenarioError as error:
        if "install the package" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a shipped scenario: `disk.img`, `truth.json`, `frames.csv`, maybe `bad.map`.

    Only to be read. All workers of a run share it; who asks first builds it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "simulated"

    def folder(name: str) -> Path:
        place = shared / name
        place.mkdir(parents=True, exist_ok=True)
        with _locked(shared / f"{name}.lock"):
            if not (place / "truth.json").exists():  # written last
                build_or_skip(name, place / "disk.img")
        return place

    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts file systems of so many KiB, where that is allowed."""
    mounted: list[Path] = []

    def mount(kib: int) -> Path:
        folder = tmp_path / f"small-{kib}"
        folder.mkdir()
        tool = shutil.which("mount")
        if tool is None or sys.platform != "linux":
            pytest.skip("no mount on this system")
        command = [tool, "-t", "tmpfs", "-o", f"size={kib}k", "none", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small file system is not allowed here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
