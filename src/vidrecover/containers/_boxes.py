"""Boxes of ISO/IEC 14496-12 (and atoms of QuickTime): headers, children, the chain of a file."""

from collections.abc import Iterator
from typing import NamedTuple

from vidrecover.containers._view import View

MOST_CHILDREN = 4096
MOST_BOXES = 1 << 18
"""Boxes of one file that are followed; a recorder that writes a fragment a second makes a day's
file of fewer."""

# What stands on the top level of files. [A: ISO/IEC 14496-12 table 1; B: dashcam-mp4.md 1 to 3]
_TOP = frozenset(
    one.encode()
    for one in (
        *("ftyp", "styp", "moov", "mdat", "moof", "free", "skip", "wide", "uuid", "sidx", "ssix"),
        *("mfra", "pdin", "meta", "udta", "pnot", "prft", "emsg", "junk", "PICT", "gps0", "gsen"),
        *("frea", "thma", "vndr", "inst", "gps ", "GPS ", "3gf "),
    )
)


class Box(NamedTuple):
    """A box: its type, where it starts, where its content begins, where it ends.

    is_open: the size it states is none, or leads to nothing; then `end` is as far as it can reach.
    """

    kind: bytes
    start: int
    body: int
    end: int
    is_open: bool = False


def children(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes between two positions of `data`, up to the first that cannot be one.

    size: 32 bits, 1: 64 bits follow the type, 0: up to the end. [A: ISO/IEC 14496-12 clause 4.2]
    """
    for _ in range(MOST_CHILDREN):
        if start + 8 > end:
            return
        size, body = int.from_bytes(data[start : start + 4], "big"), start + 8
        if size == 1 and start + 16 <= end:
            size, body = int.from_bytes(data[start + 8 : start + 16], "big"), start + 16
        elif size == 0:
            size = end - start
        stop = start + size
        if stop < body or stop > end:
            return
        yield Box(data[start + 4 : start + 8], start, body, stop)
        start = stop


def child(data: bytes, parent: Box, *path: bytes) -> Box | None:
    """The first box that the path of types leads to."""
    for kind in path:
        found = next(
            (one for one in children(data, parent.body, parent.end) if one.kind == kind), None
        )
        if found is None:
            return None
        parent = found
    return parent


def chain(view: View, start: int, limit: int) -> list[Box]:
    """The boxes of a file from its first one on, up to where no box follows.

    limit: where the file ends at the latest. A second `ftyp` begins another file. A box whose
    size leads beyond the limit is open and the last.
    """
    found: list[Box] = []
    while len(found) < MOST_BOXES:
        one = _at(view, start, limit)
        if one is None or (found and one.kind == b"ftyp"):
            break
        if one.end > limit:
            one = one._replace(end=limit, is_open=True)
        found.append(one)
        if one.is_open:
            break
        start = one.end
    return found


def _at(view: View, start: int, limit: int) -> Box | None:
    """The box of the top level that begins at a position, None where none does."""
    head = view.read(start, 16)
    if len(head) < 8 or start + 8 > limit or head[4:8] not in _TOP:
        return None
    size, body = int.from_bytes(head[:4], "big"), start + 8
    if size == 1:
        if len(head) < 16:
            return None
        size, body = int.from_bytes(head[8:16], "big"), start + 16
    if size == 0:
        return Box(head[4:8], start, body, limit, is_open=True)
    if size < body - start:
        # A recorder that lost power leaves the size it wrote first: 0 or nonsense.
        is_media = head[4:8] == b"mdat"
        return Box(b"mdat", start, body, limit, is_open=True) if is_media else None
    return Box(head[4:8], start, body, start + size)
