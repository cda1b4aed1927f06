"""JT/T 1078 stream packets, written from jt1078.md; all integers big-endian."""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vidrecover.simulate import hisilicon
from vidrecover.simulate.footage import Frame
from vidrecover.simulate.image import Chunk
from vidrecover.simulate.settings import Jt1078

BODY_SIZE = 950
"""Bytes of a body; only a frame's last packet has fewer. [A: section 3]"""

MAGIC = b"01cd"
ATOMIC, FIRST, LAST, MIDDLE = 0, 1, 2, 3

_PAYLOAD_TYPES = {"h264": 98, "h265": 99, "alaw": 6, "mulaw": 7, "adpcm": 26, "aac": 19}
_KEY, _DELTA, _AUDIO = 0, 1, 3
_PACKET_MS = 1.0  # what a packet takes to be sent: others get between a frame's packets
_ATTACHMENT_PIECE, _ATTACHMENT_EVERY = 2048, 200


class Head(NamedTuple):
    """What all packets of a frame share. kind: 0 I, 1 P, 3 audio; since_key_ms, since_frame_ms:
    to the previous I frame and the previous frame, pictures only."""

    payload_type: int
    sim: bytes
    channel: int
    kind: int
    time_ms: int
    since_key_ms: int
    since_frame_ms: int


def packet(head: Head, *, sequence: int, mark: int, body: bytes) -> bytes:
    """One packet. M is set on the packet that completes a frame. [A: section 2]"""
    complete = 0x80 if mark in (ATOMIC, LAST) else 0
    parts = [
        MAGIC,
        struct.pack(">BBH", 0x81, complete | head.payload_type, sequence & 0xFFFF),
        head.sim,
        struct.pack(">BBQ", head.channel, head.kind << 4 | mark, head.time_ms),
    ]
    if head.kind != _AUDIO:
        intervals = (min(head.since_key_ms, 0xFFFF), min(head.since_frame_ms, 0xFFFF))
        parts.append(struct.pack(">HH", *intervals))
    return b"".join((*parts, struct.pack(">H", len(body)), body))


def attachment(name: str, offset: int, piece: bytes) -> bytes:
    """A piece of an alarm attachment: the same magic before another header. [A: section 5]"""
    return MAGIC + name.encode().ljust(50, b"\0") + struct.pack(">II", offset, len(piece)) + piece


class _Packet(NamedTuple):
    """A packet that has no number yet. due: when it is sent."""

    due: float
    head: Head
    mark: int
    body: bytes
    skip: int  # bytes of the body before the payload
    shot: Frame


class Connection:
    """One terminal's connection: all channels, one sequence. sim in BCD, padded with zeros."""

    def __init__(self, settings: Jt1078, seed: int) -> None:
        self._settings = settings
        self._sim = bytes.fromhex(settings.sim.rjust(settings.sim_bytes * 2, "0"))
        self._sequence = settings.first_sequence
        self._to_lose = settings.missing_middle
        self._last_key: dict[int, int] = {}
        self._last_frame: dict[int, int] = {}
        self._rng = np.random.default_rng([seed, 7])
        self._attached = 0

    def chunks(self, shots: Sequence[tuple[Frame, bytes]]) -> Iterator[Chunk]:
        """The packets of these frames in the order in which they are sent."""
        packets = [packet for shot in shots for packet in self._packets(*shot)]
        for number, ready in enumerate(sorted(packets, key=lambda packet: packet.due)):
            if self._settings.attachment and number % _ATTACHMENT_EVERY == 100:
                yield self._piece_of_attachment()
            chunk = self._send(ready)
            if chunk is not None:
                yield chunk

    def _send(self, ready: _Packet) -> Chunk | None:
        """The packet with its number; None for one that gets lost on its way to the disk."""
        shot, sequence = ready.shot, self._sequence & 0xFFFF
        self._sequence += 1
        if shot.sequence is None:
            shot.sequence = sequence
        later_key = shot.key and ready.head.since_key_ms > 0
        if self._to_lose and later_key and ready.mark == MIDDLE and shot.state == "on_disk":
            self._to_lose -= 1
            shot.state = "never_written"
            return None
        data = packet(ready.head, sequence=sequence, mark=ready.mark, body=ready.body)
        return Chunk(data, shot, ((len(data) - len(ready.body) + ready.skip, len(data)),))

    def _packets(self, shot: Frame, payload: bytes) -> Iterator[_Packet]:
        voice = hisilicon.header(payload) if shot.codec == "adpcm" else b""
        data = voice + payload
        bodies = [data[at : at + BODY_SIZE] for at in range(0, len(data), BODY_SIZE)]
        head = self._head(shot)
        pace = min(_PACKET_MS, 800 / shot.camera.rate / len(bodies))
        for number, body in enumerate(bodies):
            mark = MIDDLE
            if len(bodies) == 1:
                mark = ATOMIC
            elif number == 0:
                mark = FIRST
            elif number == len(bodies) - 1:
                mark = LAST
            skip = len(voice) if number == 0 else 0
            yield _Packet(shot.time_ms + number * pace, head, mark, body, skip, shot)

    def _head(self, shot: Frame) -> Head:
        channel = shot.camera.number
        kind, since_key, since_frame = _AUDIO, 0, 0
        if shot.media == "video":
            kind = _KEY if shot.key else _DELTA
            since_key = shot.time_ms - self._last_key.get(channel, shot.time_ms)
            since_frame = shot.time_ms - self._last_frame.get(channel, shot.time_ms)
            self._last_frame[channel] = shot.time_ms
            if shot.key:
                self._last_key[channel] = shot.time_ms
        payload_type = _PAYLOAD_TYPES[shot.codec]
        return Head(payload_type, self._sim, channel, kind, shot.time_ms, since_key, since_frame)

    def _piece_of_attachment(self) -> Chunk:
        name = "00_65_6502_1_20260314073000.jpg"
        offset = self._attached * _ATTACHMENT_PIECE
        self._attached += 1
        return Chunk(attachment(name, offset, self._rng.bytes(_ATTACHMENT_PIECE)))
