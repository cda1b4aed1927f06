"""Whether the numbers burnt into the pictures of twelve cameras are read, and none where none is.

python tests/benchmarks/burnt_numbers.py [CORPUS] [--seeds 3] [--large]

Simulated cameras have "CAM 03" in the letters of their clock; the real scenes have neither, and are
searched with the fonts of the simulated ones: all that is told of them is wrong.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.real_cameras import SCENES, groups
from tests.benchmarks.sorted_cameras import SCENARIO

from vidrecover import simulate
from vidrecover.model import Codec
from vidrecover.repair import clockreading
from vidrecover.repair.burntname import Inked, font_of, numbers
from vidrecover.repair.clockreading import ClockJob, FontData, InkJob
from vidrecover.servant import Servant
from vidrecover.simulate import plan
from vidrecover.simulate.encoding import access_units
from vidrecover.simulate.pictures import Scene

SIZES = ((352, 288), (704, 576), (1280, 720))
_TAUGHT = 4  # cameras whose pictures teach the font
_EVERY = 3


def filmed(text: str, seed: int) -> list[list[bytes]]:
    """The access units of every simulated camera, in the order of their numbers."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        scenario = simulate.load(Path(file.name))
    found = []
    for one in plan.cameras(scenario):
        scene = Scene(
            width=one.width, height=one.height, number=one.number, seed=seed, card=False, camera=one
        )
        times = one.times(one.stretches[0])
        found.append([unit.data for unit in access_units(one, scene, times)])
    return found


def taught(codec: Codec, cameras: Sequence[Sequence[bytes]], servant: Servant) -> FontData | None:
    """The font of their clock."""
    units = tuple(unit for one in cameras[:_TAUGHT] for unit in one)
    job = ClockJob(
        codec=codec,
        units=units,
        wanted=tuple(range(0, len(units), _EVERY)),
        fonts=(),
        calibrate=True,
    )
    answer = clockreading.ask(job, servant)
    return None if answer is None else answer.font


def inked(
    codec: Codec, cameras: Sequence[Sequence[bytes]], step: int, font: FontData, servant: Servant
) -> list[Inked]:
    """Where their key pictures, one every `step` pictures, have ink."""
    found = []
    for one in cameras:
        job = InkJob(codec=codec, groups=tuple((unit,) for unit in one[::step]), font=font)
        seen = clockreading.inked(job, servant)
        assert seen is not None
        found.append(np.frombuffer(seen.inked, np.uint8).reshape(seen.rows, seen.columns))
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--large", action="store_true")
    chosen = parser.parse_args()
    fonts: list[FontData] = []
    print("| twelve cameras | numbers | right | not told | wrong |\n|---|---|---|---|---|")
    with clockreading.reader() as servant:
        for codec in (Codec.H264, Codec.H265):
            for width, height in SIZES if chosen.large else SIZES[:1]:
                for night in (False, True):
                    counts: Counter[str] = Counter()
                    for seed in range(chosen.seeds):
                        text = SCENARIO.format(
                            seed=seed,
                            width=width,
                            height=height,
                            night=str(night).lower(),
                            codec=codec.name.lower(),
                        )
                        cameras = filmed(text, seed)
                        font = taught(codec, cameras, servant)
                        told: list[int | None] = [None] * len(cameras)
                        if font is not None:
                            fonts.append(font)
                            told = numbers(inked(codec, cameras, 25, font, servant), font_of(font))
                        for true, one in enumerate(told, start=1):
                            word = "not told" if one is None else "right"
                            counts[word if one in (None, true) else "wrong"] += 1
                    light = "night" if night else "day"
                    tell(f"simulated, {codec.name}, {width} x {height}, {light}", counts)
        if chosen.corpus is not None:
            scenes = [[group[0] for group in groups(chosen.corpus / one)] for one in SCENES]
            counts = Counter()
            for font in fonts:
                seen = inked(Codec.H264, scenes, 1, font, servant)
                for told_one in numbers(seen, font_of(font)):
                    counts["not told" if told_one is None else "wrong"] += 1
            tell(f"real scenes without numbers, {len(fonts)} fonts", counts)


def tell(name: str, counts: Counter[str]) -> None:
    """One line of the table."""
    words = " | ".join(str(counts[one]) for one in ("right", "not told", "wrong"))
    print(f"| {name} | {counts.total()} | {words} |", flush=True)


if __name__ == "__main__":
    main()
