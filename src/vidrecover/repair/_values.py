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


class JoinJob(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that was cut, and what may be its rest.

    before: whole access units with start codes, the first a key picture with its parameter sets,
    up to the cut picture; head: of that, up to the cut; candidates: for each its rest and the
    pictures behind it.
    """

    codec: Codec
    before: tuple[bytes, ...]
    head: bytes
    candidates: tuple[tuple[bytes, ...], ...]


class JoinTrial(msgspec.Struct, frozen=True, kw_only=True):
    """What a decoder made of one candidate.

    clean: the pictures came out without an error or mark of damage; used: the decoder needs the
    last bytes of the cut NAL unit, None: there are too few to tell; step: how much the picture
    changes over the join, over what is usual before it (1 is usual), None: nothing to compare with.
    """

    clean: bool
    used: bool | None = None
    step: float | None = None


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


class InkJob(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures of one camera of which is asked what never changes.

    groups: access units with start codes, each group from a key picture on; the first picture of
    each is looked at; font: whose ink is looked for.
    """

    codec: Codec
    groups: tuple[tuple[bytes, ...], ...]
    font: FontData


class InkRead(msgspec.Struct, frozen=True, kw_only=True):
    """How often each dot is ink, 0 to 255, row by row; pictures: that were looked at."""

    rows: int
    columns: int
    inked: bytes
    pictures: int


class ViewJob(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures of one piece of footage whose camera is asked for.

    first: access units with start codes, a key picture with its parameter sets first; last: the
    last group of the piece, empty when it is the same; the last picture of these is the piece's
    last one.
    """

    codec: Codec
    first: tuple[bytes, ...]
    last: tuple[bytes, ...] = ()


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What a piece's first and last pictures show, small.

    luma, edges, last: uint8 of 36 x 44: light of the first picture, how much it changes from
    dot to dot, light of the last picture; colours: 256 shares as float32.
    """

    width: int
    height: int
    luma: bytes
    edges: bytes
    colours: bytes
    last: bytes
