"""Expert Witness images, written here from the format document and by ewfacquire."""

import hashlib
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover.errors import SourceError
from vidrecover.model import Extent, SourceRef
from vidrecover.source import HashState, ewf_of, open_source
from vidrecover.source.ewf import EwfSource, segments_of

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
SECTOR, CHUNK = 512, 2_048
COUNT = 24
SIZE = COUNT * CHUNK - 3 * SECTOR


def content() -> bytes:
    """A disk of 24 chunks: chunks 4 to 6 zeros, 10 and 11 repetitive, the last one short."""
    disk = np.random.default_rng(5).integers(1, 256, SIZE, dtype=np.uint8)
    disk[4 * CHUNK : 7 * CHUNK] = 0
    disk[10 * CHUNK : 12 * CHUNK] = 65
    return disk.tobytes()


DISK = content()


def adler(data: bytes) -> bytes:
    """Adler-32 as stored."""
    return struct.pack("<I", zlib.adler32(data))


def section(kind: bytes, body: bytes, at: int) -> bytes:
    """A section with its descriptor, at an offset of its segment; the last one points to itself."""
    size = 76 + len(body)
    following = at if kind in (b"next", b"done") else at + size
    descriptor = struct.pack("<16sQQ40x", kind, following, size)
    return descriptor + adler(descriptor) + body


def volume(disk: bytes) -> bytes:
    """The body of a volume section."""
    count = -(-len(disk) // CHUNK)
    body = struct.pack("<B3xIIIQ", 1, count, CHUNK // SECTOR, SECTOR, len(disk) // SECTOR)
    body = body.ljust(1_048, b"\0")
    return body + adler(body)


def group(disk: bytes, numbers: range, at: int, packed: Callable[[int], bool]) -> bytes:
    """sectors, table and table2 of some chunks."""
    stored, entries = b"", b""
    for number in numbers:
        chunk = disk[number * CHUNK : (number + 1) * CHUNK]
        mark = 0x80000000 if packed(number) else 0
        entries += struct.pack("<I", 76 + len(stored) | mark)
        stored += zlib.compress(chunk, 1) if mark else chunk + adler(chunk)
    head = struct.pack("<I4xQ4x", len(numbers), at)
    table = head + adler(head) + entries + adler(entries)
    result = section(b"sectors", stored, at)
    for kind in (b"table", b"table2"):
        result += section(kind, table, at + len(result))
    return result


def write(
    path: Path,
    disk: bytes = DISK,
    *,
    packed: Callable[[int], bool] = lambda number: number % 3 != 0,
    groups: Sequence[int] = (0, 9, COUNT),
    segments: Sequence[int] = (2,),
    md5: bytes | None = None,
    errors: Sequence[tuple[int, int]] = (),
) -> list[Path]:
    """An image of `disk`; groups: first chunks of the groups and the end; segments: groups in each.

    `path` is the first segment; gives all of them.
    """
    ranges = [range(start, end) for start, end in pairwise(groups)]
    paths, done = [], 0
    for number, count in enumerate(segments, 1):
        data = b"EVF\x09\x0d\x0a\xff\x00" + struct.pack("<BHH", 1, number, 0)
        if number == 1:
            data += section(b"header", zlib.compress(b"1\nmain\n"), len(data))
            data += section(b"volume", volume(disk), len(data))
        for numbers in ranges[done : done + count]:
            data += group(disk, numbers, len(data), packed)
        done += count
        last = number == len(segments)
        if last and errors:
            head = struct.pack("<I512x", len(errors))
            body = b"".join(struct.pack("<II", *one) for one in errors)
            data += section(b"error2", head + adler(head) + body + adler(body), len(data))
        if last:
            body = (md5 or hashlib.md5(disk).digest()).ljust(32, b"\0")
            data += section(b"hash", body + adler(body), len(data))
        data += section(b"done" if last else b"next", b"", len(data))
        paths.append(path.with_suffix(f".E{number:02d}"))
        paths[-1].write_bytes(data)
    return paths


def whole(path: Path) -> tuple[bytes, list[Extent], EwfSource]:
    """Everything of an image, what is unreadable, and the closed source."""
    with EwfSource(str(path)) as source:
        buffer = np.full(source.size, 170, dtype=np.uint8)
        bad = source.read_into(0, buffer)
    return buffer.tobytes(), bad, source


def chunks(*numbers: int) -> list[Extent]:
    """Extents of single chunks of the disk."""
    return [Extent(one * CHUNK, min(SIZE, (one + 1) * CHUNK)) for one in numbers]


def without(extents: Sequence[Extent]) -> bytes:
    """The disk with the extents zeroed."""
    disk = bytearray(DISK)
    for one in extents:
        disk[one.start : one.end] = bytes(one.size)
    return bytes(disk)


def place_of(path: Path, number: int) -> int:
    """Where the stored bytes of an uncompressed chunk are in a segment."""
    return path.read_bytes().index(DISK[number * CHUNK : (number + 1) * CHUNK])


def damage(path: Path, offset: int, data: bytes = b"\xde\xad\xbe\xef") -> None:
    """Overwrite bytes of a segment."""
    raw = bytearray(path.read_bytes())
    raw[offset : offset + len(data)] = data
    path.write_bytes(raw)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=8))
