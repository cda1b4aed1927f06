"""Sample descriptions (`stsd`): codecs, parameter sets, how sound is coded.

Byte facts: ISO/IEC 14496-12 clause 8.5.2, 14496-14 and 14496-15, 14496-1 clause 7.2.6; QuickTime
File Format, sample descriptions. [A]
"""

from collections.abc import Iterator
from typing import NamedTuple

from vidrecover.containers._boxes import Box, child, children
from vidrecover.model import Codec, Extent, Media
from vidrecover.model import Sound as Coding

ENCRYPTED = "this track is encrypted"
_START = b"\0\0\0\1"
_VIDEO_HEAD, _SOUND_HEAD = 78, 28  # of an entry, behind the box header

_PICTURES = {
    b"avc1": Codec.H264, b"avc3": Codec.H264, b"hvc1": Codec.H265, b"hev1": Codec.H265,
    b"mp4v": Codec.MPEG4, b"jpeg": Codec.MJPEG, b"mjpa": Codec.MJPEG, b"MJPG": Codec.MJPEG,
    b"mjpg": Codec.MJPEG,
}  # fmt: skip
_SOUNDS = {
    b"mp4a": Codec.OTHER_AUDIO, b"samr": Codec.AMR, b"sowt": Codec.PCM_S16LE,
    b"alaw": Codec.PCM_ALAW, b"ulaw": Codec.PCM_MULAW, b"Opus": Codec.OPUS, b".mp3": Codec.MP3,
}  # fmt: skip
_ENCRYPTED = frozenset({b"encv", b"enca", b"drmi", b"drms"})
# objectTypeIndication of ISO/IEC 14496-1 table 5. [A]
_OBJECTS = {0x20: Codec.MPEG4, 0x6C: Codec.MJPEG, 0x40: Codec.AAC, 0x69: Codec.MP3, 0x6B: Codec.MP3}
_LINEAR = {b"sowt": 2, b"alaw": 1, b"ulaw": 1, b"twos": 2, b"raw ": 1}
"""Bytes of one value of one channel of uncompressed sound."""


class Description(NamedTuple):
    """What the samples of a track are.

    lengths: bytes of the length before each NAL unit; sets: see `model.Track`; box: the box of
    the file in which they stand; sample_bytes: of one sample of uncompressed sound, else None;
    note: what must be said, or empty.
    """

    media: Media
    codec: Codec
    lengths: int = 0
    sets: bytes = b""
    box: Extent | None = None
    sound: Coding | None = None
    sample_bytes: int | None = None
    note: str = ""


def description(data: bytes, stsd: Box | None, handler: bytes, start: int) -> Description:
    """The first sample description; handler: of the track; start: of `data` in the file."""
    media = {b"vide": Media.DELTA, b"soun": Media.AUDIO}.get(handler, Media.DATA)
    entry = next(children(data, stsd.body + 8, stsd.end), None) if stsd is not None else None
    if entry is None:
        codec = Codec.OTHER_AUDIO if media == Media.AUDIO else Codec.UNKNOWN
        return Description(media, codec, note="the file does not say how this track is coded")
    if entry.kind in _ENCRYPTED:
        return Description(Media.DATA, Codec.UNKNOWN, note=ENCRYPTED)
    if entry.kind in _PICTURES:
        media = Media.DELTA
    if media == Media.DELTA:
        return _pictures(data, entry, start)
    return _sound(data, entry) if media == Media.AUDIO else Description(media, Codec.UNKNOWN)


def _pictures(data: bytes, entry: Box, start: int) -> Description:
    codec = _PICTURES.get(entry.kind, Codec.UNKNOWN)
    inner = Box(entry.kind, entry.start, entry.body + _VIDEO_HEAD, entry.end)
    if codec in (Codec.H264, Codec.H265):
        box = child(data, inner, b"avcC" if codec == Codec.H264 else b"hvcC")
        if box is None:
            return Description(Media.DELTA, codec, lengths=4)
        content = data[box.body : box.end]
        sets = _avc_sets(content) if codec == Codec.H264 else _hevc_sets(content)
        at = 4 if codec == Codec.H264 else 21
        lengths = (content[at] & 3) + 1 if len(content) > at else 4
        place = Extent(start + box.start, start + box.end)
        return Description(Media.DELTA, codec, lengths, b"".join(sets), place)
    box = child(data, inner, b"esds")
    if box is None:
        return Description(Media.DELTA, codec)
    kind, config = _esds(data[box.body : box.end])
    place = Extent(start + box.start, start + box.end)
    return Description(Media.DELTA, _OBJECTS.get(kind, codec), sets=config, box=place)


