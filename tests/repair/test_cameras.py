"""Pieces are sorted by camera where their pictures show it clearly, and never to another one."""

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
from vidrecover.repair import cameras
from vidrecover.repair._values import View, ViewJob
from vidrecover.repair._views import answer
from vidrecover.repair.cameras import Piece, together
from vidrecover.servant import Servant

ROWS, COLUMNS = 36, 44


def scene(camera: int) -> np.ndarray:
    """What one camera sees: broad shapes of full contrast."""
    rng = np.random.default_rng(camera)
    return rng.integers(30, 220, (9, 11)).repeat(4, 0).repeat(4, 1).astype(np.float64)


def view(
    first: np.ndarray, last: np.ndarray | None = None, *, hue: int = 0, width: int = 352
) -> View:
    """A view of these pictures, with all colour in one place of the histogram."""
    colours = np.zeros(256, np.float32)
    colours[hue] = 1
    edges = np.abs(np.diff(first, axis=1, append=first[:, -1:])).clip(0, 255) + 4
    return View(
        width=width,
        height=288,
        luma=first.clip(0, 255).astype(np.uint8).tobytes(),
        edges=edges.clip(0, 255).astype(np.uint8).tobytes(),
        colours=colours.tobytes(),
        last=(first if last is None else last).clip(0, 255).astype(np.uint8).tobytes(),
    )


def piece(place: int, shown: View, kind: bytes = b"") -> Piece:
    return Piece(place, kind, shown)


def drifting(camera: int, step: int) -> View:
    """A camera whose picture changes from piece to piece, and goes on where it ended."""
    base, goal = scene(camera), scene(camera + 100)
    part = (goal - base) / 40
    return view(base + part * step, base + part * (step + 1))


def test_twelve_cameras_in_turn_are_told_apart_and_lettered_by_their_first_places() -> None:
    rng = np.random.default_rng(5)
    views = [
        view(scene(camera) + rng.normal(0, 2, (ROWS, COLUMNS)))
        for _ in range(6)
        for camera in range(12)
    ]
    pieces = [piece(1000 * place, one) for place, one in enumerate(views)]
    wanted = [place % 12 for place in range(72)]
    assert together(pieces) == wanted
    order = rng.permutation(72)
    assert together([pieces[place] for place in order]) == [wanted[place] for place in order]


def test_a_picture_that_goes_on_is_followed_however_far_it_changes() -> None:
    pieces = [
        piece(20 * step + camera, drifting(camera, step)) for step in range(12) for camera in (1, 2)
    ]
    assert together(pieces) == [0, 1] * 12


def test_what_is_not_clear_stays_unknown() -> None:
    a, b = scene(1), scene(2)
    between = [view(a + (b - a) * part / 8) for part in range(9)]  # no border anywhere
    assert together([piece(place, one) for place, one in enumerate(between)]) == [None] * 9
    one_of_each = [piece(camera, view(scene(camera))) for camera in range(12)]
    assert together(one_of_each) == [None] * 12
    assert together([piece(0, view(a))]) == [None]
    assert together([]) == []


def test_one_camera_alone_is_one_camera() -> None:
    assert together([piece(place, view(scene(1) + place)) for place in range(4)]) == [0] * 4


def test_pictures_with_nothing_to_see_are_of_no_camera() -> None:
    card = np.full((ROWS, COLUMNS), 32.0)
    card[16:19, 10:34:2] = 235  # writing on it
    flat = view(np.full((ROWS, COLUMNS), 90.0))
    shown = view(card)
    plain = msgspec.structs.replace(shown, edges=view(card).edges.replace(b"\x04", b"\0"))
    assert together([piece(0, flat), piece(1, flat)]) == [None, None]
    assert together([piece(0, plain), piece(1, plain)]) == [None, None]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (piece(0, view(scene(1)), b"a"), piece(9, view(scene(1)), b"b")),
        (piece(0, view(scene(1))), piece(9, view(scene(1), width=704))),
    ],
)
def test_other_parameter_sets_or_sizes_are_not_taken_together(one: Piece, other: Piece) -> None:
    assert together([one, other]) == [None, None]


