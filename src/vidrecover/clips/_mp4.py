"""An MP4 file in the making: pictures of H.264 or H.265, sound and text, written in bulk.

The media data go to their place at once, behind room for the index; the index is made of columns at
the end. The same samples give the same bytes, however many are given at a time.
"""

import os
import struct
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vidrecover import nal
from vidrecover.clips import _boxes
from vidrecover.clips._boxes import Column
from vidrecover.clips._sound import AAC_SAMPLES, AMR_SAMPLES, Sound, config
from vidrecover.model import Codec

_CHUNK = 1 << 20
"""Bytes of pictures that follow each other; sound and text of their time stand between."""

_PART = 4 << 20
_HEAD = _boxes.box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
_MEDIA, _WIDE = 8, 16  # bytes of the head of `mdat`
_ROOM, _PER_PICTURE = 4096, 12
_MOST_ROOM = 1 << 20
_MOST_WASTED = 1 << 16
_TEXT_END = b"\0\0"

Bytes = bytes | memoryview


class Look(NamedTuple):
    """What a film shows: codec, width and height, and the sets of its first key frame."""

    codec: Codec
    size: tuple[int, int]
    sets: tuple[nal.Nal, ...]


class _Samples:
    """Of a track: sizes, times in its own units, late: from decoding to showing, chunks."""

    def __init__(self) -> None:
        self.sizes, self.keys = array("I"), array("I")
        self.decode, self.late = array("q"), array("i")
        self.chunks, self.counts = array("Q"), array("I")

    def add(self, size: int, decode: int) -> None:
        """The next sample, in the chunk that was begun last."""
        self.sizes.append(size)
        self.decode.append(decode)
        self.late.append(0)
        self.counts[-1] += 1

    def begin(self, place: int) -> None:
        """A chunk at a place in the media data."""
        self.chunks.append(place)
        self.counts.append(0)


class _Pending(NamedTuple):
    time_ms: int
    place: int  # in units of the track
    data: bytes


