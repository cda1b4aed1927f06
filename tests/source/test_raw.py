"""Raw images and fixed VHDs."""

import errno
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover.errors import SourceError
from vidrecover.model import Extent, SourceIdentity, SourceRef
from vidrecover.source import open_source
from vidrecover.source._reading import seeking_reader
from vidrecover.source.raw import RawSource

CONTENT = np.random.default_rng(1).integers(0, 256, 20_000, dtype=np.uint8).tobytes()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw image of 20,000 random bytes; nobody may change it."""
    path = tmp_path_factory.mktemp("raw") / "disk.img"
    path.write_bytes(CONTENT)
    return path


@settings(max_examples=100, deadline=None)
@given(offset=st.integers(0, 20_100), size=st.integers(0, 20_100))
def test_any_read_gives_the_bytes_of_the_file(image: Path, offset: int, size: int) -> None:
    with open_source(SourceRef(path=str(image))) as source:
        assert source.read(offset, size) == CONTENT[offset : offset + size]
        buffer = np.full(max(0, min(size, 20_000 - offset)), 170, dtype=np.uint8)
        if offset <= 20_000:
            assert source.read_into(offset, buffer) == []
            assert buffer.tobytes() == CONTENT[offset : offset + size]


def test_the_identity_says_path_kind_and_size(image: Path) -> None:
    with open_source(SourceRef(path=str(image))) as source:
        assert source.identity == SourceIdentity(path=str(image), kind="raw", size=20_000)


def test_reading_behind_the_end_is_a_mistake_of_the_caller(image: Path) -> None:
    with RawSource(str(image)) as source:
        for offset, size in ((19_999, 2), (-1, 1), (20_001, 0)):
            with pytest.raises(ValueError, match="leave the source of 20000 bytes"):
                source.read_into(offset, np.zeros(size, dtype=np.uint8))
        with pytest.raises(ValueError, match="must not be negative"):
            source.read(-1, 5)
        with pytest.raises(ValueError, match="contiguous"):
            source.read_into(0, np.zeros(20, dtype=np.uint8)[::2])


def test_a_file_cut_while_it_is_open_is_unreadable_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "shrinking.img"
    path.write_bytes(CONTENT)
    with RawSource(str(path)) as source:
        os.truncate(path, 5_000)
        buffer = np.full(4_000, 170, dtype=np.uint8)
        assert source.read_into(3_000, buffer) == [Extent(5_000, 7_000)]
        assert buffer.tobytes() == CONTENT[3_000:5_000] + bytes(2_000)
        assert source.read_into(9_000, buffer) == [Extent(9_000, 13_000)]
        assert not buffer.any()


def test_without_preadv_reads_by_seeking_are_the_same(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "preadv", raising=False)
    with RawSource(str(image)) as source:
        assert source.read(4_321, 9_876) == CONTENT[4_321 : 4_321 + 9_876]
        assert source.read(19_990, 50) == CONTENT[19_990:]


def test_a_seeking_reader_leaves_the_descriptor_open(image: Path) -> None:
    descriptor = os.open(image, os.O_RDONLY)
    read_at = seeking_reader(descriptor)
    memory = bytearray(8)
    assert read_at(19_996, memoryview(memory)) == 4
    del read_at
    os.close(descriptor)


def test_a_share_that_goes_away_says_so(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(*_: object) -> int:
        raise OSError(errno.ESTALE, "Stale file handle")

    with RawSource(str(image)) as source:
        monkeypatch.setattr(source, "_read_at", stale)
        with pytest.raises(SourceError, match=r"reading stopped .*Stale file handle"):
            source.read(0, 100)


@pytest.mark.skipif(sys.platform != "linux", reason="flags of descriptors are seen in /proc only")
def test_the_file_is_opened_for_reading_only(image: Path) -> None:
    with RawSource(str(image)):
        mine = [one for one in Path("/proc/self/fd").iterdir() if one.resolve() == image.resolve()]
        flags = [Path(f"/proc/self/fdinfo/{one.name}").read_text().split()[3] for one in mine]
        assert [int(one, 8) & os.O_ACCMODE for one in flags] == [os.O_RDONLY]


def vhd_footer(disk: int, kind: int = 2) -> bytes:
    """The footer of a VHD, from Microsoft's format document."""
    footer = bytearray(512)
    struct.pack_into(">8sIIQ", footer, 0, b"conectix", 2, 0x10000, 0xFFFFFFFFFFFFFFFF)
    struct.pack_into(">QQII", footer, 40, disk, disk, 0, kind)
    struct.pack_into(">I", footer, 64, ~sum(footer) & 0xFFFFFFFF)
    return bytes(footer)


def test_a_fixed_vhd_is_the_disk_without_its_footer(tmp_path: Path) -> None:
    path = tmp_path / "disk.vhd"
    path.write_bytes(CONTENT + vhd_footer(20_000))
    with open_source(SourceRef(path=str(path))) as source:
        assert source.identity == SourceIdentity(path=str(path), kind="vhd", size=20_000)
        assert source.read(0, 30_000) == CONTENT


@pytest.mark.parametrize("damage", [vhd_footer(20_000, kind=3), b"conectix" + bytes(504)])
def test_what_only_looks_like_a_footer_belongs_to_the_disk(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENT + damage)
    with open_source(SourceRef(path=str(path))) as source:
        assert source.identity == SourceIdentity(path=str(path), kind="raw", size=20_512)
