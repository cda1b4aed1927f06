"""The plain layouts, read back with nothing but `struct` and the specification."""

import csv
import io
import struct
from collections import defaultdict
from pathlib import Path

import av
import pytest

from vidrecover import simulate
from vidrecover.simulate.scenario import scenarios

SCENE = """
title = "small stream"
layout = "{layout}"
seed = 3
start = "2026-03-14T07:30:00"
end = "2026-03-14T07:30:03"
{cameras}
[image]
period_s = 10.0
lead_kib = 4
tail_kib = 4
{more}
"""
CAMERA = '[[cameras]]\nnumbers = [{}]\naudio = "{}"\n'

Rows = list[dict[str, str]]


def built(folder: Path, layout: str, cameras: dict[int, str], more: str = "") -> tuple[bytes, Rows]:
    """The image without its lead and tail, and the rows of `frames.csv`."""
    text = "".join(CAMERA.format(number, audio) for number, audio in cameras.items())
    path = folder / "scene.toml"
    path.write_text(SCENE.format(layout=layout, cameras=text, more=more))
    simulate.build(simulate.load(path), folder / "disk.img")
    with (folder / "frames.csv").open() as table:
        return (folder / "disk.img").read_bytes()[4096:-4096], list(csv.DictReader(table))


def stored(data: bytes, row: dict[str, str]) -> bytes:
    pieces = [tuple(map(int, piece.split("+"))) for piece in row["pieces"].split()]
    return b"".join(data[offset - 4096 :][:size] for offset, size in pieces)


def test_ffmpeg_demuxes_the_dhav_stream(tmp_path: Path) -> None:
    data, rows = built(tmp_path, "dhav", {1: "alaw"}, "[dhav]\nprefix = true")
    assert data[:0x400] == b"DAHUA".ljust(0x400, b"\0")
    with av.open(io.BytesIO(data[0x400:]), "r", format="dhav") as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
        assert container.streams.video[0].codec_context.name == "h264"
        video = [row for row in rows if row["media"] == "video"]
        assert [bytes(packet) for packet in packets] == [stored(data, row) for row in video]
    with av.open(io.BytesIO(data[0x400:]), "r", format="dhav") as container:
        assert len(list(container.decode(video=0))) == len(video) == 38


def test_dhav_cameras_interleave_and_share_a_sequence_with_their_sound(tmp_path: Path) -> None:
    data, rows = built(tmp_path, "dhav", {1: "alaw", 2: "none"})
    numbers: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        numbers[row["camera"]].append(int(row["sequence"]))
    for sequence in numbers.values():
        assert sequence == list(range(sequence[0], sequence[0] + len(sequence)))
    order = [row["camera"] for row in rows if row["media"] == "video"]
    assert order[:6] == ["1", "2"] * 3
    counters, at = [], 0
    while data[at : at + 4] == b"DHAV":
        counters.append(struct.unpack_from("<H", data, at + 20)[0])
        at += struct.unpack_from("<I", data, at + 12)[0]
    times = [int(row["time"][-6:-4]) * 1000 + int(row["time"][-3:]) for row in rows]
    assert (
        len({(counter - time) % 65536 for counter, time in zip(counters, times, strict=True)}) == 1
    )


def test_xm_frames_chain_by_their_sizes_and_name_no_camera(tmp_path: Path) -> None:
    data, rows = built(tmp_path, "xm", {1: "alaw", 2: "none"}, "[xm]\ninformation = true")
    assert {row["channel"] for row in rows} == {""}
    found: list[bytes] = []
    at = 0
    while (at := data.find(b"\x00\x00\x01", at)) >= 0:
        kind = data[at + 3]
        head = 16 if kind == 0xFC else 8
        wide = kind in (0xFC, 0xFD)
        (size,) = struct.unpack_from("<I" if wide else "<H", data, at + head - (4 if wide else 2))
        if kind != 0xF9:
            found.append(data[at + head : at + head + size])
        at += head + size
    for camera in ("1", "2"):
        own = [row for row in rows if row["camera"] == camera]
        expected = [stored(data, row) for row in own]
        assert expected == (found[: len(expected)] if camera == "1" else found[-len(expected) :])


