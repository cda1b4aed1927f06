"""Chains of equal fragments, and the claims that they make: DHFS and its sister WFS.

A link is followed only where both its ends agree; what does not agree is said in the claim's
`damage`, and the frames decide. Byte facts: dahua-dhfs.md sections 5 and 6, wfs.md sections 4
and 5, with their marks.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vidrecover.model import NO_CHANNEL, NO_TIME, Claim, ClaimKind, Extent
from vidrecover.volumes._descriptors import (
    NO_NEXT,
    WIDTH,
    Rows,
    Use,
)

_TOLERANCE_MS = 2000


class Layout(NamedTuple):
    """Where fragments and descriptors lie: absolute bytes; `end`: no byte of the volume behind.

    keeps_allotted: a main that was only allotted makes an open claim.
    """

    volume: str
    table: int
    fragment_start: int
    fragment_size: int
    block_size: int
    end: int
    keeps_allotted: bool = False


def claims(rows: Rows, layout: Layout) -> list[Claim]:
    """What the table claims, ordered by the descriptors that begin the chains.

    A main that was only allotted makes none unless the layout keeps it: begin equals end,
    nothing follows, no size. [A: ignored by the tools]
    """
    groups = sorted(_grouped(_runs(rows, _links(rows)), rows), key=lambda group: group.chain[0])
    if not groups:
        return []
    flat = np.concatenate([np.array(group.chain, dtype=np.int64) for group in groups])
    bounds = np.cumsum([0] + [len(group.chain) for group in groups])
    facts = _facts(rows, flat, bounds, layout)
    extents = _extents(flat, bounds, facts["tail"], layout)
    return [
        _claim(group, fact, places, rows, layout)
        for group, fact, places in zip(
            groups, map(_Fact._make, facts.tolist()), extents, strict=True
        )
        if not fact.allotted or layout.keeps_allotted
    ]


class _Run(NamedTuple):
    """Descriptors that follow each other by `next`; looped: the last one names a visited one."""

    chain: list[int]
    looped: bool


class _Group(NamedTuple):
    """Runs of one recording put together; bridges: how, in words."""

    chain: list[int]
    looped: bool
    bridges: list[str]


class _Fact(NamedTuple):
    """One group as computed in bulk; tail: used bytes of its last fragment; lost: fragments
    not wholly inside the volume; doubtful: words of damage are due."""

    start_ms: int
    end_ms: int
    tail: int
    channel: int
    use: int
    allotted: bool
    lost: int
    open: bool
    doubtful: bool


_FACT = np.dtype(
    [
        ("start_ms", "<i8"),
        ("end_ms", "<i8"),
        ("tail", "<i8"),
        ("channel", "<i2"),
        ("use", "u1"),
        ("allotted", "?"),
        ("lost", "<u4"),
        ("open", "?"),
        ("doubtful", "?"),
    ]
)


def _links(rows: Rows) -> npt.NDArray[np.int32]:
    """The next descriptor of each, -1 where there is none that agrees to belong to the chain."""
    follow = np.full(len(rows), -1, dtype=np.int32)
    use, root, channel = rows["use"], rows["root"], rows["channel"]
    linked = (use >= Use.MAIN) & (use <= Use.FREED_CONTINUATION)
    here = np.flatnonzero(linked & (rows["next"] > 0) & (rows["next"] < len(rows)))
    there = rows["next"][here]
    wanted = np.where(use[here] <= Use.CONTINUATION, Use.CONTINUATION, Use.FREED_CONTINUATION)
    agreed = (use[there] == wanted) & (root[there] == root[here])
    agreed &= channel[there] == channel[here]
    follow[here[agreed]] = there[agreed]
    return follow


def _runs(rows: Rows, follow: npt.NDArray[np.int32]) -> Iterator[_Run]:
    """Every used or freed descriptor in exactly one run; mains first, closed loops last."""
    entered = np.zeros(len(rows), dtype=bool)
    entered[follow[follow >= 0]] = True
    use = rows["use"]
    head = (use == Use.MAIN) | (use == Use.FREED_MAIN)
    body = (use == Use.CONTINUATION) | (use == Use.FREED_CONTINUATION)
    onward, taken = follow.data, bytearray(len(rows))
    for starts in (head, body & ~entered, body & entered):
        for start in np.flatnonzero(starts).tolist():
            if not taken[start]:
                yield _walk(start, onward, taken)


def _walk(start: int, onward: Sequence[int], taken: bytearray) -> _Run:
    chain: list[int] = []
    place = start
    while place >= 0 and not taken[place]:
        taken[place] = 1
        chain.append(place)
        place = onward[place]
    return _Run(chain, place >= 0)


def _grouped(runs: Iterable[_Run], rows: Rows) -> Iterator[_Group]:
    """Runs of one recording joined over a broken link, where position and time prove it."""
    listed = list(runs)
    first = rows[[run.chain[0] for run in listed]]
    live = first["use"] <= Use.CONTINUATION
    order = np.lexsort(
        (first["position"], first["begin_ms"], first["channel"], first["root"], live)
    )
    first, live = first[order], live[order]
    kin = np.zeros(len(first), dtype=bool)
    kin[1:] = (
        (first["root"][1:] == first["root"][:-1])
        & (first["channel"][1:] == first["channel"][:-1])
        & (live[1:] == live[:-1])
        & ~_heads(first[1:])
    )
    group: _Group | None = None
    for place, related in zip(order.tolist(), kin.tolist(), strict=True):
        run = listed[place]
        bridge = _bridge(group.chain, run.chain, rows) if group and related else None
        if group and bridge:
            chain = [*group.chain, *bridge.between, *run.chain]
            group = _Group(chain, run.looped, [*group.bridges, bridge.words])
            continue
        if group:
            yield group
        group = _Group(run.chain, run.looped, [])
    if group:
        yield group


class _Bridge(NamedTuple):
    """What lies between two runs of one recording, and why they belong together, in words."""

    between: list[int]
    words: str


def _bridge(before: list[int], after: list[int], rows: Rows) -> _Bridge | None:
    """How two runs of the same main, channel and kind hang together, or None: not proven.

    Either the position goes on and the times fit, or exactly one opaque descriptor lies between
    that both sides name. [C]
    """
    last, new = rows[before[-1]], rows[after[0]]
    if not _fits(rows[before[0]], last, new):
        return None
    step = int(new["position"]) - int(last["position"])
    if step == 1:
        words = f"no link from descriptor {before[-1]} to {after[0]}: joined by position and time"
        return _Bridge([], words)
    between = int(new["previous"])
    if step == 2 and last["next"] == between and rows["use"][between] == Use.OPAQUE:
        words = f"descriptor {between} is not legible, both its neighbours name it"
        return _Bridge([between], words)
    return None


def _heads(rows: Rows) -> npt.NDArray[np.bool_]:
    return np.asarray((rows["use"] == Use.MAIN) | (rows["use"] == Use.FREED_MAIN), dtype=np.bool_)


def _is_head(row: Any) -> bool:
    return bool(row["use"] in (Use.MAIN, Use.FREED_MAIN))


def _fits(first: Any, last: Any, new: Any) -> bool:
    """The new row begins when the last one ends, or lies inside the main's span."""
    if new["begin_ms"] == NO_TIME:
        return False
    if not _is_head(last):
        return abs(int(new["begin_ms"]) - int(last["end_ms"])) <= _TOLERANCE_MS or _inside(
            first, new
        )
    return _inside(first, new)


