"""Judgements as spans of the diagnosis: merged, in sentences with numbers, with their basis."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from statistics import median
from typing import NamedTuple, TypeVar

from vidrecover.diagnosis._doubts import named
from vidrecover.diagnosis._facts import Facts
from vidrecover.diagnosis._rules import Judgement
from vidrecover.model import Claim, ClaimKind, Said, SaidValue, Segment, StateSpan, TimeSpan
from vidrecover.timeline import FILES, covered, dated_inside
from vidrecover.wording import places, said, text

_CLOCKS_AGREE_MS = 60_000  # name and footage of one file
_LEAST_FILES, _MOST_FILES = 3, 2000  # whose change the file system dates
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
    return judged.state, judged.indexed, judged.picture, judged.said


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
    values = {"frames": _frames(segments, span), "claims": _claims(claims)}
    told = tuple(_filled(one, values) for one in first.said)
    return StateSpan(
        span=span,
        state=first.state,
        indexed=first.indexed,
        picture=first.picture,
        reason=text(told),
        basis=tuple(basis),
        said=told,
    )


def _filled(one: Said, values: Mapping[str, SaidValue]) -> Said:
    """With the values that only the whole span has, where the sentence has places for them."""
    own = dict(one.values)
    return said(one.key, **own, **{k: v for k, v in values.items() if k in places(one.key)})


def _each(items: Iterable[_T], key: Callable[[_T], object]) -> list[_T]:
    """The items in order, each once."""
    return list({key(item): item for item in items}.values())


def _listed(names: Sequence[str], what: str) -> list[str]:
    more = len(names) - _MOST_BASIS
    return [*names[:_MOST_BASIS], *([f"{more} more {what}"] if more > 0 else [])]


def _segment(segment: Segment) -> str:
    return f"segment {segment.id}" if segment.id is not None else f"segment at {segment.start:#x}"


def _claims(claims: Sequence[Claim]) -> Said:
    """`1 entry`, `5 entries`; a single file by its name. Which ones they are says the basis."""
    if len(claims) == 1:
        name = claims[0].name
        return said("file", name=name[-80:]) if name else said("entry")
    return said("entries", count=len(claims))


def _frames(segments: Sequence[Segment], span: TimeSpan) -> Said:
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
    number, about = max(round(count), 1), "" if exact else "about_"
    return said(f"{about}frame") if number == 1 else said(f"{about}frames", count=number)


def notes(facts: Facts, segments: Iterable[Segment], channels: Sequence[int]) -> Iterator[Said]:
    """What must be known of the diagnosis as a whole, in sentences."""
    yield from facts.incomplete
    if facts.unknown_bytes:
        yield said("unknown_format", unknown=facts.unknown_bytes)
    for channel, count in facts.undated.items():
        if channel is None:
            yield said("undated_nameless", count=count)
        else:
            yield said("undated", count=count, channel=channel)
    if not facts.evidence.claims:
        yield said("nothing_lists")
    yield from _clocks(facts)
    yield from _file_clock(facts)
    others = {s.channel for s in segments if s.frames and s.channel is not None} - {*channels}
    if others:
        names = ", ".join(str(channel) for channel in sorted(others)[:_MOST_BASIS])
        yield said("not_asked_for", cameras=names)
    if facts.proven:
        yield said("older_lost" if facts.rewritten else "older_unsure")


def _clocks(facts: Facts) -> Iterator[Said]:
    """Files whose names tell another time than the footage in them."""
    apart = [
        abs(facts.dates[id(claim)].start_ms - claim.start_ms)
        for claim in facts.evidence.claims
        if claim.kind is ClaimKind.FILE and claim.start_ms is not None and id(claim) in facts.dates
    ]
    apart = [one for one in apart if one > _CLOCKS_AGREE_MS]
    if len(apart) == 1:
        yield said("name_differs", most=apart[0])
    elif apart:
        yield said("names_differ", count=len(apart), most=max(apart))


def _file_clock(facts: Facts) -> Iterator[Said]:
    """How far the clock by which the file system dates its files is from that of the footage in
    them, where it is the same for most: another zone, or another clock."""
    files = (c for c in facts.evidence.claims if c.kind in FILES and c.written_ms is not None)
    apart: list[int] = []
    for claim in islice(files, _MOST_FILES):
        shown = dated_inside(claim, facts.shelf)
        if shown is not None and claim.written_ms is not None and not claim.open:
            apart.append(claim.written_ms - shown.end_ms)
    if len(apart) < _LEAST_FILES:
        return
    usual = int(median(apart))
    spread = median(abs(one - usual) for one in apart)
    if abs(usual) > _CLOCKS_AGREE_MS and spread <= _CLOCKS_AGREE_MS:
        key = "files_ahead" if usual > 0 else "files_behind"
        yield said(key, count=len(apart), total=round(abs(usual), -3))
