"""`fragments.csv` read back, in batches of one clip, every value checked."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vidrecover.evidence._runs import KINDS, RUN_DTYPE, Runs
from vidrecover.evidence._tables import FRAGMENT_COLUMNS

_BATCH = 20_000
_MOST_LINE = 1 << 16
_SHA256 = re.compile("[0-9a-f]{64}")
_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}


class Batch(NamedTuple):
    """Rows of one clip that follow each other. line: of the first, from 1; seq: as written;
    sources: names that stand in them; wrong: sentences about rows that could not be taken."""

    clip: str
    line: int
    found: Runs
    digests: list[str]
    seq: list[int]
    sources: frozenset[str]
    wrong: list[str]


def batches(path: Path, size: int) -> Iterator[Batch]:
    """All rows in order; size: of the source, beyond which nothing can lie."""
    gathered: list[list[str]] = []
    first = 2
    for line, row in _lines(path):
        if gathered and (row[0] != gathered[0][0] or len(gathered) == _BATCH):
            yield _batch(gathered, first, size)
            gathered, first = [], line
        gathered.append(row)
    if gathered:
        yield _batch(gathered, first, size)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows with at least one column, and the line they stand in; the heading is passed over."""
    with path.open("rb") as file:
        line = 0
        while content := file.readline(_MOST_LINE):
            line += 1
            text = content.decode("utf-8", "replace").rstrip("\r\n")
            row = _cells(text)
            if line > 1:
                yield line, row
            elif tuple(row) != FRAGMENT_COLUMNS:
                yield line, ["", *row]


def _cells(text: str) -> list[str]:
    """The columns of a line; one empty column where it is none."""
    try:
        return next(csv.reader([text]), []) or [""]
    except csv.Error:
        return [""]


def _batch(rows: list[list[str]], line: int, size: int) -> Batch:
    taken: list[tuple[int, int, int, int, int]] = []
    digests: list[str] = []
    seq: list[int] = []
    wrong: list[str] = []
    for place, row in enumerate(rows):
        try:
            _, number, _, offset, length, digest, kind, first, last = row
            run = int(offset), int(length), _NUMBERS[kind], int(first), int(last)
            if run[0] < 0 or run[1] <= 0 or run[0] + run[1] > size or run[4] >> 62:
                raise ValueError("its place is not on the source")
            if run[3] < 0 or run[4] < 0 or not _SHA256.fullmatch(digest):
                raise ValueError("a value is impossible")
            seq.append(int(number))
        except (ValueError, KeyError) as error:
            wrong.append(f"line {line + place} is no row of it: {error}")
            continue
        taken.append(run)
        digests.append(digest)
    sources = frozenset(row[2] for row in rows if len(row) > 2)
    found = np.array(taken, dtype=RUN_DTYPE)
    return Batch(rows[0][0], line, found, digests, seq, sources, wrong)
