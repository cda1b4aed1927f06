"""`fragments.csv` read back, in batches of one clip, every value checked."""

import csv
import re
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vidrecover.evidence._runs import KINDS, RUN_DTYPE, Runs
from vidrecover.evidence._tables import FRAGMENT_COLUMNS

_BLOCK = 1 << 20
_MOST_LINE = 1 << 16
_HEX = re.compile("[0-9a-f]*")
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
    line = 1
    for text in _blocks(path):
        lines = text.count("\n") + (not text.endswith("\n"))
        yield from _by_columns(text, line, size) or _by_rows(text, line, size)
        line += lines


def _by_rows(text: str, line: int, size: int) -> Iterator[Batch]:
    """Batches of lines of which some are not as they are written."""
    rows = _table(text.removesuffix("\n").split("\n"))
    first = 0
    if line == 1 and tuple(rows[0]) == FRAGMENT_COLUMNS:
        first = 1
    for _, group in groupby(rows[first:], key=itemgetter(0)):
        part = list(group)
        yield _batch(part, line + first, size)
        first += len(part)


def _by_columns(text: str, line: int, size: int) -> list[Batch] | None:
    """Batches of lines that are all right; None where one of them must be looked at."""
    count, width = text.count("\n"), len(FRAGMENT_COLUMNS) + 1
    cells = text.replace("\r\n", ",\n,").split(",")
    ends = cells[width - 1 :: width]
    if '"' in text or len(cells) != width * count + 1 or cells[-1] or ends.count("\n") != count:
        return None
    columns = [cells[number:-1:width] for number in range(width - 1)]
    if line == 1 and tuple(one[0] for one in columns) == FRAGMENT_COLUMNS:
        columns, line = [one[1:] for one in columns], 2
    found, first = list[Batch](), 0
    for clip, end in _ends(columns[0]):
        batch = _quickly(clip, [one[first:end] for one in columns], line + first, size)
        if batch is None:
            return None
        found.append(batch)
        first = end
    return found


def _ends(clips: list[str]) -> Iterator[tuple[str, int]]:
    """Each clip with the number of the row behind its last."""
    place = 0
    while place < len(clips):
        clip = clips[place]
        if clips[-1] == clip and clips.count(clip) == len(clips) - place:
            place = len(clips)
        while place < len(clips) and clips[place] == clip:
            place += 1
        yield clip, place


def _blocks(path: Path) -> Iterator[str]:
    """Whole lines of the file, some thousands at a time; endless ones in pieces."""
    with path.open("rb") as file:
        rest = b""
        while fresh := file.read(_BLOCK):
            whole, end, rest = (rest + fresh).rpartition(b"\n")
            if not end and len(rest) > _MOST_LINE:
                whole, rest = rest, b""
            if whole or end:
                yield (whole + end).decode("utf-8", "replace")
        if rest:
            yield rest.decode("utf-8", "replace")


def _table(lines: list[str]) -> list[list[str]]:
    """The columns of each line; one empty column where it is no row of a table."""
    if not any('"' in one for one in lines):
        return [one.rstrip("\r").split(",") for one in lines]
    return [_cells(one.rstrip("\r")) for one in lines]


def _cells(text: str) -> list[str]:
    """The columns of a line; one empty column where it is none."""
    try:
        return next(csv.reader([text]), []) or [""]
    except csv.Error:
        return [""]


def _quickly(clip: str, columns: list[list[str]], line: int, size: int) -> Batch | None:
    """A batch of these columns; None where a row of it must be looked at."""
    try:
        _, seq, sources, offset, length, digests, kind, first, last = columns
        found = np.empty(len(seq), dtype=RUN_DTYPE)
        for name, texts in (
            ("offset", offset),
            ("length", length),
            ("first", first),
            ("last", last),
        ):
            found[name] = np.array(list(map(int, texts)), dtype=np.int64)
        found["kind"] = [_NUMBERS[one] for one in kind]
        numbers = list(map(int, seq))
    except (ValueError, KeyError, OverflowError):
        return None
    where, much = found["offset"], found["length"]
    right = (where >= 0) & (much > 0) & (much <= size) & (where <= size - much)
    right &= (found["first"] >= 0) & (found["last"] >= 0) & (found["last"] >> 62 == 0)
    sound = set(map(len, digests)) == {64} and _HEX.fullmatch("".join(digests))
    if not right.all() or not sound:
        return None
    return Batch(clip, line, found, digests, numbers, frozenset(sources), [])


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
            if run[3] < 0 or run[3] >> 62 or run[4] < 0 or not _SHA256.fullmatch(digest):
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
