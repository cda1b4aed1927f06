"""The clock in the picture, on simulated footage and on real recorders'."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from vidrecover.clock import parse_iso
from vidrecover.repair import _cells, burntclock
from vidrecover.simulate.pictures import Scene

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "vehicle"
START = parse_iso("2026-03-14T07:29:47.000")
WIDTH, HEIGHT, PER_S = 352, 288, 4
Luma = npt.NDArray[np.uint8]


def drawn(number: int, times: Sequence[int]) -> list[Luma]:
    scene = Scene(width=WIDTH, height=HEIGHT, number=number, seed=3, card=False)
    pictures = []
    for time_ms in times:
        planes = (
            np.empty((HEIGHT, WIDTH), np.uint8),
            np.empty((HEIGHT // 2, WIDTH // 2), np.uint8),
            np.empty((HEIGHT // 2, WIDTH // 2), np.uint8),
        )
        scene.draw(time_ms, planes)
        noise = np.random.default_rng(time_ms).normal(0, 4, planes[0].shape)
        pictures.append(np.clip(planes[0] + noise, 0, 255).astype(np.uint8))
    return pictures


@lru_cache(maxsize=2)
def footage(seconds: int = 30) -> list[Luma]:
    return drawn(3, [START + 1000 * one // PER_S for one in range(seconds * PER_S)])


@lru_cache(maxsize=1)
def known() -> burntclock.Font:
    font = burntclock.calibrate(footage())
    assert font is not None
    return font


def test_the_clock_is_read_in_every_picture_without_knowing_its_font() -> None:
    reading = burntclock.read(footage())
    assert reading is not None
    assert reading.times == tuple(START + 1000 * (one // PER_S) for one in range(30 * PER_S))
    assert reading.rate == pytest.approx(PER_S)
    assert (reading.jumps, reading.font.certain) == ((), True)


def test_a_known_font_reads_another_camera_and_single_pictures() -> None:
    font = known()
    at = parse_iso("2026-12-31T23:59:59.000")
    assert [font.read(one) for one in drawn(7, [at, at + 1000])] == [at, at + 1000]
    reading = burntclock.read(drawn(7, [at]), [font])
    assert reading is not None
    assert (reading.times, reading.rate) == ((at,), None)


def test_a_clock_that_was_set_is_a_jump_and_gives_no_rate() -> None:
    font = known()
    times = [START + 1000 * one for one in range(20)]
    times += [START + 3_600_000 + 1000 * one for one in range(20)]
    reading = burntclock.read(drawn(3, times), [font])
    assert reading is not None
    assert (reading.jumps, reading.rate, reading.times) == ((20,), None, tuple(times))


def test_cells_that_change_like_digits_are_the_same_in_strips_of_any_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bits = np.stack([one[:80] > 190 for one in footage()])
    inked = bits.mean(axis=0, dtype=np.float32)
    changes = (bits[1:] != bits[:-1]).sum(axis=0).astype(np.float32)
    found = []
    for lines in (7, HEIGHT):
        monkeypatch.setattr(_cells, "_STRIP", lines)
        found.append(_cells.windows(bits, inked, changes, 8, 16))
    assert len(found[0]) > 20
    assert found[0] == found[1]


def test_patterns_are_apart_by_the_bits_in_which_they_differ() -> None:
    bits = np.random.default_rng(2).integers(0, 2, (9, 77)).astype(np.bool_)
    apart = _cells._apart(np.packbits(bits, axis=1))
    assert (apart == (bits[:, None] != bits).sum(axis=2)).all()


def test_a_cell_without_ten_patterns_in_a_cycle_runs_through_no_digits() -> None:
    rng = np.random.default_rng(3)
    digits = rng.integers(0, 2, (10, 16, 8)).astype(np.bool_)
    seconds = np.arange(120) // 4 % 10
    clock = digits[seconds]
    found = _cells.cycle(clock, 0.9)
    assert found is not None
    assert ((found.labels - found.labels[0]) % 10).tolist() == seconds.tolist()
    assert found.score == 1.0
    assert _cells.cycle(clock[: 4 * 9], 0.9) is None
    covered = clock.copy()
    covered[::12] = rng.integers(0, 2, (10, 16, 8))
    assert _cells.cycle(covered, 0.9) is not None
    assert _cells.cycle(covered, 0.95) is None


@pytest.mark.parametrize("kind", ["noise", "still", "short", "sizes"])
def test_what_is_no_clock_is_not_believed(kind: str) -> None:
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8) for _ in range(60)]
    pictures = {
        "noise": noise,
        "still": footage()[:1] * 80,
        "short": footage()[:30],
        "sizes": [*footage()[:60], footage()[0][:200]],
    }[kind]
    assert burntclock.read(pictures) is None


def test_a_picture_whose_clock_is_covered_is_not_read() -> None:
    font = known()
    covered = footage()[5].copy()
    covered[:40] = 235
    assert font.read(covered) is None
    wrong = footage()[5].copy()
    wrong[font.y : font.y + font.height, font.x : font.x + font.width] = 128
    assert font.read(wrong) is None


@pytest.mark.parametrize(
    ("name", "first", "last", "rate", "certain"),
    [
        ("jt1078__jt1078_3.h264", "2020-01-11T17:11:55", "2020-01-11T17:14:49", 14.3, True),
        ("jt1078__JT1078_6_8.mp4", "2021-08-02T15:23:48", "2021-08-02T15:25:27", 15.0, False),
    ],
)
@pytest.mark.slow
def test_the_clocks_of_real_recorders_are_read(
    name: str, first: str, last: str, rate: float, certain: bool
) -> None:
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real footage is not here")
    with av.open(str(CORPUS / name)) as container:
        decoded = container.decode(video=0)
        pictures = [
            one.to_ndarray(format="gray").astype(np.uint8)
            for place, one in enumerate(decoded)
            if place % 3 == 0
        ]
    reading = burntclock.read(pictures)
    assert reading is not None
    assert None not in reading.times
    assert (reading.times[0], reading.times[-1]) == (parse_iso(first), parse_iso(last))
    assert reading.rate is not None
    assert 3 * reading.rate == pytest.approx(rate, abs=0.1)
    assert reading.font.certain is certain
