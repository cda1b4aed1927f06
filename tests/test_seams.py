"""Cut frames: all that can be proven are joined to exactly their bytes, the rest is refused."""

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import extents, formats, precedence, scan, seams, segments, simulate, volumes
from vidrecover.model import (
    Codec,
    Extent,
    FrameFlag,
    Grid,
    LooseEnd,
    Media,
    Segment,
    SourceIdentity,
    SourceRef,
)
from vidrecover.seams import Seams
from vidrecover.simulate import dhav, xm
from vidrecover.source import open_source

FORMATS = formats.load(formats.shipped())
START_MS = 1_773_473_400_000  # 2026-03-14 07:30:00
DHFS = [name for name in simulate.scenarios() if name.startswith("dhfs")]
NAL = bytes.fromhex("00000001419a")
UNFINISHED = FrameFlag.UNFINISHED

Pieces = tuple[tuple[int, int], ...]


class Frame(NamedTuple):
    """A frame as segments tell it; pieces: (offset, size) of its payload, merged."""

    pieces: Pieces
    channel: int | None
    unfinished: bool


class Memory:
    """A source in memory that refuses some extents."""

    def __init__(self, data: bytes, faults: Iterable[Extent] = ()) -> None:
        self._data = np.frombuffer(data, dtype=np.uint8)
        self._faults = extents.merged(faults)

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def identity(self) -> SourceIdentity:
        return SourceIdentity(path="memory", kind="raw", size=self.size)

    def read_into(self, offset: int, buffer: npt.NDArray[np.uint8]) -> list[Extent]:
        here = Extent(offset, offset + len(buffer))
        assert offset >= 0 and here.end <= self.size
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


def frames(found: Iterable[Segment]) -> list[Frame]:
    """Frames of segments; a row that continues belongs to the one of its media before it."""
    result: list[Frame] = []
    for one in found:
        going: dict[int, int] = {}
        for row in segments.unpack(one.rows):
            media = max(int(row["kind"]), Media.DELTA)
            at, size = int(row["offset"]) + int(row["payload_offset"]), int(row["payload_size"])
            piece = ((at, size),) if size else ()
            torn = bool(row["flags"] & UNFINISHED)
            if row["flags"] & FrameFlag.CONTINUES:
                before = result[going[media]]
                result[going[media]] = Frame(
                    (*before.pieces, *piece), one.channel, before.unfinished or torn
                )
            else:
                going[media] = len(result)
                result.append(Frame(piece, one.channel, torn))
    return [one._replace(pieces=merged(one.pieces)) for one in result]


def merged(pieces: Pieces) -> Pieces:
    joined: list[tuple[int, int]] = []
    for offset, size in pieces:
        if joined and sum(joined[-1]) == offset:
            joined[-1] = (joined[-1][0], joined[-1][1] + size)
        else:
            joined.append((offset, size))
    return tuple(joined)


def truth(folder: Path) -> list[tuple[Pieces, int, str]]:
    """(payload, channel, state) of every frame that was ever made."""
    with (folder / "frames.csv").open() as table:
        return [
            (
                merged(tuple((int(a), int(b)) for a, b in pairs(row["pieces"]))),
                int(row["channel"]),
                row["state"],
            )
            for row in csv.DictReader(table)
        ]


def pairs(text: str) -> list[list[str]]:
    return [one.split("+") for one in text.split()]


# Whole disks


@pytest.mark.parametrize("name", [one for one in DHFS if one != "van"])
@pytest.mark.parametrize("layout", ["known", "unknown"])
def test_every_frame_of_a_disk_is_found_once_and_nothing_else(
    name: str, layout: str, simulated: Callable[[str], Path]
) -> None:
    whole_disk(simulated(name), layout)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["known", "unknown"])
def test_every_frame_of_the_van_is_found_once_and_nothing_else(
    layout: str, simulated: Callable[[str], Path]
) -> None:
    whole_disk(simulated("van"), layout)


