"""Records of satellite receivers: real and made ones, what they say and what they may not."""

from pathlib import Path

import pytest

from vidrecover import clock, timeline
from vidrecover.case import Case
from vidrecover.framings import freegps, gpsbox, jt808, nmea
from vidrecover.model import ClockOffset, Extent, Position, SourceRef, TimeSpan
from vidrecover.simulate import gps
from vidrecover.simulate import jt808 as terminal

HERE = Extent(100, 356)
NOVATEK = bytes.fromhex(
    "00008000 66726565 47505320 4c000000" + "00" * 32
    + "10000000 2d000000 14000000 11000000 0c000000 1f000000 414e4500"
    " 5d9aa945 ab1ee544 ec51f040 b85ea543"
).ljust(256, b"\0")  # fmt: skip
"""A real block of a Viofo A119S: 2017-12-31 16:45:20, 54 degrees 27.29' north, 7.51 knots."""
RMC = b"$GPRMC,123519.50,A,4807.038,N,01131.000,E,022.4,084.4,230324,003.1,W*48"


def test_a_real_block_of_a_dash_camera_is_read() -> None:
    one = freegps.decoded(NOVATEK, HERE)
    assert one is not None
    assert one.recorder_ms == clock.parse_iso("2017-12-31T16:45:20")
    assert one.gps_ms is None  # the clock in it is the camera's own
    assert one.latitude == pytest.approx(54.45485, abs=1e-4)
    assert one.longitude == pytest.approx(18.54937, abs=1e-4)
    assert one.speed_kmh == pytest.approx(13.91, abs=0.01)
    assert one.course == 330.74


FIX = gps.Fix((2026, 3, 14, 7, 30, 5), -33.5083, 70.6708, 50.0, 92.0)
AT = clock.parse_iso("2026-03-14T07:30:05")
NO_SPEED, NO_COURSE = {"azdome", "kenwood"}, {"azdome", "iqs", "xgody", "ligo", "kenwood", "garmin"}
BOTH, BY_SATELLITE = {"nextbase-512gw", "nextbase"}, {"shifted", "garmin", "gps0", "thinkware"}
BLOCKS = {name: write(FIX) for name, write in gps.BLOCKS.items()}
BLOCKS["novatek-degrees"] = gps.novatek(FIX, degrees=True)
RECORDS = {
    "novatek-ts": gps.novatek_stream(FIX)[:50],
    "ligo": gps.ligo(FIX),
    "garmin": gps.garmin([FIX]),
    "kenwood": gps.kenwood(FIX)[8:87],
    "gps0": gps.ambarella([FIX]),
    "thinkware": gps.thinkware(FIX)[:-10],
    "nextbase": gps.nextbase_322gw(FIX)[:160],
}


def agrees(one: Position, name: str) -> None:
    """The record says what was written, each time by its own clock, and nothing beside it."""
    assert one.recorder_ms == (None if name in BY_SATELLITE else AT)
    assert one.gps_ms == (AT if name in BOTH | BY_SATELLITE else None)
    assert one.latitude == pytest.approx(-33.5083, abs=1e-5)
    assert one.longitude == pytest.approx(70.6708, abs=1e-5)
    assert one.speed_kmh == (None if name in NO_SPEED else pytest.approx(50.0, abs=0.6))
    assert one.course == (None if name in NO_COURSE else pytest.approx(92.0))


@pytest.mark.parametrize("name", BLOCKS)
def test_each_type_of_block_says_what_was_written(name: str) -> None:
    one = freegps.decoded(BLOCKS[name][:256], HERE)
    assert one is not None and (one.kind, one.entry) == ("freegps", HERE)
    agrees(one, name)


@pytest.mark.parametrize("name", RECORDS)
def test_each_record_outside_of_blocks_says_what_was_written(name: str) -> None:
    (one,) = gpsbox.positions(RECORDS[name], 4000)
    assert one.kind == name
    assert 4000 <= one.entry.start < one.entry.end <= 4000 + len(RECORDS[name])
    agrees(one, name)


