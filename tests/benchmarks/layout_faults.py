"""What comes back of every simulated recorder disk, layout by layout and fault by fault.

    python tests/benchmarks/layout_faults.py [SCENARIO ...]

Without names: all scenarios of layouts that have an index or a file system. One row each:

frames      video frames found of those that are wholly on the disk
camera      of these with a wrong camera; without one (nothing on the disk may tell it)
time        of these more than 1.5 s outside the time of their segment; without one
states      seconds, over all cameras, whose state is the true one; those that are told as "not
            known" though more is true; those told wrongly
list        seconds of processor time from the start to the first correct list of cameras
"""

import csv
import io
import json
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, NamedTuple

from vidrecover import formats, simulate, volumes
from vidrecover.case import Case
from vidrecover.clock import parse_iso
from vidrecover.model import Diagnosis, SourceRef, TimeSpan
from vidrecover.source import open_source

LAYOUTS = ("dhfs", "wfs", "hikvision", "tme", "hiv", "fat", "exfat", "ext4", "ntfs")
TOLERANCE_MS = 1500


class Place(NamedTuple):
    """Payload bytes of a row, with the camera and the time of its segment."""

    start: int
    end: int
    channel: int | None
    span: TimeSpan | None


class Row(NamedTuple):
    """One line of the table."""

    name: str
    present: int
    found: int
    wrong_camera: int
    no_camera: int
    wrong_time: int
    no_time: int
    right: int
    unknown: int
    wrong: int
    list_s: float


def measured(name: str, folder: Path) -> Row:
    """Build a scenario's disk, examine it, and compare with the truth."""
    disk = folder / "disk.img"
    with redirect_stderr(io.StringIO()):
        simulate.build(simulate.load(simulate.scenarios()[name]), disk)
    truth = json.loads((folder / "truth.json").read_text())
    bad = folder / "bad.map"
    ref = SourceRef(path=str(disk), map_path=str(bad) if bad.exists() else None)
    cameras = {one["camera"] for one in truth["channels"] if _was_recorded(one)}
    began = time.process_time()
    with open_source(ref) as source:
        reports = volumes.examine(source, ref, formats.load(formats.shipped()))
    list_s = time.process_time() - began
    named = {claim.channel for report in reports for claim in report.claims}
    with Case.open(folder / "case", create=True) as case:
        case.scan(ref)
        if not cameras <= named:
            list_s = time.process_time() - began
        places = sorted(_places(case))
        span = TimeSpan(*(parse_iso(truth[key]) for key in ("recorder_start", "recorder_end")))
        told = case.diagnose(
            channels=sorted(one["camera"] for one in truth["channels"]), window=span
        )
    frames = _compared(folder, places)
    states = _states(truth, told, span)
    return Row(name, *frames, *states, list_s)


def _was_recorded(channel: Mapping[str, Any]) -> bool:
    return any(span["state"] != "not_recorded" for span in channel["spans"])


def _places(case: Case) -> Iterator[Place]:
    for segment in case.segments():
        rows = case.unpack(segment)
        span = None
        if segment.start_ms is not None and segment.end_ms is not None:
            span = TimeSpan(segment.start_ms, segment.end_ms)
        starts = (rows["offset"] + rows["payload_offset"]).tolist()
        for start, size in zip(starts, rows["payload_size"].tolist(), strict=True):
            yield Place(start, start + size, segment.channel, span)


def _compared(folder: Path, places: Sequence[Place]) -> tuple[int, int, int, int, int, int]:
    """Present, found, wrong camera, no camera, wrong time, no time."""
    starts = [place.start for place in places]
    counts: Counter[str] = Counter()
    with (folder / "frames.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if (row["media"], row["state"]) != ("video", "on_disk"):
                continue
            counts["present"] += 1
            found = [_holding(piece, places, starts) for piece in row["pieces"].split()]
            first = found[0]
            if first is None or None in found:
                continue
            counts["found"] += 1
            counts["no_camera"] += first.channel is None
            counts["wrong_camera"] += first.channel not in (None, int(row["camera"]))
            at_ms = parse_iso(row["time"])
            counts["no_time"] += first.span is None
            counts["wrong_time"] += first.span is not None and not (
                first.span[0] - TOLERANCE_MS <= at_ms <= first.span[1] + TOLERANCE_MS
            )
    return (
        counts["present"],
        counts["found"],
        counts["wrong_camera"],
        counts["no_camera"],
        counts["wrong_time"],
        counts["no_time"],
    )


def _holding(piece: str, places: Sequence[Place], starts: Sequence[int]) -> Place | None:
    """The row in which a piece of a frame, `offset+size`, lies as payload."""
    start, size = map(int, piece.split("+"))
    number = bisect_right(starts, start) - 1
    if number < 0 or places[number].end < start + min(size, 1):
        return None
    return places[number]


def _states(truth: Mapping[str, Any], told: Diagnosis, span: TimeSpan) -> tuple[int, int, int]:
    """Seconds told rightly, as not known, wrongly."""
    said = {one.channel: [(*s.span, str(s.state)) for s in one.spans] for one in told.channels}
    counts: Counter[str] = Counter()
    for one in truth["channels"]:
        spans = [(parse_iso(s["from"]), parse_iso(s["to"]), s["state"]) for s in one["spans"]]
        true = list(_seconds(spans, span))
        for state, word in zip(true, _seconds(said.get(one["channel"], []), span), strict=True):
            right, unknown = word == state, word == "not_known"
            counts["right" if right else "unknown" if unknown else "wrong"] += 1
    return counts["right"], counts["unknown"], counts["wrong"]


def _seconds(spans: Sequence[tuple[int, int, str]], within: TimeSpan) -> Iterator[str]:
    """The state that covers most of each second."""
    for second in range(within.start_ms, within.end_ms, 1000):
        shares: Counter[str] = Counter({"": 0})
        for first, last, state in spans:
            shares[state] += max(min(last, second + 1000) - max(first, second), 0)
        yield shares.most_common(1)[0][0]


def main() -> None:
    """Print the table."""
    names = sys.argv[1:] or [
        name for name in sorted(simulate.scenarios()) if name.startswith(LAYOUTS)
    ]
    print(f"{'scenario':22} {'frames':>11} {'camera':>9} {'time':>9} {'states':>15} {'list':>7}")
    for name in names:
        with tempfile.TemporaryDirectory(prefix="layout-faults-") as folder:
            row = measured(name, Path(folder))
        print(
            f"{row.name:22} {row.found:5}/{row.present:5} {row.wrong_camera:4}/{row.no_camera:4}"
            f" {row.wrong_time:4}/{row.no_time:4} {row.right:5}/{row.unknown:4}/{row.wrong:4}"
            f" {row.list_s:6.2f}s",
            flush=True,
        )


if __name__ == "__main__":
    main()
