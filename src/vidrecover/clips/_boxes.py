"""Boxes of an MP4 file, the tables of samples made of columns.

Layout of boxes: ISO/IEC 14496-12; `mp4a` and `esds`: 14496-14; `avcC` and `hvcC`: 14496-15 clauses
5.3.3.1 and 8.3.3.1; `tx3g`: 3GPP TS 26.245; `damr`: 3GPP TS 26.244. [A]
"""

import struct
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from vidrecover import nal
from vidrecover.model import Codec

Column = npt.NDArray[np.int64]

TIMESCALE = 1000
"""Units of a second of the film and of pictures."""

_MATRIX = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_UNDETERMINED = 0x55C4
_LARGEST = (1 << 32) - 1
_WITH_CHROMA = (100, 110, 122, 144)
_SETS = {"vps": 32, "sps": 33, "pps": 34}
# A decoder's description of text at the bottom, white, centred; FFmpeg writes the same.
_TEXT_STYLE = struct.pack(">IbbI4h", 0, 1, -1, 0, 0, 0, 0, 0) + struct.pack(
    ">HHHBBI", 0, 0, 1, 0, 18, _LARGEST
)


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box with its content."""
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full(kind: bytes, flags: int, *parts: bytes, version: int = 0) -> bytes:
    """A box that begins with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def runs(values: Column) -> tuple[Column, Column]:
    """How often each value follows itself, and the values."""
    starts = np.flatnonzero(np.diff(values, prepend=values[:1] - 1))
    return np.diff(starts, append=len(values)), values[starts]


def _pairs(kind: bytes, values: Column) -> bytes:
    """A table of counts and values."""
    found = np.stack(runs(values), axis=1).astype(">u4")
    return full(kind, 0, struct.pack(">I", len(found)), found.tobytes())


def table(
    entry: bytes,
    sizes: Column,
    steps: Column,
    late: Column,
    keys: Column | None,
    chunks: Column,
    counts: Column,
) -> bytes:
    """`stbl`: entry: of `stsd`; steps: duration of each sample; late: from decoding to showing;
    keys: numbers of the key samples from 1, None for all; chunks: where they begin; counts:
    samples in each."""
    parts = [full(b"stsd", 0, struct.pack(">I", 1), entry), _pairs(b"stts", steps)]
    if keys is not None:
        parts.append(full(b"stss", 0, struct.pack(">I", len(keys)), keys.astype(">u4").tobytes()))
    if late.any():
        parts.append(_pairs(b"ctts", late))
    many, number = runs(counts)
    first = np.cumsum(many) - many + 1
    groups = np.stack([first, number, np.ones_like(first)], axis=1).astype(">u4")
    parts.append(full(b"stsc", 0, struct.pack(">I", len(groups)), groups.tobytes()))
    parts.append(full(b"stsz", 0, struct.pack(">II", 0, len(sizes)), sizes.astype(">u4").tobytes()))
    wide = bool(len(chunks)) and int(chunks[-1]) > _LARGEST
    kind, form = (b"co64", ">u8") if wide else (b"stco", ">u4")
    parts.append(full(kind, 0, struct.pack(">I", len(chunks)), chunks.astype(form).tobytes()))
    return box(b"stbl", *parts)


def film(duration: int, tracks: Sequence[bytes], title: str, comment: str) -> bytes:
    """`moov`; duration: milliseconds."""
    wide = duration > _LARGEST
    head = struct.pack(">QQIQ" if wide else ">IIII", 0, 0, TIMESCALE, duration)
    rest = struct.pack(">IH10x", 1 << 16, 1 << 8) + _MATRIX + bytes(24)
    rest += struct.pack(">I", len(tracks) + 1)
    said = [(b"\xa9nam", title), (b"\xa9cmt", comment)]
    words = [
        box(kind, box(b"data", struct.pack(">II", 1, 0), text.encode())) for kind, text in said
    ]
    handler = full(b"hdlr", 0, bytes(4), b"mdirappl", bytes(9))
    meta = full(b"meta", 0, handler, box(b"ilst", *words))
    return box(
        b"moov", full(b"mvhd", 0, head, rest, version=int(wide)), *tracks, box(b"udta", meta)
    )


def track(
    number: int,
    kind: str,
    *,
    timescale: int,
    duration: int,
    edits: Sequence[tuple[int, int]],
    size: tuple[int, int],
    samples: bytes,
) -> bytes:
    """`trak`; kind: vide, soun or sbtl; duration: in units of its timescale; edits: milliseconds
    and the time in the media that they begin at, -1 for nothing; samples: its `stbl`."""
    shown = sum(one for one, _ in edits)
    wide = max(shown, duration) > _LARGEST
    head = struct.pack(">QQI4xQ" if wide else ">III4xI", 0, 0, number, shown)
    group = {"vide": 0, "soun": 1}.get(kind, 2)
    rest = struct.pack(">8xHHH2x", 0, group, 0x100 if kind == "soun" else 0) + _MATRIX
    rest += struct.pack(">II", size[0] << 16, size[1] << 16)
    enabled = 2 if kind == "sbtl" else 3
    parts = [full(b"tkhd", enabled, head, rest, version=int(wide))]
    if list(edits) != [(shown, 0)]:
        entry = ">QqI" if wide else ">IiI"
        rows = b"".join(struct.pack(entry, *one, 1 << 16) for one in edits)
        listed = full(b"elst", 0, struct.pack(">I", len(edits)), rows, version=int(wide))
        parts.append(box(b"edts", listed))
    times = struct.pack(">QQIQ" if wide else ">IIII", 0, 0, timescale, duration)
    language = struct.pack(">HH", _UNDETERMINED, 0)
    names = {"vide": b"VideoHandler", "soun": b"SoundHandler", "sbtl": b"SubtitleHandler"}
    media = {
        "vide": full(b"vmhd", 1, bytes(8)),
        "soun": full(b"smhd", 0, bytes(4)),
        "sbtl": full(b"nmhd", 0),
    }
    here = box(b"dinf", full(b"dref", 0, struct.pack(">I", 1), full(b"url ", 1)))
    parts.append(
        box(
            b"mdia",
            full(b"mdhd", 0, times, language, version=int(wide)),
            full(b"hdlr", 0, bytes(4), kind.encode(), bytes(12), names[kind], b"\0"),
            box(b"minf", media[kind], here, samples),
        )
    )
    return box(b"trak", *parts)


