"""The sentences of the diagnosis in each language."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from string import Formatter

import pytest
from tests.test_cli import run

import vidrecover
from vidrecover.clock import parse_iso
from vidrecover.wording import LANGUAGES, amount, lasting, said, text

_PACKAGE = Path(vidrecover.__file__).parent
_TABLE = tomllib.loads((_PACKAGE / "wording" / "wording.toml").read_text(encoding="utf-8"))
_MADE = ("looks_", "state_", "means_", "set_", "about_frame", "frame", "between_")
"""Beginnings of keys that the code puts together."""


def places(template: str) -> set[tuple[str, str]]:
    """Names and kinds of the values in a sentence."""
    parts = Formatter().parse(template)
    return {(name, kind or "") for _, name, kind, _ in parts if name is not None}


@pytest.mark.parametrize("key", _TABLE)
def test_a_sentence_says_the_same_in_each_language(key: str) -> None:
    assert _TABLE[key].keys() == set(LANGUAGES)
    assert len({frozenset(places(one)) for one in _TABLE[key].values()}) == 1


def test_every_sentence_is_said_somewhere_and_every_one_said_is_known() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in _PACKAGE.rglob("*.py"))
    words = set(re.findall(r'"([a-z_]+)"', code))
    unused = {key for key in _TABLE if key not in words and not key.startswith(_MADE)}
    assert not unused
    told = set(re.findall(r'\b(?:said|say)\(\s*"([a-z_]+)"', code))
    assert told <= _TABLE.keys()


def test_values_are_put_in_by_their_kind() -> None:
    at = parse_iso("2026-03-14T07:30:00")
    clause = said("nothing_but", doubts=(said("unscanned", left=2_500_000, size=3 * 10**9),))
    assert text([clause, said("rewritten", since=at)]) == (
        "no frames found, but 2.5 MB of 3.0 GB have not been scanned; the disk was written over"
        " again, and may have lost footage from before 2026-03-14 07:30:00.000"
    )
    assert text([clause, said("times_lasting", count=2, total=65_000)], "zh") == (
        "没有找到帧，但3.0 GB 中有 2.5 MB 尚未扫描；共 2 次，合计 1 分 5 秒"  # noqa: RUF001
    )
    notes = tuple(said("log_note", text=word, at=at) for word in ("off {x}", "on"))
    assert text([said("log_notes", notes=notes)], "zh").count("“off {x}”") == 1
    assert (amount(700, "zh"), lasting(90_000_000, "zh")) == ("700 字节", "1 天 1 小时")


def test_a_diagnosis_in_chinese_holds_no_english_words(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    disk, case = simulated("dhfs-intact") / "disk.img", tmp_path / "case"
    run("scan", disk, "--case", case)
    cut = tmp_path / "cut.img"
    cut.write_bytes(disk.read_bytes()[: disk.stat().st_size // 2])
    run("scan", cut, "--case", case, "--medium", "sd")
    for words in ([], ["--channels", "1-4"], ["--from", "07:30:03", "--to", "07:30:20"]):
        told = run("diagnose", "--case", case, "--language", "zh", *words).out
        told = told.replace(str(disk), "").replace(str(cut), "")
        assert not set(re.findall(r"[A-Za-z]{3,}", told)) - {"json", "from", "main", "explain"}
    page = tmp_path / "page.txt"
    run("report", "--case", case, "--language", "zh", "--format", "text", "--output", page)
    reasons = re.findall(r"^    原因: (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert reasons
    assert not set(re.findall(r"[A-Za-z]{3,}", "".join(reasons))) - {"main"}


def test_a_sentence_that_is_not_known_is_refused() -> None:
    with pytest.raises(KeyError):
        text([said("nonsense")])
