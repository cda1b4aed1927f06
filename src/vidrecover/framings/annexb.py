"""Naked H.264 and H.265: pictures by their start codes alone, one row an access unit.

The bytes carry no length, no time and no camera. What follows proves what is before: a picture
ends where the next one begins, so a row is proven by the head of the slice behind it. NAL unit
syntax: ITU-T H.264 clauses 7.3.1, 7.4.1.2.3 and annex B, H.265 clauses 7.3.1, 7.4.2.4.4 and
annex B. [A] A field of H.264 is an access unit of its own, so it is a row of its own.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import nal
from vidrecover.formats import MAX_FRAME_SIZE
from vidrecover.framings._columns import Bytes, Column, bytes_at
from vidrecover.framings._slices import (
    BAD,
    BEFORE,
    CODE,
    H264_PARTS,
    H265_PARTS,
    HEAD,
    SLICE,
    START_CODE,
    Roles,
    drop_lengths,
    h264,
    h265,
)
from vidrecover.model import Codec, FrameFlag, Frames, Media, Window, no_frames, together

_WORD = 8
_PADDING = 8
"""Zero bytes behind a NAL unit that belong to a row; more are other data."""
_MOST_PADDING = 64 << 10  # before a picture that needs the one in front
_PROVING_ZEROS = 3
_SECTOR = 512
_HEAD = 64  # bytes of each unit in which no forbidden pattern may stand
_CHUNK = 64 << 10
_BATCH = 1 << 16
_LEAST_ALONE = 256  # bytes of a picture that stands without a neighbour
_LARGEST = MAX_FRAME_SIZE - 4096
_MARGINS = {Codec.H264: 16, Codec.H265: 16 + 2 * 516}  # bytes that tell what a unit is


class _Units(NamedTuple):
    """NAL units as columns. at: of the start code; end: behind the last byte that is not zero;
    limit: of the next start code, or where the data ends; broken: holds what no NAL unit can
    hold, from `end` on."""

    at: Column
    end: Column
    limit: Column
    broken: Column


def frames(window: Window, candidates: npt.NDArray[np.int64]) -> Frames:
    """Pictures that start before the limit, ordered by offset.

    candidates: where START_CODE stands in the window's data. A row begins with the first unit
    of its picture (delimiter, parameter set, message or slice) and ends where the next one
    begins. It is END_UNPROVEN unless the next picture's first slice follows, or the picture,
    with its own parameter sets, is followed by zeros or the source's end.
    """
    at = candidates[candidates < window.limit]
    if not len(at):
        return no_frames()
    data = window.data
    beyond = _codes(data, window.limit, min(window.limit + _CHUNK, len(data)))
    tables = _tables(window, np.concatenate([at, beyond]), len(data) <= window.limit + _CHUNK)
    if tables is None:
        beyond = _codes(data, window.limit, len(data))
        tables = _tables(window, np.concatenate([at, beyond]), True)
    rows = _apart(tables or [])
    return rows.take(np.argsort(rows["offset"], kind="stable"))


def _apart(tables: list[Frames]) -> Frames:
    """The rows of both codecs as one table: bytes that either can be are the proven one's.

    An H.264 message 06 05 FF is the head of an H.265 slice as well.
    """
    if len(tables) < 2:
        return tables[0] if tables else no_frames()
    first, second = tables
    weak = [(one["flags"] & FrameFlag.END_UNPROVEN) != 0 for one in tables]
    second = second.compress(~(_overlap(second, first.compress(~weak[0]))))
    weak[1] = (second["flags"] & FrameFlag.END_UNPROVEN) != 0
    first = first.compress(~(weak[0] & _overlap(first, second.compress(~weak[1]))))
    second = second.compress(~(weak[1] & _overlap(second, first)))
    return together([first, second])


def _overlap(rows: Frames, others: Frames) -> Column:
    """Which rows share bytes with others; both ordered, and each without overlaps."""
    if not len(others):
        return np.zeros(len(rows), dtype=bool)
    ends = others["offset"] + others["size"]
    place = np.searchsorted(ends, rows["offset"], side="right")
    starts = others["offset"][np.minimum(place, len(others) - 1)]
    result: Column = (place < len(others)) & (starts < rows["offset"] + rows["size"])
    return result


def _codes(data: Bytes, start: int, end: int) -> Column:
    """Start codes that begin in [start, end), seen as far as the data goes."""
    part = data[start : end + CODE - 1].tobytes()
    found = []
    place = part.find(START_CODE)
    while place >= 0:
        found.append(start + place)
        place = part.find(START_CODE, place + CODE)
    return np.array(found, dtype=np.int64)


def _tables(window: Window, at: Column, complete: bool) -> list[Frames] | None:
    """The rows of either codec; None when more start codes are needed to tell.

    complete: there are no more start codes in the data.
    """
    data = window.data
    at = at[_useful(window, at)]
    if not len(at):
        return []
    limit = np.append(at[1:], len(data))
    heads = bytes_at(data, at + CODE, HEAD)
    found = []
    units = None
    for codec, read in ((Codec.H264, h264), (Codec.H265, h265)):
        roles = read(heads)
        if codec == Codec.H265 and roles.first.any():
            drop_lengths(data, at, heads, roles)
        if not _promising(window, at, roles, codec):
            continue
        units = units or _measured(data, window.offset, at, limit)
        rows = _pictures(window, units, roles, codec, complete)
        if rows is None:
            return None
        found.append(rows)
    return found


def _useful(window: Window, at: Column) -> Column:
    """Start codes of units that either codec has, and the first of others behind each."""
    size = len(window.data)
    unseen = (at + CODE + 2 > size) & (not window.at_end)
    first = window.data[np.minimum(at + CODE, size - 1)]
    second = window.data[np.minimum(at + CODE + 1, size - 1)]
    either = (H264_PARTS[first] != BAD) | (
        (H265_PARTS[first] != BAD) & (second >= 1) & (second <= 7)
    )
    either |= unseen
    either[1:] |= either[:-1].copy()
    result: Column = either
    return result


def _promising(window: Window, at: Column, roles: Roles, codec: Codec) -> bool:
    """Whether a picture of the codec may begin before the limit."""
    last = int(np.searchsorted(at, window.limit)) - 1
    if last < 0:
        return False
    seen = window.at_end or int(at[last]) + _MARGINS[codec] <= len(window.data)
    return bool(roles.first[: last + 1].any()) or roles.part[last] == BEFORE or not seen


def _measured(data: Bytes, offset: int, at: Column, limit: Column) -> _Units:
    """Where each unit ends: at its trailing zeros, or at the first forbidden pattern."""
    end = limit - _trailing_zeros(data, at + CODE, limit)
    broken = np.zeros(len(at), dtype=bool)
    place = limit.copy()
    for some in range(0, len(at), _BATCH):
        own, inside = _forbidden(bytes_at(data, at[some : some + _BATCH] + CODE, _HEAD))
        place[own + some] = at[own + some] + CODE + inside
    early = place < end
    end, broken = np.where(early, place, end), broken | early
    units = _Units(at, end, limit, broken | (end - at > _LARGEST))
    _end_at_zeros(data, units, _probed(data, offset, at, end))
    return units


def _forbidden(heads: Column) -> tuple[Column, Column]:
    """Which heads of units hold bytes that no unit can hold, and where in each they first are."""
    every = heads.reshape(-1)
    zero = every == 0
    pairs = np.flatnonzero(zero[:-2] & zero[1:-1])
    wrong = pairs[(every[pairs + 2] & 0xFD == 0) & (pairs % _HEAD < _HEAD - 2)]
    own, first = np.unique(wrong // _HEAD, return_index=True)
    return own, wrong[first] % _HEAD


def _end_at_zeros(data: Bytes, units: _Units, places: Column) -> None:
    """End units at the first three zeros inside them, in place."""
    for place in places.tolist():
        start = int(units.at[place]) + CODE
        stop = data[start : int(units.end[place])].tobytes().find(bytes(3))
        if stop >= 0:
            units.end[place], units.broken[place] = start + stop, True


def _trailing_zeros(data: Bytes, start: Column, end: Column) -> Column:
    """Zero bytes before each end."""
    tail = bytes_at(data, np.maximum(end - _PADDING, 0), _PADDING)
    tail[end < _PADDING] = 1
    count = (np.cumsum(tail[:, ::-1] != 0, axis=1) == 0).sum(axis=1)
    for place in np.flatnonzero(count == _PADDING).tolist():
        behind = data[int(start[place]) : int(end[place])]
        filled = np.flatnonzero(behind[::-1] != 0)
        count[place] = int(filled[0]) if len(filled) else len(behind)
    result: Column = np.minimum(count, np.maximum(end - start, 0))
    return result


def _probed(data: Bytes, offset: int, at: Column, end: Column) -> Column:
    """Units with zeros at the beginning or end of a sector: unwritten, unreadable or cleared
    bytes, and what is left of the last sector of a file."""
    first = int(at[0]) + CODE
    first += -(first + offset) % _SECTOR
    places = np.arange(first, int(end[-1]) - _WORD, _SECTOR, dtype=np.int64)
    if not len(places):
        return places
    zeros = []
    for shift in (0, -_WORD) if first >= _WORD else (0,):
        words: npt.NDArray[Any] = np.ndarray(
            (len(places),), "<u8", data.data, offset=first + shift, strides=(_SECTOR,)
        )
        zeros.append(places[words == 0] + shift)
    zero = np.concatenate(zeros)
    owner = np.searchsorted(at, zero, side="right") - 1
    inside = (owner >= 0) & (zero >= at[np.maximum(owner, 0)] + CODE) & (zero < end[owner])
    return np.unique(owner[inside])


def _pictures(
    window: Window, units: _Units, roles: Roles, codec: Codec, complete: bool
) -> Frames | None:
    """One row per access unit of a codec; None when more start codes are needed."""
    part, count = roles.part, len(units.at)
    size = len(window.data)
    seen = (units.at + _MARGINS[codec] <= size) | window.at_end
    slices = np.where(part == BEFORE, count, np.arange(count))
    leads = np.minimum.accumulate(slices[::-1])[::-1]  # to this unit the ones before belong
    opens = (leads < count) & roles.first[np.minimum(leads, count - 1)]
    starts = np.flatnonzero(_begins(units, roles, opens))
    lasts = np.append(starts[1:], count) - 1
    lead = np.minimum(leads[starts], count - 1)
    told = ((leads[starts] < count) & seen[lead]) | window.at_end
    valid = opens[starts] & (lead <= lasts) & (part[starts] != BAD)
    kept = (valid | ~told) & (units.at[starts] < window.limit)
    sure = told & (np.append(told[1:], window.at_end) | units.broken[lasts])
    if not complete:
        sure &= units.end[lasts] + _PADDING < window.limit + _CHUNK
    if not complete and (kept & ~sure).any():
        return None
    has_sets = np.add.reduceat(roles.sets.astype(np.int64), starts) > 0
    key = roles.key[lead] | (has_sets & roles.intra[lead])
    follows = np.append(valid[1:], False) & ~units.broken[lasts]
    goes_on = np.append((valid & ~key)[1:], False)
    _end_at_zeros(window.data, units, lasts[kept & ~follows])
    rows = _rows(window, units, starts[kept], lasts[kept], follows[kept], goes_on[kept])
    rows["flags"][~told[kept] | (~sure[kept] & (size - units.at[starts[kept]] < _LARGEST))] = (
        FrameFlag.OVERRUN
    )
    rows["codec"] = codec
    rows["kind"] = np.where(key[kept], Media.KEY, Media.DELTA)
    _stand_alone(window, rows, codec, (has_sets & key)[kept])
    return rows


def _begins(units: _Units, roles: Roles, opens: Column) -> Column:
    """Units with which an access unit begins, or what is left of one.

    A first slice, or the first of the units before it; whatever stands behind foreign bytes;
    and a slice that lies before the one in front of it in the picture: others are lost between.
    """
    part = roles.part
    before = np.append(False, part[:-1] == BEFORE)
    begins = np.where(part == BEFORE, ~before & (opens | ~roles.joint), roles.first & ~before)
    begins |= part == BAD
    begins[1:] |= (part[:-1] == BAD) | units.broken[:-1]
    both = (part[1:] == SLICE) & (part[:-1] == SLICE) & ~roles.first[1:]
    begins[1:] |= both & (roles.place[1:] >= 0) & (roles.place[1:] <= roles.place[:-1])
    begins[0] = True
    return begins


def _rows(
    window: Window,
    units: _Units,
    firsts: Column,
    lasts: Column,
    follows: Column,
    goes_on: Column,
) -> Frames:
    """Rows from their first to their last units.

    follows: a picture comes next; goes_on: one that needs this one. More zeros before a key
    picture than its start code has part them: it may be another camera's.
    """
    size = len(window.data)
    start, end, limit = units.at[firsts], units.end[lasts], units.limit[lasts]
    broken = units.broken[lasts]
    near = limit - end <= np.where(goes_on, _MOST_PADDING, 1)
    behind = np.where(broken, size, limit)
    ends = np.where(follows & near, limit, np.minimum(behind, end + _PADDING))
    ends = np.where(follows & ~near, np.minimum(ends, np.maximum(end, limit - 1)), ends)
    whole = np.minimum(ends - start, _LARGEST)
    rows = no_frames(len(firsts))
    rows["offset"] = start + window.offset
    rows["size"] = whole
    rows["payload_size"] = np.minimum(end - start, whole)
    rows["flags"] = np.where(follows, 0, FrameFlag.END_UNPROVEN)
    unseen = broken & (end + _PADDING > size) & (not window.at_end)
    rows["flags"][unseen] = FrameFlag.OVERRUN
    return rows


def _stand_alone(window: Window, rows: Frames, codec: Codec, complete: Column) -> None:
    """Prove pictures that nothing follows by their own parameter sets, in place.

    complete: key pictures with a sequence parameter set.
    """
    alone = complete & ((rows["flags"] & FrameFlag.END_UNPROVEN) != 0)
    alone &= rows["payload_size"] >= _LEAST_ALONE
    for place in np.flatnonzero(alone).tolist():
        row = rows[place]
        start = int(row["offset"]) - window.offset
        end = start + int(row["payload_size"])
        ends = end == len(window.data) or not window.data[end : end + _PROVING_ZEROS].any()
        if ends and _decodes(codec, window.data[start:end].tobytes()):
            rows["flags"][place] = 0


def _decodes(codec: Codec, picture: bytes) -> bool:
    """Whether all parameter sets that the first slice needs stand before it."""
    head = nal.head(codec, picture)
    sequences = [nal.sequence_parameters(codec, one.data) for one in head if one.kind == "sps"]
    sets = [nal.picture_parameters(codec, one.data) for one in head if one.kind == "pps"]
    return any(
        sps is not None
        and pps is not None
        and pps.sequence_id == sps.id
        and nal.slice_header(codec, head[-1].data, sps, pps) is not None
        for sps in sequences
        for pps in sets
    )
