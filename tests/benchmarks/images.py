"""Large images for the benchmarks, written in bulk from the specifications alone.

The payloads are random bytes behind a start code: nothing decodes them, everything frames them.
Of vidrecover nothing is imported.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

TILE = 64 << 20
_START_MS = 1_773_473_340_000  # 2026-03-14 07:29:00
_DHAV = np.dtype(
    [("magic", "S4"), ("type", "u1"), ("subtype", "u1"), ("channel", "u1"), ("number", "u1"),
     ("sequence", "<u4"), ("total", "<u4"), ("date", "<u4"), ("millis", "<u2"),
     ("ext", "u1"), ("checksum", "u1")]
)  # fmt: skip
_PACKET = np.dtype(
    [("magic", "S4"), ("v", "u1"), ("pt", "u1"), ("sequence", ">u2"), ("sim", "V6"),
     ("channel", "u1"), ("mark", "u1"), ("time", ">u8"), ("last_key", ">u2"), ("last", ">u2"),
     ("length", ">u2")]
)  # fmt: skip

Bytes = npt.NDArray[np.uint8]


def _put(tile: Bytes, places: npt.NDArray[np.int64], heads: npt.NDArray[np.void]) -> None:
    raw = heads.view(np.uint8).reshape(len(heads), heads.dtype.itemsize)
    tile[places[:, None] + np.arange(heads.dtype.itemsize)] = raw


def _packed_dates(time_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    moment = time_ms.astype("datetime64[ms]")
    month = moment.astype("datetime64[M]")
    year = moment.astype("datetime64[Y]").astype(int) + 1970
    day = (moment.astype("datetime64[D]") - month.astype("datetime64[D]")).astype(int) + 1
    second = (time_ms // 1000) % 86400
    packed = (
        (year - 2000) << 26 | (month.astype(int) % 12 + 1) << 22 | day << 17
        | (second // 3600) << 12 | (second // 60 % 60) << 6 | second % 60
    )  # fmt: skip
    result: npt.NDArray[np.uint32] = packed.astype(np.uint32)
    return result


def dhav(path: Path, size: int, *, channels: int = 12, frame: int = 6000) -> int:
    """DHAV frames of about `frame` bytes, channels in turn; returns the number of frames."""
    rng = np.random.default_rng(1)
    sizes = rng.integers(frame * 2 // 3, frame * 4 // 3, size=TILE // frame)
    sizes = sizes[np.cumsum(sizes) <= TILE]
    tile = rng.integers(0, 256, int(sizes.sum()), dtype=np.uint8)
    starts = np.cumsum(sizes) - sizes
    number = np.arange(len(sizes))
    heads = np.zeros(len(sizes), dtype=_DHAV)
    heads["magic"], heads["channel"], heads["total"] = b"DHAV", number % channels, sizes
    heads["type"] = np.where(number // channels % 25 == 0, 0xFD, 0xFC)
    _put(tile, starts + 24, np.full(len(sizes), b"\0\0\0\1\x41\x9a", dtype="S6").view("V6"))
    trailers = np.zeros(len(sizes), dtype=[("magic", "S4"), ("total", "<u4")])
    trailers["magic"], trailers["total"] = b"dhav", sizes
    _put(tile, starts + sizes - 8, trailers)
    written = frames = 0
    with path.open("wb") as file:
        while written < size:
            turn = (number + frames) // channels
            time_ms = _START_MS + turn * 40
            heads["sequence"], heads["date"] = turn, _packed_dates(time_ms)
            heads["millis"], heads["checksum"] = time_ms & 0xFFFF, 0
            raw = heads.view(np.uint8).reshape(len(heads), 24)
            heads["checksum"] = raw[:, :23].sum(axis=1) & 255
            _put(tile, starts, heads)
            file.write(tile.data[: size - written])
            frames += int((starts + sizes <= size - written).sum())
            written += min(len(tile), size - written)
    return frames


def jt1078(path: Path, size: int, *, channels: int = 4, pieces: int = 6) -> int:
    """JT/T 1078 packets of 950 bytes, frames of `pieces` packets; returns the packets."""
    rng = np.random.default_rng(2)
    count = TILE // 980 // (pieces * channels) * pieces * channels
    tile = rng.integers(0, 256, (count, 980), dtype=np.uint8)
    number = np.arange(count)
    frame, piece = number // pieces, number % pieces
    heads = np.zeros(count, dtype=_PACKET)
    heads["magic"], heads["v"], heads["pt"], heads["length"] = b"01cd", 0x81, 98, 950
    heads["sim"] = np.void(bytes.fromhex("013800138000"))
    heads["channel"] = frame % channels + 1
    key = np.where(frame // channels % 25 == 0, 0, 0x10)
    heads["mark"] = key | np.where(piece == 0, 1, np.where(piece == pieces - 1, 2, 3))
    begins = np.flatnonzero(piece == 0)
    tile[begins, 30:36] = np.frombuffer(b"\0\0\0\1\x41\x9a", dtype=np.uint8)
    written = packets = 0
    with path.open("wb") as file:
        while written < size:
            heads["sequence"] = (number + packets) & 0xFFFF
            heads["time"] = _START_MS + (number + packets) // (pieces * channels) * 40
            tile[:, :30] = heads.view(np.uint8).reshape(count, 30)
            file.write(tile.reshape(-1).data[: size - written])
            packets += min(count, (size - written) // 980)
            written += min(tile.size, size - written)
    return packets


def annexb(path: Path, size: int, *, frame: int = 2600) -> int:
    """Naked H.264 pictures of about `frame` bytes; returns the number of pictures."""
    rng = np.random.default_rng(4)
    sizes = rng.integers(frame * 2 // 3, frame * 4 // 3, size=TILE // frame)
    sizes = sizes[np.cumsum(sizes) <= TILE]
    tile = rng.integers(1, 256, int(sizes.sum()), dtype=np.uint8)
    starts = np.cumsum(sizes) - sizes
    heads = np.full(len(sizes), b"\0\0\0\1\x41\x9a", dtype="S6")
    heads[::25] = b"\0\0\0\1\x65\xb8"
    _put(tile, starts, heads.view("V6"))
    _repeat(path, size, tile)
    return len(sizes) * (size // len(tile)) + int((np.cumsum(sizes) <= size % len(tile)).sum())


def zeros(path: Path, size: int) -> None:
    """Zeros that are really written: no holes."""
    _repeat(path, size, np.zeros(TILE, dtype=np.uint8))


def noise(path: Path, size: int) -> None:
    """Random bytes."""
    _repeat(path, size, np.random.default_rng(3).integers(0, 256, TILE, dtype=np.uint8))


def _repeat(path: Path, size: int, tile: Bytes) -> None:
    with path.open("wb") as file:
        for written in range(0, size, len(tile)):
            file.write(tile.data[: size - written])
