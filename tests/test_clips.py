"""Clips: bytes as stored, times as recorded, honest notes; on encoded pictures laid out by hand."""

import csv
import hashlib
import io
import json
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import clips, clock, nal, servant
from vidrecover.clips import _clip, _grade, _order, _times, _units
from vidrecover.clips._columns import Look
from vidrecover.clips._file import ClipFile, Refused
from vidrecover.errors import ClipError
from vidrecover.model import (
    NO_TICK,
    NO_TIME,
    Clip,
    Codec,
    Extent,
    FrameFlag,
    Frames,
    Grade,
    Media,
    Recording,
    Segment,
    Source,
    SourceIdentity,
    Stream,
    TimeSpan,
    no_frames,
)
from vidrecover.servant import Servants

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
START = clock.parse_iso("2026-03-14T07:29:00.000")
HEADER, TRAILER = b"FAKEHEADER", b"END!"
EXACT = {"fake": clips.TickClock(resolution=1, counted=True)}
SIZE = (176, 144)


class MemorySource:
    """Bytes in memory as a source; `bad` extents are refused."""

    def __init__(self, data: bytes, bad: Sequence[Extent] = ()) -> None:
        self.data, self.bad = data, bad
        self.reads: list[Extent] = []

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def identity(self) -> SourceIdentity:
        return SourceIdentity(path="memory.img", kind="raw", size=len(self.data))

    def read_into(self, offset: int, buffer: npt.NDArray[np.uint8]) -> list[Extent]:
        if offset + len(buffer) > len(self.data):
            raise ValueError("beyond the end")
        wanted = Extent(offset, offset + len(buffer))
        self.reads.append(wanted)
        buffer[:] = np.frombuffer(self.data, np.uint8, len(buffer), offset)
        hit = [one for one in self.bad if one.start < wanted.end and wanted.start < one.end]
        for one in hit:
            buffer[max(one.start - offset, 0) : max(one.end - offset, 0)] = 0
        return hit

    def read(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]

    def close(self) -> None:
        pass


class Coded(msgspec.Struct, frozen=True):
    """An access unit as an encoder gave it."""

    data: bytes
    key: bool


@cache
def encoded(codec: str = "libx264", count: int = 50, **options: str) -> tuple[Coded, ...]:
    """Moving gradients, a key frame every ten pictures."""
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height = SIZE
    if options.pop("large", ""):
        context.width, context.height = 320, 240
    context.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    context.gop_size = 10
    plain = {} if codec in ("mjpeg", "mpeg4") else {"preset": "ultrafast", "tune": "zerolatency"}
    if codec == "libx265":
        plain |= {"x265-params": "log-level=none:keyint=10:min-keyint=10:bframes=0"}
    context.options = plain | options
    if codec == "mpeg4":
        context.bit_rate = 200_000
    found = []
    ramp = np.arange(context.width, dtype=np.int64)
    for number in range(count):
        picture = np.zeros((context.height, context.width, 3), dtype=np.uint8)
        picture[..., 0] = (ramp * 2 + number * 5) % 256
        picture[..., 1] = (np.arange(context.height)[:, None] + number * 3) % 256
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = frame.reformat(format=context.pix_fmt)
        frame.pts = number
        found += [Coded(bytes(one), one.is_keyframe) for one in context.encode(frame)]
    found += [Coded(bytes(one), one.is_keyframe) for one in context.encode(None)]
    return tuple(found)


class Disk:
    """Frames with 10-byte headers and 4-byte trailers laid one behind the other."""

    def __init__(self, codec: Codec = Codec.H264) -> None:
        self.codec = codec
        self.data = bytearray(b"\xee" * 100)
        self.tables: list[Frames] = []
        self.sequence = 0

    def add(
        self,
        payload: bytes,
        kind: Media,
        time_ms: int = NO_TIME,
        *,
        tick: int = NO_TICK,
        codec: Codec | None = None,
        flags: FrameFlag = FrameFlag.NONE,
        rate: int = 0,
    ) -> None:
        row = no_frames(1)
        row["offset"], row["size"] = len(self.data), len(payload) + 14
        row["payload_offset"], row["payload_size"] = 10, len(payload)
        row["channel"], row["stream"], row["kind"] = 3, Stream.MAIN, kind
        row["codec"] = self.codec if codec is None else codec
        row["time_ms"], row["tick_ms"], row["sequence"] = time_ms, tick, self.sequence
        row["flags"], row["rate"] = flags, rate
        self.sequence += 1
        self.tables.append(row)
        self.data += HEADER + payload + TRAILER

    def pictures(self, units: Iterable[Coded], times: Iterable[int], **more: Any) -> None:
        for one, time_ms in zip(units, times, strict=False):
            self.add(one.data, Media.KEY if one.key else Media.DELTA, time_ms, **more)

    @property
    def rows(self) -> Frames:
        return np.concatenate(self.tables)

    def source(self, *bad: Extent) -> MemorySource:
        return MemorySource(bytes(self.data), bad)

    def recording(self, parts: int = 3, **changes: Any) -> Recording:
        tables = [one for one in np.array_split(self.rows, parts) if len(one)]
        known = self.rows["time_ms"][self.rows["time_ms"] != NO_TIME]
        start, end = (int(known.min()), int(known.max())) if len(known) else (None, None)
        recording = Recording(
            channel=3,
            stream=Stream.MAIN,
            format="fake",
            codec=self.codec,
            start_ms=start,
            end_ms=end,
            segments=tuple(segment(one) for one in tables),
        )
        return msgspec.structs.replace(recording, **changes)


def segment(rows: Frames) -> Segment:
    return Segment(
        format="fake",
        channel=3,
        stream=Stream.MAIN,
        codec=Codec.H264,
        start_ms=None,
        end_ms=None,
        start=int(rows["offset"][0]),
        end=int(rows["offset"][-1] + rows["size"][-1]),
        frames=len(rows),
        keys=0,
        audio=0,
        size=0,
        first_sequence=None,
        last_sequence=None,
        missing=0,
        unfinished=0,
        rows=rows.tobytes(),
    )


