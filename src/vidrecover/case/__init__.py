"""A case: the folder with everything learnt about one source, and the verbs that work on it.

| in the folder | what |
|---|---|
| `catalogue.db` | all observations |
| `source.json` | how to open the source again |
| `formats/` | the engineer's own descriptions |
| `clips/`, `exhibits/` | what was recovered and handed over, unless another folder is named |
| `device.map` | ddrescue's map of what a device refused, when it did |
| `media/NAME/` | each further medium of the recorder, a case of its own |
| `actions.jsonl` | what was done, by which version, each line with the digest of the one before |
"""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from vidrecover import extents
from vidrecover import report as reports
from vidrecover.case import _answers, _find, _footage, _media, _scanning
from vidrecover.case._many import Listed, listed, scan_many
from vidrecover.case._media import MAIN, folder_of
from vidrecover.case._opened import ACTIONS, CATALOGUE, MAP, Opened, opened
from vidrecover.catalogue import ChannelSummary
from vidrecover.errors import CatalogueError
from vidrecover.model import TimeSpan

__all__ = [
    "ACTIONS", "CATALOGUE", "MAIN", "MAP", "Case", "Listed", "folder_of", "listed", "scan_many",
]  # fmt: skip


_LOST_MS = 2_082_758_400_000
"""From 2036 on no clock of a recorder is right: it lost its time. [A: vehicle-faults.md 5]"""


class Case(Opened):
    """An open case folder; a context manager. The verbs stand in the modules beside this one."""

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        create: bool = False,
        medium: str = MAIN,
        names: Mapping[str, int] | None = None,
    ) -> Self:
        """The case in a folder, made when it is missing and `create` is true.

        medium: which of several media of the recorder; a further one is a case inside the case;
        names: numbers that the user gives to cameras which only their pictures tell, by label.
        Raises CatalogueError when there is no case or no such label, FormatError when a description
        is wrong.
        """
        case = cls(*opened(folder_of(folder, medium), create=create))
        return case._naming(names) if names else case

    def _naming(self, names: Mapping[str, int]) -> Self:
        known = sorted({*self.catalogue.views.labels().values()}, key=lambda one: (len(one), one))
        for label in names:
            if label not in known:
                told = f"labels are {', '.join(known)}" if known else "no footage has a label"
                raise CatalogueError(f"{self.folder}: there is no camera {label}: {told}")
        return self._replace(names=dict(names))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.catalogue.close()

    scan = _scanning.scan
    find = _find.find
    diagnose = _answers.diagnose
    compare_media = _media.compared
    read = _media.read
    report_facts = _answers.report_facts
    recover = _footage.recover
    export = _footage.export
    media_to_pack = _footage.to_pack

    def found(self) -> list[ChannelSummary]:
        """Cameras, frames and hours found so far; cheap, for progress."""
        return self.catalogue.summary()

    def scanned_share(self) -> float:
        """How much of the source was read by every format of the last scan, 0 to 1."""
        identity = self.catalogue.identity()
        return 0.0 if identity is None else self.catalogue.scanned_share(identity.size)

    def unreadable(self) -> int:
        """Bytes that the source refused so far."""
        return extents.total(self.catalogue.unreadable())

    def save_report(self, content: str, path: Path) -> None:
        """Store a report as a new file, never on the source; raises EvidenceError."""
        digest = reports.save(content, path, self.place())
        self.note("report", {"file": str(path), "sha256": digest})

    def last_day(self) -> TimeSpan | None:
        """The recorder's last day with footage, or None when nothing is dated.

        Dates of a clock that lost its time, as those of 2038, count only where there are no others.
        """
        newest = max((one.last_ms for one in self.found() if one.last_ms is not None), default=None)
        if newest is None:
            return None
        if newest >= _LOST_MS:
            ends = (one.end_ms for one in self.segments() if one.end_ms is not None)
            newest = max((end for end in ends if end < _LOST_MS), default=newest)
        start = newest // 86_400_000 * 86_400_000
        return TimeSpan(start, start + 86_400_000)
