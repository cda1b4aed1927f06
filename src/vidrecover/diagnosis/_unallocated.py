"""Footage in space that a file system gives to no file."""

from bisect import bisect_right
from collections.abc import Iterable

from vidrecover.model import Segment, VolumeReport


class Unallocated:
    """The free stretches of all file systems, by place."""

    def __init__(self, volumes: Iterable[VolumeReport]) -> None:
        found = sorted(
            (extent.start, extent.end, f"{one.layout}@{one.extent.start:#x}")
            for one in volumes
            for extent in one.free
        )
        self._starts = [start for start, _, _ in found]
        self._ends = [end for _, end, _ in found]
        self._names = [name for _, _, name in found]

    def volumes(self, segments: Iterable[Segment]) -> tuple[str, ...]:
        """The file systems in whose unallocated space all of the segments begin; empty when one
        begins elsewhere. Between a segment's first and last byte may lie clusters of others."""
        found: dict[str, None] = {}
        for segment in segments:
            place = bisect_right(self._starts, segment.start) - 1
            if place < 0 or self._ends[place] <= segment.start:
                return ()
            found[self._names[place]] = None
        return tuple(found)
