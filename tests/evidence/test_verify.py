"""Verifying: whatever is changed in a package, or on its source, is found and named."""

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import actions, evidence, segments
from vidrecover.clock import parse_iso
from vidrecover.errors import EvidenceError
from vidrecover.evidence import Verification, _actions, _graph, _package, _records, _seals, _tables
from vidrecover.evidence._values import Stored
from vidrecover.model import NO_TIME, Extent, SourceRef, TimeSpan
from vidrecover.source import open_source

CaseOf = Callable[[str], Any]
"""The fixture `scanned`."""
WINDOW = TimeSpan(parse_iso("2026-03-14T07:30:04"), parse_iso("2026-03-14T07:30:06"))

CLIPS, FRAGMENTS = "data/provenance/clips.json", "data/provenance/fragments.csv"
FRAMES, GRAPH = "data/provenance/frames.jsonl", "data/provenance/case.jsonld"
ACTIONS, COVERAGE = "data/provenance/actions.jsonl", "data/report/coverage.csv"
MANIFEST, TAGS = "manifest-sha256.txt", "tagmanifest-sha256.txt"
SEALS = {"tagmanifest-sha256.txt.tsq"}  # made of the tag manifest; see test_seals


def check(package: Path) -> Verification:
    return evidence.verify(package, decode=False)


def names(found: Verification) -> str:
    """All that is said of differences."""
    return "\n".join(f"{one.where}: {one.what}" for one in found.differences)


def files(package: Path) -> list[str]:
    found = [p.relative_to(package).as_posix() for p in package.rglob("*") if p.is_file()]
    return sorted(set(found) - SEALS)


def reseal(package: Path) -> None:
    """Makes both manifests agree with the files again, as any tool can."""
    for name, chosen in (
        (MANIFEST, [one for one in files(package) if one.startswith("data/")]),
        (TAGS, ["bag-info.txt", "bagit.txt", MANIFEST]),
    ):
        lines = [f"{sha256(package / one)}  {one}\n" for one in chosen if (package / one).exists()]
        (package / name).write_text("".join(lines), "utf-8", newline="")
    now = datetime(2026, 6, 1, tzinfo=UTC)
    for name, content in _seals.made((package / TAGS).read_bytes(), None, now):
        (package / name).write_bytes(content)


def forge(package: Path) -> None:
    """Makes graph, log, bag-info.txt and manifests agree with the files again."""
    contents = _tables.contents_of((package / CLIPS).read_bytes())
    record = msgspec.json.decode(
        (package / "data/provenance/source.json").read_bytes(), type=_records.SourceRecord
    )
    entries, _ = _actions.read((package / ACTIONS).read_bytes())
    before = b"".join((package / ACTIONS).read_bytes().splitlines(keepends=True)[:-1])
    others = [one for one in stored(package) if one.file not in (GRAPH, ACTIONS)]
    (package / GRAPH).write_bytes(_graph.graph(contents, record, entries, others))
    others = [one for one in stored(package) if one.file != ACTIONS]
    details = {"exhibit": contents.exhibit, "clips": len(contents.exhibits),
               "content_free": False, "digest": _actions.content_digest(others)}  # fmt: skip
    now = datetime.fromisoformat(entries[-1]["at"])
    line = actions.line(before, "export", details, now)
    (package / ACTIONS).write_bytes(before + line)
    text = _package.info_text(_actions.bag_info(contents, line), stored(package))
    (package / "bag-info.txt").write_text(text, "utf-8", newline="")
    reseal(package)


def stored(package: Path) -> list[Stored]:
    return [
        Stored(file=one, size=(package / one).stat().st_size, sha256=sha256(package / one))
        for one in files(package)
        if one.startswith("data/")
    ]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_untouched_package_is_sound(whole: Path) -> None:
    found = check(whole)
    assert (found.is_sound, found.differences) == (True, ())
    assert len(found.proved) == 5
    assert any("source was not given" in one for one in found.unproved)


