"""Runs all scenarios of `scenarios_made` and prints what was said of each against what is so.

python tests/benchmarks/confusion.py [NAME...]
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from vidrecover import clock, simulate
from vidrecover.case import Case
from vidrecover.model import Cause, Diagnosis, SourceRef

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.scenarios_made import Expected, Made, made

_STEP_MS = 500
_EDGE_MS = 1000  # around a change of the truth, where neither answer is wrong


class Result(NamedTuple):
    """What came of one scenario. states, pictures: (true, said) counts; wrong: in words."""

    name: str
    states: Counter[tuple[str, str]]
    pictures: Counter[tuple[str, str]]
    wrong: list[str]
    told: list[str]


def result(one: Made, folder: Path) -> Result:
    """Build the disk, scan it, and compare."""
    disk = folder / "disk.img"
    simulate.build(one.scenario, disk)
    bad = folder / "bad.map"
    with Case.open(folder / "case", create=True) as case:
        case.scan(SourceRef(path=str(disk), map_path=str(bad) if bad.exists() else None))
        numbers = sorted(n for group in one.scenario.cameras for n in group.numbers)
        found = case.diagnose(channels=numbers)
    truth = json.loads((folder / "truth.json").read_text())
    has_clock = bool(one.scenario.clock)
    return Result(
        one.scenario.name,
        Counter() if has_clock else Counter(_pairs(truth, found, "state")),
        Counter() if has_clock else Counter(_pairs(truth, found, "picture")),
        list(_wrong(one, [cause for cause in found.causes if not cause.is_brief])),
        [_said(cause) for cause in found.causes],
    )


def _pairs(truth: dict[str, object], found: Diagnosis, key: str) -> Iterator[tuple[str, str]]:
    """What is true and what was said, every half second and camera, away from changes."""
    said = {channel.channel: channel.spans for channel in found.channels}
    pauses = _pauses(truth) if key == "state" else []
    for camera in truth["channels"]:  # type: ignore[attr-defined]
        for span in camera["spans"]:
            start, end = (clock.parse_iso(span[edge]) for edge in ("from", "to"))
            for time in range(start + _EDGE_MS, end - _EDGE_MS, _STEP_MS):
                at = [s for s in said.get(camera["camera"], ()) if s.span[0] <= time < s.span[1]]
                if at:
                    is_pause = any(start <= time < end for start, end in pauses)
                    true = "recorder_off" if is_pause else span[key]
                    yield true, getattr(at[0], key).value


def _pauses(truth: dict[str, object]) -> list[tuple[int, int]]:
    """When no camera has footage: by the contract the recorder is off then, whyever it is."""
    absent = [
        [
            (clock.parse_iso(span["from"]), clock.parse_iso(span["to"]))
            for span in camera["spans"]
            if span["state"] in ("not_recorded", "recorder_off")
        ]
        for camera in truth["channels"]  # type: ignore[attr-defined]
    ]
    shared = absent[0]
    for spans in absent[1:]:
        both = ((max(a, c), min(b, d)) for a, b in shared for c, d in spans)
        shared = [(start, end) for start, end in both if start < end]
    return shared


def _wrong(one: Made, causes: list[Cause]) -> Iterator[str]:
    left = list(causes)
    for wanted in one.causes:
        fitting = [cause for cause in left if _fits(wanted, cause, one.tolerance_s)]
        if fitting:
            left.remove(fitting[0])
        else:
            yield f"missing: {wanted}"
    yield from (f"too much: {_said(cause)}" for cause in left)


def _fits(wanted: Expected, cause: Cause, tolerance_s: float) -> bool:
    same = (cause.kind.value, cause.channels) == (wanted.kind, wanted.cameras)
    if not same or (wanted.start is not None and cause.span is None):
        return False
    edges = zip((wanted.start, wanted.end), cause.span or (0, 0), strict=True)
    return all(
        text is None or abs(_moment(text) - time_ms) <= 1000 * tolerance_s + 200
        for text, time_ms in edges
    )


def _moment(text: str) -> int:
    return clock.parse_iso(text if "T" in text else f"2026-03-14T{text}")


def _said(cause: Cause) -> str:
    span = "" if cause.span is None else " to ".join(clock.spoken(t)[:21] for t in cause.span)
    brief = " (brief)" if cause.is_brief else ""
    return f"{cause.kind.value} {cause.channels} {span} {cause.certainty.value}{brief}"


def table(counts: Counter[tuple[str, str]]) -> str:
    """Rows: true; columns: said; seconds of all cameras."""
    names = sorted({name for pair in counts for name in pair})
    head = "true \\ said".ljust(18) + "".join(name[:13].rjust(14) for name in names)
    lines = [
        true.ljust(18)
        + "".join(f"{counts[true, said] * _STEP_MS / 1000 or '':>14}" for said in names)
        for true in names
    ]
    return "\n".join([head, *lines])


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    wanted = parser.parse_args().names
    results = []
    for one in made():
        if wanted and one.scenario.name not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            results.append(result(one, Path(folder)))
        last = results[-1]
        print("ok  " if not last.wrong else "FAIL", last.name)
        for line in last.wrong + (last.told if wanted else []):
            print("      ", line)
        sys.stdout.flush()
    right = sum(not one.wrong for one in results)
    print(f"\ncauses: {right} of {len(results)} scenarios right, and nothing else told\n")
    for title, counts in (
        ("states", sum((one.states for one in results), Counter())),
        ("pictures", sum((one.pictures for one in results), Counter())),
    ):
        print(f"{title}, in seconds of all cameras:\n{table(counts)}\n")


if __name__ == "__main__":
    main()
