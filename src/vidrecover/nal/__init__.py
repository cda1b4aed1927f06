"""NAL units of H.264 and H.265: splitting Annex B bytes, parameter sets, heads of slices.

Bytes come from strangers: whatever cannot be read gives None, never an exception, and every
loop is bounded.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from vidrecover.model import Codec
from vidrecover.nal import _h264, _h265, _sealed
from vidrecover.nal._bits import Bits, BitsEnd, rbsp
from vidrecover.nal._columns import HEAD_BYTES, SliceHeads, slice_heads
from vidrecover.nal._sealed import LEAST_EVEN, is_even
from vidrecover.nal._sets import (
    PictureParameters,
    SequenceParameters,
    Slice,
    VideoParameters,
)

__all__ = [
    "HEAD_BYTES",
    "LEAST_EVEN",
    "Nal",
    "PictureParameters",
    "SequenceParameters",
    "Slice",
    "SliceHeads",
    "Span",
    "VideoParameters",
    "annexb",
    "contradicts",
    "head",
    "is_even",
    "picture_id",
    "picture_parameters",
    "rbsp",
    "sequence_parameters",
    "slice_header",
    "slice_heads",
    "starts_picture",
    "unit_kind",
    "units",
    "video_parameters",
]

_START = re.compile(rb"\x00\x00\x01")
_H264_KINDS = {7: "sps", 8: "pps", 1: "slice", 2: "slice", 5: "slice"}
_H265_KINDS = {32: "vps", 33: "sps", 34: "pps"}
_SLICE_HEAD = 64


class Span(NamedTuple):
    """Where a NAL unit lies in the bytes given: [start, end), start code and zeros excluded."""

    start: int
    end: int


class Nal(NamedTuple):
    """A NAL unit without its start code; kind: vps, sps, pps, slice or other."""

    kind: str
    data: bytes


def units(data: bytes) -> Iterator[Span]:
    """NAL units of Annex B bytes in order, empty ones left out.

    A unit runs from behind 00 00 01 to before the next; the zero bytes at its end belong to a
    4-byte start code or to padding, as no NAL unit ends in zero (H.264 clause 7.4.1 and annex
    B.1; H.265 clause 7.4.2 and annex B.2). [A] Bytes before the first start code are left out.
    """
    start = None
    for code in _START.finditer(data):
        if start is not None:
            yield from _trimmed(data, start, code.start())
        start = code.end()
    if start is not None:
        yield from _trimmed(data, start, len(data))


def _trimmed(data: bytes, start: int, end: int) -> Iterator[Span]:
    size = len(data[start:end].rstrip(b"\0"))
    if size:
        yield Span(start, start + size)


def unit_kind(codec: Codec, first_byte: int) -> str:
    """vps, sps, pps, slice or other, from the first byte of a NAL unit.

    nal_unit_type is the low 5 bits in H.264 (table 7-1), bits 1 to 6 in H.265 (table 7-1). [A]
    """
    if codec == Codec.H264:
        return _H264_KINDS.get(first_byte & 31, "other")
    kind = (first_byte >> 1) & 63
    if kind <= 9 or 16 <= kind <= 21:
        return "slice"
    return _H265_KINDS.get(kind, "other")


def head(codec: Codec, data: bytes) -> list[Nal]:
    """The NAL units of an access unit up to its first slice, which is cut to its head.

    What follows a slice head is not looked at, so this is fast on large pictures.
    """
    found = []
    position = data.find(b"\0\0\1")
    while 0 <= position < len(data) - 3:
        kind = unit_kind(codec, data[position + 3])
        if kind == "slice":
            found.append(Nal(kind, data[position + 3 : position + 3 + _SLICE_HEAD]))
            break
        following = data.find(b"\0\0\1", position + 3)
        end = following if following >= 0 else len(data)
        found.append(Nal(kind, data[position + 3 : end].rstrip(b"\0")))
        position = following
    return found


def annexb(payload: bytes, lengths: int = 4) -> bytes | None:
    """The payload with start codes, if it is a chain of NAL units behind their lengths, or None.

    lengths: bytes of each length.

    MP4 files store lengths (ISO/IEC 14496-15 clause 5.3.2) where the others store start codes.
    The lengths must end exactly at the end of the payload. [A] A single small unit behind a
    3-byte start code can look like that by chance: ask for a key frame, not for each frame.
    """
    position, parts = 0, []
    least = 2 if lengths == 4 else 1
    while position + lengths < len(payload):
        start = position + lengths
        end = start + int.from_bytes(payload[position:start], "big")
        if end - start < least:
            return None
        parts.append(payload[start:end])
        position = end
    if position != len(payload) or not parts:
        return None
    return b"".join(b"\0\0\0\1" + part for part in parts)


def sequence_parameters(codec: Codec, unit: bytes) -> SequenceParameters | None:
    """The sequence parameter set in a NAL unit without start code, or None."""
    bits = _payload(codec, unit, "sps")
    try:
        if bits is None:
            return None
        return _h264.sequence(bits) if codec == Codec.H264 else _h265.sequence(bits)
    except BitsEnd:
        return None


def picture_parameters(codec: Codec, unit: bytes) -> PictureParameters | None:
    """The head of the picture parameter set in a NAL unit without start code, or None."""
    bits = _payload(codec, unit, "pps")
    try:
        if bits is None:
            return None
        return _h264.picture(bits) if codec == Codec.H264 else _h265.picture(bits)
    except BitsEnd:
        return None


def video_parameters(unit: bytes) -> VideoParameters | None:
    """The head of the H.265 video parameter set in a NAL unit without start code, or None."""
    bits = _payload(Codec.H265, unit, "vps")
    try:
        return None if bits is None else _h265.video(bits)
    except BitsEnd:
        return None


def starts_picture(codec: Codec, unit: bytes) -> bool:
    """Whether a NAL unit is the first slice of a picture as encoders in recorders write it.

    H.264: first_mb_in_slice is 0, a single 1 bit behind the header (clause 7.3.3); not so where
    arbitrary slice order is used (Baseline and Extended profile only). H.265:
    first_slice_segment_in_pic_flag (clause 7.3.6.1). [A]
    """
    size = 1 if codec == Codec.H264 else 2
    if len(unit) <= size or unit_kind(codec, unit[0]) != "slice":
        return False
    return unit[size] & 0x80 != 0


def slice_header(
    codec: Codec, unit: bytes, sps: SequenceParameters, pps: PictureParameters
) -> Slice | None:
    """The head of a slice, read with its parameter sets; None for other units.

    Of H.265 only the first slice segment of a picture is read.
    """
    bits = _payload(codec, unit[:_SLICE_HEAD], "slice")
    try:
        if bits is None:
            return None
        reader = _h264.slice_header if codec == Codec.H264 else _h265.slice_header
        return reader(unit, bits, sps, pps)
    except BitsEnd:
        return None


def picture_id(codec: Codec, unit: bytes) -> int | None:
    """Which picture parameter set a slice asks for, None for other units.

    pic_parameter_set_id of H.264 stands behind first_mb_in_slice and slice_type (clause 7.3.3),
    slice_pic_parameter_set_id of H.265 behind one or two flags (clause 7.3.6.1). [A] Of H.265 only
    the first slice segment of a picture is read.
    """
    bits = _payload(codec, unit[:_SLICE_HEAD], "slice")
    try:
        if bits is None:
            return None
        if codec == Codec.H264:
            bits.unsigned()
            bits.unsigned(9)
            return bits.unsigned(255)
        if not bits.flag():
            return None
        if 16 <= (unit[0] >> 1) & 63 <= 23:
            bits.skip(1)
        return bits.unsigned(63)
    except BitsEnd:
        return None


def contradicts(codec: Codec, unit: bytes, sets: bytes = b"") -> bool | None:
    """Whether a key picture is noise behind clear NAL headers: see `_sealed.contradicts`.

    unit, sets: the access unit, and what stands before it, as Annex B. None where they bring no
    parameter sets, or no unit large enough to tell.
    """
    if codec not in _sealed.HEADER:
        return None
    data = sets + unit
    found = [data[span.start : span.end] for span in units(data)]
    kinds = [unit_kind(codec, one[0]) for one in found]
    named = {kind: [one for one, own in zip(found, kinds, strict=True) if own == kind]
             for kind in ("sps", "pps", "slice", "other")}  # fmt: skip
    if not named["sps"]:
        return None
    known = _sealed.read(codec, named["sps"], named["pps"])
    return _sealed.contradicts(codec, known, named["slice"], named["slice"] + named["other"])


def _payload(codec: Codec, unit: bytes, kind: str) -> Bits | None:
    """Bits behind the NAL header of a unit of this kind; a set forbidden_zero_bit is no unit."""
    if codec not in (Codec.H264, Codec.H265) or not unit or unit[0] & 0x80:
        return None
    if unit_kind(codec, unit[0]) != kind:
        return None
    return Bits(rbsp(unit)[1 if codec == Codec.H264 else 2 :])
