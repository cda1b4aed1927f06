"""The ring of equal fragments of DHFS and WFS: who owns which, how chains grow, what is
overwritten.

Fragments are taken in order, on demand, so the cameras' chains interleave. Positions are in
fragments and bytes inside them; `dhfs` and `wfs` make disk offsets of them.
"""

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from vidrecover.errors import ScenarioError
from vidrecover.simulate.footage import Frame
from vidrecover.simulate.times import packed

FREE, MAIN, CONTINUATION, RESERVED = 0, 1, 2, 0xFE
DESCRIPTOR_SIZE = 32
BLOCK = 512

_DESCRIPTOR = struct.Struct("<BBHIIIIII4x")


class Place(NamedTuple):
    """A run of bytes in one fragment; generation: how often the fragment was taken before."""

    fragment: int
    generation: int
    start: int
    end: int


@dataclass(slots=True)
class Descriptor:
    """A row of the descriptor table; see dahua-dhfs.md section 5. chain: whose it is, None
    for free and reserved rows."""

    kind: int = FREE
    channel: int = 1
    count: int = 0
    begin_ms: int | None = None
    end_ms: int | None = None
    following: int = 0
    last_blocks: int = 0
    previous: int = 0
    main: int = 0
    chain: "Chain | None" = None

    def packed(self) -> bytes:
        """The 32 bytes; the channel is `'0'` plus the channel from 0. [A]"""
        if self.kind in (FREE, RESERVED):
            return bytes([self.kind]) + bytes(DESCRIPTOR_SIZE - 1)
        begin, end = (0 if ms is None else packed(ms) for ms in (self.begin_ms, self.end_ms))
        return _DESCRIPTOR.pack(
            self.kind,
            ord("0") + self.channel - 1,
            self.count,
            begin,
            end,
            self.following,
            self.last_blocks,
            self.previous,
            self.main,
        )


@dataclass(slots=True)
class Chain:
    """One recording: its fragments in order, and how far the last one is filled."""

    channel: int
    part: tuple[int, int]
    fragments: list[int] = field(default_factory=list)
    filled: int = 0
    closed: bool = False


class RingFullError(Exception):
    """The last fragment is full, and nothing may be overwritten."""


class Ring:
    """Hands out fragments and keeps the descriptor table true to what was handed out.

    size: number of fragments with the reserved ones, or None for as many as asked for; layout:
    whose ring it is, for messages; overwrite: false raises RingFullError behind the last one.
    """

    def __init__(
        self,
        *,
        size: int | None,
        reserved: int,
        fragment_size: int,
        layout: str = "dhfs",
        overwrite: bool = True,
    ) -> None:
        self._size, self._layout, self._overwrite = size, layout, overwrite
        self._reserved = reserved
        self.fragment_size = fragment_size
        self.rows = [Descriptor(kind=RESERVED) for _ in range(reserved)]
        if size is not None:
            self.rows += [Descriptor() for _ in range(size - reserved)]
        self._at = reserved - 1
        self._reach: dict[int, list[int]] = {}

    @property
    def current(self) -> int:
        """The fragment taken last: the write position of the ring."""
        return max(self._at, 0)

    @property
    def highest(self) -> int:
        """The highest fragment that was ever taken, -1 for none."""
        return max(self._reach, default=-1)

    def grow(self, spare: int) -> None:
        """Add free fragments to a ring without a fixed size."""
        self.rows += [Descriptor() for _ in range(spare)]

    def start(self, shot: Frame) -> Chain:
        """A new recording that begins with this frame."""
        chain = Chain(shot.camera.number, shot.part)
        self._extend(chain)
        return chain

    def room(self, chain: Chain) -> int:
        """Bytes left in the chain's last fragment."""
        return self.fragment_size - chain.filled

    def put(self, chain: Chain, size: int, time_ms: int) -> list[Place]:
        """Append so many bytes that belong to this time; where they come to lie."""
        places = []
        while size:
            if not self.room(chain):
                self._extend(chain)
            fragment, part = chain.fragments[-1], min(size, self.room(chain))
            reaches = self._reach[fragment]
            places.append(Place(fragment, len(reaches) - 1, chain.filled, chain.filled + part))
            chain.filled += part
            reaches[-1] = chain.filled
            size -= part
            self._date(chain, fragment, time_ms)
        return places

    def close(self, chain: Chain, *, clear_slack: bool) -> tuple[int, int, int]:
        """End a recording: (fragment, start, end) of the bytes to be zeroed behind it.

        The used size is rounded up to blocks, the last block filled with zeros; `clear_slack`
        goes on to the fragment's end.
        """
        start, last = chain.filled, chain.fragments[-1]
        blocks = -(-start // BLOCK)
        end = self.fragment_size if clear_slack else blocks * BLOCK
        self._reach[last][-1] = end
        self.rows[chain.fragments[0]].last_blocks = blocks
        chain.closed = True
        return last, start, end

    def whole(self, place: Place) -> bool:
        """Whether nothing newer was written over the place."""
        later = self._reach[place.fragment][place.generation + 1 :]
        return all(reach <= place.start for reach in later)

    def listed(self, chain: Chain) -> bool:
        """Whether the chain's main descriptor is still its own."""
        return self.rows[chain.fragments[0]].chain is chain

    def _extend(self, chain: Chain) -> None:
        fragment = self._take()
        first = not chain.fragments
        row = Descriptor(kind=MAIN if first else CONTINUATION, channel=chain.channel, chain=chain)
        row.main = fragment if first else chain.fragments[0]
        if not first:
            row.previous = chain.fragments[-1]
            row.count = len(chain.fragments)
            self.rows[row.previous].following = fragment
            self.rows[chain.fragments[0]].count = row.count
        self.rows[fragment] = row
        chain.fragments.append(fragment)
        chain.filled = 0

    def _take(self) -> int:
        if self._size is not None and self._at + 1 >= self._size and not self._overwrite:
            raise RingFullError
        self._at += 1
        if self._size is not None and self._at >= self._size:
            self._at = self._reserved
        if self._at == len(self.rows):
            self.rows.append(Descriptor())
        owner = self.rows[self._at].chain
        if owner is not None and not owner.closed:
            raise ScenarioError(
                f"key `{self._layout}.fragments`: a ring of {self._size} fragments is too small:"
                f" it comes round to a recording of camera {owner.channel} that is still being"
                " written"
            )
        self._reach.setdefault(self._at, []).append(0)
        return self._at

    def _date(self, chain: Chain, fragment: int, time_ms: int) -> None:
        for number in {fragment, chain.fragments[0]}:
            row = self.rows[number]
            row.begin_ms = time_ms if row.begin_ms is None else row.begin_ms
            row.end_ms = time_ms
