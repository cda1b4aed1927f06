"""H.265 parameter sets and slice headers (ITU-T H.265, clauses 7.3.2 and 7.3.6). [A]"""

from fractions import Fraction

from vidrecover.model import Codec
from vidrecover.nal._bits import Bits, BitsEnd
from vidrecover.nal._sets import (
    MOST_PIXELS,
    PictureParameters,
    SequenceParameters,
    Slice,
    VideoParameters,
)
from vidrecover.nal._signal import pass_signal

_FIRST_IRAP, _LAST_IRAP = 16, 23
_IDR = (19, 20)
_LAST_SLICE = 21


def video(bits: Bits) -> VideoParameters:
    """A video parameter set behind its NAL header; clause 7.3.2.1."""
    set_id = bits.fixed(4)
    bits.skip(2)
    layers, sub_layers = bits.fixed(6) + 1, bits.fixed(3) + 1
    bits.skip(17)
    _profile(bits, sub_layers)
    _ordering(bits, sub_layers)
    highest = bits.fixed(6)
    for _ in range(bits.unsigned(1023)):
        bits.skip(highest + 1)
    return VideoParameters(id=set_id, layers=layers, sub_layers=sub_layers, rate=_timing(bits))


def _timing(bits: Bits) -> Fraction | None:
    """Pictures per second of a timing_info (clauses 7.3.2.1 and E.2.1), or None."""
    if not bits.flag():
        return None
    ticks, scale = bits.fixed(32), bits.fixed(32)
    return Fraction(scale, ticks) if ticks and scale else None


def _profile(bits: Bits, sub_layers: int) -> tuple[int, int]:
    """general_profile_idc and general_level_idc; clause 7.3.3."""
    bits.skip(3)
    profile = bits.fixed(5)
    bits.skip(80)
    level = bits.fixed(8)
    present = [(bits.flag(), bits.flag()) for _ in range(sub_layers - 1)]
    if sub_layers > 1:
        bits.skip(2 * (9 - sub_layers))
    for has_profile, has_level in present:
        bits.skip(88 * has_profile + 8 * has_level)
    return profile, level


def _ordering(bits: Bits, sub_layers: int) -> int:
    """The largest number of reordered pictures (sps_max_num_reorder_pics)."""
    reorder = 0
    for _ in range(sub_layers if bits.flag() else 1):
        bits.unsigned(15)
        reorder = max(reorder, bits.unsigned(15))
        bits.unsigned()
    return reorder


def sequence(bits: Bits) -> SequenceParameters | None:
    """A sequence parameter set behind its NAL header; clause 7.3.2.2.1."""
    video_set_id, sub_layers = bits.fixed(4), bits.fixed(3) + 1
    bits.skip(1)
    profile, level = _profile(bits, sub_layers)
    set_id, chroma = bits.unsigned(15), bits.unsigned(3)
    separate = chroma == 3 and bits.flag()
    width, height = bits.unsigned(1 << 16), bits.unsigned(1 << 16)
    if width * height > MOST_PIXELS:
        return None
    if bits.flag():
        left, right, top, bottom = (bits.unsigned(1 << 16) for _ in range(4))
        width -= (left + right) * (2 if chroma in (1, 2) else 1)
        height -= (top + bottom) * (2 if chroma == 1 else 1)
    if width <= 0 or height <= 0:
        return None
    luma_depth, chroma_depth = 8 + bits.unsigned(8), 8 + bits.unsigned(8)
    order_bits = 4 + bits.unsigned(12)
    reorder = _ordering(bits, sub_layers)
    fields, rate = _display(bits, order_bits)
    return SequenceParameters(
        codec=Codec.H265,
        id=set_id,
        profile=profile,
        level=level,
        width=width,
        height=height,
        chroma=chroma,
        luma_depth=luma_depth,
        chroma_depth=chroma_depth,
        interlaced=fields,
        rate=rate,
        reorder=reorder,
        video_set_id=video_set_id,
        separate_planes=separate,
        order_bits=order_bits,
    )


def _display(bits: Bits, order_bits: int) -> tuple[bool, Fraction | None]:
    """field_seq_flag and pictures per second; nothing known where the rest is broken."""
    try:
        _coding_tools(bits)
        _reference_sets(bits, bits.unsigned(64))
        if bits.flag():
            for _ in range(bits.unsigned(32)):
                bits.skip(order_bits + 1)
        bits.skip(2)
        return _vui(bits) if bits.flag() else (False, None)
    except BitsEnd:
        return False, None


def _coding_tools(bits: Bits) -> None:
    """Pass over block sizes, scaling lists and PCM sizes; clause 7.3.2.2.1."""
    for _ in range(6):
        bits.unsigned()
    if bits.flag() and bits.flag():
        _scaling_lists(bits)
    bits.skip(2)
    if bits.flag():
        bits.skip(8)
        bits.unsigned()
        bits.unsigned()
        bits.skip(1)


def _scaling_lists(bits: Bits) -> None:
    """Pass over scaling_list_data, clause 7.3.4."""
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not bits.flag():
                bits.unsigned()
                continue
            if size > 1:
                bits.signed()
            for _ in range(min(64, 1 << (4 + 2 * size))):
                bits.signed()


def _reference_sets(bits: Bits, count: int) -> None:
    """Pass over st_ref_pic_set for each index; clause 7.3.7. A set has at most 16 pictures."""
    pictures = 0
    for index in range(count):
        if index and bits.flag():
            bits.skip(1)
            bits.unsigned()
            kept = 0
            for _ in range(pictures + 1):
                used = bits.flag()
                kept += used or bits.flag()
            pictures = kept
        else:
            pictures = bits.unsigned(16) + bits.unsigned(16)
            for _ in range(pictures):
                bits.unsigned()
                bits.skip(1)
        if pictures > 16:
            raise BitsEnd


def _vui(bits: Bits) -> tuple[bool, Fraction | None]:
    """field_seq_flag and pictures per second; Annex E.2.1 of H.265."""
    pass_signal(bits)
    bits.skip(1)
    fields = bits.flag()
    bits.skip(1)
    if bits.flag():
        for _ in range(4):
            bits.unsigned()
    return fields, _timing(bits)


def picture(bits: Bits) -> PictureParameters:
    """The head of a picture parameter set behind its NAL header; clause 7.3.2.3.1."""
    set_id, sequence_id = bits.unsigned(63), bits.unsigned(15)
    bits.skip(1)
    return PictureParameters(
        codec=Codec.H265,
        id=set_id,
        sequence_id=sequence_id,
        output_flag=bits.flag(),
        extra_slice_bits=bits.fixed(3),
    )


def slice_header(
    unit: bytes, bits: Bits, sps: SequenceParameters, pps: PictureParameters
) -> Slice | None:
    """The head of the first slice segment of a picture; clause 7.3.6.1. None for others."""
    kind = (unit[0] >> 1) & 63
    if kind > _LAST_SLICE or 9 < kind < _FIRST_IRAP or not bits.flag():
        return None
    if _FIRST_IRAP <= kind <= _LAST_IRAP:
        bits.skip(1)
    if bits.unsigned(63) != pps.id:
        return None
    bits.skip(pps.extra_slice_bits)
    bits.unsigned(2)
    bits.skip(pps.output_flag + 2 * sps.separate_planes)
    restarts = kind in _IDR
    return Slice(
        first=True,
        restarts=restarts,
        reference=kind >= _FIRST_IRAP or kind & 1 == 1,
        frame_num=None,
        order=0 if restarts else bits.fixed(sps.order_bits),
    )
