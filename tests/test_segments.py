"""Grouping and packing: a segment is unbroken, and gives back exactly its rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import formats, segments
from vidrecover.model import (
    FRAME_DTYPE,
    NO_SEQUENCE,
    NO_TICK,
    NO_TIME,
    Codec,
    Extent,
    FrameFlag,
    Frames,
    LooseEnd,
    Media,
    Segment,
    Stream,
    no_frames,
)

FORMATS = formats.load(formats.shipped()).formats
INDEX = {one.name: place for place, one in enumerate(FORMATS)}
START_MS = 1_773_473_400_000  # 2026-03-14 07:30:00
LIMITS = np.iinfo(np.int64)
CONTINUES, MORE, UNFINISHED = FrameFlag.CONTINUES, FrameFlag.MORE, FrameFlag.UNFINISHED


def stream(
    name: str,
    count: int,
    *,
    start: int = 0,
    size: int = 100,
    first_ms: int = START_MS,
    step_ms: int = 40,
    **columns: Any,
) -> Frames:
    """`count` delta frames one behind the other, each with its time and the next number."""
    rows = no_frames(count)
    number = np.arange(count)
    rows["format"] = INDEX[name]
    rows["offset"], rows["size"] = start + number * size, size
    rows["payload_offset"], rows["payload_size"] = 24, size - 32
    rows["channel"], rows["kind"], rows["codec"] = 1, Media.DELTA, Codec.H264
    rows["time_ms"], rows["sequence"] = first_ms + number * step_ms, number
    for column, values in columns.items():
        rows[column] = values
    return rows


def together(*tables: Frames) -> Frames:
    """Tables laid one behind the other, whatever their offsets were."""
    rows: Frames = np.concatenate(tables)
    rows["offset"] = np.cumsum(rows["size"].astype(np.int64)) - rows["size"]
    return rows


def assembled(rows: Frames) -> list[Segment]:
    found, *_ = segments.assemble(rows.copy(), FORMATS)
    return found


def split(rows: Frames) -> list[list[int]]:
    """The offsets in each segment."""
    return [segments.unpack(one.rows)["offset"].tolist() for one in assembled(rows)]


def back(found: Sequence[Segment]) -> Frames:
    """The rows of all segments, ordered by place, with the format's number again."""
    tables = [no_frames()]
    for one in found:
        table = segments.unpack(one.rows)
        table["format"] = INDEX[one.format]
        tables.append(table)
    rows = np.concatenate(tables)
    ordered: Frames = rows[np.argsort(rows["offset"], kind="stable")]
    return ordered


def without(rows: Frames, *columns: str) -> list[Any]:
    rows = rows.copy()
    for column in columns:
        rows[column] = 0
    values: list[Any] = rows.tolist()
    return values


# Packing


@settings(max_examples=60)
@given(st.binary(max_size=FRAME_DTYPE.itemsize * 12))
def test_any_table_comes_back_from_its_blob(content: bytes) -> None:
    whole = len(content) // FRAME_DTYPE.itemsize * FRAME_DTYPE.itemsize
    rows = np.frombuffer(content[:whole], dtype=FRAME_DTYPE)
    assert without(segments.unpack(segments.pack(rows))) == without(rows, "format")


@settings(max_examples=60)
@given(st.lists(st.sampled_from([NO_TIME, LIMITS.max, LIMITS.min + 1, -1, 0, 1, START_MS])))
def test_unknown_and_extreme_values_come_back_among_dates(values: list[int]) -> None:
    rows = no_frames(len(values))
    for column in ("offset", "time_ms", "tick_ms", "sequence"):
        rows[column] = values
    assert without(segments.unpack(segments.pack(rows))) == without(rows)


def test_an_empty_table_comes_back_empty() -> None:
    assert segments.unpack(segments.pack(no_frames())).tolist() == []


