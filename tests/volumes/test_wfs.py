"""WFS disks built here from wfs.md, with its real rows; whole, damaged and hostile."""

import random
import runpy
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import clock, volumes
from vidrecover.model import Claim, ClaimKind, Extent, VolumeReport
from vidrecover.volumes import wfs

MADE = runpy.run_path(str(Path(__file__).parents[1] / "memory_source.py"))
MemorySource: Any = MADE["MemorySource"]

SECTOR = 512
SUPERBLOCK, COPY, TABLE, FRAGMENTS = 0x3000, 0x83000, 0x17600, 0x100000
BLOCKS, COUNT, RESERVED = 64, 0x400, 0x40
FRAGMENT = BLOCKS * SECTOR
SIZE = FRAGMENTS + COUNT * FRAGMENT

REAL = {
    0x227: "00 02 04 00 00 00 00 00 90 02 00 00 00 F0 06 3F 00 00 07 3F 00 00 2A 00 27 02 00 00"
    "00 00 05 16",
    0x290: "00 01 01 00 27 02 00 00 F7 02 00 00 60 F3 06 3F A9 F6 06 3F 00 00 00 00 27 02 00 00"
    "00 00 00 16",
    0x2F7: "00 01 02 00 90 02 00 00 5D 03 00 00 A9 F6 06 3F 35 FD 06 3F 00 00 00 00 27 02 00 00"
    "00 00 00 16",
    0x35D: "00 01 03 00 F7 02 00 00 C4 03 00 00 A9 F9 06 3F 35 FD 06 3F 00 00 00 00 27 02 00 00"
    "00 00 00 16",
    0x3C4: "00 01 04 00 5D 03 00 00 00 00 00 00 35 FD 06 3F 00 00 07 3F 00 00 2A 00 27 02 00 00"
    "00 00 00 16",
}
"""Camera 6 on 2015-12-03, 15:00 to 16:00. Rows 227, 290 and 3C4 as wfs.md section 4 prints them
from a real disk, but for the used blocks of the last fragment, which is smaller here."""


def real_rows() -> dict[int, bytes]:
    return {place: bytes.fromhex(row) for place, row in REAL.items()}


def packed(text: str) -> int:
    hour, minute, second = map(int, text.split(":"))
    return 15 << 26 | 12 << 22 | 3 << 17 | hour << 12 | minute << 6 | second


def ms(text: str) -> int:
    return clock.parse_iso(f"2015-12-03T{text}")


def row(
    kind: int, camera: int, number: int, begin: str, end: str, *, main: int,
    onward: int = 0, previous: int = 0, last: int = 0,
) -> bytes:  # fmt: skip
    times = (packed(begin), packed(end))
    return struct.pack(
        "<BBHIIIIHHIHBB", 0, kind, number, previous, onward, *times, 0, last, main, 0, 0,
        4 * camera - 2,
    )  # fmt: skip


