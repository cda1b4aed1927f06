"""Copies of one camera's footage on several media: which to take, second by second.

The rule: pictures are the same when whole key pictures of a second agree byte for byte; what was
not compared goes as the last key picture before it, within ten seconds. Of copies of the same
pictures the one with the most whole frames in a second is taken, and kept while no other has
more; where the medium must change, that with the longest way to go is taken, the earlier named
one of equals. Pictures that differ are conflicts, and those that could not be compared are told:
neither replaces the other, so the best copy of each is taken.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.model import RecorderMs, TimeSpan

_SECOND_MS = 1000
_REACH = 10  # seconds for which a key picture speaks [C]
_UNKNOWN, _SAME, _OTHER = -1, 1, 0

_Column = npt.NDArray[np.int64]


class Copy(NamedTuple):
    """What one medium holds of a camera, in one stream, format and codec.

    seconds: of the recorder, ascending, each once; frames: whole ones in each of them; keys:
    digests of whole key pictures by their time, in order of time; only those of seconds that
    another copy has are asked for.
    """

    seconds: _Column
    frames: _Column
    keys: Mapping[RecorderMs, frozenset[bytes]]


class Taken(NamedTuple):
    """A stretch that is taken from a copy. alike, other, unsure: seconds by number of another
    copy that holds the same pictures, different ones, or some that could not be compared."""

    span: TimeSpan
    alike: Mapping[int, int]
    other: Mapping[int, int]
    unsure: Mapping[int, int]


def chosen(copies: Sequence[Copy]) -> list[list[Taken]]:
    """What is taken from each copy, in order of time; together no second is left out."""
    seconds = np.unique(np.concatenate([one.seconds for one in copies]))
    counts = np.zeros((len(copies), len(seconds)), dtype=np.int64)
    for row, one in zip(counts, copies, strict=True):
        row[np.searchsorted(seconds, one.seconds)] = one.frames
    verdicts = {
        (i, j): _verdicts(copies[i], copies[j], seconds, (counts[i] > 0) & (counts[j] > 0))
        for i, j in combinations(range(len(copies)), 2)
    }
    lanes = _lanes(counts, verdicts)
    found: list[list[tuple[int, int]]] = [[] for _ in copies]
    for lane in range(len(copies)):
        for number, first, last in _walk(counts * (lanes == lane), seconds):
            found[number].append((first, last))
    return [
        [_taken(number, one, seconds, counts, verdicts) for one in _merged(ranges, seconds)]
        for number, ranges in enumerate(found)
    ]


def _verdicts(one: Copy, other: Copy, seconds: _Column, both: npt.NDArray[np.bool_]) -> _Column:
    """Of every second that both have, whether their pictures are the same."""
    found = np.full(len(seconds), _UNKNOWN, dtype=np.int64)
    own, theirs = _by_second(one.keys), _by_second(other.keys)
    for second in own.keys() & theirs.keys():
        place = int(np.searchsorted(seconds, second))
        near = theirs[second] | theirs.get(second - 1, set()) | theirs.get(second + 1, set())
        found[place] = _SAME if own[second] & near else _OTHER
    told = np.flatnonzero(found != _UNKNOWN)
    if len(told):
        asked = np.flatnonzero(both & (found == _UNKNOWN))
        before = told[np.maximum(np.searchsorted(told, asked, "right") - 1, 0)]
        after = told[np.minimum(np.searchsorted(told, asked), len(told) - 1)]
        for beside in (after, before):
            near = np.abs(seconds[asked] - seconds[beside]) <= _REACH
            found[asked[near]] = found[beside[near]]
    found[~both] = _UNKNOWN
    return found


def _by_second(keys: Mapping[RecorderMs, frozenset[bytes]]) -> dict[int, set[bytes]]:
    found: dict[int, set[bytes]] = {}
    for time_ms, digests in keys.items():
        found.setdefault(time_ms // _SECOND_MS, set()).update(digests)
    return found


def _lanes(counts: _Column, verdicts: Mapping[tuple[int, int], _Column]) -> _Column:
    """For each copy and second, of which of the different pictures it has a copy: those of the
    first copy are number 0; -1 without footage."""
    own = np.arange(len(counts))[:, None]
    leaders = np.where(counts > 0, own, -1)
    for (i, j), verdict in sorted(verdicts.items()):
        joins = (verdict == _SAME) & (leaders[j] == j)
        leaders[j] = np.where(joins, leaders[i], leaders[j])
    ranks = np.cumsum(leaders == own, axis=0) - 1
    ranked = np.take_along_axis(ranks, np.maximum(leaders, 0), axis=0)
    return np.where(leaders >= 0, ranked, -1)


def _walk(counts: _Column, seconds: _Column) -> list[tuple[int, int, int]]:
    """Number of the copy, first and last place, of stretches of one lane that are taken."""
    best = (counts > 0) & (counts == counts.max(axis=0))
    places = np.flatnonzero(best.any(axis=0))
    if not len(places):
        return []
    marks = best[:, places]
    changes = (marks[:, 1:] != marks[:, :-1]).any(axis=0) | (np.diff(seconds[places]) != 1)
    firsts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    lasts = np.append(firsts[1:], len(places)) - 1
    runs = [frozenset(np.flatnonzero(marks[:, one]).tolist()) for one in firsts.tolist()]
    found: list[tuple[int, int, int]] = []
    for at, (first, last) in enumerate(zip(firsts.tolist(), lasts.tolist(), strict=True)):
        begin, end = int(places[first]), int(places[last])
        number = found[-1][0] if found else -1
        follows = bool(found) and seconds[found[-1][2]] + 1 == seconds[begin]
        if number in runs[at] and follows:
            found[-1] = (number, found[-1][1], end)
        else:
            if number not in runs[at]:
                number = max(runs[at], key=lambda one: (_way(runs, at, one), -one))
            found.append((number, begin, end))
    return found


def _merged(ranges: Sequence[tuple[int, int]], seconds: _Column) -> list[tuple[int, int]]:
    """First and last places in order; those of seconds behind each other in one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and seconds[found[-1][1]] + 1 >= seconds[first]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _way(runs: Sequence[frozenset[int]], at: int, number: int) -> int:
    """For how many more runs a copy stays among the best."""
    end = at
    while end < len(runs) and number in runs[end]:
        end += 1
    return end - at


def _taken(
    number: int,
    places: tuple[int, int],
    seconds: _Column,
    counts: _Column,
    verdicts: Mapping[tuple[int, int], _Column],
) -> Taken:
    first, last = places
    inside = slice(first, last + 1)
    told: list[dict[int, int]] = [{}, {}, {}]
    for pair, verdict in verdicts.items():
        if number in pair:
            (beside,) = {*pair} - {number}
            both = counts[list(pair), inside].all(axis=0)
            for kind, value in zip(told, (_SAME, _OTHER, _UNKNOWN), strict=True):
                if count := int((both & (verdict[inside] == value)).sum()):
                    kind[beside] = count
    span = TimeSpan(int(seconds[first]) * _SECOND_MS, (int(seconds[last]) + 1) * _SECOND_MS)
    return Taken(span, *told)
