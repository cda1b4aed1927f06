"""The evidence package: native bytes, playable copies, and where every byte came from.

`export` packs, `stamp` adds a time stamp to a package, `verify` checks it alone or against its
source.
"""

from vidrecover.evidence._export import export, ordered
from vidrecover.evidence._findings import Area, Difference, Verification
from vidrecover.evidence._seals import Trust
from vidrecover.evidence._signature import Signer, public_key, signer
from vidrecover.evidence._stamp import Stamp
from vidrecover.evidence._stamp import add as stamp
from vidrecover.evidence._values import (
    CIRCUMSTANCES,
    AccessCopy,
    Asked,
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
    stamp_json,
    stamp_text,
    verification_json,
    verification_text,
)

__all__ = [
    "CIRCUMSTANCES", "AccessCopy", "Area", "Asked", "ClockCheck", "Contents", "Difference",
    "Exhibit", "Missed", "Order", "Packed", "Signer", "Stamp", "Stored", "Trust", "Verification",
    "export", "ordered", "packed_json", "packed_text", "public_key", "signer", "stamp",
    "stamp_json", "stamp_text", "verification_json", "verification_text", "verify",
]  # fmt: skip
