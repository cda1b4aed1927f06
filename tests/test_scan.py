"""Scanning: the same result for any window, unit and number of processes, every frame once."""

import csv
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vidrecover import extents, formats, scan, segments, simulate
from vidrecover.model import (
    Codec,
    Extent,
    FrameFlag,
    Media,
    SourceIdentity,
    SourceRef,
    UnitResult,
)
from vidrecover.scan import Scanner, spread, unit_extents
from vidrecover.simulate import dhav, nndc, xm
from vidrecover.source import open_source

FORMATS = formats.load(formats.shipped())
START_MS = 1_773_473_400_000  # 2026-03-14 07:30:00
SMALL = sorted(set(simulate.scenarios()) - {"van"})
KIB, MIB = 1 << 10, 1 << 20
NAL = bytes.fromhex("00000001419a")


class Found(NamedTuple):
    """A frame as segments tell it. pieces: (offset, size) of all its rows."""

    format: str
    channel: int | None
    pieces: tuple[tuple[int, int], ...]
    payload: tuple[tuple[int, int], ...]
    unfinished: bool


class Memory:
    """A source in memory that refuses some extents and keeps account of what was asked for."""

    def __init__(self, data: bytes, faults: Iterable[Extent] = ()) -> None:
        self._data = np.frombuffer(data, dtype=np.uint8)
        self._faults = extents.merged(faults)
        self.read_bytes = 0

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def identity(self) -> SourceIdentity:
        return SourceIdentity(path="memory", kind="raw", size=self.size)

    def read_into(self, offset: int, buffer: npt.NDArray[np.uint8]) -> list[Extent]:
        here = Extent(offset, offset + len(buffer))
        assert offset >= 0 and here.end <= self.size
        self.read_bytes += len(buffer)
        buffer[:] = self._data[offset : here.end]
        refused = extents.common([here], self._faults) if len(buffer) else []
        for one in refused:
            buffer[one.start - offset : one.end - offset] = 0
        return refused

    def read(self, offset: int, size: int) -> bytes:
        buffer = np.empty(max(0, min(size, self.size - offset)), dtype=np.uint8)
        self.read_into(offset, buffer)
        return buffer.tobytes()

    def close(self) -> None:
        """Nothing to release."""


def scanned(
    source: Path | bytes | Memory,
    *,
    window_size: int = scan.WINDOW_SIZE,
    unit_size: int = scan.UNIT_SIZE,
    faults: Sequence[Extent] = (),
    known: formats.FormatSet = FORMATS,
) -> list[UnitResult]:
    if isinstance(source, Path):
        ref = SourceRef(path=str(source), faults=tuple(faults))
        opened = open_source(ref)
        try:
            scanner = Scanner(opened, known, window_size=window_size)
            return [scanner.scan(one) for one in unit_extents(opened.size, unit_size)]
        finally:
            opened.close()
    memory = source if isinstance(source, Memory) else Memory(source, faults)
    scanner = Scanner(memory, known, window_size=window_size)
    return [scanner.scan(one) for one in unit_extents(memory.size, unit_size)]


def frames(results: Iterable[UnitResult]) -> list[Found]:
    """All frames by place, those that go on in the next unit put together."""
    found: list[Found] = []
    going: dict[tuple[str, int | None, int, int], int] = {}
    for unit in results:
        rows = [
            (int(row["offset"]), one, row)
            for one in unit.segments
            for row in segments.unpack(one.rows)
        ]
        for offset, one, row in sorted(rows, key=lambda each: each[0]):
            media = max(int(row["kind"]), Media.DELTA)
            key = (one.format, one.channel, int(row["lane"]), media)
            piece = (offset, int(row["size"]))
            payload = (offset + int(row["payload_offset"]), int(row["payload_size"]))
            torn = bool(row["flags"] & FrameFlag.UNFINISHED)
            if row["flags"] & FrameFlag.CONTINUES and key in going:
                before = found[going[key]]
                found[going[key]] = before._replace(
                    pieces=(*before.pieces, piece),
                    payload=(*before.payload, payload),
                    unfinished=before.unfinished or torn,
                )
            else:
                going[key] = len(found)
                found.append(Found(one.format, one.channel, (piece,), (payload,), torn))
    return sorted(found, key=lambda one: one.pieces)


