"""The values that travel between the floors: extents, windows, frames, segments, claims.

Nothing here reads or writes. Byte positions are absolute on the source and half-open; recorder
time is integer milliseconds without a zone. In tables unknown is a masked constant (`NO_TIME`,
`NO_CHANNEL`, ...); everywhere else it is None.
"""

from collections.abc import Callable, Sequence
from enum import IntEnum, IntFlag, StrEnum
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

RecorderMs: TypeAlias = int
"""Milliseconds since 1970-01-01 as the recorder's own clock counted them; not UTC, no zone."""

Progress: TypeAlias = Callable[[int], None]
"""Told the number of bytes done since the last call."""

NO_CHANNEL = -1
NO_TIME = int(np.iinfo(np.int64).min)
NO_TICK = int(np.iinfo(np.int64).min)
NO_SEQUENCE = -1


class Extent(NamedTuple):
    """A half-open run of bytes [start, end) on the source."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes in the extent."""
        return self.end - self.start


class Media(IntEnum):
    """What a frame carries; `KEY` decodes alone, `DELTA` needs the frames before it."""

    UNKNOWN = 0
    KEY = 1
    DELTA = 2
    AUDIO = 3
    DATA = 4


class Stream(IntEnum):
    """Main (full quality) or sub (small) stream of a channel."""

    UNKNOWN = 0
    MAIN = 1
    SUB = 2


class Codec(IntEnum):
    """Codecs of the frames; audio starts at 32."""

    UNKNOWN = 0
    H264 = 1
    H265 = 2
    MPEG4 = 3
    MJPEG = 4
    PCM_ALAW = 32
    PCM_MULAW = 33
    PCM_S16LE = 34
    PCM_S8 = 35
    ADPCM_IMA = 36
    G726 = 37
    AAC = 38
    MP2 = 39
    MP3 = 40
    OPUS = 41
    AMR = 42
    OTHER_AUDIO = 63


class FrameFlag(IntFlag):
    """What must be known of a row besides its columns.

    CONTINUES: its payload belongs to the frame of the row before it (a fragment of one access
    unit, or the second half of a frame cut at the border of a disk fragment).
    UNFINISHED: the frame is known to lack bytes.
    BAD_CHECKSUM: header checksum differs, though both lengths agree.
    END_UNPROVEN: nothing confirms where the frame ends (no trailer, no header behind it).
    JOINED: glued over a fragment border by header arithmetic.
    MORE: the frame goes on in the next row of its segment (or of the segment behind it).
    OVERRUN: only between a reader and the scan: the frame goes beyond the window's data.
    """

    NONE = 0
    CONTINUES = 1
    UNFINISHED = 2
    BAD_CHECKSUM = 4
    END_UNPROVEN = 8
    JOINED = 16
    MORE = 32
    OVERRUN = 64


FRAME_DTYPE = np.dtype(
    [
        ("offset", "<i8"),  # absolute, of the row's first byte (its header)
        ("size", "<u4"),  # bytes on the source, header and trailer included
        ("payload_offset", "<u2"),  # from `offset`
        ("payload_size", "<u4"),
        ("channel", "<i2"),  # from 1, NO_CHANNEL when the bytes do not tell
        ("stream", "u1"),  # Stream
        ("kind", "u1"),  # Media
        ("codec", "u1"),  # Codec, as the payload itself shows or the header says
        ("rate", "<u2"),  # pictures in 100 seconds as the header says, 0 unknown
        ("time_ms", "<i8"),  # RecorderMs as the bytes say (maybe whole seconds), or NO_TIME
        ("tick_ms", "<i8"),  # free-running counter as stored, in milliseconds, or NO_TICK
        ("sequence", "<i8"),  # as stored, or NO_SEQUENCE
        ("format", "<u2"),  # index into the run's list of formats
        ("flags", "<u2"),  # FrameFlag
    ]
)
"""One row per frame, or per contiguous piece of a frame that lies in several places."""

Frames: TypeAlias = npt.NDArray[Any]
"""A structured array of FRAME_DTYPE."""


def no_frames(count: int = 0) -> Frames:
    """A table of `count` rows with every column unknown."""
    rows = np.zeros(count, dtype=FRAME_DTYPE)
    rows["channel"] = NO_CHANNEL
    rows["time_ms"] = NO_TIME
    rows["tick_ms"] = NO_TICK
    rows["sequence"] = NO_SEQUENCE
    return rows


def together(tables: Sequence[Frames]) -> Frames:
    """Tables one behind the other. Rows are copied whole, which is many times faster than
    column by column; so do `take` and `compress`, but not indexing."""
    whole = np.dtype((np.void, FRAME_DTYPE.itemsize))
    rows: Frames = np.concatenate([no_frames().view(whole), *(one.view(whole) for one in tables)])
    return rows.view(FRAME_DTYPE)


