"""H.264 parameter sets and slice headers (ITU-T H.264, clauses 7.3.2 and 7.3.3). [A]"""

from fractions import Fraction

from vidrecover.model import Codec
from vidrecover.nal._bits import Bits, BitsEnd
from vidrecover.nal._sets import MOST_PIXELS, PictureParameters, SequenceParameters, Slice
from vidrecover.nal._signal import pass_signal

_SLICES = (1, 2, 5)
_IDR = 5
_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_INTRA, _ONLY_INTRA = (44, 86, 100, 110, 122, 244), 16  # annex E.2.1: then nothing is reordered


def sequence(bits: Bits) -> SequenceParameters | None:
    """A sequence parameter set behind its NAL header; clause 7.3.2.1.1."""
    profile, constraints, level = bits.fixed(8), bits.fixed(8), bits.fixed(8)
    set_id = bits.unsigned(31)
    chroma, separate, luma_depth, chroma_depth = _samples(bits, profile)
    frame_num_bits = 4 + bits.unsigned(12)
    order_type, order_bits, delta_zero = _picture_order(bits)
    bits.unsigned(16)
    bits.skip(1)
    size = _size(bits, 0 if separate else chroma)
    if size is None:
        return None
    width, height, frames_only = size
    reorder, rate = _display(bits)
    if order_type == 2 or (profile in _INTRA and constraints & _ONLY_INTRA):
        reorder = 0
    return SequenceParameters(
        codec=Codec.H264,
        id=set_id,
        profile=profile,
        level=level,
        width=width,
        height=height,
        chroma=chroma,
        luma_depth=luma_depth,
        chroma_depth=chroma_depth,
        interlaced=not frames_only,
        rate=rate,
        reorder=reorder,
        separate_planes=separate,
        frame_num_bits=frame_num_bits,
        order_type=order_type,
        order_bits=order_bits,
        order_delta_zero=delta_zero,
    )


def _samples(bits: Bits, profile: int) -> tuple[int, bool, int, int]:
    """chroma_format_idc, separate_colour_plane_flag, and bits of luma and chroma samples."""
    if profile not in _WITH_CHROMA:
        return 1, False, 8, 8
    chroma = bits.unsigned(3)
    separate = chroma == 3 and bits.flag()
    luma_depth, chroma_depth = 8 + bits.unsigned(6), 8 + bits.unsigned(6)
    bits.skip(1)
    if bits.flag():
        _scaling_lists(bits, 8 if chroma != 3 else 12)
    return chroma, separate, luma_depth, chroma_depth


def _size(bits: Bits, chroma: int) -> tuple[int, int, bool] | None:
    """Width and height after cropping, and frame_mbs_only_flag; None for no size at all."""
    columns, rows = bits.unsigned(1 << 14) + 1, bits.unsigned(1 << 14) + 1
    frames_only = bits.flag()
    if not frames_only:
        bits.skip(1)
    bits.skip(1)
    width, height = columns * 16, rows * 16 * (1 if frames_only else 2)
    if width * height > MOST_PIXELS:
        return None
    if bits.flag():
        across, down = _cropped(bits, chroma, frames_only)
        width, height = width - across, height - down
    return (width, height, frames_only) if width > 0 and height > 0 else None


def _picture_order(bits: Bits) -> tuple[int, int, bool]:
    """Picture order count type, bits of its lower part, and delta_pic_order_always_zero."""
    kind = bits.unsigned(2)
    if kind == 0:
        return 0, 4 + bits.unsigned(12), False
    if kind == 2:
        return 2, 0, True
    always_zero = bits.flag()
    bits.signed()
    bits.signed()
    for _ in range(bits.unsigned(255)):
        bits.signed()
    return 1, 0, always_zero


def _scaling_lists(bits: Bits, count: int) -> None:
    """Pass over the scaling lists; clause 7.3.2.1.1.1."""
    for index in range(count):
        if not bits.flag():
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.signed()) % 256
            last = following or last


def _cropped(bits: Bits, chroma: int, frames_only: bool) -> tuple[int, int]:
    """Pixels cut from width and height; clause 7.4.2.1.1, equations 7-19 to 7-22."""
    left, right, top, bottom = (bits.unsigned(1 << 16) for _ in range(4))
    across = 2 if chroma in (1, 2) else 1
    down = (2 if chroma == 1 else 1) * (1 if frames_only else 2)
    return (left + right) * across, (top + bottom) * down


def _display(bits: Bits) -> tuple[int | None, Fraction | None]:
    """Frames of reordering and pictures per second from the VUI; unknown when it is broken."""
    try:
        if not bits.flag():
            return None, None
        return _vui(bits)
    except BitsEnd:
        return None, None


def _vui(bits: Bits) -> tuple[int | None, Fraction | None]:
    """Annex E.1.1 of H.264; a rate of one picture is two ticks (Annex E.2.1)."""
    pass_signal(bits)
    rate = None
    if bits.flag():
        ticks, scale = bits.fixed(32), bits.fixed(32)
        rate = Fraction(scale, 2 * ticks) if ticks and scale else None
        bits.skip(1)
    try:
        return _reordering(bits), rate
    except BitsEnd:
        return None, rate


def _reordering(bits: Bits) -> int | None:
    """max_num_reorder_frames, or None where the VUI does not say."""
    reference = [bits.flag() and _hypothetical_decoder(bits) for _ in range(2)]
    if any(reference):
        bits.skip(1)
    bits.skip(1)
    if not bits.flag():
        return None
    bits.skip(1)
    for most in (16, 16, 32, 32):
        bits.unsigned(most)
    return bits.unsigned(16)


def _hypothetical_decoder(bits: Bits) -> bool:
    """Pass over hrd_parameters, Annex E.1.2."""
    count = bits.unsigned(31) + 1
    bits.skip(8)
    for _ in range(count):
        bits.unsigned()
        bits.unsigned()
        bits.skip(1)
    bits.skip(20)
    return True


def picture(bits: Bits) -> PictureParameters:
    """The head of a picture parameter set behind its NAL header; clause 7.3.2.2."""
    set_id, sequence_id = bits.unsigned(255), bits.unsigned(31)
    return PictureParameters(
        codec=Codec.H264, id=set_id, sequence_id=sequence_id, arithmetic=bits.flag()
    )


def slice_header(
    unit: bytes, bits: Bits, sps: SequenceParameters, pps: PictureParameters
) -> Slice | None:
    """The head of a slice; clause 7.3.3. None for other NAL units."""
    kind = unit[0] & 31
    if kind not in _SLICES:
        return None
    first = bits.unsigned() == 0
    bits.unsigned(9)
    if bits.unsigned(255) != pps.id:
        return None
    if sps.separate_planes:
        bits.skip(2)
    number = bits.fixed(sps.frame_num_bits)
    bottom = bits.flag() if sps.interlaced and bits.flag() else None
    if kind == _IDR:
        bits.unsigned(65535)
    order = bits.fixed(sps.order_bits) if sps.order_type == 0 else None
    return Slice(
        first=first,
        restarts=kind == _IDR,
        reference=unit[0] & 0x60 != 0,
        frame_num=number,
        order=order,
        bottom=bottom,
    )
