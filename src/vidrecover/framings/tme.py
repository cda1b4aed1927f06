"""Frames of TME vehicle recorders (4HKH): a header of 68 bytes, the picture, sub-records behind.

Byte facts: tme-mdvr.md section 4.1, with its marks. Only the low bytes of some words are known, and
the flag that opens a header is no rare pattern: a frame is proven by the header behind it.
"""

import numpy as np

from vidrecover.framings import bitstream
from vidrecover.framings._columns import Bytes, Column, any_of, bytes_at, cut
from vidrecover.model import (
    NO_SEQUENCE,
    Codec,
    FrameFlag,
    Frames,
    Media,
    Window,
    no_frames,
    together,
)

_HEAD = np.dtype(
    {
        "names": ["flag", "serial", "tick", "count", "width", "height", "type", "size"],
        "formats": ["<u4", "<u4", "<u4", "u1", "<u2", "<u2", "u1", "<u4"],
        "offsets": [0, 4, 8, 16, 20, 22, 48, 64],
        "itemsize": 68,
    }
)
_SUB = np.dtype(
    {"names": ["flag", "size"], "formats": ["<u2", "<u4"], "offsets": [0, 16], "itemsize": 20}
)
_KEY, _SOUND, _DELTA = 3, 1, 4
_SUB_SOUND, _SUB_DELTA = 0x1001, 0x1005
_MOST_PARTS, _LARGEST = 9, 999_999  # of the vendor's own reader [A]
_SMALLEST = 8  # bytes of a picture or of sound [C]
_WIDEST = 4096
_BATCH = 1 << 16


def frames(window: Window, candidates: Column) -> Frames:
    """A row for each frame's main part and one for each sub-record, ordered by offset.

    Sub-records have neither number nor counter of their own. Nothing of a frame whose end lies
    behind the window is told but its main row, OVERRUN. See `model.Reader`.
    """
    starts = candidates[(candidates < window.limit) & (np.diff(candidates, prepend=-1) > 0)]
    parts = [_batch(window, starts[at : at + _BATCH]) for at in range(0, len(starts), _BATCH)]
    rows = together(parts)
    return rows.take(np.argsort(rows["offset"], kind="stable"))


def _batch(window: Window, starts: Column) -> Frames:
    data = window.data
    whole = starts + _HEAD.itemsize <= len(data)
    cut_off = starts[~whole & (not window.at_end)]
    starts = starts[whole]
    heads = cut(data, starts, _HEAD)
    kept = _plausible(heads)
    starts, heads = starts[kept], heads[kept]
    if not len(starts) and not len(cut_off):  # four common bytes are no header yet
        return no_frames()
    main_ends = starts + _HEAD.itemsize + heads["size"].astype(np.int64)
    subs, ends, blind = _sub_records(window, heads["count"].astype(np.int64) - 1, main_ends)
    reach, proven, unclear = _reach(window, starts, ends)
    blind |= unclear | ((ends > len(data)) & (not window.at_end))
    shown = blind | (ends <= len(data))
    last = np.zeros(len(starts), dtype=np.int64)  # sub-records of each
    for owners, _, _ in subs:
        last[owners] += 1
    main = _main_rows(data, starts, heads, main_ends)
    _close(main, last == 0, proven, reach - ends)
    main["flags"] = np.where(blind, FrameFlag.OVERRUN, main["flags"])
    tables = [main.compress(shown)]
    for step, (owners, places, records) in enumerate(subs, start=1):
        told = shown[owners] & ~blind[owners]
        table = _sub_rows(data, places[told], records[told])
        own = owners[told]
        _close(table, last[own] == step, proven[own], (reach - ends)[own])
        tables.append(table)
    torn = no_frames(len(cut_off))
    torn["offset"], torn["size"] = cut_off, _HEAD.itemsize
    torn["kind"], torn["flags"] = Media.DELTA, int(FrameFlag.OVERRUN)
    rows = together([*tables, torn])
    rows["offset"] += window.offset
    return rows


def _close(rows: Frames, is_last: Column, proven: Column, zeros: Column) -> None:
    """End rows that close a record, with so many zeros behind them. Rows before the last are
    proven by the sub-record behind them."""
    rows["flags"] = np.where(is_last & ~proven, FrameFlag.END_UNPROVEN, FrameFlag.NONE)
    rows["size"] += np.where(is_last, zeros, 0).astype(np.uint32)


