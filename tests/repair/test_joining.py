"""A cut picture is joined with its own rest where decoding proves it, and with no other."""

import os
import pickle
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

import av
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover.model import Codec
from vidrecover.repair import joining
from vidrecover.repair._joint import answer
from vidrecover.repair._values import JoinJob, JoinTrial
from vidrecover.repair.joining import Candidate, choose
from vidrecover.servant import Servant

GROUP = 10


@lru_cache(maxsize=16)
def filmed(camera: int, codec: Codec = Codec.H264) -> tuple[bytes, ...]:
    """Three groups of pictures of a street that passes and people who sway."""
    context = av.CodecContext.create("libx264" if codec == Codec.H264 else "libx265", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = 176, 144, "yuv420p"
    context.time_base = Fraction(1, 25)
    quiet = {"x265-params": "log-level=none:pools=none:frame-threads=1:repeat-headers=1"}
    context.options = {
        "preset": "veryfast", "tune": "zerolatency", "g": str(GROUP), "bf": "0", "crf": "12",
        **(quiet if codec == Codec.H265 else {"x264-params": "scenecut=0:threads=1:slices=1"}),
    }  # fmt: skip
    rng = np.random.default_rng(camera)
    still = rng.integers(30, 220, (18, 22)).repeat(8, 0).repeat(8, 1)
    street = rng.integers(0, 255, (48, 640))
    units = []
    for step in range(3 * GROUP):
        shown = still + rng.normal(0, 2, still.shape)
        shown[40:88, 20:150] = street[:, 4 * step : 4 * step + 130]
        frame = av.VideoFrame.from_ndarray(shown.clip(0, 255).astype(np.uint8), format="gray")
        frame = frame.reformat(format="yuv420p")
        frame.pts = step
        units += [bytes(one) for one in context.encode(frame)]
    return tuple(units + [bytes(one) for one in context.encode(None)])


def cut(units: tuple[bytes, ...], place: int) -> tuple[tuple[bytes, ...], bytes, Candidate]:
    """The pictures before the one at a place, its first half, and the true candidate."""
    begin = (place - 1) // GROUP * GROUP
    half = len(units[place]) // 2
    behind = units[place + 1 : place + 1 + joining.BEHIND]
    return units[begin:place], units[place][:half], Candidate(units[place][half:], behind)


def others(codec: Codec, place: int) -> list[Candidate]:
    """What other cameras have at their own cuts."""
    return [cut(filmed(camera, codec), place + shift)[2] for camera in (2, 3) for shift in (0, 2)]


@pytest.fixture(scope="module")
def servant() -> Iterator[Servant]:
    with joining.trials() as one:
        yield one


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@pytest.mark.parametrize("place", [15, 20])  # a picture that needs others, a key picture
def test_the_own_rest_is_found_among_those_of_other_cameras(
    codec: Codec, place: int, servant: Servant
) -> None:
    before, head, own = cut(filmed(1, codec), place)
    rests = others(codec, place)
    chosen = choose(codec, before, head, [*rests[:2], own, *rests[2:]], servant)
    assert chosen.place == 2, chosen
    assert "decode" in chosen.reason


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@pytest.mark.parametrize("place", [15, 20])
def test_without_the_own_rest_nothing_is_joined(codec: Codec, place: int, servant: Servant) -> None:
    before, head, _ = cut(filmed(1, codec), place)
    assert choose(codec, before, head, others(codec, place), servant).place is None
    assert choose(codec, before, head, [], servant).place is None


def test_two_copies_of_the_rest_stay_in_doubt(servant: Servant) -> None:
    before, head, own = cut(filmed(1), 15)
    chosen = choose(Codec.H264, before, head, [own, own], servant)
    assert chosen.place is None
    assert chosen.reason == "2 pieces decode as its rest"


def test_a_rest_that_a_decoder_does_not_need_proves_nothing(servant: Servant) -> None:
    before, head, own = cut(filmed(1), 15)
    longer = Candidate(own.rest + b"\x5a" * 40, own.behind)
    assert choose(Codec.H264, before, head, [longer], servant).place is None


def test_numbers_of_pictures_rule_out_rests_before_any_decoding() -> None:
    before, head, own = cut(filmed(1), 15)
    skipped = Candidate(own.rest, own.behind[1:])
    with Servant("no.such.module", 1) as none:
        assert "none of 1" in choose(Codec.H264, before, head, [skipped], none).reason


class Exploding:
    """Pickles into a call that ends the process, as a crash in the decoder would."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (1,)


class Hanging:
    """Pickles into a call that does not come back in time."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return time.sleep, (3600,)


@pytest.mark.parametrize("deadly", [Exploding(), Hanging()])
def test_a_decoder_that_dies_costs_one_candidate(deadly: object) -> None:
    before, head, own = cut(filmed(1), 15)
    bad = Candidate(own.rest, (own.behind[0], deadly))  # type: ignore[arg-type]
    with joining.trials() as servant:
        servant.time_limit_s = 4
        steps = joining._tried(Codec.H264, before, head, [bad, own], servant)
    assert [one.clean for one in steps] == [False, True]


@given(st.binary(max_size=200), st.binary(max_size=60), st.binary(max_size=60))
@settings(max_examples=25, deadline=None)
def test_no_bytes_break_a_trial(before: bytes, head: bytes, rest: bytes) -> None:
    for codec in (Codec.H264, Codec.H265):
        job = JoinJob(codec=codec, before=(before,), head=head, candidates=((rest, before),))
        (trial,) = msgspec.msgpack.decode(answer(pickle.dumps(job)), type=list[JoinTrial])
        assert not trial.clean
