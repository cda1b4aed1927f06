"""What the recorder says: index entries, files, log records."""

from enum import StrEnum

import msgspec

from vidrecover.model._frames import Stream
from vidrecover.model._source import Extent
from vidrecover.model._time import RecorderMs


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
    layout stores whole seconds; open: still being written, the end is not reliable; written_ms:
    last change of a file as the file system has it, which is another clock than the name's and
    the footage's; locked: marked as an event that the loop spares.
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
    written_ms: RecorderMs | None = None
    locked: bool = False
    id: int | None = None


class EventKind(StrEnum):
    """What a log record tells, across recorders."""

    VIDEO_LOSS_START = "video_loss_start"
    VIDEO_LOSS_END = "video_loss_end"
    RECORD_START = "record_start"
    RECORD_STOP = "record_stop"
    POWER_ON = "power_on"
    POWER_OFF = "power_off"
    DISK_ERROR = "disk_error"
    DISK_FORMATTED = "disk_formatted"
    DISK_FULL = "disk_full"
    REPAIRED = "repaired"
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


class Ring(msgspec.Struct, frozen=True, kw_only=True):
    """Storage that a recorder writes in a circle, as its own structure says.

    extent: all of it, absolute; head: where the next block is written, inside it; block: bytes
    that are taken at once; lasting_ms: how long a camera wrote to one of them at most, 0 where they
    are so small that it does not matter.
    """

    extent: Extent
    head: int
    block: int
    lasting_ms: int = 0


class VolumeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one recorder layout or file system yielded.

    fragment_size: bytes, and fragment_start: absolute start of fragment 0, for layouts that
    store in equal fragments; used to rejoin frames cut at a border. damage: in words. ring: where
    the layout is written in a circle and says where it stands. allocated, unallocated: bytes of a
    file system that belong to files and that do not, None where it does not tell; free: where the
    latter lie, in order of place, the largest of very many.
    """

    layout: str
    extent: Extent
    claims: tuple[Claim, ...]
    events: tuple[Event, ...] = ()
    damage: tuple[str, ...] = ()
    fragment_size: int | None = None
    fragment_start: int | None = None
    label: str | None = None
    ring: Ring | None = None
    allocated: int | None = None
    unallocated: int | None = None
    free: tuple[Extent, ...] = ()