def test_a_forger_who_changes_nothing_leaves_it_sound(package: Path) -> None:
    forge(package)
    assert check(package).differences == ()


def test_every_byte_of_every_file_counts(whole: Path, package: Path) -> None:
    assert len(files(whole)) > 20
    for name in files(whole):
        path = package / name
        content = path.read_bytes()
        for place in {0, len(content) // 2, len(content) - 1}:
            changed = bytearray(content)
            changed[place] ^= 1
            path.write_bytes(changed)
            found = check(package)
            assert name in names(found), f"{name}, byte {place}"
        path.write_bytes(content)
    assert check(package).is_sound


def test_every_byte_counts_though_the_manifests_are_made_again(
    whole: Path, package: Path, tmp_path: Path
) -> None:
    for name in set(files(whole)) - {MANIFEST, TAGS}:
        work = tmp_path / "work"
        shutil.copytree(whole, work)
        content = bytearray((work / name).read_bytes())
        content[len(content) // 2] ^= 1
        (work / name).write_bytes(content)
        reseal(work)
        assert name in names(check(work)), name
        shutil.rmtree(work)


@pytest.mark.parametrize("sealed", [False, True])
def test_a_missing_file_is_named(whole: Path, tmp_path: Path, *, sealed: bool) -> None:
    for name in files(whole):
        if sealed and name in (MANIFEST, TAGS):
            continue
        work = tmp_path / "work"
        shutil.copytree(whole, work)
        (work / name).unlink()
        if sealed:
            reseal(work)
        optional = sealed and name == "data/report/report.pdf"
        assert name in names(check(work)) or (optional and not check(work).is_sound), name
        shutil.rmtree(work)


@pytest.mark.parametrize("sealed", [False, True])
def test_a_renamed_file_is_named_with_its_new_name(
    whole: Path, tmp_path: Path, *, sealed: bool
) -> None:
    for name in set(files(whole)) - {MANIFEST, TAGS}:
        work = tmp_path / "work"
        shutil.copytree(whole, work)
        (work / name).rename(work / f"{name}.old")
        if sealed:
            reseal(work)
        said = names(check(work))
        assert f"{name}.old" in said and (sealed or name in said.replace(f"{name}.old", "")), name
        shutil.rmtree(work)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("name", ["data/more.txt", "data/master/camera-09/x.jt1078", "note.txt"])
def test_an_added_file_is_named(package: Path, name: str, *, sealed: bool) -> None:
    (package / name).parent.mkdir(exist_ok=True)
    (package / name).write_text("new")
    if sealed:
        reseal(package)
    assert name in names(check(package))


@pytest.mark.parametrize("sealed", [False, True])
def test_two_swapped_files_are_both_named(whole: Path, tmp_path: Path, *, sealed: bool) -> None:
    chosen = [name for name in files(whole) if name.startswith("data/")]
    for one, other in pairwise([*chosen, chosen[0]]):
        work = tmp_path / "work"
        shutil.copytree(whole, work)
        (work / one).rename(work / "aside")
        (work / other).rename(work / one)
        (work / "aside").rename(work / other)
        if sealed:
            reseal(work)
        said = names(check(work))
        assert one in said and other in said, (one, other)
        shutil.rmtree(work)


def _in_table(package: Path, name: str, row: int, column: str, value: str) -> None:
    text = (package / name).read_text("utf-8")
    lines = list(csv.reader(io.StringIO(text)))
    lines[row][lines[0].index(column)] = value
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    (package / name).write_text(out.getvalue(), "utf-8", newline="")


FRAGMENT_CHANGES = (
    ("offset", "4096"), ("length", "7"), ("kind", "audio"), ("sha256", "0" * 64), ("seq", "99"),
    ("frame_first", "77"), ("frame_last", "77"), ("source", "other.img"), ("clip", "camera-09"),
    ("offset", "-1"), ("length", "0"), ("length", "999999999999"), ("offset", "x"),
    ("sha256", "xyz"), ("kind", "smoke"),
)  # fmt: skip


@pytest.mark.parametrize("seal", [reseal, forge])
@pytest.mark.parametrize(("column", "value"), FRAGMENT_CHANGES)
def test_a_changed_row_of_the_fragments_is_named(
    package: Path, column: str, value: str, seal: Callable[[Path], None]
) -> None:
    _in_table(package, FRAGMENTS, 5, column, value)
    seal(package)
    said = names(check(package))
    assert "line 6" in said or "other.img" in said


@pytest.mark.parametrize("seal", [reseal, forge])
@pytest.mark.parametrize("change", ["removed", "doubled", "swapped", "last removed"])
def test_rows_of_the_fragments_removed_doubled_or_swapped_are_found(
    package: Path, change: str, seal: Callable[[Path], None]
) -> None:
    lines = (package / FRAGMENTS).read_bytes().splitlines(keepends=True)
    if change == "swapped":
        lines[5], lines[7] = lines[7], lines[5]
    elif change == "doubled":
        lines.insert(5, lines[5])
    else:
        del lines[5 if change == "removed" else -1]
    (package / FRAGMENTS).write_bytes(b"".join(lines))
    seal(package)
    assert FRAGMENTS in names(check(package))


COVERAGE_CHANGES = (
    ("state", "not_recorded"), ("camera", "3"), ("from", "2026-03-14T07:30:05.000"),
    ("confidence", "A"), ("reason", "nothing"), ("picture", "dark"), ("evidence_ref", "segment 1"),
    ("state", "lost"), ("to", "later"),
)  # fmt: skip


@pytest.mark.parametrize(("column", "value"), COVERAGE_CHANGES)
def test_a_changed_row_of_the_coverage_is_found(package: Path, column: str, value: str) -> None:
    _in_table(package, COVERAGE, 1, column, value)
    reseal(package)
    assert COVERAGE in names(check(package))
    if column in ("state", "camera", "from", "confidence", "reason", "to"):
        forge(package)  # the statements still say otherwise
        assert not check(package).is_sound


def _in_json(package: Path, name: str, change: Callable[[Any], object]) -> None:
    document = json.loads((package / name).read_bytes())
    change(document)
    content = msgspec.json.format(json.dumps(document).encode(), indent=1) + b"\n"
    (package / name).write_bytes(content)


EXHIBIT_CHANGES: tuple[tuple[str, object], ...] = (
    ("exhibit", "EX-1/002"), ("clip", "camera-03_x"), ("channel", 3), ("stream", "main"),
    ("codec", "h264"), ("from", "2026-03-14T07:30:05.000"), ("to", None), ("size", 1),
    ("sha256", "0" * 64), ("fragments", 1), ("places", 1), ("first", 0), ("end", 1),
    ("frames", 1), ("pictures", 1), ("keys", 9), ("sounds", 2), ("format", "dhav"),
    ("unreadable", [[0, 10]]), ("access", []), ("file", None),
    ("left_out", [{"from": None, "to": None, "frames": 1, "reason": "x"}]),
    ("ticks", {"modulus": None, "resolution": 7, "counted": True}),
)  # fmt: skip


@pytest.mark.parametrize("seal", [reseal, forge])
@pytest.mark.parametrize(("key", "value"), EXHIBIT_CHANGES)
def test_a_changed_entry_of_the_clips_is_found(
    package: Path, key: str, value: object, seal: Callable[[Path], None]
) -> None:
    _in_json(package, CLIPS, lambda document: document["exhibits"][0].update({key: value}))
    seal(package)
    assert not check(package).is_sound


@pytest.mark.parametrize(
    ("key", "value"),
    [("size", 1), ("sha256", "0" * 64), ("frames", 9), ("grade", "damaged"), ("notes", ["x"]),
     ("codec", "h264"), ("from", "2026-03-14T07:30:05.000"), ("file", "data/access/x.mp4")],
)  # fmt: skip
def test_a_changed_entry_of_an_access_copy_is_found_though_all_was_forged(
    package: Path, key: str, value: object
) -> None:
    _in_json(package, CLIPS, lambda one: one["exhibits"][0]["access"][0].update({key: value}))
    forge(package)
    assert not check(package).is_sound


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("clock.json", {"offset_s": 60.0}),
        ("source.json", {"size": 1 << 40}),
        ("source.json", {"name": "other.img"}),
        ("source.json", {"serial": "X"}),
        ("source.json", {"bad_ranges": [[0, 1]]}),
        ("source.json", {"scanned_share": 0.5}),
        ("tool.json", {"version": "9.9"}),
        ("tool.json", {"own_formats": ["x.toml"]}),
    ],
)
def test_a_changed_record_is_found(package: Path, name: str, change: dict[str, object]) -> None:
    _in_json(package, f"data/provenance/{name}", lambda document: document.update(change))
    reseal(package)
    assert name in names(check(package))


