"""What is counted while a clip is made, and the notes and the grade that follow from it."""

from array import array

import msgspec
import numpy as np
import numpy.typing as npt

from vidrecover.clips._units import Unit
from vidrecover.model import FrameFlag, Grade

_UNPROVEN, _JOINED = int(FrameFlag.END_UNPROVEN), int(FrameFlag.JOINED)
_BAD_CHECKSUM = int(FrameFlag.BAD_CHECKSUM)
_GAP = 2.5  # times the usual interval
_FEW = 5
_UNRULY = 5  # frame_num is not believed when more than one picture in five breaks its rule


class Tally(msgspec.Struct, kw_only=True):
    """Counts over one clip; the names say what, `notes` says it to people.

    intervals: milliseconds between neighbouring pictures; numbers_missing: reference pictures
    that the codec's own numbers show to be lost; blind: pictures behind a loss, up to the
    next key frame.
    """

    frames: int = 0
    audio: int = 0
    lost: int = 0
    numbers_missing: int = 0
    torn: int = 0
    unreadable: int = 0
    before_key: int = 0
    orphaned: int = 0
    blind: int = 0
    unproven: int = 0
    bad_checksum: int = 0
    joined: int = 0
    nudged: int = 0
    estimated: int = 0
    moved: int = 0
    set_changes: int = 0
    audio_left_out: int = 0
    audio_torn: int = 0
    foreign_sets: bool = False
    intervals: "array[int]" = msgspec.field(default_factory=lambda: array("q"))

    def kept(self, unit: Unit) -> None:
        """Counts a picture that goes into the clip."""
        self.frames += 1
        flags = int(unit.flags)
        self.unproven += bool(flags & _UNPROVEN)
        self.bad_checksum += bool(flags & _BAD_CHECKSUM)
        self.joined += bool(flags & _JOINED)

    def kept_all(self, flags: npt.NDArray[np.uint16]) -> None:
        """Counts pictures that go into the clip, by their flags."""
        self.frames += len(flags)
        self.unproven += int((flags & _UNPROVEN != 0).sum())
        self.bad_checksum += int((flags & _BAD_CHECKSUM != 0).sum())
        self.joined += int((flags & _JOINED != 0).sum())

    def dropped(self, unit: Unit) -> None:
        """Counts a picture that lacks bytes."""
        self.unreadable += unit.unreadable
        self.torn += not unit.unreadable

    def check_numbers(self, missing: int, breaks: int, read: int) -> None:
        """Takes what frame_num showed, unless the encoder does not keep its rule."""
        if breaks * _UNRULY <= read:
            self.numbers_missing = missing

    def grade(self) -> Grade:
        """Complete or partial, or damaged for foreign parameter sets; before any decoding."""
        if self.foreign_sets:
            return Grade.DAMAGED
        absent = (
            self.lost
            + self.numbers_missing
            + self.torn
            + self.unreadable
            + self.before_key
            + self.orphaned
            + self.audio_torn
        )
        return Grade.PARTIAL if absent or self._gaps() else Grade.COMPLETE

    def _gaps(self) -> list[int]:
        """Intervals much longer than usual, longest first."""
        if len(self.intervals) < _FEW:
            return []
        steps = np.frombuffer(self.intervals, dtype=np.int64)
        usual = float(np.median(steps))
        return sorted(steps[steps > _GAP * max(usual, 1.0)].tolist(), reverse=True)

    def notes(self) -> list[str]:
        """What the counts mean, in the order of their weight."""
        lines = [(getattr(self, name), text) for name, text in _TEXTS]
        notes = [text.format(count_of_frames(count)) for count, text in lines if count]
        gaps = self._gaps()
        if gaps:
            usual = float(np.median(np.frombuffer(self.intervals, dtype=np.int64)))
            word = "gap" if len(gaps) == 1 else "gaps"
            notes.append(
                f"{len(gaps)} {word} in time, the longest {gaps[0] / 1000:.3f} s "
                f"(usual interval {usual:.0f} ms)"
            )
        return notes


def count_of_frames(count: int) -> str:
    """The count with its noun: `1 frame`, `2 frames`."""
    return "1 frame" if count == 1 else f"{count} frames"


_TEXTS = (
    ("lost", "{} of picture or sound missing by the recorder's sequence numbers"),
    ("numbers_missing", "{} missing by the codec's own frame numbers"),
    ("torn", "{} left out: bytes are missing, or there is no picture in them"),
    ("unreadable", "{} left out: bytes cannot be read from the source"),
    ("before_key", "{} before the first key frame left out: they cannot be decoded"),
    ("orphaned", "{} left out: their key frame is missing"),
    ("blind", "{} behind a loss, up to the next key frame: the picture may be wrong there"),
    ("audio_torn", "{} of sound left out: bytes are missing"),
    ("unproven", "{} without proof of where they end"),
    ("bad_checksum", "{} with a wrong header checksum"),
    ("joined", "{} put together over the border of a fragment"),
    ("estimated", "{} behind a jump of the recorder's clock: times estimated up to the next key"),
    ("nudged", "{} moved to stand at least 1 ms behind the frame before"),
    ("moved", "{} stored in another order than shown: times follow the order of showing"),
    ("set_changes", "{} with other picture parameter sets than the frames before"),
)
