"""What travels to the process that tries parameter sets, and back."""

import msgspec

from vidrecover.model import Codec


class TrialJob(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures, and parameter sets that may be theirs.

    units: access units with start codes, in order of storage, the first a key picture;
    candidates: parameter sets with start codes, each to be tried alone.
    """

    codec: Codec
    units: tuple[bytes, ...]
    candidates: tuple[bytes, ...]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What a decoder made of the pictures with one candidate.

    errors: that it told or raised; corrupt: pictures that it marked; pictures: that came out;
    clipped: share of luma at the ends of its range; roughness: see `_trial`; digest: SHA-256 of
    all decoded samples, by which two candidates are known to give the same pictures.
    """

    errors: int
    corrupt: int
    pictures: int
    clipped: float = 0.0
    roughness: float = 0.0
    digest: str = ""