def test_a_minute_of_frames_packs_into_few_bytes() -> None:
    rows = stream("dhav", 1500, size=6000)
    assert len(segments.pack(rows)) < 1500


# Where a segment ends


def test_frames_without_a_gap_are_one_segment() -> None:
    rows = stream("dhav", 100)
    assert split(rows) == [rows["offset"].tolist()]


def test_the_facts_of_a_segment_are_those_of_its_frames() -> None:
    rows = stream("dhav", 5, start=7000, kind=[1, 2, 3, 2, 4], codec=[1, 1, 32, 1, 0], rate=2500)
    (found,) = assembled(rows)
    assert found == Segment(
        format="dhav",
        channel=1,
        stream=Stream.UNKNOWN,
        codec=Codec.H264,
        start_ms=START_MS,
        end_ms=START_MS + 160,
        start=7000,
        end=7500,
        frames=3,
        keys=1,
        audio=1,
        size=500,
        first_sequence=0,
        last_sequence=4,
        missing=0,
        unfinished=0,
        rows=found.rows,
    )


@pytest.mark.parametrize("step_ms", [2001, 60_001, -501, -86_400_000])
def test_a_step_of_time_ends_a_segment(step_ms: int) -> None:
    before = stream("dhav", 3)
    after = stream("dhav", 3, first_ms=START_MS + 80 + step_ms, sequence=[3, 4, 5])
    assert split(together(before, after)) == [[0, 100, 200], [300, 400, 500]]


@pytest.mark.parametrize("step_ms", [2000, 0, -500])
def test_a_small_step_of_time_does_not(step_ms: int) -> None:
    before = stream("dhav", 3)
    after = stream("dhav", 3, first_ms=START_MS + 80 + step_ms, sequence=[3, 4, 5])
    assert split(together(before, after)) == [[0, 100, 200, 300, 400, 500]]


def test_missing_numbers_end_a_segment_and_are_counted() -> None:
    rows = stream("dhav", 6, sequence=[0, 1, 5, 6, 7, 8])
    found = assembled(rows)
    assert [(one.first_sequence, one.last_sequence, one.missing) for one in found] == [
        (0, 1, 0),
        (5, 8, 3),
    ]


@pytest.mark.parametrize("jump", [-5, 0, 1002, 1 << 31])
def test_a_fall_or_leap_of_the_number_ends_a_segment_and_counts_nothing(jump: int) -> None:
    rows = stream("dhav", 6, sequence=[100, 101, 102, 102 + jump, 103 + jump, 104 + jump])
    found = assembled(rows)
    assert split(rows) == [[0, 100, 200], [300, 400, 500]]
    assert [one.missing for one in found] == [0, 0]


def test_a_minute_of_recorder_time_ends_a_segment() -> None:
    rows = stream("dhav", 100, step_ms=1500)  # 07:30:00 to 07:32:28.5
    assert [len(one) for one in split(rows)] == [40, 40, 20]


def test_without_dates_a_minute_of_the_counter_ends_a_segment() -> None:
    ticks = 1_000_000 + np.arange(100) * 1500
    rows = stream("hx", 100, time_ms=NO_TIME, sequence=NO_SEQUENCE, tick_ms=ticks)
    assert [len(one) for one in split(rows)] == [40, 40, 20]


def test_a_wrap_of_the_counter_ends_nothing() -> None:
    ticks = (65_000 + np.arange(40) * 40) % 65536
    rows = stream("dhav", 40, time_ms=NO_TIME, tick_ms=ticks)
    assert [len(one) for one in split(rows)] == [40]


def test_another_video_codec_ends_a_segment_and_audio_between_does_not() -> None:
    codec = [Codec.H264, Codec.PCM_ALAW, Codec.H264, Codec.PCM_ALAW, Codec.H265, Codec.H265]
    kind = [Media.KEY, Media.AUDIO, Media.DELTA, Media.AUDIO, Media.KEY, Media.DELTA]
    rows = stream("dhav", 6, codec=codec, kind=kind)
    assert split(rows) == [[0, 100, 200, 300], [400, 500]]
    assert [one.codec for one in assembled(rows)] == [Codec.H264, Codec.H265]