def test_nndc_chunks_chain_and_tell_camera_date_and_time(tmp_path: Path) -> None:
    data, rows = built(tmp_path, "nndc", {1: "mulaw", 10: "adpcm", 12: "none"})
    found: list[tuple[str, str, bytes]] = []
    micros: dict[int, int] = {}
    at = 0
    while data[at + 2 : at + 4] in (b"dc", b"wb"):
        assert at % 8 == 0
        camera, audio = str(data[at] - 0x30), data[at + 2 : at + 4] == b"wb"
        if audio:
            size, again = struct.unpack_from("<HH", data, at + 4)
            assert size == again
            payload = data[at + 8 : at + 8 + size]
            if data[at + 1 : at + 2] == b"1":
                assert payload[:4] == b"\x00\x01\x52\x00"
                payload = payload[4:]
            found.append((camera, "audio", payload))
            at += 8 + size + -size % 8
        else:
            assert data[at + 4 : at + 8] == b"H264"
            size, extra, _, stamp = struct.unpack_from("<IHHQ", data, at + 8)
            assert extra == (8 if data[at + 1 : at + 2] == b"0" else 0)
            if extra:
                assert data[at + 24 : at + 29] == bytes([26, 3, 14, 7, 30])
            assert stamp > micros.get(data[at], 0)
            micros[data[at]] = stamp
            found.append((camera, "video", data[at + 24 + extra : at + 24 + extra + size]))
            at += 24 + extra + size + -size % 8
    assert {row["camera"] for row in rows} == {"1", "10", "12"}
    expected = [(row["camera"], row["media"], stored(data, row)) for row in rows]
    assert found == expected


class Packets:
    """Reassembles JT/T 1078 packets by channel and class, as section 3 says."""

    def __init__(self, data: bytes, sim: int) -> None:
        self.sequences: list[int] = []
        self.between = self.attachments = 0
        self.frames: dict[tuple[int, bool], list[tuple[int, bytes]]] = defaultdict(list)
        self.broken: list[tuple[int, int]] = []
        waiting: dict[tuple[int, bool], tuple[int, bytes]] = {}
        at = 0
        while data[at : at + 4] == b"01cd":
            if data[at + 4] != 0x81:
                self.attachments += 1
                at += 62 + struct.unpack_from(">I", data, at + 58)[0]
                continue
            kind, mark = data[at + 9 + sim] >> 4, data[at + 9 + sim] & 15
            channel, audio = data[at + 8 + sim], kind == 3
            (time_ms,) = struct.unpack_from(">Q", data, at + 10 + sim)
            head = (20 if audio else 24) + sim
            (size,) = struct.unpack_from(">H", data, at + head - 2)
            assert bool(data[at + 5] & 0x80) == (mark in (0, 2))
            assert size == 950 or mark in (0, 2)
            sequence = struct.unpack_from(">H", data, at + 6)[0]
            body = data[at + head : at + head + size]
            key = (channel, audio)
            self.between += audio and (channel, False) in waiting
            if mark in (0, 1):
                waiting[key] = (sequence, b"")
            before = waiting[key][1]
            waiting[key] = (sequence, before + body)
            if mark in (0, 2):
                self.frames[key].append((time_ms, waiting.pop(key)[1]))
            self.sequences.append(sequence)
            at += head + size


@pytest.mark.parametrize("sim", [6, 10])
def test_jt1078_packets_join_to_the_frames(tmp_path: Path, sim: int) -> None:
    more = f'[jt1078]\nsim = "17299841738"\nsim_bytes = {sim}\nfirst_sequence = 65500'
    data, rows = built(tmp_path, "jt1078", {1: "alaw", 2: "adpcm", 3: "none"}, more)
    packets = Packets(data, sim)
    count = len(packets.sequences)
    assert packets.sequences == [number & 0xFFFF for number in range(65500, 65500 + count)]
    assert packets.sequences[-1] < 65500
    assert packets.between
    for (channel, audio), frames in packets.frames.items():
        own = [
            row for row in rows
            if row["channel"] == str(channel) and (row["media"] == "audio") == audio
        ]  # fmt: skip
        voice = b"\x00\x01\x52\x00" if audio and channel == 2 else b""
        assert [body for _, body in frames] == [voice + stored(data, row) for row in own]
        assert [time_ms % 60_000 for time_ms, _ in frames] == [
            round(float(row["time"][-6:]) * 1000) for row in own
        ]


