"""Makes the samples in `fixtures/<format>/`, with what is known of them from writing them.

Run it to write them anew: `python tests/fixtures_made.py`. The same encoders give the same
bytes. The bytes follow the specifications, through the simulator's writers where it has them;
`expected.json` comes from the writing alone: no reader is asked.

Every sample has other data before, between and behind its runs of frames, a frame cut in the
middle of a run, one cut by the end of the file, and signatures where no frame is.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np

from vidrecover.simulate import (
    avi,
    dhav,
    gps,
    hisilicon,
    hx,
    jt808,
    jt1078,
    mp4,
    nndc,
    others,
    ps,
    sound,
    tme,
    ts,
    xm,
)
from vidrecover.simulate.encoding import AccessUnit, access_units, nal_units
from vidrecover.simulate.footage import Frame
from vidrecover.simulate.groups import Audio, Codec
from vidrecover.simulate.pictures import Scene
from vidrecover.simulate.plan import Camera
from vidrecover.simulate.settings import Mp4
from vidrecover.simulate.times import iso, moment, packed

FOLDER = Path(__file__).parents[1] / "fixtures"
WIDTH, HEIGHT, RATE, INTERVAL_MS = 64, 48, 12, 83
START_MS = moment("2026-03-14T07:30:00.480")

_AUDIO_CODECS = {
    "alaw": "pcm_alaw", "mulaw": "pcm_mulaw", "adpcm": "adpcm_ima", "aac": "aac",
}  # fmt: skip


class Row(msgspec.Struct, kw_only=True):
    """A row that must be found; offset: in the sample. None where the bytes do not tell.

    rate: pictures in 100 seconds; tick_ms: the counter as stored; flags: names of FrameFlag.
    """

    offset: int
    size: int
    payload_offset: int
    payload_size: int
    kind: str
    codec: str = "unknown"
    channel: int | None = None
    stream: str = "unknown"
    lane: int = 0
    rate: int | None = None
    time: str | None = None
    tick_ms: int | None = None
    sequence: int | None = None
    flags: list[str] = msgspec.field(default_factory=list)


class Sample:
    """Bytes with the rows that are in them. Random bytes come from a seed of its own."""

    def __init__(self, seed: int, *, proven_by_neighbour: bool = True) -> None:
        """proven_by_neighbour: frames have no trailer, so that a run's last one is unproven."""
        self.data = bytearray()
        self.rows: list[Row] = []
        self.random = np.random.default_rng(seed)
        self._proven_by_neighbour = proven_by_neighbour

    def other(self, data: bytes) -> None:
        """Bytes that are no frame."""
        self.data += data

    def noise(self, size: int) -> None:
        """Random bytes that are no frame."""
        self.data += self.random.bytes(size)

    def frame(self, data: bytes, payload: tuple[int, int], kind: str, **known: Any) -> None:
        """A frame. payload: half-open range inside data."""
        start, end = payload
        self.rows.append(
            Row(
                offset=len(self.data),
                size=len(data),
                payload_offset=start,
                payload_size=end - start,
                kind=kind,
                **known,
            )
        )
        self.data += data

    def run_ends(self) -> None:
        """What comes is no neighbour of the last frame."""
        if self._proven_by_neighbour:
            self.rows[-1].flags.append("END_UNPROVEN")

    def cut(self, missing: int) -> None:
        """The last frame lacks its last bytes, and its run ends. With no trailer that shows
        only in what stands at its end; with one it is no frame."""
        del self.data[-missing:]
        if self._proven_by_neighbour:
            self.run_ends()
        else:
            self.rows.pop()

    def cut_by_end(self, missing: int) -> None:
        """The last frame lacks its last bytes, and the file ends: no frame."""
        del self.data[-missing:]
        self.rows.pop()


def camera(number: int, codec: Codec, audio: Audio) -> Camera:
    """A tiny camera with a key picture in every six."""
    return Camera(
        number, codec, WIDTH, HEIGHT, RATE, 6, 38, audio, 40, "none", 0, stretches=()
    )  # fmt: skip


def pictures(one: Camera, count: int) -> list[tuple[int, AccessUnit]]:
    """Coded pictures of a camera with their times."""
    scene = Scene(width=WIDTH, height=HEIGHT, number=one.number, seed=11, card=False)
    times = [START_MS + INTERVAL_MS * place for place in range(count)]
    return list(zip(times, access_units(one, scene, times), strict=True))


def sounds(one: Camera) -> Iterator[bytes]:
    """Coded sound of a camera."""
    return sound.frames(one)


