"""The answer in plain words: which cameras, since when, what exists; the worst first."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from vidrecover.model import ChannelDiagnosis, Diagnosis, State, TimeSpan
from vidrecover.report._facts import Facts
from vidrecover.report._words import Words, share, to_the_second

BLIP_MS = 2000
"""Spans of trouble shorter than this are in the tables only."""

SEVERITY = {state: rank for rank, state in enumerate(State)}
WELL = frozenset({State.RECORDED, State.RECORDER_OFF})
_MOST_GROUPS = 3  # sentences about one state before they are drawn together


class Sentence(NamedTuple):
    """A sentence of the answer, about one state or (None) about the whole."""

    state: State | None
    text: str


class _Told(NamedTuple):
    """What sentences are made from. spans: of one state and camera, merged, without blips."""

    spans: dict[State, dict[int | None, tuple[TimeSpan, ...]]]
    blips: int


def answer(facts: Facts, words: Words) -> list[Sentence]:
    """The sentences in the order in which they are to be read."""
    result = facts.diagnosis
    told = _told(result)
    said = [Sentence(None, text) for text in _lead(result, told, words)]
    one_day = result.window is not None and _is_one_day(result.window)
    for state in sorted(told.spans, key=SEVERITY.__getitem__, reverse=True):
        for channels, spans in _grouped(state, told.spans[state]):
            text = _sentence(state, channels, _when(spans, words, dated=not one_day), words)
            said.append(Sentence(state, text))
    return said + [Sentence(None, text) for text in _ending(facts, told.blips, words)]


def troubled(result: Diagnosis) -> list[int | None]:
    """Cameras of which something is missing, unlisted or in doubt for more than a moment."""
    found = {one.channel for one in result.channels if not one.spans and one.state not in WELL}
    for state, of_channels in _told(result).spans.items():
        if state not in WELL:
            found |= set(of_channels)
    return [one.channel for one in result.channels if one.channel in found]


def lasting(one: ChannelDiagnosis) -> dict[State, int]:
    """Milliseconds that one camera is in each state, the worst first."""
    found: dict[State, int] = {}
    for span in one.spans:
        length = span.span.end_ms - span.span.start_ms
        found[span.state] = found.get(span.state, 0) + length
    return dict(sorted(found.items(), key=lambda item: -SEVERITY[item[0]]))


def _told(result: Diagnosis) -> _Told:
    spans: dict[State, dict[int | None, tuple[TimeSpan, ...]]] = {}
    blips = 0
    for one in result.channels:
        of_state: dict[State, list[TimeSpan]] = {}
        for span in one.spans:
            found = of_state.setdefault(span.state, [])
            if found and found[-1].end_ms == span.span.start_ms:
                found[-1] = TimeSpan(found[-1].start_ms, span.span.end_ms)
            else:
                found.append(span.span)
        for state, found in of_state.items():
            long = [span for span in found if span.end_ms - span.start_ms >= BLIP_MS]
            blips += len(found) - len(long)
            if long:
                beside = spans.setdefault(state, {}).get(one.channel, ())
                spans[state][one.channel] = tuple(sorted((*beside, *long)))
    return _Told(spans, blips)


def _lead(result: Diagnosis, told: _Told, words: Words) -> Iterator[str]:
    bad = troubled(result)
    known = [one for one in bad if one is not None]
    if known:
        every = [one for one in result.channels if one.channel is not None]
        yield words("answer.attention", bad=len(known), all=len(every))
    elif bad:
        yield words("answer.unattributed")
    elif result.channels:
        yield words("answer.well")
    if result.window is None:
        yield words("answer.undated")
        return
    start_ms, end_ms = result.window
    yield words(
        "answer.period",
        start=to_the_second(start_ms, dated=True),
        end=to_the_second(end_ms, dated=not _is_one_day(result.window)),
        length=words.length(end_ms - start_ms),
    )


def _ending(facts: Facts, blips: int, words: Words) -> Iterator[str]:
    read = facts.read
    if blips:
        yield words("answer.blips", count=blips)
    if read.not_read:
        yield words("answer.part_read", share=share(read.scanned, read.size))
    if read.unreadable:
        yield words("answer.not_readable", size=words.size(read.refused))
    if read.is_whole:
        yield words("answer.every_byte")


def _grouped(
    state: State, spans: dict[int | None, tuple[TimeSpan, ...]]
) -> list[tuple[list[int | None], list[tuple[TimeSpan, ...]]]]:
    """Cameras with the same spans, to the second; all together when there are too many groups.

    A recorder that is off is told once, of all cameras.
    """
    if state is State.RECORDER_OFF:
        return [(list(spans), [_union(spans.values())])]
    groups: dict[tuple[tuple[int, int], ...], list[int | None]] = {}
    for channel, own in spans.items():
        key = tuple((round(a / 1000), round(b / 1000)) for a, b in own)
        groups.setdefault(key, []).append(channel)
    if len(groups) > _MOST_GROUPS:
        return [(list(spans), list(spans.values()))]
    return [(channels, [spans[channels[0]]]) for channels in groups.values()]


def _union(of_channels: Iterable[Sequence[TimeSpan]]) -> tuple[TimeSpan, ...]:
    found: list[TimeSpan] = []
    for span in sorted(one for spans in of_channels for one in spans):
        if found and span.start_ms <= found[-1].end_ms:
            found[-1] = TimeSpan(found[-1].start_ms, max(found[-1].end_ms, span.end_ms))
        else:
            found.append(span)
    return tuple(found)


def _when(of_groups: Sequence[Sequence[TimeSpan]], words: Words, *, dated: bool) -> str:
    every = [span for spans in of_groups for span in spans]
    start = to_the_second(min(span.start_ms for span in every), dated=dated)
    end = to_the_second(max(span.end_ms for span in every), dated=dated)
    if len(of_groups) > 1:
        return words("when.differing", start=start, end=end)
    if len(every) == 1:
        return words("when.one", start=start, end=end)
    length = words.length(sum(span.end_ms - span.start_ms for span in every))
    return words("when.several", count=f"{len(every):,}", start=start, end=end, length=length)


def _sentence(state: State, channels: Sequence[int | None], when: str, words: Words) -> str:
    have = words("cameras.have_one" if len(channels) == 1 else "cameras.have_more")
    text = words(
        f"answer.{state.value}", cameras=words.cameras(channels), when=when, have=have
    ).strip()
    return text[:1].upper() + text[1:]


def _is_one_day(span: TimeSpan) -> bool:
    return span.start_ms // 86_400_000 == span.end_ms // 86_400_000
