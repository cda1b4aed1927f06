"""The tables of a package: how they are written and read back."""

import csv
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from vidrecover import clock, segments
from vidrecover.closing import Closing
from vidrecover.errors import EvidenceError
from vidrecover.evidence._runs import KINDS, Runs
from vidrecover.evidence._values import Contents
from vidrecover.model import Diagnosis, Frames, Segment, State, StateSpan

FRAGMENT_COLUMNS = (
    "clip", "seq", "source", "offset", "length", "sha256", "kind", "frame_first", "frame_last",
)  # fmt: skip
COVERAGE_COLUMNS = (
    "camera", "from", "to", "state", "confidence", "evidence_ref", "picture", "reason",
)  # fmt: skip

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What comes of bytes that are not the JSON expected."""

CONFIDENCE = {
    State.RECORDED: "A",
    State.NOT_INDEXED: "B",
    State.NO_SIGNAL: "B",
    State.INDEXED_NOT_FOUND: "B",
    State.UNREADABLE: "B",
    State.OVERWRITTEN: "C",
    State.RECORDER_OFF: "C",
    State.NOT_RECORDED: "C",
    State.NOT_KNOWN: "-",
}
"""A: the recorder's own list and the bytes agree; B: one of them shows it; C: it follows from what
was found around it; -: nothing is claimed."""

_MOST_ROWS = 4_000_000  # of one segment, which lasts a minute at most
_MOST_UNPACKED = 256 << 20


class _Sink(Protocol):
    def write(self, data: bytes | memoryview) -> None: ...


class FragmentRows:
    """Writes rows of `fragments.csv`, one clip after the other."""

    def __init__(self, out: _Sink, source: str) -> None:
        self._out = out
        out.write(_line(FRAGMENT_COLUMNS).encode())
        self._source = _line((source,)).removesuffix("\r\n")
        self._clip, self._seq = "", 0

    def begin(self, clip: str) -> None:
        """The next rows are of this clip."""
        self._clip, self._seq = clip, 0

    def add(self, found: Runs, digests: Sequence[str]) -> None:
        """The next runs with the digests of their bytes."""
        clip, source, kinds = self._clip, self._source, KINDS
        columns = [found[name].tolist() for name in ("offset", "length", "kind", "first", "last")]
        lines = [
            f"{clip},{seq},{source},{offset},{length},{digest},{kinds[kind]},{first},{last}\r\n"
            for seq, digest, offset, length, kind, first, last in zip(
                range(self._seq, self._seq + len(found)), digests, *columns, strict=True
            )
        ]
        self._seq += len(found)
        self._out.write("".join(lines).encode())


def _line(values: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()


class StoredSegment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of `frames.jsonl`: a segment of a clip with its packed table of frames.

    proof: of a frame that was put together over a border: why its pieces belong together.
    """

    clip: str
    segment: Segment
    proof: str | None = None


def frames_line(clip: str, segment: Segment, rows: bytes, proof: str | None = None) -> bytes:
    """A line of `frames.jsonl`; the segment's number in the case stays out."""
    stored = msgspec.structs.replace(segment, rows=rows, id=None)
    return msgspec.json.encode(StoredSegment(clip=clip, segment=stored, proof=proof)) + b"\n"


def frames_lines(file: Iterable[bytes]) -> Iterator[StoredSegment]:
    """The lines of `frames.jsonl`; raises EvidenceError that says which line is no such."""
    for number, line in enumerate(file, 1):
        try:
            yield msgspec.json.decode(line, type=StoredSegment)
        except UNREADABLE as error:
            raise EvidenceError(f"line {number}: {error}") from error


