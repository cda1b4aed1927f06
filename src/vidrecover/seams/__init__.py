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
from itertools import islice, pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np

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
from vidrecover.seams._cuts import SECTOR, Cut, grid_of
from vidrecover.seams._inner import outer
from vidrecover.seams._several import Several, several

__all__ = ["Seams", "Several", "glued", "join"]

_FILES = frozenset({ClaimKind.FILE, ClaimKind.DELETED_FILE})


_MOST_SEVERAL = 2000  # frames that are tried by decoding, each for about a tenth of a second
_STEP_BACK_MS, _LARGEST_STEP_MS = 1000, 3000  # beside a cut frame; dates are whole seconds
_MOST_PARTNERS = 64  # more beginnings than this at one place of the order prove nothing
_SHARED = 8  # the end of a cut trailer may be the same on both sides: zeros of its length
_TELLING_FRAGMENT = 1 << 16  # whose border is a witness even where the format has no other


_BY_FILES = "the file system tells where the file's next bytes are"
_BY_CLAIM = (
    "the recorder's index leads from the one piece to the other, and the frame's length agrees"
)
_BY_GRID = "its length leads over the border to the next frame by number and time, and nowhere else"


class Seams(msgspec.Struct, frozen=True):
    """Joined frames with the proof of each in words; the places of cut frames for which it was
    ambiguous or lacking, with the doubt; several: of the latter those over three and more
    clusters, by format, for which decoding may decide."""

    joined: tuple[Segment, ...]
    doubtful: tuple[Extent, ...]
    proofs: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    several: tuple[tuple[str, Several], ...] = ()


def join(
    source: Source,
    ends: Sequence[LooseEnd],
    formats: FormatSet,
    grids: Sequence[Grid] = (),
    claims: Sequence[Claim] = (),
    left: Sequence[Extent] = (),
) -> Seams:
    """All cut frames that can be proven, from the loose ends of a whole scan.

    What is cut in a file whose extents the file system tells for sure is read on there. claims:
    where a claim's bytes go on elsewhere, the frame that is cut there is looked for
    first; its header must lead exactly to the first frames there. grids: of the layouts found on
    the source; each is tried, then the one that the cuts themselves show. left: bytes that no
    reader explains, among which the middle of a frame over several clusters lies. Reads the
    source only where a frame is cut.
    """
    joined: list[Segment] = []
    doubtful: list[Extent] = []
    by_format: dict[str, list[LooseEnd]] = defaultdict(list)
    loose = segments.uncancelled(ends)
    told = _files.joined(source, loose, formats, _fragmented(claims))
    joined += told.joined
    proofs = [_BY_FILES] * len(joined)
    doubts: list[str] = []
    open_ones: list[tuple[str, Several]] = []
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
            joined += [segment for segment, _ in found]
            proofs += [words for _, words in found]
            doubtful += [extent for extent, _ in unclear]
            doubts += [words for _, words in unclear]
            open_ones += [(name, each) for each in _open(cuts, unclear, grids, left)]
    proven = outer(zip(joined, proofs, strict=True), formats)
    return Seams(
        joined=tuple(segment for segment, _ in proven),
        doubtful=tuple(doubtful),
        proofs=tuple(words for _, words in proven),
        doubts=tuple(doubts),
        several=tuple(open_ones),
    )


def _open(
    cuts: Sequence[Cut],
    unclear: Sequence[tuple[Extent, str]],
    grids: Sequence[Grid],
    left: Sequence[Extent],
) -> list[Several]:
    """The cuts in doubt that whole clusters between their ends explain."""
    if not left:
        return []
    starts = {extent.start for extent, _ in unclear}
    asked = {(c.stop.position, c.begin.position): (c.stop, c.begin, c.size)
             for c in cuts if c.stop.position in starts}  # fmt: skip
    own = grid_of(cuts)
    every = list(dict.fromkeys([*grids, *([own] if own is not None else [])]))
    return list(islice(several(list(asked.values()), every, left), _MOST_SEVERAL))


def glued(
    source: Source, one: Format, cut: Several, way: Sequence[Extent]
) -> tuple[bytes, Frames] | None:
    """The payload and the rows of a frame over several clusters, if its bytes in this order are
    the frame between its neighbours by all that its header says."""
    data = np.empty(cut.size, dtype=np.uint8)
    at = 0
    for piece in way:
        if source.read_into(piece.start, data[at : at + piece.size]):
            return None
        at += piece.size
    rows = DeclaredReader(one).at_start(Window(0, data, 1, (), True))
    whole = Cut(cut.stop, cut.begin, cut.size)
    if at != cut.size or len(rows) != 1 or not _belongs(rows[0], whole, way[0].size, one):
        return None
    start = int(rows[0]["payload_offset"])
    payload = data[start : start + int(rows[0]["payload_size"])].tobytes()
    return payload, _files.in_places(rows, way)


def _cuts(ends: Sequence[LooseEnd], one: Format, reader: DeclaredReader) -> Iterator[Cut]:
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
                cut = Cut(stop, begin, size or 0)
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
) -> Iterator[Cut]:
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
                    yield Cut(stop, begin, head + tail, head)


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


def _head(grid: Grid, cut: Cut) -> int | None:
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
    claimed: Sequence[Cut], cuts: Sequence[Cut], prover: "_Prover", grids: Sequence[Grid]
) -> tuple[list[tuple[Segment, str]], list[tuple[Extent, str]]]:
    """Joined frames with their proofs; with their doubts the heads for which several or no joins
    hold."""
    own = grid_of(cuts)
    proofs: dict[int, list[tuple[Cut, Frames]]] = defaultdict(list)
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
    joined: list[tuple[Segment, str]] = []
    doubtful: list[tuple[Extent, str]] = []
    for position, proven in sorted(proofs.items()):
        cut, rows = proven[0]
        if len(proven) == 1 and tails[cut.begin.position] == 1:
            words = _BY_GRID if cut.head is None else _BY_CLAIM
            joined.append((segments.joined(rows, prover.format, cut.time_ms), words))
        else:
            words = f"{len(proven)} continuations fit, or another frame claims the same one"
            doubtful.append((Extent(position, position + cut.size), words))
    unproven = {cut.stop.position: cut for cut in cuts if cut.stop.position not in proofs}
    words = "its length leads to no frame over a single border"
    doubtful += [(Extent(at, at + cut.size), words) for at, cut in sorted(unproven.items())]
    return joined, doubtful


class _Prover(NamedTuple):
    """What it takes to prove a cut frame. taken: where runs of frames begin or stop, ordered."""

    source: Source
    format: Format
    reader: DeclaredReader
    taken: Sequence[int]

    def rows(self, cut: Cut, grids: Sequence[Grid]) -> list[Frames]:
        """The rows of the cut frame, once for each border at which it is proven."""
        if cut.head is not None:
            rows = self._glued(cut, cut.head)
            return [] if rows is None else [rows]
        one = self.format
        witnessed = one.framing.counted or any(layout.trailer for layout in one.layouts)
        fit = (_head(grid, cut) for grid in grids if witnessed or grid.size >= _TELLING_FRAGMENT)
        tables = [self._glued(cut, head) for head in sorted({head for head in fit if head})]
        return [rows for rows in tables if rows is not None]

    def _glued(self, cut: Cut, head: int) -> Frames | None:
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


def _belongs(row: Any, cut: Cut, head: int, one: Format) -> bool:
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


def _pieces(row: Frames, cut: Cut, head: int) -> Frames:
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
