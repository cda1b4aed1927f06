"""The catalogue remembers everything once, whatever stops it."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from vidrecover.catalogue import Catalogue, ChannelSummary, Look
from vidrecover.errors import CatalogueError
from vidrecover.model import (
    Claim,
    ClaimKind,
    Codec,
    Event,
    EventKind,
    Extent,
    LooseEnd,
    PictureState,
    Ring,
    Segment,
    SourceIdentity,
    Stream,
    TimeSpan,
    UnitResult,
    VolumeReport,
)

UNIT = 1000


def identity(
    size: int = 10 * UNIT,
    *,
    path: str = "/disks/van.img",
    kind: str = "raw",
    model: str | None = None,
    serial: str | None = None,
) -> SourceIdentity:
    return SourceIdentity(size=size, path=path, kind=kind, model=model, serial=serial)


def segment(
    start: int,
    *,
    channel: int | None = 1,
    start_ms: int | None = 0,
    joined: bool = False,
    rows: bytes = b"rows",
) -> Segment:
    return Segment(
        format="dhav",
        channel=channel,
        stream=Stream.MAIN,
        codec=Codec.H264,
        start_ms=start_ms,
        end_ms=None if start_ms is None else start_ms + 900,
        start=start,
        end=start + 100,
        frames=25,
        keys=1,
        audio=3,
        size=90,
        first_sequence=7,
        last_sequence=31,
        missing=1,
        unfinished=2,
        rows=rows,
        joined=joined,
    )


def unit(number: int, *segments: Segment, **more: list[Extent]) -> UnitResult:
    lists: dict[str, list[Extent]] = {"unidentified": [], "blank": [], "unreadable": [], **more}
    return UnitResult(
        extent=Extent(number * UNIT, (number + 1) * UNIT),
        segments=list(segments),
        loose_ends=[],
        **lists,
    )


def begin(
    catalogue: Catalogue, digest: str = "formats 1", given: SourceIdentity | None = None
) -> None:
    catalogue.begin_run(given or identity(), digest, ["dhav"], "0.1", fingerprint="f1")


def plain(segments: list[Segment]) -> list[tuple[int, int | None]]:
    return [(one.start, one.channel) for one in segments]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.db"


def test_a_segment_comes_back_as_it_was_stored(path: Path) -> None:
    given = segment(5, start_ms=1_000)
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        catalogue.store_unit(unit(0, given))
    with Catalogue.open(path, create=False) as catalogue:
        (found,) = catalogue.segments(rows=True)
        assert found.id is not None
        assert found == msgspec.structs.replace(given, id=found.id)
        assert [one.rows for one in catalogue.segments()] == [b""]
        assert catalogue.segment_rows(found.id) == b"rows"
        with pytest.raises(CatalogueError, match="segment 99 is not in the catalogue"):
            catalogue.segment_rows(99)


def test_segments_come_by_channel_and_time_with_the_unknown_last(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        catalogue.store_unit(
            unit(
                0,
                segment(1, channel=None, start_ms=5),
                segment(2, channel=2, start_ms=None),
                segment(3, channel=2, start_ms=9),
                segment(4, channel=1, start_ms=8),
                segment(5, channel=2, start_ms=-1),
            )
        )
        assert plain(list(catalogue.segments())) == [(4, 1), (5, 2), (3, 2), (2, 2), (1, None)]
        assert plain(list(catalogue.segments(channel=2))) == [(5, 2), (3, 2), (2, 2)]
        assert plain(list(catalogue.segments(channel=None))) == [(1, None)]


def test_a_span_chooses_the_segments_with_frames_in_it(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        times = (0, 1000, 2000, None)
        catalogue.store_unit(unit(0, *(segment(i, start_ms=t) for i, t in enumerate(times))))
        assert plain(list(catalogue.segments(span=TimeSpan(900, 2000)))) == [(0, 1), (1, 1)]
        assert plain(list(catalogue.segments(channel=1, span=TimeSpan(901, 2001)))) == [
            (1, 1),
            (2, 1),
        ]
        assert list(catalogue.segments(channel=3, span=TimeSpan(0, 9000))) == []


def test_one_camera_in_a_span_is_found_through_an_index(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
    with sqlite3.connect(path) as conn:
        plan = conn.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM segment WHERE channel IS ? AND start_ms < ?", (1, 2)
        ).fetchall()
        ordered = conn.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM segment ORDER BY channel IS NULL, channel, stream,"
            " format, codec, start_ms IS NULL, start_ms, start, id"
        ).fetchall()
    conn.close()
    assert "segment_of_camera" in plan[0][3]
    assert [row[3] for row in ordered] == ["SCAN segment USING COVERING INDEX segment_in_time"]


def test_a_unit_that_is_scanned_again_replaces_what_was_found_before(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        catalogue.store_unit(unit(0, segment(1), unreadable=[Extent(500, 600)]))
        catalogue.store_unit(unit(1, segment(1001)))
        catalogue.store_seams([segment(90, joined=True)])
    with Catalogue.open(path) as catalogue:
        begin(catalogue, "formats 2")
        assert catalogue.scanned() == []
        assert len(list(catalogue.segments())) == 3
        catalogue.store_unit(unit(0, segment(2), segment(3)))
        assert plain(list(catalogue.segments())) == [(2, 1), (3, 1), (1001, 1)]
        assert catalogue.unreadable() == []
        assert catalogue.scanned() == [Extent(0, 1000)]


def test_segment_numbers_are_never_used_twice(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        catalogue.store_unit(unit(0, segment(1), segment(2)))
        before = {one.id for one in catalogue.segments()}
        catalogue.store_unit(unit(0, segment(1), segment(2)))
        assert before.isdisjoint({one.id for one in catalogue.segments()})


def test_what_is_pending_is_all_that_no_unit_covers(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        assert catalogue.pending(2500, 1000) == [
            Extent(0, 1000),
            Extent(1000, 2000),
            Extent(2000, 2500),
        ]
        probe = UnitResult(
            extent=Extent(1200, 1300),
            segments=[],
            loose_ends=[],
            unidentified=[],
            blank=[],
            unreadable=[],
        )
        catalogue.store_unit(probe)
        assert catalogue.pending(2500, 1000) == [
            Extent(0, 1000),
            Extent(1000, 1200),
            Extent(1300, 2000),
            Extent(2000, 2500),
        ]
        assert catalogue.scanned_share(1000) == 0.0
        assert catalogue.scanned_share(2000) == 0.05
        catalogue.store_unit(unit(1))
        assert catalogue.scanned() == [Extent(1000, 2000)]
        assert catalogue.scanned_share(0) == 1.0
        assert catalogue.pending(0, 1000) == []


def test_a_unit_that_is_partly_replaced_is_pending_again(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        catalogue.store_unit(unit(0, segment(1), segment(600)))
        half = UnitResult(
            extent=Extent(0, 500),
            segments=[segment(1)],
            loose_ends=[],
            unidentified=[],
            blank=[],
            unreadable=[],
        )
        catalogue.store_unit(half)
        assert plain(list(catalogue.segments())) == [(1, 1)]
        assert catalogue.pending(1000, 1000) == [Extent(500, 1000)]


def test_joined_segments_replace_the_former_ones(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        catalogue.store_unit(unit(0, segment(1)))
        catalogue.store_seams([segment(50, joined=True), segment(60, joined=True)])
        catalogue.store_seams(iter([segment(70, joined=True)]))
        assert plain(list(catalogue.segments())) == [(1, 1), (70, 1)]
        with pytest.raises(ValueError, match="joined segments only"):
            catalogue.store_seams([segment(80)])
        assert plain(list(catalogue.segments())) == [(1, 1), (70, 1)]


def test_stretches_of_neighbouring_units_are_merged(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        catalogue.store_unit(unit(1, unidentified=[Extent(1000, 1100)], blank=[Extent(1500, 2000)]))
        catalogue.store_unit(unit(0, unidentified=[Extent(900, 1000)], unreadable=[Extent(1, 2)]))
        assert catalogue.unidentified() == [Extent(900, 1100)]
        assert catalogue.blank() == [Extent(1500, 2000)]
        assert catalogue.unreadable() == [Extent(1, 2)]


def test_loose_ends_come_back_by_place(path: Path) -> None:
    ends = [
        LooseEnd(
            after=after,
            position=position,
            format="dhav",
            channel=channel,
            codec=Codec.H265,
            sequence=4,
            time_ms=None,
        )
        for after, position, channel in ((True, 900, 2), (False, 10, None))
    ]
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        result = UnitResult(
            extent=Extent(0, 1000),
            segments=[],
            loose_ends=ends,
            unidentified=[],
            blank=[],
            unreadable=[],
        )
        catalogue.store_unit(result)
        assert list(catalogue.loose_ends()) == [ends[1], ends[0]]


def look(number: int, start_ms: int | None, end_ms: int | None, state: PictureState) -> Look:
    return Look(
        segment_id=number,
        start_ms=start_ms,
        end_ms=end_ms,
        state=state,
        certain=False,
        pictures=3,
        reason="edges in 8 % of the picture",
    )


def test_what_pictures_show_comes_back_by_segment_and_time(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        found = [segment(0), segment(200, start_ms=60_000), segment(400, start_ms=None)]
        catalogue.store_unit(unit(0, *found))
        first, second, undated = (one.id or 0 for one in catalogue.segments())
        live = look(first, 0, 20_000, PictureState.LIVE)
        lost = look(first, 20_000, 59_000, PictureState.NO_SIGNAL)
        rest = [
            look(second, 60_000, 60_000, PictureState.LIVE),
            look(undated, None, None, PictureState.DARK),
        ]
        catalogue.store_looks([*rest, lost, live])
        assert catalogue.looks() == [live, lost, *rest]
        again = look(first, 0, 59_000, PictureState.COVERED)
        catalogue.store_looks([again])
        assert catalogue.looks() == [again, *rest]


@pytest.mark.parametrize(("start_ms", "end_ms"), [(None, 5), (5, None), (5, 4)])
def test_a_look_begins_and_ends_or_has_no_time(
    path: Path, start_ms: int | None, end_ms: int | None
) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        catalogue.store_unit(unit(0, segment(0)))
        (one,) = catalogue.segments()
        with pytest.raises(CatalogueError, match="cannot be so"):
            catalogue.store_looks([look(one.id or 0, start_ms, end_ms, PictureState.LIVE)])
        assert catalogue.looks() == []


def report() -> VolumeReport:
    claim = Claim(
        id=1,
        volume="dhfs",
        kind=ClaimKind.INDEX,
        channel=3,
        stream=Stream.SUB,
        start_ms=1000,
        end_ms=None,
        extents=(Extent(900, 950), Extent(100, 200)),
        entry=Extent(32, 64),
        name="a.dav",
        damage="no end",
        open=True,
    )
    remnant = Claim(
        id=2,
        volume="dhfs",
        kind=ClaimKind.REMNANT,
        channel=None,
        start_ms=None,
        end_ms=None,
        extents=(),
        entry=Extent(64, 96),
    )
    events = tuple(
        Event(id=i + 1, kind=kind, time_ms=time, channel=2, code=5, text="x", entry=Extent(1, 2))
        for i, (kind, time) in enumerate(
            [(EventKind.DISK_ERROR, None), (EventKind.POWER_ON, 9), (EventKind.OTHER, 3)]
        )
    )
    return VolumeReport(
        layout="dhfs",
        extent=Extent(0, 1000),
        claims=(claim, remnant),
        events=events,
        damage=("half of it is gone",),
        fragment_size=100,
        fragment_start=0,
        label="disk",
        ring=Ring(extent=Extent(100, 900), head=300, block=100),
    )


def test_volumes_claims_and_events_come_back_and_are_not_doubled(path: Path) -> None:
    given = report()
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        catalogue.store_volumes([given])
        catalogue.store_volumes(iter([given]))
        assert catalogue.volumes() == [given]
        assert catalogue.claims() == list(given.claims)
        assert catalogue.claims([ClaimKind.REMNANT]) == [given.claims[1]]
        assert catalogue.claims([]) == []
        assert [event.time_ms for event in catalogue.events()] == [3, 9, None]


def test_the_summary_follows_what_is_stored_and_replaced(path: Path) -> None:
    def of(channel: int | None, count: int, first: int | None, last: int | None) -> ChannelSummary:
        return ChannelSummary(
            channel=channel,
            segments=count,
            frames=25 * count,
            seconds=0.0 if first is None else 0.9 * count,
            size=90 * count,
            first_ms=first,
            last_ms=last,
        )

    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        assert catalogue.summary() == []
        catalogue.store_unit(unit(0, segment(1, start_ms=100), segment(2, channel=None)))
        assert catalogue.summary() == [of(1, 1, 100, 1000), of(None, 1, 0, 900)]
        catalogue.store_unit(unit(1, segment(1001, start_ms=5000), segment(1002, start_ms=None)))
        first = catalogue.summary()[0]
        assert (first.segments, first.first_ms, first.last_ms) == (3, 100, 5900)
        with Catalogue.open(path) as reader:
            assert reader.summary() == catalogue.summary()
            catalogue.store_unit(unit(0, segment(1, channel=2)))
            catalogue.store_unit(unit(1))
            assert catalogue.summary() == [of(2, 1, 0, 900)]
            assert reader.summary() == catalogue.summary()


def test_a_listing_shows_its_beginning_whatever_is_stored_meanwhile(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        catalogue.store_unit(unit(0, *(segment(i, start_ms=i) for i in range(50))))
        listing = catalogue.segments(rows=True)
        first = next(listing)
        catalogue.store_unit(unit(0, segment(999)))
        assert [first.start, *(one.start for one in listing)] == list(range(50))


def test_what_cannot_be_so_is_refused_and_nothing_of_it_stays(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        with pytest.raises(CatalogueError, match="cannot be so"):
            catalogue.store_unit(unit(0, segment(1), segment(2, channel=0)))
        assert list(catalogue.segments()) == []
        assert catalogue.scanned() == []


def test_nothing_is_stored_before_a_run_has_begun(path: Path) -> None:
    with Catalogue.open(path) as catalogue, pytest.raises(CatalogueError, match="before a run"):
        catalogue.store_unit(unit(0))


def test_runs_and_the_identity_are_kept(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        assert catalogue.identity() is None
        begin(catalogue, given=identity(serial="S1"))
        begin(catalogue, "formats 2", identity(path="/elsewhere"))
        assert catalogue.identity() == identity(serial="S1")
        assert [
            (run.id, run.path, run.formats_digest, run.format_names) for run in catalogue.runs()
        ] == [
            (1, "/disks/van.img", "formats 1", ("dhav",)),
            (2, "/elsewhere", "formats 2", ("dhav",)),
        ]


def test_the_same_content_is_the_same_source_wherever_it_lies(path: Path) -> None:
    device = identity(path="/dev/sdb", kind="device", model="ST1000", serial="S1")
    with Catalogue.open(path) as catalogue:
        catalogue.begin_run(device, "d", [], "0.1", fingerprint="f1")
        catalogue.begin_run(identity(), "d", [], "0.1", fingerprint="f1")
        assert catalogue.identity() == device


@pytest.mark.parametrize(
    ("other", "fingerprint", "why"),
    [
        (identity(size=9), "f1", "9 bytes instead of 10000"),
        (identity(), "f2", "the content differs"),
        (identity(serial="S2"), "f1", "serial number S2 instead of S1"),
        (
            SourceIdentity(path="x", kind="ewf", size=10_000, stored_hashes={"md5": "bb"}),
            "f1",
            "another md5",
        ),
    ],
)
def test_another_source_is_refused(
    path: Path, other: SourceIdentity, fingerprint: str, why: str
) -> None:
    known = SourceIdentity(
        path="a", kind="ewf", size=10_000, serial="S1", stored_hashes={"md5": "AA"}
    )
    with Catalogue.open(path) as catalogue:
        catalogue.begin_run(known, "d", [], "0.1", fingerprint="f1")
        with pytest.raises(CatalogueError, match=why):
            catalogue.begin_run(other, "d", [], "0.1", fingerprint=fingerprint)
        assert len(catalogue.runs()) == 1


def test_a_second_worker_is_refused_and_a_reader_is_not(path: Path) -> None:
    with Catalogue.open(path) as first:
        begin(first)
        first.store_unit(unit(0, segment(1)))
        with Catalogue.open(path) as second:
            assert plain(list(second.segments())) == [(1, 1)]
            with pytest.raises(CatalogueError, match="locked, another vidrecover is working"):
                begin(second)
    with Catalogue.open(path) as third:
        begin(third)


def test_a_missing_catalogue_is_not_made_by_a_reader(path: Path) -> None:
    with pytest.raises(CatalogueError, match="there is no catalogue; scan the source"):
        Catalogue.open(path, create=False)
    assert not path.exists()
    with pytest.raises(CatalogueError, match="check that the folder is writable"):
        Catalogue.open(path.parent / "nowhere" / "catalogue.db")


def test_a_file_that_is_no_catalogue_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"not a database " * 100)
    with pytest.raises(CatalogueError, match="not a catalogue"):
        Catalogue.open(path)
    assert path.read_bytes() == b"not a database " * 100
    path.unlink()
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE places (name)")
    conn.close()
    content = path.read_bytes()
    with pytest.raises(CatalogueError, match="a database of another program"):
        Catalogue.open(path)
    assert path.read_bytes() == content


def test_a_cut_off_catalogue_is_refused(path: Path) -> None:
    with Catalogue.open(path) as catalogue:
        begin(catalogue)
        catalogue.store_unit(unit(0, *(segment(i, rows=os.urandom(3000)) for i in range(50))))
    content = path.read_bytes()
    path.write_bytes(content[:5000])
    with pytest.raises(CatalogueError), Catalogue.open(path) as catalogue:
        list(catalogue.segments(rows=True))


def test_a_newer_schema_is_refused(path: Path) -> None:
    with Catalogue.open(path):
        pass
    with sqlite3.connect(path) as conn:
        conn.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('vidrecover', '0999_future', '2030')"
        )
    conn.close()
    with pytest.raises(CatalogueError, match=r"newer vidrecover \(schema 0999_future\)"):
        Catalogue.open(path)


_WRITER = """
import sys
from pathlib import Path
from vidrecover.catalogue import Catalogue
from vidrecover.model import *

