"""The pictures of naked streams as one table by place: numbers, pieces between borders, parting."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import segments
from vidrecover.case._opened import Opened
from vidrecover.formats import Format, FormatSet
from vidrecover.model import (
    Codec,
    Extent,
    FrameFlag,
    Frames,
    Grid,
    Media,
    Segment,
    Source,
    together,
)
from vidrecover.repair import numbering
from vidrecover.repair.numbering import Step

MOST_BYTES = 1 << 20
"""Of a picture that is put together."""
_UNPROVEN, _UNFINISHED = int(FrameFlag.END_UNPROVEN), int(FrameFlag.UNFINISHED)

Column = npt.NDArray[np.int64]


class Pictures(NamedTuple):
    """Rows of one codec by place. owner: number of each row's segment; steps: what the numbers say
    of each row and the one right behind it."""

    rows: Frames
    owner: Column
    steps: npt.NDArray[np.int8]

    @classmethod
    def of(
        cls, case: Opened, source: Source, codec: Codec, own: Sequence[Segment], most: int
    ) -> "Pictures":
        """The first pictures of some segments, which are ordered by place."""
        tables, owners, count = [], [], 0
        for number, one in enumerate(own):
            assert one.id is not None
            rows = segments.unpack(case.catalogue.segment_rows(one.id))
            if count and count + len(rows) > most:
                break
            rows = rows[:most]
            count += len(rows)
            tables.append(rows)
            owners.append(np.full(len(rows), number, dtype=np.int64))
        rows = together(tables)
        owner = np.concatenate([np.zeros(0, dtype=np.int64), *owners])
        order = np.argsort(rows["offset"], kind="stable")
        rows, owner = rows.take(order), owner[order]
        steps = np.zeros(max(len(rows) - 1, 0), dtype=np.int8)
        video = np.flatnonzero(is_video(rows))
        told = numbering.steps(codec, _heads(source, rows.take(video)))
        near = np.flatnonzero(np.diff(video) == 1)
        steps[video[near]] = told[near]
        steps[~_touch(rows)] = Step.UNKNOWN
        return cls(rows, owner, steps)

    def torn(self) -> list[Extent]:
        """The pictures behind which another stream's numbers go on."""
        places = np.flatnonzero(self.steps == Step.BREAKS)
        starts, ends = self.rows["offset"], self.rows["offset"] + self.rows["size"]
        return [Extent(int(starts[one]), int(ends[one])) for one in places]


class Rest(NamedTuple):
    """Bytes between a border and the first picture behind it. following: number of the row that
    begins at its end, None where none does; zeros: at its end, that belong to no NAL unit."""

    extent: Extent
    following: int | None
    zeros: int = 0


class Pieces:
    """What the borders of a grid make of the pictures: beginnings before them, rests behind."""

    def __init__(self, stream: Pictures, grid: Grid) -> None:
        self.stream, self.grid = stream, grid
        rows = stream.rows
        start, end = rows["offset"], rows["offset"] + rows["size"].astype(np.int64)
        self.start, self.end = start, end
        self.border = start + grid.size - (start - grid.start) % grid.size
        self.video = is_video(rows)
        touch = np.append(_touch(rows), False)
        flags = rows["flags"]
        self.over = self.video & (self.border < end)
        open_ = (flags & _UNPROVEN != 0) & ~touch & (self.border - start <= MOST_BYTES)
        torn = (flags & _UNFINISHED != 0) & (end == self.border)
        self.heads = np.flatnonzero(self.over | (self.video & (open_ | torn)))
        self.touch = touch
        self.rests = dict(self._rests())

    def _rests(self) -> Iterator[tuple[int, Rest]]:
        """The rest behind each border, by border."""
        size = self.grid.size
        before = np.append(-1, np.maximum.accumulate(self.end)[:-1])
        last = self.border - size  # the border at which the row begins, or the one before it
        alone = self.video & (before <= last) & (self.start > last)
        for place in np.flatnonzero(alone & (self.start - last <= MOST_BYTES)).tolist():
            yield int(last[place]), Rest(Extent(int(last[place]), int(self.start[place])), place)
        kept = ~self.video & (self.start == last)
        for place in np.flatnonzero(kept).tolist():
            yield int(last[place]), self._rest(int(last[place]), place)
        for place in np.flatnonzero(self.over).tolist():
            yield int(self.border[place]), self._rest(int(self.border[place]), place)

    def _rest(self, border: int, place: int) -> Rest:
        following = place + 1 if self.touch[place] and self.video[place + 1] else None
        return Rest(Extent(border, int(self.end[place])), following)

    def behind(self, rest: Rest, most: int) -> list[Extent]:
        """The whole pictures that follow a rest."""
        found: list[Extent] = []
        place = rest.following
        while place is not None and len(found) < most and not self.over[place]:
            found.append(self.extent(place))
            place = place + 1 if self.touch[place] and self.video[place + 1] else None
        return found

    def before(self, place: int, most: int) -> list[int]:
        """Numbers of the whole pictures of the same piece before a row, in order; the last ones."""
        found: list[int] = []
        while len(found) < most and place and self.touch[place - 1]:
            if self.over[place - 1] or not self.video[place - 1]:
                break
            if self.stream.steps[place - 1] == Step.BREAKS:
                break
            place -= 1
            found.append(place)
        return found[::-1]

    def extent(self, place: int) -> Extent:
        """The bytes of a row."""
        return Extent(int(self.start[place]), int(self.end[place]))


