"""Pictures enciphered behind clear headers: suspected as encrypted, never called playable; damage
and other codecs never are."""

import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vidrecover import nal, simulate
from vidrecover.case import Case
from vidrecover.clips import LeftOut
from vidrecover.model import CauseKind, Certainty, Clip, Codec, Grade, SourceRef, State
from vidrecover.picture._decode import scrambled

SCENE = """
title = "enciphered"
layout = "{layout}"
seed = 5
start = "2026-03-14T07:30:00"
end = "2026-03-14T07:30:12"
[[cameras]]
numbers = [1]
rate = 5
gop = 5
width = 256
height = 192
quality = 18
codec = "{codec}"
cipher = "{cipher}"
encrypted = [["start", "end"]]
{more}
"""
IMAGE = "[image]\nperiod_s = 60.0"
ENCIPHERED = [
    ("imkh", "h264", "slices", IMAGE),
    ("imkh", "h265", "bodies", IMAGE),
    ("imkh", "h264", "noise", IMAGE),
    ("dhav", "h265", "slices", IMAGE),
    ("dhav", "h264", "headers", IMAGE),
    ("tme", "h264", "pad", ""),
]
KEYS = 12
LEAST = 3


@pytest.mark.parametrize(("layout", "codec", "cipher", "more"), ENCIPHERED)
def test_enciphered_footage_exists_looks_encrypted_and_is_called_playable_nowhere(
    layout: str, codec: str, cipher: str, more: str, tmp_path: Path
) -> None:
    path = tmp_path / "scene.toml"
    path.write_text(SCENE.format(layout=layout, codec=codec, cipher=cipher, more=more))
    simulate.build(simulate.load(path), tmp_path / "disk.img")
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(tmp_path / "disk.img")))
        frames = sum(one.frames for one in case.segments())
        answer = case.diagnose()
        heard = list[Clip | LeftOut]()
        case.recover(tmp_path / "clips", told=heard.append)
    assert frames == 60
    (camera,) = answer.channels
    shown = [span for span in camera.spans if span.state in (State.RECORDED, State.NOT_INDEXED)]
    assert shown
    assert all("its pictures look encrypted" in span.reason for span in shown)
    assert all(span.state is not State.NOT_RECORDED for span in camera.spans)
    (told,) = [one for one in answer.causes if one.kind is CauseKind.ENCRYPTED]
    assert told.certainty is Certainty.SUSPECTED
    assert "60 frames" in told.reason
    clips = [one for one in heard if isinstance(one, Clip)]
    assert all(one.grade is Grade.DAMAGED for one in clips)
    if cipher != "headers":  # then even where a slice begins is noise
        assert all(any("it looks encrypted" in note for note in one.notes) for one in clips)


def coded(name: str, **options: str) -> tuple[bytes, ...]:
    """Key pictures of noise, each with its own parameter sets, as Annex B."""
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 256, 192, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 5), Fraction(5)
    encoder.gop_size = 1
    params = "repeat-headers=1:keyint=1:log-level=none"
    if name == "mjpeg":
        encoder.pix_fmt = "yuvj420p"
    else:
        common = {"preset": "ultrafast", "x264-params": params, "x265-params": params}
        encoder.options = common | options
    rng = np.random.default_rng(4)
    packets = []
    for number in range(KEYS):
        frame = av.VideoFrame.from_ndarray(
            rng.integers(0, 256, (288, 256), dtype=np.uint8), format=encoder.pix_fmt
        )
        frame.pts = number
        packets += encoder.encode(frame)
    return tuple(bytes(one) for one in (*packets, *encoder.encode(None)))


STREAMS = [
    (Codec.H264, "libx264", {}),
    (Codec.H264, "libx264", {"preset": "veryfast", "tune": "zerolatency"}),
    (Codec.H264, "libx264", {"x264-params": "repeat-headers=1:keyint=1:slices=4:tff=1:aud=1"}),
    (Codec.H265, "libx265", {}),
]


@pytest.mark.parametrize(("codec", "name", "options"), STREAMS)
def test_key_pictures_fit_their_own_sets_and_enciphered_ones_do_not(
    codec: Codec, name: str, options: dict[str, str]
) -> None:
    clear = coded(name, **options)
    assert len(clear) == KEYS
    assert [nal.contradicts(codec, one) for one in clear] == [False] * KEYS
    assert scrambled(clear, codec) == 0
    hidden = [aes(codec, one) for one in clear]
    assert scrambled(hidden, codec) == KEYS
    assert scrambled([*hidden, clear[0]], codec) == 0


def aes(codec: Codec, picture: bytes) -> bytes:
    """As Hikvision's stream encryption does it: AES-128 in ECB mode, the verification code filled
    up with zeros for its key, over the first 4096 bytes behind each NAL header, whole blocks.
    [B: pyEzvizApi]"""
    ciphers = pytest.importorskip("cryptography.hazmat.primitives.ciphers")
    key = ciphers.algorithms.AES(b"ABCDEF".ljust(16, b"\0"))
    whole = bytearray(picture)
    for span in nal.units(picture):
        start = span.start + (1 if codec is Codec.H264 else 2)
        size = min(span.end - start, 4096) // 16 * 16
        if nal.unit_kind(codec, picture[span.start]) == "slice":
            one = ciphers.Cipher(key, ciphers.modes.ECB()).encryptor()
            whole[start : start + size] = one.update(bytes(whole[start : start + size]))
    return bytes(whole)


def damaged(pictures: Sequence[bytes], seed: int) -> list[bytes]:
    """Each hurt in a way of its own: bits flipped, cut, or overwritten by zeros, noise or another
    picture, from anywhere on."""
    rng = np.random.default_rng(seed)
    found = []
    for one in pictures:
        hurt = np.frombuffer(one, dtype=np.uint8).copy()
        start = int(rng.integers(0, len(hurt)))
        end = start + int(rng.integers(1, 8192))
        size = len(hurt[start:end])
        way = seed % 5
        if way == 0:
            hurt[rng.integers(0, len(hurt), 200)] ^= 1 << rng.integers(0, 8, 200, dtype=np.uint8)
        elif way == 1:
            hurt = hurt[:start]
        elif way == 2:
            hurt[start:end] = 0
        elif way == 3:
            hurt[start:end] = rng.integers(0, 256, size)
        else:
            other = np.frombuffer(pictures[int(rng.integers(len(pictures)))], dtype=np.uint8)
            hurt[start:end] = np.resize(other[start:] if start < len(other) else other, size)
        found.append(hurt.tobytes())
    return found


@pytest.mark.parametrize(("codec", "name", "options"), STREAMS[1:])
def test_damage_of_any_kind_is_not_taken_for_encryption(
    codec: Codec, name: str, options: dict[str, str]
) -> None:
    clear = coded(name, **options)
    for seed in range(100):
        for some in (clear[:4], clear[4:]):
            assert scrambled(damaged(some, seed), codec) < LEAST


def test_other_codecs_under_the_name_of_a_known_one_are_not_taken_for_encryption() -> None:
    h264, h265 = coded("libx264"), coded("libx265")
    jpeg = coded("mjpeg")
    for units, called in (
        (h264, Codec.H265),
        (h265, Codec.H264),
        (jpeg, Codec.MJPEG),
        ([b"\0\0\1" + one for one in jpeg], Codec.H264),
        ([b"\0\0\1\x41" + zlib.compress(one) for one in h264], Codec.H264),
        ([b"PRIV" + zlib.compress(one) for one in h264], Codec.UNKNOWN),
        ([one[200:] for one in jpeg], Codec.UNKNOWN),
    ):
        assert scrambled(units, called) == 0
