"""Whether a content-free package holds anything of the pictures, the sound or the route.

Every file is looked through as it is, and where it hides other bytes: base64, hexadecimal,
deflate, inside each other. Found are runs of the recorder's bytes of at least 32 in which every 16
have three different values or more; anything that a decoder would take for a picture; and pairs
of coordinates that are finer than asked for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.evidence import _layers, _remains, _runs
from vidrecover.evidence._rows import batches
from vidrecover.evidence._runs import Runs
from vidrecover.evidence._values import FRAGMENTS
from vidrecover.model import Extent, Source

SHORTEST = 32
"""Bytes of the shortest run that counts."""

DECIMALS = 2
"""Of degrees that may be told: about a kilometre."""

_BLOCK = 16
_STEP = 4 << 20
_MOST_BITS = 26
_WAITING = 20_000
_MOST = 50
_SMALL = 8 << 20
_PIECE = 1 << 20  # bytes whose windows are looked at together
_VALUES = 3
_HIGH = np.uint64(0x8080808080808080)
_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_SHIFT = np.uint64(29)

Column = npt.NDArray[Any]


class Leak(NamedTuple):
    """What was found, and in which file of the package."""

    file: str
    what: str


class _Seen(NamedTuple):
    """A block of the recorder's bytes with what stands around it."""

    before: bytes
    block: bytes
    after: bytes


def of_package(
    root: Path, names: Sequence[str], source: Source | None, decimals: int = DECIMALS
) -> list[Leak]:
    """The same for a package whose table of fragments says what must not be there."""
    size = source.size if source is not None else 0
    tables = (one.found for one in batches(root / FRAGMENTS, size) if len(one.found))
    instead = _remains.of(root, names)
    return find(root, names, tables if source is not None else (), source, decimals, instead)


def find(
    root: Path,
    names: Sequence[str],
    tables: Iterable[Runs],
    source: Source | None,
    decimals: int,
    instead: Mapping[str, bytes] | None = None,
) -> list[Leak]:
    """All that must not be in these files, at most some dozens.

    tables: runs of the recorder's bytes that must not be there, read from the source; without a
    source only pictures and coordinates are looked for. decimals: of degrees that are allowed;
    instead: see `_layers.of`.
    """
    found = [
        Leak(layer.file, what)
        for layer in _layers.of(root, names, instead)
        for what in (*_layers.pictures(layer), *_layers.coordinates(layer, decimals))
    ]
    if source is not None:
        found += _Search(root, names, instead or {}).run(_stream(tables, source))
    return list(dict.fromkeys(found))[:_MOST]


def _stream(tables: Iterable[Runs], source: Source) -> Iterator[bytes]:
    """The recorder's bytes in pieces of some MiB, each beginning with the end of the last."""
    gathered, size, tail = list[bytes](), 0, b""
    refused: list[Extent] = []
    for found in tables:
        for group in _runs.read(found, source, refused):
            gathered.append(bytes(group.whole))
            size += len(gathered[-1])
            if size >= _STEP:
                whole = tail + b"".join(gathered)
                yield whole
                gathered, size, tail = [], 0, whole[-4 * SHORTEST :]
        refused.clear()
    if gathered:
        yield tail + b"".join(gathered)


class _Hashes:
    """A set of hashes, quick to ask for many at once."""

    def __init__(self, ordered: Column) -> None:
        self._ordered = ordered
        bits = min(max(len(ordered).bit_length() + 3, 16), _MOST_BITS)
        self._shift = np.uint64(64 - bits)
        self._likely = np.zeros(1 << bits, dtype=bool)
        self._likely[ordered >> self._shift] = True

    def among(self, hashes: Column) -> Column:
        """Places of those that are in the set, ascending."""
        places = np.flatnonzero(self._likely[hashes >> self._shift])
        if not len(places):
            return places
        wanted = hashes[places]
        at = np.minimum(np.searchsorted(self._ordered, wanted), len(self._ordered) - 1)
        found: Column = places[self._ordered[at] == wanted]
        return found


