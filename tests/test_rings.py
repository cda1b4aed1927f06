"""Over rings of any shape, footage that was there is never told as never recorded.

A model of a recorder's ring on the level of frames: cameras of different rates write into
fragments in turn, with pauses, power cuts and formats, until the ring has come round. What the
scan would find of it is diagnosed, and compared with what was recorded.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from vidrecover.diagnosis import Evidence, diagnose
from vidrecover.model import (
    Claim,
    ClaimKind,
    Codec,
    Extent,
    Segment,
    State,
    Stream,
    TimeSpan,
)

FRAGMENT = 1000  # bytes
ABSENT = {State.NOT_RECORDED, State.RECORDER_OFF}


class Ring(NamedTuple):
    """A recorder's life. lasting: seconds of each camera in a fragment; step_ms: from frame to
    frame; seconds: of all; cuts: without power; pauses: of one camera, from 0; period: seconds
    of a recording; entries: live, mains of camera 1 gone, free or none; cleared: slack is zeroed;
    counted: frames have numbers; format_s: when the ring was begun anew; bad: unreadable."""

    lasting: list[int]
    fragments: int
    step_ms: int
    seconds: int
    cuts: list[tuple[int, int]]
    pauses: list[tuple[int, int, int]]
    period: int
    entries: str
    cleared: bool
    counted: bool
    format_s: int | None
    bad: list[int]


class Frame(NamedTuple):
    """start, end: bytes in its fragment."""

    time_ms: int
    camera: int
    number: int
    start: int
    end: int


class TooSmallError(Exception):
    """The ring came round to a recording that is still being written."""


@dataclass(eq=False)
class Chain:
    """A recording: its fragments in order, and how far the last one is filled."""

    camera: int
    part: tuple[int, int]
    begin_ms: int
    end_ms: int = 0
    filled: int = FRAGMENT
    fragments: list[int] = field(default_factory=list)


class Disk:
    """What is written, fragment by fragment, and what was ever recorded."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.fragments: list[list[Frame]] = [[] for _ in range(ring.fragments)]
        self.owners: list[Chain | None] = [None] * ring.fragments
        self.chains: list[Chain] = []
        self.recorded: list[list[int]] = [[] for _ in ring.lasting]
        self._open: dict[int, Chain] = {}
        self._numbers = Counter[tuple[int, int]]()
        self._at = -1
        anew_ms = ring.format_s and ring.format_s * 1000
        for time_ms, camera in sorted(_delivered(ring)):
            if anew_ms is not None and time_ms >= anew_ms:
                self._at, anew_ms, self._open = -1, None, {}
                self.chains = self.chains if ring.entries == "free" else []
            self._write(time_ms, camera)

    def _write(self, time_ms: int, camera: int) -> None:
        boot = sum(end <= time_ms for _, end in self.ring.cuts)
        chain = self._chain(camera, (boot, time_ms // (1000 * self.ring.period)), time_ms)
        size = max(FRAGMENT * self.ring.step_ms // (1000 * self.ring.lasting[camera]), 1)
        if chain.filled + size > FRAGMENT:
            self._at = (self._at + 1) % self.ring.fragments
            if self.owners[self._at] in self._open.values():
                raise TooSmallError
            self.owners[self._at] = chain
            chain.fragments.append(self._at)
            chain.filled = 0
        place, start = chain.fragments[-1], chain.filled
        chain.filled, chain.end_ms = start + size, time_ms
        self._clear(place, start, start + size)
        number = self._numbers[camera, boot]
        self._numbers[camera, boot] += 1
        frame = Frame(time_ms, camera, number, start, start + size)
        self.fragments[place].append(frame)
        self.recorded[camera].append(time_ms)

    def _chain(self, camera: int, part: tuple[int, int], time_ms: int) -> Chain:
        chain = self._open.get(camera)
        if chain is None or chain.part != part:
            if chain is not None and self.ring.cleared:
                self._clear(chain.fragments[-1], chain.filled, FRAGMENT)
            chain = self._open[camera] = Chain(camera, part, time_ms)
            self.chains.append(chain)
        return chain

    def _clear(self, place: int, start: int, end: int) -> None:
        kept = [f for f in self.fragments[place] if f.end <= start or f.start >= end]
        self.fragments[place] = kept

    def segments(self) -> Iterator[Segment]:
        """What a scan finds: unbroken runs of each fragment."""
        for place, frames in enumerate(self.fragments):
            readable = [f for f in sorted(frames, key=lambda f: f.start) if not self._bad(place, f)]
            runs = enumerate(readable)
            for _, run in groupby(runs, key=lambda one: (one[0] - one[1].number, one[1].camera)):
                yield self._segment(place, [frame for _, frame in run])

    def _bad(self, place: int, frame: Frame) -> bool:
        start = place * FRAGMENT
        return any(
            start + frame.start < bad + 50 and bad < start + frame.end for bad in self.ring.bad
        )

    def _segment(self, place: int, run: list[Frame]) -> Segment:
        first, last = run[0], run[-1]
        return Segment(
            format="model",
            channel=first.camera + 1,
            stream=Stream.MAIN,
            codec=Codec.H264,
            start_ms=min(f.time_ms for f in run),
            end_ms=max(f.time_ms for f in run),
            start=place * FRAGMENT + first.start,
            end=place * FRAGMENT + last.end,
            frames=len(run),
            keys=1,
            audio=0,
            size=sum(f.end - f.start for f in run),
            first_sequence=first.number if self.ring.counted else None,
            last_sequence=last.number if self.ring.counted else None,
            missing=0,
            unfinished=0,
            rows=b"",
        )

    def claims(self) -> Iterator[Claim]:
        """What the index says, as far as it is left."""
        for number, chain in enumerate(self.chains if self.ring.entries != "none" else ()):
            gone = self.ring.entries == "mains gone" and chain.camera == 0
            own = [f for f in chain.fragments if self.owners[f] is chain]
            is_whole = not gone and self.owners[chain.fragments[0]] is chain
            own = [f for f in own if not (gone and f == chain.fragments[0])]
            if own:
                yield self._claim(number, chain, own, is_whole=is_whole)

    def _claim(self, number: int, chain: Chain, own: list[int], *, is_whole: bool) -> Claim:
        times = [chain.begin_ms, chain.end_ms]
        if not is_whole:
            times = [
                f.time_ms
                for place in own
                for f in self.fragments[place]
                if f.camera == chain.camera and chain.begin_ms <= f.time_ms <= chain.end_ms
            ]
        begin_ms, end_ms = (time // 1000 * 1000 for time in (min(times), max(times)))
        kind = ClaimKind.INDEX if is_whole else ClaimKind.REMNANT
        return Claim(
            volume="model",
            kind=ClaimKind.DELETED if self.ring.entries == "free" else kind,
            channel=chain.camera + 1,
            start_ms=begin_ms,
            end_ms=end_ms + 999,
            extents=tuple(Extent(f * FRAGMENT, f * FRAGMENT + self._used(chain, f)) for f in own),
            entry=Extent(10**6 + 32 * number, 10**6 + 32 * number + 32),
            open=begin_ms == end_ms,
        )

    def _used(self, chain: Chain, place: int) -> int:
        return chain.filled if place == chain.fragments[-1] else FRAGMENT


def _delivered(ring: Ring) -> Iterator[tuple[int, int]]:
    """(time, camera) of every frame."""
    for camera in range(len(ring.lasting)):
        paused = [(start, end) for who, start, end in ring.pauses if who == camera]
        for time_ms in range(17 * camera, 1000 * ring.seconds, ring.step_ms):
            if not any(1000 * start <= time_ms < 1000 * end for start, end in ring.cuts + paused):
                yield time_ms, camera


def _spans(most: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(0, most), st.integers(1, 60)).map(lambda s: (s[0], s[0] + s[1]))


RINGS = st.builds(
    Ring,
    lasting=st.lists(st.sampled_from([1, 2, 3, 5, 9, 20]), min_size=1, max_size=4),
    fragments=st.integers(5, 36),
    step_ms=st.sampled_from([100, 200, 500]),
    seconds=st.integers(20, 200),
    cuts=st.lists(_spans(200), max_size=2),
    pauses=st.lists(
        st.tuples(st.integers(0, 3), _spans(200)).map(lambda p: (p[0], *p[1])), max_size=3
    ),
    period=st.sampled_from([6, 15, 60]),
    entries=st.sampled_from(["live", "live", "mains gone", "free", "none"]),
    cleared=st.booleans(),
    counted=st.booleans(),
    format_s=st.none() | st.none() | st.integers(1, 150),
    bad=st.just([]) | st.lists(st.integers(0, 36_000), max_size=2),
)


def _diagnosed(disk: Disk) -> dict[int, list[tuple[TimeSpan, State]]]:
    size = disk.ring.fragments * FRAGMENT
    bad = [Extent(at, min(at + 50, size)) for at in sorted(disk.ring.bad) if at < size]
    evidence = Evidence(
        source="model",
        size=size,
        scanned=[Extent(0, size)],
        segments=list(disk.segments()),
        claims=list(disk.claims()),
        unreadable=bad,
        counted=frozenset({"model"}),
    )
    channels = range(1, len(disk.ring.lasting) + 1)
    found = diagnose(evidence, channels=channels, window=TimeSpan(0, 1000 * disk.ring.seconds))
    return {
        one.channel - 1: [(span.span, span.state) for span in one.spans]
        for one in found.channels
        if one.channel is not None
    }


def _is_recorded(times: list[int], start_ms: int, step_ms: int) -> bool:
    """Whether the camera recorded all of the second that begins there."""
    first = bisect_right(times, start_ms) - 1
    seen = times[max(first, 0) : bisect_right(times, start_ms + 999)]
    return first >= 0 and all(
        later - earlier <= step_ms
        for earlier, later in zip(seen, [*seen[1:], start_ms + 1000], strict=True)
    )


SHORT = Ring(
    lasting=[20, 20],
    fragments=5,
    step_ms=100,
    seconds=42,
    cuts=[(1, 2)],
    pauses=[],
    period=6,
    entries="live",
    cleared=False,
    counted=False,
    format_s=None,
    bad=[],
)
"""Every recording ends early in its fragment, and the ring has just been filled again."""


@settings(max_examples=150, deadline=None)
@given(RINGS)
@example(SHORT)
def test_what_was_recorded_is_never_told_as_never_recorded(ring: Ring) -> None:
    try:
        disk = Disk(ring)
    except TooSmallError:
        reject()
    for camera, spans in _diagnosed(disk).items():
        for span, state in spans:
            if state not in ABSENT:
                continue
            seconds = range(-(-span.start_ms // 1000) * 1000, span.end_ms - 999, 1000)
            told = [
                (camera, second)
                for second in seconds
                if _is_recorded(disk.recorded[camera], second, ring.step_ms)
            ]
            assert not told


PLAIN = Ring(
    lasting=[4, 9],
    fragments=16,
    step_ms=200,
    seconds=90,
    cuts=[],
    pauses=[(1, 60, 70)],
    period=6,
    entries="live",
    cleared=False,
    counted=True,
    format_s=None,
    bad=[],
)


def _states(ring: Ring, camera: int, *seconds: int) -> list[State]:
    spans = _diagnosed(Disk(ring))[camera]
    return [
        next(state for span, state in spans if span.start_ms <= 1000 * second < span.end_ms)
        for second in seconds
    ]


def test_a_camera_that_paused_in_what_is_left_was_not_recorded() -> None:
    assert _states(PLAIN, 1, 55, 65, 75) == [State.RECORDED, State.NOT_RECORDED, State.RECORDED]


@pytest.mark.parametrize("entries", ["live", "free", "none"])
def test_what_numbers_prove_to_be_lost_is_overwritten(entries: str) -> None:
    ring = PLAIN._replace(entries=entries)
    rests = [span for span, state in _diagnosed(Disk(ring))[0] if state is State.OVERWRITTEN]
    assert sum(span.end_ms - span.start_ms for span in rests) > 15_000


def test_a_recorder_without_power_in_what_is_left_was_off() -> None:
    ring = PLAIN._replace(cuts=[(72, 80)], pauses=[])
    assert _states(ring, 0, 70, 76, 85) == [State.RECORDED, State.RECORDER_OFF, State.RECORDED]


def test_a_power_cut_before_the_ring_came_round_is_not_known() -> None:
    ring = PLAIN._replace(cuts=[(10, 15)], pauses=[], counted=False)
    assert _states(ring, 0, 12) == [State.NOT_KNOWN]
