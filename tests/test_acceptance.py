"""The program's word for every camera and second of every simulated disk is the true one."""

import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from vidrecover import cli, simulate
from vidrecover.clock import parse_iso

UNDATED = (
    "annexb-blocks",
    "annexb-plain",
    "annexb-twelve",
    "avi-plain",
    "gbps-loose",
    "gbps-plain",
    "hx-plain",
    "mp4-power-cut",
    "ts-plain",
    "ts-programs",
    "ts-sectors",
)
"""Their bytes carry no date: what was found is told, but in no span."""
ALLOWED = {("overwritten", "not_known")}
"""(truth, word): what is gone without a trace cannot be known to have been there."""
NAMELESS = {"hiv-wrapped", "wfs-orphaned", "wfs-wrapped"}
"""Disks whose frames name no camera, with fragments that no descriptor names any more: their
footage is told, but not always of which camera it is."""
TRACED = {
    "dhfs-ring-failure": 0.9,
    "dhfs-twice": 0.7,
    "dhfs-wrapped": 0.7,
    "hikvision-wrapped": 0.9,
}
"""Shares of the overwritten seconds that must be known as such: by the numbers of the frames
around them, or by the log. Of `wfs-wrapped` and `hiv-wrapped` none can be: their frames have no
numbers, no log is left, and the entries went with the fragments. No byte tells that a camera ran
at all then."""


def run(*words: object) -> Any:
    """What one command prints, as JSON."""
    out = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(out),
        redirect_stderr(io.StringIO()),
    ):
        patch.setattr(sys, "argv", ["vidrecover", *map(str, words), "--json"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert ended.value.code in (0, 1)
    return json.loads(out.getvalue())


def diagnosed(disk: Path, truth: Mapping[str, Any], case: Path) -> Any:
    """The diagnosis of all cameras over all the time in which the recorder may have run."""
    bad = disk.parent / "bad.map"
    run("scan", disk, "--case", case, *(["--map", bad] if bad.exists() else []))
    words: list[object] = []
    if all(one["channel"] is not None for one in truth["channels"]):
        words = ["--channels", f"1-{max(one['camera'] for one in truth['channels'])}"]
    span = ["--from", truth["recorder_start"], "--to", truth["recorder_end"]]
    return run("diagnose", "--case", case, *words, *span)


def seconds(spans: Sequence[Mapping[str, Any]], start_ms: int, end_ms: int) -> Iterator[str]:
    """The state that covers most of each second."""
    times = [(parse_iso(one["from"]), parse_iso(one["to"]), one["state"]) for one in spans]
    for second in range(start_ms, end_ms, 1000):
        shares = Counter[str]()
        for first, last, state in times:
            shares[state] += max(min(last, second + 1000) - max(first, second), 0)
        yield shares.most_common(1)[0][0]


@pytest.mark.parametrize("name", sorted(set(simulate.scenarios()) - {*UNDATED}))
def test_every_camera_is_told_rightly_for_every_second(
    name: str, simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    disk = simulated(name) / "disk.img"
    truth = json.loads((disk.parent / "truth.json").read_text())
    found = diagnosed(disk, truth, tmp_path)
    window = [parse_iso(truth[key]) for key in ("recorder_start", "recorder_end")]
    told = {one["channel"]: one["spans"] for one in found["channels"]}
    pairs = Counter[tuple[str, str]]()
    wrong = []
    for one in truth["channels"]:
        true, said = (list(seconds(s, *window)) for s in (one["spans"], told[one["channel"]]))
        pairs.update(zip(true, said, strict=True))
        wrong += [
            (one["camera"], second, *pair)
            for second, pair in enumerate(zip(true, said, strict=True))
            if pair[0] != pair[1]
            and pair not in ALLOWED
            and not (name in NAMELESS and pair == ("not_indexed", "not_known"))
        ]
    assert not wrong
    known, lost = pairs["overwritten", "overwritten"], pairs["overwritten", "not_known"]
    assert known >= TRACED.get(name, 0) * (known + lost)


@pytest.mark.parametrize("name", UNDATED)
def test_footage_without_a_date_is_told_without_spans(
    name: str, simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    run("scan", simulated(name) / "disk.img", "--case", tmp_path)
    found = run("diagnose", "--case", tmp_path)
    assert {(one["state"], *one["spans"]) for one in found["channels"]} == {("not_indexed",)}
    numbers = range(1, 13) if name == "annexb-twelve" else ()  # burnt into the pictures
    assert {one["channel"] for one in found["channels"]} == {*numbers, None}
    told = [one["label"] for one in found["channels"] if "label" in one]
    assert told == [f"camera {letter}" for letter in ("ABC" if name == "annexb-plain" else "")]
