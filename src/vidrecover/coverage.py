"""Whether frames that were found cover a span of one camera without a hole, and how that is known.

A disk of which little was read proves nothing by what is absent. Only frames prove: those of the
span, one behind the other by number or time, from a key picture before it to one behind it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import pairwise

import msgspec

from vidrecover import timeline
from vidrecover.clock import iso
from vidrecover.model import NO_TIME, Frames, Media, RecorderMs, Segment, TimeSpan

AROUND_MS = 120_000
"""Before and behind a span, in which frames are asked for its proof."""
_STEP_MS = 2000  # between neighbouring frames without numbers
_WHOLE_SECOND_MS = 1000


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How far one camera's frames cover a span.

    is_whole: proven, with silences that the numbers prove too; lacks_before, lacks_behind: no
    proof at that end; has_hole: frames are missing inside; silences: stretches in which the
    recorder wrote nothing of this camera; frames: video frames of the
    segments that reach into the span, 0 for none; reason:
    in words what is not proven, or None.
    """

    channel: int
    is_whole: bool
    lacks_before: bool
    lacks_behind: bool
    has_hole: bool
    silences: tuple[TimeSpan, ...]
    frames: int
    reason: str | None


def covered(
    segments: Iterable[Segment],
    channel: int,
    span: TimeSpan,
    *,
    counted: Collection[str],
    unpack: Callable[[Segment], Frames],
) -> Coverage:
    """How far the segments cover the span.

    segments: of this camera, in and around the span, ordered as a catalogue gives them; counted:
    formats whose numbers show what is missing.
    """
    found = [one for one in segments if one.channel == channel and one.start_ms is not None]
    streams: dict[tuple[str, int], list[Segment]] = {}  # each that is there must be proven
    for recording in timeline.recordings(found):
        own = streams.setdefault((recording.format, int(recording.stream)), [])
        own += recording.segments
    parts = [
        _stream(sorted(own, key=_first_ms), span, name in counted, unpack)
        for (name, _), own in streams.items()
    ]
    if not any(one.frames or one.silences for one in parts):
        return Coverage(
            channel=channel, is_whole=False, lacks_before=True, lacks_behind=True, has_hole=False,
            silences=(), frames=0, reason="no frame of it was found in what was read",
        )  # fmt: skip
    reasons = [one.reason for one in parts if one.reason is not None]
    return Coverage(
        channel=channel,
        is_whole=all(one.is_whole for one in parts),
        lacks_before=any(one.lacks_before for one in parts),
        lacks_behind=any(one.lacks_behind for one in parts),
        has_hole=any(one.has_hole for one in parts),
        silences=tuple(silence for one in parts for silence in one.silences),
        frames=sum(one.frames for one in parts),
        reason="; ".join(reasons) or None,
    )


def _first_ms(segment: Segment) -> tuple[int, int]:
    number = -1 if segment.first_sequence is None else segment.first_sequence
    return segment.start_ms or 0, number


def _stream(
    own: Sequence[Segment], span: TimeSpan, counted: bool, unpack: Callable[[Segment], Frames]
) -> Coverage:
    """The same for one stream, its segments in time order."""
    own = _without_copies(own, counted)
    holes, earlier, silences = list[TimeSpan](), list[TimeSpan](), list[TimeSpan]()
    for before, behind in pairwise(own):
        gap = TimeSpan(before.end_ms or 0, behind.start_ms or 0)
        if gap.start_ms >= span.end_ms:
            break
        long, is_inside = gap.end_ms - gap.start_ms > _STEP_MS, gap.end_ms >= span.start_ms
        if not _follows(before, behind, counted):
            (holes if is_inside else earlier).append(gap)
        elif long and is_inside:
            silences.append(gap)
    inside = [one for one in own if _end(one) >= span.start_ms and _first(one) < span.end_ms]
    begins = bool(own) and _begins(own, [*earlier, *holes], span, unpack)
    ends = bool(own) and any(_end(one) >= span.end_ms for one in own)
    reasons = [] if begins else ["no key picture before it was found"]
    reasons += [] if ends else [f"its last frame found is of {iso(_end(own[-1]))}"] if own else []
    reasons += [
        f"frames are missing between {iso(one.start_ms)} and {iso(one.end_ms)}" for one in holes
    ]
    return Coverage(
        channel=own[0].channel or 0 if own else 0,
        is_whole=begins and ends and not holes,
        lacks_before=not begins,
        lacks_behind=not ends,
        has_hole=bool(holes),
        silences=tuple(silences),
        frames=sum(one.frames for one in inside),
        reason="; ".join(reasons) or None,
    )


def _first(segment: Segment) -> RecorderMs:
    return segment.start_ms or 0


def _end(segment: Segment) -> RecorderMs:
    return segment.end_ms or 0


def _without_copies(own: Sequence[Segment], counted: bool) -> list[Segment]:
    """Each stretch once: what was found twice proves nothing more."""
    kept: list[Segment] = []
    for one in own:
        last = kept[-1] if kept else None
        is_copy = (
            last is not None
            and counted
            and one.first_sequence is not None
            and last.last_sequence is not None
            and last.first_sequence is not None
            and last.first_sequence <= one.first_sequence <= last.last_sequence
            and (one.start_ms or 0) <= _end(last) + _STEP_MS
        )
        if not is_copy:
            kept.append(one)
    return kept


def _follows(before: Segment, behind: Segment, counted: bool) -> bool:
    """Whether no frame is missing between two segments."""
    if counted and before.last_sequence is not None and behind.first_sequence is not None:
        return behind.first_sequence == before.last_sequence + 1
    return _first(behind) - _end(before) <= _STEP_MS


def _begins(
    own: Sequence[Segment],
    holes: Sequence[TimeSpan],
    span: TimeSpan,
    unpack: Callable[[Segment], Frames],
) -> bool:
    """Whether a key picture stands before the span, with nothing missing behind it."""
    since = max((one.end_ms for one in holes if one.start_ms < span.start_ms), default=None)
    for one in reversed(own):
        if _first(one) > span.start_ms or not one.keys:
            continue
        rows = unpack(one)
        times = rows["time_ms"][(rows["kind"] == Media.KEY) & (rows["time_ms"] != NO_TIME)]
        early = times[times <= span.start_ms - _WHOLE_SECOND_MS]
        if len(early):
            return since is None or int(early.max()) >= since
    return False