def test_equal_light_of_other_colour_is_another_camera() -> None:
    pieces = [piece(place, view(scene(1), hue=place % 2)) for place in range(8)]
    assert together(pieces) == [0, 1] * 4


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60)), max_size=24), st.randoms())
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_pieces_changes_nothing(
    drawn: list[tuple[int, int]], random: object
) -> None:
    pieces = [
        piece(1000 * place, view(scene(camera) + shift))
        for place, (camera, shift) in enumerate(drawn)
    ]
    order = list(range(len(pieces)))
    random.shuffle(order)  # type: ignore[attr-defined]
    found = together(pieces)
    assert together([pieces[place] for place in order]) == [found[place] for place in order]
    named = {one: {c for (c, _), f in zip(drawn, found, strict=True) if f == one} for one in found}
    assert all(len(own) == 1 for one, own in named.items() if one is not None)


@lru_cache(maxsize=4)
def filmed(codec: Codec) -> tuple[bytes, ...]:
    """Five coded pictures that become lighter, the first a key picture with sets."""
    context = av.CodecContext.create("libx264" if codec == Codec.H264 else "libx265", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = 176, 144, "yuv420p"
    context.time_base = Fraction(1, 25)
    quiet = {"x265-params": "log-level=none"} if codec == Codec.H265 else {}
    context.options = {"preset": "ultrafast", "tune": "zerolatency", **quiet}
    units = []
    for step in range(5):
        shown = scene(1).repeat(4, 0).repeat(4, 1).clip(0, 200).astype(np.uint8) + 10 * step
        frame = av.VideoFrame.from_ndarray(shown.astype(np.uint8), format="gray")
        frame = frame.reformat(format="yuv420p")
        frame.pts = step
        units += [bytes(one) for one in context.encode(frame)]
    return tuple(units + [bytes(one) for one in context.encode(None)])


@pytest.fixture(scope="module")
def servant() -> Iterator[Servant]:
    with cameras.reader() as one:
        yield one


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_piece_shows_its_first_and_its_last_picture(codec: Codec, servant: Servant) -> None:
    units = filmed(codec)
    whole = cameras.ask(ViewJob(codec=codec, first=units), servant)
    assert whole is not None
    assert (whole.width, whole.height) == (176, 144)
    light = [np.frombuffer(one, np.uint8).mean() for one in (whole.luma, whole.last)]
    assert 30 < light[1] - light[0] < 50
    apart = cameras.ask(ViewJob(codec=codec, first=units[:1], last=units), servant)
    assert apart == whole
    alone = cameras.ask(ViewJob(codec=codec, first=units[:1]), servant)
    assert alone is not None
    assert alone.last == alone.luma == whole.luma


class Exploding:
    """Pickles into a call that ends the process, as a crash in the decoder would."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (1,)


class Hanging:
    """Pickles into a call that does not come back in time."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return time.sleep, (3600,)


def test_a_decoder_that_dies_costs_one_piece() -> None:
    good = ViewJob(codec=Codec.H264, first=filmed(Codec.H264))
    with cameras.reader() as servant:
        assert cameras.ask(good, servant) is not None
        crashed = msgspec.structs.replace(good, first=(Exploding(),))
        assert cameras.ask(crashed, servant) is None
        assert cameras.ask(good, servant) is not None
        servant.time_limit_s = 3
        hung = msgspec.structs.replace(good, first=(Hanging(),))
        assert cameras.ask(hung, servant) is None
        servant.time_limit_s = 60
        assert cameras.ask(good, servant) is not None


@given(st.binary(max_size=200))
@settings(max_examples=25, deadline=None)
def test_no_bytes_break_a_view(unit: bytes) -> None:
    for codec in (Codec.H264, Codec.H265):
        job = ViewJob(codec=codec, first=(unit,), last=(unit,))
        assert msgspec.msgpack.decode(answer(pickle.dumps(job)), type=View | None) is None
