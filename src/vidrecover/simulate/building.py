"""From a scenario to a disk image with its truth beside it."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path

import msgspec
import numpy as np

from vidrecover.errors import ScenarioError
from vidrecover.simulate import dhfs, files, hikvision, hiv, plain, tme_disk, wfs
from vidrecover.simulate.disk import Disk, Written, told
from vidrecover.simulate.footage import Footage, film_all
from vidrecover.simulate.plan import Camera, cameras
from vidrecover.simulate.scenario import Scenario, check
from vidrecover.simulate.truth import Truth, judge, mark_unreadable, table

Progress = Callable[[int], None]

_WRITERS: dict[str, Callable[[Disk, Scenario, Sequence[Footage]], Written]] = {
    "dhfs": dhfs.write,
    "wfs": wfs.write,
    "hikvision": hikvision.write,
    "tme": tme_disk.write,
    "hiv": hiv.write,
    **dict.fromkeys(plain.FILES, plain.write),
}

_WORTH_A_POOL = 5000
"""Pictures from which on starting other processes pays."""

_TRUTH, _FRAMES, _MAP = "truth.json", "frames.csv", "bad.map"


def build(
    scenario: Scenario,
    disk: Path,
    progress: Progress | None = None,
    *,
    executor: Executor | None = None,
) -> Truth:
    """Write the disk image, and `truth.json`, `frames.csv` (and `bad.map`) beside it.

    The same scenario gives the same bytes. progress: told the bytes of coded footage made since
    the last call, camera by camera. executor: where cameras are filmed; without one, processes of
    our own when it pays. Raises ScenarioError when a file exists already, cannot be written, or
    the scenario is impossible; what was written by then is removed.
    """
    check(scenario, scenario.name or "scenario")
    disk = Path(disk)
    names = [disk, *(disk.parent / name for name in (_TRUTH, _FRAMES, _MAP))]
    for path in names:
        if path.exists() or path.is_symlink():
            raise ScenarioError(f"{path} exists already; nothing is overwritten")
    try:
        disk.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScenarioError(f"{disk.parent} cannot be a folder: {error.strerror}") from error
    with told(disk.parent):
        spool = tempfile.TemporaryDirectory(prefix=".simulate-", dir=disk.parent)
    with spool as folder, told(disk.parent), ExitStack() as undo:
        truth = _build(scenario, disk, Path(folder), progress, executor, undo)
        undo.pop_all()
        return truth


def _build(
    scenario: Scenario,
    path: Path,
    spool: Path,
    progress: Progress | None,
    executor: Executor | None,
    undo: ExitStack,
) -> Truth:
    filmed = cameras(scenario)
    with _workers(filmed, executor) as workers:
        footages = []
        for footage in film_all(filmed, scenario.seed, spool, workers):
            footages.append(footage)
            if progress is not None:
                progress(int(footage.rows["size"].sum()))
    with Disk(path) as disk:
        undo.callback(path.unlink)
        write = _WRITERS[scenario.layout] if scenario.files is None else files.write
        written = write(disk, scenario, footages)
        bad = _bad_ranges(scenario, written)
        for start, end in bad:
            disk.write(start, bytes(end - start))
    mark_unreadable(written.frames, bad)
    truth = judge(
        scenario,
        filmed,
        written.frames,
        size=written.size,
        bad=bad,
        nameless=written.nameless,
        named=written.named,
    )
    if bad:
        _write(path.parent / _MAP, rescue_map(written.size, bad), undo)
    rows = table(scenario.layout, written.frames, written.nameless, named=written.named)
    _write(path.parent / _FRAMES, rows, undo)
    _write(path.parent / _TRUTH, _json(truth), undo)
    return truth


@contextmanager
def _workers(filmed: Sequence[Camera], executor: Executor | None) -> Iterator[Executor | None]:
    pictures = sum(
        camera.most_pictures(stretch) for camera in filmed for stretch in camera.stretches
    )
    count = min(os.cpu_count() or 1, len(filmed))
    if executor is not None or count < 2 or pictures < _WORTH_A_POOL:
        yield executor
        return
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        yield pool


def _bad_ranges(scenario: Scenario, written: Written) -> list[tuple[int, int]]:
    """The scenario's bad ranges, ordered and joined; random ones lie among the footage."""
    settings = scenario.bad_sectors
    ranges = [(start, end) for start, end in settings.extents]
    if ranges and max(end for _, end in ranges) > written.size:
        raise ScenarioError(
            f"key `bad_sectors.extents`: the disk ends at {written.size}, before an extent does"
        )
    rng = np.random.default_rng([scenario.seed, 4])
    first, last = -(-written.footage[0] // settings.size), written.footage[1] // settings.size
    if settings.count > last - first:
        raise ScenarioError(
            f"key `bad_sectors.count`: the footage has only {last - first} ranges of that size"
        )
    chosen = rng.choice(last - first, size=settings.count, replace=False) + first
    ranges += [(int(at) * settings.size, (int(at) + 1) * settings.size) for at in chosen]
    return _merged(ranges)


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    result: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def rescue_map(size: int, bad: Sequence[tuple[int, int]]) -> str:
    """A ddrescue map: status line, then contiguous ranges, `+` rescued and `-` bad.

    [A: DEPENDENCIES.md section 1]
    """
    lines = ["# Mapfile of a simulated disk", "# current_pos  current_status  current_pass"]
    lines += ["0x00000000     +               1", "#      pos        size  status"]
    at = 0
    for start, end in bad:
        if start > at:
            lines.append(f"0x{at:08X}  0x{start - at:08X}  +")
        lines.append(f"0x{start:08X}  0x{end - start:08X}  -")
        at = end
    if at < size:
        lines.append(f"0x{at:08X}  0x{size - at:08X}  +")
    return "\n".join(lines) + "\n"


def _json(truth: Truth) -> str:
    return msgspec.json.format(msgspec.json.encode(truth), indent=1).decode() + "\n"


def _write(path: Path, text: str, undo: ExitStack) -> None:
    with told(path), path.open("x", encoding="utf-8", newline="") as file:
        undo.callback(path.unlink)
        file.write(text)
