"""Why footage is missing, or shows too little."""

from enum import StrEnum

import msgspec

from vidrecover.model._said import Said
from vidrecover.model._time import TimeSpan


class CauseKind(StrEnum):
    """What may lie behind a state; the words name the runbooks. The most urgent first."""

    DISK_ERRORS = "disk_errors"
    DISK_FULL = "disk_full"
    WRITE_STOP = "write_stop"
    POWER_CUT = "power_cut"
    VIDEO_LOSS = "video_loss"
    ENCRYPTED = "encrypted"
    RING_OVERWRITE = "ring_overwrite"
    INDEX_LOST = "index_lost"
    INDEX_INCOMPLETE = "index_incomplete"
    NOT_WRITTEN = "not_written"
    REPAIR_CUT = "repair_cut"
    UNCLOSED_FILES = "unclosed_files"
    CAMERA_DISABLED = "camera_disabled"
    CAMERA_GAP = "camera_gap"
    PICTURE_COVERED = "picture_covered"
    PICTURE_DARK = "picture_dark"
    PICTURE_FROZEN = "picture_frozen"
    PICTURE_ROLLING = "picture_rolling"
    PICTURE_NOISY = "picture_noisy"
    PICTURE_BLURRED = "picture_blurred"
    PICTURE_COLOURLESS = "picture_colourless"
    CLOCK_RESET = "clock_reset"
    CLOCK_JUMP = "clock_jump"
    SUB_STREAM_ONLY = "sub_stream_only"
    RESOLUTION_CHANGED = "resolution_changed"
    FRAME_RATE_CHANGED = "frame_rate_changed"
    RESTART = "restart"
    RECORDING_SCHEDULE = "recording_schedule"
    IGNITION_OFF = "ignition_off"


class Certainty(StrEnum):
    """How far a word may be trusted.

    CERTAIN: what was read leaves no other reading; SUSPECTED: it fits, but other causes can look
    the same. A person should look.
    """

    SUSPECTED = "suspected"
    CERTAIN = "certain"


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One reason behind what the cameras have, drawn from both witnesses.

    channels: the cameras it is about, empty for the recorder as a whole; span: from its first
    sign to its last, None when it has no time; count: separate stretches inside the span;
    is_brief: a blip, to be listed but not told first; said: the reason before it was English.
    """

    kind: CauseKind
    channels: tuple[int | None, ...] = ()
    span: TimeSpan | None
    certainty: Certainty
    reason: str
    basis: tuple[str, ...] = ()
    count: int = 1
    is_brief: bool = False
    said: tuple[Said, ...] = ()