def whole_disk(folder: Path, layout: str) -> None:
    bad = folder / "bad.map"
    ref = SourceRef(path=str(folder / "disk.img"), map_path=str(bad) if bad.exists() else None)
    with open_source(ref) as source:
        units = [scan.Scanner(source, FORMATS).scan(one) for one in scan.unit_extents(source.size)]
        grids = [
            Grid(one.fragment_start, one.fragment_size)
            for one in volumes.examine(source)
            if one.fragment_start is not None and one.fragment_size
        ]
        ends = [one for unit in units for one in unit.loose_ends]
        found = seams.join(source, ends, FORMATS, grids if layout == "known" else [])
    own = [one for unit in units for one in unit.segments]
    given = {id(one): rest for one, rest in precedence.surrendered(own, found.joined, FORMATS)}
    left = [part for one in own for part in given.get(id(one), [one])]
    named = [one for one in left if one.format != "annexb"]  # what bad sectors leave of frames
    got = frames([*named, *found.joined])
    made = truth(folder)
    on_disk = sorted((pieces, channel) for pieces, channel, state in made if state == "on_disk")
    whole = sorted((one.pieces, one.channel) for one in got if not one.unfinished)
    assert whole == on_disk
    assert found.joined, "the scenario cuts frames"
    known = {pieces for pieces, _, _ in made}
    assert all(one.pieces in known for one in got), "even the unfinished are where they were"


# Small disks, made by hand


class Disk(NamedTuple):
    """Fragments on a disk; made: the payload of each channel's frames by number."""

    data: bytes
    made: dict[tuple[int, int], bytes]


def stream(
    sizes: Sequence[int], *, channel: int = 1, first: int = 0, step_ms: int = 40
) -> tuple[bytes, dict[tuple[int, int], bytes]]:
    """DHAV frames of these payload sizes, one behind the other, with their payloads."""
    data, made = b"", {}
    for number, size in enumerate(sizes, start=first):
        payload = (NAL + np.random.default_rng([channel, number]).bytes(size))[:size]
        made[channel, number] = payload
        data += dhav.frame(
            dhav.KEY if number % 10 == 0 else dhav.DELTA,
            channel=channel,
            sequence=number,
            time_ms=START_MS + step_ms * number,
            counter=step_ms * number,
            payload=payload,
        ).data
    return data, made


def cut(data: bytes, size: int) -> list[bytes]:
    """Fragments; the last one filled up with zeros."""
    return [data[at : at + size].ljust(size, b"\0") for at in range(0, len(data), size)]


def scanned(data: bytes, faults: Sequence[Extent] = ()) -> tuple[list[Segment], list[LooseEnd]]:
    source = Memory(data, faults)
    units = [
        scan.Scanner(source, FORMATS).scan(one) for one in scan.unit_extents(source.size, 65536)
    ]
    return (
        [one for unit in units for one in unit.segments],
        [one for unit in units for one in unit.loose_ends],
    )


def joined(data: bytes, *grids: Grid, faults: Sequence[Extent] = ()) -> Seams:
    _, ends = scanned(data, faults)
    return seams.join(Memory(data, faults), ends, FORMATS, grids)


def payloads(data: bytes, found: Iterable[Segment]) -> dict[tuple[int | None, int | None], bytes]:
    """Payload of each joined frame by channel and number; each occurs once."""
    result: dict[tuple[int | None, int | None], bytes] = {}
    for one in found:
        (frame,) = frames([one])
        key = one.channel, one.first_sequence
        assert key not in result
        result[key] = b"".join(data[offset : offset + size] for offset, size in frame.pieces)
    return result


SIZE = 8192
GRID = Grid(512, SIZE)


def in_turn(one: bytes, other: bytes, size: int = SIZE) -> bytes:
    """Fragments of two streams that take turns, blank ones where one stream has no more."""
    blank = bytes(size)
    both = zip_longest(cut(one, size), cut(other, size), fillvalue=blank)
    return b"".join(part for pair in both for part in pair)


def two_cameras(count: int = 40, size: int = 1500) -> Disk:
    """Two cameras whose fragments take turns behind one sector of something else."""
    one, made = stream([size] * count)
    other, more = stream([size + 100] * count, channel=2, first=1000)
    return Disk(bytes(512) + in_turn(one, other), made | more)


def without_tail(disk: Disk, channel: int, number: int) -> bytes:
    """The disk with the fragment gone into which the frame runs on."""
    at = disk.data.index(disk.made[channel, number + 1])
    start = (at - 512) // SIZE * SIZE + 512
    return disk.data[:start] + bytes(SIZE) + disk.data[start + SIZE :]


@pytest.mark.parametrize("grids", [[GRID], []], ids=["known", "unknown"])
def test_cut_frames_are_joined_to_their_bytes(grids: list[Grid]) -> None:
    disk = two_cameras()
    found = joined(disk.data, *grids)
    got = payloads(disk.data, found.joined)
    whole, _ = scanned(disk.data)
    assert len(got) == 14
    assert got.items() <= disk.made.items()
    assert len(frames(whole)) + len(got) == len(disk.made)
    assert found.doubtful == ()


