"""Whether a naked picture goes on where the one before it stops, by the numbers in their heads.

Pieces of several cameras may lie one behind the other with nothing between: the picture over the
border then looks whole, and only the numbers of the next one tell that it is another stream's.
frame_num: ITU-T H.264 clause 7.4.3; slice_pic_order_cnt_lsb: H.265 clause 7.4.7.1. [A]
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from vidrecover import nal
from vidrecover.model import Codec

HEAD_SIZE, KEY_SIZE = 256, 4096
"""Bytes of a picture, and of a key picture, in which its first slice begins."""
_LARGEST_STEP = 16  # of the order of H.265 pictures that are not stored as they are shown
_USUAL = 0.7  # share of one step from which it is the stream's


class Step(IntEnum):
    """What the numbers say: that the picture goes on, that it does not, or nothing."""

    BREAKS = -1
    UNKNOWN = 0
    GOES_ON = 1


class _Reader:
    """Slice heads of one stream of pictures, with the parameter sets last seen."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._sequences: dict[int, nal.SequenceParameters] = {}
        self._pictures: dict[int, nal.PictureParameters] = {}

    @property
    def knows_sets(self) -> bool:
        """Whether any parameter sets were seen."""
        return bool(self._sequences)

    def read(self, head: bytes) -> tuple[nal.SequenceParameters, nal.Slice] | None:
        """The first slice of a picture, and the set that it belongs to."""
        units = nal.head(self._codec, head)
        for one in units:
            if one.kind == "sps":
                sequence = nal.sequence_parameters(self._codec, one.data)
                if sequence is not None:
                    self._sequences[sequence.id] = sequence
            elif one.kind == "pps":
                picture = nal.picture_parameters(self._codec, one.data)
                if picture is not None:
                    self._pictures[picture.id] = picture
        if not units or units[-1].kind != "slice":
            return None
        picture = self._pictures.get(nal.picture_id(self._codec, units[-1].data) or 0)
        sequence = None if picture is None else self._sequences.get(picture.sequence_id)
        if picture is None or sequence is None:
            return None
        found = nal.slice_header(self._codec, units[-1].data, sequence, picture)
        return None if found is None else (sequence, found)


def steps(codec: Codec, heads: Iterable[bytes]) -> npt.NDArray[np.int8]:
    """A Step from each picture to the next one.

    codec: H264 or H265; heads: the first bytes of pictures with start codes, in order of storage.
    Pictures before the first parameter sets, and what restarts the numbers, tell nothing.
    """
    reader = _Reader(codec)
    read = [reader.read(head) for head in heads]
    if codec == Codec.H264:
        return np.array([_h264(*pair) for pair in pairwise(read)], np.int8)
    return _h265(read)


def counts_all(codec: Codec, groups: Iterable[tuple[bytes, bytes, int]]) -> bool | None:
    """Whether the numbers of key pictures and of the last pictures before the next ones count all
    pictures between, so that nearly surely no other stream's stand there.

    groups: the first bytes of both, and how many pictures lead from the one to the other. Streams
    with pictures that are not counted are told by `steps` alone. None: no key picture comes with
    parameter sets.
    """
    reader = _Reader(codec)
    for first, last, pictures in groups:
        begun, ended = reader.read(first), reader.read(last)
        if not reader.knows_sets:
            continue
        if begun is None or ended is None or not _is_counted(codec, begun, ended[1], pictures):
            return False
    return True if reader.knows_sets else None


def _is_counted(
    codec: Codec, begun: tuple[nal.SequenceParameters, nal.Slice], last: nal.Slice, pictures: int
) -> bool:
    """Whether the numbers of two pictures are so far apart as the pictures are."""
    sequence, first = begun
    if codec == Codec.H264:
        bits, paces, numbers = sequence.frame_num_bits, [1], (first.frame_num, last.frame_num)
    else:
        bits, paces, numbers = sequence.order_bits, [1, 2], (first.order or 0, last.order or 0)
    before, after = numbers
    if before is None or after is None or sequence.interlaced:
        return False
    return any((after - before - pace * pictures) % (1 << bits) == 0 for pace in paces)


_Read = tuple[nal.SequenceParameters, nal.Slice] | None


def _h264(before: _Read, after: _Read) -> Step:
    """By frame_num, which grows by one behind each reference picture."""
    if before is None or after is None or after[1].restarts:
        return Step.UNKNOWN
    (_, last), (sequence, one) = before, after
    if last.frame_num is None or one.frame_num is None:
        return Step.UNKNOWN
    step = (one.frame_num - last.frame_num) % (1 << sequence.frame_num_bits)
    fits = step == int(last.reference) or (sequence.interlaced and step == 0)
    return Step.GOES_ON if fits else Step.BREAKS


def _h265(read: Sequence[_Read]) -> npt.NDArray[np.int8]:
    """By the order of pictures: its usual step, or a short one where pictures are reordered."""
    found = np.zeros(max(len(read) - 1, 0), np.int8)
    apart: dict[int, int] = {}
    for place, (before, after) in enumerate(pairwise(read)):
        if before is None or after is None or after[1].restarts:
            continue
        modulus = 1 << after[0].order_bits
        step = ((after[1].order or 0) - (before[1].order or 0)) % modulus
        apart[place] = step if step < modulus // 2 else step - modulus
    if not apart:
        return found
    values, counts = np.unique(list(apart.values()), return_counts=True)
    usual = int(values[counts.argmax()]) if counts.max() >= _USUAL * len(apart) else None
    for place, step in apart.items():
        fits = abs(step) <= _LARGEST_STEP if usual is None else step == usual
        found[place] = Step.GOES_ON if fits and step else Step.BREAKS
    return found
