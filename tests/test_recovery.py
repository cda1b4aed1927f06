"""The main job, shown on simulated and on real recorder data: every frame back, once, in order.

The witness is the simulator's own list of what it laid on the disk, and PyAV's reading of the
clips; nothing of the readers is used to judge them.
"""

import csv
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from vidrecover.case import Case
from vidrecover.clock import parse_iso
from vidrecover.model import Clip, Grade, SourceRef
from vidrecover.scan import WINDOW_SIZE
from vidrecover.simulate import scenarios

CORPUS = Path(__file__).parents[1].parent / "shared" / "corpus"

WHOLE = (
    "annexb-plain", "annexb-twelve", "avi-plain",
    "dhav-plain", "dhfs-destroyed", "dhfs-formatted", "dhfs-gaps", "dhfs-h265", "dhfs-intact",
    "dhfs-orphaned", "gbps-loose", "gbps-plain", "hx-plain", "imkh-plain", "jt1078-ten",
    "mp4-fragments", "mp4-plain", "mp4-two", "nndc-twelve", "ts-plain", "ts-programs",
    "hikvision-destroyed", "hikvision-formatted", "hikvision-intact", "hikvision-power-cut",
    "hiv-intact", "hiv-power-cut", "tme-265", "tme-deleted",
    "wfs-destroyed", "wfs-formatted", "wfs-intact", "wfs-power-cut", "xm-plain",
)  # fmt: skip
"""Scenarios in which no frame lacks bytes or the key frame it needs."""
TORN = ("dhfs-bad-sectors", "dhfs-wrapped", "jt1078-six", "ts-sectors")


class Played(NamedTuple):
    """One packet of a clip: SHA-256 of its NAL units behind 4-byte start codes; recorder time."""

    sha256: str
    time_ms: float | None


def _packets(folder: Path, clip: Clip) -> list[Played]:
    with av.open(str(folder / clip.file)) as container:
        stream = container.streams.video[0]
        prefixed = bytes(stream.codec_context.extradata or b"")[:1] == b"\1"
        prefixed &= clip.format != "mp4"  # lengths are what the simulator laid there, too
        return [
            Played(
                hashlib.sha256(_annexb(bytes(packet)) if prefixed else bytes(packet)).hexdigest(),
                None
                if clip.from_ms is None or packet.pts is None
                else clip.from_ms + float(packet.pts * packet.time_base) * 1000,
            )
            for packet in container.demux(stream)
            if packet.size
        ]


def _annexb(data: bytes) -> bytes:
    """NAL units with 4-byte lengths as the simulator laid them: behind 4-byte start codes."""
    parts, place = [], 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        parts.append(data[place + 4 : place + 4 + size])
        place += 4 + size
    return b"".join(b"\0\0\0\1" + part for part in parts)


def _recovered(
    disk: Path, folder: Path, *, jobs: int = 1, window_size: int = WINDOW_SIZE
) -> tuple[list[Clip], Path]:
    bad = disk.parent / "bad.map"
    ref = SourceRef(path=str(disk), map_path=str(bad) if bad.exists() else None)
    with Case.open(folder / "case", create=True) as case:
        case.scan(ref, pictures=False, jobs=jobs, window_size=window_size)
        return case.recover(folder / "clips"), folder / "clips"


