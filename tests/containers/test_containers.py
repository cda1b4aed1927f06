"""MP4 files out of an image: what tables and bytes together give, whole, damaged or hostile.

The witness for real files is PyAV's reading of them untouched.
"""

import json
import runpy
import struct
import tracemalloc
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from vidrecover import containers, formats, scan, segments
from vidrecover.case import Case
from vidrecover.clock import parse_iso
from vidrecover.containers import _tables
from vidrecover.model import (
    Codec,
    Container,
    Extent,
    FrameFlag,
    Frames,
    Media,
    SourceRef,
    no_frames,
    together,
)
from vidrecover.source import open_source

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "fixtures" / "mp4" / "sample.bin"
CORPUS = ROOT.parent / "shared" / "corpus"
KNOWN = formats.load(formats.shipped())
MP4 = KNOWN["mp4"]
HEAD = b"\0\0\0\x18ftypisom\0\0\2\0isomavc1"

needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the corpus of real footage is not here"
)


@cache
def benchmark() -> SimpleNamespace:
    """The functions of the benchmark, which cuts indexes out of real files."""
    return SimpleNamespace(**runpy.run_path(str(ROOT / "tests" / "benchmarks" / "moovless.py")))


def found_in(path: Path, known: dict[int, Sequence[Extent]] | None = None) -> list[Container]:
    """All container files of an image."""
    with open_source(SourceRef(path=str(path))) as source:
        scanner = scan.Scanner(source, KNOWN)
        units = [scanner.scan(unit) for unit in scan.unit_extents(source.size)]
        seen = [one for unit in units for one in unit.segments if one.format == "mp4"]
        boxes = together([segments.unpack(one.rows) for one in seen])
        return list(containers.build(source, boxes, MP4, known=known))


def rows_of(found: Sequence[Container]) -> Frames:
    """The rows of all pictures, ordered by place."""
    tables = [segments.unpack(one.rows) for each in found for one in each.segments]
    rows = np.concatenate([no_frames(), *tables])
    rows = rows[np.isin(rows["kind"], (Media.KEY, Media.DELTA))]
    return rows[np.argsort(rows["offset"], kind="stable")]


def placed(rows: Frames) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in rows[["offset", "size"]]]


def samples(path: Path) -> list[tuple[int, int]]:
    """Position and size of every sample of pictures, ordered by place."""
    with av.open(str(path)) as container:
        packets = container.demux(*container.streams.video)
        return sorted((p.pos, p.size) for p in packets if p.size and p.pos is not None)


def real(*names: str) -> list[Path]:
    return sorted(path for name in names for path in CORPUS.rglob(name))


@needs_corpus
@pytest.mark.parametrize("path", real("*.mp4", "*.3gp"), ids=lambda path: path.name)
def test_every_sample_of_a_real_file_is_found_and_nothing_else(path: Path, tmp_path: Path) -> None:
    if "broken" in path.parts:
        pytest.skip("damaged on purpose: see the test of these")
    lead = np.random.default_rng(3).bytes(70_001)
    image = tmp_path / "disk.img"
    image.write_bytes(lead + path.read_bytes() + lead[:9001])
    wanted = [(start + len(lead), size) for start, size in samples(path)]
    assert placed(rows_of(found_in(image))) == wanted


@needs_corpus
@pytest.mark.parametrize("path", real("broken/*.mp4", "broken/*.mov"), ids=lambda path: path.name)
def test_damaged_files_give_no_frame_that_is_none(path: Path) -> None:
    found = found_in(path)
    try:
        wanted = set(samples(path))
    except av.FFmpegError:
        return
    assert set(placed(rows_of(found))) <= wanted
    assert len(rows_of(found)) >= len(wanted) - 1


SMALL = (
    "media__bbb_800x640_768kbps_30fps_avc_pyramid_3b.mp4", "media__h265_bframes.mp4",
    "media__sample_2_byte_NAL_length.mp4",
    "media__sample_with_increasing_timestamps_320w_240h_5s.mp4",
    "mp4ff__prog_8s.mp4", "torchcodec__nasa_13013.mp4", "carnd-vehicle-detection__test_video.mp4",
)  # fmt: skip


@needs_corpus
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("share", "silent"), [(1.0, False), (0.7, False), (1.0, True)])
def test_real_files_without_their_index_give_all_their_frames(
    name: str, share: float, silent: bool, tmp_path: Path
) -> None:
    one = benchmark().original(real(name)[0])
    told = benchmark().score(one, tmp_path, share=share, silent=silent)
    assert told.found >= 0.995 * told.true
    assert told.false == 0


