"""What all commands share at the door: options, words of time, printing, a progress bar."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from vidrecover import show
from vidrecover.case import Case
from vidrecover.clock import parse_iso
from vidrecover.errors import EvidenceError
from vidrecover.model import Clip, Progress, RecorderMs, TimeSpan

_MOST_CAMERAS = 256
_MOST_BYTES = 1 << 20  # of a certificate or a reply
_USUAL_RATE = 150_000_000  # bytes per second of a spinning disk, for an estimate before any reading
_DAY_MS = 86_400_000
_BAR_S, _LOG_S = 1.0, 60.0


class Place(click.Path):
    """A path whose name can be written down in a catalogue and in JSON."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; fails on a name that is not UTF-8."""
        try:
            os.fspath(value).encode()
        except UnicodeEncodeError:
            self.fail(f"{os.fsencode(value)!r} is not UTF-8; rename it or link to it", param, ctx)
        return super().convert(value, param, ctx)


folder_type, source_type = Place(path_type=Path), Place()
case_option = click.option(
    "--case", "folder", type=folder_type, default=Path("vidrecover-case"), show_default=True,
    help="Folder of the case.",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
from_option = click.option(
    "--from", "start", help="Recorder time, such as 2026-03-14T07:30 or 07:30."
)
to_option = click.option("--to", "end", help="Recorder time; without a date, of the last day.")
medium_only_option = click.option(
    "--medium", help="Only this one of several media of the recorder; the first is `main`."
)

authority_option = click.option(
    "--authority", type=folder_type,
    help="Certificate of the root authority that the time stamp must lead to, PEM or DER.",
)  # fmt: skip


def text_of(path: Path) -> str:
    """The text of a list; raises UsageError."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise click.UsageError(f"{path} cannot be read ({reason})") from error


def small_file(path: Path) -> bytes:
    """The bytes of a key, certificate or reply; raises EvidenceError."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read ({error.strerror})") from error


def password_of(key: Path) -> Callable[[], str]:
    """Asks for the password of a key on the terminal; without one, takes a line of stdin."""

    def password() -> str:
        if sys.stdin.isatty():
            return str(click.prompt(f"password of {key}", hide_input=True, err=True))
        return sys.stdin.readline().rstrip("\r\n")

    return password


def print_result(result: Any) -> None:
    """A result: words as they are, anything else as JSON."""
    text = result if isinstance(result, str) else json.dumps(result, indent=1)
    click.echo(show.speakable(text, sys.stdout.encoding or "utf-8"))


def tell(words: str) -> None:
    """Whatever is not the result: progress, errors, what to do next."""
    click.echo(words, err=True)


def channels_of(text: str | None) -> list[int] | None:
    """`1-12` or `1,2,5` as numbers."""
    if text is None:
        return None
    wrong = click.UsageError(f"--channels {text}: expected cameras such as 1-12 or 1,2,5")
    try:
        parts = [[int(end) for end in part.split("-", 1)] for part in text.split(",")]
    except ValueError as error:
        raise wrong from error
    if any(not 1 <= part[0] <= part[-1] <= _MOST_CAMERAS for part in parts):
        raise wrong
    return sorted({one for part in parts for one in range(part[0], part[-1] + 1)})


def _names(_: click.Context, __: click.Parameter, texts: Sequence[str]) -> dict[str, int]:
    """`A=3` as a label and a number; raises UsageError."""
    found: dict[str, int] = {}
    for text in texts:
        label, _equals, number = text.upper().removeprefix("CAMERA ").partition("=")
        if not (label.isascii() and label.isalpha() and number.isdecimal()):
            raise click.UsageError(f"--name {text}: expected a label and a camera, such as A=3")
        if not 1 <= int(number) <= _MOST_CAMERAS or label in found:
            raise click.UsageError(f"--name {text}: one camera from 1 to {_MOST_CAMERAS} a label")
        found[label] = int(number)
    return found


name_option = click.option(
    "--name", "names", multiple=True, metavar="LABEL=CAMERA", callback=_names,
    help="Number of a camera that only its pictures tell, such as A=3; may be repeated.",
)  # fmt: skip


