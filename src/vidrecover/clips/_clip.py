"""One clip in the making: pictures and sound in, a finished file with its rows out."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vidrecover import __version__, clock, nal
from vidrecover.clips import _names
from vidrecover.clips._boxes import Column
from vidrecover.clips._columns import Alike, Look, Numbers, sets_of
from vidrecover.clips._file import ClipFile, Track, container_for, explained
from vidrecover.clips._fragments import Runs
from vidrecover.clips._mpeg2 import Groups
from vidrecover.clips._order import Heads, Ordering, Picture, Placed
from vidrecover.clips._shape import Shape
from vidrecover.clips._sound import Sound
from vidrecover.clips._tally import Tally, count_of_frames
from vidrecover.clips._units import Unit
from vidrecover.model import Clip, Codec, RecorderMs, Recording, Source

_SECOND = 1000
_SINGLE_MS = 40  # how long a clip of one picture lasts


class Plan(NamedTuple):
    """What all clips of one recording share.

    dated: times are recorder time; notes: on how times and sound came about; other_sound: name
    of the commonest audio, for when no clip can hold it; pictures: for so many is room made.
    """

    recording: Recording
    codec: Codec
    camera: str
    dated: bool
    notes: tuple[str, ...]
    sound: Sound | None
    other_sound: str | None
    pictures: int


class Making:
    """A clip from its first key frame on; `finish` or `discard` ends it.

    listed: keep the runs of source bytes that it consists of.
    """

    def __init__(
        self,
        plan: Plan,
        shape: Shape,
        start_ms: RecorderMs,
        names: _names.Names,
        folder: Path,
        source: Source,
        *,
        listed: bool = True,
    ) -> None:
        self.plan, self.shape, self.tally = plan, shape, Tally()
        self.notes: list[str] = []
        self._start = start_ms if plan.dated else None
        recording = plan.recording
        suffix = container_for(plan.codec, plan.sound)
        name = names.clip(plan.camera, recording.stream, self._start, suffix)
        track = Track(
            codec=plan.codec,
            shape=shape,
            sound=plan.sound,
            title=_names.title(recording),
            comment=_names.comment(recording, self._start, __version__),
            clock=plan.dated,
            pictures=plan.pictures,
        )
        self._file = ClipFile(folder / name, start_ms, track)
        self._heads = Heads(plan.codec)
        self._groups = Groups() if plan.codec == Codec.MPEG2 else None
        self._ordering: Ordering | None = None
        self._waiting: Placed | None = None
        self._last_decode: int | None = None
        self._last_show = start_ms
        self._said = -1
        self._sets = self._key_sets = b""
        self._looked: tuple[Look, nal.SequenceParameters, Alike] | None = None
        self._runs: Runs | None = None
        try:
            if listed:
                with explained(folder / name):
                    self._runs = Runs(name, source.identity.path, folder)
        except BaseException:
            self._file.discard()
            raise

    def picture(self, unit: Unit, payload: bytes, head: list[nal.Nal], time_ms: int) -> None:
        """Adds an access unit; payload: its bytes with start codes, head: its first units."""
        self.tally.kept(unit)
        self._compare_sets(head)
        sets = sets_of(head)
        if sets:
            self._key_sets = sets if unit.key else b""
            self._looked = None
        order = self._heads.look(head) if self._groups is None else self._groups.look(payload)
        if self._ordering is None:
            self._ordering = Ordering(self._depth())
        self._keep_runs(unit, "video")
        for placed in self._ordering.push(Picture(unit.key, payload, time_ms), order):
            self._take(placed)

    @property
    def in_order(self) -> bool:
        """Whether pictures that are alike can be added many at once."""
        stored = self._ordering is not None and self._ordering.as_stored
        return stored and self._waiting is not None and self._file.takes_many

    def alike(self, look: Look) -> Alike | None:
        """Which pictures of a batch go with those before; None where nothing can be told."""
        sequence, known = self._heads.sequence, self._heads.picture_sets
        if sequence is None:
            return None
        if self._looked is None or self._looked[:2] != (look, sequence):
            self._looked = look, sequence, look.alike(sequence, known, self._key_sets)
        return self._looked[2]

    def pictures(self, look: Look, first: int, end: int) -> None:
        """Adds pictures [first, end) of a batch, all alike and in pace; see `_take` for one."""
        alike, batch, last = self.alike(look), look.batch, self._waiting
        assert alike is not None and last is not None
        self.tally.kept_all(batch.rows["flags"][first:end])
        if alike.numbers is not None:
            self._heads.count(Numbers(*(one[first:end] for one in alike.numbers)))
        if self._runs is not None:
            with explained(self._file.target):
                self._runs.add_all(batch, first, end)
        times, steps = batch.times[first:end], np.arange(1, end - first + 1)
        decode = np.maximum.accumulate(np.maximum(times - steps, last.decode_ms)) + steps
        self.tally.nudged += int((decode != times).sum())
        intervals = np.diff(decode, prepend=last.decode_ms)
        self.tally.intervals.frombytes(intervals.tobytes())
        self._file.picture(last, int(intervals[0]))
        self._say_all(decode)
        self._file.pictures(look, first, end - 1, decode[:-1])
        shown = int(decode[-1])
        one = Picture(bool(look.keys[end - 1]), batch.unit(end - 1).payload, int(times[-1]))
        self._waiting = Placed(one, shown, shown)
        self._last_decode, self._last_show = shown, max(shown, self._last_show)

    def _say_all(self, shown: Column) -> None:
        """`_say` for each; times rise."""
        seconds = shown // _SECOND
        for place in np.flatnonzero(np.diff(seconds, prepend=self._said)).tolist():
            self._say(int(shown[place]))

    def _depth(self) -> int | None:
        """How many pictures showing runs ahead of storage, None where that must be measured."""
        if self._groups is not None:
            return None
        return self._heads.sequence.reorder if self._heads.sequence is not None else 0

    def audio(self, unit: Unit, time_ms: int) -> None:
        """Adds an audio frame, where the clip holds sound."""
        sound = self.plan.sound
        if sound is None or unit.codec != sound.codec:
            self.tally.audio_left_out += 1
        elif unit.torn:
            self.tally.audio_torn += 1
        else:
            self.tally.audio += 1
            self._keep_runs(unit, "audio")
            self._file.audio(unit.payload, time_ms)

    def _keep_runs(self, unit: Unit, kind: str) -> None:
        if self._runs is None:
            return
        with explained(self._file.target):
            for piece in unit.pieces:
                self._runs.add(piece, kind)

    def _compare_sets(self, head: list[nal.Nal]) -> None:
        """Counts changes of the picture parameter sets from key frame to key frame."""
        sets = b"".join(one.data for one in head if one.kind == "pps")
        if not sets:
            return
        digest = hashlib.sha256(sets).digest()
        self.tally.set_changes += bool(self._sets) and digest != self._sets
        self._sets = digest

    def _take(self, placed: Placed) -> None:
        """Writes the picture before, whose duration is now known."""
        decode = placed.decode_ms
        if self._last_decode is not None:
            decode = max(decode, self._last_decode + 1)
        self.tally.nudged += decode != placed.decode_ms
        shown = max(placed.show_ms, decode)
        if self._waiting is not None:
            step = decode - self._waiting.decode_ms
            self.tally.intervals.append(step)
            self._file.picture(self._waiting, step)
        self._say(shown)
        self._waiting = Placed(placed.picture, decode, shown)
        self._last_decode, self._last_show = decode, max(shown, self._last_show)

    def _say(self, shown: RecorderMs) -> None:
        """The recorder's clock as text, once per second that has a picture."""
        second = shown // _SECOND
        if self._start is None or second <= self._said:
            return
        self._said = second
        length = (second + 1) * _SECOND - shown
        self._file.text(clock.spoken(shown)[:19], shown, length)

    def finish(self, fragments: Path | None) -> Clip:
        """Ends the file, gives it its name, and adds its rows to the table of fragments."""
        for placed in self._ordering.flush() if self._ordering is not None else ():
            self._take(placed)
        usual = self.tally.intervals[-1] if self.tally.intervals else _SINGLE_MS
        if self._waiting is not None:
            self._file.picture(self._waiting, usual)
        if self._ordering is not None:
            self.tally.moved = self._ordering.moved
        self.tally.check_numbers(self._heads.missing, self._heads.breaks, self._heads.read)
        end = self._last_show + usual if self._start is not None else None
        self._file.finish(None if end is None else clock.iso(end))
        self._file.publish()
        try:
            if self._runs is not None and fragments is not None:
                with explained(fragments):
                    self._runs.append_to(fragments)
        except BaseException:
            self._file.target.unlink()
            raise
        self._close_runs()
        return self._clip(end)

    def _clip(self, end: RecorderMs | None) -> Clip:
        recording, left_out = self.plan.recording, self.tally.audio_left_out
        notes = [*self.tally.notes(), *self.plan.notes, *self.notes]
        if left_out:
            notes.append(
                f"{count_of_frames(left_out)} of sound left out: neither MP4 nor Matroska holds "
                f"{self.plan.other_sound or 'this mixture of codecs'} as it is stored"
            )
        return Clip(
            file=self._file.target.name,
            channel=recording.channel,
            stream=recording.stream,
            from_ms=self._start,
            to_ms=end,
            frames=self.tally.frames,
            codec=self.plan.codec,
            grade=self.tally.grade(),
            format=recording.format,
            notes=tuple(notes),
            label=recording.label,
        )

    def discard(self) -> None:
        """Drops the clip."""
        self._file.discard()
        self._close_runs()

    def _close_runs(self) -> None:
        if self._runs is not None:
            self._runs.close()
