"""What key pictures show: on cards and faults rendered and encoded here, and on real footage."""

import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import av
import cv2
import msgspec
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from av.video.codeccontext import VideoCodecContext
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import picture
from vidrecover.errors import VidrecoverError
from vidrecover.model import NO_TIME, Certainty, Codec, PictureState
from vidrecover.picture import (
    Change,
    Image,
    Job,
    Judgement,
    Picture,
    Worker,
    check,
    choose,
    date_change,
    decode_keys,
    judge,
    judge_measures,
    measure,
    not_checked,
)
from vidrecover.picture import _check as checking
from vidrecover.picture import _measure as measuring

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not on this machine")

CIF = (352, 288)
COLOURS = {  # BGR
    "black": (0, 0, 0),
    "video black": (16, 16, 16),
    "blue": (255, 0, 0),
    "dark blue": (96, 0, 0),
    "navy": (64, 0, 0),
    "recorder blue": (168, 40, 20),
    "grey": (128, 128, 128),
    "dark grey": (50, 50, 50),
}
ENCODERS = {Codec.H264: "libx264", Codec.H265: "libx265"}


def encoded(
    images: Sequence[Image],
    codec: Codec = Codec.H264,
    size: tuple[int, int] = CIF,
    crf: int = 30,
    slices: int = 1,
) -> list[bytes]:
    """Key access units with their parameter sets, as a coarse encoder makes them."""
    context = cast(VideoCodecContext, av.CodecContext.create(ENCODERS[codec], "w"))
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, 25)
    context.framerate = Fraction(25)
    context.gop_size = 1
    several = f"slices={slices}:threads=1"
    context.options = {"crf": str(crf), "preset": "veryfast", "x264-params": several}
    if codec == Codec.H265:
        quiet = "log-level=none:keyint=1:repeat-headers=1:pools=1"
        context.options = {"crf": str(crf), "preset": "ultrafast", "x265-params": quiet}
    packets = []
    for number, image in enumerate(images):
        kind = "gray" if image.ndim == 2 else "bgr24"
        frame = av.VideoFrame.from_ndarray(resized(image, size), kind).reformat(format="yuv420p")
        frame.pts = number
        packets += context.encode(frame)
    return [bytes(packet) for packet in [*packets, *context.encode(None)]]


def resized(image: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def with_clock(image: Image, second: int) -> Image:
    """The image with the recorder's clock at the top and the camera's name at the bottom."""
    marked = image.copy()
    height, width = image.shape[:2]
    unit = width / 352
    for text, row in ((f"2026-03-14 07:30:{second:02d}", 16 * unit), ("CAM 3", height - 8 * unit)):
        write(marked, text, (6 * unit, row), 0.4 * unit, (0, 0, 0), 2 * unit)
        write(marked, text, (6 * unit, row), 0.4 * unit, (255, 255, 255), unit)
    return marked


def write(
    image: Image,
    text: str,
    place: tuple[float, float],
    scale: float,
    colour: tuple[int, int, int],
    width: float,
) -> None:
    at = (int(place[0]), int(place[1]))
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, max(1, int(width)))


def message(image: Image, text: str, scale: float = 1.2) -> Image:
    """The image with the text across its middle."""
    height, width = image.shape[:2]
    unit = width / 352
    (long, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale * unit, int(3 * unit))
    place = ((width - long) / 2, (height + high) / 2)
    write(image, text, place, scale * unit, (255, 255, 255), 3 * unit)
    return image


def plain(colour: tuple[int, int, int], size: tuple[int, int] = CIF) -> Image:
    return np.full((size[1], size[0], 3), colour, np.uint8)


def cards(
    colour: tuple[int, int, int], text: str | None, size: tuple[int, int] = CIF, scale: float = 1.2
) -> list[Image]:
    """Three video-loss pictures with a running clock."""
    ground = plain(colour, size)
    lettered = ground if text is None else message(ground, text, scale)
    return [with_clock(lettered, second) for second in (3, 14, 25)]


def shot(
    images: Sequence[Image], codec: Codec = Codec.H264, size: tuple[int, int] = CIF, crf: int = 30
) -> Judgement:
    """Encode, decode, judge."""
    return judge(decode_keys(encoded(images, codec, size, crf), codec))


