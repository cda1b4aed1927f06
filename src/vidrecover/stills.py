"""Stills: key pictures kept as small JPEG files in a case, only when somebody asks for them.

They lie in a folder of their own with a list beside them, so that a case without the folder holds
no picture and can be sent.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from vidrecover import clock
from vidrecover.errors import CatalogueError
from vidrecover.model import PictureState, RecorderMs

LIST = "stills.jsonl"
_STEP_MS = 600_000  # between two stills that show the same
_MOST = 400  # of one camera


class Still(msgspec.Struct, frozen=True, kw_only=True):
    """One still. file: its name in the folder; reason: with the measured values."""

    file: str
    channel: int | None
    time_ms: RecorderMs | None
    state: PictureState
    is_certain: bool
    reason: str


class Album:
    """The stills of a case, being added to. One of each camera when what it shows changes, and
    one in ten minutes while it does not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: dict[int | None, Still] = {}
        self._count: dict[int | None, int] = {}
        for one in listed(folder):
            self._note(one)

    def offer(self, jpeg: bytes, still: Still) -> None:
        """Keep a picture, if it is worth it; raises CatalogueError when it cannot be written."""
        last = self._last.get(still.channel)
        if not jpeg or self._count.get(still.channel, 0) >= _MOST:
            return
        if last is not None and last.state is still.state and not _later(still, last):
            return
        path = self._folder / still.file
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg)
            with (self._folder / LIST).open("ab") as file:
                file.write(msgspec.json.encode(still) + b"\n")
        except OSError as error:
            raise CatalogueError(f"{path} cannot be written ({error.strerror})") from error
        self._note(still)

    def _note(self, still: Still) -> None:
        self._last[still.channel] = still
        self._count[still.channel] = self._count.get(still.channel, 0) + 1


def _later(still: Still, last: Still) -> bool:
    if still.time_ms is None or last.time_ms is None:
        return still.time_ms is not last.time_ms
    return abs(still.time_ms - last.time_ms) >= _STEP_MS


def name_of(channel: int | None, time_ms: RecorderMs | None, number: int) -> str:
    """`camera-03_2026-03-14_07-30-00.000.jpg`; number: of the segment, where there is no time."""
    camera = "camera-unknown" if channel is None else f"camera-{channel:02d}"
    when = f"segment-{number}" if time_ms is None else clock.spoken(time_ms)
    return f"{camera}_{when.replace(' ', '_').replace(':', '-')}.jpg"


def listed(folder: Path) -> Iterator[Still]:
    """The stills whose files are in the folder, in the order in which they were kept."""
    path = folder / LIST
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            one = msgspec.json.decode(line, type=Still)
        except msgspec.DecodeError:
            continue  # the last line of a run that was stopped
        if Path(one.file).name == one.file and (folder / one.file).is_file():
            yield one