def test_channels_and_streams_and_formats_are_segments_of_their_own() -> None:
    rows = stream("dhav", 8, channel=[1, 2, -1, 1, 2, -1, 1, 1], sequence=NO_SEQUENCE)
    rows["stream"][6] = 2
    rows["format"][7] = INDEX["nndc"]
    found = [(one.format, one.channel, int(one.stream), one.start) for one in assembled(rows)]
    assert found == [
        ("dhav", None, 0, 200),
        ("dhav", 1, 0, 0),
        ("dhav", 1, 2, 600),
        ("dhav", 2, 0, 100),
        ("nndc", 1, 0, 700),
    ]


def test_odd_channel_numbers_of_own_formats_do_not_mix_formats() -> None:
    rows = stream("dhav", 4, channel=-300, sequence=NO_SEQUENCE)
    rows["format"][2:] = INDEX["xm"]
    assert [one.format for one in assembled(rows)] == ["dhav", "xm"]


def test_a_place_where_rows_are_parted_ends_a_segment_of_an_uncounted_format() -> None:
    rows = stream("nndc", 6, sequence=NO_SEQUENCE)
    rows["offset"][3:] += 4096
    assert split(rows) == [[0, 100, 200], [4396, 4496, 4596]]


row_choices = st.fixed_dictionaries(
    {
        "format": st.sampled_from([INDEX["dhav"], INDEX["jt1078"], INDEX["hx"], INDEX["xm"]]),
        "channel": st.sampled_from([-1, 1, 2]),
        "stream": st.sampled_from([0, 1]),
        "kind": st.sampled_from([1, 2, 3, 4]),
        "codec": st.sampled_from([0, 1, 2, 32]),
        "rate": st.sampled_from([0, 2500]),
        "time_ms": st.sampled_from([NO_TIME, *(START_MS + 500 * n for n in range(-2, 5))]),
        "tick_ms": st.sampled_from([NO_TICK, 0, 40, 60_000, 65_530]),
        "sequence": st.sampled_from([NO_SEQUENCE, 0, 1, 2, 3, 70_000]),
        "flags": st.sampled_from([0, MORE, CONTINUES, MORE | CONTINUES, UNFINISHED]),
        "size": st.sampled_from([40, 100]),
    }
)


@settings(max_examples=150)
@given(st.lists(row_choices, max_size=25), st.sets(st.integers(0, 24), max_size=4))
def test_the_segments_together_are_exactly_the_rows(
    choices: list[dict[str, int]], holes: set[int]
) -> None:
    rows = no_frames(len(choices))
    for place, one in enumerate(choices):
        for column, value in one.items():
            rows[column][place] = value
    rows["flags"][rows["format"] != INDEX["jt1078"]] &= int(UNFINISHED)  # others have no fragments
    for column in ("codec", "rate"):
        rows[column][rows["kind"] == Media.DATA] = 0  # nothing announces what others lack
    rows["offset"] = np.cumsum(rows["size"].astype(np.int64))
    for place in holes & set(range(len(rows))):
        rows["offset"][place:] += 512
    found = assembled(rows)
    assert without(back(found), "flags") == without(rows, "flags")
    for segment in found:
        table = segments.unpack(segment.rows)
        assert not any(first_of_class_continues(table)), "it would carry on nothing"
        assert len(set(table["channel"].tolist())) == 1


def media_class(rows: Frames) -> npt.NDArray[np.int64]:
    kinds: npt.NDArray[np.int64] = np.maximum(rows["kind"].astype(np.int64), 2)
    return kinds


