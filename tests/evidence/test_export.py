"""Packing: every byte accounted for, the same again, checkable by others, or not there."""

import csv
import hashlib
import io
import json
import resource
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import pytest

from vidrecover import clips, evidence
from vidrecover.clock import parse_iso
from vidrecover.errors import EvidenceError
from vidrecover.evidence import _tables
from vidrecover.model import TimeSpan
from vidrecover.simulate import building

SCENARIOS = Path(__file__).parents[2] / "fixtures" / "scenarios"
MORE = ("dhfs-bad-sectors", "dhfs-h265", "jt1078-ten", "fat-twelve", "mp4-fragments", "ts-sectors")
ORDINARY = ("plain", "intact", "six", "twelve")


def layouts() -> dict[str, str]:
    """By layout the scenario that shows it without a fault, as far as there is one."""
    found: dict[str, list[str]] = {}
    for path in sorted(SCENARIOS.glob("*.toml")):
        known = tomllib.loads(path.read_text("utf-8"))
        if "files" not in known:
            found.setdefault(known["layout"], []).append(path.stem)
    return {
        layout: min(names, key=lambda one: (one.rpartition("-")[2] not in ORDINARY, one))
        for layout, names in found.items()
    }


EVERY_LAYOUT = sorted({*layouts().values(), *MORE})

CaseOf = Callable[[str], Any]
"""The fixture `scanned`."""
WINDOW = TimeSpan(parse_iso("2026-03-14T07:30:04"), parse_iso("2026-03-14T07:30:06"))


