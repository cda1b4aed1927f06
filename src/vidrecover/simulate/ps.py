"""MPEG program streams, written from imkh-ps.md and gb28181-ps.md; integers big-endian."""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vidrecover.simulate.footage import Frame
from vidrecover.simulate.image import Chunk
from vidrecover.simulate.settings import Gbps, Imkh
from vidrecover.simulate.times import calendar

VIDEO, AUDIO, PRIVATE = 0xE0, 0xC0, 0xBD

STREAM_TYPES = {"h264": 0x1B, "h265": 0x24, "alaw": 0x90, "mulaw": 0x91, "aac": 0x0F}
SYSTEM_HIKVISION = bytes.fromhex("000001bb001281d66904e17fe0e080c0c008bde080bfe080")
SYSTEM_GB28181 = bytes.fromhex("000001bb000c8186a104e17fe0e080c0c008")
_FIRST_COUNT = 0x002B5136
_TICKS = 90  # a millisecond
_WRAP = 1 << 33
_MUX_RATE = 20_000
_INFO_VIDEO = {"h264": 1, "h265": 5}
_INFO_AUDIO = {"none": 0, "alaw": 0x7111, "mulaw": 0x7110, "aac": 0x2001}


def checksum(data: bytes) -> int:
    """CRC-32/MPEG-2: polynomial 04C11DB7, begun with ones, nothing reflected."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)
            value &= 0xFFFFFFFF
    return value


def pack(scr: int, *, stuffing: int = 6, count: int | None = None, rate: int = _MUX_RATE) -> bytes:
    """Pack header; with a count in its last four bytes of stuffing, as Hikvision writes it."""
    scr %= _WRAP
    value = 1 << 46 | (scr >> 30) << 43 | 1 << 42 | (scr >> 15 & 0x7FFF) << 27 | 1 << 26
    value |= (scr & 0x7FFF) << 11 | 1 << 10 | 1
    tail = b"\xff" * stuffing if count is None else b"\xff\xff" + struct.pack(">I", count)
    head = b"\0\0\1\xba" + value.to_bytes(6, "big") + (rate << 2 | 3).to_bytes(3, "big")
    return head + bytes([0xF8 | stuffing]) + tail


def packet(stream: int, payload: bytes, pts: int | None, *, unbounded: bool = False) -> bytes:
    """A PES packet; unbounded: its length field is 0."""
    if pts is None:
        head = b"\x80\0\0"
    else:
        pts %= _WRAP
        stamp = 2 << 4 | (pts >> 30) << 1 | 1
        stamp = stamp << 16 | (pts >> 15 & 0x7FFF) << 1 | 1
        head = b"\x80\x80\5" + (stamp << 16 | (pts & 0x7FFF) << 1 | 1).to_bytes(5, "big")
    size = 0 if unbounded else len(head) + len(payload)
    return struct.pack(">3sBH", b"\0\0\1", stream, size) + head + payload


def marked(packet: bytes) -> bytes:
    """The PES packet with PES_scrambling_control 10. [A: H.222.0 clause 2.4.3.7]"""
    return packet[:6] + bytes([packet[6] | 0x20]) + packet[7:]


def packet_hikvision(stream: int, payload: bytes, pts: int | None) -> bytes:
    """A PES packet as Hikvision's recorders write it. [A: imkh-ps.md section 7]"""
    if pts is None:
        body = bytes.fromhex("8c0003fffffc") + payload
    else:
        body = b"\x8c\x80\x08" + packet(stream, b"", pts)[9:] + b"\xff\xff\xfc" + payload
    return struct.pack(">3sBH", b"\0\0\1", stream, len(body)) + body


def stamp_hikvision(time_ms: int) -> bytes:
    """Six bytes of wall clock: year, then month 4 bits, day 5, hour 5, minute 6, second 6,
    millisecond 10, flags 4. [A: imkh-ps.md section 6.1]"""
    now = calendar(time_ms)
    bits = now.month << 36 | now.day << 31 | now.hour << 26 | now.minute << 20 | now.second << 14
    return bytes([now.year - 2000]) + (bits | (time_ms % 1000) << 4 | 7).to_bytes(5, "big")


def map_hikvision(
    time_ms: int, video: int, sound: int | None, size: tuple[int, int], interval: int
) -> bytes:
    """Program stream map with the clock; its checksum stands with its bytes swapped. [A, B]"""
    info = b"\x40\x0eHK\1\0" + stamp_hikvision(time_ms) + b"\0\xff\xff\xff"
    info += b"\x41\x12HK" + bytes(range(16))
    own = b"\x42\x0e\x07\x10\x10\xea" + struct.pack(">HH", *size) + b"\x11\x30\xc0"
    streams = struct.pack(">BBH", video, VIDEO, 16) + own + interval.to_bytes(3, "big")
    if sound is not None:
        own = b"\x43\x0a" + bytes.fromhex("0140fe007d0303e803ff")
        streams += struct.pack(">BBH", sound, AUDIO, len(own)) + own
    whole = _map(0xF6, info, streams)
    return whole + struct.pack("<I", checksum(whole))


