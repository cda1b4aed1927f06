"""What a scan read and found, added up from the catalogue for the person who waits for it."""

from collections.abc import Iterable, Iterator

import msgspec

from vidrecover import extents
from vidrecover.catalogue import Catalogue
from vidrecover.model import Clip, Grade, RecorderMs, Segment, Source, TimeSpan
from vidrecover.source import HashState, ewf_of
from vidrecover.source.imaging import Copied


class ChannelFound(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan found of one camera: video frames, bytes, recorder time of first and last."""

    channel: int | None
    frames: int
    size: int
    first_ms: RecorderMs | None
    last_ms: RecorderMs | None


class ScanReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan read and found. Bytes, except counts.

    resumed: bytes that an earlier scan had read already; joined: frames cut at a fragment border
    and glued again; doubtful: those for which the proof is missing; claims: entries of the
    recorder; damage: what is missing or broken, in words; notes: what else must be known; image:
    that was made on the way.
    """

    source: str
    size: int
    resumed: int
    unreadable: int
    unidentified: int
    blank: int
    segments: int
    joined: int
    doubtful: int
    claims: int
    channels: tuple[ChannelFound, ...]
    damage: tuple[str, ...]
    notes: tuple[str, ...]
    image: Copied | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing or broken."""
        return not self.damage


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one source: its case; cameras that were found, seconds of footage, recorder
    time of the first and the last frame, how many cameras are in which state; what is missing or
    broken; and why it could not be scanned, if so."""

    source: str
    case: str
    cameras: int = 0
    seconds: float = 0.0
    first_ms: RecorderMs | None = None
    last_ms: RecorderMs | None = None
    states: dict[str, int] = {}
    damage: tuple[str, ...] = ()
    error: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it was scanned and nothing is missing or broken."""
        return self.error is None and not self.damage


class WindowFound(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one camera in the span that was asked for.

    is_whole: proven that no frame of it is missing; has_footage: frames of it are in the span,
    or reach into it; silences: in which
    the recorder wrote nothing of this camera; reason: what is not proven, or missing.
    """

    channel: int
    is_whole: bool
    has_footage: bool
    silences: tuple[TimeSpan, ...]
    reason: str | None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a search for a span found. bytes_read: of all reading, however often; probes: places
    that were looked at to know where to read; left_out: reasons why footage became no clip."""

    source: str
    span: TimeSpan
    clips: tuple[Clip, ...]
    left_out: tuple[str, ...]
    windows: tuple[WindowFound, ...]
    bytes_read: int
    source_size: int
    probes: int
    seconds: float

    @property
    def is_whole(self) -> bool:
        """Whether every camera's span is proven to be whole, and all of it plays."""
        whole = all(one.is_whole and one.has_footage for one in self.windows)
        return whole and not self.left_out and all(c.grade is Grade.COMPLETE for c in self.clips)


def scan_report(
    stored: Catalogue,
    source: Source,
    segments: Iterable[Segment],
    *,
    resumed: int,
    doubtful: int,
    image: Copied | None = None,
) -> ScanReport:
    """The report of a scan that has read everything; segments: the catalogue's, without rows."""
    found = list(segments)
    unreadable = extents.total(stored.unreadable())
    damage = [words for one in stored.volumes() for words in one.damage]
    if unreadable:
        damage.append(f"{unreadable} bytes cannot be read; the rest was scanned")
    broken, known = _container(source)
    damage += broken
    return ScanReport(
        source=source.identity.path,
        size=source.size,
        resumed=resumed,
        unreadable=unreadable,
        unidentified=extents.total(stored.unidentified()),
        blank=extents.total(stored.blank()),
        segments=len(found),
        joined=sum(one.joined for one in found),
        doubtful=doubtful,
        claims=len(stored.claims()),
        channels=tuple(_channels(found)),
        damage=tuple(damage),
        notes=tuple(known),
        image=image,
    )


def _container(source: Source) -> tuple[list[str], list[str]]:
    """What is broken in an E01 image, and what else must be known of it; nothing for others."""
    image = ewf_of(source)
    if image is None:
        return [], []
    damage, notes = list(image.damage), list[str]()
    match image.hash_check.state:
        case HashState.DIFFERS:
            damage.append("the image was changed: its digest differs from the one stored in it")
        case HashState.NOT_STORED:
            notes.append("the image carries no digest to compare with")
        case HashState.NOT_COMPLETE if not damage:
            notes.append(
                "the digest stored in the image was not compared, since it was not read in one go"
                " by one process"
            )
    return damage, notes


def _channels(found: Iterable[Segment]) -> Iterator[ChannelFound]:
    """Sums per camera, the unknown one last."""
    sums: dict[int | None, list[Segment]] = {}
    for one in found:
        sums.setdefault(one.channel, []).append(one)
    for channel, own in sorted(sums.items(), key=lambda item: (item[0] is None, item[0] or 0)):
        yield ChannelFound(
            channel=channel,
            frames=sum(one.frames for one in own),
            size=sum(one.size for one in own),
            first_ms=min((one.start_ms for one in own if one.start_ms is not None), default=None),
            last_ms=max((one.end_ms for one in own if one.end_ms is not None), default=None),
        )
