"""From a recording's rows to its clips: where a clip begins and ends, and what is left out."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice

import numpy as np

from vidrecover import nal
from vidrecover.clips import _names, _sound, _span
from vidrecover.clips._clip import Making, Plan
from vidrecover.clips._columns import Look
from vidrecover.clips._fields import Coded, Fields, rate_of_units
from vidrecover.clips._file import Refused, playable, refusal
from vidrecover.clips._job import Job, LeftOut
from vidrecover.clips._shape import Shape, shape
from vidrecover.clips._stretches import Stretches
from vidrecover.clips._tally import Tally
from vidrecover.clips._times import TickClock, Timeline, Times, survey
from vidrecover.clips._units import Batch, Turn, Unit, gathered, units
from vidrecover.model import Clip, Codec, Frames, Progress, RecorderMs, Recording

_H26X = (Codec.H264, Codec.H265)
_STEP_BACK_MS = 1000
_STEP_ON_MS = 600_000
_USUAL_MS = 40
_FIRST_UNITS = 500


class Build:
    """Makes the clips of one recording."""

    def __init__(self, job: Job, recording: Recording) -> None:
        self._job, self._recording = job, recording
        self._clock = job.clocks.get(recording.format, TickClock())
        self._facts = survey(self._tables())
        self._borrowed = job.borrow(recording) if job.borrow is not None else None
        self._coded_rate: Fraction | None = None
        self._making: Making | None = None
        self._prefix: Unit | None = None
        self._ahead = Tally()  # what is left out before the next clip begins
        self._left_out = self._kept = 0
        self._has_lengths: bool | None = None
        self._fields = Fields()
        self._waiting = self._blind = False
        self._last = self._shift = 0
        self._jumped = False

    def _tables(self) -> Iterator[Frames]:
        return (self._job.unpack(one) for one in self._recording.segments)

    def clips(self) -> Iterator[Clip | LeftOut | Turn]:
        """The clips in order, and what could not become one; a clip in the making is dropped
        when the caller stops or anything fails. Before more is read there is a Turn."""
        codec = self._recording.codec
        if not self._facts.pictures:
            yield self._nothing("it holds no pictures")
        elif not playable(codec):
            yield self._nothing(refusal(codec))
        else:
            try:
                yield from self._made()
            except Refused as error:
                yield self._nothing(f"the container refuses it: {error}")
            finally:
                if self._making is not None:
                    self._making.discard()

    def _nothing(self, reason: str) -> LeftOut:
        one = self._recording
        return LeftOut(
            one.channel,
            one.stream,
            one.start_ms,
            one.end_ms,
            self._facts.pictures - self._kept,
            one.format,
            reason,
        )

    def _made(self) -> Iterator[Clip | LeftOut | Turn]:
        if not (self._facts.ticked or self._facts.dated or self._facts.rate):
            self._coded_rate = self._rate_of_codec()
        wanted = _span.wanted(self._tables(), self._timeline(), self._job.span)
        plan = self._plan(wanted)
        count = 0
        for one in self._gathered(wanted):
            if isinstance(one, Turn):
                yield one
                continue
            for clip in (
                self._together(one, plan) if isinstance(one, Batch) else self._take(one, plan)
            ):
                count += 1
                yield clip
        for clip in self._released(plan):
            count += 1
            yield clip
        if self._making is not None:
            count += 1
            yield self._finished()
        if not count and self._left_out + self._ahead.before_key:
            yield self._nothing(
                "no whole key frame with its parameter sets: the frames cannot be decoded alone"
            )

    def _timeline(self) -> Timeline:
        return Timeline(self._facts, self._clock, self._coded_rate)

    def _units(self, wanted: _span.Wanted, progress: Progress | None) -> Iterator[Unit]:
        return units(
            self._timed(wanted),
            Stretches(self._job.source),
            counted=self._clock.counted,
            progress=progress,
        )

    def _gathered(self, wanted: _span.Wanted) -> Iterator[Unit | Batch | Turn]:
        return gathered(
            self._timed(wanted),
            self._job.stretches,
            counted=self._clock.counted,
            progress=self._job.progress,
        )

    def _timed(self, wanted: _span.Wanted) -> Iterator[tuple[Frames, Times]]:
        """Rows inside what is wanted, with their times."""
        timeline = self._timeline()
        for rows in self._tables():
            times = timeline.times(rows)
            kept = wanted.holds(rows, times)
            if kept.any():
                yield rows[kept], times[kept]

    def _rate_of_codec(self) -> Fraction | None:
        """Coded pictures per second by the parameter sets, the last witness of time."""
        if self._recording.codec not in _H26X:
            return None
        some = islice(self._units(_span.ALL, None), _FIRST_UNITS)
        heads = (nal.head(self._recording.codec, self._with_start_codes(one)) for one in some)
        return rate_of_units(self._recording.codec, heads)

    def _plan(self, wanted: _span.Wanted) -> Plan:
        codec = _sound.most_common(rows for rows, _ in self._timed(wanted))
        sound = None
        told = self._borrowed.sound if self._borrowed is not None else None
        if told is not None and codec is not None:
            sound = _sound.told(codec, told)
        elif codec is not None and _sound.shows_itself(codec):
            heard = (one for one in self._units(wanted, None) if not one.video and not one.torn)
            first = next(heard, None)
            sound = _sound.from_frames(codec, first.payload) if first is not None else None
        elif codec is not None and _sound.is_telephone(codec):
            sound = _sound.telephone_rate(codec, self._tables(), self._timeline())
        timeline = self._timeline()
        return Plan(
            recording=self._recording,
            codec=self._recording.codec,
            camera=self._job.names.camera(self._recording.channel, self._recording.label),
            dated=timeline.dated,
            notes=(
                *wanted.notes,
                *_names.camera_notes(self._recording, nameless=self._facts.nameless > 0),
                *(["dates are those of the clock in the picture"] * (self._facts.burnt > 0)),
                *(["times count from that in the file's name"] * (self._facts.named > 0)),
                *timeline.notes,
                *(sound.notes if sound is not None else ()),
                *(self._borrowed.notes if self._borrowed is not None else ()),
            ),
            sound=sound,
            other_sound=codec.name.lower() if codec is not None else None,
            pictures=_span.expected(self._recording, self._job.span),
        )

    def _together(self, batch: Batch, plan: Plan) -> Iterator[Clip]:
        """Puts pictures into the clip in the making, as many at a time as are alike."""
        place, look = 0, None
        while place < len(batch.rows):
            if self._is_plain():
                look = look or Look(plan.codec, batch)
                count = self._alike(look, place)
                if count:
                    place += count
                    continue
            yield from self._take(batch.unit(place), plan)
            place += 1

    def _is_plain(self) -> bool:
        """Whether the next pictures need not be looked at one by one, if they are alike."""
        held = self._waiting or self._jumped or self._prefix is not None or self._fields.interlaced
        lengths = self._has_lengths is not False or (self._borrowed and self._borrowed.lengths)
        return not held and not lengths and self._making is not None and self._making.in_order

    def _alike(self, look: Look, place: int) -> int:
        """Adds the pictures from `place` on that are alike and in pace; returns how many."""
        making = self._making
        assert making is not None
        found = making.alike(look)
        if found is None:
            return 0
        steps = np.diff(look.batch.times[place:], prepend=self._last)
        fits = found.alike[place:] & (steps >= -_STEP_BACK_MS) & (steps <= _STEP_ON_MS)
        count = len(fits) if fits.all() else int(fits.argmin())
        if count:
            end = place + count
            keys = np.flatnonzero(look.keys[place:end])
            making.tally.blind += (int(keys[0]) if len(keys) else count) * self._blind
            self._blind &= not len(keys)
            making.pictures(look, place, end)
            self._last = int(look.batch.times[end - 1])
        return count

    def _take(self, unit: Unit, plan: Plan) -> Iterator[Clip]:
        """Puts a frame into the clip in the making; yields the clip that it ends."""
        if not unit.video:
            if self._making is not None:
                self._lose(unit)
                self._making.audio(unit, unit.time_ms + self._shift)
            return
        if unit.torn:
            yield from self._released(plan)
            self._drop(unit)
            return
        if self._prefix is not None:
            unit = _merged(self._prefix, unit)
            self._prefix = None
        payload, head = unit.payload, list[nal.Nal]()
        if plan.codec in _H26X:
            payload = self._with_start_codes(unit)
            head = nal.head(plan.codec, payload)
            if head and head[-1].kind != "slice":
                self._prefix = unit
                return
            payload = payload if head else b""
        if not payload:
            self._drop(unit)
            return
        one = Coded(unit, payload, head)
        for whole in self._fields.push(one) if plan.codec == Codec.H264 else (one,):
            yield from self._placed(*whole, plan)

    def _released(self, plan: Plan) -> Iterator[Clip]:
        """Puts a field without a second one into the clip."""
        for one in self._fields.flush():
            yield from self._placed(*one, plan)

    def _placed(
        self, unit: Unit, payload: bytes, head: list[nal.Nal], plan: Plan
    ) -> Iterator[Clip]:
        if unit.key or plan.codec == Codec.MJPEG:
            yield from self._at_key(unit, payload, head, plan)
        else:
            self._at_delta(unit, payload, head)

    def _with_start_codes(self, unit: Unit) -> bytes:
        """The payload as decoders of streams want it; the first key frame shows what is stored."""
        payload = unit.payload
        if self._borrowed is not None and self._borrowed.lengths:
            return nal.annexb(payload, self._borrowed.lengths) or b""
        if not self._has_lengths and not (unit.key and self._has_lengths is None):
            return payload
        changed = nal.annexb(payload)
        self._has_lengths = self._has_lengths or changed is not None
        return payload if changed is None else changed

    def _lose(self, unit: Unit) -> None:
        if self._making is not None and unit.lost:
            self._making.tally.lost += unit.lost
            self._blind = True

    def _drop(self, unit: Unit) -> None:
        """A picture lacks bytes; without its key frame a group cannot be decoded."""
        self._lose(unit)
        tally = self._ahead if self._making is None else self._making.tally
        tally.dropped(unit)
        self._left_out += 1
        self._blind = True
        self._waiting |= unit.key

    def _at_key(
        self, unit: Unit, payload: bytes, head: list[nal.Nal], plan: Plan
    ) -> Iterator[Clip]:
        found = shape(plan.codec, payload)
        if self._making is not None and (self._jumped or self._differs(found)):
            yield self._finished()
        note, foreign = "", False
        lent = self._borrowed if self._making is None and found is None else None
        if lent is not None and lent.units:
            payload = lent.units + payload
            found = shape(plan.codec, payload)
            head = nal.head(plan.codec, payload) if plan.codec in _H26X else []
            foreign = lent.foreign
            note = f"parameter sets {'borrowed' if foreign else 'taken'} from {lent.origin}"
        if self._making is None:
            if found is None:
                self._ahead.before_key += 1
                return
            self._open(unit, found, plan)
            if note and self._making is not None:
                self._making.notes.append(note)
                self._making.tally.foreign_sets = foreign
        self._waiting = self._blind = False
        self._add(unit, payload, head)

    def _differs(self, found: Shape | None) -> bool:
        return found is not None and self._making is not None and found != self._making.shape

    def _open(self, unit: Unit, found: Shape, plan: Plan) -> None:
        self._jumped, self._shift, self._last = False, 0, unit.time_ms
        job = self._job
        listed = job.fragments is not None
        self._making = Making(
            plan, found, unit.time_ms, job.names, job.folder, job.source, listed=listed
        )
        self._making.tally, self._ahead = self._ahead, Tally()

    def _finished(self) -> Clip:
        making = self._making
        assert making is not None
        clip = making.finish(self._job.fragments)
        self._kept += clip.frames
        self._making = None
        return clip

    def _at_delta(self, unit: Unit, payload: bytes, head: list[nal.Nal]) -> None:
        if self._making is None:
            self._ahead.before_key += 1
        elif self._waiting:
            self._lose(unit)
            self._making.tally.orphaned += 1
        else:
            self._add(unit, payload, head)

    def _add(self, unit: Unit, payload: bytes, head: list[nal.Nal]) -> None:
        making = self._making
        assert making is not None
        if making.tally.frames:
            self._lose(unit)
        if unit.key:
            self._blind = False
        making.tally.blind += self._blind
        making.picture(unit, payload, head, self._paced(unit, making))

    def _paced(self, unit: Unit, making: Making) -> RecorderMs:
        """The unit's time; behind a jump of the clock, an estimate up to the next key frame."""
        time_ms = unit.time_ms + self._shift
        if not -_STEP_BACK_MS <= time_ms - self._last <= _STEP_ON_MS:
            usual = making.tally.intervals[-1] if making.tally.intervals else _USUAL_MS
            self._shift += self._last + usual - time_ms
            time_ms = self._last + usual
            self._jumped = True
        making.tally.estimated += self._jumped
        self._last = time_ms
        return time_ms


def _merged(first: Unit, second: Unit) -> Unit:
    """Parameter sets that were stored as a frame of their own, and the picture they belong to."""
    return second._replace(
        key=first.key or second.key,
        flags=first.flags | second.flags,
        lost=first.lost + second.lost,
        pieces=first.pieces + second.pieces,
    )