def unpacked(segment: Segment) -> Frames:
    """The table of frames of a stored segment; EvidenceError for anything that is none.

    A stranger's bytes may ask for any amount of memory, so they are looked at before.
    """
    try:
        inflate = zlib.decompressobj()
        content = inflate.decompress(segment.rows, _MOST_UNPACKED)
        count, columns = msgspec.msgpack.decode(content)
        if inflate.unconsumed_tail or not 0 <= count <= _MOST_ROWS or len(columns) > 64:
            raise ValueError(f"{count} rows")
        return segments.unpack(segment.rows)
    except (zlib.error, *UNREADABLE, TypeError, OverflowError) as error:
        raise EvidenceError(f"a table of frames cannot be unpacked ({error})") from error


def contents_json(contents: Contents) -> bytes:
    """`clips.json`."""
    return msgspec.json.format(msgspec.json.encode(contents), indent=1) + b"\n"


def contents_of(content: bytes) -> Contents:
    """From `clips.json`; raises EvidenceError when it is none."""
    try:
        return msgspec.json.decode(content, type=Contents)
    except UNREADABLE as error:
        raise EvidenceError(f"cannot be read: {error}") from error


def coverage_csv(diagnosis: Diagnosis) -> str:
    """`coverage.csv`: what exists of every camera in every span; recorder time."""
    rows = [_coverage(one.channel, span) for one in diagnosis.channels for span in one.spans]
    return "".join(map(_line, [COVERAGE_COLUMNS, *rows]))


def _coverage(channel: int | None, one: StateSpan) -> tuple[object, ...]:
    return (
        "unknown" if channel is None else channel,
        clock.iso(one.span.start_ms),
        clock.iso(one.span.end_ms),
        one.state.value,
        CONFIDENCE[one.state],
        "; ".join(one.basis),
        one.picture.value,
        one.reason,
    )


class Covered(NamedTuple):
    """A row of `coverage.csv`; times of recorder time in milliseconds."""

    camera: int | None
    start_ms: int
    end_ms: int
    state: State
    confidence: str
    evidence_ref: str
    picture: str
    reason: str


def coverage_of(text: str) -> list[Covered]:
    """From `coverage.csv`; raises EvidenceError that names the row that is wrong."""
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or tuple(rows[0]) != COVERAGE_COLUMNS:
        raise EvidenceError("its first line is not the one expected")
    found = []
    for number, row in enumerate(rows[1:], 2):
        try:
            camera, start, end, state, *rest = row
            channel = None if camera == "unknown" else int(camera)
            span = clock.parse_iso(start), clock.parse_iso(end)
            found.append(Covered(channel, *span, State(state), *_four(rest)))
        except ValueError as error:
            raise EvidenceError(f"line {number}: {error}") from error
    return found


def _four(values: list[str]) -> tuple[Any, ...]:
    if len(values) != 4:
        raise ValueError(f"{len(values) + 4} columns instead of {len(COVERAGE_COLUMNS)}")
    return tuple(values)


_MOST_LINE = 64 << 20


class FrameFile(Closing):
    """Rows of segments whose `id` is the byte at which their line begins; a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")

    def unpack(self, segment: Segment) -> Frames:
        """The rows of one segment; EvidenceError when they are damaged."""
        assert segment.id is not None
        self._file.seek(segment.id)
        stored = msgspec.json.decode(self._file.readline(_MOST_LINE), type=StoredSegment)
        return unpacked(stored.segment)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class FrameTable(FrameFile):
    """All segments of the file by clip, in order; their rows stay there until asked for.

    Raises EvidenceError that names the line which is none.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._place = self._number = 0
        self.segments: dict[str, list[Segment]] = {}
        try:
            for stored in frames_lines(self._lines()):
                bare = msgspec.structs.replace(stored.segment, rows=b"", id=self._place)
                self.segments.setdefault(stored.clip, []).append(bare)
        except BaseException:
            self._file.close()
            raise

    def _lines(self) -> Iterator[bytes]:
        place = 0
        while line := self._file.readline(_MOST_LINE):
            self._number += 1
            if len(line) == _MOST_LINE:
                raise EvidenceError(f"line {self._number} has no end")
            self._place = place
            place += len(line)
            yield line
