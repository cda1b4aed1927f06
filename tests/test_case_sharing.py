"""Many workers, lost workers, a cluster, object storage, many sources: the same as one process."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from vidrecover import formats
from vidrecover.case import Case, _sharing, listed
from vidrecover.errors import CatalogueError, SourceError, VidrecoverError
from vidrecover.model import SourceRef, UnitResult
from vidrecover.scan import Scanner, unit_extents
from vidrecover.source import open_source
from vidrecover.workers import Crew, cluster, processes

pytestmark = pytest.mark.slow

UNIT = 256 << 10


@pytest.fixture
def disk(simulated: Callable[[str], Path]) -> Path:
    """Footage on a DHFS disk of four units."""
    return simulated("dhfs-intact") / "disk.img"


def serial(disk: Path) -> list[UnitResult]:
    known = formats.load(formats.shipped())
    with open_source(SourceRef(path=str(disk))) as source:
        scanner = Scanner(source, known)
        return [scanner.scan(one) for one in unit_extents(source.size, UNIT)]


def shared(path: str, size: int, **how: Any) -> list[UnitResult]:
    settings = {"jobs": 2, "address": None, "grids": (), "window_size": 4 << 20} | how
    units = unit_extents(size, UNIT)
    known = formats.load(formats.shipped())
    return list(_sharing.shared(SourceRef(path=path), known, units, **settings))


def test_a_lost_process_costs_its_units_only(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []

    @contextmanager
    def dying(count: int) -> Iterator[Executor]:
        with processes(count) as executor:
            if not killed:
                victim = executor.submit(os.getpid).result()
                killed.append(victim)
                os.kill(victim, signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
            yield executor

    monkeypatch.setattr("vidrecover.case._sharing.processes", dying)
    assert shared(str(disk), disk.stat().st_size) == serial(disk)
    assert len(killed) == 1


def test_workers_that_die_again_and_again_end_the_scan_with_what_to_do(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def dying(count: int) -> Iterator[Executor]:
        with processes(count) as executor:
            executor.submit(os._exit, 1)
            yield executor

    monkeypatch.setattr("vidrecover.case._sharing.processes", dying)
    with pytest.raises(SourceError, match="workers were lost over the bytes from 0"):
        shared(str(disk), disk.stat().st_size)


def test_a_cluster_gives_the_same_even_when_it_loses_a_worker(disk: Path) -> None:
    distributed = pytest.importorskip("distributed")
    expected = serial(disk)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as local:
        address = local.scheduler_address
        assert shared(str(disk), disk.stat().st_size, address=address) == expected
        with cluster(address) as (executor, workers):
            assert workers == 2
            victim = executor.submit(os.getpid).result()

        @contextmanager
        def losing(jobs: int, address: str | None) -> Iterator[Crew]:
            with _sharing_crew(jobs, address) as found:
                os.kill(victim, signal.SIGKILL)
                yield found

        _sharing_crew = _sharing.crew
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_sharing, "crew", losing)
            patch.setattr(_sharing, "_CLUSTER_UNITS", 1)
            assert shared(str(disk), disk.stat().st_size, address=address) == expected


def test_an_address_where_no_scheduler_answers_is_told() -> None:
    pytest.importorskip("distributed")
    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(VidrecoverError, match="no Dask scheduler answers there"),
    ):
        patch.setattr("vidrecover.workers._CONNECT_S", 0.5)
        with cluster("tcp://127.0.0.1:9"):
            pass


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server of this machine, and a bucket in it."""
    pytest.importorskip("obstore")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "made",
        "AWS_SECRET_ACCESS_KEY": "up",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        import boto3

        boto3.client("s3").create_bucket(Bucket="fleet")
        yield "s3://fleet"
    finally:
        server.stop()


def test_object_storage_gives_the_same_as_the_file(disk: Path, bucket: str, tmp_path: Path) -> None:
    import boto3

    boto3.client("s3").upload_file(str(disk), "fleet", "van17/disk.img")
    boto3.client("s3").put_object(Bucket="fleet", Key="empty.img", Body=b"")
    url = f"{bucket}/van17/disk.img"
    with open_source(SourceRef(path=url)) as source:
        assert (source.size, source.identity.kind) == (disk.stat().st_size, "object")
        assert source.read(1000, 5000) == disk.read_bytes()[1000:6000]
    with Case.open(tmp_path / "remote", create=True) as case:
        case.scan(SourceRef(path=url), pictures=False, jobs=2)
        remote = [(one.channel, one.start, one.end, one.frames) for one in case.segments()]
        assert case.place() == SourceRef(path=url)
        made = case.recover(tmp_path / "clips")
    with Case.open(tmp_path / "local", create=True) as case:
        case.scan(SourceRef(path=str(disk)), pictures=False)
        assert [(one.channel, one.start, one.end, one.frames) for one in case.segments()] == remote
        assert len(made) == len(case.recover(tmp_path / "clips-local"))
    for name, words in (("van18/disk.img", "cannot be opened"), ("empty.img", "is empty")):
        with pytest.raises(SourceError, match=words):
            open_source(SourceRef(path=f"{bucket}/{name}"))
    with pytest.raises(SourceError, match="give the bucket and the object"):
        open_source(SourceRef(path=bucket))


def test_a_list_names_sources_and_their_cases() -> None:
    text = "# fleet\n/images/van17.img\n\n/dev/sdb\tvan 18\nD:\\disks\\van19.E01\n"
    assert [(one.path, one.name) for one in listed(text)] == [
        ("/images/van17.img", "van17"),
        ("/dev/sdb", "van 18"),
        ("D:\\disks\\van19.E01", "van19"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# nothing\n", "names no source"),
        ("a/disk.img\nb/disk.img\n", "disk is the case of a/disk.img already"),
        ("a.img\t../b\n", "cannot be the name of a folder"),
        ("a.img\t..\n", "cannot be the name of a folder"),
    ],
)
def test_a_list_that_cannot_be_right_is_told(text: str, words: str) -> None:
    with pytest.raises(CatalogueError, match=words):
        listed(text)
