"""Frames that lie in several rows: fragments of JT/T 1078, NAL units of HX."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from vidrecover.formats import Format
from vidrecover.model import NO_SEQUENCE, NO_TICK, Codec, FrameFlag, Frames, Media

Column = npt.NDArray[Any]

_MOST_LOST_PACKETS = 256  # more missing numbers than this are another connection
_CONTINUES, _IN_PIECES = int(FrameFlag.CONTINUES), int(FrameFlag.CONTINUES | FrameFlag.MORE)
_KEY, _DELTA, _AUDIO, _DATA = (
    int(one) for one in (Media.KEY, Media.DELTA, Media.AUDIO, Media.DATA)
)  # looking a member up takes as long as numpy does for a few hundred rows
_UNKNOWN, _FIRST_AUDIO = int(Codec.UNKNOWN), int(Codec.PCM_ALAW)


def numbers_of(rows: Frames) -> list[int]:
    """The numbers of the formats that occur, in order."""
    found: list[int] = np.flatnonzero(np.bincount(rows["format"])).tolist()
    return found


def is_video(rows: Frames) -> Column:
    """Which rows carry pictures."""
    kind = rows["kind"]
    result: Column = (kind == _KEY) | (kind == _DELTA)
    return result


def lanes(rows: Frames, parted: Column) -> Column:
    """The lane that each row goes with: a picture's is its own, all else goes with pictures.

    Each unbroken run is for itself; parted: see `apart`. Sound of as many lanes as pictures goes
    with them in the order of their numbers, else with the nearest lane of pictures below it.
    """
    found = rows["lane"].astype(np.int64)
    if not found.any():
        return found
    video = is_video(rows)
    for number in numbers_of(rows):
        own = np.flatnonzero(rows["format"] == number)
        if not found[own].any():
            continue
        edges = [0, *(np.flatnonzero(np.diff(parted[own])) + 1).tolist(), len(own)]
        for first, last in pairwise(edges):
            run = own[first:last]
            found[run] = _lanes_of_run(found[run], video[run], rows["kind"][run] == Media.AUDIO)
    return found


def _lanes_of_run(found: Column, video: Column, sound: Column) -> Column:
    shown = np.unique(found[video])
    if len(shown) < 2:
        return np.full(len(found), shown[0]) if len(shown) else found
    heard = np.unique(found[sound])
    below = np.maximum(np.searchsorted(shown, heard, side="right") - 1, 0)
    place = np.arange(len(heard)) if len(heard) == len(shown) else below
    found = np.where(video | sound | np.isin(found, shown), found, shown[0])
    if len(heard):
        found[sound] = shown[place][np.searchsorted(heard, found[sound])]
    return found


def holes(rows: Frames) -> Column:
    """How many packets were lost before each row, counted up, as far as their numbers tell.

    Packets of one connection share a counter of 16 bits: where a few numbers are missing
    between one and the next, packets are lost there. rows: all of a unit, ordered by offset.
    """
    missing = np.zeros(len(rows), dtype=np.int64)
    if (rows["flags"] & _IN_PIECES).any():
        numbered = rows["sequence"] != NO_SEQUENCE
        for number in numbers_of(rows):
            own = np.flatnonzero(numbered & (rows["format"] == number))
            skipped = (np.diff(rows["sequence"][own]) - 1) & 0xFFFF
            missing[own[1:]] = np.where(skipped <= _MOST_LOST_PACKETS, skipped, 0)
    result: Column = np.cumsum(missing)
    return result


def apart(rows: Frames, formats: Sequence[Format]) -> Column:
    """How many places before each row, counted up, parted two rows of one format.

    What a format's own structure may take between two frames parts none.
    """
    parted = np.zeros(len(rows), dtype=np.int64)
    for number in numbers_of(rows):
        own = np.flatnonzero(rows["format"] == number)
        gaps = rows["offset"][own[1:]] - (rows["offset"] + rows["size"])[own[:-1]]
        begins = (gaps < 0) | (gaps > formats[number].framing.gap)
        parted[own[1:]] = np.cumsum(begins)
    return parted


def join_pieces(group: Frames, lost: Column, parted: Column, one: Format) -> None:
    """Mark the pieces of one frame, in place: NAL units of one counter value, fragments.

    group: rows of one channel and stream in place order; lost, parted: see `holes` and `apart`.
    A frame of which a fragment is missing is UNFINISHED in all its rows.
    """
    if one.framing.same_tick == "joins":
        video = np.flatnonzero(is_video(group))
        if len(video) > 1:
            group["flags"][video] = _units(group.take(video), parted[video])
    elif (group["flags"] & _IN_PIECES).any():
        for places in _classes(group):
            group["flags"][places] = _fragments(group.take(places), lost[places])


def name_sounds(group: Frames, parted: Column) -> None:
    """Give sound whose own bytes do not name its codec that of the nearest announcement, in place.

    group: rows of one channel and stream in place order; parted: see `apart`. A DATA row with an
    audio codec announces it, for an unbroken run of rows: the one before counts, else the next.
    """
    told = np.flatnonzero((group["kind"] == _DATA) & (group["codec"] >= _FIRST_AUDIO))
    if len(told):
        nameless = np.flatnonzero((group["kind"] == _AUDIO) & (group["codec"] == _UNKNOWN))
        _take_over(group, "codec", nameless, told, parted)


def name_rates(group: Frames, parted: Column) -> None:
    """Give pictures without a rate the one that a DATA row of their run announces, in place.

    group, parted: see `name_sounds`.
    """
    told = np.flatnonzero((group["kind"] == _DATA) & (group["rate"] > 0))
    if len(told):
        nameless = np.flatnonzero(is_video(group) & (group["rate"] == 0))
        _take_over(group, "rate", nameless, told, parted)


def _take_over(group: Frames, column: str, nameless: Column, told: Column, parted: Column) -> None:
    """Copy a column from rows that tell it to those that do not, inside unbroken runs."""
    if not len(nameless) or not len(told):
        return
    at = np.searchsorted(told, nameless)
    for place in (np.minimum(at, len(told) - 1), np.maximum(at - 1, 0)):
        same_run = parted[told[place]] == parted[nameless]
        group[column][nameless[same_run]] = group[column][told[place[same_run]]]


def is_open(group: Frames) -> Column:
    """Rows before which a frame in pieces is under way, so that no segment may begin there."""
    steps = np.zeros(len(group) + 1, dtype=np.int64)
    continues = (group["flags"] & _CONTINUES) != 0
    if continues.any():
        for places in _classes(group):
            later = np.flatnonzero(continues[places][1:]) + 1
            np.add.at(steps, places[later - 1] + 1, 1)
            np.add.at(steps, places[later] + 1, -1)
    result: Column = np.cumsum(steps[:-1]) > 0
    return result


def _classes(group: Frames) -> list[Column]:
    """The places of pictures, of sound and of data: each carries on only its own."""
    video, audio = is_video(group), group["kind"] == Media.AUDIO
    found = (np.flatnonzero(own) for own in (video, audio, ~video & ~audio))
    return [places for places in found if len(places)]


def _units(rows: Frames, parted: Column) -> Column:
    """Flags of NAL units: those of one counter value are one picture."""
    ticks, flags = rows["tick_ms"], rows["flags"].copy()
    same = (np.diff(ticks) == 0) & (ticks[1:] != NO_TICK)
    flags[1:][same] |= np.uint16(FrameFlag.CONTINUES)
    flags[:-1][same] |= np.uint16(FrameFlag.MORE)
    number = np.append(0, np.cumsum(~same))
    broken = np.zeros(number[-1] + 1, dtype=bool)
    broken[number[1:][same & (np.diff(parted) != 0)]] = True
    broken[number[(flags & FrameFlag.UNFINISHED) != 0]] = True
    flags[broken[number]] |= np.uint16(FrameFlag.UNFINISHED)
    return flags


def _fragments(rows: Frames, lost: Column) -> Column:
    """Flags of fragments, those of broken frames made UNFINISHED.

    A fragment that cannot belong to the one before it begins a frame of its own.
    """
    flags = rows["flags"].copy()
    more = (flags & FrameFlag.MORE) != 0
    continues = (flags & FrameFlag.CONTINUES) != 0
    changed = (np.diff(rows["tick_ms"]) != 0) | (np.diff(rows["time_ms"]) != 0)
    torn = continues.copy()
    torn[1:] = (more[:-1] != continues[1:]) | (continues[1:] & changed)
    begins = ~continues | torn
    number = np.cumsum(begins) - 1
    broken = np.zeros(number[-1] + 1, dtype=bool)
    broken[number[(torn & continues) | ((flags & FrameFlag.UNFINISHED) != 0)]] = True
    broken[number[:-1][torn[1:] & more[:-1]]] = True
    broken[number[1:][~begins[1:] & (np.diff(lost) != 0)]] = True
    flags[broken[number]] |= np.uint16(FrameFlag.UNFINISHED)
    flags[torn] &= ~np.uint16(FrameFlag.CONTINUES)
    return flags
