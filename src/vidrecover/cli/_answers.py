"""Commands that answer from a case: what exists, and why the rest does not."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from vidrecover import report, show
from vidrecover.case import Case
from vidrecover.cli._exits import DONE, INCOMPLETE
from vidrecover.model import Diagnosis, TimeSpan
from vidrecover.runbooks import LANGUAGES, Language
from vidrecover.terminal import (
    case_option,
    channels_of,
    folder_type,
    from_option,
    json_option,
    name_option,
    print_result,
    span_of,
    tell,
    to_option,
)

compare_option = click.option(
    "--compare-media",
    "compare",
    is_flag=True,
    help="Read key pictures of all media and say whether they are the same.",
)


@click.command()
@case_option
@click.option("--channels", help="Cameras that the vehicle has, such as 1-12 or 1,2,5.")
@from_option
@to_option
@name_option
@click.option("--explain", is_flag=True,
              help="Print what to do about each cause, step by step.")  # fmt: skip
@click.option("--language", type=click.Choice(LANGUAGES), default="en", show_default=True,
              help="Of what is printed; JSON is English.")  # fmt: skip
@compare_option
@json_option
def diagnose(
    folder: Path,
    channels: str | None,
    start: str | None,
    end: str | None,
    names: dict[str, int],
    explain: bool,
    language: Language,
    compare: bool,
    as_json: bool,
) -> int:
    """Say for every camera and span what exists, and why the rest does not.

    Example: vidrecover diagnose --case van17 --channels 1-12 --from 07:30 --to 07:40
    """
    with Case.open(folder, names=names) as case:
        cameras, span = channels_of(channels), span_of(case, start, end)
        result = case.diagnose(channels=cameras, window=span)
        if compare:
            result = _compared(case, result, cameras, span)
        is_whole = show.is_whole(result) and not case.unreadable()
    if as_json:
        told = show.diagnosis_json(result)
        more = {"runbooks": show.runbooks_json(result.causes, language)} if explain else {}
        print_result(told | more)
    else:
        words = show.explanation if explain else show.diagnosis_text
        print_result(words(result, language))
    if result.causes and not explain:
        tell(f"what to do, step by step: vidrecover diagnose --case {folder} --explain")
    if result.channels:
        tell(f"next: vidrecover recover --case {folder} --folder clips")
    if len(result.media) > 1:
        tell("it takes the best copy of each second of all media; --medium NAME: of one only")
    return DONE if is_whole else INCOMPLETE


def _compared(
    case: Case, result: Diagnosis, cameras: Sequence[int] | None, span: TimeSpan | None
) -> Diagnosis:
    """The diagnosis, with what the key pictures of the case's media say of each other."""
    notes = case.compare_media(channels=cameras, window=span)
    return msgspec.structs.replace(result, notes=(*result.notes, *notes))


@click.command("report")
@case_option
@click.option("--output", type=folder_type, required=True, help="The file to write; a new one.")
@click.option("--format", "form", type=click.Choice(report.FORMS), default="html",
              show_default=True, help="A page to look at, or the same as data.")  # fmt: skip
@click.option("--language", type=click.Choice(report.languages()), default="en", help="en or zh.")
@click.option("--stills", is_flag=True,
              help="Show the key pictures that scan --stills kept.")  # fmt: skip
@click.option("--channels", help="Cameras that the vehicle has, such as 1-12 or 1,2,5.")
@from_option
@to_option
@name_option
@compare_option
def report_command(
    folder: Path,
    output: Path,
    form: str,
    language: str,
    stills: bool,
    channels: str | None,
    start: str | None,
    end: str | None,
    names: dict[str, int],
    compare: bool,
) -> int:
    """Write the whole case as one page that opens offline and prints well.

    Example: vidrecover report --case van17 --channels 1-12 --output van17.html
    """
    with Case.open(folder, names=names) as case:
        cameras, span = channels_of(channels), span_of(case, start, end)
        facts = case.report_facts(channels=cameras, window=span, stills=stills)
        if compare:
            told = _compared(case, facts.diagnosis, cameras, span)
            facts = msgspec.structs.replace(facts, diagnosis=told)
        case.save_report(report.written(facts, form, language=language), output)
    tell(f"{output} written")
    return DONE if show.is_whole(facts.diagnosis) and facts.read.is_whole else INCOMPLETE
