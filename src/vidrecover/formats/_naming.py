"""The folder `formats/names/`: what the names of files tell, as rules with their own tests."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from vidrecover.errors import FormatError
from vidrecover.formats._layout import Reference, Strict
from vidrecover.model import RecorderMs, Stream

_GROUPS = frozenset({"channel", "start", "date", "time", "until", "length", "mode", "stream"})
_LONGEST_NAME, _LONGEST_PATTERN = 255, 400
_FIRST_YEAR, _LAST_YEAR = 2005, 2037  # outside, the clock was lost: 1970, 1980, 2000, 2038
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_SPELT = re.compile(r"([A-Za-z]{3})\.(\d\d)\.(\d{4})")
_STREAMS = {"H": Stream.MAIN, "L": Stream.SUB}


class NameTest(Strict, kw_only=True, frozen=True):
    """A name, and what the rule must tell of it; times as ISO text."""

    name: str
    channel: int | None = None
    start: str | None = None
    end: str | None = None
    locked: bool = False
    stream: Literal["main", "sub"] | None = None


class NameRule(Strict, kw_only=True, frozen=True):
    """One way to name files.

    pattern: a regular expression for the whole file name, with as many of its folders before it as
    `depth` says, capitals or not. Groups tell: `channel` (a number, to which `plus` is added, or
    one of `letters`); `start`, or `date` and `time` (digits, with or without the century and
    seconds, or `Mar.14.2026`); `until`, a time of day; `length` in seconds, of which 0 means never
    closed; `mode`, which is one of `locked` for files that the loop spares; `stream`, H or L.
    folders: those whose files are locked, too.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]
    title: str
    references: Annotated[list[Reference], msgspec.Meta(min_length=1)]
    pattern: str
    depth: Annotated[int, msgspec.Meta(ge=0, le=4)] = 0
    plus: Annotated[int, msgspec.Meta(ge=0, le=1)] = 0
    letters: dict[str, Annotated[int, msgspec.Meta(ge=1, le=64)]] = msgspec.field(
        default_factory=dict
    )
    locked: list[str] = msgspec.field(default_factory=list)
    folders: list[str] = msgspec.field(default_factory=list)
    tests: Annotated[list[NameTest], msgspec.Meta(min_length=1)]
    refuses: list[str] = msgspec.field(default_factory=list)


class _File(Strict, kw_only=True, frozen=True):
    rule: list[NameRule]


class Named(NamedTuple):
    """What a name tells. rule: by which rule; open: it was never closed."""

    rule: str
    channel: int | None
    start_ms: RecorderMs | None
    end_ms: RecorderMs | None
    stream: Stream
    is_locked: bool
    is_open: bool


def load_rules(folders: Iterable[Path]) -> tuple[NameRule, ...]:
    """All rules of the folders `names/`, in their order; of two with one name the later counts.

    Raises FormatError that names file and key, also when a rule fails one of its own tests.
    """
    found: dict[str, NameRule] = {}
    for folder in folders:
        for path in sorted((folder / "names").glob("*.toml")):
            try:
                read = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)
            except OSError as error:
                raise FormatError(f"cannot be read: {error.strerror}", path) from error
            except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
                raise FormatError(f"is not valid TOML: {error}", path) from error
            except msgspec.ValidationError as error:
                raise FormatError(str(error), path, "rule") from error
            for rule in read.rule:
                _check(rule, path)
                found[rule.name] = rule
    return tuple(found.values())


def _check(rule: NameRule, path: Path) -> None:
    key = f"rule.{rule.name}"
    try:
        groups = frozenset(re.compile(rule.pattern).groupindex)
    except re.error as error:
        raise FormatError(f"is no regular expression: {error}", path, f"{key}.pattern") from error
    if len(rule.pattern) > _LONGEST_PATTERN:
        raise FormatError(f"is longer than {_LONGEST_PATTERN}", path, f"{key}.pattern")
    if unknown := groups - _GROUPS:
        expected = ", ".join(sorted(_GROUPS))
        message = f"has a group `{min(unknown)}`; expected one of {expected}"
        raise FormatError(message, path, f"{key}.pattern")
    for test in rule.tests:
        told = by_rule(rule, test.name)
        if told is None or _as_test(told, test.name) != test:
            raise FormatError(f"`{test.name}` gives {told}", path, f"{key}.tests")
    for name in rule.refuses:
        if by_rule(rule, name) is not None:
            raise FormatError(f"`{name}` is not refused", path, f"{key}.refuses")


