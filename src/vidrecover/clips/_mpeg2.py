"""What clips of MPEG-2 need of its headers: the size, and the order of showing."""

_SEQUENCE, _GROUP, _PICTURE = b"\0\0\1\xb3", b"\0\0\1\xb8", b"\0\0\1\0"
_EXTENSION, _OF_SEQUENCE = b"\0\0\1\xb5", 1
_LOOK = 4096
_TURN = 1024  # temporal_reference has ten bits


def size(payload: bytes) -> tuple[int, int] | None:
    """Width and height in the sequence header. [A: ITU-T H.262 clauses 6.2.2.1 and 6.2.2.3]"""
    at = payload[:_LOOK].find(_SEQUENCE)
    if at < 0 or len(payload) < at + 12:
        return None
    both = int.from_bytes(payload[at + 4 : at + 7], "big")
    width, height = both >> 12, both & 0xFFF
    behind = payload[at + 12 : at + _LOOK]
    place = behind.find(_EXTENSION)
    if place >= 0 and len(behind) >= place + 8 and behind[place + 4] >> 4 == _OF_SEQUENCE:
        more = int.from_bytes(behind[place + 5 : place + 7], "big")
        width, height = width | (more >> 7 & 3) << 12, height | (more >> 5 & 3) << 12
    return width, height


class Groups:
    """Counts pictures as MPEG-2 does: anew in each group."""

    def __init__(self) -> None:
        self._group = self._last = 0

    def look(self, payload: bytes) -> tuple[int, int] | None:
        """Where a picture stands in the order of showing: its group, and its place there; None
        where no picture header is. [A: ITU-T H.262 clause 6.3.9]"""
        at = payload[:_LOOK].find(_PICTURE)
        if at < 0 or len(payload) < at + 6:
            return None
        place = payload[at + 4] << 2 | payload[at + 5] >> 6
        if _GROUP in payload[:at] or place < self._last - _TURN // 2:
            self._group += 1
        self._last = place
        return self._group, place