def test_a_joined_frame_tells_what_it_is() -> None:
    disk = two_cameras()
    first = joined(disk.data, GRID).joined[0]
    rows = segments.unpack(first.rows)
    flags = FrameFlag.JOINED | FrameFlag.MORE, FrameFlag.JOINED | FrameFlag.CONTINUES
    assert rows["flags"].tolist() == list(flags)
    assert first == Segment(
        format="dhav",
        channel=1,
        stream=segments.unpack(first.rows)["stream"][0],
        codec=Codec.H264,
        start_ms=START_MS + 200,
        end_ms=START_MS + 200,
        start=512 + 5 * 1532,
        end=512 + SIZE + 6 * 1532,
        frames=1,
        keys=0,
        audio=0,
        size=1532,
        first_sequence=5,
        last_sequence=5,
        missing=0,
        unfinished=0,
        rows=first.rows,
        joined=True,
    )


def test_every_place_of_the_border_in_a_frame_is_joined() -> None:
    for shift in range(0, 440, 6):  # through payload, trailer and header
        data, made = stream([700 - shift, *[400] * 40])
        disk = in_turn(data, stream([3000] * 8, channel=2)[0])
        got = payloads(disk, joined(disk, Grid(0, SIZE)).joined)
        own = {number: payload for (channel, number), payload in got.items() if channel == 1}
        assert own.keys() == {number for _, number in made} - alone(disk)
        assert all(payload == made[1, number] for number, payload in own.items() if number)


def alone(disk: bytes) -> set[int]:
    """Numbers of camera 1's frames that a scan finds without any joining."""
    whole, _ = scanned(disk)
    numbers: set[int] = set()
    for one in whole:
        if one.channel == 1:
            numbers |= set(segments.unpack(one.rows)["sequence"].tolist())
    return numbers


def test_a_tail_that_is_gone_leaves_a_doubt_and_no_frame() -> None:
    disk = two_cameras()
    assert (1, 10) in payloads(disk.data, joined(disk.data, GRID).joined)
    damaged = without_tail(disk, 1, 10)
    got = payloads(damaged, joined(damaged, GRID).joined)
    assert (1, 10) not in got
    assert got.items() <= disk.made.items()


def test_two_tails_for_one_head_are_refused() -> None:
    disk = two_cameras()
    at = 512 + 2 * SIZE  # the fragment behind camera 1's first
    twice = disk.data + disk.data[at : at + SIZE]
    found = joined(twice, GRID)
    got = payloads(twice, found.joined)
    assert (1, 5) not in got
    assert got.items() <= disk.made.items()
    assert Extent(512 + 5 * 1532, 512 + 6 * 1532) in found.doubtful


def test_two_heads_for_one_tail_are_refused() -> None:
    disk = two_cameras()
    twice = disk.data + disk.data[512 : 512 + SIZE]
    found = joined(twice, GRID)
    assert (1, 5) not in payloads(twice, found.joined)
    assert len([one for one in found.doubtful if one.size == 1532]) == 2


def foreign_tail(number: int, total: int) -> Disk:
    """Camera 1's sixth frame is cut; the only tail has another size or number of its frame."""
    disk = two_cameras()
    other, _ = stream([total], first=number)
    head = bytearray(disk.data)
    start = 512 + 5 * 1532
    head[start : start + 24] = other[:24]
    return disk._replace(data=bytes(head))


def test_a_partner_of_another_length_is_refused() -> None:
    disk = foreign_tail(5, 1400)
    got = payloads(disk.data, joined(disk.data, GRID).joined)
    assert (1, 5) not in got
    assert got.items() <= disk.made.items()


def test_a_header_with_another_number_is_refused() -> None:
    disk = foreign_tail(7, 1500)
    got = payloads(disk.data, joined(disk.data, GRID).joined)
    assert not {(1, 5), (1, 7)} & got.keys()


def test_a_header_of_another_camera_is_refused() -> None:
    disk = two_cameras()
    other, _ = stream([1500], channel=7, first=5)
    head = bytearray(disk.data)
    start = 512 + 5 * 1532
    head[start : start + 24] = other[:24]
    assert {key[0] for key in payloads(bytes(head), joined(bytes(head), GRID).joined)} == {1, 2}
    assert (1, 5) not in payloads(bytes(head), joined(bytes(head), GRID).joined)