@needs_corpus
def test_what_was_overwritten_is_damage_and_no_frame(tmp_path: Path) -> None:
    path = real("dvr-scan__traffic_camera.mp4")[0]
    data = bytearray(path.read_bytes())
    start, end = 1_000_003, 1_000_003 + (64 << 10)
    data[start:end] = np.random.default_rng(5).bytes(end - start)
    image = tmp_path / "disk.img"
    image.write_bytes(data)
    found = found_in(image)
    wanted = samples(path)
    whole = [(a, b) for a, b in wanted if a + b <= start or a >= end]
    rows = rows_of(found)
    proven = rows[(rows["flags"] & FrameFlag.END_UNPROVEN) == 0]
    assert set(placed(rows)) >= set(whole)
    assert set(placed(proven)) <= set(whole)
    assert len(rows) <= len(whole) + 1
    assert any("not where the file's index says" in one for one in found[0].damage)


def laid(data: bytes, borders: Sequence[int], image: Path) -> list[Extent]:
    """Writes the bytes in pieces, the last one first, and says where each lies."""
    pieces = [data[a:b] for a, b in zip([0, *borders], [*borders, len(data)], strict=True)]
    content, places = bytearray(np.random.default_rng(8).bytes(4096)), []
    for piece in reversed(pieces):
        places.append(Extent(len(content), len(content) + len(piece)))
        content += piece + bytes(-len(piece) % 4096) + b"\xff" * 4096
    image.write_bytes(content)
    return places[::-1]


@pytest.mark.parametrize("name", ["mp4-plain", "mp4-fragments", "mp4-power-cut"])
def test_a_file_in_pieces_is_read_in_its_order(
    name: str, simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    disk = simulated(name) / "disk.img"
    first, second = found_in(disk)[:2]
    data = disk.read_bytes()[first.start : second.start]
    pieces = laid(data, [8192, 40960], tmp_path / "pieces.img")
    content = (tmp_path / "pieces.img").read_bytes()
    whole = rows_of([first])
    (cut,) = [
        one
        for one in found_in(tmp_path / "pieces.img", {pieces[0].start: pieces})
        if one.start == pieces[0].start
    ]
    tables = [segments.unpack(one.rows) for one in cut.segments]
    rows = np.concatenate(tables)
    rows = rows[np.isin(rows["kind"], (Media.KEY, Media.DELTA))]
    begins = (rows["flags"] & FrameFlag.CONTINUES) == 0
    assert begins.sum() == len(whole)
    assert len(rows) > len(whole)
    stored = b"".join(content[a : a + b] for a, b in placed(rows))
    wanted = b"".join(disk.read_bytes()[a : a + b] for a, b in placed(whole))
    assert stored == wanted


def content(case: Case) -> Any:
    found = [
        (one.format, one.start, one.end, one.frames, one.audio, one.track is None, one.rows)
        for one in case.catalogue.segments(rows=True)
    ]
    return sorted(found), case.catalogue.containers(), case.catalogue.unidentified()


def test_window_processes_and_stops_change_nothing(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    ref = SourceRef(path=str(simulated("mp4-two") / "disk.img"))
    with Case.open(tmp_path / "one", create=True) as case:
        case.scan(ref, pictures=False)
        once = content(case)
        tracks = case.catalogue.tracks()
        case.scan(ref, pictures=False)
        assert (content(case), case.catalogue.tracks()) == (once, tracks)
    with Case.open(tmp_path / "two", create=True) as case:
        case.scan(ref, pictures=False, window_size=64 << 10, jobs=2)
        assert content(case) == once
    with Case.open(tmp_path / "three", create=True) as case:  # stopped behind the first file
        patch = pytest.MonkeyPatch()
        with patch.context() as stop:
            stop.setattr(containers, "build", first_only(containers.build))
            with pytest.raises(KeyboardInterrupt):
                case.scan(ref, pictures=False)
        assert len(case.catalogue.containers()) == 1
        case.scan(ref, pictures=False)
        assert content(case) == once


def first_only(build: Callable[..., Any]) -> Callable[..., Any]:
    def stopped(*words: Any, **options: Any) -> Any:
        yield next(build(*words, **options))
        raise KeyboardInterrupt

    return stopped


def test_two_cameras_in_one_file_are_two_clips_and_the_sound_is_with_the_first(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(simulated("mp4-two") / "disk.img")), pictures=False)
        clips = case.recover(tmp_path / "clips")
    sounds = []
    for clip in clips:
        with av.open(str(tmp_path / "clips" / clip.file)) as container:
            sounds.append([one.codec_context.name for one in container.streams.audio])
    assert sorted(map(str, sounds)) == ["['pcm_alaw']"] * 2 + ["[]"] * 2
    assert len({clip.file for clip in clips}) == 4


def test_aac_sound_is_copied_with_its_times(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(simulated("mp4-plain") / "disk.img")), pictures=False)
        clips = case.recover(tmp_path / "clips")
    for clip in clips:
        with av.open(str(tmp_path / "clips" / clip.file)) as container:
            (stream,) = container.streams.audio
            heard = [frame.samples for frame in container.decode(stream)]
        assert stream.codec_context.sample_rate == 16000
        assert abs(sum(heard) / 16000 - 6) < 0.2
        assert not [note for note in clip.notes if "sound" in note]


