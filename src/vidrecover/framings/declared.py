"""Frames of any format that a description alone can tell: headers cut out as columns.

A candidate becomes a frame when its header meets the requirements, its size is sane, and a
second witness agrees: the trailer at its end or, where the format has none, a header of the
same format right behind it or the end of the source. Where nothing stands at its end the row is
given as END_UNPROVEN; `scan` keeps it only behind a proven neighbour. Rows depend on the bytes
alone, never on where a window begins.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vidrecover import clock
from vidrecover.errors import FormatError
from vidrecover.formats import CodecRule, Format, Layout, Number, Requirement, Sum, Tags, Time
from vidrecover.framings import bitstream
from vidrecover.model import (
    NO_TIME,
    Codec,
    FrameFlag,
    Frames,
    Media,
    Window,
    no_frames,
)

Column = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]

_MAX_TAGS = 16
_EARLIEST_UNIX_S, _LATEST_UNIX_S = 1104537600, 2208988800  # 2005 to 2040


class DeclaredReader:
    """The reader of one declared format; a `model.Reader`."""

    def __init__(self, one: Format) -> None:
        """Raises FormatError when a codec's name is unknown."""
        self._kinds = [_Kind(layout, one.name) for layout in one.layouts]

    def __call__(self, window: Window, candidates: Column) -> Frames:
        """Frames that start before the window's limit, ordered by offset; see `model.Reader`."""
        tables = [self._of_kind(kind, window, candidates) for kind in self._kinds]
        rows = np.concatenate(tables) if len(tables) > 1 else tables[0]
        return rows[np.argsort(rows["offset"], kind="stable")] if len(tables) > 1 else rows

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
            starts = kind.starts(data, np.array([kind.layout.at], dtype=np.int64))
            _, headers = kind.heads(data, starts)
            if len(headers["place"]):
                return int(kind.total(headers["fields"])[0])
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
        starts, headers = kind.heads(data, starts)
        if not len(starts):
            return no_frames()
        ends = starts + kind.total(headers["fields"])
        proven, possible = self._witness(kind, window, starts, ends, headers["fields"])
        starts, ends, fields = starts[possible], ends[possible], headers["fields"][possible]
        rows = kind.rows(data, starts, ends, fields)
        rows["offset"] = starts + window.offset
        unproven = np.where(ends > len(data), FrameFlag.OVERRUN, FrameFlag.END_UNPROVEN)
        rows["flags"] |= np.where(proven[possible], 0, unproven).astype(np.uint16)
        return rows

    def _witness(
        self, kind: "_Kind", window: Window, starts: Column, ends: Column, fields: Column
    ) -> tuple[Column, Column]:
        """Which frames are proven by their end, and which are possible at all.

        A frame that goes beyond the data is possible as long as the source goes on there.
        """
        inside = ends <= len(window.data)
        beyond = ~inside & (not window.at_end)
        if kind.layout.trailer is not None:
            proven = inside.copy()
            proven[inside] = kind.trailer_fits(window.data, ends[inside], fields[inside])
            return proven, proven | beyond
        at_source_end = (ends == len(window.data)) & window.at_end
        proven = at_source_end.copy()
        proven[inside] |= self._heads_at(window.data, ends[inside])
        return proven, inside | beyond

    def _heads_at(self, data: Bytes, positions: Column) -> Column:
        """Whether a header of this format stands at each position."""
        found = np.zeros(len(positions), dtype=bool)
        for kind in self._kinds:
            open_places = np.flatnonzero(~found)
            there = kind.signed(data, positions[open_places])
            open_places = open_places[there]
            _, headers = kind.heads(data, positions[open_places])
            found[open_places[headers["place"]]] = True
        return found


