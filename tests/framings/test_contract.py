"""What every reader promises, on the sample of its format; formats and samples are found here."""

import hashlib
import json
import runpy
import time
import tomllib
import tracemalloc
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vidrecover import clock, formats, scan, segments
from vidrecover.formats import Format
from vidrecover.formats._checks import header_size
from vidrecover.framings import SCATTERED, reader_of
from vidrecover.model import (
    NO_CHANNEL,
    NO_SEQUENCE,
    NO_TICK,
    NO_TIME,
    Codec,
    FrameFlag,
    Frames,
    Media,
    SourceRef,
    Stream,
    Window,
    no_frames,
)
from vidrecover.scan import _search
from vidrecover.scan._rows import outermost
from vidrecover.signatures import Matcher
from vidrecover.source import open_source

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
FRAMING_CORPUS = ROOT.parent / "shared" / "corpus" / "framing"
FORMATS = formats.load(formats.shipped())
NAMES = [one.name for one in FORMATS.formats]
ENGINES = ["hyperscan", "re"]
KIB = 1024
BITS = st.integers(0, 7)

LEARNT_BEHIND = {"mpegps": 20, "annexb": 16, "jpeg": 0}
"""Bytes behind a frame that tell where it ends, for formats whose headers need not say it."""

every_format = pytest.mark.parametrize("name", NAMES)
MATCHER = {"engine": "auto"}


def sample(name: str) -> bytes:
    return (FIXTURES / name / "sample.bin").read_bytes()


def expected(name: str) -> Frames:
    """The rows that the sample's writer noted, as a table."""
    noted: list[dict[str, Any]] = json.loads((FIXTURES / name / "expected.json").read_bytes())
    rows = no_frames(len(noted))
    for place, row in enumerate(noted):
        one = rows[place : place + 1]
        for column in ("offset", "size", "payload_offset", "payload_size"):
            one[column] = row[column]
        one["channel"] = NO_CHANNEL if row["channel"] is None else row["channel"]
        one["stream"] = Stream[row["stream"].upper()]
        one["kind"] = Media[row["kind"].upper()]
        one["codec"] = Codec[row["codec"].upper()]
        one["rate"] = row["rate"] or 0
        one["time_ms"] = NO_TIME if row["time"] is None else clock.parse_iso(row["time"])
        one["tick_ms"] = NO_TICK if row["tick_ms"] is None else row["tick_ms"]
        one["lane"] = row["lane"]
        one["sequence"] = NO_SEQUENCE if row["sequence"] is None else row["sequence"]
        one["flags"] = sum(int(FrameFlag[flag]) for flag in row["flags"])
    return rows


def matcher_of(one: Format) -> Matcher:
    patterns = sorted({pattern for layout in one.layouts for pattern in layout.signatures})
    return Matcher(patterns, engine=MATCHER["engine"])


def read(one: Format, data: bytes) -> Frames:
    """All rows of the reader, the whole of the data in one window."""
    array = np.frombuffer(data, dtype=np.uint8)
    candidates = np.unique(matcher_of(one).find(array).positions)
    rows = reader_of(one)(Window(0, array, len(array), (), True), candidates)
    return rows.compress(outermost(rows)) if one.framing.yields else rows


def read_in_windows(one: Format, data: bytes, size: int, overlap: int) -> Frames:
    """Rows as `scan` gathers them: what goes beyond a window is read again with all bytes."""
    matcher, reader, tables = matcher_of(one), reader_of(one), [no_frames()]
    overlap = max(overlap, *(header_size(dict(layout.header or [])) for layout in one.layouts), 0)
    array = np.frombuffer(data, dtype=np.uint8)
    for start in range(0, len(array), size):
        limit = min(size, len(array) - start)
        candidates = np.unique(matcher.find(array[start : start + limit + 256]).positions)
        part = array[start : start + limit + overlap]
        at_end = start + len(part) == len(array)
        rows = reader(Window(start, part, limit, (), at_end), candidates)
        if (rows["flags"] & FrameFlag.OVERRUN).any():
            rows = reader(Window(start, array[start:], limit, (), True), candidates)
        tables.append(rows)
    rows = np.concatenate(tables)
    if one.framing.yields:  # a picture whose first units stand in the window before
        return rows.compress(outermost(rows))
    if one.framing.reader in SCATTERED:
        return rows[np.argsort(rows["offset"], kind="stable")]
    return rows


