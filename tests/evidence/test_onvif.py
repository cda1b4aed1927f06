"""ONVIF boxes in access copies, read here byte by byte, and that the media stays as it was."""

import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import __version__, evidence
from vidrecover.case import Case
from vidrecover.clock import parse_iso
from vidrecover.errors import EvidenceError
from vidrecover.evidence import ClockCheck, _onvif
from vidrecover.evidence._onvif import Labels
from vidrecover.model import TimeSpan

WINDOW = TimeSpan(parse_iso("2026-03-14T07:30:04"), parse_iso("2026-03-14T07:30:06"))
CHECK = ClockCheck(
    recorder_time="2026-03-20T10:00:07.250",
    reference_time="2026-03-20T10:00:00+01:00",
    reference_source="radio clock",
    offset_s=3607.25,
    method="photographed beside a radio clock",
)


class Box(NamedTuple):
    """As it lies in the file."""

    kind: str
    content: bytes


def boxes(data: bytes) -> list[Box]:
    """ISO/IEC 14496-12 clause 4.2: size of 32 bits, kind, content."""
    found = []
    while data:
        size, kind = struct.unpack_from(">I4s", data)
        assert 8 <= size <= len(data)
        found.append(Box(kind.decode("latin-1"), data[8:size]))
        data = data[size:]
    return found


def file_meta(path: Path) -> list[Box]:
    """What is in the last box of the file, which must be `meta`, version and flags zero."""
    last = boxes(path.read_bytes())[-1]
    assert last.kind == "meta"
    assert last.content[:4] == bytes(4)
    return boxes(last.content[4:])


def strings(data: bytes, count: int) -> tuple[list[str], bytes]:
    found = []
    for _ in range(count):
        text, end, data = data.partition(b"\0")
        assert end == b"\0"
        found.append(text.decode())
    return found, data


class Export(NamedTuple):
    """The fields of `suep`."""

    unit: list[str]
    time: int
    operator: str
    tracks: list[tuple[int, list[str]]]


def export_box(content: bytes) -> Export:
    """`suep` as the specification lays it out (clause 5.2)."""
    assert content[:4] == bytes([1, 0, 0, 0])  # version 1, flags 0
    unit, rest = strings(content[4:], 3)
    (time,) = struct.unpack_from(">Q", rest)
    [operator], rest = strings(rest[8:], 1)
    (count,), rest, tracks = struct.unpack_from(">I", rest), rest[4:], []
    for _ in range(count):
        (track,) = struct.unpack_from(">H", rest)
        source, rest = strings(rest[2:], 4)
        tracks.append((track, source))
    assert rest == b""
    return Export(unit, time, operator, tracks)


