"""Two fields of H.264 that are coded apart are one picture of a clip."""

import re
from pathlib import Path

import av
import numpy as np
import pytest

from vidrecover import nal
from vidrecover.case import Case
from vidrecover.clips._fields import Coded, Fields, rate_of_units
from vidrecover.clips._units import Unit
from vidrecover.model import Clip, Codec, SourceRef

START = b"\0\0\0\1"
GROUP = 5


class Writer:
    """Bits in the order of ITU-T H.264, written by hand: no encoder here makes fields."""

    def __init__(self) -> None:
        self.bits = ""

    def fixed(self, size: int, *values: int) -> "Writer":
        self.bits += "".join(f"{value:0{size}b}" for value in values)
        return self

    def code(self, *values: int) -> "Writer":
        for value in values:
            digits = f"{value + 1:b}"
            self.bits += "0" * (len(digits) - 1) + digits
        return self

    def done(self, head: int) -> bytes:
        bits = self.bits + "1"
        bits += "0" * (-len(bits) % 8)
        data = int(bits, 2).to_bytes(len(bits) // 8, "big")
        return START + bytes([head]) + re.sub(b"\0\0(?=[\0-\3])", b"\0\0\3", data)


def sets(*, rate: int | None = 25) -> bytes:
    """Main profile, one macroblock wide, two high, fields allowed; clauses 7.3.2.1 and 7.3.2.2."""
    sps = Writer().fixed(8, 77, 0, 10).code(0, 0, 0, 4, 1).fixed(1, 0).code(0, 0)
    sps.fixed(1, 0, 0, 1, 0)  # frame_mbs_only, adaptive, direct inference, cropping
    if rate is None:
        sps.fixed(1, 0)
    else:
        sps.fixed(1, 1, 0, 0, 0, 0, 1).fixed(32, 1, 2 * rate).fixed(1, 1, 0, 0, 0, 0)
    pps = Writer().code(0, 0).fixed(1, 0, 0).code(0, 0, 0).fixed(1, 0).fixed(2, 0).code(0, 0, 0)
    return sps.done(0x67) + pps.fixed(1, 0, 0, 0).done(0x68)


def field(number: int, *, bottom: bool, light: int) -> bytes:
    """A field of one macroblock as it is (I_PCM), the clauses 7.3.3 and 7.3.5."""
    place, is_key = number % GROUP, number % GROUP == 0 and not bottom
    bits = Writer().code(0, 7, 0).fixed(4, place).fixed(1, 1, int(bottom))
    if is_key:
        bits.code(number // GROUP % 2)
    bits.fixed(8, 2 * place + bottom).fixed(1, 0, *([0] if is_key else [])).code(0, 25)
    bits.bits += "0" * (-(len(bits.bits) + 8) % 8)
    grain = np.random.default_rng(2 * number + bottom).integers(0, 20, 384)
    bits.fixed(8, *(light + grain).tolist())
    return bits.done(0x65 if is_key else 0x61)


def stream(frames: int, *, rate: int | None = 25) -> list[bytes]:
    """Fields in order of storage, parameter sets before each key picture."""
    return [
        (sets(rate=rate) if number % GROUP == 0 and not bottom else b"")
        + field(number, bottom=bottom, light=40 + 5 * number)
        for number in range(frames)
        for bottom in (False, True)
    ]


def recovered(parts: list[bytes], folder: Path) -> tuple[Clip, Path]:
    noise = np.random.default_rng(1).integers(4, 256, 70_000, dtype=np.uint8).tobytes()
    (folder / "disk.img").write_bytes(noise + b"".join(parts) + bytes(4096) + noise)
    with Case.open(folder / "case", create=True) as case:
        case.scan(SourceRef(path=str(folder / "disk.img")), pictures=False)
        (clip,) = case.recover(folder / "clips")
    return clip, folder / "clips" / clip.file


@pytest.mark.parametrize("rate", [25, None])
def test_two_fields_are_one_packet_and_one_picture(rate: int | None, tmp_path: Path) -> None:
    clip, path = recovered(stream(20, rate=rate), tmp_path)
    with av.open(str(path)) as container:
        packets = [one for one in container.demux(video=0) if one.size]
        shown = float(packets[-1].pts * packets[-1].time_base) if packets[-1].pts else 0.0
    with av.open(str(path)) as container:
        light = [one.to_ndarray(format="gray").mean() for one in container.decode(video=0)]
    assert clip.frames == len(packets) >= 19
    kinds = [[one[4] & 31 for one in split(bytes(packet)) if one[4] & 31 in (1, 5)]
             for packet in packets]  # fmt: skip
    assert {tuple(one) for one in kinds[:19]} == {(5, 1), (1, 1)}
    assert len(light) == len(packets)
    assert np.allclose(np.diff(light), 5, atol=2)
    if rate:
        assert shown == pytest.approx(0.04 * (len(packets) - 1), abs=0.005)


def split(packet: bytes) -> list[bytes]:
    """The NAL units of a packet of an MP4 file, behind start codes."""
    found = nal.annexb(packet)
    assert found is not None
    return [START + found[one.start : one.end] for one in nal.units(found)]


def test_a_field_whose_second_one_is_lost_stays_alone(tmp_path: Path) -> None:
    parts = stream(20)
    del parts[7]  # the second field of the fourth picture
    clip, path = recovered(parts, tmp_path)
    with av.open(str(path)) as container:
        packets = [one for one in container.demux(video=0) if one.size]
    assert clip.frames == len(packets) >= 19
    slices = [sum(unit[4] & 31 in (1, 5) for unit in split(bytes(one))) for one in packets]
    assert slices[:6] == [2, 2, 2, 1, 2, 2]


def heads(parts: list[bytes]) -> list[list[nal.Nal]]:
    return [nal.head(Codec.H264, one) for one in parts]


def test_the_rate_of_coded_pictures_counts_fields() -> None:
    assert rate_of_units(Codec.H264, heads(stream(10))) == 50
    assert rate_of_units(Codec.H264, heads(stream(10, rate=None))) is None
    assert rate_of_units(Codec.H264, []) is None


def test_fields_of_two_pictures_are_never_put_together() -> None:
    parts = stream(10)
    unit = Unit(*[None] * len(Unit._fields))  # type: ignore[arg-type]
    tops = [one for place, one in enumerate(parts) if place % 2 == 0]
    fields = Fields()
    given = [Coded(unit, one, head) for one, head in zip(tops, heads(tops), strict=True)]
    found = [one for each in given for one in fields.push(each)] + list(fields.flush())
    assert [one.payload for one in found] == tops
    assert list(fields.flush()) == []
