"""Pictures cut inside a NAL unit, put together where no header tells how: by decoding.

Of a picture whose beginning ends one piece of a disk, the rest begins another piece. Each rest that
may be it is tried: the picture must decode without an error, as must those behind it, and the
step over the join must be no larger than the camera's steps before. What several answers fit, or
none fits clearly, stays in doubt. [B: codec-repair.md 4.4]
"""

import pickle
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from vidrecover import nal
from vidrecover.model import Codec
from vidrecover.repair._values import JoinJob, JoinTrial
from vidrecover.servant import Servant

BEFORE = 60
"""Pictures before the cut that are decoded at most; a group that is longer is not tried."""
BEHIND = 4
"""Pictures behind the cut one that are decoded, too; those that there are."""
MOST_CANDIDATES = 256
"""More rests than this may be the one by chance."""
LEAST_REST = 256
"""Bytes of the cut NAL unit; shorter ones of other cameras decode by chance. [C: as below]"""
TIME_LIMIT_S = 30.0
_TOO_LITTLE = "the piece that fits best tells too little"
_MARGIN = 1.5
_LARGEST_STEP, _LARGEST_ALONE, _LARGEST_H265 = 1.6, 8.0, 0.9
"""Over what is usual before the cut; a picture that changes more may be another camera's. The
second where no other piece decodes. Of H.265 decoders hardly tell errors: the first is for a
piece that decodes alone, the third where others do, which were at 1.03 and more. [C: twelve real
scenes, tests/benchmarks/cut_pictures.py]"""
_BATCH = 16
_MODULE = "vidrecover.repair._joint"


class Candidate(NamedTuple):
    """rest: of the cut picture, up to the end of that picture; behind: the whole pictures with
    start codes that follow it there, the first BEHIND count, maybe none."""

    rest: bytes
    behind: tuple[bytes, ...] = ()


class Choice(NamedTuple):
    """place: of the candidate that is proven, None where none is; reason: the proof or the doubt,
    in words; fitting: places of the candidates that decode to their ends without an error."""

    place: int | None
    reason: str
    fitting: tuple[int, ...] = ()


def choose(
    codec: Codec,
    before: Sequence[bytes],
    head: bytes,
    candidates: Sequence[Candidate],
    servant: Servant,
) -> Choice:
    """Which of the candidates is the rest of a picture that was cut inside a NAL unit.

    before: the whole access units in front of the cut picture with start codes, from the last key
    picture with its parameter sets on, two to BEFORE; where the cut picture is itself a key
    picture, those of the group before it; head: what is known of the cut picture, from its first
    start code on; candidates: all that may be its rest, likely or not: those that do not fit show
    what chance does; servant: see `trials`. A candidate at which the decoder crashes or hangs
    does not fit.
    """
    if len(candidates) > MOST_CANDIDATES:
        return Choice(None, f"{len(candidates)} pieces may be its rest")
    if not 2 <= len(before) <= BEFORE:
        return Choice(None, f"{len(before)} pictures from its key picture on are known")
    numbers = _Numbers.of(codec, before)
    likely = [p for p, one in enumerate(candidates) if numbers is None or numbers.allow(head, one)]
    fitting = _fitting(codec, before, head, {p: candidates[p] for p in likely}, servant)
    chosen = _chosen(codec, fitting, len(candidates))
    if chosen.place is not None and _size(candidates[chosen.place].rest) < LEAST_REST:
        return chosen._replace(place=None, reason=_TOO_LITTLE)
    return chosen


def ends_key(head: bytes, candidate: Candidate, servant: Servant) -> bool:
    """Whether an H.264 key picture with its parameter sets, of which nothing before is known,
    decodes to its end with a candidate as its rest. That is no proof of the rest, but what does not
    is not the rest."""
    found = _fitting(Codec.H264, (), head, {0: candidate}, servant)
    return 0 in found and bool(found[0].used)


def _fitting(
    codec: Codec,
    before: Sequence[bytes],
    head: bytes,
    candidates: Mapping[int, Candidate],
    servant: Servant,
) -> dict[int, JoinTrial]:
    """Those of the candidates that decode to their ends without an error."""
    tried = _tried(codec, before, head, list(candidates.values()), servant)
    return {
        place: one
        for place, one in zip(candidates, tried, strict=True)
        if one.clean and one.used is not False
    }


def _size(rest: bytes) -> int:
    """Bytes of the cut NAL unit in a rest."""
    behind = rest.find(b"\0\0\1")
    return len(rest) if behind < 0 else behind


def trials() -> Servant:
    """The process that `choose` asks; a context manager."""
    return Servant(_MODULE, TIME_LIMIT_S)


