"""Several media of one recorder in one case: each further one is a case of its own inside it."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from vidrecover.case import _alike
from vidrecover.case._opened import CATALOGUE, MEDIA, Opened, opened
from vidrecover.diagnosis import Medium, of_media
from vidrecover.errors import CatalogueError
from vidrecover.extents import total
from vidrecover.model import Diagnosis, TimeSpan

MAIN = "main"
"""What the medium is called whose catalogue lies in the case's own folder."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")

_Judge = Callable[[Opened, Sequence[int] | None, TimeSpan | None], Diagnosis]


def folder_of(case: Path, medium: str) -> Path:
    """The folder of a medium of the case. Raises CatalogueError for a name that cannot be one,
    and for a further medium of a case that has no first one."""
    if medium == MAIN:
        return case
    if not _NAME.fullmatch(medium):
        raise CatalogueError(
            f"{medium!r} cannot be the name of a medium: use up to 40 letters, digits, - and _"
        )
    if not (case / CATALOGUE).is_file():
        raise CatalogueError(
            f"{case}: the first medium is missing; scan it without --medium, then the others"
        )
    return case / MEDIA / medium


def others(case: Path) -> dict[str, Path]:
    """The folders of the case's further media, by name."""
    found = sorted((case / MEDIA).glob(f"*/{CATALOGUE}"))
    return {one.parent.name: one.parent for one in found}


def diagnosed(
    case: Opened, judge: _Judge, channels: Sequence[int] | None, window: TimeSpan | None
) -> Diagnosis:
    """The diagnosis of all media together; judge: gives that of one, which raises CatalogueError
    when it was never scanned."""
    with all_of(case) as cases:
        asked = {name: one for name, one in cases.items() if one.catalogue.identity() is not None}
        if len(cases) == 1 or not asked:
            return judge(case, channels, window)
        alone = {name: judge(one, channels, window) for name, one in asked.items()}
        cameras = {c.channel for one in alone.values() for c in one.channels} - {None}
        every = sorted(one for one in cameras if one is not None)
        spans = [one.window for one in alone.values() if one.window is not None]
        whole = _around(spans) if window is None else window
        told = {
            name: alone[name] if (channels, window) == (every, whole) else judge(one, every, whole)
            for name, one in asked.items()
        }
    return of_media([Medium(name, told.get(name)) for name in cases], whole)


class Read(NamedTuple):
    """How much of a source was read by every format, 0 to 1, and the bytes that it refused."""

    share: float
    unreadable: int


def read(case: Opened, *, alone: bool = False) -> Read:
    """Of all media of the case together: the least share and the sum; alone: of this one."""
    with all_of(case) as cases:
        own = [_read(one) for one in ([case] if alone else cases.values())]
    return Read(min(one.share for one in own), sum(one.unreadable for one in own))


def _read(case: Opened) -> Read:
    identity, refused = case.catalogue.identity(), total(case.catalogue.unreadable())
    return Read(0.0 if identity is None else case.catalogue.scanned_share(identity.size), refused)


def compared(
    case: Opened, *, channels: Sequence[int] | None = None, window: TimeSpan | None = None
) -> list[str]:
    """Sentences on what several media hold of the same camera and time: the same, byte for byte,
    or different pictures. Raises SourceError when a source is not where it was scanned."""
    with all_of(case) as cases:
        known = {n: one for n, one in cases.items() if one.catalogue.identity() is not None}
        return list(_alike.compared(known, channels, window))


@contextmanager
def all_of(case: Opened) -> Iterator[dict[str, Opened]]:
    """The media of a case by name, the case itself first."""
    with ExitStack() as stack:
        cases = {MAIN: case}
        for name, folder in others(case.folder).items():
            cases[name] = opened(folder, create=False)
            stack.enter_context(closing(cases[name].catalogue))
        yield cases


def _around(spans: Sequence[TimeSpan]) -> TimeSpan | None:
    if not spans:
        return None
    return TimeSpan(min(one.start_ms for one in spans), max(one.end_ms for one in spans))
