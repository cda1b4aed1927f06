"""Recorders' own disk layouts and file systems: what they claim to hold, and their logs."""

from collections.abc import Callable

from vidrecover.formats import FormatSet
from vidrecover.model import Source, SourceRef, VolumeReport
from vidrecover.volumes import dhfs, filesystem, hikvision, wfs

LAYOUTS: dict[str, Callable[[Source], list[VolumeReport]]] = {
    "dhfs": dhfs.examine,
    "wfs": wfs.examine,
    "hikvision": hikvision.examine,
}
"""Every layout known, by the name in its reports."""


def examine(
    source: Source, ref: SourceRef | None = None, formats: FormatSet | None = None
) -> list[VolumeReport]:
    """Claims and events of every layout found on the source, in the order of LAYOUTS, then of
    its file systems.

    Takes seconds: a layout that is not there costs a few MiB of reading. ref: how another process
    opens the source: the file systems are walked there, and left out without it and `formats`.
    """
    reports = [report for layout in LAYOUTS.values() for report in layout(source)]
    if ref is not None and formats is not None:
        reports += filesystem.examine(source, ref, formats)
    return reports
