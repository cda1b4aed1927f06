"""The rules: what may be said of one camera in one span, and why.

DESIGN section 7 is the contract. "Not recorded" is the last thing said, and only when every
condition holds; "not known" names those that do not.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.diagnosis import _doubts as about
from vidrecover.diagnosis._facts import Facts
from vidrecover.diagnosis._log import BREAKS
from vidrecover.extents import common, merged, minus, total
from vidrecover.model import (
    NO_CHANNEL,
    NO_TIME,
    Claim,
    Codec,
    Event,
    EventKind,
    Extent,
    PictureState,
    Said,
    Segment,
    State,
    TimeSpan,
)
from vidrecover.timeline import Moment, Step, Told, covered, lists, missing_extents
from vidrecover.wording import said

_SECOND_MS = 1000
_EXPLAIN = BREAKS | {EventKind.VIDEO_LOSS_START}
_RECORDING = frozenset({EventKind.RECORD_START, EventKind.RECORD_STOP})
_LARGEST_FRAME = 1 << 20  # bytes
_LOST_MS = 10_000
_MOST_EVENTS = 3
_MOST_CLAIMS = 8  # that name one camera and time in an index that can be believed [C]


class Judgement(NamedTuple):
    """What may be said, and what it rests on.

    said: the reason; {frames} and {claims} in it are what the whole span rests on, and are put in
    when that is known; extents: unreadable; segments: newer footage in the place of the lost one;
    free: the file systems in whose unallocated space the footage lies.
    """

    state: State
    said: tuple[Said, ...]
    indexed: bool = False
    picture: PictureState = PictureState.NOT_CHECKED
    claims: tuple[Claim, ...] = ()
    extents: tuple[Extent, ...] = ()
    segments: tuple[Segment, ...] = ()
    events: tuple[Event, ...] = ()
    free: tuple[str, ...] = ()


class Hole(NamedTuple):
    """A span without footage of a camera; before, after: its nearest segments, if any."""

    span: TimeSpan
    before: Segment | None
    after: Segment | None


def footage(facts: Facts, moment: Moment, picture: PictureState) -> Judgement:
    """See `_footage`; says too when the camera is one that only the recorder's records name, when
    what nothing lists lies in space that its file system gives to no file, and when nothing of
    it can be seen because it is encrypted."""
    judged = _footage(facts, moment, picture)
    judged = judged._replace(said=(*judged.said, *_hidden(facts, moment)))
    if any(segment.numbered for segment in moment.segments):
        judged = judged._replace(said=(*judged.said, said("camera_by_picture")))
    free = () if judged.indexed else facts.free.volumes(moment.segments)
    if free:
        told = (*judged.said, said("unallocated", volumes=", ".join(free)))
        judged = judged._replace(said=told, free=free)
    if not any(segment.named_by_claim for segment in moment.segments):
        return judged
    claims = judged.claims or (*moment.holders, *moment.listed, *moment.remains)
    told = (*judged.said, said("camera_by_records"))
    return judged._replace(said=told, claims=tuple(claims))


def _hidden(facts: Facts, moment: Moment) -> Iterator[Said]:
    """That all footage is encrypted, or looks so."""
    sealed = [one.codec is Codec.ENCRYPTED for one in moment.segments]
    noise = [any(s.is_scrambled for s in facts.sights(one)) for one in moment.segments]
    if sealed and all(sealed):
        yield said("pictures_sealed")
    elif sealed and all(a or b for a, b in zip(sealed, noise, strict=True)):
        yield said("pictures_noise")


def _footage(facts: Facts, moment: Moment, picture: PictureState) -> Judgement:
    """Frames were found: does the recorder list them, and do they show a picture?

    Listed are frames in the bytes of a listed claim of their camera and time, and frames at the
    time of a listed claim that names no bytes. Frames elsewhere on the source are not indexed,
    even at a claimed time: the recorder would not find them.
    """
    holders = moment.holders or tuple(c for c in moment.listed if not c.extents)
    if picture is PictureState.NO_SIGNAL:
        told = (said("shows_loss"),)
        return Judgement(State.NO_SIGNAL, told, bool(holders), picture, holders)
    if holders:
        is_untimed = all(segment.start_ms is None for segment in moment.segments)
        told = (said("listed_untimed" if is_untimed else "listed"),)
        return Judgement(State.RECORDED, told, True, picture, holders)
    key = "no_entry"
    others = moment.listed or moment.remains
    if moment.listed:
        key = "leads_elsewhere"
    elif any(claim.open for claim in moment.remains):
        key = "never_closed"
    elif moment.remains:
        key = "no_longer_listed"
    elif not facts.evidence.claims:
        key = "no_index"
    return Judgement(State.NOT_INDEXED, (said(key),), False, picture, others)


def absence(facts: Facts, channel: int, span: TimeSpan, moment: Moment, hole: Hole) -> Judgement:
    """No frames were found in `span`, which is part of the moment and of the hole."""
    claims = (*moment.listed, *moment.remains)
    if len(claims) > _MOST_CLAIMS:
        told = (said("too_many_entries", most=_MOST_CLAIMS),)
        return Judgement(State.NOT_KNOWN, told, claims=claims[:_MOST_CLAIMS])
    step = facts.numbers.over(channel, span.start_ms)
    rooms = [room for claim in claims if (room := _room(facts, claim, hole)) is not None]
    judged = _first(_damaged(facts, room) for room in rooms)
    loss = facts.losses.get(channel)
    if judged is None and loss is not None and loss.holds(span):
        judged = Judgement(State.NO_SIGNAL, (said("nothing_found"),))
        judged = with_loss(facts, channel, judged, loss.around(span.start_ms))
    numbered = _numbered(facts, channel, span, step)
    if judged is None:
        judged = _first(_not_found(facts, room, span) for room in rooms)
        if judged is not None and judged.state is State.NOT_KNOWN and numbered is not None:
            judged = numbered
    return (
        judged
        or (_unreadable_run(facts, hole) if step is None or step.frames else None)
        or numbered
        or (_logged(facts, channel, span) if step is None else None)
        or _explained(facts, channel, hole, _silence(facts, channel, span, step))
    )


def _first(judgements: Iterator[Judgement | None]) -> Judgement | None:
    return next((one for one in judgements if one is not None), None)


class _Room(NamedTuple):
    """Where a claim's missing footage would lie; inside: what lies there, on the facts' shelf."""

    claim: Claim
    extents: list[Extent]
    inside: npt.NDArray[np.int64]


def _room(facts: Facts, claim: Claim, hole: Hole) -> _Room | None:
    """The claim's bytes in which the missing footage would lie; None when they are too few.

    Too few: under a tenth of what the hole would need at the claim's own rate. Then the frames
    beside the hole fill the claim, and the recorder wrote nothing between them. [C]
    """
    date = facts.dates.get(id(claim))
    beside = [one if _is_own(one, claim, date) else None for one in (hole.before, hole.after)]
    missing = missing_extents(claim, *beside)
    if date is not None and not claim.open and claim.extents:
        shared = min(hole.span.end_ms, date.end_ms) - max(hole.span.start_ms, date.start_ms)
        needed = total(claim.extents) * max(shared, 0) // (date.end_ms - date.start_ms)
        if not missing or 10 * total(missing) < needed:
            return None
    elif claim.extents and not missing:
        return None
    return _Room(claim, merged(missing), facts.shelf.touching(missing))


def _is_own(segment: Segment | None, claim: Claim, date: TimeSpan | None) -> bool:
    """Whether a segment is of the claim's time: bytes beside stale footage are not bounded."""
    if segment is None or date is None:
        return False
    shown = covered(segment)
    if shown.end_ms <= date.start_ms - _SECOND_MS:
        return False
    return claim.open or shown.start_ms < date.end_ms + _SECOND_MS


