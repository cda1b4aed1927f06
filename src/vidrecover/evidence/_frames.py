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


class FrameFile:
    """Rows of segments whose `id` is the byte at which their line begins; a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")

    def unpack(self, segment: Segment) -> Frames:
        """The rows of one segment; EvidenceError when they are damaged."""
        assert segment.id is not None
        self._file.seek(segment.id)
        stored = msgspec.json.decode(self._file.readline(_MOST_LINE), type=StoredSegment)
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


class FrameTable(FrameFile):
    """All segments of the file by clip, in order; their rows stay there until asked for.

    Raises EvidenceError that names the line which is none.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._place = self._number = 0
        self.segments: dict[str, list[Segment]] = {}
        try:
            for stored in frames_lines(self._lines()):
                bare = msgspec.structs.replace(stored.segment, rows=b"", id=self._place)
                self.segments.setdefault(stored.clip, []).append(bare)
        except BaseException:
            self._file.close()
            raise

    def _lines(self) -> Iterator[bytes]:
        place = 0
        while line := self._file.readline(_MOST_LINE):
            self._number += 1
            if len(line) == _MOST_LINE:
                raise EvidenceError(f"line {self._number} has no end")
            self._place = place
            place += len(line)
            yield line
