"""Reads the clock in coded pictures, in a process of its own."""

import pickle

import msgspec

from vidrecover.repair._values import ClockJob, ClockRead, FontData, InkJob, InkRead
from vidrecover.repair.burntclock import LEAST_PER_S, LEAST_S
from vidrecover.servant import Servant

__all__ = [
    "LEAST_PICTURES",
    "ClockJob",
    "ClockRead",
    "FontData",
    "InkJob",
    "InkRead",
    "ask",
    "inked",
    "reader",
]

LEAST_PICTURES = LEAST_S * LEAST_PER_S
"""Needed to calibrate."""
TIME_LIMIT_S = 120.0
_MODULE = "vidrecover.repair._clock"


def reader() -> Servant:
    """The process that `ask` asks; a context manager."""
    return Servant(_MODULE, TIME_LIMIT_S)


def ask(job: ClockJob, servant: Servant) -> ClockRead | None:
    """What the clock shows, None when none is found, or the decoder died of the pictures."""
    answer = servant.ask(pickle.dumps(job))
    if isinstance(answer, str):
        return None
    return msgspec.msgpack.decode(answer, type=ClockRead | None)


def inked(job: InkJob, servant: Servant) -> InkRead | None:
    """Where the ink of pictures is, None when none decodes, or the decoder died of them."""
    answer = servant.ask(pickle.dumps(job))
    if isinstance(answer, str):
        return None
    return msgspec.msgpack.decode(answer, type=InkRead | None)
