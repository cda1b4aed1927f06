"""Pictures behind lengths of which no box of a file is left, in data that no reader knows."""

from collections.abc import Iterator, Sequence

import numpy as np

from vidrecover import extents
from vidrecover.containers import _islands, _nals, _rows, _walk
from vidrecover.containers._islands import MOST_READ, PROBE, Island
from vidrecover.containers._view import View
from vidrecover.formats import Format
from vidrecover.model import Container, Extent, Frames, Media, Source, Track

_LEAST_SIZE = 2048
_NOTE = (
    "no box of its file was found: its pictures were found by their own structure, without camera"
    " or time, and sound was not"
)
_DAMAGE = "pictures were found of which no box of a file is left: without times and sound"
_LEAST_PICTURES = 4


def loose(source: Source, left: Sequence[Extent], one: Format) -> Iterator[Container]:
    """The streams of pictures in stretches that nothing explains, each as a file of its own.

    left: ordered and disjoint. Where they are more than MOST_READ bytes, probes at equal steps tell
    in which of them to look.
    """
    step = PROBE * max(-(-extents.total(left) // MOST_READ), 1)
    for stretch in left:
        if stretch.size < _LEAST_SIZE:
            continue
        parts = [stretch] if step == PROBE else _probed(View(source, [stretch]), step)
        for part in parts:
            view = View(source, [part])
            built = (_built(view, island, one) for island in _islands.islands(view))
            yield from (container for container in built if container is not None)


def _probed(view: View, step: int) -> Iterator[Extent]:
    """The parts of a long stretch around the probes that hold units, as far as these go on."""
    (whole,) = view.extents
    reached = 0
    for at in range(0, view.size, step):
        if at < reached or not _islands.promising(view, at):
            continue
        first = at
        while first > reached and _islands.promising(view, max(first - PROBE, reached)):
            first = max(first - PROBE, reached)
        last = at + PROBE
        while last < view.size and _islands.promising(view, last):
            last += PROBE
        first, last = max(first - PROBE, reached), min(last + PROBE, view.size)
        reached = last
        yield Extent(whole.start + first, whole.start + last)


def _built(view: View, island: Island, one: Format) -> Container | None:
    """The pictures of an island as a container."""
    lesson = _walk.learnt(view, island.start, island.end)
    if lesson is None or lesson.codec != island.codec:
        return None
    parts = list(
        _walk.units(view, island.start, island.end, lesson, sure=island.end, reach=island.end)
    )
    if not parts:
        return None
    units = _nals.Units(*map(np.concatenate, zip(*parts, strict=True)))
    rows = _pictures(view, units, lesson)
    if int((rows["kind"] != Media.DATA).sum()) < _LEAST_PICTURES:
        return None
    track = Track(number=1, lengths=lesson.lengths, notes=(_NOTE,))
    return Container(
        start=int(rows["offset"].min()),
        claims=tuple(_rows.claimed(rows)),
        tracks=(track,),
        segments=tuple(_rows.as_segments(rows, one, track.number)),
        damage=(_DAMAGE,),
    )


def _pictures(view: View, units: _nals.Units, lesson: _walk.Lesson) -> Frames:
    """Rows of access units; nothing bears out where the last one ends."""
    found = _walk.pictures(units)
    kinds = np.where(found.keys, int(Media.KEY), int(Media.DELTA))
    kinds = np.where(found.shown, kinds, int(Media.DATA)).astype(np.uint8)
    unproven = np.zeros(len(found.starts), dtype=bool)
    unproven[-1:] = True
    return _rows.rows(
        view,
        found.starts,
        found.ends - found.starts,
        kinds,
        lesson.codec,
        unfinished=found.torn,
        unproven=unproven,
    )
