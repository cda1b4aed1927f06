"""Windows of time found without reading the disk, and never called whole unless proven."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from tests.test_cli import run
from tests.virtual_ring import APART, MIXED, RATE, START_MS, VirtualRing

from vidrecover import formats, volumes
from vidrecover.case import Case
from vidrecover.case import _find as finding
from vidrecover.case._probed import Probed
from vidrecover.clock import iso, parse_iso
from vidrecover.model import (
    Claim,
    ClaimKind,
    Extent,
    Grade,
    Grid,
    SourceRef,
    TimeSpan,
    VolumeReport,
)
from vidrecover.outcome import Found, WindowFound
from vidrecover.scan import UNIT_SIZE
from vidrecover.survey import Prober, Pulse, Survey
from vidrecover.survey._blocks import _exact
from vidrecover.survey._probes import PROBE

SPAN_S = 20
RINGS: dict[str, dict[str, Any]] = {
    "frames in turn": {"streams": MIXED},
    "fragments in turn": {"streams": APART, "block": 2 << 20},
    "blocks in turn": {"streams": APART},
    "blocks in no order": {"streams": APART, "is_scattered": True},
    "files in no order": {"streams": MIXED, "block": 1 << 30, "is_scattered": True},
}
TOOLS = ("ffmpeg", "mkfs.vfat", "mcopy")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
needs_tools = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    """An empty case."""
    with Case.open(tmp_path / "case", create=True) as opened:
        yield opened


@pytest.fixture
def search(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Found]:
    """Finds a span of seconds of a virtual ring in the case."""

    def found(ring: VirtualRing, channel: int, start_s: float, end_s: float) -> Found:
        monkeypatch.setattr(finding, "open_source", lambda _: nullcontext(ring))
        return case.find(
            SourceRef(path="virtual"),
            tmp_path / f"clips-{channel}-{start_s}",
            channels=[channel],
            span=TimeSpan(START_MS + int(start_s) * 1000, START_MS + int(end_s) * 1000),
        )

    return found


@pytest.mark.parametrize("kind", RINGS)
def test_minutes_are_found_on_a_large_disk_without_an_index(
    kind: str, search: Callable[..., Found]
) -> None:
    ring = VirtualRing(96 << 30, **RINGS[kind])
    start = int(ring.oldest_s() + 0.6 * (ring.now_s - ring.oldest_s()))
    found = search(ring, 7, start, start + SPAN_S)
    assert [(one.is_whole, one.reason) for one in found.windows] == [(True, None)]
    assert [(one.frames, one.grade) for one in found.clips] == [(SPAN_S * RATE, Grade.COMPLETE)]
    assert found.bytes_read == ring.bytes_read < 1 << 30
    assert ring.seconds < 60


@pytest.mark.parametrize("kind", ["blocks in turn", "blocks in no order"])
def test_a_frame_cut_where_a_block_ends_is_found_whole(
    kind: str, search: Callable[..., Found]
) -> None:
    ring = VirtualRing(96 << 30, **RINGS[kind])
    start = int(ring.border_s(7, 6)) - SPAN_S // 2
    assert ring.oldest_s() < start < ring.now_s - SPAN_S
    found = search(ring, 7, start, start + SPAN_S)
    assert [(one.is_whole, one.reason) for one in found.windows] == [(True, None)]
    assert [(one.frames, one.grade) for one in found.clips] == [(SPAN_S * RATE, Grade.COMPLETE)]
    assert found.clips[0].notes == ("1 frame put together over the border of a fragment",)


@pytest.mark.parametrize(("first", "is_exact"), [(3 << 20, True), (3 << 20 | 9 << 12, False)])
def test_blocks_are_believed_to_the_byte_only_where_they_begin_at_a_round_one(
    first: int, is_exact: bool
) -> None:
    size = 1 << 30
    borders = [Extent(first + n * size - 700 - n, first + n * size + 900 + n) for n in range(7)]
    told = _exact(borders, size)
    assert (told.grid, told.is_exact) == (Grid(first, size), is_exact)


def _listing(channel: int, span: TimeSpan, place: Extent) -> VolumeReport:
    """A recorder's list with one entry."""
    claim = Claim(
        volume="made", kind=ClaimKind.INDEX, channel=channel, start_ms=span.start_ms - 600_000,
        end_ms=span.end_ms + 600_000, extents=(place,), entry=Extent(0, 512),
    )  # fmt: skip
    return VolumeReport(layout="made", extent=Extent(0, place.end), claims=(claim,))