def test_a_changed_time_in_the_table_of_frames_is_found_though_all_was_forged(
    package: Path,
) -> None:
    lines = (package / FRAMES).read_bytes().splitlines()
    stored_ = msgspec.json.decode(lines[0], type=_tables.StoredSegment)
    rows = segments.unpack(stored_.segment.rows)
    rows["time_ms"][rows["time_ms"] != NO_TIME] += 3_600_000
    later = msgspec.structs.replace(stored_.segment, rows=segments.pack(rows))
    (package / FRAMES).write_bytes(
        b"\n".join([_tables.frames_line(stored_.clip, later, later.rows).strip(), *lines[1:]])
        + b"\n"
    )
    forge(package)
    assert not check(package).is_sound


def test_a_master_changed_with_all_its_digests_no_longer_gives_its_copy(package: Path) -> None:
    (one,) = json.loads((package / CLIPS).read_bytes())["exhibits"]
    text = (package / FRAGMENTS).read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    place = next(i for i, row in enumerate(rows) if row["kind"] == "video")
    position = sum(int(row["length"]) for row in rows[:place])
    length = int(rows[place]["length"])
    content = bytearray((package / one["file"]).read_bytes())
    content[position + length - 3] ^= 4
    (package / one["file"]).write_bytes(content)
    digest = hashlib.sha256(content[position : position + length]).hexdigest()
    _in_table(package, FRAGMENTS, place + 1, "sha256", digest)
    whole = hashlib.sha256(content).hexdigest()
    _in_json(package, CLIPS, lambda document: document["exhibits"][0].update(sha256=whole))
    forge(package)
    found = check(package)
    assert one["access"][0]["file"] in names(found)


