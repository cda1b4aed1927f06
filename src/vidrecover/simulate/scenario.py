"""Scenarios: recorder disks described in words (TOML), read strictly.

An unknown key, an impossible value or a table that says nothing for the layout is an error that
names the file and the key.
"""

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from vidrecover.errors import ScenarioError
from vidrecover.simulate import bounds
from vidrecover.simulate.groups import CameraGroup
from vidrecover.simulate.settings import (
    Annexb,
    Dhav,
    Dhfs,
    Files,
    Gbps,
    Hikvision,
    Hiv,
    Hx,
    Image,
    Imkh,
    Jt1078,
    Mp4,
    Nndc,
    Table,
    Tme,
    Ts,
    Wfs,
    Xm,
)
from vidrecover.simulate.times import Span, moment

Layout = Literal[
    "dhfs",
    "wfs",
    "hikvision",
    "tme",
    "hiv",
    "dhav",
    "xm",
    "nndc",
    "jt1078",
    "hx",
    "imkh",
    "gbps",
    "mp4",
    "ts",
    "annexb",
    "avi",
]
AUDIO_OF_LAYOUT: dict[str, frozenset[str]] = {
    "dhfs": frozenset({"none", "alaw", "mulaw", "adpcm", "aac"}),
    "dhav": frozenset({"none", "alaw", "mulaw", "adpcm", "aac"}),
    "wfs": frozenset({"none", "alaw", "mulaw"}),
    "hikvision": frozenset({"none", "alaw", "mulaw", "aac"}),
    "tme": frozenset({"none"}),
    "hiv": frozenset({"none", "alaw", "mulaw", "aac"}),
    "xm": frozenset({"none", "alaw", "mulaw"}),
    "nndc": frozenset({"none", "mulaw", "adpcm", "aac"}),
    "jt1078": frozenset({"none", "alaw", "mulaw", "adpcm", "aac"}),
    "hx": frozenset({"none", "alaw"}),
    "imkh": frozenset({"none", "alaw", "mulaw", "aac"}),
    "gbps": frozenset({"none", "alaw", "mulaw", "aac"}),
    "mp4": frozenset({"none", "alaw", "mulaw", "aac"}),
    "ts": frozenset({"none", "alaw", "mulaw", "aac"}),
    "annexb": frozenset({"none"}),
    "avi": frozenset({"none", "alaw", "mulaw"}),
}
"""Audio codecs that the specification of each layout gives a code for."""

_TABLES = ("dhfs", "wfs", "hikvision", "tme", "hiv", "image", "files", "dhav", "xm", "nndc",
           "jt1078", "hx", "imkh", "gbps", "mp4", "ts", "annexb")  # fmt: skip

LAST_CAMERA: dict[str, int] = dict.fromkeys(AUDIO_OF_LAYOUT, 64) | {"nndc": 15, "jt1078": 37}
"""Highest camera number per layout; 15 is the last character that NNdcH264 readers know."""


INDEXED = frozenset({"dhfs", "wfs", "hikvision", "tme", "hiv"})
"""Layouts with an index or files of their own; the others are streams in an image."""

IN_FILES = frozenset({"dhav", "hx", "xm"})
"""Layouts of which each camera can have files of its own."""

_LONGEST_MS = 8 * 86_400_000

Logged = Literal["disk_full", "disk_error", "repaired", "running"]
LOGGED: dict[str, frozenset[Logged]] = {
    "tme": frozenset({"disk_error", "repaired", "running"}),
    "hikvision": frozenset({"disk_full", "disk_error", "running"}),
}
"""What the logs of the layouts have records for; `running` is one without a meaning."""


class BadSectors(Table, frozen=True, kw_only=True):
    """Ranges that the disk refuses: given half-open extents in bytes, or `count` random ranges
    of `size` bytes among the footage."""

    extents: tuple[tuple[int, int], ...] = ()
    count: int = 0
    size: Literal[512, 4096] = 4096