class Movie:
    """A file of one film; times are milliseconds from its start. `finish` ends it.

    pictures: at most so many will come, as far as known; look: set before the end.
    """

    def __init__(self, path: Path, pictures: int, sound: Sound | None, *, text: bool) -> None:
        self._file = path.open("r+b", buffering=1 << 20)
        self._room = _ROOM + min(pictures * _PER_PICTURE, _MOST_ROOM)
        self._file.seek(self._room)
        self._size = 0
        self._fill = 0
        self._film = _Samples()
        self._sound, self._heard = sound, _Samples()
        self._text, self._told = text, _Samples()
        self._sounds, self._lines = list[_Pending](), list[_Pending]()
        self._last_sound = -1
        self._text_end = 0

    def picture(self, data: bytes, decode_ms: int, show_ms: int, *, key: bool) -> None:
        """The next picture in order of decoding, its NAL units behind start codes."""
        sample = _with_lengths(data)
        if not self._film.chunks or self._fill + len(sample) > _CHUNK:
            self._turn(decode_ms)
        film = self._film
        film.add(len(sample), decode_ms)
        film.late[-1] = show_ms - decode_ms
        if key:
            film.keys.append(len(film.sizes))
        self._write(sample)
        self._fill += len(sample)

    def pictures(
        self,
        parts: Callable[[int, int], list[Bytes]],
        sizes: Column,
        decode: Column,
        keys: Column,
    ) -> None:
        """Many of them, shown when they are decoded.

        parts: gives the bytes of the pictures [first, end) with lengths instead of start codes,
        of some at a time, as long lists of views cost much; keys: numbers of the key pictures.
        """
        film, place = self._film, 0
        ends = np.cumsum(sizes)
        film.keys.frombytes((keys + (len(film.sizes) + 1)).astype("u4").tobytes())
        while place < len(sizes):
            before = int(ends[place - 1]) if place else 0
            room = before + _CHUNK - self._fill if film.chunks else 0
            stop = int(np.searchsorted(ends, room, "right"))
            if stop <= place:
                self._turn(int(decode[place]))
                stop = max(int(np.searchsorted(ends, before + _CHUNK, "right")), place + 1)
            film.sizes.frombytes(sizes[place:stop].astype("u4").tobytes())
            film.decode.frombytes(decode[place:stop].astype("i8").tobytes())
            film.late.frombytes(bytes(4 * (stop - place)))
            film.counts[-1] += stop - place
            self._write(b"".join(parts(place, stop)))
            self._fill += int(ends[stop - 1]) - before
            place = stop

    def sound(self, data: bytes, time_ms: float) -> None:
        """The next packet of sound, AAC without its ADTS header."""
        assert self._sound is not None
        place = max(round(time_ms * self._sound.rate / 1000), self._last_sound + 1)
        self._last_sound = place
        self._sounds.append(_Pending(int(time_ms), place, data))

    def line(self, content: bytes, time_ms: int, duration_ms: int) -> None:
        """The next line of text, with its length before it; what lies between is empty."""
        if (self._lines or self._told.sizes) and self._text_end < time_ms:
            self._lines.append(_Pending(self._text_end, self._text_end, _TEXT_END))
        self._lines.append(_Pending(time_ms, time_ms, content))
        self._text_end = time_ms + duration_ms

    def _turn(self, decode_ms: int) -> None:
        """Ends a chunk of pictures; before the next stands what belongs before it."""
        self._others(decode_ms)
        self._film.begin(self._size)
        self._fill = 0

    def _others(self, until_ms: int) -> None:
        """Sound and text up to a time."""
        for samples, waiting in ((self._heard, self._sounds), (self._told, self._lines)):
            count = 0
            for one in waiting:
                if one.time_ms > until_ms:
                    break
                if not count:
                    samples.begin(self._size)
                samples.add(len(one.data), one.place)
                self._write(one.data)
                count += 1
            del waiting[:count]

    def _write(self, data: Bytes) -> None:
        self._file.write(data)
        self._size += len(data)

    def finish(self, look: Look, last_ms: int, title: str, comment: str) -> None:
        """Writes the index; last_ms: how long the last picture lasts."""
        self._others(1 << 62)
        head = b""
        for _ in range(2):  # the places of the chunks follow from the size of what is before them
            head = self._index(look, last_ms, title, comment, self._start(len(head)))
        start = self._start(len(head))
        media = self._size + _MEDIA
        wide = media >= 1 << 32
        frame = _WIDE if wide else _MEDIA
        spare = start - len(head) - frame
        free = struct.pack(">I4s", spare, b"free").ljust(spare, b"\0") if spare else b""
        opened = struct.pack(">I4sQ", 1, b"mdat", media + 8) if wide else (
            struct.pack(">I4s", media, b"mdat"))  # fmt: skip
        self._file.flush()
        self._move(start)
        self._file.seek(0)
        self._file.write(head + free + opened)
        self._file.close()

    def _start(self, head: int) -> int:
        """Where the media data begin: at the room left for the index, if it fits well."""
        frame = _WIDE if self._size + _MEDIA >= 1 << 32 else _MEDIA
        spare = self._room - head - frame
        wasted = max(_MOST_WASTED, self._size // 64)
        fits = spare == 0 or 8 <= spare <= wasted
        return self._room if fits else head + frame

    def _move(self, start: int) -> None:
        """Brings the media data to their final place, if that is another."""
        there, shift = self._file.fileno(), start - self._room
        places = range(0, self._size, _PART) if shift else ()
        for place in places if shift < 0 else reversed(places):
            data = os.pread(there, min(_PART, self._size - place), self._room + place)
            os.pwrite(there, data, self._room + shift + place)
        os.ftruncate(there, start + self._size)

    def _index(self, look: Look, last_ms: int, title: str, comment: str, start: int) -> bytes:
        origin = min(0, _shown(self._film))
        entry = _boxes.picture_entry(look.codec, look.size, look.sets)
        tracks = [_track(1, "vide", self._film, entry, 1000, last_ms, start, origin, look.size)]
        if self._sound is not None and self._heard.sizes:
            sound = self._sound
            entry = _boxes.sound_entry(sound.codec, sound.rate, sound.channels, config(sound))
            last = AAC_SAMPLES if sound.codec == Codec.AAC else AMR_SAMPLES
            number = len(tracks) + 1
            tracks.append(
                _track(number, "soun", self._heard, entry, sound.rate, last, start, origin)
            )
        if self._text and self._told.sizes:
            last = max(self._text_end - self._told.decode[-1], 1)
            entry, number = _boxes.text_entry(), len(tracks) + 1
            tracks.append(_track(number, "sbtl", self._told, entry, 1000, last, start, origin))
        ends = max(one.ends_ms for one in tracks)
        return _HEAD + _boxes.film(ends, [one.content for one in tracks], title, comment)

    def close(self) -> None:
        """Closes the file, whatever it holds."""
        self._file.close()


class _Track(NamedTuple):
    ends_ms: int
    content: bytes


def _shown(samples: _Samples) -> int:
    """When the first sample is shown, of pictures that may be reordered."""
    return int(_shows(samples).min())


def _shows(samples: _Samples) -> Column:
    """When each sample is shown."""
    late: Column = np.frombuffer(samples.late, "i4").astype("i8")
    return np.frombuffer(samples.decode, "i8") + late


def _track(
    number: int,
    kind: str,
    samples: _Samples,
    entry: bytes,
    timescale: int,
    last: int,
    start: int,
    origin_ms: int,
    size: tuple[int, int] = (0, 0),
) -> _Track:
    """A track; last: duration of the last sample; start: of the media data in the file."""
    decode, shown = np.frombuffer(samples.decode, "i8"), _shows(samples)
    first = int(shown.min())
    steps = np.append(np.diff(decode), last)
    length = int(decode[-1]) + last - int(decode[0])
    lead = first - int(decode[0])
    shown_ms = round((int(shown.max()) + last - first) * 1000 / timescale)
    empty = round(first * 1000 / timescale) - origin_ms
    edits = [(empty, -1)] * (empty > 0) + [(shown_ms, lead)]
    keys = np.frombuffer(samples.keys, "u4") if kind == "vide" else None
    if keys is not None and len(keys) == len(samples.sizes):
        keys = None
    table = _boxes.table(
        entry,
        np.frombuffer(samples.sizes, "u4"),
        steps,
        shown - decode,
        keys,
        np.frombuffer(samples.chunks, "u8").astype("i8") + start,
        np.frombuffer(samples.counts, "u4").astype("i8"),
    )
    content = _boxes.track(
        number, kind, timescale=timescale, duration=length, edits=edits, size=size, samples=table
    )
    return _Track(empty + shown_ms, content)


def _with_lengths(data: bytes) -> bytes:
    """NAL units behind their lengths, as MP4 holds them."""
    view, parts = memoryview(data), list[Bytes]()
    for unit in nal.units(data):
        parts += (struct.pack(">I", unit.end - unit.start), view[unit.start : unit.end])
    return b"".join(parts)
