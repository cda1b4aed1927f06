"""Commands for evidence packages: packing, checking, stamping."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from vidrecover import evidence
from vidrecover.case import MAIN, Case
from vidrecover.cli._exits import DONE, INCOMPLETE
from vidrecover.model import SourceRef
from vidrecover.source import open_source
from vidrecover.terminal import (
    authority_option,
    case_option,
    folder_type,
    from_option,
    json_option,
    medium_only_option,
    name_option,
    password_of,
    print_result,
    progress_bar,
    small_file,
    source_type,
    span_of,
    tell,
    to_option,
)

decode_option = click.option(
    "--decode/--no-decode", default=True, show_default=True,
    help="Play every access copy: it takes longer than the rest, and grades them.",
)  # fmt: skip
jobs_option = click.option(
    "--jobs", type=click.IntRange(1, 64), default=min(os.cpu_count() or 1, 2),
    help="Processes that make and play access copies; two where there are as many processors.",
)  # fmt: skip


@click.command()
@case_option
@click.option("--channel", type=click.IntRange(1), help="Only this camera.")
@from_option
@to_option
@click.option("--folder", "out", type=folder_type, required=True, help="The package: a new folder.")
@click.option("--exhibit", default="EX-1", show_default=True, help="Its exhibit number.")
@click.option("--operator", help="Who answers for it.")
@click.option("--recorder-clock", "shown", metavar="TIME",
              help="What the recorder's clock showed when it was compared.")  # fmt: skip
@click.option("--true-time", "true", metavar="TIME",
              help="True time at that moment with its zone, as 2026-03-14T07:29:50Z.")  # fmt: skip
@click.option("--compared-with", "reference", metavar="WORDS",
              help="What told the true time, such as 'a GPS receiver'.")  # fmt: skip
@click.option("--clock-error", "error_s", type=float, metavar="SECONDS",
              help="How far off both readings may be together.")  # fmt: skip
@click.option("--stills", is_flag=True,
              help="Also key pictures as JPEG files, marked as no evidence.")  # fmt: skip
@click.option("--proxy", is_flag=True,
              help="Also films for browsers, encoded anew, marked as no evidence.")  # fmt: skip
@click.option("--content-free", is_flag=True, help="Neither pictures nor sound; for support.")
@click.option("--sign", "key", type=folder_type,
              help="Sign it with this secret key, a file made by minisign -G.")  # fmt: skip
@decode_option
@jobs_option
@medium_only_option
@name_option
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
    shown: str | None,
    true: str | None,
    reference: str | None,
    error_s: float | None,
    stills: bool,
    proxy: bool,
    content_free: bool,
    decode: bool,
    jobs: int,
    key: Path | None,
    medium: str | None,
    names: dict[str, int],
    source: str | None,
    as_json: bool,
) -> int:
    """Pack footage as evidence: native bytes, playable copies, and where every byte came from.

    Example: vidrecover export --case van17 --channel 3 --from 07:30 --to 07:40 --folder EX-1
    """
    if content_free and (stills or proxy):
        raise click.UsageError("--content-free leaves out what --stills and --proxy ask for")
    check = _clock_check(shown, true, reference, error_s)
    signer = None if key is None else evidence.signer(key, password_of(key), folder, out)
    with Case.open(folder, medium=medium or MAIN, names=names) as case:
        span = span_of(case, start, end)
        wanted: dict[str, list[str]] = {medium or MAIN: []}
        if medium is None:
            wanted = case.media_to_pack(channel=channel, span=span, source=source)
    made, whole = list[evidence.Packed](), True
    for name, notes in wanted.items():
        own = names if name == (medium or MAIN) else None
        with Case.open(folder, medium=name, names=own) as case, progress_bar() as bar:
            packed = case.export(
                out if len(wanted) == 1 else out / name,
                channel=channel,
                span=span,
                exhibit=exhibit if len(wanted) == 1 else f"{exhibit}-{name}",
                operator=operator,
                content_free=content_free,
                decode=decode,
                stills=stills,
                proxy=proxy,
                clock=check,
                jobs=jobs,
                signer=signer,
                notes=notes,
                source=source if name == (medium or MAIN) else None,
                planned=bar.plan,
                progress=bar.advance,
            )
            made.append(packed)
            whole &= packed.is_whole and case.scanned_share() == 1
    _tell_packed(made, [*wanted], source, as_json=as_json)
    return DONE if whole else INCOMPLETE


def _tell_packed(
    made: Sequence[evidence.Packed], names: Sequence[str], source: str | None, *, as_json: bool
) -> None:
    """The packages, one for each medium, and how each is checked."""
    if as_json:
        told = [evidence.packed_json(one) for one in made]
        print_result(told[0] if len(told) == 1 else {"packages": told})
    else:
        print_result("\n\n".join(evidence.packed_text(one) for one in made))
    for name, one in zip(names, made, strict=True):
        where = f"SOURCE of medium {name}" if len(made) > 1 else source or "SOURCE"
        tell(f"next: vidrecover verify {one.folder} --source {where}")


def _clock_check(
    shown: str | None, true: str | None, reference: str | None, error_s: float | None
) -> evidence.ClockCheck | None:
    """How the clock was established; None where nothing is said of it."""
    if shown is None and true is None and reference is None and error_s is None:
        return None
    if shown is None or true is None or reference is None:
        raise click.UsageError(
            "a clock check needs --recorder-clock, --true-time and --compared-with together"
        )
    try:
        return evidence.ClockCheck.compared(shown, true, reference, error_s)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@click.command()
@click.argument("package", type=folder_type)
@click.option("--source", type=source_type, help="Derive it again from this source and compare.")
@click.option("--map", "map_path", type=source_type,
              help="ddrescue map of the source: what it could not read.")  # fmt: skip
@decode_option
@jobs_option
@click.option("--public-key", "key",
              help="Expect a signature of this key: its file, or the line in it.")  # fmt: skip
@authority_option
@json_option
def verify(
    package: Path,
    source: str | None,
    map_path: str | None,
    decode: bool,
    jobs: int,
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
    with ExitStack() as stack:
        opened = None if ref is None else stack.enter_context(open_source(ref))
        bar = stack.enter_context(progress_bar())
        found = evidence.verify(
            package, opened, decode=decode, trust=trust, jobs=jobs, progress=bar.advance
        )
    words = evidence.verification_json if as_json else evidence.verification_text
    print_result(words(found))
    return DONE if found.is_sound else INCOMPLETE


@click.command()
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
