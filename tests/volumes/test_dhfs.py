"""DHFS partitions built here from dahua-dhfs.md, whole, damaged and hostile."""

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
from vidrecover.model import Claim, ClaimKind, Extent, Ring, VolumeReport
from vidrecover.volumes import dhfs

MADE = runpy.run_path(str(Path(__file__).parents[1] / "memory_source.py"))
MemorySource: Any = MADE["MemorySource"]

SECTOR = 512
START = 0x8000
SUPERBLOCK = START + 0x22 * SECTOR
TABLE = START + 0xBB * SECTOR
BLOCKS = 128
FRAGMENT = BLOCKS * SECTOR
FRAGMENTS = START + 0x200 * SECTOR
COUNT = 0x80
SIZE = FRAGMENTS + COUNT * FRAGMENT
NONE = 0xFFFFFFFF


def ms(text: str) -> int:
    return clock.parse_iso(f"2024-05-17T{text}")


def packed(text: str) -> int:
    hour, minute, second = map(int, text.split(":"))
    return 24 << 26 | 5 << 22 | 17 << 17 | hour << 12 | minute << 6 | second


def descriptor(
    kind: int,
    camera: int,
    number: int,
    begin: str,
    end: str,
    *,
    onward: int = 0,
    last: int = 0,
    previous: int = 0,
    main: int,
) -> bytes:
    return struct.pack(
        "<BBHIIIIIII",
        *(kind, 0x30 + camera - 1, number, packed(begin), packed(end)),
        *(onward, last, previous, main, 0),
    )


def superblock(blocks: int = BLOCKS, count: int = COUNT, fragments: int = 0x200) -> bytes:
    raw = bytearray(SECTOR)
    struct.pack_into("<IIII", raw, 0x0C, 0x55, packed("08:00:00"), packed("09:00:00"), 70)
    struct.pack_into("<II", raw, 0x2C, 512, blocks)
    struct.pack_into("<IIIIII", raw, 0x38, 0x40, 0x7900, 0x22, 0xBB, fragments, count)
    return bytes(raw)


