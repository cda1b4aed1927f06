"""When pictures are shown whose codec stores them in another order than it shows them."""

import heapq
from bisect import insort
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from vidrecover import nal
from vidrecover.clips._columns import Numbers
from vidrecover.clips._sets import Sets
from vidrecover.model import Codec, RecorderMs

_LOOKAHEAD = 16
"""No picture is shown more than 16 pictures before or after its turn: max_num_reorder_frames
and the decoded picture buffer end there (H.264 annex A.3.1 and E.2.1, H.265 annex A.4.2). [A]"""


class Picture(NamedTuple):
    """An access unit ready for a file: its bytes with start codes, and its own time."""

    key: bool
    payload: bytes
    time_ms: RecorderMs


class Placed(NamedTuple):
    """A picture with its milliseconds of decoding and of showing, counted like its time."""

    picture: Picture
    decode_ms: int
    show_ms: int


class _Held(NamedTuple):
    picture: Picture
    order: tuple[int, int]


class Heads:
    """Reads the slice heads of a clip's pictures with the parameter sets seen so far.

    sequence: the sequence parameter set in force; missing: reference pictures that frame_num
    shows to be lost (H.264 clause 7.4.3: it rises by one behind each reference picture).
    gaps_in_frame_num_value_allowed_flag is not asked: vehicle recorders set it and leave no
    gaps. [B: SmallChi/JT1078, two recorders]
    """

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.missing = 0
        self.read = 0
        self.breaks = 0
        self.sequence: nal.SequenceParameters | None = None
        self._sets = Sets(codec)
        self._number: int | None = None
        self._epoch = 0
        self._reference = 0

    def look(self, head: list[nal.Nal]) -> tuple[int, int] | None:
        """Where a picture stands in the order of showing, None where that is not told.

        The first number counts the places where order begins anew.
        """
        self._sets.learn(head)
        found = self._sets.slice_of(head)
        if found is None:
            return None
        self.sequence, read = found
        self._count(read, self.sequence)
        return self._order(read, self.sequence)

    def _count(self, read: nal.Slice, sequence: nal.SequenceParameters) -> None:
        if read.frame_num is None:
            return
        self.read += 1
        if self._number is not None and not read.restarts:
            lost = (read.frame_num - self._number - 1) % (1 << sequence.frame_num_bits)
            if lost and read.frame_num != self._number:
                self.missing += lost
                self.breaks += 1
        if read.reference:
            self._number = read.frame_num
        elif read.restarts:
            self._number = 0

    @property
    def picture_sets(self) -> list[int]:
        """Numbers of the picture parameter sets that belong to the sequence in force."""
        sequences = self._sets.sequences
        return [
            one.id
            for one in self._sets.pictures.values()
            if sequences.get(one.sequence_id) is self.sequence
        ]

    def count(self, numbers: Numbers) -> None:
        """Takes the frame_num of many pictures in order, as `look` does of each."""
        assert self.sequence is not None
        own, restarts, reference = numbers
        kept = reference | restarts
        stored = np.where(reference, own, 0)
        place = np.maximum.accumulate(np.where(kept, np.arange(len(own)), -1))
        after = np.where(place >= 0, stored[place], -1 if self._number is None else self._number)
        before = np.append(-1 if self._number is None else self._number, after[:-1])
        lost = (own - before - 1) % (1 << self.sequence.frame_num_bits)
        lost[(before < 0) | restarts | (own == before)] = 0
        self.read += len(own)
        self.missing += int(lost.sum())
        self.breaks += int((lost > 0).sum())
        self._number = int(after[-1]) if after[-1] >= 0 else None

    def _order(self, read: nal.Slice, sequence: nal.SequenceParameters) -> tuple[int, int] | None:
        """Picture order count; H.264 clause 8.2.1.1, H.265 clause 8.3.1."""
        if read.order is None:
            return None
        if read.restarts:
            self._epoch += 1
            self._reference = read.order
            return self._epoch, read.order
        turn = 1 << sequence.order_bits
        step = (read.order - self._reference + turn // 2) % turn - turn // 2
        count = self._reference + step
        if read.reference:
            self._reference = count
        return self._epoch, count


class Ordering:
    """Gives each picture its time of showing; times are those of the frames, sorted.

    The k-th picture in order of showing gets the k-th time, whichever of both orders the
    recorder stamped its frames in. depth: how many pictures showing runs ahead of storage at
    most; unknown, it is measured on the first pictures. moved: pictures that are not shown in
    the order of storage.
    """

    def __init__(self, depth: int | None) -> None:
        self._depth = depth
        self._as_stored = depth == 0
        self._held: deque[_Held] = deque()
        self._past: deque[tuple[int, int]] = deque(maxlen=_LOOKAHEAD)
        self._times: list[int] = []
        self._base = 0
        self._placed = 0
        self._highest = (0, 0)
        self.moved = 0

    @property
    def as_stored(self) -> bool:
        """Whether pictures are shown when they are decoded, by their parameter sets."""
        return self._as_stored

    def push(self, picture: Picture, order: tuple[int, int] | None) -> Iterator[Placed]:
        """Takes the next picture in order of storage; yields those whose turn is known."""
        if self._as_stored:
            yield Placed(picture, picture.time_ms, picture.time_ms)
            return
        known = order if order is not None else (self._highest[0], self._highest[1] + 1)
        self._highest = max(self._highest, known)
        insort(self._times, picture.time_ms)
        self._held.append(_Held(picture, known))
        while len(self._held) > _LOOKAHEAD:
            yield self._place()

    def flush(self) -> Iterator[Placed]:
        """Yields the pictures still held."""
        while self._held:
            yield self._place()

    def _place(self) -> Placed:
        if self._depth is None:
            self._depth = self._measured()
        one = self._held.popleft()
        later = sum(other.order < one.order for other in self._held)
        earlier = sum(other > one.order for other in self._past)
        self._past.append(one.order)
        shown = self._placed + later - earlier
        self.moved += shown != self._placed
        placed = Placed(
            one.picture, self._time(self._placed - self._depth), self._time(max(shown, 0))
        )
        self._placed += 1
        while self._base < self._placed - 2 * _LOOKAHEAD:
            self._times.pop(0)
            self._base += 1
        return placed

    def _measured(self) -> int:
        """By how many pictures showing runs ahead of storage, from the first pictures."""
        orders = [one.order for one in self._held]
        ranks = {order: rank for rank, order in enumerate(heapq.nsmallest(len(orders), orders))}
        return max(place - ranks[order] for place, order in enumerate(orders))

    def _time(self, place: int) -> int:
        """The time at a place in sorted order; before the first, one interval apart each."""
        if place < 0:
            step = max(self._times[1] - self._times[0], 1) if len(self._times) > 1 else 40
            return self._times[0] + place * step
        return self._times[min(max(place - self._base, 0), len(self._times) - 1)]
