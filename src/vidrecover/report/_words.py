"""The report's own words, numbers and lists of cameras, in each of its languages.

All texts stand in `words.toml`. Times are recorder time unless a name says UTC.
"""

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from vidrecover import clock, show
from vidrecover.model import (
    Cause,
    Diagnosis,
    EventKind,
    Extent,
    OverwriteClock,
    PictureState,
    RecorderMs,
    State,
    StateSpan,
)
from vidrecover.runbooks import language_of
from vidrecover.show import ranges

_FILE = Path(__file__).with_name("words.toml")
_CALENDAR_MS = range(-62_135_596_800_000, 253_402_300_800_000)  # the years 1 to 9999


@cache
def _tables() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def languages() -> tuple[str, ...]:
    """The codes of the languages that a report can be written in."""
    return tuple(_tables())


class Words:
    """The words of one language; raises ValueError for a language that it does not know."""

    def __init__(self, language: str) -> None:
        if language not in _tables():
            raise ValueError(f"no language `{language}`; known are {', '.join(_tables())}")
        self.language = language
        self._table = _tables()[language]

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key such as `heading.answer`, its {places} filled."""
        section, _, name = key.partition(".")
        text: str = self._table[section][name]
        return text.format(**values) if values else text

    def section(self, name: str) -> dict[str, str]:
        """All texts of a section."""
        return dict(self._table[name])

    def state(self, state: State) -> str:
        """The word for a state."""
        return self(f"state.{state.value}")

    def general(self, state: State) -> str:
        """What a state means, as a sentence."""
        return self(f"general.{state.value}")

    def picture(self, picture: PictureState) -> str:
        """What key pictures show."""
        return self(f"picture.{picture.value}")

    def reason(self, one: StateSpan | Cause | OverwriteClock) -> str:
        """Why it is so, as it is where that came from elsewhere."""
        return show.reason_in(one, language_of(self.language))

    def notes(self, diagnosis: Diagnosis) -> list[str]:
        """What must be known of the diagnosis as a whole."""
        return show.notes_in(diagnosis, language_of(self.language))

    def camera(self, channel: int | str | None) -> str:
        """The name of one camera, by number or label, as a heading."""
        if channel is None:
            return self("cameras.nameless")
        return self("cameras.name", channel=channel)

    def event(self, kind: EventKind) -> str:
        """What a log record tells."""
        return self(f"event.{kind.value}")

    def cameras(self, channels: Sequence[int | None]) -> str:
        """Cameras in a sentence: `six cameras (1-6)`."""
        known = sorted(one for one in channels if one is not None)
        if not known:
            return self("cameras.unknown")
        if len(known) == 1:
            named = self("cameras.one", list=known[0])
        else:
            named = self(
                "cameras.more", count=self.count(len(known)), list=", ".join(ranges(known))
            )
        if None in channels:
            named += self("unit.joint") + self("cameras.unknown")
        return named

    def count(self, number: int) -> str:
        """A small number as a word, where the language does so."""
        words = self._table["cameras"]["numbers"]
        return str(words[number]) if number < len(words) else f"{number:,}"

    def time(self, time_ms: RecorderMs | None) -> str:
        """Recorder time to the millisecond: `2026-03-14 07:29:00.000`."""
        if time_ms is None:
            return self("label.unknown")
        return spoken(time_ms)

    def range(self, start: str, end: str) -> str:
        """From one to the other."""
        return self("label.range", start=start, end=end)

    def bytes(self, extent: Extent) -> str:
        """Where an extent begins and ends on the source, in bytes."""
        return self.range(f"{extent.start:,}", f"{extent.end:,}")

    def length(self, length_ms: int) -> str:
        """A length of time: `3 min 0 s`; below a minute to the millisecond."""
        seconds = round(length_ms / 1000)
        if length_ms < 60_000:
            return self("unit.seconds", s=f"{length_ms / 1000:.3f}".rstrip("0").rstrip("."))
        if seconds < 3600:
            return self("unit.minutes", m=seconds // 60, s=seconds % 60)
        if seconds < 86_400:
            return self("unit.hours", h=seconds // 3600, m=seconds // 60 % 60)
        return self("unit.days", d=f"{seconds // 86_400:,}", h=seconds // 3600 % 24)

    def size(self, size: int) -> str:
        """Bytes in a fitting unit and exactly: `4.00 GB (4,000,000,000 bytes)`."""
        for unit, scale in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
            if size >= scale:
                return self("unit.sized", short=f"{size / scale:.2f} {unit}", exact=f"{size:,}")
        return self("unit.bytes", count=f"{size:,}")


def spoken(time_ms: RecorderMs) -> str:
    """Recorder time for people; a number for a time that no calendar holds."""
    return clock.spoken(time_ms) if in_calendar(time_ms) else f"{time_ms} ms"


def in_calendar(time_ms: RecorderMs) -> bool:
    """Whether the time lies in the years 1 to 9999, so that it has a date."""
    return time_ms in _CALENDAR_MS


def to_the_second(time_ms: RecorderMs, *, dated: bool) -> str:
    """Recorder time rounded to the second, with its date if asked for."""
    text = spoken((time_ms + 500) // 1000 * 1000).removesuffix(".000")
    return text if dated else text.rpartition(" ")[2]


def share(part: int, whole: int) -> str:
    """A share in per cent that says 0 or 100 only when it is exactly so."""
    if not whole or part in (0, whole):
        return "100 %" if part and part == whole else "0 %"
    per_cent = 100 * part / whole
    if per_cent < 0.1:
        return "< 0.1 %"
    return f"{per_cent:.1f} %" if per_cent <= 99.9 else "> 99.9 %"
