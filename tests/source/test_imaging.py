"""Images made on the way: the same bytes, sparse, with a map, and resumable."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover.errors import EvidenceError
from vidrecover.model import Extent, SourceRef
from vidrecover.source import ddrescue, open_source
from vidrecover.source.imaging import ImagingSource

SIZE = 300_000


def made_disk(folder: Path) -> tuple[Path, bytes]:
    content = np.random.default_rng(9).integers(1, 256, SIZE, dtype=np.uint8)
    content[50_000:200_000] = 0
    path = folder / "disk.img"
    path.write_bytes(content.tobytes())
    return path, content.tobytes()


@settings(max_examples=30, deadline=None)
@given(
    reads=st.lists(
        st.tuples(st.integers(0, SIZE - 1), st.integers(1, 120_000)), min_size=1, max_size=12
    ),
    stopped=st.integers(0, 12),
    faults=st.lists(st.integers(0, SIZE // 512 - 1), max_size=3),
)
def test_an_image_is_the_source_whatever_is_read_in_whatever_order(
    tmp_path_factory: pytest.TempPathFactory,
    reads: list[tuple[int, int]],
    stopped: int,
    faults: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("imaging")
    path, content = made_disk(folder)
    bad = tuple(Extent(one * 512, (one + 1) * 512) for one in faults)
    expected = bytearray(content)
    for one in bad:
        expected[one.start : one.end] = bytes(one.size)
    image = folder / "copy.img"
    with open_source(SourceRef(path=str(path), faults=bad)) as source:
        for part in (reads[:stopped], reads[stopped:]):  # a copy that was stopped goes on
            with ImagingSource(source, image) as imaging:
                for start, size in part:
                    buffer = np.empty(min(size, SIZE - start), dtype=np.uint8)
                    imaging.read_into(start, buffer)
                    assert buffer.tobytes() == expected[start : start + len(buffer)]
                imaging.save_map([])
        with ImagingSource(source, image) as imaging:
            copied = imaging.complete()
    assert image.read_bytes() == bytes(expected)
    assert copied.sha256 == hashlib.sha256(expected).hexdigest()
    assert copied.missing == len(set(faults)) * 512
    known = ddrescue.load(str(folder / "copy.img.map"))
    assert sum(one.size for one in known.bad) == copied.missing
    shutil.rmtree(folder)


def test_blocks_of_zeros_take_no_room(tmp_path: Path) -> None:
    path, _ = made_disk(tmp_path)
    with (
        open_source(SourceRef(path=str(path))) as source,
        ImagingSource(source, tmp_path / "copy.img") as imaging,
    ):
        imaging.complete()
    assert (tmp_path / "copy.img").stat().st_blocks * 512 < SIZE - 130_000


def test_no_file_of_another_kind_is_overwritten(tmp_path: Path) -> None:
    path, _ = made_disk(tmp_path)
    other = tmp_path / "copy.img"
    other.write_bytes(b"precious")
    with (
        open_source(SourceRef(path=str(path))) as source,
        pytest.raises(EvidenceError, match="nothing is overwritten: choose another name"),
    ):
        ImagingSource(source, other)
    assert other.read_bytes() == b"precious"
    with (
        open_source(SourceRef(path=str(path))) as source,
        pytest.raises(EvidenceError, match="cannot be written"),
    ):
        ImagingSource(source, tmp_path / "absent" / "copy.img")


@pytest.mark.skipif(shutil.which("ddrescue") is None, reason="needs ddrescue")
def test_ddrescue_goes_on_with_the_map(tmp_path: Path) -> None:
    path, content = made_disk(tmp_path)
    image = tmp_path / "copy.img"
    with (
        open_source(SourceRef(path=str(path))) as source,
        ImagingSource(source, image) as imaging,
    ):
        imaging.read(0, 4096)
        imaging.save_map([Extent(8192, 16_384)])
    command = ["ddrescue", "--quiet", str(path), str(image), str(image) + ".map"]
    subprocess.run(command, check=True)
    assert image.read_bytes() == content
    assert ddrescue.load(str(image) + ".map").bad == ()


def test_a_map_names_what_was_copied_what_is_bad_and_what_was_left() -> None:
    words = ddrescue.text(
        4096,
        finished=[Extent(0, 3072)],
        bad=[Extent(512, 1024)],
        left=[Extent(768, 2048)],
    )
    rows = [line.split() for line in words.splitlines() if not line.startswith("#")][1:]
    assert [(int(a, 16), int(b, 16), c) for a, b, c in rows] == [
        (0, 512, "+"),
        (512, 512, "-"),
        (1024, 1024, "*"),
        (2048, 1024, "+"),
        (3072, 1024, "?"),
    ]
