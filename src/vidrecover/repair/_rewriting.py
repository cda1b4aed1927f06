"""Parameter sets under another id: the same bits behind another number."""

import re

from vidrecover.model import Codec

_NEEDS_EMULATION = re.compile(rb"\x00\x00(?=[\x00-\x03])", re.DOTALL)
_EMULATION = re.compile(rb"\x00\x00\x03", re.DOTALL)


def with_picture_id(codec: Codec, unit: bytes, number: int) -> bytes:
    """A picture parameter set whose own id is another one; the rest is the same.

    unit: a NAL unit without start code. The id is the first code behind the NAL header (H.264
    clause 7.3.2.2, H.265 clause 7.3.2.3.1); it ends in a 1 bit and zeros. [A]
    """
    size = 1 if codec == Codec.H264 else 2
    payload = _EMULATION.sub(b"\x00\x00", unit[size:])
    bits = "".join(f"{byte:08b}" for byte in payload).rstrip("0")[:-1]
    zeros = len(bits) - len(bits.lstrip("0"))
    changed = _code(number) + bits[2 * zeros + 1 :] + "1"
    changed += "0" * (-len(changed) % 8)
    rewritten = int(changed, 2).to_bytes(len(changed) // 8, "big")
    return unit[:size] + _NEEDS_EMULATION.sub(b"\x00\x00\x03", rewritten)


def _code(value: int) -> str:
    """An Exp-Golomb code, ue(v)."""
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits
