"""What a file is by its first and last bytes: raw, Expert Witness, or a container to convert."""

import struct
from typing import NamedTuple

EWF_MAGIC = b"EVF\x09\x0d\x0a\xff\x00"
"""First bytes of an E01 or S01 segment. [A: libewf's format document, and files made here]"""

MAGIC_SIZE = 512
"""Bytes from the start that `recognised` wants; as many again from the end for a VHD."""


class _Foreign(NamedTuple):
    """A container whose bytes are not the disk's: where its magic stands, and what to do."""

    offset: int
    magic: bytes
    title: str
    advice: str


_QEMU = "convert it with `qemu-img convert -O raw {path} disk.img` and give disk.img"
_EWF = "export it as a raw image or E01 with the tool that made it, and give that"

_DECRYPT = "decrypt it with FTK Imager and its pass-phrase or certificate, and give the result"

FOREIGN = (
    _Foreign(0, b"QFI\xfb", "QCOW2 image", _QEMU),
    _Foreign(0, b"KDMV", "VMDK image", _QEMU),
    _Foreign(0, b"COWD", "VMDK image", _QEMU),
    _Foreign(0, b"# Disk DescriptorFile", "VMDK description of an image", _QEMU),
    _Foreign(0, b"vhdxfile", "VHDX image", _QEMU),
    _Foreign(64, b"\x7f\x10\xda\xbe", "VDI image", _QEMU),
    _Foreign(0, b"conectix", "dynamic or differencing VHD image", _QEMU),
    _Foreign(0, b"AFF10\r\n\0", "AFF image", _EWF),
    _Foreign(0, b"EVF2\r\n\x81\0", "Ex01 image", _EWF),
    _Foreign(0, b"ADCRYPT\0", "image encrypted with AD encryption", _DECRYPT),
    _Foreign(0, b"LVF\x09\r\n\xff\0", "logical evidence file (L01)", _EWF),
    _Foreign(0, b"LEF2\r\n\x81\0", "logical evidence file (Lx01)", _EWF),
)
"""Magic bytes: QCOW2, VMDK and VHD [A: the corpus and public readers]; Ex01, L01, Lx01 and AD
encryption [A: libewf's format documents and public readers]; AFF [A: AFFLIB's header and public
readers]; the rest [B: public readers]. The VHD's cookie at the start is the copy of its footer,
which a fixed VHD does not have."""

VHD_FOOTER_SIZE = 512
_VHD_FOOTER = struct.Struct(">8s52xII")
_VHD_FIXED = 2


def foreign(head: bytes, path: str) -> tuple[str, str] | None:
    """Name and advice when the file is a container that must be converted first, else None."""
    for one in FOREIGN:
        if head[one.offset : one.offset + len(one.magic)] == one.magic:
            return one.title, one.advice.format(path=path)
    return None


def is_fixed_vhd(footer: bytes) -> bool:
    """Whether the last 512 bytes of a file are the footer of a fixed VHD.

    Big-endian: cookie `conectix` at 0, disk type u32 at 60 (2 is fixed), checksum u32 at 64: the
    inverted sum of all other bytes. [B: agrees with two of the corpus's three footers, all of them
    of dynamic or differencing images; the third carries another checksum]
    """
    if len(footer) != VHD_FOOTER_SIZE:
        return False
    cookie, kind, checksum = _VHD_FOOTER.unpack_from(footer)
    others = sum(footer) - sum(footer[64:68])
    return bool(cookie == b"conectix" and kind == _VHD_FIXED and checksum == ~others & 0xFFFFFFFF)