def test_jt1078_loses_middle_fragments_and_mixes_in_an_attachment(tmp_path: Path) -> None:
    more = "[jt1078]\nmissing_middle = 1\nattachment = true"
    data, rows = built(tmp_path, "jt1078", {1: "alaw", 2: "none"}, more)
    packets = Packets(data, 6)
    assert packets.attachments
    missing = sorted(set(range(len(packets.sequences) + 1)) - set(packets.sequences))
    assert len(missing) == 1
    (lost,) = [row for row in rows if row["state"] == "never_written"]
    assert lost["key"] == "1"
    assert len(stored(data, lost)) == int(lost["size"]) - 950


def test_hx_files_chain_and_their_index_leads_to_key_units(tmp_path: Path) -> None:
    data, rows = built(tmp_path, "hx", {1: "alaw"})
    assert struct.unpack_from("<4sIII", data) == (b"HXVS", 352, 288, 0)
    at, units, sounds, keys = 16, b"", b"", []
    while True:
        tag, size, time_ms, flag = struct.unpack_from("<4sIII", data, at)
        body = data[at + 16 : at + 16 + size]
        if tag == b"HXFI":
            break
        if tag == b"HXVF":
            assert body[:4] == b"\x00\x00\x00\x01"
            assert b"\x00\x00\x01" not in body[4:]
            units += body
            if flag == 1:
                keys.append((at, time_ms))
        else:
            assert (tag, body[:4]) == (b"HXAF", b"\x00\x01\xa0\x00")
            sounds += body[4:]
        at += 16 + size
    assert size == 200_000
    assert (time_ms, flag) == (2960, 27002)
    entries = list(struct.iter_unpack("<II", body[: 8 * len(keys)]))
    assert entries == [(offset, time - keys[0][1]) for offset, time in keys]
    assert not body[8 * len(keys) :].strip(b"\0")
    assert units == b"".join(stored(data, row) for row in rows if row["media"] == "video")
    assert sounds == b"".join(stored(data, row) for row in rows if row["media"] == "audio")


def test_an_hx_file_that_was_not_closed_has_no_index(tmp_path: Path) -> None:
    data, _ = built(tmp_path, "hx", {1: "none"}, "[hx]\nclosed = false")
    assert b"HXFI" not in data


def test_other_data_lies_around_the_files(tmp_path: Path) -> None:
    simulate.build(simulate.load(scenarios()["jt1078-ten"]), tmp_path / "disk.img")
    image = (tmp_path / "disk.img").read_bytes()
    assert image[8192:8200] == b"recorder"
    assert image.find(b"01cd\x81") == 64 * 1024
    assert len(image) % 4096 == 0


def test_blocks_of_naked_streams_hold_one_camera_each_and_cut_pictures(tmp_path: Path) -> None:
    data, rows = built(tmp_path, "annexb", {1: "none", 2: "none"}, "[annexb]\nblock_kib = 4")
    owners: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        for piece in row["pieces"].split():
            offset, size = map(int, piece.split("+"))
            first, last = (offset - 4096) // 4096, (offset + size - 1 - 4096) // 4096
            for number in range(first, last + 1):
                owners[number].add(row["camera"])
    assert owners.keys() == set(range(len(data) // 4096))
    assert all(len(one) == 1 for one in owners.values())
    assert any(" " in row["pieces"] for row in rows)
    order = ["".join(owners[number]) for number in range(len(owners))]
    assert order != sorted(order)
    for camera in ("1", "2"):
        stream = b"".join(stored(data, row) for row in rows if row["camera"] == camera)
        with av.open(io.BytesIO(stream), "r", format="h264") as container:
            assert len(list(container.decode(video=0))) == 38
