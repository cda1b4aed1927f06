"""Fields of H.264: two that are coded apart make one picture, and one packet of a clip.

Complementary field pairs: ITU-T H.264 clauses 3.30 and 7.4.1.2.4. [A]
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

from vidrecover import nal
from vidrecover.clips._sets import Sets
from vidrecover.clips._units import Unit
from vidrecover.model import Codec


class Coded(NamedTuple):
    """A picture as a clip takes it: its bytes with start codes, and its first NAL units."""

    unit: Unit
    payload: bytes
    head: list[nal.Nal]


class Fields:
    """Puts fields together; what is no field, or has no second one, goes through as it is."""

    def __init__(self) -> None:
        self.interlaced = False
        self._sets = Sets(Codec.H264)
        self._held: Coded | None = None
        self._first: nal.Slice | None = None

    def push(self, one: Coded) -> Iterator[Coded]:
        """The pictures that are whole now."""
        found = self.field(one.head)
        held, first = self._held, self._first
        self._held = self._first = None
        if held is not None and first is not None:
            if found is not None and _belong(first, found):
                yield _together(held, one)
                return
            yield held
        if found is None:
            yield one
        else:
            self._held, self._first = one, found

    def flush(self) -> Iterator[Coded]:
        """A field whose second one did not come."""
        if self._held is not None:
            yield self._held
        self._held = self._first = None

    def field(self, head: list[nal.Nal]) -> nal.Slice | None:
        """The slice head of a field, None for a frame; learns the parameter sets before it."""
        self._sets.learn(head)
        self.interlaced = any(one.interlaced for one in self._sets.sequences.values())
        read = self._sets.slice_of(head) if self.interlaced else None
        return read[1] if read is not None and read[1].bottom is not None else None


def rate_of_units(codec: Codec, heads: Iterable[list[nal.Nal]]) -> Fraction | None:
    """How many coded pictures there are in a second, by the first sequence parameter set; None
    where it does not tell. heads: first NAL units of the pictures in order; a field counts."""
    rate, fields, count, frames = None, Fields(), 0, 0
    first: nal.Slice | None = None
    for head in heads:
        sequences = (nal.sequence_parameters(codec, one.data) for one in head)
        sequence = next((one for one in sequences if one is not None), None)
        if rate is None and sequence is not None:
            rate = sequence.rate
            if rate is None or codec != Codec.H264 or not sequence.interlaced:
                return rate
        if head and head[-1].kind == "slice":
            found = fields.field(head)
            is_second = first is not None and found is not None and _belong(first, found)
            first = None if is_second else found
            count += 1
            frames += not is_second
    return None if rate is None else (rate * count / max(frames, 1)).limit_denominator(100_000)


def _belong(first: nal.Slice, second: nal.Slice) -> bool:
    """Whether two fields in a row are of one picture."""
    same = (first.frame_num, first.reference) == (second.frame_num, second.reference)
    return same and first.bottom != second.bottom and (first.restarts or not second.restarts)


def _together(first: Coded, second: Coded) -> Coded:
    unit = first.unit._replace(
        flags=first.unit.flags | second.unit.flags,
        lost=first.unit.lost + second.unit.lost,
        pieces=first.unit.pieces + second.unit.pieces,
    )
    return Coded(unit, first.payload + second.payload, first.head)
