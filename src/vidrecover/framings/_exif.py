"""When a picture was taken, as EXIF says. Byte facts: CIPA DC-008 clauses 4.5 and 4.6.5. [A]"""

import struct

from vidrecover import clock
from vidrecover.model import RecorderMs

SIGNATURE = b"Exif\0\0"
_INNER, _TAKEN, _CHANGED, _HUNDREDTHS = 0x8769, 0x9003, 0x0132, 0x9291
_MOST_ENTRIES = 256
_FIRST_YEAR, _LAST_YEAR = 1995, 2100
_TEXT_SIZE = 20


def taken(block: bytes) -> RecorderMs | None:
    """Recorder time of the picture, None where none is told.

    block: what follows `SIGNATURE`. The time of taking counts, else that of the last change.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return None
    outer = _entries(block, _first(block[4:8], order), order)
    inner = _entries(block, _number(outer.get(_INNER), order), order)
    for text in (inner.get(_TAKEN), outer.get(_CHANGED)):
        time_ms = _parsed(_content(block, text, order))
        if time_ms is not None:
            return time_ms + _millis(_content(block, inner.get(_HUNDREDTHS), order))
    return None


def _first(word: bytes, order: str) -> int:
    return int(struct.unpack(f"{order}I", word)[0]) if len(word) == 4 else 0


def _entries(block: bytes, at: int, order: str) -> dict[int, bytes]:
    """The entries of a directory by their tag."""
    if not 8 <= at <= len(block) - 2:
        return {}
    (count,) = struct.unpack_from(f"{order}H", block, at)
    places = range(at + 2, at + 2 + 12 * min(count, _MOST_ENTRIES), 12)
    parts = (block[place : place + 12] for place in places)
    return {struct.unpack_from(f"{order}H", one)[0]: one for one in parts if len(one) == 12}


def _number(entry: bytes | None, order: str) -> int:
    return 0 if entry is None else int(struct.unpack_from(f"{order}I", entry, 8)[0])


def _content(block: bytes, entry: bytes | None, order: str) -> bytes:
    """The text of an entry: in it, or where it leads to."""
    if entry is None:
        return b""
    (count,) = struct.unpack_from(f"{order}I", entry, 4)
    if count <= 4:
        return entry[8 : 8 + count]
    at = _number(entry, order)
    return block[at : at + min(count, _TEXT_SIZE)]


def _parsed(text: bytes) -> RecorderMs | None:
    """Time in `YYYY:MM:DD HH:MM:SS`, None where it is none."""
    shown = text[:19].decode("ascii", "replace")
    year, rest = shown[:4], shown[4:]
    if len(rest) != 15 or not year.isdecimal() or not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
        return None
    try:
        return clock.parse_iso(f"{year}{rest[:6].replace(':', '-')}T{rest[7:]}")
    except ValueError:
        return None


def _millis(text: bytes) -> int:
    digits = text.rstrip(b"\0 ")[:3]
    return int(digits.ljust(3, b"0")) if digits.isdigit() else 0