class Scenario(Table, frozen=True, kw_only=True):
    """One recorder's disk in words. start, end: recorder time; off: the recorder as a whole was
    without power; clock: at which time the recorder's clock was set to which;
    logged: what the recorder notes in its log, and when. All times of a
    scenario are true ones. Only the tables of the layout may be given. name: the file's stem."""

    title: str
    layout: Layout
    start: str
    end: str
    cameras: tuple[CameraGroup, ...]
    seed: int = 1
    name: str = ""
    off: tuple[tuple[str, str], ...] = ()
    clock: tuple[tuple[str, str], ...] = ()
    logged: tuple[tuple[Logged, str], ...] = ()
    bad_sectors: BadSectors = BadSectors()
    dhfs: Dhfs | None = None
    wfs: Wfs | None = None
    hikvision: Hikvision | None = None
    tme: Tme | None = None
    hiv: Hiv | None = None
    image: Image | None = None
    files: Files | None = None
    dhav: Dhav | None = None
    xm: Xm | None = None
    nndc: Nndc | None = None
    jt1078: Jt1078 | None = None
    hx: Hx | None = None
    annexb: Annexb | None = None
    imkh: Imkh | None = None
    gbps: Gbps | None = None
    mp4: Mp4 | None = None
    ts: Ts | None = None

    @property
    def span(self) -> Span:
        """From the start to the end of the scenario."""
        return Span(moment(self.start), moment(self.end))

    def notes(self) -> list[tuple[int, Logged]]:
        """What is to stand in the log, with the time, in milliseconds."""
        day = self.span.start_ms
        return [(moment(text, day), word) for word, text in self.logged]

    def spans(self, pairs: tuple[tuple[str, str], ...]) -> tuple[Span, ...]:
        """Spans written as pairs of times of day, ISO times, `start` or `end`."""
        words = {"start": self.span.start_ms, "end": self.span.end_ms}
        day = self.span.start_ms
        return tuple(
            Span(*(words[text] if text in words else moment(text, day) for text in pair))
            for pair in pairs
        )


def load(path: Path) -> Scenario:
    """The scenario in a TOML file; ScenarioError names the file, the key and what is wrong."""
    try:
        text = path.read_bytes()
        scenario = msgspec.convert(tomllib.loads(text.decode()), Scenario)
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{path}: {error}") from error
    if not scenario.name:
        scenario = msgspec.structs.replace(scenario, name=path.stem)
    check(scenario, str(path))
    return scenario


def check(scenario: Scenario, place: str = "scenario") -> None:
    """Raise ScenarioError, with `place` and the key, when the scenario cannot be built."""
    for key, wrong in _faults(scenario):
        raise ScenarioError(f"{place}: key `{key}`: {wrong}")


def scenarios() -> dict[str, Path]:
    """The scenarios shipped with vidrecover, by name."""
    here = Path(__file__).resolve()
    for folder in (
        here.parents[1] / "shipped" / "scenarios",
        here.parents[3] / "fixtures" / "scenarios",
    ):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return {}


_Faults = list[tuple[str, str]]


def _faults(scenario: Scenario) -> _Faults:
    faults = _time_faults(scenario)
    if faults:
        return faults
    numbers = [number for group in scenario.cameras for number in group.numbers]
    if not numbers:
        faults.append(("cameras", "no camera has a number"))
    if len(set(numbers)) != len(numbers):
        faults.append(("cameras.numbers", "a camera is described twice"))
    for group in scenario.cameras:
        faults += _camera_faults(scenario, group)
    return faults + _layout_faults(scenario) + _bad_sector_faults(scenario.bad_sectors)


def _time_faults(scenario: Scenario) -> _Faults:
    faults: _Faults = []
    known = LOGGED.get(scenario.layout, frozenset())
    for word, _ in scenario.logged:
        if word not in known:
            faults.append(("logged", f"layout {scenario.layout} has no record for {word}"))
    for key in ("start", "end"):
        try:
            moment(getattr(scenario, key))
        except ValueError as error:
            faults.append((key, str(error)))
    if not faults and scenario.span.end_ms <= scenario.span.start_ms:
        faults.append(("end", "does not lie behind the start"))
    if not faults and scenario.span.end_ms - scenario.span.start_ms > _LONGEST_MS:
        faults.append(("end", "lies more than eight days behind the start"))
    try:
        scenario.notes()
    except ValueError as error:
        faults.append(("logged", str(error)))
    pairs = [("off", scenario.off)]
    for group in scenario.cameras:
        pairs += [("cameras.off", group.off), ("cameras.video_loss", group.video_loss)]
        pairs.append(("cameras.encrypted", group.encrypted))
        pairs.append(("cameras.silent_loss", group.silent_loss))
        pairs.append(("cameras.faults", tuple((start, end) for _, start, end in group.faults)))
    for key, spans in pairs if not faults else ():
        try:
            if any(span.end_ms <= span.start_ms for span in scenario.spans(spans)):
                faults.append((key, "a span ends before it begins"))
        except ValueError as error:
            faults.append((key, str(error)))
    return faults


