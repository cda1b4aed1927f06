"""Recorders' own disk layouts and file systems: what they claim to hold, and their logs."""

from collections.abc import Callable

from vidrecover.model import Source, VolumeReport
from vidrecover.volumes import dhfs, hikvision, wfs

LAYOUTS: dict[str, Callable[[Source], list[VolumeReport]]] = {
    "dhfs": dhfs.examine,
    "wfs": wfs.examine,
    "hikvision": hikvision.examine,
}
"""Every layout known, by the name in its reports."""


def examine(source: Source) -> list[VolumeReport]:
    """Claims and events of every layout found on the source, in the order of LAYOUTS.

    Takes seconds: a layout that is not there costs a few MiB of reading.
    """
    return [report for layout in LAYOUTS.values() for report in layout(source)]