def scanned(path: Path, window_size: int = scan.WINDOW_SIZE) -> dict[str, Frames]:
    """All rows that a scan with every format finds, by format."""
    source = open_source(SourceRef(path=str(path)))
    scanner = scan.Scanner(source, FORMATS, window_size=window_size)
    found: dict[str, list[Frames]] = {}
    for unit in scan.unit_extents(source.size):
        for segment in scanner.scan(unit).segments:
            found.setdefault(segment.format, []).append(segments.unpack(segment.rows))
    source.close()
    tables = {name: np.concatenate(parts) for name, parts in found.items()}
    return {name: rows[np.argsort(rows["offset"])] for name, rows in tables.items()}


INSIDE = {("mp4", "freegps")}
"""Formats whose frames lie inside the sample of another: positions in a file."""
KNOWN = FrameFlag.BAD_CHECKSUM | FrameFlag.UNFINISHED


def bare(rows: Frames, flags: FrameFlag = KNOWN) -> list[Any]:
    """Rows without what depends on neighbours: whether their end is proven, how they join, the
    codec of sound and the rate of pictures that only others tell."""
    rows = rows.copy()
    rows["rate"][rows["kind"] <= Media.DELTA] = 0
    rows["codec"][rows["kind"] == Media.AUDIO] = Codec.UNKNOWN
    rows["flags"] &= int(flags)
    plain: list[Any] = rows.tolist()
    return plain


def untouched(name: str, start: int, end: int) -> Frames:
    """The rows of a sample that damage at [start, end) leaves; of those found by what stands
    before them, only where that is left, too."""
    rows, data = expected(name), sample(name)
    behind = LEARNT_BEHIND[name] if FORMATS[name].framing.yields else 0
    touched = (rows["offset"] < end) & (rows["offset"] + rows["size"] + behind > start)
    if FORMATS[name].framing.reader == "mpegps":
        leads = [data[at : at + 4] == b"\0\0\1\xba" for at in rows["offset"].tolist()]
        pack = np.cumsum(leads)
        touched = np.isin(pack, pack[touched])
    if FORMATS[name].framing.reader == "tme":  # sub-records are found by their frame's header
        record = np.cumsum(rows["sequence"] != NO_SEQUENCE)
        last = np.maximum.accumulate(np.where(rows["sequence"] != NO_SEQUENCE, rows["offset"], 0))
        touched |= (last < end) & (rows["offset"] + rows["size"] > start)
        touched |= np.isin(record, record[touched & (rows["sequence"] != NO_SEQUENCE)])
    if FORMATS[name].framing.reader == "mpegts":
        for own in (rows["kind"] == Media.AUDIO, rows["kind"] <= Media.DELTA):
            ends = (rows["offset"] + rows["size"])[own]
            frame = np.cumsum((rows["flags"][own] & FrameFlag.CONTINUES) == 0) - 1
            first = np.searchsorted(frame, np.arange(frame[-1] + 1))
            last = np.append(first[1:], len(frame)) - 1
            spans = (rows["offset"][own][first] < end) & (ends[last] > start)
            touched[own] = spans[frame]
    left: Frames = rows[~touched]
    return left


