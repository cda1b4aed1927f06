"""Pictures, access units and sound as real decoders see them."""

import io
import struct
from itertools import islice

import av
import numpy as np
import numpy.typing as npt
import pytest

from vidrecover.simulate import sound
from vidrecover.simulate.encoding import access_units, nal_units
from vidrecover.simulate.font import written
from vidrecover.simulate.groups import Audio, Codec
from vidrecover.simulate.pictures import CARD_LUMA, Plane, Scene
from vidrecover.simulate.plan import Camera

DECODERS = {"h264": "h264", "h265": "hevc"}


def camera(
    *, number: int = 3, codec: Codec = "h264", audio: Audio = "none", audio_ms: int = 40
) -> Camera:
    return Camera(
        number=number, codec=codec, width=352, height=288, rate=12.5, gop=10, quality=28,
        audio=audio, audio_ms=audio_ms, index_fault="intact", phase_ms=0, stretches=(),
    )  # fmt: skip


def scene(of: Camera, *, card: bool = False, seed: int = 1) -> Scene:
    return Scene(width=of.width, height=of.height, number=of.number, seed=seed, card=card)


def drawn(picture: Scene, time_ms: int, width: int = 352, height: int = 288) -> Plane:
    luma = np.zeros((height, width), np.uint8)
    half = (height // 2, width // 2)
    picture.draw(time_ms, (luma, np.zeros(half, np.uint8), np.zeros(half, np.uint8)))
    return luma


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_every_picture_decodes_and_key_pictures_carry_parameter_sets(codec: Codec) -> None:
    filmed = camera(codec=codec)
    times = [80 * number for number in range(25)]
    units = list(access_units(filmed, scene(filmed), times))
    assert [unit.key for unit in units] == [number % 10 == 0 for number in range(25)]
    kinds = {"h264": [7, 8], "h265": [32, 33, 34]}[codec]
    for unit in units:
        assert unit.data == b"".join(nal_units(unit.data))
        heads = [nal[4] & 31 if codec == "h264" else nal[4] >> 1 for nal in nal_units(unit.data)]
        assert (heads[: len(kinds)] == kinds) == unit.key
    decoder = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    pictures = [frame for unit in units for frame in decoder.decode(av.Packet(unit.data))]
    pictures += decoder.decode(None)
    assert len(pictures) == 25
    shown = pictures[-1].to_ndarray(format="gray").astype(int)
    assert np.abs(shown - drawn(scene(filmed), times[-1]).astype(int)).mean() < 12


def test_cameras_differ_and_a_scene_moves_but_is_the_same_at_the_same_time() -> None:
    one, other = camera(number=1), camera(number=2)
    assert (drawn(scene(one), 5000) == drawn(scene(one), 5000)).all()
    assert (drawn(scene(one), 5000) != drawn(scene(other), 5000)).mean() > 0.3
    assert 0.02 < (drawn(scene(one), 5000) != drawn(scene(one), 5400)).mean() < 0.5


def test_the_video_loss_card_is_uniform_but_for_its_text_and_shows_no_camera() -> None:
    cards = [drawn(scene(camera(number=number), card=True), 5000) for number in (1, 2)]
    assert (cards[0] == cards[1]).all()
    assert 0.9 < (cards[0] == CARD_LUMA).mean() < 0.99
    assert (cards[0] != drawn(scene(camera(), card=True), 6000)).sum() > 20


def test_the_clock_and_the_camera_stand_in_the_picture() -> None:
    luma = drawn(scene(camera()), 5000)
    for text, top in (("1970-01-01 00:00:05", 8), ("CAM 03", 288 - 24)):
        values, mask = written(text, 1)
        area = luma[top : top + 16, 4 : 4 + mask.shape[1]]
        assert (area[mask] == values[mask]).all()
        assert (values[mask] == 235).sum() > 20 * len(text.replace(" ", ""))


def test_every_character_of_the_clock_looks_different() -> None:
    assert len({written(character, 1)[0].tobytes() for character in "0123456789-: "}) == 13


@pytest.mark.parametrize(("codec", "name"), [("alaw", "pcm_alaw"), ("mulaw", "pcm_mulaw")])
def test_g711_is_a_tone_with_pauses(codec: Audio, name: str) -> None:
    frames = list(islice(sound.frames(camera(audio=codec)), 100))
    assert [len(frame) for frame in frames] == [320] * 50 + [320] * 50
    samples = decoded(name, frames[:50], 8000)
    assert np.abs(samples[:12000]).max() == pytest.approx(6000, rel=0.05)
    assert np.abs(samples[12100:]).max() <= 8
    spectrum = np.abs(np.fft.rfft(samples[:8000].astype(float)))
    assert int(spectrum.argmax()) == 360


def test_adpcm_blocks_decode_to_the_tone() -> None:
    frames = list(islice(sound.frames(camera(audio="adpcm")), 50))
    assert {len(frame) for frame in frames} == {164}
    assert all(frame[2] <= 88 and frame[3] == 0 for frame in frames)
    tone = np.sin(2 * np.pi * 360 * np.arange(8000) / 8000) * 6000
    heard = ima(frames[:25])
    assert np.abs(heard - tone)[320:].mean() < 300


def test_aac_frames_are_adts_and_decode() -> None:
    frames = list(islice(sound.frames(camera(audio="aac", audio_ms=64)), 20))
    for frame in frames:
        assert frame[:2] == b"\xff\xf1"
        assert int.from_bytes(frame[3:6], "big") >> 5 & 0x1FFF == len(frame)
    assert len(decoded("aac", frames, 16000)) == 20 * 1024


def decoded(name: str, frames: list[bytes], rate: int) -> npt.NDArray[np.int64]:
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = rate, "mono"
    parts = [part for frame in frames for part in decoder.decode(av.Packet(frame))]
    return np.concatenate([part.to_ndarray()[0] for part in parts]).astype(np.int64)


def ima(blocks: list[bytes]) -> npt.NDArray[np.int64]:
    """What FFmpeg hears in the blocks of a WAV file; there the predictor is a sample, too."""
    form = struct.pack("<HHIIHHHH", 0x11, 1, 8000, 4075, 164, 4, 2, 321)
    data = b"".join(blocks)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data)) + data
    with av.open(io.BytesIO(b"RIFF" + struct.pack("<I", len(body)) + body), "r") as wave:
        parts = [frame.to_ndarray().ravel() for frame in wave.decode(audio=0)]
    return np.concatenate([part[1:] for part in parts]).astype(np.int64)