def second(time_ms: int) -> str:
    """The time as a date of whole seconds shows it."""
    return iso(time_ms // 1000 * 1000)


def _kind(unit: AccessUnit) -> str:
    return "key" if unit.key else "delta"


class _Dhav:
    """Frames of two cameras and their sequence numbers, into a sample."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self._sequences = {1: 4990, 12: 0xFFFFFFF8}

    def add(self, kind: int, channel: int, time_ms: int, payload: bytes, **more: Any) -> None:
        """One frame of any kind; more: codec, extension, subtype."""
        codec = more.pop("codec", "unknown")
        sequence, counter = self._sequences[channel], (time_ms + 13_037) & 0xFFFF
        self._sequences[channel] += 1
        data, where = dhav.frame(
            kind,
            channel=channel,
            sequence=sequence,
            time_ms=time_ms,
            counter=counter,
            payload=payload,
            **more,
        )
        words = {dhav.KEY: "key", dhav.DELTA: "delta", dhav.AUDIO: "audio", dhav.DATA: "data"}
        self.sample.frame(
            data,
            where,
            words[kind],
            codec=codec,
            channel=channel,
            time=second(time_ms),
            tick_ms=counter,
            sequence=sequence & 0xFFFFFFFF,
        )

    def picture(self, one: Camera, time_ms: int, unit: AccessUnit) -> None:
        """One video frame; key frames with their extension."""
        kind = dhav.KEY if unit.key else dhav.DELTA
        extension = dhav.key_extension(WIDTH, HEIGHT, one.codec, RATE) if unit.key else b""
        self.add(kind, one.number, time_ms, unit.data, codec=one.codec, extension=extension)


def make_dhav() -> Sample:
    """Two cameras frame by frame behind the DAHUA head; a wrapped counter, a bad checksum."""
    sample = Sample(1, proven_by_neighbour=False)
    writer = _Dhav(sample)
    first, second_ = camera(1, "h264", "alaw"), camera(12, "h265", "none")
    voice = sounds(first)
    sample.other(dhav.PREFIX)
    sample.noise(700)
    sample.other(b"DHAV\xfd\0\0\0" + bytes(16) + b"DHAVDHAV")
    for place, pair in enumerate(zip(pictures(first, 14), pictures(second_, 14), strict=True)):
        for one, (time_ms, unit) in zip((first, second_), pair, strict=True):
            writer.picture(one, time_ms, unit)
        time_ms = pair[0][0] + 5
        tag = dhav.audio_extension("alaw")
        writer.add(dhav.AUDIO, 1, time_ms, next(voice), codec="pcm_alaw", extension=tag)
        if place == 3:
            text = dhav.watermark(b"made for tests")
            writer.add(dhav.DATA, 12, time_ms, text, subtype=dhav.WATERMARK)
        if place == 5:  # tag 88 (unknown, 8 bytes), then 8C with its codec at byte 3
            tags = bytes([0x88] + 7 * [1]) + bytes([0x8C, 0, 1, 0x0A, 2, 0, 0, 0])
            writer.add(dhav.AUDIO, 1, time_ms, bytes(80), codec="pcm_mulaw", extension=tags)
        if place == 7:
            sample.data[sample.rows[-1].offset + 23] ^= 0x40
            sample.rows[-1].flags.append("BAD_CHECKSUM")
        if place == 9:
            sample.cut(100)
            sample.other(b"DHAV" * 9 + b"dhav" * 9)
            sample.noise(900)
    writer.picture(first, *pictures(first, 1)[0])
    sample.cut_by_end(9)
    return sample


def make_xm() -> Sample:
    """One camera's frames with information and sound, then a JPEG; a key of 2048 dots width."""
    sample, one = Sample(2), camera(1, "h264", "mulaw")
    voice = sounds(one)
    sample.noise(1500)
    sample.other(b"\0\0\1\xfd" + struct.pack("<I", 40) + b"\0\0\0\1\x41" + bytes(35))
    sample.noise(300)
    for place, (time_ms, unit) in enumerate(pictures(one, 14)):
        if unit.key:
            text = xm.information_frame(b"GPS:;STATUS:10000000000;SPEED:0;")
            sample.frame(text, (8, len(text)), "data")
        width = 2048 if place == 6 else WIDTH
        _xm_picture(sample, one.codec, width, time_ms, unit)
        data = next(voice)
        sample.frame(
            xm.audio_header(one.audio, len(data)) + data,
            (8, 8 + len(data)),
            "audio",
            codec="pcm_mulaw",
        )
        if place in (4, 10):
            _xm_picture(sample, one.codec, WIDTH, time_ms, unit)
            sample.cut(20)
            sample.noise(2100)
            sample.other(b"\0\0\1\xfc\0\0\1\xfc\0\0\1\xfa\x0e\2")
    jpeg = b"\xff\xd8\xff\xdb" + bytes(60) + b"\xff\xd9"
    head = b"\0\0\1\xfe" + bytes([0, RATE, WIDTH // 8, HEIGHT // 8])
    head += struct.pack("<II", packed(START_MS), len(jpeg))
    sample.frame(head + jpeg, (16, 16 + len(jpeg)), "data", time=second(START_MS))
    _xm_picture(sample, one.codec, WIDTH, *pictures(one, 1)[0])
    sample.cut_by_end(50)
    return sample


def _xm_picture(sample: Sample, codec: str, width: int, time_ms: int, unit: AccessUnit) -> None:
    size = len(unit.data)
    if unit.key:
        head = xm.key_header(codec, width, HEIGHT, RATE, time_ms, size)
        known: dict[str, Any] = {"time": second(time_ms), "rate": RATE * 100}
    else:
        head, known = xm.delta_header(size), {}
    whole = (len(head), len(head) + size)
    sample.frame(head + unit.data, whole, _kind(unit), codec=codec, **known)


def make_dahua_old() -> Sample:
    """Key frames of 16 bytes' header, others of 8, sound; from dhav.md section 7."""
    sample, one = Sample(3), camera(1, "h264", "alaw")
    voice = sounds(one)
    sample.noise(900)
    sample.other(b"\0\0\1\xfd\0\0\1\xfc\0\0\1\xf0" + bytes(3))
    for place, (time_ms, unit) in enumerate(pictures(one, 14)):
        mark = 0xFE if place == 6 else 0xFD
        _dahua_old_picture(sample, mark, place, time_ms, unit)
        data = next(voice)
        head = struct.pack("<4sBBH", b"\0\0\1\xf0", 0x0E, 2, len(data))
        sample.frame(head + data, (8, 8 + len(data)), "audio", codec="other_audio")
        if place == 8:
            _dahua_old_picture(sample, 0xFD, place, time_ms, unit)
            sample.cut(11)
            sample.noise(1200)
    _dahua_old_picture(sample, 0xFD, 14, *pictures(one, 1)[0])
    sample.cut_by_end(400)
    return sample


def _dahua_old_picture(
    sample: Sample, mark: int, number: int, time_ms: int, unit: AccessUnit
) -> None:
    size = len(unit.data)
    length = struct.pack("<I", size)[:3] + bytes([number])
    if unit.key:
        head = bytes([0, 0, 1, mark, 2, 0x20 | RATE, WIDTH // 8, HEIGHT // 8])
        head += struct.pack("<I", packed(time_ms)) + length
        known: dict[str, Any] = {"time": second(time_ms), "rate": RATE * 100}
    else:
        head, known = b"\0\0\1\xfc" + length, {}
    whole = (len(head), len(head) + size)
    sample.frame(head + unit.data, whole, _kind(unit), codec="h264", **known)


def make_nndc() -> Sample:
    """Cameras 1, 11 (`:`) and 15 (`?`) chunk by chunk, all kinds of dates and of sound."""
    sample = Sample(4)
    cameras = camera(0, "h264", "adpcm"), camera(10, "h265", "mulaw"), camera(15, "h264", "aac")
    films = [pictures(one, 13) for one in cameras]
    voices = [sounds(one) for one in cameras]
    sample.noise(1100)
    sample.other(nndc.audio_header(3, "mulaw", 40) + bytes(60))
    sample.other(b"@0dcH264" + bytes(24) + b":0dcH265\xff\xff\xff\xff" + bytes(30))
    for place in range(13):
        for one, film, voice in zip(cameras, films, voices, strict=True):
            _nndc_picture(sample, one, *film[place])
            if place % 2:
                _nndc_sound(sample, one, next(voice))
        if place == 7:
            sample.cut(60)
            sample.noise(1024)
    data = bytes(160)
    head = b"33wb" + struct.pack("<HH", 164, 164) + hisilicon.header(data)
    chunk = head + data + nndc.padding(len(head) + len(data))
    sample.frame(chunk, (12, 172), "audio", channel=4, codec="adpcm_ima")
    _nndc_picture(sample, cameras[0], *films[0][0])
    sample.cut_by_end(8)
    return sample


def _nndc_picture(sample: Sample, one: Camera, time_ms: int, unit: AccessUnit) -> None:
    """Dates by camera: 8 bytes, 16 bytes, and seconds since 1970 with milliseconds behind."""
    micros, size = (time_ms - START_MS) * 1000 + 86_400_000_777, len(unit.data)
    extra = b""
    if unit.key and one.number == 15:
        extra = struct.pack("<II", time_ms // 1000, time_ms % 1000)
    elif unit.key:
        extra = nndc.date(time_ms, 16 if one.number else 8)
    head = nndc.video_header(
        one.number, key=unit.key, codec=one.codec, size=size, micros=micros, date=extra
    )
    data = head + unit.data + nndc.padding(len(head) + size)
    sample.frame(
        data,
        (len(head), len(head) + size),
        _kind(unit),
        codec=one.codec,
        channel=one.number + 1,
        time=second(time_ms) if unit.key else None,
        tick_ms=micros // 1000,
    )


def _nndc_sound(sample: Sample, one: Camera, data: bytes) -> None:
    voice = hisilicon.header(data) if one.audio == "adpcm" else b""
    head = nndc.audio_header(one.number, one.audio, len(voice) + len(data)) + voice
    whole = (len(head), len(head) + len(data))
    chunk = head + data + nndc.padding(whole[1])
    codec = _AUDIO_CODECS[one.audio]
    sample.frame(chunk, whole, "audio", codec=codec, channel=one.number + 1)


def make_hx() -> Sample:
    """A closed H.265 file with its index, cut in between, then an H.264 file without its end."""
    sample = Sample(5)
    newer, older = camera(1, "h265", "alaw"), camera(2, "h264", "alaw")
    sample.noise(800)
    sample.other(b"HXVFHXAFHXVT" + bytes(40))
    sample.frame(hx.file_header("h265", WIDTH, HEIGHT), (16, 16), "data", tick_ms=0)
    voice = sounds(newer)
    for place, (time_ms, unit) in enumerate(pictures(newer, 14)):
        _hx_picture(sample, newer, time_ms - START_MS + 4_294_967_000, unit)
        _hx_sound(sample, next(voice), time_ms - START_MS + 4_294_967_005)
        if place == 9:
            sample.cut(33)
            sample.noise(500)
    body = b"".join(struct.pack("<II", 16 + 999 * place, 500 * place) for place in range(3))
    index = struct.pack("<4sIII", b"HXFI", 200, 13 * INTERVAL_MS, 27_002) + body.ljust(200, b"\0")
    sample.frame(index, (16, 216), "data")
    sample.run_ends()
    sample.noise(412)
    sample.frame(hx.file_header("h264", WIDTH, HEIGHT), (16, 16), "data", tick_ms=0)
    for time_ms, unit in pictures(older, 8):
        _hx_picture(sample, older, time_ms - START_MS + 70_000, unit)
    _hx_sound(sample, next(voice), 80_000)
    sample.cut_by_end(1)
    return sample


def _hx_picture(sample: Sample, one: Camera, uptime_ms: int, unit: AccessUnit) -> None:
    """A record for each NAL unit; all of a picture have one counter value."""
    parts, tick_ms = nal_units(unit.data), uptime_ms & 0xFFFFFFFF
    for place, part in enumerate(parts):
        head = hx.video_header(len(part), tick_ms, key=unit.key)
        flags = ["CONTINUES"] if place else []
        flags += ["MORE"] if place < len(parts) - 1 else []
        sample.frame(
            head + part,
            (16, 16 + len(part)),
            _kind(unit),
            codec=one.codec,
            tick_ms=tick_ms,
            flags=flags,
        )


def _hx_sound(sample: Sample, data: bytes, uptime_ms: int) -> None:
    tick_ms = uptime_ms & 0xFFFFFFFF
    head = hx.audio_header(4 + len(data), tick_ms) + hisilicon.header(data)
    whole = (20, 20 + len(data))
    sample.frame(head + data, whole, "audio", codec="pcm_alaw", tick_ms=tick_ms)


_PAVE = struct.Struct("<4sBBHIHHHHIIBBBB")


def make_pave() -> Sample:
    """Two headers' sizes, 64 and 68; a key picture behind a delimiter. As in real captures."""
    sample, one = Sample(6), camera(1, "h264", "none")
    sample.noise(640)
    sample.other(b"PaVEPaVE" + bytes(60))
    for place, (time_ms, unit) in enumerate(pictures(one, 14)):
        data = b"\0\0\0\1\x09\xf0" + unit.data if place == 6 else unit.data
        _pave_picture(sample, 64 if place < 10 else 68, place, time_ms, unit._replace(data=data))
        if place == 7:
            sample.cut(13)
            sample.noise(777)
    _pave_picture(sample, 68, 14, *pictures(one, 1)[0])
    sample.cut_by_end(640)
    return sample


def _pave_picture(
    sample: Sample, head_size: int, number: int, time_ms: int, unit: AccessUnit
) -> None:
    size, tick_ms = len(unit.data), time_ms - START_MS + 30_000
    sizes = (WIDTH, HEIGHT, WIDTH, HEIGHT)
    head = _PAVE.pack(
        b"PaVE", 2, 4, head_size, size, *sizes, 33_752 + number, tick_ms, 1, 0, 3 - 2 * unit.key, 0
    )
    whole = (head_size, head_size + size)
    sample.frame(
        head.ljust(head_size, b"\0") + unit.data,
        whole,
        _kind(unit),
        codec="h264",
        tick_ms=tick_ms,
        sequence=33_752 + number,
    )


def make_jt1078() -> Sample:
    """Packets of two channels of a terminal, then of one with a number of 10 bytes; pieces of
    an attachment between them."""
    sample = Sample(7)
    first, other = camera(1, "h264", "adpcm"), camera(12, "h265", "alaw")
    short, long = bytes.fromhex("013812345678"), bytes.fromhex("00000000013912345678")
    sample.noise(950)
    sample.other(b"01cd" * 20 + b"01cd\x81\x62")
    voice = sounds(first)
    sequence = 65_520
    pairs = zip(pictures(first, 12), pictures(other, 12), strict=True)
    for place, ((time_ms, one), (_, two)) in enumerate(pairs):
        sequence = _jt_picture(sample, short, first, sequence, time_ms, one)
        sequence = _jt_picture(sample, short, other, sequence, time_ms, two)
        sequence = _jt_sound(sample, short, sequence, time_ms + 5, next(voice))
        if place == 5:
            name, piece = "00_65_6502_1_20260314073000.jpg", sample.random.bytes(1200)
            data = jt1078.attachment(name, 2400, piece)
            sample.frame(data, (62, len(data)), "data")
        if place == 8:
            sample.cut(17)
            sample.noise(600)
    sample.run_ends()
    sample.noise(333)
    for time_ms, unit in pictures(other, 8):
        sequence = _jt_picture(sample, long, other, sequence, time_ms, unit)
    last = sample.rows[-1]
    del sample.data[-5:]
    last.size, last.payload_size = last.size - 5, last.payload_size - 5
    last.flags += ["UNFINISHED", "END_UNPROVEN"]
    return sample


def _jt_picture(
    sample: Sample, sim: bytes, one: Camera, sequence: int, time_ms: int, unit: AccessUnit
) -> int:
    """The packets of a picture; the next sequence number."""
    bodies = [unit.data[at : at + 950] for at in range(0, len(unit.data), 950)]
    payload_type = 98 if one.codec == "h264" else 99
    head = jt1078.Head(payload_type, sim, one.number, 0 if unit.key else 1, time_ms, 0, INTERVAL_MS)
    for place, body in enumerate(bodies):
        more, continues = place < len(bodies) - 1, place > 0
        mark = {(0, 0): 0, (1, 0): 1, (0, 1): 2, (1, 1): 3}[more, continues]
        data = jt1078.packet(head, sequence=sequence, mark=mark, body=body)
        sample.frame(
            data,
            (len(data) - len(body), len(data)),
            _kind(unit),
            codec="unknown" if continues else one.codec,
            channel=one.number,
            time=iso(time_ms),
            sequence=sequence & 0xFFFF,
            flags=["CONTINUES"] * continues + ["MORE"] * more,
        )
        sequence += 1
    return sequence


def _jt_sound(sample: Sample, sim: bytes, sequence: int, time_ms: int, data: bytes) -> int:
    head = jt1078.Head(26, sim, 1, 3, time_ms, 0, 0)
    body = hisilicon.header(data) + data
    packet = jt1078.packet(head, sequence=sequence, mark=0, body=body)
    sample.frame(
        packet,
        (len(packet) - len(data), len(packet)),
        "audio",
        codec="adpcm_ima",
        channel=1,
        time=iso(time_ms),
        sequence=sequence & 0xFFFF,
    )
    return sequence + 1


def make_mpegps() -> Sample:
    """A Hikvision file behind the end of another one, cut in between; a stream after GB/T 28181
    whose packets of pictures tell no length; a pack that the file's end cuts."""
    sample = Sample(8)
    first, other = camera(1, "h264", "mulaw"), camera(2, "h265", "aac")
    sample.noise(777)
    sample.other(b"\0\0\1\xba" * 3 + b"IMKH\1\1\0\0\2\0" + bytes(40) + b"\0\0\1\xbaD")
    writer = _Hikvision(sample, first)
    film = pictures(first, 14)
    for time_ms, unit in film[4:6]:
        writer.picture(time_ms, unit)
    sample.run_ends()
    sample.noise(512)
    head = ps.media_info("h264", "mulaw")
    sample.frame(head, (40, 40), "data", codec="pcm_mulaw")
    for place, (time_ms, unit) in enumerate(film):
        writer.picture(time_ms, unit)
        writer.sound(time_ms + 5)
        if place == 9:
            sample.cut(15)
            sample.noise(900)
    sample.run_ends()
    sample.noise(321)
    _gb28181(sample, other)
    sample.noise(200)
    writer.picture(*film[1])
    sample.cut_by_end(9)
    return sample


class _Hikvision:
    """Packs of one camera, counted, into a sample."""

    def __init__(self, sample: Sample, one: Camera) -> None:
        self._sample, self._one, self._voice = sample, one, sounds(one)
        self._count = 0x002B5136

    def picture(self, time_ms: int, unit: AccessUnit) -> None:
        """A pack with a picture in packets of 300 bytes; a key one with map and private data."""
        pts = self._pts(time_ms)
        lead, count, date = ps.pack(pts, count=self._count), self._count, None
        self._count += 1
        if unit.key:
            date = iso(time_ms)
            clock = ps.map_hikvision(time_ms, 0x1B, 0x91, (WIDTH, HEIGHT), 7500)
            group = lead + ps.SYSTEM_HIKVISION + clock
            whole = (len(group), len(group))
            self._sample.frame(group, whole, "data", codec="pcm_mulaw", time=date, sequence=count)
            lead, count = b"", None  # type: ignore[assignment]
        known = {"codec": "h264", "time": date, "tick_ms": pts // 90, "lane": ps.VIDEO}
        parts = [unit.data[at : at + 300] for at in range(0, len(unit.data), 300)]
        for place, part in enumerate(parts):
            data = lead + ps.packet_hikvision(ps.VIDEO, part, None if place else pts)
            flags = ["CONTINUES"] * (place > 0) + ["MORE"] * (place < len(parts) - 1)
            whole = (len(data) - len(part), len(data))
            self._sample.frame(data, whole, _kind(unit), sequence=count, flags=flags, **known)
            lead, count = b"", None  # type: ignore[assignment]
        if unit.key:
            data = ps.packet_hikvision(ps.PRIVATE, bytes(range(30)), None)
            self._sample.frame(data, (12, len(data)), "data", lane=ps.PRIVATE)

    def sound(self, time_ms: int) -> None:
        """A piece of sound in the pack of the picture before."""
        part, pts = next(self._voice), self._pts(time_ms)
        data = ps.packet_hikvision(ps.AUDIO, part, pts)
        whole = (len(data) - len(part), len(data))
        known = {"codec": "pcm_mulaw", "tick_ms": pts // 90, "lane": ps.AUDIO}
        self._sample.frame(data, whole, "audio", **known)

    @staticmethod
    def _pts(time_ms: int) -> int:
        return (1 << 33) - 50_000 + (time_ms - START_MS) * 90 & (1 << 33) - 1


def _gb28181(sample: Sample, one: Camera) -> None:
    """Packs of pictures and of sound, each with its own pack; the end code behind them."""
    voice = sounds(one)
    for time_ms, unit in pictures(one, 8):
        pts = (time_ms - START_MS + 700) * 90
        lead = ps.pack(pts, stuffing=0)
        if unit.key:
            group = lead + ps.SYSTEM_GB28181 + ps.map_gb28181(0x24, 0x0F)
            sample.frame(group, (len(group), len(group)), "data", codec="aac")
            lead = b""
        data = lead + ps.packet(ps.VIDEO, unit.data, pts, unbounded=True)
        whole = (len(data) - len(unit.data), len(data))
        known = {"codec": "h265", "tick_ms": pts // 90, "lane": ps.VIDEO}
        sample.frame(data, whole, _kind(unit), **known)
        part = next(voice)
        data = ps.pack(pts, stuffing=0) + ps.packet(ps.AUDIO, part, pts)
        whole = (len(data) - len(part), len(data))
        known = {"codec": "aac", "tick_ms": pts // 90, "lane": ps.AUDIO}
        sample.frame(data, whole, "audio", **known)
    sample.other(b"\0\0\1\xb9")


def make_mp4() -> Sample:
    """Files with the index at the end, at the beginning, in fragments and never written; types
    of boxes where no box is. The rows are the heads of boxes: a file's frames are told later."""
    sample = Sample(29, proven_by_neighbour=False)
    sample.noise(333)
    sample.other(b"see moov and mdat: ftyp")
    for index, codec in (("end", "h264"), ("start", "h265"), ("fragments", "h264")):
        _mp4_file(sample, camera(1, codec, "none"), Mp4(index=index, wide=index == "end"))  # type: ignore[arg-type]
        sample.noise(1500)
    _mp4_file(sample, camera(2, "h264", "none"), Mp4(index="missing", gps=True))
    sample.noise(300)
    sample.other(struct.pack(">I4s", 20, b"ftyp") + bytes(12))  # no brand
    sample.other(struct.pack(">I4sI4s", 64, b"moov", 80, b"mvhd"))  # larger inside than outside
    return sample


def _mp4_file(sample: Sample, one: Camera, settings: Mp4) -> None:
    shots = [
        (
            Frame(one, "video", one.codec, unit.key, False, time_ms, 0, START_MS, (0, 0), 0, ""),
            unit.data,
        )
        for time_ms, unit in pictures(one, 14)
    ]
    for chunk in mp4.chunks(shots, settings):
        if chunk.data[4:8] not in (b"ftyp", b"moov", b"moof", b"mdat"):
            sample.other(chunk.data)
            continue
        sample.frame(chunk.data[:8], (8, 8), "data")
        sample.other(chunk.data[8:])


def make_mpegts() -> Sample:
    """Packets of 188 bytes with sound between those of pictures, one twice and one lost; then
    packets of 192."""
    sample = Sample(9)
    one = camera(1, "h264", "mulaw")
    sample.noise(951)
    sample.other(b"G@\x11\x10\0\2\xb0" + bytes(20) + b"\0\0\1\xe0\0\0\x80\x80\5" * 3)
    first = _Transport(sample, one, stamped=False)
    first.sound(START_MS, bytes(80))
    first.tables()
    film = pictures(one, 14)
    for place, (time_ms, unit) in enumerate(film):
        first.picture(time_ms, unit, lost=place == 4, doubled=place == 2)
        if place == 9:
            del sample.data[-60:]
            first.ends()
            sample.noise(1001)
    first.ends()
    sample.noise(640)
    other = camera(2, "h265", "aac")
    second_ = _Transport(sample, other, stamped=True)
    for time_ms, unit in pictures(other, 6):
        second_.picture(time_ms, unit)
    second_.ends()
    sample.noise(99)
    return sample


class _Transport:
    """Packets of one program into a sample."""

    def __init__(self, sample: Sample, one: Camera, *, stamped: bool) -> None:
        self._sample, self._one, self._voice = sample, one, sounds(one)
        self._mux, self._lead = ts.Mux(stamped=stamped), 4 if stamped else 0

    def tables(self) -> None:
        """Tables: the first is part of the row before it, the map is a row, as empty packets
        behind it are part of."""
        table = self._mux.section(ts.PAT, ts.association([(1, ts.MAP)]))
        self._behind(table)
        streams = ts.stream_types(self._one.codec, self._one.audio)
        table = self._mux.section(ts.MAP, ts.program_map(1, ts.VIDEO, streams))
        codec = _AUDIO_CODECS[self._one.audio]
        self._sample.frame(table, (len(table), len(table)), "data", codec=codec)
        self._behind(self._mux.null())

    def ends(self) -> None:
        """The run ends: only sound tells its length."""
        last = [row for row in self._sample.rows if row.kind in ("key", "delta")][-1]
        last.flags.append("END_UNPROVEN")

    def _behind(self, data: bytes) -> None:
        self._sample.rows[-1].size += len(data)
        self._sample.other(data)

    def picture(
        self, time_ms: int, unit: AccessUnit, *, lost: bool = False, doubled: bool = False
    ) -> None:
        """A picture with a piece of sound between its packets, tables before a key one."""
        if unit.key and self._sample.rows[-1].kind != "data" and not self._lead:
            self.tables()
        pts = (time_ms - START_MS) * 90 + 900
        data = ps.packet(ps.VIDEO, unit.data, pts, unbounded=True)
        parts = list(
            self._mux.payload(ts.VIDEO, data, len(data) - len(unit.data), pts, key=unit.key)
        )
        if lost:
            self._mux.lose(ts.VIDEO)
        known = {"codec": self._one.codec, "tick_ms": pts // 90, "lane": ts.VIDEO}
        flags = ["UNFINISHED"] if lost else []
        for place, (packet, where) in enumerate(parts):
            marks = ["CONTINUES"] * (place > 0) + ["MORE"] * (place < len(parts) - 1)
            if doubled and place == 0:
                self._sample.other(packet)
            self._sample.frame(packet, where, _kind(unit), flags=[*marks, *flags], **known)
            if place == 0:
                self.sound(time_ms + 5)

    def sound(self, time_ms: int, part: bytes = b"") -> None:
        """A piece of sound."""
        part, pts = part or next(self._voice), (time_ms - START_MS) * 90 + 900
        data = ps.packet(ps.AUDIO, part, pts)
        parts = list(self._mux.payload(ts.AUDIO, data, len(data) - len(part), None, key=False))
        codec = _AUDIO_CODECS[self._one.audio]
        known = {"codec": codec, "tick_ms": pts // 90, "lane": ts.AUDIO}
        for place, (packet, where) in enumerate(parts):
            marks = ["CONTINUES"] * (place > 0) + ["MORE"] * (place < len(parts) - 1)
            self._sample.frame(packet, where, "audio", flags=marks, **known)


def make_jt808() -> Sample:
    """Positions with video alarms, a batch of old ones, a list of footage, settings and messages
    in parts, some with escaped bytes or a shared flag; one damaged, one cut by the end."""
    sample = Sample(31, proven_by_neighbour=False)
    sample.noise(400)
    sample.other(bytes.fromhex("7e01047e02007e07047e1205"))
    bodies = [(0x200, jt808.position(START_MS + 10_000 * n, lost=[7] * (n > 2))) for n in range(5)]
    records = [jt808.resource(n, START_MS, START_MS + 60_000, 0x7D7E * n) for n in (1, 2)]
    bodies.append((0x1205, jt808.resources(0x7E7D, records)))
    old = [jt808.position(START_MS - 9000 * n, covered=[3]) for n in (2, 1)]
    bodies.append((0x704, jt808.batch(old)))
    for serial, (number, body) in enumerate(bodies):
        data = jt808.message(number, "13800138000", 0x7D00 + serial, body)[:-1]
        time = second(START_MS + 10_000 * serial) if number == 0x200 else None
        sample.frame(data, (1, len(data)), "data", time=time)
        if serial != 2:
            sample.other(b"\x7e")
            sample.noise(40)
    known = jt808.channels([(1, 1, 0, 0), (2, 7, 2, 1)])
    answer = jt808.settings(0x7E, [(0x76, known), (0x7A, b"\0\0\0\x03")])
    listed = jt808.resources(0x7E7D, records)
    for data in (
        *jt808.parts(0x104, "13800138000", 0x7D7D, answer, 20),
        *jt808.parts(0x1205, "13800138000", 0xFFFF, listed, 30, newer=True),
        *jt808.parts(0x200, "13800138000", 0x10, jt808.position(START_MS, lost=[2]), 28),
    ):
        sample.frame(data[:-1], (1, len(data) - 1), "data")
    sample.other(b"\x7e")
    sample.noise(40)
    sample.frame(*_damaged_message(), "data")
    sample.cut(1)
    sample.other(b"\x7e")
    sample.noise(30)
    sample.frame(*_damaged_message(), "data")
    sample.cut_by_end(4)
    return sample


def _damaged_message() -> tuple[bytes, tuple[int, int]]:
    data = jt808.message(0x200, "13800138000", 9, jt808.position(START_MS))[:-1]
    return data, (1, len(data))


def make_luodat() -> Sample:
    """A file of one stream with its head, cut in between, cut by the end."""
    sample, one = Sample(30), camera(1, "h264", "none")
    sample.noise(640)
    sample.other(b"liu liu " + bytes(116) + b" uil" + others.LUODAT_HEAD)
    for place, (time_ms, unit) in enumerate(pictures(one, 14)):
        _luodat_picture(sample, place, time_ms, unit)
        if place == 8:
            sample.cut(31)
            sample.noise(700)
    _luodat_picture(sample, 14, *pictures(one, 1)[0])
    sample.cut_by_end(70)
    return sample


def _luodat_picture(sample: Sample, number: int, time_ms: int, unit: AccessUnit) -> None:
    pts, size = time_ms - START_MS, len(unit.data)
    head = others.luodat(
        stream=0,
        size=(WIDTH, HEIGHT),
        rate=RATE,
        key=unit.key,
        index=number,
        pts_ms=pts,
        length=size,
    )
    whole = (len(head), len(head) + size)
    known = {"rate": RATE * 100, "tick_ms": pts, "sequence": number}
    sample.frame(head + unit.data, whole, _kind(unit), codec="h264", **known)


def make_g2fdb() -> Sample:
    """Two cameras frame by frame, cut in between, cut by the end."""
    sample, films = Sample(31), [pictures(camera(number, "h264", "none"), 14) for number in (1, 2)]
    sample.noise(512)
    sample.other(b"This is G2FDb Magic" + bytes(30) + bytes.fromhex("7d9f4103") * 3 + bytes(150))
    for place in range(14):
        for number, film in enumerate(films, start=1):
            _g2fdb_picture(sample, number, *film[place])
        if place == 7:
            sample.cut(20)
            sample.noise(800)
    _g2fdb_picture(sample, 1, *films[0][0])
    sample.cut_by_end(10)
    return sample


def _g2fdb_picture(sample: Sample, number: int, time_ms: int, unit: AccessUnit) -> None:
    place, size = len(sample.data), len(unit.data)
    head = others.g2fdb(
        camera=number, name="gate", time_ms=time_ms, size=(WIDTH, HEIGHT), place=place, length=size
    )
    whole, date = (len(head), len(head) + size), second(time_ms)
    sample.frame(head + unit.data, whole, _kind(unit), codec="h264", channel=number, time=date)


def make_pavs() -> Sample:
    """Blocks without parameter sets, cut in between, cut by the end."""
    sample, one = Sample(32), camera(1, "h264", "none")
    sample.noise(512)
    sample.other(b"PAVS\x02\x09\0\0".ljust(512, b"\0"))
    for place, (_, unit) in enumerate(pictures(one, 14)):
        _pavs_picture(sample, unit)
        if place == 8:
            sample.cut(300)
            sample.noise(1000)
    _pavs_picture(sample, pictures(one, 1)[0][1])
    sample.cut_by_end(10)
    return sample


def _pavs_picture(sample: Sample, unit: AccessUnit) -> None:
    data = b"".join(part for part in nal_units(unit.data) if part[4] & 31 not in (6, 7, 8))
    head = others.pavs(
        size=(WIDTH, HEIGHT), names=("gate", "GATE"), start_ms=START_MS, length=len(data)
    )
    whole = (len(head), len(head) + len(data))
    block = (head + data).ljust(-(-whole[1] // 512) * 512, b"\0")
    sample.frame(block, whole, _kind(unit), codec="h264")


def make_annexb() -> Sample:
    """An H.264 stream cut in between, with a delimiter, a message and two slices a picture in
    places; an H.265 stream with zeros behind it; a key picture alone before the file's end."""
    sample = Sample(9)
    older, newer = camera(1, "h264", "none"), camera(2, "h265", "none")
    sample.noise(900)
    sample.other(b"\0\0\1" * 5 + b"\0\0\1\x41\x9a" + bytes(20) + b"\0\0\1\x65\xff\0\0\1\xba")
    sample.noise(300)
    film = pictures(older, 14)
    for place, (_, unit) in enumerate(film):
        lead = b"\0\0\0\1\x09\xf0" if place in (0, 3, 7) else b""
        lead += b"\0\0\0\1\x06\xe5\x01\x2a\x80" if place in (0, 6) else b""
        tail = b"\0\0\0\1\x41\x40\xaa\xbb\xcc\x80" if place in (3, 4) else b""
        _naked(sample, older, unit._replace(data=lead + unit.data + tail))
        if place == 9:
            del sample.data[-30:]
            sample.rows[-1].size -= 30
            sample.rows[-1].payload_size -= 30
            sample.rows[-1].flags.append("END_UNPROVEN")
            sample.other(b"\0\0\1\xba" + sample.random.bytes(700).replace(b"\0", b"\1"))
    sample.rows[-1].flags.append("END_UNPROVEN")
    sample.other(b"\0\0\1\xbd" + sample.random.bytes(900).replace(b"\0", b"\1"))
    for _, unit in pictures(newer, 14):
        _naked(sample, newer, unit)
    sample.other(bytes(2000))
    sample.rows[-1].size += 8
    sample.noise(500)
    _naked(sample, older, film[0][1])
    return sample


def _naked(sample: Sample, one: Camera, unit: AccessUnit) -> None:
    """A picture as it is. A row begins with three bytes of the start code: the zero before them
    is the last byte of the row in front of it, if there is one."""
    before = sample.rows[-1] if sample.rows else None
    if before is not None and before.offset + before.size == len(sample.data):
        before.size += 1
    sample.other(unit.data[:1])
    data = unit.data[1:]
    sample.frame(data, (0, len(data)), _kind(unit), codec=one.codec)


def make_avi() -> Sample:
    """A file with head, lists and index; a second part with an index of its own; chunks of
    pictures of two streams without a head, cut in between, cut by the end."""
    sample = Sample(33)
    sample.noise(700)
    sample.other(b"00dc\x10\0\0\0\4\0\0\0\xb8\2\0\0" * 3 + b"01wb\x20\0\0\0" + bytes(60))
    one = camera(1, "h264", "mulaw")
    streams: list[avi.Pictures | avi.Sound]
    streams = [avi.Pictures("h264", WIDTH, HEIGHT, RATE), avi.Sound(7, 8000)]
    written = avi.Writer(streams, frames=9)
    voice = sounds(one)
    head = written.part()
    sample.frame(head, (0, 0), "data", codec="pcm_mulaw", rate=RATE * 100)
    for place, (_, unit) in enumerate(pictures(one, 9)):
        if place:
            sample.other(written.part() if place == 5 else written.group())
        told = place < 5  # the second part has no head
        rate, codec = (RATE * 100, "pcm_mulaw") if told else (None, "unknown")
        _avi_chunk(sample, written, "00dc", unit.data, _kind(unit), codec="h264", rate=rate)
        if place == 3:
            _avi_chunk(sample, written, "00dc", b"", "data")
        _avi_chunk(sample, written, "01wb", next(voice)[: 300 + place], "audio", codec=codec)
        if place in (4, 8):
            sample.other(written.index())
    sample.noise(900)
    bare = avi.Writer(streams, frames=0)
    for place, (_, unit) in enumerate(pictures(camera(2, "h265", "none"), 8)):
        _avi_chunk(sample, bare, "00db", jpeg(place), "key", codec="mjpeg")
        _avi_chunk(sample, bare, "02dc", unit.data, _kind(unit), codec="h265")
        if place == 4:
            sample.cut(40)
            sample.noise(1200)
    sample.run_ends()
    sample.noise(600)
    _avi_chunk(sample, bare, "00dc", jpeg(9), "key", codec="mjpeg")
    sample.cut_by_end(70)
    return sample


def _avi_chunk(
    sample: Sample, written: avi.Writer, name: str, payload: bytes, kind: str, **known: Any
) -> None:
    data, lane = written.chunk(name, payload), int(name[:2]) + 1
    sample.frame(data, (8, 8 + len(payload)), kind, lane=lane, **known)


def jpeg(number: int) -> bytes:
    """A tiny JPEG picture."""
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
    encoder.time_base = Fraction(1, RATE)
    shade = np.full((HEIGHT, WIDTH, 3), 20 * number, dtype=np.uint8)
    shade[: HEIGHT // 2, : 4 * number] = 200
    frame = av.VideoFrame.from_ndarray(shade, format="rgb24").reformat(format="yuvj420p")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def make_jpeg() -> Sample:
    """A run of pictures, some with restarts, fill bytes or a date and a small picture in it; one
    with cleared bytes, one cut in between, one cut by the end."""
    sample = Sample(45, proven_by_neighbour=False)
    sample.noise(800)
    sample.other(b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(9) + b"\xff\xd8\xff\xdb" * 5)
    sample.noise(300)
    for place in range(9):
        data = jpeg(place)
        time = "2026-03-14T07:30:12.250" if place == 5 else None
        if place == 3:
            data = data[:2] + b"\xff\xfe\0\4ab\xff\xff" + data[2:]
        if place == 5:
            data = data[:2] + _exif(jpeg(1)) + data[2:]
        sample.frame(data, (0, len(data)), "key", codec="mjpeg", time=time)
    sample.noise(512 - len(sample.data) % 512 + 100)
    broken = bytearray(jpeg(2) * 3)
    data = bytes(broken[: len(broken) // 3])
    at = data.index(b"\xff\xda") + 14
    sample.other(data[: at + 20] + bytes(1024) + data[at + 20 :])
    sample.noise(200)
    for place in (6, 7):
        data = jpeg(place)
        sample.frame(data, (0, len(data)), "key", codec="mjpeg")
    sample.cut(60)
    sample.noise(900)
    data = jpeg(8)
    sample.frame(data, (0, len(data)), "key", codec="mjpeg")
    sample.frame(data, (0, len(data)), "key", codec="mjpeg")
    sample.cut_by_end(30)
    return sample


def _exif(small: bytes) -> bytes:
    """A segment with the time of taking, and a small picture. [A: CIPA DC-008]"""
    inner = struct.pack(">H", 2)
    inner += struct.pack(">HHII", 0x9003, 2, 20, 100) + struct.pack(">HHI4s", 0x9291, 2, 3, b"25")
    outer = struct.pack(">HHHIII", 1, 0x8769, 4, 1, 26, 0)
    block = b"MM\0*\0\0\0\x08" + outer + inner
    block = block.ljust(100, b"\0") + b"2026:03:14 07:30:12\0" + small
    body = b"Exif\0\0" + block
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def make_nmea() -> Sample:
    """A file of sentences with the camera's own clock before them, two lone ones, false sums."""
    sample = Sample(17, proven_by_neighbour=False)
    sample.noise(500)
    for place in range(12):
        time_ms = START_MS + 1000 * place
        sample.other(f"[{time_ms}]".encode())
        sentence = xm.sentence(time_ms - 28_803_000)
        if place in (3, 9):
            sentence = sentence.replace(b"$GP", b"$GN")
            total = 0
            for byte in sentence[1:-3]:
                total ^= byte
            sentence = sentence[:-2] + f"{total:02X}".encode()
        sample.frame(sentence, (0, len(sentence)), "data")
        sample.other(b"\r\n\r\n")
        if place == 5:
            sample.noise(700)
    sample.other(xm.sentence(START_MS).replace(b"A,52", b"A,53") + b"\r\n")
    sample.other(b"$GPRMC,$GNRMC," + bytes(40))
    sample.frame(xm.sentence(START_MS), (0, len(xm.sentence(START_MS))), "data")
    sample.noise(200)
    sentence = xm.sentence(START_MS)
    sample.frame(sentence, (0, len(sentence)), "data")
    sample.cut_by_end(1)
    return sample


NOVATEK = bytes.fromhex(
    "00008000 66726565 47505320 4c000000"
    + "00" * 32
    + "10000000 2d000000 14000000 11000000 0c000000 1f000000 414e4500"
    " 5d9aa945 ab1ee544 ec51f040 b85ea543"
)
"""A real block of a Viofo A119S; dashcam-mp4.md section 2.3."""


def make_freegps() -> Sample:
    """Blocks of type 17, a real one among them, and of type 3; a cut and a disguised one."""
    sample = Sample(18, proven_by_neighbour=False)
    sample.noise(300)
    for place in range(12):
        data = mp4.gps_block(place) if place % 3 else NOVATEK.ljust(4096, b"\0")
        if place == 7:
            body = struct.pack("<7I", 0xF0, 7, 30, place, 2026, 3, 14) + b"ASW\0"
            body += struct.pack("<4f", 3330.5, 7040.25, 11.0, 91.5)
            data = struct.pack(">I8s", 0x1000, b"freeGPS ") + body.ljust(0x1000 - 12, b"\0")
        sample.frame(data[:256], (0, 256), "data")
        sample.other(data[256:512])
        sample.noise(64)
    disguised = struct.pack(">I8sI", 0x1000, b"freeGPS ", 0x4C) + b"\xaa" * 240
    sample.other(disguised)
    sample.other(b"freeGPS freeGPS ")
    sample.noise(100)
    data = NOVATEK.ljust(256, b"\0")
    sample.frame(data, (0, 256), "data")
    sample.cut_by_end(190)
    return sample


FIX = gps.Fix((2026, 3, 14, 7, 30, 5), -33.5083, 70.6708, 50.0, 92.0)


def make_gpsbox() -> Sample:
    """Each kind of record, two of the boxes with several; disguised, stale and broken ones."""
    sample = Sample(28, proven_by_neighbour=False)
    later = [FIX._replace(moment=(2026, 3, 14, 7, 30, second)) for second in range(5, 12)]
    sample.noise(300)
    for one in later:
        sample.frame(gps.novatek_stream(one)[:50], (0, 50), "data")
        sample.other(gps.novatek_stream(one)[50:])
    for data in (
        gps.ligo(FIX), gps.kenwood(FIX)[8:87], gps.garmin(later), gps.ambarella(later),
        gps.thinkware(FIX)[:-10], gps.nextbase_322gw(FIX)[:160],
    ):  # fmt: skip
        sample.frame(data, (0, len(data)), "data")
        sample.noise(9000 if data.startswith(b"LIGO") else 100)
    sample.other(b"LIGOGPSINFO\0".ljust(0x14, b"\0") + b"####".ljust(0x84, b"\x99"))
    sample.noise(9000)
    sample.other(gps.kenwood(FIX._replace(moment=(2026, 13, 14, 7, 30, 5))))
    sample.other(struct.pack(">I", 72) + b"gps0" + b"\xff" * 64)
    sample.noise(300)
    data = gps.ambarella(later[:2])
    sample.frame(data, (0, len(data)), "data")
    sample.cut_by_end(30)
    return sample


def make_tme() -> Sample:
    """Frames with and without sub-records of sound and B pictures, a gap of alignment, a cut."""
    sample, one = Sample(16), camera(1, "h264", "none")
    film = pictures(one, 16)
    sample.noise(1000)
    sample.other(b"\1\0\0\0" + bytes(80))
    sample.other(tme.file_header(WIDTH, HEIGHT))
    voice = bytes(range(80))
    for place, (time_ms, unit) in enumerate(film[:14]):
        extra = film[15][1].data if place == 4 else b""
        _tme_picture(sample, place, time_ms, unit, [(0x1001, voice)] * (place // 2 % 3), extra)
        if place == 9:
            sample.cut(30)
            sample.noise(1027)
    _tme_picture(sample, 14, film[14][0], film[14][1], [(0x1001, voice)], b"")
    sample.run_ends()
    sample.noise(300)
    head = tme.frame_header(
        serial=2000, tick=9, count=1, width=WIDTH, height=HEIGHT, kind=3, size=1 << 21
    )
    sample.other(head + bytes(90))
    return sample


def _tme_picture(
    sample: Sample,
    place: int,
    time_ms: int,
    unit: AccessUnit,
    sounds_: Sequence[tuple[int, bytes]],
    between: bytes,
) -> None:
    """A frame with its sub-records; zeros up to the next multiple of four belong to the last."""
    parts = [*sounds_, *([(0xAB1005, between)] if between else [])]
    tick = (0xFFFFFFF0 + (time_ms - START_MS) * 64 // 1000) & 0xFFFFFFFF
    head = tme.frame_header(
        serial=1000 + place,
        tick=tick,
        count=1 + len(parts),
        width=WIDTH,
        height=HEIGHT,
        kind=3 if unit.key else 4,
        size=len(unit.data),
    )
    records = [(head + unit.data, 68, len(unit.data))]
    records += [(tme.sub_record(flag, data), 20, len(data)) for flag, data in parts]
    total = sum(len(data) for data, _, _ in records)
    for number, (data, first, size) in enumerate(records):
        flag = parts[number - 1][0] & 0xFFFF if number else 0
        pads = number == len(records) - 1 and place not in (9, 14)  # behind these no header stands
        pad = bytes(-total % 4) if pads else b""
        known: dict[str, Any] = {"codec": "other_audio" if flag == 0x1001 else "h264"}
        if not number:
            known |= {"sequence": 1000 + place, "tick_ms": tick * 15 + tick * 5 // 8}
        kind = {0: _kind(unit), 0x1001: "audio", 0x1005: "delta"}[flag]
        sample.frame(data + pad, (first, first + size), kind, **known)


MAKERS: dict[str, Callable[[], Sample]] = {
    "annexb": make_annexb,
    "avi": make_avi,
    "dahua-old": make_dahua_old,
    "dhav": make_dhav,
    "freegps": make_freegps,
    "gpsbox": make_gpsbox,
    "g2fdb": make_g2fdb,
    "hx": make_hx,
    "jpeg": make_jpeg,
    "jt1078": make_jt1078,
    "jt808": make_jt808,
    "mp4": make_mp4,
    "luodat": make_luodat,
    "mpegps": make_mpegps,
    "mpegts": make_mpegts,
    "nmea": make_nmea,
    "nndc": make_nndc,
    "pave": make_pave,
    "pavs": make_pavs,
    "tme": make_tme,
    "xm": make_xm,
}


def encoders() -> dict[str, str]:
    """What the coded bytes depend on."""
    libraries = {
        name: ".".join(map(str, version))
        for name, version in av.library_versions.items()
        if name == "libavcodec"
    }
    return {"av": av.__version__, **libraries}


def table(rows: Sequence[Row]) -> bytes:
    """The content of `expected.json`: a row a line."""
    return b"[\n " + b",\n ".join(msgspec.json.encode(row) for row in rows) + b"\n]\n"


def origin(title: str, data: bytes) -> str:
    """The content of `origin.toml`."""
    versions = ", ".join(f'{name} = "{version}"' for name, version in encoders().items())
    return (
        f'from     = "made by this project: {title}"\n'
        f'licence  = "Apache-2.0"\n'
        f'command  = "python tests/fixtures_made.py"\n'
        f'sha256   = "{hashlib.sha256(data).hexdigest()}"\n'
        f"encoders = {{{versions}}}\n"
    )


def write(folder: Path) -> None:
    """All samples with what must be found in them."""
    for name, maker in MAKERS.items():
        sample, place = maker(), folder / name
        title = " ".join(str(maker.__doc__).split()).rstrip(".")
        place.mkdir(exist_ok=True)
        (place / "sample.bin").write_bytes(sample.data)
        (place / "expected.json").write_bytes(table(sample.rows))
        (place / "origin.toml").write_text(origin(title, bytes(sample.data)), encoding="utf-8")


if __name__ == "__main__":
    write(FOLDER)