@pytest.mark.parametrize("is_true", [True, False], ids=["an index", "an index that lies"])
def test_an_index_saves_probes_and_a_lie_in_it_changes_nothing(
    is_true: bool, search: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = VirtualRing(96 << 30, APART)
    start = int((ring.oldest_s() + ring.now_s) / 2)
    span = TimeSpan(START_MS + start * 1000, START_MS + (start + SPAN_S) * 1000)
    survey = Survey(ring, formats.load(formats.shipped()))
    (true_place,) = survey.stretches(7, span).stretches
    block = true_place.start // (1 << 30) + (0 if is_true else 7)
    listing = _listing(7, span, Extent(block << 30, (block + 1) << 30))
    monkeypatch.setattr(volumes, "examine", lambda *_, **__: [listing])
    found = search(ring, 7, start, start + SPAN_S)
    assert [(one.is_whole, one.reason) for one in found.windows] == [(True, None)]
    assert [one.frames for one in found.clips] == [SPAN_S * RATE]
    assert (found.probes < 20) == is_true


@pytest.mark.parametrize("kind", ["frames in turn", "blocks in turn"])
def test_a_second_search_reads_less_and_finds_the_same(
    kind: str, search: Callable[..., Found], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = VirtualRing(96 << 30, **RINGS[kind])
    kept_s = ring.now_s - ring.oldest_s()
    first, second = (int(ring.oldest_s() + part * kept_s) for part in (0.6, 0.3))
    search(ring, 7, first, first + SPAN_S)
    again = search(ring, 7, second, second + SPAN_S)
    with Case.open(tmp_path / "fresh", create=True) as other:
        monkeypatch.setattr(finding, "open_source", lambda _: nullcontext(ring))
        span = TimeSpan(START_MS + second * 1000, START_MS + (second + SPAN_S) * 1000)
        fresh = other.find(SourceRef(path="virtual"), tmp_path / "b", channels=[7], span=span)
    assert again.windows == fresh.windows
    assert [one.is_whole for one in again.windows] == [True]
    assert [one.frames for one in again.clips] == [SPAN_S * RATE]
    (name,) = [one.name for one in (tmp_path / "b").glob("*.m*")]
    folder = tmp_path / f"clips-7-{second}"
    assert (folder / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert again.probes < fresh.probes / 3
    assert again.bytes_read < fresh.bytes_read


def test_what_was_scanned_shows_a_probe_what_reading_it_shows(
    case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ring = VirtualRing(16 << 30, MIXED)
    monkeypatch.setattr(finding, "open_source", lambda _: nullcontext(ring))
    start = START_MS + int(ring.now_s / 2) * 1000
    span = TimeSpan(start, start + 60_000)
    case.find(SourceRef(path="virtual"), tmp_path / "clips", channels=[5], span=span)
    scanned = max(case.catalogue.scanned(), key=lambda one: one.size)
    border = (scanned.start // UNIT_SIZE + 1) * UNIT_SIZE
    assert scanned.end > border + PROBE
    fresh, memory = Prober(ring, formats.load(formats.shipped())), Probed(case)
    for place in (scanned.start, border - PROBE, border - PROBE // 2, border):
        seen = fresh.at(place)
        known = memory.recalled(Extent(place, place + PROBE))
        assert known is not None
        assert len(seen.sightings) == len(known.sightings) == 12
        assert known.channels == seen.channels
        assert (known.is_blank, known.has_undated) == (seen.is_blank, seen.has_undated)
        assert abs(known.first_ms - seen.first_ms) <= 1000
        assert abs(known.last_ms - seen.last_ms) <= 1000
    assert memory.recalled(Extent(scanned.end - PROBE, scanned.end + PROBE)) is None


def test_a_search_in_a_case_that_was_scanned_whole_reads_what_clips_need_only(
    case: Case, search: Callable[..., Found], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ring = VirtualRing(256 << 20, MIXED, block=64 << 20)
    search(ring, 5, ring.now_s - 60, ring.now_s - 50)  # so small a disk is scanned whole
    assert case.catalogue.scanned_share(ring.size) == 1
    monkeypatch.setattr(finding, "SMALL", 0)
    monkeypatch.setattr(case.catalogue, "store_unit", None)
    now_ms: list[int] = []

    def latest(newest_ms: int | None) -> TimeSpan:
        assert newest_ms is not None
        now_ms.append(newest_ms)
        end_ms = newest_ms // 1000 * 1000 - 20_000
        return TimeSpan(end_ms - SPAN_S * 1000, end_ms)

    found = case.find(SourceRef(path="virtual"), tmp_path / "b", channels=[7], span=latest)
    assert found.probes == 0
    assert [one.is_whole for one in found.windows] == [True]
    assert [one.frames for one in found.clips] == [SPAN_S * RATE]
    assert abs(now_ms[0] - START_MS - ring.now_s * 1000) < 2000
    assert found.bytes_read < ring.size / 4


def test_small_fragments_in_no_order_are_refused_not_guessed(search: Callable[..., Found]) -> None:
    ring = VirtualRing(96 << 30, APART, block=2 << 20, is_scattered=True)
    start = int((ring.oldest_s() + ring.now_s) / 2)
    found = search(ring, 7, start, start + SPAN_S)
    (window,) = found.windows
    assert not window.is_whole
    assert window.reason is not None and "% of the disk" in window.reason
    assert not found.is_whole


def test_what_the_recorder_has_not_written_yet_is_not_called_whole(
    search: Callable[..., Found],
) -> None:
    ring = VirtualRing(16 << 30, MIXED)
    found = search(ring, 2, ring.now_s - 10, ring.now_s + 60)
    (window,) = found.windows
    assert not window.is_whole
    assert window.has_footage
    assert all(one.grade is Grade.PARTIAL for one in found.clips)


def test_a_camera_that_is_not_there_is_not_known(search: Callable[..., Found]) -> None:
    ring = VirtualRing(16 << 30, MIXED)
    found = search(ring, 40, ring.now_s - 600, ring.now_s - 580)
    assert [(one.is_whole, one.has_footage) for one in found.windows] == [(False, False)]
    assert found.clips == ()


def test_a_stopped_search_leaves_a_case_that_goes_on(
    search: Callable[..., Found], case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ring = VirtualRing(16 << 30, MIXED)
    start = int(ring.now_s / 2)
    store, stored = case.catalogue.store_unit, list[Extent]()

    def stopping(result: Any) -> None:
        if stored:
            raise KeyboardInterrupt
        stored.append(result.extent)
        store(result)

    with monkeypatch.context() as patch:
        patch.setattr(case.catalogue, "store_unit", stopping)
        with pytest.raises(KeyboardInterrupt):
            search(ring, 5, start, start + 60)
    assert case.catalogue.scanned() == stored
    for left in (tmp_path).glob("clips-*/*"):
        left.unlink()
    found = search(ring, 5, start, start + 60)
    assert [one.is_whole for one in found.windows] == [True]
    assert not any(one.start < stored[0].start for one in case.catalogue.scanned()[:1])


@pytest.mark.parametrize("small", [0, finding.SMALL], ids=["searched", "scanned"])
@pytest.mark.parametrize("scenario", ["dhfs-intact", "dhfs-wrapped", "jt1078-six"])
def test_clips_of_find_are_those_of_a_scan_byte_for_byte(
    scenario: str,
    small: int,
    simulated: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finding, "SMALL", small)
    disk = simulated(scenario) / "disk.img"
    whole = run("scan", disk, "--case", tmp_path / "whole", "--no-pictures", "--json")
    cameras = [one for one in json.loads(whole.out)["channels"] if one["channel"]]
    camera = cameras[-1]
    first, last = parse_iso(camera["from"]), parse_iso(camera["to"])
    start, end = (iso(first + (last - first) * part // 10) for part in (4, 6))
    own = ["--channel", str(camera["channel"]), "--from", start, "--to", end]
    run("recover", "--case", tmp_path / "whole", *own, "--folder", tmp_path / "a", "--json")
    done = run(
        "find", disk, "--case", tmp_path / "part", *own, "--folder", tmp_path / "b", "--json"
    )
    found = json.loads(done.out)
    names = sorted(one.name for one in (tmp_path / "a").glob("*.m*"))
    assert names and names == sorted(one.name for one in (tmp_path / "b").glob("*.m*"))
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert {"bytes_read", "source_size", "seconds"} <= set(found)
    assert [one["whole"] for one in found["windows"]] == [True]
    assert done.code == 0
    if small:
        assert found["probes"] == 0


def test_a_scan_behind_a_search_reads_the_rest_only_and_finds_the_same(
    simulated: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "SMALL", 0)
    disk = simulated("dhfs-wrapped") / "disk.img"
    whole = json.loads(run("scan", disk, "--case", tmp_path / "whole", "--json").out)
    camera = whole["channels"][0]
    own = ["--channel", "1", "--from", _later(camera["from"], 2), "--to", _later(camera["to"], -2)]
    run("find", disk, "--case", tmp_path / "part", *own, "--folder", tmp_path / "clips")
    rest = json.loads(run("scan", disk, "--case", tmp_path / "part", "--json").out)
    assert rest["resumed"] > 0
    assert _counts(rest) == _counts(whole)
    assert rest["joined"] == whole["joined"]


def test_find_asks_for_one_camera_or_several(tmp_path: Path) -> None:
    span = ["--from", "07:30", "--to", "07:31", "--folder", tmp_path / "out"]
    assert run("find", "disk.img", *span).code == 2
    assert run("find", "disk.img", "--channel", "1", "--channels", "1-2", *span).code == 2
    wrong = run("find", "disk.img", "--channel", "1", "--from", "x", "--to", "y", *span[4:])
    assert wrong.code == 2
    assert "recorder time" in wrong.err


@pytest.mark.parametrize("kind", ["frames in turn", "fragments in turn", "blocks in turn"])
def test_a_camera_that_stopped_is_seen_by_a_check(kind: str) -> None:
    ring = VirtualRing(96 << 30, **RINGS[kind])
    found = Survey(ring, formats.load(formats.shipped())).health(range(1, 14))
    pulses = {one.channel: one.pulse for one in found.cameras}
    assert pulses == dict.fromkeys(range(1, 13), Pulse.RECORDING) | {13: Pulse.NOT_SEEN}
    assert found.newest_ms is not None
    assert found.oldest_ms is not None
    assert abs(found.newest_ms - START_MS - ring.now_s * 1000) < 60_000
    kept_ms = (ring.now_s - ring.oldest_s()) * 1000
    assert found.newest_ms - found.oldest_ms > 0.9 * kept_ms
    assert ring.seconds < 60


def test_a_check_compares_with_the_clock_and_prints_a_line(
    simulated: Callable[[str], Path],
) -> None:
    disk = simulated("dhfs-intact") / "disk.img"
    fine = run("check", disk, "--channels", "1-2", "--json")
    assert fine.code == 0
    assert fine.out.count("\n") == 1
    told = json.loads(fine.out)
    assert [(one["channel"], one["state"]) for one in told["channels"]] == [
        (1, "recording"), (2, "recording"),
    ]  # fmt: skip
    assert told["bytes_read"] > 0
    late = run("check", disk, "--channels", "1-3", "--now", "2026-03-15T07:30")
    assert late.code == 1
    assert late.out.count("SILENT") == 2
    assert late.out.count("NOT SEEN") == 1


def _counts(report: dict[str, Any]) -> list[tuple[int | None, int, int]]:
    return [(one["channel"], one["frames"], one["size"]) for one in report["channels"]]


def _later(text: str, seconds: int) -> str:
    return iso(parse_iso(text) + seconds * 1000)


@pytest.mark.parametrize("is_scattered", [False, True], ids=["in turn", "in no order"])
def test_what_is_left_behind_the_place_of_writing_is_found(
    is_scattered: bool, search: Callable[..., Found]
) -> None:
    ring = VirtualRing(96 << 30, APART, is_scattered=is_scattered)
    channel, start_s, end_s = ring.remains(3)
    found = search(ring, channel, end_s - 600, end_s - 600 + SPAN_S)
    assert end_s - 600 > start_s
    assert [(one.is_whole, one.reason) for one in found.windows] == [(True, None)]
    assert [one.frames for one in found.clips] == [SPAN_S * RATE]
    assert ring.seconds < 60


def test_the_first_camera_is_written_before_the_second_is_looked_for_and_probes_are_shared(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = VirtualRing(16 << 30, MIXED)
    monkeypatch.setattr(finding, "open_source", lambda _: nullcontext(ring))
    start = START_MS + int(ring.now_s / 2) * 1000
    seen: list[tuple[int, bool]] = []

    def told(one: Any) -> None:
        if isinstance(one, WindowFound):
            folder = tmp_path / "clips"
            seen.append((ring.bytes_read, any(folder.glob("camera-02_*.mp4"))))

    found = case.find(
        SourceRef(path="virtual"),
        tmp_path / "clips",
        channels=[2, 5, 9],
        span=TimeSpan(start, start + 20_000),
        told=told,
    )
    assert [one.is_whole for one in found.windows] == [True] * 3
    assert [one.frames for one in found.clips] == [20 * RATE] * 3
    assert [is_written for _, is_written in seen] == [False, True, True]
    assert seen[2][0] - seen[0][0] < seen[0][0] / 3  # what the clips themselves need


def _card(folder: Path) -> Path:
    """A card with twelve films of 20 seconds of two cameras, named as Viofo does."""
    for number in range(12):
        begun = f"073{number // 6}{number // 2 % 3 * 20:02}"
        name = f"2026_0314_{begun}_{number:04}{'FR'[number % 2]}.mp4"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x64:rate=10",
             "-t", "20", "-g", "10", "-c:v", "libx264", "-metadata",
             f"creation_time=2026-03-14T{begun[:2]}:{begun[2:4]}:{begun[4:]}", folder / name],
            check=True,
        )  # fmt: skip
    disk = folder / "disk.img"
    with disk.open("wb") as file:
        file.truncate(64 << 20)
    films = sorted(folder.glob("*.mp4"))
    subprocess.run(["mkfs.vfat", "-F", "32", "-s", "1", disk], check=True, capture_output=True)
    subprocess.run(["mcopy", "-i", disk, *films, "::"], check=True)
    return disk


@needs_tools
def test_films_in_files_are_found_by_the_names_of_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = _card(tmp_path)
    own = ["--channel", "2", "--from", "2026-03-14T07:30:30", "--to", "2026-03-14T07:30:50"]
    run("scan", disk, "--case", tmp_path / "whole", "--no-pictures")
    run("recover", "--case", tmp_path / "whole", *own, "--folder", tmp_path / "a")
    monkeypatch.setattr(finding, "SMALL", 0)
    done = run(
        "find", disk, "--case", tmp_path / "part", *own, "--folder", tmp_path / "b", "--json"
    )
    found = json.loads(done.out)
    assert [(one["whole"], one["reason"]) for one in found["windows"]] == [(True, None)]
    names = sorted(one.name for one in (tmp_path / "a").glob("*.m*"))
    assert names and names == sorted(one.name for one in (tmp_path / "b").glob("*.m*"))
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    films = sum(one.stat().st_size for one in tmp_path.glob("*F.mp4"))
    with Case.open(tmp_path / "part") as case:
        assert sum(one.size for one in case.catalogue.scanned()) < films
