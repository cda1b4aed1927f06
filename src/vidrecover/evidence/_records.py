"""The records beside the tables: clock, source, tool."""

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from vidrecover import __version__, clock, extents
from vidrecover.evidence._values import Exhibit, Order
from vidrecover.model import EventKind, Extent, SourceIdentity

_LIBRARIES = ("av", "numpy", "msgspec", "opencv-python-headless", "pytsk3", "libewf-python",
              "hyperscan", "reportlab")  # fmt: skip
_NOT_HASHED = "not hashed: only the bytes of the exported clips were read; each has its SHA-256"
_WRITE_BLOCK = "opened read-only by this program; nothing is known of a hardware write blocker"


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`source.json`; name: the file's or device's, without its folder. Sizes in bytes.

    image_hash: digests that the image itself carries, or why there are none. bad_ranges: bytes
    of exported clips that the device refused: they are zeros in the masters. unreadable,
    unidentified: of the whole source, as far as it was scanned; scanned_share: 0 to 1.
    format_limits: what the readers of the formats found here cannot do.
    """

    name: str
    kind: str
    size: int
    sector_size: int
    model: str | None
    serial: str | None
    image_hash: dict[str, str] | str
    write_block: str
    bad_ranges: tuple[Extent, ...]
    scanned_share: float
    unreadable: int
    unidentified: int
    formats_digest: str
    format_limits: dict[str, tuple[str, ...]]


class ClockJump(msgspec.Struct, frozen=True, kw_only=True):
    """A setting of the clock in the recorder's own log; offset: where the entry stands."""

    recorder_time: str | None
    text: str
    offset: int


class ClockRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`clock.json`: `ClockCheck`, and the jumps that the recorder itself logged."""

    recorder_time: str | None
    reference_time: str | None
    reference_source: str | None
    offset_s: float | None
    offset_low: float | None
    offset_high: float | None
    method: str
    jumps: tuple[ClockJump, ...]


def source_name(identity: SourceIdentity) -> str:
    """How the tables name the source: without its folder, which is the examiner's own affair."""
    return Path(identity.path).name or identity.path


def source_record(
    identity: SourceIdentity, order: Order, exhibits: Sequence[Exhibit]
) -> SourceRecord:
    """The source as it was found."""
    return SourceRecord(
        name=source_name(identity),
        kind=identity.kind,
        size=identity.size,
        sector_size=identity.sector_size,
        model=identity.model,
        serial=identity.serial,
        image_hash=dict(identity.stored_hashes) or _NOT_HASHED,
        write_block=_WRITE_BLOCK,
        bad_ranges=tuple(extents.merged(bad for one in exhibits for bad in one.unreadable)),
        scanned_share=order.diagnosis.scanned_share,
        unreadable=order.unreadable,
        unidentified=order.unidentified,
        formats_digest=order.formats_digest,
        format_limits={name: tuple(text) for name, text in sorted(order.format_limits.items())},
    )


def clock_record(order: Order) -> ClockRecord:
    """The clock as it was established."""
    jumps = tuple(
        ClockJump(
            recorder_time=None if one.time_ms is None else clock.iso(one.time_ms),
            text=one.text,
            offset=one.entry.start,
        )
        for one in order.events
        if one.kind is EventKind.CLOCK_SET
    )
    return ClockRecord(**msgspec.structs.asdict(order.clock), jumps=jumps)


def tool_record(source_path: str, folder: str, own_formats: Sequence[str]) -> dict[str, Any]:
    """`tool.json`: what the package was made with, and where; own_formats: names of files."""
    return {
        "name": "vidrecover",
        "version": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
        "source_path": source_path,
        "folder": folder,
        "own_formats": sorted(own_formats),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def as_json(value: object) -> bytes:
    """Indented JSON text."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
