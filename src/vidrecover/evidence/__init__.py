"""The evidence package: native bytes, playable copies, and where every byte came from.

`export` packs, `verify` checks a package alone or against its source.
"""

from vidrecover.evidence._export import Page, export
from vidrecover.evidence._findings import Area, Difference, Verification
from vidrecover.evidence._order import ordered
from vidrecover.evidence._values import (
    CIRCUMSTANCES,
    AccessCopy,
    ClockCheck,
    Contents,
    Exhibit,
    Missed,
    Order,
    Packed,
    Stored,
)
from vidrecover.evidence._verify import verify

__all__ = [
    "CIRCUMSTANCES",
    "AccessCopy",
    "Area",
    "ClockCheck",
    "Contents",
    "Difference",
    "Exhibit",
    "Missed",
    "Order",
    "Packed",
    "Page",
    "Stored",
    "Verification",
    "export",
    "ordered",
    "verify",
]  # fmt: skip