def _inside(main: Any, new: Any) -> bool:
    if not _is_head(main) or NO_TIME in (main["begin_ms"], main["end_ms"]):
        return False
    latest = int(main["end_ms"]) + _TOLERANCE_MS
    return bool(main["begin_ms"] <= new["begin_ms"] and new["end_ms"] <= latest)


def _facts(
    rows: Rows, flat: npt.NDArray[np.int64], bounds: npt.NDArray[np.int64], layout: Layout
) -> Rows:
    """One row of _FACT for each group; flat: the chains one behind the other, cut at bounds.

    The end of an unclosed main is that of its latest fragment, where any says a later one; the
    size of the last fragment counts only when the count fits the chain, or when its own
    descriptor states it at the end of the links.
    """
    starts, lengths = bounds[:-1], np.diff(bounds)
    first, last = rows[flat[starts]], rows[flat[bounds[1:] - 1]]
    headed, begin, end = _heads(first), first["begin_ms"], first["end_ms"]
    unclosed = headed & (end <= begin)
    whole = headed & (lengths == first["more"].astype(np.int64) + 1)
    ends = rows["end_ms"][flat]
    ends[starts[headed]] = NO_TIME
    latest = np.maximum.reduceat(ends, starts)
    latest[unclosed] = np.maximum(latest, end)[unclosed]
    end = np.where(unclosed | ~headed, latest, end)
    size = np.where(headed, first["last"], last["last"]).astype(np.int64) * layout.block_size
    sized = np.where(headed, whole & ~unclosed, (last["next"] == 0) | (last["next"] == NO_NEXT))
    sized &= (size > 0) & (size <= layout.fragment_size)
    facts = np.zeros(len(first), dtype=_FACT)
    facts["start_ms"] = begin
    facts["end_ms"] = np.where(end < begin, NO_TIME, end)
    facts["tail"] = np.where(sized, size, layout.fragment_size)
    facts["channel"], facts["use"] = first["channel"], first["use"]
    stopped = (last["next"] == 0) | (last["next"] == NO_NEXT)
    facts["allotted"] = (
        headed & whole & (lengths == 1) & (begin == first["end_ms"]) & (size == 0) & stopped
    )
    grown = headed & (lengths > first["more"].astype(np.int64) + 1)
    facts["open"] = unclosed | grown | (whole & (size == 0))
    facts["doubtful"] = ~sized | ~stopped | (first["channel"] == NO_CHANNEL) | (begin == NO_TIME)
    limits = layout.fragment_start + (flat + 1) * layout.fragment_size
    limits[bounds[1:] - 1] += facts["tail"] - layout.fragment_size
    facts["lost"] = np.add.reduceat((limits > layout.end).astype(np.int64), starts)
    facts["doubtful"] |= _disordered(rows, flat, bounds)
    return facts


