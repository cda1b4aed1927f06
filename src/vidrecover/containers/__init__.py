"""Files of a container format: MP4, MOV, 3GP, with their index or without.

A scan sees boxes; what the tables of a `moov` list lies gigabytes away, and samples behind
lengths have no signature. So files are read after the scan: `build` takes the boxes that it saw
and yields, file by file, the frames that both the tables and the bytes show. Where the tables are
gone or contradict the bytes, the bytes alone tell.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from vidrecover import extents
from vidrecover.containers._building import built
from vidrecover.containers._files import Anchors, files
from vidrecover.containers._loose import loose
from vidrecover.formats import Format
from vidrecover.model import Container, Extent, Frames, Source

__all__ = ["READER", "build", "loose"]

READER = "mp4"
"""The reader of the format whose rows in a scan are the boxes seen."""


def build(
    source: Source,
    boxes: Frames,
    one: Format,
    *,
    known: Mapping[int, Sequence[Extent]] | None = None,
    done: Sequence[Container] = (),
) -> Iterator[Container]:
    """Every container file of the source; each depends on those before it only by the bytes that
    they claim. Files in pieces come first.

    boxes: rows of the scan, in any order; one: their format; known: extents of files in several
    pieces, by first byte, as a file system lists them; done: files that were stored already, which
    are not yielded again.
    """
    order = np.argsort(boxes["offset"], kind="stable")
    places = boxes["offset"][order].astype(np.int64)
    heads = [source.read(int(place) + 4, 4) for place in places]
    anchors = Anchors(places, np.array(heads, dtype="S4"))
    stored = {container.start: container for container in done}
    taken: list[Extent] = []
    for file in files(source, anchors, known or {}):
        found = stored.get(file.start)
        if found is None:
            found = built(file, one, taken)
            yield found
        taken = extents.merged([*taken, *found.claims])
