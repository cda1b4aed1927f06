"""Which medium each stretch of footage is taken from, when a recorder has several.

`timeline.chosen` holds the rule; here its questions are answered from the catalogues, and key
pictures are read where two media have footage of the same second.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import clips, timeline
from vidrecover.case._opened import Opened
from vidrecover.case._prints import prints
from vidrecover.inspection import key_pictures
from vidrecover.model import (
    NO_TIME,
    Codec,
    FrameFlag,
    Frames,
    Media,
    RecorderMs,
    Recording,
    Segment,
    Source,
    Stream,
    TimeSpan,
)

_SECOND_MS = 1000
_LEAD_S = 10  # before a span, in which a key picture speaks for its first seconds


class Medium(NamedTuple):
    """A medium with the recordings that may hold what is wanted."""

    name: str
    case: Opened
    source: Source
    recordings: Sequence[Recording]


class Share(NamedTuple):
    """What becomes one clip, or several: a recording within a span, and what to say of it."""

    recording: Recording
    span: TimeSpan | None
    notes: tuple[str, ...]


class _Kind(NamedTuple):
    """What can be compared byte for byte."""

    channel: int | None
    stream: Stream
    format: str
    codec: Codec


class _Key(NamedTuple):
    """A whole key picture: where its first piece begins on the source, and when it is of."""

    segment: Segment
    offset: int
    time_ms: RecorderMs


class _Held(NamedTuple):
    """What a medium holds of a kind: whole frames by second, and its key pictures."""

    recordings: list[Recording]
    seconds: npt.NDArray[np.int64]
    frames: npt.NDArray[np.int64]
    keys: list[_Key]


def shares(media: Sequence[Medium], span: TimeSpan | None) -> dict[str, list[Share]]:
    """What is taken from each medium, by its name; together all that any of them holds."""
    found: dict[str, list[Share]] = {one.name: [] for one in media}
    by_kind: dict[_Kind, dict[str, list[Recording]]] = defaultdict(lambda: defaultdict(list))
    for one in media:
        for recording in one.recordings:
            kind = _Kind(recording.channel, recording.stream, recording.format, recording.codec)
            if kind.channel is None or not _is_dated(recording, one.case):
                found[one.name].append(Share(recording, span, (f"from medium {one.name}",)))
            else:
                by_kind[kind][one.name].append(recording)
    known = {one.name: one for one in media}
    for holders in by_kind.values():
        held = {name: _held(known[name], rows, span) for name, rows in holders.items()}
        for name, share in _shared(known, held, span):
            found[name].append(share)
    return found


def _is_dated(recording: Recording, case: Opened) -> bool:
    """Whether it has pictures with a time in their bytes, by which they can be laid beside."""
    return recording.start_ms is not None and any(
        bool((_pictures(rows) & (rows["time_ms"] != NO_TIME)).any())
        for rows in map(case.unpack, recording.segments)
    )


def _pictures(rows: Frames) -> npt.NDArray[np.bool_]:
    """Where a whole picture begins."""
    is_video = (rows["kind"] == int(Media.KEY)) | (rows["kind"] == int(Media.DELTA))
    lacking = int(FrameFlag.CONTINUES | FrameFlag.UNFINISHED)
    found: npt.NDArray[np.bool_] = is_video & ((rows["flags"] & lacking) == 0)
    return found


def _held(medium: Medium, recordings: list[Recording], span: TimeSpan | None) -> _Held:
    """Whole pictures in each second, counted once where the same content was found twice."""
    ticks = {f.name: clips.TickClock.of(f) for f in medium.case.formats.formats}
    times, keys = [np.zeros(0, dtype=np.int64)], list[_Key]()
    for recording in recordings:
        tables = clips.chosen(recording, medium.case.unpack, ticks[recording.format], None)
        for segment, one in zip(recording.segments, tables, strict=True):
            times.append(one.times[_pictures(one.rows)])
            firsts = [int(places[0]) for places in key_pictures(one.rows)]
            keys += [_Key(segment, int(one.rows["offset"][i]), int(one.times[i])) for i in firsts]
    seconds, frames = np.unique(np.unique(np.concatenate(times)) // _SECOND_MS, return_counts=True)
    if span is not None:
        first = span.start_ms // _SECOND_MS - _LEAD_S
        inside = (seconds >= first) & (seconds * _SECOND_MS < span.end_ms)
        seconds, frames = seconds[inside], frames[inside]
    return _Held(recordings, seconds, frames, keys)


def _shared(
    media: Mapping[str, Medium], held: Mapping[str, _Held], span: TimeSpan | None
) -> Iterator[tuple[str, Share]]:
    names = list(held)
    if len(names) == 1:
        for recording in held[names[0]].recordings:
            yield names[0], Share(recording, span, (f"from medium {names[0]}",))
        return
    counted = Counter(second for one in held.values() for second in one.seconds.tolist())
    several = {second for second, count in counted.items() if count > 1}
    copies = [
        timeline.Copy(one.seconds, one.frames, _digests(media[name], one.keys, several))
        for name, one in held.items()
    ]
    for name, taken in zip(names, timeline.chosen(copies), strict=True):
        for recording in held[name].recordings:
            for one in taken:
                own = _common(recording, one.span, span)
                if own is not None:
                    yield name, Share(recording, own.span, tuple(_notes(name, one, names)))


def _digests(
    medium: Medium, keys: Sequence[_Key], seconds: Set[int]
) -> dict[RecorderMs, frozenset[bytes]]:
    """Digests of the key pictures of these seconds, by time."""
    asked: dict[int, list[_Key]] = {}
    for key in keys:
        if key.time_ms // _SECOND_MS in seconds:
            asked.setdefault(id(key.segment), []).append(key)
    found: dict[RecorderMs, set[bytes]] = {}
    for wanted in asked.values():
        segment = wanted[0].segment
        rows = medium.case.unpack(segment)
        pictures = {int(rows["offset"][one[0]]): rows[one] for one in key_pictures(rows)}
        whole = [pictures[key.offset] for key in wanted]
        digests = prints(medium.case, medium.source, segment, whole)
        for key, digest in zip(wanted, digests, strict=True):
            found.setdefault(key.time_ms, set()).add(digest)
    return {time_ms: frozenset(found[time_ms]) for time_ms in sorted(found)}


class _Own(NamedTuple):
    """The part of a recording that is taken; span None: all of it."""

    span: TimeSpan | None


def _common(recording: Recording, taken: TimeSpan, span: TimeSpan | None) -> _Own | None:
    """What a recording has of what is taken and asked for; None when that is nothing."""
    assert recording.start_ms is not None
    end_ms = recording.start_ms if recording.end_ms is None else recording.end_ms
    own = TimeSpan(recording.start_ms // _SECOND_MS * _SECOND_MS, end_ms + 1)
    first, last = max(taken.start_ms, own.start_ms), min(taken.end_ms, own.end_ms)
    if span is not None:
        first, last = max(first, span.start_ms), min(last, span.end_ms)
    if first >= last:
        return None
    if taken.start_ms <= own.start_ms and own.end_ms <= taken.end_ms:
        return _Own(span)
    start_ms, stop_ms = taken if span is None else (first, min(taken.end_ms, span.end_ms))
    return _Own(TimeSpan(start_ms, stop_ms))


def _notes(name: str, taken: timeline.Taken, names: Sequence[str]) -> Iterator[str]:
    yield f"from medium {name}"
    for number, seconds in taken.alike.items():
        yield (
            f"medium {names[number]} holds the same pictures in {_seconds(seconds)} of it, key"
            " pictures byte for byte"
        )
    for number, seconds in taken.other.items():
        yield (
            f"CONFLICT: medium {names[number]} holds different pictures in {_seconds(seconds)} of"
            " this time: another stream, a wrong clock, or damage; clips of both are written"
        )
    for number, seconds in taken.unsure.items():
        yield (
            f"medium {names[number]} has footage in {_seconds(seconds)} of this time too; without"
            " key pictures of both it was not compared, and clips of both are written"
        )


def _seconds(count: int) -> str:
    return f"{count} second{'' if count == 1 else 's'}"
