"""One clip's file: streams laid into MP4 or Matroska as they are, renamed when whole.

MP4 of H.264 and H.265 is written by `_mp4`, the rest by FFmpeg.
"""

import errno
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import OutputContainer
from av.stream import Stream

from vidrecover import nal
from vidrecover.clips import _columns as columns
from vidrecover.clips._boxes import Column
from vidrecover.clips._mp4 import Look, Movie
from vidrecover.clips._order import Placed
from vidrecover.clips._shape import Shape
from vidrecover.clips._sound import Sound, bare, packets, template
from vidrecover.errors import ClipError
from vidrecover.model import Codec

END_PLACEHOLDER = "9999-99-99T99:99:99.999"
"""Stands in the comment until the end of the clip is known."""

MP4, MATROSKA = "mp4", "mkv"
_MILLISECOND = Fraction(1, 1000)
_NAMES = {
    Codec.H264: "h264",
    Codec.H265: "hevc",
    Codec.MPEG2: "mpeg2video",
    Codec.MPEG4: "mpeg4",
    Codec.MJPEG: "mjpeg",
}
_OURS = frozenset({Codec.H264, Codec.H265})
_IN_MP4 = _OURS | {Codec.MPEG2, Codec.MPEG4}
_SETS = frozenset({"vps", "sps", "pps"})
_RESYNC_MS = 500
_SYSTEM_ERRORS = frozenset(
    {
        *(errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EROFS, errno.EACCES),
        *(errno.ENOENT, errno.ENOMEM, errno.EDQUOT, errno.ENODEV, errno.ENXIO),
    }
)
_ONE_SEGMENT = "1000000000"  # seconds


class Refused(Exception):  # noqa: N818 - not an error of the program: damaged footage
    """The container takes neither these bytes nor their like; the message is FFmpeg's."""


class Track(NamedTuple):
    """What the file will hold; clock: with a text track; pictures: at most so many."""

    codec: Codec
    shape: Shape
    sound: Sound | None
    title: str
    comment: str
    clock: bool
    pictures: int


def container_for(codec: Codec, sound: Sound | None) -> str:
    """mp4 where it takes codec and sound with their times, else mkv; the suffix of the file.

    MP4 refuses G.711, and keeps no time for packets of PCM, so that sound would run ahead
    behind every lost packet. [A: measured with FFmpeg 8.1]
    """
    return MP4 if codec in _IN_MP4 and (sound is None or sound.in_mp4) else MATROSKA


def playable(codec: Codec) -> bool:
    """Whether a clip can be made of this video codec."""
    return codec in _NAMES


def refusal(codec: Codec) -> str:
    """Why no clip can be made of a video codec that is not `playable`."""
    if codec == Codec.ENCRYPTED:
        return "it is encrypted, as its packets say: export it with the recorder and its password"
    return f"its codec ({codec.name.lower()}) is not known"