def listing(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def fragments(folder: Path) -> list[dict[str, str]]:
    text = (folder / "data/provenance/fragments.csv").read_text("utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def contents(folder: Path) -> Any:
    return json.loads((folder / "data/provenance/clips.json").read_text("utf-8"))


def test_every_layout_that_the_simulator_writes_is_packed() -> None:
    assert layouts().keys() == building._WRITERS.keys()


@pytest.mark.parametrize("name", EVERY_LAYOUT)
def test_the_fragments_of_a_clip_are_its_native_bytes(
    scanned: CaseOf, tmp_path: Path, name: str
) -> None:
    case = scanned(name)
    packed = case.export(tmp_path / "bag")
    disk = case.disk.read_bytes()
    rows = fragments(tmp_path / "bag")
    assert packed.contents.exhibits
    for one in packed.contents.exhibits:
        own = [row for row in rows if row["clip"] == one.clip]
        assert [int(row["seq"]) for row in own] == list(range(one.fragments))
        pieces = []
        for row in own:
            offset, length = int(row["offset"]), int(row["length"])
            piece = bytearray(disk[offset : offset + length])
            for bad in one.unreadable:
                first, end = max(bad.start - offset, 0), min(bad.end - offset, length)
                piece[first : max(first, end)] = bytes(max(end - first, 0))
            assert hashlib.sha256(piece).hexdigest() == row["sha256"]
            pieces.append(bytes(piece))
        master = (tmp_path / "bag" / str(one.file)).read_bytes()
        assert b"".join(pieces) == master
        assert hashlib.sha256(master).hexdigest() == one.sha256
    assert len(rows) == sum(one.fragments for one in packed.contents.exhibits)


@pytest.mark.parametrize("name", ["jt1078-six", "dhfs-bad-sectors", "hx-plain"])
def test_a_master_holds_every_byte_of_its_recording(
    scanned: CaseOf, tmp_path: Path, name: str
) -> None:
    case = scanned(name)
    with case.order() as order, case.open() as source:
        evidence.export(tmp_path / "bag", source, order, evidence.Asked(decode=False))
        tables = [order.unpack(one) for it in order.recordings for one in it.segments]
    rows = fragments(tmp_path / "bag")
    wanted = sum(int(table["size"].sum()) for table in tables)
    assert sum(int(row["length"]) for row in rows) == wanted


def units(packet: bytes) -> Iterator[bytes]:
    """NAL units behind their four-byte lengths."""
    place = 0
    while place < len(packet):
        size = int.from_bytes(packet[place : place + 4], "big")
        yield packet[place + 4 : place + 4 + size]
        place += 4 + size


def test_the_bytes_of_an_access_copy_are_in_its_master(scanned: CaseOf, tmp_path: Path) -> None:
    packed = scanned("dhav-plain").export(tmp_path / "bag")
    copies = 0
    for one in packed.contents.exhibits:
        master = (tmp_path / "bag" / str(one.file)).read_bytes()
        for copy in one.access:
            with av.open(str(tmp_path / "bag" / copy.file)) as container:
                stream = container.streams.video[0]
                packets = [bytes(p) for p in container.demux(stream) if p.size]
            assert len(packets) == copy.frames
            for unit in (unit for packet in packets for unit in units(packet)):
                assert unit in master
            copies += 1
    assert copies >= 3


def test_standard_tools_find_the_package_whole(whole: Path) -> None:
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        done = subprocess.run(["sha256sum", "-c", "--strict", "--quiet", manifest], cwd=whole)
        assert done.returncode == 0
    lines = (whole / "manifest-sha256.txt").read_text("utf-8").splitlines()
    assert sorted(line[66:] for line in lines) == sorted(
        name for name in listing(whole) if name.startswith("data/")
    )


def test_a_bagit_validator_finds_the_package_valid(whole: Path) -> None:
    pytest.importorskip("bagit", reason="the library bagit is not installed")
    command = [sys.executable, "-m", "bagit", "--quiet", "--validate", str(whole)]
    assert subprocess.run(command, check=False).returncode == 0


def _case_validate() -> str:
    beside = str(Path(sys.executable).parent)
    found = shutil.which("case_validate", path=beside) or shutil.which("case_validate")
    if not found:
        pytest.skip("case_validate (of case-utils) is not installed")
    return found


@pytest.mark.parametrize("name", ["dhfs-bad-sectors", "hx-plain"])
def test_the_graph_conforms_to_case(scanned: CaseOf, tmp_path: Path, name: str) -> None:
    validator = _case_validate()
    scanned(name).export(tmp_path / "bag")
    graph = tmp_path / "bag/data/provenance/case.jsonld"
    command = [validator, "--built-version", "case-1.5.0", str(graph)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "Conforms: True" in done.stdout) == (0, True), done.stdout


def test_every_node_of_the_graph_has_a_name_that_ends_in_a_uuid(whole: Path) -> None:
    document = json.loads((whole / "data/provenance/case.jsonld").read_text("utf-8"))
    names: list[str] = []
    referred: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "@id" in value:
                (names if len(value) > 1 else referred).append(value["@id"])
            elif "@type" in value:
                assert "@value" in value, value
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(document["@graph"])
    assert len(names) == len(set(names))
    assert set(referred) <= set(names)
    assert all(len(name.rsplit("-", 5)) == 6 and name.startswith("kb:") for name in names)


def test_a_player_reads_every_access_copy(scanned: CaseOf, tmp_path: Path) -> None:
    ffprobe = shutil.which("ffprobe")
    if ffprobe is None:
        pytest.skip("ffprobe is not installed")
    packed = scanned("dhfs-h265").export(tmp_path / "bag")
    for one in packed.contents.exhibits:
        for copy in one.access:
            command = [ffprobe, "-v", "error", "-count_packets", "-select_streams", "v",
                       "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0",
                       str(tmp_path / "bag" / copy.file)]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            assert (int(done.stdout.strip().rstrip(",")), done.stderr) == (copy.frames, "")


def test_mediainfo_reads_every_access_copy(scanned: CaseOf, tmp_path: Path) -> None:
    mediainfo = shutil.which("mediainfo")
    if mediainfo is None:
        pytest.skip("mediainfo is not installed")
    packed = scanned("dhfs-h265").export(tmp_path / "bag")
    for one in packed.contents.exhibits:
        for copy in one.access:
            command = [mediainfo, "--Inform=Video;%Format% %FrameCount%",
                       str(tmp_path / "bag" / copy.file)]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            codec, frames = done.stdout.split()
            assert (codec in ("AVC", "HEVC"), int(frames)) == (True, copy.frames)


def _packed_at(case: Any, target: Path, now: datetime) -> dict[str, bytes]:
    with case.order(operator="A. Examiner") as order, case.open() as source:
        evidence.export(target, source, order, evidence.Asked(decode=False), now=now)
    return listing(target)


def test_two_packages_differ_in_the_records_of_circumstances_only(
    scanned: CaseOf, tmp_path: Path
) -> None:
    case = scanned("dhav-plain")
    first = _packed_at(case, tmp_path / "one", datetime(2026, 5, 1, 12, tzinfo=UTC))
    second = _packed_at(case, tmp_path / "two", datetime(2027, 1, 2, 3, tzinfo=UTC))
    assert first.keys() == second.keys()
    unlike = {name for name in first if first[name] != second[name]}
    always = {"bag-info.txt", "data/provenance/actions.jsonl", "manifest-sha256.txt",
              "tagmanifest-sha256.txt", "data/provenance/case.jsonld"}  # fmt: skip
    assert always <= unlike <= evidence.CIRCUMSTANCES.keys()
    limits = first["data/report/limits.md"].decode()
    assert all(name in limits for name in evidence.CIRCUMSTANCES)


def test_a_span_is_cut_out_and_begins_at_a_key_frame(whole: Path) -> None:
    found = contents(whole)
    assert found["span"] == ["2026-03-14T07:30:04.000", "2026-03-14T07:30:06.000"]
    (one,) = found["exhibits"]
    assert one["channel"] == 2
    assert one["from"] <= "2026-03-14T07:30:04.000" < one["to"] < "2026-03-14T07:30:06.000"
    assert one["access"][0]["from"] == one["from"]
    rows = fragments(whole)
    frames = [int(row[name]) for row in rows for name in ("frame_first", "frame_last")]
    assert (min(frames), max(frames)) == (1, one["frames"])


def test_the_package_says_what_was_asked_and_both_statements(whole: Path) -> None:
    report = whole / "data/report"
    originality = (report / "originality.md").read_text("utf-8")
    completeness = (report / "completeness.md").read_text("utf-8")
    (one,) = contents(whole)["exhibits"]
    assert one["sha256"] in originality
    assert one["clip"] in originality
    assert "camera 2, 2026-03-14 07:30:04.000 to 2026-03-14 07:30:06.000" in completeness
    text = (report / "report.txt").read_text("utf-8")
    for needed in (one["exhibit"], one["sha256"], one["access"][0]["file"], "vidrecover",
                   originality, completeness):  # fmt: skip
        assert needed in text
    page = (report / "report.html").read_text("utf-8")
    assert one["sha256"] in page
    assert "http" not in page


def test_the_printed_report_is_a_pdf_with_the_same_words(whole: Path) -> None:
    pytest.importorskip("reportlab", reason="the library reportlab is not installed")
    content = (whole / "data/report/report.pdf").read_bytes()
    (one,) = contents(whole)["exhibits"]
    assert content.startswith(b"%PDF-")
    assert one["exhibit"].encode() in content


def test_the_log_of_the_case_goes_on_with_the_line_of_the_package(
    scanned: CaseOf, tmp_path: Path
) -> None:
    case = scanned("jt1078-ten")
    case.export(tmp_path / "one", channel=3, span=WINDOW)
    case.export(tmp_path / "two", channel=3, span=WINDOW)
    log = (case.folder / "case/actions.jsonl").read_bytes()
    assert (tmp_path / "two/data/provenance/actions.jsonl").read_bytes() == log
    lines = log.splitlines()
    previous = [json.loads(line)["previous"] for line in lines]
    assert previous == [None, *(hashlib.sha256(line).hexdigest() for line in lines[:-1])]


def test_a_span_without_footage_gives_a_package_that_says_why(
    scanned: CaseOf, tmp_path: Path
) -> None:
    case = scanned("dhfs-gaps")
    later = TimeSpan(WINDOW.start_ms + 86_400_000, WINDOW.end_ms + 86_400_000)
    case.export(tmp_path / "bag", span=later)
    assert contents(tmp_path / "bag")["exhibits"] == []
    assert fragments(tmp_path / "bag") == []
    rows = _tables.coverage_of((tmp_path / "bag/data/report/coverage.csv").read_text("utf-8"))
    assert {(one.start_ms, one.end_ms) for one in rows} == {later}
    assert evidence.verify(tmp_path / "bag").differences == ()


def test_an_existing_folder_is_never_touched(scanned: CaseOf, tmp_path: Path) -> None:
    target = tmp_path / "bag"
    target.mkdir()
    (target / "keep.txt").write_text("mine")
    with pytest.raises(EvidenceError, match="exists already"):
        scanned("jt1078-ten").export(target, channel=2, span=WINDOW)
    assert listing(tmp_path) == {"bag/keep.txt": b"mine"}


def test_nothing_is_written_onto_the_source(
    scanned: CaseOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def lies_on(folder: Path, _: object) -> bool:
        asked.append(folder)
        return True

    monkeypatch.setattr("vidrecover.evidence._package.lies_on", lies_on)
    with pytest.raises(EvidenceError, match="lies on the source"):
        scanned("jt1078-ten").export(tmp_path / "bag", channel=2, span=WINDOW)
    assert (asked, listing(tmp_path)) == ([tmp_path / "bag"], {})


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Files cannot grow beyond so many bytes, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [100, 30_000, 45_000, 60_000])
def test_a_full_disk_leaves_nothing_behind(
    scanned: CaseOf, tmp_path: Path, full_disk: Callable[[int], None], size: int
) -> None:
    case = scanned("jt1078-ten")
    with case.order(channel=2, span=WINDOW) as order, case.open() as source:
        full_disk(size)
        with pytest.raises(EvidenceError, match="cannot be written"):
            evidence.export(tmp_path / "bag", source, order, evidence.Asked(decode=False))
    assert list(tmp_path.iterdir()) == []


def test_a_stop_in_the_middle_leaves_nothing_behind(
    scanned: CaseOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("vidrecover.evidence._graph.graph", stop)
    with pytest.raises(KeyboardInterrupt):
        scanned("jt1078-ten").export(tmp_path / "bag", channel=2, span=WINDOW)
    assert list(tmp_path.iterdir()) == []


def test_borrowed_parameter_sets_are_written_down_and_lent_again(
    scanned: CaseOf, tmp_path: Path
) -> None:
    case = scanned("jt1078-ten")
    units = bytes.fromhex("0000000167")
    loan = clips.Borrowed(units, "segment 9", True)
    asked = case.order(channel=2, span=WINDOW, borrow=lambda _: loan)
    with asked as order, case.open() as source:
        evidence.export(tmp_path / "bag", source, order, evidence.Asked(decode=False))
    (one,) = contents(tmp_path / "bag")["exhibits"]
    assert one["loan"] == {"units": units.hex(), "origin": "segment 9", "foreign": True}
    assert evidence.verify(tmp_path / "bag", decode=False).differences == ()