def merged_payload(one: Found) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for offset, size in one.payload:
        if merged and sum(merged[-1]) == offset:
            merged[-1] = (merged[-1][0], merged[-1][1] + size)
        elif size:
            merged.append((offset, size))
    return tuple(merged)


def truth(folder: Path) -> list[dict[str, str]]:
    with (folder / "frames.csv").open() as table:
        return list(csv.DictReader(table))


def ranges(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(a), int(b)) for a, b in (one.split("+") for one in text.split()))


def dhav_stream(count: int, *, size: int = 3000, channel: int = 1, first: int = 0) -> list[bytes]:
    """DHAV frames 40 ms apart with numbers from `first`."""
    rng = np.random.default_rng(first + channel)
    return [
        dhav.frame(
            dhav.DELTA,
            channel=channel,
            sequence=first + number,
            time_ms=START_MS + 40 * (first + number),
            counter=40 * (first + number),
            payload=NAL + rng.bytes(size - 32 - len(NAL)),
        ).data
        for number in range(count)
    ]


def xm_delta(size: int, seed: int = 0) -> bytes:
    """A Xiongmai frame of `size` bytes, header included."""
    payload = NAL + np.random.default_rng(seed).bytes(size - 8 - len(NAL))
    return xm.delta_header(len(payload)) + payload


