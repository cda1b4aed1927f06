"""Commands that read a little of a source instead of all of it."""

import json
import time
from pathlib import Path

import click

from vidrecover import formats, show
from vidrecover.case import Case
from vidrecover.cli._exits import DONE, INCOMPLETE
from vidrecover.clips import LeftOut
from vidrecover.model import Clip, SourceRef
from vidrecover.outcome import WindowFound
from vidrecover.source import CountedSource, open_source
from vidrecover.survey import Pulse, Survey
from vidrecover.terminal import (
    asked_span,
    asked_time,
    case_option,
    channels_of,
    folder_type,
    json_option,
    print_result,
    source_type,
    tell,
)


@click.command()
@click.argument("source", type=source_type)
@case_option
@click.option("--channel", type=click.IntRange(1), help="The camera.")
@click.option("--channels", help="Several cameras, such as 1-12 or 1,2,5.")
@click.option("--from", "start", required=True,
              help="Recorder time, such as 2026-03-14T07:30 or 07:30.")  # fmt: skip
@click.option("--to", "end", required=True,
              help="Recorder time; without a date, of the last day.")  # fmt: skip
@click.option("--folder", "out", type=folder_type, required=True, help="Where to write; new.")
@click.option("--map", "map_path", type=source_type,
              help="ddrescue map of the image: what it could not read.")  # fmt: skip
@click.option("--read-limit", "limit", type=click.FloatRange(0.1), default=15, show_default=True,
              help="Seconds after which a read of a disk is given up.")  # fmt: skip
@json_option
def find(
    source: str,
    folder: Path,
    channel: int | None,
    channels: str | None,
    start: str,
    end: str,
    out: Path,
    map_path: str | None,
    limit: float,
    as_json: bool,
) -> int:
    """Write the clips of a span of time without reading the whole disk.

    Example: vidrecover find disk.img --case van17 --channel 3 --from 07:30 --to 07:40
    --folder clips
    """
    wanted = [channel] if channel is not None else channels_of(channels)
    if wanted is None or (channel is not None and channels is not None):
        raise click.UsageError("give either --channel 3 or --channels 1-12")
    span = asked_span(start, end)
    tell("looking for the place of these minutes on the disk")
    with Case.open(folder, create=True) as case:
        ref = SourceRef(path=source, map_path=map_path, read_limit_s=limit)
        found = case.find(ref, out, channels=wanted, span=span, told=_say)
    print_result(show.find_json(found) if as_json else show.find_text(found, out))
    if not all(one.is_whole for one in found.windows):
        tell(f"for what is not known: vidrecover scan {source} --case {folder}")
    return DONE if found.is_whole else INCOMPLETE


def _say(one: Clip | LeftOut | WindowFound) -> None:
    if isinstance(one, WindowFound):
        tell(show.window_words(one))
    else:
        tell(show.clip_words(one) if isinstance(one, Clip) else show.left_out_words(one))


@click.command()
@click.argument("source", type=source_type)
@click.option("--channels", help="Cameras that the vehicle has, such as 1-12 or 1,2,5.")
@click.option("--now", help="What the recorder's clock shows, such as 2026-03-14T07:30; default:"
              " the newest time on the disk.")  # fmt: skip
@json_option
def check(source: str, channels: str | None, now: str | None, as_json: bool) -> int:
    """Look whether every camera records, by some hundred places of the disk; writes nothing.

    Example: vidrecover check /dev/sdb --channels 1-12
    """
    now_ms = None if now is None else asked_time(now)
    begun = time.monotonic()
    with open_source(SourceRef(path=source)) as opened:
        counted = CountedSource(opened)
        survey = Survey(counted, formats.load(formats.shipped()))
        found = survey.health(channels_of(channels) or (), now_ms)
    facts = (source, counted.size, counted.bytes_read, time.monotonic() - begun)
    print_result(
        json.dumps(show.health_json(found, *facts)) if as_json else show.health_text(found, *facts)
    )
    fine = found.cameras and all(one.pulse is Pulse.RECORDING for one in found.cameras)
    return DONE if fine else INCOMPLETE