def first_of_class_continues(rows: Frames) -> list[bool]:
    """For video, audio and data: whether a segment's first row carries on an earlier one."""
    classes = media_class(rows)
    firsts = [int(np.flatnonzero(classes == one)[0]) for one in np.unique(classes).tolist()]
    return [bool(rows["flags"][place] & CONTINUES) for place in firsts]


# Times that the bytes do not tell


def test_pictures_without_a_date_follow_the_key_picture_at_its_rate() -> None:
    rows = stream("xm", 4, rate=[2500, 0, 0, 0], sequence=NO_SEQUENCE)
    rows["time_ms"][1:] = NO_TIME
    found, _, times = segments.assemble(rows, FORMATS)
    assert times.tolist() == [START_MS, START_MS + 40, START_MS + 80, START_MS + 120]
    assert [(one.start_ms, one.end_ms) for one in found] == [(START_MS, START_MS + 120)]
    assert segments.unpack(found[0].rows)["time_ms"].tolist() == rows["time_ms"].tolist()


def test_sound_without_a_date_has_the_time_of_the_picture_before() -> None:
    rows = stream("xm", 4, rate=2500, kind=[1, 3, 2, 3], sequence=NO_SEQUENCE)
    rows["time_ms"][1:] = NO_TIME
    _, _, times = segments.assemble(rows, FORMATS)
    assert times.tolist() == [START_MS, START_MS, START_MS + 40, START_MS + 40]


def test_pictures_before_the_first_key_picture_of_a_run_are_dated_backwards_from_it() -> None:
    """Xiongmai frames name no camera: what stands before a gap may be another camera's."""
    other = stream("xm", 3, rate=[2500, 0, 0], sequence=NO_SEQUENCE, first_ms=START_MS - 3_600_000)
    rows = np.concatenate([other, stream("xm", 4, start=9000, sequence=NO_SEQUENCE)])
    rows["time_ms"][[1, 2, 3, 4, 6]] = NO_TIME
    rows["time_ms"][5], rows["rate"][3:] = START_MS, [0, 0, 2500, 0]
    _, _, times = segments.assemble(rows, FORMATS)
    assert (times - START_MS).tolist() == [
        -3_600_000, -3_600_000 + 40, -3_600_000 + 80, -80, -40, 0, 40,
    ]  # fmt: skip


def test_without_a_rate_or_a_date_nothing_is_guessed() -> None:
    rows = stream("xm", 3, sequence=NO_SEQUENCE, time_ms=NO_TIME)
    found, _, times = segments.assemble(rows, FORMATS)
    assert times.tolist() == [NO_TIME] * 3
    assert [(one.start_ms, one.end_ms) for one in found] == [(None, None)]


# Frames in pieces


def packets(marks: str, **columns: Any) -> Frames:
    """JT/T 1078 packets by letters: f first, m middle, l last, o all of a picture, a sound,
    d data. All are of one time; their numbers count up."""
    flags = {"f": MORE, "m": MORE | CONTINUES, "l": CONTINUES}
    kinds = {"a": Media.AUDIO, "d": Media.DATA}
    return stream(
        "jt1078",
        len(marks),
        step_ms=0,
        kind=[kinds.get(mark, Media.DELTA) for mark in marks],
        flags=[int(flags.get(mark, 0)) for mark in marks],
        sequence=columns.pop("sequence", np.arange(len(marks))),
        **columns,
    )


def torn(rows: Frames) -> list[bool]:
    return [bool(flag & UNFINISHED) for flag in back(assembled(rows))["flags"].tolist()]


def counts(rows: Frames) -> list[tuple[int, int, int]]:
    return [(one.frames, one.audio, one.unfinished) for one in assembled(rows)]


def test_the_fragments_of_a_picture_are_one_frame() -> None:
    assert counts(packets("fmmlofl")) == [(3, 0, 0)]


def test_a_lost_middle_fragment_leaves_the_picture_unfinished() -> None:
    rows = packets("fmmlo", sequence=[0, 1, 3, 4, 5])
    assert counts(rows) == [(2, 0, 1)]
    assert torn(rows) == [True] * 4 + [False]