@cache
def street(moment: int = 0, size: tuple[int, int] = CIF) -> Image:
    """A made-up street: houses with windows under a sky, a road, a car that moves."""
    random = np.random.default_rng(7)
    rows, columns = np.mgrid[0:288, 0:352]
    image = np.dstack([210 - rows / 4, 170 - rows / 5, 120 + columns / 12]).astype(np.uint8)
    for left in range(0, 352, 44):
        colour = [int(value) for value in random.integers(40, 200, 3)]
        top = int(random.integers(60, 110))
        cv2.rectangle(image, (left, top), (left + 40, 190), colour, -1)
        for row in range(top + 8, 180, 22):
            cv2.rectangle(image, (left + 8, row), (left + 18, row + 12), (30, 30, 40), -1)
    cv2.rectangle(image, (0, 190), (352, 288), (90, 90, 95), -1)
    car = (40 + 35 * moment) % 300
    cv2.rectangle(image, (car, 196), (car + 50, 222), (30, 30, 190), -1)
    return resized(noisy(image, 2, moment), size)


def noisy(image: Image, amount: float, seed: int) -> Image:
    random = np.random.default_rng(seed)
    grain = random.normal(0, amount, (*image.shape[:2], 1))
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def seen_through(fault: PictureState, count: int = 5) -> list[Image]:
    """The street through a faulty camera, with the recorder's clock over it."""
    change = FAULTS[fault]
    return [with_clock(change(street(moment), moment), moment) for moment in range(count)]


def words(judgement: Judgement) -> tuple[PictureState, Certainty]:
    return judgement.state, judgement.certainty


LOST = (PictureState.NO_SIGNAL, Certainty.CERTAIN)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    ("codec", "size", "crf"),
    [
        (Codec.H264, CIF, 40),
        (Codec.H264, (176, 144), 35),
        (Codec.H264, (704, 576), 45),
        (Codec.H265, CIF, 40),
    ],
)
def test_a_card_with_a_message_is_certainly_no_signal(
    colour: str, codec: Codec, size: tuple[int, int], crf: int
) -> None:
    assert words(shot(cards(COLOURS[colour], "VIDEO LOSS", size), codec, size, crf)) == LOST


@pytest.mark.parametrize("codec", ENCODERS)
def test_a_card_of_full_size_with_small_letters_is_no_signal(codec: Codec) -> None:
    size = (1920, 1080)
    images = cards(COLOURS["blue"], "No Signal", size, 0.6)
    assert words(shot(images, codec, size, 38)) == LOST


@pytest.mark.parametrize("colour", ["blue", "dark blue", "navy", "recorder blue"])
def test_a_blue_card_without_a_message_is_suspected_of_no_signal(colour: str) -> None:
    judgement = shot(cards(COLOURS[colour], None), crf=40)
    assert words(judgement) == (PictureState.NO_SIGNAL, Certainty.SUSPECTED)


def test_one_card_alone_is_only_suspected() -> None:
    judgement = shot(cards(COLOURS["black"], "VIDEO LOSS")[:1])
    assert words(judgement) == (PictureState.NO_SIGNAL, Certainty.SUSPECTED)


@pytest.mark.parametrize(
    ("colour", "word"), [("black", PictureState.DARK), ("grey", PictureState.COVERED)]
)
def test_a_grey_or_black_card_without_a_message_is_not_told_from_a_covered_camera(
    colour: str, word: PictureState
) -> None:
    judgement = shot(cards(COLOURS[colour], None))
    assert words(judgement) == (word, Certainty.SUSPECTED)
    assert "a video-loss picture without a message would look the same" in judgement.reason


def fading(level: float, fall: float, tint: tuple[float, float, float] = (1, 1, 1)) -> Image:
    """What a lens sees of an even surface, darker towards the corners."""
    rows, columns = np.mgrid[-1:1:288j, -1:1:352j]
    light = level * (1 - fall * (rows**2 + columns**2) / 2)
    return np.asarray(np.clip(light[..., None] * np.array(tint), 0, 255).astype(np.uint8))


def lamps(radius: int, glow: float) -> Image:
    """A row of lamps in a dark garage."""
    image = np.zeros((288, 352, 3), np.uint8)
    for column in range(40, 320, 25):
        cv2.circle(image, (column, 140), radius, (255, 255, 255), -1)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), glow)) if glow else image


