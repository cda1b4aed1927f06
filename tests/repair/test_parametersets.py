"""Parameter sets are lent where decoding proves them, and nowhere else."""

import os
import pickle
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import nal
from vidrecover.model import Codec
from vidrecover.repair._rewriting import with_picture_id
from vidrecover.repair._trial import answer
from vidrecover.repair._values import Trial, TrialJob
from vidrecover.repair.parametersets import (
    Library,
    Loan,
    ParameterSets,
    _answers,
    borrow,
    sets_of,
    trials,
)
from vidrecover.servant import Servant

ENCODERS = {Codec.H264: "libx264", Codec.H265: "libx265"}


@lru_cache(maxsize=16)
def coded(codec: Codec, seed: int, *, width: int = 176, options: str = "") -> tuple[bytes, ...]:
    """Twelve access units of a moving scene, the first with its parameter sets."""
    context = av.CodecContext.create(ENCODERS[codec], "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, 144, "yuv420p"
    context.time_base = Fraction(1, 25)
    quiet = {"x265-params": "log-level=none"} if codec == Codec.H265 else {}
    context.options = {
        "preset": "veryfast", "tune": "zerolatency", "g": "12", **quiet,
        **dict(one.split("=", 1) for one in options.split()),
    }  # fmt: skip
    rng = np.random.default_rng(seed)
    scene = rng.integers(40, 200, (9, width // 8)).repeat(16, 0).repeat(8, 1).astype(np.uint8)
    units = []
    for step in range(12):
        frame = av.VideoFrame.from_ndarray(np.roll(scene, 3 * step, axis=1), format="gray")
        frame = frame.reformat(format="yuv420p")
        frame.pts = step
        units += [bytes(one) for one in context.encode(frame)]
    units += [bytes(one) for one in context.encode(None)]
    return tuple(units)


def orphaned(codec: Codec, units: tuple[bytes, ...]) -> list[bytes]:
    return [
        b"".join(
            b"\0\0\0\1" + one[span.start : span.end]
            for span in nal.units(one)
            if nal.unit_kind(codec, one[span.start]) == "slice"
        )
        for one in units
    ]


def seen(codec: Codec, units: tuple[bytes, ...], channel: int, place: int) -> ParameterSets:
    sets = sets_of(codec, units[0])
    assert sets is not None
    return ParameterSets(codec=codec, units=sets, channel=channel, place=place)


@pytest.fixture(scope="module")
def servant() -> Iterator[Servant]:
    with trials() as one:
        yield one


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_its_own_cameras_sets_are_lent_whatever_else_there_is(
    codec: Codec, servant: Servant
) -> None:
    mine, other = coded(codec, 1), coded(codec, 2, width=320)
    library = Library([seen(codec, other, 2, 100), seen(codec, mine, 1, 9000)])
    candidates = library.candidates(codec, 1, 150)
    assert [one.channel for one in candidates] == [1, 2]
    loan = borrow(codec, orphaned(codec, mine), 1, candidates, servant)
    own = seen(codec, mine, 1, 9000)
    assert loan == Loan(units=own.units, lender=own, own=True)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_another_cameras_sets_are_lent_when_they_decode_cleanly_and_said_to_be_foreign(
    codec: Codec, servant: Servant
) -> None:
    mine = coded(codec, 1)
    pool = [seen(codec, coded(codec, 3), 3, 0), seen(codec, coded(codec, 2, width=320), 2, 0)]
    loan = borrow(codec, orphaned(codec, mine), 1, pool, servant)
    assert loan is not None
    assert (loan.own, loan.lender.channel, loan.units) == (False, 3, sets_of(codec, mine[0]))


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_sets_of_another_size_are_never_lent(codec: Codec, servant: Servant) -> None:
    pool = [seen(codec, coded(codec, 2, width=320), 2, 0)]
    assert borrow(codec, orphaned(codec, coded(codec, 1)), 1, pool, servant) is None


def test_of_cavlc_no_foreign_sets_are_lent_while_there_are_several(servant: Servant) -> None:
    mine = coded(Codec.H264, 1, options="coder=cavlc")
    alike = seen(Codec.H264, coded(Codec.H264, 3, options="coder=cavlc"), 3, 0)
    other = seen(Codec.H264, coded(Codec.H264, 4, options="coder=cavlc qp=40"), 4, 0)
    orphan = orphaned(Codec.H264, mine)
    assert borrow(Codec.H264, orphan, 1, [alike], servant) is not None
    assert other.units != alike.units
    assert borrow(Codec.H264, orphan, 1, [alike, other], servant) is None
    own = seen(Codec.H264, mine, 1, 0)
    loan = borrow(Codec.H264, orphan, 1, [own, other], servant)
    assert loan is not None
    assert loan.own


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_an_id_that_differs_is_rewritten_and_the_pictures_are_the_same(
    codec: Codec, servant: Servant
) -> None:
    mine = coded(codec, 1)
    own = seen(codec, mine, 1, 0)
    parts = [own.units[one.start : one.end] for one in nal.units(own.units)]
    changed = b"".join(
        b"\0\0\0\1"
        + (with_picture_id(codec, one, 5) if nal.unit_kind(codec, one[0]) == "pps" else one)
        for one in parts
    )
    assert changed != own.units
    other = msgspec.structs.replace(own, units=changed)
    loan = borrow(codec, orphaned(codec, mine), 1, [other], servant)
    assert loan is not None
    assert loan.units == own.units


@given(number=st.integers(0, 63), then=st.integers(0, 63))
@settings(max_examples=60, deadline=None)
def test_rewriting_an_id_changes_nothing_else(number: int, then: int) -> None:
    for codec in (Codec.H264, Codec.H265):
        sets = sets_of(codec, coded(codec, 1)[0])
        assert sets is not None
        pps = next(one.data for one in nal.head(codec, sets) if one.kind == "pps")
        changed = with_picture_id(codec, pps, number)
        read = nal.picture_parameters(codec, changed)
        original = nal.picture_parameters(codec, pps)
        assert read is not None
        assert original is not None
        assert read == msgspec.structs.replace(original, id=number)
        assert with_picture_id(codec, with_picture_id(codec, changed, then), number) == changed
        assert with_picture_id(codec, changed, original.id) == pps


def test_of_equal_sets_the_nearest_place_is_told() -> None:
    codec = Codec.H264
    units = coded(codec, 1)
    library = Library(seen(codec, units, 1, place) for place in (0, 5000, 90_000))
    (one,) = library.candidates(codec, 1, 6000)
    assert one.place == 5000
    assert library.candidates(Codec.H265, 1, 0) == []


def test_a_decoder_that_dies_costs_its_candidates_only(servant: Servant) -> None:
    class Dying(Servant):
        def ask(self, job: bytes, limit_s: float | None = None) -> bytes | str:
            if len(pickle.loads(job).candidates) > 1:
                return "the decoder crashed"
            return servant.ask(job)

    codec = Codec.H264
    pool = [seen(codec, coded(codec, 3), 3, 0), seen(codec, coded(codec, 2, width=320), 2, 0)]
    loan = borrow(codec, orphaned(codec, coded(codec, 1)), 1, pool, Dying("unused", 1))
    assert loan is not None
    assert loan.lender.channel == 3


class Exploding:
    """Pickles into a call that ends the process, as a crash in the decoder would."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (1,)


class Hanging:
    """Pickles into a call that does not come back in time."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return time.sleep, (3600,)


@pytest.mark.parametrize("deadly", [Exploding(), Hanging()])
def test_a_real_crash_or_hang_costs_one_candidate(deadly: Any) -> None:
    codec = Codec.H264
    units = coded(codec, 1)
    good = sets_of(codec, units[0])
    assert good is not None
    job = TrialJob(
        codec=codec, units=tuple(orphaned(codec, units)), candidates=(deadly, good),
    )  # fmt: skip
    with trials() as servant:
        servant.time_limit_s = 4
        found = _answers(job, servant)
    assert [one.errors for one in found] == [1, 0]
    assert [one.pictures for one in found] == [0, len(units)]


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=60))
@settings(max_examples=25, deadline=None)
def test_no_bytes_break_a_trial(unit: bytes, sets: bytes) -> None:
    for codec in (Codec.H264, Codec.H265):
        job = TrialJob(codec=codec, units=(unit or b"\0",), candidates=(sets,))
        (trial,) = msgspec.msgpack.decode(answer(pickle.dumps(job)), type=list[Trial])
        assert trial.errors or trial.pictures
        with trials() as none:
            assert borrow(codec, [unit], None, [], none) is None
