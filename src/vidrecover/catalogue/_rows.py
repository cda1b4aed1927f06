"""Rows of the catalogue and the values they stand for."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from vidrecover.extents import merged
from vidrecover.model import (
    Claim,
    ClaimKind,
    Codec,
    Event,
    EventKind,
    Extent,
    LooseEnd,
    PictureState,
    RecorderMs,
    Ring,
    Segment,
    SourceIdentity,
    Stream,
    UnitResult,
    VolumeReport,
)

SEGMENT = (
    "format, channel, stream, codec, start_ms, end_ms, start, end_, frames, keys, audio, size,"
    " first_sequence, last_sequence, missing, unfinished, joined, lane"
)
LOOK = (
    "segment_id, start_ms, end_ms, state, certain, pictures, reason, width, height, sharpness,"
    " scrambled, cells, overlay"
)
LOOSE_END = "after, position, format, channel, codec, sequence, time_ms, edge"
CLAIM = (
    "volume, kind, channel, stream, start_ms, end_ms, entry_start, entry_end, name, damage, open,"
    " written_ms, locked"
)
EVENT = "kind, time_ms, channel, code, text, entry_start, entry_end"
VOLUME = (
    "layout, start, end_, fragment_size, fragment_start, label, damage, ring,"
    " allocated, unallocated"
)
SOURCE = "path, kind, size, sector_size, model, serial, stored_hashes"
RUN = "source_id, path, started, tool_version, formats_digest, format_names"

Row = tuple[Any, ...]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One opening of the catalogue for work.

    path: where the source was this time; started: this computer's clock in UTC, ISO 8601;
    format_names: in the order of the indexes in frame tables.
    """

    id: int
    source_id: int
    path: str
    started: str
    tool_version: str
    formats_digest: str
    format_names: tuple[str, ...]


class ChannelSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one camera so far.

    frames: video frames of all streams; seconds: of the longest of its streams, where footage
    that lies on the source twice counts twice; size: bytes.
    """

    channel: int | None
    segments: int
    frames: int
    seconds: float
    size: int
    first_ms: RecorderMs | None
    last_ms: RecorderMs | None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the key pictures of one segment show, or of a part of it where they change.

    start_ms: of the first key picture that shows this; end_ms: of the one that shows something
    else, or of the segment's last frame; both None when it has no time. certain: False where
    only suspected; pictures: how many were judged; reason: in words, with the measured values;
    width, height: as coded; sharpness: see `picture.Measures`; scrambled: noise, no pictures.
    cells: fingerprint of the pictures where they are all the same, see `picture.cells_of`; overlay:
    how much the bands change in which the recorder writes, see `picture.Measures`.
    """

    segment_id: int
    start_ms: RecorderMs | None = None
    end_ms: RecorderMs | None = None
    state: PictureState
    certain: bool
    pictures: int
    reason: str
    width: int | None = None
    height: int | None = None
    sharpness: float | None = None
    scrambled: bool = False
    cells: bytes | None = None
    overlay: float | None = None


class Shown(NamedTuple):
    """What the pictures of a segment show, packed, None where none decodes; kind: digest of its
    parameter sets, empty where it has none."""

    segment_id: int
    kind: bytes
    view: bytes | None


class Tally(NamedTuple):
    """Sums over the segments up to id `last`; sums: by channel and stream (count, frames, size,
    milliseconds, first and last time); version: of the file as other processes changed it."""

    version: int | None = None
    last: int = 0
    sums: dict[tuple[int | None, int], Row] = {}  # noqa: RUF012  # never changed in place


def added(tally: Tally, last: int, rows: Iterable[Row]) -> Tally:
    """The tally with rows (channel, stream, count, frames, ...) of the segments up to `last`."""
    sums = dict(tally.sums)
    for channel, stream, *more in rows:
        before = sums.get((channel, stream), (0, 0, 0, 0, None, None))
        counts = (old + new for old, new in zip(before[:4], more[:4], strict=True))
        firsts = [time for time in (before[4], more[4]) if time is not None]
        lasts = [time for time in (before[5], more[5]) if time is not None]
        sums[channel, stream] = (*counts, min(firsts, default=None), max(lasts, default=None))
    return Tally(tally.version, last, sums)


