"""The command line: words in, results out on stdout, everything else on stderr."""

import sys
from typing import NoReturn

import click

from vidrecover import __version__
from vidrecover.cli import _answers, _evidence, _finding, _learning, _reading, _recovery
from vidrecover.cli._exits import DONE, FAILED, INCOMPLETE, WRONG_USAGE
from vidrecover.errors import VidrecoverError
from vidrecover.terminal import tell

__all__ = ["DONE", "FAILED", "INCOMPLETE", "WRONG_USAGE", "commands", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vidrecover")
def commands() -> None:
    """Find, explain and recover the footage of vehicle and CCTV recorders.

    Example: vidrecover scan disk.img, then vidrecover diagnose, then vidrecover recover
    --folder clips
    """


for _one in (
    _reading.devices_command,
    _reading.scan,
    _finding.find,
    _finding.check,
    _reading.scan_many_command,
    _answers.diagnose,
    _recovery.recover,
    _evidence.export,
    _evidence.verify,
    _evidence.stamp,
    _answers.report_command,
    _learning.formats_command,
    _learning.simulate_command,
    _learning.demo,
):
    commands.add_command(_one)


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
