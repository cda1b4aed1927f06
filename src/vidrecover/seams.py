"""Frames cut at the border of a disk fragment, put together again by header arithmetic.

Recorders that store in equal fragments cut frames anywhere: the head ends one fragment, the
tail begins another. An unbroken run of frames that stops and one that begins belong together
when exactly one sequence number is missing between them and the length that the cut frame's
header or trailer states fits. Where the border itself lies is told by the layout or, when that
is lost, by all cuts together: borders stand in one grid. What stays ambiguous is not joined.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from vidrecover import segments
from vidrecover.formats import Format, FormatSet
from vidrecover.framings.declared import DeclaredReader
from vidrecover.model import (
    Extent,
    FrameFlag,
    Frames,
    LooseEnd,
    RecorderMs,
    Segment,
    Source,
    Window,
)

SECTOR = 512
"""Every border lies on a multiple of this."""

_LARGEST_STEP_MS = 3000  # between the frames beside a cut one; dates are whole seconds
_SMALLEST_FRAGMENT, _LARGEST_FRAGMENT = 1 << 12, 1 << 30
_AGREEING_SHARE = 0.9


class Grid(msgspec.Struct, frozen=True):
    """Where borders can lie: at `start` plus any multiple of `size`, in bytes."""

    start: int
    size: int

    def border(self, position: int) -> int:
        """The first border behind a position."""
        return position + self.size - (position - self.start) % self.size


class Seams(msgspec.Struct, frozen=True):
    """Joined frames, and the places of cut frames for which the proof was ambiguous."""

    joined: tuple[Segment, ...]
    doubtful: tuple[Extent, ...]


class _Cut(msgspec.Struct, frozen=True):
    """A run's end and the beginning that carries it on, with the size of the frame between."""

    stop: LooseEnd
    begin: LooseEnd
    size: int

    @property
    def shift(self) -> int:
        """How much further on the source the tail stands than it would uncut."""
        return self.begin.position - self.stop.position - self.size

    @property
    def time_ms(self) -> RecorderMs | None:
        """Half way between the frames beside it; None when they have no time."""
        if self.stop.time_ms is None or self.begin.time_ms is None:
            return None
        return (self.stop.time_ms + self.begin.time_ms) // 2

    @property
    def borders(self) -> range:
        """Every place where the head's fragment may end."""
        first = self.stop.position // SECTOR * SECTOR + SECTOR
        return range(first, self.stop.position + self.size, SECTOR)


def join(
    source: Source, ends: Sequence[LooseEnd], formats: FormatSet, grids: Sequence[Grid] = ()
) -> Seams:
    """All cut frames that can be proven, from the loose ends of a whole scan.

    grids: of the layouts found on the source; each is tried, then the one that the cuts
    themselves show. Reads the source only where a header or trailer itself was cut.
    """
    joined: list[Segment] = []
    doubtful: list[Extent] = []
    by_format: dict[str, list[LooseEnd]] = defaultdict(list)
    for end in segments.uncancelled(ends):
        by_format[end.format].append(end)
    for name, own in sorted(by_format.items()):
        one = formats[name]
        if one.framing.reader is None:
            reader = DeclaredReader(one)
            cuts = list(_cuts(own, one, reader))
            found, unclear = _joined(source, cuts, one, reader, grids)
            joined += found
            doubtful += unclear
    return Seams(tuple(joined), tuple(doubtful))


def _cuts(ends: Sequence[LooseEnd], one: Format, reader: DeclaredReader) -> Iterator[_Cut]:
    """Pairs of run ends between which one frame is cut.

    Its size is what the header or the trailer says: where they differ, one of them is itself
    cut and made up of foreign bytes, and only the proof will tell.
    """
    begins: dict[tuple[int | None, int], list[LooseEnd]] = defaultdict(list)
    for end in ends:
        if not end.after:
            begins[_place(end, one, ahead=0)].append(end)
    for stop in ends:
        if not stop.after:
            continue
        stated = reader.stated_size(stop.edge)
        places = [_place(stop, one, ahead=ahead) for ahead in ((2,) if _counts(one) else (0, 1, 2))]
        for place in places:
            for begin in begins.get(place, ()):
                if not _neighbours(stop, begin):
                    continue
                for size in {stated, reader.trailing_size(begin.edge)} - {None}:
                    cut = _Cut(stop, begin, size or 0)
                    if cut.shift and cut.shift % SECTOR == 0:
                        yield cut


