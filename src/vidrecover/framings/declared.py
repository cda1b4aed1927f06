"""Frames of any format that a description alone can tell: headers cut out as columns.

A candidate becomes a frame when its header meets the requirements, its size is sane, and a
second witness agrees: the trailer at its end or, where the format has none, a header of the
same format right behind it or the end of the source. Where nothing stands at its end the row is
given as END_UNPROVEN; `scan` keeps it only behind a neighbour. Rows depend on the bytes alone:
where the window ends before the witness, the row is OVERRUN, to be read again with more bytes.
"""

from typing import Literal, NamedTuple

import numpy as np

from vidrecover.formats import CodecRule, Format, Layout, Tags
from vidrecover.framings import bitstream
from vidrecover.framings._columns import (
    Bytes,
    Column,
    Fields,
    any_of,
    bytes_at,
    cut,
    distinct,
    header_type,
)
from vidrecover.model import (
    NO_CHANNEL,
    NO_SEQUENCE,
    NO_TICK,
    NO_TIME,
    Codec,
    FrameFlag,
    Frames,
    Media,
    Window,
    no_frames,
    together,
)

_MAX_TAGS = 16
_BATCH = 1 << 17
_MOST_OFFSET = 65535  # of a payload: what a table's column can hold


class DeclaredReader:
    """The reader of one declared format; a `model.Reader`."""

    def __init__(self, one: Format) -> None:
        """one: checked, as `formats.load` gives it."""
        self._kinds = [_Kind(layout) for layout in one.layouts]

    def __call__(self, window: Window, candidates: Column) -> Frames:
        """Frames that start before the window's limit, ordered by offset; see `model.Reader`.

        Read in batches, so that hostile bytes cannot fill the memory.
        """
        candidates = distinct(candidates)
        tables = [
            self._of_kind(kind, window, candidates[first : first + _BATCH])
            for first in range(0, len(candidates), _BATCH)
            for kind in self._kinds
        ]
        if len(tables) == 1:
            return tables[0]
        rows = together(tables)
        return rows.take(np.argsort(rows["offset"], kind="stable"))

    def at_start(self, window: Window) -> Frames:
        """The frame that starts at the window's first byte, if there is one: no row or one."""
        rows = np.concatenate([self._of_head(kind, window) for kind in self._kinds])
        return rows[:1]

    def _of_head(self, kind: "_Kind", window: Window) -> Frames:
        return self._of_kind(kind, window, np.array([kind.layout.at], dtype=np.int64))

    def stated_size(self, head: bytes) -> int | None:
        """Bytes of the frame whose header the given bytes begin with, or None."""
        data = np.frombuffer(head, dtype=np.uint8)
        for kind in self._kinds:
            heads = kind.heads(data, kind.starts(data, np.array([kind.layout.at], dtype=np.int64)))
            coded, cut_off = kind.coded(data, heads)
            if (coded | cut_off).any():
                return int(kind.total(heads.fields)[0])
        return None

    def trailing_size(self, tail: bytes) -> int | None:
        """Bytes of the frame whose trailer the given bytes end with, or None."""
        for kind in self._kinds:
            size = kind.trailing_size(tail)
            if size is not None:
                return size
        return None

    def _of_kind(self, kind: "_Kind", window: Window, candidates: Column) -> Frames:
        data = window.data
        starts = kind.starts(data, candidates)
        starts = starts[starts < window.limit]
        if not len(starts):
            return no_frames()
        heads = kind.heads(data, starts)
        coded, cut_off = kind.coded(data, heads)
        heads = heads.where(coded | (cut_off & (not window.at_end)))
        if not len(heads.starts):
            return no_frames()
        ends = heads.starts + kind.total(heads.fields)
        proven, blind = self._witness(kind, window, ends, heads.fields)
        kept = proven | blind
        if kind.layout.trailer is None:
            kept |= ends <= len(data)
        starts, ends = heads.starts[kept], ends[kept]
        rows = kind.rows(data, starts, ends, heads.fields.where(kept))
        rows["offset"] = starts + window.offset
        unproven = np.where(blind[kept], FrameFlag.OVERRUN, FrameFlag.END_UNPROVEN)
        rows["flags"] |= np.where(proven[kept], 0, unproven).astype(np.uint16)
        return rows

    def _witness(
        self, kind: "_Kind", window: Window, ends: Column, fields: Fields
    ) -> tuple[Column, Column]:
        """Which frames are proven by what stands at their end, and for which the window ends
        before that can be seen."""
        inside = ends <= len(window.data)
        blind = ~inside
        if kind.layout.trailer is not None:
            proven = inside.copy()
            proven[inside] = kind.trailer_fits(window.data, ends[inside], fields.where(inside))
        else:
            proven = (ends == len(window.data)) & window.at_end
            followed, cut_off = self._heads_at(window.data, ends[inside])
            proven[inside] |= followed
            blind[inside] = cut_off
        return proven, blind & (not window.at_end)

    def _heads_at(self, data: Bytes, positions: Column) -> tuple[Column, Column]:
        """Whether a header of this format stands at each position; else, whether the data end
        before that can be told."""
        found = np.zeros(len(positions), dtype=bool)
        cut_off = found.copy()
        for kind in self._kinds:
            open_places = np.flatnonzero(~found)
            stands, unclear = kind.stands(data, positions[open_places])
            found[open_places] = stands
            cut_off[open_places] |= unclear
        return found, cut_off & ~found


