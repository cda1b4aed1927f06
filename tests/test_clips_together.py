"""Clips of all cameras are made in one pass over the source, and are those of each by itself."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.virtual_ring import APART, MIXED, VirtualRing

from vidrecover import clips, timeline
from vidrecover.case import Case
from vidrecover.model import Clip, Recording, SourceRef
from vidrecover.source import CountedSource

RINGS: dict[str, dict[str, Any]] = {
    "frames in turn": {"streams": MIXED, "block": 8 << 20},
    "fragments in turn": {"streams": APART, "block": 1 << 20},
}


@pytest.fixture(params=RINGS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    """A scanned ring of 24 MiB, written round once and a third."""
    ring = VirtualRing(24 << 20, **RINGS[request.param])
    (tmp_path / "disk.img").write_bytes(ring.read(0, ring.size))
    with Case.open(tmp_path / "case", create=True) as opened:
        opened.scan(SourceRef(path=str(tmp_path / "disk.img")), pictures=False)
        yield opened


def begun(case: Case, source: CountedSource, folder: Path) -> Iterator[clips.Made]:
    """All recordings of a case on their way to a folder."""
    return clips.write_together(
        [clips.Wish(one) for one in recordings(case)],
        source,
        case.unpack,
        clips.begin(folder, [source]),
        clocks=clocks(case),
    )


def recordings(case: Case) -> list[Recording]:
    return timeline.recordings(case.segments())


def clocks(case: Case) -> dict[str, clips.TickClock]:
    return {one.name: clips.TickClock.of(one) for one in case.formats.formats}


def contents(folder: Path) -> dict[str, list[bytes]]:
    """Bytes of the clips, and the rows of the table in no order."""
    return {
        one.name: sorted(one.read_bytes().splitlines(keepends=True)) for one in folder.iterdir()
    }


def test_a_disk_of_twelve_cameras_is_read_once_for_all_clips(case: Case, tmp_path: Path) -> None:
    with case.source() as opened:
        source = CountedSource(opened)
        together = list(begun(case, source, tmp_path / "together"))
        singly = list(
            clips.write(
                recordings(case), opened, case.unpack, tmp_path / "singly", clocks=clocks(case)
            )
        )
    assert [one.what for one in sorted(together, key=lambda one: one.number)] == singly
    assert contents(tmp_path / "together") == contents(tmp_path / "singly")
    assert len(singly) >= 12
    assert source.bytes_read < 1.2 * opened.size


def test_a_stop_leaves_whole_clips_alone(case: Case, tmp_path: Path) -> None:
    with case.source() as opened:
        made = begun(case, CountedSource(opened), tmp_path / "clips")
        with closing(made):  # type: ignore[type-var]
            first = next(made).what
    assert isinstance(first, Clip)
    assert sorted(one.name for one in (tmp_path / "clips").iterdir()) == sorted(
        [first.file, "fragments.csv"]
    )
