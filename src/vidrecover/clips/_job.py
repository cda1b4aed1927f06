"""What is to be made, and what could not be."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from vidrecover.clips._loans import Borrowed
from vidrecover.clips._names import Names
from vidrecover.clips._stretches import Stretches
from vidrecover.clips._times import TickClock
from vidrecover.clips._units import Unpack
from vidrecover.model import Progress, RecorderMs, Recording, Source, Stream, TimeSpan


class LeftOut(NamedTuple):
    """Footage of which no clip can be made, and why."""

    channel: int | None
    stream: Stream
    from_ms: RecorderMs | None
    to_ms: RecorderMs | None
    frames: int
    format: str
    reason: str


class Job(NamedTuple):
    """What all recordings of one run share; see `write`. stretches: of the source."""

    source: Source
    stretches: Stretches
    unpack: Unpack
    folder: Path
    fragments: Path | None
    names: Names
    clocks: Mapping[str, TickClock]
    span: TimeSpan | None
    borrow: Callable[[Recording], Borrowed | None] | None
    progress: Progress | None