def lit_sign() -> Image:
    """A glowing sign in a black night."""
    sign = message(np.zeros((288, 352, 3), np.uint8), "HOTEL").astype(np.float32)
    glow = cv2.GaussianBlur(sign, (0, 0), 8) * 0.6
    return np.clip(sign + glow, 0, 255).astype(np.uint8)


def lit_windows() -> Image:
    image = np.zeros((288, 352, 3), np.uint8)
    for left in range(100, 250, 18):
        cv2.rectangle(image, (left, 130), (left + 11, 150), (190, 220, 255), -1)
    return image


REAL_LOOKING: dict[str, Callable[[], Image]] = {
    "tunnel at night": lambda: np.power(street() / 255, 4) * 20,
    "deep night": lambda: np.power(street() / 255, 3) * 40,
    "snow": lambda: 215 + street() / 12,
    "fog": lambda: 150 + street() / 30,
    "white wall": lambda: fading(215, 0.08),
    "glare": lambda: np.clip(street() * 2.0 + 200, 0, 255),
    "covered, black": lambda: fading(3, 0.0),
    "covered, grey and even": lambda: fading(90, 0.0),
    "covered by cloth": lambda: fading(60, 0.3),
    "covered by a finger": lambda: fading(120, 0.2, (0.2, 0.2, 1)),
    "covered by blue tape": lambda: fading(140, 0.2, (1, 0.3, 0.1)),
    "garage, bare lamps": lambda: lamps(4, 0),
    "garage, glowing lamps": lambda: lamps(6, 3),
    "lit sign": lit_sign,
    "lit windows": lit_windows,
    "an empty sky": lambda: fading(200, 0.1, (1, 0.75, 0.55)),
}


@pytest.mark.parametrize("scene", REAL_LOOKING)
@pytest.mark.parametrize(("codec", "crf"), [(Codec.H264, 28), (Codec.H264, 42), (Codec.H265, 40)])
def test_a_scene_that_a_lens_could_see_is_never_no_signal(
    scene: str, codec: Codec, crf: int
) -> None:
    image = np.asarray(REAL_LOOKING[scene]()).astype(np.uint8)
    images = [with_clock(noisy(image, 1.0, second), second) for second in range(4)]
    assert PictureState.NO_SIGNAL not in shot(images, codec, crf=crf).alone


def test_a_message_of_the_recorder_at_the_border_does_not_make_darkness_a_card() -> None:
    image = noisy(fading(4, 0.2), 1.0, 1)
    for row in (230, 250, 270):
        write(image, "SPEED 000km/h ID 00000", (6, row), 0.5, (255, 255, 255), 1)
    assert shot([with_clock(image, second) for second in range(4)]).state == PictureState.DARK


