"""Hikvision's index: two B+trees of 48-byte entries, in pages of 4096 bytes.

Byte facts: hikvision-fs.md section 4, with its marks.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.model import Extent, Source
from vidrecover.volumes._reading import read

MARK = b"HIKBTREE"
RECORDING = 0x7FFFFFFF
"""Start time of an entry whose block is being recorded. [A]"""
_PAGE = 4096
_FIRST_ENTRY = 0x60
_NOTHING = 0xFFFFFFFFFFFFFFFF
_MOST_PAGES = 1 << 16

_HEADER = np.dtype(
    {
        "names": ["mark", "list", "first"],
        "formats": ["S8", "<u8", "<u8"],
        "offsets": [0x10, 0x50, 0x58],
        "itemsize": 0x60,
    }
)
"""[A]"""

ENTRY = np.dtype(
    [
        ("marker", "<u8"),  # all ones; anything else ends a page's entries
        ("empty", "<u8"),  # 0: the block holds video; all ones: it is empty
        ("channel", ">u2"),
        ("zero", "V6"),
        ("start", "<u4"),  # UNIX seconds
        ("end", "<u4"),
        ("block", "<u8"),  # absolute
        ("unknown", "<u8"),
    ]
)
"""A data block entry. [A]"""
_PER_PAGE = (_PAGE - _FIRST_ENTRY) // ENTRY.itemsize


class Entries(NamedTuple):
    """The entries of a tree. rows: ENTRY; places: where each stands; words: damage."""

    rows: npt.NDArray[Any]
    places: npt.NDArray[np.int64]
    words: tuple[str, ...]


def stands_at(source: Source, offset: int) -> bool:
    """Whether a tree's header stands at an absolute offset."""
    if offset + _HEADER.itemsize > source.size:
        return False
    return source.read(offset + 0x10, len(MARK)) == MARK


def entries(source: Source, offset: int, name: str) -> Entries:
    """All entries of the tree whose header stands at `offset`, in the order of its leaves.

    The chain of leaves is followed first, as it does not depend on the tree's depth; then the
    pages that the root names, which stand for leaves that the chain does not reach any more.
    """
    head = np.frombuffer(source.read(offset, _HEADER.itemsize).ljust(0x60, b"\0"), _HEADER)[0]
    found: dict[int, npt.NDArray[np.uint8]] = {}
    words = list(_chain(source, int(head["first"]), found, name))
    chained = len(found)
    for place in _named(source, int(head["list"])):
        if place not in found and len(found) < _MOST_PAGES:
            words += _chain(source, place, found, name)
    if len(found) > chained:
        words.append(f"{name}: {len(found) - chained} pages are named by the root only")
    tables = [_rows_of(page, place) for place, page in found.items()]
    return _together(tables, words)


def _chain(
    source: Source, place: int, found: dict[int, npt.NDArray[np.uint8]], name: str
) -> Iterator[str]:
    """Add the pages from one on to those found; damage in words."""
    while place not in (0, _NOTHING):
        if place in found:
            yield f"{name}: its pages loop at {place:#x}"
            return
        if place + _PAGE > source.size or len(found) >= _MOST_PAGES:
            yield f"{name}: a page at {place:#x} lies behind the end of the source"
            return
        page, refused = read(source, Extent(place, place + _PAGE))
        found[place] = page
        if refused:
            yield f"{name}: a page at {place:#x} cannot be read"
            return
        if not _is_page(page):
            del found[place]
            yield f"{name}: what should be a page at {place:#x} is none"
            return
        place = int(page[0x20:0x28].view("<u8")[0])


def _named(source: Source, place: int) -> list[int]:
    """Pages that the root names; its first one, and one for each of its entries. [A, count B]"""
    if place in (0, _NOTHING) or place + _PAGE > source.size:
        return []
    page, refused = read(source, Extent(place, place + _PAGE))
    if refused:
        return []
    count = min(int(page[0x10:0x14].view("<u4")[0]), _PER_PAGE)
    rows = page[_FIRST_ENTRY : _FIRST_ENTRY + count * ENTRY.itemsize].view(ENTRY)
    return [int(page[0x18:0x20].view("<u8")[0]), *rows["marker"].tolist()]


def _is_page(page: npt.NDArray[np.uint8]) -> bool:
    """Whether the count fits a page and its entries begin as they must."""
    count = int(page[0x10:0x14].view("<u4")[0])
    if count > _PER_PAGE:
        return False
    rows = page[_FIRST_ENTRY : _FIRST_ENTRY + count * ENTRY.itemsize].view(ENTRY)
    return bool((rows["marker"] == _NOTHING).all())


def _rows_of(page: npt.NDArray[np.uint8], place: int) -> tuple[npt.NDArray[Any], Any]:
    count = int(page[0x10:0x14].view("<u4")[0])
    rows = page[_FIRST_ENTRY : _FIRST_ENTRY + count * ENTRY.itemsize].view(ENTRY)
    return rows, place + _FIRST_ENTRY + np.arange(count, dtype=np.int64) * ENTRY.itemsize


def _together(tables: Iterable[tuple[npt.NDArray[Any], Any]], words: Iterable[str]) -> Entries:
    listed = list(tables)
    rows = np.concatenate([np.zeros(0, dtype=ENTRY), *(rows for rows, _ in listed)])
    places = np.concatenate([np.zeros(0, dtype=np.int64), *(places for _, places in listed)])
    return Entries(rows, places, tuple(words))


def scattered(source: Source, extent: Extent, blocks: npt.NDArray[np.int64]) -> Entries:
    """Entries in an extent where a tree stood whose header is gone: pages at steps of 4096 bytes
    with entries that name known blocks. [C]"""
    tables = []
    for place in range(extent.start, min(extent.end, source.size) - _PAGE + 1, _PAGE):
        page, refused = read(source, Extent(place, place + _PAGE))
        if refused or not _is_page(page):
            continue
        rows, places = _rows_of(page, place)
        if len(rows) and np.isin(rows["block"].astype(np.int64), blocks).all():
            tables.append((rows, places))
    return _together(tables, ())
