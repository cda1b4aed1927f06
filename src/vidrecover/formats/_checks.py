"""What the types of a description alone cannot say, with errors that name the key."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from vidrecover.errors import FormatError
from vidrecover.formats._layout import (
    Checksum,
    CodecRule,
    Layout,
    MediaRule,
    Number,
    Requirement,
    Sum,
    Tags,
    Tick,
    Time,
    Trailer,
)
from vidrecover.model import Codec

FARTHEST_SIGNATURE = 256
"""A signature ends at most so many bytes behind the start of its frame: windows see no more."""
LARGEST_HEADER = 1024

_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FIELD_TYPE = re.compile(r"(u8|u16|u24|u32|u64|i8|i16|i32|i64|[1-9]\d{0,2}s)")
_SIZES = {"8": 1, "16": 2, "24": 3, "32": 4, "64": 8}
_CLOCK_TYPES = {
    "packed_date": (frozenset({"u32"}), 4, "u32 or 4s"),
    "packed_date_1970": (frozenset({"u32"}), 4, "u32 or 4s"),
    "six_bytes": (frozenset[str](), 6, "6s or longer"),
    "unix_s": (frozenset({"u32", "u64", "i64"}), 4, "u32, u64, or 4s or longer"),
    "unix_ms": (frozenset({"u64", "i64"}), 8, "u64, or 8s or longer"),
}  # integer types, or raw bytes of at least so many
_FOR_READERS = frozenset({"at", "signature", "max_size"})


class Complaint:
    """Makes the errors of one table of one file."""

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key

    def __call__(self, message: str, part: str) -> FormatError:
        """The error for a key of the table."""
        return FormatError(message, self._path, f"{self._key}.{part}")


def check(layout: Layout, complaint: Complaint, *, by_reader: bool) -> None:
    """Raises FormatError for the first thing wrong in a layout."""
    _check_signatures(layout, complaint)
    if by_reader:
        _check_unused(layout, complaint)
        return
    if layout.header is None:
        raise complaint(
            'is missing; expected [["signature", "4s"], ["length", "u32"], ...]', "header"
        )
    types = _header_types(layout.header, complaint)
    if layout.size is None:
        raise complaint('is missing; expected as in {fields = ["length"], plus = 16}', "size")
    for key, name, is_date in _used_fields(layout):
        if name not in types:
            raise complaint(f"`{name}` is no field of the header ({', '.join(types)})", key)
        if types[name].endswith("s") and not is_date:
            raise complaint(f"`{name}` is {types[name]}, raw bytes; expected a number", key)
    _check_dates(layout, types, complaint)
    _check_rules(layout, complaint)
    _check_codecs(layout, complaint)
    _check_rest(layout, types, complaint)


def _check_signatures(layout: Layout, complaint: Complaint) -> None:
    try:
        patterns = layout.signatures
    except ValueError as error:
        raise complaint("is not hexadecimal, as in `44 48 41 56`", "signature") from error
    if not patterns or any(not 2 <= len(pattern) <= 64 for pattern in patterns):
        raise complaint("is missing; expected 2 to 64 bytes in hexadecimal", "signature")
    if layout.at + max(map(len, patterns)) > FARTHEST_SIGNATURE:
        raise complaint(f"puts the signature beyond byte {FARTHEST_SIGNATURE} of its frame", "at")


def _check_unused(layout: Layout, complaint: Complaint) -> None:
    """A reader of its own looks at none of the other keys."""
    for field in msgspec.structs.fields(Layout):
        if field.encode_name not in _FOR_READERS and getattr(layout, field.name) != (
            [] if field.name == "require" else field.default
        ):
            raise complaint("means nothing beside `reader`", field.encode_name)


def _header_types(header: list[tuple[str, str]], complaint: Complaint) -> dict[str, str]:
    """Type by field, in order."""
    types: dict[str, str] = {}
    for name, kind in header:
        if not _FIELD_NAME.fullmatch(name):
            raise complaint(f"`{name}` is no name; expected as in `length`, `unknown_2`", "header")
        if not _FIELD_TYPE.fullmatch(kind):
            raise complaint(f"field `{name}`: `{kind}` is none of u8 to u64, i8 to i64, 4s",
                            "header")  # fmt: skip
        if name in types:
            raise complaint(f"has two fields named `{name}`", "header")
        types[name] = kind
    if not 1 <= header_size(types) <= LARGEST_HEADER:
        raise complaint(f"has {header_size(types)} bytes; expected 1 to {LARGEST_HEADER}", "header")
    return types


def header_size(types: Mapping[str, str]) -> int:
    """Bytes of a header."""
    return sum(
        int(kind[:-1]) if kind.endswith("s") else _SIZES[kind[1:]] for kind in types.values()
    )


def _used_fields(layout: Layout) -> Iterator[tuple[str, str, bool]]:
    """Every mention of a header field: the key that mentions it, the field, whether as a date."""
    for part in msgspec.structs.fields(Layout):
        value, key = getattr(layout, part.name), part.encode_name
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Sum):
                yield from ((key, name, False) for name in item.fields)
            if isinstance(item, Time):
                yield from ((key, name, True) for name in item.fields)
                if item.when is not None:
                    yield key, item.when.field, False
            if isinstance(item, Requirement | Number | Tick | MediaRule | CodecRule | Checksum):
                yield key, item.field, False
            if isinstance(item, Trailer) and item.repeats is not None:
                yield key, item.repeats, False
            if isinstance(item, Tags):
                yield key, item.length, False


def _check_dates(layout: Layout, types: Mapping[str, str], complaint: Complaint) -> None:
    dates = layout.time if isinstance(layout.time, list) else [layout.time]
    for date in dates:
        if date is None:
            continue
        kind = types[date.fields[0]]
        integers, least, expected = _CLOCK_TYPES[date.clock]
        if kind not in integers and not (kind.endswith("s") and int(kind[:-1]) >= least):
            raise complaint(f"clock {date.clock} cannot be a {kind}; expected {expected}", "time")


def _check_rules(layout: Layout, complaint: Complaint) -> None:
    dates = layout.time if isinstance(layout.time, list) else [layout.time]
    rules = [("require", rule) for rule in layout.require]
    rules += [("key", layout.key)] if layout.key is not None else []
    rules += [("time", one.when) for one in dates if one is not None and one.when is not None]
    for key, rule in rules:
        if not rule.one_of and rule.min is None and rule.max is None:
            raise complaint(f"`{rule.field}` is not asked anything; expected in, min or max", key)
    if layout.media is not None and layout.carries is not None:
        raise complaint("means nothing beside `media`", "carries")


def _check_codecs(layout: Layout, complaint: Complaint) -> None:
    if isinstance(layout.codec, str):
        _check_codec(layout.codec, complaint, "codec")
    elif layout.codec is not None:
        for value, name in layout.codec.map.items():
            _check_value(value, complaint, f"codec.map.{value}", most=65535)
            _check_codec(name, complaint, f"codec.map.{value}")
    if layout.tags is None:
        return
    for value, name in layout.tags.codecs.items():
        _check_value(value, complaint, f"tags.codecs.{value}")
        _check_codec(name, complaint, f"tags.codecs.{value}")
    for value, size in layout.tags.sizes.items():
        _check_value(value, complaint, f"tags.sizes.{value}")
        if not 1 <= size <= 255:
            raise complaint(f"is {size}; expected 1 to 255 bytes", f"tags.sizes.{value}")
    sizes = {int(value, 0): size for value, size in layout.tags.sizes.items()}
    for value, place in layout.tags.audio.items():
        _check_value(value, complaint, f"tags.audio.{value}")
        if not 1 <= place < sizes.get(int(value, 0), 0):
            raise complaint(
                f"is {place}; expected a byte inside that tag, which `sizes` must list too",
                f"tags.audio.{value}",
            )


def _check_codec(name: str, complaint: Complaint, part: str) -> None:
    known = [one.name.lower() for one in Codec if one is not Codec.UNKNOWN]
    if name not in known:
        raise complaint(f"`{name}` is no codec; expected one of {', '.join(known)}", part)


def _check_value(text: str, complaint: Complaint, part: str, *, most: int = 255) -> None:
    try:
        value: Any = int(text, 0)
    except ValueError:
        value = None
    if value is None or not 0 <= value <= most:
        raise complaint(f"`{text}` is no value; expected 0 to {most}, or as in 0x0C", part)


def _check_rest(layout: Layout, types: Mapping[str, str], complaint: Complaint) -> None:
    if layout.checksum is not None and layout.checksum.over > header_size(types):
        raise complaint(f"over: the header has {header_size(types)} bytes only", "checksum")