def test_a_clip_replaced_by_another_valid_one_is_found(
    scanned: CaseOf, package: Path, tmp_path: Path
) -> None:
    other = scanned("jt1078-ten").export(tmp_path / "other", channel=3, span=WINDOW)
    (theirs,) = other.contents.exhibits[0].access
    (one,) = json.loads((package / CLIPS).read_bytes())["exhibits"]
    name = one["access"][0]["file"]
    shutil.copyfile(tmp_path / "other" / theirs.file, package / name)
    reseal(package)
    assert name in names(check(package))
    changed = {"size": theirs.size, "sha256": theirs.sha256}
    _in_json(package, CLIPS, lambda document: document["exhibits"][0]["access"][0].update(changed))
    forge(package)
    assert name in names(check(package))


@pytest.mark.parametrize("line", [0, 1, -1])
def test_a_removed_action_is_found(package: Path, line: int) -> None:
    lines = (package / ACTIONS).read_bytes().splitlines(keepends=True)
    assert len(lines) >= 2
    del lines[line]
    (package / ACTIONS).write_bytes(b"".join(lines))
    reseal(package)
    assert ACTIONS in names(check(package))


@pytest.mark.parametrize("line", [0, -1])
def test_a_changed_action_is_found(package: Path, line: int) -> None:
    lines = (package / ACTIONS).read_bytes().splitlines(keepends=True)
    entry = json.loads(lines[line])
    entry["at"] = "2020-01-01T00:00:00+00:00"
    lines[line] = json.dumps(entry).encode() + b"\n"
    (package / ACTIONS).write_bytes(b"".join(lines))
    reseal(package)
    assert not check(package).is_sound


