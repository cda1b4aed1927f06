"""What a scan observes: segments of frames, loose ends, all that a unit holds."""

import msgspec

from vidrecover.model._frames import Codec, Stream
from vidrecover.model._source import Extent
from vidrecover.model._time import RecorderMs


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Frames of one channel, stream and format, unbroken in time, at most a minute, as stored.

    start_ms: of the first frame; end_ms: of the last frame (not its end), both None when the
    format carries no time. frames: video frames (access units, not rows); keys, audio: counts;
    missing: frames that the sequence numbers show to be lost just before it or inside;
    unfinished: frames known to lack bytes; rows: the packed table, see `segments.unpack`;
    joined: a frame glued over a border; named_by_claim: the bytes name no camera, the channel is
    what the recorder's records say, see `timeline.attributed`; never stored. label: A, B, ...
    of the camera that its pictures show it to be of, where the bytes name none; stored apart;
    numbered: the channel is the number that is burnt into its pictures.
    track: of which stream of a container it is, see `Track`; None outside of containers. lane:
    the number of its stream in its file where the bytes name no camera; never a camera.
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
    named_by_claim: bool = False
    label: str | None = None
    numbered: bool = False
    lane: int | None = None
    track: int | None = None
    id: int | None = None


class Seam(msgspec.Struct, frozen=True, kw_only=True):
    """A frame that was cut at a border. start: its first byte; joined: whether it was put together;
    words: the proof, or the doubt."""

    start: int
    joined: bool
    words: str


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