def map_gb28181(video: int, sound: int | None) -> bytes:
    """Program stream map without descriptors. [A: gb28181-ps.md section 1.3]"""
    streams = struct.pack(">BBH", video, VIDEO, 0)
    if sound is not None:
        streams += struct.pack(">BBH", sound, AUDIO, 0)
    whole = _map(0xE0, b"", streams)
    return whole + struct.pack(">I", checksum(whole))


def _map(version: int, info: bytes, streams: bytes) -> bytes:
    body = struct.pack(">BBH", version, 0xFF, len(info)) + info
    body += struct.pack(">H", len(streams)) + streams
    return struct.pack(">3sBH", b"\0\0\1", 0xBC, len(body) + 4) + body


def media_info(codec: str, audio: str) -> bytes:
    """Hikvision's file header of 40 bytes, little-endian. [A: imkh-ps.md section 3]"""
    facts = (0x0101, 0, 2, _INFO_VIDEO[codec], _INFO_AUDIO[audio], 1, 16, 8000, 64000)
    return struct.pack("<4s5HBBII16x", b"IMKH", *facts)


class Clock(NamedTuple):
    """Ticks of 90 kHz: those at the recorder's boot."""

    base: int

    def at(self, shot: Frame) -> int:
        """The frame's time stamp."""
        return self.base + (shot.time_ms - shot.boot_ms) * _TICKS


def imkh_chunks(
    shots: Sequence[tuple[Frame, bytes]], settings: Imkh, clock: Clock, first: int = 0
) -> Iterator[Chunk]:
    """One file of one camera; a pack for each picture, sound in the pack of the picture before,
    private data behind every key picture. first: from which the frames are counted."""
    camera = shots[0][0].camera
    sound = STREAM_TYPES.get(camera.audio)
    if settings.header:
        yield Chunk(media_info(camera.codec, camera.audio))
    interval = round(90_000 / camera.rate)
    for number, (shot, payload) in enumerate(shots, start=first):
        pts = clock.at(shot)
        if shot.media == "audio":
            yield _whole(packet_hikvision(AUDIO, payload, pts), shot, len(payload))
            continue
        yield Chunk(pack(pts, count=_FIRST_COUNT + number))
        if shot.key:
            size = (camera.width, camera.height)
            yield Chunk(SYSTEM_HIKVISION)
            yield Chunk(
                map_hikvision(shot.time_ms, STREAM_TYPES[shot.codec], sound, size, interval)
            )
        for at in range(0, len(payload), settings.packet):
            part = payload[at : at + settings.packet]
            yield _whole(packet_hikvision(VIDEO, part, None if at else pts), shot, len(part))
        if shot.key:
            yield Chunk(packet_hikvision(PRIVATE, bytes(range(48)), None))


def gb28181_chunks(
    shots: Sequence[tuple[Frame, bytes]], settings: Gbps, clock: Clock
) -> Iterator[Chunk]:
    """One file of one camera; a pack for each picture and for each piece of sound."""
    sound = STREAM_TYPES.get(shots[0][0].camera.audio)
    for shot, payload in shots:
        pts = clock.at(shot)
        yield Chunk(pack(pts, stuffing=settings.stuffing))
        if shot.media == "audio":
            yield _whole(packet(AUDIO, payload, pts), shot, len(payload))
            continue
        if shot.key and settings.map:
            yield Chunk(SYSTEM_GB28181)
            yield Chunk(map_gb28181(STREAM_TYPES[shot.codec], sound))
        step = len(payload) if settings.unbounded else settings.packet
        for at in range(0, len(payload), step):
            part = payload[at : at + step]
            stamp = None if at else pts
            data = packet(VIDEO, part, stamp, unbounded=settings.unbounded)
            if settings.marked and shot.hidden:
                data = marked(data)
            yield _whole(data, shot, len(part))


def loose_chunks(
    shots: Sequence[tuple[Frame, bytes]], settings: Gbps, clock: Clock
) -> Iterator[Chunk]:
    """One file of one camera, its pictures cut into packets wherever these are full; a packet has
    the time of the first picture that begins in it. [A: H.222.0 clause 2.4.3.7]"""
    held: list[tuple[Frame, bytes, bool]] = []
    room = settings.packet
    for shot, payload in shots:
        if shot.media == "audio":
            yield Chunk(pack(clock.at(shot), stuffing=settings.stuffing))
            yield _whole(packet(AUDIO, payload, clock.at(shot)), shot, len(payload))
            continue
        at = 0
        while at < len(payload):
            part = payload[at : at + room]
            held.append((shot, part, at == 0))
            at, room = at + len(part), room - len(part)
            if not room:
                yield from _loose_packet(held, settings, clock)
                held, room = [], settings.packet
    if held:
        yield from _loose_packet(held, settings, clock)


def _loose_packet(
    held: Sequence[tuple[Frame, bytes, bool]], settings: Gbps, clock: Clock
) -> Iterator[Chunk]:
    begun = [clock.at(shot) for shot, _, begins in held if begins]
    payload = b"".join(part for _, part, _ in held)
    head = packet(VIDEO, payload, begun[0] if begun else None)[: -len(payload)]
    yield Chunk(pack(clock.at(held[0][0]), stuffing=settings.stuffing))
    for shot, part, _ in held:
        yield _whole(head + part, shot, len(part))
        head = b""


def _whole(data: bytes, shot: Frame, size: int) -> Chunk:
    return Chunk(data, shot, ((len(data) - size, len(data)),))
