"""Whether pictures cut inside a NAL unit are joined with their own rest, and with no other.

python tests/benchmarks/cut_pictures.py CORPUS [--pieces 64 128 256] [--night] [--h265]

Twelve real scenes, coded alike, are cut into pieces of one size, and all pieces are shuffled. Each
cut picture is offered the beginnings of all other pieces: once with its own rest among them,
once without, where every join is a wrong one.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.real_cameras import SCENES, groups

from vidrecover.model import Codec
from vidrecover.repair import joining
from vidrecover.repair.joining import Candidate
from vidrecover.repair.parametersets import sets_of
from vidrecover.servant import Servant


class Cut(NamedTuple):
    """A picture over a border. before: since the last key picture; rest: the camera and number of
    the piece that goes on."""

    before: list[bytes]
    head: bytes
    rest: tuple[int, int]


class Piece(NamedTuple):
    """tail: up to the first whole picture; behind: the whole pictures that follow."""

    tail: bytes
    behind: tuple[bytes, ...]


Name = tuple[int, int]


def cut_up(
    codec: Codec, camera: int, units: list[bytes], size: int
) -> tuple[list[Cut], dict[tuple[int, int], Piece]]:
    """The cut pictures of a stream, and its pieces by camera and number."""
    cuts: list[Cut] = []
    pieces: dict[Name, Piece] = {}
    at = key = last = 0
    for place, unit in enumerate(units):
        if sets_of(codec, unit) is not None:
            last, key = key, place
        start, at = at, at + len(unit)
        border = -(-start // size) * size
        if start < border < at and place:
            head = border - start
            number = border // size
            cuts.append(
                Cut(units[last if place == key else key : place], unit[:head], (camera, number))
            )
            behind = tuple(units[place + 1 : place + 1 + joining.BEHIND])
            pieces[camera, number] = Piece(unit[head:], behind)
    return cuts, pieces


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--pieces", type=int, nargs="*", default=[64, 128, 256])
    parser.add_argument("--night", action="store_true")
    parser.add_argument("--h265", action="store_true")
    chosen = parser.parse_args()
    codec = Codec.H265 if chosen.h265 else Codec.H264
    streams = [
        [
            unit
            for group in groups(chosen.corpus / one, night=chosen.night, h265=chosen.h265)
            for unit in group
        ]
        for one in SCENES
    ]
    print("| piece | cuts | right | in doubt | wrong | without its rest: refused | joined wrongly |"
          " ms a cut |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    with joining.trials() as servant:
        for kib in chosen.pieces:
            print(row(codec, streams, kib, servant), flush=True)


def row(codec: Codec, streams: list[list[bytes]], kib: int, servant: Servant) -> str:
    """One line of the table."""
    cuts: list[Cut] = []
    pieces: dict[Name, Piece] = {}
    for camera, units in enumerate(streams):
        some, parts = cut_up(codec, camera, units, kib << 10)
        cuts += some
        pieces |= parts
    counts: Counter[str] = Counter()
    begun = time.monotonic()
    for cut in cuts:
        for among in (True, False):
            names = [name for name in pieces if among or name != cut.rest]
            offered = [Candidate(pieces[one].tail, pieces[one].behind) for one in names]
            chosen = joining.choose(codec, cut.before, cut.head, offered, servant)
            right = chosen.place is not None and names[chosen.place] == cut.rest
            word = "doubt" if chosen.place is None else "right" if right else "wrong"
            counts[f"{word} {among}"] += 1
    spent = 1000 * (time.monotonic() - begun) / max(len(cuts), 1)
    told = [counts[one] for one in ("right True", "doubt True", "wrong True", "doubt False",
                                    "wrong False")]  # fmt: skip
    return f"| {kib} KiB | {len(cuts)} | " + " | ".join(map(str, told)) + f" | {spent:.0f} |"


if __name__ == "__main__":
    main()
