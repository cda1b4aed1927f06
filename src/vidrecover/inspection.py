"""Which key pictures of the footage are looked at, and what they show, segment by segment.

A segment is at most a minute long; four of its key pictures tell whether the recorder wrote its
video-loss picture, and so do key pictures of unusual size. Where they differ,
the change is dated to one group of pictures. Where a main and a sub stream show the same camera
at the same time, the main stream is enough.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import nal, picture
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
    Track,
)
from vidrecover.segments import resolved
from vidrecover.stills import Album, Still, name_of

_CODECS = frozenset({Codec.H264, Codec.H265, Codec.MJPEG, Codec.MPEG4, Codec.UNKNOWN})
"""Of an unknown one is asked only whether it is a coded picture at all."""
_LARGEST_PICTURE = 4 << 20
_LACKING = int(FrameFlag.UNFINISHED | FrameFlag.END_UNPROVEN)
_MOST_UNUSUAL = 12  # key pictures of unusual size in one segment that are looked at
_LEAST_NOISE, _MOST_NOISE = 3, 16
"""Pictures that must be noise before a segment counts as enciphered: damage hits one, hardly
several alike; and how many are looked at where some are. [C]"""
_KIND = {
    PictureState.NO_SIGNAL: PictureState.NO_SIGNAL,
    PictureState.DARK: PictureState.DARK,
    PictureState.COVERED: PictureState.DARK,
    PictureState.NOISY: PictureState.NOISY,
    PictureState.BLURRED: PictureState.BLURRED,
    PictureState.COLOURLESS: PictureState.COLOURLESS,
    PictureState.NOT_CHECKED: PictureState.NOT_CHECKED,
}
"""What a change is dated between. A picture that stands still is told by two, see `_still`; one
that rolls only by many."""


class _Keys(NamedTuple):
    """The whole key pictures of a segment in playing order. times: RecorderMs, rising, within
    the segment; undated ones all 0. track: how those of a container are decoded; enciphered: see
    `formats.Framing`."""

    segment: Segment
    rows: list[Frames]
    times: npt.NDArray[np.int64]
    track: Track | None
    enciphered: int


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
    tracks: Mapping[int, Track] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    album: Album | None = None,
) -> Iterator[tuple[Look, ...]]:
    """What the key pictures of each segment show, one or more looks in order of time; segments
    without any are left out.

    segments: stored ones, without rows; unpack: gives their frames; formats: by name; tracks: of
    container files, by the number that segments name; album: where stills are kept, None for none.
    A crash or hang of the decoder costs one segment, which is then NOT_CHECKED with that reason.
    """
    drawn: deque[_Drawn] = deque()

    def jobs() -> Iterator[picture.Job]:
        for segment in segments:
            keys = _keys(segment, unpack, formats, tracks or {})
            if keys is not None:
                chosen = _chosen(keys)
                drawn.append(_Drawn(segment, chosen, *_span(keys)))
                yield _job(keys, chosen, source, still=album is not None)

    with picture.Worker() as worker:
        for done in picture.check(jobs(), executor, workers=workers):
            one = drawn.popleft()
            keys = None
            if _changes(done.judgement) or _doubtful(done.judgement):
                keys = _keys(one.segment, unpack, formats, tracks or {})
            if keys is None:
                found = [(_look(one.segment, one.start_ms, one.end_ms, done.judgement), done.still)]
            elif _doubtful(done.judgement):
                more = worker.check(_job(keys, _many(len(keys.rows)), source))
                found = [(_look(one.segment, one.start_ms, one.end_ms, more.judgement), done.still)]
            else:
                key_pictures = _Pictures(keys, source, worker, album is not None)
                found = list(_dated(key_pictures, one.chosen, done.judgement))
            if album is not None:
                _keep(album, one.segment, found)
            looks = tuple(look for look, _ in found)
            if not _is_blind(one.segment) or any(look.scrambled for look in looks):
                yield looks


def _changes(judged: picture.Judgement) -> bool:
    """Whether the pictures of one segment do not all show the same."""
    kinds = {*map(_kind, judged.alone)} - {PictureState.NOT_CHECKED}
    moves = {unmoved for unmoved, seen in zip(judged.unmoved[1:], judged.alone[1:], strict=True)
             if _kind(seen) is PictureState.LIVE}  # fmt: skip
    sizes = {*judged.sizes} - {(0, 0)}
    return len(kinds) > 1 or len(moves) > 1 or len(sizes) > 1


def _doubtful(judged: picture.Judgement) -> bool:
    """Whether more pictures must tell if those of a segment are enciphered."""
    return not judged.judged and 0 < judged.scrambled < _LEAST_NOISE


def _many(count: int) -> list[int]:
    """At most _MOST_NOISE places from the first to the last of `count`."""
    return sorted({place * (count - 1) // (_MOST_NOISE - 1) for place in range(_MOST_NOISE)})


def _keep(album: Album, segment: Segment, found: Iterable[tuple[Look, bytes]]) -> None:
    for look, jpeg in found:
        still = Still(
            file=name_of(segment.channel, look.start_ms, look.segment_id),
            channel=segment.channel,
            time_ms=look.start_ms,
            state=look.state,
            is_certain=look.certain,
            reason=look.reason,
        )
        album.offer(jpeg, still)


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
        width=None if judged.measures is None else judged.measures.width,
        height=None if judged.measures is None else judged.measures.height,
        sharpness=None if judged.measures is None else judged.measures.sharpness,
        scrambled=judged.scrambled >= _LEAST_NOISE and judged.judged == 0,
    )


def _keys(
    segment: Segment,
    unpack: Callable[[Segment], Frames],
    formats: Mapping[str, Format],
    tracks: Mapping[int, Track],
) -> _Keys | None:
    """The key pictures of a segment that can be looked at; None when it has no whole one."""
    worth = segment.keys or _is_blind(segment)
    worth = worth and segment.codec in _CODECS and segment.stream is not Stream.SUB
    if not worth or segment.id is None:
        return None
    rows = unpack(segment)
    times = _times(segment, rows, formats)
    found = key_pictures(rows, blind=_is_blind(segment))
    if not found:
        return None
    track = tracks.get(segment.track or 0)
    own = formats.get(segment.format)
    return _Keys(
        segment,
        [rows[places] for places in found],
        times[[one[0] for one in found]],
        track,
        0 if own is None else own.framing.enciphered,
    )


def _is_blind(segment: Segment) -> bool:
    """Whether nothing in the pictures of a segment can be read, not even which are key ones."""
    return segment.codec is Codec.UNKNOWN and not segment.keys


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


def key_pictures(rows: Frames, *, blind: bool = False) -> list[npt.NDArray[np.int64]]:
    """Where the rows of each whole key picture stand, in playing order; blind: of each picture
    whose end is proven, whatever its bytes lack."""
    is_key = rows["kind"] == int(Media.KEY)
    places = np.flatnonzero(is_key | (rows["kind"] == int(Media.DELTA)))
    begins = np.flatnonzero((rows["flags"][places] & int(FrameFlag.CONTINUES)) == 0)
    ends = np.append(begins[1:], len(places))
    keys = np.flatnonzero(is_key[places[begins]] | np.bool_(blind))
    found = (places[begins[key] : ends[key]] for key in keys.tolist())
    lacking = int(FrameFlag.END_UNPROVEN) if blind else _LACKING
    return [
        one
        for one in found
        if not (rows["flags"][one] & lacking).any()
        and int(rows["payload_size"][one].sum(dtype=np.int64)) <= _LARGEST_PICTURE
    ]


def _chosen(keys: _Keys) -> list[int]:
    """Four from the first to the last one, and those at the ends of runs of unusual size."""
    count = len(keys.rows)
    sizes = np.array([one["payload_size"].sum(dtype=np.int64) for one in keys.rows])
    unusual = picture.choose(keys.times, sizes)
    step = -(-len(unusual) // _MOST_UNUSUAL)
    return sorted({*_spread(0, count - 1), *unusual[::step].tolist()})


def _spread(first: int, last: int) -> list[int]:
    """Four places from one to another, both included: so many tell a picture that stands still."""
    return sorted({first, first + (last - first) // 3, last - (last - first) // 3, last})


def _job(keys: _Keys, chosen: Sequence[int], source: Source, *, still: bool = False) -> picture.Job:
    units = tuple(payload(keys.rows[place], source) for place in chosen)
    track = keys.track
    if track is not None and track.lengths:
        units = tuple(nal.annexb(one, track.lengths) or b"" for one in units)
    wanted = len(chosen) // 2 if still else None
    name = str(keys.segment.id)
    return picture.Job(
        name=name,
        units=units,
        codec=keys.segment.codec,
        parameter_sets=track.sets if track is not None else b"",
        still=wanted,
        enciphered=keys.enciphered,
    )


def payload(rows: Frames, source: Source) -> bytes:
    """The bytes of a frame without its headers, over all its rows."""
    return b"".join(
        source.read(int(row["offset"]) + int(row["payload_offset"]), int(row["payload_size"]))
        for row in rows
    )


class _Pictures(NamedTuple):
    """The key pictures of a segment, to be looked at again; still: a JPEG is wanted, too."""

    keys: _Keys
    source: Source
    worker: picture.Worker
    still: bool

    def judged(self, places: Sequence[int]) -> picture.Checked:
        """What some of them show together."""
        return self.worker.check(_job(self.keys, places, self.source, still=self.still))

    def alike(self, one: int, other: int) -> bool:
        """Whether two differ by coding alone."""
        return self.judged([one, other]).judgement.unmoved[-1:] == (True,)


def _dated(
    pictures: _Pictures, chosen: Sequence[int], judged: picture.Judgement
) -> Iterator[tuple[Look, bytes]]:
    """A look for each run of key pictures of one kind, each change dated to one of them."""
    keys = pictures.keys
    seen = dict(zip(chosen, map(_kind, judged.alone), strict=True))
    sizes = dict(zip(chosen, judged.sizes, strict=True))

    def look(place: int) -> PictureState:
        if place not in seen:
            alone = pictures.judged([place]).judgement
            seen[place], sizes[place] = _kind(alone.alone[0]), alone.sizes[0]
        return seen[place]

    def is_as_large(place: int, as_one: int) -> bool:
        return look(place) is PictureState.NOT_CHECKED or sizes[place] == sizes[as_one]

    known = [place for place in chosen if seen[place] is not PictureState.NOT_CHECKED]
    for first, last in pairwise(known):
        if sizes[first] != sizes[last]:
            edge = _edge(first, last, partial(is_as_large, as_one=first))
            look(min(edge + 1, last))
        else:
            picture.date_change(first, last, look)
    for first, last in _still(pictures, chosen, judged, seen):
        for place in (first, last):
            look(place)
        seen |= dict.fromkeys((p for p in seen if first <= p <= last), PictureState.FROZEN)
        for beside in (first - 1, last + 1):
            if 0 <= beside < len(keys.rows):
                look(beside)
    known = sorted(place for place in seen if seen[place] is not PictureState.NOT_CHECKED)
    runs = [list(run) for _, run in groupby(known, key=lambda place: (seen[place], sizes[place]))]
    first_ms, end_ms = _span(keys)
    borders = [None if first_ms is None else int(keys.times[run[0]]) for run in runs]
    borders[0] = first_ms
    for run, (start_ms, stop_ms) in zip(runs, pairwise([*borders, end_ms]), strict=True):
        shown = pictures.judged(_spread(run[0], run[-1]))
        yield _look(keys.segment, start_ms, stop_ms, shown.judgement), shown.still


def _still(
    pictures: _Pictures,
    chosen: Sequence[int],
    judged: picture.Judgement,
    seen: Mapping[int, PictureState],
) -> Iterator[tuple[int, int]]:
    """From where to where the picture stands still, dated to one key picture at both ends."""
    pairs = [
        (first, last)
        for (first, last), unmoved in zip(pairwise(chosen), judged.unmoved[1:], strict=True)
        if unmoved and seen[first] is seen[last] is PictureState.LIVE
    ]
    groups: list[list[int]] = []
    for first, last in pairs:
        if groups and groups[-1][1] == first:
            groups[-1][1] = last
        else:
            groups.append([first, last])
    for first, last in groups:
        before = max((place for place in chosen if place < first), default=first)
        after = min((place for place in chosen if place > last), default=last)
        yield (
            _edge(first, before, partial(pictures.alike, first)),
            _edge(last, after, partial(pictures.alike, last)),
        )


def _edge(inside: int, outside: int, alike: Callable[[int], bool]) -> int:
    """The place farthest towards `outside` that is still alike, found by halving."""
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        if alike(middle):
            inside = middle
        else:
            outside = middle
    return inside