def test_key_pictures_of_files_are_looked_at(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(simulated("mp4-power-cut") / "disk.img")))
        looks = case.catalogue.looks()
    assert looks
    assert all(one.pictures for one in looks)


def box(kind: bytes, content: bytes, size: int | None = None) -> bytes:
    return struct.pack(">I4s", 8 + len(content) if size is None else size, kind) + content


def movie(table: bytes, handler: bytes = b"vide") -> bytes:
    head = box(b"mvhd", struct.pack(">5I", 0, 0, 0, 1000, 1000) + bytes(80))
    media = box(b"mdhd", struct.pack(">5I", 0, 0, 0, 1000, 1000) + bytes(4))
    kind = box(b"hdlr", struct.pack(">2I4s", 0, 0, handler) + bytes(13))
    inner = box(b"minf", box(b"stbl", table))
    return box(b"moov", head + box(b"trak", box(b"mdia", media + kind + inner)))


HUGE = struct.pack(">3I", 0, 1, 0xFFFFFFFF)
RUNS = struct.pack(">5I", 0, 1, 1, 0xFFFFFFFF, 1)
HOSTILE = {
    "sizes of zero": HEAD + box(b"moov", box(b"mvhd", b"", 8), 0) + bytes(64),
    "a size of one without the rest": HEAD + struct.pack(">I4s", 1, b"mdat"),
    "a size beyond any disk": HEAD + struct.pack(">I4sQ", 1, b"mdat", (1 << 63) + 5) + bytes(99),
    "a box that is its own child": HEAD + box(b"moov", box(b"trak", box(b"trak", b"", 8))) * 9,
    "tables of four billion samples": HEAD
    + movie(box(b"stsz", HUGE) + box(b"stsc", RUNS) + box(b"stco", struct.pack(">3I", 0, 1, 40)))
    + box(b"mdat", bytes(4096)),
    "chunks beyond any disk": HEAD
    + movie(
        box(b"stsz", struct.pack(">4I", 0, 0, 1, 9))
        + box(b"stsc", RUNS)
        + box(b"co64", struct.pack(">2IQ", 0, 1, (1 << 64) - 9))
    )
    + box(b"mdat", bytes(4096)),
    "a run of samples that says nothing": HEAD
    + box(
        b"moof",
        box(b"mfhd", bytes(8))
        + box(
            b"traf",
            box(b"tfhd", struct.pack(">2IQ", 1, 1, (1 << 64) - 1))
            + box(b"tfdt", struct.pack(">IQ", 1 << 24, (1 << 64) - 1))
            + box(b"trun", struct.pack(">2I", 0, 0xFFFFFFFF)),
        ),
    )
    + box(b"mdat", bytes(64)),
    "a hundred thousand fragments": HEAD + box(b"moof", box(b"mfhd", bytes(8))) * 100_000,
    "lengths that lead in circles": HEAD + box(b"mdat", b"\0\0\0\5\x65\x88\x80\0\0" * 200_000),
    "only zeros": HEAD + box(b"mdat", bytes(1 << 22)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_boxes_cost_neither_time_nor_memory(name: str, tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(HOSTILE[name] + bytes(512))
    tracemalloc.start()
    found = found_in(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400 << 20
    for one in found:
        assert all(0 <= a < b <= image.stat().st_size for a, b in one.claims)


SILENT = 32
ALAW = box(b"alaw", bytes(16) + struct.pack(">6H", 1, 16, 0, 0, 8000, 0))
SILENCE = movie(
    box(b"stsd", struct.pack(">2I", 0, 1) + ALAW)
    + box(b"stsz", struct.pack(">3I", 0, 1, SILENT))
    + box(b"stsc", struct.pack(">5I", 0, 1, 1, SILENT, 1))
    + box(b"stco", struct.pack(">3I", 0, 1, len(HEAD) + 8)),
    b"soun",
)  # fmt: skip


def test_silence_of_one_value_is_sound_and_no_damage(tmp_path: Path) -> None:
    """A-law silence is 0xD5 throughout. [A: dvr-audio.md section 2]"""
    image = tmp_path / "disk.img"
    image.write_bytes(HEAD + box(b"mdat", b"\xd5" * SILENT) + SILENCE)
    (found,) = found_in(image)
    (segment,) = found.segments
    rows = segments.unpack(segment.rows)
    assert placed(rows) == [(len(HEAD) + 8, SILENT)]
    assert (rows["kind"][0], rows["codec"][0]) == (Media.AUDIO, Codec.PCM_ALAW)
    assert found.damage == ()


def test_pictures_of_an_encrypted_track_are_told_and_not_guessed(tmp_path: Path) -> None:
    locked = movie(box(b"stsd", struct.pack(">2I", 0, 1) + box(b"encv", bytes(90))))
    unit = b"\x65\x88\x80" + bytes(range(3, 90))
    media = b"".join(struct.pack(">I", len(unit)) + unit for _ in range(20))
    image = tmp_path / "disk.img"
    image.write_bytes(HEAD + locked + box(b"mdat", media))
    (found,) = found_in(image)
    assert not len(rows_of([found]))
    assert found.damage == ("track 0: this track is encrypted",)


def test_damaged_bytes_never_raise_and_stay_inside(tmp_path: Path) -> None:
    """A small part of what `tests/benchmarks/moovless.py` and fuzzing by hand have run."""
    data, random = SAMPLE.read_bytes(), np.random.default_rng(31)
    heads = [row["offset"] for row in json.loads((SAMPLE.parent / "expected.json").read_bytes())]
    image = tmp_path / "disk.img"
    for turn in range(60):
        raw = bytearray(data)
        for _ in range(int(random.integers(1, 12))):
            near = heads[int(random.integers(len(heads)))] + int(random.integers(0, 700))
            raw[min(near, len(raw) - 1)] ^= 1 << int(random.integers(8))
        if turn % 3 == 0:
            del raw[int(random.integers(1, len(raw))) :]
        image.write_bytes(raw)
        taken = list[Extent]()
        for one in found_in(image):
            assert all(0 <= a < b <= len(raw) for a, b in one.claims)
            taken += one.claims
            rows = rows_of([one])
            assert set(rows["codec"].tolist()) <= set(Codec)
        taken.sort()
        assert all(a.end <= b.start for a, b in pairwise(taken))


def test_a_sample_twice_in_two_files_is_counted_once(tmp_path: Path) -> None:
    """An older index that still stands behind a newer file leads to the same bytes."""
    path = real("mp4ff__prog_8s.mp4")
    if not path:
        pytest.skip("the corpus of real footage is not here")
    data = path[0].read_bytes()
    image = tmp_path / "disk.img"
    image.write_bytes(data + data[data.index(b"moov") - 4 :])
    rows = rows_of(found_in(image))
    assert len(np.unique(rows["offset"])) == len(rows) == len(samples(path[0]))


@pytest.mark.parametrize(
    ("date", "known"),
    [
        ("2026-03-14T07:30:00", True),
        ("2005-01-01T00:00:00", True),
        ("2004-12-31T23:59:59", False),
        ("2000-01-01T00:00:00", False),
        ("1970-01-01T00:00:00", False),
        ("1970-01-03T05:00:00", False),
        ("2040-01-01T00:00:00", False),
    ],
)
def test_a_creation_time_counts_from_1904_or_1970_and_only_if_a_clock_showed_it(
    date: str, known: bool
) -> None:
    at_ms = parse_iso(date)
    for epoch_s in (2_082_844_800, 0):
        assert _tables.creation(at_ms // 1000 + epoch_s) == (at_ms if known else None)
    assert _tables.creation(0) is None