def test_a_fragment_lost_in_unreadable_bytes_leaves_the_picture_unfinished() -> None:
    rows = packets("fmmlo", sequence=[0, 1, 6, 7, 8])
    rows["offset"][2:] += 4096
    assert torn(rows) == [True] * 4 + [False]


def test_other_bytes_between_fragments_are_no_harm_while_the_numbers_go_on() -> None:
    rows = packets("fmmlo")
    rows["offset"][2:] += 4096
    assert torn(rows) == [False] * 5


def test_a_lost_first_fragment_leaves_a_beginning_without_a_frame_before() -> None:
    rows = packets("omlo", sequence=[0, 2, 3, 4])
    assert counts(rows) == [(3, 0, 1)]
    found = back(assembled(rows))["flags"].tolist()
    assert found == [0, MORE | UNFINISHED, CONTINUES | UNFINISHED, 0]


def test_a_lost_last_fragment_leaves_the_picture_unfinished() -> None:
    assert torn(packets("fmo", sequence=[0, 1, 3])) == [True, True, False]


def test_a_fragment_of_another_time_does_not_carry_on() -> None:
    rows = packets("fl")
    rows["time_ms"][1] += 40
    assert torn(rows) == [True, True]
    assert counts(rows) == [(2, 0, 2)]


def test_sound_between_fragments_is_no_harm() -> None:
    rows = packets("fafmadmlo".replace("af", "a"))
    assert torn(rows) == [False] * len(rows)
    assert counts(rows) == [(2, 2, 0)]


def test_data_between_the_fragments_of_sound_is_no_harm() -> None:
    rows = packets("fdlo")
    rows["kind"][[0, 2, 3]] = Media.AUDIO
    assert torn(rows) == [False] * 4


def test_pieces_of_attachments_have_no_number_and_lose_nothing() -> None:
    for number in (65_400, 2):  # near enough to -1, or just above it, to look like a loss
        rows = packets("fmdml", sequence=[number, number + 1, NO_SEQUENCE, number + 2, number + 3])
        rows["channel"][2] = -1
        assert torn(rows) == [False] * 5


def test_a_wrap_of_the_packet_number_loses_nothing() -> None:
    assert torn(packets("fmml", sequence=[65534, 65535, 0, 1])) == [False] * 4


def test_a_minute_that_begins_between_fragments_does_not_part_them() -> None:
    rows = packets("ofalo", time_ms=START_MS + 59_990)
    rows["time_ms"][[2, 4]] = START_MS + 60_010  # sound, and the next picture
    assert split(rows) == [[0, 100, 200, 300], [400]]


def test_nal_units_of_one_counter_value_are_one_picture() -> None:
    ticks = [0, 0, 0, 10, 40, 80, 80]
    rows = stream("hx", 7, time_ms=NO_TIME, sequence=NO_SEQUENCE, tick_ms=ticks)
    rows["kind"] = [1, 1, 1, Media.AUDIO, 2, 1, 1]
    found = assembled(rows)
    assert [(one.frames, one.keys, one.audio) for one in found] == [(3, 2, 1)]
    assert back(found)["flags"].tolist() == [
        MORE, CONTINUES | MORE, CONTINUES, 0, 0, MORE, CONTINUES,
    ]  # fmt: skip


def test_a_place_parting_nal_units_of_one_counter_value_leaves_the_picture_unfinished() -> None:
    rows = stream("hx", 3, time_ms=NO_TIME, sequence=NO_SEQUENCE, tick_ms=[5, 5, 45])
    rows["offset"][1:] += 512
    assert back(assembled(rows))["flags"].tolist() == [
        MORE | UNFINISHED, CONTINUES | UNFINISHED, 0,
    ]  # fmt: skip


