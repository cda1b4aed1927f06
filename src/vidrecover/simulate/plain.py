"""The plain layouts: each a function from footage to the chunks of its files."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from vidrecover.simulate import annexb, avi, dhav, hx, image, jt1078, mp4, nndc, ps, ts, xm
from vidrecover.simulate.disk import Disk, Written
from vidrecover.simulate.footage import Footage, Frame, play
from vidrecover.simulate.image import Chunk, by_camera, by_part
from vidrecover.simulate.scenario import Scenario
from vidrecover.simulate.settings import (
    Annexb,
    Dhav,
    Gbps,
    Hx,
    Image,
    Imkh,
    Jt1078,
    Mp4,
    Nndc,
    Ts,
    Xm,
)

Files = Iterator[Iterator[Chunk]]
Shots = Iterator[tuple[Frame, bytes]]


def write(disk: Disk, scenario: Scenario, footages: Sequence[Footage]) -> Written:
    """Lay the streams of the scenario's layout into an image; see `image.write`."""
    settings = scenario.image or Image()
    files = FILES[scenario.layout](scenario, play(footages, settings.period_s))
    return image.write(disk, scenario, files)


def dhav_files(scenario: Scenario, shots: Shots) -> Files:
    """All cameras frame by frame in one stream, cut into files."""
    settings = scenario.dhav or Dhav()
    counters = dhav.Counters(scenario.seed)
    for part in by_part(shots):
        yield _dhav_file(settings, part, counters)


def _dhav_file(
    settings: Dhav, part: list[tuple[Frame, bytes]], counters: dhav.Counters
) -> Iterator[Chunk]:
    if settings.prefix:
        yield Chunk(dhav.PREFIX)
    for shot, payload in part:
        data, (start, end) = dhav.framed(shot, payload, counters)
        yield image.whole(data, shot, start, end)


def xm_files(scenario: Scenario, shots: Shots) -> Files:
    """A file per camera and period: the bytes do not tell the camera."""
    settings = scenario.xm or Xm()
    for part in by_part(shots):
        for camera in by_camera(part):
            yield xm.chunks(camera, information=settings.information, ahead_s=settings.ahead_s)


def nndc_files(scenario: Scenario, shots: Shots) -> Files:
    """All cameras chunk by chunk."""
    settings = scenario.nndc or Nndc()
    uptime_ms = int(np.random.default_rng([scenario.seed, 6]).integers(20_000, 90_000))
    for part in by_part(shots):
        yield nndc.chunks(part, extra=settings.extra, uptime_ms=uptime_ms)


def jt1078_files(scenario: Scenario, shots: Shots) -> Files:
    """All cameras packet by packet, on one connection."""
    connection = jt1078.Connection(scenario.jt1078 or Jt1078(), scenario.seed)
    for part in by_part(shots):
        yield connection.chunks(part)


def hx_files(scenario: Scenario, shots: Shots) -> Files:
    """A file per camera and period."""
    settings = scenario.hx or Hx()
    uptime_ms = int(np.random.default_rng([scenario.seed, 6]).integers(20_000, 90_000))
    for part in by_part(shots):
        for camera in by_camera(part):
            yield hx.chunks(camera, closed=settings.closed, uptime_ms=uptime_ms)


def imkh_files(scenario: Scenario, shots: Shots) -> Files:
    """A file per camera and period: the bytes do not tell the camera."""
    settings = scenario.imkh or Imkh()
    ticks = ps.Clock(int(np.random.default_rng([scenario.seed, 6]).integers(1 << 33)))
    for part in by_part(shots):
        for camera in by_camera(part):
            yield ps.imkh_chunks(camera, settings, ticks)


def gbps_files(scenario: Scenario, shots: Shots) -> Files:
    """A file per camera and period."""
    settings = scenario.gbps or Gbps()
    ticks = ps.Clock(int(np.random.default_rng([scenario.seed, 6]).integers(1 << 33)))
    for part in by_part(shots):
        for camera in by_camera(part):
            write = ps.loose_chunks if settings.loose else ps.gb28181_chunks
            yield write(camera, settings, ticks)


def mp4_files(scenario: Scenario, shots: Shots) -> Files:
    """A file per camera and period, or one for all cameras together."""
    settings = scenario.mp4 or Mp4()
    for part in by_part(shots):
        for own in [part] if settings.together else by_camera(part):
            yield mp4.chunks(own, settings)


def ts_files(scenario: Scenario, shots: Shots) -> Files:
    """A file per camera and period."""
    settings = scenario.ts or Ts()
    ticks = ps.Clock(int(np.random.default_rng([scenario.seed, 6]).integers(1 << 33)))
    for part in by_part(shots):
        if settings.together:
            yield ts.programs(part, settings, ticks)
            continue
        for camera in by_camera(part):
            yield ts.chunks(camera, settings, ticks)


def annexb_files(scenario: Scenario, shots: Shots) -> Files:
    """A file per camera and period, or one with the pieces or the blocks of all cameras."""
    settings = scenario.annexb or Annexb()
    for part in by_part(shots):
        if settings.block_kib:
            yield annexb.blocks(part, settings)
            continue
        for own in [part] if settings.pieces else by_camera(part):
            yield annexb.chunks(own, settings)


def avi_files(scenario: Scenario, shots: Shots) -> Files:
    """A file per camera and period, sound first where there is some."""
    for part in by_part(shots):
        for camera in by_camera(part):
            yield avi.chunks(camera)


FILES: dict[str, Callable[[Scenario, Shots], Files]] = {
    "dhav": dhav_files,
    "xm": xm_files,
    "nndc": nndc_files,
    "jt1078": jt1078_files,
    "hx": hx_files,
    "imkh": imkh_files,
    "gbps": gbps_files,
    "mp4": mp4_files,
    "ts": ts_files,
    "annexb": annexb_files,
    "avi": avi_files,
}