def _chosen(codec: Codec, fitting: dict[int, JoinTrial], tried: int) -> Choice:
    """The candidate whose step is the smallest by a margin, if its bytes were all needed."""
    places = tuple(fitting)
    ranked = sorted((one.step, place) for place, one in fitting.items() if one.step is not None)
    if not ranked:
        return Choice(None, f"none of {tried} pieces decodes as its rest", places)
    (first, place), *others = ranked
    if not fitting[place].used:
        return Choice(None, _TOO_LITTLE, places)
    if first > _largest(codec, alone=not others):
        return Choice(None, f"the picture changes {first:.1f} times more than usual", places)
    if others and others[0][0] < _MARGIN * first:
        return Choice(None, f"{len(fitting)} pieces decode as its rest", places)
    words = f"of {tried} pieces this one alone decodes as its rest"
    if others:
        words = (
            f"of {len(fitting)} pieces that decode as its rest, the picture goes on best here"
            f" ({first:.1f} times the usual change, against {others[0][0]:.1f})"
        )
    return Choice(place, words, places)


def _largest(codec: Codec, *, alone: bool) -> float:
    """The largest step that proves a join; alone: no other piece decodes."""
    if codec == Codec.H265:
        return _LARGEST_STEP if alone else _LARGEST_H265
    return _LARGEST_ALONE if alone else _LARGEST_STEP


class _Numbers(NamedTuple):
    """The parameter sets by which the numbers of pictures are read. step: of the order of H.265
    pictures from each to the next; None: not always the same."""

    codec: Codec
    sps: nal.SequenceParameters
    pps: nal.PictureParameters
    step: int | None = None

    @classmethod
    def of(cls, codec: Codec, before: Sequence[bytes]) -> "_Numbers | None":
        """Those before the first of the pictures, when there is one of each."""
        head = nal.head(codec, before[0])
        sps = [nal.sequence_parameters(codec, one.data) for one in head if one.kind == "sps"]
        pps = [nal.picture_parameters(codec, one.data) for one in head if one.kind == "pps"]
        if len(sps) != 1 or len(pps) != 1 or sps[0] is None or pps[0] is None:
            return None
        numbers = cls(codec, sps[0], pps[0])
        if codec == Codec.H264:
            return numbers
        steps = {numbers._apart(*pair) for pair in pairwise(map(numbers._slice, before))}
        return numbers._replace(step=steps.pop() if len(steps) == 1 else None)

    def allow(self, head: bytes, candidate: Candidate) -> bool:
        """Whether the pictures' numbers go on from the cut one; True where they do not tell."""
        last = self._slice(head + candidate.rest[:64])
        for unit in candidate.behind[:BEHIND]:
            one = self._slice(unit)
            if last is None or one is None or one.restarts:
                return True
            if not self._goes_on(last, one):
                return False
            last = one
        return True

    def _goes_on(self, last: nal.Slice, one: nal.Slice) -> bool:
        if self.codec == Codec.H265:
            return self.step is None or self._apart(last, one) == self.step
        step = ((one.frame_num or 0) - (last.frame_num or 0)) % (1 << self.sps.frame_num_bits)
        return step == int(last.reference) or (self.sps.interlaced and step == 0)

    def _apart(self, last: nal.Slice | None, one: nal.Slice | None) -> int | None:
        """By how much the order of a picture is above the last one's."""
        if last is None or one is None or last.order is None or one.order is None:
            return None
        return (one.order - last.order) % (1 << self.sps.order_bits)

    def _slice(self, unit: bytes) -> nal.Slice | None:
        """The head of a picture's first slice."""
        head = nal.head(self.codec, unit)
        if not head or head[-1].kind != "slice":
            return None
        return nal.slice_header(self.codec, head[-1].data, self.sps, self.pps)


def _tried(
    codec: Codec,
    before: Sequence[bytes],
    head: bytes,
    candidates: Sequence[Candidate],
    servant: Servant,
) -> list[JoinTrial]:
    found: list[JoinTrial] = []
    for start in range(0, len(candidates), _BATCH):
        some = candidates[start : start + _BATCH]
        job = JoinJob(
            codec=codec,
            before=tuple(before),
            head=head,
            candidates=tuple((one.rest, *one.behind[:BEHIND]) for one in some),
        )
        found += _answers(job, servant)
    return found


def _answers(job: JoinJob, servant: Servant) -> list[JoinTrial]:
    """A trial for each candidate; one that crashes the decoder is not clean."""
    answer = servant.ask(pickle.dumps(job))
    if not isinstance(answer, str):
        return msgspec.msgpack.decode(answer, type=list[JoinTrial])
    if len(job.candidates) == 1:
        return [JoinTrial(clean=False)]
    return [
        trial
        for one in job.candidates
        for trial in _answers(msgspec.structs.replace(job, candidates=(one,)), servant)
    ]