def _disordered(
    rows: Rows, flat: npt.NDArray[np.int64], bounds: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Groups whose positions do not count up by one, or with a date before their begin."""
    starts, lengths = bounds[:-1], np.diff(bounds)
    steps = np.diff(rows["position"][flat].astype(np.int64), prepend=0)
    steps[starts] = 1
    begins = rows["begin_ms"][flat]
    early = (begins != NO_TIME) & (begins < np.repeat(begins[starts], lengths))
    return np.asarray(np.logical_or.reduceat((steps != 1) | early, starts), dtype=np.bool_)


def _claim(
    group: _Group, fact: _Fact, extents: tuple[Extent, ...], rows: Rows, layout: Layout
) -> Claim:
    entry = layout.table + group.chain[0] * WIDTH
    words = [*(_damage(group, rows, layout) if fact.doubtful else ()), *group.bridges]
    if fact.lost:
        words.append(
            f"{fact.lost} of {len(group.chain)} fragments lie behind the end of the volume"
        )
    return Claim(
        volume=layout.volume,
        kind=_kind(fact.use),
        channel=None if fact.channel == NO_CHANNEL else fact.channel,
        start_ms=None if fact.start_ms == NO_TIME else fact.start_ms,
        end_ms=None if fact.end_ms == NO_TIME else fact.end_ms + 999,
        extents=extents,
        entry=Extent(entry, entry + WIDTH),
        damage="; ".join(words) or None,
        open=fact.open,
    )


def _kind(use: int) -> ClaimKind:
    if use == Use.MAIN:
        return ClaimKind.INDEX
    return ClaimKind.REMNANT if use == Use.CONTINUATION else ClaimKind.DELETED


def _extents(
    flat: npt.NDArray[np.int64],
    bounds: npt.NDArray[np.int64],
    tails: npt.NDArray[np.int64],
    layout: Layout,
) -> Iterator[tuple[Extent, ...]]:
    """The bytes of each group's fragments in order, neighbours in one extent, the last cut."""
    starts = layout.fragment_start + flat * layout.fragment_size
    ends = starts + layout.fragment_size
    ends[bounds[1:] - 1] += tails - layout.fragment_size
    ends = np.minimum(ends, layout.end)
    group = np.repeat(np.arange(len(tails)), np.diff(bounds))
    present = starts < ends
    starts, ends, group = starts[present], ends[present], group[present]
    fresh = np.ones(len(starts), dtype=bool)
    fresh[1:] = (starts[1:] != ends[:-1]) | (group[1:] != group[:-1])
    begins = np.flatnonzero(fresh)
    closes = np.append(begins[1:], len(starts)) - 1
    pairs = map(Extent, starts[begins].tolist(), ends[closes[: len(begins)]].tolist())
    for count in np.bincount(group[begins], minlength=len(tails)).tolist():
        yield tuple(islice(pairs, count))


def _damage(group: _Group, rows: Rows, layout: Layout) -> Iterator[str]:
    """What is wrong with a chain, in words."""
    chain, first = group.chain, rows[group.chain[0]]
    if _is_head(first):
        yield from _count_words(len(chain), first, layout)
    else:
        root = int(first["root"])
        yield f"begins at position {int(first['position'])}: {_about_main(root, first, rows)}"
    if first["channel"] == NO_CHANNEL:
        yield "the channel is not legible"
    if first["begin_ms"] == NO_TIME:
        yield "the begin is not a date"
    positions = rows["position"][chain]
    if np.any(np.diff(positions.astype(np.int64)) != 1) and not group.bridges:
        yield "the positions of the fragments are not in order"
    begins = rows["begin_ms"][chain]
    if np.any(begins[1:][begins[1:] != NO_TIME] < begins[0]):
        yield "fragments are dated before the begin"
    yield from _stop_words(group, rows)


def _count_words(length: int, main: Any, layout: Layout) -> Iterator[str]:
    said = int(main["more"]) + 1
    unclosed = bool(main["end_ms"] <= main["begin_ms"])
    size = int(main["last"]) * layout.block_size
    if main["end_ms"] == NO_TIME:
        yield "the end is not a date"
    elif unclosed:
        yield "the end is not later than the begin: never closed, or shorter than a second"
    if length > said:
        yield f"the count says {said} fragments, the links give {length}: links followed"
    elif length < said:
        yield f"only {length} of {said} fragments are linked"
    elif not unclosed and not 0 < size <= layout.fragment_size:
        yield f"the size of the last fragment, {int(main['last'])} blocks, cannot be: taken whole"


def _about_main(root: int, row: Any, rows: Rows) -> str:
    use = rows["use"][root]
    if use == Use.OPAQUE:
        return f"its main descriptor {root} is not legible"
    if use == Use.NONE:
        return f"its main descriptor {root} is not in use"
    if use in (Use.MAIN, Use.FREED_MAIN) and rows["channel"][root] == row["channel"]:
        return f"its main descriptor {root} does not lead here"
    return f"its main descriptor {root} belongs to another recording"


def _stop_words(group: _Group, rows: Rows) -> Iterator[str]:
    """Why a chain stops at its last descriptor, when that one names another."""
    last = group.chain[-1]
    onward = int(rows["next"][last])
    if onward in (0, NO_NEXT):
        return
    said = f"descriptor {last} names {onward} as the next"
    if onward >= len(rows):
        yield f"{said}, behind the end of the table"
    elif group.looped or onward == group.chain[0]:
        yield f"{said}, which was visited before: the links loop"
    elif rows["use"][onward] == Use.OPAQUE:
        yield f"{said}, which is not legible"
    elif rows["use"][onward] == Use.NONE:
        yield f"{said}, which is not in use"
    else:
        yield f"{said}, which belongs to another recording"
