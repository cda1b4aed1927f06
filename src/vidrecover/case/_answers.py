"""Answers from a case: states with reasons, and the facts of a report."""

from collections.abc import Iterable, Sequence

import msgspec

from vidrecover import report as reports
from vidrecover import timeline
from vidrecover.case import _joins as joins
from vidrecover.case._media import diagnosed
from vidrecover.case._opened import ACTIONS, STILLS, Opened
from vidrecover.catalogue import Look
from vidrecover.diagnosis import Evidence, Sight
from vidrecover.diagnosis import diagnose as judged
from vidrecover.errors import CatalogueError
from vidrecover.model import Diagnosis, TimeSpan


def diagnose(
    case: Opened, *, channels: Sequence[int] | None = None, window: TimeSpan | None = None
) -> Diagnosis:
    """Every camera's state over time, with reasons, of all media of the case together; see
    `diagnosis.diagnose`."""
    return diagnosed(case, diagnose_alone, channels, window)


def diagnose_alone(
    case: Opened, channels: Sequence[int] | None, window: TimeSpan | None
) -> Diagnosis:
    """The same of one medium. Raises CatalogueError when it was never scanned."""
    identity = case.catalogue.identity()
    if identity is None:
        raise CatalogueError(f"{case.folder}: nothing was scanned yet; scan the source first")
    stored = case.catalogue
    observed = Evidence(
        source=identity.path,
        size=identity.size,
        scanned=stored.scanned(),
        segments=list(case.segments()),
        claims=stored.claims(),
        events=stored.events(),
        unreadable=stored.unreadable(),
        unidentified=stored.unidentified(),
        pictures=_sights(stored.looks()),
        counted=frozenset(f.name for f in case.formats.formats if f.framing.counted),
        volumes=stored.volumes(),
    )
    answer = judged(observed, channels=channels, window=window)
    offsets = timeline.offsets(stored.positions.stored())
    return msgspec.structs.replace(
        answer, clocks=tuple(offsets), joins=tuple(joins.counted(stored.seams()))
    )


def report_facts(
    case: Opened,
    *,
    channels: Sequence[int] | None = None,
    window: TimeSpan | None = None,
    stills: bool = False,
    alone: bool = False,
) -> reports.Facts:
    """All that a report of the case shows, with the clips that were recovered last; stills: with
    the key pictures that were kept; alone: without the case's further media."""
    if alone:
        answer = diagnose_alone(case, channels, window)
    else:
        answer = diagnose(case, channels=channels, window=window)
    return reports.gather(
        case.catalogue,
        case.formats,
        case.segments(),
        answer,
        log=case.folder / ACTIONS,
        stills=case.folder / STILLS if stills else None,
    )


def _sights(looks: Iterable[Look]) -> dict[int, list[Sight]]:
    found: dict[int, list[Sight]] = {}
    for one in looks:
        sight = Sight(
            one.start_ms,
            one.state,
            is_certain=one.certain,
            width=one.width,
            height=one.height,
            sharpness=one.sharpness,
            is_scrambled=one.scrambled,
            overlay=one.overlay,
        )
        found.setdefault(one.segment_id, []).append(sight)
    return found
