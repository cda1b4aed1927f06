"""The proofs of frames that were put together over borders, told where they are used."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from vidrecover.model import Clip, Joins, Recording, Seam


def counted(seams: Iterable[Seam]) -> Iterator[Joins]:
    """The seams by proof or doubt, the most frequent first."""
    counts = Counter((one.joined, one.words) for one in seams)
    for (joined, words), frames in counts.most_common():
        yield Joins(joined=joined, frames=frames, words=words)


def proofs(seams: Iterable[Seam]) -> dict[int, str]:
    """The proof of each frame that was put together, by the place of its first byte."""
    return {one.start: one.words for one in seams if one.joined}


def of_clip(clip: Clip, recording: Recording, known: Mapping[int, str]) -> list[str]:
    """Notes for a clip: what proves the frames in it that were put together.

    recording: what the clip was made of; known: see `proofs`.
    """
    counts: Counter[str] = Counter()
    for one in recording.segments:
        words = known.get(one.start) if one.joined else None
        is_outside = None not in (clip.from_ms, clip.to_ms, one.start_ms) and not (
            clip.from_ms or 0
        ) <= (one.start_ms or 0) < (clip.to_ms or 0)
        if words is not None and not is_outside:
            counts[words] += 1
    return [f"of the frames put together {n:,}: {words}" for words, n in counts.most_common()]
