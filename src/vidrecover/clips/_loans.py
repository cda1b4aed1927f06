"""What frames need beside their own bytes to become a clip: sets, lengths, how sound is coded."""

from typing import NamedTuple

from vidrecover.model import Sound, Track


class Borrowed(NamedTuple):
    """Parameter sets for key frames that carry none, and what else is told outside of the frames.

    units: with start codes, maybe none; origin: where they were found, in words; foreign: they
    are of another recording, which makes a clip damaged. lengths: bytes of the length before
    each NAL unit, 0 where the frames themselves must tell. sound: how it is coded; notes: for
    the clips.
    """

    units: bytes
    origin: str
    foreign: bool
    lengths: int = 0
    sound: Sound | None = None
    notes: tuple[str, ...] = ()


def of_container(track: Track) -> Borrowed:
    """What a container file says of one of its streams."""
    place = "the file's own index"
    if track.sets_at is not None:
        place += f" (offset {track.sets_at.start}, {track.sets_at.size} bytes)"
    return Borrowed(track.sets, place, False, track.lengths, track.sound, track.notes)
