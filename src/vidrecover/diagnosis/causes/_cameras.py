"""Causes that belong to one camera: its signal, its picture, its place in the settings."""

from collections.abc import Iterator, Sequence
from statistics import median

from vidrecover.diagnosis._facts import Facts
from vidrecover.diagnosis.causes._signs import (
    BLIP_MS,
    Sign,
    named_event,
    overlap,
    recurring,
    spans_of,
)
from vidrecover.model import (
    CauseKind,
    Certainty,
    ChannelDiagnosis,
    EventKind,
    PictureState,
    Said,
    State,
    StateSpan,
    TimeSpan,
)
from vidrecover.timeline import covered
from vidrecover.wording import said

_FAULTS = {
    PictureState.COVERED: CauseKind.PICTURE_COVERED,
    PictureState.DARK: CauseKind.PICTURE_DARK,
    PictureState.FROZEN: CauseKind.PICTURE_FROZEN,
    PictureState.ROLLING: CauseKind.PICTURE_ROLLING,
    PictureState.NOISY: CauseKind.PICTURE_NOISY,
    PictureState.BLURRED: CauseKind.PICTURE_BLURRED,
    PictureState.COLOURLESS: CauseKind.PICTURE_COLOURLESS,
}
_SHARED = {
    PictureState.DARK: "night, a garage or a power fault is as likely",
    PictureState.COLOURLESS: "infrared at night is as likely",
    PictureState.FROZEN: "a parked vehicle is as likely",
}
"""Words that say nothing of a camera while others show the same."""
_CLOCK_RUNS = 0.3  # change in the bands of the overlay from which a clock in them runs [C]
_SHOWN = frozenset({State.RECORDED, State.NOT_INDEXED})
_LIGHT = frozenset({PictureState.LIVE, PictureState.COLOURLESS, PictureState.BLURRED})


def signs(facts: Facts, channels: Sequence[ChannelDiagnosis]) -> Iterator[Sign]:
    """Signs about single cameras."""
    known = [one for one in channels if one.channel is not None]
    for one in known:
        yield from _video_loss(facts, one)
        yield from _absent(facts, one)
        yield from _pictures(facts, one, [other for other in channels if other is not one])


def _video_loss(facts: Facts, one: ChannelDiagnosis) -> Iterator[Sign]:
    sure = _certain_cards(facts, one.channel)
    for span in spans_of(one, {State.NO_SIGNAL}):
        logged = [
            named_event(event)
            for _, event in facts.during(span.span)
            if event.kind is EventKind.VIDEO_LOSS_START and event.channel == one.channel
        ]
        shown = any(overlap(span.span, card) for card in sure)
        witness = {
            (True, True): "log_and_pictures",
            (True, False): "loss_logged",
            (False, True): "pictures_loss",
            (False, False): "pictures_look_loss",
        }[bool(logged), shown]
        before = any(
            part.span.end_ms <= span.span.start_ms and part.state in _SHOWN for part in one.spans
        )
        when = "was_there" if before else "from_the_first"
        certainty = Certainty.CERTAIN if shown or logged else Certainty.SUSPECTED
        yield Sign(
            CauseKind.VIDEO_LOSS,
            (one.channel,),
            span.span,
            certainty,
            (said(witness), said(when)),
            (*span.basis, *logged),
        )


def _certain_cards(facts: Facts, channel: int | None) -> list[TimeSpan]:
    """Spans of the camera's segments in which a video-loss picture is certain."""
    return [
        covered(segment)
        for segment in facts.shelf.segments
        if segment.channel == channel
        and segment.start_ms is not None
        and any(s.state is PictureState.NO_SIGNAL and s.is_certain for s in facts.sights(segment))
    ]


def _absent(facts: Facts, one: ChannelDiagnosis) -> Iterator[Sign]:
    """The camera has nothing while others have footage."""
    spans = spans_of(one, {State.NOT_RECORDED})
    if not spans:
        return
    if one.channel not in facts.cameras:
        logged = bool(facts.evidence.events)
        whole = TimeSpan(spans[0].span.start_ms, spans[-1].span.end_ms)
        yield Sign(
            CauseKind.CAMERA_DISABLED,
            (one.channel,),
            whole,
            Certainty.SUSPECTED,
            (said("absent_log" if logged else "absent_no_log"),),
            spans[0].basis,
        )
        return
    regular = recurring(span.span for span in spans)
    for span in spans:
        is_regular = span.span in regular
        yield Sign(
            CauseKind.RECORDING_SCHEDULE if is_regular else CauseKind.CAMERA_GAP,
            (one.channel,),
            span.span,
            Certainty.SUSPECTED,
            (said("same_hours" if is_regular else "gap_untold"),),
            span.basis,
        )


def _pictures(
    facts: Facts, one: ChannelDiagnosis, others: Sequence[ChannelDiagnosis]
) -> Iterator[Sign]:
    """What is wrong with the picture, where other cameras do not show the same."""
    for span in _of_one_picture(one):
        kind = _FAULTS.get(span.picture)
        if kind is None or span.state is State.NO_SIGNAL:
            continue
        beside = [_mostly(other, span.span) for other in others]
        beside = [seen for seen in beside if seen is not None]
        same = beside.count(span.picture)
        if span.picture in _SHARED and (same or not beside):
            continue
        lit = sum(seen in _LIGHT for seen in beside)
        if span.picture is PictureState.DARK and lit < 2:
            continue
        more = [said("others_show", count=lit)] if lit else []
        if span.picture is PictureState.FROZEN:
            more = [*_clock(facts, one.channel, span.span), *more]
        yield Sign(
            kind,
            (one.channel,),
            span.span,
            Certainty.SUSPECTED,
            (said(f"looks_{span.picture.value}"), *more),
            span.basis,
        )


def _clock(facts: Facts, channel: int | None, span: TimeSpan) -> list[Said]:
    """Whether the clock in a frozen picture goes on; nothing where that is not known."""
    known = [
        sight.overlay
        for segment in facts.shelf.segments
        if segment.channel == channel and segment.start_ms is not None
        if overlap(covered(segment), span)
        for sight in facts.sights(segment)
        if sight.state is PictureState.FROZEN and sight.overlay is not None
    ]
    if not known:
        return []
    return [said("clock_runs" if median(known) > _CLOCK_RUNS else "clock_stands")]


def _of_one_picture(one: ChannelDiagnosis) -> list[StateSpan]:
    """Neighbouring spans that show the same, as one."""
    found: list[StateSpan] = []
    for span in one.spans:
        last = found[-1] if found else None
        touches = last is not None and span.span.start_ms - last.span.end_ms < BLIP_MS
        if last is not None and touches and last.picture is span.picture:
            found[-1] = StateSpan(
                span=TimeSpan(last.span.start_ms, span.span.end_ms),
                state=last.state,
                indexed=last.indexed,
                picture=last.picture,
                reason=last.reason,
                basis=tuple(dict.fromkeys([*last.basis, *span.basis])),
            )
        else:
            found.append(span)
    return found


def _mostly(one: ChannelDiagnosis, span: TimeSpan) -> PictureState | None:
    """What another camera shows for most of a span, None when it was not looked at."""
    lasting: dict[PictureState, int] = {}
    for part in one.spans:
        shared = overlap(part.span, span)
        if shared and part.picture is not PictureState.NOT_CHECKED:
            lasting[part.picture] = lasting.get(part.picture, 0) + shared
    return max(lasting, key=lasting.__getitem__) if lasting else None