class _Kind:
    """One layout, compiled: its header's dtype and the meaning of its fields."""

    def __init__(self, layout: Layout, format_name: str) -> None:
        self.layout = layout
        self.order = "<" if layout.endian == "little" else ">"
        self.dtype = np.dtype([(n, _numpy_type(t, self.order)) for n, t in layout.header or []])
        self.patterns = layout.signatures
        self.trailer = layout.trailer.text.encode() if layout.trailer else b""
        self.trailer_size = len(self.trailer) + (
            4 if layout.trailer and layout.trailer.repeats else 0
        )
        self.fixed_codec = Codec.UNKNOWN
        if isinstance(layout.codec, str):
            self.fixed_codec = _codec(layout.codec, format_name)
        elif layout.codec is not None:
            self.codecs = _codec_table(layout.codec.map, format_name)
        self.tag_codecs = _codec_table(layout.tags.codecs if layout.tags else {}, format_name)

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
            found[fits] |= _cut(data, places[fits], f"V{len(pattern)}") == np.void(pattern)
        return found

    def heads(self, data: Bytes, starts: Column) -> tuple[Column, dict[str, Column]]:
        """Starts whose header is there and meets the requirements, with the fields' columns.

        headers["place"]: the index of each kept start in `starts`.
        """
        places = np.flatnonzero(starts + self.dtype.itemsize <= len(data))
        fields = _cut(data, starts[places], self.dtype)
        kept = np.ones(len(places), dtype=bool)
        for requirement in self.layout.require:
            kept &= _meets(fields, requirement)
        total = self.total(fields)
        smallest = max(self.dtype.itemsize if self.layout.payload is None else 0, 8)
        kept &= (total >= smallest) & (total <= self.layout.max_size)
        kept &= self._payload_offset(fields) + self.trailer_size <= total
        places, fields = places[kept], fields[kept]
        if self.layout.starts == "annexb":
            code = bitstream.starts_annexb(data, starts[places] + self._payload_offset(fields))
            code |= self._media(fields) != Media.DELTA
            places, fields = places[code], fields[code]
        return starts[places], {"fields": fields, "place": places}

    def total(self, fields: Column) -> Column:
        """Bytes of each frame, header and trailer included."""
        assert self.layout.size is not None
        return _sum(fields, self.layout.size)

    def trailer_fits(self, data: Bytes, ends: Column, fields: Column) -> Column:
        """Whether the trailer stands at each end and repeats what it should."""
        text = _cut(data, ends - self.trailer_size, f"V{len(self.trailer)}")
        fits: Column = text == np.void(self.trailer)
        repeats = self.layout.trailer.repeats if self.layout.trailer else None
        if repeats is not None:
            again = _cut(data, ends - 4, f"{self.order}u4").astype(np.int64)
            fits &= again == _column(fields, repeats)
        return fits

    def trailing_size(self, tail: bytes) -> int | None:
        """The size that the trailer at the end of the bytes repeats, or None."""
        layout = self.layout
        if layout.trailer is None or layout.trailer.repeats is None or layout.size is None:
            return None
        if not tail.endswith(self.trailer, 0, -4) or len(tail) < self.trailer_size:
            return None
        if layout.size.fields != [layout.trailer.repeats]:
            return None
        order: Literal["little", "big"] = layout.endian
        size = int.from_bytes(tail[-4:], order) + layout.size.plus
        return size if size <= layout.max_size else None

    def rows(self, data: Bytes, starts: Column, ends: Column, fields: Column) -> Frames:
        """The table of frames, offsets left out."""
        layout = self.layout
        rows = no_frames(len(starts))
        rows["size"] = ends - starts
        payload_offset = self._payload_offset(fields)
        payload_size = (
            rows["size"].astype(np.int64) - payload_offset - self.trailer_size
            if layout.payload_size is None
            else _sum(fields, layout.payload_size)
        )
        room = rows["size"].astype(np.int64) - payload_offset
        payload_size = np.minimum(payload_size, room)
        media = self._media(fields)
        if layout.strip == "hisilicon":
            skip = bitstream.hisilicon_header(data, starts + payload_offset, payload_size)
            skip[media != Media.AUDIO] = 0
            payload_offset, payload_size = payload_offset + skip, payload_size - skip
        rows["payload_offset"], rows["payload_size"] = payload_offset, payload_size
        rows["kind"], rows["codec"] = media, self.fixed_codec
        self._name_codecs(rows, data, starts, fields)
        self._stamp(rows, fields)
        if layout.checksum is not None:
            total = _window(data, starts, layout.checksum.over).sum(axis=1) & 255
            wrong = total != _column(fields, layout.checksum.field)
            rows["flags"] |= np.where(wrong, FrameFlag.BAD_CHECKSUM, 0).astype(np.uint16)
        return rows

    def _payload_offset(self, fields: Column) -> Column:
        if self.layout.payload is None:
            return np.full(len(fields), self.dtype.itemsize, dtype=np.int64)
        return _sum(fields, self.layout.payload)

    def _media(self, fields: Column) -> Column:
        """Media of each frame as far as the header tells; video without a key rule is DELTA."""
        media = np.full(len(fields), Media.UNKNOWN, dtype=np.uint8)
        rule = self.layout.media
        if rule is not None:
            value = _masked(fields, rule.field, rule.mask)
            media[_any_of(value, rule.video)] = Media.DELTA
            media[_any_of(value, rule.audio)] = Media.AUDIO
            media[_any_of(value, rule.data)] = Media.DATA
        else:
            words = {"audio": Media.AUDIO, "data": Media.DATA}
            media[:] = words.get(self.layout.carries or "video", Media.DELTA)
        if self.layout.key is not None:
            media[(media == Media.DELTA) & _meets(fields, self.layout.key)] = Media.KEY
        return media

    def _name_codecs(self, rows: Frames, data: Bytes, starts: Column, fields: Column) -> None:
        """Codec by the header's rule, else by the payload's first NAL unit or the tags."""
        layout = self.layout
        if isinstance(layout.codec, CodecRule):
            rows["codec"] = _mapped(_masked(fields, layout.codec.field, layout.codec.mask),
                                    self.codecs)  # fmt: skip
        video = (rows["kind"] == Media.KEY) | (rows["kind"] == Media.DELTA)
        if layout.codec is None or layout.key is None:
            codecs, keys = bitstream.sniff(data, (starts + rows["payload_offset"])[video])
            if layout.codec is None:
                rows["codec"][video] = codecs
            if layout.key is None:
                rows["kind"][np.flatnonzero(video)[keys]] = Media.KEY
        if layout.tags is not None:
            audio = np.flatnonzero(rows["kind"] == Media.AUDIO)
            area = _column(fields, layout.tags.length)[audio]
            first = starts[audio] + self.dtype.itemsize
            rows["codec"][audio] = _tagged(data, first, area, layout.tags, self.tag_codecs)

    def _stamp(self, rows: Frames, fields: Column) -> None:
        """Channel, times, counter, sequence and rate."""
        layout = self.layout
        for column, rule in (
            ("channel", layout.channel),
            ("sequence", layout.sequence),
            ("rate", layout.rate),
        ):
            if rule is not None:
                rows[column] = _number(fields, rule).astype(rows[column].dtype)
        if layout.tick is not None:
            ticks = _column(fields, layout.tick.field)
            rows["tick_ms"] = ticks // 1000 if layout.tick.unit == "us" else ticks
        dates = layout.time if isinstance(layout.time, list) else [layout.time]
        for date in dates:
            if date is not None:
                unknown = rows["time_ms"] == NO_TIME
                rows["time_ms"] = np.where(unknown, _dates(fields, date), rows["time_ms"])


