"""The command line: words in, results out on stdout, everything else on stderr."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import NoReturn

import click

from vidrecover import __version__, evidence, formats, report, show, simulate
from vidrecover.case import Case
from vidrecover.clips import LeftOut
from vidrecover.demo import run_demo
from vidrecover.errors import VidrecoverError
from vidrecover.model import Grade, SourceRef
from vidrecover.source import open_source
from vidrecover.terminal import (
    authority_option,
    case_option,
    channels_of,
    folder_type,
    from_option,
    json_option,
    password_of,
    print_result,
    progress_bar,
    small_file,
    source_type,
    span_of,
    tell,
    to_option,
)

DONE, INCOMPLETE, WRONG_USAGE, FAILED = 0, 1, 2, 3

decode_option = click.option(
    "--decode/--no-decode", default=True, show_default=True,
    help="Play every access copy: it takes longer than the rest, and grades them.",
)  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vidrecover")
def commands() -> None:
    """Find, explain and recover the footage of vehicle and CCTV recorders.

    Example: vidrecover scan disk.img, then vidrecover diagnose, then vidrecover recover
    --folder clips
    """


@commands.command()
@click.argument("source", type=source_type)
@case_option
@click.option("--map", "map_path", type=source_type,
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
    with Case.open(folder, create=True) as case, progress_bar() as bar:
        report = case.scan(
            SourceRef(path=source, map_path=map_path),
            jobs=jobs,
            pictures=pictures,
            planned=bar.plan_reading,
            progress=bar.advance_with(lambda: show.found(case.found())),
        )
    print_result(show.scan_json(report) if as_json else show.scan_text(report))
    tell(f"next: vidrecover diagnose --case {folder}")
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
        result = case.diagnose(channels=channels_of(channels), window=span_of(case, start, end))
        is_whole = show.is_whole(result) and not case.unreadable()
    print_result(show.diagnosis_json(result) if as_json else show.diagnosis_text(result))
    if result.channels:
        tell(f"next: vidrecover recover --case {folder} --folder clips")
    return DONE if is_whole else INCOMPLETE


@commands.command()
@case_option
@click.option("--channel", type=click.IntRange(1), help="Only this camera.")
@from_option
@to_option
@click.option(
    "--folder", "out", type=folder_type, help="Where to write; default: clips/ in the case."
)
@click.option("--source", type=source_type, help="Where the source is now, if it was moved.")
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
    with Case.open(folder) as case, progress_bar() as bar:
        share, refused = case.scanned_share(), case.unreadable()
        clips = case.recover(
            out or folder / "clips",
            channel=channel,
            span=span_of(case, start, end),
            source=source,
            planned=bar.plan,
            progress=bar.advance,
            told=lambda one: left_out.append(one) if isinstance(one, LeftOut) else bar.say(one),
        )
    print_result(
        show.clips_json(clips) if as_json else show.clips_text(clips, out or folder / "clips")
    )
    for one in left_out:
        tell(show.left_out_words(one))
    if share < 1:
        tell(f"only {100 * share:.1f} % of the source was scanned: scan it to the end for the rest")
    if refused:
        tell(f"{refused:,} bytes of the source cannot be read: footage may be missing there")
    whole = clips and not left_out and share == 1 and not refused
    return DONE if whole and all(one.grade is Grade.COMPLETE for one in clips) else INCOMPLETE


@commands.command()
@case_option
@click.option("--channel", type=click.IntRange(1), help="Only this camera.")
@from_option
@to_option
@click.option("--folder", "out", type=folder_type, required=True, help="The package: a new folder.")
@click.option("--exhibit", default="EX-1", show_default=True, help="Its exhibit number.")
@click.option("--operator", help="Who answers for it.")
@click.option("--content-free", is_flag=True, help="Neither pictures nor sound; for support.")
@click.option("--sign", "key", type=folder_type,
              help="Sign it with this secret key, a file made by minisign -G.")  # fmt: skip
@decode_option
@click.option("--source", type=source_type, help="Where the source is now, if it was moved.")
@json_option
def export(
    folder: Path,
    channel: int | None,
    start: str | None,
    end: str | None,
    out: Path,
    exhibit: str,
    operator: str | None,
    content_free: bool,
    decode: bool,
    key: Path | None,
    source: str | None,
    as_json: bool,
) -> int:
    """Pack footage as evidence: native bytes, playable copies, and where every byte came from.

    Example: vidrecover export --case van17 --channel 3 --from 07:30 --to 07:40 --folder EX-1
    """
    signer = None if key is None else evidence.signer(key, password_of(key), folder, out)
    with Case.open(folder) as case, progress_bar() as bar:
        packed = case.export(
            out,
            channel=channel,
            span=span_of(case, start, end),
            exhibit=exhibit,
            operator=operator,
            content_free=content_free,
            decode=decode,
            signer=signer,
            source=source,
            planned=bar.plan,
            progress=bar.advance,
        )
        whole = packed.is_whole and case.scanned_share() == 1
    print_result(evidence.packed_json(packed) if as_json else evidence.packed_text(packed))
    tell(f"next: vidrecover verify {out} --source {source or 'SOURCE'}")
    return DONE if whole else INCOMPLETE


@commands.command()
@click.argument("package", type=folder_type)
@click.option("--source", type=source_type, help="Derive it again from this source and compare.")
@click.option("--map", "map_path", type=source_type,
              help="ddrescue map of the source: what it could not read.")  # fmt: skip
@decode_option
@click.option("--public-key", "key",
              help="Expect a signature of this key: its file, or the line in it.")  # fmt: skip
@authority_option
@json_option
def verify(
    package: Path,
    source: str | None,
    map_path: str | None,
    decode: bool,
    key: str | None,
    authority: Path | None,
    as_json: bool,
) -> int:
    """Check an evidence package, alone or against its source, and list all that differs.

    Example: vidrecover verify EX-1 --source disk.img
    """
    ref = None if source is None else SourceRef(path=source, map_path=map_path)
    trust = evidence.Trust(
        None if key is None else evidence.public_key(key),
        None if authority is None else small_file(authority),
    )
    with open_source(ref) if ref is not None else nullcontext() as opened, progress_bar() as bar:
        found = evidence.verify(package, opened, decode=decode, trust=trust, progress=bar.advance)
    words = evidence.verification_json if as_json else evidence.verification_text
    print_result(words(found))
    return DONE if found.is_sound else INCOMPLETE


@commands.command()
@click.argument("package", type=folder_type)
@click.option("--reply", type=folder_type, required=True,
              help="What the authority sent back for tagmanifest-sha256.txt.tsq.")  # fmt: skip
@authority_option
@json_option
def stamp(package: Path, reply: Path, authority: Path | None, as_json: bool) -> int:
    """Add an authority's time stamp (RFC 3161) to an evidence package, after checking it.

    Example: vidrecover stamp EX-1 --reply EX-1.tsr --authority authority.pem
    """
    roots = None if authority is None else small_file(authority)
    found = evidence.stamp(package, small_file(reply), roots)
    print_result(evidence.stamp_json(found) if as_json else evidence.stamp_text(found))
    return DONE if found.checked else INCOMPLETE


@commands.command("report")
@case_option
@click.option("--output", type=folder_type, required=True, help="The file to write; a new one.")
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
        span = span_of(case, start, end)
        facts = case.report_facts(channels=channels_of(channels), window=span)
        case.save_report(report.written(facts, form, language=language), output)
    tell(f"{output} written")
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
    print_result(
        show.formats_json(chosen) if as_json else show.formats_text(chosen, whole=bool(name))
    )
    return DONE


@commands.command("simulate")
@click.argument("scenario")
@click.option("--output", type=folder_type, required=True, help="The disk image to write.")
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
    with progress_bar() as bar:
        truth = simulate.build(simulate.load(path), output, bar.advance)
    print_result(show.truth_json(truth, output) if as_json else show.truth_text(truth, output))
    return DONE


@commands.command()
@click.option("--folder", type=folder_type, default=Path("vidrecover-demo"), show_default=True,
              help="Where to work; a new folder.")  # fmt: skip
@json_option
def demo(folder: Path, as_json: bool) -> int:
    """Simulate the disk of a robbed cash van, then scan, diagnose and recover it.

    Example: vidrecover demo --folder try-it
    """
    _make_folder(folder)
    result = run_demo(folder, say=tell)
    print_result(show.demo_json(result) if as_json else show.demo_text(result))
    return DONE


def main() -> NoReturn:
    """The entry point: maps what happened to the exit code."""
    try:
        code = commands.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        tell("stopped; a scan goes on where it was when the same command is given again")
        code = FAILED
    except VidrecoverError as error:
        tell(f"vidrecover: {error}")
        code = FAILED
    except Exception as error:  # noqa: BLE001  # the one place: no traceback for a user
        tell(
            f"vidrecover: unexpected {type(error).__name__}: {error}; please report this with the"
            " command you gave"
        )
        code = FAILED
    sys.exit(code if isinstance(code, int) else DONE)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VidrecoverError(
            f"{folder} cannot be made ({error.strerror}); choose another folder"
        ) from error