FAULTS: dict[PictureState, Callable[[Image, int], Image]] = {
    PictureState.LIVE: lambda image, moment: image,
    PictureState.BLURRED: lambda image, moment: np.asarray(cv2.GaussianBlur(image, (0, 0), 3)),
    PictureState.NOISY: lambda image, moment: noisy(image, 35, moment),
    PictureState.ROLLING: lambda image, moment: np.roll(image, moment * moment * 50, axis=0),
    PictureState.COLOURLESS: lambda image, moment: np.ascontiguousarray(image[..., 1]),
    PictureState.DARK: lambda image, moment: (image / 50).astype(np.uint8),
    PictureState.COVERED: lambda image, moment: noisy(fading(95, 0.3), 2, moment),
    PictureState.FROZEN: lambda image, moment: street(0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_word(fault: PictureState) -> None:
    judgement = shot(seen_through(fault), crf=26)
    assert (judgement.state, judgement.judged, judgement.rejected) == (fault, 5, 0)


def test_one_picture_is_never_frozen_rolling_or_covered() -> None:
    states = [
        shot(seen_through(fault, 1), crf=26).state
        for fault in (PictureState.FROZEN, PictureState.ROLLING, PictureState.COVERED)
    ]
    assert states == [PictureState.LIVE] * 3


def test_a_minute_is_needed_to_call_a_camera_covered() -> None:
    pictures = decode_keys(encoded(seen_through(PictureState.COVERED)), Codec.H264)
    spans = [judge(pictures, span_ms=span_ms).state for span_ms in (4_000, 60_000, None)]
    assert spans == [PictureState.LIVE, PictureState.COVERED, PictureState.COVERED]


def test_a_clock_that_stands_still_is_told_of_a_frozen_picture() -> None:
    pictures = decode_keys(encoded([with_clock(street(), 1)] * 5), Codec.H264)
    judgement = judge(pictures)
    assert judgement.state == PictureState.FROZEN
    assert "the overlay stands still" in judgement.reason


def test_cards_among_scenes_are_counted_and_the_rest_judged() -> None:
    images = [*seen_through(PictureState.LIVE, 3), *cards(COLOURS["blue"], "VIDEO LOSS")]
    judgement = shot(images[:5])
    live, lost = PictureState.LIVE, PictureState.NO_SIGNAL
    assert judgement.alone == (live, live, live, lost, lost)
    assert words(judgement) == (live, Certainty.SUSPECTED)
    assert (judgement.cards, judgement.also) == (2, (lost,))


def test_sharpness_is_judged_against_the_cameras_own_where_it_is_known() -> None:
    pictures = decode_keys(encoded(seen_through(PictureState.LIVE)), Codec.H264)
    sharpness = judge(pictures).measures
    assert sharpness is not None and sharpness.sharpness is not None
    usual = sharpness.sharpness * 1.8
    assert judge(pictures, usual_sharpness=usual).state == PictureState.BLURRED


def test_luma_alone_and_bgr_are_measured_alike() -> None:
    image = street()
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    colour, luma = measure(image), measure(grey)
    assert (luma.colour, luma.tint_blue, luma.tint_red) == (None, 0, 0)
    assert abs(luma.mean - colour.mean) < 1 and luma.edges == colour.edges


def test_a_picture_is_measured_against_the_one_before() -> None:
    still, moved = measure(street(0), street(0)), measure(street(1), street(0))
    assert (still.change, still.change_peak, still.cell_change, still.shift_rows) == (0, 0, 0, 0)
    assert moved.change is not None and moved.change > 1
    assert measure(street(0)).change is None


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 4), np.uint8), np.zeros((8, 8)), np.zeros((0, 8, 3), np.uint8)]
)
def test_what_is_no_picture_is_refused(image: Image) -> None:
    with pytest.raises(ValueError, match="picture"):
        measure(image)


def test_pictures_of_any_size_are_measured() -> None:
    sizes = [(1, 1), (2, 900), (900, 2), (17, 13)]
    assert [measure(np.full((*size, 3), 90, np.uint8)).width for size in sizes] == [1, 900, 2, 13]


def test_no_pictures_are_not_checked() -> None:
    assert judge([]).state == PictureState.NOT_CHECKED
    assert judge_measures([None]).alone == (PictureState.NOT_CHECKED,)


def test_without_opencv_nothing_is_judged_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "cv2", None)
    assert not picture.available()
    assert judge([street()]) == not_checked(measuring.MISSING, 1)
    job = Job(name="a", units=(b"x", b"y"), codec=Codec.H264)
    assert [each.judgement for each in check([job])] == [not_checked(measuring.MISSING, 2)]
    with pytest.raises(VidrecoverError, match="OpenCV"):
        measure(street())


# decoding


def test_key_units_decode_with_their_own_or_with_given_parameter_sets() -> None:
    (unit,) = encoded([street()])
    start = unit.rindex(b"\x00\x00\x01\x65")
    sets, slice_alone = unit[:start], unit[start:]
    whole = decode_keys([unit], Codec.H264)
    lent = decode_keys([slice_alone], Codec.H264, sets)
    lacking = decode_keys([slice_alone], Codec.H264)
    assert whole[0] is not None and lent[0] is not None and lacking == [None]
    assert np.array_equal(whole[0].luma, lent[0].luma)
    assert (whole[0].luma.shape, whole[0].width, whole[0].height) == ((288, 352), 352, 288)


def test_luma_comes_in_full_range() -> None:
    units = encoded([plain((0, 0, 0)), plain((255, 255, 255))], crf=20)
    black, white = decode_keys(units, Codec.H264)
    assert black is not None and white is not None
    assert int(black.luma.max()) <= 2 and int(white.luma.min()) >= 253


