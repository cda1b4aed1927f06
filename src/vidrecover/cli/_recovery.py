"""Commands that bring playable footage out."""

from pathlib import Path

import click

from vidrecover import show
from vidrecover.case import MAIN, Case
from vidrecover.cli._exits import DONE, INCOMPLETE
from vidrecover.clips import LeftOut
from vidrecover.model import Grade
from vidrecover.terminal import (
    case_option,
    folder_type,
    from_option,
    json_option,
    medium_only_option,
    name_option,
    print_result,
    progress_bar,
    source_type,
    span_of,
    tell,
    to_option,
)


@click.command()
@case_option
@click.option("--channel", type=click.IntRange(1), help="Only this camera.")
@from_option
@to_option
@click.option(
    "--folder", "out", type=folder_type, help="Where to write; default: clips/ in the case."
)
@medium_only_option
@name_option
@click.option("--decode/--no-decode", default=True, show_default=True,
              help="Play every clip: without that none is called complete.")  # fmt: skip
@click.option("--source", type=source_type, help="Where the source is now, if it was moved.")
@json_option
def recover(
    folder: Path,
    channel: int | None,
    start: str | None,
    end: str | None,
    out: Path | None,
    medium: str | None,
    names: dict[str, int],
    decode: bool,
    source: str | None,
    as_json: bool,
) -> int:
    """Write playable clips, never re-encoded, with a list of every byte they consist of.

    Example: vidrecover recover --case van17 --channel 3 --from 07:30 --to 07:40 --folder clips
    """
    left_out: list[LeftOut] = []
    with Case.open(folder, medium=medium or MAIN, names=names) as case, progress_bar() as bar:
        share, refused = case.read(alone=medium is not None)
        clips = case.recover(
            out or folder / "clips",
            channel=channel,
            span=span_of(case, start, end),
            alone=medium is not None,
            decode=decode,
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
