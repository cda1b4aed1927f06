"""The folder `formats/`: descriptions of what recorders write, checked strictly.

A description is TOML; unknown keys, wrong types and fields that the header does not have are
errors that name the file and the key. What a description means is done by `framings`.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from vidrecover.errors import FormatError

_FIELD_TYPE = re.compile(r"(u8|u16|u24|u32|u64|i8|i16|i32|i64|[1-9]\d{0,3}s)")

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Natural = Annotated[int, msgspec.Meta(ge=0)]
MAX_FRAME_SIZE = 4 << 20
"""No frame of any format is larger; windows overlap by this much."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a description: unknown keys are errors."""


class Reference(Strict, kw_only=True, frozen=True):
    """Where a fact comes from, with its confidence mark."""

    text: str
    confidence: Literal["A", "B", "C", "D"]


class Requirement(Strict, kw_only=True, frozen=True):
    """A field, masked, must be one of `in` or lie in min..max (inclusive)."""

    field: str
    mask: int | None = None
    one_of: list[int] | None = msgspec.field(name="in", default=None)
    min: int | None = None
    max: int | None = None


class Sum(Strict, kw_only=True, frozen=True):
    """Bytes: each field rounded up to `align`, added up, plus a constant."""

    fields: list[str] = []
    plus: int = 0
    align: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 1


class Number(Strict, kw_only=True, frozen=True):
    """A field, masked, shifted right, times a factor, plus a constant."""

    field: str
    mask: int | None = None
    shift: Natural = 0
    times: int = 1
    plus: int = 0


class Time(Strict, kw_only=True, frozen=True):
    """A date by one of the named clocks, where the condition `when` holds."""

    clock: Literal["packed_date", "six_bytes", "unix_s", "unix_ms"]
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
    mask: int | None = None
    video: list[int] = []
    audio: list[int] = []
    data: list[int] = []


class CodecRule(Strict, kw_only=True, frozen=True):
    """Codec by the value of a field; names as in `model.Codec`, values as in `0x0C`."""

    field: str
    mask: int | None = None
    map: dict[str, str]


class Trailer(Strict, kw_only=True, frozen=True):
    """The last bytes of a frame: a text, then (if named) a field of the header again as u32."""

    text: str
    repeats: str | None = None


