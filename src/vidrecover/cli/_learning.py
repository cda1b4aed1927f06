"""Commands to learn and to try with: formats, simulated disks, the demo."""

from pathlib import Path

import click

from vidrecover import formats, show, simulate
from vidrecover.cli._exits import DONE
from vidrecover.demo import run_demo
from vidrecover.errors import VidrecoverError
from vidrecover.terminal import (
    case_option,
    folder_type,
    json_option,
    print_result,
    progress_bar,
    tell,
)


@click.command("formats")
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


@click.command("simulate")
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


@click.command()
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


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VidrecoverError(
            f"{folder} cannot be made ({error.strerror}); choose another folder"
        ) from error
