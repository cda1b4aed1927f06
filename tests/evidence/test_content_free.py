"""Sharing without pictures: nothing of the recording gets out, and whatever does is found."""

import base64
import gzip
import json
import re
import shutil
import zlib
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import evidence
from vidrecover.clock import parse_iso
from vidrecover.errors import EvidenceError
from vidrecover.evidence import _layers, _leaks, _remains, _runs
from vidrecover.evidence._runs import RUN_DTYPE, Runs
from vidrecover.model import TimeSpan
from vidrecover.source import OpenSource

CaseOf = Callable[[str], Any]
"""The fixture `scanned`."""
WINDOW = TimeSpan(parse_iso("2026-03-14T07:30:04"), parse_iso("2026-03-14T07:30:06"))
FRAMES = "data/provenance/frames.jsonl"
PAGE, CLOCK = "data/report/report.html", "data/provenance/clock.json"


@pytest.fixture(scope="module")
def source(scanned: CaseOf) -> Iterator[OpenSource]:
    with scanned("jt1078-ten").open() as opened:
        yield opened


@pytest.fixture(scope="module")
def free(scanned: CaseOf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A content-free package of two seconds with sound, only to be read."""
    target = tmp_path_factory.mktemp("free") / "EX-1"
    scanned("jt1078-ten").export(target, channel=1, span=WINDOW, content_free=True, decode=True)
    return target


@pytest.fixture
def work(free: Path, tmp_path: Path) -> Path:
    shutil.copytree(free, tmp_path / "EX-1")
    return tmp_path / "EX-1"


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def leaking(folder: Path, source: OpenSource | None) -> set[str]:
    """Files in which something was found."""
    return {one.file for one in _leaks.of_package(folder, names(folder), source)}


def payload(folder: Path, source: OpenSource, kind: str) -> list[bytes]:
    lines = (folder / "data/provenance/fragments.csv").read_text("utf-8").splitlines()
    rows = [line.split(",") for line in lines]
    return [source.read(int(row[3]), int(row[4])) for row in rows if row[6] == kind]


def test_the_package_holds_all_but_pictures_and_sound(free: Path, source: OpenSource) -> None:
    found = names(free)
    assert not any(name.startswith(("data/master", "data/access")) for name in found)
    assert {"data/provenance/fragments.csv", "data/provenance/clips.json",
            "data/report/coverage.csv", "data/report/limits.md"} <= set(found)  # fmt: skip
    (one,) = json.loads((free / "data/provenance/clips.json").read_bytes())["exhibits"]
    assert one["file"] is None
    assert one["access"][0]["grade"] == "complete"
    assert leaking(free, source) == set()


def test_it_is_sound_alone_and_against_the_source(free: Path, source: OpenSource) -> None:
    alone = evidence.verify(free)
    against = evidence.verify(free, source)
    assert (alone.differences, against.differences) == ((), ())
    assert any("No file holds a picture" in one for one in alone.proved)
    assert any("32 bytes of the recordings" in one for one in against.proved)
    assert any("access copies were made again" in one for one in against.proved)


def test_another_digest_of_the_bytes_that_are_not_there_is_found(
    work: Path, source: OpenSource
) -> None:
    path = work / "data/provenance/clips.json"
    (one,) = json.loads(path.read_bytes())["exhibits"]
    changed = path.read_bytes().replace(one["sha256"].encode(), b"0" * 64)
    path.write_bytes(changed)
    said = [it.what for it in evidence.verify(work, source).differences]
    assert any("sha256 of" in what for what in said)


HIDDEN: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "hexadecimal": lambda data: data.hex().encode(),
    "spaced hexadecimal": lambda data: data.hex(" ").encode(),
    "base64": base64.b64encode,
    "base64 in lines": base64.encodebytes,
    "base64 for names": base64.urlsafe_b64encode,
    "deflate": zlib.compress,
    "gzip": gzip.compress,
    "deflate in base64": lambda data: base64.b64encode(zlib.compress(data)),
}


@pytest.mark.parametrize("how", HIDDEN)
@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_planted_run_is_found_however_it_is_hidden(
    work: Path, source: OpenSource, kind: str, how: str
) -> None:
    run = max(payload(work, source, kind), key=len)
    with (work / PAGE).open("ab") as file:
        file.write(b'<img src="' + HIDDEN[how](run) + b'">')
    assert leaking(work, source) == {PAGE}


def test_32_bytes_from_the_middle_are_enough(work: Path, source: OpenSource) -> None:
    for run in payload(work, source, "video")[::7]:
        if len(run) < 100:
            continue
        content = (work / CLOCK).read_bytes()
        (work / CLOCK).write_bytes(content + run[41:73])
        assert leaking(work, source) == {CLOCK}
        (work / CLOCK).write_bytes(content)


def test_the_package_is_found_out_by_verify_too(work: Path, source: OpenSource) -> None:
    run = max(payload(work, source, "audio"), key=len)
    (work / "data/provenance/tool.json").write_bytes(run)
    found = evidence.verify(work, source)
    assert ("content", "data/provenance/tool.json") in [
        (one.area.value, one.where) for one in found.differences
    ]


def planted(folder: Path, source: OpenSource) -> dict[str, bytes]:
    """What must never be in such a package."""
    key = max(payload(folder, source, "video"), key=len)
    sound = max(payload(folder, source, "audio"), key=len)
    fix = b"$GNRMC,072931.00,A,3113.82496,N,12128.42206,E,12.3,84.4,140326,,,A*4E"
    return {"key frame": key, "still": _still(".jpg"), "audio run": sound, "GPS fix": fix}


def test_a_plant_is_found_in_every_file_of_the_package(work: Path, source: OpenSource) -> None:
    """`tests/benchmarks/evidence_tampering.py` plants each of them in each file."""
    for name, (what, data) in zip(names(work), cycle(planted(work, source).items()), strict=False):
        path = work / name
        content = path.read_bytes()
        middle = content.find(b"\n", len(content) // 2) + 1
        path.write_bytes(content[:middle] + data + b"\n" + content[middle:])
        found = _leaks.of_package(work, names(work), source, decimals=1)
        assert {one.file for one in found} == {name}, what
        path.write_bytes(content)


@pytest.mark.parametrize("place", ["clip", "source", "format", "rows"])
def test_a_plant_in_a_cell_of_a_large_table_is_found(
    work: Path, source: OpenSource, place: str
) -> None:
    run = max(payload(work, source, "audio"), key=len)[:120]
    name = "data/provenance/fragments.csv" if place in ("clip", "source") else FRAMES
    path = work / name
    lines = path.read_bytes().splitlines(keepends=True)
    if place in ("clip", "source"):
        row = lines[1].split(b",")
        row[0 if place == "clip" else 2] = base64.b64encode(run)
        lines[1] = b",".join(row)
    elif place == "format":
        lines[0] = re.sub(rb'"format":"[^"]*"', b'"format":"%s"' % run.hex().encode(), lines[0])
    else:
        packed = base64.b64encode(zlib.compress(run))
        lines[0] = re.sub(rb'"rows":"[^"]*"', b'"rows":"%s"' % packed, lines[0])
    path.write_bytes(b"".join(lines))
    assert leaking(work, source) == {name}


def test_the_large_tables_are_not_looked_through_byte_by_byte(free: Path) -> None:
    tables = ["data/provenance/fragments.csv", FRAMES]
    left = _remains.of(free, tables)
    sizes = {name: (free / name).stat().st_size for name in tables}
    assert {name: len(data) < 400 < sizes[name] for name, data in left.items()} == dict.fromkeys(
        tables, True
    )


def _still(extension: str) -> bytes:
    ramp = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)
    done, content = cv2.imencode(extension, np.stack([ramp, ramp * 2, ramp * 3], axis=2))
    assert done
    return bytes(content.tobytes())


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("how", ["as it is", "base64", "base64 in lines", "deflate"])
def test_a_planted_still_is_found_without_the_source(work: Path, extension: str, how: str) -> None:
    still = _still(extension)
    with (work / PAGE).open("ab") as file:
        file.write(b'<img src="data:;base64,' + HIDDEN[how](still) + b'">')
    assert leaking(work, None) == {PAGE}


def test_a_planted_film_is_found_without_the_source(
    work: Path, scanned: CaseOf, tmp_path: Path
) -> None:
    case = scanned("jt1078-ten")
    packed = case.export(tmp_path / "whole", channel=2, span=WINDOW)
    (one,) = packed.contents.exhibits
    for planted in (one.file, one.access[0].file):
        shutil.copyfile(tmp_path / "whole" / str(planted), work / "data/report/notes.txt")
        assert leaking(work, None) == {"data/report/notes.txt"}


@pytest.mark.parametrize(
    "words",
    [
        "31.230416, 121.473701",
        '{"lat": 31.230416, "lon": 121.473701}',
        "N31.230416 E121.473701",
        "31.230416N 121.473701E",
        "-33.86882;151.20929",
        "$GNRMC,072931.00,A,3113.82496,N,12128.42206,E,12.3,84.4,140326,,,A*4E",
        "31°13'49.5\"N 121°28'25.3\"E",
        "31° 13\u2032 N, 121° 28\u2032 E",
    ],
)
def test_a_planted_place_is_found(work: Path, words: str) -> None:
    for name in (PAGE, CLOCK):
        content = (work / name).read_text("utf-8")
        (work / name).write_text(f"{content}<p>{words}</p>", "utf-8")
        found = _leaks.of_package(work, names(work), None, decimals=1)
        assert [one.file for one in found] == [name]
        (work / name).write_text(content, "utf-8")


def test_a_place_no_finer_than_asked_for_may_stay(work: Path) -> None:
    (work / CLOCK).write_text("near 31.23, 121.47, at 07:30:00.000 after 0.040 s")
    assert leaking(work, None) == set()
    (work / CLOCK).write_text("near 31.2304, 121.4737")
    assert _leaks.of_package(work, names(work), None, decimals=4) == []
    assert leaking(work, None) == {CLOCK}


def test_a_package_that_would_leak_is_not_written(scanned: CaseOf, tmp_path: Path) -> None:
    case = scanned("jt1078-ten")
    still = base64.b64encode(_still(".jpg")).decode()
    page = f'<img src="data:image/jpeg;base64,{still}">'
    refused = pytest.raises(EvidenceError, match=r"case\.html holds a JPEG picture")
    asked = case.order(channel=1, span=WINDOW)
    with asked as order, case.open() as opened, refused:
        evidence.export(
            tmp_path / "bag",
            opened,
            order,
            evidence.Asked(content_free=True, decode=False),
            page=page,
        )
    assert list(tmp_path.iterdir()) == []


def test_no_copy_is_ever_written_near_a_content_free_package(
    scanned: CaseOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[Any] = []

    def make(task: Any) -> list[Any]:
        tasks.append(task)
        return []

    monkeypatch.setattr("vidrecover.evidence._copies.make", make)
    scanned("jt1078-ten").export(tmp_path / "bag", channel=1, span=WINDOW, content_free=True)
    assert tasks
    for task in tasks:
        for path in (task.folder, task.master):
            assert not path.is_relative_to(tmp_path)
            assert not path.exists()


# --- the search itself -------------------------------------------------------------------------


class Memory:
    """Bytes as a source."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def read_into(self, offset: int, buffer: Any) -> list[Any]:
        buffer[:] = np.frombuffer(self.data, np.uint8, len(buffer), offset)
        return []


def whole(data: bytes) -> Iterator[Runs]:
    table = np.zeros(1, dtype=RUN_DTYPE)
    table["length"] = len(data)
    yield table


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 5000), st.integers(32, 200), st.integers(0, 3000), st.booleans(), st.booleans()
)
def test_any_run_of_32_bytes_is_found_wherever_it_stands(
    tmp_path_factory: pytest.TempPathFactory,
    start: int,
    length: int,
    place: int,
    plain: bool,
    large: bool,
) -> None:
    dice = np.random.default_rng(start * 7 + length)
    highest = 128 if plain else 256
    recording = dice.integers(0, highest, 6000, dtype=np.uint8).tobytes()
    other = dice.integers(0, highest, 3000, dtype=np.uint8).tobytes()
    folder = tmp_path_factory.mktemp("search")
    planted = other[:place] + recording[start : start + length] + other[place:]
    (folder / "clean").write_bytes(other)
    (folder / "planted").write_bytes(planted)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_runs, "STRETCH", 1024)
        patched.setattr(_leaks, "_STEP", 1500)
        patched.setattr(_leaks, "_WAITING", 7)
        patched.setattr(_layers, "_CHUNK", 1000)
        patched.setattr(_layers, "_OVERLAP", 300)
        if large:
            patched.setattr(_leaks, "_SMALL", 0)
        memory: Any = Memory(recording)
        search = _leaks.find(folder, ["clean", "planted"], whole(recording), memory, 2)
    enough = min(length, len(recording) - start) >= 32
    assert {one.file for one in search if "bytes of the recording" in one.what} == (
        {"planted"} if enough else set()
    )


def test_bytes_of_two_values_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(bytes(1000) + b"\xff" * 1000 + b"\x00\xff" * 500)
    recording = b"\x00" * 500 + b"\xff" * 500 + b"\x00\xff" * 500
    memory: Any = Memory(recording)
    found = _leaks.find(tmp_path, ["zeros"], whole(recording), memory, 2)
    assert found == []


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(sorted(HIDDEN)))
def test_no_bytes_make_the_search_fail(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, how: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "anything").write_bytes(HIDDEN[how](b"\xff\xd8\xff\xe0" + data) + data)
    for layer in _layers.of(folder, ["anything"]):
        list(_layers.pictures(layer))
        list(_layers.coordinates(layer, 2))
