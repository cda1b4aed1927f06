"""Several media of one recorder: for every camera and moment the best that any of them has."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import msgspec

from vidrecover.model import (
    Cause,
    CauseKind,
    ChannelDiagnosis,
    Diagnosis,
    Joins,
    MediumRead,
    PictureState,
    Said,
    State,
    StateSpan,
    TimeSpan,
)
from vidrecover.wording import said, text

_BEST_FIRST = (
    State.RECORDED,
    State.NOT_INDEXED,
    State.NO_SIGNAL,
    State.UNREADABLE,
    State.INDEXED_NOT_FOUND,
    State.OVERWRITTEN,
    State.NOT_KNOWN,
    State.NOT_RECORDED,
    State.RECORDER_OFF,
)
"""What a medium proves goes before what it cannot say, and that before any absence: a single
medium that is not sure forbids to say that nothing was recorded."""
_RANK = {state: rank for rank, state in enumerate(_BEST_FIRST)}
_WORSE = {state: rank for rank, state in enumerate(State)}
_FOOTAGE = frozenset({State.RECORDED, State.NOT_INDEXED})
_ABSENCE = frozenset({State.NOT_RECORDED, State.RECORDER_OFF})
_URGENCY = {kind: rank for rank, kind in enumerate(CauseKind)}
_MOST_BASIS = 20


class Medium(NamedTuple):
    """What one medium tells. diagnosis: of the cameras and the window that all media are asked
    for; None when the medium was named but never scanned."""

    name: str
    diagnosis: Diagnosis | None


class _Answer(NamedTuple):
    """What one medium says of a stretch; of nothing that it said itself `told` is not known."""

    medium: str
    told: StateSpan


class _Piece(NamedTuple):
    """A stretch in which no medium changes its answer. tells: the answers that decide, best
    first; beside: other media with footage of it."""

    span: TimeSpan
    state: State
    tells: tuple[_Answer, ...]
    beside: tuple[str, ...]


def of_media(media: Sequence[Medium], window: TimeSpan | None) -> Diagnosis:
    """One diagnosis of all media, the first one leading; reasons and basis name the medium.

    A moment has the best state that a medium proves. `not_recorded` and `recorder_off` are said
    only where every medium says one of them and was read whole; `recorder_off` only where all do.
    """
    known = [one.diagnosis for one in media if one.diagnosis is not None]
    found = tuple(_channels(media, window))
    notes = tuple(_notes(media))
    clocks = [one.overwrite for one in known if one.overwrite is not None]
    return Diagnosis(
        source=known[0].source if known else "",
        scanned_share=min((_share(one) for one in media), default=0.0),
        window=window,
        channels=found,
        notes=tuple(text([one]) for one in notes),
        said=notes,
        causes=tuple(_causes(media)),
        overwrite=clocks[0] if clocks else None,
        clocks=next((one.clocks for one in known if one.clocks), ()),
        joins=tuple(_joins(known)),
        media=tuple(
            MediumRead(
                name=one.name,
                source=None if one.diagnosis is None else one.diagnosis.source,
                scanned_share=_share(one),
            )
            for one in media
        ),
    )


def _joins(known: Iterable[Diagnosis]) -> Iterator[Joins]:
    """The proofs and doubts of all media, each once."""
    counts = Counter[tuple[bool, str]]()
    for one in (joins for diagnosis in known for joins in diagnosis.joins):
        counts[one.joined, one.words] += one.frames
    for (joined, words), frames in counts.most_common():
        yield Joins(joined=joined, frames=frames, words=words)


def _share(medium: Medium) -> float:
    return 0.0 if medium.diagnosis is None else medium.diagnosis.scanned_share


def _channels(media: Sequence[Medium], window: TimeSpan | None) -> Iterator[ChannelDiagnosis]:
    told = [one.diagnosis.channels for one in media if one.diagnosis is not None]
    named = {one.channel for channels in told for one in channels if one.label is None}
    for channel in sorted(named, key=lambda one: (one is None, one or 0)):
        own = [c for channels in told for c in channels if c.channel == channel and not c.label]
        spans = () if window is None else tuple(_spans(media, channel, window))
        states = [one.state for one in spans]
        if spans:
            state = max(states, key=_WORSE.__getitem__)
        else:
            state = min((one.state for one in own), key=_RANK.__getitem__)
        yield ChannelDiagnosis(channel=channel, state=state, spans=spans)
    for medium in media:  # what their pictures tell apart may be the same cameras
        for one in () if medium.diagnosis is None else medium.diagnosis.channels:
            if one.label is not None:
                label = f"{one.label} of medium {medium.name}"
                yield msgspec.structs.replace(one, label=label)


def _spans(media: Sequence[Medium], channel: int | None, window: TimeSpan) -> Iterator[StateSpan]:
    pieces = _pieces(media, channel, window)
    for _, group in groupby(pieces, key=lambda one: (one.state, one.tells)):
        yield _span(list(group))


def _pieces(media: Sequence[Medium], channel: int | None, window: TimeSpan) -> Iterator[_Piece]:
    lanes = {one.name: _lane(one, channel) for one in media}
    edges = {time for lane in lanes.values() for one in lane for time in one.span}
    inside = {time for time in edges if window.start_ms < time < window.end_ms}
    for start_ms, end_ms in pairwise(sorted({*window, *inside})):
        span = TimeSpan(start_ms, end_ms)
        answers = [_answer(one, lanes[one.name], span) for one in media]
        if channel is None:  # of unknown cameras there is footage, or nothing to say
            answers = [one for one in answers if one.told.basis]
        if answers:
            yield _decided(span, answers)


def _lane(medium: Medium, channel: int | None) -> tuple[StateSpan, ...]:
    if medium.diagnosis is None:
        return ()
    own = (c.spans for c in medium.diagnosis.channels if c.channel == channel and not c.label)
    return next(own, ())


def _answer(medium: Medium, lane: Sequence[StateSpan], span: TimeSpan) -> _Answer:
    place = bisect_right(lane, span.start_ms, key=lambda one: one.span.start_ms) - 1
    if place >= 0 and span.end_ms <= lane[place].span.end_ms:
        told, share = lane[place], _share(medium)
        if told.state in _ABSENCE and share < 1.0:
            half = said("partly_read", share=f"{100 * share:.1f}", told=_of(told.said, told.reason))
            told = _unknown(told.span, half, told.basis)
        return _Answer(medium.name, told)
    never = "never_scanned" if medium.diagnosis is None else "tells_nothing"
    return _Answer(medium.name, _unknown(span, said(never)))


def _of(told: tuple[Said, ...], reason: str) -> tuple[Said, ...]:
    """What was said; the reason as it is where only that is known."""
    return told or (said("plain", text=reason),)


def _unknown(span: TimeSpan, told: Said, basis: tuple[str, ...] = ()) -> StateSpan:
    return StateSpan(
        span=span,
        state=State.NOT_KNOWN,
        indexed=False,
        picture=PictureState.NOT_CHECKED,
        reason=text([told]),
        basis=basis,
        said=(told,),
    )


def _decided(span: TimeSpan, answers: Sequence[_Answer]) -> _Piece:
    """What the answers mean together; of equal ones the earlier medium's counts."""
    ordered = sorted(answers, key=lambda one: _RANK[one.told.state])
    best = ordered[0].told.state
    if best in _FOOTAGE:
        beside = tuple(one.medium for one in ordered[1:] if one.told.state in _FOOTAGE)
        return _Piece(span, best, (ordered[0],), beside)
    return _Piece(span, best, tuple(ordered), ())


