"""Settings of vehicle terminals: which cameras they know of, and which alarms they hold back.

Byte facts: jt808.md sections 2 and 4, jt1078.md sections 6.1 and 6.2, all [A].
"""

from collections.abc import Iterator

from vidrecover.model import Event, EventKind, Extent

CHANNELS, MASK = 0x0076, 0x007A
_MOST_CHANNELS = 64
_SOUND = 1
_CARRIES = ("picture and sound", "sound alone", "picture alone")
_HELD_BACK = ("video loss", "covered cameras", "failed storage")  # by bit
_RECORD = 4


def items(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and value of each setting in the answer 0x0104, as many as it states, up to one that
    is cut."""
    place = 3
    for _ in range(body[2] if len(body) > 2 else 0):
        end = place + 5 + body[place + 4] if place + 5 <= len(body) else len(body) + 1
        if end > len(body):
            return
        yield int.from_bytes(body[place : place + 4], "big"), body[place + 5 : end]
        place = end


def events(number: int, value: bytes, entry: Extent) -> Iterator[Event]:
    """What a setting tells, without a time; entry: where the message stands.

    A camera's number is the logical one, which alarms and footage use. What the number means
    (driver, road) is never told: regional standards contradict each other.
    """
    told: list[tuple[int | None, str]] = []
    if number == CHANNELS:
        told += _channels(value)
    elif number == MASK and len(value) == 4:
        bits = int.from_bytes(value, "big")
        names = ", ".join(name for bit, name in enumerate(_HELD_BACK) if bits >> bit & 1)
        if names:
            text = f"the terminal's settings hold back alarms of {names}"
            told.append((None, f"{text}: that none is reported proves nothing"))
    for channel, text in told:
        yield Event(
            kind=EventKind.OTHER, time_ms=None, channel=channel, code=number, text=text, entry=entry
        )


def _channels(value: bytes) -> list[tuple[int | None, str]]:
    """Camera and text for each record; none at all where one of them is impossible."""
    records = [value[place : place + _RECORD] for place in range(3, len(value), _RECORD)]
    if len(value) < 3 or len(value) != 3 + _RECORD * sum(value[:3]):
        return []
    told: list[tuple[int | None, str]] = []
    for physical, logical, carries, moved in records:
        if not physical or not 1 <= logical <= _MOST_CHANNELS or carries > 2 or moved > 1:
            return []
        text = f"the terminal's settings name channel {logical}: input {physical}, "
        text += _CARRIES[carries] + (", on a moved mount" if moved else "")
        told.append((None if carries == _SOUND else logical, text))
    return told