def _numpy_type(kind: str, order: str) -> str:
    if kind.endswith("s"):
        return f"V{kind[:-1]}"
    if kind == "u24":
        return "V3"
    return f"{order}{kind[0]}{int(kind[1:]) // 8}"


def _cut(data: Bytes, positions: Column, dtype: Any) -> Column:
    """Items of a dtype cut out at byte positions, which must lie inside."""
    item = np.dtype(dtype)
    if not len(positions):
        return np.empty(0, dtype=item)
    view: Column = np.ndarray((len(data) - item.itemsize + 1,), item, data.data, strides=(1,))
    return view[positions]


def _window(data: Bytes, positions: Column, size: int) -> Column:
    """Bytes behind each position as rows of an array (n, size)."""
    return _cut(data, positions, f"V{size}").view(np.uint8).reshape(len(positions), size)


def _column(fields: Column, name: str) -> Column:
    """One field as int64; a 24-bit one is put together, raw bytes read as little-endian."""
    column = fields[name]
    if column.dtype.kind != "V":
        return column.astype(np.int64)
    raw = np.ascontiguousarray(column).view(np.uint8).reshape(len(column), -1)[:, :7]
    weights = 1 << (8 * np.arange(raw.shape[1], dtype=np.int64))
    result: Column = raw.astype(np.int64) @ weights
    return result


