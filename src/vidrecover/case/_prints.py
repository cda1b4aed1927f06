"""Digests of key pictures, made once and kept in the case."""

from collections.abc import Sequence

from blake3 import blake3

from vidrecover.case._opened import Opened
from vidrecover.inspection import payload
from vidrecover.model import Frames, Segment, Source

_SIZE = 16  # bytes that are kept: enough where nobody forges both media [C]


def prints(
    case: Opened, source: Source, segment: Segment, pictures: Sequence[Frames]
) -> list[bytes]:
    """BLAKE3 over the payload of each picture, 16 bytes; read from the source only once.

    pictures: rows of whole pictures of the segment.
    """
    assert segment.id is not None
    kept = case.catalogue.prints.of(segment.id)
    places = [int(rows["offset"][0]) for rows in pictures]
    new = {
        place: blake3(payload(rows, source)).digest(_SIZE)
        for place, rows in zip(places, pictures, strict=True)
        if place not in kept
    }
    if new:
        case.catalogue.prints.store(segment.id, kept | new)
    return [(kept | new)[place] for place in places]