@pytest.fixture(params=ENGINES, scope="module", autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """All of this file with each engine in turn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MATCHER, "engine", request.param)
        patch.setattr(_search, "Matcher", partial(Matcher, engine=request.param))
        yield


def test_every_format_has_a_fixture_and_every_fixture_a_format() -> None:
    folders = {one.name for one in FIXTURES.iterdir() if one.is_dir()} - {"scenarios"}
    assert folders == set(NAMES)


@every_format
def test_a_scan_finds_exactly_the_frames_of_the_sample(name: str) -> None:
    found = scanned(FIXTURES / name / "sample.bin")
    found = {one: rows for one, rows in found.items() if (name, one) not in INSIDE}
    assert {one: rows.tolist() for one, rows in found.items()} == {name: expected(name).tolist()}


@every_format
@pytest.mark.parametrize(
    ("window_kib", "lead"),
    [(4, 0), (4, 1), (256, 256 * KIB - 7001), (1024, 1024 * KIB - 5003), (16384, 333)],
)
def test_the_window_size_changes_nothing(
    name: str, window_kib: int, lead: int, tmp_path: Path
) -> None:
    path = tmp_path / "source.img"
    path.write_bytes(np.random.default_rng(8).bytes(lead) + sample(name))
    wanted = expected(name)
    wanted["offset"] += lead
    found = scanned(path, window_kib * KIB)
    found = {one: rows for one, rows in found.items() if (name, one) not in INSIDE}
    assert {one: rows.tolist() for one, rows in found.items()} == {name: wanted.tolist()}


@every_format
def test_the_reader_alone_gives_all_of_them(name: str) -> None:
    wanted = bare(expected(name))
    found = bare(read(FORMATS[name], sample(name)))
    assert [row for row in found if row in wanted] == wanted


@every_format
@pytest.mark.parametrize("overlap", [200, 1500, 4096])
def test_an_overlap_of_any_size_gives_the_same_rows(name: str, overlap: int) -> None:
    """Also where a window ends between a frame and the header that proves it."""
    one, data = FORMATS[name], sample(name)
    whole = read(one, data).tolist()
    for size in (777, 2048, 9001):
        assert read_in_windows(one, data, size, overlap).tolist() == whole


@every_format
def test_every_window_end_gives_the_same_rows_or_asks_for_more(name: str) -> None:
    one, data = FORMATS[name], sample(name)
    array, reader = np.frombuffer(data, dtype=np.uint8), reader_of(one)
    candidates = np.unique(matcher_of(one).find(array).positions)
    whole = {row["offset"]: row.tolist() for row in read(one, data)}
    wanted = expected(name)
    size, before = wanted["size"].astype(np.int64), wanted["payload_offset"]
    frame = wanted[(size >= min(60, size.max())) & ((size - before > 12) | (size < 60))][1]
    start, end = int(frame["offset"]), int(frame["offset"] + frame["size"])
    near = 8 + max(layout.at for layout in one.layouts)
    inside = candidates[(candidates >= start) & (candidates < start + near)] - start
    for stop in range(end - 12, end + 120):
        rows = reader(Window(start, array[start:stop], 1, (), False), inside)
        assert len(rows) == 1, f"frame lost with {stop - end} bytes behind it"
        if not rows["flags"][0] & FrameFlag.OVERRUN:
            assert rows[0].tolist() == whole[start]


@every_format
def test_frames_away_from_damage_are_still_read(name: str) -> None:
    one, data = FORMATS[name], sample(name)
    random = np.random.default_rng(21)
    for _ in range(40):
        start = int(random.integers(0, len(data)))
        end = min(start + int(random.integers(1, 700)), len(data))
        damaged = data[:start] + random.bytes(end - start) + data[end:]
        kept = bare(untouched(name, start, end), FrameFlag.BAD_CHECKSUM)
        found = bare(read(one, damaged), FrameFlag.BAD_CHECKSUM)
        assert [row for row in found if row in kept] == kept


@every_format
def test_lost_bytes_shift_what_is_behind_and_lose_no_more(name: str) -> None:
    one, data = FORMATS[name], sample(name)
    random = np.random.default_rng(22)
    for _ in range(20):
        start = int(random.integers(0, len(data)))
        gone = int(random.integers(1, 300))
        rows = untouched(name, start, start + gone)
        rows["offset"][rows["offset"] >= start + gone] -= gone
        kept = bare(rows, FrameFlag.BAD_CHECKSUM)
        found = bare(read(one, data[:start] + data[start + gone :]), FrameFlag.BAD_CHECKSUM)
        assert [row for row in found if row in kept] == kept


def assert_sane(rows: Frames, size: int) -> None:
    """Rows in order, inside the data, payloads inside their rows, times in the calendar."""
    assert (np.diff(rows["offset"]) >= 0).all()
    assert (rows["offset"] >= 0).all()
    assert (rows["size"] > 0).all()
    assert (rows["offset"] + rows["size"] <= size).all()
    reach = rows["payload_offset"].astype(np.int64) + rows["payload_size"]
    assert (reach <= rows["size"]).all()
    assert set(rows["kind"].tolist()) <= set(Media)
    assert set(rows["codec"].tolist()) <= set(Codec)
    assert ((rows["channel"] > 0) | (rows["channel"] == NO_CHANNEL)).all()
    for time_ms in np.unique(rows["time_ms"]).tolist():
        assert time_ms == NO_TIME or clock.iso(time_ms).startswith("20")


@every_format
def test_a_sample_cut_anywhere_gives_sane_rows(name: str) -> None:
    one, data = FORMATS[name], sample(name)
    for size in [*range(200), *range(200, len(data), 307)]:
        rows = read(one, data[:size])
        assert_sane(rows, size)
        left = untouched(name, size - LEARNT_BEHIND.get(name, 0), len(data))
        kept = bare(left, FrameFlag.BAD_CHECKSUM)
        found = bare(rows, FrameFlag.BAD_CHECKSUM)
        assert [row for row in found if row in kept] == kept


@every_format
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_flipped_bits_give_sane_rows_whatever_the_window(name: str, data: st.DataObject) -> None:
    one, raw = FORMATS[name], bytearray(sample(name))
    heads = expected(name)["offset"].tolist()
    flips = data.draw(st.lists(st.tuples(st.sampled_from(heads), st.integers(0, 40), BITS)))
    for head, behind, bit in flips:
        raw[min(head + behind, len(raw) - 1)] ^= 1 << bit
    rows = read(one, bytes(raw))
    assert_sane(rows, len(raw))
    size = data.draw(st.integers(3000, 30_000))
    assert read_in_windows(one, bytes(raw), size, 128).tolist() == rows.tolist()


@every_format
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_signatures_in_any_bytes_give_sane_rows(name: str, data: st.DataObject) -> None:
    one = FORMATS[name]
    patterns = [pattern for layout in one.layouts for pattern in layout.signatures]
    parts = st.sampled_from([*patterns, b"\0\0\0\1\x67", bytes(8)]) | st.binary(max_size=40)
    raw = b"".join(data.draw(st.lists(parts, max_size=30)))
    rows = read(one, raw)
    assert_sane(rows, len(raw))
    assert read_in_windows(one, raw, data.draw(st.integers(20, 200)), 64).tolist() == rows.tolist()


@every_format
def test_millions_of_signatures_take_bounded_time_and_memory(name: str) -> None:
    one = FORMATS[name]
    pattern = one.layouts[0].signatures[0]
    count = (4 << 20) // len(pattern)
    array = np.frombuffer(pattern * count, dtype=np.uint8)
    candidates = np.arange(count, dtype=np.int64) * len(pattern)
    window, reader = Window(0, array, len(array), (), False), reader_of(one)
    tracemalloc.start()
    began = time.process_time()
    rows = reader(window, candidates)
    seconds = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(rows) <= count
    assert seconds < 5
    assert peak < 100 << 20


@every_format
def test_real_headers_in_a_row_take_bounded_memory(name: str) -> None:
    """The head of a real frame again and again: each is a candidate that its header allows."""
    one, frame = FORMATS[name], expected(name)[2]
    start = int(frame["offset"])
    head = sample(name)[start : start + int(frame["payload_offset"]) + 8]
    array = np.frombuffer(head * ((2 << 20) // len(head)), dtype=np.uint8)
    candidates = np.unique(matcher_of(one).find(array).positions)
    tracemalloc.start()
    began = time.process_time()
    reader_of(one)(Window(0, array, len(array), (), False), candidates)
    seconds = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 5
    assert peak < 100 << 20


@every_format
def test_a_candidate_that_is_named_twice_is_one_row(name: str) -> None:
    one, data = FORMATS[name], sample(name)
    array = np.frombuffer(data, dtype=np.uint8)
    candidates = np.unique(matcher_of(one).find(array).positions)
    window = Window(0, array, len(array), (), True)
    once = reader_of(one)(window, candidates)
    if one.framing.reader is None:
        assert reader_of(one)(window, np.repeat(candidates, 2)).tolist() == once.tolist()
    assert len(np.unique(once["offset"])) == len(once)


@every_format
def test_no_bytes_and_no_candidates_give_no_rows(name: str) -> None:
    reader = reader_of(FORMATS[name])
    nothing = np.empty(0, dtype=np.int64)
    for data in (b"", b"x" * 100):
        array = np.frombuffer(data, dtype=np.uint8)
        assert len(reader(Window(0, array, len(array), (), True), nothing)) == 0


def headers(data: bytes) -> list[tuple[int, int]]:
    """Offset and size of each PaVE frame, by walking the sizes from the first byte on."""
    found, at = [], 0
    while at < len(data):
        assert data[at : at + 4] == b"PaVE"
        size = int.from_bytes(data[at + 6 : at + 8], "little")
        size += int.from_bytes(data[at + 8 : at + 12], "little")
        found.append((at, size))
        at += size
    return found


@pytest.mark.parametrize(("file", "count"), [("pave.bin", 20), ("pave-68.bin", 5)])
def test_real_pave_captures_are_found_whole(file: str, count: int) -> None:
    path = FRAMING_CORPUS / f"node-ar-drone__{file}"
    if not path.is_file():
        pytest.skip(f"the corpus file {path.name} is not here")
    found = scanned(path)
    rows, walked = found["pave"], headers(path.read_bytes())
    assert list(found) == ["pave"]
    assert len(walked) == count
    assert rows[["offset", "size"]].tolist() == walked
    assert set(rows["codec"].tolist()) == {Codec.H264}
    first = int(rows["sequence"][0])
    assert len(np.unique(rows["sequence"])) == count
    assert (rows["sequence"] - first >= 0).all()


def test_origins_say_where_a_sample_is_from_and_that_it_is_unchanged() -> None:
    for name in NAMES:
        origin = tomllib.loads((FIXTURES / name / "origin.toml").read_text(encoding="utf-8"))
        assert set(origin) == {"from", "licence", "command", "sha256", "encoders"}
        assert origin["licence"] == "Apache-2.0"
        assert origin["sha256"] == hashlib.sha256(sample(name)).hexdigest()
        assert len(sample(name)) <= 64 * KIB


@cache
def makers() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "tests" / "fixtures_made.py"))


@every_format
def test_the_committed_sample_is_what_its_script_makes(name: str) -> None:
    origin = tomllib.loads((FIXTURES / name / "origin.toml").read_text(encoding="utf-8"))
    made = makers()
    if made["encoders"]() != origin["encoders"]:
        pytest.skip(f"other encoders: {made['encoders']()}, not {origin['encoders']}")
    one = made["MAKERS"][name]()
    assert bytes(one.data) == sample(name)
    assert made["table"](one.rows) == (FIXTURES / name / "expected.json").read_bytes()
