"""What leaves a case: playable clips and evidence packages."""

from collections.abc import Callable
from pathlib import Path

from vidrecover import actions, clips, evidence, timeline
from vidrecover import report as reports
from vidrecover.case._answers import report_facts
from vidrecover.case._loans import lender
from vidrecover.case._opened import ACTIONS, Opened
from vidrecover.model import Clip, Progress, Recording, Segment, TimeSpan

LEAD_MS = 60_000
"""Before a span, in which the key picture that it needs is looked for."""


def recover(
    case: Opened,
    folder: Path,
    *,
    channel: int | None = None,
    span: TimeSpan | None = None,
    source: str | None = None,
    planned: Callable[[int], None] | None = None,
    progress: Progress | None = None,
    told: Callable[[Clip | clips.LeftOut], None] | None = None,
) -> list[Clip]:
    """Playable clips of the footage in the folder, graded; writes `clips.json` last.

    channel: None for all cameras; source: where the source is now, if it was moved; planned:
    told about how many bytes of frames there are, of which `progress` counts those read;
    told: given each clip when it is finished and graded, and whatever cannot become one,
    with the reason. Raises ClipError, SourceError.
    """
    with case.source(source) as opened, lender(case, opened) as borrow:
        chosen = _chosen(case, channel, span, planned)
        written = clips.write(
            timeline.recordings(chosen),
            opened,
            case.unpack,
            folder,
            clocks={one.name: clips.TickClock.of(one) for one in case.formats.formats},
            span=span,
            borrow=borrow,
            progress=progress,
        )
        made, left_out = list[Clip](), list[clips.LeftOut]()
        for one in clips.graded(written, folder):
            (made if isinstance(one, Clip) else left_out).append(one)  # type: ignore[arg-type]
            if told is not None:
                told(one)
        clips.save(made, folder)
    details = {"folder": str(folder), "channel": channel, "clips": len(made)}
    case.note("recover", details | {"left_out": [one._asdict() for one in left_out]})
    return made


def export(
    case: Opened,
    folder: Path,
    *,
    channel: int | None = None,
    span: TimeSpan | None = None,
    exhibit: str = "EX-1",
    operator: str | None = None,
    content_free: bool = False,
    decode: bool = True,
    stills: bool = False,
    proxy: bool = False,
    clock: evidence.ClockCheck | None = None,
    jobs: int = 1,
    signer: evidence.Signer | None = None,
    source: str | None = None,
    planned: Callable[[int], None] | None = None,
    progress: Progress | None = None,
) -> evidence.Packed:
    """An evidence package of the footage as a new folder; see `recover` and `evidence.export`.

    operator: who answers for it; clock: how the recorder's clock stood to true time; signer:
    signs it; jobs: processes. Raises EvidenceError, SourceError.
    """
    with case.source(source) as opened, lender(case, opened) as borrow:
        chosen = _chosen(case, channel, span, planned)
        asked = [channel] if channel else None
        facts = report_facts(case, channels=asked, window=span, alone=True)
        order = evidence.ordered(
            case.catalogue, case.formats, chosen, case.unpack, facts.diagnosis, case.folder,
            exhibit=exhibit, channel=channel, span=span, operator=operator, clock=clock,
            borrow=borrow,
        )  # fmt: skip
        packed = evidence.export(
            folder,
            opened,
            order,
            content_free=content_free,
            decode=decode,
            stills=stills,
            proxy=proxy,
            jobs=jobs,
            page=reports.html(facts),
            signer=signer,
            progress=progress,
        )
    actions.add(case.folder / ACTIONS, packed.action)
    return packed


def _chosen(
    case: Opened, channel: int | None, span: TimeSpan | None, planned: Callable[[int], None] | None
) -> list[Segment]:
    """The segments of a camera and span that may hold footage; planned: told their bytes."""
    found = footage(case, channel, span)
    if planned is not None:
        planned(sum(one.size for one in found))
    return found


def footage(case: Opened, channel: int | None, span: TimeSpan | None) -> list[Segment]:
    """The segments of a camera, or of all, of recordings with frames in the span; begun before
    it, so that the key picture which its first frames need is among them."""
    around = None if span is None else TimeSpan(span.start_ms - LEAD_MS, span.end_ms)
    found = [
        one
        for one in case.segments(around)
        if (channel is None or one.channel == channel) and _counts(case, one)
    ]
    if span is None:
        return found
    kept = {
        id(one)
        for recording in timeline.recordings(found)
        if _overlaps(recording, span)
        for one in recording.segments
    }
    return [one for one in found if id(one) in kept]


def _overlaps(recording: Recording, span: TimeSpan) -> bool:
    if recording.start_ms is None or recording.end_ms is None:
        return True
    return recording.start_ms < span.end_ms and recording.end_ms >= span.start_ms


def _counts(case: Opened, segment: Segment) -> bool:
    """Whether a segment has pictures or sound, or numbers that tell of missing ones."""
    counted = case.formats[segment.format].framing.counted
    return bool(segment.frames or segment.audio or counted)