def test_a_cut_header_whose_checksum_differs_is_refused() -> None:
    disk = bytearray(in_turn(stream([1605] * 30)[0], stream([3000] * 8, channel=2)[0]))
    border = SIZE - 5 * 1637  # bytes of frame 5's header before it
    assert 0 < border < 20
    assert (1, 5) in payloads(bytes(disk), joined(bytes(disk), Grid(0, SIZE)).joined)
    disk[2 * SIZE + 20 - border] ^= 0x55  # the counter of milliseconds: nothing else checks it
    assert (1, 5) not in payloads(bytes(disk), joined(bytes(disk), Grid(0, SIZE)).joined)


def test_a_time_far_from_the_neighbours_is_refused() -> None:
    disk = two_cameras()
    head = bytearray(disk.data)
    start = 512 + 5 * 1532
    late = dhav.frame(
        dhav.DELTA, channel=1, sequence=5, time_ms=START_MS + 60_000, counter=0, payload=bytes(1500)
    ).data
    head[start : start + 24] = late[:24]
    assert (1, 5) not in payloads(bytes(head), joined(bytes(head), GRID).joined)


def test_two_layouts_with_different_borders_are_a_doubt() -> None:
    disk = two_cameras()
    found = joined(disk.data, GRID, Grid(1024, SIZE))
    assert payloads(disk.data, found.joined).items() <= disk.made.items()
    assert (len(found.joined), len(found.doubtful)) == (5, 9)


def test_a_layout_that_does_not_fit_leaves_it_to_the_cuts() -> None:
    disk = two_cameras()
    wrong = Grid(0, 1 << 20)
    assert joined(disk.data, wrong).joined == joined(disk.data).joined != ()


def test_two_cuts_alone_show_no_grid() -> None:
    disk = two_cameras(count=12)
    assert len(joined(disk.data, GRID).joined) == 4
    few = disk.data[: 512 + 3 * SIZE]
    assert len(joined(few, GRID).joined) == 1
    assert joined(few).joined == ()
    assert len(joined(few).doubtful) == 1


def large_frame(middle: bytes) -> Disk:
    """A frame over three fragments; before the last of them lies this instead of its middle."""
    data, made = stream([1500, 18_000, 1500, 1500])
    other, more = stream([1500] * 5, channel=2)
    parts = cut(data, SIZE)
    assert len(parts) == 3
    return Disk(
        b"".join([parts[0], *cut(other, SIZE)[:1], middle or parts[1], parts[2]]), made | more
    )


def test_a_frame_over_three_fragments_is_refused_for_nothing_proves_its_middle() -> None:
    found = joined(large_frame(b"").data, Grid(0, SIZE))
    assert found.joined == ()
    assert len(found.doubtful) == 1


def test_a_foreign_fragment_in_the_middle_of_a_frame_is_refused() -> None:
    foreign, _ = stream([1500] * 5, channel=3)
    found = joined(large_frame(cut(foreign, SIZE)[0]).data, Grid(0, SIZE))
    assert found.joined == ()
    assert len(found.doubtful) == 1


def test_unreadable_bytes_leave_a_joined_frame_unfinished() -> None:
    disk = two_cameras()
    faults = [Extent(512 + 2 * SIZE, 1024 + 2 * SIZE)]  # the tail of frame 5 of camera 1
    found = joined(disk.data, GRID, faults=faults)
    by_number = {(one.channel, one.first_sequence): one.unfinished for one in found.joined}
    assert by_number.pop((1, 5)) == 1
    assert set(by_number.values()) == {0}


