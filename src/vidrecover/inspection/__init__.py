"""Which key pictures of the footage are looked at, and what they show, segment by segment.

A segment is at most a minute long; four of its key pictures tell whether the recorder wrote its
video-loss picture, and so do key pictures of unusual size. Where they differ, the change is dated
to one group of pictures. `standing` lays segments side by side. Where a main and a sub stream show
the same camera at the same time, the main stream is enough.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np

from vidrecover import picture
from vidrecover.catalogue import Look
from vidrecover.formats import Format
from vidrecover.inspection._halving import farthest
from vidrecover.inspection._keys import (
    Keys,
    is_blind,
    job_of,
    key_pictures,
    keys_of,
    needless,
    payload,
    span_of,
)
from vidrecover.inspection._standing import standing
from vidrecover.model import (
    Certainty,
    Frames,
    PictureState,
    Segment,
    Source,
    Track,
)
from vidrecover.stills import Album, Still, name_of

__all__ = ["inspect", "key_pictures", "needless", "payload", "standing"]

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
that rolls by two and by many, see `_rolling`."""


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
    without any are left out. Which are worth it is the caller's to say, see `needless`.

    segments: stored ones, without rows; unpack: gives their frames; formats: by name; tracks: of
    container files, by the number that segments name; album: where stills are kept, None for none.
    A crash or hang of the decoder costs one segment, which is then NOT_CHECKED with that reason.
    """
    drawn: deque[_Drawn] = deque()

    def jobs() -> Iterator[picture.Job]:
        for segment in segments:
            keys = keys_of(segment, unpack, formats, tracks or {})
            if keys is not None:
                chosen = _chosen(keys)
                drawn.append(_Drawn(segment, chosen, *span_of(keys)))
                yield job_of(keys, chosen, source, still=album is not None)

    with picture.Worker() as worker:
        for done in picture.check(jobs(), executor, workers=workers):
            one = drawn.popleft()
            keys = None
            if _changes(done.judgement) or _doubtful(done.judgement):
                keys = keys_of(one.segment, unpack, formats, tracks or {})
            if keys is None:
                found = [(_look(one.segment, one.start_ms, one.end_ms, done.judgement), done.still)]
            elif _doubtful(done.judgement):
                more = worker.check(job_of(keys, _many(len(keys.rows)), source))
                found = [(_look(one.segment, one.start_ms, one.end_ms, more.judgement), done.still)]
            else:
                key_pictures = _Pictures(keys, source, worker, album is not None)
                found = list(_dated(key_pictures, one.chosen, done.judgement))
            if album is not None:
                _keep(album, one.segment, found)
            looks = tuple(look for look, _ in found)
            if not is_blind(one.segment) or any(look.scrambled for look in looks):
                yield looks


def _changes(judged: picture.Judgement) -> bool:
    """Whether the pictures of one segment do not all show the same."""
    kinds = {*map(_kind, judged.alone)} - {PictureState.NOT_CHECKED}
    moves = {unmoved for unmoved, seen in zip(judged.unmoved[1:], judged.alone[1:], strict=True)
             if _kind(seen) is PictureState.LIVE}  # fmt: skip
    rolls = {*judged.rolled[1:]}
    sizes = {*judged.sizes} - {(0, 0)}
    return any(len(one) > 1 for one in (kinds, moves, rolls, sizes))


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
        cells=judged.cells or None,
        overlay=None if judged.measures is None else judged.measures.overlay_change,
    )


def _chosen(keys: Keys) -> list[int]:
    """Four from the first to the last one, and those at the ends of runs of unusual size."""
    count = len(keys.rows)
    sizes = np.array([one["payload_size"].sum(dtype=np.int64) for one in keys.rows])
    unusual = picture.choose(keys.times, sizes)
    step = -(-len(unusual) // _MOST_UNUSUAL)
    return sorted({*_spread(0, count - 1), *unusual[::step].tolist()})


def _spread(first: int, last: int) -> list[int]:
    """Four places from one to another, both included: so many tell a picture that stands still."""
    return sorted({first, first + (last - first) // 3, last - (last - first) // 3, last})


class _Pictures(NamedTuple):
    """The key pictures of a segment, to be looked at again; still: a JPEG is wanted, too."""

    keys: Keys
    source: Source
    worker: picture.Worker
    still: bool

    def judged(self, places: Sequence[int]) -> picture.Checked:
        """What some of them show together."""
        return self.worker.check(job_of(self.keys, places, self.source, still=self.still))

    def moved(self, one: int, other: int) -> bool:
        """Whether one shows the rows of the other moved up or down."""
        return self.judged([other, one]).judgement.rolled[-1:] == (True,)

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
            edge = farthest(first, last, partial(is_as_large, as_one=first))
            look(min(edge + 1, last))
        else:
            picture.date_change(first, last, look)
    for word, runs_of in ((PictureState.FROZEN, _still), (PictureState.ROLLING, _rolling)):
        for first, last in runs_of(pictures, chosen, judged, seen):
            for place in (first, last):
                look(place)
            seen |= dict.fromkeys((p for p in seen if first <= p <= last), word)
            for beside in (first - 1, last + 1):
                if 0 <= beside < len(keys.rows):
                    look(beside)
    known = sorted(place for place in seen if seen[place] is not PictureState.NOT_CHECKED)
    runs = [list(run) for _, run in groupby(known, key=lambda place: (seen[place], sizes[place]))]
    first_ms, end_ms = span_of(keys)
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
            farthest(first, before, partial(pictures.alike, first)),
            farthest(last, after, partial(pictures.alike, last)),
        )


def _rolling(
    pictures: _Pictures,
    chosen: Sequence[int],
    judged: picture.Judgement,
    seen: Mapping[int, PictureState],
) -> Iterator[tuple[int, int]]:
    """From where to where the picture rolls, dated to one key picture at both ends, where some of
    the chosen ones show it in its place."""
    live = [place for place in chosen if seen[place] is PictureState.LIVE]
    still = [
        last
        for last, rolled in zip(chosen[1:], judged.rolled[1:], strict=True)
        if not rolled and last in live
    ]
    if not any(judged.rolled) or not still:
        return
    moved = partial(pictures.moved, other=still[0])

    def rolls(place: int) -> bool:
        """A picture that rolls may just pass its place: so those beside it are asked, too."""
        beside = (place, place - 1, place + 1)
        return any(moved(one) for one in beside if 0 <= one < len(pictures.keys.rows))

    known = {place: rolls(place) for place in live}
    for is_rolling, run in groupby(live, key=known.__getitem__):
        if not is_rolling:
            continue
        members = list(run)
        first, last = members[0], members[-1]
        before = max((place for place in live if place < first), default=first)
        after = min((place for place in live if place > last), default=last)
        early, late = farthest(first, before, rolls), farthest(last, after, rolls)
        yield early + (not moved(early)), late - (not moved(late))