def _span(pieces: Sequence[_Piece]) -> StateSpan:
    first = pieces[0]
    span = TimeSpan(first.span.start_ms, pieces[-1].span.end_ms)
    best = first.tells[0].told
    beside = dict.fromkeys(name for piece in pieces for name in piece.beside)
    basis = [f"medium {one.medium}: {b}" for one in first.tells for b in one.told.basis]
    basis = [*basis[:_MOST_BASIS], *(f"medium {name}: footage of this time too" for name in beside)]
    told = tuple(_reasons(first.tells, span))
    return StateSpan(
        span=span,
        state=first.state,
        indexed=best.indexed,
        picture=best.picture,
        reason=text(told),
        basis=tuple(basis),
        said=told,
    )


def _reasons(answers: Iterable[_Answer], span: TimeSpan) -> Iterator[Said]:
    """Every medium's reason, media of one reason together; with the time that it was given for
    where that is another one, since it may count frames."""
    names: dict[tuple[Said, ...], list[str]] = {}
    for one in answers:
        own = _of(one.told.said, one.told.reason)
        if one.told.span != span:
            start_ms, end_ms = one.told.span
            own = (said("told_of", told=own, start=start_ms, end=end_ms),)
        names.setdefault(own, []).append(one.medium)
    yield from (_on(media, told) for told, media in names.items())


def _on(media: Sequence[str], told: tuple[Said, ...]) -> Said:
    key = "on_medium" if len(media) == 1 else "on_media"
    return said(key, media=", ".join(media), told=told)


def _notes(media: Sequence[Medium]) -> Iterator[Said]:
    for one in media:
        if one.diagnosis is None:
            yield said("medium_unscanned", medium=one.name)
        elif _share(one) < 1.0:
            yield said("medium_partly", medium=one.name, share=f"{100 * _share(one):.1f}")
    names: dict[Said, list[str]] = {}
    for one in media:
        for note in () if one.diagnosis is None else one.diagnosis.said:
            names.setdefault(note, []).append(one.name)
    yield from (_on(media, (note,)) for note, media in names.items())


def _causes(media: Sequence[Medium]) -> Iterator[Cause]:
    """The causes of all media, the most urgent first, each with the media it was seen on."""
    found: dict[Cause, dict[str, tuple[str, ...]]] = {}
    for one in media:
        for cause in () if one.diagnosis is None else one.diagnosis.causes:
            plain = msgspec.structs.replace(cause, basis=())
            found.setdefault(plain, {})[one.name] = cause.basis
    for cause, bases in sorted(found.items(), key=lambda item: _urgency(item[0])):
        basis = [f"medium {name}: {b}" for name, own in bases.items() for b in own]
        told = (_on([*bases], _of(cause.said, cause.reason)),)
        yield msgspec.structs.replace(
            cause, reason=text(told), said=told, basis=tuple(basis[:_MOST_BASIS])
        )


def _urgency(cause: Cause) -> tuple[bool, int]:
    return cause.is_brief, _URGENCY[cause.kind]
