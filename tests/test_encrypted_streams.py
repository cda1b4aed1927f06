"""Streams whose own headers say that they are scrambled: named as encrypted, never a clip."""

import re
from pathlib import Path

import numpy as np
import pytest

from vidrecover import simulate
from vidrecover.case import Case
from vidrecover.clips import LeftOut
from vidrecover.framings import mpegts
from vidrecover.model import (
    CauseKind,
    Certainty,
    Clip,
    Codec,
    FrameFlag,
    Frames,
    Grade,
    SourceRef,
    Window,
)

SCENE = """
title = "scrambled"
layout = "{layout}"
seed = 3
start = "2026-03-14T07:30:00"
end = "2026-03-14T07:30:12"
[[cameras]]
numbers = [1]
rate = 5
gop = 5
width = 176
height = 144
encrypted = [["07:30:04", "end"]]
[image]
period_s = 60.0
lead_kib = 8
tail_kib = 8
[{layout}]
{more}
"""
SCRAMBLED = [
    ("ts", 'marked = "packets"'),
    ("ts", 'packet = 192\nmarked = "packets"'),
    ("ts", 'marked = "pes"'),
    ("gbps", "marked = true"),
    ("gbps", "marked = true\nunbounded = true"),
]


def built(folder: Path, layout: str, more: str) -> Path:
    """An image whose pictures are noise from second 4 on, marked so."""
    path = folder / "scene.toml"
    path.write_text(SCENE.format(layout=layout, more=more))
    simulate.build(simulate.load(path), folder / "disk.img")
    return folder / "disk.img"


def read(data: bytes) -> Frames:
    """Rows of the reader, the whole of the data in one window."""
    array = np.frombuffer(data, dtype=np.uint8)
    codes = (b"\0\0\1\xe0", b"\0\2\xb0")
    found = sorted(one.start() for code in codes for one in re.finditer(re.escape(code), data))
    return mpegts.frames(Window(0, array, len(array), (), True), np.array(found, dtype=np.int64))


def transport(data: bytes, size: int) -> list[object]:
    """Rows of the reader, window by window, read again with all bytes where it asks for them."""
    array = np.frombuffer(data, dtype=np.uint8)
    codes = (b"\0\0\1\xe0", b"\0\2\xb0")
    found = sorted(one.start() for code in codes for one in re.finditer(re.escape(code), data))
    places, tables = np.array(found, dtype=np.int64), []
    for start in range(0, len(array), size):
        limit = min(size, len(array) - start)
        own = places[places >= start] - start
        part = array[start : start + limit + (1 << 20)]
        at_end = start + len(part) == len(array)
        rows = mpegts.frames(Window(start, part, limit, (), at_end), own[own < len(part)])
        if (rows["flags"] & FrameFlag.OVERRUN).any():
            rows = mpegts.frames(Window(start, array[start:], limit, (), True), own)
        tables.append(rows)
    whole: list[object] = np.sort(np.concatenate(tables), order="offset").tolist()
    return whole


@pytest.mark.parametrize(("layout", "more"), SCRAMBLED)
def test_scrambled_footage_is_told_as_encrypted_and_clear_footage_beside_it_is_kept(
    layout: str, more: str, tmp_path: Path
) -> None:
    image = built(tmp_path, layout, more)
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(image)))
        hidden = [one for one in case.segments() if one.codec is Codec.ENCRYPTED]
        causes = case.diagnose().causes
        heard = list[Clip | LeftOut]()
        clips = case.recover(tmp_path / "clips", told=heard.append)
    assert sum(one.frames for one in hidden) == 40
    assert sum(one.unfinished for one in hidden) == 0
    (told,) = [one for one in causes if one.kind is CauseKind.ENCRYPTED]
    assert told.certainty is Certainty.CERTAIN
    assert (told.channels, told.span) == ((None,), None)
    assert "40 pictures" in told.reason
    assert told.basis == tuple(f"segment {one.id}" for one in hidden)
    assert [(one.codec, one.frames, one.grade) for one in clips] == [
        (Codec.H264, 20, Grade.COMPLETE)
    ]
    (left,) = [one for one in heard if isinstance(one, LeftOut)]
    assert left.frames == 40
    assert left.reason.startswith("it is encrypted")


@pytest.mark.parametrize("more", ['marked = "packets"', 'marked = "pes"'])
def test_scrambled_packets_are_the_same_rows_in_windows_of_any_size(
    more: str, tmp_path: Path
) -> None:
    data = built(tmp_path, "ts", more).read_bytes()
    whole = transport(data, len(data))
    assert whole
    for size in (5_000, 30_011, 100_000):
        assert transport(data, size) == whole


def test_a_lost_scrambled_packet_shows_in_its_frame_and_in_no_other(tmp_path: Path) -> None:
    data = built(tmp_path, "ts", 'marked = "packets"').read_bytes()
    rows = read(data)
    hidden = rows[rows["codec"] == Codec.ENCRYPTED]
    (inside, *_) = hidden["offset"][(hidden["flags"] & FrameFlag.CONTINUES) != 0].tolist()
    rows = read(data[:inside] + data[inside + 188 :])
    hidden = rows[rows["codec"] == Codec.ENCRYPTED]
    first = hidden[(hidden["flags"] & FrameFlag.CONTINUES) == 0]
    assert len(first) == 40
    assert int(((first["flags"] & FrameFlag.UNFINISHED) != 0).sum()) == 1


def test_a_stream_that_is_clear_though_its_headers_call_it_scrambled_is_read(
    tmp_path: Path,
) -> None:
    data = bytearray(built(tmp_path, "gbps", "marked = false").read_bytes())
    for one in re.finditer(rb"\x00\x00\x01\xe0..\x80", bytes(data), re.DOTALL):
        data[one.end() - 1] |= 0x20
    (tmp_path / "disk.img").write_bytes(data)
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(tmp_path / "disk.img")), pictures=False)
        (clip,) = case.recover(tmp_path / "clips")
    assert (clip.codec, clip.frames) == (Codec.H264, 20)


def test_random_bytes_and_flipped_bits_make_no_crash_and_few_scrambled_frames(
    tmp_path: Path,
) -> None:
    data = built(tmp_path, "ts", 'marked = "packets"').read_bytes()
    rng = np.random.default_rng(8)
    for _ in range(20):
        hurt = np.frombuffer(data, dtype=np.uint8).copy()
        hurt[rng.integers(0, len(hurt), 200)] = rng.integers(0, 256, 200)
        rows = read(hurt.tobytes()[: int(rng.integers(1, len(hurt)))])
        hidden = rows[(rows["codec"] == Codec.ENCRYPTED)]
        first = (hidden["flags"] & FrameFlag.CONTINUES) == 0
        assert int(first.sum()) <= 40
        assert ((rows["offset"] + rows["size"]) <= len(hurt)).all()
