"""What is computed: recordings, states, the diagnosis, clips."""

from enum import StrEnum

import msgspec

from vidrecover.model._causes import Cause
from vidrecover.model._frames import Codec, Stream
from vidrecover.model._observed import Segment
from vidrecover.model._positions import ClockOffset
from vidrecover.model._said import Said
from vidrecover.model._time import RecorderMs, TimeSpan


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """Neighbouring segments of one channel, stream, format and codec without a gap, in order.

    The segments may come without their rows (`rows` empty) where only spans are needed. label:
    see `Segment`.
    """

    channel: int | None
    stream: Stream
    format: str
    codec: Codec
    start_ms: RecorderMs | None
    end_ms: RecorderMs | None
    segments: tuple[Segment, ...]
    label: str | None = None


class State(StrEnum):
    """What exists of one camera in one span; the words are a contract. Worst last."""

    RECORDED = "recorded"
    RECORDER_OFF = "recorder_off"
    NOT_KNOWN = "not_known"
    OVERWRITTEN = "overwritten"
    NOT_INDEXED = "not_indexed"
    NOT_RECORDED = "not_recorded"
    NO_SIGNAL = "no_signal"
    INDEXED_NOT_FOUND = "indexed_not_found"
    UNREADABLE = "unreadable"


class PictureState(StrEnum):
    """What key frames show; the words are a contract."""

    LIVE = "live"
    NO_SIGNAL = "no_signal"
    DARK = "dark"
    COVERED = "covered"
    FROZEN = "frozen"
    BLURRED = "blurred"
    NOISY = "noisy"
    ROLLING = "rolling"
    COLOURLESS = "colourless"
    NOT_CHECKED = "not_checked"


class StateSpan(msgspec.Struct, frozen=True, kw_only=True):
    """One camera's state over one span, with its reason and what it rests on.

    said: the reason before it was English.
    """

    span: TimeSpan
    state: State
    indexed: bool
    picture: PictureState
    reason: str
    basis: tuple[str, ...]
    said: tuple[Said, ...] = ()


class ChannelDiagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """All spans of one camera in time order; channel None: footage whose camera is unknown.

    label: of footage whose pictures show that it is of one camera, see `Segment`.
    """

    channel: int | None
    state: State
    spans: tuple[StateSpan, ...]
    label: str | None = None


class OverwriteClock(msgspec.Struct, frozen=True, kw_only=True):
    """How long the recorder may run on before the footage of a window is overwritten.

    reason: what it rests on, or why it is not known; then all else is None. rate: bytes of the
    ring taken in a second of recording; kept_ms: recording that the whole ring holds; newest_ms:
    where the newest footage ends; left_ms, least_ms, most_ms: of recording until the first byte of
    the window's footage goes, and its bounds; None as well when no window was asked for; said: the
    reason before it was English.
    """

    reason: str
    rate: float | None = None
    kept_ms: int | None = None
    newest_ms: RecorderMs | None = None
    left_ms: int | None = None
    least_ms: int | None = None
    most_ms: int | None = None
    said: tuple[Said, ...] = ()

    @property
    def pull_before_ms(self) -> RecorderMs | None:
        """When the disk must be out, if the recorder goes on from its newest footage at once."""
        if self.newest_ms is None or self.least_ms is None:
            return None
        return self.newest_ms + self.least_ms


class MediumRead(msgspec.Struct, frozen=True, kw_only=True):
    """One of several media of a recorder; source None: it was named, but never scanned."""

    name: str
    source: str | None
    scanned_share: float


class Joins(msgspec.Struct, frozen=True, kw_only=True):
    """How many frames that were cut at borders have one and the same proof, or doubt, in words.

    joined: whether they were put together.
    """

    joined: bool
    frames: int
    words: str


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Every camera accounted for. scanned_share: 0 to 1; window None: nothing dated was found.

    causes: why what is missing is missing, the most urgent first; overwrite: how long the recorder
    may still run, None when no recorder's storage was looked at; media: where several were looked
    at, each of them, and `scanned_share` is that of the one least read; said: the notes before they
    were English, one for each; clocks: how far the recorder's clock was ahead of the satellites',
    where both are known; joins: of the whole source, the most frequent first.
    """

    source: str
    scanned_share: float
    window: TimeSpan | None
    channels: tuple[ChannelDiagnosis, ...]
    notes: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    overwrite: OverwriteClock | None = None
    media: tuple[MediumRead, ...] = ()
    said: tuple[Said, ...] = ()
    clocks: tuple[ClockOffset, ...] = ()
    joins: tuple[Joins, ...] = ()


class Grade(StrEnum):
    """How whole a clip is; the words are a contract."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    DAMAGED = "damaged"


class Clip(msgspec.Struct, frozen=True, kw_only=True):
    """A playable file rebuilt by stream copy; an entry of `clips.json`.

    file: name relative to the folder; from_ms, to_ms: recorder time of the first frame and of
    the end of the last, None when the format carries no time; format: of the source frames;
    label: see `Segment`.
    """

    file: str
    channel: int | None
    stream: Stream
    from_ms: RecorderMs | None
    to_ms: RecorderMs | None
    frames: int
    codec: Codec
    grade: Grade
    format: str
    notes: tuple[str, ...]
    label: str | None = None


class Fragment(msgspec.Struct, frozen=True, kw_only=True):
    """A contiguous run of source bytes in a clip; a row of `fragments.csv`."""

    clip: str
    seq: int
    source: str
    offset: int
    length: int
    sha256: str
    kind: str
