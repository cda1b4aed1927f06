"""The plan of a scenario: which camera delivers what when, before anything is encoded."""

import math
from typing import NamedTuple

from vidrecover.simulate.scenario import Audio, CameraGroup, Codec, Scenario
from vidrecover.simulate.times import Span, overlaps, without


class Stretch(NamedTuple):
    """Unbroken delivery of one camera.

    card: the recorder writes its video-loss card; run: counts the recorder's boots from 0;
    boot_ms: when this run began; frames stand on a grid that starts there.
    """

    span: Span
    card: bool
    run: int
    boot_ms: int


class Camera(NamedTuple):
    """One camera of the plan. phase_ms: of its pictures against the recorder's boot; gop in
    pictures; index_fault: `CameraGroup.index`."""

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

    def times(self, stretch: Stretch) -> list[int]:
        """Times of the stretch's pictures, in milliseconds, ascending."""
        base = stretch.boot_ms + self.phase_ms
        first = max(0, math.floor((stretch.span.start_ms - base) * self.rate / 1000) - 1)
        times = []
        for number in range(first, first + self.most_pictures(stretch)):
            time_ms = base + round(number * 1000 / self.rate)
            if time_ms >= stretch.span.end_ms:
                break
            if time_ms >= stretch.span.start_ms:
                times.append(time_ms)
        return times

    def most_pictures(self, stretch: Stretch) -> int:
        """A bound for the number of pictures in a stretch."""
        length_ms = stretch.span.end_ms - stretch.span.start_ms
        return math.ceil(length_ms * self.rate / 1000) + 4


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
        stretches=tuple(_stretches(scenario, group)),
    )


def _stretches(scenario: Scenario, group: CameraGroup) -> list[Stretch]:
    if group.state == "never":
        return []
    lost, off = scenario.spans(group.video_loss), scenario.spans(group.off)
    found = []
    for run, boot in enumerate(boots(scenario)):
        for span in without(boot, off):
            parts = [(part, True) for part in overlaps(span, lost)]
            parts += [(part, False) for part in without(span, lost)]
            found += [Stretch(part, card, run, boot.start_ms) for part, card in sorted(parts)]
    return found
