"""Groups of cameras that are alike, in the words of a scenario."""

from typing import Literal

from vidrecover.simulate.cipher import Cipher
from vidrecover.simulate.faults import Word
from vidrecover.simulate.settings import Table

Codec = Literal["h264", "h265"]
Audio = Literal["none", "alaw", "mulaw", "adpcm", "aac"]


class Later(Table, frozen=True, kw_only=True):
    """How a camera is recorded from a moment on; what is not given stays. stream: which of the
    camera's two is written, as far as names of files tell."""

    at: str
    width: int | None = None
    height: int | None = None
    rate: float | None = None
    stream: Literal["main", "sub"] = "main"


class CameraGroup(Table, frozen=True, kw_only=True):
    """Cameras that are alike.

    numbers: from 1, as printed on the recorder; rate: pictures a second; gop: pictures from one
    key picture to the next (default two seconds); quality: the encoder's CRF, higher is smaller;
    audio_ms: sound in one audio frame (G.711 only; ADPCM has 40 ms, AAC 64 ms). state `never`:
    the camera never delivered anything. video_loss, off: spans of time (`start` and `end` are
    allowed) in which the recorder wrote its video-loss card, or nothing, for this camera;
    silent_loss: it wrote nothing, and noted the loss of video in its log. index:
    what has happened to the camera's entries in the recorder's index; `ends_early`: a repair named
    an end half way; `never_closed`: the last one; `not_written`: the footage that they name.
    faults: what is wrong with the picture, and when; night: there is little light; parked: nothing
    moves; encrypted: spans in which the pictures are enciphered, and `cipher` how (see
    `cipher.enciphered`); later: other settings from a moment on; freezes_clock: where the picture
    is frozen, so is the clock in it.
    """

    numbers: tuple[int, ...]
    codec: Codec = "h264"
    width: int = 352
    height: int = 288
    rate: float = 12.5
    gop: int | None = None
    quality: int = 28
    audio: Audio = "none"
    audio_ms: Literal[20, 40] = 40
    state: Literal["recorded", "never"] = "recorded"
    video_loss: tuple[tuple[str, str], ...] = ()
    off: tuple[tuple[str, str], ...] = ()
    silent_loss: tuple[tuple[str, str], ...] = ()
    index: Literal[
        "intact", "mains_removed", "entries_removed", "ends_early", "never_closed", "not_written"
    ] = "intact"
    faults: tuple[tuple[Word, str, str], ...] = ()
    night: bool = False
    parked: bool = False
    encrypted: tuple[tuple[str, str], ...] = ()
    cipher: Cipher = "noise"
    later: Later | None = None
    freezes_clock: bool = False