def _damaged(facts: Facts, room: _Room) -> Judgement | None:
    """The claim's bytes hold newer footage, or cannot be read: whichever is more of them."""
    claim = room.claim
    listed = lists(claim)
    bad = common(room.extents, facts.unreadable)
    newer = _newer(facts, room)
    if len(newer) and facts.shelf.sizes[newer].sum() >= total(bad):
        told = (said("holds_newer"),)
        segments = tuple(facts.shelf.segments[i] for i in newer.tolist())
        return Judgement(State.OVERWRITTEN, told, listed, claims=(claim,), segments=segments)
    if bad:
        told = (said("named_unreadable", bad=total(bad)),)
        return Judgement(State.UNREADABLE, told, listed, claims=(claim,), extents=tuple(bad))
    return None


def _newer(facts: Facts, room: _Room) -> npt.NDArray[np.int64]:
    """What lies in the room and begins after the claim's end."""
    date = facts.dates.get(id(room.claim))
    if date is None or room.claim.open:
        return room.inside[:0]
    return room.inside[facts.shelf.start_ms[room.inside] > date.end_ms + _SECOND_MS]


def _not_found(facts: Facts, room: _Room, span: TimeSpan) -> Judgement | None:
    """The claim's bytes were read, or not; they do not hold its footage."""
    claim = room.claim
    listed = lists(claim)
    doubts = tuple(_doubts(facts, room, span) if claim.extents else facts.incomplete)
    if doubts:
        told = (said("named_but", doubts=doubts),)
        return Judgement(State.NOT_KNOWN, told, listed, claims=(claim,))
    if listed:
        told = (said("listed_not_found"),)
        return Judgement(State.INDEXED_NOT_FOUND, told, True, claims=(claim,))
    return Judgement(State.NOT_KNOWN, (said("named_gone"),), claims=(claim,))


