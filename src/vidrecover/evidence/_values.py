"""What a package consists of, as values: what is asked for, what was written, where it lies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

import msgspec

from vidrecover import clock
from vidrecover.clips import Borrowed, TickClock, Unpack
from vidrecover.model import (
    Diagnosis,
    Event,
    Extent,
    Grade,
    Recording,
    Sound,
    TimeSpan,
)

MASTERS, ACCESS = "data/master", "data/access"
STILLS, PROXIES = "data/stills", "data/proxy"
MOST_STILLS = 12
"""Of each access copy."""
CLIPS = "data/provenance/clips.json"
FRAGMENTS = "data/provenance/fragments.csv"
FRAMES = "data/provenance/frames.jsonl"
CLOCK = "data/provenance/clock.json"
SOURCE = "data/provenance/source.json"
TOOL = "data/provenance/tool.json"
ACTIONS = "data/provenance/actions.jsonl"
GRAPH = "data/provenance/case.jsonld"
FORMATS = "data/provenance/formats"
COVERAGE = "data/report/coverage.csv"
LIMITS = "data/report/limits.md"
ORIGINALITY = "data/report/originality.md"
COMPLETENESS = "data/report/completeness.md"
PAGE = "data/report/report.html"
CASE_PAGE = "data/report/case.html"
TEXT = "data/report/report.txt"
PDF = "data/report/report.pdf"
DECLARATION, INFO = "bagit.txt", "bag-info.txt"
MANIFEST, TAG_MANIFEST = "manifest-sha256.txt", "tagmanifest-sha256.txt"
SIGNATURE, QUERY, REPLY = (f"{TAG_MANIFEST}.{end}" for end in ("minisig", "tsq", "tsr"))
SEALS = (SIGNATURE, QUERY, REPLY)
"""A signature, a query for a time stamp and the reply: made of the tag manifest, so that no
manifest can list them."""

CIRCUMSTANCES = {
    TOOL: "the computer and the versions of its libraries",
    ACTIONS: "when and with which version each step was done",
    GRAPH: "the same actions with their times, and the digests of the records named here",
    CASE_PAGE: "the case's own report, which shows what was done in it until then",
    PDF: "the library that prints it, and whether it is there",
    INFO: "the day of packing and the end of the action log",
    MANIFEST: "the digests of the records named here",
    TAG_MANIFEST: "the digests of the records named here",
    SIGNATURE: "it is over the tag manifest and says when it was made",
    QUERY: "it is over the tag manifest and holds a random number",
}
"""Files that may differ between two packages of the same source, window and version, and why;
every other file is the same, byte for byte."""


_DAY_S = 86_400


class ClockCheck(msgspec.Struct, frozen=True, kw_only=True):
    """How the recorder's clock stood to true time, as somebody established it.

    Times are ISO text as they were written down; offset_s: recorder time minus true time, in
    seconds, with the lowest and highest value that it may have; method: in words.
    """

    recorder_time: str | None = None
    reference_time: str | None = None
    reference_source: str | None = None
    offset_s: float | None = None
    offset_low: float | None = None
    offset_high: float | None = None
    method: str = "not established: recorder time is given as the recorder showed it"

    @classmethod
    def compared(cls, shown: str, true: str, by: str, error_s: float | None = None) -> Self:
        """Both clocks read at the same moment.

        shown: ISO text as the recorder showed it, without a zone; true: ISO text with its zone;
        by: the reference in words; error_s: how far both readings may be from the moment
        together. Raises ValueError in words.
        """
        try:
            ours, theirs = datetime.fromisoformat(shown), datetime.fromisoformat(true)
        except ValueError as error:
            raise ValueError(f"{error}; write 2026-03-14T07:30:05") from error
        if ours.tzinfo is not None:
            raise ValueError(f"{shown}: a recorder shows its time without a zone")
        if theirs.tzinfo is None:
            raise ValueError(f"{true}: true time needs its zone, such as +01:00 or Z")
        if error_s is not None and not 0 <= error_s < _DAY_S:
            raise ValueError(f"{error_s:g} s is no error of a reading")
        offset = round((ours.replace(tzinfo=UTC) - theirs).total_seconds(), 3)
        return cls(
            recorder_time=shown,
            reference_time=true,
            reference_source=by,
            offset_s=offset,
            offset_low=None if error_s is None else round(offset - error_s, 3),
            offset_high=None if error_s is None else round(offset + error_s, 3),
            method=f"the recorder's clock was compared with {by}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What shall be packed, and what the case knows of it.

    recordings: of the wanted camera and span, their segments without rows; unpack: rows of a
    segment; ticks: by name of format; span: only this recorder time. descriptions: the
    engineer's own formats by file name; format_limits: what each used format cannot do;
    actions: the case's log as stored; proofs: of frames that were put together over borders, by
    the place of their first byte. unreadable, unidentified: bytes of the whole source.
    """

    case: str
    exhibit: str
    recordings: tuple[Recording, ...]
    unpack: Unpack
    ticks: Mapping[str, TickClock]
    diagnosis: Diagnosis
    channel: int | None = None
    span: TimeSpan | None = None
    operator: str | None = None
    clock: ClockCheck = field(default_factory=ClockCheck)
    events: tuple[Event, ...] = ()
    unreadable: int = 0
    unidentified: int = 0
    formats_digest: str = ""
    format_limits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    descriptions: Mapping[str, bytes] = field(default_factory=dict)
    actions: bytes = b""
    proofs: Mapping[int, str] = field(default_factory=dict)
    borrow: Callable[[Recording], Borrowed | None] | None = None


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the package: its path from the bag's root, its bytes, its SHA-256."""

    file: str
    size: int
    sha256: str


