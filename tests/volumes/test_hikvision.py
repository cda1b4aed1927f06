"""Hikvision disks built here from hikvision-fs.md, with its examples; whole, damaged, hostile."""

import json
import random
import runpy
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import clock, volumes
from vidrecover.model import Claim, ClaimKind, EventKind, Extent, VolumeReport
from vidrecover.source.raw import RawSource
from vidrecover.volumes import hikvision

MADE = runpy.run_path(str(Path(__file__).parents[1] / "memory_source.py"))
MemorySource: Any = MADE["MemorySource"]

MASTER, LOG, COPY, VIDEO = 0x200, 0xA200, 0xE200, 0x20000
BLOCK, COUNT = 1 << 20, 4
TREE1, TREE2 = VIDEO + COUNT * BLOCK, VIDEO + COUNT * BLOCK + 0x8000
SIZE = TREE2 + 0x8000
ONES = (1 << 64) - 1

FINISHED = bytes.fromhex(
    "FF FF FF FF FF FF FF FF 00 00 00 00 00 00 00 00"
    "00 03 00 00 00 00 00 00 88 15 47 66 28 18 47 66"
    "00 00 02 00 00 00 00 00 00 00 00 00 00 00 00 00"
)
"""Channel 3, 2024-05-17 08:30:00 to 08:41:12; hikvision-fs.md section 4.4, its block here 0."""
RECORDING = bytes.fromhex(
    "FF FF FF FF FF FF FF FF 00 00 00 00 00 00 00 00"
    "00 03 00 00 00 00 00 00 FF FF FF 7F 00 00 00 00"
    "00 00 12 00 00 00 00 00 00 00 00 00 00 00 00 00"
)
EMPTY = struct.pack("<2Q16xQ8x", ONES, ONES, VIDEO + 2 * BLOCK)
OFNI = bytes.fromhex(
    "4F 46 4E 49 38 00 00 00 00 00 00 00 E2 04 00 00"
    "03 00 00 00 00 00 00 00 BA 15 47 66 00 00 00 00"
    "00 00 00 00 40 7A 0B 00 00 00 00 00 00 00 00 00"
    "00 00 00 00 00 00 00 00"
)
"""Channel 3, 2024-05-17 08:30:50, key frame at block + 0xB7A40; section 5, its offset smaller."""
LOSS = bytes.fromhex("52 41 54 53 14 00 00 00 C6 15 47 66 02 00 21 00 03 00")
LOGIN = bytes.fromhex("52 41 54 53 14 00 00 00 86 15 47 66 03 00 70 00 61 64 6D 69 6E")
"""Records of section 6: video loss of camera 3 at 08:31:02, a remote login at 08:29:58."""


def ms(text: str) -> int:
    return clock.parse_iso(f"2024-05-17T{text}")


def key(channel: int, text: str, offset: int) -> bytes:
    seconds = ms(text) // 1000
    return struct.pack("<4sI4xIB7xI8xI16x", b"OFNI", 56, 1250, channel, seconds, offset)


