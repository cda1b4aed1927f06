"""One file: which tables fit the bytes, and the rows that both together give."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vidrecover import extents
from vidrecover.containers import _check, _rows
from vidrecover.containers._boxes import Box
from vidrecover.containers._descriptions import ENCRYPTED
from vidrecover.containers._files import File
from vidrecover.containers._fragments import fragments
from vidrecover.containers._tables import MOST_MOOV, TrackTable, movie
from vidrecover.containers._view import Column, View
from vidrecover.containers._walking import walked
from vidrecover.formats import Format
from vidrecover.model import (
    Codec,
    Container,
    Extent,
    FrameFlag,
    Frames,
    Media,
    Segment,
    Track,
)

_PROBES = 48
_MOST_SHIFTS = 4
_FITTING = 0.5  # share of probed samples from which a table is used
_LARGE_HOLLOW = 4096
_HOLLOW = frozenset({b"free", b"skip", b"wide", b"junk"})


class Part(NamedTuple):
    """A stream of pictures with what belongs to it: rows in playing order, and how to decode it."""

    track: Track
    rows: Frames


class _Checked(NamedTuple):
    """A track whose samples were compared with the bytes; positions: of its rows in the file."""

    table: TrackTable
    rows: Frames
    positions: Column
    wrong: Column


def built(file: File, one: Format, taken: Sequence[Extent]) -> Container:
    """All that is found of a file. taken: bytes that other files have already, ordered."""
    damage = list[str]()
    tables = _tables(file, damage)
    parts = list(_parts(file, tables, damage))
    claims, segments, tracks = list(_boxes(file)), list[Segment](), dict[int, Track]()

    def add(part: Part) -> None:
        rows = _rows.free(part.rows, taken)
        claims.extend(_rows.claimed(rows))
        segments.extend(_rows.as_segments(rows, one, part.track.number))
        tracks[part.track.number] = part.track

    for part in parts:
        add(part)
    is_open = all(one.what.note != ENCRYPTED for one in tables)
    media = [box for box in file.boxes if box.kind == b"mdat"]
    if any(_has_pictures(part) for part in parts):
        media = _untold(file, media, claims)
    if is_open and media:
        for track, rows in walked(file, media, tables, len(parts) + 1):
            if track.number not in tracks:
                damage.append(
                    "the index of the file is missing or does not fit the bytes: pictures were"
                    " found by their own structure, without times, and sound stays unidentified"
                )
            add(Part(track, rows))
    return Container(
        start=file.start,
        claims=tuple(extents.minus(extents.merged(claims), taken)),
        tracks=tuple(tracks.values()),
        segments=tuple(segments),
        damage=tuple(damage),
    )


def _untold(file: File, media: Sequence[Box], claims: Sequence[Extent]) -> list[Box]:
    """Media data in which no sample lies, of a file whose `moov` is lost: that told of them."""
    if any(box.kind == b"moov" for box in file.boxes):
        return []
    known = extents.merged(claims)
    return [
        box
        for box in media
        if not extents.common(known, sorted(file.view.on_source(box.body, box.end)))
    ]


def _has_pictures(part: Part) -> bool:
    return bool(np.isin(part.rows["kind"], (Media.KEY, Media.DELTA)).any())


def _boxes(file: File) -> Iterator[Extent]:
    """The bytes of the boxes themselves: of media and of what is said to be free, the heads."""
    for box in file.boxes:
        hollow = box.kind in _HOLLOW and box.end - box.start > _LARGE_HOLLOW
        end = box.body if box.kind == b"mdat" or hollow or box.is_open else box.end
        yield from file.view.on_source(box.start, min(end, file.view.size))


def _tables(file: File, damage: list[str]) -> list[TrackTable]:
    """The tracks as the file's own index tells them, at the places that fit the bytes best."""
    found = list[TrackTable]()
    defaults: dict[int, tuple[int, int, int]] = {}
    for box in file.boxes:
        if box.kind == b"moov":
            data = file.view.read(box.start, min(box.end - box.start, MOST_MOOV))
            said = movie(data, box.start)
            damage += said.damage
            defaults |= said.defaults
            found += _placed(file, said.tracks, box.start)
            if found:
                break
    listed = fragments(file.view, file.boxes, found, defaults)
    if found:
        return listed
    named = [one for each in listed for one in _named(file, each)]
    return list(_placed(file, named, None))


