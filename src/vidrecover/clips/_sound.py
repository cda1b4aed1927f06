"""Audio that a clip can hold as it is, and what must be known of it before."""

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer

from vidrecover.clips import _mpeg_sound
from vidrecover.clips._times import Timeline
from vidrecover.clips._units import begins
from vidrecover.model import Codec, Frames, Media
from vidrecover.model import Sound as Coding

_BYTES_A_SAMPLE = {Codec.PCM_ALAW: 1, Codec.PCM_MULAW: 1, Codec.PCM_S16LE: 2}
_RATES = (8000, 11025, 16000, 22050, 32000, 44100, 48000)
_TELEPHONE = 8000
_TOLERANCE = 0.2
_ENOUGH_MS = 60_000
_MPEG = (Codec.MP2, Codec.MP3)
_PCM_DEMUXERS = {Codec.PCM_ALAW: "alaw", Codec.PCM_MULAW: "mulaw", Codec.PCM_S16LE: "s16le"}
# Sampling frequency index of ADTS (ISO/IEC 13818-7 table 35). [A: dvr-audio.md section 2]
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
AAC_SAMPLES = 1024
_LOW_COMPLEXITY = 1
_LARGEST_ADTS = 8192 - 7
AMR_SAMPLES = 160
# Bytes of a frame by mode; 8 is silence, 15 no data. [A: dvr-audio.md section 2]
_AMR_SIZES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1)
_AMR_SILENCE = b"\x7c"
# One silent frame of AAC-LC, mono and stereo, as streaming players insert it. [A: hls.js, and
# decoded here]
_AAC_SILENCE = {
    1: bytes.fromhex("00c800802380"),
    2: bytes.fromhex("210049900219002380"),
}


class Sound(NamedTuple):
    """Audio of a recording that its clips will hold; rate: samples per second.

    bare: AAC frames without ADTS headers, as containers hold them.
    """

    codec: Codec
    rate: int
    notes: tuple[str, ...] = ()
    channels: int = 1
    bare: bool = False

    @property
    def in_mp4(self) -> bool:
        """Whether MP4 keeps it with its times; PCM needs Matroska."""
        return self.codec in (Codec.AAC, Codec.AMR)


class Packet(NamedTuple):
    """Audio bytes that are played at once, and their length."""

    data: bytes
    samples: int


def most_common(tables: Iterable[Frames]) -> Codec | None:
    """The commonest audio codec of a recording, None when it has no sound."""
    counts: Counter[int] = Counter()
    for rows in tables:
        audio = rows["codec"][(rows["kind"] == Media.AUDIO) & begins(rows)]
        counts.update(audio.tolist())
    return Codec(counts.most_common(1)[0][0]) if counts else None


def telephone_rate(codec: Codec, tables: Iterable[Frames], timeline: Timeline) -> Sound:
    """Sound of uncompressed audio, its rate measured against the recorder's time.

    G.711 has 8000 samples a second (ITU-T G.711 clause 2), but recorders use its coding at
    other rates too. [A: dvr-audio.md section 2]
    """
    played, elapsed = 0, 0
    for rows in tables:
        times = timeline.times(rows)
        audio = rows["kind"] == Media.AUDIO
        steps = np.diff(times[audio])
        near = (steps >= 0) & (steps <= 1000)
        played += int(rows["payload_size"][audio][:-1][near].sum(dtype=np.int64))
        elapsed += int(steps[near].sum())
        if elapsed >= _ENOUGH_MS:
            break
    samples = played * 1000 / _BYTES_A_SAMPLE[codec] / elapsed if elapsed else 0.0
    nearest = min(_RATES, key=lambda rate: abs(rate - samples))
    if abs(samples / nearest - 1) <= _TOLERANCE:
        return Sound(codec, nearest)
    note = "the audio's sample rate cannot be measured: 8000 samples per second is an assumption"
    return Sound(codec, _TELEPHONE, (note,))


def is_telephone(codec: Codec) -> bool:
    """Whether the codec is uncompressed audio that Matroska keeps."""
    return codec in _BYTES_A_SAMPLE


def shows_itself(codec: Codec) -> bool:
    """Whether frames of the codec begin with a header that says how they are coded."""
    return codec == Codec.AAC or codec in _MPEG


def from_frames(codec: Codec, payload: bytes) -> Sound | None:
    """Sound of a payload of a codec that `shows_itself`; None when it is not that."""
    if codec == Codec.AAC:
        return from_adts(payload)
    head = _mpeg_sound.head(payload)
    whole = sum(len(one) for one, _ in _mpeg_sound.frames(payload))
    if head is None or head.codec != codec or whole != len(payload):
        return None
    return Sound(codec, head.rate, channels=head.channels)


def from_adts(payload: bytes) -> Sound | None:
    """Sound of an AAC payload in ADTS frames of one or two channels; None when it is not that."""
    if next(_adts(payload), None) is None:
        return None
    index, channels = (payload[2] >> 2) & 15, (payload[2] & 1) << 2 | payload[3] >> 6
    if (
        index >= len(_AAC_RATES)
        or channels not in _AAC_SILENCE
        or payload[2] >> 6 != _LOW_COMPLEXITY
    ):
        return None
    return Sound(Codec.AAC, _AAC_RATES[index], channels=channels)