def unpack(one: Segment) -> Frames:
    return np.frombuffer(one.rows, dtype=no_frames().dtype).copy()


def written(
    disk: Disk,
    folder: Path,
    *,
    source: Source | None = None,
    clocks: dict[str, clips.TickClock] | None = None,
    recordings: Sequence[Recording] | None = None,
    **options: Any,
) -> list[Clip | clips.LeftOut]:
    return list(
        clips.write(
            [disk.recording()] if recordings is None else recordings,
            source or disk.source(),
            unpack,
            folder,
            clocks=EXACT if clocks is None else clocks,
            **options,
        )
    )


def only(found: list[Clip | clips.LeftOut]) -> Clip:
    assert len(found) == 1
    assert isinstance(found[0], Clip)
    return found[0]


def packets(path: Path, kind: str = "video") -> list[tuple[int, bytes]]:
    """(milliseconds shown, bytes) of the packets of the first stream of a kind."""
    with av.open(str(path)) as container:
        stream = next(one for one in container.streams if one.type == kind)
        unit = stream.time_base or Fraction(1)
        return [
            (round(float((one.pts or 0) * unit) * 1000), bytes(one))
            for one in container.demux(stream)
            if one.size
        ]


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def with_lengths(payload: bytes) -> list[bytes]:
    """NAL units of a sample of an MP4 file."""
    found, position = [], 0
    while position < len(payload):
        (size,) = struct.unpack_from(">I", payload, position)
        found.append(payload[position + 4 : position + 4 + size])
        position += 4 + size
    return found


def with_start_codes(payload: bytes) -> list[bytes]:
    return [payload[one.start : one.end] for one in nal.units(payload)]


def irregular(count: int) -> list[int]:
    """Times as a loaded recorder writes them."""
    steps = np.random.default_rng(5).integers(33, 60, count)
    return [START + int(one) for one in np.cumsum(steps) - steps[0]]


@pytest.mark.parametrize(("name", "codec"), [("libx264", Codec.H264), ("libx265", Codec.H265)])
def test_every_nal_unit_and_every_time_comes_back_from_the_clip(
    tmp_path: Path, name: str, codec: Codec
) -> None:
    units, times = encoded(name), irregular(50)
    disk = Disk(codec)
    disk.pictures(units, times)
    clip = only(written(disk, tmp_path))
    assert clip == Clip(
        file="camera-03_2026-03-14_07-29-00_main.mp4",
        channel=3,
        stream=Stream.MAIN,
        from_ms=START,
        to_ms=times[-1] + (times[-1] - times[-2]),
        frames=50,
        codec=codec,
        grade=Grade.COMPLETE,
        format="fake",
        notes=(),
    )
    found = packets(tmp_path / clip.file)
    assert [with_lengths(data) for _, data in found] == [
        with_start_codes(one.data) for one in units
    ]
    assert [at for at, _ in found] == [at - START for at in times]
    assert clips.grade(clip, tmp_path) == clip