def _masked(fields: Column, name: str, mask: int | None) -> Column:
    column = _column(fields, name)
    return column if mask is None else column & mask


def _meets(fields: Column, rule: Requirement) -> Column:
    value = _masked(fields, rule.field, rule.mask)
    result = np.ones(len(value), dtype=bool)
    if rule.one_of is not None:
        result &= _any_of(value, rule.one_of)
    if rule.min is not None:
        result &= value >= rule.min
    if rule.max is not None:
        result &= value <= rule.max
    return result


def _any_of(values: Column, wanted: list[int]) -> Column:
    """Whether each value is one of a few; faster than a sorted search for so few."""
    found = np.zeros(len(values), dtype=bool)
    for one in wanted:
        found |= values == one
    return found


def _sum(fields: Column, rule: Sum) -> Column:
    total = np.full(len(fields), rule.plus, dtype=np.int64)
    for name in rule.fields:
        total += -(-_column(fields, name) // rule.align) * rule.align
    return total


def _number(fields: Column, rule: Number) -> Column:
    return (_masked(fields, rule.field, rule.mask) >> rule.shift) * rule.times + rule.plus


def _dates(fields: Column, rule: Time) -> Column:
    """Recorder time by a named clock; the sources of each stand in `clock`."""
    name = rule.fields[0]
    if rule.clock == "packed_date":
        result = clock.packed_dates(_column(fields, name))
    elif rule.clock == "six_bytes":
        raw = np.ascontiguousarray(fields[name]).view(np.uint8).reshape(len(fields), -1)
        parts = [raw[:, place].astype(np.int64) for place in range(6)]
        result = np.where(parts[0] < 64, clock.dates(2000 + parts[0], *parts[1:]), NO_TIME)
    else:
        value = _column(fields, name)
        value = value & 0xFFFFFFFF if rule.clock == "unix_s" else value // 1000
        sane = (value >= _EARLIEST_UNIX_S) & (value < _LATEST_UNIX_S)
        exact = _column(fields, name) if rule.clock == "unix_ms" else value * 1000
        result = np.where(sane, exact, NO_TIME)
    return result if rule.when is None else np.where(_meets(fields, rule.when), result, NO_TIME)


def _codec(name: str, format_name: str) -> Codec:
    try:
        return Codec[name.upper()]
    except KeyError as error:
        known = ", ".join(one.name.lower() for one in Codec)
        raise FormatError(f"format {format_name}: codec `{name}` is none of {known}") from error


def _codec_table(names: dict[str, str], format_name: str) -> Column:
    """A table of 256 or 65536 codecs by value; keys are written as `0x0C` or `12`."""
    table = np.full(65536, Codec.UNKNOWN, dtype=np.uint8)
    for value, name in names.items():
        table[int(value, 0) & 0xFFFF] = _codec(name, format_name)
    return table


def _mapped(values: Column, table: Column) -> Column:
    result: Column = np.where((values >= 0) & (values < len(table)), table[values & 0xFFFF], 0)
    return result


def _tagged(data: Bytes, first: Column, area: Column, tags: Tags, codecs: Column) -> Column:
    """Audio codec out of a list of tags; each step goes one tag further in all frames at once."""
    sizes = np.zeros(256, dtype=np.int64)
    places = np.zeros(256, dtype=np.int64)
    for key, size in tags.sizes.items():
        sizes[int(key, 0) & 255] = size
    for key, place in tags.audio.items():
        places[int(key, 0) & 255] = place
    found = np.full(len(first), Codec.UNKNOWN, dtype=np.uint8)
    position, end = first.copy(), np.minimum(first + area, len(data) - 16)
    for _ in range(_MAX_TAGS):
        alive = position < end
        if not alive.any():
            break
        tag = np.where(alive, data[np.where(alive, position, 0)], 0)
        hit = alive & (places[tag] > 0) & (found == Codec.UNKNOWN)
        found[hit] = codecs[data[position[hit] + places[tag[hit]]]]
        position = np.where(alive & (sizes[tag] > 0), position + sizes[tag], end)
    return found
