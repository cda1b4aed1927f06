"""`frames.jsonl` read back: the recordings of a package with their tables of frames."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from vidrecover.errors import EvidenceError
from vidrecover.evidence._tables import StoredSegment, frames_lines, unpacked
from vidrecover.model import Frames, Segment

_MOST_LINE = 64 << 20


class FrameTable:
    """Segments by clip, in order; their rows stay in the file until they are asked for.

    Raises EvidenceError that names the line which is none. A context manager.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._places: list[int] = []
        self.segments: dict[str, list[Segment]] = {}
        try:
            for stored in frames_lines(self._noted()):
                number = len(self._places) - 1
                bare = msgspec.structs.replace(stored.segment, rows=b"", id=number)
                self.segments.setdefault(stored.clip, []).append(bare)
        except BaseException:
            self._file.close()
            raise

    def _noted(self) -> Iterator[bytes]:
        place = 0
        while line := self._file.readline(_MOST_LINE):
            if len(line) == _MOST_LINE:
                raise EvidenceError(f"line {len(self._places) + 1} has no end")
            self._places.append(place)
            place += len(line)
            yield line

    def unpack(self, segment: Segment) -> Frames:
        """The rows of one of `segments`; EvidenceError when they are damaged."""
        assert segment.id is not None
        self._file.seek(self._places[segment.id])
        stored = msgspec.json.decode(self._file.readline(), type=StoredSegment)
        return unpacked(stored.segment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
