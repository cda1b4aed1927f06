"""The command line: words in, results out on stdout, everything else on stderr."""

import sys
from importlib import import_module
from typing import NamedTuple, NoReturn

import click

from vidrecover import __version__
from vidrecover.cli._exits import DONE, FAILED, INCOMPLETE, WRONG_USAGE
from vidrecover.errors import VidrecoverError

__all__ = ["DONE", "FAILED", "INCOMPLETE", "WRONG_USAGE", "commands", "main"]


class _Door(NamedTuple):
    """Where a command stands, and the first sentence of its help."""

    module: str
    function: str
    words: str


_DOORS = {
    "check": _Door(
        "_finding",
        "check",
        "Look whether every camera records, by some hundred places of the disk; writes nothing.",
    ),
    "demo": _Door(
        "_learning",
        "demo",
        "Simulate the disk of a robbed cash van, then scan, diagnose and recover it.",
    ),
    "devices": _Door(
        "_reading", "devices_command", "List the disks of this machine, with what to call them."
    ),
    "diagnose": _Door(
        "_answers",
        "diagnose",
        "Say for every camera and span what exists, and why the rest does not.",
    ),
    "export": _Door(
        "_evidence",
        "export",
        "Pack footage as evidence: native bytes, playable copies, and where every byte came from.",
    ),
    "find": _Door(
        "_finding", "find", "Write the clips of a span of time without reading the whole disk."
    ),
    "formats": _Door(
        "_learning",
        "formats_command",
        "List the known formats with their limits, or show one of them.",
    ),
    "recover": _Door(
        "_recovery",
        "recover",
        "Write playable clips, never re-encoded, with a list of every byte they consist of.",
    ),
    "report": _Door(
        "_answers",
        "report_command",
        "Write the whole case as one page that opens offline and prints well.",
    ),
    "scan": _Door(
        "_reading",
        "scan",
        "Index all footage on a disk or image; goes on where an earlier scan stopped.",
    ),
    "scan-many": _Door(
        "_reading",
        "scan_many_command",
        "Scan many disks or images, each into its own case, and sum up what came of them.",
    ),
    "simulate": _Door(
        "_learning",
        "simulate_command",
        "Write a recorder's disk with known truth, from a scenario's name or file.",
    ),
    "stamp": _Door(
        "_evidence",
        "stamp",
        "Add an authority's time stamp (RFC 3161) to an evidence package, after checking it.",
    ),
    "verify": _Door(
        "_evidence",
        "verify",
        "Check an evidence package, alone or against its source, and list all that differs.",
    ),
}


class _Commands(click.Group):
    """Commands that are imported when they are called: all of them take a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(_DOORS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        door = _DOORS.get(cmd_name)
        if door is None:
            return None
        module = import_module(f"vidrecover.cli.{door.module}")
        command: click.Command = getattr(module, door.function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What each is for."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, door.words) for name, door in _DOORS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vidrecover")
def commands() -> None:
    """Find, explain and recover the footage of vehicle and CCTV recorders.

    Example: vidrecover scan disk.img, then vidrecover diagnose, then vidrecover recover
    --folder clips
    """


def tell(words: str) -> None:
    """What went wrong, on stderr."""
    click.echo(words, err=True)


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
