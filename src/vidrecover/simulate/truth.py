"""What is known about a simulated disk because it was made: `truth.json` and `frames.csv`."""

import csv
import io
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from vidrecover.simulate.footage import Frame
from vidrecover.simulate.plan import Camera, boots
from vidrecover.simulate.scenario import Scenario
from vidrecover.simulate.times import Span, iso, overlaps, without

WITHOUT_CHANNEL = frozenset({"xm", "hx", "imkh", "gbps", "mp4", "ts", "annexb", "avi"})
"""Layouts that do not tell the camera anywhere."""

COLUMNS = (
    "camera", "channel", "stream", "media", "codec", "key", "time", "sequence", "size", "sha256",
    "state", "pieces", "frame_pieces",
)  # fmt: skip


class TruthSpan(msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """One camera's true state over [start, end), ISO times; indexed: the index leads there."""

    start: str
    end: str
    state: str
    picture: str
    indexed: bool


class TruthChannel(msgspec.Struct, frozen=True, kw_only=True):
    """One camera. channel: as the disk tells it, None where it does not; camera: the real one."""

    channel: int | None
    camera: int
    spans: tuple[TruthSpan, ...]


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What `truth.json` holds. bad: unreadable half-open byte ranges; size: bytes."""

    scenario: str
    title: str
    seed: int
    layout: str
    size: int
    recorder_start: str
    recorder_end: str
    channels: tuple[TruthChannel, ...]
    bad: tuple[tuple[int, int], ...]


class _Stretch(NamedTuple):
    span: Span
    state: str
    picture: str
    indexed: bool


def mark_unreadable(frames: Sequence[Frame], bad: Sequence[tuple[int, int]]) -> None:
    """Frames on the disk that touch a bad range are unreadable; `bad` ordered, not overlapping."""
    ends = [end for _, end in bad]
    for frame in frames:
        for start, end in frame.whole:
            place = bisect_right(ends, start)
            if place < len(bad) and bad[place][0] < end and frame.state == "on_disk":
                frame.state = "unreadable"


def judge(
    scenario: Scenario,
    cameras: Sequence[Camera],
    frames: Sequence[Frame],
    *,
    size: int,
    bad: Sequence[tuple[int, int]],
    nameless: frozenset[int] = frozenset(),
    named: bool = False,
) -> Truth:
    """The truth about every camera and minute, at the times of its pictures.

    nameless: cameras whose number nothing on the disk tells; named: names of files tell all.
    """
    powered = boots(scenario)
    video: dict[int, list[Frame]] = {camera.number: [] for camera in cameras}
    for frame in frames:
        if frame.media == "video":
            video[frame.camera.number].append(frame)
    return Truth(
        scenario=scenario.name,
        title=scenario.title,
        seed=scenario.seed,
        layout=scenario.layout,
        size=size,
        recorder_start=iso(scenario.span.start_ms),
        recorder_end=iso(scenario.span.end_ms),
        channels=tuple(
            TruthChannel(
                channel=_channel(scenario.layout, camera, nameless, named=named),
                camera=camera.number,
                spans=tuple(_spans(camera, video[camera.number], scenario.span, powered)),
            )
            for camera in cameras
        ),
        bad=tuple(bad),
    )


def table(
    layout: str,
    frames: Sequence[Frame],
    nameless: frozenset[int] = frozenset(),
    *,
    named: bool = False,
) -> str:
    """The text of `frames.csv`: one row per picture, audio frame or data frame, in time order."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for frame in sorted(frames, key=lambda frame: frame.time_ms):
        writer.writerow(
            (
                frame.camera.number,
                _channel(layout, frame.camera, nameless, named=named),
                frame.camera.stream,
                frame.media,
                frame.codec,
                int(frame.key),
                iso(frame.time_ms),
                frame.sequence,
                frame.size,
                frame.sha256,
                frame.state,
                _ranges(frame.pieces),
                _ranges(frame.whole),
            )
        )
    return text.getvalue()


def _channel(layout: str, camera: Camera, nameless: frozenset[int], *, named: bool) -> int | None:
    unknown = layout in WITHOUT_CHANNEL and not named
    return None if unknown or camera.number in nameless else camera.number


def _ranges(ranges: Sequence[tuple[int, int]]) -> str:
    return " ".join(f"{start}+{end - start}" for start, end in ranges)


def _spans(
    camera: Camera, frames: Sequence[Frame], within: Span, powered: Sequence[Span]
) -> Iterator[TruthSpan]:
    for (state, picture, indexed), run in groupby(
        _stretches(camera, frames, within, powered), key=lambda stretch: stretch[1:]
    ):
        spans = [stretch.span for stretch in run]
        yield TruthSpan(
            start=iso(spans[0].start_ms),
            end=iso(spans[-1].end_ms),
            state=state,
            picture=picture,
            indexed=indexed,
        )


def _stretches(
    camera: Camera, frames: Sequence[Frame], within: Span, powered: Sequence[Span]
) -> Iterator[_Stretch]:
    """Every picture's time, and what lies between pictures; each begins where the last ends."""
    interval_ms = round(1000 / camera.rate)
    at_ms = within.start_ms
    for place, frame in enumerate(frames):
        if frame.time_ms - at_ms > interval_ms:
            yield from _absence(camera, Span(at_ms, frame.time_ms), powered, interval_ms)
        following = frames[place + 1].time_ms if place + 1 < len(frames) else within.end_ms
        end_ms = min(following, frame.time_ms + interval_ms)
        if following - end_ms <= interval_ms // 2:
            end_ms = following
        yield _Stretch(Span(frame.time_ms, end_ms), *_verdict(frame))
        at_ms = end_ms
    if within.end_ms > at_ms:
        yield from _absence(camera, Span(at_ms, within.end_ms), powered, interval_ms)


def _absence(
    camera: Camera, span: Span, powered: Sequence[Span], interval_ms: int
) -> Iterator[_Stretch]:
    """Without power the recorder was off; with power this camera was not recorded, or had lost its
    signal, as the log says.

    Beside a power cut, what is no longer than one picture's interval belongs to the cut.
    """
    off = without(span, powered)
    parts = [(part, "recorder_off") for part in off]
    parts += [
        (part, "not_recorded")
        for part in without(span, off)
        if not off or part.end_ms - part.start_ms > interval_ms
    ]
    edges = [*(part.start_ms for part, _ in sorted(parts)[1:]), span.end_ms]
    start_ms = span.start_ms
    for (_, state), end_ms in zip(sorted(parts), edges, strict=True):
        is_lost = state == "not_recorded" and bool(overlaps(Span(start_ms, end_ms), camera.silent))
        told = "no_signal" if is_lost else state
        yield _Stretch(Span(start_ms, end_ms), told, "not_checked", False)
        start_ms = end_ms


def _verdict(frame: Frame) -> tuple[str, str, bool]:
    """State, picture and indexed of one picture, in the words of the contract.

    A picture that was never written belongs to the recording around it: it is damage there,
    not a state of its own.
    """
    if frame.state in ("overwritten", "unreadable"):
        return frame.state, "not_checked", frame.indexed
    if frame.card:
        return "no_signal", "no_signal", frame.indexed
    if frame.camera.index_fault == "not_written":
        return "indexed_not_found", "not_checked", frame.indexed
    seen = frame.camera.shows(frame.tick_base_ms)
    return ("recorded" if frame.indexed else "not_indexed"), seen, frame.indexed