def _doubts(facts: Facts, room: _Room, span: TimeSpan) -> Iterator[Said]:
    left = total(minus(room.extents, facts.scanned))
    if left:
        yield said("bytes_unscanned", left=left)
    if (facts.shelf.start_ms[room.inside] == NO_TIME).any():
        yield said("bytes_untimed")
    if facts.unknown.holds(span) and (facts.shelf.channels[room.inside] == NO_CHANNEL).any():
        yield said("bytes_nameless")


def _unreadable_run(facts: Facts, hole: Hole) -> Judgement | None:
    """Unreadable bytes lie between the frames before and behind the hole, and can hold them.

    They can when they are half of what the camera wrote in such a time; a hole may be ten seconds
    longer, since damage costs frames up to the next key frame. [C]
    """
    before, after = hole.before, hole.after
    if before is None or after is None or before.end > after.start:
        return None
    between = Extent(
        max(before.start, before.end - _LARGEST_FRAME), min(after.end, after.start + _LARGEST_FRAME)
    )
    bad = common([between], facts.unreadable)
    shown = covered(before)
    needed_ms = hole.span.end_ms - hole.span.start_ms - _LOST_MS
    needed = before.size * max(needed_ms, 0) // (shown.end_ms - shown.start_ms)
    if not bad or 2 * total(bad) < needed:
        return None
    told = (said("unreadable_between", bad=total(bad)),)
    return Judgement(State.UNREADABLE, told, extents=tuple(bad))


def _numbered(facts: Facts, channel: int, span: TimeSpan, step: Step | None) -> Judgement | None:
    """By their numbers frames were recorded here: what became of them?

    Unreadable bytes can hold them when they are half of what such frames take. [C]
    """
    if step is None or not step.frames:
        return None
    many = said("numbered", count=step.frames)
    if step.told is Told.SOME:
        return Judgement(State.NOT_KNOWN, (many, said("which_part")))
    left = total(minus([Extent(0, facts.evidence.size)], facts.scanned))
    if left:
        return Judgement(State.NOT_KNOWN, (many, said("left", left=left)))
    bad = total(facts.unreadable)
    is_bad, is_reused = 2 * bad >= step.size, facts.is_reused(channel, span)
    if is_bad and is_reused:
        return Judgement(State.NOT_KNOWN, (many, said("overwritten_or_bad", bad=bad)))
    if is_bad:
        told = (many, said("bad", bad=bad))
        return Judgement(State.UNREADABLE, told, extents=tuple(facts.unreadable))
    if is_reused:
        return Judgement(State.OVERWRITTEN, (many, said("since_overwritten")))
    return Judgement(State.NOT_KNOWN, (many, said("untold")))


