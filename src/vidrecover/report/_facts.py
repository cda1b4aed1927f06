"""What a report shows, as values: nothing here reads a source or a catalogue."""

import msgspec

from vidrecover.catalogue import ChannelSummary, Run
from vidrecover.extents import total
from vidrecover.model import Clip, Diagnosis, Event, Extent, SourceIdentity
from vidrecover.stills import Still


class ReadShare(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the bytes of the source. All numbers are bytes.

    scanned: read by every format, with what the device refused in between; unidentified and
    blank: inside it; unreadable: ordered and disjoint.
    """

    size: int
    scanned: int
    unidentified: int
    blank: int
    unreadable: tuple[Extent, ...]

    @property
    def refused(self) -> int:
        """Bytes that the device refused."""
        return total(self.unreadable)

    @property
    def not_read(self) -> int:
        """Bytes that no scan has reached."""
        return max(self.size - self.scanned, 0)

    @property
    def understood(self) -> int:
        """Bytes of footage and of known structures."""
        return max(self.scanned - self.unidentified - self.blank - self.refused, 0)

    @property
    def is_whole(self) -> bool:
        """Whether every byte was read."""
        return not self.not_read and not self.unreadable


class VolumeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A recorder's layout or a file system. claims, events: how many it holds; allocated,
    unallocated: bytes that belong to files and that do not, None where it does not tell."""

    layout: str
    extent: Extent
    label: str | None
    claims: int
    events: int
    damage: tuple[str, ...] = ()
    allocated: int | None = None
    unallocated: int | None = None


class FormatUsed(msgspec.Struct, frozen=True, kw_only=True):
    """A format that was looked for; frames: video frames of it that were found."""

    name: str
    title: str
    vendors: tuple[str, ...]
    limits: tuple[str, ...]
    frames: int


class StillShown(msgspec.Struct, frozen=True, kw_only=True):
    """A key picture on the page; jpeg: its bytes in base64, made here and so safe to be shown."""

    still: Still
    jpeg: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a report shows.

    created_at: UTC by this computer's clock, `2026-03-15T10:00:00`; totals: of each camera, the
    unknown one last; formats_digest: of all descriptions in use; clips: the newest that were
    made, with their folder, None when there are none; notes: what must be known besides the
    notes of the diagnosis; stills: of each camera, only when they were asked for.
    """

    diagnosis: Diagnosis
    source: SourceIdentity
    read: ReadShare
    created_at: str
    tool_version: str
    formats_digest: str
    formats: tuple[FormatUsed, ...] = ()
    volumes: tuple[VolumeSeen, ...] = ()
    events: tuple[Event, ...] = ()
    totals: tuple[ChannelSummary, ...] = ()
    runs: tuple[Run, ...] = ()
    clips: tuple[Clip, ...] | None = None
    clips_folder: str | None = None
    notes: tuple[str, ...] = ()
    stills: tuple[StillShown, ...] = ()