class _Search:
    """Looks for the recorder's bytes in the files: by hash, then byte by byte."""

    def __init__(self, root: Path, names: Sequence[str], instead: Mapping[str, bytes]) -> None:
        self._root, self._names, self._instead = root, names, instead
        sizes = {name: (root / name).stat().st_size for name in names}
        total = sum((sizes | {name: len(data) for name, data in instead.items()}).values())
        self._whole = total <= _SMALL
        self._known = _Hashes(self._index())
        self._waiting: list[_Seen] = []
        self._found: list[Leak] = []

    def _index(self) -> Column:
        """Hashes of all windows of the files; of large ones only those that are not ASCII."""
        parts = [np.zeros(0, dtype=np.uint64)]
        for layer in _layers.of(self._root, self._names, self._instead):
            for place in range(0, len(layer.data), _PIECE):
                hashes, ascii_ = _windows(layer.data[place : place + _PIECE + _BLOCK - 1])
                parts.append(np.unique(hashes if self._whole else hashes[~ascii_]))
        found: Column = np.concatenate(parts)
        found.sort()
        return found

    def run(self, stream: Iterable[bytes]) -> list[Leak]:
        """The leaks, the same run maybe more than once."""
        for data in stream:
            self._take(data)
            if len(self._found) >= _MOST:
                break
        self._compare()
        return self._found

    def _take(self, data: bytes) -> None:
        """Keeps the blocks of the recorder's bytes that may stand in a file."""
        count = len(data) // _BLOCK
        halves = np.frombuffer(data, "<u8", 2 * count).reshape(count, 2)
        hashes = _hash(halves[:, 0], halves[:, 1])
        chosen = self._known.among(hashes)
        if not self._whole:
            plain = ((halves[:, 0] | halves[:, 1]) & _HIGH) == 0
            chosen = np.union1d(chosen, np.flatnonzero(plain))
        blocks = np.sort(np.frombuffer(data, "u1", count * _BLOCK).reshape(count, _BLOCK)[chosen])
        values = 1 + (blocks[:, 1:] != blocks[:, :-1]).sum(axis=1)
        for place in (chosen[values >= _VALUES] * _BLOCK).tolist():
            block = data[place : place + _BLOCK]
            before = data[max(place - _BLOCK, 0) : place]
            after = data[place + _BLOCK : place + 3 * _BLOCK]
            self._waiting.append(_Seen(before, block, after))
            if len(self._waiting) >= _WAITING:
                self._compare()

    def _compare(self) -> None:
        """The blocks that wait, byte by byte against the files."""
        blocks: dict[bytes, list[_Seen]] = {}
        for one in dict.fromkeys(self._waiting):
            blocks.setdefault(one.block, []).append(one)
        self._waiting.clear()
        if not blocks:
            return
        wanted = _Hashes(np.unique(np.concatenate([_windows(block)[0] for block in blocks])))
        for layer in _layers.of(self._root, self._names, self._instead):
            for place in _places(layer.data, wanted):
                seen = blocks.get(layer.data[place : place + _BLOCK], ())
                length = max((_length(layer.data, place, one) for one in seen), default=0)
                if length >= SHORTEST:
                    what = f"holds bytes of the recording at {layer.place + place}{layer.how}"
                    self._found.append(Leak(layer.file, what))
                    if len(self._found) >= _MOST:
                        return


def _places(data: bytes, wanted: _Hashes) -> Iterator[int]:
    """Where windows begin whose hashes are wanted."""
    for start in range(0, len(data), _PIECE):
        hashes, _ = _windows(data[start : start + _PIECE + _BLOCK - 1])
        yield from (wanted.among(hashes) + start).tolist()


def _length(data: bytes, place: int, one: _Seen) -> int:
    """How long the run around a block is that both have, as far as it matters."""
    before = 0
    while before < len(one.before) and before < place:
        if data[place - before - 1] != one.before[-before - 1]:
            break
        before += 1
    behind, start = 0, place + _BLOCK
    while behind < len(one.after) and start + behind < len(data):
        if data[start + behind] != one.after[behind]:
            break
        behind += 1
    return before + _BLOCK + behind


def _windows(data: bytes) -> tuple[Column, npt.NDArray[np.bool_]]:
    """Hash of the 16 bytes from each position on, and whether all of them are ASCII."""
    count = len(data) - _BLOCK + 1
    if count <= 0:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=bool)
    first: Column = np.ndarray((count,), "<u8", data, 0, (1,))
    second: Column = np.ndarray((count,), "<u8", data, 8, (1,))
    return _hash(first, second), ((first | second) & _HIGH) == 0


def _hash(first: Column, second: Column) -> Column:
    found: Column = first * _FIRST + (second ^ (first >> _SHIFT)) * _SECOND
    return found
