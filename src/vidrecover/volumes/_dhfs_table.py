"""The descriptors of a DHFS partition, in bulk: what each row says of its fragment.

Byte facts: dahua-dhfs.md section 5, with its marks.
"""

from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.model import NO_CHANNEL, NO_TIME

Rows = npt.NDArray[Any]

DESCRIPTOR = np.dtype(
    [
        ("type", "u1"),  # 0 free, 1 first of a recording, 2 continuation, others reserved
        ("channel", "u1"),  # '0' + channel counted from 0
        ("number", "<u2"),  # main: additional fragments; continuation: position from 1
        ("begin", "<u4"),  # packed dates; main: of the recording, else of the fragment
        ("end", "<u4"),
        ("next", "<u4"),  # 0 or FFFFFFFF: none
        ("last", "<u4"),  # main: used blocks of the last fragment
        ("previous", "<u4"),
        ("main", "<u4"),  # main descriptor of the chain, itself for a main
        ("unknown", "<u4"),
    ]
)
"""One descriptor on the disk, 32 bytes. [A: dahua-dhfs.md section 5]"""

NO_NEXT = 0xFFFFFFFF
_FIRST_CHANNEL = 0x30


class Use(IntEnum):
    """What a descriptor says of its fragment; OPAQUE: unreadable, or it contradicts itself."""

    NONE = 0
    MAIN = 1
    CONTINUATION = 2
    FREED_MAIN = 3
    FREED_CONTINUATION = 4
    OPAQUE = 5


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


def understand(raw: Rows, first: int, count: int) -> Rows:
    """Rows (ROW) of raw descriptors `first`, `first` + 1, ... of a table of `count`.

    A type alone is not believed. A main names itself, or has dates, a channel and no previous; a
    continuation names a main and a previous inside the table; a free descriptor still says
    something when its dates, channel and links are possible. [C]
    """
    rows = np.zeros(len(raw), dtype=ROW)
    own = np.arange(first, first + len(raw))
    for name in ("last", "next", "previous"):
        rows[name] = raw[name]
    rows["begin_ms"] = clock.packed_dates(raw["begin"])
    rows["end_ms"] = clock.packed_dates(raw["end"])
    seen = raw["channel"] >= _FIRST_CHANNEL
    rows["channel"] = np.where(seen, raw["channel"].astype("<i2") - _FIRST_CHANNEL + 1, NO_CHANNEL)
    dated = (rows["begin_ms"] != NO_TIME) & (rows["end_ms"] >= rows["begin_ms"])
    names_itself = raw["main"] == own
    linked = (raw["main"] < count) & (raw["previous"] < count)
    onward = (raw["next"] < count) | (raw["next"] == NO_NEXT)
    is_main = (raw["type"] == 1) & (names_itself | (dated & seen & (raw["previous"] == 0)))
    is_more = (raw["type"] == 2) & linked & ~names_itself & (raw["number"] > 0)
    freed = (raw["type"] == 0) & dated & seen & linked & onward
    use = rows["use"]
    use[(raw["type"] != 0) & (raw["type"] != 0xFE)] = Use.OPAQUE
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
