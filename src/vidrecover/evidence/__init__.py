"""The evidence package: native bytes, playable copies, and where every byte came from.

`export` packs, `verify` checks a package alone or against its source.
"""

from vidrecover.evidence._export import export
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
from vidrecover.evidence._words import (
    packed_json,
    packed_text,
    verification_json,
    verification_text,
)

__all__ = [
    "CIRCUMSTANCES", "AccessCopy", "Area", "ClockCheck", "Contents", "Difference", "Exhibit",
    "Missed", "Order", "Packed", "Stored", "Verification", "export", "ordered", "packed_json",
    "packed_text", "verification_json", "verification_text", "verify",
]  # fmt: skip
