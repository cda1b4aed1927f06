"""Frames cut at the border of a disk fragment, put together again by header arithmetic.

Recorders that store in equal fragments cut frames anywhere: the head ends one fragment, the
tail begins another. An unbroken run of frames that stops and one that begins belong together
when exactly one sequence number is missing between them and the length that the cut frame's
header or trailer states fits. Where the border itself lies is told by the layout or, when that
is lost, by all cuts together: borders stand in one grid. What stays ambiguous is not joined.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover import segments
from vidrecover.formats import Format, FormatSet
from vidrecover.framings.declared import DeclaredReader
from vidrecover.model import (
    EDGE_SIZE,
    NO_CHANNEL,
    NO_TIME,
    Claim,
    ClaimKind,
    Extent,
    FrameFlag,
    Frames,
    Grid,
    LooseEnd,
    RecorderMs,
    Segment,
    Source,
    Window,
)
from vidrecover.seams import _files

_FILES = frozenset({ClaimKind.FILE, ClaimKind.DELETED_FILE})

SECTOR = 512
"""Every border lies on a multiple of this."""

_STEP_BACK_MS, _LARGEST_STEP_MS = 1000, 3000  # beside a cut frame; dates are whole seconds
_MOST_PARTNERS = 64  # more beginnings than this at one place of the order prove nothing
_SMALLEST_FRAGMENT, _LARGEST_FRAGMENT = 1 << 12, 1 << 30
_SHARED = 8  # the end of a cut trailer may be the same on both sides: zeros of its length
_TELLING_FRAGMENT = 1 << 16  # whose border is a witness even where the format has no other
_AGREEING_SHARE = 0.9
_LEAST_CUTS, _MOST_CUTS = 3, 2048  # from which a grid is told


class Seams(msgspec.Struct, frozen=True):
    """Joined frames, and the places of cut frames for which the proof was ambiguous."""

    joined: tuple[Segment, ...]
    doubtful: tuple[Extent, ...]


class _Cut(msgspec.Struct, frozen=True):
    """A run's end and the beginning that carries it on, with the size of the frame between.

    head: its bytes before the border where a claim tells that; None: a grid must.
    """

    stop: LooseEnd
    begin: LooseEnd
    size: int
    head: int | None = None

    @property
    def shift(self) -> int:
        """How much further on the source the tail stands than it would uncut."""
        return self.begin.position - self.stop.position - self.size

    @property
    def time_ms(self) -> RecorderMs | None:
        """Half way between the frames beside it, or that of the one that has a time."""
        times = [one for one in (self.stop.time_ms, self.begin.time_ms) if one is not None]
        return sum(times) // len(times) if times else None

    @property
    def borders(self) -> npt.NDArray[np.int64]:
        """Every place where the head's fragment may end."""
        first = self.stop.position // SECTOR * SECTOR + SECTOR
        return np.arange(first, self.stop.position + self.size, SECTOR)


def join(
    source: Source,
    ends: Sequence[LooseEnd],
    formats: FormatSet,
    grids: Sequence[Grid] = (),
    claims: Sequence[Claim] = (),
) -> Seams:
    """All cut frames that can be proven, from the loose ends of a whole scan.

    What is cut in a file whose extents the file system tells for sure is read on there. claims:
    where a claim's bytes go on elsewhere, the frame that is cut there is looked for
    first; its header must lead exactly to the first frames there. grids: of the layouts found on
    the source; each is tried, then the one that the cuts themselves show. Reads the source only
    where a frame is cut.
    """
    joined: list[Segment] = []
    doubtful: list[Extent] = []
    by_format: dict[str, list[LooseEnd]] = defaultdict(list)
    loose = segments.uncancelled(ends)
    told = _files.joined(source, loose, formats, _fragmented(claims))
    joined += told.joined
    loose = [end for end in loose if (end.format, end.after, end.position) not in told.used]
    for end in loose:
        by_format[end.format].append(end)
    firm = (end for end in loose if not formats[end.format].framing.yields)
    taken = sorted({end.position for end in firm})
    for name, own in sorted(by_format.items()):
        one = formats[name]
        if one.framing.reader is None:
            reader = DeclaredReader(one)
            claimed = list(_claimed(source, own, one, reader, claims))
            cuts = list(_cuts(own, one, reader))
            prover = _Prover(source, one, reader, taken)
            found, unclear = _joined(claimed, cuts, prover, grids)
            joined += found
            doubtful += unclear
    return Seams(tuple(joined), tuple(doubtful))