def _as_test(told: Named, name: str) -> NameTest:
    return NameTest(
        name=name,
        channel=told.channel,
        start=_iso(told.start_ms),
        end=_iso(told.end_ms),
        locked=told.is_locked,
        stream={Stream.MAIN: "main", Stream.SUB: "sub"}.get(told.stream),  # type: ignore[arg-type]
    )


def _iso(time_ms: RecorderMs | None) -> str | None:
    if time_ms is None:
        return None
    return datetime.fromtimestamp(time_ms / 1000, UTC).replace(tzinfo=None).isoformat()


def names(rules: Iterable[NameRule], paths: Iterable[str]) -> dict[str, Named]:
    """What each path is told by the rules; of rules that overlap, the one that fits most files
    of its folder, then the earlier one."""
    fits: dict[str, list[Named]] = {}
    votes: dict[str, Counter[str]] = {}
    known = list(rules)
    for path in paths:
        found = [told for rule in known if (told := by_rule(rule, path)) is not None]
        if found:
            fits[path] = found
            votes.setdefault(_folder(path), Counter()).update(one.rule for one in found)
    chosen = {}
    for path, found in fits.items():
        own = votes[_folder(path)]
        most = max(own[one.rule] for one in found)
        chosen[path] = next(one for one in found if own[one.rule] == most)
    return chosen


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def by_rule(rule: NameRule, path: str) -> Named | None:
    """What one rule tells of a path; None when it does not fit, or its date is impossible."""
    folder, _, name = path.rpartition("/")
    if len(name) > _LONGEST_NAME:
        return None
    told = "/".join(path.split("/")[-1 - rule.depth :])
    match = re.fullmatch(rule.pattern, told, re.IGNORECASE | re.ASCII)
    if match is None:
        return None
    parts: Mapping[str, str] = {k: v for k, v in match.groupdict().items() if v is not None}
    start = _date(parts.get("start", ""), parts.get("date", ""), parts.get("time", ""))
    if start is None and ("start" in parts or "date" in parts):
        return None
    length = int(parts["length"]) if "length" in parts else None
    start_ms = None if start is None or not _is_set(start) else _ms(start)
    marks = {part.lower() for part in folder.split("/")}
    return Named(
        rule=rule.name,
        channel=_channel(rule, parts.get("channel")),
        start_ms=start_ms,
        end_ms=None if start_ms is None else _end(start_ms, length, parts.get("until")),
        stream=_STREAMS.get(parts.get("stream", "").upper(), Stream.UNKNOWN),
        is_locked=parts.get("mode", "").upper() in rule.locked
        or any(one.lower() in marks for one in rule.folders),
        is_open=length == 0,
    )


def _channel(rule: NameRule, text: str | None) -> int | None:
    if text is None:
        return None
    if text.isdigit():
        return int(text) + rule.plus or None
    return {key.lower(): number for key, number in rule.letters.items()}.get(text.lower())


def _date(start: str, date: str, time: str) -> datetime | None:
    """A calendar date from digits: YYYYMMDDHHMMSS, YYYYMMDDHHMM or YYMMDDHHMMSS.

    Twelve digits are the latter unless the date alone has eight.
    """
    spelt = _SPELT.fullmatch(date)
    if spelt is not None:
        name = spelt[1].capitalize()
        month = _MONTHS.index(name) + 1 if name in _MONTHS else 0
        date = f"{spelt[3]}{month:02}{spelt[2]}"
    day = re.sub(r"\D", "", date)
    digits = re.sub(r"\D", "", start) or day + re.sub(r"\D", "", time)
    if len(digits) == 12:
        digits = digits + "00" if len(day) == 8 else "20" + digits
    if len(digits) != 14:
        return None
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _is_set(date: datetime) -> bool:
    """Whether the clock was set when the file was named."""
    return _FIRST_YEAR <= date.year <= _LAST_YEAR


def _ms(date: datetime) -> RecorderMs:
    return (date - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _end(start_ms: RecorderMs, length: int | None, until: str | None) -> RecorderMs | None:
    if length:
        return start_ms + 1000 * length
    if until is None:
        return None
    until = re.sub(r"\D", "", until)
    day = start_ms // 86_400_000 * 86_400_000
    time_s = int(until[:2]) * 3600 + int(until[2:4]) * 60 + int(until[4:6])
    end_ms = day + 1000 * time_s
    return end_ms if end_ms >= start_ms else end_ms + 86_400_000
