"""MPEG transport streams, written from ITU-T H.222.0 clause 2.4; integers big-endian.

192-byte packets have four bytes before each: two bits of copy control and 30 bits of a clock of
27 MHz (BDAV).
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from vidrecover.simulate import ps
from vidrecover.simulate.footage import Frame
from vidrecover.simulate.image import Chunk, by_camera
from vidrecover.simulate.settings import Ts

SIZE = 188
PAT, MAP, VIDEO, AUDIO, NULL = 0, 0x1000, 0x100, 0x101, 0x1FFF
_TYPES = {"h264": 0x1B, "h265": 0x24, "aac": 0x0F, "alaw": 0x90, "mulaw": 0x91}
_DELAY = 9000  # ticks from the clock of the stream to the time of showing
_TICKS = 90
_APART = 0x10  # between the numbers of two programs' streams


class Mux:
    """Packets of one stream of programs, with a counter for each PID. stamped: of 192 bytes."""

    def __init__(self, *, stamped: bool) -> None:
        self._stamped = stamped
        self._counts: dict[int, int] = {}
        self._clock = 0

    def section(self, pid: int, table: bytes) -> bytes:
        """One packet with a table behind a pointer of 0, filled up with ones."""
        body = (b"\0" + table).ljust(SIZE - 4, b"\xff")
        return self._packet(pid, body, b"", first=True)

    def null(self) -> bytes:
        """A packet without meaning."""
        return self._packet(NULL, b"\xff" * (SIZE - 4), b"", first=False)

    def payload(
        self,
        pid: int,
        data: bytes,
        head: int,
        clock: int | None,
        *,
        key: bool,
        scrambled: bool = False,
    ) -> Iterator[tuple[bytes, tuple[int, int]]]:
        """Packets of a PES packet, each with the range of its payload; head: bytes of the PES
        header, which lies in the first one. clock: PCR base for the first one; scrambled: their
        headers say so, with the even key."""
        at, first = 0, True
        while at < len(data):
            field = b""
            if first and (clock is not None or key):
                field = bytes([(0x10 if clock is not None else 0) | (0x40 if key else 0)])
                if clock is not None:
                    field += ((clock % (1 << 33)) << 15 | 0x7E00).to_bytes(6, "big")
            room = SIZE - 4 - (1 + len(field) if field else 0)
            part = data[at : at + room]
            body = self._packet(pid, part, field, first=first)
            if scrambled:
                at_flags = len(body) - SIZE + 3
                body = body[:at_flags] + bytes([body[at_flags] | 0x80]) + body[at_flags + 1 :]
            start = len(body) - len(part) + (head if first else 0)
            yield body, (start, len(body))
            at, first = at + len(part), False

    def _packet(self, pid: int, body: bytes, field: bytes, *, first: bool) -> bytes:
        missing = SIZE - 4 - len(body)
        control = 0x10
        adaptation = b""
        if missing:
            control = 0x30
            content = field or (b"\0" if missing > 1 else b"")
            adaptation = bytes([missing - 1]) + content.ljust(missing - 1, b"\xff")
        count = self._counts.get(pid, 0)
        self._counts[pid] = (count + 1) & 15
        head = struct.pack(">BHB", 0x47, (0x4000 if first else 0) | pid, control | count)
        self._clock += 1200
        stamp = struct.pack(">I", self._clock & 0x3FFFFFFF) if self._stamped else b""
        return stamp + head + adaptation + body

    def lose(self, pid: int) -> None:
        """A packet of this PID gets lost on its way."""
        self._counts[pid] = (self._counts.get(pid, 0) + 1) & 15


def association(maps: Sequence[tuple[int, int]]) -> bytes:
    """Program association table: (number, PID of the map) of each program."""
    return _table(
        0x00, 1, b"".join(struct.pack(">HH", number, 0xE000 | pid) for number, pid in maps)
    )


def program_map(number: int, clock: int, streams: Sequence[tuple[int, int]]) -> bytes:
    """Program map table: PID of the clock, then (stream type, PID) of each stream."""
    body = struct.pack(">HH", 0xE000 | clock, 0xF000)
    body += b"".join(struct.pack(">BHH", kind, 0xE000 | pid, 0xF000) for kind, pid in streams)
    return _table(0x02, number, body)


def _table(identifier: int, number: int, body: bytes) -> bytes:
    head = struct.pack(">BHHBBB", identifier, 0xB000 | len(body) + 9, number, 0xC1, 0, 0)
    return head + body + struct.pack(">I", ps.checksum(head + body))


def stream_types(codec: str, audio: str) -> list[tuple[int, int]]:
    """Streams of one camera's program."""
    sound = [(_TYPES[audio], AUDIO)] if audio in _TYPES else []
    return [(_TYPES[codec], VIDEO), *sound]


def chunks(shots: Sequence[tuple[Frame, bytes]], settings: Ts, clock: ps.Clock) -> Iterator[Chunk]:
    """One file of one camera: tables before every key picture, packets of sound between those of
    a picture where there are enough."""
    mux = Mux(stamped=settings.packet == 192)
    yield from _program(shots, mux, settings, clock, 0, 1)


def programs(
    shots: Sequence[tuple[Frame, bytes]], settings: Ts, clock: ps.Clock
) -> Iterator[Chunk]:
    """One file of all cameras, a program for each, their packets in turn."""
    mux, cameras = Mux(stamped=settings.packet == 192), list(by_camera(shots))
    made = [
        _program(one, mux, settings, clock, place, len(cameras))
        for place, one in enumerate(cameras)
    ]
    for group in zip_longest(*made):
        yield from (chunk for chunk in group if chunk is not None)


def _program(
    shots: Sequence[tuple[Frame, bytes]],
    mux: Mux,
    settings: Ts,
    clock: ps.Clock,
    place: int,
    count: int,
) -> Iterator[Chunk]:
    """The packets of one camera; place: of its program among so many."""
    camera, own = shots[0][0].camera, place * _APART
    streams = [(kind, pid + own) for kind, pid in stream_types(camera.codec, camera.audio)]
    tables = (
        association([(one + 1, MAP + one) for one in range(count)]),
        program_map(place + 1, VIDEO + own, streams),
    )
    waiting: list[Chunk] = []
    for shot, payload in shots:
        pts = clock.at(shot) + _DELAY
        video = shot.media == "video"
        data = ps.packet(ps.VIDEO if video else ps.AUDIO, payload, pts, unbounded=video)
        if shot.key:
            yield Chunk(mux.section(PAT, tables[0]))
            yield Chunk(mux.section(MAP + place, tables[1]))
        pid, base = (VIDEO + own, pts - _DELAY) if video else (AUDIO + own, None)
        head, hidden = len(data) - len(payload), video and shot.hidden
        if hidden and settings.marked == "pes":
            data = ps.marked(data)
        scrambled = hidden and settings.marked == "packets"
        if scrambled:
            data = payload[-head:] + payload  # as even as what it hides
        packets = mux.payload(pid, data, head, base, key=shot.key, scrambled=scrambled)
        made = [Chunk(one, shot, (where,)) for one, where in packets]
        if not video:
            waiting += made
            continue
        for chunk in made:
            yield chunk
            if waiting:
                yield waiting.pop(0)
        yield from waiting
        waiting = []
    yield from waiting
