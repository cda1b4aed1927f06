"""Whether a finished clip plays: decoded by another process, with a time limit."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from vidrecover.model import Clip, Grade
from vidrecover.servant import Servants

Other = TypeVar("Other")

_START_S = 60.0
_PICTURE_S = 0.25
_DECODERS = Servants("vidrecover.clips._check")
_UNPLAYED = "no decoder was asked: whether every frame decodes is not known"


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """What a decoder made of a clip.

    packets: pictures in the file; pictures: that came out; corrupt: that the decoder marked;
    refused: packets it gave up on; noise: key pictures among the first that are enciphered, as far
    as their own parameter sets tell; messages: distinct error lines, at most five.
    """

    packets: int
    pictures: int
    corrupt: int
    refused: int
    noise: int
    messages: tuple[str, ...]


def grade(clip: Clip, folder: Path, *, limit_s: float | None = None) -> Clip:
    """The clip with its grade after every picture was decoded, and with notes on what failed.

    limit_s: seconds the decoder gets; by default a minute and a quarter of a second for each
    frame. Small, picklable arguments and result, so that any executor can run it. The decoder
    is a process of its own, which stays for the next clip: its crash or hang makes the clip
    damaged, nothing else.
    """
    limit = limit_s if limit_s is not None else _START_S + _PICTURE_S * clip.frames
    told = _DECODERS.ask(os.fsencode((folder / clip.file).absolute()), limit)
    if isinstance(told, str):
        return _damaged(clip, f"{told}; decodability unknown")
    return _judged(clip, msgspec.json.decode(told, type=Decoded))


def unplayed(clip: Clip) -> Clip:
    """The clip where no decoder is asked: it is not called complete."""
    grade = Grade.PARTIAL if clip.grade is Grade.COMPLETE else clip.grade
    return msgspec.structs.replace(clip, grade=grade, notes=(*clip.notes, _UNPLAYED))


def graded(
    written: Iterable[Clip | Other], folder: Path, *, expected: int = 0
) -> Iterator[Clip | Other]:
    """What `write` yields, in order, each clip with its grade; expected: so many clips.

    Clips are decoded, as many at a time as there are processors, while the next is written.
    """
    workers = os.cpu_count() or 1
    _DECODERS.start(min(workers, expected))
    flying: deque[Future[Clip] | Other] = deque()
    with ThreadPoolExecutor(workers) as threads:
        for one in written:
            flying.append(threads.submit(grade, one, folder) if isinstance(one, Clip) else one)
            if len(flying) > workers:
                yield _landed(flying.popleft())
        while flying:
            yield _landed(flying.popleft())


def _landed(one: Future[Clip] | Other) -> Clip | Other:
    return one.result() if isinstance(one, Future) else one


def _judged(clip: Clip, found: Decoded) -> Clip:
    notes = []
    if found.packets != clip.frames:
        notes.append(f"{found.packets} of {clip.frames} frames can be read back from the file")
    if found.corrupt:
        notes.append(f"{found.corrupt} of {clip.frames} frames decode with visible damage")
    absent = found.packets - found.pictures
    if absent > 0:
        notes.append(f"{absent} of {clip.frames} frames give no picture when decoded")
    if found.refused and not notes:
        notes.append(f"the decoder refused {found.refused} of {clip.frames} frames")
    if found.noise:
        notes.append(
            f"it looks encrypted: in {found.noise} key pictures the slices are noise that their "
            "own parameter sets contradict; export it with the recorder and its password"
        )
    if found.messages:
        notes.append("the decoder says: " + "; ".join(found.messages))
    return _damaged(clip, *notes) if notes else clip


def _damaged(clip: Clip, *notes: str) -> Clip:
    return msgspec.structs.replace(clip, grade=Grade.DAMAGED, notes=clip.notes + notes)
