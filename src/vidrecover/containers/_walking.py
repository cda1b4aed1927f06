"""Rows of a file whose index is missing: its media data walked, box by box."""

from collections.abc import Iterator, Sequence

import numpy as np

from vidrecover.containers import _nals, _rows, _walk
from vidrecover.containers._boxes import Box
from vidrecover.containers._files import File
from vidrecover.containers._tables import TrackTable
from vidrecover.model import Frames, Media, Track

_REACH = 1 << 20  # behind the end that the file states


def walked(
    file: File, media: Sequence[Box], tables: Sequence[TrackTable], number: int
) -> Iterator[tuple[Track, Frames]]:
    """The stream of pictures in the media data, as rows without times, stretch by stretch.

    media: boxes of the file; tables: of its index, whose parameter sets hold though its places do
    not; number: of the stream in the file.
    """
    lesson = _lesson(file, media)
    if lesson is None:
        return
    tables = [one for one in tables if one.what.codec == lesson.codec and one.what.sets]
    what = tables[0].what if len(tables) == 1 else None
    places = file.view.on_source(*what.box) if what is not None and what.box is not None else []
    track = Track(
        number=number,
        lengths=lesson.lengths,
        sets=what.sets if what is not None else b"",
        sets_at=places[0] if len(places) == 1 else None,
        notes=(
            "the file's index is missing: its pictures were found by their own structure, its"
            " sound was not",
        ),
    )
    for box in media:
        yield from ((track, rows) for rows in _of_box(file, box, lesson) if len(rows))


def _lesson(file: File, media: Sequence[Box]) -> _walk.Lesson | None:
    """What the largest part of the media data teaches."""
    for box in sorted(media, key=lambda one: one.start - one.end)[:4]:
        found = _walk.learnt(file.view, box.body, box.end)
        if found is not None:
            return found
    return None


def _of_box(file: File, box: Box, lesson: _walk.Lesson) -> Iterator[Frames]:
    sure = box.body if box.is_open else box.end
    held = _nals.no_units()
    for found in _walk.units(file.view, box.body, box.end, lesson, sure=sure, reach=_REACH):
        together = _nals.Units(*map(np.concatenate, zip(held, found, strict=True)))
        last = int(np.flatnonzero(_walk.openings(together))[-1])
        held = together.where(np.arange(last, len(together.starts)))
        yield _pictures(file, together.where(np.arange(last)), lesson)
    closed = any(one.start == box.end for one in file.boxes) or box.end == file.view.size
    proven = closed or (len(held.ends) > 0 and int(held.ends[-1]) == box.end)
    yield _pictures(file, held, lesson, unproven=not proven)


def _pictures(
    file: File, units: _nals.Units, lesson: _walk.Lesson, *, unproven: bool = False
) -> Frames:
    """Rows of access units; unproven: nothing but the box's size says where the last one ends."""
    found = _walk.pictures(units)
    kinds = np.where(found.keys, int(Media.KEY), int(Media.DELTA))
    kinds = np.where(found.shown, kinds, int(Media.DATA)).astype(np.uint8)
    return _rows.rows(
        file.view,
        found.starts,
        found.ends - found.starts,
        kinds,
        lesson.codec,
        unfinished=found.torn,
        unproven=np.full(len(found.starts), unproven),
    )