def _logged(facts: Facts, channel: int, span: TimeSpan) -> Judgement | None:
    """By the log the camera was recorded here: what became of it?"""
    spells = facts.recordings.get(channel)
    logged = None if spells is None else spells.around(span.start_ms)
    if logged is None:
        return None
    events = tuple(
        event
        for time_ms, event in facts.during(logged)
        if time_ms in logged and event.channel == channel and event.kind in _RECORDING
    )
    doubts = [*facts.incomplete]
    if facts.unknown.holds(span):
        doubts.append(said("nameless_here"))
    doubts += about.untimed(facts, channel)
    if not doubts and facts.rewritten and facts.is_reused(channel, span):
        told = (said("log_recorded"), said("since_overwritten"))
        return Judgement(State.OVERWRITTEN, told, events=events[:_MOST_EVENTS])
    but = said("log_recorded_but", doubts=tuple(doubts or [said("untold")]))
    return Judgement(State.NOT_KNOWN, (but,), events=events[:_MOST_EVENTS])


def _silence(facts: Facts, channel: int, span: TimeSpan, step: Step | None) -> Judgement:
    """No frames and nothing that names any: was the recorder off, or only this camera?"""
    others = facts.footage.holds(span)
    signs = others or facts.unknown.holds(span) or facts.activity.holds(span)
    if facts.off.holds(span) and not signs:
        return Judgement(State.RECORDER_OFF, (said("off_by_log"),))
    doubts = [*facts.incomplete]
    if facts.unknown.holds(span):
        doubts.append(said("nameless_here"))
    if step is None:
        doubts += about.of_camera(facts, channel, span, others)
    if not others:
        doubts += about.of_pause(facts, channel, span)
    if doubts:
        return Judgement(State.NOT_KNOWN, (said("nothing_but", doubts=tuple(doubts)),))
    rest = [said("all_read")]
    if facts.unknown_bytes >= 1 << 20:
        rest = [said("all_read_unknown", unknown=facts.unknown_bytes)]
    if step is not None:
        rest.append(said("numbers_go_on"))
    if others:
        return Judgement(State.NOT_RECORDED, (said("others_have"), *rest))
    return Judgement(State.RECORDER_OFF, (said("none_has"), *rest))


def _explained(facts: Facts, channel: int, hole: Hole, judged: Judgement) -> Judgement:
    """With what the log notes at that time."""
    chosen = [
        (time_ms, event)
        for time_ms, event in facts.during(hole.span)
        if event.kind in _EXPLAIN and event.channel in (channel, None)
    ][:_MOST_EVENTS]
    if not chosen:
        return judged
    notes = tuple(said("log_note", text=event.text[:80], at=at) for at, event in chosen)
    return judged._replace(
        said=(*judged.said, said("log_notes", notes=notes)),
        events=tuple(event for _, event in chosen),
    )


def with_loss(facts: Facts, channel: int, judged: Judgement, loss: TimeSpan | None) -> Judgement:
    """The judgement, with the log's records of the video loss at that time."""
    kinds = (EventKind.VIDEO_LOSS_START, EventKind.VIDEO_LOSS_END)
    events = facts.during(loss) if loss is not None else []
    chosen = [e for _, e in events if e.kind in kinds and e.channel == channel]
    told = (*judged.said, said("loss_logged"))
    return judged._replace(said=told, events=tuple(chosen[:_MOST_EVENTS]))