def test_any_read_gives_the_bytes_of_the_disk(
    tmp_path_factory: pytest.TempPathFactory, reads: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "whole.E01"
    if not path.exists():
        write(path, segments=(1, 1))
    with open_source(SourceRef(path=str(path))) as source:
        assert (source.size, source.identity.kind) == (SIZE, "ewf")
        assert source.identity.stored_hashes == {"md5": hashlib.md5(DISK).hexdigest()}
        for offset, size in reads:
            assert source.read(offset, size) == DISK[offset : offset + size]


@pytest.mark.parametrize("packed", [True, False])
def test_a_chunk_whose_checksum_fails_is_unreadable_not_zero(tmp_path: Path, packed: bool) -> None:
    (path,) = write(tmp_path / "disk.E01", packed=lambda _: packed)
    stored = DISK[8 * CHUNK : 9 * CHUNK]
    stored = zlib.compress(stored, 1) if packed else stored
    damage(path, path.read_bytes().index(stored) + 700)
    data, bad, source = whole(path)
    assert (bad, data, source.damage) == (chunks(8), without(chunks(8)), ())
    assert source.hash_check.state is HashState.DIFFERS
    with EwfSource(str(path)) as again:
        buffer = np.full(100, 170, dtype=np.uint8)
        assert again.read_into(8 * CHUNK + 50, buffer) == [Extent(8 * CHUNK + 50, 8 * CHUNK + 150)]
        assert not buffer.any()
        assert again.read(5 * CHUNK, 10) == bytes(10)


@pytest.mark.parametrize("share", [0.3, 0.55, 0.7, 0.98])
def test_an_image_that_is_cut_off_gives_every_chunk_that_is_whole(
    tmp_path: Path, share: float
) -> None:
    (path,) = write(tmp_path / "disk.E01", packed=lambda _: False)
    raw = path.read_bytes()
    cut = int(len(raw) * share)
    starts = {number: place_of(path, number) for number in range(COUNT) if not 4 <= number <= 6}
    starts |= {number: starts[3] + (number - 3) * (CHUNK + 4) for number in (4, 5, 6)}
    path.write_bytes(raw[:cut])
    ends = {number: start + CHUNK + 4 for number, start in starts.items()}
    ends[COUNT - 1] -= 3 * SECTOR
    lost = [number for number, end in ends.items() if end > cut]
    expected = [Extent(min(lost) * CHUNK, SIZE)] if lost else []
    data, bad, source = whole(path)
    assert (bad, data) == (expected, without(expected))
    assert "is cut off" in source.damage[0]


def test_both_tables_lost_the_chunks_are_found_one_behind_the_other(tmp_path: Path) -> None:
    (path,) = write(tmp_path / "disk.E01", groups=(0, 6, 12, COUNT), segments=(3,))
    raw = path.read_bytes()
    tables = [at for at in range(len(raw)) if raw.startswith((b"table\0", b"table2\0"), at)]
    for at in tables[2:4]:
        damage(path, at + 76)
    data, bad, source = whole(path)
    assert (bad, data == DISK, len(source.damage)) == ([], True, 2)
    damage(path, raw.index(DISK[9 * CHUNK : 10 * CHUNK]))
    data, bad, _ = whole(path)
    lost = [Extent(9 * CHUNK, 12 * CHUNK)]
    assert (bad, data) == (lost, without(lost))


def test_one_broken_table_costs_nothing(tmp_path: Path) -> None:
    (path,) = write(tmp_path / "disk.E01")
    damage(path, path.read_bytes().index(b"table\0") + 76 + 24 + 8)
    data, bad, source = whole(path)
    assert (bad, data == DISK) == ([], True)
    assert "the table section at" in source.damage[0]


def test_behind_a_cut_segment_the_others_keep_their_place(tmp_path: Path) -> None:
    paths = write(tmp_path / "disk.E01", groups=(0, 6, 12, 18, COUNT), segments=(1, 1, 2))
    raw = paths[1].read_bytes()
    paths[1].write_bytes(raw[: raw.index(DISK[9 * CHUNK : 10 * CHUNK]) + 5])
    lost = [Extent(9 * CHUNK, 12 * CHUNK)]
    data, bad, _ = whole(paths[0])
    assert (bad, data) == (lost, without(lost))
    paths[1].write_bytes(b"")
    lost = [Extent(6 * CHUNK, 12 * CHUNK)]
    data, bad, _ = whole(paths[0])
    assert (bad, data) == (lost, without(lost))


def test_a_missing_segment_is_named(tmp_path: Path) -> None:
    paths = write(tmp_path / "disk.E01", groups=(0, 6, 12, COUNT), segments=(1, 1, 1))
    paths[2].rename(tmp_path / "kept")
    with pytest.raises(SourceError, match=r"disk\.E03', a segment .* is missing, though"):
        EwfSource(str(paths[0]))
    (tmp_path / "kept").rename(paths[2])
    paths[1].unlink()
    with pytest.raises(SourceError, match=r"disk\.E02', a segment .* is missing, while"):
        EwfSource(str(paths[0]))
    with pytest.raises(SourceError, match=r"is segment 3 .* most likely .*disk\.E01"):
        open_source(SourceRef(path=str(paths[2])))


def test_a_segment_of_another_number_is_not_taken_for_the_next(tmp_path: Path) -> None:
    paths = write(tmp_path / "disk.E01", groups=(0, 6, 12, COUNT), segments=(1, 1, 1))
    shutil.copy(paths[2], paths[1])
    lost = [Extent(6 * CHUNK, 12 * CHUNK)]
    data, bad, source = whole(paths[0])
    assert (bad, data) == (lost, without(lost))
    assert "does not begin as segment 2" in source.damage[0]


def test_segments_go_on_with_letters(tmp_path: Path) -> None:
    names = ["E01", *(f"E{number:02d}" for number in range(2, 100)), "EAA", "EAB"]
    for name in names:
        (tmp_path / f"disk.{name}").touch()
    assert segments_of(str(tmp_path / "disk.E01")) == [str(tmp_path / f"disk.{n}") for n in names]


def test_the_digest_is_compared_when_all_was_read_in_order(tmp_path: Path) -> None:
    (path,) = write(tmp_path / "disk.E01")
    (wrong,) = write(tmp_path / "wrong.E01", md5=bytes(range(16)))
    with EwfSource(str(path)) as source:
        source.read(CHUNK, 10)
        states = [source.hash_check.state]
        for offset in range(0, SIZE, 1_000):  # windows that overlap
            source.read(offset, 1_300)
        states.append(source.hash_check.state)
        assert states == [HashState.NOT_COMPLETE, HashState.MATCHED]
        assert source.hash_check.computed == source.identity.stored_hashes
    with EwfSource(str(wrong)) as source:
        counted: list[int] = []
        assert source.verify(counted.append).state is HashState.DIFFERS
        assert (sum(counted), source.hash_check.hashed) == (SIZE, SIZE)


def test_sectors_that_the_acquisition_could_not_read_are_unreadable(tmp_path: Path) -> None:
    (path,) = write(tmp_path / "disk.E01", errors=[(16, 4), (3, 1), (10_000, 5)])
    lost = [Extent(3 * SECTOR, 4 * SECTOR), Extent(16 * SECTOR, 20 * SECTOR)]
    data, bad, source = whole(path)
    assert (bad, data, source.damage) == (lost, without(lost), ())
    assert source.hash_check.state is HashState.MATCHED
    damage(path, path.read_bytes().index(b"error2") + 76 + 530)
    _, bad, source = whole(path)
    assert (bad, "sectors with read errors is broken" in source.damage[0]) == ([], True)


def test_known_bad_extents_lie_over_an_image_too(tmp_path: Path) -> None:
    (path,) = write(tmp_path / "disk.E01")
    with open_source(SourceRef(path=str(path), faults=(Extent(5, 9),))) as source:
        assert source.read(0, 12) == DISK[:5] + bytes(4) + DISK[9:12]
        assert isinstance(ewf_of(source), EwfSource)


def test_a_damaged_magic_does_not_make_a_raw_disk_of_the_container(tmp_path: Path) -> None:
    (path,) = write(tmp_path / "disk.E01")
    damage(path, 0)
    with open_source(SourceRef(path=str(path))) as source:
        assert (source.identity.kind, source.read(0, SIZE)) == ("ewf", DISK)


def test_without_the_disks_size_the_image_is_refused_with_advice(tmp_path: Path) -> None:
    (path,) = write(tmp_path / "disk.E01")
    damage(path, path.read_bytes().index(b"volume") + 80)
    with pytest.raises(SourceError, match="the disk's size is broken or cut off; copy the image"):
        EwfSource(str(path))


@settings(max_examples=120, deadline=None)
@given(
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 7)), max_size=12),
    cut=st.floats(0.01, 1) | st.just(1.0),
    headers=st.booleans(),
)
def test_damaged_images_never_give_wrong_bytes(
    tmp_path_factory: pytest.TempPathFactory,
    flips: list[tuple[float, int]],
    cut: float,
    headers: bool,
) -> None:
    (path,) = write(tmp_path_factory.getbasetemp() / "hostile.E01")
    raw = bytearray(path.read_bytes())
    places = [at for at in range(len(raw)) if raw.startswith((b"sectors\0", b"table", b"hash"), at)]
    for share, bit in flips:
        at = places[int(share * 0.999 * len(places))] + int(share * 7_919) % 120 if headers else 0
        raw[at if headers else int(share * (len(raw) - 1))] ^= 1 << bit
    path.write_bytes(raw[: int(len(raw) * cut)])
    try:
        with open_source(SourceRef(path=str(path))) as source:
            if source.identity.kind != "ewf":
                return
            buffer = np.full(source.size, 170, dtype=np.uint8)
            bad = source.read_into(0, buffer)
    except SourceError:
        return
    assert buffer.tobytes() == without(bad)


