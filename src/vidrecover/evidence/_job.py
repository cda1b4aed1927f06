"""What the parts of one verification share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from vidrecover import __version__
from vidrecover.errors import EvidenceError
from vidrecover.evidence import _structure
from vidrecover.evidence._copies import Crew
from vidrecover.evidence._findings import Area, Findings
from vidrecover.evidence._records import ClockRecord, SourceRecord
from vidrecover.evidence._tables import Covered
from vidrecover.evidence._values import Contents, Stored
from vidrecover.model import Progress, Source

BROKEN = (EvidenceError, ArithmeticError, LookupError, TypeError, ValueError)
"""What a stranger's tables may bring about; each becomes a difference."""


@dataclass(slots=True, kw_only=True)
class Tables:
    """The tables of a package as far as they can be read; None for the rest."""

    contents: Contents | None = None
    source: SourceRecord | None = None
    clock: ClockRecord | None = None
    coverage: list[Covered] | None = None
    tool: Mapping[str, Any] = field(default_factory=dict)
    log: bytes = b""
    actions: list[dict[str, Any]] = field(default_factory=list)

    def same_program(self) -> bool:
        """Whether this program and its container writer are those that made the package."""
        libraries = self.tool.get("libraries")
        av = libraries.get("av") if isinstance(libraries, dict) else None
        return self.tool.get("version") == __version__ and av == metadata.version("av")


@dataclass(slots=True, kw_only=True)
class Job:
    """One verification. now: what was hashed so far, by path; scratch: an empty folder;
    crew: makes copies again.

    other: what was made again and came out otherwise, where another program made the package.
    """

    bag: _structure.Bag
    tables: Tables
    source: Source | None
    scratch: Path
    findings: Findings
    progress: Progress | None
    crew: Crew
    now: dict[str, Stored] = field(default_factory=dict)
    other: list[str] = field(default_factory=list)

    def again(self, area: Area, where: str, what: str, is_: object, made: object) -> None:
        """Holds something of the package against the same thing made again.

        Another version may make it in another way, which says nothing against the package.
        """
        if is_ == made:
            return
        if self.tables.same_program():
            self.findings.unequal(area, where, what, is_, made)
        else:
            self.other.append(where)

    def hash(self, name: str) -> Stored | None:
        """A file of the package as it is now, read once; None when it is not there."""
        if name not in self.now and name in self.bag.files:
            self.now[name] = _structure.hashed(self.bag, name)
        return self.now.get(name)