def summary(tally: Tally) -> list[ChannelSummary]:
    """One summary for each channel, the unknown one last."""
    found = []
    channels = {channel for channel, _ in tally.sums}
    for channel in sorted(channels, key=lambda one: (one is None, one or 0)):
        parts = [row for (number, _), row in tally.sums.items() if number == channel]
        found.append(
            ChannelSummary(
                channel=channel,
                segments=sum(row[0] for row in parts),
                frames=sum(row[1] for row in parts),
                size=sum(row[2] for row in parts),
                seconds=max(row[3] for row in parts) / 1000,
                first_ms=min((row[4] for row in parts if row[4] is not None), default=None),
                last_ms=max((row[5] for row in parts if row[5] is not None), default=None),
            )
        )
    return found


def json(value: object) -> str:
    """JSON text of a list or dictionary."""
    return msgspec.json.encode(value).decode()


def run_of(row: Row) -> Run:
    """From id and RUN."""
    number, source_id, path, started, tool_version, digest, names = row
    return Run(
        id=number,
        source_id=source_id,
        path=path,
        started=started,
        tool_version=tool_version,
        formats_digest=digest,
        format_names=msgspec.json.decode(names, type=tuple[str, ...]),
    )


def source_row(identity: SourceIdentity) -> Row:
    """SOURCE of a source."""
    values = msgspec.structs.asdict(identity) | {"stored_hashes": json(identity.stored_hashes)}
    return tuple(values[name] for name in SOURCE.split(", "))


def source_of(row: Row) -> SourceIdentity:
    """From SOURCE."""
    values = dict(zip(SOURCE.split(", "), row, strict=True))
    values["stored_hashes"] = msgspec.json.decode(row[-1], type=dict[str, str])
    return SourceIdentity(**values)


def volume_row(report: VolumeReport) -> Row:
    """VOLUME of a report; its claims and events go elsewhere."""
    fragments = (report.fragment_size, report.fragment_start)
    ring = None if report.ring is None else json(report.ring)
    what = (report.layout, *report.extent, *fragments, report.label, json(report.damage), ring)
    return (*what, report.allocated, report.unallocated)


def volume_of(
    row: Row, claims: Iterable[Claim], events: Iterable[Event], free: Iterable[Row]
) -> VolumeReport:
    """From VOLUME and what belongs to it."""
    layout, start, end, fragment_size, fragment_start, label, damage, ring = row[:8]
    return VolumeReport(
        layout=layout,
        extent=Extent(start, end),
        claims=tuple(claims),
        events=tuple(events),
        damage=msgspec.json.decode(damage, type=tuple[str, ...]),
        fragment_size=fragment_size,
        fragment_start=fragment_start,
        label=label,
        ring=None if ring is None else msgspec.json.decode(ring, type=Ring),
        allocated=row[8],
        unallocated=row[9],
        free=tuple(Extent(*one) for one in free),
    )


def claim_row(claim: Claim) -> Row:
    """CLAIM of a claim; its extents go elsewhere."""
    what = (claim.volume, str(claim.kind), claim.channel, int(claim.stream))
    times = (claim.start_ms, claim.end_ms)
    told = (claim.name, claim.damage, claim.open, claim.written_ms, claim.locked)
    return (*what, *times, *claim.entry, *told)


def claim_of(row: Row, extents: Iterable[Extent]) -> Claim:
    """From id, CLAIM and its extents."""
    number, volume, kind, channel, stream, start_ms, end_ms, start, end, *told = row
    name, damage, opened, written_ms, locked = told
    return Claim(
        id=number,
        volume=volume,
        kind=ClaimKind(kind),
        channel=channel,
        stream=Stream(stream),
        start_ms=start_ms,
        end_ms=end_ms,
        extents=tuple(extents),
        entry=Extent(start, end),
        name=name,
        damage=damage,
        open=bool(opened),
        written_ms=written_ms,
        locked=bool(locked),
    )