def _cuts(ends: Sequence[LooseEnd], one: Format, reader: DeclaredReader) -> Iterator[_Cut]:
    """Pairs of run ends between which one frame is cut.

    Its size is what the header or the trailer says: where they differ, one of them is itself
    cut and made up of foreign bytes, and only the proof will tell.
    """
    counted = one.framing.counted
    begins: dict[tuple[int | None, int | None], list[LooseEnd]] = defaultdict(list)
    for end in sorted(ends, key=_time):
        if not end.after:
            begins[end.channel, end.sequence if counted else None].append(end)
    for stop in ends:
        if not stop.after or (stop.sequence if counted else stop.time_ms) is None:
            continue
        number = stop.sequence + 2 if counted and stop.sequence is not None else None
        partners = _in_time(begins.get((stop.channel, number), []), stop)
        if not 0 < len(partners) <= _MOST_PARTNERS:
            continue
        stated = reader.stated_size(stop.edge)
        for begin in partners:
            for size in {stated, reader.trailing_size(begin.edge)}:
                cut = _Cut(stop, begin, size or 0)
                if cut.size and cut.shift and cut.shift % SECTOR == 0:
                    yield cut


def _fragmented(claims: Iterable[Claim]) -> list[tuple[Extent, ...]]:
    """Extents of the files in several pieces, live ones first; no guesses."""
    sure = [c for c in claims if c.kind in _FILES and len(c.extents) > 1 and c.damage is None]
    return [c.extents for c in sorted(sure, key=lambda claim: claim.kind is not ClaimKind.FILE)]


def _claimed(
    source: Source,
    ends: Sequence[LooseEnd],
    one: Format,
    reader: DeclaredReader,
    claims: Iterable[Claim],
) -> Iterator[_Cut]:
    """Frames cut where the bytes of a claim go on elsewhere, as the claim has it."""
    stops = sorted((end for end in ends if end.after), key=_position)
    begins = sorted((end for end in ends if not end.after), key=_position)
    seen: set[tuple[int, int]] = set()
    for before, behind in (pair for claim in claims for pair in pairwise(claim.extents)):
        last = bisect_right(stops, before.end - 1, key=_position) - 1
        first = bisect_left(begins, behind.start, key=_position)
        if before.end == behind.start or last < 0 or first == len(begins):
            continue
        stop, begin = stops[last], begins[first]
        places = (stop.position, begin.position)
        if places in seen or places[0] <= before.start or places[1] >= behind.end:
            continue
        seen.add(places)
        if _follows(begin, stop, counted=one.framing.counted):
            head, tail = before.end - stop.position, begin.position - behind.start
            if tail > 0 and head + tail <= one.max_size:
                cut_off = Extent(stop.position, before.end)
                if _size(source, reader, cut_off, behind, begin) == head + tail:
                    yield _Cut(stop, begin, head + tail, head)


def _size(
    source: Source, reader: DeclaredReader, head: Extent, behind: Extent, begin: LooseEnd
) -> int | None:
    """Bytes of a frame as its header states it, which may lie on both sides of the border, or
    its trailer."""
    raw = source.read(head.start, min(head.size, EDGE_SIZE))
    if len(raw) < EDGE_SIZE:
        raw += source.read(behind.start, EDGE_SIZE - len(raw))
    return reader.stated_size(raw) or reader.trailing_size(begin.edge)


def _follows(begin: LooseEnd, stop: LooseEnd, *, counted: bool) -> bool:
    """Whether one frame may be missing between them, by camera, number and time."""
    if begin.channel != stop.channel:
        return False
    if counted and (stop.sequence is None or begin.sequence != stop.sequence + 2):
        return False
    if begin.time_ms is None or stop.time_ms is None:
        return True
    return -_STEP_BACK_MS <= begin.time_ms - stop.time_ms <= _LARGEST_STEP_MS


def _position(end: LooseEnd) -> int:
    return end.position


def _head(grid: Grid, cut: _Cut) -> int | None:
    """Bytes of a cut frame before its border, or None where this grid does not cut it once.

    Of a frame over three fragments nothing proves where the middle one lies.
    """
    head = grid.border(cut.stop.position) - cut.stop.position
    once = 0 < cut.size - head <= grid.size
    return head if once and cut.shift % grid.size == 0 else None


def _time(end: LooseEnd) -> RecorderMs:
    return -1 if end.time_ms is None else end.time_ms


def _in_time(begins: Sequence[LooseEnd], stop: LooseEnd) -> Sequence[LooseEnd]:
    """Those of the beginnings, ordered by time, that the end's own time allows."""
    if stop.time_ms is None:
        return begins[: bisect_right(begins, -1, key=_time)]
    first = bisect_left(begins, stop.time_ms - _STEP_BACK_MS, key=_time)
    return begins[first : bisect_right(begins, stop.time_ms + _LARGEST_STEP_MS, key=_time)]


