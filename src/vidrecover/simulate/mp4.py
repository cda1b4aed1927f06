"""MP4 files as dash cameras write them, from ISO/IEC 14496-12, -14 and -15 [A] and dashcam-mp4.md.

Samples are NAL units behind lengths of four bytes; pictures and sound lie in turn, half a second
of each. The index is at the end, at the beginning, in fragments, or was never written.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from vidrecover.simulate.encoding import nal_units
from vidrecover.simulate.footage import Frame
from vidrecover.simulate.image import Chunk
from vidrecover.simulate.settings import Mp4

_SCALE = 1000
_TURN_MS = 500
_EPOCH_S = 2_082_844_800  # from 1904 to 1970
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_ADTS_HEAD = 7
_AAC_CONFIG = bytes.fromhex("1408")  # low complexity, 16 kHz, one channel
_SETS = {"h264": {7, 8}, "h265": {32, 33, 34}}
_GPS_SIZE = 1024
_NON_SYNC, _SYNC = 0x01010000, 0x02000000

Shots = Sequence[tuple[Frame, bytes]]


def box(kind: str, *parts: bytes) -> bytes:
    """Size, type, content."""
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind.encode()) + content


def full(kind: str, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with version and flags before its content."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def _kind_of(codec: str, unit: bytes) -> int:
    return unit[4] & 31 if codec == "h264" else unit[4] >> 1 & 63


class _Track:
    """One camera's pictures or sound on the way into a file."""

    def __init__(self, number: int, shots: Shots, settings: Mp4) -> None:
        self.number = number
        self.first = shots[0][0]
        self.video = self.first.media == "video"
        self.sets: list[bytes] = []
        self.samples = [(shot, self._stored(shot, data, settings)) for shot, data in shots]
        self.offsets: list[int] = []
        times = [shot.time_ms for shot, _ in shots]
        steps = [after - before for before, after in pairwise(times)]
        self.steps = [*steps, steps[-1] if steps else 40]

    def _stored(self, shot: Frame, data: bytes, settings: Mp4) -> bytes:
        """A sample as the file holds it, and the truth about its bytes noted."""
        if shot.media == "audio":
            data = data[_ADTS_HEAD:] if shot.codec == "aac" else data
            shot.size, shot.sha256 = len(data), hashlib.sha256(data).hexdigest()
            return data
        units = nal_units(data)
        kinds = _SETS[shot.codec]
        if not self.sets:
            self.sets = [unit[4:] for unit in units if _kind_of(shot.codec, unit) in kinds]
        if settings.sets == "aside":
            units = [unit for unit in units if _kind_of(shot.codec, unit) not in kinds]
        data = b"".join(struct.pack(">I", len(unit) - 4) + unit[4:] for unit in units)
        shot.size, shot.sha256 = len(data), hashlib.sha256(data).hexdigest()
        return data


def tracks(shots: Shots, settings: Mp4) -> list[_Track]:
    """One track for the pictures of each camera, then one for the sound of each."""
    groups: dict[tuple[bool, int], list[tuple[Frame, bytes]]] = {}
    for shot, data in shots:
        groups.setdefault((shot.media != "video", shot.camera.number), []).append((shot, data))
    ordered = [groups[key] for key in sorted(groups)]
    return [_Track(number, own, settings) for number, own in enumerate(ordered, 1)]


