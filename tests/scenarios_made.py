"""Small disks, one for each cause or picture word, with what must be said of them."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from vidrecover.simulate.groups import CameraGroup, Later
from vidrecover.simulate.scenario import BadSectors, Scenario
from vidrecover.simulate.settings import Dhav, Dhfs, Files, Hikvision, Image, Tme

DATE = "2026-03-14T"
START, END = "07:30:00", "07:30:24"
MIDDLE = "07:30:12"


class Expected(NamedTuple):
    """A cause that must be named. cameras: empty for the recorder; start, end: times of the day,
    None where it has none."""

    kind: str
    cameras: tuple[int, ...]
    start: str | None
    end: str | None


class Made(NamedTuple):
    """A scenario and all causes that may be told first. tolerance_s: of their edges."""

    scenario: Scenario
    causes: tuple[Expected, ...]
    tolerance_s: float = 1.0


def _cameras(*numbers: int, **more: Any) -> CameraGroup:
    return CameraGroup(numbers=numbers, rate=5, gop=5, **more)


def _disk(name: str, *cameras: CameraGroup, disk: Dhfs | None = None, **more: Any) -> Scenario:
    settings = disk or Dhfs(blocks_per_fragment=512, reserved=2, period_s=12)
    whole = {"start": DATE + START, "end": DATE + END} | more
    return Scenario(
        title=name,
        name=name,
        layout="dhfs",
        cameras=cameras,
        dhfs=settings,
        seed=len(name),
        **whole,
    )


def _ring(**more: Any) -> Dhfs:
    return Dhfs(blocks_per_fragment=64, reserved=2, period_s=12, **more)


def made() -> Iterator[Made]:
    """All scenarios."""
    yield from _signals()
    yield from _recorders()
    yield from _logs()
    yield from _days()
    yield from _settings()
    yield from _pictures()
    yield from _standing()
    yield from _innocent()


def _signals() -> Iterator[Made]:
    for name, spans in {
        "loss-throughout": (("start", "end"),),
        "loss-from-the-middle": ((MIDDLE, "end"),),
        "loss-until-the-middle": (("start", MIDDLE),),
        "loss-in-between": (("07:30:06", "07:30:15"),),
    }.items():
        start = START if spans[0][0] == "start" else spans[0][0]
        end = END if spans[-1][1] == "end" else spans[-1][1]
        scenario = _disk(name, _cameras(1, 2), _cameras(3, video_loss=spans))
        yield Made(scenario, (Expected("video_loss", (3,), start, end),))
    flapping = (("07:30:03", "07:30:07"), ("07:30:10", "07:30:14"), ("07:30:17", "07:30:21"))
    yield Made(
        _disk("loss-that-comes-and-goes", _cameras(1, 2), _cameras(3, video_loss=flapping)),
        (Expected("video_loss", (3,), "07:30:03", "07:30:21"),),
    )
    yield Made(
        _disk("loss-of-two", _cameras(1), _cameras(2, 3, video_loss=((MIDDLE, "end"),))),
        (Expected("video_loss", (2, 3), MIDDLE, END),),
    )
    yield Made(
        _disk("camera-disabled", _cameras(1, 3), _cameras(2, state="never")),
        (Expected("camera_disabled", (2,), START, END),),
    )
    for name, off in {
        "camera-gap": ("07:30:06", "07:30:15"),
        "camera-ends": (MIDDLE, "end"),
        "camera-begins-late": ("start", MIDDLE),
    }.items():
        start = START if off[0] == "start" else off[0]
        end = END if off[1] == "end" else off[1]
        yield Made(
            _disk(name, _cameras(1, 2), _cameras(3, off=(off,))),
            (Expected("camera_gap", (3,), start, end),),
        )


def _logged(
    name: str, *cameras: CameraGroup, layout: Literal["tme", "hikvision"] = "tme", **more: Any
) -> Scenario:
    """A disk whose recorder keeps a log."""
    tables: dict[str, dict[str, Any]] = {
        "tme": {"tme": Tme(period_s=12)},
        "hikvision": {"hikvision": Hikvision(period_s=12)},
    }
    whole = {"start": DATE + START, "end": DATE + END} | tables[layout] | more
    return Scenario(title=name, name=name, layout=layout, cameras=cameras, **whole)


def _logs() -> Iterator[Made]:
    """What a log tells, and what it shows by going on."""
    yield Made(
        _logged("disk-full-logged", _cameras(1, 2), layout="hikvision",
                logged=(("disk_full", END),)),
        (Expected("disk_full", (), END, END),),
    )  # fmt: skip
    layouts: tuple[Literal["tme", "hikvision"], ...] = ("tme", "hikvision")
    for layout in layouts:
        yield Made(
            _logged(f"disk-errors-logged-{layout}", _cameras(1, 2), layout=layout,
                    logged=(("disk_error", MIDDLE), ("disk_error", "07:30:20"))),
            (Expected("disk_errors", (), MIDDLE, "07:30:20"),),
        )  # fmt: skip
        # Hikvision's log says that the recordings were ended in order
        told = (Expected("write_stop", (), MIDDLE, "07:35:00"),) if layout == "tme" else ()
        yield Made(
            _logged(f"write-stop-{layout}", _cameras(1, 2, off=((MIDDLE, "end"),)), layout=layout,
                    logged=(("running", "07:33:00"), ("running", "07:35:00")),
                    end=DATE + "07:36:00"),
            told,
        )  # fmt: skip
        yield Made(
            _logged(f"ignition-off-{layout}", _cameras(1, 2), layout=layout,
                    off=((MIDDLE, "07:50:00"),), end=DATE + "07:50:12"),
            (Expected("ignition_off", (), MIDDLE, "07:50:00"),),
        )  # fmt: skip
    yield Made(
        _logged("loss-logged-nothing-written", _cameras(1, 2),
                _cameras(3, silent_loss=((MIDDLE, "07:30:20"),))),
        (Expected("video_loss", (3,), MIDDLE, "07:30:20"),),
    )  # fmt: skip
    yield Made(
        _logged("repaired", _cameras(1, 2), logged=(("repaired", MIDDLE),)),
        (Expected("repair_cut", (), MIDDLE, MIDDLE),),
    )
    yield Made(
        _logged("power-cut-hikvision", _cameras(1, 2), layout="hikvision",
                hikvision=Hikvision(period_s=12, power_cut=True)),
        (Expected("power_cut", (), END, END),),
    )  # fmt: skip


def _days() -> Iterator[Made]:
    """Recording in the same hours of three days."""
    small: dict[str, Any] = {"rate": 1.0, "gop": 10, "width": 176, "height": 144}
    nights = tuple((f"2026-03-{day}T07:41:00", f"2026-03-{day + 1}T07:30:00") for day in (14, 15))
    whole: dict[str, Any] = {"start": DATE + START, "end": "2026-03-16T07:41:00"}
    yield Made(
        _disk("schedule-of-all", CameraGroup(numbers=(1, 2), off=nights, **small), **whole),
        (Expected("recording_schedule", (), nights[0][0], nights[1][1]),),
    )
    breaks = tuple((f"2026-03-{day}T07:30:30", f"2026-03-{day}T07:41:00") for day in (14, 15, 16))
    yield Made(
        _disk(
            "schedule-of-one",
            CameraGroup(numbers=(1, 2), off=nights, **small),
            CameraGroup(numbers=(3,), off=(*nights, *breaks), **small),
            **whole,
        ),
        (
            Expected("recording_schedule", (), nights[0][0], nights[1][1]),
            Expected("recording_schedule", (3,), breaks[0][0], breaks[-1][1]),
        ),
    )


def _recorders() -> Iterator[Made]:
    yield Made(
        _disk("power-cut", _cameras(1, 2, 3), disk=_ring(power_cut=True)),
        (Expected("power_cut", (), END, END),),
    )
    yield Made(
        _disk("power-cut-early-in-a-recording", _cameras(1, 2), disk=_ring(power_cut=True),
              end=DATE + "07:30:16"),
        (Expected("power_cut", (), "07:30:16", "07:30:16"),),
    )  # fmt: skip
    yield Made(
        _disk("restart", _cameras(1, 2, 3), off=(("07:30:10", "07:30:16"),)),
        (Expected("restart", (), "07:30:10", "07:30:16"),),
    )
    yield Made(
        _disk("ignition-off", _cameras(1, 2), off=(("07:30:12", "07:50:00"),),
              end=DATE + "07:50:12"),
        (Expected("ignition_off", (), "07:30:12", "07:50:00"),),
    )  # fmt: skip
    yield Made(
        _disk("disk-full", _cameras(1, 2), disk=_ring(fragments=8, overwrite=False)),
        (Expected("disk_full", (), None, None),),
        tolerance_s=30,
    )
    yield Made(
        Scenario(title="no-room", name="no-room", layout="dhav", start=DATE + START,
                 end=DATE + "07:30:30", cameras=(_cameras(1, 2),),
                 files=Files(period_s=12, full=True)),
        (Expected("disk_full", (), "07:30:30", "07:30:30"),),
    )  # fmt: skip
    yield Made(
        _disk("unclosed", _cameras(1, 2),
              _cameras(3, index="never_closed", off=((MIDDLE, "end"),)), disk=_ring()),
        (Expected("unclosed_files", (3,), START, MIDDLE),
         Expected("camera_gap", (3,), MIDDLE, END)),
    )  # fmt: skip
    yield Made(
        _disk("not-written", _cameras(1, 2), _cameras(3, index="not_written"), disk=_ring()),
        (Expected("not_written", (3,), START, END),),
        tolerance_s=2,
    )
    yield Made(
        _disk("ring-overwritten", _cameras(1, 2), end=DATE + "07:30:54",
              disk=Dhfs(blocks_per_fragment=64, reserved=2, period_s=6, fragments=24,
                        slack="older")),
        (Expected("ring_overwrite", (1, 2), START, None),),
        tolerance_s=30,
    )  # fmt: skip
    for index in ("formatted", "destroyed"):
        yield Made(
            _disk(f"index-{index}", _cameras(1, 2), disk=_ring(index=index)),
            (Expected("index_lost", (1, 2), START, END),),
        )
    for index in ("mains_removed", "entries_removed"):
        yield Made(
            _disk(f"index-{index}", _cameras(1), _cameras(2, 3, index=index)),
            (Expected("index_incomplete", (2, 3), START, END),),
        )
    yield Made(
        _disk("repair-cut", _cameras(1), _cameras(2, index="ends_early"), disk=_ring_of(60)),
        (Expected("repair_cut", (2,), "07:30:11", END),),
        tolerance_s=2,
    )
    yield Made(
        _disk("bad-sectors", _cameras(1, 2), bad_sectors=BadSectors(count=6)),
        (Expected("disk_errors", (), None, None),),
        tolerance_s=30,
    )
    yield Made(
        Scenario(title="no-index", name="no-index", layout="dhav", start=DATE + START,
                 end=DATE + END, cameras=(_cameras(1, 2),), dhav=Dhav(), image=Image(period_s=12)),
        (Expected("index_lost", (1, 2), START, END),),
    )  # fmt: skip


def _ring_of(period_s: float) -> Dhfs:
    return Dhfs(blocks_per_fragment=64, reserved=2, period_s=period_s)


def _settings() -> Iterator[Made]:
    yield Made(
        _disk("clock-set-back", _cameras(1, 2), clock=((MIDDLE, "07:28:12"),)),
        (Expected("clock_jump", (), MIDDLE, MIDDLE),),
    )
    yield Made(
        _disk("clock-set-forward", _cameras(1, 2), clock=((MIDDLE, "08:30:12"),)),
        (Expected("clock_jump", (), MIDDLE, MIDDLE),),
    )
    yield Made(
        _disk("clock-reset", _cameras(1, 2), clock=((MIDDLE, "2000-01-01T00:00:00"),)),
        (
            Expected("clock_reset", (), "2000-01-01T00:00:00", "2000-01-01T00:00:12"),
            Expected("clock_jump", (), MIDDLE, MIDDLE),
        ),
    )
    yield Made(
        _disk("resolution-changed", _cameras(1, 2),
              _cameras(3, later=Later(at=MIDDLE, width=640, height=360))),
        (Expected("resolution_changed", (3,), MIDDLE, MIDDLE),),
    )  # fmt: skip
    small: dict[str, Any] = {"width": 176, "height": 144}
    for name, rate, at in (
        ("rate-lowered", 2.5, "07:32:00"),
        ("rate-raised", 12.5, "07:32:00"),
        ("rate-lowered-soon", 2.5, "07:32:12"),
        ("rate-lowered-late", 2.5, "07:31:45"),
        ("rate-raised-halfway", 12.5, "07:31:28"),
    ):
        changed = _cameras(2, later=Later(at=at, rate=rate), **small)
        yield Made(
            _disk(name, _cameras(1, **small), changed, end=DATE + "07:34:00"),
            (Expected("frame_rate_changed", (2,), at, at),),
        )
    sub = Later(at=MIDDLE, width=176, height=144, stream="sub")
    yield Made(
        Scenario(title="sub-only", name="sub-only", layout="dhav", start=DATE + START,
                 end=DATE + END, cameras=(_cameras(1), _cameras(2, later=sub)),
                 files=Files(period_s=12, names="nextbase")),
        (Expected("sub_stream_only", (2,), MIDDLE, END),),
    )  # fmt: skip
    yield Made(
        _disk("encrypted", _cameras(1, 2), _cameras(3, encrypted=(("start", "end"),), quality=20)),
        (Expected("encrypted", (3,), START, END),),
    )


def _pictures() -> Iterator[Made]:
    for word in ("dark", "covered", "frozen", "blurred", "noisy", "rolling", "colourless"):
        for name, start in (("throughout", START), ("from-the-middle", MIDDLE)):
            fault = ((word, DATE + start, "end"),)
            end = "07:30:36" if word == "frozen" else END
            scenario = _disk(
                f"{word}-{name}", _cameras(1, 2), _cameras(3, faults=fault), end=DATE + end
            )
            # an encoder takes seconds until the same picture is coded in the same way
            tolerance = 8.0 if word == "frozen" else 1.0
            yield Made(scenario, (Expected(f"picture_{word}", (3,), start, end),), tolerance)


def _standing() -> Iterator[Made]:
    """Frozen over several segments, of which each has too few key pictures to tell it."""
    seldom: dict[str, Any] = {"rate": 2.5, "gop": 60, "width": 176, "height": 144}
    for name, freezes in (("clock-runs", False), ("clock-stands", True)):
        frozen = CameraGroup(
            numbers=(3,), faults=(("frozen", "07:32:00", "07:35:00"),), freezes_clock=freezes,
            **seldom,
        )  # fmt: skip
        others = CameraGroup(numbers=(1, 2), **seldom)
        scenario = _disk(f"frozen-for-minutes-{name}", others, frozen, end=DATE + "07:36:00")
        # from one key picture to the next; no other picture is looked at
        yield Made(scenario, (Expected("picture_frozen", (3,), "07:32:00", "07:35:00"),), 24.0)
    parked = CameraGroup(numbers=(3,), parked=True, night=True, **seldom)
    others = CameraGroup(numbers=(1, 2), **seldom)
    yield Made(_disk("one-sees-nothing-move", others, parked, end=DATE + "07:36:00"), ())


def _innocent() -> Iterator[Made]:
    yield Made(_disk("all-is-well", _cameras(1, 2, 3)), ())
    yield Made(_disk("parked", _cameras(1, 2, 3, parked=True)), ())
    yield Made(_disk("night", _cameras(1, 2, 3, night=True)), ())
    yield Made(_disk("parked-at-night", _cameras(1, 2, 3, night=True, parked=True)), ())
    yield Made(_disk("all-dark", _cameras(1, 2, 3, faults=(("dark", DATE + MIDDLE, "end"),))), ())
    yield Made(_disk("a-blip", _cameras(1, 2), _cameras(3, off=(("07:30:10", "07:30:11.5"),))), ())
    yield Made(_disk("h265", _cameras(1, 2, codec="h265")), ())
