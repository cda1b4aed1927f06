"""Tables of descriptors, one for each equal fragment of a ring, in bulk: DHFS and its sister WFS.

What a row says on the disk differs; what it means is the same, and stands here.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.model import NO_CHANNEL, NO_TIME

Rows = npt.NDArray[Any]

WIDTH = 32
"""Bytes of a descriptor. [A: dahua-dhfs.md section 5, wfs.md section 4]"""
NO_NEXT = 0xFFFFFFFF


class Use(IntEnum):
    """What a descriptor says of its fragment; OPAQUE: unreadable, or it contradicts itself."""

    NONE = 0
    MAIN = 1
    CONTINUATION = 2
    FREED_MAIN = 3
    FREED_CONTINUATION = 4
    OPAQUE = 5


class Type(IntEnum):
    """What the type byte says, before anything else is looked at."""

    FREE = 0
    MAIN = 1
    CONTINUATION = 2
    RESERVED = 3
    OTHER = 4


STATED = np.dtype(
    [
        ("type", "u1"),  # Type
        ("channel", "<i2"),  # from 1, NO_CHANNEL when not legible
        ("number", "<u2"),  # main: additional fragments; continuation: position from 1
        ("begin", "<u4"),  # packed dates; main: of the recording, else of the fragment
        ("end", "<u4"),
        ("next", "<u4"),  # 0 or FFFFFFFF: none
        ("last", "<u4"),  # main: used blocks of the last fragment
        ("previous", "<u4"),
        ("main", "<u4"),  # main descriptor of the chain, itself for a main
    ]
)
"""A descriptor as a layout states it, in the columns that all layouts share."""

_AS_THEY_ARE = ("number", "begin", "end", "next", "last", "previous", "main")

ROW = np.dtype(
    [
        ("use", "u1"),
        ("channel", "<i2"),
        ("position", "<u2"),  # in the chain, 0 for a main
        ("more", "<u2"),  # main: additional fragments
        ("last", "<u4"),
        ("next", "<u4"),
        ("previous", "<u4"),
        ("root", "<u4"),  # main descriptor of the chain, itself for a main
        ("begin_ms", "<i8"),
        ("end_ms", "<i8"),
    ]
)
"""A descriptor as understood."""


def stated(found: Rows, types: Rows, kinds: Mapping[int, Type], channels: Rows) -> Rows:
    """Rows (STATED) of descriptors as they stand on a disk, in their layout's own columns.

    types: of each the byte that tells its type, which `kinds` explains (others are OTHER);
    channels: from 1, anything below where none is legible.
    """
    rows = np.zeros(len(found), dtype=STATED)
    for name in _AS_THEY_ARE:
        rows[name] = found[name]
    known = np.full(256, Type.OTHER, dtype=np.uint8)
    known[list(kinds)] = list(kinds.values())
    rows["type"] = known[types]
    rows["channel"] = np.where(channels > 0, channels, NO_CHANNEL)
    return rows


def understand(raw: Rows, first: int, count: int) -> Rows:
    """Rows (ROW) of stated descriptors `first`, `first` + 1, ... of a table of `count`.

    A type alone is not believed. A main names itself, or has dates, a channel and no previous; a
    continuation names a main and a previous inside the table; a free descriptor still says
    something when its dates, channel and links are possible. [C]
    """
    rows = np.zeros(len(raw), dtype=ROW)
    own = np.arange(first, first + len(raw))
    for name in ("last", "next", "previous", "channel"):
        rows[name] = raw[name]
    rows["begin_ms"] = clock.packed_dates(raw["begin"])
    rows["end_ms"] = clock.packed_dates(raw["end"])
    seen, kind = raw["channel"] > 0, raw["type"]
    dated = (rows["begin_ms"] != NO_TIME) & (rows["end_ms"] >= rows["begin_ms"])
    names_itself = raw["main"] == own
    linked = (raw["main"] < count) & (raw["previous"] < count)
    onward = (raw["next"] < count) | (raw["next"] == NO_NEXT)
    is_main = (kind == Type.MAIN) & (names_itself | (dated & seen & (raw["previous"] == 0)))
    is_more = (kind == Type.CONTINUATION) & linked & ~names_itself & (raw["number"] > 0)
    freed = (kind == Type.FREE) & dated & seen & linked & onward
    use = rows["use"]
    use[(kind != Type.FREE) & (kind != Type.RESERVED)] = Use.OPAQUE
    use[is_main] = Use.MAIN
    use[is_more] = Use.CONTINUATION
    use[freed & names_itself] = Use.FREED_MAIN
    use[freed & ~names_itself & (raw["number"] > 0)] = Use.FREED_CONTINUATION
    opaque = use == Use.OPAQUE
    rows["begin_ms"][opaque] = rows["end_ms"][opaque] = NO_TIME
    head = is_main | (use == Use.FREED_MAIN)
    rows["root"] = np.where(head, own, raw["main"])
    rows["position"] = np.where(head, 0, raw["number"])
    rows["more"] = np.where(head, raw["number"], 0)
    return rows