def head(*starts: int) -> bytes:
    raw = bytearray(START)
    raw[:7] = b"DHFS4.1"
    for place, start in enumerate(starts):
        struct.pack_into("<I24xQ", raw, 0x3C34 + 64 * place + 20, 0x22, start // SECTOR)
    struct.pack_into("<I", raw, 0x3C34 + 64 * len(starts), 0x55AA55AA)
    return bytes(raw)


def partition(table: dict[int, bytes], **geometry: int) -> bytes:
    raw = bytearray(0x200 * SECTOR)
    raw[0x22 * SECTOR : 0x23 * SECTOR] = superblock(**geometry)
    for place, row in table.items():
        offset = 0xBB * SECTOR + 32 * place
        raw[offset : offset + 32] = row
    return bytes(raw)


def disk(table: dict[int, bytes], **geometry: int) -> bytes:
    return head(START) + partition(table, **geometry)


def fragments(*places: int, used: int | None = None) -> tuple[Extent, ...]:
    """Extents of fragments as the specification's arithmetic gives them, neighbours joined."""
    found: list[Extent] = []
    for place in places:
        start = FRAGMENTS + place * FRAGMENT
        if found and found[-1].end == start:
            found[-1] = Extent(found[-1].start, start + FRAGMENT)
        else:
            found.append(Extent(start, start + FRAGMENT))
    if used is not None:
        found[-1] = Extent(found[-1].start, found[-1].end - FRAGMENT + used * SECTOR)
    return tuple(found)


def entry(place: int, table: int = TABLE) -> Extent:
    return Extent(table + 32 * place, table + 32 * place + 32)


def report(data: bytes, size: int = SIZE, refused: tuple[Extent, ...] = ()) -> VolumeReport:
    (found,) = dhfs.examine(MemorySource(data, size, refused))
    return found


def claim(kind: ClaimKind, place: int, begin: str, end: str, **rest: object) -> Claim:
    fields: dict[str, object] = {"channel": 3, **rest}
    return Claim(
        volume=f"dhfs@{START:#x}",
        kind=kind,
        start_ms=ms(begin),
        end_ms=ms(end) + 999,
        entry=entry(place),
        **fields,  # type: ignore[arg-type]
    )


# The three descriptors and the recording of dahua-dhfs.md section 5, but for the size of the
# last fragment, which has to fit into these small ones.
CHAIN = {
    64: descriptor(1, 3, 2, "08:30:00", "08:41:12", onward=66, last=0x42, main=64),
    66: descriptor(2, 3, 1, "08:35:00", "08:39:00", onward=67, previous=64, main=64),
    67: descriptor(2, 3, 2, "08:39:00", "08:41:12", previous=66, main=64),
}
WHOLE = claim(ClaimKind.INDEX, 64, "08:30:00", "08:41:12", extents=fragments(64, 66, 67, used=0x42))


def changed(**rows: bytes) -> dict[int, bytes]:
    return {**CHAIN, **{int(name[1:]): row for name, row in rows.items()}}


def test_the_bytes_of_the_specification_are_read_as_it_says() -> None:
    rows = {
        64: bytes.fromhex("013202008087 62614C8A626142000000 42090000000000004000000000000000"),
        66: bytes.fromhex("02320100C0886261C089626143000000 00000000400000004000000000000000"),
        67: bytes.fromhex("02320200C08962614C8A626100000000 00000000420000004000000000000000"),
    }
    size = FRAGMENTS + COUNT * 4096 * SECTOR
    found = report(disk(rows, blocks=4096), size)
    assert found == VolumeReport(
        layout="dhfs",
        extent=Extent(START, size),
        claims=(
            claim(
                ClaimKind.INDEX,
                64,
                "08:30:00",
                "08:41:12",
                extents=(
                    Extent(FRAGMENTS + (64 << 21), FRAGMENTS + (65 << 21)),
                    Extent(FRAGMENTS + (66 << 21), FRAGMENTS + (67 << 21) + 0x942 * SECTOR),
                ),
            ),
        ),
        fragment_size=1 << 21,
        fragment_start=FRAGMENTS,
        label="ring written up to fragment 70 of 128, "
        "2024-05-17 08:00:00.000 to 2024-05-17 09:00:00.000",
        ring=Ring(
            extent=Extent(FRAGMENTS + (64 << 21), FRAGMENTS + (128 << 21)),
            head=FRAGMENTS + (71 << 21),
            block=1 << 21,
        ),
    )


def test_a_ring_begins_again_behind_the_reserved_fragments_and_needs_numbers_that_can_be() -> None:
    def ring(current: int) -> Ring | None:
        raw = bytearray(disk(CHAIN))
        superblock = raw.index(struct.pack("<I", 70), START)
        struct.pack_into("<I", raw, superblock, current)
        return report(bytes(raw)).ring

    last = ring(COUNT - 1)
    assert last is not None
    assert last.head == last.extent.start
    assert (ring(3), ring(COUNT)) == (None, None)


def test_a_whole_chain_is_one_claim_without_damage() -> None:
    found = report(disk(CHAIN))
    assert (found.claims, found.damage) == ((WHOLE,), ())


def test_two_partitions_keep_their_own_geometry() -> None:
    second = SIZE + 0x10000
    raw = bytearray(second) + partition(
        {5: descriptor(1, 12, 0, "10:00:00", "10:00:09", last=7, main=5)}, blocks=256, count=8
    )
    raw[:FRAGMENTS] = head(START, second) + partition(CHAIN)
    first, other = dhfs.examine(MemorySource(bytes(raw), len(raw) + 8 * 256 * SECTOR))
    place = second + 0x200 * SECTOR + 5 * 256 * SECTOR
    assert first.claims == (WHOLE,)
    assert (other.fragment_size, other.fragment_start) == (256 * SECTOR, second + 0x200 * SECTOR)
    assert other.claims == (
        Claim(
            volume=f"dhfs@{second:#x}",
            kind=ClaimKind.INDEX,
            channel=12,
            start_ms=ms("10:00:00"),
            end_ms=ms("10:00:09") + 999,
            extents=(Extent(place, place + 7 * SECTOR),),
            entry=entry(5, second + 0xBB * SECTOR),
        ),
    )


def test_a_count_left_small_by_a_power_cut_does_not_end_the_chain() -> None:
    main = descriptor(1, 3, 0, "08:30:00", "08:31:00", onward=66, last=9, main=64)
    assert report(disk(changed(_64=main))).claims == (
        claim(
            ClaimKind.INDEX,
            64,
            "08:30:00",
            "08:31:00",
            extents=fragments(64, 66, 67),
            open=True,
            damage="the count says 1 fragments, the links give 3: links followed",
        ),
    )


def test_a_recording_never_closed_is_open_and_ends_with_its_latest_fragment() -> None:
    main = descriptor(1, 3, 2, "08:30:00", "08:30:00", onward=66, main=64)
    assert report(disk(changed(_64=main))).claims == (
        claim(
            ClaimKind.INDEX,
            64,
            "08:30:00",
            "08:41:12",
            extents=fragments(64, 66, 67),
            open=True,
            damage="the end is not later than the begin: never closed, or shorter than a second",
        ),
    )


def test_a_recording_within_one_second_is_kept_and_its_end_not_trusted() -> None:
    row = descriptor(1, 3, 0, "08:30:00", "08:30:00", last=9, main=64)
    assert report(disk({64: row})).claims == (
        claim(
            ClaimKind.INDEX,
            64,
            "08:30:00",
            "08:30:00",
            extents=fragments(64),
            open=True,
            damage="the end is not later than the begin: never closed, or shorter than a second",
        ),
    )


def test_a_fragment_only_allotted_is_no_claim() -> None:
    row = descriptor(1, 3, 0, "08:30:00", "08:30:00", main=64)
    found = report(disk({64: row}))
    assert found.claims == ()
    assert found.damage == ("the descriptor table lists no recording",)


@pytest.mark.parametrize(
    ("onward", "why"),
    [
        (4000, "behind the end of the table"),
        (70, "which is not in use"),
        (80, "which belongs to another recording"),
        (64, "which was visited before: the links loop"),
        (66, "which was visited before: the links loop"),
    ],
)
def test_a_link_that_lies_ends_the_chain_and_is_named(onward: int, why: str) -> None:
    table = changed(
        _67=descriptor(2, 3, 2, "08:39:00", "08:41:12", onward=onward, previous=66, main=64),
        _80=descriptor(1, 4, 0, "08:00:00", "08:10:00", last=4, main=80),
    )
    found = report(disk(table)).claims[0]
    assert found.extents == WHOLE.extents
    assert found.damage == f"descriptor 67 names {onward} as the next, {why}"


def test_a_link_into_another_channel_is_not_followed() -> None:
    other = descriptor(2, 9, 1, "08:35:00", "08:39:00", previous=64, main=64)
    main, stranger, rest = report(disk(changed(_66=other))).claims
    assert (main.channel, main.extents) == (3, fragments(64))
    assert main.damage == (
        "only 1 of 3 fragments are linked; "
        "descriptor 64 names 66 as the next, which belongs to another recording"
    )
    assert (stranger.kind, stranger.channel, stranger.extents) == (
        ClaimKind.REMNANT,
        9,
        fragments(66),
    )
    assert (rest.kind, rest.channel, rest.extents) == (ClaimKind.REMNANT, 3, fragments(67))


def test_a_broken_link_is_bridged_by_position_and_time() -> None:
    main = descriptor(1, 3, 2, "08:30:00", "08:41:12", onward=5000, last=0x42, main=64)
    (found,) = report(disk(changed(_64=main))).claims
    assert found.extents == WHOLE.extents
    assert found.damage == "no link from descriptor 64 to 66: joined by position and time"


def test_a_continuation_of_an_overwritten_recording_is_a_remnant() -> None:
    main = descriptor(1, 5, 0, "20:00:00", "20:10:00", last=3, main=64)
    assert report(disk(changed(_64=main))).claims == (
        claim(
            ClaimKind.INDEX,
            64,
            "20:00:00",
            "20:10:00",
            channel=5,
            extents=fragments(64, used=3),
        ),
        claim(
            ClaimKind.REMNANT,
            66,
            "08:35:00",
            "08:41:12",
            extents=fragments(66, 67),
            damage="begins at position 1: its main descriptor 64 belongs to another recording",
        ),
    )


def test_remnants_of_two_generations_stay_apart() -> None:
    table = {
        60: descriptor(2, 3, 3, "06:00:00", "06:05:00", previous=59, main=64),
        61: descriptor(2, 3, 4, "06:05:00", "06:10:00", previous=60, main=64),
        66: descriptor(2, 3, 5, "08:35:00", "08:39:00", previous=65, main=64),
    }
    old, new = report(disk(table)).claims
    assert (old.extents, old.start_ms, old.end_ms) == (
        fragments(60, 61),
        ms("06:00:00"),
        ms("06:10:00") + 999,
    )
    assert (new.extents, new.start_ms) == (fragments(66), ms("08:35:00"))
    assert {old.kind, new.kind} == {ClaimKind.REMNANT}


def test_a_format_in_the_menu_leaves_deleted_claims() -> None:
    table = {place: b"\0" + row[1:] for place, row in CHAIN.items()}
    found = report(disk(table))
    assert found.claims == (
        claim(ClaimKind.DELETED, 64, "08:30:00", "08:41:12", extents=WHOLE.extents),
    )
    assert found.damage == ("the descriptor table lists no recording",)


def test_an_unreadable_descriptor_is_unknown_and_not_free() -> None:
    sector = Extent(TABLE + 64 * 32 + 64, TABLE + 64 * 32 + 96)
    found = report(disk(CHAIN), refused=(sector,))
    assert found.damage == (
        f"descriptors 66 to 66 cannot be read (offset {sector.start:#x}): "
        "what their 1 fragments hold is not known",
    )
    assert [(row.extents, row.damage) for row in found.claims] == [
        (WHOLE.extents, "descriptor 66 is not legible, both its neighbours name it")
    ]


def test_a_chain_into_an_unreadable_sector_says_so() -> None:
    sector = Extent(TABLE + 66 * 32, TABLE + 80 * 32)
    found = report(disk(CHAIN), refused=(sector,))
    assert [(row.extents, row.damage) for row in found.claims] == [
        (
            fragments(64),
            "only 1 of 3 fragments are linked; "
            "descriptor 64 names 66 as the next, which is not legible",
        )
    ]


def test_claims_of_a_truncated_image_keep_to_its_bytes() -> None:
    end = FRAGMENTS + 66 * FRAGMENT + 100
    found = report(disk(CHAIN), end)
    assert found.extent == Extent(START, end)
    assert found.damage == ("only 67 of 128 fragments lie before the end of the source",)
    assert [(row.extents, row.damage) for row in found.claims] == [
        (
            (*fragments(64), Extent(end - 100, end)),
            "2 of 3 fragments lie behind the end of the volume",
        )
    ]


def test_four_billion_descriptors_are_not_believed() -> None:
    found = report(disk(CHAIN, count=NONE))
    assert found.claims == (WHOLE,)
    assert found.damage[0] == "the superblock says 4294967295 fragments, its table has 5200 rows"


def test_a_sector_of_the_partition_table_lost_does_not_lose_the_partitions() -> None:
    raw = bytearray(disk(CHAIN))
    raw[:START] = bytes(START)
    found = report(bytes(raw))
    assert found.claims == (WHOLE,)
    assert found.damage == ("sector 0 lacks the DHFS mark",)


def test_the_partition_behind_a_wrecked_table_is_found_too() -> None:
    second = SIZE + 0x10000
    raw = bytearray(second) + partition(CHAIN)
    raw[:FRAGMENTS] = bytes(START) + partition(CHAIN)
    found = dhfs.examine(MemorySource(bytes(raw), second - START + SIZE))
    assert [each.extent.start for each in found] == [START, second]
    assert [len(each.claims) for each in found] == [1, 1]


def test_a_disk_without_any_superblock_is_named_and_not_silent() -> None:
    (found,) = dhfs.examine(MemorySource(head(START), SIZE))
    assert found.claims == ()
    assert found.damage == (
        f"partition 1 at {START:#x} has no legible superblock",
        "no superblock found: the index of this DHFS disk cannot be read",
    )


def test_the_sister_layout_wfs_is_not_taken_for_dhfs() -> None:
    raw = bytearray(disk(CHAIN))
    raw[:START] = bytes(START)
    struct.pack_into("<I", raw, SUPERBLOCK + 0x148, 0x789ABCDE)
    assert dhfs.examine(MemorySource(bytes(raw), SIZE)) == []


def test_an_overwritten_table_claims_nothing() -> None:
    raw = bytearray(disk(CHAIN))
    raw[TABLE : TABLE + COUNT * 32] = random.Random(1).randbytes(COUNT * 32)
    found = report(bytes(raw))
    assert found.claims == ()
    assert "the descriptor table is overwritten: nothing is taken from it" in found.damage


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"D",
        bytes(1 << 23),
        random.Random(2).randbytes(1 << 23),
        b"Friday: nothing to see here, drive on.\n" * 300_000,
        bytes(510) + b"\x55\xaa" + bytes(1 << 20),
    ],
    ids=["empty", "one byte", "blank", "random", "text", "empty partition table"],
)
def test_what_is_no_recorder_disk_yields_nothing_for_a_few_mebibytes(data: bytes) -> None:
    source = MemorySource(data, len(data) and max(len(data), 1 << 34))
    began = time.monotonic()
    assert volumes.examine(source) == []
    assert time.monotonic() - began < 5
    assert source.bytes_read < 1 << 24