class _Heads(NamedTuple):
    """Headers that meet the requirements. places: their indices among the starts asked about."""

    starts: Column
    places: Column
    fields: Fields

    def where(self, kept: Column) -> "_Heads":
        return _Heads(self.starts[kept], self.places[kept], self.fields.where(kept))


class _Kind:
    """One layout, compiled: its header's dtype and the meaning of its fields."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.order = "<" if layout.endian == "little" else ">"
        self.dtype = header_type(layout.header or [], self.order)
        self.patterns = layout.signatures
        self.reach = max(self.dtype.itemsize, layout.at + max(map(len, self.patterns)))
        self.trailer = layout.trailer.text.encode() if layout.trailer else b""
        repeats = layout.trailer is not None and layout.trailer.repeats is not None
        self.trailer_size = len(self.trailer) + (4 if repeats else 0)
        self.codecs = _codec_table(layout.codec.map if isinstance(layout.codec, CodecRule) else {})
        self.tag_codecs = _codec_table(layout.tags.codecs if layout.tags else {})

    def starts(self, data: Bytes, candidates: Column) -> Column:
        """Where frames of this kind may start, given where signatures of the format stand."""
        positions = candidates - self.layout.at
        return positions[self.signed(data, positions)]

    def signed(self, data: Bytes, positions: Column) -> Column:
        """Whether a signature of this kind stands where it belongs in a frame at the position."""
        found = np.zeros(len(positions), dtype=bool)
        for pattern in self.patterns:
            places = positions + self.layout.at
            fits = (positions >= 0) & (places + len(pattern) <= len(data))
            found[fits] |= cut(data, places[fits], f"V{len(pattern)}") == np.void(pattern)
        return found

    def heads(self, data: Bytes, starts: Column) -> _Heads:
        """The starts whose header lies in the data and meets the requirements."""
        places = np.flatnonzero(starts + self.dtype.itemsize <= len(data))
        fields = Fields(cut(data, starts[places], self.dtype), self.order)
        kept = np.ones(len(places), dtype=bool)
        for requirement in self.layout.require:
            kept &= fields.meets(requirement)
        total, payload_offset = self.total(fields), self._payload_offset(fields)
        smallest = self.dtype.itemsize if self.layout.payload is None else 8
        kept &= (total >= max(8, smallest)) & (total <= self.layout.max_size)
        kept &= (payload_offset >= 0) & (payload_offset <= _MOST_OFFSET)
        kept &= payload_offset + self.trailer_size <= total
        return _Heads(starts[places[kept]], places[kept], fields.where(kept))

    def coded(self, data: Bytes, heads: _Heads) -> tuple[Column, Column]:
        """Which payloads begin as they must; else, for which the data end before that shows."""
        if self.layout.starts is None:
            every = np.ones(len(heads.starts), dtype=bool)
            return every, ~every
        begins = heads.starts + self._payload_offset(heads.fields)
        media = self._media(heads.fields)
        other = (media != Media.DELTA) & (media != Media.KEY)
        coded = other | bitstream.starts_annexb(data, begins)
        return coded, ~coded & (begins + bitstream.START_CODE > len(data))

    def stands(self, data: Bytes, positions: Column) -> tuple[Column, Column]:
        """Whether a frame of this kind begins at each position; else, whether the data end
        before that can be told."""
        found = np.zeros(len(positions), dtype=bool)
        unclear = positions + self.reach > len(data)
        signed = np.flatnonzero(self.signed(data, positions))
        heads = self.heads(data, positions[signed])
        coded, cut_off = self.coded(data, heads)
        found[signed[heads.places]] = coded
        unclear[signed[heads.places]] |= cut_off
        return found, unclear & ~found

    def total(self, fields: Fields) -> Column:
        """Bytes of each frame, header and trailer included."""
        assert self.layout.size is not None
        return fields.sum(self.layout.size)

    def trailer_fits(self, data: Bytes, ends: Column, fields: Fields) -> Column:
        """Whether the trailer stands at each end and repeats what it should."""
        text = cut(data, ends - self.trailer_size, f"V{len(self.trailer)}")
        fits: Column = text == np.void(self.trailer)
        repeats = self.layout.trailer.repeats if self.layout.trailer else None
        if repeats is not None:
            again = cut(data, ends - 4, f"{self.order}u4").astype(np.int64)
            fits &= again == fields.column(repeats)
        return fits

    def trailing_size(self, tail: bytes) -> int | None:
        """The size that the trailer at the end of the bytes repeats, or None."""
        layout = self.layout
        if layout.trailer is None or layout.trailer.repeats is None or layout.size is None:
            return None
        if not tail.endswith(self.trailer, 0, -4) or len(tail) < self.trailer_size:
            return None
        if layout.size.fields != [layout.trailer.repeats] or layout.size.align != 1:
            return None
        order: Literal["little", "big"] = layout.endian
        size = int.from_bytes(tail[-4:], order) + layout.size.plus
        return size if self.dtype.itemsize <= size <= layout.max_size else None

    def rows(self, data: Bytes, starts: Column, ends: Column, fields: Fields) -> Frames:
        """The table of frames, offsets left out."""
        layout = self.layout
        rows = no_frames(len(starts))
        payload_offset = self._payload_offset(fields)
        payload_size = ends - starts - payload_offset - self.trailer_size
        if layout.payload_size is not None:
            payload_size = np.clip(fields.sum(layout.payload_size), 0, payload_size)
        media = self._media(fields)
        if layout.strip == "hisilicon":
            skip = bitstream.hisilicon_header(data, starts + payload_offset, payload_size)
            skip[media != Media.AUDIO] = 0
            payload_offset, payload_size = payload_offset + skip, payload_size - skip
        rows["size"] = ends - starts
        rows["payload_offset"], rows["payload_size"] = payload_offset, payload_size
        rows["kind"] = media
        self._name_codecs(rows, data, starts, fields)
        self._stamp(rows, fields)
        if layout.checksum is not None:
            total = bytes_at(data, starts, layout.checksum.over).sum(axis=1) & 255
            wrong = total != fields.column(layout.checksum.field)
            rows["flags"] |= np.where(wrong, FrameFlag.BAD_CHECKSUM, 0).astype(np.uint16)
        return rows

    def _payload_offset(self, fields: Fields) -> Column:
        if self.layout.payload is None:
            return np.full(len(fields.rows), self.dtype.itemsize, dtype=np.int64)
        return fields.sum(self.layout.payload)

    def _media(self, fields: Fields) -> Column:
        """Media of each frame as far as the header tells; video without a key rule is DELTA."""
        media = np.full(len(fields.rows), Media.UNKNOWN, dtype=np.uint8)
        rule = self.layout.media
        if rule is not None:
            value = fields.masked(rule.field, rule.mask)
            media[any_of(value, rule.video)] = Media.DELTA
            media[any_of(value, rule.audio)] = Media.AUDIO
            media[any_of(value, rule.data)] = Media.DATA
        else:
            words = {"audio": Media.AUDIO, "data": Media.DATA}
            media[:] = words.get(self.layout.carries or "video", Media.DELTA)
        if self.layout.key is not None:
            media[(media == Media.DELTA) & fields.meets(self.layout.key)] = Media.KEY
        return media

    def _name_codecs(self, rows: Frames, data: Bytes, starts: Column, fields: Fields) -> None:
        """Codec by the header's rule, else by the payload's first NAL unit or the tags."""
        layout = self.layout
        if isinstance(layout.codec, str):
            rows["codec"] = Codec[layout.codec.upper()]
        elif layout.codec is not None:
            value = fields.masked(layout.codec.field, layout.codec.mask)
            known = (value >= 0) & (value < len(self.codecs))
            rows["codec"] = np.where(known, self.codecs[value & 0xFFFF], Codec.UNKNOWN)
        video = (rows["kind"] == Media.KEY) | (rows["kind"] == Media.DELTA)
        if layout.codec is None or layout.key is None:
            begins = (starts + rows["payload_offset"])[video]
            codecs, keys = bitstream.sniff(data, begins, rows["payload_size"][video])
            if layout.codec is None:
                rows["codec"][video] = codecs
            if layout.key is None:
                rows["kind"][np.flatnonzero(video)[keys]] = Media.KEY
        if layout.tags is not None:
            audio = np.flatnonzero(rows["kind"] == Media.AUDIO)
            first = starts[audio] + self.dtype.itemsize
            area = np.clip(fields.column(layout.tags.length)[audio], 0, rows["size"][audio])
            rows["codec"][audio] = _tagged(data, first, first + area, layout.tags, self.tag_codecs)

    def _stamp(self, rows: Frames, fields: Fields) -> None:
        """Channel, times, counter, sequence and rate; what cannot be is unknown."""
        layout = self.layout
        if layout.channel is not None:
            number = fields.number(layout.channel)
            rows["channel"] = np.where((number > 0) & (number < 1 << 15), number, NO_CHANNEL)
        if layout.sequence is not None:
            number = fields.number(layout.sequence)
            rows["sequence"] = np.where(number >= 0, number, NO_SEQUENCE)
        if layout.rate is not None:
            number = fields.number(layout.rate)
            rows["rate"] = np.where((number >= 0) & (number < 1 << 16), number, 0)
        if layout.tick is not None:
            ticks = fields.column(layout.tick.field)
            unit = 1000 if layout.tick.unit == "us" else 1
            rows["tick_ms"] = np.where(ticks >= 0, ticks // unit, NO_TICK)
        dates = layout.time if isinstance(layout.time, list) else [layout.time]
        for date in dates:
            if date is not None:
                unknown = rows["time_ms"] == NO_TIME
                rows["time_ms"] = np.where(unknown, fields.dates(date), rows["time_ms"])


def _codec_table(names: dict[str, str]) -> Column:
    """A table of 65536 codecs by value; keys are written as `0x0C` or `12`."""
    table = np.full(65536, Codec.UNKNOWN, dtype=np.uint8)
    for value, name in names.items():
        table[int(value, 0)] = Codec[name.upper()]
    return table


def _tagged(data: Bytes, first: Column, end: Column, tags: Tags, codecs: Column) -> Column:
    """Audio codec out of a list of tags in [first, end); each step goes one tag further in all
    frames at once."""
    sizes = np.zeros(256, dtype=np.int64)
    places = np.zeros(256, dtype=np.int64)
    for key, size in tags.sizes.items():
        sizes[int(key, 0)] = size
    for key, place in tags.audio.items():
        places[int(key, 0)] = place
    found = np.full(len(first), Codec.UNKNOWN, dtype=np.uint8)
    position, end = first.copy(), np.minimum(end, len(data))
    for _ in range(_MAX_TAGS):
        alive = position < end
        if not alive.any():
            break
        tag = np.where(alive, data[np.where(alive, position, 0)], 0)
        whole = alive & (sizes[tag] > 0) & (position + sizes[tag] <= end)
        hit = whole & (places[tag] > 0) & (found == Codec.UNKNOWN)
        found[hit] = codecs[data[position[hit] + places[tag[hit]]]]
        position = np.where(whole, position + sizes[tag], end)
    return found
