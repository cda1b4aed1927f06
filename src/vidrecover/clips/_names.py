"""File names that sort by camera and time, and the words a clip carries inside."""

from vidrecover import clock
from vidrecover.clips._file import END_PLACEHOLDER
from vidrecover.model import RecorderMs, Recording, Stream

STREAM_WORDS = {Stream.MAIN: "main", Stream.SUB: "sub"}
_LETTERS = 26


class Names:
    """Names of the clips of one run; none is given twice."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._unknown = 0

    def camera(self, channel: int | None, label: str | None = None) -> str:
        """`camera-03`, or `camera-A` by its label; other footage of unknown camera is lettered,
        each recording anew."""
        if channel is not None:
            return f"camera-{channel:02d}"
        if label is not None:
            return f"camera-{label}"
        self._unknown += 1
        return f"camera-unknown-{_letters(self._unknown)}"

    def clip(self, camera: str, stream: Stream, start_ms: RecorderMs | None, suffix: str) -> str:
        """`camera-03_2026-03-14_07-29-00_main.mp4`; a number follows when that is taken."""
        time = clock.iso(start_ms)[:19] if start_ms is not None else "undated"
        parts = [camera, *time.replace(":", "-").split("T")]
        if stream in STREAM_WORDS:
            parts.append(STREAM_WORDS[stream])
        stem, name, count = "_".join(parts), "", 1
        while not name or name in self._given:
            name = f"{stem}.{suffix}" if count == 1 else f"{stem}_{count}.{suffix}"
            count += 1
        self._given.add(name)
        return name


def _letters(number: int) -> str:
    """A, B, ... Z, AA, AB, ... for 1, 2, ..."""
    text = ""
    while number:
        number, place = divmod(number - 1, _LETTERS)
        text = chr(ord("A") + place) + text
    return text


def title(recording: Recording) -> str:
    """Camera and stream for people."""
    name = recording.channel or recording.label
    camera = "unknown camera" if name is None else f"camera {name}"
    stream = STREAM_WORDS.get(recording.stream)
    return camera if stream is None else f"{camera}, {stream} stream"


def comment(recording: Recording, start_ms: RecorderMs | None, version: str) -> str:
    """What the file says of itself; the end of the span is filled in when it is known."""
    span = "recorder time not stored"
    if start_ms is not None:
        span = f"recorder time {clock.iso(start_ms)} to {END_PLACEHOLDER}"
    return f"{title(recording)}; {span}; format {recording.format}; vidrecover {version}"


def camera_notes(recording: Recording, *, nameless: bool) -> tuple[str, ...]:
    """Who names the camera, where the frames themselves do not."""
    if recording.label is None:
        named = "the camera is the one that the recorder's records name: its frames name none"
        return (named,) if recording.channel is not None and nameless else ()
    shown = f"camera {recording.label}: what its pictures show, as its bytes name no camera"
    notes = [shown]
    if recording.channel is not None:
        named = "the user's name for"
        if any(one.numbered for one in recording.segments):
            named = "the number burnt into the pictures of"
        notes = [f"camera {recording.channel} is {named} {shown}"]
    count = len(recording.segments)
    if count > 1 and recording.start_ms is None:
        notes.append(
            f"{count} pieces in the order of their place on the source: pauses do not show"
        )
    return tuple(notes)