def _avc_sets(content: bytes) -> Iterator[bytes]:
    """Parameter sets of an AVCDecoderConfigurationRecord, each behind a start code."""
    place = 5
    for mask in (31, 255):
        count = content[place] & mask if place < len(content) else 0
        place += 1
        for _ in range(count):
            size = int.from_bytes(content[place : place + 2], "big")
            if not 0 < size <= len(content) - place - 2:
                return
            yield _START + content[place + 2 : place + 2 + size]
            place += 2 + size


def _hevc_sets(content: bytes) -> Iterator[bytes]:
    """Parameter sets of an HEVCDecoderConfigurationRecord, each behind a start code."""
    place = 23
    for _ in range(content[22] if len(content) > 22 else 0):
        count = int.from_bytes(content[place + 1 : place + 3], "big")
        place += 3
        for _ in range(count):
            size = int.from_bytes(content[place : place + 2], "big")
            if not 0 < size <= len(content) - place - 2:
                return
            yield _START + content[place + 2 : place + 2 + size]
            place += 2 + size


def _esds(content: bytes) -> tuple[int, bytes]:
    """Object type and decoder configuration of an `esds` box; 0 and nothing where absent."""
    place, kind = 4, 0
    for _ in range(16):
        if place + 2 > len(content):
            break
        tag, size, place = _descriptor(content, place)
        if tag == 3:
            flags = content[place + 2] if place + 2 < len(content) else 0
            place += 3 + 2 * (flags >> 7)
            if flags & 0x40:
                place += 1 + (content[place] if place < len(content) else 0)
            place += 2 * (flags >> 5 & 1)
        elif tag == 4:
            kind = content[place] if place < len(content) else 0
            place += 13
        elif tag == 5:
            return kind, content[place : place + size]
        else:
            place += size
    return kind, b""


def _descriptor(content: bytes, place: int) -> tuple[int, int, int]:
    """Tag and size of a descriptor, and where its content begins: seven bits of size a byte."""
    tag, size, place = content[place], 0, place + 1
    for _ in range(4):
        if place >= len(content):
            break
        byte = content[place]
        size, place = size << 7 | byte & 127, place + 1
        if not byte & 128:
            break
    return tag, size, place


def _sound(data: bytes, entry: Box) -> Description:
    codec = _SOUNDS.get(entry.kind, Codec.OTHER_AUDIO)
    head = data[entry.body : entry.body + _SOUND_HEAD]
    if len(head) < _SOUND_HEAD:
        return Description(Media.AUDIO, codec)
    version, channels = int.from_bytes(head[8:10], "big"), int.from_bytes(head[16:18], "big")
    rate, bits = int.from_bytes(head[24:26], "big"), int.from_bytes(head[18:20], "big")
    extra = {1: 16, 2: 36}.get(version, 0)
    inner = Box(entry.kind, entry.start, entry.body + _SOUND_HEAD + extra, entry.end)
    config = b""
    if entry.kind == b"mp4a":
        box = child(data, inner, b"esds") or child(data, inner, b"wave", b"esds")
        if box is not None:
            kind, config = _esds(data[box.body : box.end])
            codec = _OBJECTS.get(kind, codec)
    one = _LINEAR.get(entry.kind)
    if entry.kind == b"raw " and bits == 16:
        one = 2
    return Description(
        Media.AUDIO,
        codec,
        sound=Coding(config=config, rate=rate, channels=channels),
        sample_bytes=one * max(channels, 1) if one is not None else None,
    )
