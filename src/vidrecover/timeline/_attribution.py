"""Footage whose bytes name no camera gets the one that the recorder's records name for it."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Protocol

import msgspec

from vidrecover.extents import merged, minus
from vidrecover.model import LISTED, Claim, ClaimKind, Extent, Segment, Stream, TimeSpan
from vidrecover.timeline._dating import dated
from vidrecover.timeline._filetimes import by_name
from vidrecover.timeline._places import FILES, Index
from vidrecover.timeline._witnesses import claimed

_SECOND_MS = 1000
_LONGEST_FILE_MS = 7_200_000  # a file whose name tells its beginning alone is no longer [C]
_MOST_BORDERS = 64  # of claims inside one segment, in a hostile index


class Rows(Protocol):
    """What must be known of the frames of a segment, which comes without them."""

    def cut(self, segment: Segment, places: Sequence[int]) -> Iterable[Segment]:
        """The segment cut before the frames that begin at or behind each of the places, which
        are absolute, ascending and inside it."""
        ...

    def ends(self, segment: Segment) -> tuple[int, int]:
        """Where a glued frame's first piece begins, and its last one ends."""
        ...

    def ticks(self, segment: Segment) -> TimeSpan | None:
        """The counter at its first and last picture, in milliseconds; None: there is none."""
        ...


def attributed(
    segments: Iterable[Segment], claims: Sequence[Claim], rows: Rows | None = None
) -> list[Segment]:
    """The segments, those of unknown camera with the camera that the recorder names for them.

    A camera is taken over only when the claims that name the segment's bytes and agree with its
    time, listed ones before others, name one camera and no second; claims without a time, or
    frames without one, only for listed claims. [C] Such segments are `named_by_claim`. Where the
    claims of two cameras meet inside a segment, or named bytes end in it, it is cut there first.
    Footage that a glued frame proves to go on in a named fragment has that one's camera.
    In the same way the records tell whether it is the main stream or the sub stream. Segments with
    a counter alone get the time of their file's name, see `by_name`; those without
    a time between dated ones of the same claim get theirs, see `dated`.
    """
    index = Index(claim for claim in claims if claim.channel is not None)
    found: list[Segment] = []
    for segment in segments:
        if segment.channel is not None:
            found.append(segment)
            continue
        naming = index.naming(segment)
        places = _borders(segment, naming) if rows is not None and naming else []
        if not places or rows is None:
            found.append(_attributed(segment, naming))
            continue
        found += [_attributed(part, index.naming(part)) for part in rows.cut(segment, places)]
    if rows is None:
        return dated(found, claims)
    named = by_name(_linked(found, claims, rows), claims, rows.ticks)
    return dated(named.segments, claims, named.foreign)


def divided(segments: Iterable[Segment], claims: Sequence[Claim], rows: Rows) -> Iterator[Segment]:
    """The segments of known cameras, cut where the bytes of a file that is listed and closed meet
    those of one that is not: a recorder that lost power goes on in a file that it never closes; and
    where those of a main and a sub stream meet, each with the stream that the names tell. Where the
    table does not tell the bytes of an unclosed file, each closed one's end cuts them, too."""
    unclosed = [claim for claim in claims if claim.open and claim.kind in FILES]
    if not unclosed and all(claim.stream is Stream.UNKNOWN for claim in claims):
        yield from segments
        return
    is_lost = any(not claim.extents for claim in unclosed)
    files = Index(claim for claim in claims if claim.kind in FILES)
    for segment in segments:
        naming = files.naming(segment)
        is_mixed = len({(claim.kind, claim.open, claim.stream) for claim in naming}) > 1
        places = _borders(segment, naming) if is_mixed else []
        if is_lost and not is_mixed and not segment.joined:
            own = (c for c in naming if c.extents and not c.open and c.kind is ClaimKind.FILE)
            ends = {claim.extents[-1].end for claim in own}
            places = sorted(end for end in ends if segment.start < end < segment.end)
        for part in rows.cut(segment, places) if places else [segment]:
            yield _streamed(part, files.naming(part) if places else naming)


