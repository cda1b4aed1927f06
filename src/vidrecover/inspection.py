"""Which key pictures of the footage are looked at, and what they show, segment by segment.

A segment is at most a minute long; its first, middle and last key picture tell whether the
recorder wrote its video-loss picture. Where a main and a sub stream show the same camera at the
same time, the main stream is enough.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor

import numpy as np

from vidrecover import picture
from vidrecover.catalogue import Look
from vidrecover.model import Codec, FrameFlag, Frames, Media, Segment, Source, Stream

_CODECS = frozenset({Codec.H264, Codec.H265, Codec.MJPEG, Codec.MPEG4})
_LARGEST_PICTURE = 4 << 20
_LACKING = int(FrameFlag.UNFINISHED | FrameFlag.END_UNPROVEN)


def inspect(
    segments: Iterable[Segment],
    unpack: Callable[[Segment], Frames],
    source: Source,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
) -> Iterator[Look]:
    """What the key pictures of each segment show, in order; segments without any are left out.

    segments: stored ones, without rows; unpack: gives their frames. A crash or hang of the
    decoder costs one segment, which is then NOT_CHECKED with that reason.
    """
    jobs = (job for one in segments if (job := _job(one, unpack, source)) is not None)
    for done in picture.check(jobs, executor, workers=workers):
        judged = done.judgement
        yield Look(
            segment_id=int(done.name),
            state=judged.state,
            certain=judged.certainty is picture.Certainty.CERTAIN,
            pictures=judged.judged,
            reason=judged.reason,
        )


def _job(
    segment: Segment, unpack: Callable[[Segment], Frames], source: Source
) -> picture.Job | None:
    """The key pictures of one segment to look at; None when it has no whole one."""
    worth = segment.keys and segment.codec in _CODECS and segment.stream is not Stream.SUB
    if not worth or segment.id is None:
        return None
    keys = _key_pictures(unpack(segment))
    if not keys:
        return None
    chosen = sorted({0, len(keys) // 2, len(keys) - 1})
    units = tuple(_payload(keys[place], source) for place in chosen)
    return picture.Job(name=str(segment.id), units=units, codec=segment.codec)


def _key_pictures(rows: Frames) -> list[Frames]:
    """The rows of each whole key picture, in playing order."""
    video = rows[(rows["kind"] == Media.KEY) | (rows["kind"] == Media.DELTA)]
    begins = np.flatnonzero((video["flags"] & int(FrameFlag.CONTINUES)) == 0)
    pictures = np.split(video, begins)[1:] if len(begins) else []
    return [
        one
        for one in pictures
        if one["kind"][0] == Media.KEY
        and not (one["flags"] & _LACKING).any()
        and int(one["payload_size"].sum(dtype=np.int64)) <= _LARGEST_PICTURE
    ]


def _payload(rows: Frames, source: Source) -> bytes:
    return b"".join(
        source.read(int(row["offset"]) + int(row["payload_offset"]), int(row["payload_size"]))
        for row in rows
    )
