"""Where partitions begin, by an MBR; nothing more is asked of it here."""

import numpy as np

from vidrecover.model import Source

_SECTOR = 512
_ENTRY = np.dtype([("head", "V8"), ("start", "<u4"), ("sectors", "<u4")])
_TABLE, _END = 446, 510


def partition_starts(source: Source) -> list[int]:
    """Absolute starts of the primary partitions of an MBR, ascending; empty without one."""
    sector = source.read(0, _SECTOR)
    if sector[_END:] != b"\x55\xaa":
        return []
    entries = np.frombuffer(sector[_TABLE:_END], dtype=_ENTRY)
    starts = {int(one["start"]) * _SECTOR for one in entries if one["start"] and one["sectors"]}
    return sorted(start for start in starts if start + _SECTOR <= source.size)