def _plausible(heads: Column) -> Column:
    """Whether headers hold what they may."""
    kind, size = heads["type"], heads["size"]
    video = any_of(kind, [_KEY, _DELTA])
    right: Column = (heads["flag"] == 1) & (video | (kind == _SOUND))
    right &= (heads["count"] >= 1) & (heads["count"] <= _MOST_PARTS)
    right &= (size >= _SMALLEST) & (size <= _LARGEST)
    right &= (heads["width"] <= _WIDEST) & (heads["height"] <= _WIDEST)
    right &= (kind != _KEY) | ((heads["width"] >= 16) & (heads["height"] >= 16))
    return right


def _sub_records(
    window: Window, wanted: Column, ends: Column
) -> tuple[list[tuple[Column, Column, Column]], Column, Column]:
    """Sub-records step by step: of which frames, where, and their headers; where frames end with
    them; and for which the window ends before that is known. Another flag ends a frame. [A]"""
    found = []
    at, blind = ends.copy(), np.zeros(len(ends), dtype=bool)
    going = np.flatnonzero(wanted > 0)
    for step in range(1, _MOST_PARTS):
        going = going[wanted[going] >= step]
        if not len(going):
            break
        inside = at[going] + _SUB.itemsize <= len(window.data)
        blind[going[~inside]] = not window.at_end
        going = going[inside]
        records = cut(window.data, at[going], _SUB)
        right = any_of(records["flag"], [_SUB_SOUND, _SUB_DELTA])
        right &= (records["size"] > 0) & (records["size"] <= _LARGEST)
        following = at[going] + _SUB.itemsize + records["size"].astype(np.int64)
        right &= (following <= len(window.data)) | (not window.at_end)
        going, records = going[right], records[right]
        found.append((going, at[going], records))
        at[going] = following[right]
    return found, at, blind


def _reach(window: Window, starts: Column, ends: Column) -> tuple[Column, Column, Column]:
    """Where frames end with the zeros up to the next multiple of four from their start [A]; whether
    a header stands there, or the source ends; else, for which the window ends before that shows."""
    data = window.data
    room = -(ends - starts) % 4
    behind = bytes_at(data, ends, 3)
    zeros = ((behind == 0) | (np.arange(3) >= room[:, None])).all(axis=1)
    reach = ends + np.where(zeros & (ends + room <= len(data)), room, 0)
    proven = np.zeros(len(ends), dtype=bool)
    inside = np.flatnonzero(reach + _HEAD.itemsize <= len(data))
    proven[inside] = _plausible(cut(data, reach[inside], _HEAD))
    if window.at_end:
        proven |= reach == len(data)
    return reach, proven, (reach + _HEAD.itemsize > len(data)) & (not window.at_end)


def _main_rows(data: Bytes, starts: Column, heads: Column, ends: Column) -> Frames:
    rows = no_frames(len(starts))
    rows["offset"], rows["size"] = starts, ends - starts
    rows["payload_offset"], rows["payload_size"] = _HEAD.itemsize, heads["size"]
    rows["kind"] = np.select(
        [heads["type"] == _KEY, heads["type"] == _DELTA], [Media.KEY, Media.DELTA], Media.AUDIO
    )
    ticks = heads["tick"].astype(np.int64)
    rows["tick_ms"] = ticks * 15 + ticks * 5 // 8
    rows["sequence"] = heads["serial"]
    _name_codecs(rows, data)
    return rows


def _sub_rows(data: Bytes, starts: Column, records: Column) -> Frames:
    rows = no_frames(len(starts))
    rows["offset"], rows["size"] = starts, _SUB.itemsize + records["size"]
    rows["payload_offset"], rows["payload_size"] = _SUB.itemsize, records["size"]
    rows["kind"] = np.where(records["flag"] == _SUB_SOUND, Media.AUDIO, Media.DELTA)
    rows["sequence"] = NO_SEQUENCE
    _name_codecs(rows, data)
    return rows


def _name_codecs(rows: Frames, data: Bytes) -> None:
    """By the first NAL unit of pictures; the coding of the sound is not known."""
    video = rows["kind"] != Media.AUDIO
    begins = (rows["offset"] + rows["payload_offset"])[video]
    rows["codec"][video] = bitstream.sniff(data, begins, rows["payload_size"][video])[0]
    rows["codec"][~video] = Codec.OTHER_AUDIO
