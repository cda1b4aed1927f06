"""Every camera accounted for: a state with its reason for each camera and span of time.

`diagnose` is a pure function over what was observed. It compares what the recorder claims with
what the bytes show, and says no more than both allow.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

import msgspec

from vidrecover.diagnosis import _rules, _words, causes
from vidrecover.diagnosis._facts import Evidence, Facts, Sight, gathered
from vidrecover.diagnosis._media import Medium, of_media
from vidrecover.diagnosis._overwrite import overwrite_clock
from vidrecover.diagnosis._spells import Spells
from vidrecover.diagnosis._words import Part
from vidrecover.extents import merged, minus, total
from vidrecover.model import (
    ChannelDiagnosis,
    Diagnosis,
    Extent,
    PictureState,
    RecorderMs,
    Segment,
    State,
    TimeSpan,
)
from vidrecover.timeline import (
    SHORTEST_GAP_MS,
    Comparison,
    Moment,
    Numbers,
    attributed,
    claimed,
    compare,
    covered,
)
from vidrecover.wording import text

__all__ = ["Evidence", "Medium", "Sight", "diagnose", "of_media"]

_MOST_CAMERAS = 64  # a higher camera number is believed only of cameras that are seen
_WORSE = {state: rank for rank, state in enumerate(State)}
_CLEARER = {picture: rank for rank, picture in enumerate(PictureState)}
_LONGEST_GROUP_MS = 10_000  # from one key picture to the next [C]
_SECOND_MS = 1000
_LOST = frozenset({State.NOT_KNOWN, State.OVERWRITTEN, State.UNREADABLE})
_GROWS = frozenset(
    {
        State.RECORDER_OFF,
        State.NOT_KNOWN,
        State.OVERWRITTEN,
        State.UNREADABLE,
        State.NO_SIGNAL,
    }
)
"""States that may take in a moment too short to be told from footage beside it."""


def diagnose(
    evidence: Evidence, *, channels: Sequence[int] | None = None, window: TimeSpan | None = None
) -> Diagnosis:
    """What exists of every camera in every span of the window, and why the rest does not.

    channels: the cameras the vehicle has; None: 1 to the highest that frames or claims name.
    window: None for all the time that frames or claims name. The spans of each camera tile the
    window. Channel None, if there is footage of unknown cameras, has spans of that footage alone.
    """
    segments = attributed(evidence.segments, evidence.claims)
    wanted = _wanted(segments, evidence, channels)
    whole = _whole(segments, evidence, window)
    every = {*wanted, *(segment.channel for segment in segments), None}
    numbers = Numbers(segments, evidence.counted)
    compared = compare(segments, evidence.claims, within=whole, channels=every, numbers=numbers)
    facts = gathered(evidence, segments, compared, numbers)
    everything = whole if whole.end_ms > whole.start_ms else None
    found = _channels(facts, wanted, compared, window or everything)
    of_all_time = found if window is None else _channels(facts, wanted, compared, everything)
    notes = tuple(_words.notes(facts, segments, wanted))
    left = total(minus([Extent(0, evidence.size)], merged(evidence.scanned)))
    return Diagnosis(
        source=evidence.source,
        scanned_share=(evidence.size - left) / evidence.size if evidence.size else 1.0,
        window=window or everything,
        channels=tuple(found),
        notes=tuple(text([one]) for one in notes),
        said=notes,
        causes=causes.drawn(facts, of_all_time, window),
        overwrite=overwrite_clock(facts, window),
    )


def _wanted(
    segments: Iterable[Segment], evidence: Evidence, channels: Sequence[int] | None
) -> list[int]:
    if channels is not None:
        return sorted(set(channels))
    named = {s.channel for s in segments} | {c.channel for c in evidence.claims}
    seen = {channel for channel in named if channel is not None}
    highest = max((channel for channel in seen if channel <= _MOST_CAMERAS), default=0)
    return sorted(seen | set(range(1, highest + 1)))


def _whole(segments: Iterable[Segment], evidence: Evidence, window: TimeSpan | None) -> TimeSpan:
    """All the time that evidence or window name; empty when they name none."""
    starts = [s.start_ms for s in segments if s.frames and s.start_ms is not None]
    last = max((s.end_ms for s in segments if s.frames and s.end_ms is not None), default=0)
    ends = [covered(s).end_ms for s in segments if s.frames and (s.end_ms or 0) > last - 2000]
    spans = [span for claim in evidence.claims if (span := claimed(claim)) is not None]
    if starts:
        spans.append(TimeSpan(min(starts), max(ends)))
    if window is not None:
        spans.append(window)
    start_ms = min((span.start_ms for span in spans), default=0)
    return TimeSpan(start_ms, max((span.end_ms for span in spans), default=0))


def _channels(
    facts: Facts, wanted: Iterable[int], compared: Comparison, window: TimeSpan | None
) -> list[ChannelDiagnosis]:
    """The cameras wanted, and unknown ones of which there is footage: those that pictures tell
    apart, and the rest."""
    found = [
        _channel(
            facts, channel, compared.moments[channel], window, bool(facts.undated.get(channel))
        )
        for channel in wanted
    ]
    unknown = compared.moments[None]
    undated = {one.label for one in compared.undated if one.channel is None and one.frames}
    labels = undated | {one.label for moment in unknown for one in moment.segments}
    for label in sorted(labels, key=lambda one: (one is None, len(one or ""), one or "")):
        own = [
            msgspec.structs.replace(
                moment, segments=tuple(one for one in moment.segments if one.label == label)
            )
            for moment in unknown
        ]
        one = _channel(facts, None, own, window, label in undated)
        if one.spans or label in undated:
            found.append(msgspec.structs.replace(one, label=label))
    return found


def _channel(
    facts: Facts,
    channel: int | None,
    moments: Sequence[Moment],
    window: TimeSpan | None,
    is_undated: bool,
) -> ChannelDiagnosis:
    """is_undated: there is footage of it without a time."""
    parts = _parts(facts, channel, moments)
    spans = tuple(_words.spans(parts, window)) if window is not None else ()
    if spans:
        state = max((span.state for span in spans), key=_WORSE.__getitem__)
    elif is_undated:
        state = State.NOT_INDEXED if channel in facts.unlisted else State.RECORDED
    else:
        state = State.NOT_KNOWN
    return ChannelDiagnosis(channel=channel, state=state, spans=spans)


def _parts(facts: Facts, channel: int | None, moments: Sequence[Moment]) -> Iterator[Part]:
    """Judged parts in time order; for the unknown camera those with footage only."""
    runs = [(shown, list(run)) for shown, run in groupby(moments, key=lambda m: bool(m.segments))]
    parts: list[Part] = []
    for place, (shown, run) in enumerate(runs):
        if shown:
            parts += _shown(facts, channel, run)
        elif channel is not None:
            before = runs[place - 1][1][-1].segments if place else ()
            after = runs[place + 1][1][0].segments if place + 1 < len(runs) else ()
            hole = _rules.Hole(
                TimeSpan(run[0].span.start_ms, run[-1].span.end_ms),
                max(before, key=lambda s: s.end_ms or 0, default=None),
                min(after, key=lambda s: s.start_ms or 0, default=None),
            )
            missing = list(_missing(facts, channel, run, hole))
            step = facts.numbers.over(channel, hole.span.start_ms)
            is_lost = step is not None and step.frames > 0 and _short(hole.span)
            parts += missing if is_lost else _absorbed(missing, hole)
    if channel is None or not parts:
        return iter(parts)
    return _tiled(parts, TimeSpan(moments[0].span.start_ms, moments[-1].span.end_ms))


def _shown(facts: Facts, channel: int | None, run: Sequence[Moment]) -> Iterator[Part]:
    """Footage without a hole. What was not looked at shows what was seen on both its sides."""
    loss = facts.losses.get(channel or 0)
    if facts.evidence.pictures or loss is not None:
        run = [piece for moment in run for piece in _pieces(facts, moment, loss)]
    pictures = list(_pictures(facts, run))
    for place, moment in enumerate(run):
        beside = pictures[place - 1] if place else pictures[min(1, len(run) - 1)]
        if pictures[place] is PictureState.NOT_CHECKED and _short(moment.span):
            pictures[place] = beside
    looked = [i for i, one in enumerate(pictures) if one is not PictureState.NOT_CHECKED]
    for first, last in pairwise(looked):
        if pictures[first] is pictures[last]:
            pictures[first:last] = [pictures[first]] * (last - first)
    parts = []
    for moment, picture in zip(run, pictures, strict=True):
        judged = _rules.footage(facts, moment, picture)
        if loss is not None and loss.holds(moment.span):
            judged = _rules.with_loss(facts, channel or 0, judged, loss.around(moment.span[0]))
        parts.append(Part(moment.span, judged, moment.segments))
    return _rounded(parts)


def _rounded(parts: Sequence[Part]) -> Iterator[Part]:
    """The parts; what no entry lists for less than two seconds goes with what one does beside it:
    an index is no finer than that."""
    long = [part.judged.state is State.RECORDED and not _short(part.span) for part in parts]
    for place, part in enumerate(parts):
        beside = [i for i in (place - 1, place + 1) if 0 <= i < len(parts) and long[i]]
        if beside and part.judged.state is State.NOT_INDEXED and _short(part.span):
            part = part._replace(judged=parts[beside[0]].judged)
        yield part


def _pieces(facts: Facts, moment: Moment, loss: Spells | None) -> Iterator[Moment]:
    """The moment, cut where a segment begins, where its pictures show something else, and where
    a loss of video begins or ends."""
    coming = sorted(moment.segments, key=lambda s: s.start_ms or 0, reverse=True)
    times = {s.start_ms for s in coming if s.start_ms is not None} | {*moment.span}
    sights = (sight for one in coming for sight in facts.sights(one))
    times |= {sight.start_ms for sight in sights if sight.start_ms is not None}
    times |= set(loss.borders if loss is not None else ())
    inside = sorted(t for t in times if moment.span.start_ms <= t <= moment.span.end_ms)
    active: list[Segment] = []
    for span in map(TimeSpan._make, pairwise(inside)):
        while coming and (coming[-1].start_ms or 0) < span.end_ms:
            active.append(coming.pop())
        lasting = [s for s in active if s.start_ms is None or covered(s).end_ms > span.start_ms]
        active = lasting or active[-1:]
        yield msgspec.structs.replace(moment, span=span, segments=tuple(active))


def _pictures(facts: Facts, run: Sequence[Moment]) -> Iterator[PictureState]:
    """What each moment shows; frames before the first key picture of a segment go on with what
    was seen before them, for ten seconds at most."""
    before, since_ms = PictureState.NOT_CHECKED, 0
    for moment in run:
        seen = _seen(facts, moment)
        if seen is not None:
            before, since_ms = seen, moment.span.end_ms
        elif moment.span.start_ms > since_ms + _LONGEST_GROUP_MS:
            before = PictureState.NOT_CHECKED
        yield before


def _seen(facts: Facts, moment: Moment) -> PictureState | None:
    """The least clear of what its streams show; no signal only when none shows more. None: they
    have no key picture yet."""
    found = {_sight(facts, one, moment.span.start_ms) for one in moment.segments}
    seen = found - {None, PictureState.NOT_CHECKED}
    if len(seen) > 1:
        seen -= {PictureState.NO_SIGNAL}
    unseen = None if found == {None} else PictureState.NOT_CHECKED
    return max((one for one in seen if one), key=_CLEARER.__getitem__, default=unseen)


def _sight(facts: Facts, segment: Segment, time_ms: RecorderMs) -> PictureState | None:
    """What a segment's pictures show at a time; None before the first of its key pictures."""
    sights = facts.sights(segment)
    if not sights:
        return PictureState.NOT_CHECKED if segment.keys else None
    begun = [one for one in sights if one.start_ms is None or one.start_ms <= time_ms]
    return begun[-1].state if begun else None