def test_h265_gets_the_tag_that_apple_players_want(tmp_path: Path) -> None:
    disk = Disk(Codec.H265)
    disk.pictures(encoded("libx265"), irregular(50))
    clip = only(written(disk, tmp_path))
    with av.open(str(tmp_path / clip.file)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(), irregular(50))
    digests = set()
    for name in ("one", "two"):
        clip = only(written(disk, tmp_path / name))
        digests.add(hashlib.sha256((tmp_path / name / clip.file).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_clip_says_camera_and_span_and_carries_the_recorders_clock(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(), range(START + 500, START + 2500, 40))
    clip = only(written(disk, tmp_path))
    with av.open(str(tmp_path / clip.file)) as container:
        said = {key: container.metadata[key] for key in ("title", "comment")}
    assert said == {
        "title": "camera 3, main stream",
        "comment": "camera 3, main stream; recorder time 2026-03-14T07:29:00.500 to "
        "2026-03-14T07:29:02.500; format fake; vidrecover 0.1.0",
    }
    lines = [(at, data[2:].decode()) for at, data in packets(tmp_path / clip.file, "subtitle")]
    assert [line for line in lines if line[1]] == [
        (0, "2026-03-14 07:29:00"),
        (520, "2026-03-14 07:29:01"),
        (1520, "2026-03-14 07:29:02"),
    ]


def test_the_fragments_cover_every_byte_of_the_frames(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(count=10), irregular(10))
    clip = only(written(disk, tmp_path))
    with (tmp_path / "fragments.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["clip", "seq", "source", "offset", "length", "sha256", "kind"]
    assert [row["seq"] for row in rows] == [str(number) for number in range(21)]
    assert {row["clip"] for row in rows} == {clip.file}
    assert {row["source"] for row in rows} == {"memory.img"}
    spans = [Extent(int(row["offset"]), int(row["offset"]) + int(row["length"])) for row in rows]
    assert spans[0].start == 100
    assert spans[-1].end == len(disk.data)
    assert all(one.end == other.start for one, other in pairwise(spans))
    assert [row["kind"] for row in rows] == ["header", "video"] * 10 + ["header"]
    assert [row["sha256"] for row in rows] == [
        hashlib.sha256(disk.data[one.start : one.end]).hexdigest() for one in spans
    ]


def test_the_list_of_clips_is_the_contract(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(count=10), range(START, START + 400, 40))
    found = only(written(disk, tmp_path))
    path = clips.save([found], tmp_path)
    assert json.loads(path.read_text()) == [
        {
            "file": "camera-03_2026-03-14_07-29-00_main.mp4",
            "channel": 3,
            "stream": "main",
            "from": "2026-03-14T07:29:00.000",
            "to": "2026-03-14T07:29:00.400",
            "frames": 10,
            "codec": "h264",
            "grade": "complete",
            "format": "fake",
            "notes": [],
        }
    ]
    with pytest.raises(ClipError, match="exists already"):
        clips.save([found], tmp_path)


def test_footage_of_unknown_camera_and_time_is_named_so(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(count=10), [NO_TIME] * 10, rate=1250)
    unknown = disk.recording(channel=None, stream=Stream.UNKNOWN)
    found = written(disk, tmp_path, recordings=[unknown, unknown])
    assert [one.file for one in found if isinstance(one, Clip)] == [
        "camera-unknown-A_undated.mp4",
        "camera-unknown-B_undated.mp4",
    ]
    assert [clips.as_json(one)["from"] for one in found if isinstance(one, Clip)] == [None, None]
    assert [clips.as_json(one)["stream"] for one in found if isinstance(one, Clip)] == [None] * 2


def test_a_clip_begins_at_a_key_frame_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded()[8:], range(START, START + 42 * 40, 40))
    clip = only(written(disk, tmp_path))
    assert (clip.frames, clip.from_ms, clip.grade) == (40, START + 80, Grade.PARTIAL)
    assert clip.notes == ("2 frames before the first key frame left out: they cannot be decoded",)


def test_lost_frames_make_a_clip_partial(tmp_path: Path) -> None:
    disk = Disk()
    for number, (one, at) in enumerate(zip(encoded(), range(START, START + 2000, 40), strict=True)):
        if number in (24, 25, 26):
            disk.sequence += 1
        else:
            disk.add(one.data, Media.KEY if one.key else Media.DELTA, at)
    clip = only(written(disk, tmp_path))
    assert (clip.frames, clip.grade) == (47, Grade.PARTIAL)
    assert clip.notes == (
        "3 frames of picture or sound missing by the recorder's sequence numbers",
        "3 frames missing by the codec's own frame numbers",
        "3 frames behind a loss, up to the next key frame: the picture may be wrong there",
        "1 gap in time, the longest 0.160 s (usual interval 40 ms)",
    )


def test_a_gap_stays_a_gap(tmp_path: Path) -> None:
    times = [*range(START, START + 1200, 40), *range(START + 9000, START + 9800, 40)]
    disk = Disk()
    disk.pictures(encoded(), times)
    clip = only(written(disk, tmp_path))
    assert [at for at, _ in packets(tmp_path / clip.file)] == [at - START for at in times]
    assert clip.notes == ("1 gap in time, the longest 7.840 s (usual interval 40 ms)",)


def test_a_key_frame_without_all_its_bytes_takes_its_group_with_it(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(), range(START, START + 2000, 40))
    disk.tables[20]["flags"] |= np.uint16(FrameFlag.UNFINISHED)
    clip = only(written(disk, tmp_path))
    assert (clip.frames, clip.grade) == (40, Grade.PARTIAL)
    assert clip.notes == (
        "1 frame left out: bytes are missing, or there is no picture in them",
        "9 frames left out: their key frame is missing",
        "1 gap in time, the longest 0.440 s (usual interval 40 ms)",
    )
    assert clips.grade(clip, tmp_path) == clip


def test_frames_in_unreadable_bytes_are_left_out_and_never_zero_filled(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(), range(START, START + 2000, 40))
    place = int(disk.rows["offset"][35]) + 20
    clip = only(written(disk, tmp_path, source=disk.source(Extent(place, place + 8))))
    assert clip.frames == 49
    assert clip.notes[:2] == (
        "1 frame missing by the codec's own frame numbers",
        "1 frame left out: bytes cannot be read from the source",
    )
    assert clip.grade == Grade.PARTIAL


def test_frames_without_proof_of_their_end_are_kept_and_counted(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(), range(START, START + 2000, 40))
    disk.tables[5]["flags"] |= np.uint16(FrameFlag.END_UNPROVEN)
    disk.tables[6]["flags"] |= np.uint16(FrameFlag.JOINED)
    clip = only(written(disk, tmp_path))
    assert (clip.frames, clip.grade) == (50, Grade.COMPLETE)
    assert clip.notes == (
        "1 frame without proof of where they end",
        "1 frame put together over the border of a fragment",
    )


def test_a_frame_in_pieces_is_one_access_unit(tmp_path: Path) -> None:
    disk, units = Disk(), encoded()
    for one, at in zip(units, range(START, START + 2000, 40), strict=True):
        half = len(one.data) // 2
        kind = Media.KEY if one.key else Media.DELTA
        disk.add(one.data[:half], kind, at, flags=FrameFlag.MORE)
        disk.add(one.data[half:], kind, at, flags=FrameFlag.CONTINUES)
    clip = only(written(disk, tmp_path, recordings=[disk.recording(parts=7)]))
    assert (clip.frames, clip.grade) == (50, Grade.COMPLETE)
    found = packets(tmp_path / clip.file)
    assert [with_lengths(data) for _, data in found] == [
        with_start_codes(one.data) for one in units
    ]


def test_a_piece_without_its_beginning_or_end_is_left_out(tmp_path: Path) -> None:
    disk, units = Disk(), encoded()
    disk.add(b"\0\0\1\x41\x9a", Media.DELTA, START - 40, flags=FrameFlag.CONTINUES)
    disk.pictures(units, range(START, START + 2000, 40))
    disk.tables[-1]["flags"] |= np.uint16(FrameFlag.MORE)
    clip = only(written(disk, tmp_path))
    assert (clip.frames, clip.notes) == (
        49,
        ("2 frames left out: bytes are missing, or there is no picture in them",),
    )


def test_parameter_sets_stored_as_a_frame_of_their_own_join_the_picture(tmp_path: Path) -> None:
    disk, units = Disk(), encoded(count=10)
    first = with_start_codes(units[0].data)
    sets = b"".join(
        b"\0\0\0\1" + one for one in first if nal.unit_kind(Codec.H264, one[0]) in ("sps", "pps")
    )
    rest = b"".join(
        b"\0\0\0\1" + one
        for one in first
        if nal.unit_kind(Codec.H264, one[0]) not in ("sps", "pps")
    )
    disk.add(sets, Media.KEY, START)
    disk.add(rest, Media.KEY, START)
    disk.pictures(units[1:], range(START + 40, START + 400, 40))
    clip = only(written(disk, tmp_path))
    assert clip.frames == 10
    assert with_lengths(packets(tmp_path / clip.file)[0][1]) == first
    assert clips.grade(clip, tmp_path) == clip


def test_payloads_with_lengths_get_start_codes(tmp_path: Path) -> None:
    disk, units = Disk(), encoded(count=10)
    for one, at in zip(units, range(START, START + 400, 40), strict=True):
        parts = with_start_codes(one.data)
        data = b"".join(struct.pack(">I", len(part)) + part for part in parts)
        disk.add(data, Media.KEY if one.key else Media.DELTA, at)
    clip = only(written(disk, tmp_path))
    assert clips.grade(clip, tmp_path) == clip
    found = packets(tmp_path / clip.file)
    assert [with_lengths(data) for _, data in found] == [
        with_start_codes(one.data) for one in units
    ]


def test_another_size_begins_another_clip(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(count=10), range(START, START + 400, 40))
    disk.pictures(encoded(count=10, large="yes"), range(START + 400, START + 800, 40))
    found = written(disk, tmp_path)
    assert [(one.file, one.frames) for one in found if isinstance(one, Clip)] == [
        ("camera-03_2026-03-14_07-29-00_main.mp4", 10),
        ("camera-03_2026-03-14_07-29-00_main_2.mp4", 10),
    ]
    sizes = []
    for one in found:
        assert isinstance(one, Clip)
        with av.open(str(tmp_path / one.file)) as container:
            sizes.append((container.streams.video[0].width, container.streams.video[0].height))
    assert sizes == [SIZE, (320, 240)]


def test_a_clock_set_back_begins_another_clip_at_the_next_key_frame(tmp_path: Path) -> None:
    disk = Disk()
    back = START - 3_600_000
    disk.pictures(encoded()[:25], range(START, START + 1000, 40))
    disk.pictures(encoded()[25:], range(back, back + 1000, 40))
    one, other = written(disk, tmp_path)
    assert isinstance(one, Clip)
    assert isinstance(other, Clip)
    assert (one.frames, one.to_ms, one.notes) == (
        30,
        START + 1200,
        ("5 frames behind a jump of the recorder's clock: times estimated up to the next key",),
    )
    assert (other.frames, other.from_ms, other.notes) == (20, back + 200, ())


def test_a_span_begins_at_the_key_frame_before_it(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(), range(START, START + 2000, 40))
    clip = only(written(disk, tmp_path, span=TimeSpan(START + 1000, START + 1400)))
    assert (clip.from_ms, clip.to_ms, clip.frames) == (START + 800, START + 1400, 15)
    assert clip.grade == Grade.COMPLETE


def test_times_of_whole_seconds_are_refined_by_the_counter(tmp_path: Path) -> None:
    disk = Disk()
    times = range(START + 300, START + 300 + 2000, 40)
    for one, at in zip(encoded(), times, strict=True):
        kind = Media.KEY if one.key else Media.DELTA
        disk.add(one.data, kind, at // 1000 * 1000, tick=(at - START + 65_000) % 65_536)
    ticks = {"fake": clips.TickClock(modulus=65_536, resolution=1000)}
    clip = only(written(disk, tmp_path, clocks=ticks))
    assert [at for at, _ in packets(tmp_path / clip.file)] == list(range(0, 2000, 40))
    assert clip.from_ms is not None
    assert abs(clip.from_ms - times[0]) <= 40
    assert clip.notes == ()


def test_rare_dates_are_spread_at_the_measured_rate(tmp_path: Path) -> None:
    disk = Disk()
    for number, one in enumerate(encoded()):
        at = (START + number * 80) // 1000 * 1000
        disk.add(one.data, *((Media.KEY, at) if one.key else (Media.DELTA, NO_TIME)), rate=1200)
    clip = only(written(disk, tmp_path, clocks={"fake": clips.TickClock()}))
    steps = np.diff([at for at, _ in packets(tmp_path / clip.file)])
    # key frames at 0, 0.8, 1.6, 2.4, 3.2 s are dated 0, 0, 1, 2, 3: 40 pictures in 3 s
    assert set(steps.tolist()) == {75}
    assert clip.notes == (
        "times between key frames are spread evenly at 13.33 pictures per second, "
        "measured over 3 s",
    )


def test_a_measured_rate_that_contradicts_the_headers_is_not_used(tmp_path: Path) -> None:
    disk = Disk()
    for number, one in enumerate(encoded()):
        at = (START + number * 80) // 1000 * 1000
        disk.add(one.data, *((Media.KEY, at) if one.key else (Media.DELTA, NO_TIME)), rate=2500)
    clip = only(written(disk, tmp_path, clocks={"fake": clips.TickClock()}))
    assert clip.notes[-1] == (
        "times between key frames are spread evenly at 25.00 pictures per second, "
        "as the recorder's frame headers say"
    )


def test_without_any_time_the_notes_say_where_the_rate_comes_from(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(), [NO_TIME] * 50)
    clip = only(written(disk, tmp_path, clocks={}))
    assert (clip.from_ms, clip.to_ms) == (None, None)
    assert clip.notes == (
        "the frames carry no date: times count from the first frame and are spread evenly at "
        "25.00 pictures per second, as the codec's own headers say",
    )
    assert [at for at, _ in packets(tmp_path / clip.file)] == list(range(0, 2000, 40))


def test_ticks_alone_give_relative_times(tmp_path: Path) -> None:
    disk = Disk()
    for number, one in enumerate(encoded()):
        kind = Media.KEY if one.key else Media.DELTA
        disk.add(one.data, kind, tick=(60_000 + number * 66) % 65_536)
    ticks = {"fake": clips.TickClock(modulus=65_536)}
    clip = only(written(disk, tmp_path, clocks=ticks))
    assert [at for at, _ in packets(tmp_path / clip.file)] == [n * 66 for n in range(50)]
    assert (clip.from_ms, clip.notes) == (
        None,
        ("the frames carry no date: times count from the first frame",),
    )


def test_pictures_dated_to_whole_seconds_are_spread_over_them() -> None:
    stamps = np.repeat(np.array([5000, 6000, 7000, 9000]), [2, 4, 5, 3])
    assert _times.seconds_filled(stamps, 250.0).tolist() == [
        *(5500, 5750),
        *(6000, 6250, 6500, 6750),
        *(7000, 7200, 7400, 7600, 7800),
        *(9000, 9200, 9400),
    ]


def test_reordered_pictures_are_shown_in_the_order_of_their_codec(tmp_path: Path) -> None:
    units = encoded("libx264", 40, preset="veryfast", tune="", bf="3", **{"b-pyramid": "none"})
    disk = Disk()
    disk.pictures(units, range(START, START + 1600, 40))
    clip = only(written(disk, tmp_path))
    with av.open(str(tmp_path / clip.file)) as container:
        shown = [frame.time for frame in container.decode(video=0)]
    assert len(shown) == 40
    assert shown == sorted(shown)
    steps = np.round(np.diff([one for one in shown if one is not None]) * 1000)
    assert set(steps.tolist()) == {40.0}
    assert clip.notes[-1].endswith("times follow the order of showing")
    assert clips.grade(clip, tmp_path) == clip


@pytest.mark.parametrize("stamped", ["stored", "shown"])
def test_times_stamped_in_either_order_give_the_same_showing(stamped: str) -> None:
    orders = [0, 8, 4, 2, 6, 16, 12, 10, 14, 24, 20, 18, 22]
    times = [40 * n if stamped == "stored" else 20 * order for n, order in enumerate(orders)]
    ordering = _order.Ordering(None)
    placed = []
    for order, at in zip(orders, times, strict=True):
        placed += list(ordering.push(_order.Picture(order == 0, b"", at), (1, order)))
    placed += list(ordering.flush())
    assert [one.show_ms for one in placed] == [20 * order for order in orders]
    assert all(one.decode_ms <= one.show_ms for one in placed)
    assert all(a.decode_ms < b.decode_ms for a, b in pairwise(placed))


def test_g711_goes_into_matroska_with_its_times_and_bytes(tmp_path: Path) -> None:
    disk = Disk()
    sound = []
    for number, one in enumerate(encoded()):
        at = START + number * 40 + (4000 if number >= 25 else 0)
        disk.add(one.data, Media.KEY if one.key else Media.DELTA, at)
        for half in range(2):
            payload = bytes([number + half]) * 160
            disk.add(payload, Media.AUDIO, at + 20 * half, codec=Codec.PCM_ALAW)
            sound.append((at + 20 * half - START, payload))
    clip = only(written(disk, tmp_path))
    assert clip.file == "camera-03_2026-03-14_07-29-00_main.mkv"
    assert packets(tmp_path / clip.file, "audio") == sound
    assert len(packets(tmp_path / clip.file)) == 50
    with av.open(str(tmp_path / clip.file)) as container:
        audio = container.streams.audio[0].codec_context
        assert (audio.name, audio.sample_rate) == ("pcm_alaw", 8000)
    assert next(data for _, data in packets(tmp_path / clip.file, "subtitle")) == (
        b"2026-03-14 07:29:00"
    )
    with (tmp_path / "fragments.csv").open(newline="") as file:
        assert sum(row["kind"] == "audio" for row in csv.DictReader(file)) == 100
    assert clips.grade(clip, tmp_path) == clip


def adts(count: int) -> list[bytes]:
    """AAC in ADTS frames, 16 kHz mono."""
    target = io.BytesIO()
    with av.open(target, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        tone = (np.sin(np.arange(count * 1024) / 6) * 9000).astype(np.int16)
        for start in range(0, len(tone), 1024):
            block = tone[None, start : start + 1024].astype(np.float32) / 32768
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data, found, position = target.getvalue(), [], 0
    while position < len(data):
        size = (data[position + 3] & 3) << 11 | data[position + 4] << 3 | data[position + 5] >> 5
        found.append(data[position : position + size])
        position += size
    return found


def test_aac_stays_in_mp4_byte_for_byte(tmp_path: Path) -> None:
    disk, heard = Disk(), adts(30)
    for number, one in enumerate(encoded()):
        at = START + number * 40
        disk.add(one.data, Media.KEY if one.key else Media.DELTA, at)
        if number < 30:
            disk.add(heard[number], Media.AUDIO, START + number * 64, codec=Codec.AAC)
    clip = only(written(disk, tmp_path))
    assert clip.file.endswith(".mp4")
    found = packets(tmp_path / clip.file, "audio")
    assert [data for _, data in found] == [one[7:] for one in heard[:30]]
    assert [at for at, _ in found] == [number * 64 for number in range(30)]


@pytest.mark.parametrize(("codec", "rate", "channels"), [("mp2", 32000, 1), ("mp3", 16000, 2)])
def test_mpeg_sound_is_kept_frame_by_frame_in_matroska(
    codec: str, rate: int, channels: int, tmp_path: Path
) -> None:
    heard = mpeg_sound(codec, rate, channels)
    samples = 576 if (codec, rate) == ("mp3", 16000) else 1152
    step = samples * 1000 // rate
    disk = Disk()
    for number, one in enumerate(encoded()):
        at = START + number * 40
        disk.add(one.data, Media.KEY if one.key else Media.DELTA, at)
        if number % 4 == 0:
            both = b"".join(heard[number // 2 : number // 2 + 2])
            disk.add(both, Media.AUDIO, START + number * step // 2, codec=Codec[codec.upper()])
    clip = only(written(disk, tmp_path))
    assert (clip.file[-4:], clip.notes) == (".mkv", ())
    found = packets(tmp_path / clip.file, "audio")
    assert [data for _, data in found] == heard[:26]
    assert [at for at, _ in found] == [number * step for number in range(26)]
    with av.open(str(tmp_path / clip.file)) as container:
        stream = container.streams.audio[0]
        assert (stream.rate, stream.channels) == (rate, channels)


def mpeg_sound(codec: str, rate: int, channels: int) -> list[bytes]:
    """Frames of a tone."""
    context = av.CodecContext.create("libmp3lame" if codec == "mp3" else codec, "w")
    assert isinstance(context, av.AudioCodecContext)
    layout = "mono" if channels == 1 else "stereo"
    kind = "s16p" if codec == "mp3" else "s16"
    context.rate, context.layout, context.format = rate, layout, kind
    context.bit_rate = 64000
    found: list[bytes] = []
    for number in range(40):
        tone = (np.sin(np.arange(1152) / 9 + number) * 9000).astype(np.int16)
        shape = np.tile(tone, (channels, 1)) if kind == "s16p" else tone.repeat(channels)[None]
        frame = av.AudioFrame.from_ndarray(shape, format=kind, layout=layout)
        frame.sample_rate, frame.pts = rate, number * 1152
        found += map(bytes, context.encode(frame))
    return found


def test_sound_that_no_container_takes_is_left_out_and_said(tmp_path: Path) -> None:
    disk = Disk()
    for number, one in enumerate(encoded()):
        at = START + number * 40
        disk.add(one.data, Media.KEY if one.key else Media.DELTA, at)
        disk.add(bytes(80), Media.AUDIO, at, codec=Codec.G726)
    clip = only(written(disk, tmp_path))
    assert (clip.file[-4:], clip.grade) == (".mp4", Grade.COMPLETE)
    assert clip.notes == (
        "50 frames of sound left out: neither MP4 nor Matroska holds g726 as it is stored",
    )


@pytest.mark.parametrize(
    ("name", "codec", "suffix"),
    [("mjpeg", Codec.MJPEG, "mkv"), ("mpeg4", Codec.MPEG4, "mp4")],
)
def test_older_codecs_get_a_container_that_takes_them(
    tmp_path: Path, name: str, codec: Codec, suffix: str
) -> None:
    disk = Disk(codec)
    units = encoded(name, 20)
    disk.pictures(units, irregular(20))
    clip = only(written(disk, tmp_path))
    assert (clip.file[-3:], clip.frames) == (suffix, 20)
    assert [data for _, data in packets(tmp_path / clip.file)] == [one.data for one in units]
    assert [at for at, _ in packets(tmp_path / clip.file)] == [at - START for at in irregular(20)]
    assert clips.grade(clip, tmp_path) == clip


def test_damage_inside_pictures_makes_the_clip_damaged(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(), range(START, START + 2000, 40))
    for number in (12, 33):
        offset, size = int(disk.rows["offset"][number]), int(disk.rows["size"][number])
        middle = offset + 10 + size // 2
        disk.data[middle : middle + size // 4] = bytes(
            one ^ 0xA5 for one in disk.data[middle : middle + size // 4]
        )
    clip = only(written(disk, tmp_path))
    assert clip.grade == Grade.COMPLETE
    graded = clips.grade(clip, tmp_path)
    assert graded.grade == Grade.DAMAGED
    assert "of 50 frames decode with visible damage" in graded.notes[0]


def test_a_decoder_that_hangs_or_breaks_down_costs_only_the_grade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    disk.pictures(encoded(count=10), range(START, START + 400, 40))
    clip = only(written(disk, tmp_path))
    os.mkfifo(tmp_path / "pipe.mp4")  # nobody writes into it, so that reading never ends
    hanging = msgspec.structs.replace(clip, file="pipe.mp4")
    assert clips.grade(hanging, tmp_path, limit_s=0.2) == msgspec.structs.replace(
        hanging,
        grade=Grade.DAMAGED,
        notes=("the decoder took longer than 0.2 s; decodability unknown",),
    )
    assert clips.grade(clip, tmp_path) == clip
    (tmp_path / "no.mp4").write_bytes(b"no film")
    other = msgspec.structs.replace(clip, file="no.mp4")
    assert clips.grade(other, tmp_path) == msgspec.structs.replace(
        other, grade=Grade.DAMAGED, notes=("the decoder crashed; decodability unknown",)
    )
    assert clips.grade(clip, tmp_path) == clip
    monkeypatch.setattr(_grade, "_DECODERS", Servants("vidrecover.no_such_module"))
    (note,) = clips.grade(clip, tmp_path).notes
    assert note == "the process that decodes pictures does not start; decodability unknown"


def test_one_decoder_grades_clip_after_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    disk.pictures(encoded(count=10), range(START, START + 400, 40))
    clip = only(written(disk, tmp_path))
    begun = list[int]()

    class Counted(servant.Servant):
        def _listening(self) -> bool:
            is_there = super()._listening()
            begun.append(0 if self._process is None else self._process.pid)
            return is_there

    monkeypatch.setattr(servant, "Servant", Counted)
    monkeypatch.setattr(_grade, "_DECODERS", Servants("vidrecover.clips._check"))
    assert [clips.grade(clip, tmp_path) for _ in range(3)] == [clip] * 3
    assert len(begun) == 3
    assert len(set(begun)) == 1


def without_sets(one: Coded) -> bytes:
    kept = [
        u
        for u in with_start_codes(one.data)
        if nal.unit_kind(Codec.H264, u[0]) not in ("sps", "pps")
    ]
    return b"".join(b"\0\0\0\1" + u for u in kept)


def test_footage_that_cannot_be_decoded_is_told_not_dropped(tmp_path: Path) -> None:
    disk = Disk()
    for one, at in zip(encoded(), range(START, START + 2000, 40), strict=True):
        disk.add(without_sets(one), Media.KEY if one.key else Media.DELTA, at)
    assert written(disk, tmp_path) == [
        clips.LeftOut(
            channel=3,
            stream=Stream.MAIN,
            from_ms=START,
            to_ms=START + 1960,
            frames=50,
            format="fake",
            reason="no whole key frame with its parameter sets: the frames cannot be decoded alone",
        )
    ]
    assert names(tmp_path) == ["fragments.csv"]


@pytest.mark.parametrize(
    ("foreign", "grade", "note"),
    [
        (True, Grade.DAMAGED, "parameter sets borrowed from camera 4, offset 0x100"),
        (False, Grade.COMPLETE, "parameter sets taken from camera 4, offset 0x100"),
    ],
)
def test_borrowed_parameter_sets_are_always_told(
    tmp_path: Path, foreign: bool, grade: Grade, note: str
) -> None:
    disk = Disk()
    for one, at in zip(encoded(), range(START, START + 2000, 40), strict=True):
        disk.add(without_sets(one), Media.KEY if one.key else Media.DELTA, at)
    head = nal.head(Codec.H264, encoded()[0].data)
    sets = b"".join(b"\0\0\0\1" + one.data for one in head if one.kind in ("sps", "pps"))
    lent = clips.Borrowed(sets, "camera 4, offset 0x100", foreign)
    clip = only(written(disk, tmp_path, borrow=lambda _: lent))
    assert (clip.grade, clip.notes, clip.frames) == (grade, (note,), 50)
    assert clips.grade(clip, tmp_path) == clip


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(count=10), range(START, START + 400, 40))
    target = tmp_path / "camera-03_2026-03-14_07-29-00_main.mp4"
    target.write_text("mine")
    with pytest.raises(ClipError, match="exists already: choose an empty folder"):
        written(disk, tmp_path)
    assert target.read_text() == "mine"
    assert names(tmp_path) == [target.name, "fragments.csv"]
    with pytest.raises(ClipError, match="exists already: choose an empty folder"):
        written(disk, tmp_path)


def test_a_caller_that_stops_leaves_no_half_file(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(), range(START, START + 2000, 40))

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written(disk, tmp_path, progress=stop)
    assert names(tmp_path) == ["fragments.csv"]


def test_the_folder_may_not_be_the_source(tmp_path: Path) -> None:
    class Folder(MemorySource):
        @property
        def identity(self) -> SourceIdentity:
            return SourceIdentity(path=str(tmp_path), kind="raw", size=0)

    with pytest.raises(ClipError, match="lies on the source"):
        written(Disk(), tmp_path, source=Folder(b""), recordings=[])


@pytest.mark.parametrize("kib", [8, 40, 88, 100])
def test_a_full_disk_keeps_the_clips_before_and_removes_the_rest(
    small_disk: Callable[[int], Path], kib: int
) -> None:
    first, second = Disk(), Disk()
    first.pictures(encoded(count=10), range(START, START + 400, 40))
    second.data = first.data
    second.pictures(encoded() * 3, range(START + 60_000, START + 66_000, 40))
    folder = small_disk(kib)
    found: list[Clip | clips.LeftOut] = []
    with pytest.raises(ClipError, match="make room or choose another folder"):
        found.extend(
            clips.write(
                [first.recording(), second.recording()],
                second.source(),
                unpack,
                folder,
                clocks=EXACT,
            )
        )
    with (folder / "fragments.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    whole = {row[0] for row in rows[1:]}
    assert names(folder) == sorted({"fragments.csv", *whole})
    for name in whole:
        assert len(packets(folder / name)) == 10


def test_neighbouring_frames_are_read_at_once(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(), range(START, START + 2000, 40))
    source = disk.source()
    written(disk, tmp_path, source=source)
    assert len(source.reads) == 3
    assert source.reads[0].start == 100
    assert source.reads[-1].end == len(disk.data)


def test_rows_beyond_the_source_are_left_out(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(), range(START, START + 2000, 40))
    disk.tables[-1]["offset"] = 1 << 40
    disk.tables[-2]["size"] = 0xFFFFFFFF
    clip = only(written(disk, tmp_path))
    assert (clip.frames, clip.notes) == (
        48,
        ("2 frames left out: bytes cannot be read from the source",),
    )


def test_progress_counts_the_bytes_of_the_frames(tmp_path: Path) -> None:
    disk = Disk()
    disk.pictures(encoded(), range(START, START + 2000, 40))
    told: list[int] = []
    written(disk, tmp_path, progress=told.append)
    assert sum(told) == len(disk.data) - 100


def test_ffprobe_reads_the_same_frames_and_span(tmp_path: Path) -> None:
    tool = shutil.which("ffprobe")
    if tool is None:
        pytest.skip("ffprobe is not installed")
    disk = Disk()
    disk.pictures(encoded(), range(START, START + 2000, 40))
    clip = only(written(disk, tmp_path))
    done = subprocess.run(
        [
            *(tool, "-v", "error", "-count_packets", "-select_streams", "v:0"),
            *("-show_entries", "stream=nb_read_packets,duration", "-of", "json"),
            str(tmp_path / clip.file),
        ],
        capture_output=True,
        check=True,
    )
    stream = json.loads(done.stdout)["streams"][0]
    assert (stream["nb_read_packets"], float(stream["duration"])) == ("50", 2.0)


def test_a_container_that_refuses_costs_one_recording_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, other = Disk(), Disk()
    disk.pictures(encoded(count=10), range(START, START + 400, 40))
    other.data = disk.data
    other.pictures(encoded(count=10), range(START + 60_000, START + 60_400, 40))
    plain = ClipFile.picture

    def refuse(self: ClipFile, *given: Any) -> None:
        if self.start_ms == START:
            raise Refused("Invalid data")
        plain(self, *given)

    monkeypatch.setattr(ClipFile, "picture", refuse)
    recordings = [disk.recording(), other.recording()]
    left_out, clip = written(other, tmp_path, recordings=recordings)
    assert isinstance(left_out, clips.LeftOut)
    assert (left_out.frames, left_out.reason) == (10, "the container refuses it: Invalid data")
    assert isinstance(clip, Clip)
    assert names(tmp_path) == [clip.file, "fragments.csv"]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["libx264", "libx265", "mjpeg"]),
    st.booleans(),
    st.lists(st.tuples(st.integers(100, 20_000), st.integers(1, 255)), max_size=200),
    st.lists(
        st.tuples(
            st.integers(0, 19), st.sampled_from(["flags", "time_ms", "size"]), st.integers(0, 63)
        ),
        max_size=5,
    ),
)
def test_damaged_frames_never_raise_and_give_the_same_by_columns(
    name: str, sound: bool, flips: list[tuple[int, int]], changes: list[tuple[int, str, int]]
) -> None:
    codecs = {"libx264": Codec.H264, "libx265": Codec.H265, "mjpeg": Codec.MJPEG}
    disk = Disk(codecs[name])
    for number, one in enumerate(encoded(name, 20)):
        disk.add(one.data, Media.KEY if one.key else Media.DELTA, START + number * 40)
        if sound:
            pcm = bytes([number]) * 160
            disk.add(pcm, Media.AUDIO, START + number * 40, codec=Codec.PCM_MULAW)
    for place, mask in flips:
        disk.data[place % len(disk.data)] ^= mask
    for number, column, value in changes:
        disk.tables[number][column] = value
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        found, singly = both_ways(disk, Path(folder), patch)
        files = [one.file for one in found if isinstance(one, Clip)]
        there = contents(Path(folder) / "2")
        assert sorted(there) == sorted([*files, "fragments.csv"])
        assert (found, there) == (singly, contents(Path(folder) / str(1 << 40)))


def both_ways(
    disk: Disk, folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> list[list[Clip | clips.LeftOut]]:
    """Clips made of pictures by columns, and of each by itself."""
    found = []
    for least in (2, 1 << 40):
        monkeypatch.setattr(_units, "_LEAST", least)
        found.append(written(disk, folder / str(least), **options))
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names(folder)}


@pytest.mark.parametrize(
    ("codec", "more"),
    [
        ("libx264", {}),
        ("libx264", {"x264-params": "slices=4:aud=1"}),
        ("libx264", {"tune": "film", "bf": "2"}),
        ("libx265", {}),
    ],
)
def test_pictures_by_columns_give_the_clips_of_single_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, more: dict[str, str]
) -> None:
    disk = Disk(Codec.H264 if codec == "libx264" else Codec.H265)
    pictures = list(encoded(codec, 120, **more))
    times = [START + 40 * number - 3 * (number % 7 == 3) * 25 for number in range(120)]
    for number, (one, time_ms) in enumerate(zip(pictures, times, strict=True)):
        flags = FrameFlag.END_UNPROVEN if number % 9 == 0 else FrameFlag.NONE
        if number not in (33, 71, 72):
            disk.pictures([one], [time_ms + 700_000 * (number >= 100)], flags=flags)
    together = list[int]()
    add = _clip.Making.pictures

    def counted(self: _clip.Making, look: Look, first: int, end: int) -> None:
        together.append(end - first)
        add(self, look, first, end)

    monkeypatch.setattr(_clip.Making, "pictures", counted)
    by_columns, singly = both_ways(disk, tmp_path, monkeypatch)
    assert (sum(together) > 80) is ("bf" not in more)
    assert by_columns == singly
    assert contents(tmp_path / "2") == contents(tmp_path / str(1 << 40))


def test_a_long_clip_has_sound_pictures_and_clock_in_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noisy = [Coded(one.data + bytes([0x80]) * 60_000, one.key) for one in encoded(count=50)]
    disk = Disk()
    disk.pictures(noisy, range(START, START + 2000, 40))
    by_columns, singly = both_ways(disk, tmp_path, monkeypatch)
    assert by_columns == singly
    clip = only(by_columns)
    path = tmp_path / "2" / clip.file
    assert path.read_bytes() == (tmp_path / str(1 << 40) / clip.file).read_bytes()
    assert [len(with_lengths(one)[-1]) > 60_000 for _, one in packets(path)] == [True] * 50
    assert path.stat().st_size < 1.03 * sum(len(one.data) for one in noisy)


REAL = {
    "vehicle/jt1078__jt1078_3.h264": (Codec.H264, 2477),
    "h264/jcodec__seq_poc0_test.264": (Codec.H264, 43),
    "h264/libvpl__cars_320x240.h264": (Codec.H264, 30),
    "h264/openh264__CVFC1_Sony_C.jsv": (Codec.H264, 50),
    "h265/libvpl__cars_320x240.h265": (Codec.H265, 30),
    "h265/h265nal__akiyo.kvazaar.qp_30.265": (Codec.H265, 300),
    "mjpeg/libvpl__cars_320x240.mjpeg": (Codec.MJPEG, 30),
}


@pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the corpus of real footage is not beside the repository"
)
@pytest.mark.parametrize("path", REAL)
def test_real_footage_gives_complete_clips_shown_in_order(tmp_path: Path, path: str) -> None:
    codec, count = REAL[path]
    parser = av.CodecContext.create(
        {Codec.H264: "h264", Codec.H265: "hevc", Codec.MJPEG: "mjpeg"}[codec], "r"
    )
    found = [*parser.parse((CORPUS / path).read_bytes()), *parser.parse(b"")]
    disk = Disk(codec)
    units = [Coded(bytes(one), bool(one.is_keyframe)) for one in found]
    disk.pictures(units, range(START, START + 40 * count, 40))
    clip = only(written(disk, tmp_path))
    assert (clip.frames, clip.grade) == (count, Grade.COMPLETE)
    with av.open(str(tmp_path / clip.file)) as container:
        shown = [round((one.time or 0) * 1000) for one in container.decode(video=0)]
    assert shown == list(range(0, 40 * count, 40))
