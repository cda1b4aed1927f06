"""What key pictures show: live, no signal, dark, covered, frozen, blurred, noisy, rolling.

Only key pictures are decoded, at a small size, and counted in; words follow from the counts.
A word is a suspicion with its measured values, not a verdict; only a video-loss picture with a
message in it, in three pictures alike, is called certain.
"""

from vidrecover.picture._check import Checked, Job, Worker, check
from vidrecover.picture._decode import decode_keys
from vidrecover.picture._judge import FROZEN_CELLS, is_card, judge, judge_measures, state_alone
from vidrecover.picture._measure import available, cells_of, drift, measure
from vidrecover.picture._sampling import Change, choose, date_change
from vidrecover.picture._values import (
    HEIGHT,
    WIDTH,
    Image,
    Judgement,
    Measures,
    Picture,
    Plane,
    not_checked,
)

__all__ = [
    "FROZEN_CELLS",
    "HEIGHT",
    "WIDTH",
    "Change",
    "Checked",
    "Image",
    "Job",
    "Judgement",
    "Measures",
    "Picture",
    "Plane",
    "Worker",
    "available",
    "cells_of",
    "check",
    "choose",
    "date_change",
    "decode_keys",
    "drift",
    "is_card",
    "judge",
    "judge_measures",
    "measure",
    "not_checked",
    "state_alone",
]
