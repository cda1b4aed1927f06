"""Causes: why the cameras have what they have, drawn from both witnesses.

Each detector yields signs: a kind, a span, a sentence, and what it rests on. `drawn` joins the
signs of one kind and camera, puts cameras together that share them, and keeps blips apart.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from vidrecover.diagnosis._facts import Facts
from vidrecover.diagnosis.causes import _cameras, _clocks, _recorder, _settings, _storage
from vidrecover.diagnosis.causes._signs import BLIP_MS, LASTING, Sign
from vidrecover.model import Cause, CauseKind, Certainty, ChannelDiagnosis, Said, TimeSpan
from vidrecover.wording import said, text

__all__ = ["drawn"]

_JOIN_MS = 2000  # signs closer than this are one stretch
_MOST_BASIS = 20
_RANK = {kind: rank for rank, kind in enumerate(CauseKind)}


def drawn(
    facts: Facts, channels: Sequence[ChannelDiagnosis], window: TimeSpan | None
) -> tuple[Cause, ...]:
    """The causes that touch the window, the most urgent first and blips last.

    channels: with the spans of all time, so that a cause says since when it lasts.
    """
    leaps = _clocks.leaps(facts)
    signs = chain(
        _cameras.signs(facts, channels),
        _recorder.signs(facts, channels, leaps),
        _storage.signs(facts, channels),
        _clocks.signs(facts, leaps),
        _settings.signs(facts),
    )
    found = [one for one in _alike(_joined(signs)) if _touches(one, window)]
    return tuple(sorted(found, key=_order))


def _order(one: Cause) -> tuple[object, ...]:
    suspected = one.certainty is Certainty.SUSPECTED
    start_ms = one.span.start_ms if one.span is not None else 0
    return one.is_brief, _RANK[one.kind], suspected, start_ms, [c or 0 for c in one.channels]


def _touches(one: Cause, window: TimeSpan | None) -> bool:
    if window is None or one.span is None:
        return True
    return one.span.start_ms < window.end_ms and one.span.end_ms >= window.start_ms


def _joined(signs: Iterable[Sign]) -> Iterator[Cause]:
    """One cause for all signs of a kind and camera; its sentence is that of the longest."""
    groups: dict[tuple[CauseKind, tuple[int | None, ...]], list[Sign]] = {}
    for sign in signs:
        groups.setdefault((sign.kind, sign.channels), []).append(sign)
    for (kind, channels), members in groups.items():
        stretches = _stretches(sorted(one.span for one in members if one.span is not None))
        chosen = max(members, key=_weight)
        long = [one for one in stretches if not 0 < one.end_ms - one.start_ms < BLIP_MS]
        is_brief = kind in LASTING and bool(stretches) and not long
        shown = long or stretches
        told = _said(chosen, shown, kind)
        yield Cause(
            kind=kind,
            channels=channels,
            span=TimeSpan(shown[0].start_ms, max(s.end_ms for s in shown)) if shown else None,
            certainty=max((one.certainty for one in members), key=list(Certainty).index),
            reason=text(told),
            said=told,
            basis=tuple(dict.fromkeys(b for one in members for b in one.basis))[:_MOST_BASIS],
            count=max(len(shown), 1),
            is_brief=is_brief,
        )


def _weight(one: Sign) -> tuple[int, int]:
    length = 0 if one.span is None else one.span.end_ms - one.span.start_ms
    return list(Certainty).index(one.certainty), length


def _stretches(spans: Iterable[TimeSpan]) -> list[TimeSpan]:
    found: list[TimeSpan] = []
    for span in spans:
        if found and span.start_ms <= found[-1].end_ms + _JOIN_MS:
            found[-1] = TimeSpan(found[-1].start_ms, max(found[-1].end_ms, span.end_ms))
        else:
            found.append(span)
    return found


def _said(chosen: Sign, stretches: Sequence[TimeSpan], kind: CauseKind) -> tuple[Said, ...]:
    count = len(stretches)
    if count < 2:
        return chosen.said
    if kind not in LASTING:
        return (*chosen.said, said("times", count=count))
    total = sum(span.end_ms - span.start_ms for span in stretches)
    return (*chosen.said, said("times_lasting", count=count, total=total))


def _alike(causes: Iterable[Cause]) -> Iterator[Cause]:
    """Causes of several cameras told as one where everything but the camera is the same."""
    groups: dict[tuple[object, ...], list[Cause]] = {}
    for one in causes:
        edges = None if one.span is None else tuple(round(time / 1000) for time in one.span)
        words = (one.certainty, one.reason, one.count, one.is_brief)
        own = not one.channels
        groups.setdefault((one.kind, edges, own, *words), []).append(one)
    for members in groups.values():
        first = members[0]
        spans = [one.span for one in members if one.span is not None]
        yield Cause(
            kind=first.kind,
            channels=tuple(channel for one in members for channel in one.channels),
            span=TimeSpan(min(s.start_ms for s in spans), max(s.end_ms for s in spans))
            if spans
            else None,
            certainty=first.certainty,
            reason=first.reason,
            said=first.said,
            basis=tuple(dict.fromkeys(b for one in members for b in one.basis))[:_MOST_BASIS],
            count=first.count,
            is_brief=first.is_brief,
        )
