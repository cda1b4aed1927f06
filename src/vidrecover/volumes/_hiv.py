"""Hikvision's file layout: `hivNNNNN.mp4` in a ring, told by `index00.bin` beside them.

The files are as large as one another, made once and written again and again: that a file system
lists one says nothing of what is in it; the index does. Byte facts: hikvision-fs.md section 9.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.model import Claim, ClaimKind, Extent, Source
from vidrecover.source import ExtentsSource
from vidrecover.volumes import _hik_blocks as blocks
from vidrecover.volumes._fs_listing import Entry
from vidrecover.volumes._hik_tree import RECORDING
from vidrecover.volumes._sides import Told, content

_FILE = re.compile(r"hiv(\d{5})\.mp4", re.IGNORECASE)
_INDEX = re.compile(r"index\d\d\.bin", re.IGNORECASE)
_HEAD, _SEGMENTS = 1280, 256
_RECORD = np.dtype(
    {
        "names": ["number", "channel", "count", "start", "end"],
        "formats": ["<u4", "<u2", "<u2", "<u4", "<u4"],
        "offsets": [0, 4, 6, 8, 12],
        "itemsize": 32,
    }
)
_PART = np.dtype(
    {
        "names": ["start", "end", "from", "to"],
        "formats": ["<u4", "<u4", "<u4", "<u4"],
        "offsets": [8, 16, 40, 44],
        "itemsize": 80,
    }
)
"""The low halves of times are masked out of 64 bits. [B]"""
_UNUSED = 0xFFFF
_EARLIEST = 1_104_537_600  # 2005
_MOST_FILES, _MOST_BYTES = 6000, 1 << 27
_MOST_PARTS = 300_000
_LAST_CHANNEL = 64
_SAMPLES = 8
_QUARTER_MS = 900_000


class _Part(NamedTuple):
    """A row of the index as understood: seconds, and bytes inside its file."""

    number: int
    channel: int | None
    start_s: int
    end_s: int
    first: int
    last: int
    place: int

    @property
    def is_open(self) -> bool:
        """Whether it was being recorded."""
        return not self.end_s or self.end_s >= RECORDING


def told(source: Source, volume: str, claims: Sequence[Claim], sides: Sequence[Entry]) -> Told:
    """The claims without those of the ring's files, and what each index claims in them.

    Times are made recorder time by the clock that stands in the streams.
    """
    files: dict[str, dict[int, Claim]] = {}
    rest: list[Claim] = []
    for claim in claims:
        folder, _, name = (claim.name or "").rpartition("/")
        match = _FILE.fullmatch(name)
        if match is None or claim.kind is not ClaimKind.FILE:
            rest.append(claim)
        else:
            files.setdefault(folder, {})[int(match[1])] = claim
    indexes = {
        one.path.rpartition("/")[0]: one
        for one in sides
        if _INDEX.fullmatch(one.path.rpartition("/")[2]) and not one.is_deleted
    }
    damage: list[str] = []
    for folder, own in sorted(files.items()):
        found, words = _of_folder(source, volume, own, indexes.get(folder))
        rest += found
        damage += [f"{folder or '/'}: {one}" for one in words]
    return Told(rest, [], damage)


def _of_folder(
    source: Source, volume: str, files: dict[int, Claim], index: Entry | None
) -> tuple[list[Claim], list[str]]:
    """What the index of one folder claims, and what is wrong with it."""
    if index is None:
        return [], [f"{len(files)} files hivNNNNN.mp4 without their index: none tells the camera"]
    data = np.frombuffer(content(source, index, _MOST_BYTES), dtype=np.uint8)
    count, left = divmod(len(data) - _HEAD, _RECORD.itemsize + _SEGMENTS * _PART.itemsize)
    if left or not 0 < count <= _MOST_FILES:
        return [], [f"{index.path} is not laid out as known: the ring's files are read by"
                    " their bytes alone"]  # fmt: skip
    words = []
    stated = int.from_bytes(data[12:16].tobytes(), "little")
    if stated != count:
        words.append(f"its index states {stated} files, and has room for {count}")
    views = {number: ExtentsSource(source, one.extents) for number, one in files.items()}
    parts = list(islice(_parts(data, count), _MOST_PARTS))
    shift_ms = _shift(parts, views)
    place = ExtentsSource(source, index.extents)
    found, outside = [], 0
    for one in parts:
        view = views.get(one.number)
        last = 0 if view is None else min(one.last, view.size)
        if one.is_open and view is not None and one.last <= one.first:
            last = view.size
        is_inside = view is not None and one.first < last
        outside += not is_inside
        extents = view.absolute(one.first, last) if view is not None and is_inside else []
        found.append(_claim(volume, one, extents, place.absolute(one.place, one.place + 1)[0],
                            files.get(one.number), shift_ms))  # fmt: skip
    if outside:
        words.append(f"{outside} entries of its index name bytes that are in no file")
    return found, words


def _parts(data: npt.NDArray[np.uint8], count: int) -> Iterator[_Part]:
    """The rows of the index that are in use, file by file."""
    middle = _HEAD + count * _RECORD.itemsize
    records = data[_HEAD:middle].view(_RECORD)
    rows = data[middle:].view(_PART).reshape(count, _SEGMENTS)
    used = np.flatnonzero((records["channel"] != _UNUSED) & (records["count"] > 0))
    lowest = 0 if (records["channel"][used] == 0).any() else 1  # some count cameras from 0 [C]
    for file in used.tolist():
        record = records[file]
        own = rows[file][: min(int(record["count"]), _SEGMENTS)]
        channel = int(record["channel"]) + 1 - lowest
        kept = np.flatnonzero(own["start"] >= _EARLIEST).tolist()
        for row in kept:
            yield _Part(
                number=int(record["number"]),
                channel=channel if channel <= _LAST_CHANNEL else None,
                start_s=int(own["start"][row]),
                end_s=int(own["end"][row]),
                first=int(own["from"][row]),
                last=int(own["to"][row]),
                place=middle + (file * _SEGMENTS + row) * _PART.itemsize,
            )


def _shift(parts: Sequence[_Part], views: dict[int, ExtentsSource]) -> int:
    """What makes recorder time of the index's times: see `hikvision`; 0 where streams disagree."""
    usable = [one for one in parts if one.start_s < RECORDING and one.number in views]
    found: Counter[int] = Counter()
    for one in usable[:: max(len(usable) // _SAMPLES, 1)][:_SAMPLES]:
        shown = blocks.shown_ms(views[one.number], one.first)
        if shown is not None:
            found[round((shown - one.start_s * 1000) / _QUARTER_MS) * _QUARTER_MS] += 1
    return next(iter(found)) if len(found) == 1 else 0


def _claim(
    volume: str,
    one: _Part,
    extents: Sequence[Extent],
    entry: Extent,
    file: Claim | None,
    shift_ms: int,
) -> Claim:
    damage = None
    if one.start_s >= RECORDING or (not one.is_open and one.end_s < one.start_s):
        damage = "its times cannot be"
    elif not extents:
        damage = "it names bytes that are in no file"
    elif one.is_open:
        damage = "never closed"
    is_dated = damage != "its times cannot be"
    return Claim(
        volume=volume,
        kind=ClaimKind.INDEX,
        channel=one.channel,
        start_ms=one.start_s * 1000 + shift_ms if is_dated else None,
        end_ms=one.end_s * 1000 + shift_ms + 999 if is_dated and not one.is_open else None,
        extents=tuple(extents),
        entry=Extent(entry.start, entry.start + _PART.itemsize),
        name=None if file is None else file.name,
        damage=damage,
        open=one.is_open,
    )