def packets(path: Path) -> list[tuple[int, int | None, int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        return [
            (one.stream_index, one.pts, one.dts, one.duration, bytes(one))
            for one in container.demux()
        ]


@pytest.fixture(scope="session")
def copies(
    scanned: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, ClockCheck], Path]:
    """A package of a scenario's second camera with an operator and a clock check, made once."""
    made: dict[tuple[str, ClockCheck], Path] = {}

    def package(name: str, check: ClockCheck) -> Path:
        case = scanned(name)
        if (name, check) not in made:
            made[name, check] = target = tmp_path_factory.mktemp(name) / "EX-7"
            with (
                case.open() as source,
                case.order(channel=2, span=WINDOW, operator="Ann Öz", clock=check) as order,
            ):
                evidence.export(target, source, order, evidence.Asked(decode=False))
        return made[name, check]

    return package


Copies = Callable[[str, ClockCheck], Path]


def copy_of(package: Path) -> tuple[Path, dict[str, Any]]:
    contents = json.loads((package / "data/provenance/clips.json").read_text("utf-8"))
    said = contents["exhibits"][0]["access"][0]
    return package / said["file"], said


@pytest.mark.parametrize("name", ["jt1078-ten", "dhav-plain", "dhfs-h265"])
def test_a_copy_says_who_exported_which_camera(copies: Copies, name: str) -> None:
    path, _ = copy_of(copies(name, ClockCheck()))
    handler, export = file_meta(path)
    assert handler == Box("hdlr", bytes(8) + b"null" + bytes(12) + b"\0")
    assert export.kind == "suep"
    with av.open(str(path)) as container:
        tracks = [one.id for one in container.streams]
    assert export_box(export.content) == Export(
        unit=[f"vidrecover {__version__}", "", ""],
        time=0,
        operator="Ann Öz",
        tracks=[(track, ["camera 2", "", "", "2"]) for track in tracks],
    )


def test_a_proven_clock_gives_the_start_in_utc(copies: Copies) -> None:
    path, said = copy_of(copies("jt1078-ten", CHECK))
    start = file_meta(path)[-1]
    assert start.kind == "cstb"
    count, track, ticks = struct.unpack(">IIQ", start.content)
    shown = datetime.fromisoformat(said["from"]).replace(tzinfo=UTC).timestamp() - 3607.25
    assert (count, track) == (1, 1)
    assert ticks == pytest.approx((shown + 11_644_473_600) * 10**7, abs=10_000)
    found = evidence.verify(copies("jt1078-ten", CHECK), decode=False)
    assert found.differences == ()


def test_recorder_time_is_never_passed_off_as_utc(copies: Copies) -> None:
    package = copies("jt1078-ten", ClockCheck())
    assert [one.kind for one in file_meta(copy_of(package)[0])] == ["hdlr", "suep"]
    limits = (package / "data/report/limits.md").read_text("utf-8")
    line = "- Access copies bear no start time in UTC: no clock check against UTC is recorded."
    assert line in limits.splitlines()
    proven = (copies("jt1078-ten", CHECK) / "data/report/limits.md").read_text("utf-8")
    assert line not in proven.splitlines()


@pytest.mark.parametrize(
    ("changed", "offset"),
    [
        ({}, 3_607_250),
        ({"offset_s": 7.25}, None),  # to local time
        ({"offset_s": None}, None),
        ({"reference_time": "2026-03-20T10:00:00"}, None),  # without a zone
        ({"reference_time": "2026-03-20T09:00:00Z"}, 3_607_250),
        ({"reference_time": None}, None),
        ({"recorder_time": "2026-03-20T10:00:07.250Z"}, None),  # recorder time has no zone
        ({"recorder_time": "ten o'clock"}, None),
        ({"offset_s": float("nan")}, None),
        ({"offset_s": float("inf")}, None),
    ],
)
def test_only_a_check_against_utc_proves_the_offset(
    changed: dict[str, Any], offset: int | None
) -> None:
    fields = {name: getattr(CHECK, name) for name in CHECK.__struct_fields__}
    assert _onvif.offset_to_utc(ClockCheck(**fields | changed)) == offset
    assert _onvif.offset_to_utc(None) is None


@pytest.mark.parametrize("name", ["jt1078-ten", "dhfs-h265"])
def test_the_media_is_the_same_to_the_byte(copies: Copies, tmp_path: Path, name: str) -> None:
    """The copy is the clip that `clips.write` made, and the box behind it."""
    path, _ = copy_of(copies(name, CHECK))
    content = path.read_bytes()
    kinds = [one.kind for one in boxes(content)]
    bare = tmp_path / "bare.mp4"
    size = 8 + len(boxes(content)[-1].content)
    bare.write_bytes(content[:-size])
    assert kinds[-1] == "meta"
    assert [one.kind for one in boxes(bare.read_bytes())] == kinds[:-1]
    assert packets(bare) == packets(path)
    again = tmp_path / "again.mp4"
    shutil.copy(bare, again)
    kept = Labels(channel=2, operator="Ann Öz", offset_ms=3_607_250)
    _onvif.add(again, kept, parse_iso(copy_of(copies(name, CHECK))[1]["from"]))
    assert again.read_bytes() == content


def test_recovered_clips_bear_no_export_boxes(
    scanned: Callable[[str], Any], tmp_path: Path
) -> None:
    with Case.open(scanned("jt1078-ten").folder / "case") as case:
        [clip] = case.recover(tmp_path / "clips", channel=2, span=WINDOW)
    kinds = [one.kind for one in boxes((tmp_path / "clips" / clip.file).read_bytes())]
    assert "meta" not in kinds


def test_ffprobe_reads_the_copy_without_a_word(copies: Copies) -> None:
    tool = shutil.which("ffprobe")
    if tool is None:
        pytest.skip("ffprobe is not installed (apt-get install ffmpeg)")
    path, said = copy_of(copies("jt1078-ten", CHECK))
    count = ["-v", "warning", "-select_streams", "v", "-count_packets", "-of", "csv=p=0"]
    done = subprocess.run(
        [tool, *count, "-show_entries", "stream=nb_read_packets", str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == (str(said["frames"]), "")


def test_a_changed_label_is_found(copies: Copies, tmp_path: Path) -> None:
    package = Path(shutil.copytree(copies("jt1078-ten", CHECK), tmp_path / "EX-7"))
    path, said = copy_of(package)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"camera 2\0", b"camera 3\0"))
    found = evidence.verify(package, decode=False)
    assert said["file"] in {one.where for one in found.differences}


def mp4(*tracks: bytes) -> bytes:
    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(content), kind) + content

    inside = b"".join(box(b"trak", box(b"tkhd", one)) for one in tracks)
    return box(b"ftyp", b"isom") + box(b"moov", box(b"mvhd", bytes(100)) + inside)


def test_track_numbers_are_read_in_both_versions_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "made.mp4"
    old = bytes(12) + struct.pack(">I", 3) + bytes(68)
    new = bytes([1]) + bytes(19) + struct.pack(">I", 9) + bytes(68)
    path.write_bytes(mp4(old, new))
    with path.open("rb") as file:
        assert _onvif.track_ids(file) == [3, 9]


def test_signs_that_end_a_text_do_not_end_it_early() -> None:
    content = boxes(_onvif.meta(Labels(None, "A\0B", None), [1], None))[0].content[4:]
    assert export_box(boxes(content)[1].content) == Export(
        unit=[f"vidrecover {__version__}", "", ""],
        time=0,
        operator="A B",
        tracks=[(1, ["camera not known", "", "", ""])],
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\0\x08ftyp",
        mp4(),
        mp4(bytes(12) + struct.pack(">I", 0) + bytes(68)),
        mp4(bytes(12) + struct.pack(">I", 70_000) + bytes(68)),
        mp4(bytes(12) + struct.pack(">I", 1) + bytes(68))[:-40],
    ],
    ids=["empty", "no tracks", "no track", "number 0", "number too large", "cut off"],
)
def test_what_is_no_mp4_with_tracks_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "strange.mp4"
    path.write_bytes(content)
    with pytest.raises(EvidenceError):
        _onvif.add(path, Labels(1, None, None), 0)
    assert path.read_bytes() == content


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 150))
def test_hostile_boxes_end_in_words(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, place: int
) -> None:
    path = tmp_path_factory.mktemp("hostile") / "one.mp4"
    whole = mp4(bytes(12) + struct.pack(">I", 1) + bytes(68))
    path.write_bytes(whole[:place] + content + whole[place:])
    with path.open("rb") as file:
        try:
            assert all(0 < one < 1 << 16 for one in _onvif.track_ids(file))
        except EvidenceError as error:
            assert str(path) in str(error)
