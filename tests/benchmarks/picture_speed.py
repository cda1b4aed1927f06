"""How many key pictures a core decodes and judges in a second, and how long a day takes.

python tests/benchmarks/picture_speed.py

Seconds are those of the processor, so that other work on the machine counts little.
"""

import time
from typing import NamedTuple

import av
import cv2

from vidrecover.model import Codec
from vidrecover.picture import decode_keys, judge
from vidrecover.simulate.encoding import access_units
from vidrecover.simulate.pictures import Scene
from vidrecover.simulate.plan import Camera

KEYS, TOGETHER = 60, 4  # pictures measured, and judged together as a segment's are
CAMERAS, MINUTES, PROCESSORS = 12, 24 * 60, 2


class Measured(NamedTuple):
    """One size of picture. rate: key pictures a second and core."""

    width: int
    height: int
    codec: str
    rate: float


def measured(width: int, height: int, codec: Codec) -> Measured:
    """Key pictures of a simulated camera, decoded and judged four by four."""
    name = codec.name.lower()
    camera = Camera(1, name, width, height, 1, 1, 26, "none", 40, "intact", 0, ())  # type: ignore[arg-type]
    scene = Scene(width=width, height=height, number=1, seed=1, card=False)
    units = [unit.data for unit in access_units(camera, scene, [1000 * i for i in range(KEYS)])]
    began = time.process_time()
    for first in range(0, KEYS, TOGETHER):
        judge(decode_keys(units[first : first + TOGETHER], codec))
    return Measured(width, height, name, KEYS / (time.process_time() - began))


def main() -> None:
    """Measure and print."""
    av.logging.set_level(av.logging.PANIC)
    cv2.setNumThreads(1)
    wanted = ((352, 288, 150.0), (1280, 720, None), (1920, 1080, 25.0))
    head = f"{'size':>10} {'codec':>6} {'a second and core':>18} {'asked':>6}"
    print(f"{head}  day of {CAMERAS} cameras, {PROCESSORS} cores")
    for width, height, least in wanted:
        for codec in (Codec.H264, Codec.H265):
            one = measured(width, height, codec)
            minutes = [CAMERAS * MINUTES * n / one.rate / PROCESSORS / 60 for n in (1, TOGETHER)]
            print(
                f"{width:>5}x{height:<4} {one.codec:>6} {one.rate:>18.0f} {least or '':>6}  "
                f"{minutes[0]:.1f} min at one a minute, {minutes[1]:.1f} min at four"
            )


if __name__ == "__main__":
    main()