def entry(channel: int, begin: str, end: str, block: int) -> bytes:
    times = (ms(begin) // 1000, ms(end) // 1000)
    head = struct.pack("<2Q", ONES, 0) + struct.pack(">H6x", channel)
    return head + struct.pack("<2IQ8x", *times, VIDEO + block * BLOCK)


def master() -> bytes:
    raw = bytearray(256)
    raw[0x10:0x22] = b"HIKVISION@HANGZHOU"
    for place, kind, value in (
        (0x48, "Q", SIZE), (0x60, "Q", LOG), (0x68, "Q", COPY - LOG), (0x78, "Q", VIDEO),
        (0x88, "Q", BLOCK), (0x90, "I", COUNT), (0x98, "Q", TREE1), (0xA0, "I", 0x8000),
        (0xA8, "Q", TREE2), (0xB0, "I", 0x8000), (0xF0, "I", ms("08:00:00") // 1000),
    ):  # fmt: skip
        struct.pack_into(f"<{kind}", raw, place, value)
    return bytes(raw)


def tree(at: int, pages: list[list[bytes]]) -> bytes:
    raw = bytearray(0x8000)
    raw[0x10:0x18] = b"HIKBTREE"
    struct.pack_into("<2Q", raw, 0x50, at + 0x1000, at + 0x2000)
    struct.pack_into("<I4xQ", raw, 0x1010, len(pages) - 1, at + 0x2000)
    for number, rows in enumerate(pages):
        place = 0x2000 + 0x1000 * number
        if number:
            struct.pack_into("<Q", raw, 0x1060 + 48 * (number - 1), at + place)
        struct.pack_into("<I", raw, place + 0x10, len(rows))
        following = ONES if number + 1 == len(pages) else at + place + 0x1000
        struct.pack_into("<Q", raw, place + 0x20, following)
        raw[place + 0x60 : place + 0x60 + 48 * len(rows)] = b"".join(rows)
    return bytes(raw)


def disk(pages: list[list[bytes]], keys: dict[int, list[bytes]], log: bytes = b"") -> bytearray:
    raw = bytearray(SIZE)
    raw[MASTER : MASTER + 256] = raw[COPY : COPY + 256] = master()
    raw[LOG : LOG + len(log)] = log
    raw[TREE1 : TREE1 + 0x8000], raw[TREE2:SIZE] = tree(TREE1, pages), tree(TREE2, pages)
    for block, rows in keys.items():
        for place, row in enumerate(rows, start=1):
            at = VIDEO + (block + 1) * BLOCK - 56 * place
            raw[at : at + 56] = row
    return raw


def report(raw: bytes | bytearray, refused: tuple[Extent, ...] = ()) -> VolumeReport:
    (found,) = hikvision.examine(MemorySource(bytes(raw), len(raw), refused))
    return found


def block(number: int) -> Extent:
    return Extent(VIDEO + number * BLOCK, VIDEO + (number + 1) * BLOCK)


PAGES = [[FINISHED, RECORDING], [EMPTY]]
KEYS = {0: [OFNI], 1: [key(3, "08:41:14", 0), key(3, "08:41:16", 90_000)]}


def closed(entry_at: int) -> Claim:
    return Claim(
        volume="hikvision@0x0",
        kind=ClaimKind.INDEX,
        channel=3,
        start_ms=ms("08:30:00"),
        end_ms=ms("08:41:12") + 999,
        extents=(block(0),),
        entry=Extent(entry_at, entry_at + 48),
    )


def test_the_examples_of_the_specification_are_a_closed_and_an_open_block() -> None:
    found = report(disk(PAGES, KEYS, LOSS.ljust(64, b"\0") + LOGIN))
    first, second = found.claims
    assert first == closed(TREE1 + 0x2060)
    assert (second.open, second.channel, second.start_ms) == (True, 3, ms("08:41:14"))
    assert second.extents[0].start == block(1).start
    assert [(one.kind, one.channel, one.time_ms) for one in found.events] == [
        (EventKind.VIDEO_LOSS_START, 3, ms("08:31:02")),
        (EventKind.OTHER, None, ms("08:29:58")),
    ]
    assert found.damage == ()


def logged(kind: tuple[int, int], text: str, channel: int, size: int = 64) -> bytes:
    """A record of the log whose camera stands 48 bytes before its end."""
    head = struct.pack("<4s2I2H", b"RATS", 0x14, (ms(text)) // 1000, *kind)
    return head.ljust(size - 48, b"\0") + bytes([channel]).ljust(48, b"\0")


def test_the_log_tells_when_a_camera_s_recording_starts_and_stops() -> None:
    first = logged((4, 0xA3), "08:00:00", 5)
    log = first + logged((4, 0xA4), "08:20:00", 5) + logged((4, 0xA3), "08:30:00", 6)
    found = report(disk(PAGES, KEYS, log))
    assert [(one.kind, one.channel) for one in found.events] == [
        (EventKind.RECORD_START, 5),
        (EventKind.RECORD_STOP, 5),
        (EventKind.RECORD_START, 6),  # the last one is as long as the one before it of its kind
    ]
    alone = report(disk(PAGES, KEYS, first)).events
    assert [(one.kind, one.channel) for one in alone] == [(EventKind.RECORD_START, None)]


def test_the_second_tree_counts_where_the_first_is_gone() -> None:
    raw = disk(PAGES, KEYS)
    raw[TREE1 : TREE1 + 0x8000] = bytes(0x8000)
    found = report(raw)
    assert found.claims[0] == closed(TREE2 + 0x2060)
    assert found.damage == (f"index tree 1 at {TREE1:#x} is not legible",)


def test_a_broken_chain_of_pages_is_mended_by_the_root() -> None:
    others = [[entry(n, "08:00:00", "08:10:00", block)] for n, block in ((1, 1), (2, 3))]
    pages = [[FINISHED], *others]
    raw = disk(pages, {})
    struct.pack_into("<Q", raw, TREE1 + 0x2020, TREE1 + 0x2000)
    found = report(raw)
    assert [one.channel for one in found.claims] == [3, 1, 2]
    assert found.damage == (
        f"index tree 1: its pages loop at {TREE1 + 0x2000:#x}",
        "index tree 1: 2 pages are named by the root only",
    )


def test_without_trees_the_tables_of_key_frames_tell_camera_and_time() -> None:
    raw = disk(PAGES, KEYS)
    raw[TREE1:] = bytes(len(raw) - TREE1)
    found = report(raw)
    assert [(one.kind, one.channel, one.start_ms, one.end_ms) for one in found.claims] == [
        (ClaimKind.REMNANT, 3, ms("08:30:50"), ms("08:30:50") + 999),
        (ClaimKind.REMNANT, 3, ms("08:41:14"), ms("08:41:16") + 999),
    ]


def test_pages_without_their_tree_still_tell() -> None:
    raw = disk(PAGES, {})
    for at in (TREE1, TREE2):
        raw[at : at + 0x1000] = bytes(0x1000)
    found = report(raw)
    first = found.claims[0]
    assert (first.kind, first.channel) == (ClaimKind.REMNANT, 3)
    assert "entries are taken from pages without their tree" in found.damage


def test_the_copy_of_the_master_counts_where_the_first_is_gone() -> None:
    raw = disk(PAGES, KEYS)
    raw[: MASTER + 256] = bytes(MASTER + 256)
    found = report(raw)
    assert found.claims[0] == closed(TREE1 + 0x2060)
    assert found.damage == ("the master sector is not legible: taken from its copy",)


def test_without_any_master_blocks_follow_from_the_tree_at_the_end() -> None:
    raw = disk([[FINISHED, entry(2, "08:00:00", "08:10:00", 3)], [RECORDING]], KEYS)
    raw[:VIDEO] = random.Random(1).randbytes(VIDEO)
    found = report(raw)
    assert [one.channel for one in found.claims] == [3, 3, 2]
    assert found.claims[0].extents == (block(0),)


def test_two_entries_of_one_block_have_the_bytes_that_its_key_frames_tell() -> None:
    rows = [entry(1, "08:00:00", "08:00:09", 0), entry(2, "08:00:10", "08:00:19", 0)]
    keys = [key(1, "08:00:00", 0), key(1, "08:00:05", 900), key(2, "08:00:10", 2000)]
    claims = report(disk([rows], {0: keys})).claims
    first, start = (one.extents for one in claims), block(0).start
    assert next(first) == (Extent(start, start + 2000),)
    assert next(first)[0].start <= start + 2000
    assert [one.channel for one in claims] == [1, 2]


def test_what_a_former_round_left_is_a_remnant_of_its_own_camera() -> None:
    keys = [key(5, "09:00:00", 0), key(5, "09:00:02", 9000), key(2, "07:00:04", 300_000)]
    claims = report(disk([[entry(5, "09:00:00", "09:00:03", 0)]], {0: keys})).claims
    assert [(one.kind, one.channel, one.start_ms) for one in claims] == [
        (ClaimKind.INDEX, 5, ms("09:00:00")),
        (ClaimKind.REMNANT, 2, ms("07:00:04")),
    ]


def test_index_times_become_recorder_time_by_the_clock_in_the_streams() -> None:
    raw = disk([[FINISHED]], {0: [key(3, "08:30:00", 0)]})
    bits = 5 << 36 | 17 << 31 | 16 << 26 | 30 << 20 | 1 << 14 | 250 << 4 | 7
    head = b"\0\0\1\xba".ljust(20, b"\xff") + b"\0\0\1\xbc".ljust(10, b"\0")
    head += b"\x40\x0eHK\1\0" + bytes([24]) + bits.to_bytes(5, "big")
    raw[VIDEO : VIDEO + len(head)] = head
    found = report(raw)
    assert found.claims[0].start_ms == ms("16:30:00")
    assert found.label is not None
    assert found.label.endswith("index times +08:00 are recorder time")


def test_a_table_that_cannot_be_read_leaves_the_entry() -> None:
    refused = (Extent(block(0).end - 512, block(0).end),)
    assert report(disk(PAGES, KEYS), refused).claims[0] == closed(TREE1 + 0x2060)


@pytest.mark.parametrize(
    "data", [b"", bytes(1 << 22), b"HIKVISION@HANGZHOU" * 9, random.Random(2).randbytes(1 << 22)]
)
def test_what_is_no_hikvision_disk_yields_nothing(data: bytes) -> None:
    assert hikvision.examine(MemorySource(data, len(data))) == []
    assert [one for one in volumes.examine(MemorySource(data, len(data))) if one.claims] == []


def test_an_empty_disk_costs_a_few_mebibytes() -> None:
    source = MemorySource(b"", 1 << 40)
    assert hikvision.examine(source) == []
    assert source.bytes_read < 1 << 23


def damaged(rng: random.Random) -> tuple[bytes, int]:
    """A disk with bits flipped in every structure, lying entries, loops, maybe cut short."""
    rows = [
        entry(rng.choice([1, 5, 0, 300]), "08:00:00", rng.choice(["08:10:00", "07:00:00"]), n % 6)
        for n in range(rng.randint(0, 12))
    ]
    pages = [rows[first : first + 4] for first in range(0, len(rows), 4)] or [[]]
    keys = {
        number: [
            key(
                rng.choice([1, 5, 0]), f"08:{n:02}:00", rng.choice([n * 1000, rng.randrange(BLOCK)])
            )
            for n in range(rng.randint(0, 50))
        ]
        for number in range(COUNT)
    }
    raw = disk(pages, keys, LOSS * 20)
    structures = [(MASTER, 256), (LOG, 400), (TREE1, 0x60), (TREE1 + 0x1000, 0x90)]
    structures += [(TREE1 + 0x2000 * n, 0x200) for n in (1, 2)] + [(TREE2, 0x60)]
    structures += [(block(n).end - 56 * 50, 56 * 50) for n in range(COUNT)]
    for first, size in structures:
        for _ in range(rng.choice([0, 0, 1, 8, 60])):
            raw[first + rng.randrange(size)] ^= 1 << rng.randrange(8)
    if rng.random() < 0.2:
        struct.pack_into("<Q", raw, TREE1 + 0x2020, TREE1 + 0x2000)
    size = rng.choice([SIZE, SIZE, rng.randrange(SIZE)])
    return bytes(raw[:size]), size


def _assert_sane(found: list[VolumeReport], size: int) -> None:
    for each in found:
        for one in each.claims:
            assert one.channel is None or 1 <= one.channel <= 64
            assert one.extents
            assert all(0 <= extent.start < extent.end <= size for extent in one.extents)


def test_a_hundred_damaged_disks_never_lead_outside() -> None:
    rng = random.Random(6)
    began = time.process_time()
    for _ in range(100):
        data, size = damaged(rng)
        _assert_sane(hikvision.examine(MemorySource(data, size)), size)
    assert time.process_time() - began < 60


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=2000), st.sampled_from([0, MASTER, LOG, TREE1, TREE1 + 0x2000, TREE2]))
def test_any_bytes_anywhere_are_survived(junk: bytes, place: int) -> None:
    raw = disk(PAGES, KEYS)
    raw[place : place + len(junk)] = junk
    _assert_sane(hikvision.examine(MemorySource(bytes(raw), len(raw))), len(raw))


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_ffprobe_counts_the_pictures_of_a_claimed_block_as_the_truth_does(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = simulated("hikvision-intact")
    source = RawSource(str(folder / "disk.img"))
    (found,) = hikvision.examine(source)
    claim = next(one for one in found.claims if one.channel == 2)
    cut = tmp_path / "block.ps"
    cut.write_bytes(b"".join(source.read(one.start, one.size) for one in claim.extents))
    source.close()
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-f", "mpeg", "-count_packets", "-select_streams", "v",
         "-show_entries", "stream=codec_name,nb_read_packets", "-of", "json", str(cut)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (stream,) = json.loads(done.stdout)["streams"]
    rows = (line.split(",") for line in (folder / "frames.csv").read_text().splitlines()[1:])
    there = [
        row
        for row in rows
        if row[0] == "2" and row[3] == "video"
        and any(e.start <= int(row[-1].split("+")[0]) < e.end for e in claim.extents)
    ]  # fmt: skip
    assert (stream["codec_name"], int(stream["nb_read_packets"])) == ("h264", len(there))