def test_a_cut_picture_is_damaged_and_not_judged() -> None:
    (unit,) = encoded([street()], crf=20)
    (cut,) = decode_keys([unit[: len(unit) // 2]], Codec.H264)
    assert cut is None or cut.damaged
    assert judge([cut]) == not_checked("no key picture decodes without errors", 1)


def test_a_picture_that_lacks_a_slice_is_damaged() -> None:
    (unit,) = encoded([street()], slices=4)
    first, second, third, _ = (found.start() for found in re.finditer(b"\0\0\1\x65", unit))
    lacking = [unit[:first] + unit[second:], unit[:second] + unit[third:], unit[:third]]
    shown = decode_keys([unit, *lacking], Codec.H264)
    assert [each is None or each.damaged for each in shown] == [False, True, True, True]


def test_a_codec_without_decoder_gives_none() -> None:
    assert decode_keys([b"\x00\x00\x01\x65abc"], Codec.G726) == [None]


def test_a_header_that_claims_a_huge_picture_gives_none() -> None:
    # MJPEG: SOI, SOF0 with 65500 x 65500, SOS
    size = "ffdc"
    header = f"ffd8ffc0001108{size}{size}03012200021101031101ffda000c03010002110311003f00"
    assert decode_keys([bytes.fromhex(header) + b"\x00" * 64 + b"\xff\xd9"], Codec.MJPEG) == [None]


@cache
def small_units() -> tuple[bytes, bytes]:
    image = street(0, (96, 80))
    return tuple(encoded([image], codec, (96, 80))[0] for codec in ENCODERS)  # type: ignore[return-value]  # two codecs


@settings(max_examples=60, deadline=None)
@given(
    codec=st.sampled_from(list(ENCODERS)),
    flips=st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 255)), max_size=8),
    end=st.integers(0, 5000),
)
def test_broken_units_raise_nothing(codec: Codec, flips: list[tuple[int, int]], end: int) -> None:
    data = bytearray(small_units()[codec == Codec.H265])
    for place, mask in flips:
        data[place % len(data)] ^= mask
    (shown,) = decode_keys([bytes(data[:end])], codec)
    assert shown is None or shown.luma.shape == (288, 352)


@settings(max_examples=30, deadline=None)
@given(codec=st.sampled_from(list(Codec)), data=st.binary(max_size=300))
def test_any_bytes_raise_nothing(codec: Codec, data: bytes) -> None:
    assert len(decode_keys([data, b""], codec, data)) == 2


# worker processes


class Exploding:
    """Pickles into a call that ends the worker, as a crash in the decoder would."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os._exit, (9,)


class Hanging:
    """Pickles into a call that keeps the worker busy for long."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return time.sleep, (600,)


def job(name: str, units: Sequence[Any]) -> Job:
    return Job(name=name, units=tuple(units), codec=Codec.H264)


def test_a_crash_and_a_hang_cost_one_job_each() -> None:
    good = encoded(cards(COLOURS["blue"], "VIDEO LOSS"))
    with Worker(time_limit_s=3.0) as worker:
        bad = [job("crash", [Exploding()]), job("hang", [Hanging()])]
        results = [worker.check(each) for each in (bad[0], job("good", good), bad[1])]
    assert [(each.name, each.judgement.state, each.judgement.reason) for each in results[::2]] == [
        ("crash", PictureState.NOT_CHECKED, "the decoder crashed"),
        ("hang", PictureState.NOT_CHECKED, "the decoder took longer than 3 s"),
    ]
    assert results[1].judgement == judge(decode_keys(good, Codec.H264))


SCRIPT = """
from vidrecover.model import Codec
from vidrecover.picture import Job, Worker

with Worker() as worker:
    print(worker.check(Job(name="a", units=(b"no picture",), codec=Codec.H264)).judgement.reason)
"""


