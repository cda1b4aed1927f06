"""What travels to the processes that decode for repair, and back."""

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


class FontData(msgspec.Struct, frozen=True, kw_only=True):
    """A `burntclock.Font` that can travel; digits: its patterns as float32."""

    level: int
    tophat: bool
    x: int
    y: int
    width: int
    height: int
    digits: bytes
    order: int
    certain: bool


class ClockJob(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures of one camera whose clock is to be read.

    units: access units with start codes, in order of storage, the first a key picture; wanted:
    places in it of the pictures that are looked at; fonts: known ones; calibrate: find a new one
    when none of these reads.
    """

    codec: Codec
    units: tuple[bytes, ...]
    wanted: tuple[int, ...]
    fonts: tuple[FontData, ...]
    calibrate: bool


class ClockRead(msgspec.Struct, frozen=True, kw_only=True):
    """The times of the wanted pictures, None for those that cannot be read; the font that read
    them."""

    times: tuple[int | None, ...]
    font: FontData