def picture_entry(codec: Codec, size: tuple[int, int], sets: Sequence[nal.Nal]) -> bytes:
    """`avc1` or `hvc1`; sets: the parameter sets of the first key frame, which stand in it too.

    hvc1 and hev1 differ in where parameter sets may stand; Apple's players want hvc1.
    """
    kind, config = (b"avc1", _avc) if codec == Codec.H264 else (b"hvc1", _hevc)
    head = struct.pack(">6xH16xHHIII", 1, *size, 72 << 16, 72 << 16, 0)
    rest = struct.pack(">H32xHh", 1, 24, -1)
    return box(kind, head + rest, config(sets))


def _avc(sets: Sequence[nal.Nal]) -> bytes:
    """`avcC` of H.264: behind the sets, what high profiles add."""
    first = next(one.data for one in sets if one.kind == "sps")
    by_kind = [[one.data for one in sets if one.kind == kind][:31] for kind in ("sps", "pps")]
    parts = [b"\x01" + first[1:4].ljust(3, b"\0") + b"\xff", bytes([0xE0 | len(by_kind[0])])]
    parts += [struct.pack(">H", len(one)) + one for one in by_kind[0]]
    parts.append(bytes([len(by_kind[1])]))
    parts += [struct.pack(">H", len(one)) + one for one in by_kind[1]]
    read = nal.sequence_parameters(Codec.H264, first)
    if read is not None and read.profile in _WITH_CHROMA:
        depths = 0xF8 | (read.luma_depth - 8), 0xF8 | (read.chroma_depth - 8)
        parts.append(bytes([0xFC | read.chroma, *depths, 0]))
    return box(b"avcC", *parts)


def _hevc(sets: Sequence[nal.Nal]) -> bytes:
    """`hvcC` of H.265: profile, tier and level stand as in the sequence parameter set."""
    first = next(one.data for one in sets if one.kind == "sps")
    plain = nal.rbsp(first[:64]).ljust(15, b"\0")
    read = nal.sequence_parameters(Codec.H265, first)
    chroma, luma, other = (1, 8, 8) if read is None else (
        read.chroma, read.luma_depth, read.chroma_depth)  # fmt: skip
    layers, nested = (plain[2] >> 1 & 7) + 1, plain[2] & 1
    head = b"\x01" + plain[3:15] + struct.pack(
        ">HBBBBHB", 0xF000, 0xFC, 0xFC | chroma, 0xF8 | (luma - 8), 0xF8 | (other - 8), 0,
        layers << 3 | nested << 2 | 3,
    )  # fmt: skip
    ordered = sorted((one for one in sets if one.kind in _SETS), key=lambda one: _SETS[one.kind])
    arrays = []
    for kind, group in groupby(ordered, key=lambda one: _SETS[one.kind]):
        units = list(dict.fromkeys(one.data for one in group))
        arrays.append(struct.pack(">BH", kind, len(units)))
        arrays += [struct.pack(">H", len(one)) + one for one in units]
    count = len({one.kind for one in ordered})
    return box(b"hvcC", head, bytes([count]), *arrays)


def sound_entry(codec: Codec, rate: int, channels: int, config: bytes) -> bytes:
    """`mp4a` or `samr`; config: AudioSpecificConfig of AAC."""
    head = struct.pack(">6xH8xHH4xI", 1, channels, 16, min(rate, 65535) << 16)
    if codec == Codec.AMR:
        return box(b"samr", head, box(b"damr", b"FFMP", struct.pack(">BHBB", 0, 0x81FF, 0, 1)))
    decoder = _descriptor(4, struct.pack(">BB3xII", 0x40, 0x15, 0, 0) + _descriptor(5, config))
    described = _descriptor(3, struct.pack(">HB", 2, 0) + decoder + _descriptor(6, b"\x02"))
    return box(b"mp4a", head, full(b"esds", 0, described))


def _descriptor(tag: int, content: bytes) -> bytes:
    """A descriptor of less than 128 bytes (ISO/IEC 14496-1 clause 8.3.3)."""
    return struct.pack(">BB", tag, len(content)) + content


def text_entry() -> bytes:
    """`tx3g`."""
    font = b"Serif"
    fonts = box(b"ftab", struct.pack(">HHB", 1, 1, len(font)), font)
    return box(b"tx3g", struct.pack(">6xH", 1), _TEXT_STYLE, fonts)
