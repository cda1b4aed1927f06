"""The folder `formats/`: descriptions of what recorders write, checked strictly.

A description is TOML; unknown keys, wrong types and fields that the header does not have are
errors that name the file and the key. What a description means is done by `framings`.
"""

import hashlib
import re
import tomllib
import typing
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import msgspec

from vidrecover.errors import FormatError
from vidrecover.formats._checks import Complaint, check
from vidrecover.formats._layout import (
    MAX_FRAME_SIZE,
    Checksum,
    CodecRule,
    Framing,
    Layout,
    MediaRule,
    Number,
    Reference,
    Requirement,
    Strict,
    Sum,
    Tags,
    Tick,
    Time,
    Trailer,
)
from vidrecover.formats._naming import Named, NameRule, by_rule, load_rules, names

__all__ = [
    "MAX_FRAME_SIZE", "Checksum", "CodecRule", "Format", "FormatSet", "Framing", "Layout",
    "MediaRule", "NameRule", "Named", "Number", "Reference", "Requirement", "Sum", "Tags", "Tick",
    "Time", "Trailer",
    "by_rule", "load", "names", "shipped",
]  # fmt: skip

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


class Format(Strict, kw_only=True, frozen=True, dict=True):
    """One description in `formats/`; what follows from it is worked out once."""

    name: Name
    title: str
    vendors: list[str] = msgspec.field(default_factory=list)
    references: list[Reference] = msgspec.field(default_factory=list)
    limits: list[str] = msgspec.field(default_factory=list)
    framing: Framing

    @cached_property
    def layouts(self) -> tuple[Layout, ...]:
        """All kinds of frames, defaults filled in."""
        return tuple(layout for _, layout in _layouts(self.framing))

    @property
    def max_size(self) -> int:
        """Bytes of the largest frame."""
        return max(layout.max_size for layout in self.layouts)

    @cached_property
    def modulus_ms(self) -> int | None:
        """Where the free-running counter wraps, in milliseconds; None when it does not."""
        if self.framing.modulus_ms is not None:
            return self.framing.modulus_ms
        tick = next((one.tick for one in self.layouts if one.tick is not None), None)
        if tick is None or tick.modulus is None:
            return None
        return tick.modulus if tick.unit == "ms" else tick.modulus // 1000


class FormatSet(msgspec.Struct, frozen=True):
    """All active formats in a fixed order; small and picklable.

    digest: SHA-256 over names and contents, so that a catalogue knows what a scan looked for.
    names: what the names of files tell; they change nothing of what a scan finds.
    """

    formats: tuple[Format, ...]
    digest: str
    names: tuple[NameRule, ...] = ()

    def __getitem__(self, name: str) -> Format:
        """The format of that name; KeyError when there is none."""
        for one in self.formats:
            if one.name == name:
                return one
        raise KeyError(name)


def shipped() -> Path:
    """The folder of formats that comes with the program."""
    package = Path(__file__).parents[1]
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
    known = tuple(one for _, (one, _) in ordered)
    return FormatSet(known, digest.hexdigest(), load_rules(folders))


def _layouts(framing: Framing, path: Path | None = None) -> Iterator[tuple[str, Layout]]:
    """Each layout with the key under which it stands; raises FormatError for a wrong one."""
    shared = {
        key: value
        for key, value in msgspec.to_builtins(framing).items()
        if key in Layout.__struct_fields__ and value is not None
    }
    if not framing.layout:
        yield "framing", msgspec.convert(shared, Layout)
    for number, own in enumerate(framing.layout):
        key = f"framing.layout[{number}]"
        try:
            yield key, msgspec.convert(shared | own, Layout)
        except msgspec.ValidationError as error:
            message, place = _explained(error, Layout, key)
            raise FormatError(message, path, place) from error


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
    except msgspec.ValidationError as error:
        message, key = _explained(error, Format, "")
        raise FormatError(message, path, key) from error
    if one.name != path.stem:
        raise FormatError(f"is `{one.name}`, but the file is named {path.name}", path, "name")
    by_reader = one.framing.reader is not None
    if by_reader and one.framing.layout:
        raise FormatError("means nothing beside `reader`", path, "framing.layout")
    for key, layout in _layouts(one.framing, path):
        check(layout, Complaint(path, key), by_reader=by_reader)
    return one, content


_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)


def _explained(error: msgspec.ValidationError, table: type[Strict], base: str) -> tuple[str, str]:
    """Message and key of an error of msgspec. table: what was converted, at the key `base`."""
    message, _, place = str(error).partition(" - at `$")
    parts = [part for part in place.removesuffix("`").split(".") if part]
    path = [base, *parts] if base else parts
    unknown, missing = _UNKNOWN.fullmatch(message), _MISSING.fullmatch(message)
    if unknown is not None:
        known = ", ".join(_keys(table, parts))
        return f"is unknown; expected one of {known}", ".".join([*path, unknown[1]])
    if missing is not None:
        return "is missing", ".".join([*path, missing[1]])
    return message, ".".join(path)


def _keys(table: type[Strict], place: list[str]) -> tuple[str, ...]:
    """The keys that may stand in the table at that place inside another."""
    for part in place:
        name = part.partition("[")[0]
        table = next(_tables(typing.get_type_hints(table)[name]), table)
    return table.__struct_encode_fields__


def _tables(hint: Any) -> Iterator[type[Strict]]:
    """The tables inside a type such as `list[Requirement]` or `Time | None`."""
    if isinstance(hint, type) and issubclass(hint, Strict):
        yield hint
    for inner in typing.get_args(hint):
        yield from _tables(inner)
