"""What the ONVIF Export File Format adds to an access copy in MP4: who exported which camera.

A file-level `meta` box with `suep`, and with `cstb` where true time is known, is put behind the
media, so that no byte before it moves. [A: ONVIF Export File Format 26.06, clause 5 and annex B]

The copies are no ONVIF export files for all that: they are neither fragmented nor sealed inside.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from vidrecover import __version__
from vidrecover.errors import EvidenceError
from vidrecover.evidence._records import ClockRecord
from vidrecover.evidence._values import ClockCheck
from vidrecover.model import RecorderMs

_NOT_STATED = 0
_FILETIME_MS = 11_644_473_600_000  # from 1601-01-01 to 1970-01-01
_TICKS_PER_MS = 10_000
_LARGEST_TICKS = (1 << 64) - 1
_NEAR_MS = 1000
_MOST_BOXES = 4096
_LARGEST_TRACK = (1 << 16) - 1


class Labels(NamedTuple):
    """What is said of a copy. offset_ms: recorder time minus UTC, None where not established."""

    channel: int | None
    operator: str | None
    offset_ms: int | None


def offset_to_utc(check: ClockCheck | ClockRecord | None) -> int | None:
    """Recorder time minus UTC in milliseconds; None where the clock record does not prove it.

    Both readings must be there, the reference with a zone, and their difference must be the
    stated offset: an offset alone may be to local time.
    """
    if check is None or check.offset_s is None:
        return None
    try:
        recorder = datetime.fromisoformat(check.recorder_time or "")
        reference = datetime.fromisoformat(check.reference_time or "")
        offset = round(check.offset_s * 1000)
    except (OverflowError, ValueError):
        return None
    if recorder.tzinfo is not None or reference.tzinfo is None:
        return None
    seen = (recorder.replace(tzinfo=UTC) - reference).total_seconds() * 1000
    return offset if abs(seen - offset) <= _NEAR_MS else None


def add(path: Path, labels: Labels, origin_ms: RecorderMs | None) -> None:
    """Appends the boxes to a finished MP4; origin_ms: recorder time at which its times are zero.

    The same file and labels give the same bytes: the time of export is left at zero, for not
    stated, and stands in the action log. Raises EvidenceError on what is no MP4 with tracks.
    """
    with path.open("r+b") as file:
        tracks = track_ids(file)
        file.seek(0, 2)
        file.write(meta(labels, tracks, origin_ms))


def meta(labels: Labels, tracks: list[int], origin_ms: RecorderMs | None) -> bytes:
    """The box with all that is in it; handler `null`: none is needed. [A: ISO/IEC 14496-12]"""
    handler = _box("hdlr", bytes(8), b"null", bytes(12), b"\0")
    return _box("meta", bytes(4), handler, _suep(labels, tracks), _cstb(labels, tracks, origin_ms))


def _suep(labels: Labels, tracks: list[int]) -> bytes:
    """SurveillanceExportBox, version 1: addresses are empty, as nothing is known of them."""
    name = "camera not known" if labels.channel is None else f"camera {labels.channel}"
    line = "" if labels.channel is None else str(labels.channel)
    source = _strings(name, "", "", line)
    return _box(
        "suep",
        struct.pack(">B3x", 1),
        _strings(f"vidrecover {__version__}", "", ""),
        struct.pack(">Q", _NOT_STATED),
        _strings(labels.operator or ""),
        struct.pack(">I", len(tracks)),
        *(struct.pack(">H", track) + source for track in tracks),
    )


def _cstb(labels: Labels, tracks: list[int], origin_ms: RecorderMs | None) -> bytes:
    """CorrectStartTimeBox for the first track, which is enough for all; nothing where UTC is not
    known, as a time in it is read as UTC. It is a plain box, not a full one."""
    if labels.offset_ms is None or origin_ms is None:
        return b""
    ticks = (origin_ms - labels.offset_ms + _FILETIME_MS) * _TICKS_PER_MS
    if not 0 <= ticks <= _LARGEST_TICKS:
        return b""
    return _box("cstb", struct.pack(">IIQ", 1, tracks[0], ticks))


def _box(kind: str, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind.encode()) + content


def _strings(*texts: str) -> bytes:
    """UTF-8, each ended by a zero byte."""
    return b"".join(one.replace("\0", " ").encode() + b"\0" for one in texts)


def track_ids(file: BinaryIO) -> list[int]:
    """Numbers of the tracks in the order of the file; raises EvidenceError where there are none."""
    found = []
    size = file.seek(0, 2)
    for kind, start, end in _boxes(file, 0, size):
        if kind != b"moov":
            continue
        for inner, *place in _boxes(file, start, end):
            if inner == b"trak":
                found += [_track_id(file, *one[1:]) for one in _boxes(file, *place)
                          if one[0] == b"tkhd"]  # fmt: skip
    if not found or not all(0 < one <= _LARGEST_TRACK for one in found):
        raise EvidenceError(f"{file.name}: this MP4 has no tracks that can be described")
    return found


def _track_id(file: BinaryIO, start: int, end: int) -> int:
    """From `tkhd`: behind both dates, of 8 bytes each in version 1, else 4. [A: ISO 14496-12]"""
    file.seek(start)
    content = file.read(min(end - start, 24))
    at = 20 if content[:1] == b"\x01" else 12
    return int.from_bytes(content[at : at + 4], "big")


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind of each box in [start, end), with start and end of its content."""
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        head = file.read(16)
        size, kind = struct.unpack_from(">I4s", head)
        inside = start + 8
        if size == 1 and len(head) == 16:
            size, inside = int.from_bytes(head[8:], "big"), start + 16
        behind = end if size == 0 else start + size
        if not inside <= behind <= end:
            raise EvidenceError(f"{file.name}: a box of this MP4 is cut off")
        yield kind, inside, behind
        start = behind
