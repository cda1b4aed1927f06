"""What TME vehicle recorders keep beside their footage: indexes of key frames, logs.

Byte facts: tme-mdvr.md sections 2, 6 and 7, with its marks.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from vidrecover.formats import NameRule, by_rule
from vidrecover.model import (
    Claim,
    ClaimKind,
    Event,
    EventKind,
    Extent,
    RecorderMs,
    Source,
    Stream,
)
from vidrecover.volumes._fs_listing import Entry
from vidrecover.volumes._sides import Told, content

_RULE = "tme"
_ENDING = ".264"  # stands for that of the footage where only its index is left
_ONE_LINE = 20  # bytes of an index with a single line at most
_UNCLOSED = 1 << 20  # of a file beside such an index
_MOST_READ = 2000  # indexes without footage that are read
_MOST_INDEX, _MOST_LOG = 1 << 16, 1 << 24
_MOST_EVENTS = 100_000
_STAMP = re.compile(
    rb"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})[\s:]*([^\r\n]{1,400})"
)
_MONTHS = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun"]
_MONTHS += [b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"]
_CAMERA = re.compile(r"Camera (\d{1,2}) video signal (lost|on)\b", re.IGNORECASE)
_KINDS = (
    ("Start DVR", EventKind.POWER_ON),
    ("Quit DVR", EventKind.POWER_OFF),
    ("Disk writing error", EventKind.DISK_ERROR),
    ("record:write file error", EventKind.DISK_ERROR),
    ("Close file failed", EventKind.DISK_ERROR),
    ("Can not find recordable disk", EventKind.DISK_ERROR),
    ("Abnormal disk removal", EventKind.DISK_ERROR),
    ("File repaired", EventKind.REPAIRED),
    ("Corrupt file deleted", EventKind.REPAIRED),
    ("Set time", EventKind.CLOCK_SET),
    ("adjtime", EventKind.CLOCK_SET),
)
"""[B: section 6]"""


def told(
    source: Source,
    volume: str,
    claims: Sequence[Claim],
    sides: Sequence[Entry],
    rules: Sequence[NameRule],
) -> Told:
    """The claims as the side files have them, with what only an index of key frames names, and
    the log's events.

    A file beside an index of one line was never closed; an index without footage is what is left
    of a deleted file: a claim without bytes. [A: section 2]
    """
    rule = next((one for one in rules if one.name == _RULE), None)
    if rule is None or not sides:
        return Told(list(claims), [], [])
    indexes = {_base(one.path): one for one in sides if one.path.lower().endswith(".k")}
    own = {_base(c.name): c for c in claims if c.name and by_rule(rule, c.name) is not None}
    live = {base: one for base, one in indexes.items() if not one.is_deleted}
    found = [_closed(c, live.get(_base(c.name or ""))) if c.name else c for c in claims]
    lonely = [one for base, one in indexes.items() if base not in own]
    found += _orphans(source, volume, lonely, rule)
    bare = [c for base, c in own.items() if c.kind is ClaimKind.FILE and base not in live]
    damage = []
    if bare and live:
        damage.append(
            f"{len(bare)} files have no index of key frames (.k): the recorder's own player"
            " cannot seek in them"
        )
    logs = [one for one in sides if "dvrlog" in one.path.lower() and not one.is_deleted]
    events = [event for one in logs for event in _logged(source, one)]
    return Told(found, sorted(events[:_MOST_EVENTS], key=lambda one: one.time_ms or 0), damage)


def _base(path: str) -> str:
    return path.rpartition(".")[0]


def _closed(claim: Claim, index: Entry | None) -> Claim:
    """The claim, open when only the first line of its index was ever written. [A]"""
    if index is None or claim.kind is not ClaimKind.FILE or claim.open:
        return claim
    is_large = sum(one.size for one in claim.extents) >= _UNCLOSED
    if index.size > _ONE_LINE or not index.size or not is_large:
        return claim
    return msgspec.structs.replace(claim, open=True)


def _orphans(
    source: Source, volume: str, indexes: Sequence[Entry], rule: NameRule
) -> Iterator[Claim]:
    """Footage of which only the index of its key frames is left: no bytes are claimed."""
    for one in indexes[:_MOST_READ]:
        name = by_rule(rule, _base(one.path) + _ENDING)
        if name is None or name.start_ms is None:
            continue
        last = None if one.is_deleted else _last_ms(content(source, one, _MOST_INDEX))
        end_ms = name.end_ms if name.end_ms is None else name.end_ms - 1
        if end_ms is None and last is not None:
            end_ms = name.start_ms + last
        yield Claim(
            volume=volume,
            kind=ClaimKind.DELETED_FILE,
            channel=name.channel,
            stream=Stream.UNKNOWN,
            start_ms=name.start_ms,
            end_ms=end_ms,
            extents=(),
            entry=one.entry,
            name=one.path,
            damage="only its index of key frames (.k) is left",
            locked=name.is_locked,
        )


def _last_ms(text: bytes) -> int | None:
    """Milliseconds of the last key frame that an index names."""
    found = re.findall(rb"^(\d{1,9}),\d{1,12}", text, re.MULTILINE)
    return int(found[-1]) if found else None


def _logged(source: Source, log: Entry) -> Iterator[Event]:
    """The records of a system log, one a line. [B]"""
    text = content(source, log, _MOST_LOG)
    for match in _STAMP.finditer(text):
        month, day, *clock, year, words = match.groups()
        time_ms = _time(year, month, day, clock)
        if time_ms is None:
            continue
        message = words.decode("ascii", "replace").strip()
        kind, channel = _meaning(message)
        at = _place(log.extents, match.start())
        yield Event(
            kind=kind,
            time_ms=time_ms,
            channel=channel,
            code=None,
            text=message,
            entry=Extent(at, at + min(match.end() - match.start(), 512)),
        )


def _meaning(message: str) -> tuple[EventKind, int | None]:
    camera = _CAMERA.match(message)
    if camera is not None and 1 <= int(camera[1]) <= 64:
        is_lost = camera[2].lower() == "lost"
        kind = EventKind.VIDEO_LOSS_START if is_lost else EventKind.VIDEO_LOSS_END
        return kind, int(camera[1])
    for words, kind in _KINDS:
        if message.startswith(words):
            return kind, None
    return EventKind.OTHER, None


def _place(extents: Sequence[Extent], at: int) -> int:
    """Where a byte of a file stands on the source."""
    for extent in extents:
        if at < extent.size:
            return extent.start + at
        at -= extent.size
    return extents[-1].end


def _time(year: bytes, month: bytes, day: bytes, clock: Sequence[bytes]) -> RecorderMs | None:
    if month not in _MONTHS:
        return None
    try:
        hour, minute, second = map(int, clock)
        date = datetime(int(year), _MONTHS.index(month) + 1, int(day), tzinfo=UTC)
        when = date.replace(hour=hour, minute=minute, second=second)
    except ValueError:
        return None
    return int(when.timestamp()) * 1000 if 2005 <= when.year <= 2037 else None