def told(codec: Codec, coding: Coding) -> Sound | None:
    """Sound as a container says it is coded; None where a clip cannot hold it."""
    if codec == Codec.AAC:
        return _from_config(coding.config)
    if codec == Codec.AMR:
        return Sound(codec, _TELEPHONE)
    if not is_telephone(codec) or coding.channels not in (1, 2) or not coding.rate:
        return None
    return Sound(codec, coding.rate, channels=coding.channels)


def _from_config(config: bytes) -> Sound | None:
    """Sound of an AudioSpecificConfig; None for what ADTS headers cannot say.

    Five bits object type, four sampling frequency index, four channels (ISO/IEC 14496-3 clause
    1.6.2.1); 5 and 29 announce an extension of low complexity, whose core plays alone. [A]
    """
    value = int.from_bytes(config[:2], "big") if len(config) >= 2 else 0
    kind, index, channels = value >> 11, value >> 7 & 15, value >> 3 & 15
    if kind not in (2, 5, 29) or index >= len(_AAC_RATES) or channels not in _AAC_SILENCE:
        return None
    return Sound(Codec.AAC, _AAC_RATES[index], channels=channels, bare=True)


def packets(sound: Sound, payload: bytes) -> Iterator[Packet]:
    """The payload of an audio frame as the container wants it; ADTS frames one by one."""
    if sound.bare:
        if 0 < len(payload) < _LARGEST_ADTS:
            yield Packet(_adts_head(sound, len(payload)) + payload, AAC_SAMPLES)
    elif sound.codec == Codec.AAC:
        yield from (Packet(one, AAC_SAMPLES) for one in _adts(payload))
    elif sound.codec == Codec.AMR:
        yield from (Packet(one, AMR_SAMPLES) for one in _amr(payload))
    elif sound.codec in _MPEG:
        yield from (Packet(*one) for one in _mpeg_sound.frames(payload))
    elif payload:
        samples = len(payload) // (_BYTES_A_SAMPLE[sound.codec] * sound.channels)
        yield Packet(payload, samples)


def _amr(payload: bytes) -> Iterator[bytes]:
    """Frames of AMR narrow band: bits 3 to 6 of the first byte tell the size. [A: RFC 4867
    clause 5.3]"""
    position = 0
    while position < len(payload):
        size = _AMR_SIZES[payload[position] >> 3 & 15]
        if not size or position + size > len(payload):
            return
        yield payload[position : position + size]
        position += size


def _adts(payload: bytes) -> Iterator[bytes]:
    """ADTS frames: 12 bits of sync, layer 0, 13 bits of length at bit 30. [A: dvr-audio.md]"""
    position = 0
    while position + 7 <= len(payload):
        head = payload[position : position + 7]
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        if head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or size < 8 or position + size > len(payload):
            return
        yield payload[position : position + size]
        position += size


def template(sound: Sound) -> InputContainer:
    """An opened container of silence in the same coding, from which a stream can be declared.

    Silence, because opening lets a decoder look at the bytes, and strangers' bytes have crashed
    it. [B: codec-repair.md section 3.5]
    """
    if sound.codec == Codec.AAC:
        return av.open(io.BytesIO(_silent_adts(sound) * 4), "r", format="aac")
    if sound.codec == Codec.AMR:
        return av.open(io.BytesIO(b"#!AMR\n" + _AMR_SILENCE * 4), "r", format="amr")
    if sound.codec in _MPEG:
        silent = _mpeg_sound.silence(sound.codec, sound.rate, sound.channels)
        return av.open(io.BytesIO(silent * 4), "r", format="mp3")
    layout = "mono" if sound.channels == 1 else "stereo"
    options = {"sample_rate": str(sound.rate), "ch_layout": layout}
    form = _PCM_DEMUXERS[sound.codec]
    return av.open(io.BytesIO(bytes(1600)), "r", format=form, options=options)


def _silent_adts(sound: Sound) -> bytes:
    """A silent AAC frame behind its ADTS header."""
    body = _AAC_SILENCE[sound.channels]
    return _adts_head(sound, len(body)) + body


def config(sound: Sound) -> bytes:
    """The AudioSpecificConfig of AAC, nothing for other sound; see `_from_config`."""
    if sound.codec != Codec.AAC:
        return b""
    value = 2 << 11 | _AAC_RATES.index(sound.rate) << 7 | sound.channels << 3
    return value.to_bytes(2, "big")


def bare(sound: Sound, packet: bytes) -> bytes:
    """A packet as MP4 holds it: without the ADTS header, which is longer with a checksum."""
    return packet[7 if packet[1] & 1 else 9 :] if sound.codec == Codec.AAC else packet


def _adts_head(sound: Sound, length: int) -> bytes:
    """The ADTS header of an AAC frame of so many bytes (ISO/IEC 13818-7 clause 6.2)."""
    size, index = length + 7, _AAC_RATES.index(sound.rate)
    head = (
        *(0xFF, 0xF1, _LOW_COMPLEXITY << 6 | index << 2 | sound.channels >> 2),
        *((sound.channels & 3) << 6 | size >> 11, size >> 3 & 255, (size & 7) << 5 | 31, 0xFC),
    )
    return bytes(head)
