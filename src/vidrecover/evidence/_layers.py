"""The bytes of a file as they are, and those hidden in it; what in them is a picture or a place."""

import base64
import binascii
import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from vidrecover import nal
from vidrecover.model import Codec

_CHUNK, _OVERLAP = 2 << 20, 1 << 16
_MOST_INFLATED = 64 << 20
_DEPTH = 4
_BASE64 = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{44,}")
_HEX = re.compile(rb"(?<![0-9a-fA-F])[0-9a-fA-F]{65,}")  # longer than a SHA-256
_SPACED_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}[ :,]){31,}[0-9a-fA-F]{2}")
_DEFLATED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_BREAKS, _SPACES = re.compile(rb"[\r\n]+[ \t]*"), re.compile(rb"[ :,]")


class Layer(NamedTuple):
    """Some bytes of a file. place: where they begin, in the file or in what they were unpacked
    from; how: in words, how they were unpacked, empty for the file's own bytes."""

    file: str
    data: bytes
    place: int
    how: str
    depth: int


def of(
    root: Path, names: Sequence[str], instead: Mapping[str, bytes] | None = None
) -> Iterator[Layer]:
    """All layers of the files; large files in overlapping pieces. instead: of some files, the
    bytes to be looked at."""
    for name in names:
        given = (instead or {}).get(name)
        with (root / name).open("rb") if given is None else io.BytesIO(given) as file:
            place, tail = 0, b""
            while fresh := file.read(_CHUNK):
                data = tail + fresh
                yield from _unpacked(Layer(name, data, place - len(tail), "", 0))
                place += len(fresh)
                tail = data[-_OVERLAP:]


def _unpacked(layer: Layer) -> Iterator[Layer]:
    """A layer and all that is hidden in it."""
    yield layer
    if layer.depth == _DEPTH:
        return
    for how, place, data in _inside(layer.data):
        yield from _unpacked(
            Layer(layer.file, data, place, f"{layer.how}, in {how}", layer.depth + 1)
        )


def _inside(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Ways of hiding, positions, and what was hidden."""
    yield from _spelt(data, 1)
    if b"\n" in data:
        yield from _spelt(_BREAKS.sub(b"", data), 4)
    for found in _SPACED_HEX.finditer(data):
        yield "hexadecimal", found.start(), binascii.unhexlify(_SPACES.sub(b"", found[0]))
    for found in _DEFLATED.finditer(data):
        inflated = _inflated(data[found.start() :])
        if inflated:
            yield "deflate", found.start(), inflated


def _spelt(text: bytes, shifts: int) -> Iterator[tuple[str, int, bytes]]:
    """Bytes written as letters; shifts: how many of the first letters may not belong to them."""
    for found in _HEX.finditer(text):
        for shift in (0, 1):
            digits = found[0][shift:]
            yield "hexadecimal", found.start(), binascii.unhexlify(digits[: len(digits) // 2 * 2])
    for found in _BASE64.finditer(text):
        if not _HEX.fullmatch(found[0]):
            for shift in range(shifts):
                yield "base64", found.start(), _from_base64(found[0][shift:])


def _from_base64(text: bytes) -> bytes:
    plain = text.translate(bytes.maketrans(b"-_", b"+/"))
    return base64.b64decode(plain[: len(plain) // 4 * 4])


def _inflated(data: bytes) -> bytes:
    """What deflate gives of the bytes, as far as it goes; nothing when it soon fails."""
    stream = zlib.decompressobj(wbits=47)
    try:
        whole = stream.decompress(data[:1024], _MOST_INFLATED)
        return whole + stream.decompress(data[1024:], _MOST_INFLATED)
    except zlib.error:
        return b""


_SIGNATURES = (
    ("a PNG picture", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("a GIF picture", re.compile(rb"GIF8[79]a.{6}[\x00\x21\x2c\x80-\xff]", re.DOTALL)),
    ("a WebP picture or AVI film", re.compile(rb"RIFF.{4}(?:WEBP|AVI )", re.DOTALL)),
    ("an MP4 or HEIF file", re.compile(rb"\x00\x00\x00[\x08-\x80]ftyp[a-zA-Z0-9 ]{4}")),
    ("a Matroska file", re.compile(rb"\x1a\x45\xdf\xa3[\x80-\xff]")),
    ("an MPEG program stream", re.compile(rb"\x00\x00\x01\xba[\x21\x44-\x7f].{4}", re.DOTALL)),
)
_JPEG = re.compile(rb"\xff\xd8\xff[\xc0-\xfe]")
_H264 = re.compile(rb"\x00\x00\x01[\x27\x47\x67]")
_H265 = re.compile(rb"\x00\x00\x01\x42\x01")
_MOST_HEADER = 1 << 16
_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def pictures(layer: Layer) -> Iterator[str]:
    """What a decoder would take for a picture or a film, in words."""
    for title, signature in _SIGNATURES:
        if signature.search(layer.data):
            yield f"holds {title}{layer.how}"
    if any(_is_jpeg(layer.data, one.start()) for one in _JPEG.finditer(layer.data)):
        yield f"holds a JPEG picture{layer.how}"
    for codec, start in ((Codec.H264, _H264), (Codec.H265, _H265)):
        if any(_is_set(codec, layer.data, one.start() + 3) for one in start.finditer(layer.data)):
            yield f"holds a film of {codec.name}{layer.how}"


def _is_jpeg(data: bytes, place: int) -> bool:
    """Whether marker segments lead to a frame header (ITU-T T.81 clause B.1.1). [A]"""
    place += 2
    end = min(len(data), place + _MOST_HEADER)
    while place + 9 <= end and data[place] == 0xFF:
        marker = data[place + 1]
        size = int.from_bytes(data[place + 2 : place + 4], "big")
        if marker in _JPEG_FRAMES:
            return size >= 11 and data[place + 4] in (8, 12)
        if size < 2:
            return False
        place += 2 + size
    return False


def _is_set(codec: Codec, data: bytes, place: int) -> bool:
    """Whether a sequence parameter set of a sensible picture stands there."""
    found = nal.sequence_parameters(codec, data[place : place + 256])
    return found is not None and 16 <= found.width <= 16384 and 16 <= found.height <= 16384


_NUMBER = re.compile(r"(?<![\d.:])(\d{1,5})\.(\d{3,})(?![\d.:])")
_MINUTES = re.compile("\\d{1,3} ?° ?\\d{1,2}(\\.\\d+)? ?['\u2019\u2032]")
_MARKUP = re.compile(r"<style.*?</style>|<[^>]*>", re.DOTALL)
_BESIDE = 48
_OF_A_MINUTE = 2  # decimals of a degree that minutes of arc are as fine as


def coordinates(layer: Layer, decimals: int) -> Iterator[str]:
    """Pairs of degrees, or of degrees and minutes as satellite receivers write them, that have
    more decimals than allowed (fewer than three are always allowed); in words that do not tell
    them."""
    text = layer.data.decode("utf-8", "replace")
    if layer.file.endswith(".html"):
        text = _MARKUP.sub(" ", text)
    numbers = (one for one in _NUMBER.finditer(text) if len(one[2]) > decimals and _is_degree(one))
    close = any(after.start() - one.end() <= _BESIDE for one, after in pairwise(numbers))
    if close or (decimals < _OF_A_MINUTE and _MINUTES.search(text)):
        yield f"holds coordinates of more than {decimals} decimals{layer.how}"


def _is_degree(one: re.Match[str]) -> bool:
    """Degrees, or degrees and minutes without a sign between them (NMEA 0183). [A]"""
    whole = int(one[1])
    return whole <= 180 or (whole // 100 <= 180 and whole % 100 < 60)
