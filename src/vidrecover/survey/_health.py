"""Whether a recorder records: the newest and oldest footage of each camera, by probes alone."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from vidrecover.model import Extent, RecorderMs, TimeSpan
from vidrecover.survey import _blocks, _ring
from vidrecover.survey._chain import Chain
from vidrecover.survey._probes import LOOK, Prober, Sighting

LATE_MS = 120_000
"""A camera may lag so much behind the newest footage of all and still count as recording."""
_MOST_LOOKED = 512 << 20  # bytes before the place of writing, in which cameras are looked for
_MOST_BLOCKS = 1024  # in no order, of which each head is looked at
_BLOCKS_BACK = 16  # for each camera
_FAR = TimeSpan(1 << 60, 1 << 60)


class Pulse(StrEnum):
    """What probes tell of a camera: it records; newest footage of it is old; none was seen; or
    the order of the disk does not tell where its newest footage is."""

    RECORDING = "recording"
    SILENT = "silent"
    NOT_SEEN = "not_seen"
    NOT_KNOWN = "not_known"


class CameraHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One camera; newest_ms, oldest_ms: recorder time of the footage seen, None for none."""

    channel: int | None
    pulse: Pulse
    newest_ms: RecorderMs | None
    oldest_ms: RecorderMs | None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """All cameras expected or seen; newest_ms: of all. is_told: whether the order of the disk
    leads to the newest footage."""

    cameras: tuple[CameraHealth, ...]
    newest_ms: RecorderMs | None
    oldest_ms: RecorderMs | None
    is_told: bool


def health(
    prober: Prober,
    order: _ring.Order | None,
    blocks: _blocks.Blocks | None,
    channels: Iterable[int],
    now_ms: RecorderMs | None,
) -> Health:
    """How every camera does. blocks: of a disk that is no ring of mixed cameras; now_ms: what the
    recorder's clock should show, None: the newest time on the disk stands for it."""
    expected = set(channels)
    if order is None:
        cameras = (_camera(one, [], None, is_told=False) for one in sorted(expected))
        return Health(cameras=tuple(cameras), newest_ms=None, oldest_ms=None, is_told=False)
    seen = {one for probe in order.dated for one in probe.channels}
    told = True
    if order.is_ring:
        _look_back(prober, order, expected | {one for one in seen if one is not None})
    elif blocks is not None and (blocks.in_turn or blocks.count <= _MOST_BLOCKS):
        _look_into(prober, blocks, expected | {one for one in seen if one is not None})
    else:
        told = False
    sightings = [one for probe in prober.probes for one in probe.sightings]
    newest = max(one.last_ms for one in sightings)
    shown = sorted(
        {one.channel for one in sightings} | expected, key=lambda one: (one is None, one or 0)
    )
    late = (newest if now_ms is None else now_ms) - LATE_MS - order.slack_ms
    return Health(
        cameras=tuple(
            _camera(one, sightings, late, is_told=told)
            for one in sorted(shown, key=lambda one: (one is None, one or 0))
        ),
        newest_ms=newest,
        oldest_ms=min(one.first_ms for one in sightings),
        is_told=told,
    )


def _camera(
    channel: int | None, sightings: Iterable[Sighting], late: RecorderMs | None, *, is_told: bool
) -> CameraHealth:
    own = [one for one in sightings if one.channel == channel]
    newest = max((one.last_ms for one in own), default=None)
    if newest is not None and late is not None and newest >= late:
        pulse = Pulse.RECORDING
    elif not is_told:
        pulse = Pulse.NOT_KNOWN
    else:
        pulse = Pulse.SILENT if own else Pulse.NOT_SEEN
    oldest = min((one.first_ms for one in own), default=None)
    return CameraHealth(channel=channel, pulse=pulse, newest_ms=newest, oldest_ms=oldest)


def _look_back(prober: Prober, order: _ring.Order, cameras: set[int]) -> None:
    """Look at what was written last and what will be overwritten next, until every camera was
    seen in what was written last, or enough was read."""
    head = _ring.head(prober, order)
    prober.at(head.end, LOOK)
    missing, end, looked = set(cameras), head.end, 0
    while missing and looked < _MOST_LOOKED and end > 0:
        start = max(end - LOOK, 0)
        missing -= prober.at(start, end - start).channels
        looked += end - start
        end = start


def _look_into(prober: Prober, blocks: _blocks.Blocks, cameras: set[int]) -> None:
    """Look where each camera's newest block is written."""
    found: dict[int | None, tuple[RecorderMs, Extent]] = {}
    for number in blocks.latest(min(_BLOCKS_BACK * max(len(cameras), 1), _MOST_BLOCKS)):
        extent = blocks.extent(number)
        for one in prober.at(extent.start).sightings[:1]:
            known = found.get(one.channel)
            if known is None or one.first_ms > known[0]:
                found[one.channel] = one.first_ms, extent
        if blocks.in_turn and cameras <= set(found):
            break
    for channel, (_, extent) in found.items():
        Chain(prober, [extent], channel).narrowed(_FAR)