def _placed(file: File, tracks: Sequence[TrackTable], moov: int | None) -> Iterator[TrackTable]:
    """The tracks with their samples moved to where the bytes fit them.

    Offsets count from the file's first byte. Where that is lost, or the index was moved without
    being corrected, the first sample stands at the beginning of media data, or the last one
    before the index. moov: where that stands.
    """
    shifts = _shifts(file, tracks)
    filled = [one.samples for one in tracks if len(one.samples.offsets)]
    if filled and moov is not None:
        shifts.append(moov - max(int((one.offsets + one.sizes).max()) for one in filled))
    scores = [_score(file.view, tracks, shift) for shift in shifts]
    best = int(np.argmax(scores))
    shift = shifts[best] if scores[best] >= _FITTING else 0
    for one in tracks:
        samples = one.samples._replace(offsets=one.samples.offsets + shift)
        yield one._replace(samples=samples)


def _shifts(file: File, tracks: Sequence[TrackTable]) -> list[int]:
    """By what all offsets of the tracks may be wrong; 0 first."""
    filled = [one.samples.offsets for one in tracks if len(one.samples.offsets)]
    if not filled:
        return [0]
    first = min(int(one.min()) for one in filled)
    media = [box.body for box in file.boxes if box.kind == b"mdat"][:_MOST_SHIFTS]
    return [0, *(body - first for body in media)]


def _named(file: File, one: TrackTable) -> Iterator[TrackTable]:
    """A track that no index describes, if its bytes show the codec of pictures."""
    for codec in (Codec.H264, Codec.H265):
        named = one._replace(what=one.what._replace(codec=codec, lengths=4))
        if any(_score(file.view, [named], each) >= _FITTING for each in _shifts(file, [named])):
            yield named
            return


def _score(view: View, tracks: Sequence[TrackTable], shift: int) -> float:
    """Which share of some samples stands in the bytes as the tables say."""
    media = [one for one in tracks if one.what.media == Media.DELTA and len(one.samples.sizes)]
    media = media or [one for one in tracks if len(one.samples.sizes)]
    right = count = 0
    for one in media:
        chosen = np.unique(np.linspace(0, len(one.samples.sizes) - 1, _PROBES).astype(np.int64))
        state, _ = _check.checked(
            view, one.samples.offsets[chosen] + shift, one.samples.sizes[chosen], one.what
        )
        right += int((state != _check.WRONG).sum())
        count += len(chosen)
    return right / count if count else 0.0


def _parts(file: File, tracks: Sequence[TrackTable], damage: list[str]) -> Iterator[Part]:
    """The streams of pictures, the first one with the sound and data of the file."""
    checked = [_rows_of(file, one, damage) for one in tracks]
    pictures = [one for one in checked if one.table.what.media == Media.DELTA]
    others = [one for one in checked if one.table.what.media != Media.DELTA]
    bad = _bad_stretches(pictures)
    others = [_clear_of(one, bad) for one in others]
    sound = [one for one in others if one.table.what.media == Media.AUDIO]
    beside = [*sound[:1], *(one for one in others if one.table.what.media != Media.AUDIO)]
    groups = [[one] for one in pictures]
    if groups:
        groups[0] += beside
    elif beside:
        groups.append(beside)
    groups += [[one] for one in sound[1:]]
    for number, group in enumerate(groups, 1):
        rows = _rows.in_playing_order([one.rows for one in group])
        if len(rows):
            yield Part(_track(file.view, number, group), rows)


