"""Scenarios are read strictly; the shipped ones are all good."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vidrecover import simulate
from vidrecover.errors import ScenarioError

GOOD = """
title = "one camera"
layout = "dhfs"
start = "2026-03-14T07:30:00"
end = "2026-03-14T07:30:02"

[[cameras]]
numbers = [1]
"""

SHIPPED = {path.stem for path in (Path(__file__).parents[2] / "fixtures" / "scenarios").iterdir()}


def written(folder: Path, text: str) -> Path:
    path = folder / "scene.toml"
    path.write_text(text)
    return path


def test_every_shipped_scenario_loads_and_begins_with_a_description_in_words() -> None:
    shipped = simulate.scenarios()
    assert set(shipped) == SHIPPED
    for name, path in shipped.items():
        assert simulate.load(path).name == name
        assert path.read_text().startswith("# ")


def test_a_scenario_is_named_after_its_file(tmp_path: Path) -> None:
    scenario = simulate.load(written(tmp_path, GOOD))
    assert (scenario.name, scenario.seed, scenario.cameras[0].rate) == ("scene", 1, 12.5)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("seed = 1", "seed = 1"), None),
        (("numbers", "nmbers"), "unknown field `nmbers`"),
        (("title", "titel"), "unknown field `titel`"),
        (('"dhfs"', '"fat"'), "$.layout"),
        (("07:30:02", "07:29:02"), "key `end`: does not lie behind the start"),
        (("03-14T07:30:02", "03-23T07:30:02"), "key `end`: lies more than eight days"),
        (("07:30:02", "27:30:02"), "key `end`"),
        (("07:30:02", "07:30:02Z"), "has no zone"),
        (("2026-03-14T07:30:00", "1999-03-14T07:30:00"), "key `start`"),
        (("[1]", "[]"), "key `cameras`"),
        (("[1]", "[1, 1]"), "key `cameras.numbers`: a camera is described twice"),
        (("[1]", "[65]"), "key `cameras.numbers`: cameras of layout dhfs are numbered 1 to 64"),
        (("[1]", "[1]\nrate = nan"), "key `cameras.rate`"),
        (("[1]", "[1]\nrate = 0.0"), "key `cameras.rate`"),
        (("[1]", "[1]\nwidth = 161"), "key `cameras.width`"),
        (("[1]", "[1]\ngop = 0"), "key `cameras.gop`"),
        (("[1]", '[1]\noff = [["07:30:01", "07:30:00"]]'), "key `cameras.off`"),
        (("[1]", '[1]\nvideo_loss = [["soon", "end"]]'), "key `cameras.video_loss`"),
        (("[1]", "[1]\n[image]\nlead_kib = 1"), "key `image`: says nothing for layout dhfs"),
        (("[1]", "[1]\n[dhfs]\nfragments = 4"), "key `dhfs.fragments`"),
        (("[1]", "[1]\n[dhfs]\nperiod_s = inf"), "key `dhfs.period_s`"),
        (("[1]", "[1]\n[bad_sectors]\nextents = [[1, 2]]"), "key `bad_sectors.extents`"),
        (("[[cameras]]", "[[cameras"), "is not TOML"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(
    tmp_path: Path, change: tuple[str, str], told: str | None
) -> None:
    path = written(tmp_path, GOOD.replace(*change))
    if told is None:
        assert simulate.load(path).title == "one camera"
        return
    with pytest.raises(ScenarioError) as caught:
        simulate.load(path)
    assert str(path) in str(caught.value)
    assert told in str(caught.value)


def test_audio_that_a_layout_cannot_carry_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace('"dhfs"', '"hx"').replace("[1]", '[1]\naudio = "mulaw"')
    with pytest.raises(ScenarioError, match=r"cameras\.audio.*layout hx knows alaw, none"):
        simulate.load(written(tmp_path, text))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        simulate.load(tmp_path / "none.toml")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(sorted(SHIPPED)),
    place=st.floats(0, 1, exclude_max=True),
    noise=st.sampled_from(
        ["=", "[", '"', "-9", "nan", "1e999", "\x00", "é", "true", "\n[a]\n", ""]
    ),
    cut=st.integers(0, 40),
)
def test_a_garbled_scenario_loads_or_is_told(
    tmp_path: Path, name: str, place: float, noise: str, cut: int
) -> None:
    text = simulate.scenarios()[name].read_text()
    at = int(place * len(text))
    path = written(tmp_path, text[:at] + noise + text[at + cut :])
    try:
        assert simulate.load(path).cameras
    except ScenarioError as error:
        assert str(path) in str(error)
