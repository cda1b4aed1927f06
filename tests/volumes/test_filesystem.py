"""File systems: real images and real tools' volumes, listed and read as The Sleuth Kit does."""

import hashlib
import lzma
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import pytsk3

from vidrecover import formats
from vidrecover.extents import merged
from vidrecover.model import Claim, ClaimKind, Extent, SourceRef, VolumeReport
from vidrecover.simulate.disk import Disk
from vidrecover.simulate.exfat import ExFat
from vidrecover.source import open_source
from vidrecover.volumes import _fs_walk as fs_walk
from vidrecover.volumes import filesystem
from vidrecover.volumes._fs_listing import Entry, Listing

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus" / "fs"
KINDS = ("fat12", "fat16", "fat32", "exfat", "ext2", "ext3", "ext4", "ntfs")
TOOLS = (
    "fls",
    "blkls",
    "mkfs.exfat",
    "icat",
    "mkfs.vfat",
    "mcopy",
    "mke2fs",
    "debugfs",
    "mkntfs",
    "ntfscp",
    "zstd",
)
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
needs_tools = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

IMAGES = {
    "dfvfs__ext2.E01": 0,
    "dfvfs__ext2.splitraw.000.xz": 0,
    "ext4-view-rs__test_disk1.bin.zst": 0,
    "ext4-view-rs__test_disk_4k_block_journal.bin.zst": 0,
    "ext4-view-rs__test_disk_ext2.bin.zst": 0,
    "ext4-view-rs__test_disk_ext3.bin.zst": 0,
    "pytsk__image.raw": 0,
    "pytsk__tsk_volume_system.raw.xz": 180224,
    "rust-fatfs__fat12.img.xz": 0,
    "rust-fatfs__fat16.img.xz": 0,
}
"""Images of the corpus that hold a file system of ours, with where it begins. The others are ISO,
HFS+, or containers (qcow2, VMDK, dynamic VHD) that `open_source` refuses with what to do."""


SAMPLE = 40
"""Files of one image whose content is compared: icat is one process for each."""
LARGEST = 2 << 20
"""Bytes of a file that is compared: icat is very slow with larger ones on ext2."""


class Listed(NamedTuple):
    path: str
    is_deleted: bool


def run(*words: str | Path) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


def unpacked(name: str, folder: Path) -> Path:
    """A corpus image as the bytes that `open_source` takes; parts of a split one together."""
    names = [name]
    if ".splitraw." in name:
        names.append(name.replace(".000", ".001"))
    for one in names:
        place = folder / one.removesuffix(".xz").removesuffix(".zst")
        if one.endswith(".xz"):
            place.write_bytes(lzma.decompress((CORPUS / one).read_bytes()))
        elif one.endswith(".zst"):
            run("zstd", "-d", "-q", "-o", place, CORPUS / one)
        else:
            shutil.copy(CORPUS / one, place)
    return folder / name.removesuffix(".xz").removesuffix(".zst")


def as_raw(path: Path, folder: Path) -> Path:
    """The image as plain bytes, for the sleuthkit's own tools."""
    with open_source(SourceRef(path=str(path))) as source:
        raw = folder / "plain.raw"
        raw.write_bytes(source.read(0, source.size))
    return raw


