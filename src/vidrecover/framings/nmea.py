"""Sentences of satellite receivers (NMEA 0183, RMC): in files, in boxes, between frames.

A sentence is proven by its checksum. Facts: dashcam-mp4.md sections 1 and 3.6; wfs.md.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.framings._columns import data_rows
from vidrecover.model import (
    NO_TIME,
    Extent,
    FrameFlag,
    Frames,
    Position,
    RecorderMs,
    Window,
)

LONGEST, PREFIX = 100, 16
"""Bytes of a sentence; before it some cameras write their own clock, as `[1571479199000]`. [A]"""
_MOST_CANDIDATES = 200_000
_SENTENCE = re.compile(rb"\$(G[PNLABQ]RMC,[ -)+-~]{0,90})\*([0-9A-Fa-f]{2})")
_OWN_CLOCK = re.compile(rb"\[(\d{13})\]$")
_KNOT = 1.852
_EARLIEST_MS, _LATEST_MS = 1_104_537_600_000, 2_208_988_800_000  # 2005 to 2040


def frames(window: Window, candidates: npt.NDArray[np.int64]) -> Frames:
    """One DATA row for each sentence with a true checksum; see `model.Reader`. Rows carry no
    time: the satellites' clock is not the recorder's."""
    kept: list[tuple[int, int, int]] = []
    for start in candidates[candidates < window.limit].tolist()[:_MOST_CANDIDATES]:
        raw = window.data[start : start + LONGEST].tobytes()
        match = _SENTENCE.match(raw)
        if match is not None and checked(match):
            kept.append((start, match.end(), 0))
        elif match is None and len(raw) < LONGEST and not window.at_end and _goes_on(raw):
            kept.append((start, LONGEST, int(FrameFlag.OVERRUN)))
    return data_rows(window, kept)


def _goes_on(raw: bytes) -> bool:
    """Whether bytes cut by a window's end may be a sentence."""
    return all(32 <= byte < 127 for byte in raw.partition(b"*")[0])


def checked(match: re.Match[bytes]) -> bool:
    """Whether the checksum of a sentence is that of its bytes: all between `$` and `*`. [A]"""
    total = 0
    for byte in match[1]:
        total ^= byte
    return total == int(match[2], 16)


def position(
    sentence: bytes, entry: Extent, *, kind: str = "nmea", strict: bool = True
) -> Position | None:
    """The record of a sentence `$..RMC`; None for another one. strict: its checksum must hold."""
    match = _SENTENCE.match(sentence)
    if match is None or (strict and not checked(match)):
        return None
    fields = match[1].decode("ascii").split(",")
    if len(fields) < 10:
        return None
    has_fix = fields[2] == "A"
    latitude = _degrees(fields[3], fields[4], "NS", 90)
    longitude = _degrees(fields[5], fields[6], "EW", 180)
    has_fix = has_fix and latitude is not None and longitude is not None
    speed, course = _number(fields[7], 400), _number(fields[8], 360)
    return Position(
        kind=kind,
        gps_ms=_time(fields[9], fields[1]) if fields[2] in "AV" else None,
        latitude=latitude if has_fix else None,
        longitude=longitude if has_fix else None,
        speed_kmh=None if speed is None or not has_fix else round(speed * _KNOT, 2),
        course=course if has_fix else None,
        entry=entry,
    )


def positions(sentences: Iterable[tuple[int, bytes, bytes]]) -> Iterator[Position]:
    """The records of sentences: place, the PREFIX bytes before it, and its own bytes."""
    for place, before, sentence in sentences:
        found = position(sentence, Extent(place, place + len(sentence)))
        if found is None:
            continue
        own = _OWN_CLOCK.search(before)
        shown: RecorderMs | None = int(own[1]) if own is not None else None
        if shown is not None and _EARLIEST_MS <= shown < _LATEST_MS:
            yield msgspec.structs.replace(found, recorder_ms=shown)
        else:
            yield found


def _degrees(text: str, side: str, sides: str, most: int) -> float | None:
    """Degrees of DDMM.mmmm with its letter."""
    if not re.fullmatch(r"\d{3,5}(\.\d{1,8})?", text) or len(side) != 1 or side not in sides:
        return None
    value = float(text)
    degrees = value // 100 + value % 100 / 60
    if degrees > most or value % 100 >= 60:
        return None
    return round(-degrees if side == sides[1] else degrees, 7)


def _number(text: str, most: float) -> float | None:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,6})?", text):
        return None
    return float(text) if float(text) <= most else None


def _time(date: str, time: str) -> int | None:
    """Milliseconds of DDMMYY and HHMMSS.ss."""
    if not re.fullmatch(r"\d{6}", date) or not re.fullmatch(r"\d{6}(\.\d{1,3})?", time):
        return None
    numbers = (2000 + int(date[4:]), int(date[2:4]), int(date[:2]))
    clocks = (int(time[:2]), int(time[2:4]), int(time[4:6]))
    value = int(clock.dates(*(np.array([one]) for one in (*numbers, *clocks)))[0])
    if value == NO_TIME or not _EARLIEST_MS <= value < _LATEST_MS:
        return None
    return value + round(float("0" + time[6:]) * 1000) if time[6:] else value
