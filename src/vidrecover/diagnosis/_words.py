"""Judgements as spans of the diagnosis: merged, in sentences with numbers, with their basis."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, TypeVar

from vidrecover.clock import lasting
from vidrecover.diagnosis._facts import Facts, amount
from vidrecover.diagnosis._rules import Judgement, named
from vidrecover.model import Claim, ClaimKind, Segment, StateSpan, TimeSpan
from vidrecover.timeline import covered

_CLOCKS_AGREE_MS = 60_000  # name and footage of one file
_MOST_BASIS = 20  # segments, claims, extents and events named for one span, of each

_T = TypeVar("_T")


class Part(NamedTuple):
    """A span with its judgement and the footage in it."""

    span: TimeSpan
    judged: Judgement
    segments: tuple[Segment, ...] = ()


def spans(parts: Iterable[Part], window: TimeSpan) -> Iterator[StateSpan]:
    """The parts inside the window, neighbours of one state and reason merged."""
    for _, group in groupby(_clipped(parts, window), key=_kind):
        yield _span(list(group))


def _clipped(parts: Iterable[Part], window: TimeSpan) -> Iterator[Part]:
    for part in parts:
        start_ms = max(part.span.start_ms, window.start_ms)
        end_ms = min(part.span.end_ms, window.end_ms)
        if start_ms < end_ms:
            yield part._replace(span=TimeSpan(start_ms, end_ms))


def _kind(part: Part) -> tuple[object, ...]:
    judged = part.judged
    return judged.state, judged.indexed, judged.picture, judged.reason


def _span(parts: Sequence[Part]) -> StateSpan:
    span = TimeSpan(parts[0].span.start_ms, parts[-1].span.end_ms)
    first = parts[0].judged
    segments = _each((s for part in parts for s in part.segments), id)
    claims = _each((c for part in parts for c in part.judged.claims), id)
    extents = _each((e for part in parts for e in part.judged.extents), tuple)
    events = _each((e for part in parts for e in part.judged.events), id)
    newer = _each((s for part in parts for s in part.judged.segments), id)
    basis = _listed([_segment(one) for one in [*segments, *newer]], "segments")
    basis += _listed([named(one) for one in claims], "claims") or ["claim none"]
    basis += _listed([f"unreadable {e.start:#x}-{e.end:#x}" for e in extents], "extents")
    basis += _listed(
        [f"event {e.id}" if e.id is not None else f"event at {e.entry.start:#x}" for e in events],
        "events",
    )
    basis += [f"unallocated space of {name}" for name in first.free]
    return StateSpan(
        span=span,
        state=first.state,
        indexed=first.indexed,
        picture=first.picture,
        reason=first.reason.format(frames=_frames(segments, span), claims=_claims(claims)),
        basis=tuple(basis),
    )


def _each(items: Iterable[_T], key: Callable[[_T], object]) -> list[_T]:
    """The items in order, each once."""
    return list({key(item): item for item in items}.values())


def _listed(names: Sequence[str], what: str) -> list[str]:
    more = len(names) - _MOST_BASIS
    return [*names[:_MOST_BASIS], *([f"{more} more {what}"] if more > 0 else [])]


def _segment(segment: Segment) -> str:
    return f"segment {segment.id}" if segment.id is not None else f"segment at {segment.start:#x}"


def _claims(claims: Sequence[Claim]) -> str:
    """`1 entry`, `5 entries`; a single file by its name. Which ones they are says the basis."""
    if len(claims) == 1 and claims[0].name:
        return f"the file {claims[0].name[-80:]}"
    return f"{len(claims)} entr{'y' if len(claims) == 1 else 'ies'}"


def _frames(segments: Sequence[Segment], span: TimeSpan) -> str:
    """How many video frames of the segments lie in the span."""
    count, exact = 0.0, True
    for segment in segments:
        shown = covered(segment)
        inside = min(shown.end_ms, span.end_ms) - max(shown.start_ms, span.start_ms)
        if segment.start_ms is None or inside >= shown.end_ms - shown.start_ms:
            count += segment.frames
        else:
            count += segment.frames * max(inside, 0) / (shown.end_ms - shown.start_ms)
            exact = False
    number = max(round(count), 1)
    return f"{'' if exact else 'about '}{number} frame{'' if number == 1 else 's'}"


def notes(facts: Facts, segments: Iterable[Segment], channels: Sequence[int]) -> Iterator[str]:
    """What must be known of the diagnosis as a whole, in sentences."""
    yield from facts.incomplete
    if facts.unknown_bytes:
        yield f"{amount(facts.unknown_bytes)} were read, but are of no known format"
    for channel, count in facts.undated.items():
        camera = "an unknown camera" if channel is None else f"camera {channel}"
        yield f"{count} frames of {camera} carry no time; they are in no span"
    if not facts.evidence.claims:
        yield "no index and no file system that lists footage was found"
    yield from _clocks(facts)
    others = {s.channel for s in segments if s.frames and s.channel is not None} - {*channels}
    if others:
        names = ", ".join(str(channel) for channel in sorted(others)[:_MOST_BASIS])
        yield f"footage of cameras that were not asked for: {names}"
    if facts.proven and facts.rewritten:
        yield "the disk was written over again: some of its older footage is lost"
    elif facts.proven:
        yield "whether older footage was overwritten is not known: nothing proves it either way"


def _clocks(facts: Facts) -> Iterator[str]:
    """Files whose names tell another time than the footage in them."""
    apart = [
        abs(facts.dates[id(claim)].start_ms - claim.start_ms)
        for claim in facts.evidence.claims
        if claim.kind is ClaimKind.FILE and claim.start_ms is not None and id(claim) in facts.dates
    ]
    apart = [one for one in apart if one > _CLOCKS_AGREE_MS]
    if apart:
        yield (
            f"{len(apart)} file{'' if len(apart) == 1 else 's'} hold footage of another time than"
            f" the name tells, by up to {lasting(max(apart))}: the footage's own time is shown"
        )
