"""Bits of a NAL unit: emulation prevention undone, fixed-length and Exp-Golomb codes, bounded."""

import re

_MOST_BYTES = 16384
_EMULATION = re.compile(rb"\x00\x00\x03", re.DOTALL)


class BitsEnd(Exception):  # noqa: N818 - not an error of the program: strangers' bytes are short
    """The bytes end before the field, or a code is longer than any value allowed."""


def rbsp(unit: bytes) -> bytes:
    """The raw payload of a NAL unit: emulation prevention bytes dropped, at most 16 KiB read.

    00 00 03 stands for 00 00 (H.264 clause 7.4.1.1, H.265 clause 7.4.2.3). [A]
    """
    return _EMULATION.sub(b"\x00\x00", unit[:_MOST_BYTES])


class Bits:
    """Reads bits from the highest to the lowest; raises BitsEnd behind the last."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._count = len(data) * 8
        self.position = 0

    def fixed(self, count: int) -> int:
        """An unsigned number of `count` bits, u(n)."""
        start, end = self.position, self.position + count
        if end > self._count:
            raise BitsEnd
        self.position = end
        last = (end + 7) // 8
        value = int.from_bytes(self._data[start // 8 : last], "big")
        return (value >> (last * 8 - end)) & ((1 << count) - 1)

    def flag(self) -> bool:
        """One bit, u(1)."""
        return self.fixed(1) == 1

    def skip(self, count: int) -> None:
        """Pass over `count` bits."""
        if self.position + count > self._count:
            raise BitsEnd
        self.position += count

    def unsigned(self, most: int = 0xFFFFFFFE) -> int:
        """An Exp-Golomb code, ue(v) (H.264 clause 9.1, H.265 clause 9.2); BitsEnd above `most`."""
        first, used = divmod(self.position, 8)
        ahead = self._data[first : first + 9]  # 65 bits at least: the longest code
        width = 8 * len(ahead) - used
        rest = int.from_bytes(ahead, "big") & ((1 << max(width, 0)) - 1)
        zeros = width - rest.bit_length()
        size = 2 * zeros + 1
        if zeros > 32 or size > width:
            raise BitsEnd
        self.position += size
        value = (rest >> (width - size)) - 1
        if value > most:
            raise BitsEnd
        return value

    def signed(self) -> int:
        """A signed Exp-Golomb code, se(v) (H.264 clause 9.1.1, H.265 clause 9.2.2)."""
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)
