"""Whether naked streams of several cameras, cut into blocks, are parted and joined by a scan.

python tests/benchmarks/parted_streams.py CORPUS [--blocks 64 128 256] [--night] [--h265]

Twelve real scenes, coded alike, are gathered in blocks of one size; the blocks lie in the order in
which they are full, as a recorder without a file system writes them. A share of them is overwritten
by noise as well. Right: a picture that a border cuts has its own bytes, and no others; wrong: it
has others; mixed: a picture over a border that is given out as whole and is not.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.real_cameras import SCENES, groups

from vidrecover import segments
from vidrecover.case import Case
from vidrecover.catalogue import Catalogue
from vidrecover.model import FrameFlag, Media, SourceRef

LEAD = 70_144
Places = tuple[tuple[int, int], ...]


def laid(streams: list[list[bytes]], size: int) -> tuple[bytearray, list[Places]]:
    """The blocks of all streams in the order in which they are full, behind noise, and where the
    bytes of each picture are, half-open."""
    image = bytearray(np.random.default_rng(1).bytes(LEAD))
    waiting = [bytearray() for _ in streams]
    open_: list[list[tuple[int, int, int]]] = [[] for _ in streams]
    places: list[list[tuple[int, int]]] = []
    sizes: list[int] = []
    for number in range(max(map(len, streams))):
        for camera, units in enumerate(streams):
            data = units[number] if number < len(units) else b""
            if data:
                places.append([])
                sizes.append(len(data))
            while data:
                held = waiting[camera]
                part = data[: size - len(held)]
                open_[camera].append((len(places) - 1, len(held), len(held) + len(part)))
                held += part
                data = data[len(part) :]
                if len(held) == size:
                    for picture, start, end in open_[camera]:
                        own, first = places[picture], len(image) + start
                        if own and own[-1][1] == first:
                            first = own.pop()[0]
                        own.append((first, len(image) + end))
                    image += held
                    held.clear()
                    open_[camera].clear()
    whole = zip(places, sizes, strict=True)  # the last blocks were never full
    return image, [tuple(one) for one, size in whole if sum(b - a for a, b in one) == size]


def found(image: bytes) -> tuple[list[Places], float]:
    """The bytes of each whole picture that a scan gives, and the seconds it took."""
    with tempfile.TemporaryDirectory(prefix="vidrecover-parted-") as folder:
        path = Path(folder) / "image.dd"
        path.write_bytes(image)
        begun = time.monotonic()
        with Case.open(Path(folder) / "case", create=True) as case:
            case.scan(SourceRef(path=str(path)), pictures=False)
        seconds = time.monotonic() - begun
        pictures: list[Places] = []
        with Catalogue.open(Path(folder) / "case" / "catalogue.db", create=False) as catalogue:
            for segment in catalogue.segments(rows=True):
                rows = segments.unpack(segment.rows)
                rows = rows[np.isin(rows["kind"], (Media.KEY, Media.DELTA))]
                begins = np.flatnonzero((rows["flags"] & FrameFlag.CONTINUES) == 0)
                for first, last in zip(begins, [*begins[1:], len(rows)], strict=False):
                    pieces = rows[first:last]
                    if not (pieces["flags"] & FrameFlag.UNFINISHED).any():
                        ends = pieces["offset"] + pieces["payload_size"]
                        pairs = zip(pieces["offset"].tolist(), ends.tolist(), strict=True)
                        pictures.append(tuple(pairs))
        return pictures, seconds


def row(streams: list[list[bytes]], kib: int, lost: float) -> str:
    """One line of the table."""
    size = kib << 10
    image, places = laid(streams, size)
    rng = np.random.default_rng(2)
    gone = [at for at in range(LEAD, len(image), size) if rng.random() < lost]
    for at in gone:
        image[at : at + size] = rng.bytes(size)
    pictures, seconds = found(bytes(image))
    there = [one for one in places if not any(a < g + size and g < b for a, b in one for g in gone)]
    counts: Counter[str] = Counter()
    starts = {one[0][0] + zeros: one for one in places for zeros in (0, 1)}
    whole = {trimmed(one, image) for one in there}
    for one in pictures:
        true = starts.get(one[0][0])
        got = trimmed(one, image)
        if got in whole:
            counts["right" if len(got) > 1 else "whole"] += 1
        elif len(one) > 1:
            counts["wrong"] += 1
        elif true is not None and any((a - LEAD) // size != (b - 1 - LEAD) // size for a, b in one):
            counts["mixed"] += 1
        else:
            counts["other"] += 1
    cut = sum(len(one) > 1 for one in there)
    words = [counts[one] for one in ("whole", "right", "wrong", "mixed", "other")]
    return (f"| {kib} KiB, {lost:.0%} lost | {len(there) - cut} | {words[0]} | {cut} | "
            + " | ".join(map(str, words[1:])) + f" | {seconds:.0f} |")  # fmt: skip


def trimmed(one: Places, image: bytes | bytearray) -> Places:
    """The places without the zeros of the first start code, and those at the end."""
    (start, first_end), *rest = one
    start += image[start : start + 4] == b"\0\0\0\1"
    pieces = [(start, first_end), *rest]
    last, end = pieces[-1]
    while end > last and not image[end - 1]:
        end -= 1
    return (*pieces[:-1], (last, end))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--blocks", type=int, nargs="*", default=[64, 128, 256])
    parser.add_argument("--night", action="store_true")
    parser.add_argument("--h265", action="store_true")
    chosen = parser.parse_args()
    streams = [
        [
            unit
            for group in groups(chosen.corpus / one, night=chosen.night, h265=chosen.h265)
            for unit in group
        ]
        for one in SCENES
    ]
    print("| blocks | uncut pictures | found | cut | right | wrong | mixed | other | s |\n"
          "|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for kib in chosen.blocks:
        for lost in (0.0, 0.2):
            print(row(streams, kib, lost), flush=True)


if __name__ == "__main__":
    main()
