"""A recorder's disk of any size whose bytes are computed when they are read.

DHAV frames written from dhav.md alone, real H.264 behind their headers. Of vidrecover only the
words of `model` are used. A disk's reading is counted, with the time a hard disk would take.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt

from vidrecover.model import Extent, SourceIdentity

Bytes = npt.NDArray[np.uint8]

RATE = 10
"""Pictures of a camera in a second; a group of pictures is one second."""
SECOND = 160_000
"""Bytes of a camera in a second, or twice as many."""
START_MS = 1_767_225_600_000
"""2026-01-01, when the recorder began."""
_SEEK_S, _BYTES_PER_S = 0.010, 150_000_000
_HEAD = np.dtype(
    [("magic", "S4"), ("type", "u1"), ("subtype", "u1"), ("channel", "u1"), ("number", "u1"),
     ("sequence", "<u4"), ("total", "<u4"), ("date", "<u4"), ("millis", "<u2"),
     ("ext", "u1"), ("checksum", "u1")]
)  # fmt: skip


class Stream(NamedTuple):
    """Cameras whose frames follow each other in time; weight: blocks in each turn of the ring."""

    cameras: tuple[int, ...]
    weight: int = 1


MIXED = (Stream(tuple(range(1, 13))),)
"""Twelve cameras, frames in turn."""
APART = tuple(Stream((number,), 2 if number < 5 else 1) for number in range(1, 13))
"""One camera in each block; the first four write twice as much."""


class VirtualRing:
    """The disk. bytes_read, seconds: what was read of it, and the time of a hard disk for that.

    block: bytes that are taken at once by a stream; size: of the disk, its last bytes that make
    no whole block are zeros; turns: how often the ring was written round, as a number with a
    fraction; is_scattered: blocks are taken in no order.
    """

    def __init__(
        self,
        size: int,
        streams: tuple[Stream, ...] = MIXED,
        *,
        block: int = 1 << 30,
        turns: float = 1.37,
        is_scattered: bool = False,
    ) -> None:
        self.size, self.streams, self.block = size, streams, block
        self.blocks = size // block
        self.seconds = 0.0
        self.bytes_read = 0
        self._at = -1
        self._order = list(_order(streams))
        self._tiles = [_Tile(one.cameras, one.weight * SECOND) for one in streams]
        self._step = _step(self.blocks) if is_scattered else 1
        self._back = pow(self._step, -1, self.blocks)
        self.written = max(int(self.blocks * turns), 1)
        self.now_s = self._start_s(self.written)

    @property
    def identity(self) -> SourceIdentity:
        """A name and the size."""
        return SourceIdentity(path="virtual ring", kind="raw", size=self.size)

    def oldest_s(self) -> float:
        """From when on all of every camera is there, in seconds since the start."""
        kept = max(self.written - self.blocks, 0)
        return self._start_s(kept + 2 * len(self._order)) if kept else 0.0

    def remains(self, back: int) -> tuple[int, float, float]:
        """What is left of an earlier turn in the block that was taken so many before the newest:
        its camera, and the seconds from which to which it goes."""
        taken = self.written - 1 - back
        stream, _ = self._order[taken % len(self._order)]
        written_s = self.now_s - self._start_s(taken)
        begun_s = self._start_s(taken - self.blocks)
        length_s = self.block / self._rate(taken)
        return self.streams[stream].cameras[0], begun_s + written_s, begun_s + length_s

    def border_s(self, camera: int, number: int) -> float:
        """Where a camera that has blocks of its own goes on in the so manyeth of them."""
        stream = next(n for n, one in enumerate(self.streams) if one.cameras == (camera,))
        begun_s = round(self._start_s(self._order.index((stream, 0))))
        return begun_s + number * self.block / self._tiles[stream].size

    def read(self, offset: int, size: int) -> bytes:
        """See `Source.read`."""
        buffer = np.empty(max(min(size, self.size - offset), 0), dtype=np.uint8)
        self.read_into(offset, buffer)
        return buffer.tobytes()

    def read_into(self, offset: int, buffer: Bytes) -> list[Extent]:
        """See `Source.read_into`."""
        if offset < 0 or offset + len(buffer) > self.size:
            raise ValueError("beyond the end")
        self.bytes_read += len(buffer)
        self.seconds += _SEEK_S * (offset != self._at) + len(buffer) / _BYTES_PER_S
        self._at = offset + len(buffer)
        done = 0
        while done < len(buffer):
            place, inside = divmod(offset + done, self.block)
            part = buffer[done : done + self.block - inside]
            self._fill(place, inside, part)
            done += len(part)
        return []

    def close(self) -> None:
        """Nothing to release."""

    def _rate(self, taken: int) -> int:
        """Bytes in a second of the stream that took a block."""
        return self._tiles[self._order[taken % len(self._order)][0]].size

    def _start_s(self, taken: int) -> float:
        """When the block that was taken as number so-and-so was begun."""
        whole, slot = divmod(taken, len(self._order))
        turn_s = self.block * self.streams[0].weight / self._tiles[0].size
        return (whole + slot / len(self._order)) * turn_s

    def _fill(self, place: int, inside: int, part: Bytes) -> None:
        if place >= self.blocks:
            part[:] = 0
            return
        number = place * self._back % self.blocks
        taken = (self.written - 1 - number) // self.blocks * self.blocks + number
        if taken < 0:
            part[:] = 0
            return
        age = self.now_s - self._start_s(taken)
        reach = min(int(age * self._rate(taken)), self.block)
        new = max(min(reach - inside, len(part)), 0)
        self._write(taken, inside, part[:new])
        if taken >= self.blocks:
            self._write(taken - self.blocks, inside + new, part[new:])
        else:
            part[new:] = 0

    def _write(self, taken: int, inside: int, part: Bytes) -> None:
        """What the block taken as number so-and-so holds from a place on."""
        whole, slot = divmod(taken, len(self._order))
        stream, turn = self._order[slot]
        tile, weight = self._tiles[stream], self.streams[stream].weight
        begun_s = round(self._start_s(self._order.index((stream, 0))))
        position = (whole * weight + turn) * self.block + inside
        tile.write(position, part, START_MS + begun_s * 1000)


class _Tile:
    """One second of a stream: frames with real pictures; numbers and dates are put in later."""

    def __init__(self, cameras: tuple[int, ...], size: int) -> None:
        """size: bytes of each camera."""
        units = [_padded(camera, size) for camera in cameras]
        frames: list[bytes] = []
        heads: list[tuple[int, int, int]] = []
        at = 0
        for picture in range(RATE):
            for camera, own in zip(cameras, units, strict=True):
                data = own[picture]
                ext = b"\x82\0\0\0" + (176).to_bytes(2, "little") + (144).to_bytes(2, "little")
                ext = ext + b"\x81\0\x02" + bytes([RATE]) if picture == 0 else b""
                total = 24 + len(ext) + len(data) + 8
                frames.append(bytes(24) + ext + data + b"dhav" + total.to_bytes(4, "little"))
                heads.append((at, camera, picture))
                at += total
        self.size = at
        self._bytes = np.frombuffer(b"".join(frames), dtype=np.uint8)
        self._places = np.array([one[0] for one in heads])
        self._picture = np.array([one[2] for one in heads])
        self._heads = np.zeros(len(heads), dtype=_HEAD)
        self._heads["magic"] = b"DHAV"
        self._heads["type"] = np.where(self._picture == 0, 0xFD, 0xFC)
        self._heads["channel"] = [one[1] - 1 for one in heads]
        self._heads["total"] = [len(one) for one in frames]
        self._heads["ext"] = np.where(self._picture == 0, 12, 0)

    def write(self, position: int, part: Bytes, start_ms: int) -> None:
        """Bytes of the stream from a position on; start_ms: of its first frame."""
        done = 0
        while done < len(part):
            second, inside = divmod(position + done, self.size)
            piece = part[done : done + self.size - inside]
            piece[:] = self._bytes[inside : inside + len(piece)]
            first = int(np.searchsorted(self._places, inside - 24, side="right"))
            last = int(np.searchsorted(self._places, inside + len(piece)))
            self._put(piece, inside, first, last, second, start_ms)
            done += len(piece)

    def _put(
        self, piece: Bytes, inside: int, first: int, last: int, second: int, start_ms: int
    ) -> None:
        heads, picture = self._heads[first:last].copy(), self._picture[first:last]
        time_ms = start_ms + second * 1000
        heads["sequence"] = second * RATE + picture
        heads["date"] = _packed(time_ms)
        heads["millis"] = (time_ms + picture * (1000 // RATE)) & 0xFFFF
        raw = heads.view(np.uint8).reshape(len(heads), 24)
        heads["checksum"] = raw[:, :23].sum(axis=1) & 255
        places = (self._places[first:last] - inside)[:, None] + np.arange(24)
        whole = (places >= 0) & (places < len(piece))
        piece[places[whole]] = raw[whole]


@lru_cache(maxsize=4096)
def _packed(time_ms: int) -> int:
    moment = np.datetime64(time_ms, "ms").astype(object)
    date = (moment.year - 2000) << 26 | moment.month << 22 | moment.day << 17
    return int(date | moment.hour << 12 | moment.minute << 6 | moment.second)


def _order(streams: tuple[Stream, ...]) -> Iterator[tuple[int, int]]:
    """Which stream takes a block, and its how manyeth of this turn: at even distances."""
    turns = max(one.weight for one in streams)
    light = [number for number, one in enumerate(streams) if one.weight < turns]
    for turn in range(turns):
        yield from ((number, turn) for number, one in enumerate(streams) if one.weight == turns)
        yield from ((number, 0) for number in light[turn::turns])


def _padded(camera: int, size: int) -> list[bytes]:
    """A second of pictures which, with their headers, are so many bytes.

    Behind each stands a NAL unit that means nothing. [ITU-T H.264, 7.3.2.7]
    """
    rng = np.random.default_rng(camera)
    bare = _pictures(camera)
    room = size - sum(map(len, bare)) - 32 * RATE - 12
    shares = [room // RATE] * (RATE - 1)
    shares.append(room - sum(shares))
    fillers = (rng.integers(1, 256, share - 6, dtype=np.uint8).tobytes() for share in shares)
    return [one + b"\0\0\0\1\x0c" + more + b"\x80" for one, more in zip(bare, fillers, strict=True)]


@lru_cache(maxsize=64)
def _pictures(camera: int) -> list[bytes]:
    """One second of pictures of a camera, the first one a key picture."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 176, 144, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)
    encoder.thread_count, encoder.max_b_frames = 1, 0
    encoder.options = {
        "preset": "ultrafast", "tune": "zerolatency", "crf": "30",
        "x264-params": "keyint=10:min-keyint=10:scenecut=0:repeat-headers=1:annexb=1:bframes=0",
    }  # fmt: skip
    rng = np.random.default_rng(camera)
    still = rng.integers(0, 256, (144, 176), dtype=np.uint8)
    found = []
    for number in range(RATE):
        picture = av.VideoFrame(176, 144, "yuv420p")
        for plane in picture.planes:
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
            rows[:] = 128
        luma = np.frombuffer(memoryview(picture.planes[0]), np.uint8).reshape(144, -1)
        luma[:, :176] = np.roll(still, number * 3, axis=1)
        picture.pts = number
        found += [bytes(packet) for packet in encoder.encode(picture)]
    found += [bytes(packet) for packet in encoder.encode(None)]
    return found


def _step(blocks: int) -> int:
    """A step with which every block is met once, far from the one before."""
    step = int(blocks * 0.618) | 1
    while np.gcd(step, blocks) != 1:
        step += 2
    return step