class Window(NamedTuple):
    """A stretch of the source in memory.

    offset: absolute position of data[0]; data: the bytes, overlap included; limit: frames must
    start before data[limit] (the rest is overlap, maybe too short for a large frame, which is
    then flagged OVERRUN and read again in a window with all of it); unreadable: absolute
    extents whose bytes are zeros in data because the device refused them; at_end: data ends
    where the source ends.
    """

    offset: int
    data: npt.NDArray[np.uint8]
    limit: int
    unreadable: tuple[Extent, ...] = ()
    at_end: bool = False


class SourceIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """What tells one source from another.

    kind: raw, split, ewf, device, ...; size: bytes; stored_hashes: digests the container itself
    carries, by lower-case name (md5, sha1, sha256), in hexadecimal.
    """

    path: str
    kind: str
    size: int
    sector_size: int = 512
    model: str | None = None
    serial: str | None = None
    stored_hashes: dict[str, str] = {}


class SourceRef(msgspec.Struct, frozen=True, kw_only=True):
    """How to open a source again, in this or another process; small and picklable.

    map_path: a ddrescue map whose bad ranges count as unreadable. faults: for tests, extents
    that a fault-injecting source refuses.
    """

    path: str
    map_path: str | None = None
    faults: tuple[Extent, ...] = ()


class Source(Protocol):
    """Read-only bytes under examination. Safe to use from one thread at a time."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def identity(self) -> SourceIdentity:
        """What tells this source from another."""
        ...

    def read_into(self, offset: int, buffer: npt.NDArray[np.uint8]) -> list[Extent]:
        """Fill the buffer from `offset`; return the absolute unreadable extents, zero-filled.

        Reading beyond the end raises ValueError: callers know the size.
        """
        ...

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset`, cut at the end; unreadable bytes are zeros."""
        ...

    def close(self) -> None:
        """Release the handles."""
        ...


class Reader(Protocol):
    """Turns the candidate positions of one format in a window into frames."""

    def __call__(self, window: Window, candidates: npt.NDArray[np.int64]) -> Frames:
        """Frames that start before the window's limit, ordered by offset.

        candidates: positions in window.data where a signature of the format begins, ascending;
        some may lie beyond the limit. Never raises on any bytes.
        """
        ...


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Frames of one channel, stream and format, unbroken in time, at most a minute, as stored.

    start_ms: of the first frame; end_ms: of the last frame (not its end), both None when the
    format carries no time. frames: video frames (access units, not rows); keys, audio: counts;
    missing: frames that the sequence numbers show to be lost just before it or inside;
    unfinished: frames known to lack bytes; rows: the packed table, see `segments.unpack`;
    joined: a frame glued over a border.
    """

    format: str
    channel: int | None
    stream: Stream
    codec: Codec
    start_ms: RecorderMs | None
    end_ms: RecorderMs | None
    start: int
    end: int
    frames: int
    keys: int
    audio: int
    size: int
    first_sequence: int | None
    last_sequence: int | None
    missing: int
    unfinished: int
    rows: bytes
    joined: bool = False
    id: int | None = None


EDGE_SIZE = 64
"""Bytes kept beside a loose end: more than any header or trailer of a frame."""


class LooseEnd(msgspec.Struct, frozen=True, kw_only=True):
    """Where an unbroken run of frames stops (`after`) or begins (not `after`) without a
    neighbour: the place where a cut frame may go on elsewhere.

    position: absolute; for `after` the byte behind the last frame, else the first byte of the
    first frame. sequence, time_ms, channel: of that frame. edge: the bytes just behind the
    position (`after`) or just before it, so that a cut header or trailer can be put together
    without reading the source again; shorter than `EDGE_SIZE` only at the source's ends.
    """

    after: bool
    position: int
    format: str
    channel: int | None
    codec: Codec
    sequence: int | None
    time_ms: RecorderMs | None
    edge: bytes = b""


class UnitResult(msgspec.Struct, frozen=True, kw_only=True):
    """All that one unit of a scan found; stored in one transaction.

    extent: what was read; unidentified: bytes no reader knew; blank: bytes of a single value;
    unreadable: bytes the device refused. The three are ordered and do not overlap.
    """

    extent: Extent
    segments: list[Segment]
    loose_ends: list[LooseEnd]
    unidentified: list[Extent]
    blank: list[Extent]
    unreadable: list[Extent]


class ClaimKind(StrEnum):
    """How a recorder's structure speaks of footage.

    INDEX: a live index entry; DELETED: an entry marked deleted or free, still legible;
    REMNANT: linked pieces whose entry is gone (an orphaned continuation chain): the recorder
    no longer lists them; FILE: a live file; DELETED_FILE: a deleted file.
    """

    INDEX = "index"
    DELETED = "deleted"
    REMNANT = "remnant"
    FILE = "file"
    DELETED_FILE = "deleted_file"


LISTED = frozenset({ClaimKind.INDEX, ClaimKind.FILE})
"""Kinds by which the recorder itself would still show the footage."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What the recorder says: this channel, this span, these bytes. Never believed alone.

    extents: in logical order; entry: where the claim itself stands on the source; damage: what
    is wrong with it in words, or None; end_ms is inclusive of its last second where the
    layout stores whole seconds; open: still being written, the end is not reliable.
    """

    volume: str
    kind: ClaimKind
    channel: int | None
    stream: Stream = Stream.UNKNOWN
    start_ms: RecorderMs | None
    end_ms: RecorderMs | None
    extents: tuple[Extent, ...]
    entry: Extent
    name: str | None = None
    damage: str | None = None
    open: bool = False
    id: int | None = None


class EventKind(StrEnum):
    """What a log record tells, across recorders."""

    VIDEO_LOSS_START = "video_loss_start"
    VIDEO_LOSS_END = "video_loss_end"
    POWER_ON = "power_on"
    POWER_OFF = "power_off"
    DISK_ERROR = "disk_error"
    DISK_FORMATTED = "disk_formatted"
    DISK_FULL = "disk_full"
    CLOCK_SET = "clock_set"
    OTHER = "other"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A log record: explains absence. entry: where it stands; code: as the recorder wrote it."""

    kind: EventKind
    time_ms: RecorderMs | None
    channel: int | None
    code: int | None
    text: str
    entry: Extent
    id: int | None = None


class VolumeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one recorder layout or file system yielded.

    fragment_size: bytes, and fragment_start: absolute start of fragment 0, for layouts that
    store in equal fragments; used to rejoin frames cut at a border. damage: in words.
    """

    layout: str
    extent: Extent
    claims: tuple[Claim, ...]
    events: tuple[Event, ...] = ()
    damage: tuple[str, ...] = ()
    fragment_size: int | None = None
    fragment_start: int | None = None
    label: str | None = None


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """Neighbouring segments of one channel, stream, format and codec without a gap, in order.

    The segments may come without their rows (`rows` empty) where only spans are needed.
    """

    channel: int | None
    stream: Stream
    format: str
    codec: Codec
    start_ms: RecorderMs | None
    end_ms: RecorderMs | None
    segments: tuple[Segment, ...]


class State(StrEnum):
    """What exists of one camera in one span; the words are a contract. Worst last."""

    RECORDED = "recorded"
    RECORDER_OFF = "recorder_off"
    NOT_KNOWN = "not_known"
    OVERWRITTEN = "overwritten"
    NOT_INDEXED = "not_indexed"
    NOT_RECORDED = "not_recorded"
    NO_SIGNAL = "no_signal"
    INDEXED_NOT_FOUND = "indexed_not_found"
    UNREADABLE = "unreadable"


class PictureState(StrEnum):
    """What key frames show; the words are a contract."""

    LIVE = "live"
    NO_SIGNAL = "no_signal"
    DARK = "dark"
    COVERED = "covered"
    FROZEN = "frozen"
    BLURRED = "blurred"
    NOISY = "noisy"
    ROLLING = "rolling"
    COLOURLESS = "colourless"
    NOT_CHECKED = "not_checked"


class TimeSpan(NamedTuple):
    """Recorder time [start_ms, end_ms)."""

    start_ms: RecorderMs
    end_ms: RecorderMs


class StateSpan(msgspec.Struct, frozen=True, kw_only=True):
    """One camera's state over one span, with its reason and what it rests on."""

    span: TimeSpan
    state: State
    indexed: bool
    picture: PictureState
    reason: str
    basis: tuple[str, ...]


class ChannelDiagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """All spans of one camera in time order; channel None: footage whose camera is unknown."""

    channel: int | None
    state: State
    spans: tuple[StateSpan, ...]


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Every camera accounted for. scanned_share: 0 to 1; window None: nothing dated was found."""

    source: str
    scanned_share: float
    window: TimeSpan | None
    channels: tuple[ChannelDiagnosis, ...]
    notes: tuple[str, ...] = ()


class Grade(StrEnum):
    """How whole a clip is; the words are a contract."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    DAMAGED = "damaged"


class Clip(msgspec.Struct, frozen=True, kw_only=True):
    """A playable file rebuilt by stream copy; an entry of `clips.json`.

    file: name relative to the folder; from_ms, to_ms: recorder time of the first frame and of
    the end of the last, None when the format carries no time; format: of the source frames.
    """

    file: str
    channel: int | None
    stream: Stream
    from_ms: RecorderMs | None
    to_ms: RecorderMs | None
    frames: int
    codec: Codec
    grade: Grade
    format: str
    notes: tuple[str, ...]


class Fragment(msgspec.Struct, frozen=True, kw_only=True):
    """A contiguous run of source bytes in a clip; a row of `fragments.csv`."""

    clip: str
    seq: int
    source: str
    offset: int
    length: int
    sha256: str
    kind: str