def _assert_sane(found: list[VolumeReport], size: int) -> None:
    for each in found:
        assert 0 <= each.extent.start <= each.extent.end <= size
        for one in each.claims:
            assert one.channel is None or 1 <= one.channel <= 208
            for extent in one.extents:
                assert 0 <= extent.start < extent.end <= size
                assert each.fragment_start is not None and each.fragment_size is not None
                assert (extent.start - each.fragment_start) % each.fragment_size == 0


def _crowd(rng: random.Random, *, lies: bool) -> dict[int, bytes]:
    """Interleaved chains of many cameras; with lies in types and links, when wanted."""
    table: dict[int, bytes] = {}
    free = [*range(2, 100)]
    rng.shuffle(free)
    while len(free) > 8:
        chain = [free.pop() for _ in range(rng.randint(1, 7))]
        camera, lie = rng.randint(1, 12), lies and rng.random() < 0.3
        for position, place in enumerate(chain):
            onward = chain[position + 1] if place != chain[-1] else rng.choice([0, NONE])
            table[place] = descriptor(
                rng.choice([0, 1, 2]) if lie else min(position, 1) + 1,
                camera,
                position or len(chain) - 1,
                f"08:{position}:00",
                f"08:{position + 1 if position else len(chain)}:00",
                onward=rng.choice([*chain, onward, 300]) if lie else onward,
                last=rng.randint(0, BLOCKS + 1),
                previous=chain[position - 1] if position else 0,
                main=chain[0],
            )
    return table


