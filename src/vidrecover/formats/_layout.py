"""The words of a description: the tables that a file in `formats/` may hold, as checked values."""

from typing import Annotated, Any, Literal

import msgspec

MAX_FRAME_SIZE = 4 << 20
"""No frame of any format is larger; windows overlap by this much."""

Natural = Annotated[int, msgspec.Meta(ge=0, le=1 << 48)]
Whole = Annotated[int, msgspec.Meta(ge=-(1 << 48), le=1 << 48)]
"""Numbers are kept so small that no sum of them and of header fields leaves 64 bits."""
Mask = Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a description: unknown keys are errors."""


class Reference(Strict, kw_only=True, frozen=True):
    """Where a fact comes from, with its confidence mark."""

    text: str
    confidence: Literal["A", "B", "C", "D"]


class Requirement(Strict, kw_only=True, frozen=True):
    """A field, masked, must be one of `in` or lie in min..max (inclusive)."""

    field: str
    mask: Mask | None = None
    one_of: list[Whole] | None = msgspec.field(name="in", default=None)
    min: Whole | None = None
    max: Whole | None = None


class Sum(Strict, kw_only=True, frozen=True):
    """Bytes: each field rounded up to `align`, added up, plus a constant."""

    fields: list[str] = []
    plus: Whole = 0
    align: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 1


class Number(Strict, kw_only=True, frozen=True):
    """A field, masked, shifted right, times a factor, plus a constant."""

    field: str
    mask: Mask | None = None
    shift: Annotated[int, msgspec.Meta(ge=0, le=62)] = 0
    times: Annotated[int, msgspec.Meta(ge=-(1 << 15), le=1 << 15)] = 1
    plus: Whole = 0


class Time(Strict, kw_only=True, frozen=True):
    """A date by one of the named clocks, where the condition `when` holds.

    packed_date: see `clock.packed_date`, a u32; packed_date_1970: with years from
    1970, believed from 2005 on. six_bytes: year-2000, month, day, hour, minute,
    second, a byte each. unix_s, unix_ms: since 1970, believed from 2005 to 2040; read from raw
    bytes (`8s`) it is their first four or eight.
    """

    clock: Literal["packed_date", "packed_date_1970", "six_bytes", "unix_s", "unix_ms"]
    fields: Annotated[list[str], msgspec.Meta(min_length=1, max_length=1)]
    when: Requirement | None = None


class Tick(Strict, kw_only=True, frozen=True):
    """A free-running counter: its field, its unit, and where it wraps (in its own unit)."""

    field: str
    unit: Literal["ms", "us"] = "ms"
    modulus: Annotated[int, msgspec.Meta(ge=2)] | None = None


class MediaRule(Strict, kw_only=True, frozen=True):
    """What a frame carries, by the value of a field."""

    field: str
    mask: Mask | None = None
    video: list[Whole] = []
    audio: list[Whole] = []
    data: list[Whole] = []


class CodecRule(Strict, kw_only=True, frozen=True):
    """Codec by the value of a field up to 65535; names as in `model.Codec`, keys as `0x0C`."""

    field: str
    mask: Mask | None = None
    map: dict[str, str]


class Trailer(Strict, kw_only=True, frozen=True):
    """The last bytes of a frame: a text, then (if named) a field of the header again as u32."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=16)]
    repeats: str | None = None


class Checksum(Strict, kw_only=True, frozen=True):
    """Sum modulo 256 of the header's first `over` bytes."""

    kind: Literal["sum8"]
    field: str
    over: Annotated[int, msgspec.Meta(ge=1)]


class Tags(Strict, kw_only=True, frozen=True):
    """A list of tag byte + fixed-size body behind the header, as long as a field says.

    sizes: whole size of each known tag, tag byte included; an unknown one ends the walk.
    audio: at which byte of a tag the audio codec stands; codecs: what it means.
    """

    length: str
    sizes: dict[str, int]
    audio: dict[str, int] = {}
    codecs: dict[str, str] = {}


class Layout(Strict, kw_only=True, frozen=True):
    """One kind of frame: how it is recognised and where its parts stand.

    signature: hexadecimal, one or several; at: its distance from the start of the frame.
    payload: where it begins (default: behind the header); payload_size: default: up to the
    trailer. starts: `annexb` wants a start code before the payload of video. key: with it a
    video frame is a key. carries: the whole layout is `video`, `audio` or `data` when no `media`
    rule tells.
    """

    signature: str | list[str] | None = None
    at: Natural = 0
    endian: Literal["little", "big"] = "little"
    header: list[tuple[str, str]] | None = None
    require: list[Requirement] = []
    size: Sum | None = None
    max_size: Annotated[int, msgspec.Meta(ge=8, le=MAX_FRAME_SIZE)] = MAX_FRAME_SIZE
    payload: Sum | None = None
    payload_size: Sum | None = None
    strip: Literal["hisilicon"] | None = None
    starts: Literal["annexb"] | None = None
    channel: Number | None = None
    time: Time | list[Time] | None = None
    tick: Tick | None = None
    sequence: Number | None = None
    rate: Number | None = None
    key: Requirement | None = None
    media: MediaRule | None = None
    carries: Literal["video", "audio", "data"] | None = None
    codec: CodecRule | str | None = None
    trailer: Trailer | None = None
    checksum: Checksum | None = None
    tags: Tags | None = None

    @property
    def signatures(self) -> tuple[bytes, ...]:
        """The byte patterns by which this kind of frame is found."""
        texts = [self.signature] if isinstance(self.signature, str) else self.signature or []
        return tuple(bytes.fromhex(text) for text in texts)


class Framing(Layout, kw_only=True, frozen=True):
    """How frames follow each other; either one layout, or several under `layout`.

    Keys given beside `layout` are defaults for each of them. reader: the name of a Python
    reader; then only signature, `at`, max_size and the clock's facts are given here. counted:
    sequence numbers rise by one per frame of a channel, so that holes show. same_tick: video
    rows of one counter value are one picture. resolution_ms: of the dates. channel_one_tells:
    makers disagree whether cameras count from 0 or from 1, and `channel` adds one: where channel
    1 never occurs on a source, the numbers are taken as the bytes say, one lower. gap: bytes of
    the format's own structure that may lie between two frames of an unbroken run. scattered: of
    rows that lie apart nothing is missing, however much lies between. yields: takes only bytes
    that no frame of another format holds. enciphered: bytes from the beginning of a picture that
    the maker's encryption hides, where the rest stays clear.
    """

    reader: str | None = None
    layout: list[dict[str, Any]] = []
    counted: bool = False
    same_tick: Literal["joins", "nothing"] = "nothing"
    resolution_ms: Annotated[int, msgspec.Meta(ge=1)] = 1000
    modulus_ms: Annotated[int, msgspec.Meta(ge=2)] | None = None
    channel_one_tells: bool = False
    gap: Annotated[int, msgspec.Meta(ge=0, le=1 << 16)] = 0
    scattered: bool = False
    yields: bool = False
    enciphered: Annotated[int, msgspec.Meta(ge=0, le=1 << 16)] = 0