def _camera_faults(scenario: Scenario, group: CameraGroup) -> _Faults:
    layout = scenario.layout
    grid = 8 if layout in ("xm", "wfs") else 2
    allowed = sorted(AUDIO_OF_LAYOUT[layout])
    tests = [
        ("numbers", all(1 <= n <= LAST_CAMERA[layout] for n in group.numbers),
         f"cameras of layout {layout} are numbered 1 to {LAST_CAMERA[layout]}"),
        ("width", 160 <= group.width <= 3840 and group.width % grid == 0,
         f"must be a multiple of {grid} from 160 to 3840"),
        ("height", 96 <= group.height <= 2160 and group.height % grid == 0,
         f"must be a multiple of {grid} from 96 to 2160"),
        ("rate", 1 <= group.rate <= 30, "must be 1 to 30 pictures a second"),
        ("gop", group.gop is None or 1 <= group.gop <= 300, "must be 1 to 300 pictures"),
        ("quality", 10 <= group.quality <= 45, "must be 10 to 45"),
        ("audio", group.audio in allowed, f"layout {layout} knows {', '.join(allowed)}"),
        ("silent_loss", not group.silent_loss or layout == "tme", "is only known of tme"),
        ("index", group.index == "intact" or layout in INDEXED,
         f"layout {layout} has no index"),
        ("index", group.index not in ("never_closed", "not_written") or layout == "dhfs",
         "is only known of dhfs"),
    ]  # fmt: skip
    return [(f"cameras.{key}", wrong) for key, right, wrong in tests if not right]


def _layout_faults(scenario: Scenario) -> _Faults:
    belongs = {scenario.layout} | ({"image"} if scenario.layout not in INDEXED else set())
    if scenario.layout in IN_FILES and scenario.image is None:
        belongs.add("files")
    faults = [
        (table, f"says nothing for layout {scenario.layout}")
        for table in _TABLES
        if getattr(scenario, table) is not None and table not in belongs
    ]
    highest = max((n for group in scenario.cameras for n in group.numbers), default=0)
    tests = bounds.of_dhfs(scenario.dhfs or Dhfs())
    tests += bounds.of_ring("wfs", scenario.wfs or Wfs())
    tests += bounds.of_files(scenario.files or Files(), highest)
    tests += bounds.of_hiv(scenario.hiv or Hiv())
    tests += bounds.of_tme(scenario.tme or Tme())
    tests += bounds.of_hikvision(scenario.hikvision or Hikvision())
    tests += bounds.of_image(scenario.image or Image())
    tests += bounds.of_packs("imkh", scenario.imkh or Imkh())
    tests += bounds.of_packs("gbps", scenario.gbps or Gbps())
    tests += bounds.of_annexb(scenario.annexb or Annexb())
    tests += bounds.of_jt1078(scenario.jt1078 or Jt1078())
    return faults + [(one.key, one.wrong) for one in tests if not one.holds]


def _bad_sector_faults(bad: BadSectors) -> _Faults:
    tests = [
        ("count", bad.count >= 0, "must not be negative"),
        ("extents", all(0 <= start < end for start, end in bad.extents),
         "an extent ends before it begins"),
        ("extents", all(not (start % 512 or end % 512) for start, end in bad.extents),
         "extents are whole sectors of 512 bytes"),
    ]  # fmt: skip
    return [(f"bad_sectors.{key}", wrong) for key, right, wrong in tests if not right]