class ClipFile:
    """A file being written beside its final name; times are milliseconds from its start."""

    def __init__(self, target: Path, start_ms: int, track: Track) -> None:
        self.target = target
        self.start_ms = start_ms
        self.track = track
        self.temporary = target.with_name(f".{target.name}.part0")
        self._audio_ms: float | None = None
        self._audio_last = -1
        self._movie: Movie | None = None
        self._look: Look | None = None
        self._lasts_ms = 0
        with explained(target):
            self.temporary.open("xb").close()
        try:
            with explained(target):
                self._open()
        except BaseException:
            self.discard()
            raise

    def _open(self) -> None:
        is_mp4, track = self.target.suffix == f".{MP4}", self.track
        if is_mp4 and track.codec in _OURS:
            self._movie = Movie(self.temporary, track.pictures, track.sound, text=track.clock)
            return
        self._output = _opened(self.temporary, is_mp4=is_mp4)
        self._output.metadata.update({"title": self.track.title, "comment": self.track.comment})
        shape, sound = self.track.shape, self.track.sound
        self._video = self._output.add_mux_stream(
            _NAMES[self.track.codec], width=shape.width, height=shape.height
        )
        streams: list[Stream] = [self._video]
        self._sound: Stream | None = None
        if sound is not None:
            self._template = template(sound)
            self._sound = self._output.add_stream_from_template(self._template.streams[0])
            streams.append(self._sound)
        self._text: Stream | None = None
        if self.track.clock:
            self._text = self._output.add_mux_stream("mov_text" if is_mp4 else "subrip")
            streams.append(self._text)
        for stream in streams:
            stream.time_base = _MILLISECOND

    def picture(self, placed: Placed, duration_ms: int) -> None:
        """Adds an access unit; duration: until the next picture is decoded."""
        self._lasts_ms = duration_ms
        if self._movie is not None:
            self._add(self._movie, placed)
            return
        packet = av.Packet(placed.picture.payload)
        packet.is_keyframe = placed.picture.key
        self._mux(self._video, packet, placed.decode_ms, placed.show_ms, duration_ms)

    def _add(self, movie: Movie, placed: Placed) -> None:
        one, start = placed.picture, self.start_ms
        if self._look is None:
            head = nal.head(self.track.codec, one.payload)
            sets = tuple(unit for unit in head if unit.kind in _SETS)
            size = self.track.shape.width, self.track.shape.height
            self._look = Look(self.track.codec, size, sets)
        with explained(self.target):
            movie.picture(
                one.payload, placed.decode_ms - start, placed.show_ms - start, key=one.key
            )

    @property
    def takes_many(self) -> bool:
        """Whether `pictures` may be called."""
        return self._movie is not None

    def pictures(self, look: columns.Look, first: int, end: int, decode_ms: Column) -> None:
        """Adds pictures [first, end) of a batch, shown when they are decoded; not the first of
        the file."""
        assert self._movie is not None
        with explained(self.target):
            self._movie.pictures(
                lambda start, stop: look.parts(first + start, first + stop),
                look.sizes(first, end),
                decode_ms - self.start_ms,
                np.flatnonzero(look.keys[first:end]),
            )

    def audio(self, payload: bytes, time_ms: int) -> None:
        """Adds an audio frame; small deviations of its time from the length heard so far are
        smoothed, larger ones followed."""
        sound = self.track.sound
        if sound is None:
            return
        wanted = float(time_ms - self.start_ms)
        if self._audio_ms is None or abs(wanted - self._audio_ms) > _RESYNC_MS:
            self._audio_ms = max(wanted, 0.0)
        for one in packets(sound, payload):
            length = one.samples * 1000 / sound.rate
            if self._movie is not None:
                self._movie.sound(bare(sound, one.data), self._audio_ms)
                self._audio_ms += length
                continue
            place = max(round(self._audio_ms), self._audio_last + 1)
            packet = av.Packet(one.data)
            packet.is_keyframe = True
            at = self.start_ms + place
            assert self._sound is not None
            self._mux(self._sound, packet, at, at, max(round(length), 1))
            self._audio_last = place
            self._audio_ms += length

    def text(self, line: str, time_ms: int, duration_ms: int) -> None:
        """Adds a line of the text track; MP4 wants its length before it (3GPP TS 26.245)."""
        if not self.track.clock:
            return
        content = line.encode()
        if self.target.suffix == f".{MP4}":
            content = struct.pack(">H", len(content)) + content
        if self._movie is not None:
            self._movie.line(content, time_ms - self.start_ms, duration_ms)
            return
        assert self._text is not None
        self._mux(self._text, av.Packet(content), time_ms, time_ms, duration_ms)

    def _mux(
        self,
        stream: Stream,
        packet: "av.Packet[Stream]",
        decode_ms: int,
        show_ms: int,
        duration_ms: int,
    ) -> None:
        packet.dts, packet.pts = decode_ms - self.start_ms, show_ms - self.start_ms
        packet.duration = duration_ms
        packet.time_base = _MILLISECOND
        packet.stream = stream
        try:
            self._output.mux(packet)
        except (av.FFmpegError, OSError) as error:
            with explained(self.target):
                raise error

    def finish(self, end: str | None) -> None:
        """Closes the file; end: recorder time for the comment. Its name is still temporary."""
        with explained(self.target):
            if self._movie is None:
                self._output.close()
                _patch(self.temporary, end)
                return
            assert self._look is not None
            comment = self.track.comment.replace(END_PLACEHOLDER, end or END_PLACEHOLDER)
            self._movie.finish(self._look, self._lasts_ms, self.track.title, comment)

    def publish(self) -> None:
        """Gives the finished file its name; raises ClipError if that exists already."""
        with explained(self.target):
            self.target.open("xb").close()
            self.temporary.replace(self.target)

    def discard(self) -> None:
        """Drops what was written."""
        if self._movie is not None:
            with suppress(OSError):
                self._movie.close()
        output = getattr(self, "_output", None)
        if output is not None:
            with suppress(OSError, av.FFmpegError):  # FFmpeg repeats the error that brought us here
                output.close()
        self.temporary.unlink(missing_ok=True)


def _opened(path: Path, *, is_mp4: bool) -> OutputContainer:
    """The container behind `path`, whose name ends in 0.

    Matroska goes through FFmpeg's segment muxer with a single segment: PyAV asks the Matroska
    muxer whether it takes G.711 and is told no, though it can. [A: measured with PyAV 18.1]
    """
    exact = {"fflags": "+bitexact"}
    if is_mp4:
        return av.open(str(path), "w", format="mp4", options={"movflags": "faststart"} | exact)
    pattern = str(path)[:-1].replace("%", "%%") + "%d"
    single = {"segment_format": "matroska", "segment_time": _ONE_SEGMENT}
    return av.open(pattern, "w", format="segment", options=single | exact)


def _patch(path: Path, end: str | None) -> None:
    """Sets the end in the comment."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        place = content.find(END_PLACEHOLDER.encode())
        if place >= 0 and end is not None:
            content[place : place + len(end)] = end.encode()


@contextmanager
def explained(target: Path) -> Iterator[None]:
    """Turns what the system or FFmpeg refuses into words that say what to do."""
    try:
        yield
    except FileExistsError as error:
        raise ClipError(f"{error.filename} exists already: choose an empty folder") from error
    except av.FFmpegError as error:
        if error.errno not in _SYSTEM_ERRORS:
            raise Refused(error.strerror) from error
        raise _unwritable(target, error.strerror) from error
    except OSError as error:
        raise _unwritable(target, error.strerror) from error


def _unwritable(target: Path, why: str | None) -> ClipError:
    return ClipError(
        f"{target} cannot be written ({why}): clips finished before are whole; "
        "make room or choose another folder"
    )
