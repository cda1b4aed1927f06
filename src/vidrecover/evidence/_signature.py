"""A signature over the tag manifest in minisign's form, where py-minisign is installed.

Ed25519, prehashed with BLAKE2b; `minisign -V -m tagmanifest-sha256.txt` checks it without this
program. Secret keys are minisign's own files; they are read, and never written anywhere.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vidrecover.errors import EvidenceError
from vidrecover.evidence._values import TAG_MANIFEST

if TYPE_CHECKING:
    from minisign import SecretKey  # type: ignore[import-untyped]

COMMENT = "signature of an evidence package by vidrecover"
_MOST_KEY = 8192
_KEY_SIZE, _SIGNATURE_SIZE = 42, 74  # algorithm (2), key number (8), key (32) or signature (64)


class Signer:
    """A secret key ready to sign; the key stays in memory."""

    def __init__(self, key: "SecretKey") -> None:
        self._key = key
        self.public: str = key.get_public_key().to_base64().decode()
        """The public key as `minisign -V -P` takes it."""

    def sign(self, manifest: bytes, now: datetime) -> bytes:
        """The bytes of the `.minisig` file; the moment is part of what is signed."""
        said = f"timestamp:{int(now.timestamp())}\tfile:{TAG_MANIFEST}\thashed"
        made = self._key.sign(manifest, untrusted_comment=COMMENT, trusted_comment=said)
        return bytes(made) + b"\n"


def is_possible() -> bool:
    """Whether the library is there."""
    return find_spec("minisign") is not None


def signer(path: Path, password: Callable[[], str], *kept_out: Path) -> Signer:
    """The key in a file that `minisign -G` made; password: asked only where it has one.

    kept_out: folders that are handed on, in which no key may lie. Raises EvidenceError when it
    is no such file, lies in such a folder, cannot be read, or the password is wrong.
    """
    needed()
    for folder in kept_out:
        if path.resolve().is_relative_to(folder.resolve()):
            raise EvidenceError(
                f"{path} lies in {folder}, which is handed on: keep the key elsewhere"
            )
    from minisign import Error, SecretKey

    try:
        content = path.read_bytes()
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read ({error.strerror})") from error
    try:
        key = SecretKey.from_bytes(content)
        if key.is_encrypted():
            key.decrypt(password())
        return Signer(key)
    except (Error, ValueError, MemoryError) as error:
        raise EvidenceError(
            f"{path} cannot be used for signing ({error}): give a secret key made by minisign -G,"
            " and its password"
        ) from error


def needed() -> None:
    """Raises EvidenceError where the library is missing."""
    if not is_possible():
        raise EvidenceError(
            "signatures need py-minisign: install the extra with pip install 'vidrecover[evidence]'"
        )


def public_key(text: str) -> str:
    """A public key as one line, from minisign's file or from that line itself.

    Raises EvidenceError when it is neither.
    """
    path, line = Path(text), text
    try:
        if len(text) < _MOST_KEY and path.is_file():
            with path.open("rb") as file:
                line = file.read(_MOST_KEY).decode("ascii", "replace").strip().rpartition("\n")[2]
    except (OSError, ValueError) as error:
        raise EvidenceError(f"{text} cannot be read ({error})") from error
    if _key_bytes(line.strip()) is None:
        raise EvidenceError(f"{text} is no public key of minisign, and no file that holds one")
    return line.strip()


def key_number(public: str) -> str:
    """How minisign itself names a key: at most 16 hexadecimal digits."""
    content = _key_bytes(public)
    if content is None:
        raise EvidenceError(f"{public!r} is no public key of minisign")
    return _number(content)


def number_in(signature: bytes) -> str | None:
    """Number of the key that a `.minisig` file names; None when it is no such file."""
    lines = signature.split(b"\n")
    content = _decoded(lines[1]) if len(lines) > 1 else None
    return _number(content) if content is not None and len(content) == _SIGNATURE_SIZE else None


def check(manifest: bytes, signature: bytes, public: str) -> str:
    """The trusted comment of a signature that holds; else raises EvidenceError with the reason.

    A file that says the same in other bytes does not hold either.
    """
    needed()
    from minisign import Error, PublicKey, Signature

    try:
        read = Signature.from_bytes(signature)
        PublicKey.from_base64(public).verify(manifest, read)
    except (Error, ValueError) as error:
        raise EvidenceError(str(error)) from error
    if bytes(read).rstrip(b"\n") != signature.rstrip(b"\n"):
        raise EvidenceError("it is not written as minisign writes it")
    return str(read.trusted_comment)


def own_comment(signature: bytes) -> bool:
    """Whether the comment that no signature covers is the one that `sign` writes."""
    return signature.startswith(f"untrusted comment: {COMMENT}\n".encode())


def _key_bytes(line: str) -> bytes | None:
    content = _decoded(line.encode("ascii", "replace"))
    valid = content is not None and len(content) == _KEY_SIZE and content[:2] == b"Ed"
    return content if valid else None


def _decoded(line: bytes) -> bytes | None:
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        return None


def _number(content: bytes) -> str:
    """The key number is stored with its lowest byte first, written without leading zeros.
    [A: minisign's own output]"""
    return f"{int.from_bytes(content[2:10], 'little'):X}"
