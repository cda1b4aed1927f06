"""What is known of a container file: its streams, its bytes, what is wrong with it."""

import msgspec

from vidrecover.model._observed import Segment
from vidrecover.model._source import Extent


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """How the sound beside a stream of pictures is coded, as the container says.

    config: the AudioSpecificConfig of AAC, else empty; rate: samples per second; channels.
    """

    config: bytes = b""
    rate: int
    channels: int


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """How one stream of a container file is decoded.

    number: of the stream in its file, from 1; lengths: bytes of the length that stands before
    each NAL unit instead of a start code, 0 where none does; sets: parameter sets with start
    codes (or the head of an MPEG-4 stream), empty where the container does not hold them;
    sets_at: where the box with them stands on the source; notes: what must be known of its clips.
    """

    number: int
    lengths: int = 0
    sets: bytes = b""
    sets_at: Extent | None = None
    sound: Sound | None = None
    notes: tuple[str, ...] = ()


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found of one container file; stored in one transaction.

    start: of its first byte; claims: all bytes that it explains, ordered and disjoint; segments:
    their `track` is the number of one of the tracks; damage: what is wrong with it, in words.
    """

    start: int
    claims: tuple[Extent, ...]
    tracks: tuple[Track, ...] = ()
    segments: tuple[Segment, ...] = ()
    damage: tuple[str, ...] = ()
