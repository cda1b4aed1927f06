"""In which order a source is read: first all that is easily read, last what a disk resists."""

from collections.abc import Callable, Iterator, Sequence

from vidrecover import extents
from vidrecover.catalogue import Catalogue
from vidrecover.model import Extent, Source, UnitResult
from vidrecover.scan import Scanner
from vidrecover.source import Hurry, device_of


def results(
    stored: Catalogue,
    source: Source,
    pending: Sequence[Extent],
    scanner: Scanner,
    left: Callable[[list[Extent]], None],
) -> Iterator[UnitResult]:
    """What the pending extents hold. A device is read in two passes: see `Hurry`.

    left: told, whenever it grows or shrinks, what the first pass leaves for the second. Until it
    was read it counts as not scanned, so that a stopped scan goes on with it.
    """
    device = device_of(source)
    if device is None:
        yield from map(scanner.scan, pending)
        return
    hurry = device.hurry = Hurry()
    resisting: list[Extent] = []
    try:
        for unit in pending:
            yield from _beside(unit, scanner, hurry)
            resisting += extents.common(hurry.skipped, [unit])
            if resisting:
                left(resisting)
    finally:
        device.hurry = None
    scanner.forget()
    resisting = extents.merged(resisting)
    for one in by_worth(stored, resisting):
        yield scanner.scan(one)
        resisting = extents.minus(resisting, [one])
        left(resisting)


def _beside(unit: Extent, scanner: Scanner, hurry: Hurry) -> Iterator[UnitResult]:
    """A unit without what the hurry leaves out of it, in as many parts as that takes."""
    waiting = [unit]
    while waiting:
        part = waiting.pop()
        result = scanner.scan(part)
        skipped = extents.common(hurry.skipped, [part])
        if not skipped:
            yield result
        else:
            waiting += reversed(extents.minus([part], skipped))


def by_worth(stored: Catalogue, resisting: Sequence[Extent]) -> list[Extent]:
    """Most valuable first: what the recorder lists, then what lies between footage."""
    if not resisting:
        return []
    listed = extents.merged(one for claim in stored.claims() for one in claim.extents)
    other = extents.merged([*stored.unidentified(), *stored.blank(), *stored.unreadable()])
    footage = extents.minus(stored.scanned(), other)

    def rank(one: Extent) -> tuple[bool, int, int]:
        sides = [Extent(one.start - 1, one.start), Extent(one.end, one.end + 1)]
        return (
            not extents.common(listed, [one]),
            -len(extents.common(footage, sides)),
            one.start,
        )

    return sorted(resisting, key=rank)