def test_a_script_without_a_main_guard_may_check_pictures(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    (tmp_path / "av.py").write_text("raise SystemExit('the folder of the user was imported from')")
    done = subprocess.run(
        [sys.executable, "-P", str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert (done.stdout, done.stderr) == ("no key picture decodes without errors\n", "")


def test_a_worker_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_MODULE", "platform")  # prints something else, and ends
    with Worker() as worker:
        judgement = worker.check(job("a", [b""])).judgement
    assert judgement == not_checked("the process that decodes pictures does not start", 1)


def test_an_executor_gives_the_results_in_the_order_of_the_jobs() -> None:
    good = encoded(cards(COLOURS["grey"], "VIDEO LOSS"))
    jobs = [job(str(number), good) for number in range(20)]
    with ThreadPoolExecutor(1) as executor:
        results = list(check(iter(jobs), executor, workers=1))
    assert [each.name for each in results] == [each.name for each in jobs]
    assert {words(each.judgement) for each in results} == {LOST}


class BrokenPool(Executor):
    """An executor whose workers have died: the first job is lost, the next are refused."""

    def __init__(self) -> None:
        self.calls = 0

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        self.calls += 1
        if self.calls > 1:
            raise BrokenExecutor
        future: Future[Any] = Future()
        future.set_exception(BrokenExecutor())
        return future


def test_a_broken_executor_loses_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "BATCH", 1)
    monkeypatch.setattr(checking.Worker, "check", lambda _, each: checked(each.name))
    jobs = [job(name, []) for name in "abcde"]
    assert list(check(jobs, BrokenPool(), workers=1)) == [checked(name) for name in "abcde"]


def checked(name: str) -> picture.Checked:
    return picture.Checked(name=name, judgement=not_checked(f"tested {name}"))


def test_a_judgement_travels_as_data() -> None:
    judgement = judge([street(0), street(1)])
    data = msgspec.msgpack.encode(judgement)
    assert msgspec.msgpack.decode(data, type=Judgement) == judgement


# sampling


def chosen(times_ms: Sequence[int], sizes: Sequence[int]) -> list[int]:
    return [int(index) for index in choose(np.array(times_ms, np.int64), np.array(sizes))]


def test_first_last_and_one_a_minute_are_chosen() -> None:
    times = [20_000 * number for number in range(11)]
    assert chosen(times, [9000] * 11) == [0, 3, 6, 9, 10]


def test_the_ends_of_a_run_of_unusual_sizes_are_chosen() -> None:
    sizes = [10_000] * 40
    sizes[10:15] = [3_900] * 5
    sizes[30] = 26_000
    assert chosen([1000 * number for number in range(40)], sizes) == [0, 10, 14, 30, 39]


def test_keys_without_time_are_chosen_by_count_and_a_clock_jump_begins_a_minute() -> None:
    assert chosen([NO_TIME] * 130, [500] * 130) == [0, 60, 120, 129]
    assert chosen([7_200_000, 7_201_000, 1_000, 2_000], [500] * 4) == [0, 2, 3]
    assert chosen([], []) == [] and chosen([NO_TIME], [1]) == [0]
    with pytest.raises(ValueError, match="2 times but 1 sizes"):
        chosen([1, 2], [1])


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 10**6)), min_size=1, max_size=80))
def test_choices_rise_and_hold_both_ends(keys: list[tuple[int, int]]) -> None:
    picked = chosen([time_ms for time_ms, _ in keys], [size for _, size in keys])
    assert picked == sorted(set(picked))
    assert (picked[0], picked[-1]) == (0, len(keys) - 1)


def looked_at(states: Sequence[PictureState], seen: list[int], index: int) -> PictureState:
    seen.append(index)
    return states[index]


@given(st.integers(1, 500), st.integers(0, 500))
def test_a_change_is_dated_to_one_gop_in_few_looks(before: int, more: int) -> None:
    states = [PictureState.LIVE] * before + [PictureState.NO_SIGNAL] * (more + 1)
    seen: list[int] = []
    change = date_change(0, len(states) - 1, partial(looked_at, states, seen))
    assert change == Change(before - 1, before)
    assert len(seen) <= 2 + len(states).bit_length()


def test_a_change_among_pictures_that_do_not_decode_is_dated_to_their_span() -> None:
    live, lost, unseen = PictureState.LIVE, PictureState.NO_SIGNAL, PictureState.NOT_CHECKED
    states = [live, live, unseen, unseen, unseen, lost, lost]
    assert date_change(0, 6, states.__getitem__) == Change(1, 5)
    assert date_change(0, 1, states.__getitem__) is None
    assert date_change(0, 3, states.__getitem__) is None
    with pytest.raises(ValueError, match="nothing lies between 4 and 4"):
        date_change(4, 4, states.__getitem__)


# real footage

CODECS = {"h264": Codec.H264, "hevc": Codec.H265, "mpeg4": Codec.MPEG4, "mjpeg": Codec.MJPEG}
FORMATS = {".264": "h264", ".h264": "h264", ".jsv": "h264", ".265": "hevc", ".txt": "h264"}