def _joined(
    claimed: Sequence[_Cut], cuts: Sequence[_Cut], prover: "_Prover", grids: Sequence[Grid]
) -> tuple[list[Segment], list[Extent]]:
    """Joined frames, and the heads for which several or no joins hold."""
    own = _grid(cuts)
    proofs: dict[int, list[tuple[_Cut, Frames]]] = defaultdict(list)
    settled: set[int] = set()
    for cut in claimed:
        for rows in prover.rows(cut, ()):
            proofs[cut.stop.position].append((cut, rows))
            settled |= {cut.stop.position, cut.begin.position}
    cuts = [c for c in cuts if settled.isdisjoint({c.stop.position, c.begin.position})]
    for cut in cuts:
        found = prover.rows(cut, grids)
        if not found and own is not None:
            found = prover.rows(cut, [own])
        if found:
            proofs[cut.stop.position] += [(cut, rows) for rows in found]
    tails = Counter(cut.begin.position for proven in proofs.values() for cut, _ in proven)
    joined, doubtful = [], []
    for position, proven in sorted(proofs.items()):
        cut, rows = proven[0]
        if len(proven) == 1 and tails[cut.begin.position] == 1:
            joined.append(segments.joined(rows, prover.format, cut.time_ms))
        else:
            doubtful.append(Extent(position, position + cut.size))
    unproven = {cut.stop.position: cut for cut in cuts if cut.stop.position not in proofs}
    doubtful += [Extent(at, at + cut.size) for at, cut in sorted(unproven.items())]
    return joined, doubtful


class _Prover(NamedTuple):
    """What it takes to prove a cut frame. taken: where runs of frames begin or stop, ordered."""

    source: Source
    format: Format
    reader: DeclaredReader
    taken: Sequence[int]

    def rows(self, cut: _Cut, grids: Sequence[Grid]) -> list[Frames]:
        """The rows of the cut frame, once for each border at which it is proven."""
        if cut.head is not None:
            rows = self._glued(cut, cut.head)
            return [] if rows is None else [rows]
        one = self.format
        witnessed = one.framing.counted or any(layout.trailer for layout in one.layouts)
        fit = (_head(grid, cut) for grid in grids if witnessed or grid.size >= _TELLING_FRAGMENT)
        tables = [self._glued(cut, head) for head in sorted({head for head in fit if head})]
        return [rows for rows in tables if rows is not None]

    def _glued(self, cut: _Cut, head: int) -> Frames | None:
        """The frame of which `head` bytes stand before the border, if it is one."""
        border = cut.stop.position + head
        if border + cut.shift < 0:
            return None
        if not self._free(cut.stop.position, border):
            return None
        if not self._free(border + cut.shift + _SHARED, cut.begin.position):
            return None
        data = np.empty(cut.size, dtype=np.uint8)
        refused = self.source.read_into(cut.stop.position, data[:head])
        refused += self.source.read_into(border + cut.shift, data[head:])
        rows = self.reader.at_start(Window(0, data, 1, (), True))
        if len(rows) != 1 or not _belongs(rows[0], cut, head, self.format):
            return None
        pieces = _pieces(rows[0], cut, head)
        pieces["flags"] |= int(FrameFlag.UNFINISHED if refused else FrameFlag.NONE)
        return pieces

    def _free(self, start: int, end: int) -> bool:
        """Whether no other frames are among the bytes."""
        place = bisect_right(self.taken, start)
        return place == len(self.taken) or self.taken[place] >= end


def _belongs(row: Any, cut: _Cut, head: int, one: Format) -> bool:
    """Whether the glued frame is the one between its neighbours, by all that its header says."""
    if int(row["size"]) != cut.size or _channel(row) != cut.stop.channel:
        return False
    if one.framing.counted and int(row["sequence"]) != (cut.stop.sequence or 0) + 1:
        return False
    if head < int(row["payload_offset"]) and row["flags"] & FrameFlag.BAD_CHECKSUM:
        return False
    time_ms = int(row["time_ms"])
    if time_ms == NO_TIME or cut.stop.time_ms is None:
        return True
    return -_STEP_BACK_MS <= time_ms - cut.stop.time_ms <= _LARGEST_STEP_MS


def _channel(row: Any) -> int | None:
    channel = int(row["channel"])
    return None if channel == NO_CHANNEL else channel


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
    remainder by it. The largest size for which a single remainder suits nearly all cuts; of
    very many cuts a sample tells as much.
    """
    cuts = cuts[:: len(cuts) // _MOST_CUTS + 1]
    size = _LARGEST_FRAGMENT
    while size >= _SMALLEST_FRAGMENT:
        fitting = [cut for cut in cuts if cut.shift % size == 0 and cut.size < size]
        if len(fitting) >= max(_AGREEING_SHARE * len(cuts), _LEAST_CUTS):
            borders = np.concatenate([cut.borders for cut in fitting])
            remainders, votes = np.unique(borders % size, return_counts=True)
            most = int(votes.max(initial=0))
            if most >= _AGREEING_SHARE * len(fitting) and int((votes == most).sum()) == 1:
                return Grid(int(remainders[votes.argmax()]), size)
        size //= 2
    return None
