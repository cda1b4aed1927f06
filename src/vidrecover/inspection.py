"""Which key pictures of the footage are looked at, and what they show, segment by segment.

A segment is at most a minute long; its first, middle and last key picture tell whether the
recorder wrote its video-loss picture, and so do key pictures of unusual size. Where they differ,
the change is dated to one group of pictures. Where a main and a sub stream show the same camera
at the same time, the main stream is enough.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import picture
from vidrecover.catalogue import Look
from vidrecover.formats import Format
from vidrecover.model import (
    NO_TIME,
    Certainty,
    Codec,
    FrameFlag,
    Frames,
    Media,
    PictureState,
    Segment,
    Source,
    Stream,
)
from vidrecover.segments import resolved

_CODECS = frozenset({Codec.H264, Codec.H265, Codec.MJPEG, Codec.MPEG4})
_LARGEST_PICTURE = 4 << 20
_LACKING = int(FrameFlag.UNFINISHED | FrameFlag.END_UNPROVEN)
_MOST_UNUSUAL = 12  # key pictures of unusual size in one segment that are looked at
_KIND = {
    PictureState.NO_SIGNAL: PictureState.NO_SIGNAL,
    PictureState.DARK: PictureState.DARK,
    PictureState.COVERED: PictureState.DARK,
    PictureState.NOT_CHECKED: PictureState.NOT_CHECKED,
}
"""What a change is dated between; all other words are kinds of a picture, and tell too little
of a single one."""


class _Keys(NamedTuple):
    """The whole key pictures of a segment in playing order. times: RecorderMs, rising, within
    the segment; undated ones all 0."""

    segment: Segment
    rows: list[Frames]
    times: npt.NDArray[np.int64]


class _Drawn(NamedTuple):
    """A segment whose judgement is awaited: its key pictures chosen, and their span."""

    segment: Segment
    chosen: list[int]
    start_ms: int | None
    end_ms: int | None


def inspect(
    segments: Iterable[Segment],
    unpack: Callable[[Segment], Frames],
    source: Source,
    formats: Mapping[str, Format],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
) -> Iterator[tuple[Look, ...]]:
    """What the key pictures of each segment show, one or more looks in order of time; segments
    without any are left out.

    segments: stored ones, without rows; unpack: gives their frames; formats: by name. A crash or
    hang of the decoder costs one segment, which is then NOT_CHECKED with that reason.
    """
    drawn: deque[_Drawn] = deque()

    def jobs() -> Iterator[picture.Job]:
        for segment in segments:
            keys = _keys(segment, unpack, formats)
            if keys is not None:
                chosen = _chosen(keys)
                drawn.append(_Drawn(segment, chosen, *_span(keys)))
                yield _job(keys, chosen, source)

    with picture.Worker() as worker:
        for done in picture.check(jobs(), executor, workers=workers):
            one = drawn.popleft()
            kinds = {*map(_kind, done.judgement.alone)} - {PictureState.NOT_CHECKED}
            keys = _keys(one.segment, unpack, formats) if len(kinds) > 1 else None
            if keys is None:
                yield (_look(one.segment, one.start_ms, one.end_ms, done.judgement),)
            else:
                yield tuple(_dated(keys, one.chosen, done.judgement, source, worker))


def _kind(state: PictureState) -> PictureState:
    return _KIND.get(state, PictureState.LIVE)


def _look(
    segment: Segment, start_ms: int | None, end_ms: int | None, judged: picture.Judgement
) -> Look:
    assert segment.id is not None
    return Look(
        segment_id=segment.id,
        start_ms=start_ms,
        end_ms=end_ms,
        state=judged.state,
        certain=judged.certainty is Certainty.CERTAIN,
        pictures=judged.judged,
        reason=judged.reason,
    )


def _keys(
    segment: Segment, unpack: Callable[[Segment], Frames], formats: Mapping[str, Format]
) -> _Keys | None:
    """The key pictures of a segment that can be looked at; None when it has no whole one."""
    worth = segment.keys and segment.codec in _CODECS and segment.stream is not Stream.SUB
    if not worth or segment.id is None:
        return None
    rows = unpack(segment)
    times = _times(segment, rows, formats)
    found = _key_pictures(rows)
    if not found:
        return None
    return _Keys(segment, [rows[places] for places in found], times[[one[0] for one in found]])


def _span(keys: _Keys) -> tuple[int | None, int | None]:
    """From the first key picture to the last frame, where they have a time."""
    start_ms = None if keys.segment.start_ms is None else int(keys.times[0])
    return start_ms, keys.segment.end_ms


def _times(segment: Segment, rows: Frames, formats: Mapping[str, Format]) -> npt.NDArray[np.int64]:
    """Times of the rows: rising, and in the segment's own span, whose ends are known better."""
    if segment.start_ms is None or segment.end_ms is None:
        return np.zeros(len(rows), dtype=np.int64)
    times = rows["time_ms"].astype(np.int64)
    if segment.format in formats:
        times = resolved(rows, formats[segment.format])[0]
    dated = times != NO_TIME
    if dated.any():
        times[dated] += segment.start_ms - times[dated].min()
    times[~dated] = segment.start_ms
    rising: npt.NDArray[np.int64] = np.maximum.accumulate(np.minimum(times, segment.end_ms))
    return rising


