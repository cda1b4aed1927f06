"""Coded pictures as recorders encipher them: the framing stays clear, what is inside does not.

Hikvision's stream encryption turns the first 4096 bytes behind each NAL unit's header, in whole
blocks of 16, through AES-128 in ECB mode with the verification code as its key; some cameras
hide the header of slices as well, some leave parameter sets clear. [B: pyEzvizApi's
`decrypt_hikvision_ps_video`; reports of its users] TME's lays one pad of 1024 bytes over the
beginning of every frame. [B: tme-mdvr.md section 5]

A keyed digest stands for AES: equal blocks give equal blocks, and there is no way back.
"""

import hashlib
import re
from typing import Literal

Cipher = Literal["noise", "slices", "headers", "bodies", "pad"]

_CODE = re.compile(rb"\x00\x00\x01")
_DEPTH, _BLOCK, _PAD = 4096, 16, 1024
_HEADER = {"h264": 1, "h265": 2}
_SET_KINDS = {"h264": (6, 7, 8, 9), "h265": (32, 33, 34, 35, 39, 40)}


def enciphered(data: bytes, codec: str, cipher: Cipher, key: bytes) -> bytes:
    """A coded picture (Annex B) as it lies on the disk.

    cipher: noise, in place of all of it; slices, their bodies; headers, the same with their NAL
    headers; bodies, of all units, sets included; pad, over its beginning. key: at most 64 bytes.
    """
    if cipher == "noise":
        return hashlib.shake_128(key + data).digest(len(data))
    if cipher == "pad":
        pad = hashlib.shake_128(key).digest(min(_PAD, len(data)))
        return bytes(a ^ b for a, b in zip(data, pad, strict=False)) + data[len(pad) :]
    starts = [code.end() for code in _CODE.finditer(data)]
    whole = bytearray(data)
    for start, end in zip(starts, [*(at - 3 for at in starts[1:]), len(data)], strict=True):
        header = 0 if cipher == "headers" else _HEADER[codec]
        if cipher == "bodies" or not _announces(data[start], codec):
            _blocks(whole, start + header, end, key)
    return bytes(whole)


def _announces(first: int, codec: str) -> bool:
    """Whether a NAL unit is a parameter set, message or delimiter, by its first byte."""
    kind = first & 31 if codec == "h264" else first >> 1 & 63
    return kind in _SET_KINDS[codec]


def _blocks(whole: bytearray, start: int, end: int, key: bytes) -> None:
    """The whole blocks from `start`, at most 4096 bytes before `end`, in place."""
    size = min(end - start, _DEPTH) // _BLOCK * _BLOCK
    for at in range(start, start + size, _BLOCK):
        block = bytes(whole[at : at + _BLOCK])
        whole[at : at + _BLOCK] = hashlib.blake2b(block, key=key, digest_size=_BLOCK).digest()
