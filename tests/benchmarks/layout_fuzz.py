"""Thousands of damaged images for every recorder layout: no crash, no hang, nothing invented.

    python tests/benchmarks/layout_fuzz.py [--count 2000] [LAYOUT ...]

The images are those of `damaged` in `tests/volumes/test_LAYOUT.py`: bits flipped in every
structure, links that lie and loop, images cut short; of layouts in files (`tme`, `hiv`) what a
listing says of them, which lies too. None of them holds a frame, so no camera may
be said to be recorded at any second, whatever the structures claim.
"""

import argparse
import random
import resource
import runpy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from vidrecover import volumes
from vidrecover.diagnosis import Evidence, diagnose
from vidrecover.model import Extent, State, VolumeReport

TESTS = Path(__file__).parents[1]
MemorySource: Any = runpy.run_path(str(TESTS / "memory_source.py"))["MemorySource"]
LAYOUTS = ("dhfs", "wfs", "hikvision", "tme", "hiv")
_ALARMING = frozenset({State.RECORDED, State.NOT_INDEXED})


class Result(NamedTuple):
    """One line of the table; the longest time of one image in seconds."""

    images: int
    claims: int
    longest_s: float
    outside: int
    invented: int


def fuzzed(layout: str, count: int) -> Result:
    """Examine and diagnose so many damaged images of a layout."""
    made = runpy.run_path(str(TESTS / "volumes" / f"test_{layout}.py"))
    damaged: Callable[[random.Random], tuple[bytes, int]] = made["damaged"]
    rng = random.Random(20260314)
    claims = outside = invented = 0
    longest_s = 0.0
    for _ in range(count):
        data, size = damaged(rng)
        began = time.process_time()
        if "examined" in made:
            reports = made["examined"](data, size, rng)
        else:
            reports = volumes.examine(MemorySource(data, size))
        claims += sum(len(report.claims) for report in reports)
        outside += _outside(reports, size)
        invented += _invents(reports, size)
        longest_s = max(longest_s, time.process_time() - began)
    return Result(count, claims, longest_s, outside, invented)


def _outside(reports: list[VolumeReport], size: int) -> int:
    """Claims with bytes that are not on the source."""
    return sum(
        not all(0 <= extent.start < extent.end <= size for extent in claim.extents)
        for report in reports
        for claim in report.claims
    )


def _invents(reports: list[VolumeReport], size: int) -> bool:
    """Whether the diagnosis knows footage where no frame is."""
    observed = Evidence(
        source="damaged",
        size=size,
        scanned=[Extent(0, size)],
        segments=[],
        claims=[claim for report in reports for claim in report.claims],
        events=[event for report in reports for event in report.events],
    )
    told = diagnose(observed, channels=range(1, 13))
    return any(span.state in _ALARMING for one in told.channels for span in one.spans)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="images of each layout")
    parser.add_argument("layouts", nargs="*", default=list(LAYOUTS))
    chosen = parser.parse_args()
    head = f"{'layout':10} {'images':>7} {'claims':>8} {'longest':>8}"
    print(f"{head} {'outside':>8} {'invented':>9}")
    for layout in chosen.layouts:
        row = fuzzed(layout, chosen.count)
        print(
            f"{layout:10} {row.images:7} {row.claims:8} {row.longest_s:7.2f}s {row.outside:8}"
            f" {row.invented:9}",
            flush=True,
        )
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


if __name__ == "__main__":
    main()