def _missing(
    facts: Facts, channel: int, run: Sequence[Moment], hole: _rules.Hole
) -> Iterator[Part]:
    """The parts of a hole, cut wherever a rule may answer otherwise."""
    for moment in run:
        start_ms, end_ms = moment.span
        for edges in pairwise([start_ms, *facts.borders(channel, moment.span), end_ms]):
            span = TimeSpan(*edges)
            yield Part(span, _rules.absence(facts, channel, span, moment, hole))


def _absorbed(parts: list[Part], hole: _rules.Hole) -> list[Part]:
    """The parts of a hole without those beside footage that are too short to be told from it.

    They go to the part on their other side, unless it claims more than was tested for them; then
    they are left out, and the footage reaches over them.
    """
    parts = _alike(parts)
    if len(parts) == 1 and _at_an_end(parts[0], hole):
        return parts
    if hole.before is not None and _short(parts[0].span):
        first = parts.pop(0)
        if parts and parts[0].judged.state in _GROWS:
            grown = TimeSpan(first.span.start_ms, parts[0].span.end_ms)
            parts[0] = parts[0]._replace(span=grown)
    if hole.after is not None and parts and _short(parts[-1].span):
        last = parts.pop()
        if parts and parts[-1].judged.state in _GROWS:
            grown = TimeSpan(parts[-1].span.start_ms, last.span.end_ms)
            parts[-1] = parts[-1]._replace(span=grown)
    return parts