class Look(StrEnum):
    """What was decoded and encoded anew to be looked at: never evidence."""

    STILL = "still"
    PROXY = "proxy"


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """A still or a proxy of an access copy. at: recorder time of a still, None where nothing is
    dated; at_ms: its milliseconds from the start of the copy; pictures: in the file."""

    file: str
    kind: Look
    size: int
    sha256: str
    at: str | None
    at_ms: int
    pictures: int


class AccessCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A playable copy of a master; see `model.Clip` for the fields that are not of the file.

    begins, ends: recorder time as ISO text, here and below, or None where nothing is dated.
    derived: stills and a proxy, where they were asked for; underived: why they are not there.
    """

    file: str
    size: int
    sha256: str
    begins: str | None = msgspec.field(name="from")
    ends: str | None = msgspec.field(name="to")
    frames: int
    codec: str
    grade: Grade
    notes: tuple[str, ...]
    derived: tuple[Derived, ...] = ()
    underived: str | None = None


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """Footage of a master that no access copy shows, and why."""

    begins: str | None = msgspec.field(name="from")
    ends: str | None = msgspec.field(name="to")
    frames: int
    reason: str


class Loan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Parameter sets that the access copy has and the master has not; units: hexadecimal, empty
    in a content-free package. lengths, sound, notes: see `clips.Borrowed`."""

    units: str
    origin: str
    foreign: bool
    lengths: int = 0
    sound: Sound | None = None
    notes: tuple[str, ...] = ()


class Exhibit(msgspec.Struct, frozen=True, kw_only=True):
    """One recording in the package: an entry of `clips.json`.

    clip: the name that stands in the tables. file is None in a content-free package; size and
    sha256 are those of the native bytes all the same, and `access` tells of copies that are not
    there. frames: of every kind, numbered from 1 in
    the table of fragments; pictures, keys, sounds: how many of them are such. places: runs of
    bytes that touch on the source count as one. first, end: lowest and highest position.
    """

    exhibit: str
    clip: str
    channel: int | None
    stream: str | None
    format: str
    codec: str
    begins: str | None = msgspec.field(name="from")
    ends: str | None = msgspec.field(name="to")
    file: str | None
    size: int
    sha256: str
    fragments: int
    places: int
    first: int
    end: int
    frames: int
    pictures: int
    keys: int
    sounds: int
    unreadable: tuple[Extent, ...]
    ticks: TickClock
    loan: Loan | None = None
    access: tuple[AccessCopy, ...] = ()
    left_out: tuple[Missed, ...] = ()


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """All of `clips.json`; decoded: whether every access copy was played by a decoder."""

    case: str
    exhibit: str
    operator: str | None
    channel: int | None
    span: tuple[str, str] | None
    content_free: bool
    decoded: bool
    tool: str
    exhibits: tuple[Exhibit, ...]

    def recorder_span(self) -> TimeSpan | None:
        """`span` in milliseconds of recorder time; ValueError when it is no time."""
        return None if self.span is None else TimeSpan(*map(clock.parse_iso, self.span))


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """How a package is to be made.

    content_free: neither pictures nor sound, but everything else, digests included; decode: play
    every access copy, which takes longer than all the rest; stills, proxy: also pictures and an
    H.264 film of each access copy, encoded anew and marked as no evidence; jobs: processes that
    make and play copies.
    """

    content_free: bool = False
    decode: bool = True
    stills: bool = False
    proxy: bool = False
    jobs: int = 1


ALL = Asked()
"""What is packed where nothing else is said."""


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """A finished package. action: the line that ends its log, to be added to the case's."""

    folder: str
    contents: Contents
    files: tuple[Stored, ...]
    action: bytes

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the footage is missing or damaged as far as the package tells."""
        exhibits = self.contents.exhibits
        graded = all(copy.grade is Grade.COMPLETE for one in exhibits for copy in one.access)
        lost = any(one.left_out or one.unreadable for one in exhibits)
        return bool(exhibits) and graded and not lost