def span_of(case: Case, start: str | None, end: str | None) -> TimeSpan | None:
    """The span that two words of recorder time mean; open ends reach as far as the footage."""
    if start is None and end is None:
        return None
    found = case.found()
    first = min((one.first_ms for one in found if one.first_ms is not None), default=0)
    last = max((one.last_ms for one in found if one.last_ms is not None), default=0) + 1
    day = case.last_day()
    midnight = None if day is None else day.start_ms
    first = _time(midnight, start) if start is not None else first
    last = _time(midnight, end) if end is not None else last
    if last <= first:
        raise _reversed(start, end)
    return TimeSpan(first, last)


def asked_span(start: str, end: str) -> Callable[[RecorderMs | None], TimeSpan]:
    """What makes a span of two words of recorder time from the newest time on a disk.

    Raises UsageError at once for words that are no time.
    """
    for text in (start, end):
        _time(0, text)

    def span(newest_ms: RecorderMs | None) -> TimeSpan:
        midnight = None if newest_ms is None else newest_ms // _DAY_MS * _DAY_MS
        first, last = _time(midnight, start), _time(midnight, end)
        if last <= first:
            raise _reversed(start, end)
        return TimeSpan(first, last)

    return span


def asked_time(text: str) -> RecorderMs:
    """Recorder time of a word with a date; raises UsageError."""
    return _time(None, text)


def _reversed(start: str | None, end: str | None) -> click.UsageError:
    return click.UsageError(
        f"--from {start} is not before --to {end}; for a span over midnight give both dates"
        if start and end
        else f"there is no footage {f'from {start} on' if start else f'before {end}'}"
    )


def _time(midnight: RecorderMs | None, text: str) -> RecorderMs:
    """Recorder time of a word; midnight: where the day begins that is meant without a date."""
    try:
        if "-" in text:
            return parse_iso(text)
        hour, colon, rest = text.partition(":")
        of_day = parse_iso(f"1970-01-01T{hour.zfill(2)}{colon}{rest}")
    except ValueError as error:
        raise click.UsageError(
            f"{text!r} is no recorder time; expected 2026-03-14T07:30:00 or 07:30"
        ) from error
    if midnight is None:
        raise click.UsageError(f"{text} has no date, and no footage found is dated: add one")
    return midnight + of_day


class Bar:
    """A bar on a terminal, a line now and then elsewhere; words about what was found with it."""

    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty()
        self._bar = tqdm(
            unit="B",
            unit_scale=True,
            smoothing=0,  # time left by the whole way so far: clips are read and checked in turn
            file=sys.stderr,
            disable=not self._is_shown,
            leave=False,
        )
        self._size = self._done = 0
        self._told = time.monotonic()

    def plan(self, size: int, done: int = 0) -> None:
        """The size is known; bytes done earlier count as done."""
        self._size, self._done = size, done
        self._bar.reset(total=size)
        self._bar.update(done)

    def plan_reading(self, size: int, done: int) -> None:
        """The same for a source that will be read: says how long that may take."""
        minutes = round((size - done) / _USUAL_RATE / 60)
        time_words = f"about {minutes} min" if minutes else "less than a minute"
        tell(
            f"{show.size_words(size - done)} to read: {time_words} from a disk that gives"
            f" {_USUAL_RATE // 10**6} MB/s"
        )
        self.plan(size, done)

    def advance(self, size: int) -> None:
        """So many bytes more."""
        self._done += size
        self._bar.update(size)

    def advance_with(self, words: Callable[[], str]) -> Progress:
        """The same, with words that are asked for once a second, or once a minute in a log."""

        def advance(size: int) -> None:
            self.advance(size)
            now = time.monotonic()
            if self._is_shown and now - self._told > _BAR_S:
                self._told = now
                self._bar.set_postfix_str(words())
            elif not self._is_shown and now - self._told > _LOG_S:
                self._told = now
                tell(f"{100 * self._done / self._size:.1f} % read; {words()}")

        return advance

    def say(self, one: Clip) -> None:
        """A clip is finished."""
        if self._is_shown:
            self._bar.set_postfix_str(one.file)
        else:
            tell(show.clip_words(one))

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()


@contextmanager
def progress_bar() -> Iterator[Bar]:
    """A bar that is taken away at the end."""
    progress = Bar()
    try:
        yield progress
    finally:
        progress.close()
