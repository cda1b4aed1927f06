"""The facts of a report, from the catalogue and from the clips that were made."""

import base64
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import msgspec

from vidrecover import __version__
from vidrecover.catalogue import Catalogue
from vidrecover.clock import parse_iso
from vidrecover.errors import CatalogueError, ClipError
from vidrecover.extents import merged, total
from vidrecover.formats import FormatSet
from vidrecover.model import (
    Clip,
    Codec,
    Diagnosis,
    Grade,
    RecorderMs,
    Segment,
    Stream,
    TimeSpan,
    VolumeReport,
)
from vidrecover.report._facts import Facts, FormatUsed, ReadShare, StillShown, VolumeSeen
from vidrecover.stills import Still, listed

CLIPS = "clips.json"
_MOST_STILLS = 8  # of one camera


def gather(
    stored: Catalogue,
    known: FormatSet,
    segments: Iterable[Segment],
    diagnosis: Diagnosis,
    *,
    log: Path,
    stills: Path | None = None,
) -> Facts:
    """The facts of a case as they stand now.

    segments: the catalogue's, without rows; log: the case's action log, which tells where clips
    were made; stills: the folder of key pictures to be shown, None for none. Raises CatalogueError
    before the first scan, ClipError when the list of clips is damaged.
    """
    identity = stored.identity()
    if identity is None:
        raise CatalogueError("nothing was scanned yet; scan the source first")
    frames = Counter[str]()
    for one in segments:
        frames[one.format] += one.frames
    read = ReadShare(
        size=identity.size,
        scanned=total(stored.scanned()),
        unidentified=total(stored.unidentified()),
        blank=total(stored.blank()),
        unreadable=tuple(merged(stored.unreadable())),
    )
    folder = _clip_folder(log)
    return Facts(
        diagnosis=diagnosis,
        source=identity,
        read=read,
        created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        tool_version=__version__,
        formats_digest=known.digest,
        formats=tuple(
            FormatUsed(
                name=one.name,
                title=one.title,
                vendors=tuple(one.vendors),
                limits=tuple(one.limits),
                frames=frames[one.name],
            )
            for one in known.formats
        ),
        volumes=tuple(_volume(one) for one in stored.volumes()),
        events=tuple(stored.events()),
        totals=tuple(stored.summary()),
        runs=tuple(stored.runs()),
        clips=None if folder is None else _clips(folder / CLIPS),
        clips_folder=None if folder is None else str(folder),
        stills=() if stills is None else _stills(stills, diagnosis.window),
    )


def _stills(folder: Path, window: TimeSpan | None) -> tuple[StillShown, ...]:
    """Stills of the window, each camera's in order: where what it shows changes, and some more."""
    known: dict[int | None, list[Still]] = {}
    for one in listed(folder):
        if window is None or one.time_ms is None or one.time_ms < window[1]:
            known.setdefault(one.channel, []).append(one)
    found = []
    for channel in sorted(known, key=lambda one: (one is None, one or 0)):
        own = sorted(known[channel], key=lambda one: one.time_ms or 0)
        if window is not None:  # with the last one before it, which still held
            own = [one for one in own[:-1] if (one.time_ms or 0) >= window[0]] + own[-1:]
        changes = [after for before, after in pairwise(own) if before.state is not after.state]
        step = max(len(own) // _MOST_STILLS, 1)
        chosen = {id(one): one for one in [*own[:1], *changes, *own[::step]]}
        found += sorted(list(chosen.values())[:_MOST_STILLS], key=lambda one: one.time_ms or 0)
    return tuple(
        StillShown(still=one, jpeg=base64.b64encode((folder / one.file).read_bytes()).decode())
        for one in found
    )


def _volume(one: VolumeReport) -> VolumeSeen:
    return VolumeSeen(
        layout=one.layout,
        extent=one.extent,
        label=one.label,
        claims=len(one.claims),
        events=len(one.events),
        damage=one.damage,
        allocated=one.allocated,
        unallocated=one.unallocated,
    )


class _Listed(msgspec.Struct, frozen=True):
    """An entry of `clips.json` as it is written there."""

    file: str
    channel: int | None
    stream: str | None
    start: str | None = msgspec.field(name="from")
    end: str | None = msgspec.field(name="to")
    frames: int
    codec: str
    grade: Grade
    format: str
    notes: list[str]


class _Action(msgspec.Struct, frozen=True):
    """A line of the action log, as far as clips are concerned."""

    action: str
    folder: str = ""


def _clip_folder(log: Path) -> Path | None:
    """The folder of the newest clips that are still where they were made."""
    for line in reversed(log.read_bytes().splitlines() if log.exists() else []):
        try:
            one = msgspec.json.decode(line, type=_Action)
        except msgspec.DecodeError:
            continue
        if one.action == "recover" and (Path(one.folder) / CLIPS).is_file():
            return Path(one.folder)
    return None


def _clips(path: Path) -> tuple[Clip, ...]:
    try:
        listed = msgspec.json.decode(path.read_bytes(), type=list[_Listed])
        return tuple(map(_clip, listed))
    except (OSError, ValueError, KeyError) as error:
        raise ClipError(f"{path} cannot be read ({error}); recover the clips again") from error


def _clip(one: _Listed) -> Clip:
    return Clip(
        file=one.file,
        channel=one.channel,
        stream=Stream.UNKNOWN if one.stream is None else Stream[one.stream.upper()],
        from_ms=_ms(one.start),
        to_ms=_ms(one.end),
        frames=one.frames,
        codec=Codec[one.codec.upper()],
        grade=one.grade,
        format=one.format,
        notes=tuple(one.notes),
    )


def _ms(text: str | None) -> RecorderMs | None:
    return None if text is None else parse_iso(text)