def _accepted(clips: list[Clip], folder: Path) -> None:
    """ffprobe counts the pictures of every clip and complains of nothing, mediainfo knows each,
    and the notes of undated ones say where their times come from."""
    for clip in clips:
        told = " ".join(clip.notes)
        assert clip.from_ms is not None or "times count from the first frame" in told, clip
    for clip in clips if shutil.which("ffprobe") else ():
        done = subprocess.run(
            ["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-of", "json",
             "-show_entries", "stream=nb_read_packets,codec_name", str(folder / clip.file)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        (stream,) = json.loads(done.stdout)["streams"]
        assert (done.stderr, int(stream["nb_read_packets"])) == ("", clip.frames), clip.file
    if clips and shutil.which("mediainfo"):
        files = [str(folder / clip.file) for clip in clips]
        done = subprocess.run(
            ["mediainfo", "--Output=JSON", *files], capture_output=True, text=True, check=True
        )
        found = json.loads(done.stdout)
        for one in found if isinstance(found, list) else [found]:
            tracks = {track["@type"]: track for track in one["media"]["track"]}
            assert tracks["Video"]["Format"] in ("AVC", "HEVC"), one
            assert "IsTruncated" not in done.stdout, one
            assert "ConformanceErrors" not in done.stdout, one


def _pictures(folder: Path) -> dict[str, list[dict[str, str]]]:
    """The rows of frames.csv that are pictures wholly on the disk, by channel."""
    with (folder / "frames.csv").open(newline="") as file:
        kept = [r for r in csv.DictReader(file) if (r["media"], r["state"]) == ("video", "on_disk")]
    names = {row["channel"] for row in kept}
    return {name: [row for row in kept if row["channel"] == name] for name in names}


def _by_channel(clips: list[Clip], folder: Path) -> dict[str, list[Played]]:
    found: dict[str, list[Played]] = {}
    for clip in sorted(clips, key=lambda one: (one.from_ms or 0, one.file)):
        found.setdefault(str(clip.channel or ""), []).extend(_packets(folder, clip))
    return found


def test_clips_of_every_layout_are_shown() -> None:
    shown = {name.split("-")[0] for name in (*WHOLE, *TORN)}
    others = {
        "exfat",
        "ext4",
        "fat",
        "ntfs",
        "van",
    }  # streams that others of these show, on a file system and in a van
    assert {name.split("-")[0] for name in scenarios()} - others == shown


@pytest.mark.parametrize("name", WHOLE)
def test_every_frame_is_in_a_clip_of_its_camera_once_and_whole_and_in_time(
    name: str, simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    truth = simulated(name)
    clips, folder = _recovered(truth / "disk.img", tmp_path)
    played = _by_channel(clips, folder)
    expected = _pictures(truth)
    assert played.keys() == expected.keys()
    for channel, rows in expected.items():
        wanted = [row["sha256"] for row in rows]
        got = [one.sha256 for one in played[channel]]
        assert sorted(got) == sorted(wanted)
        if channel:  # frames of unknown cameras are in clips of one stretch each
            assert got == wanted
            _check_times(played[channel], [parse_iso(row["time"]) for row in rows])
    assert {clip.grade for clip in clips} == {Grade.COMPLETE}
    _accepted(clips, folder)


def test_of_files_cut_by_a_power_loss_only_the_last_picture_is_left_out(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    truth = simulated("mp4-power-cut")
    clips, folder = _recovered(truth / "disk.img", tmp_path)
    rows = _pictures(truth)[""]
    last = {row["camera"]: row["sha256"] for row in rows}  # nothing bears out where it ends
    wanted = sorted(row["sha256"] for row in rows if row["sha256"] not in last.values())
    assert sorted(one.sha256 for one in _by_channel(clips, folder)[""]) == wanted
    assert {clip.grade for clip in clips} == {Grade.PARTIAL}
    _accepted(clips, folder)


def _check_times(played: list[Played], truth: list[int]) -> None:
    """Rising, and right to one frame interval: dates below a second come from a counter."""
    times = [one.time_ms or 0.0 for one in played]
    interval = float(np.median(np.diff(truth)))
    assert max(abs(a - b) for a, b in zip(times, truth, strict=True)) <= interval
    assert all(after > before for before, after in pairwise(times))


@pytest.mark.parametrize("name", TORN)
def test_torn_footage_gives_no_frame_twice_and_none_that_was_not_there(
    name: str, simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    truth = simulated(name)
    clips, folder = _recovered(truth / "disk.img", tmp_path)
    for channel, played in _by_channel(clips, folder).items():
        wanted = [row["sha256"] for row in _pictures(truth)[channel]]
        places = {sha256: place for place, sha256 in enumerate(wanted)}
        got = [places[one.sha256] for one in played if one.sha256 in places]
        assert len(got) == len(played)
        distinct = len(set(wanted)) == len(wanted)
        assert not distinct or got == sorted(set(got))
    lacking = [clip for clip in clips if any("frames left out" in note for note in clip.notes)]
    assert Grade.COMPLETE not in {clip.grade for clip in lacking if clip.channel}
    _accepted(clips, folder)


@pytest.mark.parametrize(("jobs", "window_size"), [(1, 256 << 10), (1, 16 << 20), (2, 2 << 20)])
def test_clips_are_the_same_for_any_window_and_number_of_processes(
    jobs: int, window_size: int, simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    disk = simulated("dhfs-orphaned") / "disk.img"
    first, first_folder = _recovered(disk, tmp_path / "a")
    second, second_folder = _recovered(disk, tmp_path / "b", jobs=jobs, window_size=window_size)
    assert first == second
    for clip in first:
        assert (first_folder / clip.file).read_bytes() == (second_folder / clip.file).read_bytes()
    lists = [place / "fragments.csv" for place in (first_folder, second_folder)]
    assert lists[0].read_text() == lists[1].read_text()


def test_every_run_of_source_bytes_in_the_list_is_there(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    disk = simulated("dhfs-intact") / "disk.img"
    _, folder = _recovered(disk, tmp_path)
    content = disk.read_bytes()
    with (folder / "fragments.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["clip", "seq", "source", "offset", "length", "sha256", "kind"]
    for row in rows:
        start, size = int(row["offset"]), int(row["length"])
        assert hashlib.sha256(content[start : start + size]).hexdigest() == row["sha256"]
    assert {row["kind"] for row in rows} <= {"video", "audio", "header"}


def _packets_of_dump(name: str) -> bytes:
    """Bytes of a corpus dump: the last comma-separated field of each line is hexadecimal."""
    lines = (CORPUS / "vehicle" / name).read_text().splitlines()
    return b"".join(bytes.fromhex(line.split(",")[-1].strip()) for line in lines)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real footage is not here")
def test_real_recorders_give_all_their_pictures_at_their_own_speed(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    noise = [rng.integers(0, 256, size, dtype=np.uint8).tobytes() for size in (300_001, 70_000, 5)]
    pave = (CORPUS / "framing" / "node-ar-drone__pave.bin").read_bytes()
    disk = tmp_path / "disk.img"
    disk.write_bytes(
        noise[0] + _packets_of_dump("jt1078__JT1078_2.txt") + noise[1]
        + _packets_of_dump("jt1078__jt1078_4.txt") + bytes(200_000) + pave + noise[2]
    )  # fmt: skip
    with Case.open(tmp_path / "case", create=True) as case:
        report = case.scan(SourceRef(path=str(disk)), pictures=False)
        clips = case.recover(tmp_path / "clips")
    assert {one.channel: one.frames for one in report.channels} == {1: 270, 3: 931, None: 20}
    first, second = (clip for clip in clips if clip.channel in (1, 3))
    assert (first.frames, second.frames) == (270, 931)
    assert (first.grade, second.grade) == (Grade.COMPLETE, Grade.COMPLETE)
    seconds = []
    for clip in (first, second):
        times = [one.time_ms or 0 for one in _packets(tmp_path / "clips", clip)]
        seconds.append((times[-1] - times[0]) / 1000)
    assert seconds == pytest.approx([39.6, 106.122], abs=0.001)