def test_an_action_put_at_the_end_is_found(package: Path) -> None:
    log = (package / ACTIONS).read_bytes()
    more = actions.line(log, "recover", {}, datetime.now(UTC))
    (package / ACTIONS).write_bytes(log + more)
    reseal(package)
    assert ACTIONS in names(check(package))


def test_a_link_in_place_of_a_file_is_named(package: Path, tmp_path: Path) -> None:
    (one,) = json.loads((package / CLIPS).read_bytes())["exhibits"]
    (package / one["file"]).rename(tmp_path / "elsewhere")
    (package / one["file"]).symlink_to(tmp_path / "elsewhere")
    assert f"{one['file']}: is a link" in names(check(package))


def test_a_manifest_cannot_lead_out_of_the_package(package: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    with (package / MANIFEST).open("a", encoding="utf-8") as manifest:
        manifest.write(f"{sha256(tmp_path / 'secret')}  ../secret\n")
    assert "../secret" in names(check(package))


# --- against the source ----------------------------------------------------------------------


def test_the_source_itself_agrees(scanned: CaseOf, whole: Path) -> None:
    with scanned("jt1078-ten").open() as source:
        found = evidence.verify(whole, source, decode=False)
    assert found.differences == ()
    assert any("read again from the source" in one for one in found.proved)


@pytest.mark.parametrize("kind", ["video", "header"])
def test_one_bit_changed_on_the_source_is_found(
    scanned: CaseOf, whole: Path, tmp_path: Path, kind: str
) -> None:
    disk = tmp_path / "disk.img"
    content = bytearray(scanned("jt1078-ten").disk.read_bytes())
    rows = csv.DictReader(io.StringIO((whole / FRAGMENTS).read_text("utf-8")))
    own = [row for row in rows if row["kind"] == kind]
    row = own[len(own) // 2]
    offset, length = int(row["offset"]), int(row["length"])
    content[offset + length - 1] ^= 0x10
    disk.write_bytes(content)
    with open_source(SourceRef(path=str(disk))) as source:
        found = evidence.verify(whole, source, decode=False)
    assert f"source [{offset}, {offset + length})" in [one.where for one in found.differences]
    assert not any("read again from the source" in one for one in found.proved)


def test_every_fragment_is_read_again(scanned: CaseOf, tmp_path: Path) -> None:
    case = scanned("dhav-plain")
    case.export(tmp_path / "bag", channel=1)
    content = bytearray(case.disk.read_bytes())
    rows = list(csv.DictReader(io.StringIO((tmp_path / "bag" / FRAGMENTS).read_text("utf-8"))))
    for row in rows:
        content[int(row["offset"])] ^= 1
    (tmp_path / "disk.img").write_bytes(content)
    with open_source(SourceRef(path=str(tmp_path / "disk.img"))) as source:
        found = evidence.verify(tmp_path / "bag", source, decode=False)
    named = {one.where for one in found.differences}
    assert {
        f"source [{int(r['offset'])}, {int(r['offset']) + int(r['length'])})" for r in rows
    } <= (named)


def test_another_source_is_told(scanned: CaseOf, whole: Path) -> None:
    with scanned("jt1078-six").open() as source:
        said = names(evidence.verify(whole, source, decode=False))
    assert "source: size is" in said


def test_bytes_that_become_unreadable_are_told(scanned: CaseOf, whole: Path) -> None:
    case = scanned("jt1078-ten")
    (one,) = json.loads((whole / CLIPS).read_bytes())["exhibits"]
    fault = Extent(one["first"], one["first"] + 10)
    with open_source(SourceRef(path=str(case.disk), faults=(fault,))) as source:
        said = names(evidence.verify(whole, source, decode=False))
    assert "refuses other bytes" in said


def test_a_source_with_bad_sectors_agrees_with_its_package(scanned: CaseOf, tmp_path: Path) -> None:
    case = scanned("dhfs-bad-sectors")
    case.export(tmp_path / "bag")
    with case.open() as source:
        found = evidence.verify(tmp_path / "bag", source, decode=False)
    assert found.differences == ()
    assert any("the device refused" in one for one in found.unproved)


# --- playing ---------------------------------------------------------------------------------


def test_copies_are_played_and_graded(scanned: CaseOf, tmp_path: Path) -> None:
    packed = scanned("jt1078-ten").export(tmp_path / "bag", channel=2, span=WINDOW, decode=True)
    assert packed.contents.decoded
    found = evidence.verify(tmp_path / "bag")
    assert found.differences == ()
    assert any("played by a decoder" in one for one in found.proved)


def test_a_copy_that_no_longer_plays_is_told(package: Path) -> None:
    (one,) = json.loads((package / CLIPS).read_bytes())["exhibits"]
    path = package / one["access"][0]["file"]
    path.write_bytes(b"not a film" * 100)
    found = evidence.verify(package)
    assert any(
        (it.area, it.where) == (evidence.Area.PLAYING, one["access"][0]["file"])
        for it in found.differences
    )


# --- strangers -------------------------------------------------------------------------------


def test_a_folder_that_is_no_package_is_not_sound(tmp_path: Path) -> None:
    assert not check(tmp_path).is_sound
    with pytest.raises(EvidenceError, match="is no folder"):
        check(tmp_path / "nothing")


TABLES = (CLIPS, FRAGMENTS, FRAMES, GRAPH, ACTIONS, COVERAGE, MANIFEST, TAGS, "bag-info.txt",
          "data/provenance/source.json", "data/provenance/clock.json",
          "data/provenance/tool.json")  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TABLES), st.data())
