"""Frames as columns: the table every reader yields, and the window it is given."""

from collections.abc import Sequence
from enum import IntEnum, IntFlag
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vidrecover.model._source import Extent

NO_CHANNEL = -1
NO_TIME = int(np.iinfo(np.int64).min)
NO_TICK = int(np.iinfo(np.int64).min)
NO_SEQUENCE = -1


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
    """Codecs of the frames; audio starts at 32. ENCRYPTED, ENCRYPTED_AUDIO: the stream's own
    headers say that the payload is enciphered, so that what it is does not show."""

    UNKNOWN = 0
    H264 = 1
    H265 = 2
    MPEG4 = 3
    MJPEG = 4
    MPEG2 = 5
    ENCRYPTED = 6
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
    ENCRYPTED_AUDIO = 62
    OTHER_AUDIO = 63


class FrameFlag(IntFlag):
    """What must be known of a row besides its columns.

    CONTINUES: its payload belongs to the frame of the row before it (a fragment of one access
    unit, or the second half of a frame cut at the border of a disk fragment).
    UNFINISHED: the frame is known to lack bytes.
    BAD_CHECKSUM: header checksum differs, though both lengths agree.
    END_UNPROVEN: nothing confirms where the frame ends (no trailer, no header behind it).
    JOINED: glued over a fragment border by header arithmetic, or by decoding.
    MORE: the frame goes on in the next row of its segment (or of the segment behind it).
    OVERRUN: only between a reader and the scan: the frame goes beyond the window's data.
    BURNT: its time is what the clock in its picture shows; the bytes carry none.
    NAMED: its time counts from the one that the name of its file tells; never stored.
    """

    NONE = 0
    CONTINUES = 1
    UNFINISHED = 2
    BAD_CHECKSUM = 4
    END_UNPROVEN = 8
    JOINED = 16
    MORE = 32
    OVERRUN = 64
    BURNT = 128
    NAMED = 256


FRAME_DTYPE = np.dtype(
    [
        ("offset", "<i8"),  # absolute, of the row's first byte (its header)
        ("size", "<u4"),  # bytes on the source, header and trailer included
        ("payload_offset", "<u2"),  # from `offset`
        ("payload_size", "<u4"),
        ("channel", "<i2"),  # from 1, NO_CHANNEL when the bytes do not tell
        ("stream", "u1"),  # Stream
        ("lane", "<u2"),  # number of a stream in its file where the bytes name no camera, or 0
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


class Reader(Protocol):
    """Turns the candidate positions of one format in a window into frames."""

    def __call__(self, window: Window, candidates: npt.NDArray[np.int64]) -> Frames:
        """Frames that start before the window's limit, ordered by offset.

        candidates: positions in window.data where a signature of the format begins, ascending;
        some may lie beyond the limit. Never raises on any bytes.
        """
        ...