@pytest.mark.parametrize("name", [*BLOCKS, *RECORDS])
def test_a_record_of_a_month_that_is_none_is_none(name: str) -> None:
    never = FIX._replace(moment=(2026, 13, 14, 7, 30, 5))
    if name == "novatek-degrees":
        assert freegps.decoded(gps.novatek(never, degrees=True)[:256], HERE) is None
    elif name in gps.BLOCKS:
        assert freegps.decoded(gps.BLOCKS[name](never)[:256], HERE) is None
    elif name != "garmin":  # which counts seconds
        data = {
            "novatek-ts": gps.novatek_stream(never),
            "ligo": gps.ligo(never),
            "kenwood": gps.kenwood(never)[8:],
            "gps0": gps.ambarella([never]),
            "thinkware": gps.thinkware(never),
            "nextbase": gps.nextbase_322gw(never),
        }[name]
        assert list(gpsbox.positions(data, 0)) == []


def test_a_disguised_block_whose_latitude_is_nought_tells_no_place() -> None:
    one = freegps.decoded(NOVATEK[:76] + bytes(4) + NOVATEK[80:], HERE)
    assert one is not None and one.latitude is None and one.recorder_ms is not None


def test_rows_of_a_box_that_go_back_in_time_are_stale() -> None:
    times = [5, 6, 4, 6, 7]
    rows = [FIX._replace(moment=(2026, 3, 14, 7, 30, second)) for second in times]
    found = list(gpsbox.positions(gps.ambarella(rows), 0))
    assert [(one.gps_ms or 0) - AT for one in found] == [0, 1000, 2000]


def test_a_box_whose_records_could_begin_at_no_place_is_none() -> None:
    data = gps.garmin([FIX, FIX._replace(moment=(2026, 3, 14, 7, 30, 4))])  # back in time
    assert list(gpsbox.positions(data, 0)) == []
    assert list(gpsbox.positions(data[:41], 0)) == []


def test_disguised_records_of_ligo_are_none() -> None:
    data = b"LIGOGPSINFO\0".ljust(0x14, b"\0") + b"####".ljust(0x84, b"\x55")
    assert list(gpsbox.positions(data, 0)) == []


def test_a_block_without_a_fix_keeps_its_time_alone() -> None:
    one = freegps.decoded(NOVATEK[:72] + b"V" + NOVATEK[73:], HERE)
    assert one is not None and one.latitude is None and one.speed_kmh is None
    assert one.recorder_ms == clock.parse_iso("2017-12-31T16:45:20")


@pytest.mark.parametrize("at", [48, 52, 64, 68, 76, 88])
def test_a_block_with_impossible_values_is_none(at: int) -> None:
    assert freegps.decoded(NOVATEK[:at] + b"\xff" * 4 + NOVATEK[at + 4 :], HERE) is None


def test_a_sentence_is_read_with_its_tenths() -> None:
    one = nmea.position(RMC, HERE, strict=False)
    assert one is not None
    assert one.gps_ms == clock.parse_iso("2024-03-23T12:35:19.500")
    assert one.latitude == pytest.approx(48.1173)
    assert one.longitude == pytest.approx(11.516667)
    assert (one.speed_kmh, one.course) == (41.48, 84.4)


def test_a_sentence_with_a_false_sum_is_none() -> None:
    assert nmea.position(RMC[:-1] + b"0", HERE) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"4807.038", b"9907.038"), (b"4807.038", b"4867.038"), (b",N,", b",X,"), (b",A,", b",V,")],
)
def test_a_sentence_without_a_place_has_none(old: bytes, new: bytes) -> None:
    one = nmea.position(RMC.replace(old, new), HERE, strict=False)
    assert one is not None and one.latitude is None and one.longitude is None


def test_dates_that_no_receiver_had_are_no_time() -> None:
    for date in (b"230399", b"000000", b"310224", b"230304"):
        one = nmea.position(RMC.replace(b"230324", date), HERE, strict=False)
        assert one is not None and one.gps_ms is None


def test_the_camera_s_own_clock_before_a_sentence_is_the_recorder_s() -> None:
    checked = RMC[:-2] + b"%02X" % _sum(RMC[1:-3])
    (one,) = nmea.positions([(500, b"..[1711197319500]", checked)])
    assert one.recorder_ms == 1711197319500
    (other,) = nmea.positions([(500, b"..[0000000000500]", checked)])
    assert other.recorder_ms is None