def test_no_bytes_in_a_table_make_it_fail(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, name: str, data: Any
) -> None:
    work = tmp_path_factory.mktemp("hostile") / "bag"
    shutil.copytree(whole, work)
    content = (work / name).read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    size = data.draw(st.integers(0, 40))
    put = data.draw(st.binary(max_size=40) | st.sampled_from([b"", b"9" * 30, b"-1", b"\n", b"{"]))
    (work / name).write_bytes(content[:place] + put + content[place + size :])
    changed = (work / name).read_bytes() != content
    assert check(work).is_sound is not changed


COLUMNS = ("offset", "size", "payload_offset", "payload_size", "time_ms", "tick_ms", "kind",
           "flags", "sequence", "codec")  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(COLUMNS), st.integers(-(1 << 62), 1 << 62), st.integers(0, 100))
def test_no_table_of_frames_makes_it_fail(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, column: str, value: int, place: int
) -> None:
    work = tmp_path_factory.mktemp("hostile") / "bag"
    shutil.copytree(whole, work)
    lines = (work / FRAMES).read_bytes().splitlines()
    one = msgspec.json.decode(lines[0], type=_tables.StoredSegment)
    rows = segments.unpack(one.segment.rows)
    kind = rows.dtype[column]
    limits = np.iinfo(kind)
    rows[column][place % len(rows)] = int(np.clip(value, limits.min, limits.max))
    later = msgspec.structs.replace(one.segment, rows=segments.pack(rows))
    content = [_tables.frames_line(one.clip, later, later.rows).strip(), *lines[1:]]
    (work / FRAMES).write_bytes(b"\n".join(content) + b"\n")
    assert not check(work).is_sound or content == lines
    shutil.rmtree(work)
