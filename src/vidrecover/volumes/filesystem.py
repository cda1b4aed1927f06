"""File systems: FAT, exFAT, NTFS and ext2/3/4, in partitions or alone; what their files claim.

The walk is pytsk3's, in a process with limits of time and memory (`_fs_walk`). Damage and
hostile structures give what was listed until then, and say so.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vidrecover.formats import FormatSet, NameRule, names
from vidrecover.model import Claim, ClaimKind, Extent, Source, SourceRef, Stream, VolumeReport
from vidrecover.volumes import _fs_geometry as geometry
from vidrecover.volumes import _hiv, _tme
from vidrecover.volumes._fs_listing import Entry, Volume
from vidrecover.volumes._fs_space import Free
from vidrecover.volumes._fs_walk import Heads, Trouble, walk
from vidrecover.volumes._sides import is_side
from vidrecover.workers import told as sent

MOST_CLAIMS, MOST_EXTENTS = 300_000, 1_000_000
"""Kept of one source, so that no file system fills the memory."""
_LEAST_S, _MOST_S = 30, 300
_BYTES_A_SECOND = 1 << 31  # of a source's size, added to the time limit
_LONGEST_MS = 3_600_000  # of a file whose end the file system's clock tells; a zone is more [C]
_FAT_EPOCH_S = 315_532_800  # 1980-01-01: the clock was never set
_RECORDS = ("jt808", "nmea", "freegps", "gpsbox")  # formats without footage
_CONTAINERS: Heads = ((4, b"ftyp"), (0, b"RIFF"), (4, b"moov"), (4, b"mdat"))


def examine(
    source: Source, ref: SourceRef, formats: FormatSet, *, limit_s: float | None = None
) -> list[VolumeReport]:
    """The file systems of a source, in order of place, with a claim for each file of footage.

    Reads some 100 KiB where nothing speaks for a file system. ref: how the walking process opens
    the source; limit_s: for the whole walk, by default what the size of the source allows. Kinds
    are FILE and DELETED_FILE; extents are in logical order, cut at the file's size; a deleted file
    whose chain of clusters is gone says in `damage` that its place is a guess. Camera and start are
    what the name tells; where it tells no end, the time of the last change is taken if it is less
    than an hour later.
    """
    if not geometry.may_hold(source):
        return []
    if limit_s is None:
        limit_s = min(_LEAST_S + source.size / _BYTES_A_SECOND, _MOST_S)
    found: list[_Found] = []
    extents = claims = 0
    stopped = None
    try:
        for message in sent(walk, (ref, _heads(formats)), seconds=limit_s):
            if isinstance(message, Volume):
                found.append(_Found(message, [], [], []))
            elif isinstance(message, Free) and found:
                found[-1].free.append(message)
            elif isinstance(message, Trouble) and found:
                found[-1].troubles.append(message.words)
            elif isinstance(message, list) and found:
                found[-1].entries.extend(message)
                claims += len(message)
                extents += sum(len(one.extents) for one in message)
            if claims > MOST_CLAIMS or extents > MOST_EXTENTS:
                stopped = "it holds more files than are kept"
                break
    except ChildProcessError as error:
        stopped = str(error)
    if stopped is not None:
        words = f"the listing is not whole: {stopped}"
        if not found:
            whole = Extent(0, source.size)
            found.append(_Found(Volume("unknown", whole, None, 0, 0, ()), [], [], []))
        found[-1].troubles.append(f"{words}; {len(found[-1].entries)} files were listed")
    return [_report(one, formats.names, source) for one in found]


class _Found(NamedTuple):
    """A volume with what was told of it so far. free: none or one."""

    volume: Volume
    entries: list[Entry]
    troubles: list[str]
    free: list[Free]


def _heads(formats: FormatSet) -> Heads:
    """Bytes at the start of a file by which it is known as footage."""
    own = {
        (layout.at, pattern)
        for one in formats.formats
        if one.framing.reader not in _RECORDS
        for layout in one.layouts
        for pattern in layout.signatures
        if len(pattern) >= 4 and len(set(pattern)) > 2
    }
    return (*_CONTAINERS, *sorted(own))


def _report(found: _Found, rules: Sequence[NameRule], source: Source) -> VolumeReport:
    volume = found.volume
    name = f"{volume.kind}@{volume.extent.start:#x}"
    free = found.free[0] if found.free else None
    sides = [one for one in found.entries if is_side(one.path)]
    footage = [one for one in found.entries if not is_side(one.path)]
    own = list(_claims(name, footage, rules, source.size))
    hiv = _hiv.told(source, name, own, sides)
    told = _tme.told(source, name, hiv.claims, sides, rules)
    return VolumeReport(
        layout=volume.kind,
        extent=volume.extent,
        claims=tuple(told.claims),
        events=tuple(told.events),
        damage=(*volume.damage, *found.troubles, *hiv.damage, *told.damage),
        fragment_size=volume.cluster_size or None,
        fragment_start=volume.cluster_start if volume.cluster_size else None,
        label=volume.label,
        allocated=None if free is None else free.allocated,
        unallocated=None if free is None else free.unallocated,
        free=() if free is None else free.extents,
    )


def _claims(
    volume: str, entries: Sequence[Entry], rules: Sequence[NameRule], size: int
) -> Iterator[Claim]:
    known = names(rules, (one.path for one in entries))
    for one in entries:
        words = [one.damage] if one.damage else []
        inside = tuple(Extent(e.start, min(e.end, size)) for e in one.extents if e.start < size)
        if inside != one.extents:
            words.append("its clusters lie behind the end of the source")
        if one.guessed and one.extents:
            words.append("its chain of clusters is gone: its place is a guess")
        name, written_ms = known.get(one.path), _written(one.written_s)
        start_ms = None if name is None else name.start_ms
        end_ms = None if name is None or name.end_ms is None else name.end_ms - 1
        if end_ms is None and start_ms is not None and written_ms is not None:
            lasting = written_ms - start_ms
            end_ms = written_ms - 1 if 0 < lasting < _LONGEST_MS else None
        yield Claim(
            volume=volume,
            kind=ClaimKind.DELETED_FILE if one.is_deleted else ClaimKind.FILE,
            channel=None if name is None else name.channel,
            stream=Stream.UNKNOWN if name is None else name.stream,
            start_ms=start_ms,
            end_ms=end_ms,
            extents=inside,
            entry=one.entry,
            name=one.path,
            damage="; ".join(words) or None,
            open=not one.is_deleted and (not one.size or (name is not None and name.is_open)),
            written_ms=written_ms,
            locked=name is not None and name.is_locked,
        )


def _written(seconds: int | None) -> int | None:
    """Recorder time of the last change; None where no clock was set."""
    if seconds is None or seconds <= _FAT_EPOCH_S or seconds >= 1 << 32:
        return None
    return seconds * 1000
