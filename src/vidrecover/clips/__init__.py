"""Playable clips by stream copy: every frame as stored, times as recorded, every byte listed.

`write` makes the files and `fragments.csv` of one recording after the other, `write_together`
those of all in one pass over the source. `grade` decodes one clip and judges it, `save` writes
`clips.json`. `derive` makes stills and a proxy of a clip, which are encoded anew.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from vidrecover import clock
from vidrecover.clips import _fragments
from vidrecover.clips._build import Build
from vidrecover.clips._derived import Shown, derive
from vidrecover.clips._grade import grade, graded, unplayed
from vidrecover.clips._job import Job, LeftOut
from vidrecover.clips._loans import Borrowed, of_container
from vidrecover.clips._names import STREAM_WORDS, Names
from vidrecover.clips._opening import Coded, Opening, opening, pictures
from vidrecover.clips._span import Chosen, chosen, within
from vidrecover.clips._stretches import Stretches
from vidrecover.clips._times import TickClock
from vidrecover.clips._together import Made, Wish, side_by_side
from vidrecover.clips._units import Turn, Unpack
from vidrecover.errors import ClipError
from vidrecover.model import Clip, Progress, Recording, Source, TimeSpan
from vidrecover.source import lies_on

__all__ = [
    "Begun",
    "Borrowed",
    "Chosen",
    "Coded",
    "LeftOut",
    "Made",
    "Names",
    "Opening",
    "Shown",
    "TickClock",
    "Unpack",
    "Wish",
    "as_json",
    "begin",
    "chosen",
    "derive",
    "grade",
    "graded",
    "of_container",
    "opening",
    "pictures",
    "save",
    "unplayed",
    "within",
    "write",
    "write_together",
]

LIST = "clips.json"
_AT_ONCE = 8 << 20  # bytes that are read for all cameras


class Begun(NamedTuple):
    """A folder that clips of several sources go to: no name and no table is made twice.

    fragments: the table, None where none is wanted.
    """

    folder: Path
    names: Names
    fragments: Path | None


def begin(folder: Path, sources: Iterable[Source]) -> Begun:
    """A folder for clips of these sources, see `write`; raises ClipError like it."""
    for source in sources:
        _prepare(folder, source)
    return Begun(folder, Names(), _fragments.begin(folder))


def write(
    recordings: Iterable[Recording],
    source: Source,
    unpack: Unpack,
    folder: Path | Begun,
    *,
    clocks: Mapping[str, TickClock],
    span: TimeSpan | None = None,
    borrow: Callable[[Recording], Borrowed | None] | None = None,
    listed: bool = True,
    progress: Progress | None = None,
) -> Iterator[Clip | LeftOut]:
    """Clips of the recordings, each yielded when its file is whole and its rows are listed.

    unpack: rows of a segment in playing order; folder: begun already where it takes clips of
    several sources; clocks: by name of format; span: only this, begun at the last key frame
    before it; borrow: asked once per recording for parameter sets,
    used where key frames carry none, and for what else the frames do not tell; listed: write
    `fragments.csv`; progress: bytes of frames read. Grades are those before decoding: see
    `grade`. Raises ClipError when the folder cannot be used or fills up; clips yielded before
    stay whole. At most some MiB are held in memory, whatever the recording.
    """
    if not isinstance(folder, Begun):
        _prepare(folder, source)
        folder = Begun(folder, Names(), _fragments.begin(folder) if listed else None)
    job = Job(
        source=source,
        stretches=Stretches(source),
        unpack=unpack,
        folder=folder.folder,
        fragments=folder.fragments,
        names=folder.names,
        clocks=clocks,
        span=span,
        borrow=borrow,
        progress=progress,
    )
    for recording in recordings:
        for one in Build(job, recording).clips():
            if not isinstance(one, Turn):
                yield one


def write_together(
    wishes: Sequence[Wish],
    source: Source,
    unpack: Unpack,
    begun: Begun,
    *,
    clocks: Mapping[str, TickClock],
    borrow: Callable[[Recording], Borrowed | None] | None = None,
    progress: Progress | None = None,
) -> Iterator[Made]:
    """The same clips, in the order in which they become whole: bytes between which those of other
    cameras lie are read once. Some MiB are held in memory for each camera; see `write`."""
    job = Job(
        source=source,
        stretches=Stretches(source, _AT_ONCE),
        unpack=unpack,
        folder=begun.folder,
        fragments=begun.fragments,
        names=begun.names,
        clocks=clocks,
        span=None,
        borrow=borrow,
        progress=progress,
    )
    return side_by_side(job, wishes)


def as_json(clip: Clip) -> dict[str, object]:
    """A clip as the contract writes it, with a label where only pictures tell the camera; times
    of recorder time, or null."""
    return {
        "file": clip.file,
        "channel": clip.channel,
        "stream": STREAM_WORDS.get(clip.stream),
        "from": None if clip.from_ms is None else clock.iso(clip.from_ms),
        "to": None if clip.to_ms is None else clock.iso(clip.to_ms),
        "frames": clip.frames,
        "codec": clip.codec.name.lower(),
        "grade": clip.grade.value,
        "format": clip.format,
        "notes": list(clip.notes),
        **({} if clip.label is None else {"label": f"camera {clip.label}"}),
    }


def save(clips: Iterable[Clip], folder: Path) -> Path:
    """Writes `clips.json`; raises ClipError if it exists already or cannot be written."""
    path = folder / LIST
    content = msgspec.json.format(msgspec.json.encode([as_json(one) for one in clips]), indent=2)
    try:
        with path.open("xb") as file:
            file.write(content + b"\n")
    except FileExistsError as error:
        raise ClipError(f"{path} exists already: choose an empty folder") from error
    except OSError as error:
        raise ClipError(f"{path} cannot be written ({error.strerror}): make room") from error
    return path


def _prepare(folder: Path, source: Source) -> None:
    """Makes the folder; refuses one that lies on the source itself."""
    path = source.identity.path
    if lies_on(folder, source):
        raise ClipError(f"{folder} lies on the source {path}: choose a folder on another disk")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ClipError(
            f"{folder} cannot be made ({error.strerror}): choose another folder"
        ) from error
