"""A picture that stands still over several segments: the camera, or the recorder, has frozen.

Within one segment four key pictures tell it; here segments of one camera are compared by the
fingerprints that were stored of those in which nothing moves. A scene in which nothing moves
changes with the light from minute to minute; a frozen picture never does.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import msgspec

from vidrecover import clock, picture
from vidrecover.catalogue import Look
from vidrecover.formats import Format
from vidrecover.inspection._halving import farthest
from vidrecover.inspection._keys import Keys, job_of, keys_of
from vidrecover.model import Frames, PictureState, RecorderMs, Segment, Source, Track

_STANDS_MS = 20_000
_STANDS_PICTURES = 4
"""Length and key pictures from which a picture that stands over several segments is frozen. [C]"""

_NEXT_MS = 60_000  # from the last frame of a segment to the next one's first key picture, at most
_STEADY_MS = 180_000
_LEAST_RUNS = 3
_CREEPS = 2.0
"""A scene in which nothing moves: at least so many stretches, each shorter than that, and steps
of at most so much luma between them. A picture that is replaced now and then jumps further. [C]"""

_SEEN = frozenset(
    {
        PictureState.LIVE,
        PictureState.FROZEN,
        PictureState.BLURRED,
        PictureState.COLOURLESS,
    }
)


class _Piece(NamedTuple):
    """A look with a time, and the segment that it is of."""

    look: Look
    segment: Segment

    @property
    def start_ms(self) -> RecorderMs:
        return self.look.start_ms or 0

    @property
    def end_ms(self) -> RecorderMs:
        return self.look.end_ms or 0

    @property
    def cells(self) -> bytes | None:
        return self.look.cells if self.look.state in _SEEN else None


_Run: TypeAlias = list[_Piece]
"""Neighbouring looks that show one picture."""


def standing(
    segments: Iterable[Segment],
    looks: Iterable[Look],
    unpack: Callable[[Segment], Frames],
    source: Source,
    formats: Mapping[str, Format],
    *,
    tracks: Mapping[int, Track] | None = None,
) -> Iterator[tuple[Look, ...]]:
    """The looks of each segment that segments beside it show in another light, in order of time.

    segments, looks: of the whole case; unpack, formats, tracks: see `inspect`. Where a stretch
    of one picture begins and ends is dated to one key picture.
    """
    owners = {one.id: one for one in segments if one.id is not None}
    kept: dict[int, list[Look]] = {}
    for look in looks:
        kept.setdefault(look.segment_id, []).append(look)
    with picture.Worker() as worker:
        eye = _Eye(unpack, source, formats, tracks or {}, worker)
        for pieces in _by_camera(owners, kept):
            settled: dict[int, list[Look]] = {}
            for piece in _settled(pieces, eye):
                settled.setdefault(piece.look.segment_id, []).append(piece.look)
            for number, own in settled.items():
                if own != kept[number]:
                    yield tuple(own)


def _by_camera(
    owners: Mapping[int, Segment], kept: Mapping[int, Sequence[Look]]
) -> Iterator[list[_Piece]]:
    """The looks of each camera that are dated, in order of time, where any may stand still."""
    cameras: dict[tuple[object, ...], list[_Piece]] = {}
    for number, looks in kept.items():
        segment = owners.get(number)
        if segment is None:
            continue
        camera = (segment.channel, segment.label, segment.lane, segment.stream)
        dated = (_Piece(one, segment) for one in looks if one.start_ms is not None)
        cameras.setdefault(camera, []).extend(dated)
    for pieces in cameras.values():
        if any(one.cells for one in pieces):
            yield sorted(pieces, key=lambda one: (one.start_ms, one.segment.id or 0))


class _Eye(NamedTuple):
    """Looks at single key pictures again."""

    unpack: Callable[[Segment], Frames]
    source: Source
    formats: Mapping[str, Format]
    tracks: Mapping[int, Track]
    worker: picture.Worker

    def keys(self, segment: Segment) -> Keys | None:
        return keys_of(segment, self.unpack, self.formats, self.tracks)

    def shows(self, keys: Keys, place: int, cells: bytes) -> bool:
        """Whether a key picture is the one that is known by its fingerprint."""
        judged = self.worker.check(job_of(keys, [place], self.source)).judgement
        return _is_same(judged.cells, cells)


def _is_same(one: bytes, other: bytes) -> bool:
    drift = picture.drift(one, other)
    return drift is not None and drift < picture.FROZEN_CELLS


def _settled(pieces: Sequence[_Piece], eye: _Eye) -> list[_Piece]:
    """The pieces with what they show together, cut where a frozen picture begins and ends."""
    for step in (_named, _ended, _begun):
        changes = {id(old): new for old, new in step(pieces, eye)}
        pieces = [
            _Piece(look, piece.segment)
            for piece in pieces
            for look in changes.get(id(piece), [piece.look])
        ]
    return list(pieces)


_Changes: TypeAlias = Iterator[tuple[_Piece, list[Look]]]


def _named(pieces: Sequence[_Piece], _: _Eye) -> _Changes:
    """Which pieces are frozen, and which show a scene in which nothing moves."""
    for chain in _chains(list(_runs(pieces))):
        is_scene = _is_scene(chain)
        for run in chain:
            if not is_scene and not _is_frozen(run):
                continue
            reason = _reason(run)
            for piece in run:
                is_frozen = piece.look.state is PictureState.FROZEN
                if is_frozen is is_scene:
                    yield piece, [_live(piece.look) if is_scene else _frozen(piece.look, reason)]


def _runs(pieces: Sequence[_Piece]) -> Iterator[_Run]:
    run: _Run = []
    for piece in pieces:
        same = run and piece.cells and _follows(run[-1], piece)
        if same and _is_same(run[0].cells or b"", piece.cells or b""):
            run.append(piece)
            continue
        if run:
            yield run
        run = [piece] if piece.cells else []
    if run:
        yield run


def _follows(one: _Piece, other: _Piece) -> bool:
    return other.start_ms - one.end_ms <= _NEXT_MS


def _chains(runs: Sequence[_Run]) -> Iterator[list[_Run]]:
    """Runs that follow one another with nothing that moves between them."""
    chain: list[_Run] = []
    for run in runs:
        if chain and not _creeps(chain[-1], run):
            yield chain
            chain = []
        chain.append(run)
    if chain:
        yield chain


def _creeps(one: _Run, other: _Run) -> bool:
    drift = picture.drift(one[-1].cells or b"", other[0].cells or b"")
    return _follows(one[-1], other[0]) and drift is not None and drift <= _CREEPS


def _is_scene(chain: Sequence[_Run]) -> bool:
    """Whether the light changes over it, so that the camera sees."""
    return len(chain) >= _LEAST_RUNS and all(
        run[-1].end_ms - run[0].start_ms < _STEADY_MS for run in chain
    )


def _is_frozen(run: _Run) -> bool:
    pictures = sum(piece.look.pictures for piece in run)
    lasts_ms = run[-1].end_ms - run[0].start_ms
    several = len(run) > 1 and pictures >= _STANDS_PICTURES and lasts_ms >= _STANDS_MS
    return several or any(piece.look.state is PictureState.FROZEN for piece in run)


def _reason(run: _Run) -> str:
    drifts = (picture.drift(a.cells or b"", b.cells or b"") or 0 for a, b in pairwise(run))
    since, until = clock.spoken(run[0].start_ms), clock.spoken(run[-1].end_ms)
    return (
        f"the same picture from {since} to {until}, in {len(run)} pieces: parts of it differ by"
        f" {max(drifts, default=0):.2f} at most; a standing vehicle can look the same"
    )


def _frozen(one: Look, reason: str) -> Look:
    state = PictureState.FROZEN
    return msgspec.structs.replace(one, state=state, certain=False, reason=reason)


def _live(one: Look) -> Look:
    reason = "nothing moves, but the light changes from minute to minute, so the camera sees"
    return msgspec.structs.replace(one, state=PictureState.LIVE, certain=False, reason=reason)


def _begun(pieces: Sequence[_Piece], eye: _Eye) -> _Changes:
    """The piece before each frozen run, cut where the picture first stands."""
    for run, before, _ in _beside(pieces):
        if before is None or not _may_hold(before) or not _follows(before, run[0]):
            continue
        cells = run[0].cells or b""
        keys, inside = _inside(before, eye)
        if keys is None or not inside or not eye.shows(keys, inside[-1], cells):
            continue
        shows = partial(eye.shows, keys, cells=cells)
        first = farthest(inside[-1], inside[0] - 1, shows)
        if first > inside[0]:
            yield before, _cut(before.look, int(keys.times[first]), _reason(run), cells)


def _ended(pieces: Sequence[_Piece], eye: _Eye) -> _Changes:
    """The piece behind each frozen run, cut where the picture is seen no more."""
    for run, _, after in _beside(pieces):
        if after is None or not _may_hold(after) or not _follows(run[-1], after):
            continue
        cells = run[0].cells or b""
        keys, inside = _inside(after, eye)
        if keys is None or not inside or not eye.shows(keys, inside[0], cells):
            continue
        shows = partial(eye.shows, keys, cells=cells)
        last = farthest(inside[0], inside[-1] + 1, shows)
        if last < inside[-1]:
            at_ms = int(keys.times[last + 1])
            yield after, _cut(after.look, at_ms, _reason(run), cells, is_end=True)


def _beside(
    pieces: Sequence[_Piece],
) -> Iterator[tuple[_Run, _Piece | None, _Piece | None]]:
    """Each frozen run with the pieces before and behind it."""
    places = {id(piece): place for place, piece in enumerate(pieces)}
    padded = [None, *pieces, None]
    for run in _runs(pieces):
        if run[0].look.state is PictureState.FROZEN:
            yield run, padded[places[id(run[0])]], padded[places[id(run[-1])] + 2]


def _may_hold(piece: _Piece) -> bool:
    return piece.cells is None and piece.look.state in _SEEN


def _inside(piece: _Piece, eye: _Eye) -> tuple[Keys | None, list[int]]:
    """The key pictures that a look is about."""
    keys = eye.keys(piece.segment)
    if keys is None:
        return None, []
    is_last = piece.look.end_ms == piece.segment.end_ms
    times = enumerate(keys.times.tolist())
    return keys, [
        place
        for place, time_ms in times
        if piece.start_ms <= time_ms and (time_ms < piece.end_ms or is_last)
    ]


def _cut(
    one: Look, at_ms: RecorderMs, reason: str, cells: bytes, *, is_end: bool = False
) -> list[Look]:
    """A look in two: what it was, and the picture that stands still behind it or before it."""
    early = msgspec.structs.replace(one, end_ms=at_ms)
    late = msgspec.structs.replace(one, start_ms=at_ms)
    still = msgspec.structs.replace(
        _frozen(early if is_end else late, reason), pictures=1, cells=cells, overlay=None
    )
    return [still, late] if is_end else [early, still]
