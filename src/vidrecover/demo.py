"""The van of the mission: its disk simulated, then scanned, diagnosed and recovered."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from vidrecover import simulate
from vidrecover.case import Case
from vidrecover.errors import VidrecoverError
from vidrecover.model import Clip, Diagnosis, SourceRef

SCENARIO = "van"


class DemoResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo found and made, where, and in how many seconds."""

    folder: str
    diagnosis: Diagnosis
    clips: tuple[Clip, ...]
    seconds: float


def run_demo(folder: Path, *, say: Callable[[str], None]) -> DemoResult:
    """Do everything on a simulated disk in the folder; say: told each step before it is done.

    Raises VidrecoverError when the folder holds a demo already.
    """
    began = time.monotonic()
    disk, case_folder, out = folder / "disk.img", folder / "case", folder / "clips"
    if disk.exists() or case_folder.exists():
        raise VidrecoverError(f"{folder} holds a demo already; choose another --folder")
    say("simulating the disk of a van with 12 cameras ...")
    simulate.build(simulate.load(simulate.scenarios()[SCENARIO]), disk)
    say(f"vidrecover scan {disk} --case {case_folder}")
    with Case.open(case_folder, create=True) as case:
        case.scan(SourceRef(path=str(disk)))
        say(f"vidrecover diagnose --case {case_folder} --channels 1-12")
        diagnosis = case.diagnose(channels=range(1, 13))
        say(f"vidrecover recover --case {case_folder} --folder {out}")
        clips = case.recover(out)
    return DemoResult(
        folder=str(folder),
        diagnosis=diagnosis,
        clips=tuple(clips),
        seconds=time.monotonic() - began,
    )
