"""Pictures of naked streams that were put together inside of frames that were, too."""

from collections.abc import Iterable

from vidrecover import segments
from vidrecover.extents import common, merged
from vidrecover.formats import FormatSet
from vidrecover.model import Extent, Segment

Proven = tuple[Segment, str]
"""A joined frame and its proof in words."""


def outer(found: Iterable[Proven], formats: FormatSet) -> list[Proven]:
    """The frames without those of yielding formats that share bytes with one of another: the
    picture in a frame of a recorder is that frame's."""
    given = list(found)
    firm = [one for one, _ in given if not formats[one.format].framing.yields]
    taken = merged(extent for one in firm for extent in _pieces(one))
    return [
        (one, words)
        for one, words in given
        if not formats[one.format].framing.yields or not common(taken, _pieces(one))
    ]


def _pieces(one: Segment) -> list[Extent]:
    rows = segments.unpack(one.rows)
    starts, sizes = rows["offset"].tolist(), rows["size"].tolist()
    return merged(
        Extent(start, start + size) for start, size in zip(starts, sizes, strict=True) if size
    )