def event_row(event: Event) -> Row:
    """EVENT of an event."""
    what = (str(event.kind), event.time_ms, event.channel, event.code, event.text)
    return (*what, *event.entry)


def event_of(row: Row) -> Event:
    """From id and EVENT."""
    number, kind, time_ms, channel, code, text, start, end = row
    return Event(
        id=number,
        kind=EventKind(kind),
        time_ms=time_ms,
        channel=channel,
        code=code,
        text=text,
        entry=Extent(start, end),
    )


def segment_row(segment: Segment) -> Row:
    """SEGMENT of a segment; its rows go elsewhere."""
    one = segment
    what = (one.format, one.channel, int(one.stream), int(one.codec))
    where = (one.start_ms, one.end_ms, one.start, one.end)
    counts = (one.frames, one.keys, one.audio, one.size)
    numbers = (one.first_sequence, one.last_sequence, one.missing, one.unfinished)
    return (*what, *where, *counts, *numbers, one.joined, one.lane)


def segment_of(row: Row) -> Segment:
    """From id, SEGMENT, the id of its track and the packed table of frames."""
    return Segment(
        id=row[0],
        format=row[1],
        channel=row[2],
        stream=Stream(row[3]),
        codec=Codec(row[4]),
        start_ms=row[5],
        end_ms=row[6],
        start=row[7],
        end=row[8],
        frames=row[9],
        keys=row[10],
        audio=row[11],
        size=row[12],
        first_sequence=row[13],
        last_sequence=row[14],
        missing=row[15],
        unfinished=row[16],
        joined=bool(row[17]),
        lane=row[18],
        track=row[19],
        rows=row[20],
    )


def loose_end_row(end: LooseEnd) -> Row:
    """LOOSE_END of a loose end."""
    where = (end.after, end.position, end.format)
    return (*where, end.channel, int(end.codec), end.sequence, end.time_ms, end.edge)


def loose_end_of(row: Row) -> LooseEnd:
    """From LOOSE_END."""
    after, position, form, channel, codec, sequence, time_ms, edge = row
    return LooseEnd(
        after=bool(after),
        position=position,
        format=form,
        channel=channel,
        codec=Codec(codec),
        sequence=sequence,
        time_ms=time_ms,
        edge=edge,
    )


def look_row(look: Look) -> Row:
    """LOOK of what pictures show."""
    span = (look.segment_id, look.start_ms, look.end_ms)
    shape = (look.width, look.height, look.sharpness, look.scrambled, look.cells, look.overlay)
    return (*span, look.state.value, look.certain, look.pictures, look.reason, *shape)


def look_of(row: Row) -> Look:
    """From LOOK."""
    number, start_ms, end_ms, state, certain, pictures, reason, *shape = row
    width, height, sharpness, scrambled, cells, overlay = shape
    return Look(
        segment_id=number,
        start_ms=start_ms,
        end_ms=end_ms,
        state=PictureState(state),
        certain=bool(certain),
        pictures=pictures,
        reason=reason,
        width=width,
        height=height,
        sharpness=sharpness,
        scrambled=bool(scrambled),
        cells=cells,
        overlay=overlay,
    )


def difference(known: SourceIdentity, identity: SourceIdentity) -> str | None:
    """What proves that the two are not the same source, in words; None when nothing does."""
    if known.size != identity.size:
        return f"{identity.size} bytes instead of {known.size}"
    if known.serial and identity.serial and known.serial != identity.serial:
        return f"serial number {identity.serial} instead of {known.serial}"
    for name in sorted(known.stored_hashes.keys() & identity.stored_hashes.keys()):
        if known.stored_hashes[name].lower() != identity.stored_hashes[name].lower():
            return f"its container states another {name}"
    return None


def stretch_rows(unit_id: int, result: UnitResult) -> Iterator[Row]:
    """(unit, kind, start, end) of all bytes of a unit that are no frames."""
    for kind in ("unidentified", "blank", "unreadable"):
        for extent in merged(getattr(result, kind)):
            yield unit_id, kind, extent.start, extent.end