def test_a_frame_over_a_units_border_is_told_by_the_rows_of_its_neighbours() -> None:
    rows = packets("ofmmlo")
    whole = Extent(0, 600)
    for border in range(100, 600, 100):
        parts = [
            segments.assemble(rows.copy(), FORMATS, unit)
            for unit in (Extent(0, border), Extent(border, 600))
        ]
        found = back([*parts[0].segments, *parts[1].segments])
        assert without(found) == without(back(segments.assemble(rows.copy(), FORMATS, whole)[0]))
        assert sum(one.frames for part in parts for one in part.segments) == 3


# Hostile tables


def test_of_too_many_segments_the_longest_are_made() -> None:
    lone, most = 1500, 1024
    sequence = np.concatenate([np.arange(lone) * 7919, 10**9 + np.arange(50)])
    rows = stream("dhav", lone + 50, size=32, step_ms=0, sequence=sequence)
    found, kept, times = segments.assemble(rows, FORMATS, Extent(0, (lone + 50) * 32))
    assert len(found) == most
    assert len(kept) == len(times) == most + 49
    assert kept["sequence"].tolist() == [
        *range(0, (most - 1) * 7919, 7919),
        *range(10**9, 10**9 + 50),
    ]


# Loose ends


def edges(position: int, *, after: bool) -> bytes:
    return b"%d%s" % (position, b"+" if after else b"-")


def loose(rows: Frames, times: npt.NDArray[np.int64] | None = None) -> list[LooseEnd]:
    given_times = rows["time_ms"] if times is None else times
    return segments.loose_ends(rows, given_times, FORMATS, edges, most=1000)


def test_a_run_of_frames_has_two_loose_ends() -> None:
    rows = stream("dhav", 3, start=1000, sequence=[7, 8, 9])
    common = {"format": "dhav", "channel": 1, "codec": Codec.H264}
    assert loose(rows, rows["time_ms"] + 480) == [
        LooseEnd(
            after=False,
            position=1000,
            sequence=7,
            time_ms=START_MS + 480,
            edge=b"1000-",
            **common,  # type: ignore[arg-type]  # a dict of several types
        ),
        LooseEnd(
            after=True,
            position=1300,
            sequence=9,
            time_ms=START_MS + 560,
            edge=b"1300+",
            **common,  # type: ignore[arg-type]  # a dict of several types
        ),
    ]


def test_unknown_facts_of_a_loose_end_are_none() -> None:
    begin, _ = loose(stream("xm", 1, time_ms=NO_TIME, sequence=NO_SEQUENCE, channel=-1))
    assert (begin.time_ms, begin.sequence, begin.channel) == (None, None, None)


def test_frames_of_other_formats_between_part_a_run() -> None:
    rows = stream("dhav", 3)
    rows["format"][1] = INDEX["nndc"]
    found = [(one.format, one.after, one.position) for one in loose(rows)]
    assert found == [
        ("dhav", False, 0),
        ("nndc", False, 100),
        ("dhav", True, 100),
        ("dhav", False, 200),
        ("nndc", True, 200),
        ("dhav", True, 300),
    ]


def test_a_run_that_goes_on_in_the_next_unit_has_no_loose_end_there() -> None:
    rows = stream("dhav", 4)
    ends = [*loose(rows[:2]), *loose(rows[2:])]
    assert segments.uncancelled(ends) == loose(rows)


def test_of_too_many_loose_ends_the_first_are_kept() -> None:
    rows = stream("dhav", 800, size=40)
    rows["offset"] *= 2
    found = loose(rows)
    assert len(found) == 1000
    assert found[-1].position == 499 * 80 + 40


def test_extents_of_rows_are_merged_in_place_order() -> None:
    rows = stream("dhav", 4)
    rows["offset"] = [500, 0, 100, 450]
    assert segments.extents(rows) == [Extent(0, 200), Extent(450, 600)]
    assert segments.extents(no_frames()) == []