def jt1078_video(path: Path) -> bytes:
    """The pictures' bytes of packets written as hex lines (see the corpus' README)."""
    lines = path.read_text().split()
    data = b"".join(bytes.fromhex(line.rsplit(",", 1)[-1]) for line in lines)
    video = bytearray()
    place = data.find(b"01cd")
    while 0 <= place < len(data) - 30:
        kind = data[place + 15] >> 4
        head = 16 + (8 if kind != 4 else 0) + (4 if kind < 3 else 0)
        size = int.from_bytes(data[place + head : place + head + 2], "big")
        body = place + head + 2
        video += data[body : body + size] if kind < 3 else b""
        place = data.find(b"01cd", body + size)
    return bytes(video)


def real_keys(path: Path, most: int = 12) -> Iterator[tuple[Codec, bytes]]:
    """Up to `most` key access units of a file, spread over it."""
    source: Any = io.BytesIO(jt1078_video(path)) if path.suffix == ".txt" else str(path)
    with av.open(source, format=FORMATS.get(path.suffix)) as container:
        stream = container.streams.video[0]
        name = stream.codec_context.name
        head = b""
        filtered = None
        if container.format.name.startswith("mov") and name in ("h264", "hevc"):
            filtered = BitStreamFilterContext(f"{name}_mp4toannexb", in_stream=stream)
        elif name in ("h264", "hevc", "mpeg4"):
            head = bytes(stream.codec_context.extradata or b"")
        units = []
        for packet in container.demux(stream):
            if packet.size:
                key = packet.is_keyframe
                parts = filtered.filter(packet) if filtered else [packet]
                units += [head + bytes(part) for part in parts if key]
    if name in CODECS:
        yield from ((CODECS[name], unit) for unit in units[:: max(1, len(units) // most)])


def real_judgement(path: Path) -> Judgement:
    keys = list(real_keys(path))
    shown: list[Picture | None] = []
    for codec, unit in keys:
        shown += decode_keys([unit], codec)
    return judge(shown)


REAL = {
    "vehicle/carnd-lanelines-p1__solidWhiteRight.mp4": PictureState.LIVE,
    "vehicle/carnd-vehicle-detection__test_video.mp4": PictureState.LIVE,
    "vehicle/jt1078__JT1078_2.txt": PictureState.COLOURLESS,
    "vehicle/jt1078__JT1078_6_8.mp4": PictureState.LIVE,
    "vehicle/jt1078__jt1078_1.h264": PictureState.COLOURLESS,
    "vehicle/jt1078__jt1078_1.txt": PictureState.COLOURLESS,
    "vehicle/jt1078__jt1078_3.h264": PictureState.COLOURLESS,
    "vehicle/jt1078__jt1078_4.txt": PictureState.LIVE,
    "ipcam/bgslibrary__video02.avi": PictureState.LIVE,
    "ipcam/bgslibrary__video03.avi": PictureState.LIVE,
    "ipcam/dvr-scan__issue53_brightness_change.avi": PictureState.LIVE,
    "ipcam/dvr-scan__traffic_camera.mp4": PictureState.LIVE,
    "ipcam/jt1078__ipc.264": PictureState.BLURRED,  # held too near: it is
    "ipcam/sample-videos__bottle-detection.mp4": PictureState.LIVE,
    "ipcam/sample-videos__car-detection.mp4": PictureState.LIVE,
    "ipcam/sample-videos__one-by-one-person-detection.mp4": PictureState.LIVE,
}


@needs_corpus
@pytest.mark.parametrize("name", REAL)
def test_a_real_camera_gets_its_word(name: str) -> None:
    assert real_judgement(CORPUS / name).state == REAL[name]


BLUE_SCREENS = {"torchcodec__h265_video.mp4"}  # the words "Frame 0" on blue: a card, if any is


@needs_corpus
@pytest.mark.parametrize("folder", ["h264", "h265", "mjpeg", "containers"])
def test_no_real_footage_is_called_no_signal(folder: str) -> None:
    paths = sorted((CORPUS / folder).iterdir())
    lost = {path.name for path in paths if PictureState.NO_SIGNAL in real_judgement(path).alone}
    assert lost <= BLUE_SCREENS


def test_one_or_two_pictures_are_not_called_blurred() -> None:
    pictures = decode_keys(encoded(seen_through(PictureState.BLURRED)), Codec.H264)
    assert judge(pictures).state == PictureState.BLURRED
    few = judge(pictures[:2])
    assert few.state != PictureState.BLURRED
    assert "too few pictures to call it blurred" in few.reason