def xm_camera(count: int, size: int, seed: int) -> tuple[bytes, list[bytes]]:
    """Xiongmai key frames, 25 a second, with their payloads: neither number nor trailer."""
    rng = np.random.default_rng(seed)
    made = [NAL[:4] + b"\x67" + rng.bytes(size) for _ in range(count)]
    stamps = [START_MS + number // 25 * 1000 for number in range(count)]
    data = b"".join(
        xm.key_header("h264", 352, 288, 25, time_ms, len(payload)) + payload
        for time_ms, payload in zip(stamps, made, strict=True)
    )
    return data, made


def test_without_number_and_trailer_only_a_large_fragments_border_proves_a_frame() -> None:
    one, made = xm_camera(120, 1500, 1)
    other, _ = xm_camera(120, 1700, 2)
    for size in (4096, 65536):
        disk = in_turn(one, other, size)[: 4 * size]
        found = joined(disk, Grid(0, size))
        got = [b"".join(disk[a : a + b] for a, b in frame.pieces) for frame in frames(found.joined)]
        if size == 4096:
            assert (got, bool(found.doubtful)) == ([], True)
        else:
            assert made[65536 // 1521] in got


def end(position: int, *, after: bool, sequence: int | None, time_ms: int | None) -> LooseEnd:
    return LooseEnd(
        after=after,
        position=position,
        format="dhav",
        channel=1,
        codec=Codec.H264,
        sequence=sequence,
        time_ms=time_ms,
        edge=b"DHAV" + bytes(60),
    )


@pytest.mark.parametrize(("sequence", "time_ms"), [(None, None), (None, START_MS), (5, START_MS)])
def test_very_many_loose_ends_at_one_place_of_the_order_cost_little(
    sequence: int | None, time_ms: int | None
) -> None:
    following = None if sequence is None else sequence + 2
    ends = [
        end(512 * place, after=bool(place % 2), sequence=[following, sequence][place % 2],
            time_ms=time_ms)
        for place in range(20_000)
    ]  # fmt: skip
    assert seams.join(Memory(bytes(512)), ends, FORMATS) == Seams((), ())


def test_undated_ends_of_an_uncounted_format_are_no_partners() -> None:
    ends = [
        LooseEnd(after=bool(place % 2), position=512 * place, format="xm", channel=None,
                 codec=Codec.H264, sequence=None, time_ms=None, edge=bytes(64))
        for place in range(1, 20_000)
    ]  # fmt: skip
    assert seams.join(Memory(bytes(512)), ends, FORMATS) == Seams((), ())


# Any disk whose frames are no larger than its fragments


cameras = st.lists(
    st.tuples(st.integers(5, 60), st.sampled_from([40, 300, 900, 2500, 3500])),
    min_size=1,
    max_size=3,
)


@settings(max_examples=30, deadline=None)
@given(
    cameras,
    st.sampled_from([4096, 8192, 16_384]),
    st.integers(0, 5),
    st.randoms(use_true_random=False),
    st.sampled_from(["known", "unknown"]),
)
def test_any_order_of_fragments_gives_frames_exact_to_the_byte(
    shape: list[tuple[int, int]], size: int, start: int, random: Random, layout: str
) -> None:
    made: dict[tuple[int, int], bytes] = {}
    parts: list[bytes] = []
    for channel, (count, most) in enumerate(shape, start=1):
        sizes = [random.randint(20, most) for _ in range(count)]
        data, more = stream(sizes, channel=channel, first=100 * channel)
        made |= more
        parts += cut(data, size)
    random.shuffle(parts)
    data = bytes(512 * start) + b"".join(parts)
    whole, ends = scanned(data)
    grids = [Grid(512 * start, size)] if layout == "known" else []
    found = seams.join(Memory(data), ends, FORMATS, grids)
    joined_payloads = payloads(data, found.joined)
    assert joined_payloads.items() <= made.items()
    seen = Counter[tuple[int | None, int]]()
    at: dict[tuple[int | None, int], Pieces] = defaultdict(tuple)
    for one in whole:
        if one.format == "annexb":  # start codes by chance in what a cut has left
            continue
        for row in segments.unpack(one.rows):
            key = one.channel, int(row["sequence"])
            seen[key] += 1
            at[key] = ((int(row["offset"]) + int(row["payload_offset"]), int(row["payload_size"])),)
    assert set(seen.values()) <= {1}
    assert all(data[a : a + b] == made[key] for key, ((a, b),) in at.items())  # type: ignore[index]
    assert not seen.keys() & joined_payloads.keys()
    if layout == "known":
        missing = made.keys() - seen.keys() - joined_payloads.keys()
        assert all(borders(made, key, size) > 1 or beside_cut(made, key, size) for key in missing)


def spans(made: dict[tuple[int, int], bytes], channel: int) -> list[tuple[int, int, int]]:
    """(number, start, end) of a camera's frames in its own stream."""
    found, at = [], 0
    for (camera, number), payload in sorted(made.items()):
        if camera == channel:
            found.append((number, at, at + len(payload) + 32))
            at += len(payload) + 32
    return found


def borders(made: dict[tuple[int, int], bytes], key: tuple[int, int], size: int) -> int:
    """How many borders cut the frame."""
    ((start, last),) = [(a, b) for number, a, b in spans(made, key[0]) if number == key[1]]
    return (last - 1) // size - start // size


def beside_cut(made: dict[tuple[int, int], bytes], key: tuple[int, int], size: int) -> bool:
    """Whether a neighbour is cut too, or there is none, so that no run of frames leads here."""
    numbers = [number for number, _, _ in spans(made, key[0])]
    beside = [(key[0], key[1] - 1), (key[0], key[1] + 1)]
    return any(one[1] not in numbers or borders(made, one, size) for one in beside)
