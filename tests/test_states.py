"""Each state of the contract that needs no pictures, told of simulated bytes."""

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from vidrecover.case import Case
from vidrecover.clock import parse_iso
from vidrecover.extents import merged
from vidrecover.model import Extent, SourceRef, State, StateSpan, TimeSpan
from vidrecover.simulate import heap

DAY = "2026-03-14T07:30:"
Simulated = Callable[[str], Path]


class Told(NamedTuple):
    """What must be said of a camera between two seconds of the minute; reason: words of it. disk:
    name of a scenario; lost: camera and seconds whose frames are zeroed, or cannot be read."""

    disk: str
    channel: int
    first: float
    last: float
    state: State
    reason: str
    lost: tuple[int, float, float] | None = None
    is_bad: bool = False


STATES = [
    Told("dhfs-gaps", 1, 2, 10, State.RECORDED, "listed by the recorder"),
    Told("dhfs-gaps", 1, 37, 39, State.NOT_INDEXED, "never closed"),
    Told("dhfs-gaps", 2, 13, 17, State.RECORDER_OFF, "no camera has"),
    Told("dhfs-gaps", 2, 26, 29, State.NOT_RECORDED, "other cameras"),
    Told("dhfs-gaps", 4, 2, 10, State.NOT_RECORDED, "other cameras"),
    Told("dhfs-intact", 1, 5, 9, State.UNREADABLE, "cannot be read", (1, 4, 10), True),
    Told("dhfs-wrapped", 1, 0, 0, State.OVERWRITTEN, "by their numbers"),
    Told("hikvision-wrapped", 1, 5, 15, State.OVERWRITTEN, "by its log"),
    Told("hikvision-wrapped", 2, 30, 33, State.OVERWRITTEN, "hold newer footage"),
    Told("wfs-wrapped", 1, 1, 6, State.NOT_KNOWN, "written over again"),
    Told(
        "dhfs-intact", 1, 7, 11, State.INDEXED_NOT_FOUND, "no frames are in its bytes", (1, 0, 60)
    ),
    Told("tme-intact", 2, 23, 29, State.NO_SIGNAL, "loss of video", (2, 22, 30)),
]


@pytest.fixture(scope="module")
def diagnosed(
    simulated: Simulated, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Told], list[StateSpan]]]:
    """The spans of a camera; each disk is scanned once."""
    base = tmp_path_factory.mktemp("states")
    opened: dict[object, Case] = {}

    def spans(one: Told) -> list[StateSpan]:
        key = (one.disk, one.lost)
        if key not in opened:
            place = base / f"{one.disk}-{len(opened)}"
            opened[key] = _scanned(simulated(one.disk), place, one)
        case = opened[key]
        window = TimeSpan(parse_iso(f"{DAY}00"), parse_iso("2026-03-14T07:31:00"))
        found = case.diagnose(channels=range(1, 5), window=window)
        return list(next(c.spans for c in found.channels if c.channel == one.channel))

    yield spans
    for case in opened.values():
        case.__exit__(None, None, None)


def _scanned(folder: Path, place: Path, one: Told) -> Case:
    place.mkdir()
    disk, bad = place / "disk.img", place / "bad.map"
    shutil.copyfile(folder / "disk.img", disk)
    pieces = sorted(_pieces(folder, one.lost)) if one.lost is not None else []
    if one.is_bad:
        lines, at = ["0x0 +"], 0
        for start, end in merged(Extent(a // 512 * 512, -(-b // 512) * 512) for a, b in pieces):
            lines += [f"{at:#x} {start - at:#x} +", f"{start:#x} {end - start:#x} -"]
            at = end
        bad.write_text("\n".join([*lines, f"{at:#x} {disk.stat().st_size - at:#x} +"]) + "\n")
    else:
        with disk.open("r+b") as file:
            for start, end in pieces:
                file.seek(start)
                file.write(bytes(end - start))
    case = Case.open(place / "case", create=True).__enter__()
    ref = SourceRef(path=str(disk), map_path=str(bad) if one.is_bad else None)
    case.scan(ref, pictures=False)
    return case


def _pieces(folder: Path, lost: tuple[int, float, float]) -> Iterator[Extent]:
    """The bytes of a camera's frames between two seconds."""
    camera, first, last = lost
    with (folder / "frames.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            second = (parse_iso(row["time"]) - parse_iso(f"{DAY}00")) / 1000
            if int(row["camera"]) == camera and first <= second < last:
                for piece in row["frame_pieces"].split():
                    start, size = map(int, piece.split("+"))
                    yield Extent(start, start + size)


def _named(one: Told) -> str:
    return f"{one.disk}-{one.channel}-{one.first}-{one.state}"


@pytest.mark.parametrize("one", STATES, ids=_named)
def test_the_state_is_told_with_its_reason(
    one: Told, diagnosed: Callable[[Told], list[StateSpan]]
) -> None:
    if one.disk.startswith("tme") and heap.place_of("mkfs.vfat") is None:
        pytest.skip("not installed: mkfs.vfat (dosfstools)")
    spans = diagnosed(one)
    at = [parse_iso(f"{DAY}00") + round(1000 * second) for second in (one.first, one.last)]
    inside = [
        span
        for span in spans
        if (one.last and span.span.start_ms < at[1] and span.span.end_ms > at[0])
        or (not one.last and span.state is one.state)
    ]
    assert inside
    assert {span.state for span in inside} == {one.state}
    assert any(one.reason in span.reason for span in inside), [span.reason for span in inside]
    assert all(span.basis for span in inside)


def test_every_state_has_a_row_here() -> None:
    assert {one.state for one in STATES} == set(State)
