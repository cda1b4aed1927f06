"""What leaves a case: playable clips and evidence packages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from vidrecover import actions, clips, evidence, timeline
from vidrecover import report as reports
from vidrecover.case._answers import report_facts
from vidrecover.case._copies import Medium, Share, shares
from vidrecover.case._joins import of_clip, proofs
from vidrecover.case._loans import lender
from vidrecover.case._media import MAIN, all_of
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
    alone: bool = False,
    decode: bool = True,
    source: str | None = None,
    planned: Callable[[int], None] | None = None,
    progress: Progress | None = None,
    told: Callable[[Clip | clips.LeftOut], None] | None = None,
) -> list[Clip]:
    """Playable clips of the footage in the folder, graded; writes `clips.json` last.

    Of several media the best copy of each second is taken, see `timeline.chosen`. channel: None
    for all cameras; alone: this medium only; decode: play the clips, without which none is called
    complete; source: where its source is now, if it was moved; planned: told about how many bytes
    of frames there are, of which `progress` counts those read; told: given each clip when it is
    finished and graded, and whatever cannot become one, with the reason.
    Raises ClipError, SourceError.
    """
    with _media(case, channel, span, source, alone=alone) as media:
        lots = _lots(media, span)
        if planned is not None:
            planned(sum(_size(share) for lot in lots for share in lot.shares))
        begun = clips.begin(folder, [lot.medium.source for lot in lots])
        made, left_out, order = list[Clip](), list[clips.LeftOut](), dict[str, int]()
        written = _written(lots, begun, progress, order)
        for one in _judged(written, folder, sum(len(lot.shares) for lot in lots), decode=decode):
            (made if isinstance(one, Clip) else left_out).append(one)  # type: ignore[arg-type]
            if told is not None:
                told(one)
        made.sort(key=lambda one: order[one.file])
        clips.save(made, folder)
    details: dict[str, Any] = {"folder": str(folder), "channel": channel, "clips": len(made)}
    if not decode:
        details |= {"decode": False}
    if len(media) > 1:
        details |= {"media": [one.name for one in media]}
    case.note("recover", details | {"left_out": [one._asdict() for one in left_out]})
    return made


def _judged(
    written: Iterator[Clip | clips.LeftOut], folder: Path, expected: int, *, decode: bool
) -> Iterator[Clip | clips.LeftOut]:
    """Clips with their grades; expected: so many of them."""
    if decode:
        return clips.graded(written, folder, expected=expected)
    return (clips.unplayed(one) if isinstance(one, Clip) else one for one in written)


class _Lot(NamedTuple):
    """What is taken from one medium."""

    medium: Medium
    shares: Sequence[Share]


@contextmanager
def _media(
    case: Opened,
    channel: int | None,
    span: TimeSpan | None,
    source: str | None,
    *,
    alone: bool = False,
) -> Iterator[list[Medium]]:
    """The scanned media of the case, with the recordings of a camera, or of all, in a span."""
    with ExitStack() as stack:
        every = {MAIN: case} if alone else stack.enter_context(all_of(case))
        known = {
            name: one
            for name, one in every.items()
            if one.catalogue.identity() is not None or one is case
        }
        yield [
            Medium(
                name,
                one,
                stack.enter_context(one.source(source if one is case else None)),
                timeline.recordings(footage(one, channel, span)),
            )
            for name, one in known.items()
        ]


def _lots(media: Sequence[Medium], span: TimeSpan | None) -> list[_Lot]:
    if len(media) == 1:
        return [_Lot(media[0], [Share(one, span, ()) for one in media[0].recordings])]
    found = shares(media, span)
    return [_Lot(one, found[one.name]) for one in media]


def to_pack(
    case: Opened,
    *,
    channel: int | None = None,
    span: TimeSpan | None = None,
    source: str | None = None,
) -> dict[str, list[str]]:
    """The media from which `recover` would take anything, by name, with what it says of them.

    `export` packs each by itself, since a package is of one source. Only the first, and nothing
    to say, where none has anything. Raises SourceError.
    """
    with _media(case, channel, span, source) as media:
        lots = _lots(media, span) if len(media) > 1 else ()
        said = {lot.medium.name: [_said(one) for one in lot.shares] for lot in lots}
    found = {name: [one for one in own if one] for name, own in said.items() if own}
    return found or {MAIN: []}


def _said(share: Share) -> str:
    """What is to be known of other media, with the camera."""
    notes = "; ".join(share.notes[1:])
    camera = share.recording.channel
    return f"{'unknown camera' if camera is None else f'camera {camera}'}: {notes}" if notes else ""


def _size(share: Share) -> int:
    return sum(one.size for one in share.recording.segments)


def _written(
    lots: Sequence[_Lot], begun: clips.Begun, progress: Progress | None, order: dict[str, int]
) -> Iterator[Clip | clips.LeftOut]:
    """Clips of all media in one folder, those of one medium behind the other, in one pass over
    each; order: filled with the place of each file in the order of cameras and time."""
    first = 0
    for medium, lot in lots:
        clocks = {one.name: clips.TickClock.of(one) for one in medium.case.formats.formats}
        known = proofs(medium.case.catalogue.seams())
        with lender(medium.case, medium.source) as borrow:
            made = clips.write_together(
                [clips.Wish(*share) for share in lot],
                medium.source,
                medium.case.unpack,
                begun,
                clocks=clocks,
                borrow=borrow,
                progress=progress,
            )
            for number, what in made:
                if isinstance(what, Clip):
                    joined = of_clip(what, lot[number].recording, known)
                    what = replace(what, notes=(*what.notes, *joined))
                    order[what.file] = first + number
                yield what
        first += len(lot)


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
    notes: Sequence[str] = (),
    source: str | None = None,
    planned: Callable[[int], None] | None = None,
    progress: Progress | None = None,
) -> evidence.Packed:
    """An evidence package of the footage as a new folder; see `recover` and `evidence.export`.

    operator: who answers for it; clock: how the recorder's clock stood to true time; signer:
    signs it; jobs: processes; notes: to be said beside the diagnosis. Raises EvidenceError,
    SourceError.
    """
    with case.source(source) as opened, lender(case, opened) as borrow:
        chosen = _chosen(case, channel, span, planned)
        asked = [channel] if channel else None
        facts = report_facts(case, channels=asked, window=span, alone=True)
        told = replace(facts.diagnosis, notes=(*facts.diagnosis.notes, *notes))
        facts = replace(facts, diagnosis=told)
        order = evidence.ordered(
            case.catalogue, case.formats, chosen, case.unpack, facts.diagnosis, case.folder,
            exhibit=exhibit, channel=channel, span=span, operator=operator, clock=clock,
            borrow=borrow,
        )  # fmt: skip
        packed = evidence.export(
            folder,
            opened,
            order,
            evidence.Asked(
                content_free=content_free, decode=decode, stills=stills, proxy=proxy, jobs=jobs
            ),
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
