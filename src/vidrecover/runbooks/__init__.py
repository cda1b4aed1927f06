"""What to do about each cause, in words for the telephone: one TOML file per cause.

A file holds a table for each language. What is checked when they are loaded: that every cause has
a file, every file all languages, every language the same steps, and nothing else stands there.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from vidrecover.errors import FormatError
from vidrecover.model import CauseKind

__all__ = [
    "LANGUAGES",
    "Labels",
    "Language",
    "Runbook",
    "Step",
    "first_step",
    "labels",
    "language_of",
    "load",
    "runbook",
]

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
Part = Literal["camera", "cable", "connector", "power", "setting", "storage", "clock", "footage"]

_T = TypeVar("_T")
_FOLDER = Path(__file__).parent
_LABELS = "labels.toml"
_LONGEST = 400  # characters that can be read aloud in one breath or two


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to do. part: of the vehicle it is about; minutes: that it takes."""

    part: Part
    minutes: int
    do: str


class Runbook(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"along": "with"}
):
    """One cause in one language. normal: whether it is a fault at all; customer: to be said to
    the customer; escalate: when to pass it on; along: and with what; steps: in their order."""

    title: str
    normal: str
    customer: str
    escalate: str
    along: str
    steps: tuple[Step, ...]

    @property
    def minutes(self) -> int:
        """That all steps take together."""
        return sum(step.minutes for step in self.steps)


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    cause: CauseKind
    en: Runbook
    zh: Runbook


class Labels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words around a runbook, with their {places}."""

    heading: str
    nothing: str
    cameras_one: str
    cameras_more: str
    camera_unknown: str
    recorder: str
    between: str
    moment: str
    undated: str
    certain: str
    suspected: str
    normal: str
    customer: str
    steps: str
    step: str
    escalate: str
    along: str
    brief: str
    seen: str
    next: str
    takes: str
    all_steps: str
    parts: dict[Part, str]


def first_step(kind: CauseKind, language: Language = "en") -> str:
    """The first sentence of the first thing to do about a cause."""
    do = runbook(kind, language).steps[0].do
    ends = [place + len(mark) for mark in (". ", "。") if (place := do.find(mark)) >= 0]
    return do[: min(ends, default=len(do))].strip()


def language_of(code: str) -> Language:
    """The language of a code; ValueError for one that is not known."""
    for language in LANGUAGES:
        if language == code:
            return language
    raise ValueError(f"no language `{code}`; known are {', '.join(LANGUAGES)}")


def runbook(kind: CauseKind, language: Language = "en") -> Runbook:
    """The runbook of a cause."""
    return load(_FOLDER)[kind][language]


@cache
def labels(language: Language = "en") -> Labels:
    """The words around the runbooks of one language."""
    path = _FOLDER / _LABELS
    return _read(path, dict[Language, Labels])[language]


@cache
def load(folder: Path) -> dict[CauseKind, dict[Language, Runbook]]:
    """All runbooks of a folder; raises FormatError with file and key when one is wrong."""
    found: dict[CauseKind, dict[Language, Runbook]] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name == _LABELS:
            continue
        one = _read(path, _File)
        if path.stem != one.cause.value:
            raise FormatError(f"{path}: key `cause`: is {one.cause.value}, but the file is not")
        found[one.cause] = {"en": one.en, "zh": one.zh}
        for key, wrong in _faults(found[one.cause]):
            raise FormatError(f"{path}: key `{key}`: {wrong}")
    missing = [kind.value for kind in CauseKind if kind not in found]
    if missing:
        raise FormatError(f"{folder}: no runbook for {', '.join(missing)}")
    return found


def _read(path: Path, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), kind)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FormatError(f"{path}: cannot be read: {error}") from error
    except msgspec.ValidationError as error:
        raise FormatError(f"{path}: {error}") from error


def _faults(one: dict[Language, Runbook]) -> list[tuple[str, str]]:
    faults = []
    for language, book in one.items():
        texts = {name: getattr(book, name) for name in ("title", "normal", "customer", "escalate")}
        texts |= {f"steps[{i}].do": step.do for i, step in enumerate(book.steps)}
        for name, text in {**texts, "with": book.along}.items():
            if not 0 < len(text.strip()) <= _LONGEST:
                faults.append((f"{language}.{name}", f"must have 1 to {_LONGEST} characters"))
        if not book.steps:
            faults.append((f"{language}.steps", "there is nothing to do"))
        if any(not 1 <= step.minutes <= 240 for step in book.steps):
            faults.append((f"{language}.steps.minutes", "must be 1 to 240"))
    shapes = {tuple((s.part, s.minutes) for s in book.steps) for book in one.values()}
    if len(shapes) > 1:
        faults.append(("steps", "the languages do not have the same steps in the same order"))
    return faults
