"""Every cause has its runbook in both languages, and a wrong one is told when it is loaded."""

import shutil
from pathlib import Path

import pytest

from vidrecover import runbooks, show
from vidrecover.errors import FormatError
from vidrecover.model import Cause, CauseKind, Certainty, Diagnosis, TimeSpan
from vidrecover.runbooks import LANGUAGES, load, runbook

FOLDER = Path(runbooks.__file__).parent


def test_every_cause_has_a_runbook_in_every_language() -> None:
    books = load(FOLDER)
    assert set(books) == set(CauseKind)
    assert all(tuple(one) == LANGUAGES for one in books.values())


def test_chinese_runbooks_are_chinese_and_english_ones_are_not() -> None:
    for kind in CauseKind:
        english, chinese = (runbook(kind, language) for language in LANGUAGES)
        for one, wanted in ((english, False), (chinese, True)):
            texts = [one.title, one.normal, one.customer, one.escalate, one.along]
            texts += [step.do for step in one.steps]
            for text in texts:
                assert any("\u4e00" <= letter <= "\u9fff" for letter in text) is wanted, text


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('cause = "restart"', 'cause = "power_cut"', "key `cause`"),
        ('part = "power"', 'part = "engine"', "part"),
        ("minutes = 5", "minutes = 0", "must be 1 to 240"),
        ("[en]\n", "[en]\nextra = 1\n", "extra"),
        ('[[zh.steps]]\npart = "power"', '[[zh.steps]]\npart = "cable"', "same steps"),
    ],
)
def test_a_wrong_runbook_is_told_with_file_and_key(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    folder = tmp_path / "books"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = folder / "restart.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FormatError, match=why) as told:
        load(folder)
    assert "restart.toml" in str(told.value)


def test_a_missing_runbook_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "books"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (folder / "restart.toml").unlink()
    with pytest.raises(FormatError, match="no runbook for restart"):
        load(folder)


def _case(*causes: Cause) -> Diagnosis:
    return Diagnosis(
        source="van.img", scanned_share=1.0, window=None, channels=(), causes=tuple(causes)
    )


def _cause(kind: CauseKind, *channels: int, is_brief: bool = False) -> Cause:
    return Cause(
        kind=kind,
        channels=channels,
        span=TimeSpan(1_773_473_400_000, 1_773_473_460_000),
        certainty=Certainty.CERTAIN,
        reason="so it is",
        is_brief=is_brief,
    )


def test_the_explanation_can_be_read_aloud_from_the_top() -> None:
    found = show.explanation(
        _case(
            _cause(CauseKind.VIDEO_LOSS, 7),
            _cause(CauseKind.VIDEO_LOSS, 8, 9),
            _cause(CauseKind.CAMERA_GAP, 3, is_brief=True),
        )
    ).splitlines()
    book = runbook(CauseKind.VIDEO_LOSS)
    heads = [line for line in found if line.startswith("== ")]
    assert heads == [f"== 1. {book.title}"]
    assert "   camera 7, 07:30:00 to 07:31:00 (certain)" in found
    assert "   cameras 8, 9, 07:30:00 to 07:31:00 (certain)" in found
    steps = [found.index(f"  {i}. [{s.part}, {s.minutes} min] {s.do}")
             for i, s in enumerate(book.steps, start=1)]  # fmt: skip
    assert steps == sorted(steps)
    assert found[-2:] == [
        "Also seen, too short to act on:",
        "  camera 3: one camera pauses while others go on, 07:30:00 to 07:31:00",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_runbook_can_be_printed(language: runbooks.Language) -> None:
    found = show.explanation(_case(*(_cause(kind, 1) for kind in CauseKind)), language)
    assert all(runbook(kind, language).title in found for kind in CauseKind)
    assert "{" not in found


def test_a_case_without_causes_says_so() -> None:
    assert show.explanation(_case()).endswith("Nothing was found that needs explaining.")