def _rows_of(file: File, one: TrackTable, damage: list[str]) -> _Checked:
    """The samples of a track that the bytes bear out, in order of decoding."""
    samples = one.samples
    kept = np.flatnonzero(samples.sizes > 0)
    offsets, sizes = samples.offsets[kept], samples.sizes[kept]
    state, alone = _check.checked(file.view, offsets, sizes, one.what)
    keys = samples.keys[kept]
    if samples.keys.all() and alone.any():
        keys = alone  # a table that calls every picture a key one says nothing
    _complain(one, state, damage)
    ticks = np.sort(samples.times[kept], kind="stable") + one.shift_ms
    good = state != _check.WRONG
    rows = _rows.rows(
        file.view,
        offsets[good],
        sizes[good],
        _rows.media_of(one.what.media, keys[good]),
        one.what.codec,
        ticks=ticks[good],
        start_ms=one.created_ms,
        unfinished=state[good] == _check.UNREADABLE,
        unproven=_unproven(file, offsets, good)[good],
    )
    begins = (rows["flags"] & int(FrameFlag.CONTINUES)) == 0
    pieces = np.diff(np.flatnonzero(np.append(begins, True)))
    wrong = np.stack([offsets[~good], offsets[~good] + sizes[~good]])
    return _Checked(one, rows, np.repeat(offsets[good], pieces), wrong)


def _complain(one: TrackTable, state: Column, damage: list[str]) -> None:
    """Says what of a track does not fit the bytes, and what is strange about it."""
    wrong = int((state == _check.WRONG).sum())
    if wrong:
        word = {Media.DELTA: "pictures", Media.AUDIO: "pieces of sound"}.get(one.what.media, "data")
        damage.append(
            f"{wrong} of {len(state)} {word} of track {one.id} are not where the file's index"
            " says: their bytes were replaced, or lie elsewhere"
        )
    if one.what.note:
        damage.append(f"track {one.id}: {one.what.note}")


def _unproven(file: File, offsets: Column, good: Column) -> Column:
    """Samples whose end nothing bears out: those before one that is not there, and the last one
    of a fragment behind which no box stands."""
    found = np.zeros(len(offsets), dtype=bool)
    order = np.argsort(offsets, kind="stable")
    found[order[:-1]] = ~good[order[1:]]
    last = file.boxes[-1]
    if last.kind == b"mdat" and any(box.kind == b"moof" for box in file.boxes):
        found[order[-1:]] |= (offsets[order[-1:]] >= last.body) & (last.end < file.view.size)
    return found


def _bad_stretches(pictures: Sequence[_Checked]) -> list[Extent]:
    """Stretches of the file in which pictures are not as the tables say, one after the other."""
    found = [np.zeros((2, 0), dtype=np.int64), *(one.wrong for one in pictures)]
    starts, ends = np.concatenate(found, axis=1)
    good = np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *(p.positions for p in pictures)]))
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], ends[order]
    if not len(starts):
        return []
    between = np.searchsorted(good, starts)
    breaks = np.flatnonzero(np.diff(between)) + 1
    firsts = np.concatenate([[0], breaks])
    lasts = np.append(breaks, len(starts)) - 1
    return extents.merged(
        Extent(int(starts[a]), int(ends[b])) for a, b in zip(firsts, lasts, strict=True)
    )


def _clear_of(one: _Checked, bad: Sequence[Extent]) -> _Checked:
    """Sound and data without those between pictures that are gone: nothing bears them out."""
    if not bad:
        return one
    starts = np.array([each.start for each in bad])
    ends = np.array([each.end for each in bad])
    at = np.searchsorted(ends, one.positions, side="right")
    inside = (at < len(starts)) & (starts[np.minimum(at, len(starts) - 1)] <= one.positions)
    return one._replace(rows=one.rows.compress(~inside), positions=one.positions[~inside])


def _track(view: View, number: int, group: Sequence[_Checked]) -> Track:
    what = group[0].table.what
    sound = next((one.table.what.sound for one in group if one.table.what.sound), None)
    places = view.on_source(*what.box) if what.box is not None else []
    notes = list[str]()
    if number > 1 and what.media == Media.DELTA:
        notes.append(f"picture stream {number} of the file: it holds more than one camera's")
    return Track(
        number=number,
        lengths=what.lengths,
        sets=what.sets,
        sets_at=places[0] if len(places) == 1 else None,
        sound=sound,
        notes=tuple(notes),
    )
