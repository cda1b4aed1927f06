"""What the two large tables of a package hold beside numbers and digests: all that can hide bytes.

A row of `fragments.csv` that is nothing but numbers, a digest and two names leaves its names, which
are few. A line of `frames.jsonl` whose table of frames, packed again, gives the same line leaves
its names too. Everything else is left as it stands.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from vidrecover import segments
from vidrecover.errors import EvidenceError
from vidrecover.evidence._tables import UNREADABLE, StoredSegment, frames_line, unpacked
from vidrecover.evidence._values import FRAGMENTS, FRAMES

_BLOCK = 1 << 20
_CELL = rb'((?:[^\r\n,"]{0,300})|(?:"(?:[^"\r\n]|""){0,300}"))'
_NUMBER = rb"\d{1,19}"
_ROW = re.compile(
    rb"^" + _CELL + rb"," + _NUMBER + rb"," + _CELL + rb"," + _NUMBER + rb"," + _NUMBER
    + rb",[0-9a-f]{64},(?:header|video|audio)," + _NUMBER + rb"," + _NUMBER + rb"\r\n",
    re.MULTILINE,
)  # fmt: skip


def of(root: Path, names: Sequence[str]) -> dict[str, bytes]:
    """By table that is among these files, what of it must be looked through."""
    ways = {FRAGMENTS: _fragments, FRAMES: _frames}
    return {name: way(root / name) for name, way in ways.items() if name in names}


def _lines(path: Path) -> Iterator[bytes]:
    """Whole lines, some thousands at a time."""
    with path.open("rb") as file:
        rest = b""
        while fresh := file.read(_BLOCK):
            whole, end, rest = (rest + fresh).rpartition(b"\n")
            yield whole + end
        yield rest


def _fragments(path: Path) -> bytes:
    words, left = set[bytes](), list[bytes]()
    for block in _lines(path):
        for row in set(_ROW.findall(block)):
            words.update(row)
        left.append(_ROW.sub(b"", block))
    return b"".join([*left, *(word + b"\n" for word in sorted(words))])


def _frames(path: Path) -> bytes:
    words, left = set[str](), list[bytes]()
    for block in _lines(path):
        for line in block.splitlines(keepends=True):
            stored = _again(line)
            if stored is None:
                left.append(line)
            else:
                values = (stored.proof, *msgspec.structs.astuple(stored.segment))
                words |= {stored.clip, *(one for one in values if isinstance(one, str))}
    return b"".join([*left, *(f"{word}\n".encode() for word in sorted(words))])


def _again(line: bytes) -> StoredSegment | None:
    """What the line says, if it is exactly how such a line is written."""
    try:
        stored = msgspec.json.decode(line, type=StoredSegment)
        rows = segments.pack(unpacked(stored.segment))
    except (EvidenceError, *UNREADABLE):
        return None
    return stored if frames_line(stored.clip, stored.segment, rows, stored.proof) == line else None
