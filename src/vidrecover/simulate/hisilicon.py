"""The four bytes that HiSilicon chips write before each piece of sound."""


def header(payload: bytes) -> bytes:
    """`00 01`, length in 16-bit words, `00`. [A: dvr-audio.md section 1]"""
    return bytes([0, 1, len(payload) // 2, 0])
