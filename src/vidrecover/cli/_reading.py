"""Commands that read a source: what is on it."""

from pathlib import Path

import click

from vidrecover import show
from vidrecover.case import Case
from vidrecover.cli._exits import DONE, INCOMPLETE
from vidrecover.model import SourceRef
from vidrecover.source import devices
from vidrecover.terminal import (
    case_option,
    folder_type,
    json_option,
    print_result,
    progress_bar,
    source_type,
    tell,
)


@click.command()
@click.argument("source", type=source_type)
@case_option
@click.option("--map", "map_path", type=source_type,
              help="ddrescue map of the image: what it could not read.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True,
              help="Processes; 1 is best for a spinning disk.")  # fmt: skip
@click.option("--pictures/--no-pictures", default=True, show_default=True,
              help="Look at key pictures too: they tell video loss from footage.")  # fmt: skip
@click.option("--image", type=folder_type,
              help="Make a raw image on the way, so that the disk is read once.")  # fmt: skip
@click.option("--read-limit", "limit", type=click.FloatRange(0.1), default=15, show_default=True,
              help="Seconds after which a read of a disk is given up.")  # fmt: skip
@json_option
def scan(
    source: str,
    folder: Path,
    map_path: str | None,
    jobs: int,
    pictures: bool,
    image: Path | None,
    limit: float,
    as_json: bool,
) -> int:
    """Index all footage on a disk or image; goes on where an earlier scan stopped.

    Example: vidrecover scan disk.img --case van17
    """
    if image is not None and jobs > 1:
        raise click.UsageError("--image is made by one process: leave --jobs out")
    with Case.open(folder, create=True) as case, progress_bar() as bar:
        report = case.scan(
            SourceRef(path=source, map_path=map_path, read_limit_s=limit),
            jobs=jobs,
            pictures=pictures,
            image=image,
            planned=bar.plan_reading,
            progress=bar.advance_with(lambda: show.found(case.found())),
        )
    print_result(show.scan_json(report) if as_json else show.scan_text(report))
    tell(f"next: vidrecover diagnose --case {folder}")
    return DONE if report.is_whole else INCOMPLETE


@click.command("devices")
@json_option
def devices_command(as_json: bool) -> int:
    """List the disks of this machine, with what to call them.

    Example: vidrecover devices
    """
    known = list(devices())
    print_result(show.devices_json(known) if as_json else show.devices_text(known))
    return DONE