def damaged(rng: random.Random) -> tuple[bytes, int]:
    """A disk whose types and links lie, with bits flipped in every structure, maybe cut short."""
    raw = bytearray(disk(_crowd(rng, lies=True)))
    for _ in range(rng.randint(0, 200)):
        place = rng.choice([rng.randrange(SUPERBLOCK, SUPERBLOCK + 0x50), TABLE])
        if place == TABLE:
            place += rng.randrange(100 * 32)
        raw[place] ^= 1 << rng.randrange(8)
    size = rng.choice([SIZE, rng.randrange(SUPERBLOCK, SIZE)])
    return bytes(raw[:size]), size


def test_five_hundred_damaged_tables_never_lead_outside() -> None:
    rng = random.Random(3)
    began = time.process_time()
    for _ in range(500):
        data, size = damaged(rng)
        _assert_sane(dhfs.examine(MemorySource(data, size)), size)
    assert time.process_time() - began < 60


def _claimed(found: VolumeReport) -> list[int]:
    return [
        (place - FRAGMENTS) // FRAGMENT
        for one in found.claims
        for extent in one.extents
        for place in range(extent.start, extent.end, FRAGMENT)
    ]


@pytest.mark.parametrize("lies", [False, True])
def test_every_fragment_belongs_to_one_claim_however_links_lie(lies: bool) -> None:
    rng = random.Random(4)
    for _ in range(200):
        table = _crowd(rng, lies=lies)
        claimed = _claimed(report(disk(table, count=100)))
        assert len(claimed) == len(set(claimed))
        assert set(claimed) <= set(table) if lies else set(claimed) == set(table)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=2000), st.integers(0, FRAGMENTS))
def test_any_bytes_anywhere_are_survived(junk: bytes, place: int) -> None:
    raw = bytearray(disk(CHAIN))
    raw[place : place + len(junk)] = junk
    raw = raw[:FRAGMENTS]
    _assert_sane(dhfs.examine(MemorySource(bytes(raw), SIZE)), SIZE)
