"""Facts of cases that never were, for the tests of the report; read with `runpy`."""

import base64
from itertools import cycle, pairwise

import cv2
import numpy as np

from vidrecover.catalogue import ChannelSummary, Run
from vidrecover.model import (
    Cause,
    CauseKind,
    Certainty,
    ChannelDiagnosis,
    Clip,
    Codec,
    Diagnosis,
    Event,
    EventKind,
    Extent,
    Grade,
    OverwriteClock,
    PictureState,
    SourceIdentity,
    State,
    StateSpan,
    Stream,
    TimeSpan,
)
from vidrecover.report import Facts, FormatUsed, ReadShare, StillShown, VolumeSeen
from vidrecover.stills import Still
from vidrecover.wording import said

START_MS = 1_773_472_140_000  # 2026-03-14 07:09:00 recorder time
MINUTE_MS, DAY_MS = 60_000, 86_400_000
JPEG = base64.b64encode(
    cv2.imencode(".jpg", np.full((24, 32, 3), (200, 40, 20), np.uint8))[1].tobytes()
).decode()
REASONS = {
    State.RECORDED: "1500 frames found, listed by the recorder (claim 3, claim 9)",
    State.RECORDER_OFF: "no camera has footage here; every byte was read",
    State.NOT_KNOWN: "no frames found, but 1.2 GB of 4.0 GB have not been scanned",
    State.OVERWRITTEN: "claim 4 named footage here, but its bytes hold newer footage now",
    State.NOT_INDEXED: "1500 frames found, no entry in the recorder's index",
    State.NOT_RECORDED: "no frames found while other cameras have footage; every byte was read",
    State.NO_SIGNAL: "1500 frames found, but the pictures show the recorder's video-loss picture",
    State.INDEXED_NOT_FOUND: "listed by the recorder (claim 7), but no frames are in its bytes",
    State.UNREADABLE: "65536 bytes in the bytes of claim 5 cannot be read",
}


SAID = {
    State.NOT_INDEXED: said("no_entry", frames=said("frames", count=1500)),
    State.NO_SIGNAL: said("shows_loss", frames=said("frames", count=1500)),
}
"""What some of them were before they were English."""


def span(start_ms: int, end_ms: int, state: State, number: int = 1) -> StateSpan:
    """One span with a reason and a basis that fit its state."""
    shown = state in (State.RECORDED, State.NOT_INDEXED)
    return StateSpan(
        span=TimeSpan(start_ms, end_ms),
        state=state,
        indexed=state in (State.RECORDED, State.INDEXED_NOT_FOUND),
        picture=PictureState.LIVE if shown else PictureState.NOT_CHECKED,
        reason=REASONS[state],
        basis=(*(f"segment {number + i}" for i in range(9)), "claim none"),
        said=(SAID[state],) if state in SAID else (),
    )


def camera(channel: int | None, spans: list[StateSpan]) -> ChannelDiagnosis:
    """A camera whose own state is the worst of its spans."""
    ranks = list(State)
    worst = max((one.state for one in spans), key=ranks.index)
    return ChannelDiagnosis(channel=channel, state=worst, spans=tuple(spans))


def total(channel: int | None, frames: int = 2250) -> ChannelSummary:
    """What was found of one camera."""
    return ChannelSummary(
        channel=channel,
        segments=3,
        frames=frames,
        seconds=180.0,
        size=frames * 1100,
        first_ms=START_MS,
        last_ms=START_MS + 3 * MINUTE_MS,
    )