def _sum(data: bytes) -> int:
    total = 0
    for byte in data:
        total ^= byte
    return total


def test_positions_of_terminals_count_in_utc() -> None:
    body = bytes.fromhex("00000000" + "00000003" + "01cba5c0" + "073109f1" + "000c01c5005a"
                         + "200717000035")  # fmt: skip
    message = terminal.message(0x200, "13800138000", 1, body)[:-1]
    (one,) = jt808.positions([(0, message)])
    assert one.gps_ms == clock.parse_iso("2020-07-16T16:00:35")
    assert (one.latitude, one.longitude, one.speed_kmh) == (30.123456, 120.654321, 45.3)


def fix(recorder_ms: int, ahead_ms: int, *, latitude: float | None = 52.5) -> Position:
    return Position(
        kind="nmea", gps_ms=recorder_ms - ahead_ms, recorder_ms=recorder_ms, latitude=latitude,
        longitude=13.4, entry=HERE,
    )  # fmt: skip


def test_the_offset_is_the_median_and_single_lies_change_nothing() -> None:
    found = [fix(1000 * n, 3000 + 20 * (n % 3)) for n in range(60)]
    found[7], found[30] = fix(7000, 900_000), fix(30_000, -50_000)
    (one,) = timeline.offsets(found)
    assert one == ClockOffset(span=TimeSpan(0, 59_000), offset_ms=3020, spread_ms=20, records=58)


def test_a_jump_of_the_recorder_s_clock_makes_two_offsets() -> None:
    before = [fix(1000 * n, 3000) for n in range(20)]
    behind = [fix(100_000 + 1000 * n, 63_000) for n in range(20)]
    assert [one.offset_ms for one in timeline.offsets([*behind, *before])] == [3000, 63_000]


def test_without_a_fix_or_with_few_records_no_offset_is_told() -> None:
    assert timeline.offsets([fix(1000 * n, 3000, latitude=None) for n in range(60)]) == []
    assert timeline.offsets([fix(1000 * n, 3000) for n in range(4)]) == []


def test_vehicle_information_tells_how_far_the_recorder_s_clock_is_ahead(
    simulated: object, tmp_path: Path
) -> None:
    folder = simulated("xm-plain")  # type: ignore[operator]
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(folder / "disk.img")), pictures=False)
        (one,) = case.diagnose().clocks
        positions = case.catalogue.positions.stored()
    assert (one.offset_ms, one.spread_ms) == (28_803_000, 0)
    assert one.records >= 12
    assert {found.kind for found in positions} == {"xm"}


def test_blocks_between_pictures_of_an_mp4_file_are_found(
    simulated: object, tmp_path: Path
) -> None:
    folder = simulated("mp4-plain")  # type: ignore[operator]
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(folder / "disk.img")), pictures=False)
        positions = case.catalogue.positions.stored()
    assert {found.kind for found in positions} == {"freegps"}
    assert len(positions) > 10 and all(found.latitude is None for found in positions)


def test_a_sentence_inside_of_a_block_is_counted_once_and_boxes_take_no_picture_s_time(
    simulated: object, tmp_path: Path
) -> None:
    disk = tmp_path / "disk.img"
    film = (simulated("mp4-plain") / "disk.img").read_bytes()  # type: ignore[operator]
    fixes = [FIX._replace(moment=(2026, 3, 14, 7, 30, second)) for second in range(5, 12)]
    parts = [gps.nextbase_512gw(FIX), gps.garmin(fixes), gps.sentence(FIX), gps.novatek_stream(FIX)]
    disk.write_bytes(film + b"".join(part + bytes(700) for part in parts))
    with Case.open(tmp_path / "case", create=True) as case:
        case.scan(SourceRef(path=str(disk)), pictures=False)
        found = [one for one in case.catalogue.positions.stored() if one.latitude is not None]
    assert sorted(one.kind for one in found) == [
        "freegps", *["garmin"] * 7, "nmea", "novatek-ts",
    ]  # fmt: skip
    assert {one.recorder_ms for one in found if one.kind == "garmin"} == {None}
    assert {one.gps_ms for one in found if one.kind == "novatek-ts"} == {None}
