"""What a Hikvision index and the tables in its blocks claim, laid together."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from vidrecover.extents import merged
from vidrecover.model import Claim, ClaimKind, Extent
from vidrecover.volumes._hik_blocks import Run
from vidrecover.volumes._hik_tree import ENTRY, RECORDING, Entries

_VOLUME = "hikvision@0x0"
TOLERANCE_S = 2
_LAST_CHANNEL = 64


class Entry(NamedTuple):
    """An entry as understood. listed: in a tree that the recorder reads."""

    channel: int | None
    start_s: int
    end_s: int
    block: int
    place: Extent
    listed: bool

    @property
    def open(self) -> bool:
        """Whether its block was being recorded: power may have been cut."""
        return self.start_s == RECORDING

    def holds(self, run: Run, tolerance_s: int) -> bool:
        """Whether a run of key frames is its footage, by camera and time."""
        if run.channel not in (self.channel, None):
            return False
        first, last = self.start_s - tolerance_s, self.end_s + tolerance_s
        return first <= run.start_s and run.end_s <= last


def claims(
    entries: Sequence[Entries],
    runs: Mapping[int, Sequence[Run]],
    blocks: Sequence[Extent],
    shift_ms: int,
) -> tuple[list[Claim], list[str]]:
    """The claims in the order of the blocks, and what is wrong with the entries in words.

    entries: listed ones, and those of stray pages; runs: by the start of their block. An entry
    claims the runs of its camera and time, where there are none its block; one that is still
    open, the runs written last. What no entry holds is a REMNANT: of a former round of the ring,
    or of a formatted index.
    """
    known = {block.start: block for block in blocks}
    own: dict[int, list[Entry]] = {}
    words, strays = [], 0
    for number, table in enumerate(entries):
        for entry in understood(table, listed=number == 0):
            if entry.block in known:
                own.setdefault(entry.block, []).append(entry)
            else:
                strays += 1
    if strays:
        words.append(f"{strays} entries name no block")
    found: list[Claim] = []
    for start, block in known.items():
        found += _of_block(block, own.get(start, []), runs.get(start, ()), shift_ms)
    return found, words


def understood(table: Entries, *, listed: bool) -> Iterator[Entry]:
    """The entries of blocks that hold video."""
    rows = table.rows
    kept = rows["empty"] == 0
    columns = (rows[name][kept].tolist() for name in ("channel", "start", "end", "block"))
    for channel, start, end, block, place in zip(
        *columns, table.places[kept].tolist(), strict=True
    ):
        yield Entry(
            channel=channel if 1 <= channel <= _LAST_CHANNEL else None,
            start_s=start,
            end_s=end,
            block=block,
            place=Extent(place, place + ENTRY.itemsize),
            listed=listed,
        )


def _of_block(
    block: Extent, entries: Sequence[Entry], runs: Sequence[Run], shift_ms: int
) -> Iterator[Claim]:
    free, closed = list(runs), [one for one in entries if not one.open]
    held: list[list[Run]] = [[] for _ in closed]
    for tolerance_s in (0, TOLERANCE_S):
        for entry, own in zip(closed, held, strict=True):
            own += [run for run in free if entry.holds(run, tolerance_s)]
            free = [run for run in free if run not in own]
    for entry, own in zip(closed, held, strict=True):
        yield _listed(entry, _bytes(block, own, entries, runs), shift_ms)
    for entry in (one for one in entries if one.open):
        last = free[:1] if free and free[0].channel in (entry.channel, None) else []
        free = free[len(last) :]
        yield _open(entry, block, last, shift_ms)
    for run in free:
        yield _remnant(run, shift_ms)


def _bytes(
    block: Extent, held: Sequence[Run], entries: Sequence[Entry], runs: Sequence[Run]
) -> tuple[Extent, ...]:
    """The bytes of the runs that an entry holds; the block where it holds none, or nothing else
    is in it."""
    if not held or (len(entries) == 1 and len(held) == len(runs)):
        return (block,)
    return tuple(merged(run.extent for run in held))


def _listed(entry: Entry, extents: tuple[Extent, ...], shift_ms: int) -> Claim:
    valid = 0 < entry.start_s <= entry.end_s < RECORDING
    return Claim(
        volume=_VOLUME,
        kind=ClaimKind.INDEX if entry.listed else ClaimKind.REMNANT,
        channel=entry.channel,
        start_ms=entry.start_s * 1000 + shift_ms if valid else None,
        end_ms=entry.end_s * 1000 + shift_ms + 999 if valid else None,
        extents=extents,
        entry=entry.place,
        damage=None if valid else "its times cannot be",
    )


def _open(entry: Entry, block: Extent, last: Sequence[Run], shift_ms: int) -> Claim:
    """A block that was being recorded: its times are those of the runs written last. [A]"""
    run = last[0] if last else None
    return Claim(
        volume=_VOLUME,
        kind=ClaimKind.INDEX if entry.listed else ClaimKind.REMNANT,
        channel=entry.channel,
        start_ms=None if run is None else run.start_s * 1000 + shift_ms,
        end_ms=None if run is None else run.end_s * 1000 + shift_ms + 999,
        extents=(block if run is None else Extent(block.start, run.extent.end),),
        entry=entry.place,
        damage="never closed: its times are those of the key frames in its block",
        open=True,
    )


def _remnant(run: Run, shift_ms: int) -> Claim:
    return Claim(
        volume=_VOLUME,
        kind=ClaimKind.REMNANT,
        channel=run.channel,
        start_ms=run.start_s * 1000 + shift_ms,
        end_ms=run.end_s * 1000 + shift_ms + 999,
        extents=(run.extent,),
        entry=run.entry,
        damage="in the table of key frames of its block only",
    )
