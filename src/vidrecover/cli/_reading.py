"""Commands that read a source: what is on it."""

from pathlib import Path

import click

from vidrecover import show
from vidrecover.case import MAIN, Case, listed, scan_many
from vidrecover.cli._exits import DONE, FAILED, INCOMPLETE
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
    text_of,
)

pictures_option = click.option(
    "--pictures/--no-pictures", default=True, show_default=True,
    help="Look at key pictures too: they tell video loss from footage.",
)  # fmt: skip


@click.command()
@click.argument("source", type=source_type)
@case_option
@click.option("--medium", default=MAIN, show_default=True,
              help="Its name, when a recorder has several: scan each into one case.")  # fmt: skip
@click.option("--map", "map_path", type=source_type,
              help="ddrescue map of the image: what it could not read.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True,
              help="Processes; 1 is best for a spinning disk.")  # fmt: skip
@pictures_option
@click.option("--stills", is_flag=True,
              help="Keep some key pictures in the case, as small JPEG files.")  # fmt: skip
@click.option("--image", type=folder_type,
              help="Make a raw image on the way, so that the disk is read once.")  # fmt: skip
@click.option("--read-limit", "limit", type=click.FloatRange(0.1), default=15, show_default=True,
              help="Seconds after which a read of a disk is given up.")  # fmt: skip
@click.option("--cluster", metavar="ADDRESS",
              help="Share the work among the workers of this Dask scheduler.")  # fmt: skip
@json_option
def scan(
    source: str,
    folder: Path,
    medium: str,
    map_path: str | None,
    jobs: int,
    pictures: bool,
    stills: bool,
    image: Path | None,
    limit: float,
    cluster: str | None,
    as_json: bool,
) -> int:
    """Index all footage on a disk or image; goes on where an earlier scan stopped.

    Example: vidrecover scan disk.img --case van17
    """
    if stills and not pictures:
        raise click.UsageError("--stills are key pictures: they cannot be had with --no-pictures")
    if (image is not None) + (jobs > 1) + (cluster is not None) > 1:
        raise click.UsageError("only one of --image, --jobs and --cluster can be given")
    with Case.open(folder, create=True, medium=medium) as case, progress_bar() as bar:
        report = case.scan(
            SourceRef(path=source, map_path=map_path, read_limit_s=limit),
            jobs=jobs,
            pictures=pictures,
            stills=stills,
            image=image,
            cluster=cluster,
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


@click.command("scan-many")
@click.argument("list_", metavar="LIST", type=folder_type)
@click.option("--cases", "folder", type=folder_type, default=Path("vidrecover-cases"),
              show_default=True, help="Folder of the cases, one for each source.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True,
              help="Sources scanned at once.")  # fmt: skip
@pictures_option
@json_option
def scan_many_command(list_: Path, folder: Path, jobs: int, pictures: bool, as_json: bool) -> int:
    """Scan many disks or images, each into its own case, and sum up what came of them.

    LIST is a text file with a source in each line; after a tab may stand the name of its case.

    Example: vidrecover scan-many fleet.txt --cases cases --jobs 2
    """
    sources = listed(text_of(list_))
    outcomes = []
    for one in scan_many(sources, folder, jobs=jobs, pictures=pictures):
        outcomes.append(one)
        tell(f"{len(outcomes)} of {len(sources)}: {one.source}: {one.error or 'scanned'}")
    print_result(show.many_json(outcomes) if as_json else show.many_text(outcomes))
    if all(one.error is not None for one in outcomes):
        return FAILED
    return DONE if all(one.is_whole for one in outcomes) else INCOMPLETE