def _at_an_end(part: Part, hole: _rules.Hole) -> bool:
    """Whether a second or more of lost or unknown footage lies before all footage or behind it:
    there is nothing that it could be the pause between."""
    between = hole.before is not None and hole.after is not None
    lasting_ms = part.span.end_ms - part.span.start_ms
    return not between and lasting_ms >= _SECOND_MS and part.judged.state in _LOST


def _short(span: TimeSpan) -> bool:
    return span.end_ms - span.start_ms <= SHORTEST_GAP_MS


def _alike(parts: Iterable[Part]) -> list[Part]:
    """Neighbours of one judgement in one part; a moment that is not known for another reason
    than what is not known before it goes with that."""
    found: list[Part] = []
    for part in parts:
        unknown = part.judged.state is State.NOT_KNOWN and not part.judged.indexed
        last = found[-1].judged if found else None
        if last == part.judged or (
            last is not None
            and unknown
            and _short(part.span)
            and (last.state, last.indexed) == (State.NOT_KNOWN, False)
        ):
            span = TimeSpan(found[-1].span.start_ms, part.span.end_ms)
            found[-1] = found[-1]._replace(span=span)
        else:
            found.append(part)
    return found


def _tiled(parts: Sequence[Part], within: TimeSpan) -> Iterator[Part]:
    """The parts of one camera without gaps: footage reaches over what was left out beside it."""
    starts = [part.span.start_ms for part in parts]
    at_ms = within.start_ms
    for part, following_ms in zip(parts, [*starts[1:], within.end_ms], strict=True):
        end_ms = following_ms if part.segments else part.span.end_ms
        yield part._replace(span=TimeSpan(at_ms, end_ms))
        at_ms = end_ms
