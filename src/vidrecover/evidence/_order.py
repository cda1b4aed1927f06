"""What a case gives to a package: the wanted recordings and what is known around them."""

from collections.abc import Callable, Iterable
from pathlib import Path

from vidrecover import extents, timeline
from vidrecover.catalogue import Catalogue
from vidrecover.clips import Borrowed, TickClock, Unpack
from vidrecover.errors import EvidenceError
from vidrecover.evidence._values import ClockCheck, Order
from vidrecover.formats import FormatSet
from vidrecover.model import Diagnosis, Recording, Segment, TimeSpan


def ordered(
    stored: Catalogue,
    known: FormatSet,
    segments: Iterable[Segment],
    unpack: Unpack,
    diagnosis: Diagnosis,
    folder: Path,
    *,
    exhibit: str,
    channel: int | None = None,
    span: TimeSpan | None = None,
    operator: str | None = None,
    clock: ClockCheck | None = None,
    borrow: Callable[[Recording], Borrowed | None] | None = None,
) -> Order:
    """The order for a camera and span of a case.

    segments: of that camera and span, without rows, in the catalogue's order; folder: of the
    case, whose name the package bears, with `formats/` and `actions.jsonl`.
    """
    recordings = tuple(timeline.recordings(segments))
    used = sorted({one.format for one in recordings})
    return Order(
        case=folder.absolute().name,
        exhibit=exhibit,
        recordings=recordings,
        unpack=unpack,
        ticks={one.name: TickClock.of(one) for one in known.formats},
        diagnosis=diagnosis,
        channel=channel,
        span=span,
        operator=operator,
        clock=clock or ClockCheck(),
        events=tuple(stored.events()),
        unreadable=extents.total(stored.unreadable()),
        unidentified=extents.total(stored.unidentified()),
        formats_digest=known.digest,
        format_limits={name: tuple(known[name].limits) for name in used},
        descriptions=_own(folder / "formats", used),
        actions=_read(folder / "actions.jsonl"),
        borrow=borrow,
    )


def _own(folder: Path, used: Iterable[str]) -> dict[str, bytes]:
    """The engineer's own descriptions of formats that were used, by file name."""
    paths = [folder / f"{name}.toml" for name in used]
    return {path.name: _read(path) for path in paths if path.is_file()}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read ({error.strerror})") from error
