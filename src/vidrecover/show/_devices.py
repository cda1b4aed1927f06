"""The disks of a machine in words and as JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec

from vidrecover.model import SourceIdentity
from vidrecover.show._words import size_words, table


def devices_json(devices: Sequence[SourceIdentity]) -> list[dict[str, Any]]:
    """Path, size, sector size, model and serial number of each disk; null where not known."""
    keys = ("path", "size", "sector_size", "model", "serial")
    return [{key: msgspec.to_builtins(one)[key] for key in keys} for one in devices]


def devices_text(devices: Sequence[SourceIdentity]) -> str:
    """A line per disk, or what to do when none shows."""
    if not devices:
        return (
            "no disk shows; connect one, and under Windows run as administrator."
            " An image file needs no device: give its name"
        )
    rows = [
        (one.path, size_words(one.size), one.model or "not known", one.serial or "not known")
        for one in devices
    ]
    return table(("disk", "size", "model", "serial number"), rows)