def is_video(rows: Frames) -> npt.NDArray[np.bool_]:
    """Which rows are pictures."""
    found: npt.NDArray[np.bool_] = np.isin(rows["kind"], (Media.KEY, Media.DELTA))
    return found


def runs_on(case: Opened, source: Source, codec: Codec, one: Segment) -> bool | None:
    """Whether few pictures of a segment tell already that it is of one stream; None: its key
    pictures lack what would tell."""
    assert one.id is not None
    rows = segments.unpack(case.catalogue.segment_rows(one.id))
    rows = rows.compress(is_video(rows))
    keys = np.flatnonzero(rows["kind"] == Media.KEY)
    lasts = np.append(keys[1:], len(rows)) - 1
    keys, lasts = keys[lasts > keys], lasts[lasts > keys]
    first, last = (_heads(source, rows.take(places)) for places in (keys, lasts))
    return numbering.counts_all(codec, zip(first, last, (lasts - keys).tolist(), strict=True))


def _glued(pieces: Pieces, head: int, rest: Rest) -> Frames:
    """The rows of a picture that begins in a row and ends in the rest behind another border."""
    row = pieces.stream.rows[head]
    rows = np.repeat(row, 2)
    border = int(pieces.border[head])
    sizes = [border - int(row["offset"]), rest.extent.size]
    rows["offset"] = int(row["offset"]), rest.extent.start
    rows["size"] = rows["payload_size"] = sizes
    rows["payload_size"][1] -= rest.zeros
    rows["flags"] = int(FrameFlag.MORE), int(FrameFlag.CONTINUES)
    return rows


def joined_of(pieces: Pieces, cut: Mapping[int, Rest | None], one: Format) -> Iterator[Segment]:
    """The pictures whose rest is known as segments of their own."""
    for head, rest in sorted(cut.items()):
        if rest is not None:
            yield segments.joined(_glued(pieces, head, rest), one, None)


def parted(
    pieces: Pieces,
    own: Sequence[Segment],
    cut: Mapping[int, Rest | None],
    taken: AbstractSet[int],
    formats: FormatSet,
) -> Iterator[tuple[Segment, list[Segment]]]:
    """The segments in which pictures are cut, each with what stands in its place.

    cut: rows of which only the beginning belongs to the stream before, with the rest that goes on
    elsewhere where it is known; taken: borders whose rest another picture has. What is left of a
    rest is data of the stream behind it.
    """
    names = [one.name for one in formats.formats]
    loose = np.flatnonzero(~pieces.video & np.isin(pieces.start, sorted(taken)))
    touched = {int(pieces.stream.owner[place]) for place in [*cut, *loose.tolist()]}
    for number in sorted(touched):
        one = own[number]
        places = np.flatnonzero(pieces.stream.owner == number)
        found: list[Segment] = []
        for rows in _parts(pieces, places.tolist(), cut, taken):
            rows["format"] = names.index(one.format)
            found += segments.assemble(rows, formats.formats).segments
        yield one, found


def _parts(
    pieces: Pieces, places: Sequence[int], cut: Mapping[int, Rest | None], used: AbstractSet[int]
) -> Iterator[Frames]:
    """Tables of rows that follow each other in one stream."""
    going: list[Frames] = []
    for place in places:
        row = pieces.stream.rows[place : place + 1]
        if place not in cut:
            if not (not pieces.video[place] and int(pieces.start[place]) in used):
                going.append(row)
            continue
        rest, border = cut[place], int(pieces.border[place])
        if rest is None and pieces.end[place] >= border:
            going.append(_head(row, border))
        elif rest is None:
            going.append(row)
        if going:
            yield together(going)
        going = []
        if pieces.over[place] and border not in used:
            going.append(_rest(row, border))
    if going:
        yield together(going)


def _head(row: Frames, border: int) -> Frames:
    """The beginning of a picture whose rest is not known."""
    found = row.copy()
    found["size"] = found["payload_size"] = border - int(row["offset"][0])
    found["flags"] = int(FrameFlag.UNFINISHED)
    return found


def _rest(row: Frames, border: int) -> Frames:
    """The end of a picture whose beginning is not known."""
    found = row.copy()
    found["size"] = found["payload_size"] = int(row["offset"][0] + row["size"][0]) - border
    found["offset"], found["kind"], found["codec"] = border, Media.DATA, Codec.UNKNOWN
    found["flags"] = int(FrameFlag.UNFINISHED)
    return found


def _touch(rows: Frames) -> npt.NDArray[np.bool_]:
    """Which rows end where the next one begins."""
    ends = rows["offset"] + rows["size"].astype(np.int64)
    found: npt.NDArray[np.bool_] = ends[:-1] == rows["offset"][1:]
    return found


def _heads(source: Source, rows: Frames) -> Iterator[bytes]:
    """The first bytes of each picture."""
    for offset, size, kind in rows[["offset", "size", "kind"]].tolist():
        most = numbering.KEY_SIZE if kind == Media.KEY else numbering.HEAD_SIZE
        yield source.read(offset, min(size, most))
