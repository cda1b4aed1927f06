"""Images in parts."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover.errors import SourceError
from vidrecover.model import Extent, SourceIdentity, SourceRef
from vidrecover.source import open_source
from vidrecover.source.split import SplitSource, parts_of

CONTENT = np.random.default_rng(2).integers(0, 256, 6_000, dtype=np.uint8).tobytes()


def write_parts(folder: Path, names: list[str], sizes: list[int] | None = None) -> list[str]:
    """Cut CONTENT into files; equal sizes unless given."""
    sizes = sizes or [-(-len(CONTENT) // len(names))] * len(names)
    ends = list(itertools.accumulate(sizes))
    for name, start, end in zip(names, [0, *ends], ends, strict=False):
        (folder / name).write_bytes(CONTENT[start:end])
    return [str(folder / name) for name in names]


@settings(max_examples=80, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 5_999), min_size=1, max_size=11, unique=True).map(sorted),
    reads=st.lists(st.tuples(st.integers(0, 6_000), st.integers(0, 6_000)), max_size=12),
)
def test_parts_of_any_sizes_read_as_the_whole(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], reads: list[tuple[int, int]]
) -> None:
    sizes = [end - start for start, end in itertools.pairwise([0, *cuts, 6_000])]
    names = [f"disk.{number:03d}" for number in range(1, len(sizes) + 1)]
    paths = write_parts(tmp_path_factory.mktemp("parts"), names, sizes)
    with open_source(SourceRef(path=paths[0])) as source:
        assert source.identity == SourceIdentity(path=paths[0], kind="split", size=6_000)
        for offset, size in reads:
            assert source.read(offset, size) == CONTENT[offset : offset + size]
        buffer = np.zeros(6_000, dtype=np.uint8)
        assert source.read_into(0, buffer) == []
        assert buffer.tobytes() == CONTENT


@pytest.mark.parametrize(
    "names",
    [
        ["d.000", "d.001", "d.002"],
        ["d.001", "d.002"],
        ["d.01", "d.02", "d.03"],
        ["d.00001", "d.00002"],
        ["d.aa", "d.ab", "d.ac"],
        ["d.aaa", "d.aab"],
    ],
)
def test_parts_are_found_from_the_first(tmp_path: Path, names: list[str]) -> None:
    paths = write_parts(tmp_path, names)
    (tmp_path / "d.txt").write_text("notes")
    (tmp_path / "d.md5").write_text("digest")
    assert parts_of(paths[0]) == paths


def test_numbers_and_letters_that_run_out_grow(tmp_path: Path) -> None:
    letters = [f"{a}{b}" for a in "abcdefghijklmnopqrstuvwxy" for b in "abcdefghijklmnopqrstuvwxyz"]
    names = [f"d.{one}" for one in [*letters, "zaaa", "zaab"]]
    assert parts_of(write_parts(tmp_path, names)[0]) == [str(tmp_path / one) for one in names]
    digits = [f"e.{one}" for one in [*(f"{n:02d}" for n in range(90)), "9000", "9001"]]
    assert parts_of(write_parts(tmp_path, digits)[0]) == [str(tmp_path / one) for one in digits]
    numbers = [f"f.{number:03d}" for number in range(1, 1_003)]
    assert parts_of(write_parts(tmp_path, numbers)[0]) == [str(tmp_path / one) for one in numbers]


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["d.001", "d.003"], "d.002"),
        (["d.000", "d.001", "d.004", "d.005"], "d.002"),
        (["d.aa", "d.ac"], "d.ab"),
    ],
)
def test_a_missing_middle_part_is_named(tmp_path: Path, names: list[str], missing: str) -> None:
    paths = write_parts(tmp_path, names)
    with pytest.raises(SourceError, match=f"{missing}', a part of a split image, is missing"):
        open_source(SourceRef(path=paths[0]))


@pytest.mark.parametrize(
    ("names", "given_name", "text"),
    [
        (["d.001", "d.002", "d.003"], "d.003", "later part .* give the first part, .*d.001'"),
        (["d.000", "d.001"], "d.001", "later part .* give the first part, .*d.000'"),
        (["d.002", "d.003"], "d.002", "d.001', the first part of a split image, is missing"),
    ],
)
def test_a_later_part_is_not_taken_for_the_disk(
    tmp_path: Path, names: list[str], given_name: str, text: str
) -> None:
    write_parts(tmp_path, names)
    with pytest.raises(SourceError, match=text):
        open_source(SourceRef(path=str(tmp_path / given_name)))


@pytest.mark.parametrize(
    "name", ["disk.001", "disk.264", "disk.2024", "disk.aa", "disk", "a.b/disk"]
)
def test_a_lone_file_is_a_raw_image(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(CONTENT)
    with open_source(SourceRef(path=str(path))) as source:
        assert source.identity.kind == "raw"


def test_an_empty_part_between_others_is_an_error(tmp_path: Path) -> None:
    paths = write_parts(tmp_path, ["d.001", "d.002", "d.003"], [100, 0, 100])
    with pytest.raises(SourceError, match=r"d\.002', a part of a split image, is empty"):
        open_source(SourceRef(path=paths[0]))


def test_a_part_cut_while_open_is_unreadable_behind_its_end(tmp_path: Path) -> None:
    paths = write_parts(tmp_path, ["d.001", "d.002", "d.003"])
    with SplitSource(paths) as source:
        os.truncate(paths[1], 500)
        buffer = np.full(6_000, 170, dtype=np.uint8)
        assert source.read_into(0, buffer) == [Extent(2_500, 4_000)]
        assert buffer.tobytes() == CONTENT[:2_500] + bytes(1_500) + CONTENT[4_000:]


def descriptors() -> int:
    """Open descriptors of this process, where the system shows them."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_few_descriptors_are_open_however_many_parts(tmp_path: Path) -> None:
    paths = write_parts(tmp_path, [f"d.{number:03d}" for number in range(1, 61)])
    with SplitSource(paths) as source:
        before = descriptors()
        assert source.read(0, 6_000) == CONTENT
        assert descriptors() - before <= 8
        assert source.read(0, 150) == CONTENT[:150]