def _borders(segment: Segment, naming: Sequence[Claim]) -> list[int]:
    """Where, inside a segment, the claims that name its bytes begin or end, unless all name all
    of it."""
    whole = Extent(segment.start, segment.end)
    if segment.joined or all(not minus([whole], merged(claim.extents)) for claim in naming):
        return []
    edges = {place for claim in naming for extent in claim.extents for place in extent}
    return sorted(place for place in edges if segment.start < place < segment.end)[:_MOST_BORDERS]


def _attributed(segment: Segment, naming: Sequence[Claim]) -> Segment:
    fitting = _fitting(segment, naming)
    channels = {claim.channel for claim in fitting}
    if len(channels) != 1:
        return segment
    named = msgspec.structs.replace(segment, channel=channels.pop(), named_by_claim=True)
    return _streamed(named, fitting)


def _fitting(segment: Segment, naming: Sequence[Claim]) -> list[Claim]:
    """The claims that agree with a segment's time, the listed ones alone where there are any."""
    listed = [c for c in naming if c.kind in LISTED and _agrees(segment, c) is not False]
    return listed or [c for c in naming if c.kind not in LISTED and _agrees(segment, c)]


def _streamed(segment: Segment, naming: Sequence[Claim]) -> Segment:
    """The segment with the one stream that the claims of its camera name, if it tells none."""
    own = [claim for claim in naming if claim.channel == segment.channel]
    streams = {claim.stream for claim in _fitting(segment, own)}
    if segment.stream is not Stream.UNKNOWN or len(streams) != 1:
        return segment
    return msgspec.structs.replace(segment, stream=streams.pop())


def _linked(segments: list[Segment], claims: Sequence[Claim], rows: Rows) -> list[Segment]:
    """The segments, those of unknown camera with the one camera of the footage that they touch
    away from the borders of claims, or that glued frames link them to over any number of
    fragments."""
    if all(one.channel is not None or one.joined for one in segments):
        return segments
    glued = [place for place, one in enumerate(segments) if one.joined]
    ends = {(s.format, s.end): place for place, s in enumerate(segments) if not s.joined}
    starts = {(s.format, s.start): place for place, s in enumerate(segments) if not s.joined}
    group = list(range(len(segments)))
    for place in glued:
        one = segments[place]
        first, last = rows.ends(one)
        for other in (ends.get((one.format, first)), starts.get((one.format, last))):
            if other is not None:
                group[_root(group, other)] = _root(group, place)
    borders = {place for claim in claims for extent in claim.extents for place in extent}
    for (name, start), place in starts.items():
        beside = ends.get((name, start))
        if beside is not None and start not in borders:
            group[_root(group, place)] = _root(group, beside)
    channels: dict[int, set[int | None]] = {}
    for place, one in enumerate(segments):
        if one.named_by_claim:
            channels.setdefault(_root(group, place), set()).add(one.channel)
    found = list(segments)
    for place, one in enumerate(segments):
        own = channels.get(_root(group, place), set())
        if one.channel is None and len(own) == 1:
            (channel,) = own
            found[place] = msgspec.structs.replace(one, channel=channel, named_by_claim=True)
    return found


def _root(group: list[int], place: int) -> int:
    """The one that stands for a group, paths to it halved."""
    while group[place] != place:
        group[place] = group[group[place]]
        place = group[place]
    return place


def _agrees(segment: Segment, claim: Claim) -> bool | None:
    """Whether the times agree to a second; None when one of both has none."""
    span = claimed(claim)
    if span is None or segment.start_ms is None or segment.end_ms is None:
        return None
    if claim.open:
        return segment.end_ms >= span.start_ms - _SECOND_MS
    if claim.kind in FILES and claim.end_ms is None:
        span = TimeSpan(span.start_ms, span.start_ms + _LONGEST_FILE_MS)
    return (
        segment.start_ms < span.end_ms + _SECOND_MS and segment.end_ms >= span.start_ms - _SECOND_MS
    )


def parts(segment: Segment, places: Sequence[int]) -> list[Extent]:
    """The bytes between the borders: what `Rows.cut` hands to each of its parts."""
    return [Extent(*pair) for pair in pairwise([segment.start, *places, segment.end])]
