"""The sentences of the diagnosis: keys and values in, words of a language out.

All of them stand in `wording.toml`. A `Said` carries what is meant, in no language.
"""

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Literal

import msgspec

from vidrecover import clock
from vidrecover.model import Said, SaidValue

__all__ = ["LANGUAGES", "Wording", "amount", "lasting", "places", "said", "text"]

Wording = Literal["en", "zh"]
LANGUAGES: tuple[Wording, ...] = ("en", "zh")

_FILE = Path(__file__).with_name("wording.toml")
_JOINT, _COMMA = "between_sentences", "between_items"
_UNITS = {"d": " 天", "h": " 小时", "min": " 分", "s": " 秒", "ms": " 毫秒"}


def said(key: str, **values: SaidValue) -> Said:
    """A sentence of `wording.toml` with its values."""
    return Said(key, tuple(values.items()))


def text(sayings: Iterable[Said], language: Wording = "en") -> str:
    """The sentences in one language, one behind the other; KeyError for one that is not known."""
    return _table()[_JOINT][language].join(_sentence(one, language) for one in sayings)


def places(key: str) -> set[str]:
    """The names of the values that a sentence takes."""
    return {name for _, name, _, _ in Formatter().parse(_table()[key]["en"]) if name}


def amount(size: int, language: Wording = "en") -> str:
    """A number of bytes for people: exact while small."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} {'bytes' if language == 'en' else '字节'}"


@cache
def _table() -> dict[str, dict[str, str]]:
    raw = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return msgspec.convert(raw, dict[str, dict[str, str]])


def _sentence(one: Said, language: Wording) -> str:
    return _Words(language).vformat(_table()[one.key][language], (), dict(one.values))


class _Words(Formatter):
    """Puts values into a sentence, each in its kind."""

    def __init__(self, language: Wording) -> None:
        self._language = language

    def format_field(self, value: Any, kind: str) -> str:
        if isinstance(value, Said):
            return _sentence(value, self._language)
        if isinstance(value, tuple):
            joint = _table()[_COMMA if kind == "list" else _JOINT][self._language]
            return joint.join(_sentence(one, self._language) for one in value)
        if kind == "size":
            return amount(value, self._language)
        if kind == "time":
            return clock.spoken(value)
        if kind == "lasting":
            return lasting(value, self._language)
        return str(value)


def lasting(length_ms: int, language: Wording = "en") -> str:
    """A length of time, see `clock.lasting`."""
    words = clock.lasting(length_ms)
    if language == "en":
        return words
    numbers, units = words.split()[::2], words.split()[1::2]
    return " ".join(n + _UNITS[unit] for n, unit in zip(numbers, units, strict=True))