def superblock(count: int = COUNT, blocks: int = BLOCKS) -> bytes:
    raw = bytearray(SECTOR)
    dates = (packed("14:00:00"), packed("16:00:00"))
    struct.pack_into("<I", raw, 8, 1)
    struct.pack_into("<7I", raw, 0x10, *dates, 70, 71, count - 1, *dates)
    struct.pack_into("<2I", raw, 0x2C, SECTOR, blocks)
    places = (SUPERBLOCK // SECTOR, TABLE // SECTOR, FRAGMENTS // SECTOR)
    struct.pack_into("<6I", raw, 0x38, RESERVED, 0x3100, *places, count)
    struct.pack_into("<I", raw, 0x148, 0x789ABCDE)
    return bytes(raw)


def disk(table: dict[int, bytes], start: int = 0, **geometry: int) -> bytearray:
    raw = bytearray(start + FRAGMENTS)
    raw[start : start + 6] = b"WFS0.4"
    raw[start + 0x1FE : start + 0x200] = b"XM"
    for place in (SUPERBLOCK, COPY):
        raw[start + place : start + place + SECTOR] = superblock(**geometry)
    for place in range(RESERVED):
        raw[start + TABLE + 32 * place : start + TABLE + 32 * place + 2] = b"\x00\xfe"
    for place, data in table.items():
        raw[start + TABLE + 32 * place : start + TABLE + 32 * place + 32] = data
    return raw


def fragment(place: int, used: int = BLOCKS) -> Extent:
    start = FRAGMENTS + place * FRAGMENT
    return Extent(start, start + used * SECTOR)


def report(
    raw: bytes | bytearray, size: int = SIZE, refused: tuple[Extent, ...] = ()
) -> VolumeReport:
    (found,) = wfs.examine(MemorySource(bytes(raw), size, refused))
    return found


def camera_six(kind: ClaimKind = ClaimKind.INDEX, table: int = TABLE) -> Claim:
    extents = tuple(fragment(place) for place in (0x227, 0x290, 0x2F7, 0x35D))
    return Claim(
        volume="wfs@0x0",
        kind=kind,
        channel=6,
        start_ms=ms("15:00:00"),
        end_ms=ms("16:00:00") + 999,
        extents=(*extents, fragment(0x3C4, 42)),
        entry=Extent(table + 32 * 0x227, table + 32 * 0x228),
    )


def test_the_rows_of_a_real_disk_are_one_recording_of_camera_six() -> None:
    found = report(disk(real_rows()))
    assert found.claims == (camera_six(),)
    assert (found.damage, found.fragment_start, found.fragment_size) == ((), FRAGMENTS, FRAGMENT)


def test_the_superblock_is_taken_from_its_copy() -> None:
    raw = disk(real_rows())
    raw[SUPERBLOCK : SUPERBLOCK + SECTOR] = bytes(SECTOR)
    found = report(raw)
    assert found.claims == (camera_six(),)
    assert found.damage == ("the superblock is not legible: taken from its copy",)
    again = report(disk(real_rows()), refused=(Extent(SUPERBLOCK, SUPERBLOCK + SECTOR),))
    assert again.claims == (camera_six(),)


def test_a_volume_whose_start_is_gone_is_found_by_its_structure() -> None:
    raw = disk(real_rows())
    raw[:SUPERBLOCK] = bytes(SUPERBLOCK)
    assert report(raw).claims == (camera_six(),)
    raw[:0x10000] = bytes(0x10000)
    assert report(raw).claims == (camera_six(),)


def test_a_volume_in_a_partition_is_found() -> None:
    start = 1 << 21
    raw = disk(real_rows(), start)
    raw[446 + 8 : 446 + 16] = struct.pack("<II", start // SECTOR, SIZE // SECTOR)
    raw[510:512] = b"\x55\xaa"
    found = report(raw, SIZE + start)
    assert found.extent.start == start
    assert [one.extents[0].start for one in found.claims] == [start + fragment(0x227).start]


def test_a_copy_of_the_index_tells_what_the_index_lost() -> None:
    raw = disk({})
    raw += bytes(FRAGMENT * 2)
    copy = FRAGMENTS + SECTOR
    more = {0x300: row(3, 2, 0, "15:10:00", "15:20:00", main=0x300, last=4)}
    for place, data in (real_rows() | more).items():
        raw[copy + 32 * place : copy + 32 * place + 32] = data
    found = report(raw)
    assert [(one.kind, one.channel) for one in found.claims] == [
        (ClaimKind.REMNANT, 6),
        (ClaimKind.REMNANT, 2),
    ]
    assert found.claims[0].extents == camera_six().extents
    assert found.claims[0].damage == "listed by a copy of the index only"
    assert found.damage[-1] == f"a copy of the index at {copy:#x} lists 2 recordings"


def test_continuations_without_their_main_are_remnants_with_their_camera() -> None:
    rows = real_rows()
    rows[0x227] = row(2, 1, 0, "17:00:00", "17:05:00", main=0x227, last=9)
    claims = report(disk(rows)).claims
    assert [(one.kind, one.channel, one.extents[0]) for one in claims] == [
        (ClaimKind.INDEX, 1, fragment(0x227, 9)),
        (ClaimKind.REMNANT, 6, fragment(0x290)),
    ]


def test_a_chain_whose_main_is_empty_claims_the_fragment_that_it_names_as_the_first() -> None:
    rows = real_rows()
    del rows[0x227]
    (claim,) = report(disk(rows)).claims
    assert (claim.kind, claim.channel) == (ClaimKind.REMNANT, 6)
    assert claim.extents[:2] == (fragment(0x227), fragment(0x290))
    assert claim.damage is not None and "the second one names its fragment" in claim.damage
    rows[0x291] = row(1, 2, 1, "15:00:00", "15:05:00", main=0x227, previous=0x227)
    both = report(disk(rows)).claims
    assert [one.extents[0] for one in both] == [fragment(0x290), fragment(0x291)]


def test_no_chain_claims_a_reserved_fragment() -> None:
    rows = {0x100: row(1, 2, 1, "15:00:00", "15:05:00", main=5, previous=5)}
    (claim,) = report(disk(rows)).claims
    assert claim.extents == (fragment(0x100),)


def test_freed_rows_still_tell() -> None:
    rows = {place: b"\0\0" + data[2:] for place, data in real_rows().items()}
    assert [(one.kind, one.channel) for one in report(disk(rows)).claims] == [
        (ClaimKind.DELETED, 6)
    ]


def test_a_main_that_was_only_allotted_is_open() -> None:
    rows = {0x100: row(2, 4, 0, "15:00:00", "15:00:00", main=0x100)}
    (claim,) = report(disk(rows)).claims
    assert (claim.open, claim.channel, claim.extents) == (True, 4, (fragment(0x100),))


def test_a_camera_byte_that_no_camera_has_is_no_camera() -> None:
    raw = bytearray(row(2, 4, 0, "15:00:00", "15:00:30", main=0x100, last=5))
    raw[31] = 0x0F
    (claim,) = report(disk({0x100: bytes(raw)})).claims
    assert claim.channel is None


def test_a_disk_without_any_superblock_is_named_and_not_silent() -> None:
    raw = disk(real_rows())
    raw[SUPERBLOCK : SUPERBLOCK + SECTOR] = raw[COPY : COPY + SECTOR] = bytes(SECTOR)
    found = report(raw)
    assert found.claims == ()
    assert found.damage == (
        "neither the superblock nor its copy is legible",
        "the index of this WFS disk cannot be read",
    )


def test_a_wfs_disk_is_not_taken_for_dhfs() -> None:
    assert [one.layout for one in volumes.examine(MemorySource(bytes(disk({})), SIZE))] == ["wfs"]


@pytest.mark.parametrize(
    "data", [b"", b"WFS0.4", bytes(1 << 22), random.Random(2).randbytes(1 << 22)]
)
def test_what_is_no_wfs_disk_lists_nothing(data: bytes) -> None:
    found = wfs.examine(MemorySource(data, len(data)))
    assert [one.claims for one in found] == [()] * len(found)


def _assert_sane(found: list[VolumeReport], size: int) -> None:
    for each in found:
        for one in each.claims:
            assert one.channel is None or 1 <= one.channel <= 64
            assert all(0 <= extent.start < extent.end <= size for extent in one.extents)


def damaged(rng: random.Random) -> tuple[bytes, int]:
    """A disk with links that lie and loop, bits flipped in every structure, maybe cut short."""
    table: dict[int, bytes] = {}
    free = [*range(RESERVED, 0x200)]
    rng.shuffle(free)
    for _ in range(30):
        chain = [free.pop() for _ in range(rng.randint(1, 7))]
        for position, place in enumerate(chain):
            lie = rng.random() < 0.2
            onward = rng.choice(chain) if lie else chain[(position + 1) % len(chain)]
            table[place] = row(
                rng.choice([0, 1, 2, 3]) if lie else 1 if position else 2,
                rng.randint(1, 16), position or len(chain) - 1, "15:00:00", "15:30:00",
                main=chain[0], onward=onward, previous=chain[position - 1] if position else 0,
                last=rng.randint(0, BLOCKS + 1),
            )  # fmt: skip
    raw = disk(table)
    for first, size in ((0, 16), (SUPERBLOCK, 0x150), (TABLE, 0x200 * 32)):
        for _ in range(rng.randint(0, 40)):
            raw[first + rng.randrange(size)] ^= 1 << rng.randrange(8)
    size = rng.choice([SIZE, rng.randrange(SUPERBLOCK, SIZE)])
    return bytes(raw[:size]), size


def test_two_hundred_damaged_disks_never_lead_outside() -> None:
    rng = random.Random(5)
    began = time.process_time()
    for _ in range(200):
        data, size = damaged(rng)
        _assert_sane(wfs.examine(MemorySource(data, size)), size)
    assert time.process_time() - began < 60


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=2000), st.integers(0, FRAGMENTS))
def test_any_bytes_anywhere_are_survived(junk: bytes, place: int) -> None:
    raw = disk(real_rows())
    raw[place : place + len(junk)] = junk
    _assert_sane(wfs.examine(MemorySource(bytes(raw[:FRAGMENTS]), SIZE)), SIZE)
