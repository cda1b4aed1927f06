"""The plan of a scenario: which camera delivers what when, before anything is encoded."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from vidrecover.simulate.cipher import Cipher
from vidrecover.simulate.faults import Fault, shown
from vidrecover.simulate.groups import Audio, CameraGroup, Codec, Later
from vidrecover.simulate.scenario import Scenario
from vidrecover.simulate.times import Span, moment, overlaps, without


class Stretch(NamedTuple):
    """Unbroken delivery of one camera.

    card: the recorder writes its video-loss card; run: counts the recorder's boots from 0;
    boot_ms: when this run began; frames stand on a grid that starts there; is_later: the camera's
    later settings hold.
    """

    span: Span
    card: bool
    run: int
    boot_ms: int
    is_later: bool = False


class Camera(NamedTuple):
    """One camera of the plan. phase_ms: of its pictures against the recorder's boot; gop in
    pictures; index_fault: `CameraGroup.index`; clock: from when on the recorder's clock is how many
    milliseconds ahead."""

    number: int
    codec: Codec
    width: int
    height: int
    rate: float
    gop: int
    quality: int
    audio: Audio
    audio_ms: int
    index_fault: str
    phase_ms: int
    stretches: tuple[Stretch, ...]
    faults: tuple[Fault, ...] = ()
    is_night: bool = False
    is_parked: bool = False
    encrypted: tuple[Span, ...] = ()
    cipher: Cipher = "noise"
    later: Later | None = None
    silent: tuple[Span, ...] = ()
    stream: str = "main"
    freezes_clock: bool = False
    clock: tuple[tuple[int, int], ...] = ()

    def during(self, stretch: Stretch) -> "Camera":
        """The camera with the settings that hold in a stretch."""
        later = self.later
        if later is None or not stretch.is_later:
            return self
        rate = later.rate or self.rate
        return self._replace(
            width=later.width or self.width,
            height=later.height or self.height,
            rate=rate,
            stream=later.stream,
            gop=max(1, round(self.gop * rate / self.rate)),
        )

    def shows(self, time_ms: int) -> str:
        """What the picture shows at a true time, in the words of the contract."""
        fault = shown(self.faults, time_ms)
        return "live" if fault is None else fault.word

    def clock_ms(self, time_ms: int) -> int:
        """What the recorder's clock shows at a true time."""
        steps = [step for at, step in self.clock if at <= time_ms]
        return time_ms + (steps[-1] if steps else 0)

    def burnt_in_ms(self, time_ms: int) -> int:
        """What the clock in the picture shows at a true time; a recorder that repeats its last
        picture repeats the clock in it."""
        fault = shown(self.faults, time_ms)
        if self.freezes_clock and fault is not None and fault.word == "frozen":
            time_ms = fault.span.start_ms
        return self.clock_ms(time_ms)

    def times(self, stretch: Stretch) -> list[int]:
        """Times of the stretch's pictures, in milliseconds, ascending."""
        rate = self.during(stretch).rate
        base = stretch.boot_ms + self.phase_ms
        first = max(0, math.floor((stretch.span.start_ms - base) * rate / 1000) - 1)
        times = []
        for number in range(first, first + self.most_pictures(stretch)):
            time_ms = base + round(number * 1000 / rate)
            if time_ms >= stretch.span.end_ms:
                break
            if time_ms >= stretch.span.start_ms:
                times.append(time_ms)
        return times

    def most_pictures(self, stretch: Stretch) -> int:
        """A bound for the number of pictures in a stretch."""
        rate = self.during(stretch).rate
        length_ms = stretch.span.end_ms - stretch.span.start_ms
        return math.ceil(length_ms * rate / 1000) + 4


def boots(scenario: Scenario) -> list[Span]:
    """The spans in which the recorder had power."""
    return without(scenario.span, scenario.spans(scenario.off))


def cameras(scenario: Scenario) -> tuple[Camera, ...]:
    """All cameras of the scenario, ordered by number; a camera that never recorded has no
    stretches."""
    groups = {number: group for group in scenario.cameras for number in group.numbers}
    return tuple(
        _camera(scenario, number, groups[number], place / (len(groups) + 1))
        for place, number in enumerate(sorted(groups))
    )


def _camera(scenario: Scenario, number: int, group: CameraGroup, share: float) -> Camera:
    return Camera(
        number=number,
        codec=group.codec,
        width=group.width,
        height=group.height,
        rate=group.rate,
        gop=group.gop if group.gop is not None else max(1, round(group.rate * 2)),
        quality=group.quality,
        audio=group.audio,
        audio_ms={"adpcm": 40, "aac": 64}.get(group.audio, group.audio_ms),
        index_fault=group.index,
        phase_ms=round(share * 1000 / group.rate),
        faults=tuple(
            Fault(word, *scenario.spans(((start, end),))) for word, start, end in group.faults
        ),
        is_night=group.night,
        is_parked=group.parked,
        encrypted=scenario.spans(group.encrypted),
        cipher=group.cipher,
        later=group.later,
        freezes_clock=group.freezes_clock,
        silent=scenario.spans(group.silent_loss),
        clock=tuple(_clock(scenario)),
        stretches=tuple(_stretches(scenario, group)),
    )


def _stretches(scenario: Scenario, group: CameraGroup) -> list[Stretch]:
    if group.state == "never":
        return []
    lost = scenario.spans(group.video_loss)
    off = scenario.spans(group.off + group.silent_loss)
    found = []
    for run, boot in enumerate(boots(scenario)):
        for span in without(boot, off):
            parts = [(part, True) for part in overlaps(span, lost)]
            parts += [(part, False) for part in without(span, lost)]
            found += [Stretch(part, card, run, boot.start_ms) for part, card in sorted(parts)]
    if group.later is None:
        return found
    at_ms = moment(group.later.at, scenario.span.start_ms)
    return [piece for stretch in found for piece in _divided(stretch, at_ms)]


def _divided(stretch: Stretch, at_ms: int) -> Iterator[Stretch]:
    """A stretch cut where the settings change."""
    start_ms, end_ms = stretch.span
    if start_ms < at_ms:
        yield stretch._replace(span=Span(start_ms, min(end_ms, at_ms)))
    if at_ms < end_ms:
        yield stretch._replace(span=Span(max(start_ms, at_ms), end_ms), is_later=True)


def _clock(scenario: Scenario) -> Iterator[tuple[int, int]]:
    for at, to in scenario.clock:
        at_ms = moment(at, scenario.span.start_ms)
        yield at_ms, moment(to, scenario.span.start_ms) - at_ms
