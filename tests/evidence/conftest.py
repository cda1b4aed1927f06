"""What the tests of packages share: scanned cases, and one small package to be tampered with."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vidrecover import formats, segments
from vidrecover.case import Case
from vidrecover.catalogue import Catalogue
from vidrecover.clock import parse_iso
from vidrecover.evidence import Order, Packed, ordered
from vidrecover.model import SourceRef, TimeSpan
from vidrecover.source import OpenSource, open_source

WINDOW = TimeSpan(parse_iso("2026-03-14T07:30:04"), parse_iso("2026-03-14T07:30:06"))


class Scanned:
    """A simulated disk and its case, scanned once; packages are made beside it."""

    def __init__(self, disk: Path, folder: Path) -> None:
        self.disk, self.folder = disk, folder
        bad = disk.parent / "bad.map"
        self.ref = SourceRef(path=str(disk), map_path=str(bad) if bad.exists() else None)
        with Case.open(folder / "case", create=True) as case:
            case.scan(self.ref, pictures=False)

    def open(self) -> OpenSource:
        """The source."""
        return open_source(self.ref)

    def export(
        self,
        target: Path,
        *,
        channel: int | None = None,
        span: TimeSpan | None = None,
        content_free: bool = False,
        decode: bool = False,
    ) -> Packed:
        """A package through the case."""
        with Case.open(self.folder / "case") as case:
            return case.export(
                target, channel=channel, span=span, content_free=content_free, decode=decode
            )

    @contextmanager
    def order(
        self, *, channel: int | None = None, span: TimeSpan | None = None, **more: Any
    ) -> Iterator[Order]:
        """What `evidence.export` is asked for, with the catalogue open behind it."""
        folder = self.folder / "case"
        known = formats.load(formats.shipped())
        with Case.open(folder) as case, Catalogue.open(folder / "catalogue.db") as stored:
            diagnosis = case.diagnose(channels=[channel] if channel else None, window=span)
            chosen = [one for one in stored.segments(span=span) if channel in (None, one.channel)]
            made = ordered(
                stored,
                known,
                chosen,
                lambda one: segments.unpack(stored.segment_rows(one.id or 0)),
                diagnosis,
                folder,
                exhibit="EX-7",
                channel=channel,
                span=span,
            )
            yield replace(made, **more)


@pytest.fixture(scope="session")
def scanned(
    simulated: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Scanned]:
    """The scanned case of a shipped scenario, made once for each worker."""
    known: dict[str, Scanned] = {}

    def case(name: str) -> Scanned:
        if name not in known:
            known[name] = Scanned(simulated(name) / "disk.img", tmp_path_factory.mktemp(name))
        return known[name]

    return case


@pytest.fixture(scope="session")
def whole(scanned: Callable[[str], Scanned], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of one camera and two seconds, only to be read."""
    target = tmp_path_factory.mktemp("whole") / "EX-1"
    scanned("jt1078-ten").export(target, channel=2, span=WINDOW)
    return target


@pytest.fixture
def package(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to be tampered with."""
    target = tmp_path / "EX-1"
    shutil.copytree(whole, target)
    return target
