"""Playable clips by stream copy: every frame as stored, times as recorded, every byte listed.

`write` makes the files and `fragments.csv`, `grade` decodes one clip and judges it, `save`
writes `clips.json`. `derive` makes stills and a proxy of a clip, which are encoded anew.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from vidrecover import clock
from vidrecover.clips import _fragments
from vidrecover.clips._build import Build, Job, LeftOut
from vidrecover.clips._derived import Shown, derive
from vidrecover.clips._grade import grade, graded
from vidrecover.clips._loans import Borrowed, of_container
from vidrecover.clips._names import STREAM_WORDS, Names
from vidrecover.clips._opening import Coded, Opening, opening, pictures
from vidrecover.clips._span import Chosen, chosen, within
from vidrecover.clips._times import TickClock
from vidrecover.clips._units import Unpack
from vidrecover.errors import ClipError
from vidrecover.model import Clip, Progress, Recording, Source, TimeSpan
from vidrecover.source import lies_on

__all__ = [
    "Begun",
    "Borrowed",
    "Chosen",
    "Coded",
    "LeftOut",
    "Names",
    "Opening",
    "Shown",
    "TickClock",
    "Unpack",
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
    "within",
    "write",
]

LIST = "clips.json"


class Begun(NamedTuple):
    """A folder that clips of several sources go to: no name and no table is made twice."""

    folder: Path
    names: Names
    fragments: Path


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
    begun = folder if isinstance(folder, Begun) else None
    into = folder if isinstance(folder, Path) else folder.folder
    if begun is None:
        _prepare(into, source)
    table = _fragments.begin(into) if listed and begun is None else None
    job = Job(
        source=source,
        unpack=unpack,
        folder=into,
        fragments=table if begun is None else begun.fragments,
        names=Names() if begun is None else begun.names,
        clocks=clocks,
        span=span,
        borrow=borrow,
        progress=progress,
    )
    for recording in recordings:
        yield from Build(job, recording).clips()


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
