"""Stills and proxies, clock checks and workers: what an export may be asked for besides."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import msgspec
import pytest
from click.testing import CliRunner

from vidrecover import evidence
from vidrecover.cli import commands
from vidrecover.evidence import ClockCheck, _copies
from vidrecover.evidence._values import CIRCUMSTANCES

CaseOf = Callable[[str], Any]


def contents(package: Path) -> dict[str, Any]:
    content = (package / "data/provenance/clips.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, Any])


@pytest.fixture(scope="module")
def shown(scanned: CaseOf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of one camera with stills and a proxy, and a clock check, made by the command."""
    case = scanned("dhfs-h265")
    target = tmp_path_factory.mktemp("shown") / "EX-1"
    words = ["export", "--case", str(case.folder / "case"), "--channel", "2", "--folder"]
    words += [str(target), "--no-decode", "--stills", "--proxy", "--clock-error", "2"]
    words += ["--recorder-clock", "2026-03-14T08:31:00", "--true-time", "2026-03-14T07:30:00Z"]
    done = CliRunner().invoke(commands, [*words, "--compared-with", "a GPS receiver"])
    assert done.exception is None, done.output
    return target


def test_stills_and_proxy_say_that_they_are_no_evidence(shown: Path) -> None:
    copy = contents(shown)["exhibits"][0]["access"][0]
    stills = [one for one in copy["derived"] if one["kind"] == "still"]
    (proxy,) = [one for one in copy["derived"] if one["kind"] == "proxy"]
    assert stills and all(copy["from"] <= one["at"] <= copy["to"] for one in stills)
    for one in stills:
        data = (shown / one["file"]).read_bytes()
        assert data[:4] == b"\xff\xd8\xff\xfe" and b"DERIVED, NOT EVIDENCE" in data[:200]
        with av.open(str(shown / one["file"])) as picture:
            assert next(picture.decode(video=0)).width == 640
    assert "PROXY_NOT_EVIDENCE" in proxy["file"]
    with av.open(str(shown / proxy["file"])) as film:
        assert film.streams.video[0].codec_context.name == "h264"
        assert "NOT EVIDENCE" in film.metadata["comment"]
        assert sum(1 for _ in film.decode(video=0)) == proxy["pictures"] == copy["frames"]
    report = (shown / "data/report/report.txt").read_text("utf-8")
    assert f"derived, encoded anew, not evidence: proxy, {proxy['file']}" in report


def test_a_changed_still_is_named_and_sound_ones_are_not_proved(shown: Path) -> None:
    found = evidence.verify(shown, decode=False)
    assert found.is_sound
    assert any("stills and proxies" in one for one in found.unproved)
    path = next((shown / "data/stills").iterdir())
    content = path.read_bytes()
    path.write_bytes(content + b"\0")
    try:
        named = {one.where for one in evidence.verify(shown, decode=False).differences}
    finally:
        path.write_bytes(content)
    assert path.relative_to(shown).as_posix() in named


def test_a_clock_check_by_the_command_dates_the_access_copies_in_utc(shown: Path) -> None:
    record = msgspec.json.decode((shown / "data/provenance/clock.json").read_bytes())
    assert (record["offset_s"], record["offset_low"], record["offset_high"]) == (3660, 3658, 3662)
    copy = contents(shown)["exhibits"][0]["access"][0]
    assert b"cstb" in (shown / copy["file"]).read_bytes()


@pytest.mark.parametrize(
    ("reading", "word"),
    [
        (("2026-03-14T08:31:00Z", "2026-03-14T07:30:00Z", "GPS", None), "without a zone"),
        (("2026-03-14T08:31:00", "2026-03-14T07:30:00", "GPS", None), "needs its zone"),
        (("yesterday", "2026-03-14T07:30:00Z", "GPS", None), "2026-03-14T07:30:05"),
        (("2026-03-14T08:31:00", "2026-03-14T07:30:00Z", "GPS", -1.0), "no error"),
    ],
)
def test_a_reading_that_proves_nothing_is_refused(reading: Any, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        ClockCheck.compared(*reading)


@pytest.mark.parametrize(
    "more",
    [("--content-free", "--stills"), ("--true-time", "2026-03-14T07:30:00Z")],
    ids=["content-free stills", "half a clock check"],
)
def test_what_cannot_go_together_is_wrong_usage(
    scanned: CaseOf, tmp_path: Path, more: tuple[str, ...]
) -> None:
    case = str(scanned("dhfs-h265").folder / "case")
    words = ["export", "--case", case, "--folder", str(tmp_path / "bag"), *more]
    assert CliRunner().invoke(commands, words).exit_code == 2
    assert not (tmp_path / "bag").exists()


def test_workers_make_the_same_package(
    scanned: CaseOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = scanned("dhfs-h265")
    made = []
    monkeypatch.setattr(_copies, "_WORTH", 0)
    for jobs in (1, 2):
        target = tmp_path / str(jobs) / "EX-7"
        with case.open() as source, case.order() as order:
            packed = evidence.export(target, source, order, evidence.Asked(decode=False, jobs=jobs))
        made.append({one.file: one for one in packed.files if one.file not in CIRCUMSTANCES})
    assert made[0] == made[1]
    with case.open() as source:
        assert evidence.verify(tmp_path / "2/EX-7", source, jobs=2).is_sound