def _key_pictures(rows: Frames) -> list[npt.NDArray[np.int64]]:
    """Where the rows of each whole key picture stand, in playing order."""
    is_key = rows["kind"] == int(Media.KEY)
    places = np.flatnonzero(is_key | (rows["kind"] == int(Media.DELTA)))
    begins = np.flatnonzero((rows["flags"][places] & int(FrameFlag.CONTINUES)) == 0)
    ends = np.append(begins[1:], len(places))
    keys = np.flatnonzero(is_key[places[begins]])
    found = (places[begins[key] : ends[key]] for key in keys.tolist())
    return [
        one
        for one in found
        if not (rows["flags"][one] & _LACKING).any()
        and int(rows["payload_size"][one].sum(dtype=np.int64)) <= _LARGEST_PICTURE
    ]


def _chosen(keys: _Keys) -> list[int]:
    """The first, middle and last one, and those at the ends of runs of unusual size."""
    count = len(keys.rows)
    sizes = np.array([one["payload_size"].sum(dtype=np.int64) for one in keys.rows])
    unusual = picture.choose(keys.times, sizes)
    step = -(-len(unusual) // _MOST_UNUSUAL)
    return sorted({0, count // 2, count - 1, *unusual[::step].tolist()})


def _job(keys: _Keys, chosen: Sequence[int], source: Source) -> picture.Job:
    units = tuple(_payload(keys.rows[place], source) for place in chosen)
    return picture.Job(name=str(keys.segment.id), units=units, codec=keys.segment.codec)


def _payload(rows: Frames, source: Source) -> bytes:
    return b"".join(
        source.read(int(row["offset"]) + int(row["payload_offset"]), int(row["payload_size"]))
        for row in rows
    )


def _dated(
    keys: _Keys,
    chosen: Sequence[int],
    judged: picture.Judgement,
    source: Source,
    worker: picture.Worker,
) -> Iterator[Look]:
    """A look for each run of key pictures of one kind, each change dated to one of them."""
    seen = dict(zip(chosen, map(_kind, judged.alone), strict=True))

    def look(place: int) -> PictureState:
        if place not in seen:
            alone = worker.check(_job(keys, [place], source)).judgement.alone
            seen[place] = _kind(alone[0]) if alone else PictureState.NOT_CHECKED
        return seen[place]

    known = [place for place in chosen if seen[place] is not PictureState.NOT_CHECKED]
    for first, last in pairwise(known):
        picture.date_change(first, last, look)
    known = sorted(place for place in seen if seen[place] is not PictureState.NOT_CHECKED)
    runs = [list(run) for _, run in groupby(known, key=seen.__getitem__)]
    first_ms, end_ms = _span(keys)
    borders = [None if first_ms is None else int(keys.times[run[0]]) for run in runs]
    borders[0] = first_ms
    for run, (start_ms, stop_ms) in zip(runs, pairwise([*borders, end_ms]), strict=True):
        some = sorted({run[0], run[len(run) // 2], run[-1]})
        shown = worker.check(_job(keys, some, source)).judgement
        yield _look(keys.segment, start_ms, stop_ms, shown)
