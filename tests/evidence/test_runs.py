"""Runs of bytes: rows in, contiguous runs out, numbered by frame, read back whole."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover.evidence import _masters, _rows, _runs, _tables
from vidrecover.model import Extent, FrameFlag, Frames, Media, SourceIdentity, no_frames

HEADER, VIDEO, AUDIO = _runs.HEADER, _runs.VIDEO, _runs.AUDIO


class Memory:
    """Bytes as a source; `bad` is refused."""

    def __init__(self, data: bytes, bad: Sequence[Extent] = ()) -> None:
        self.data, self.bad, self.size = data, bad, len(data)
        self.identity = SourceIdentity(path="memory.img", kind="raw", size=len(data))

    def read_into(self, offset: int, buffer: npt.NDArray[np.uint8]) -> list[Extent]:
        assert offset >= 0 and offset + len(buffer) <= self.size
        buffer[:] = np.frombuffer(self.data, np.uint8, len(buffer), offset)
        hit = [b for b in self.bad if b.start < offset + len(buffer) and offset < b.end]
        for one in hit:
            buffer[max(one.start - offset, 0) : one.end - offset] = 0
        return hit

    def read(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]

    def close(self) -> None:
        pass


class Kept:
    """Gathers what is written."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes | memoryview) -> None:
        self.data += bytes(data)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def rows(*given: tuple[int, int, int, int, Media, FrameFlag]) -> Frames:
    """Of offset, size, payload offset, payload size, kind, flags."""
    table = no_frames(len(given))
    for place, (offset, size, first, length, kind, flags) in enumerate(given):
        table[place]["offset"], table[place]["size"] = offset, size
        table[place]["payload_offset"], table[place]["payload_size"] = first, length
        table[place]["kind"], table[place]["flags"] = kind, flags
    return table


NONE, MORE, GOES_ON = FrameFlag.NONE, FrameFlag.MORE, FrameFlag.CONTINUES


def listed(*tables: Frames, size: int = 1 << 40) -> list[tuple[int, ...]]:
    return [tuple(one) for part in _runs.runs(iter(tables), size) for one in part.tolist()]


def test_a_frame_gives_its_header_payload_and_trailer() -> None:
    assert listed(rows((100, 50, 24, 18, Media.KEY, NONE))) == [
        (100, 24, HEADER, 1, 1),
        (124, 18, VIDEO, 1, 1),
        (142, 8, HEADER, 1, 1),
    ]


def test_a_trailer_and_the_header_behind_it_are_one_run() -> None:
    table = rows((0, 20, 4, 12, Media.KEY, NONE), (20, 10, 4, 6, Media.AUDIO, NONE))
    assert listed(table) == [
        (0, 4, HEADER, 1, 1),
        (4, 12, VIDEO, 1, 1),
        (16, 8, HEADER, 1, 2),
        (24, 6, AUDIO, 2, 2),
    ]


def test_frames_without_headers_that_touch_are_one_run_over_all_tables() -> None:
    first = rows((0, 10, 0, 10, Media.KEY, NONE), (10, 5, 0, 5, Media.DELTA, NONE))
    second = rows((15, 5, 0, 5, Media.DELTA, NONE), (30, 5, 0, 5, Media.DELTA, NONE))
    assert listed(first, second) == [(0, 20, VIDEO, 1, 3), (30, 5, VIDEO, 4, 4)]


def test_a_piece_bears_the_number_of_its_own_frame_though_sound_stands_between() -> None:
    table = rows(
        (0, 10, 2, 8, Media.KEY, MORE),
        (10, 6, 2, 4, Media.AUDIO, NONE),
        (16, 10, 2, 8, Media.KEY, GOES_ON),
        (26, 10, 2, 8, Media.DELTA, NONE),
    )
    assert listed(table) == [
        (0, 2, HEADER, 1, 1), (2, 8, VIDEO, 1, 1),
        (10, 2, HEADER, 2, 2), (12, 4, AUDIO, 2, 2),
        (16, 2, HEADER, 1, 1), (18, 8, VIDEO, 1, 1),
        (26, 2, HEADER, 3, 3), (28, 8, VIDEO, 3, 3),
    ]  # fmt: skip


def test_what_is_neither_picture_nor_sound_counts_as_header() -> None:
    assert listed(rows((0, 10, 4, 6, Media.DATA, NONE))) == [(0, 10, HEADER, 1, 1)]


def test_rows_end_where_the_source_ends() -> None:
    assert listed(rows((90, 40, 4, 30, Media.KEY, NONE)), size=100) == [
        (90, 4, HEADER, 1, 1),
        (94, 6, VIDEO, 1, 1),
    ]


