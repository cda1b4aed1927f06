"""The values that travel between the floors: extents, windows, frames, segments, claims.

Nothing here reads or writes. Byte positions are absolute on the source and half-open; recorder
time is integer milliseconds without a zone. In tables unknown is a masked constant (`NO_TIME`,
`NO_CHANNEL`, ...); everywhere else it is None.
"""

from vidrecover.model._answers import (
    ChannelDiagnosis,
    Clip,
    Diagnosis,
    Fragment,
    Grade,
    Joins,
    MediumRead,
    OverwriteClock,
    PictureState,
    Recording,
    State,
    StateSpan,
)
from vidrecover.model._causes import (
    Cause,
    CauseKind,
    Certainty,
)
from vidrecover.model._claims import (
    LISTED,
    Claim,
    ClaimKind,
    Event,
    EventKind,
    Ring,
    VolumeReport,
)
from vidrecover.model._containers import (
    Container,
    Sound,
    Track,
)
from vidrecover.model._frames import (
    FRAME_DTYPE,
    NO_CHANNEL,
    NO_SEQUENCE,
    NO_TICK,
    NO_TIME,
    Codec,
    FrameFlag,
    Frames,
    Media,
    Reader,
    Stream,
    Window,
    no_frames,
    together,
)
from vidrecover.model._observed import (
    EDGE_SIZE,
    LooseEnd,
    Seam,
    Segment,
    UnitResult,
)
from vidrecover.model._positions import (
    ClockOffset,
    Position,
)
from vidrecover.model._said import Said, SaidValue
from vidrecover.model._source import (
    Extent,
    Grid,
    Progress,
    Source,
    SourceIdentity,
    SourceRef,
)
from vidrecover.model._time import (
    RecorderMs,
    TimeSpan,
)

__all__ = [
    "EDGE_SIZE",
    "FRAME_DTYPE",
    "LISTED",
    "NO_CHANNEL",
    "NO_SEQUENCE",
    "NO_TICK",
    "NO_TIME",
    "Cause",
    "CauseKind",
    "Certainty",
    "ChannelDiagnosis",
    "Claim",
    "ClaimKind",
    "Clip",
    "ClockOffset",
    "Codec",
    "Container",
    "Diagnosis",
    "Event",
    "EventKind",
    "Extent",
    "Fragment",
    "FrameFlag",
    "Frames",
    "Grade",
    "Grid",
    "Joins",
    "LooseEnd",
    "Media",
    "MediumRead",
    "OverwriteClock",
    "PictureState",
    "Position",
    "Progress",
    "Reader",
    "RecorderMs",
    "Recording",
    "Ring",
    "Said",
    "SaidValue",
    "Seam",
    "Segment",
    "Sound",
    "Source",
    "SourceIdentity",
    "SourceRef",
    "State",
    "StateSpan",
    "Stream",
    "TimeSpan",
    "Track",
    "UnitResult",
    "VolumeReport",
    "Window",
    "no_frames",
    "together",
]