def test_the_real_image_of_the_corpus_matches_its_digest() -> None:
    path = CORPUS / "fs" / "dfvfs__ext2.E01"
    if not path.exists():
        pytest.skip("the corpus of real images is not beside the repository")
    with EwfSource(str(path)) as source:
        assert source.verify().state is HashState.MATCHED
        assert source.read(1_080, 2) == b"\x53\xef"  # magic of ext2


@pytest.mark.parametrize(
    "options",
    [
        ["-f", "encase6", "-c", "none", "-d", "sha1"],
        ["-f", "encase6", "-c", "fast", "-S", "1048576"],
        ["-f", "smart", "-c", "fast"],
        ["-f", "encase1", "-c", "fast"],
    ],
)
def test_images_of_ewfacquire_are_read_and_salvaged(tmp_path: Path, options: list[str]) -> None:
    if shutil.which("ewfacquire") is None:
        pytest.skip("ewfacquire (Debian's ewf-tools) is not installed")
    disk = np.random.default_rng(6).integers(1, 256, 1_500_160, dtype=np.uint8)
    disk[400_000:700_000] = 0
    (tmp_path / "disk.raw").write_bytes(disk.tobytes())
    command = ["ewfacquire", "-u", "-q", "-t", str(tmp_path / "disk"), *options]
    subprocess.run([*command, str(tmp_path / "disk.raw")], check=True, capture_output=True)
    path = next(one for one in tmp_path.iterdir() if one.suffix[2:] == "01")
    data, bad, source = whole(path)
    assert (bad, data == disk.tobytes(), source.damage) == ([], True, ())
    assert source.hash_check.state is HashState.MATCHED
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    data, bad, source = whole(path)
    rest = bytearray(disk.tobytes())
    for one in bad:
        rest[one.start : one.end] = bytes(one.size)
    assert (data == bytes(rest), "is cut off" in source.damage[0]) == (True, True)
    assert sum(one.size for one in bad) < 0.7 * len(disk)