def test_frames_are_counted_once_however_many_pieces_they_have() -> None:
    table = rows(
        (0, 1, 0, 1, Media.KEY, MORE), (1, 1, 0, 1, Media.KEY, GOES_ON),
        (2, 1, 0, 1, Media.DELTA, NONE), (3, 1, 0, 1, Media.AUDIO, NONE),
        (4, 1, 0, 1, Media.DATA, NONE),
    )  # fmt: skip
    assert _runs.counted(table) == _runs.Count(frames=4, pictures=2, keys=1, sounds=1)


EXTENTS = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(1, 400)), min_size=1, max_size=40
).map(lambda found: [(start, min(length, 3400 - start)) for start, length in found])


@settings(max_examples=60, deadline=None)
@given(EXTENTS, st.integers(1, 200), st.lists(st.tuples(st.integers(0, 3300), st.integers(1, 99))))
def test_the_bytes_of_runs_come_in_order_whatever_their_places(
    given_: list[tuple[int, int]], stretch: int, bad: list[tuple[int, int]]
) -> None:
    data = np.random.default_rng(1).integers(1, 256, 3400, dtype=np.uint8).tobytes()
    refused = [Extent(start, start + size) for start, size in bad]
    source = Memory(data, refused)
    found = np.zeros(len(given_), dtype=_runs.RUN_DTYPE)
    found["offset"], found["length"] = zip(*given_, strict=True)
    hit: list[Extent] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_runs, "STRETCH", stretch)
        parts, count = list[bytes](), 0
        for one in _runs.read(found, source, hit):
            assert b"".join(one.data[a:b] for a, b in one.places) == one.whole
            parts.append(bytes(one.whole))
            count += len(one.places) * one.ends
    assert count == len(found)
    lost = {at for one in refused for at in range(one.start, one.end)}
    shown = bytes(0 if at in lost else data[at] for at in range(len(data)))
    assert b"".join(parts) == b"".join(shown[start : start + length] for start, length in given_)
    inside = {at for start, length in given_ for at in range(start, start + length)} & lost
    assert {at for e in _runs.within(found, hit) for at in range(e.start, e.end)} == inside


@settings(max_examples=60, deadline=None)
@given(EXTENTS, st.integers(1, 200))
def test_a_master_is_the_bytes_of_its_runs_with_a_digest_of_each(
    given_: list[tuple[int, int]], stretch: int
) -> None:
    data = np.random.default_rng(2).integers(1, 256, 3400, dtype=np.uint8).tobytes()
    found = np.zeros(len(given_), dtype=_runs.RUN_DTYPE)
    found["offset"], found["length"] = zip(*given_, strict=True)
    table, out = Kept(), Kept()
    lines = _tables.FragmentRows(table, "memory.img")
    lines.begin("clip")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_runs, "STRETCH", stretch)
        native = _masters.copy(
            iter([one for one in (found[:3], found[3:]) if len(one)]),
            Memory(data),
            lines,
            out,
            None,
        )
    parts = [data[start : start + length] for start, length in given_]
    assert out.data == b"".join(parts)
    assert native.sha256 == hashlib.sha256(out.data).hexdigest()
    assert (native.size, native.fragments) == (len(out.data), len(given_))
    written = [line.split(",") for line in table.data.decode().splitlines()[1:]]
    assert [(int(row[1]), int(row[3]), int(row[4]), row[5]) for row in written] == [
        (place, start, length, hashlib.sha256(part).hexdigest())
        for place, ((start, length), part) in enumerate(zip(given_, parts, strict=True))
    ]
    apart = [start for (before, size), (start, _) in pairwise(given_) if before + size != start]
    assert native.places == 1 + len(apart)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["x", ",", "\n", "\r\n", '"', "-1"]))),
    st.sampled_from([40, 300, 1 << 20]),
)
def test_rows_read_by_columns_are_those_read_one_by_one(
    tmp_path_factory: pytest.TempPathFactory,
    counts: list[int],
    changes: list[tuple[int, str]],
    block: int,
) -> None:
    lines = [",".join(_tables.FRAGMENT_COLUMNS)]
    for clip, count in enumerate(counts):
        row = f"{clip * 9 + 7},{{}},disk.img,90,5,{'0a' * 32},video,1,1"
        lines += [f"clip-{clip}," + row.split(",", 1)[1].format(seq) for seq in range(count)]
    text = "\r\n".join([*lines, ""])
    for place, change in changes[:2]:
        text = text[:place] + change + text[place:]
    path = tmp_path_factory.getbasetemp() / "fragments.csv"
    path.write_bytes(text.encode())

    def read() -> tuple[list[Any], ...]:
        found = list(_rows.batches(path, 1000))
        runs = [(one.clip, run) for one in found for run in one.found.tolist()]
        digests = [digest for one in found for digest in one.digests]
        return runs, digests, [place for one in found for place in one.seq], [
            sentence for one in found for sentence in one.wrong
        ]  # fmt: skip

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_rows, "_BLOCK", block)
        by_columns = read()
        patched.setattr(_rows, "_by_columns", lambda *_: None)
        assert read() == by_columns
