"""Chains of clusters that the walker does not follow: of files without a size, and of deleted ones.

Byte facts: FAT and exFAT specifications [A].
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from vidrecover.model import Extent
from vidrecover.volumes import _fs_geometry as geometry
from vidrecover.volumes._reading import Read

MOST_CLUSTERS = 1 << 20
"""Of one chain."""
_PAGE = 3 << 12  # bytes of the table read at once: whole entries of any width


class _Table(NamedTuple):
    """A table of chains: following(cluster) is the next one, None behind the last; clusters:
    how many there are, from 2 on."""

    place: geometry.Geometry
    clusters: int
    following: Callable[[int], int | None]

    def chain(self, cluster: int) -> Iterator[int]:
        """The clusters from one on; ends early where the chain leaves the volume or loops."""
        visited: set[int] = set()
        at: int | None = cluster
        while at is not None and at not in visited and 2 <= at < self.clusters + 2:
            visited.add(at)
            yield at
            at = self.following(at)

    def extents(self, clusters: list[int], size: int) -> tuple[Extent, ...]:
        """Where they lie, neighbours as one, cut at so many bytes."""
        found: list[Extent] = []
        for cluster in clusters:
            start = self.place.cluster_start + (cluster - 2) * self.place.cluster_size
            length = min(self.place.cluster_size, size)
            size -= length
            if found and found[-1].end == start:
                found[-1] = Extent(found[-1].start, start + length)
            else:
                found.append(Extent(start, start + length))
        return tuple(found)


def exfat_chain(read: Read, start: int, entry: int) -> tuple[Extent, ...] | None:
    """The clusters of a deleted exFAT file by the chain that the table still holds, cut at the
    file's size; None when it has none that is as long as the file and ends there.

    entry: where its first entry stands. Deleting frees clusters in the bitmap alone.
    [A for the entries; B that the chain stays: the Linux driver]
    """
    boot, stream = read(start, geometry.SECTOR), read(entry + 32, 32)
    place = geometry.geometry(read, start, 0, "exfat")
    if len(stream) < 32 or not place.cluster_size:
        return None
    cluster, size = struct.unpack_from("<IQ", stream, 20)
    count = struct.unpack_from("<I", boot, 92)[0]
    wanted = -(-size // place.cluster_size)
    if not 0 < wanted <= min(count, MOST_CLUSTERS):
        return None
    at = start + (struct.unpack_from("<I", boot, 80)[0] << boot[108])
    table = _Table(place, count, _entries(read, at, 32, 0xFFFFFFF8))
    clusters = [one for _, one in zip(range(wanted), table.chain(cluster), strict=False)]
    if len(clusters) < wanted or table.following(clusters[-1]) is not None:
        return None
    return table.extents(clusters, size)


def fat_chain(read: Read, start: int, entry: int) -> tuple[Extent, ...]:
    """All clusters of a live FAT file by its chain, whatever size its entry tells; empty when it
    has none. A recorder that loses power while it writes leaves a size of zero."""
    boot, own = read(start, geometry.SECTOR), read(entry, 32)
    place = geometry.geometry(read, start, 0, "fat")
    if len(own) < 32 or len(boot) < geometry.SECTOR or not place.cluster_size:
        return ()
    sector, reserved = struct.unpack_from("<H", boot, 11)[0], struct.unpack_from("<H", boot, 14)[0]
    sectors = struct.unpack_from("<H", boot, 19)[0] or struct.unpack_from("<I", boot, 32)[0]
    count = max((start + sectors * sector - place.cluster_start) // place.cluster_size, 0)
    bits = geometry.fat_bits(count)
    high, low = struct.unpack_from("<H", own, 20)[0], struct.unpack_from("<H", own, 26)[0]
    following = _entries(read, start + reserved * sector, bits, ((1 << min(bits, 28)) - 1) & ~7)
    table = _Table(place, count, following)
    chain = table.chain((high << 16 if bits == 32 else 0) | low)
    clusters = [one for _, one in zip(range(MOST_CLUSTERS), chain, strict=False)]
    return table.extents(clusters, len(clusters) * place.cluster_size)


def _entries(read: Read, at: int, bits: int, last: int) -> Callable[[int], int | None]:
    """What the table that begins at a place holds for a cluster; None from `last` on."""
    pages: dict[int, bytes] = {}
    mask = 0x0FFFFFFF if last < 1 << 28 else 0xFFFFFFFF

    def following(cluster: int) -> int | None:
        page, inside = divmod(cluster * bits // 8, _PAGE)
        if page not in pages:
            pages.clear()
            pages[page] = read(at + page * _PAGE, _PAGE + 1).ljust(_PAGE + 4, b"\0")
        value = int(struct.unpack_from("<I", pages[page], inside)[0])
        if bits == 12:
            value = (value >> 4 if cluster & 1 else value) & 0xFFF
        value &= 0xFFFF if bits == 16 else mask
        return None if value >= last else value

    return following
