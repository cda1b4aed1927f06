"""Many sources, each into a case of its own, and what came of them."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from vidrecover.case._answers import diagnose
from vidrecover.case._opened import Opened, opened
from vidrecover.case._scanning import scan
from vidrecover.errors import CatalogueError, VidrecoverError
from vidrecover.model import SourceRef
from vidrecover.outcome import Outcome
from vidrecover.workers import processes

_MOST_LISTED = 10_000


class Listed(msgspec.Struct, frozen=True):
    """A source and the name of its case."""

    path: str
    name: str


def listed(text: str) -> list[Listed]:
    """The sources in a list: one a line, maybe a tab and the name of its case; `#` comments.

    Without a name the case is called after the source. Raises CatalogueError for an empty list, a
    name that occurs twice, or one that would leave the folder of the cases.
    """
    found: dict[str, Listed] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        path, _, name = (part.strip() for part in line.partition("\t"))
        name = name or _name_of(path)
        if not re.fullmatch(r"[^\x00-\x1f/\\:*?\"<>|]{1,100}", name) or name.strip(".") == "":
            raise CatalogueError(f"line {number}: {name!r} cannot be the name of a folder")
        if name in found:
            raise CatalogueError(
                f"line {number}: {name} is the case of {found[name].path} already; write another"
                f" name behind {path}, after a tab"
            )
        found[name] = Listed(path, name)
        if len(found) > _MOST_LISTED:
            raise CatalogueError(f"more than {_MOST_LISTED} sources; divide the list")
    if not found:
        raise CatalogueError("the list names no source: write one a line")
    return list(found.values())


def scan_many(
    sources: Sequence[Listed], folder: Path, *, jobs: int = 1, pictures: bool = True
) -> Iterator[Outcome]:
    """Scan each source into its case below the folder, so many at once; outcomes in order.

    A source that cannot be scanned is told and does not stop the others.
    """
    cases = [folder / one.name for one in sources]
    looks = [pictures] * len(sources)
    if jobs == 1:
        yield from map(scan_one, sources, cases, looks)
        return
    with processes(jobs) as executor:
        yield from executor.map(scan_one, sources, cases, looks)


def scan_one(source: Listed, folder: Path, pictures: bool) -> Outcome:
    """Scan one source of a list; the entry for worker processes."""
    try:
        case = opened(folder, create=True)
        try:
            return _outcome(case, source, folder, pictures=pictures)
        finally:
            case.catalogue.close()
    except VidrecoverError as error:
        return Outcome(source=source.path, case=str(folder), error=str(error))


def _outcome(case: Opened, source: Listed, folder: Path, *, pictures: bool) -> Outcome:
    report = scan(case, SourceRef(path=source.path), pictures=pictures)
    found = case.catalogue.summary()
    firsts = [one.first_ms for one in report.channels if one.first_ms is not None]
    lasts = [one.last_ms for one in report.channels if one.last_ms is not None]
    return Outcome(
        source=source.path,
        case=str(folder),
        cameras=sum(one.channel is not None for one in found),
        seconds=sum(one.seconds for one in found),
        first_ms=min(firsts, default=None),
        last_ms=max(lasts, default=None),
        states=dict(Counter(one.state.value for one in diagnose(case).channels)),
        damage=report.damage,
    )


def _name_of(path: str) -> str:
    """`van17` for `images/van17.img`, `sdb` for `/dev/sdb`."""
    name = PurePosixPath(path.replace("\\", "/")).name
    return name.rpartition(".")[0] or name
