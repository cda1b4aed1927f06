"""Pictures of H.264 and H.265 looked at by columns: many that are whole, in order and alike.

What is out of the ordinary in any way is left to the way that looks at one picture at a time
(`_build`), which gives the same.
"""

import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import nal
from vidrecover.clips._mp4 import Bytes
from vidrecover.clips._units import Batch
from vidrecover.model import Codec, Media

_START = re.compile(rb"\x00\x00\x01")
_OTHER, _SET, _SLICE = range(3)
_WORDS = {"vps": _SET, "sps": _SET, "pps": _SET, "slice": _SLICE}
_KINDS = {
    codec: np.array([_WORDS.get(nal.unit_kind(codec, one), _OTHER) for one in range(256)], "u1")
    for codec in (Codec.H264, Codec.H265)
}
_FORBIDDEN = 0x80
_IDR = 5
_REFERENCE = 0x60
_TRIMMED = 3

Column = npt.NDArray[Any]


class Numbers(NamedTuple):
    """Of slices of H.264: frame_num, where numbering begins anew, which are references."""

    frame_num: Column
    restarts: Column
    reference: Column


class Alike(NamedTuple):
    """Which pictures of a batch may go with those before; numbers: of all, None for H.265."""

    alike: npt.NDArray[np.bool_]
    numbers: Numbers | None


class Look:
    """The NAL units of a batch; pictures are told by their number in it."""

    def __init__(self, codec: Codec, batch: Batch) -> None:
        self.codec, self.batch, self.data = codec, batch, batch.data
        rows = batch.rows
        starts = batch.places + rows["payload_offset"]
        ends = starts + rows["payload_size"]
        self.keys: npt.NDArray[np.bool_] = rows["kind"] == Media.KEY
        self._units(starts, ends)
        self._slices()

    def _units(self, starts: Column, ends: Column) -> None:
        """Where units lie; the zeros before a start code are not theirs, see `nal.units`."""
        first = int(starts[0])
        found = _START.finditer(self.data[first : int(ends[-1])].data)
        codes = np.fromiter((one.start() for one in found), np.int64) + first
        own = np.searchsorted(starts, codes, "right") - 1
        inside = codes + 3 < ends[own]
        codes, own = codes[inside], own[inside]
        behind = ends[own]
        same = np.flatnonzero(own[1:] == own[:-1])
        behind[same] = codes[same + 1]
        for _ in range(_TRIMMED):
            behind -= self.data[behind - 1] == 0
        for place in np.flatnonzero(self.data[behind - 1] == 0).tolist():
            unit = self.data[codes[place] + 3 : behind[place]].tobytes()
            behind[place] = codes[place] + 3 + len(unit.rstrip(b"\0"))
        self.own, self.starts, self.ends = own, codes + 3, behind
        self.firsts = np.searchsorted(own, np.arange(len(self.keys) + 1))

    def _slices(self) -> None:
        """The first slice of each picture, and the sets before it."""
        count = len(self.keys)
        kinds = _KINDS[self.codec][self.data[self.starts]]
        at = np.flatnonzero(kinds == _SLICE)
        pictures, first = np.unique(self.own[at], return_index=True)
        self.first_slice = np.full(count, len(self.own), dtype=np.int64)
        self.first_slice[pictures] = at[first]
        sets = np.flatnonzero(kinds == _SET)
        before = sets[sets < self.first_slice[self.own[sets]]]
        self._sets: dict[int, list[int]] = {}
        for place in before.tolist():
            self._sets.setdefault(int(self.own[place]), []).append(place)
        self.usable = self.first_slice < len(self.own)
        self.usable[self.own[self.ends <= self.starts]] = False
        heads = self.data[self.starts[self.first_slice[self.usable]]]
        self.usable[self.usable] = heads & _FORBIDDEN == 0

    def alike(
        self, sequence: nal.SequenceParameters, picture_sets: list[int], sets: bytes
    ) -> Alike:
        """Pictures of these parameter sets.

        picture_sets: numbers that belong to the sequence; sets: as `sets_of` has them, of the key
        pictures that bring their own.
        """
        alike = self.usable.copy()
        for picture, places in self._sets.items():
            units = [self.data[self.starts[one] : self.ends[one]].tobytes() for one in places]
            alike[picture] &= bool(self.keys[picture]) and joined(units) == sets
        if self.codec != Codec.H264 or not alike.any():
            return Alike(alike, None)
        return self._numbered(alike, sequence, picture_sets)

    def _numbered(
        self, alike: npt.NDArray[np.bool_], sequence: nal.SequenceParameters, known: list[int]
    ) -> Alike:
        """The same with what the slices say of frame numbers."""
        place = np.minimum(self.first_slice, len(self.own) - 1)
        start = self.starts[place]
        behind = start[:, None] + np.arange(nal.HEAD_BYTES + 3)
        head = self.data[np.minimum(behind, len(self.data) - 1)]
        zeros = (head[:, 1:-2] == 0) & (head[:, 2:-1] == 0) & (head[:, 3:] == 3)
        words = np.ascontiguousarray(head[:, 1 : nal.HEAD_BYTES + 1]).view(">u8")[:, 0]
        read = nal.slice_heads(words, sequence)
        alike &= read.read & (read.bits <= 8 * (self.ends[place] - start - 1))
        alike &= ~zeros.any(axis=1) & np.isin(read.picture_set, known)
        kind = head[:, 0] & 31
        return Alike(alike, Numbers(read.frame_num, kind == _IDR, head[:, 0] & _REFERENCE != 0))

    def parts(self, first: int, end: int) -> list[Bytes]:
        """NAL units of the pictures [first, end), each behind its length."""
        units = slice(int(self.firsts[first]), int(self.firsts[end]))
        starts, ends = self.starts[units], self.ends[units]
        lengths = memoryview((ends - starts).astype(">u4").tobytes())
        view = self.data.data
        return [
            part
            for place, start, stop in zip(
                range(0, len(lengths), 4), starts.tolist(), ends.tolist(), strict=True
            )
            for part in (lengths[place : place + 4], view[start:stop])
        ]

    def sizes(self, first: int, end: int) -> Column:
        """Bytes of each picture among `parts`."""
        whole = np.append(0, np.cumsum(self.ends - self.starts + 4))
        return np.diff(whole[self.firsts[first : end + 1]])


def joined(units: list[bytes]) -> bytes:
    """Parameter sets as one value that can be compared."""
    return b"".join(len(one).to_bytes(4, "big") + one for one in units)


def sets_of(head: list[nal.Nal]) -> bytes:
    """The parameter sets before a slice."""
    return joined([one.data for one in head if one.kind in _WORDS and one.kind != "slice"])
