"""Access copies: clips made of a master, at packing and again at verifying."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from vidrecover import clips
from vidrecover.clips import Borrowed, LeftOut, TickClock, Unpack
from vidrecover.errors import ClipError, EvidenceError
from vidrecover.evidence import _onvif
from vidrecover.evidence._values import ACCESS, Loan
from vidrecover.model import Clip, Recording, Segment, Source, TimeSpan

Borrow = Callable[[Recording], Borrowed | None]


class Recipe(NamedTuple):
    """Of what a recording's access copies are made; see `clips.write`, and `_onvif` for labels."""

    recording: Recording
    unpack: Unpack
    ticks: TickClock
    span: TimeSpan | None
    borrow: Borrow | None
    labels: _onvif.Labels


class Lent:
    """Remembers what parameter sets were at hand, so that a copy can be made again."""

    def __init__(self, borrow: Borrow | None) -> None:
        self._borrow = borrow
        self.loan: Loan | None = None

    def __call__(self, recording: Recording) -> Borrowed | None:
        """What `borrow` of `clips.write` asks for."""
        found = self._borrow(recording) if self._borrow is not None else None
        if found is not None:
            self.loan = Loan(**found._asdict() | {"units": found.units.hex()})
        return found


def lend(loan: Loan | None) -> Borrow | None:
    """The same parameter sets again."""
    if loan is None:
        return None
    found = Borrowed(**msgspec.structs.asdict(loan) | {"units": bytes.fromhex(loan.units)})
    return lambda _: found


def make(recipe: Recipe, master: Source, folder: Path) -> list[Clip | LeftOut]:
    """Writes the access copies into an empty folder; raises EvidenceError."""
    try:
        made = list(
            clips.write(
                [recipe.recording],
                master,
                recipe.unpack,
                folder,
                clocks={recipe.recording.format: recipe.ticks},
                span=recipe.span,
                borrow=recipe.borrow,
            )
        )
        for one in made:
            if isinstance(one, Clip) and one.file.endswith(".mp4"):
                _onvif.add(folder / one.file, recipe.labels, one.from_ms)
    except ClipError as error:
        raise EvidenceError(str(error)) from error
    except OSError as error:
        raise EvidenceError(f"{folder} cannot be written ({error.strerror}): make room") from error
    return made


def file_name(clip: str, number: int, suffix: str) -> str:
    """Path of an access copy in the package; number: from 0, of the clip's copies."""
    more = f"-{number + 1}" if number else ""
    return f"{ACCESS}/{clip}__ACCESS{more}{suffix}"


def recording_of(segments: Sequence[Segment]) -> Recording:
    """The recording of stored segments, at least one, as it was when it was packed."""
    first = segments[0]
    return Recording(
        channel=first.channel,
        stream=first.stream,
        format=first.format,
        codec=first.codec,
        start_ms=first.start_ms,
        end_ms=max((one.end_ms for one in segments if one.end_ms is not None), default=None),
        segments=tuple(segments),
    )