def segment(start):
    return Segment(format="dhav", channel=1, stream=Stream.MAIN, codec=Codec.H264, start_ms=start,
        end_ms=start, start=start, end=start + 1, frames=1, keys=1, audio=0, size=1,
        first_sequence=None, last_sequence=None, missing=0, unfinished=0, rows=bytes(3000))

with Catalogue.open(Path(sys.argv[1])) as catalogue:
    identity = SourceIdentity(path="x", kind="raw", size=10**9)
    catalogue.begin_run(identity, "d", ["dhav"], "0.1", fingerprint="f")
    for extent in catalogue.pending(10**9, 1000):
        segments = [segment(extent.start + i) for i in range(40)]
        catalogue.store_unit(UnitResult(extent=extent, segments=segments, loose_ends=[],
            unidentified=[], blank=[], unreadable=[]))
        print(extent.start // 1000, flush=True)
"""


def test_a_killed_scan_loses_nothing_it_told_of_and_doubles_nothing(path: Path) -> None:
    for stop_after in (3, 40, 17):
        command = [sys.executable, "-c", _WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(stop_after):
                told = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
        with Catalogue.open(path, create=False) as catalogue:
            (done,) = catalogue.scanned()
            assert done.start == 0
            assert done.end >= (told + 1) * 1000
            found = [one.start for one in catalogue.segments(rows=True)]
            assert found == [unit + i for unit in range(0, done.end, 1000) for i in range(40)]
            assert catalogue.pending(10**9, 1000)[0] == Extent(done.end, done.end + 1000)
            assert sum(one.segments for one in catalogue.summary()) == len(found)
    conn = sqlite3.connect(path)
    assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    conn.close()