class Checksum(Strict, kw_only=True, frozen=True):
    """Sum modulo 256 of the header's first `over` bytes."""

    kind: Literal["sum8"]
    field: str
    over: Natural


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
    trailer. starts: `annexb` wants a start code there. key: with it a video frame is a key.
    carries: the whole layout is `video`, `audio` or `data` when no `media` rule tells.
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
    reader; then only signature, max_size and the clock's facts are given here. counted:
    sequence numbers rise by one per frame of a channel, so that holes show. same_tick: video
    rows of one counter value are one picture. resolution_ms: of the dates. channel_one_tells:
    makers disagree whether cameras count from 0 or from 1, and `channel` adds one: where channel
    1 never occurs on a source, the numbers are taken as the bytes say, one lower.
    """

    reader: str | None = None
    layout: list[dict[str, Any]] = []
    counted: bool = False
    same_tick: Literal["joins", "nothing"] = "nothing"
    resolution_ms: Annotated[int, msgspec.Meta(ge=1)] = 1000
    modulus_ms: Annotated[int, msgspec.Meta(ge=2)] | None = None
    channel_one_tells: bool = False


class Format(Strict, kw_only=True, frozen=True):
    """One description in `formats/`."""

    name: Name
    title: str
    vendors: list[str] = []
    references: list[Reference] = []
    limits: list[str] = []
    framing: Framing

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """All kinds of frames, defaults filled in."""
        shared = {
            key: value
            for key, value in msgspec.to_builtins(self.framing).items()
            if key in Layout.__struct_fields__ and value is not None
        }
        if not self.framing.layout:
            return (msgspec.convert(shared, Layout),)
        return tuple(msgspec.convert(shared | own, Layout) for own in self.framing.layout)

    @property
    def max_size(self) -> int:
        """Bytes of the largest frame."""
        return max(layout.max_size for layout in self.layouts)

    @property
    def modulus_ms(self) -> int | None:
        """Where the free-running counter wraps, in milliseconds; None when it does not."""
        if self.framing.modulus_ms is not None:
            return self.framing.modulus_ms
        tick = next((one.tick for one in self.layouts if one.tick is not None), None)
        if tick is None or tick.modulus is None:
            return None
        return tick.modulus if tick.unit == "ms" else None


class FormatSet(msgspec.Struct, frozen=True):
    """All active formats in a fixed order; small and picklable.

    digest: SHA-256 over names and contents, so that a catalogue knows what a scan looked for.
    """

    formats: tuple[Format, ...]
    digest: str

    def __getitem__(self, name: str) -> Format:
        """The format of that name; KeyError when there is none."""
        for one in self.formats:
            if one.name == name:
                return one
        raise KeyError(name)


def shipped() -> Path:
    """The folder of formats that comes with the program."""
    package = Path(__file__).parent
    wheel = package / "shipped" / "formats"
    return wheel if wheel.is_dir() else package.parents[1] / "formats"


def load(*folders: Path) -> FormatSet:
    """All descriptions of the folders; of two with one name the later folder's counts.

    Raises FormatError that names file and key.
    """
    found: dict[str, tuple[Format, bytes]] = {}
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.glob("*.toml")):
            one, content = _read(path)
            found[one.name] = (one, content)
    ordered = sorted(found.items())
    digest = hashlib.sha256()
    for name, (_, content) in ordered:
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return FormatSet(tuple(one for _, (one, _) in ordered), digest.hexdigest())


def _read(path: Path) -> tuple[Format, bytes]:
    try:
        content = path.read_bytes()
        raw = tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", path) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FormatError(f"is not valid TOML: {error}", path) from error
    try:
        one = msgspec.convert(raw, Format)
        layouts = one.layouts
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        key = place.strip("`").removeprefix("$").removeprefix(".") or None
        raise FormatError(message, path, key) from error
    if one.name != path.stem:
        raise FormatError(f"is `{one.name}`, but the file is named {path.name}", path, "name")
    for number, layout in enumerate(layouts):
        several = bool(one.framing.layout)
        _check(layout, one, path, f"framing.layout[{number}]" if several else "framing")
    return one, content


def _check(layout: Layout, one: Format, path: Path, key: str) -> None:
    """What types alone cannot say."""

    def wrong(message: str, part: str) -> FormatError:
        return FormatError(message, path, f"{key}.{part}")

    try:
        patterns = layout.signatures
    except ValueError as error:
        raise wrong("is not hexadecimal, as in `44 48 41 56`", "signature") from error
    if not patterns or any(not 2 <= len(pattern) <= 64 for pattern in patterns):
        raise wrong("is missing; expected 2 to 64 bytes in hexadecimal", "signature")
    if one.framing.reader is not None:
        return
    if layout.header is None:
        raise wrong('is missing; expected [["signature", "4s"], ["length", "u32"], ...]', "header")
    if layout.size is None:
        raise wrong('is missing; expected as in {fields = ["length"], plus = 16}', "size")
    for name, kind in layout.header:
        if not _FIELD_TYPE.fullmatch(kind):
            raise wrong(f"field `{name}`: `{kind}` is none of u8 to u64, i8 to i64, 4s", "header")
    names = [name for name, _ in layout.header]
    if len(set(names)) != len(names):
        raise wrong("has two fields of one name", "header")
    for part, name in _used_fields(layout):
        if name not in names:
            raise wrong(f"`{name}` is no field of the header ({', '.join(names)})", part)


def _used_fields(layout: Layout) -> Iterable[tuple[str, str]]:
    """Every mention of a header field: the key that mentions it, and the field."""
    for part in msgspec.structs.fields(Layout):
        value = getattr(layout, part.name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Sum | Time):
                yield from ((part.encode_name, name) for name in item.fields)
            if isinstance(item, Time) and item.when is not None:
                yield part.encode_name, item.when.field
            if isinstance(item, Requirement | Number | Tick | MediaRule | CodecRule | Checksum):
                yield part.encode_name, item.field
            if isinstance(item, Trailer) and item.repeats is not None:
                yield part.encode_name, item.repeats
            if isinstance(item, Tags):
                yield part.encode_name, item.length
