"""An open case folder: its catalogue, its formats, its source, its log."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from vidrecover import actions, formats, segments, whereabouts
from vidrecover.catalogue import Catalogue
from vidrecover.errors import CatalogueError
from vidrecover.model import Frames, Segment, Source, SourceRef, TimeSpan
from vidrecover.source import open_source

CATALOGUE, ACTIONS, MAP = "catalogue.db", "actions.jsonl", "device.map"


class Opened(NamedTuple):
    """What every verb works on."""

    folder: Path
    formats: formats.FormatSet
    catalogue: Catalogue

    def segments(self, span: TimeSpan | None = None) -> Iterator[Segment]:
        """The catalogue's segments without rows, cameras numbered from 1.

        For formats in which only a channel 1 proves that the bytes count from 0, see
        `formats.Framing.channel_one_tells`.
        """
        unsure = {one.name for one in self.formats.formats if one.framing.channel_one_tells}
        if unsure:
            unsure -= {one.format for one in self.catalogue.segments(channel=1)}
        for one in self.catalogue.segments(span=span):
            if one.channel is not None and one.format in unsure:
                yield msgspec.structs.replace(one, channel=one.channel - 1)
            else:
                yield one

    def unpack(self, segment: Segment) -> Frames:
        """The rows of a segment, in playing order."""
        assert segment.id is not None
        return segments.unpack(self.catalogue.segment_rows(segment.id))

    def place(self, moved: str | None = None) -> SourceRef:
        """How to open the source; moved: where it is now."""
        return whereabouts.recall(self.folder, moved)

    @contextmanager
    def source(self, moved: str | None = None) -> Iterator[Source]:
        """The case's source, wherever it is now; raises SourceError when it is another one."""
        with open_source(self.place(moved)) as source:
            whereabouts.compare(source, self.catalogue.identity(), self.folder)
            yield source

    def note(self, action: str, details: dict[str, Any]) -> None:
        """Write down what was done."""
        actions.append(self.folder / ACTIONS, action, details)


def opened(folder: Path, *, create: bool) -> Opened:
    """The case in a folder, made when it is missing and `create` is true.

    Raises CatalogueError when there is none, FormatError when a description is wrong.
    """
    if create:
        try:
            (folder / "formats").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogueError(
                f"{folder}: the case cannot be made ({error.strerror}); choose another folder"
            ) from error
    elif not (folder / CATALOGUE).is_file():
        raise CatalogueError(
            f"{folder}: there is no case; scan a source first: vidrecover scan SOURCE"
            f" --case {folder}"
        )
    known = formats.load(formats.shipped(), folder / "formats")
    return Opened(folder, known, Catalogue.open(folder / CATALOGUE, create=create))