def by_sleuthkit(raw: Path, start: int) -> dict[Listed, str]:
    """Regular files by Debian's fls, an older version of the engine, with their numbers."""
    found = {}
    for line in run("fls", "-r", "-p", "-o", str(start // 512), raw).splitlines():
        match = re.fullmatch(r"(.)/(.) (\* )?(\d+)(?:-\d+-\d+)?(\(realloc\))?:\t(.*)", line)
        if match is None or match[2] != "r" or "(Volume Label Entry)" in line:
            continue
        if not match[6].startswith("$"):  # orphans and the file system's own
            found[Listed("/" + match[6], match[3] is not None)] = match[4]
    return found


def by_us(path: Path, start: int) -> dict[Listed, Entry]:
    """The same by our listing."""
    with open_source(SourceRef(path=str(path))) as source:
        image = fs_walk._image(pytsk3, source.read, source.size)
        listing = Listing(pytsk3, pytsk3.FS_Info(image, offset=start), start, source.read)
        return {
            Listed(re.sub(r"[\x00-\x1f]", "^", one.path), one.is_deleted): one
            for one in listing.entries()
        }


@needs_tools
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real images is not here")
@pytest.mark.parametrize("name", IMAGES)
def test_files_of_real_images_are_listed_and_read_as_the_sleuthkit_does(
    name: str, tmp_path: Path
) -> None:
    path = unpacked(name, tmp_path)
    raw = as_raw(path, tmp_path)
    theirs = by_sleuthkit(raw, IMAGES[name])
    ours = by_us(path, IMAGES[name])
    assert ours.keys() == theirs.keys() or sorted(ours) == sorted(theirs)
    disk = raw.read_bytes()
    whole = 0
    for one in sorted(theirs)[:: len(theirs) // SAMPLE + 1]:
        if ours[one].damage is not None or ours[one].size > LARGEST:
            continue  # holes have no place on the disk
        icat = ["icat", "-o", str(IMAGES[name] // 512), str(raw), theirs[one]]
        with subprocess.Popen(icat, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            content = process.stdout.read()
        read = b"".join(disk[extent.start : extent.end] for extent in ours[one].extents)
        assert hashlib.sha256(read).hexdigest() == hashlib.sha256(content).hexdigest()
        whole += 1
    assert whole >= min(len(theirs), SAMPLE) // 3


def made(kind: str, folder: Path) -> Path:
    """A volume of a real mkfs with four files of which the second is deleted; on NTFS it is not."""
    disk = folder / "disk.img"
    stage = folder / "stage"
    (stage / "CH01").mkdir(parents=True)
    for number in range(4):
        (stage / "CH01" / f"camera one {number}.mp4").write_bytes(
            bytes([number + 1]) * 5000 + f"end {number}".encode()
        )
    if kind == "exfat":
        return _exfat(disk, stage)
    with disk.open("wb") as file:
        file.truncate(48 << 20)
    if kind.startswith("fat"):
        sectors = {"fat12": "64", "fat16": "4", "fat32": "1"}[kind]
        run("mkfs.vfat", "-F", kind[3:], "-s", sectors, "-n", "VANCAM", disk)
        run("mcopy", "-s", "-i", disk, stage / "CH01", "::")
        run("mdel", "-i", disk, "::CH01/camera one 1.mp4")
    elif kind.startswith("ext"):
        run("mke2fs", "-q", "-t", kind, "-L", "VANCAM", "-d", stage, disk)
        run("debugfs", "-w", "-R", 'rm "CH01/camera one 1.mp4"', disk)
    else:
        run("mkntfs", "-q", "-F", "-L", "VANCAM", disk)
        for number in range(4):
            run(
                "ntfscp",
                disk,
                stage / "CH01" / f"camera one {number}.mp4",
                f"camera one {number}.mp4",
            )
    return disk


def _exfat(path: Path, stage: Path) -> Path:
    """No tool here writes files on exFAT without mounting it: the simulator does."""
    with Disk(path) as disk:
        volume = ExFat(disk, path, 4096, 4 << 20)
        for one in sorted(stage.rglob("*.mp4")):
            file = volume.heap.file(f"/CH01/{one.name}", 1_773_473_400_000)
            file.is_deleted = " 1." in one.name
            volume.heap.append(file, one.read_bytes())
        volume.close()
    return path


def claims_of(path: Path, **more: float) -> list[Claim]:
    return [one for report in reports_of(path, **more) for one in report.claims]


def reports_of(path: Path, **more: float) -> list[VolumeReport]:
    ref = SourceRef(path=str(path))
    with open_source(ref) as source:
        return filesystem.examine(source, ref, formats.load(formats.shipped()), **more)


@needs_tools
@pytest.mark.parametrize("kind", KINDS)
def test_live_and_deleted_files_are_claims_with_place_and_time(kind: str, tmp_path: Path) -> None:
    disk = made(kind, tmp_path)
    (report,) = reports_of(disk)
    assert (report.layout, report.damage) == (kind, ())
    assert report.label == "VANCAM"
    content = disk.read_bytes()
    folder = "" if kind == "ntfs" else "/CH01"
    for number, claim in enumerate(sorted(report.claims, key=lambda one: one.name or "")):
        gone = number == 1 and kind != "ntfs"
        assert claim.name == f"{folder}/camera one {number}.mp4"
        assert claim.kind is (ClaimKind.DELETED_FILE if gone else ClaimKind.FILE)
        assert claim.written_ms is not None
        held = b"".join(content[one.start : one.end] for one in claim.extents)
        assert held == bytes([number + 1]) * 5000 + f"end {number}".encode()
        assert (claim.damage is not None) == (gone and kind.startswith("fat"))
    names = {"fat": b"CAME", "ext": None, "ntf": b"FILE", "exf": b"\x85\3"}[kind[:3]]
    if names is not None:
        starts = [content[one.entry.start :][: len(names)] for one in report.claims]
        assert all(start[1:] == names[1:] for start in starts)


@needs_tools
@pytest.mark.parametrize("kind", KINDS)
def test_what_belongs_to_no_file_is_what_other_tools_say(kind: str, tmp_path: Path) -> None:
    disk = made(kind, tmp_path)
    (report,) = reports_of(disk)
    if kind.startswith("ext"):  # blkls takes what no bitmap was written for as free
        blocks = re.findall(r"^  Free blocks: (.*)$", run("dumpe2fs", disk), re.MULTILINE)
        size = report.fragment_size or 0
        theirs = [
            (int(first) * size, (int(last or first) + 1) * size)
            for line in blocks
            for first, last in re.findall(r"(\d+)(?:-(\d+))?", line)
        ]
        assert merged(Extent(*one) for one in theirs) == list(report.free)
    else:
        content = disk.read_bytes()
        free = b"".join(content[one.start : one.end] for one in report.free)
        done = subprocess.run(["blkls", disk], capture_output=True, check=True)
        assert hashlib.sha256(free).digest() == hashlib.sha256(done.stdout).digest()
    assert report.unallocated == sum(one.size for one in report.free)
    assert report.allocated is not None and report.allocated >= 3 * 5000


@needs_tools
@pytest.mark.parametrize("scenario", ["exfat-contiguous", "exfat-twelve"])
def test_files_of_exfat_are_listed_and_read_as_the_sleuthkit_does(
    scenario: str, simulated: Callable[[str], Path]
) -> None:
    disk = simulated(scenario) / "disk.img"
    theirs = {one: number for one, number in by_sleuthkit(disk, 0).items() if "$" not in one.path}
    ours = by_us(disk, 0)
    assert ours.keys() == theirs.keys()
    content = disk.read_bytes()
    for one, number in theirs.items():
        if one.is_deleted and scenario == "exfat-twelve":
            assert not ours[one].guessed  # by the chain that is still there; the sleuthkit guesses
            continue
        read = b"".join(content[extent.start : extent.end] for extent in ours[one].extents)
        icat = subprocess.run(["icat", disk, number], capture_output=True, check=True)
        assert hashlib.sha256(read).digest() == hashlib.sha256(icat.stdout).digest()


@needs_tools
def test_deleted_files_of_ntfs_are_listed_and_read_as_the_sleuthkit_does(
    simulated: Callable[[str], Path],
) -> None:
    disk = simulated("ntfs-deleted") / "disk.img"
    listed = run("fls", "-r", "-p", disk)
    rows = re.findall(r"^(?:r|-)/r (\* )?(\d+)-128-\d+:\t(CH.*)$", listed, re.MULTILINE)
    theirs = {Listed(f"/{name}", bool(gone)): number for gone, number, name in rows}
    ours = by_us(disk, 0)
    assert ours.keys() == theirs.keys()
    assert sorted(one.path[:5] for one in ours if one.is_deleted) == ["/CH01", "/CH01"]
    content = disk.read_bytes()
    (mft,) = re.findall(r"^First Cluster of MFT: (\d+)$", run("fsstat", disk), re.MULTILINE)
    for one, number in theirs.items():
        assert ours[one].damage is None and not ours[one].guessed
        read = b"".join(content[extent.start : extent.end] for extent in ours[one].extents)
        icat = subprocess.run(["icat", disk, number], capture_output=True, check=True)
        assert hashlib.sha256(read).digest() == hashlib.sha256(icat.stdout).digest()
        assert ours[one].entry.start == int(mft) * 4096 + int(number) * 1024


@needs_tools
@pytest.mark.parametrize(
    ("kind", "destroyed"),
    [("fat32", 512), ("fat32", 2048), ("exfat", 512), ("ext4", 2048), ("ntfs", 4096)],
)
def test_a_volume_without_its_first_sectors_is_read_by_its_own_copy(
    kind: str, destroyed: int, tmp_path: Path
) -> None:
    disk = made(kind, tmp_path)
    whole = claims_of(disk)
    with disk.open("r+b") as file:
        file.write(bytes(destroyed))
    (report,) = reports_of(disk)
    assert [one.extents for one in report.claims] == [one.extents for one in whole]
    assert "copy" in report.damage[0]


def with_table(disk: Path, folder: Path, *, gpt: bool) -> tuple[Path, int]:
    """The volume as the only partition of a disk, by a table written here. [A: UEFI, MBR]"""
    import binascii
    import struct

    start, body = 2048, disk.read_bytes()
    sectors = len(body) // 512
    total = start + sectors + 34
    whole = bytearray(total * 512)
    whole[start * 512 : start * 512 + len(body)] = body
    kind = 0xEE if gpt else 0x0C
    first, count = (1, total - 1) if gpt else (start, sectors)
    whole[446:462] = struct.pack("<B3sB3sII", 0, b"\0\2\0", kind, b"\xff\xff\xff", first, count)
    whole[510:512] = b"\x55\xaa"
    if gpt:
        entry = bytes.fromhex("a2a0d0ebe5b9334487c068b6b72699c7") + bytes(range(16))
        entry += struct.pack("<QQQ", start, start + sectors - 1, 0) + "video".encode("utf-16-le")
        table = entry.ljust(128, b"\0").ljust(128 * 128, b"\0")
        for own, other, at in ((1, total - 1, 2), (total - 1, 1, total - 33)):
            header = struct.pack(
                "<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, own, other, 34, total - 34,
                bytes(16), at, 128, 128, binascii.crc32(table),
            )  # fmt: skip
            header = header[:16] + struct.pack("<I", binascii.crc32(header)) + header[20:]
            whole[own * 512 : own * 512 + 92] = header
            whole[at * 512 : at * 512 + len(table)] = table
    path = folder / ("gpt.img" if gpt else "mbr.img")
    path.write_bytes(whole)
    return path, start * 512


@needs_tools
@pytest.mark.parametrize("table", ["mbr", "gpt", "gpt without its first sectors", "none"])
def test_partitions_are_found_by_their_table_its_backup_or_where_volumes_begin(
    table: str, tmp_path: Path
) -> None:
    disk = made("fat32", tmp_path)
    path, start = with_table(disk, tmp_path, gpt=table.startswith("gpt"))
    if table not in ("mbr", "gpt"):
        with path.open("r+b") as file:
            file.write(bytes(34 * 512))
    moved = [
        [Extent(e.start + start, e.end + start) for e in one.extents] for one in claims_of(disk)
    ]
    assert [list(one.extents) for one in claims_of(path)] == moved


def test_nothing_is_walked_where_nothing_speaks_for_a_file_system(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) * 4096)
    assert reports_of(path) == []


@needs_tools
def test_a_walk_that_is_not_done_in_time_is_stopped_and_says_so(tmp_path: Path) -> None:
    (report,) = reports_of(made("fat32", tmp_path), limit_s=0.01)
    assert report.damage == (
        "the listing is not whole: it was not done in 0.01 seconds; 0 files were listed",
    )


@needs_tools
@pytest.mark.parametrize("kind", ["ext2", "ext4"])
def test_sizes_that_cannot_be_keep_no_walk_busy(kind: str, tmp_path: Path) -> None:
    disk = made(kind, tmp_path)
    for name in ("CH01", "CH01/camera one 2.mp4"):
        run("debugfs", "-w", "-R", f'sif "{name}" size 0xfffffffff000', disk)
    (report,) = reports_of(disk, limit_s=8)
    assert report.damage == ()
    sizes = [sum(part.size for part in one.extents) for one in report.claims]
    assert sorted(sizes) == [5005, 5005, 5005, 5120], "no size tells where the last block ends"


@needs_tools
@pytest.mark.parametrize("kind", ["fat32", "exfat", "ext4", "ntfs"])
def test_damaged_structures_neither_stop_the_program_nor_lead_outside_the_source(
    kind: str, tmp_path: Path
) -> None:
    """Thousands of them: tests/benchmarks/filesystem_fuzz.py."""
    disk = made(kind, tmp_path)
    whole = disk.read_bytes()
    content = {bytes([number + 1]) * 512 for number in range(4)}
    sectors = [at for at in range(0, len(whole), 512) if whole[at : at + 512].strip(b"\0")]
    structures = [at for at in sectors if whole[at : at + 512] not in content]
    rng = random.Random(kind)
    for count in (4, 400):
        data = bytearray(whole)
        for _ in range(count):
            data[rng.choice(structures) + rng.randrange(512)] = rng.randrange(256)
        disk.write_bytes(data)
        for claim in claims_of(disk, limit_s=9):
            assert all(0 <= one.start < one.end <= len(whole) for one in claim.extents)