def chunks(shots: Shots, settings: Mp4) -> Iterator[Chunk]:
    """One file."""
    found = tracks(shots, settings)
    start_ms = min(track.first.time_ms for track in found)
    head = box("ftyp", b"isom", struct.pack(">I", 0x200), b"isomavc1")
    if settings.index == "fragments":
        yield Chunk(head)
        yield from _fragmented(found, start_ms, settings)
        return
    media = list(_media(found, settings))
    size = sum(len(chunk.data) for chunk in media)
    if settings.index == "start":
        index = _moov(found, start_ms, settings)  # offsets change nothing in its size
        _place(found, media, len(head) + len(index) + _head_size(settings))
        yield from (Chunk(head), Chunk(_moov(found, start_ms, settings)))
        yield Chunk(_mdat_head(size, settings))
        yield from media
        return
    yield from (Chunk(head), Chunk(_mdat_head(size, settings)))
    if settings.index == "missing":
        yield from media[:-1]
        cut = media[-1].data
        yield Chunk(cut[: len(cut) * 3 // 5])  # power went away
        return
    yield from media
    _place(found, media, len(head) + _head_size(settings))
    yield Chunk(_moov(found, start_ms, settings))


def _head_size(settings: Mp4) -> int:
    return 16 if settings.wide else 8


def _mdat_head(size: int, settings: Mp4) -> bytes:
    """Of the media data; a file that was never closed has no size there."""
    if settings.wide:
        stated = 0 if settings.index == "missing" else size + 16
        return struct.pack(">I4sQ", 1, b"mdat", stated)
    return struct.pack(">I4s", 0 if settings.index == "missing" else size + 8, b"mdat")


def _media(found: Sequence[_Track], settings: Mp4) -> Iterator[Chunk]:
    """The samples of all tracks, half a second of each in turn; a GPS block every second."""
    for number, turn in enumerate(_turns(found)):
        if settings.gps and number % 2 == 0:
            yield Chunk(gps_block(number // 2))
        for _, samples in turn:
            for shot, data in samples:
                yield Chunk(data, shot, ((0, len(data)),))


def _turns(
    found: Sequence[_Track],
) -> Iterator[list[tuple[_Track, list[tuple[Frame, bytes]]]]]:
    start_ms = min(track.first.time_ms for track in found)
    parts: dict[int, list[tuple[_Track, list[tuple[Frame, bytes]]]]] = {}
    for track in found:
        own = groupby(track.samples, lambda one: (one[0].time_ms - start_ms) // _TURN_MS)
        for turn, samples in own:
            parts.setdefault(turn, []).append((track, list(samples)))
    yield from (parts[turn] for turn in sorted(parts))


def gps_block(second: int) -> bytes:
    """A `freeGPS ` block of a Novatek camera without a fix: date and time, status V.

    [A: dashcam-mp4.md section 2]
    """
    date = struct.pack("<6I", 7, 30, second % 60, 26, 3, 14)
    content = struct.pack("<I", 0x4C) + bytes(32) + date + b"VNE\0" + bytes(16)
    return struct.pack(">I8s", _GPS_SIZE, b"freeGPS ") + content.ljust(_GPS_SIZE - 12, b"\0")


def _place(found: Sequence[_Track], media: Sequence[Chunk], start: int) -> None:
    """Notes where each sample begins in the file."""
    places = {}
    for chunk in media:
        if chunk.shot is not None:
            places[id(chunk.shot)] = start
        start += len(chunk.data)
    for track in found:
        track.offsets = [places[id(shot)] for shot, _ in track.samples]


def _moov(found: Sequence[_Track], start_ms: int, settings: Mp4) -> bytes:
    created = start_ms // 1000 + _EPOCH_S
    length = max(sum(track.steps) for track in found)
    parts = [_trak(track, created, start_ms, settings) for track in found]
    if settings.index == "fragments":
        parts.append(box("mvex", *(
            full("trex", 0, 0, struct.pack(">5I", track.number, 1, 0, 0, 0)) for track in found
        )))  # fmt: skip
    head = struct.pack(">4I", created, created, _SCALE, length)
    head += struct.pack(">IHHII", 0x10000, 0x100, 0, 0, 0)
    return box("moov", full("mvhd", 0, 0, head, _MATRIX, bytes(24), struct.pack(">I", 99)), *parts)


def _trak(track: _Track, created: int, start_ms: int, settings: Mp4) -> bytes:
    length, camera = sum(track.steps), track.first.camera
    size = (camera.width, camera.height) if track.video else (0, 0)
    head = struct.pack(">5I", created, created, track.number, 0, length) + bytes(8)
    head += struct.pack(">4H", 0, 0, 0 if track.video else 0x100, 0) + _MATRIX
    head += struct.pack(">2I", size[0] << 16, size[1] << 16)
    media = struct.pack(">4IHH", created, created, _SCALE, length, 0x55C4, 0)
    kind = b"vide" if track.video else b"soun"
    handler = struct.pack(">I4s12x", 0, kind) + b"recorder\0"
    own = full("vmhd", 0, 1, bytes(8)) if track.video else full("smhd", 0, 0, bytes(4))
    data = box("dinf", full("dref", 0, 0, struct.pack(">I", 1), full("url ", 0, 1)))
    delay = track.first.time_ms - start_ms
    edits = struct.pack(">I", 2) + struct.pack(">IiI", delay, -1, 0x10000)
    edits += struct.pack(">IiI", length, 0, 0x10000)
    return box(
        "trak",
        full("tkhd", 0, 7, head),
        box("edts", full("elst", 0, 0, edits)) if delay else b"",
        box("mdia", full("mdhd", 0, 0, media), full("hdlr", 0, 0, handler),
            box("minf", own, data, _stbl(track, settings))),
    )  # fmt: skip


def _stbl(track: _Track, settings: Mp4) -> bytes:
    """The sample tables; of a fragmented file they are empty."""
    samples = [] if settings.index == "fragments" else track.samples
    offsets = track.offsets or [0] * len(samples)
    sizes = [len(data) for _, data in samples]
    firsts = [
        n for n in range(len(samples)) if not n or offsets[n] != offsets[n - 1] + sizes[n - 1]
    ]
    counts = [after - before for before, after in pairwise([*firsts, len(samples)])]
    runs = [(n + 1, count) for n, count in enumerate(counts) if not n or count != counts[n - 1]]
    steps = [(len(list(own)), step) for step, own in groupby(track.steps[: len(samples)])]
    keys = [n for n, (shot, _) in enumerate(samples, 1) if shot.key]
    large = settings.wide
    boxes = [
        full("stsd", 0, 0, struct.pack(">I", 1), _entry(track)),
        full("stts", 0, 0, struct.pack(">I", len(steps)), *(struct.pack(">2I", *s) for s in steps)),
        full("stsc", 0, 0, struct.pack(">I", len(runs)),
             *(struct.pack(">3I", first, count, 1) for first, count in runs)),
        full("stsz", 0, 0, struct.pack(f">2I{len(sizes)}I", 0, len(sizes), *sizes)),
        full("co64" if large else "stco", 0, 0, struct.pack(">I", len(firsts)),
             *(struct.pack(">Q" if large else ">I", offsets[n]) for n in firsts)),
    ]  # fmt: skip
    if track.video and samples:
        boxes.append(full("stss", 0, 0, struct.pack(f">I{len(keys)}I", len(keys), *keys)))
    return box("stbl", *boxes)


def _entry(track: _Track) -> bytes:
    """The sample description."""
    shot = track.first
    if track.video:
        h264 = shot.codec == "h264"
        config = _avcc(track.sets) if h264 else _hvcc(track.sets)
        size = struct.pack(">2H", shot.camera.width, shot.camera.height)
        head = bytes(6) + struct.pack(">H", 1) + bytes(16) + size
        head += struct.pack(">2I", 0x480000, 0x480000) + bytes(4) + struct.pack(">H", 1)
        head += bytes(32) + struct.pack(">Hh", 0x18, -1)
        return box("avc1" if h264 else "hvc1", head, box("avcC" if h264 else "hvcC", config))
    rate = 16000 if shot.codec == "aac" else 8000
    head = bytes(6) + struct.pack(">H", 1) + bytes(8) + struct.pack(">4H", 1, 16, 0, 0)
    head += struct.pack(">I", rate << 16)
    if shot.codec != "aac":
        return box({"alaw": "alaw", "mulaw": "ulaw"}[shot.codec], head)
    config = b"\x05" + bytes([len(_AAC_CONFIG)]) + _AAC_CONFIG
    decoder = b"\x40\x15" + bytes(11) + config
    stream = struct.pack(">HB", track.number, 0) + b"\x04" + bytes([len(decoder)]) + decoder
    stream += b"\x06\x01\x02"
    return box("mp4a", head, full("esds", 0, 0, b"\x03", bytes([len(stream)]), stream))


def _avcc(sets: Sequence[bytes]) -> bytes:
    """AVCDecoderConfigurationRecord. [A: ISO/IEC 14496-15 clause 5.3.3]"""
    sequence = [unit for unit in sets if unit[0] & 31 == 7]
    picture = [unit for unit in sets if unit[0] & 31 == 8]
    parts = [b"\x01", sequence[0][1:4], b"\xff", bytes([0xE0 | len(sequence)])]
    parts += [struct.pack(">H", len(unit)) + unit for unit in sequence]
    parts.append(bytes([len(picture)]))
    parts += [struct.pack(">H", len(unit)) + unit for unit in picture]
    if sequence[0][1] in (100, 110, 122, 144):
        parts.append(b"\xfd\xf8\xf8\x00")
    return b"".join(parts)


def _hvcc(sets: Sequence[bytes]) -> bytes:
    """HEVCDecoderConfigurationRecord. [A: ISO/IEC 14496-15 clause 8.3.3]"""
    by_kind = {kind: [u for u in sets if u[0] >> 1 & 63 == kind] for kind in (32, 33, 34)}
    level = by_kind[33][0].replace(b"\0\0\3", b"\0\0")[3:15]  # profile, tier and level
    head = b"\x01" + level + b"\xf0\x00\xfc\xfd\xf8\xf8\x00\x00\x0f" + bytes([len(by_kind)])
    arrays = [
        bytes([0x80 | kind]) + struct.pack(">H", len(units))
        + b"".join(struct.pack(">H", len(unit)) + unit for unit in units)
        for kind, units in by_kind.items()
    ]  # fmt: skip
    return head + b"".join(arrays)


def _fragmented(found: Sequence[_Track], start_ms: int, settings: Mp4) -> Iterator[Chunk]:
    """An empty index, then half a second of all tracks in each fragment."""
    index = _moov(found, start_ms, settings)
    yield Chunk(index)
    done = dict.fromkeys((track.number for track in found), 0)
    for number, turn in enumerate(_turns(found), 1):
        size = len(_moof(number, turn, done, 0))
        yield Chunk(_moof(number, turn, done, size + 8))
        media = [(shot, data) for _, samples in turn for shot, data in samples]
        yield Chunk(struct.pack(">I4s", 8 + sum(len(data) for _, data in media), b"mdat"))
        for shot, data in media:
            yield Chunk(data, shot, ((0, len(data)),))
        for track, samples in turn:
            done[track.number] += len(samples)


def _moof(
    number: int,
    turn: Sequence[tuple[_Track, list[tuple[Frame, bytes]]]],
    done: dict[int, int],
    offset: int,
) -> bytes:
    parts = [full("mfhd", 0, 0, struct.pack(">I", number))]
    for track, samples in turn:
        first = done[track.number]
        steps = track.steps[first : first + len(samples)]
        rows = b"".join(
            struct.pack(">3I", step, len(data), _SYNC if shot.key else _NON_SYNC)
            for step, (shot, data) in zip(steps, samples, strict=True)
        )
        parts.append(box(
            "traf",
            full("tfhd", 0, 0x20000, struct.pack(">I", track.number)),
            full("tfdt", 1, 0, struct.pack(">Q", sum(track.steps[:first]))),
            full("trun", 0, 0x701, struct.pack(">Ii", len(samples), offset), rows),
        ))  # fmt: skip
        offset += sum(len(data) for _, data in samples)
    return box("moof", *parts)
