"""Naked streams of several cameras that lie in pieces: parted at the borders, and joined over them.

Where a border cuts a picture, its beginning and the bytes of another camera behind it look like one
picture. The numbers of the pictures around show that, all such places together show the grid of
borders, and decoding tells which of the pieces behind goes on (`repair.joining`).
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import NamedTuple

import msgspec

from vidrecover import segments
from vidrecover.case._naked_rows import Pictures, Pieces, Rest, joined_of, parted, runs_on
from vidrecover.case._opened import Opened
from vidrecover.model import Codec, Extent, Media, Seam, Segment, Source
from vidrecover.repair import joining
from vidrecover.repair.joining import Candidate, Choice
from vidrecover.repair.numbering import Step
from vidrecover.seams import borders
from vidrecover.servant import Servant

_CODECS = (Codec.H264, Codec.H265)
_SAMPLED = 32  # segments that are looked at first, where there are many
_SAMPLED_PICTURES = 200  # of one whose key pictures come without parameter sets
_LEAST_BREAKS = 3
MOST_PICTURES = 300_000
"""Of a codec whose numbers are compared."""
MOST_TRIED = 2000
"""Borders at which decoding is tried."""
AHEAD = 48
"""Borders behind a cut whose pieces may go on."""
_CACHED = 64
_MOST_BESIDE = 4  # naked pictures for each of another format
_SURE, _FEW = 0.9, 8
_MOSTLY = 0.5  # of the borders that break streams, from which one of which nothing is known does
_UNTRIED = "more borders than are tried cut pictures of naked streams"
_UNKNOWN = "its stream before the border is not known back to a key picture"
_CLAIMED = "another picture's beginning claims the same rest"
_TOO_MANY = f"behind it, no more pictures are looked at than {MOST_PICTURES}"
_CUT = "a border cuts it: "

Picture = tuple[tuple[Extent, ...], bool]
"""Places of the bytes of a whole picture in order, and whether it is a key picture."""


class Parted(NamedTuple):
    """Pictures that were put together, and the proof or doubt of each that a border cuts."""

    joined: list[Segment]
    seams: list[Seam]


def parted_before(case: Opened) -> Parted:
    """What an earlier scan has put together of naked streams; it stays in the catalogue only when
    it is stored with what `join_naked` finds."""
    seams = [one for one in case.catalogue.seams() if one.words.startswith(_CUT)]
    starts, naked = {one.start for one in seams if one.joined}, _naked(case)
    joined = [
        msgspec.structs.replace(one, rows=case.catalogue.segment_rows(one.id))
        for one in case.catalogue.segments(channel=None)
        if one.joined and one.start in starts and one.format in naked and one.id is not None
    ]
    return Parted(joined, seams)


def join_naked(case: Opened, source: Source, before: Parted) -> Parted:
    """Part the naked streams at the borders that cut them. The segments of pictures that could be
    put together are not stored; before: see `parted_before`, which is part of the answer."""
    stored = _alone(case)
    joined, seams = list(before.joined), {one.start: one for one in before.seams}
    known = {int(segments.unpack(one.rows)["offset"][-1]) for one in joined}
    for name, codec in sorted({(one.format, one.codec) for one in stored}):
        own = [one for one in stored if (one.format, one.codec) == (name, codec)]
        own.sort(key=lambda one: one.start)
        if not _in_pieces(case, source, codec, own):
            continue
        stream = Pictures.of(case, source, codec, own, MOST_PICTURES)
        grid = borders.grid_of(stream.torn())
        if grid is None:
            continue
        joiner = _Joiner(Pieces(stream, grid), source, codec, known)
        with joining.trials() as servant:
            joiner.decide(servant)
        changed = parted(joiner.pieces, own, joiner.cut, joiner.used, case.formats)
        case.catalogue.replace([(one.id or 0, parts) for one, parts in changed])
        joined += joined_of(joiner.pieces, joiner.cut, case.formats[name])
        seams |= {one.start: one for one in joiner.seams()}
        if len(stream.rows) < sum(one.frames for one in own):
            at = int(stream.rows["offset"][-1])
            seams[at] = Seam(start=at, joined=False, words=_CUT + _TOO_MANY)
    return Parted(joined, [seams[start] for start in sorted(seams)])


def _alone(case: Opened) -> list[Segment]:
    """The naked footage of a source on which little else stands: what is left of frames that other
    formats cut looks like naked pictures, too, and there their own arithmetic decides."""
    stored, others, naked = list[Segment](), 0, _naked(case)
    for one in case.catalogue.segments():
        if one.format in naked:
            if one.codec in _CODECS and one.frames and not one.joined:
                stored.append(one)
        elif one.track is None:
            others += one.frames
    if any(one.fragment_size for one in case.catalogue.volumes()):
        return []
    return stored if sum(one.frames for one in stored) > _MOST_BESIDE * others else []


def _naked(case: Opened) -> AbstractSet[str]:
    return {one.name for one in case.formats.formats if one.framing.reader == "annexb"}


def _in_pieces(case: Opened, source: Source, codec: Codec, own: Sequence[Segment]) -> bool:
    """Whether a sample of the pictures shows that streams lie in pieces."""
    breaks = 0
    for one in own[:: max(len(own) // _SAMPLED, 1)]:
        told = runs_on(case, source, codec, one)
        if told:
            continue
        most = _SAMPLED_PICTURES if told is None else MOST_PICTURES
        stream = Pictures.of(case, source, codec, [one], most)
        breaks += int((stream.steps == Step.BREAKS).sum())
        if breaks >= _LEAST_BREAKS:
            return True
    return False


class _Joiner:
    """Decides border by border, in the order of the source. cut: rows of which only the beginning
    belongs to the stream before, with their rest; used: borders whose rest a picture before has."""

    def __init__(
        self, pieces: Pieces, source: Source, codec: Codec, known: AbstractSet[int]
    ) -> None:
        """known: borders whose rests are joined already."""
        self.pieces, self._source, self._codec, self._known = pieces, source, codec, known
        self.cut: dict[int, Rest | None] = {}
        self._claims: dict[int, int] = {}
        self._words: dict[int, str] = {}
        self._tails: dict[int, list[Picture]] = {}
        self._open: dict[int, str] = {}
        self._going_on: list[bool] = []
        self._tried = 0
        self._candidate = lru_cache(maxsize=_CACHED)(self._read_candidate)
        over = pieces.heads[pieces.over[pieces.heads]]
        told = pieces.stream.steps[over[over < len(pieces.stream.steps)]]
        breaks, goes_on = int((told == Step.BREAKS).sum()), int((told == Step.GOES_ON).sum())
        self._mostly_cut = breaks >= _MOSTLY * (breaks + goes_on)

    def decide(self, servant: Servant) -> None:
        """Go through all borders at which a picture begins that does not end before them."""
        for head in self.pieces.heads.tolist():
            before = self._before(head)
            if not 2 <= len(before) <= joining.BEFORE:
                self._unproven(head, _UNKNOWN, self._own_end(head, servant))
            elif self._tried >= MOST_TRIED:
                self._unproven(head, _UNTRIED, None)
            else:
                self._tried += 1
                self._try(head, before, servant)
        self._judge_open()
        self._settle()

    def _try(self, head: int, before: Sequence[Picture], servant: Servant) -> None:
        place, reason, clean = self._choice(head, before, servant)
        border = int(self.pieces.border[head])
        if self._step(head) == Step.GOES_ON:
            self._going_on.append(place == border)
        if place is None:
            self._unproven(head, reason, False if not clean else None)
        elif place in self._claims:
            self._part(self._claims[place], _CLAIMED)
            self._part(head, _CLAIMED)
        else:
            self._claims[place] = head
            rest = self.pieces.rests[place]
            whole = (Extent(int(self.pieces.start[head]), border), rest.extent)
            self._tails[place] = [*before, (whole, self._is_key(head))]
            if place != border:
                data = self._bytes([rest.extent])
                self.cut[head] = rest._replace(zeros=len(data) - len(data.rstrip(b"\0")))
                self._words[head] = f"{_CUT}{reason}"

    def _own_end(self, head: int, servant: Servant) -> bool | None:
        """Whether a key picture before which nothing is known ends right behind its border."""
        border = int(self.pieces.border[head])
        if self._codec != Codec.H264 or not self._is_key(head) or self._tried >= MOST_TRIED:
            return None
        if border not in self.pieces.rests or border in self._known:
            return False
        self._tried += 1
        start = int(self.pieces.start[head])
        data = self._source.read(start, border - start)
        return joining.ends_key(data, self._candidate(border), servant)

    def _unproven(self, head: int, reason: str, is_own: bool | None) -> None:
        """is_own: whether its end may stand right behind the border."""
        step = self._step(head)
        if is_own is False or step == Step.BREAKS or int(self.pieces.border[head]) in self._known:
            self._part(head, reason)
        elif is_own is None:
            self._open[head] = reason

    def _judge_open(self) -> None:
        """Part those of which nothing is known but that the numbers may go on, unless borders
        seldom part streams, or nearly all such pictures were proven to be whole."""
        whole = sum(self._going_on)
        if self._mostly_cut and whole < max(_SURE * len(self._going_on), _FEW):
            for head, reason in self._open.items():
                self._part(head, reason)

    @property
    def used(self) -> set[int]:
        """Borders whose rest another picture has than the one right before."""
        joined = {place for place, head in self._claims.items() if self.cut.get(head) is not None}
        return joined | self._known

    def _settle(self) -> None:
        """Part the pictures that were left whole but whose rest another one was proven to have;
        where the numbers say that they go on, neither is believed."""
        over = {
            int(self.pieces.border[h]): h for h in self.pieces.heads.tolist() if self.pieces.over[h]
        }
        for place in sorted(self.used):
            head = over.get(place)
            if head is not None and head not in self.cut:
                if self._step(head) == Step.GOES_ON and place in self._claims:
                    self._part(self._claims[place], _CLAIMED)
                else:
                    self._part(head, _CLAIMED)

    def seams(self) -> list[Seam]:
        """The proof of each picture that was put together, and the doubt about each other."""
        return [
            Seam(
                start=int(self.pieces.start[head]),
                joined=self.cut.get(head) is not None,
                words=words,
            )
            for head, words in sorted(self._words.items())
        ]

    def _part(self, head: int, reason: str) -> None:
        self.cut[head] = None
        self._words[head] = f"{_CUT}{reason}"

    def _choice(
        self, head: int, before: Sequence[Picture], servant: Servant
    ) -> tuple[int | None, str, bool]:
        """The border behind which the picture goes on, if that is proven; why, or why not; and
        whether the bytes right behind it may be its own."""
        border = int(self.pieces.border[head])
        own = [border] if border in self.pieces.rests and border not in self._known else []
        units = tuple(self._bytes(extents) for extents, _ in before)
        start = Extent(int(self.pieces.start[head]), border)
        beginning = self._source.read(start.start, start.size)
        size = self.pieces.grid.size
        further = range(border + size, border + (AHEAD + 1) * size, size)
        places = own + [
            one for one in further if one in self.pieces.rests and one not in self._known
        ]
        chosen = self._chosen(units, beginning, places, servant)
        clean = not own or 0 in chosen.fitting
        return None if chosen.place is None else places[chosen.place], chosen.reason, clean

    def _chosen(
        self, before: Sequence[bytes], head: bytes, places: Sequence[int], servant: Servant
    ) -> Choice:
        offered = [self._candidate(place) for place in places]
        return joining.choose(self._codec, before, head, offered, servant)

    def _read_candidate(self, border: int) -> Candidate:
        rest = self.pieces.rests[border]
        behind = self.pieces.behind(rest, joining.BEHIND)
        return Candidate(self._bytes([rest.extent]), tuple(self._bytes([one]) for one in behind))

    def _before(self, head: int) -> list[Picture]:
        """The whole pictures from the last key picture on; from the one before it, where the cut
        picture is a key picture itself."""
        near = self.pieces.before(head, joining.BEFORE + 1)
        found: list[Picture] = [((self.pieces.extent(one),), self._is_key(one)) for one in near]
        first = near[0] if near else head
        grid, begin = self.pieces.grid, int(self.pieces.start[first])
        border = begin - (begin - grid.start) % grid.size
        rest = self.pieces.rests.get(border)
        if rest is not None and rest.following == first and border in self._tails:
            found = self._tails[border] + found
        keys = [place for place, (_, is_key) in enumerate(found) if is_key]
        return found[keys[-1] :] if keys else []

    def _is_key(self, place: int) -> bool:
        return int(self.pieces.stream.rows["kind"][place]) == int(Media.KEY)

    def _step(self, head: int) -> int:
        steps = self.pieces.stream.steps
        return int(steps[head]) if head < len(steps) else int(Step.UNKNOWN)

    def _bytes(self, extents: Sequence[Extent]) -> bytes:
        return b"".join(self._source.read(one.start, one.size) for one in extents)
