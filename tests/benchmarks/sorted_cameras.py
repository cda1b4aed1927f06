"""Whether anonymous groups of pictures of twelve cameras are sorted to their cameras.

python tests/benchmarks/sorted_cameras.py [CORPUS] [--seeds 3]

Groups of two seconds and less lie in turn, as recorders write them, with nothing that names a
camera; some are lost by chance. Right: with the largest part of its own camera. Second: under
another label of its own camera, where the view had changed between two groups. Wrong: under a label
of another camera.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.real_cameras import SCENES, groups

from vidrecover import simulate
from vidrecover.model import Codec
from vidrecover.repair import cameras
from vidrecover.repair.cameras import Piece, View, ViewJob
from vidrecover.servant import Servant
from vidrecover.simulate import plan
from vidrecover.simulate.encoding import access_units
from vidrecover.simulate.pictures import Scene

SCENARIO = """
title = "Twelve alike cameras"
layout = "annexb"
seed = {seed}
start = "2026-03-14T07:30:00"
end = "2026-03-14T07:30:16"

[[cameras]]
numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
width = {width}
height = {height}
night = {night}
codec = "{codec}"
"""


class Group(NamedTuple):
    """One group of pictures as it was seen."""

    camera: int
    number: int
    view: View


def simulated(
    seed: int, width: int, height: int, *, night: bool, codec: Codec, servant: Servant
) -> Iterator[Group]:
    """The groups of twelve simulated cameras."""
    text = SCENARIO.format(
        seed=seed, width=width, height=height, night=str(night).lower(), codec=codec.name.lower()
    )
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        scenario = simulate.load(Path(file.name))
    for one in plan.cameras(scenario):
        scene = Scene(
            width=width, height=height, number=one.number, seed=seed, card=False, camera=one
        )
        found: list[list[bytes]] = []
        for unit in access_units(one, scene, one.times(one.stretches[0])):
            if unit.key:
                found.append([])
            found[-1].append(unit.data)
        yield from _seen(one.number, found, codec, servant)


def real(corpus: Path, *, night: bool, servant: Servant) -> Iterator[Group]:
    """The groups of twelve real scenes."""
    for camera, name in enumerate(SCENES):
        yield from _seen(camera, groups(corpus / name, night=night), Codec.H264, servant)


def _seen(
    camera: int, found: Sequence[Sequence[bytes]], codec: Codec, servant: Servant
) -> Iterator[Group]:
    for number, group in enumerate(found):
        view = cameras.ask(ViewJob(codec=codec, first=tuple(group)), servant)
        if view is not None:
            yield Group(camera, number, view)


def counted(found: Sequence[Group], lost: float, seed: int) -> Counter[str]:
    """What became of the groups that were not lost."""
    rng = np.random.default_rng(seed)
    left = [one for one in found if rng.random() >= lost]
    left.sort(key=lambda one: (one.number, one.camera))
    labels = cameras.together(
        [Piece(4096 * place, b"", one.view) for place, one in enumerate(left)]
    )
    owners: dict[int, Counter[int]] = {}
    for one, label in zip(left, labels, strict=True):
        if label is not None:
            owners.setdefault(label, Counter())[one.camera] += 1
    counts = Counter(unknown=labels.count(None))
    known = set[int]()
    for own in sorted(owners.values(), key=lambda one: -one.total()):
        camera, count = own.most_common(1)[0]
        counts["second" if camera in known else "right"] += count
        counts["wrong"] += own.total() - count
        known.add(camera)
    return counts


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    print("| twelve cameras | lost | groups | right | second | unknown | wrong | ms a group |\n"
          "|---|---|---|---|---|---|---|---|")  # fmt: skip
    with cameras.reader() as servant:
        for codec in (Codec.H264, Codec.H265):
            for width, height in ((352, 288), (704, 576), (1280, 720)):
                for night in (False, True):
                    begun = time.monotonic()
                    tables = [
                        list(
                            simulated(
                                seed, width, height, night=night, codec=codec, servant=servant
                            )
                        )
                        for seed in range(chosen.seeds)
                    ]
                    name = f"simulated, {codec.name}, {width} x {height}, {_light(night)}"
                    _tell(name, tables, time.monotonic() - begun)
        for night in (False, True) if chosen.corpus else ():
            begun = time.monotonic()
            table = list(real(chosen.corpus, night=night, servant=servant))
            _tell(f"real scenes, 352 x 288, {_light(night)}", [table], time.monotonic() - begun)


def _light(night: bool) -> str:
    return "night" if night else "day"


def _tell(name: str, tables: Sequence[Sequence[Group]], seconds: float) -> None:
    size = sum(map(len, tables))
    for lost, times in ((0.0, 1), (0.2, 10), (0.5, 10), (0.9, 20)):
        counts = Counter[str]()
        for table in tables:
            for seed in range(times):
                counts += counted(table, lost, seed)
        words = [f"{counts[one]}" for one in ("right", "second", "unknown", "wrong")]
        print(f"| {name} | {lost:.0%} | {counts.total()} | {' | '.join(words)} |"
              f" {1000 * seconds / max(size, 1):.0f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