def _counts(one: Format) -> bool:
    return one.framing.counted


def _place(end: LooseEnd, one: Format, *, ahead: int) -> tuple[int | None, int]:
    """By what runs are matched: sequence where the format counts, else seconds of time."""
    if _counts(one):
        return end.channel, -1 if end.sequence is None else end.sequence + ahead
    return end.channel, -1 if end.time_ms is None else end.time_ms // 1000 + ahead


def _neighbours(stop: LooseEnd, begin: LooseEnd) -> bool:
    if stop.time_ms is None or begin.time_ms is None:
        return stop.sequence is not None and begin.sequence is not None
    return -1000 <= begin.time_ms - stop.time_ms <= _LARGEST_STEP_MS


def _joined(
    source: Source,
    cuts: Sequence[_Cut],
    one: Format,
    reader: DeclaredReader,
    grids: Sequence[Grid],
) -> tuple[list[Segment], list[Extent]]:
    """Joined frames, and the heads for which several or no joins hold."""
    grid = _grid(cuts)
    tried = [*grids, *([grid] if grid is not None else [])]
    proofs: dict[int, list[tuple[_Cut, Frames]]] = defaultdict(list)
    for cut in cuts:
        for rows in _proven(source, cut, reader, tried):
            proofs[cut.stop.position].append((cut, rows))
    tails = Counter(cut.begin.position for found in proofs.values() for cut, _ in found)
    joined, doubtful = [], []
    for position, found in sorted(proofs.items()):
        if len(found) == 1 and tails[found[0][0].begin.position] == 1:
            cut, rows = found[0]
            joined.append(segments.joined(rows, one, cut.time_ms))
        else:
            doubtful.append(Extent(position, position + found[0][0].size))
    unproven = {cut.stop.position: cut for cut in cuts if cut.stop.position not in proofs}
    doubtful += [Extent(at, at + cut.size) for at, cut in sorted(unproven.items())]
    return joined, doubtful


def _proven(
    source: Source, cut: _Cut, reader: DeclaredReader, grids: Sequence[Grid]
) -> Iterator[Frames]:
    """The rows of the cut frame by the first grid that fits; nothing when none does."""
    for grid in grids:
        border = grid.border(cut.stop.position)
        head = border - cut.stop.position
        if cut.shift % grid.size or not 0 < head < cut.size or border + grid.size < cut.size:
            continue
        frame = source.read(cut.stop.position, head) + source.read(
            border + cut.shift, cut.size - head
        )
        data = np.frombuffer(frame, dtype=np.uint8)
        rows = reader.at_start(Window(0, data, 1, (), True))
        if len(rows) == 1 and int(rows["size"][0]) == cut.size:
            yield _pieces(rows[0], cut, head)
            return


def _pieces(row: Frames, cut: _Cut, head: int) -> Frames:
    """The two rows of a frame of which `head` bytes stand before the border."""
    first = int(row["payload_offset"])
    last = first + int(row["payload_size"])
    rows = np.repeat(row, 2)
    rows["offset"] = cut.stop.position, cut.stop.position + head + cut.shift
    rows["size"] = head, cut.size - head
    rows["payload_offset"] = min(first, head), max(first - head, 0)
    rows["payload_size"] = max(min(last, head) - first, 0), last - max(first, min(head, last))
    rows["flags"][0] |= int(FrameFlag.MORE)
    rows["flags"][1] |= int(FrameFlag.CONTINUES)
    return rows


def _grid(cuts: Sequence[_Cut]) -> Grid | None:
    """The grid that the cuts show when no layout tells it, or None when they leave it open.

    The shift of every tail is a multiple of the fragment size, and all borders have one
    remainder by it. The largest size for which a single remainder suits nearly all cuts.
    """
    size = _LARGEST_FRAGMENT
    while size >= _SMALLEST_FRAGMENT:
        fitting = [cut for cut in cuts if cut.shift % size == 0 and cut.size < size]
        if fitting and len(fitting) >= _AGREEING_SHARE * len(cuts):
            votes = Counter(border % size for cut in fitting for border in cut.borders)
            (start, most), *others = votes.most_common(2) or [(0, 0)]
            if most >= _AGREEING_SHARE * len(fitting) and (not others or others[0][1] < most):
                return Grid(start, size)
        size //= 2
    return None