def facts_of(
    cameras: list[ChannelDiagnosis],
    window: TimeSpan | None,
    *,
    path: str = "van17/disk.img",
    words: str = "plain",
    events: int = 2,
) -> Facts:
    """A whole case around these cameras; words: a string that stands wherever one may."""
    return Facts(
        diagnosis=Diagnosis(
            source=path,
            scanned_share=0.75,
            window=window,
            channels=tuple(cameras),
            notes=(f"the disk was written in a circle {words}",),
            causes=(
                Cause(
                    kind=CauseKind.VIDEO_LOSS,
                    channels=(1, 2),
                    span=TimeSpan(START_MS, START_MS + MINUTE_MS),
                    certainty=Certainty.CERTAIN,
                    reason=f"the log says so {words}",
                ),
                Cause(
                    kind=CauseKind.CAMERA_GAP,
                    channels=(3,),
                    span=TimeSpan(START_MS, START_MS + 1000),
                    certainty=Certainty.SUSPECTED,
                    reason=f"a blip {words}",
                    is_brief=True,
                ),
            ),
            overwrite=OverwriteClock(
                reason=f"a ring {words}",
                rate=250_000.0,
                kept_ms=16 * MINUTE_MS,
                newest_ms=START_MS + 12 * MINUTE_MS,
                left_ms=8 * MINUTE_MS,
                least_ms=7 * MINUTE_MS,
                most_ms=9 * MINUTE_MS,
            ),
        ),
        source=SourceIdentity(
            path=path,
            kind="raw",
            size=4_000_000_000,
            model=f"ST1000 {words}",
            serial=words,
            stored_hashes={"md5": "d41d8cd98f00b204e9800998ecf8427e"},
        ),
        read=ReadShare(
            size=4_000_000_000,
            scanned=3_000_000_000,
            unidentified=10_000_000,
            blank=500_000_000,
            unreadable=(Extent(4096, 8192), Extent(1_000_000, 1_065_536)),
        ),
        created_at="2026-03-15T10:00:00",
        tool_version="0.1.0",
        formats_digest="ab" * 32,
        formats=(
            FormatUsed(
                name="dhav", title=f"DHAV {words}", vendors=(words,), limits=(words,), frames=9000
            ),
        ),
        volumes=(
            VolumeSeen(
                layout="dhfs",
                extent=Extent(0, 4_000_000_000),
                label=f"DISK {words}",
                claims=18,
                events=events,
                damage=(f"entry 3 is broken {words}",),
            ),
        ),
        events=tuple(
            Event(
                kind=kind,
                time_ms=START_MS + number * MINUTE_MS,
                channel=None if kind is EventKind.CLOCK_SET else 1,
                code=number,
                text=f"record {number} {words}",
                entry=Extent(512 * number, 512 * number + 32),
            )
            for number, kind in zip(
                range(events),
                cycle((EventKind.VIDEO_LOSS_START, EventKind.CLOCK_SET)),
                strict=False,
            )
        ),
        totals=tuple(total(one.channel) for one in cameras),
        runs=(
            Run(
                id=1,
                source_id=1,
                path=path,
                started="2026-03-15T09:00:00+00:00",
                tool_version="0.1.0",
                formats_digest="ab" * 32,
                format_names=("dhav",),
            ),
        ),
        clips=(
            Clip(
                file=f"camera-01 {words}.mp4",
                channel=1,
                stream=Stream.MAIN,
                from_ms=START_MS,
                to_ms=START_MS + MINUTE_MS,
                frames=1500,
                codec=Codec.H264,
                grade=Grade.PARTIAL,
                format="dhav",
                notes=(f"2 frames missing {words}",),
            ),
        ),
        clips_folder=f"clips {words}",
        notes=(f"a note {words}",),
        stills=(
            StillShown(
                still=Still(
                    file="camera-01.jpg",
                    channel=1,
                    time_ms=START_MS,
                    state=PictureState.LIVE,
                    is_certain=False,
                    reason=f"edges {words}",
                ),
                jpeg=JPEG,
            ),
        ),
    )


def every_state(*, path: str = "van17/disk.img", words: str = "plain") -> Facts:
    """Ten cameras, one for each state and one of unknown number, in twelve minutes; in the
    middle of each lies a minute of its state."""
    edges = [
        START_MS,
        START_MS + 5 * MINUTE_MS,
        START_MS + 6 * MINUTE_MS,
        START_MS + 12 * MINUTE_MS,
    ]
    cameras = [
        camera(
            number,
            [
                span(start, end, state if start == edges[1] else State.RECORDED, 10 * number)
                for start, end in pairwise(edges)
            ],
        )
        for number, state in enumerate(State, 1)
    ]
    lost = span(edges[1], edges[2], State.NOT_INDEXED, 500)
    return facts_of(
        [*cameras, camera(None, [lost])], TimeSpan(edges[0], edges[-1]), path=path, words=words
    )


def week(spans: int = 5000, cameras: int = 12, days: int = 7) -> Facts:
    """Cameras over days, with so many spans in all, some far too short to be drawn apart."""
    each = spans // cameras
    length = days * DAY_MS
    made = []
    for channel in range(1, cameras + 1):
        states = cycle([State.RECORDED, *State, State.RECORDED, State.NOT_INDEXED])
        edges = [START_MS]
        for place in range(each - 1):
            left = START_MS + length - edges[-1]
            step = max(2 * left // (each - place), 1)
            edges.append(edges[-1] + (700 if place % 3 else min(step, left // 2)))
        edges.append(START_MS + length)
        parts = enumerate(zip(pairwise(edges), states, strict=False))
        made.append(
            camera(
                channel,
                [span(*both, state, 1000 * channel + at) for at, (both, state) in parts],
            )
        )
    return facts_of(made, TimeSpan(START_MS, START_MS + length), events=600)
