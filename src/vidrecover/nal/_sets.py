"""The values that the parameter sets of both codecs become."""

from fractions import Fraction

import msgspec

from vidrecover.model import Codec

MOST_PIXELS = 1 << 27
"""More than any level of H.264 or H.265 allows (139264 macroblocks, 35651584 and 142606336
luma samples: H.264 table A-1, H.265 table A.8); a larger claim is not a picture. [A]"""


class SequenceParameters(msgspec.Struct, frozen=True, kw_only=True):
    """What a sequence parameter set says.

    profile, level: profile_idc and level_idc as coded; width, height: luma pixels after
    cropping; chroma: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4; interlaced: fields may be coded (H.264)
    or every picture is a field (H.265); rate: pictures per second of the VUI, None where it
    says nothing (a field of H.265 counts as a picture); reorder: pictures that may precede
    another in decoding and follow it on the screen, None when not said. The rest is what slice
    headers need.
    """

    codec: Codec
    id: int
    profile: int
    level: int
    width: int
    height: int
    chroma: int
    luma_depth: int
    chroma_depth: int
    interlaced: bool
    rate: Fraction | None
    reorder: int | None
    video_set_id: int | None = None
    separate_planes: bool = False
    frame_num_bits: int = 0
    order_type: int = 0
    order_bits: int = 0
    order_delta_zero: bool = False


class PictureParameters(msgspec.Struct, frozen=True, kw_only=True):
    """What the head of a picture parameter set says; arithmetic: CABAC."""

    codec: Codec
    id: int
    sequence_id: int
    arithmetic: bool = True
    output_flag: bool = False
    extra_slice_bits: int = 0


class VideoParameters(msgspec.Struct, frozen=True, kw_only=True):
    """What the head of an H.265 video parameter set says; rate: pictures per second or None."""

    id: int
    layers: int
    sub_layers: int
    rate: Fraction | None


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a slice.

    first: it begins a picture; restarts: an IDR picture, where numbering and
    order begin anew; reference: others may
    be predicted from it; frame_num: of H.264, else None; order: lower bits of the picture
    order count, None where the codec derives it; bottom: which field of H.264 it is, None for a
    whole frame.
    """

    first: bool
    restarts: bool
    reference: bool
    frame_num: int | None
    order: int | None
    bottom: bool | None = None
