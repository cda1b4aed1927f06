"""Names of files as data: each rule on its own examples, overlaps by vote, mistakes told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidrecover import formats
from vidrecover.clock import parse_iso
from vidrecover.errors import FormatError

RULES = formats.load(formats.shipped()).names
RULE = """
[[rule]]
name       = "orbit"
title      = "Orbit"
references = [{text = "invented", confidence = "C"}]
pattern    = 'ORB(?P<channel>\\d)-(?P<start>\\d{14})\\.mp4'
tests      = [{name = "ORB3-20260314073000.mp4", channel = 3, start = "2026-03-14T07:30:00"}]
"""


def loaded(folder: Path, text: str) -> formats.FormatSet:
    (folder / "names").mkdir(parents=True)
    (folder / "names" / "own.toml").write_text(text)
    return formats.load(folder)


def test_every_shipped_rule_holds_on_its_own_examples_and_has_a_source() -> None:
    assert len(RULES) >= 32  # loading runs the examples of each rule
    assert all(rule.references and rule.tests for rule in RULES)


def test_camera_time_and_lock_are_told_from_path_and_name() -> None:
    path = "/_van17_/20260314/CH02/CH02_20260314073000_60_L_van17.264"
    told = formats.names(RULES, [path])[path]
    assert (told.rule, told.channel, told.is_locked) == ("tme", 3, True)
    assert told.start_ms == parse_iso("2026-03-14T07:30:00")
    assert told.end_ms == parse_iso("2026-03-14T07:31:00")
    unclosed = path.replace("_60_", "_0_")
    assert formats.names(RULES, [unclosed])[unclosed].is_open


def test_overlapping_rules_are_decided_by_the_other_files_of_the_folder(tmp_path: Path) -> None:
    wider = RULE.replace('"orbit"', '"planet"').replace(r"\.mp4'", r"[A-Z]?\.mp4'")
    rules = loaded(tmp_path, RULE + wider).names
    shared, own = "/a/ORB1-20260314073000.mp4", "/a/ORB1-20260314073100X.mp4"
    assert formats.names(rules, [shared])[shared].rule == "orbit"
    told = formats.names(rules, [shared, own])
    assert {one.rule for one in told.values()} == {"planet"}
    assert formats.names(rules, [shared, own.replace("/a/", "/b/")])[shared].rule == "orbit"


def test_a_rule_with_a_depth_is_asked_about_folders_and_name() -> None:
    paths = {
        "/Normal/Back/NO20240509-134909-000016.MP4": ("70mai-folders", 2),
        "/Normal/NO20240509-134909-000016R.MP4": ("70mai", 2),
        "/Normal/Back/NO20240509-134909-000016F.MP4": ("70mai", 1),  # the name is nearer
        "/CARDV/Movie/20260101120000_000188R.TS": ("novatek-new", 2),
        "/CARDV/Movie_E/20260101120000_000188A.TS": ("fitcamx", 2),
    }
    told = {path: formats.names(RULES, [path])[path] for path in paths}
    assert {path: (one.rule, one.channel) for path, one in told.items()} == paths
    assert formats.names(RULES, ["07.30.00-07.31.00[R].h264"]) == {}


def test_a_month_that_no_language_has_is_refused() -> None:
    name = "Unit7_{}.14.2026_07.30.00.avi"
    assert formats.names(RULES, [name.format("Anf")]) == {}
    (told,) = formats.names(RULES, [name.format("Dec")]).values()
    assert told.start_ms == parse_iso("2026-12-14T07:30:00")


@pytest.mark.parametrize("year", ["1970", "1980", "2000", "2038", "2106"])
def test_a_clock_that_was_lost_gives_no_time_but_keeps_the_camera(year: str) -> None:
    path = f"/CH00_{year}0101000000_60_N_van.264"
    told = formats.names(RULES, [path])[path]
    assert (told.channel, told.start_ms, told.end_ms) == (1, None, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("channel = 3", "channel = 4"), "rule.orbit.tests"),
        (("(?P<channel>", "(?P<camera>"), "group `camera`; expected one of"),
        (("ORB(?P", "ORB((?P"), "is no regular expression"),
        (("tests  ", "test  "), "unknown field `test`"),
        (("pattern ", "patern "), "unknown field `patern`"),
        (('confidence = "C"', 'confidence = "Z"'), "Invalid enum value"),
    ],
)
def test_a_wrong_rule_is_told_with_file_and_key(
    change: tuple[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match=r"own\.toml: key `rule") as caught:
        loaded(tmp_path, RULE.replace(*change, 1))
    assert said in str(caught.value)


def test_a_rule_of_the_case_replaces_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    own = RULE.replace('"orbit"', '"tme"')
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "own.toml").write_text(own)
    known = formats.load(formats.shipped(), tmp_path)
    assert [rule.title for rule in known.names if rule.name == "tme"] == ["Orbit"]
    assert known.digest == formats.load(formats.shipped()).digest


@given(path=st.text(max_size=300))
def test_no_name_is_too_strange(path: str) -> None:
    formats.names(RULES, [path])
