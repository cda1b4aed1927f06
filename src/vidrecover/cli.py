"""The command line: words in, results out on stdout, everything else on stderr."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
from tqdm import tqdm

from vidrecover import __version__, formats, report, show, simulate
from vidrecover.case import Case
from vidrecover.clips import LeftOut
from vidrecover.clock import parse_iso
from vidrecover.demo import run_demo
from vidrecover.errors import VidrecoverError
from vidrecover.model import Clip, Grade, Progress, SourceRef, TimeSpan

DONE, INCOMPLETE, WRONG_USAGE, FAILED = 0, 1, 2, 3

_MOST_CAMERAS = 256
_USUAL_RATE = 150_000_000  # bytes per second of a spinning disk, for an estimate before any reading
_BAR_S, _LOG_S = 1.0, 60.0


class _Place(click.Path):
    """A path whose name can be written down in a catalogue and in JSON."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; fails on a name that is not UTF-8."""
        try:
            os.fspath(value).encode()
        except UnicodeEncodeError:
            self.fail(f"{os.fsencode(value)!r} is not UTF-8; rename it or link to it", param, ctx)
        return super().convert(value, param, ctx)


_folder, _source = _Place(path_type=Path), _Place()
case_option = click.option(
    "--case", "folder", type=_folder, default=Path("vidrecover-case"), show_default=True,
    help="Folder of the case.",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
from_option = click.option(
    "--from", "start", help="Recorder time, such as 2026-03-14T07:30 or 07:30."
)
to_option = click.option("--to", "end", help="Recorder time; without a date, of the last day.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vidrecover")
def commands() -> None:
    """Find, explain and recover the footage of vehicle and CCTV recorders.

    Example: vidrecover scan disk.img, then vidrecover diagnose, then vidrecover recover
    --folder clips
    """


@commands.command()
@click.argument("source", type=_source)
@case_option
@click.option("--map", "map_path", type=_source,
              help="ddrescue map of the image: what it could not read.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True,
              help="Processes; 1 is best for a spinning disk.")  # fmt: skip
@click.option("--pictures/--no-pictures", default=True, show_default=True,
              help="Look at key pictures too: they tell video loss from footage.")  # fmt: skip
@json_option
def scan(
    source: str, folder: Path, map_path: str | None, jobs: int, pictures: bool, as_json: bool
) -> int:
    """Index all footage on a disk or image; goes on where an earlier scan stopped.

    Example: vidrecover scan disk.img --case van17
    """
    with Case.open(folder, create=True) as case, _bar() as bar:
        report = case.scan(
            SourceRef(path=source, map_path=map_path),
            jobs=jobs,
            pictures=pictures,
            planned=bar.plan_reading,
            progress=bar.advance_with(lambda: show.found(case.found())),
        )
    _print(show.scan_json(report) if as_json else show.scan_text(report))
    _tell(f"next: vidrecover diagnose --case {folder}")
    return DONE if report.is_whole else INCOMPLETE


@commands.command()
@case_option
@click.option("--channels", help="Cameras that the vehicle has, such as 1-12 or 1,2,5.")
@from_option
@to_option
@json_option
def diagnose(
    folder: Path, channels: str | None, start: str | None, end: str | None, as_json: bool
) -> int:
    """Say for every camera and span what exists, and why the rest does not.

    Example: vidrecover diagnose --case van17 --channels 1-12 --from 07:30 --to 07:40
    """
    with Case.open(folder) as case:
        result = case.diagnose(channels=_channels(channels), window=_span(case, start, end))
        is_whole = show.is_whole(result) and not case.unreadable()
    _print(show.diagnosis_json(result) if as_json else show.diagnosis_text(result))
    if result.channels:
        _tell(f"next: vidrecover recover --case {folder} --folder clips")
    return DONE if is_whole else INCOMPLETE


@commands.command()
@case_option
@click.option("--channel", type=click.IntRange(1), help="Only this camera.")
@from_option
@to_option
@click.option("--folder", "out", type=_folder, help="Where to write; default: clips/ in the case.")
@click.option("--source", type=_source, help="Where the source is now, if it was moved.")
@json_option
def recover(
    folder: Path,
    channel: int | None,
    start: str | None,
    end: str | None,
    out: Path | None,
    source: str | None,
    as_json: bool,
) -> int:
    """Write playable clips, never re-encoded, with a list of every byte they consist of.

    Example: vidrecover recover --case van17 --channel 3 --from 07:30 --to 07:40 --folder clips
    """
    left_out: list[LeftOut] = []
    with Case.open(folder) as case, _bar() as bar:
        share, refused = case.scanned_share(), case.unreadable()
        clips = case.recover(
            out or folder / "clips",
            channel=channel,
            span=_span(case, start, end),
            source=source,
            planned=bar.plan,
            progress=bar.advance,
            told=lambda one: left_out.append(one) if isinstance(one, LeftOut) else bar.say(one),
        )
    _print(show.clips_json(clips) if as_json else show.clips_text(clips, out or folder / "clips"))
    for one in left_out:
        _tell(show.left_out_words(one))
    if share < 1:
        _tell(
            f"only {100 * share:.1f} % of the source was scanned: scan it to the end for the rest"
        )
    if refused:
        _tell(f"{refused:,} bytes of the source cannot be read: footage may be missing there")
    whole = clips and not left_out and share == 1 and not refused
    return DONE if whole and all(one.grade is Grade.COMPLETE for one in clips) else INCOMPLETE


@commands.command("report")
@case_option
@click.option("--output", type=_folder, required=True, help="The file to write; a new one.")
@click.option("--format", "form", type=click.Choice(report.FORMS), default="html",
              show_default=True, help="A page to look at, or the same as data.")  # fmt: skip
@click.option("--language", type=click.Choice(report.languages()), default="en", help="en or zh.")
@click.option("--channels", help="Cameras that the vehicle has, such as 1-12 or 1,2,5.")
@from_option
@to_option
def report_command(
    folder: Path,
    output: Path,
    form: str,
    language: str,
    channels: str | None,
    start: str | None,
    end: str | None,
) -> int:
    """Write the whole case as one page that opens offline and prints well.

    Example: vidrecover report --case van17 --channels 1-12 --output van17.html
    """
    with Case.open(folder) as case:
        span = _span(case, start, end)
        facts = case.report_facts(channels=_channels(channels), window=span)
        case.save_report(report.written(facts, form, language=language), output)
    _tell(f"{output} written")
    return DONE if show.is_whole(facts.diagnosis) and facts.read.is_whole else INCOMPLETE


@commands.command("formats")
@click.argument("name", required=False)
@case_option
@json_option
def formats_command(name: str | None, folder: Path, as_json: bool) -> int:
    """List the known formats with their limits, or show one of them.

    Example: vidrecover formats dhav
    """
    known = formats.load(formats.shipped(), folder / "formats")
    chosen = [one for one in known.formats if name in (None, one.name)]
    if not chosen:
        names = ", ".join(one.name for one in known.formats)
        raise click.UsageError(f"there is no format `{name}`; known are {names}")
    _print(show.formats_json(chosen) if as_json else show.formats_text(chosen, whole=bool(name)))
    return DONE


@commands.command("simulate")
@click.argument("scenario")
@click.option("--output", type=_folder, required=True, help="The disk image to write.")
@json_option
def simulate_command(scenario: str, output: Path, as_json: bool) -> int:
    """Write a recorder's disk with known truth, from a scenario's name or file.

    Example: vidrecover simulate van --output van/disk.img
    """
    shipped = simulate.scenarios()
    path = shipped.get(scenario, Path(scenario))
    if not path.is_file():
        raise click.UsageError(
            f"there is no scenario `{scenario}`; give a file or one of {', '.join(sorted(shipped))}"
        )
    _make_folder(output.parent)
    with _bar() as bar:
        truth = simulate.build(simulate.load(path), output, bar.advance)
    _print(show.truth_json(truth, output) if as_json else show.truth_text(truth, output))
    return DONE


@commands.command()
@click.option("--folder", type=_folder, default=Path("vidrecover-demo"), show_default=True,
              help="Where to work; a new folder.")  # fmt: skip
@json_option
def demo(folder: Path, as_json: bool) -> int:
    """Simulate the disk of a robbed cash van, then scan, diagnose and recover it.

    Example: vidrecover demo --folder try-it
    """
    _make_folder(folder)
    result = run_demo(folder, say=_tell)
    _print(show.demo_json(result) if as_json else show.demo_text(result))
    return DONE


def main() -> NoReturn:
    """The entry point: maps what happened to the exit code."""
    try:
        code = commands.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        _tell("stopped; a scan goes on where it was when the same command is given again")
        code = FAILED
    except VidrecoverError as error:
        _tell(f"vidrecover: {error}")
        code = FAILED
    except Exception as error:  # noqa: BLE001  # the one place: no traceback for a user
        _tell(
            f"vidrecover: unexpected {type(error).__name__}: {error}; please report this with the"
            " command you gave"
        )
        code = FAILED
    sys.exit(code if isinstance(code, int) else DONE)


def _print(result: Any) -> None:
    """A result: words as they are, anything else as JSON."""
    text = result if isinstance(result, str) else json.dumps(result, indent=1)
    click.echo(show.speakable(text, sys.stdout.encoding or "utf-8"))


def _tell(words: str) -> None:
    """Whatever is not the result: progress, errors, what to do next."""
    click.echo(words, err=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VidrecoverError(
            f"{folder} cannot be made ({error.strerror}); choose another folder"
        ) from error


def _channels(text: str | None) -> list[int] | None:
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


def _span(case: Case, start: str | None, end: str | None) -> TimeSpan | None:
    """The span that two words of recorder time mean; open ends reach as far as time goes."""
    if start is None and end is None:
        return None
    first = _time(case, start) if start is not None else 0
    last = _time(case, end) if end is not None else 1 << 50
    if last <= first:
        raise click.UsageError(
            f"--from {start} is not before --to {end}; for a span over midnight give both dates"
        )
    return TimeSpan(first, last)


def _time(case: Case, text: str) -> int:
    try:
        if "-" in text:
            return parse_iso(text)
        hour, colon, rest = text.partition(":")
        of_day = parse_iso(f"1970-01-01T{hour.zfill(2)}{colon}{rest}")
    except ValueError as error:
        raise click.UsageError(
            f"{text!r} is no recorder time; expected 2026-03-14T07:30:00 or 07:30"
        ) from error
    day = case.last_day()
    if day is None:
        raise click.UsageError(f"{text} has no date, and no footage of the case is dated: add one")
    return day.start_ms + of_day


class _Progress:
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
        _tell(
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
                _tell(f"{100 * self._done / self._size:.1f} % read; {words()}")

        return advance

    def say(self, one: Clip) -> None:
        """A clip is finished."""
        if self._is_shown:
            self._bar.set_postfix_str(one.file)
        else:
            _tell(show.clip_words(one))

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()


@contextmanager
def _bar() -> Iterator[_Progress]:
    progress = _Progress()
    try:
        yield progress
    finally:
        progress.close()
