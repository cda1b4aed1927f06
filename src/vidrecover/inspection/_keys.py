"""The key pictures of a segment: where they stand, when they are, what a decoder needs of them."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover import nal, picture
from vidrecover.formats import Format
from vidrecover.model import (
    NO_TIME,
    Codec,
    FrameFlag,
    Frames,
    Media,
    Segment,
    Source,
    Stream,
    TimeSpan,
    Track,
)
from vidrecover.segments import resolved

_CODECS = frozenset({Codec.H264, Codec.H265, Codec.MJPEG, Codec.MPEG4, Codec.UNKNOWN})
"""Of an unknown one is asked only whether it is a coded picture at all."""
_LARGEST_PICTURE = 4 << 20
_MOMENT_MS = 5000  # without the main stream, for which the sub stream is not looked at
_MOST_BESIDE = 64  # segments of a camera that overlap
_LACKING = int(FrameFlag.UNFINISHED | FrameFlag.END_UNPROVEN)


class Keys(NamedTuple):
    """The whole key pictures of a segment in playing order. times: RecorderMs, rising, within
    the segment; undated ones all 0. track: how those of a container are decoded; enciphered: see
    `formats.Framing`."""

    segment: Segment
    rows: list[Frames]
    times: npt.NDArray[np.int64]
    track: Track | None
    enciphered: int


def keys_of(
    segment: Segment,
    unpack: Callable[[Segment], Frames],
    formats: Mapping[str, Format],
    tracks: Mapping[int, Track],
) -> Keys | None:
    """The key pictures of a segment that can be looked at; None when it has no whole one."""
    worth = (segment.keys or is_blind(segment)) and segment.codec in _CODECS
    if not worth or segment.id is None:
        return None
    rows = unpack(segment)
    times = _times(segment, rows, formats)
    found = key_pictures(rows, blind=is_blind(segment))
    if not found:
        return None
    track = tracks.get(segment.track or 0)
    own = formats.get(segment.format)
    return Keys(
        segment,
        [rows[places] for places in found],
        times[[one[0] for one in found]],
        track,
        0 if own is None else own.framing.enciphered,
    )


def is_blind(segment: Segment) -> bool:
    """Whether nothing in the pictures of a segment can be read, not even which are key ones."""
    return segment.codec is Codec.UNKNOWN and not segment.keys


def needless(segments: Iterable[Segment]) -> frozenset[int]:
    """Ids of the segments of sub streams beside which the same camera's main stream is, so that
    nobody need look at them."""
    large: dict[int | None, list[TimeSpan]] = {}
    small: list[Segment] = []
    for one in segments:
        if one.stream is Stream.SUB:
            small.append(one)
        elif one.keys and one.start_ms is not None and one.end_ms is not None:
            large.setdefault(one.channel, []).append(TimeSpan(one.start_ms, one.end_ms))
    spans = {channel: sorted(found) for channel, found in large.items()}
    return frozenset(
        one.id
        for one in small
        if one.id is not None and _is_beside(one, spans.get(one.channel, ()))
    )


def _is_beside(one: Segment, spans: Sequence[TimeSpan]) -> bool:
    """Whether footage leaves no more than a moment of a segment without it; spans: ordered."""
    if one.start_ms is None or one.end_ms is None:
        return False
    at_ms = one.start_ms
    first = max(bisect_right(spans, (at_ms + _MOMENT_MS, 0)) - _MOST_BESIDE, 0)
    for start_ms, end_ms in spans[first:]:
        if start_ms > at_ms + _MOMENT_MS:
            break
        at_ms = max(at_ms, end_ms)
    return at_ms + _MOMENT_MS >= one.end_ms


def span_of(keys: Keys) -> tuple[int | None, int | None]:
    """From the first key picture to the last frame, where they have a time."""
    start_ms = None if keys.segment.start_ms is None else int(keys.times[0])
    return start_ms, keys.segment.end_ms


def _times(segment: Segment, rows: Frames, formats: Mapping[str, Format]) -> npt.NDArray[np.int64]:
    """Times of the rows: rising, and in the segment's own span, whose ends are known better."""
    if segment.start_ms is None or segment.end_ms is None:
        return np.zeros(len(rows), dtype=np.int64)
    times = rows["time_ms"].astype(np.int64)
    if segment.format in formats:
        times = resolved(rows, formats[segment.format])[0]
    dated = times != NO_TIME
    if dated.any():
        times[dated] += segment.start_ms - times[dated].min()
    times[~dated] = segment.start_ms
    rising: npt.NDArray[np.int64] = np.maximum.accumulate(np.minimum(times, segment.end_ms))
    return rising


def key_pictures(rows: Frames, *, blind: bool = False) -> list[npt.NDArray[np.int64]]:
    """Where the rows of each whole key picture stand, in playing order; blind: of each picture
    whose end is proven, whatever its bytes lack."""
    is_key = rows["kind"] == int(Media.KEY)
    places = np.flatnonzero(is_key | (rows["kind"] == int(Media.DELTA)))
    begins = np.flatnonzero((rows["flags"][places] & int(FrameFlag.CONTINUES)) == 0)
    ends = np.append(begins[1:], len(places))
    keys = np.flatnonzero(is_key[places[begins]] | np.bool_(blind))
    found = (places[begins[key] : ends[key]] for key in keys.tolist())
    lacking = int(FrameFlag.END_UNPROVEN) if blind else _LACKING
    return [
        one
        for one in found
        if not (rows["flags"][one] & lacking).any()
        and int(rows["payload_size"][one].sum(dtype=np.int64)) <= _LARGEST_PICTURE
    ]


def job_of(
    keys: Keys, chosen: Sequence[int], source: Source, *, still: bool = False
) -> picture.Job:
    """What a decoder is asked about some of the key pictures; still: a JPEG of the middle one is
    wanted, too."""
    units = tuple(payload(keys.rows[place], source) for place in chosen)
    track = keys.track
    if track is not None and track.lengths:
        units = tuple(nal.annexb(one, track.lengths) or b"" for one in units)
    wanted = len(chosen) // 2 if still else None
    name = str(keys.segment.id)
    return picture.Job(
        name=name,
        units=units,
        codec=keys.segment.codec,
        parameter_sets=track.sets if track is not None else b"",
        still=wanted,
        enciphered=keys.enciphered,
    )


def payload(rows: Frames, source: Source) -> bytes:
    """The bytes of a frame without its headers, over all its rows."""
    return b"".join(
        source.read(int(row["offset"]) + int(row["payload_offset"]), int(row["payload_size"]))
        for row in rows
    )
