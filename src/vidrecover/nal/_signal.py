"""The head of the VUI, which H.264 and H.265 share: shape of pixels, signal, place of chroma."""

from vidrecover.nal._bits import Bits

_EXTENDED_ASPECT = 255


def pass_signal(bits: Bits) -> None:
    """Pass over it; Annex E.1.1 of H.264, Annex E.2.1 of H.265, each up to its clocks."""
    if bits.flag() and bits.fixed(8) == _EXTENDED_ASPECT:
        bits.skip(32)
    if bits.flag():
        bits.skip(1)
    if bits.flag():
        bits.skip(4)
        if bits.flag():
            bits.skip(24)
    if bits.flag():
        bits.unsigned(5)
        bits.unsigned(5)
