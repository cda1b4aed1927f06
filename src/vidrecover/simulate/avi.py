"""AVI files, written from the AVI RIFF File Reference and the OpenDML extensions; little-endian."""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vidrecover.simulate.footage import Frame
from vidrecover.simulate.image import Chunk

_FOURCC = {"h264": b"H264", "h265": b"HEVC", "mjpeg": b"MJPG", "mpeg4": b"XVID"}
_HAS_INDEX, _IS_INTERLEAVED = 0x10, 0x100  # flags of the main header
_KEY = 0x10  # flag of an index entry
_HEAD_SIZE = 8  # of a chunk
_TAGS, _TELEPHONE = {"alaw": 6, "mulaw": 7}, 8000  # wFormatTag; samples a second
_UNFINISHED = 0  # size of what was never closed: as recorders leave it at a power cut


class Pictures(NamedTuple):
    """A stream of pictures; rate: pictures per second."""

    codec: str
    width: int
    height: int
    rate: int


class Sound(NamedTuple):
    """A stream of sound of one channel; tag: number of its coding, 7 is mu-law."""

    tag: int
    rate: int


class Writer:
    """One file. Each method gives the bytes that come next: a part (the first with the file's
    head), then groups and chunks, then the part's index. Sizes of parts and lists stay as they
    were before the file was closed."""

    def __init__(self, streams: Sequence[Pictures | Sound], *, frames: int) -> None:
        """frames: as the main header states them."""
        self._streams, self._frames = streams, frames
        self._parts = 0
        self._place = 0
        self._entries: list[tuple[bytes, int, int]] = []

    def part(self) -> bytes:
        """The beginning of a part: RIFF AVI with the headers, later ones RIFF AVIX."""
        self._parts += 1
        self._place, self._entries = 4, []
        if self._parts > 1:
            return struct.pack("<4sI4s", b"RIFF", _UNFINISHED, b"AVIX") + _open(b"movi")
        return struct.pack("<4sI4s", b"RIFF", _UNFINISHED, b"AVI ") + self._head() + _open(b"movi")

    def group(self) -> bytes:
        """The beginning of a list of chunks that were recorded together."""
        self._place += 12
        return _open(b"rec ")

    def chunk(self, name: str, payload: bytes) -> bytes:
        """One chunk, filled to an even number of bytes."""
        self._entries.append((name.encode(), self._place, len(payload)))
        data = _chunk(name.encode(), payload)
        self._place += len(data)
        return data

    def index(self) -> bytes:
        """The index of the part: `idx1` of the first, an index of the first stream of others."""
        if self._parts == 1:
            entries = (
                struct.pack("<4sIII", one, _KEY, at, size) for one, at, size in self._entries
            )
            return _chunk(b"idx1", b"".join(entries))
        own = [entry for entry in self._entries if entry[0] == b"00dc"]
        head = struct.pack("<HBBI4sQI", 2, 0, 1, len(own), b"00dc", 0, 0)
        return _chunk(b"ix00", head + b"".join(struct.pack("<II", at + 8, n) for _, at, n in own))

    def _head(self) -> bytes:
        lists = b"".join(_list(b"strl", _stream(one, self._frames)) for one in self._streams)
        first = next(one for one in self._streams if isinstance(one, Pictures))
        flags = _HAS_INDEX | _IS_INTERLEAVED
        main = struct.pack("<5I", 1_000_000 // first.rate, 0, 0, flags, self._frames)
        main += struct.pack("<5I16x", 0, len(self._streams), 0, first.width, first.height)
        return _list(b"hdrl", _chunk(b"avih", main) + lists)


def chunks(shots: Sequence[tuple[Frame, bytes]]) -> Iterator[Chunk]:
    """One file of one camera; its sound, where it has some, is stream 00, the pictures follow."""
    camera = shots[0][0].camera
    pictures = Pictures(camera.codec, camera.width, camera.height, round(camera.rate))
    sound = [Sound(_TAGS[camera.audio], _TELEPHONE)] if camera.audio in _TAGS else []
    written = Writer([*sound, pictures], frames=sum(one.media == "video" for one, _ in shots))
    yield Chunk(written.part())
    for shot, payload in shots:
        name = f"{len(sound):02d}dc" if shot.media == "video" else "00wb"
        data = written.chunk(name, payload)
        yield Chunk(data, shot, ((_HEAD_SIZE, _HEAD_SIZE + len(payload)),))
    yield Chunk(written.index())


def _stream(one: Pictures | Sound, frames: int) -> bytes:
    """Header and format of a stream."""
    kind, handler = (b"vids", _FOURCC[one.codec]) if isinstance(one, Pictures) else (b"auds", b"")
    head = struct.pack("<4s4sIHHI", kind, handler, 0, 0, 0, 0)
    head += struct.pack("<5I", 1, one.rate, 0, frames, 0)
    head += struct.pack("<iI8x", -1, 0 if isinstance(one, Pictures) else 1)
    if isinstance(one, Pictures):
        size = one.width * one.height * 3
        form = struct.pack("<IiiHH4sI16x", 40, one.width, one.height, 1, 24, handler, size)
    else:
        form = struct.pack("<HHIIHHH", one.tag, 1, one.rate, one.rate, 1, 8, 0)
    return _chunk(b"strh", head) + _chunk(b"strf", form)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", name, len(data)) + data + bytes(len(data) & 1)


def _list(name: bytes, data: bytes) -> bytes:
    return _chunk(b"LIST", name + data)


def _open(name: bytes) -> bytes:
    """The head of a list that is not closed yet."""
    return struct.pack("<4sI4s", b"LIST", _UNFINISHED, name)
