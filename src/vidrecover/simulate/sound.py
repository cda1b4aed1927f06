"""Sound of the simulated microphones: a tone with pauses, in the codecs of the recorders."""

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
import numpy.typing as npt

from vidrecover.simulate.plan import Camera

Samples = npt.NDArray[np.int16]

RATES = {"alaw": 8000, "mulaw": 8000, "adpcm": 8000, "aac": 16000}
"""Samples a second of each audio codec."""

_LOOP_SECONDS = 2
_AAC_SAMPLES = 1024
_ADTS_RATE_INDEX = 8  # 16 kHz [A: dvr-audio.md section 2]

_IMA_STEPS = (
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66,
    73, 80, 88, 97, 107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408,
    449, 494, 544, 598, 658, 724, 796, 876, 963, 1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066,
    2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894, 6484, 7132, 7845, 8630,
    9493, 10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794,
    32767,
)  # fmt: skip
_IMA_MOVES = (-1, -1, -1, -1, 2, 4, 6, 8)


def frames(camera: Camera) -> Iterator[bytes]:
    """Audio frames of the camera without end: bare codec bytes, AAC with its ADTS header.

    Each holds `camera.audio_ms` of sound; the sound repeats every two seconds or so.
    """
    loop = _loop(camera.audio, camera.audio_ms, 300 + 20 * camera.number)
    while True:
        yield from loop


@lru_cache(maxsize=32)
def _loop(codec: str, audio_ms: int, hertz: int) -> tuple[bytes, ...]:
    sound = _tone(RATES[codec], hertz)
    samples = RATES[codec] * audio_ms // 1000
    if codec == "aac":
        return _aac(sound)
    if codec == "adpcm":
        return _adpcm(sound, samples)
    coded = _g711(sound, codec)
    return tuple(coded[at : at + samples] for at in range(0, len(coded), samples))


def _tone(rate: int, hertz: int) -> Samples:
    """One and a half seconds of tone, then silence, in whole frames of every codec."""
    seconds = np.arange(_LOOP_SECONDS * rate) / rate
    loud = np.sin(2 * np.pi * hertz * seconds) * 6000 * (seconds < 1.5)
    return loud.astype(np.int16)


def _g711(sound: Samples, codec: str) -> bytes:
    encoder = _encoder(f"pcm_{codec}", 8000, "s16")
    packets = encoder.encode(_frame(sound, 8000, "s16")) + encoder.encode(None)
    return b"".join(bytes(packet) for packet in packets)


def _aac(sound: Samples) -> tuple[bytes, ...]:
    encoder = _encoder("aac", 16000, "fltp")
    floating = (sound / 32768).astype(np.float32)
    packets = []
    for at in range(0, len(floating) - _AAC_SAMPLES + 1, _AAC_SAMPLES):
        frame = _frame(floating[at : at + _AAC_SAMPLES], 16000, "fltp")
        frame.pts = at
        packets += encoder.encode(frame)
    return tuple(_adts(len(bytes(packet))) + bytes(packet) for packet in packets)


def _adts(size: int) -> bytes:
    """ADTS header of seven bytes: AAC-LC, 16 kHz, mono, no checksum. [A: dvr-audio.md section 2]"""
    length = size + 7
    bits = 0xFFF1 << 40 | 1 << 38 | _ADTS_RATE_INDEX << 34 | 1 << 30 | length << 13 | 0x7FF << 2
    return bits.to_bytes(7, "big")


def _encoder(name: str, rate: int, sample_format: str) -> av.AudioCodecContext:
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = rate, "mono", sample_format
    encoder.time_base = Fraction(1, rate)
    encoder.options = {"flags": "+bitexact"}
    return encoder


def _frame(
    samples: npt.NDArray[np.float32] | Samples, rate: int, sample_format: str
) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples[None, :], format=sample_format, layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
    return frame


def _adpcm(sound: Samples, samples: int) -> tuple[bytes, ...]:
    """IMA ADPCM blocks: predictor i16 (little-endian), index u8, 0, then four bits a sample,
    the low half of a byte first. [A: dvr-audio.md section 2]"""
    blocks, predictor, index = [], 0, 0
    for at in range(0, len(sound), samples):
        head = predictor.to_bytes(2, "little", signed=True) + bytes([index, 0])
        codes = []
        for sample in sound[at : at + samples].tolist():
            code, predictor, index = _ima(sample, predictor, index)
            codes.append(code)
        pairs = zip(codes[::2], codes[1::2], strict=True)
        blocks.append(head + bytes(low | high << 4 for low, high in pairs))
    return tuple(blocks)


def _ima(sample: int, predictor: int, index: int) -> tuple[int, int, int]:
    """The four-bit code of a sample, with the decoder's next predictor and index."""
    step = _IMA_STEPS[index]
    difference = abs(sample - predictor)
    size = min(7, difference * 4 // step)
    change = step >> 3
    for bit in (2, 1, 0):
        if size >> bit & 1:
            change += step >> (2 - bit)
    sign = -1 if sample < predictor else 1
    predictor = max(-32768, min(32767, predictor + sign * change))
    index = max(0, min(88, index + _IMA_MOVES[size]))
    return size | (8 if sign < 0 else 0), predictor, index
