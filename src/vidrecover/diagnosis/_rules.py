"""The rules: what may be said of one camera in one span, and why.

DESIGN section 7 is the contract. "Not recorded" is the last thing said, and only when every
condition holds; "not known" names those that do not.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.diagnosis._facts import Facts, amount
from vidrecover.extents import common, merged, minus, total
from vidrecover.model import (
    NO_CHANNEL,
    NO_TIME,
    Claim,
    Event,
    EventKind,
    Extent,
    PictureState,
    Segment,
    State,
    TimeSpan,
)
from vidrecover.timeline import Moment, Step, Told, covered, lists, missing_extents

_SECOND_MS = 1000
_EXPLAIN = frozenset(
    {
        EventKind.POWER_ON,
        EventKind.POWER_OFF,
        EventKind.DISK_ERROR,
        EventKind.DISK_FORMATTED,
        EventKind.DISK_FULL,
        EventKind.CLOCK_SET,
        EventKind.VIDEO_LOSS_START,
    }
)
_LARGEST_FRAME = 1 << 20  # bytes
_LOST_MS = 10_000
_MOST_EVENTS = 3
_MOST_CLAIMS = 8  # that name one camera and time in an index that can be believed [C]


class Judgement(NamedTuple):
    """What may be said, and what it rests on.

    reason: a sentence in which {frames} and {claims} stand for what the whole span rests on;
    extents: unreadable; segments: newer footage in the place of the lost one; free: the file
    systems in whose unallocated space the footage lies.
    """

    state: State
    reason: str
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
    """See `_footage`; says too when the camera is one that only the recorder's records name, and
    when what nothing lists lies in space that its file system gives to no file."""
    judged = _footage(facts, moment, picture)
    free = () if judged.indexed else facts.free.volumes(moment.segments)
    if free:
        reason = f"{judged.reason}; in unallocated space of {', '.join(free)}"
        judged = judged._replace(reason=reason, free=free)
    if not any(segment.named_by_claim for segment in moment.segments):
        return judged
    claims = judged.claims or (*moment.holders, *moment.listed, *moment.remains)
    reason = f"{judged.reason}; the frames name no camera, the recorder's records do"
    return judged._replace(reason=reason, claims=tuple(claims))


def _footage(facts: Facts, moment: Moment, picture: PictureState) -> Judgement:
    """Frames were found: does the recorder list them, and do they show a picture?

    Listed are frames in the bytes of a listed claim of their camera and time, and frames at the
    time of a listed claim that names no bytes. Frames elsewhere on the source are not indexed,
    even at a claimed time: the recorder would not find them.
    """
    holders = moment.holders or tuple(c for c in moment.listed if not c.extents)
    if picture is PictureState.NO_SIGNAL:
        reason = "{frames} found, but the pictures show the recorder's video-loss picture"
        return Judgement(State.NO_SIGNAL, reason, bool(holders), picture, holders)
    if holders:
        reason = "{frames} found, listed by the recorder ({claims})"
        if all(segment.start_ms is None for segment in moment.segments):
            reason = "{frames} without a time lie in the bytes listed for this time ({claims})"
        return Judgement(State.RECORDED, reason, True, picture, holders)
    reason = "{frames} found, no entry in the recorder's index"
    others = moment.listed or moment.remains
    if moment.listed:
        reason = "{frames} found, but the recorder's entry for this time leads elsewhere ({claims})"
    elif any(claim.open for claim in moment.remains):
        reason = "{frames} found; the recorder's entry for them was never closed ({claims})"
    elif moment.remains:
        reason = "{frames} found; only what the recorder no longer lists names them ({claims})"
    elif not facts.evidence.claims:
        reason = "{frames} found; the disk holds no index or file system that lists them"
    return Judgement(State.NOT_INDEXED, reason, False, picture, others)


def absence(facts: Facts, channel: int, span: TimeSpan, moment: Moment, hole: Hole) -> Judgement:
    """No frames were found in `span`, which is part of the moment and of the hole."""
    claims = (*moment.listed, *moment.remains)
    if len(claims) > _MOST_CLAIMS:
        reason = f"more than {_MOST_CLAIMS} entries name this camera and time: no sound index"
        return Judgement(State.NOT_KNOWN, reason, claims=claims[:_MOST_CLAIMS])
    step = facts.numbers.over(channel, span.start_ms)
    rooms = [room for claim in claims if (room := _room(facts, claim, hole)) is not None]
    judged = _first(_damaged(facts, room) for room in rooms)
    loss = facts.losses.get(channel)
    if judged is None and loss is not None and loss.holds(span):
        judged = Judgement(State.NO_SIGNAL, "no frames found")
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
        reason = "the recorder named footage here, but its bytes hold newer footage now ({claims})"
        segments = tuple(facts.shelf.segments[i] for i in newer.tolist())
        return Judgement(State.OVERWRITTEN, reason, listed, claims=(claim,), segments=segments)
    if bad:
        reason = f"{amount(total(bad))} that the recorder names here cannot be read ({{claims}})"
        return Judgement(State.UNREADABLE, reason, listed, claims=(claim,), extents=tuple(bad))
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
    doubts = list(_doubts(facts, room, span) if claim.extents else facts.incomplete)
    if doubts:
        reason = "the recorder names footage here ({claims}), but " + _text("; ".join(doubts))
        return Judgement(State.NOT_KNOWN, reason, listed, claims=(claim,))
    if listed:
        reason = "listed by the recorder ({claims}), but no frames are in its bytes or elsewhere"
        return Judgement(State.INDEXED_NOT_FOUND, reason, True, claims=(claim,))
    reason = "{claims} that the recorder no longer lists named footage here, but no frames remain"
    return Judgement(State.NOT_KNOWN, reason, claims=(claim,))


def _doubts(facts: Facts, room: _Room, span: TimeSpan) -> Iterator[str]:
    left = total(minus(room.extents, facts.scanned))
    if left:
        yield f"{amount(left)} of its bytes have not been scanned"
    if (facts.shelf.start_ms[room.inside] == NO_TIME).any():
        yield "its bytes hold frames that carry no time"
    if facts.unknown.holds(span) and (facts.shelf.channels[room.inside] == NO_CHANNEL).any():
        yield "its bytes hold footage of an unknown camera"


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
    reason = f"{amount(total(bad))} cannot be read where footage of this time lies on the disk"
    return Judgement(State.UNREADABLE, reason, extents=tuple(bad))


def _numbered(facts: Facts, channel: int, span: TimeSpan, step: Step | None) -> Judgement | None:
    """By their numbers frames were recorded here: what became of them?

    Unreadable bytes can hold them when they are half of what such frames take. [C]
    """
    if step is None or not step.frames:
        return None
    many = f"no frames found, but by their numbers {step.frames} were recorded here"
    if step.told is Told.SOME:
        return Judgement(State.NOT_KNOWN, f"{many}; that does not tell in which part of it")
    left = total(minus([Extent(0, facts.evidence.size)], facts.scanned))
    if left:
        return Judgement(State.NOT_KNOWN, f"{many}; {amount(left)} have not been scanned")
    bad = total(facts.unreadable)
    is_bad, is_reused = 2 * bad >= step.size, facts.is_reused(channel, span)
    if is_bad and is_reused:
        reason = f"{many}; they were overwritten, or lie in {amount(bad)} that cannot be read"
        return Judgement(State.NOT_KNOWN, reason)
    if is_bad:
        reason = f"{many}; {amount(bad)} of the disk cannot be read"
        return Judgement(State.UNREADABLE, reason, extents=tuple(facts.unreadable))
    if is_reused:
        reason = f"{many}; since then the disk was written over with newer footage"
        return Judgement(State.OVERWRITTEN, reason)
    return Judgement(State.NOT_KNOWN, f"{many}; nothing shows what became of them")


def _silence(facts: Facts, channel: int, span: TimeSpan, step: Step | None) -> Judgement:
    """No frames and nothing that names any: was the recorder off, or only this camera?"""
    others = facts.footage.holds(span)
    signs = others or facts.unknown.holds(span) or facts.activity.holds(span)
    if facts.off.holds(span) and not signs:
        return Judgement(State.RECORDER_OFF, "no footage of any camera; the log says power off")
    doubts = [*facts.incomplete]
    if facts.unknown.holds(span):
        doubts.append("footage of an unknown camera exists in this span")
    if step is None:
        doubts += _doubtful_cameras(facts, channel, span, others)
    if not others:
        doubts += _doubtful_pause(facts, channel, span)
    if doubts:
        return Judgement(State.NOT_KNOWN, _text("no frames found, but " + "; ".join(doubts)))
    rest = ""
    if facts.unknown_bytes >= 1 << 20:
        rest = f" ({amount(facts.unknown_bytes)} are of no known format)"
    if step is not None:
        rest += "; its frame numbers go on behind as they stopped before"
    if others:
        reason = f"no frames found while other cameras have footage; every byte was read{rest}"
        return Judgement(State.NOT_RECORDED, reason)
    return Judgement(State.RECORDER_OFF, f"no camera has footage here; every byte was read{rest}")


def _doubtful_cameras(facts: Facts, channel: int, span: TimeSpan, others: bool) -> Iterator[str]:
    """Why footage of this camera may exist, or have existed, after all."""
    if count := facts.undated.get(None):
        yield f"{count} frames carry neither camera nor time"
    if count := facts.undated.get(channel):
        yield f"{count} frames of this camera carry no time"
    sound = facts.sound.get(channel)
    if sound is not None and sound.holds(span):
        yield "sound of this camera was found"
    if facts.nameless.holds(span):
        yield "an entry that names no camera is about this time, and its footage was not found"
    for claim in (facts.timeless.get(channel), facts.timeless.get(None)):
        if claim is not None:
            yield f"{named(claim)} names no time, and its footage was not found"
    if others and facts.is_reused(channel, span):
        yield _reused(facts, channel)
    if others and facts.footage.coarse:
        yield "the footage is broken too finely to compare the cameras"


def _reused(facts: Facts, channel: int) -> str:
    since = clock.spoken(facts.proven_from(channel) or 0)
    if facts.rewritten:
        return f"the disk was written over again, and may have lost footage from before {since}"
    return f"the disk may have been written over again, and have lost footage from before {since}"


def _doubtful_pause(facts: Facts, channel: int, span: TimeSpan) -> Iterator[str]:
    """Why the recorder may have run after all."""
    told = [facts.numbers.over(one, span.start_ms) for one in facts.cameras]
    is_proven = all(step is not None and not step.frames for step in told)
    if facts.is_reused(channel, span) and not is_proven:
        yield _reused(facts, channel)
    if any(count for channel, count in facts.undated.items() if channel is not None):
        yield "frames without a time were found"
    if facts.activity.holds(span):
        yield "sound or an entry of the recorder shows that it ran"
    if facts.oldest is None:
        yield "no frames with a time were found at all"
    elif span.start_ms < facts.oldest:
        yield "it is older than the oldest footage on the disk, and may have been overwritten"


def _explained(facts: Facts, channel: int, hole: Hole, judged: Judgement) -> Judgement:
    """With what the log notes at that time."""
    chosen = [
        (time_ms, event)
        for time_ms, event in facts.during(hole.span)
        if event.kind in _EXPLAIN and event.channel in (channel, None)
    ][:_MOST_EVENTS]
    if not chosen:
        return judged
    notes = ", ".join(f"“{event.text[:80]}” at {clock.spoken(at)}" for at, event in chosen)
    return judged._replace(
        reason=judged.reason + _text(f"; the log notes {notes}"),
        events=tuple(event for _, event in chosen),
    )


def with_loss(facts: Facts, channel: int, judged: Judgement, loss: TimeSpan | None) -> Judgement:
    """The judgement, with the log's records of the video loss at that time."""
    kinds = (EventKind.VIDEO_LOSS_START, EventKind.VIDEO_LOSS_END)
    events = facts.during(loss) if loss is not None else []
    chosen = [e for _, e in events if e.kind in kinds and e.channel == channel]
    return judged._replace(
        reason=judged.reason + "; the log notes loss of video", events=tuple(chosen[:_MOST_EVENTS])
    )


def _text(words: str) -> str:
    """Words that stand for themselves in a reason."""
    return words.replace("{", "{{").replace("}", "}}")


def named(claim: Claim) -> str:
    """`claim 4`, or where it stands when it has no number."""
    return f"claim {claim.id}" if claim.id is not None else f"claim at {claim.entry.start:#x}"