def xm_key(size: int, time_ms: int = START_MS) -> bytes:
    payload = bytes.fromhex("0000000167") + bytes(range(1, 256)) * (size // 255 + 1)
    payload = payload[: size - 16]
    return xm.key_header("h264", 352, 288, 25, time_ms, len(payload)) + payload


def noise(size: int, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def places(parts: Sequence[bytes], start: int = 0) -> list[tuple[int, int]]:
    """(offset, size) of parts that lie one behind the other."""
    found = []
    for part in parts:
        found.append((start, len(part)))
        start += len(part)
    return found


def one_piece(results: Iterable[UnitResult]) -> list[tuple[int, int]]:
    """(offset, size) of all frames, each of which must be of one row."""
    found = frames(results)
    assert all(len(one.pieces) == 1 for one in found)
    return [one.pieces[0] for one in found]


# The truth


@pytest.mark.parametrize(
    "name",  # those of others are put together, or told by containers, behind the units
    [
        name
        for name in SMALL
        if not name.startswith(("dhfs", "wfs", "hi", "tme", "mp4", "fat", "exfat", "ext4", "ntfs"))
        and name != "annexb-blocks"
    ],
)
def test_every_frame_of_a_plain_stream_is_found_once(
    name: str, simulated: Callable[[str], Path]
) -> None:
    folder = simulated(name)
    found = [one for one in frames(scanned(folder / "disk.img")) if not one.unfinished]
    wanted = [ranges(row["pieces"]) for row in truth(folder) if row["state"] == "on_disk"]
    if name.startswith("annexb"):  # a row begins with the last three bytes of a start code
        wanted = [((start + 1, size - 1),) for ((start, size),) in wanted]
    known = set(wanted)
    assert sorted(merged_payload(one) for one in found if merged_payload(one) in known) == sorted(
        known
    )
    assert len(wanted) == len(known)
    extra = {one.format for one in found if merged_payload(one) not in known}
    assert extra <= {"avi", "hx", "xm", "jt1078", "mpegps", "mpegts"}, (
        "heads, information and attachments are frames too"
    )


def test_a_packet_lost_on_the_way_leaves_its_picture_unfinished(
    simulated: Callable[[str], Path],
) -> None:
    folder = simulated("jt1078-six")
    found = {merged_payload(one): one.unfinished for one in frames(scanned(folder / "disk.img"))}
    lost = [ranges(row["pieces"]) for row in truth(folder) if row["state"] == "never_written"]
    assert len(lost) == 3
    assert [found[one] for one in lost] == [True] * 3


# Windows, units, processes


@pytest.mark.parametrize("name", SMALL)
def test_the_window_changes_nothing(name: str, simulated: Callable[[str], Path]) -> None:
    disk = simulated(name) / "disk.img"
    expected = scanned(disk, window_size=16 * MIB, unit_size=2 * MIB)
    for window_size in (64 * KIB, 256 * KIB, MIB):
        assert scanned(disk, window_size=window_size, unit_size=2 * MIB) == expected


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("unit_size", [128 * KIB, MIB])
def test_the_unit_changes_no_frame(
    name: str, unit_size: int, simulated: Callable[[str], Path]
) -> None:
    disk = simulated(name) / "disk.img"
    whole = scanned(disk)
    parts = scanned(disk, unit_size=unit_size)
    assert frames(parts) == frames(whole)
    loose = [one for unit in parts for one in unit.loose_ends]
    expected = [one for unit in whole for one in unit.loose_ends]
    told = [
        sorted((one.position, one.after, one.format, one.edge) for one in ends)
        for ends in (segments.uncancelled(loose), expected)
    ]
    assert told[0] == told[1]
    for kind in ("unidentified", "blank", "unreadable"):
        assert extents.merged(one for unit in parts for one in getattr(unit, kind)) == (
            extents.merged(one for unit in whole for one in getattr(unit, kind))
        )


def test_processes_give_what_one_gives_in_order(simulated: Callable[[str], Path]) -> None:
    disk = simulated("dhfs-gaps") / "disk.img"
    expected = scanned(disk, unit_size=512 * KIB)
    units = unit_extents(disk.stat().st_size, 512 * KIB)
    ref = SourceRef(path=str(disk))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert list(spread(ref, FORMATS, units, pool, in_flight=4)) == expected
        assert list(spread(ref, FORMATS, units, pool, in_flight=1)) == expected


def test_a_spread_that_is_given_up_hands_out_no_further_units(
    simulated: Callable[[str], Path],
) -> None:
    disk = simulated("dhav-plain") / "disk.img"
    asked: list[Extent] = []

    def units() -> Iterator[Extent]:
        for one in unit_extents(disk.stat().st_size, 256 * KIB):
            asked.append(one)
            yield one

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        results = spread(SourceRef(path=str(disk)), FORMATS, units(), pool, in_flight=2)
        next(results)
        results.close()  # type: ignore[attr-defined]  # an Iterator that is a generator
    assert len(asked) == 2


def test_bytes_that_windows_and_units_share_are_read_once() -> None:
    source = Memory(noise(6 * MIB))
    scanned(source, unit_size=2 * MIB, window_size=256 * KIB)
    assert source.read_bytes == source.size


@pytest.mark.parametrize("window_size", [0, 4095, 5000, 32 * MIB])
def test_impossible_windows_are_refused(window_size: int) -> None:
    with pytest.raises(ValueError, match="4 KiB to 16 MiB"):
        scanned(b"", window_size=window_size)


# Borders


def test_frames_over_the_borders_of_small_units_are_found_once() -> None:
    parts = dhav_stream(100, size=3333)
    assert one_piece(scanned(b"".join(parts), unit_size=4096, window_size=4096)) == places(parts)


def test_the_rest_of_a_frame_from_the_unit_before_is_not_unidentified() -> None:
    parts = dhav_stream(40, size=30_000)
    results = scanned(b"".join(parts), unit_size=64 * KIB)
    assert [one for unit in results for one in unit.unidentified] == []
    assert [one for unit in results for one in unit.loose_ends][1:-1] == [
        one for unit in results for one in unit.loose_ends if 0 < one.position < 1_200_000
    ]
    ends = segments.uncancelled([one for unit in results for one in unit.loose_ends])
    assert [(one.position, one.after) for one in ends] == [(0, False), (1_200_000, True)]


def test_an_unproven_frame_behind_a_neighbour_in_the_unit_before_is_kept() -> None:
    parts = [xm_key(5000), *(xm_delta(5000, seed) for seed in range(3))]
    data = b"".join(parts) + noise(20_000)
    for unit_size in (4096, 16 * KIB, MIB):
        assert one_piece(scanned(data, unit_size=unit_size)) == places(parts)


def test_an_unproven_frame_alone_is_no_frame() -> None:
    assert frames(scanned(noise(5000) + xm_delta(5000) + noise(5000))) == []


def test_an_unproven_frame_ends_where_a_proven_one_begins() -> None:
    """A fragment border cuts it: what follows is another recording."""
    cut = [xm_key(3000), xm_delta(3000)]
    other = [xm_key(2000), xm_delta(2000), xm_delta(2000, 1), xm_key(2000)]
    head = b"".join(cut)[:5000]
    results = scanned(head + b"".join(other))
    assert one_piece(results) == [(0, 3000), *places(other, 5000)]


def test_an_image_that_ends_within_a_frame_has_the_frames_before() -> None:
    parts = dhav_stream(10)
    whole = b"".join(parts)
    for missing in (1, 7, 8, 2975, 2999):
        results = scanned(whole[:-missing])
        assert one_piece(results) == places(parts[:-1])
        rest = Extent(27_000, 30_000 - missing)
        unknown = [rest] if rest.size >= 512 else []
        assert [one for unit in results for one in unit.unidentified] == unknown


@pytest.mark.parametrize("size", [256 * KIB + 1, MIB + 17, 3 * MIB, 4 * MIB])
def test_frames_larger_than_the_overlap_are_found(size: int) -> None:
    first = [
        *dhav_stream(3),
        *dhav_stream(1, size=size, first=3),
        *dhav_stream(3, first=4),
        *dhav_stream(1, size=size, first=7),
    ]
    second = dhav_stream(2, first=8)
    between = noise(4000)
    data = b"".join([*first, between, *second])
    end = len(data) - 6000 - 4000
    expected = scanned(data, window_size=16 * MIB)
    assert one_piece(expected) == [*places(first), *places(second, end + 4000)]
    ends = segments.uncancelled([one for unit in expected for one in unit.loose_ends])
    assert [(one.position, one.edge) for one in ends[1:3]] == [
        (end, between[:64]),
        (end + 4000, between[-64:]),
    ]
    for window_size in (64 * KIB, 256 * KIB, 2 * MIB):
        assert scanned(data, window_size=window_size) == expected


@pytest.mark.parametrize("size", [MIB + 17, 2 * MIB])
def test_a_naked_picture_larger_than_the_overlap_ends_where_the_next_begins(size: int) -> None:
    small = NAL + bytes([0xB5]) * 1994
    data = small * 30 + NAL + bytes([0xB5]) * size + small * 30
    expected = scanned(data, window_size=16 * MIB)
    assert one_piece(expected)[30] == (30 * 2000 + 1, size + 6)
    for window_size in (64 * KIB, 256 * KIB, MIB):
        assert scanned(data, window_size=window_size) == expected


@pytest.mark.parametrize("reach", range(-40, 41, 8))
def test_a_frame_whose_next_header_lies_on_the_end_of_the_window_is_proven(reach: int) -> None:
    """Without a trailer only the header behind a frame proves its end."""
    head = noise(64 * KIB - 100, seed=5)
    parts = [xm_delta(MIB + 100 + reach), xm_key(3000), xm_delta(3000)]
    data = head + b"".join(parts) + noise(3 * MIB, seed=6)
    results = scanned(data, window_size=64 * KIB)
    assert one_piece(results) == places(parts, len(head))
    assert results == scanned(data, window_size=16 * MIB)


def test_a_signature_far_behind_the_start_of_its_frame_is_found_at_any_window(
    tmp_path: Path,
) -> None:
    (tmp_path / "late.toml").write_text(
        'name = "late"\ntitle = "signature behind the header"\n[framing]\n'
        'signature = "4C 41 54 45"\nat = 120\nmax_size = 4096\n'
        'header = [["length", "u16"], ["unknown", "u16"]]\n'
        'require = [{field = "length", min = 700, max = 2000}]\nsize = {fields = ["length"]}\n'
        'trailer = {text = "late"}\n'
    )
    frame = struct.pack("<HH", 1000, 7) + noise(116) + b"LATE" + noise(872) + b"late"
    parts = [frame] * 40
    found = scanned(b"".join(parts), window_size=4096, known=formats.load(tmp_path))
    assert one_piece(found) == places(parts)


# Unreadable bytes


def test_frames_that_touch_refused_bytes_are_unfinished_and_all_others_whole() -> None:
    parts = dhav_stream(60)
    faults = [Extent(10_240, 10_752), Extent(61_440, 65_536), Extent(150_500, 151_012)]
    results = scanned(b"".join(parts), faults=faults, unit_size=64 * KIB)
    assert extents.merged(one for unit in results for one in unit.unreadable) == faults
    found = {one.pieces[0]: one.unfinished for one in frames(results)}
    whole, lost = [], []
    for offset, size in places(parts):
        here = [Extent(offset, offset + size)]
        if extents.common(here, faults):
            head, tail = Extent(offset, offset + 24), Extent(offset + size - 8, offset + size)
            if extents.common([head, tail], faults):
                lost.append((offset, size))
            else:
                assert found.pop((offset, size)), "bytes of it are missing"
        else:
            whole.append((offset, size))
    assert found == dict.fromkeys(whole, False)
    assert len(lost) == 2, "without header or trailer there is no frame"


@pytest.mark.parametrize("unit_size", [2 * MIB, 64 * MIB])
def test_refused_bytes_far_inside_a_large_frame_leave_it_unfinished(unit_size: int) -> None:
    parts = [*dhav_stream(1), *dhav_stream(1, size=3 * MIB, first=1), *dhav_stream(2, first=2)]
    faults = [Extent(2 * MIB + 512 * KIB, 2 * MIB + 513 * KIB)]
    found = frames(scanned(b"".join(parts), faults=faults, unit_size=unit_size))
    assert [one.unfinished for one in found] == [False, True, False, False]


def test_bad_sectors_of_a_disk_are_exactly_those_told(simulated: Callable[[str], Path]) -> None:
    folder = simulated("dhfs-bad-sectors")
    rows = truth(folder)
    ref = SourceRef(path=str(folder / "disk.img"), map_path=str(folder / "bad.map"))
    source = open_source(ref)
    results = [Scanner(source, FORMATS).scan(one) for one in unit_extents(source.size)]
    source.close()
    bad = [
        Extent(int(start, 16), int(start, 16) + int(size, 16))
        for start, size, state in (
            line.split() for line in (folder / "bad.map").read_text().splitlines()[4:]
        )
        if state == "-"
    ]
    assert [one for unit in results for one in unit.unreadable] == bad
    found = {merged_payload(one): one.unfinished for one in frames(results)}
    for row in rows:
        state = found.get(ranges(row["pieces"]))
        assert state is None or state == (row["state"] == "unreadable"), row


def test_fragments_beside_refused_packets_are_not_taken_for_a_whole_picture(
    simulated: Callable[[str], Path],
) -> None:
    folder = simulated("jt1078-ten")
    disk = folder / "disk.img"
    keys = [
        ranges(row["frame_pieces"])
        for row in truth(folder)
        if row["key"] == "1" and int(row["size"]) > 9000
    ]
    faults = []
    for pieces in keys:  # the sector in which the packet in the middle begins
        offset, size = max(pieces, key=lambda one: one[1])
        at = (offset + size // 2) // 512 * 512
        faults.append(Extent(at, at + 1024))
    assert len(faults) > 5
    found = frames(scanned(disk, faults=faults))
    touched = {one for bad in faults for one in range(bad.start, bad.end, 8)}
    for one in found:
        first, last = one.pieces[0][0], sum(one.pieces[-1])
        hit = any(place in touched for place in range(first // 8 * 8, last, 8))
        if hit and len(one.pieces) > 1:
            assert one.unfinished, one
    assert sum(one.unfinished for one in found) >= len(keys)


# What the bytes are


block = st.one_of(
    st.tuples(st.just("blank"), st.integers(1, 40_000), st.sampled_from([0, 0xFF, 0x20])),
    st.tuples(st.just("noise"), st.integers(1, 40_000), st.integers(0, 3)),
    st.tuples(st.just("frames"), st.integers(1, 12), st.integers(40, 9000)),
)


def laid(parts: Sequence[tuple[str, int, int]]) -> bytes:
    data, number = b"", 0
    for kind, amount, value in parts:
        if kind == "blank":
            data += bytes([value]) * amount
        elif kind == "noise":
            data += noise(amount, seed=value)
        else:
            data += b"".join(dhav_stream(amount, size=value, first=number))
            number += amount
    return data


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(block, max_size=8),
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 12)), max_size=3),
    st.sampled_from([4096, 16 * KIB, 64 * KIB, 64 * MIB]),
    st.sampled_from([4096, 32 * KIB, 2 * MIB]),
)
def test_every_byte_of_a_unit_is_one_of_four_things(
    parts: list[tuple[str, int, int]],
    bad: list[tuple[int, int]],
    unit_size: int,
    window_size: int,
) -> None:
    data = laid(parts)
    faults = [Extent(at * 512, (at + count) * 512) for at, count in bad]
    faults = extents.common(extents.merged(faults), [Extent(0, len(data))])
    results = scanned(data, faults=faults, unit_size=unit_size, window_size=window_size)
    assert [unit.extent for unit in results] == unit_extents(len(data), unit_size)
    assert extents.merged(one for unit in results for one in unit.unreadable) == faults
    whole = [Extent(a, a + b) for one in frames(results) for a, b in one.pieces]
    assert extents.total(whole) == extents.total(extents.merged(whole)), "frames overlap"
    for unit in results:
        others = [*unit.unidentified, *unit.blank, *unit.unreadable]
        assert extents.total(others) == extents.total(extents.merged(others)), "they overlap"
        for kind in (unit.unidentified, unit.blank, unit.unreadable):
            assert kind == extents.common(extents.merged(kind), [unit.extent])
        explained = [*extents.merged(whole), *others]
        assert not extents.common(extents.merged(whole), extents.merged(unit.unidentified))
        rest = extents.minus([unit.extent], extents.merged(explained))
        assert all(one.size < 512 for one in rest), "a run of bytes is none of them"
        for one in unit.blank:
            if not extents.common([one], faults):
                assert len(set(data[one.start : one.end])) == 1 or one.size > 4096


def test_blank_bytes_are_told_by_blocks_and_at_the_end() -> None:
    data = bytes(8192) + noise(4096) + b"\xff" * 12_288 + bytes(100) + noise(300) + bytes(700)
    (result,) = scanned(data)
    assert result.blank == [Extent(0, 8192), Extent(12_288, 24_576)]
    assert result.unidentified == [Extent(8192, 12_288), Extent(24_576, len(data))]
    (result,) = scanned(noise(4096) + bytes(700))
    assert result.blank == [Extent(4096, 4796)]


# Several formats


def test_frames_of_several_formats_stand_side_by_side() -> None:
    chunk = NAL + noise(400)
    other = nndc.video_header(3, key=False, codec="h264", size=len(chunk), micros=0) + chunk
    other += nndc.padding(len(chunk))
    parts = []
    for number in range(20):
        parts += [*dhav_stream(1, first=number), other]
    found = frames(scanned(b"".join(parts)))
    assert [one.pieces[0] for one in found] == places(parts)
    assert [(one.format, one.channel) for one in found] == [("dhav", 1), ("nndc", 4)] * 20


def test_of_frames_that_overlap_the_longer_run_stays() -> None:
    """Xiongmai's key picture (FC) whose date looks like a start code is also a frame of the
    older Dahua stream, which uses the same marks with another meaning."""
    false_size = 8 + (2 | 25 << 8 | 1 << 16)

    def key(size: int) -> bytes:
        head = struct.pack("<4s4BII", b"\x00\x00\x01\xfc", 2, 25, 1, 9, 1 << 24, size - 16)
        return head + bytes.fromhex("0000000167") + noise(size - 21)

    lengths = [9000] * 6 + [8946, 9000]
    parts = [key(9000), *(xm_delta(size, seed) for seed, size in enumerate(lengths))]
    assert sum(map(len, parts)) - 9000 == false_size
    del parts[-1]
    parts += [key(9000), xm_delta(9000), xm_key(5000)]
    assert sum(map(len, parts[:8])) == false_size - 9000 + 9000
    data = b"".join(parts)
    alone = formats.FormatSet((FORMATS["dahua-old"],), "")
    assert one_piece(scanned(data, known=alone)), "the test needs a false frame"
    found = frames(scanned(data))
    assert [one.pieces[0] for one in found] == places(parts)
    assert {one.format for one in found} == {"xm"}


# Hostile bytes


def four_mib_headers(size: int) -> bytes:
    """DHAV headers everywhere, each of a frame of 4 MiB."""
    head = dhav.frame(
        dhav.DELTA, channel=1, sequence=1, time_ms=START_MS, counter=0, payload=b""
    ).data[:24]
    return (head[:12] + struct.pack("<I", 4 * MIB) + head[16:]) * (size // 24)


def crowded(size: int) -> bytes:
    """The smallest whole frames, all at odds with each other."""
    number = np.arange(size // 32, dtype=np.uint64)
    rows = np.zeros(len(number), dtype=[("a", "S4"), ("kind", "u1"), ("b", "u1"), ("channel", "u1"),
                                        ("c", "u1"), ("sequence", "<u4"), ("size", "<u4"),
                                        ("d", "V8"), ("end", "S4"), ("again", "<u4")])  # fmt: skip
    rows["a"], rows["kind"], rows["end"] = b"DHAV", 0xFC, b"dhav"
    rows["size"], rows["again"] = 32, 32
    rows["sequence"] = number * 2654435761 % (1 << 32)
    rows["channel"] = number * 40503 % 256
    return rows.tobytes()


HOSTILE = {
    "one value": lambda size: b"\xff" * size,
    "noise": noise,
    "headers of 4 MiB": four_mib_headers,
    "signatures in a row": lambda size: b"DHAV01cdPaVEHXVF00dcH264\x00\x00\x01\xfc" * (size // 28),
    "start codes": lambda size: bytes.fromhex("000001") * (size // 3),
    "packets without a body": lambda size: (
        bytes.fromhex("30316364816200010139123456780140" + "0000") * (size // 18)
    ),
    "the smallest frames": crowded,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bytes_give_a_bounded_result(
    make: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "MOST_ROWS", 40_000)
    source = Memory(make(2 * MIB))
    (result,) = scanned(source, window_size=256 * KIB)
    assert result.extent == Extent(0, source.size)
    assert len(result.segments) <= 8 * 1024
    assert len(result.loose_ends) <= 8 * 2048
    rows = [segments.extents(segments.unpack(one.rows)) for one in result.segments]
    known = [one for part in rows for one in part]
    told = extents.merged([*known, *result.unidentified, *result.blank])
    assert all(one.size < 512 for one in extents.minus([result.extent], told))
    assert source.read_bytes <= 20 * source.size


@pytest.mark.parametrize("name", ["dhfs-gaps", "jt1078-six", "nndc-twelve", "xm-plain", "hx-plain"])
def test_a_unit_with_too_many_rows_is_scanned_in_parts(
    name: str, simulated: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = simulated(name) / "disk.img"
    (whole,) = scanned(disk)
    monkeypatch.setattr(scan, "MOST_ROWS", 600)
    (parts,) = scanned(disk)
    assert frames([parts]) == frames([whole])
    assert [(one.position, one.after, one.edge) for one in parts.loose_ends] == [
        (one.position, one.after, one.edge) for one in whole.loose_ends
    ]
    for kind in ("extent", "unidentified", "blank", "unreadable"):
        assert getattr(parts, kind) == getattr(whole, kind)
    assert len(parts.segments) >= len(whole.segments)
    assert scanned(disk, window_size=64 * KIB) == [parts]


def test_what_was_left_out_of_too_many_segments_is_unidentified() -> None:
    count = 1500
    lone = [dhav_stream(1, size=600, first=7919 * number)[0] for number in range(count)]
    parts = [*lone, *dhav_stream(5, first=10**8)]
    (result,) = scanned(b"".join(parts))
    made = 1023
    assert one_piece([result]) == [*places(lone)[:made], *places(parts)[count:]]
    assert result.unidentified == [Extent(600 * made, 600 * count)]
    ends = [(0, False), (600 * made, True), (600 * count, False), (600 * count + 15_000, True)]
    assert [(one.position, one.after) for one in result.loose_ends] == ends


flips = st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(1, 255)), min_size=1, max_size=40)


@settings(max_examples=25, deadline=None)
@given(flips)
def test_flipped_bytes_raise_nothing_and_cost_only_their_own_frames(
    changes: list[tuple[int, int]],
) -> None:
    parts = dhav_stream(60, size=1000)
    data = bytearray(b"".join(parts))
    hit = set()
    for place, value in changes:
        data[place % len(data)] ^= value
        hit.add(place % len(data) // 1000)
    found = set(one_piece(scanned(bytes(data), window_size=4096)))
    assert {one for number, one in enumerate(places(parts)) if number not in hit} <= found
    assert Codec.H264 in {one.codec for unit in scanned(b"".join(parts)) for one in unit.segments}
