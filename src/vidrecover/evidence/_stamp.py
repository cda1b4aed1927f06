"""A time stamp of an authority over the tag manifest: RFC 3161.

The query is written at packing, with no network. Whoever has one sends it to an authority; the
reply is added later and checked, where rfc3161-client is installed.
"""

import hashlib
import secrets
from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vidrecover.errors import EvidenceError
from vidrecover.evidence._values import QUERY, REPLY, TAG_MANIFEST

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

_SHA256 = "2.16.840.1.101.3.4.2.1"
_HEAD = bytes.fromhex("30430201013031300d060960864801650304020105000420")
_NONCE, _TAIL = b"\x02\x08", b"\x01\x01\xff"
_NONCE_SIZE, _DIGEST_SIZE = 8, 32
_SEQUENCE, _CONTEXT_0 = 0x30, 0xA0


class Stamp(NamedTuple):
    """What a reply says. at: aware; authority: name in its certificate or in the reply;
    checked: its signature was followed to a given certificate."""

    at: datetime
    authority: str
    serial: int
    checked: bool


def query(manifest: bytes) -> bytes:
    """A new query: version 1, SHA-256 of the manifest, a nonce, certificate wanted.

    The same form as `openssl ts -query -sha256 -cert` gives. [A: RFC 3161 section 2.4.1]
    """
    nonce = secrets.randbelow(0x7F << 56) + (1 << 56)  # eight bytes, positive, no leading zero
    return _query(manifest, nonce.to_bytes(_NONCE_SIZE, "big"))


def _query(manifest: bytes, nonce: bytes) -> bytes:
    return _HEAD + hashlib.sha256(manifest).digest() + _NONCE + nonce + _TAIL


def nonce_of(asked: bytes, manifest: bytes) -> int | None:
    """The nonce of a query that `query` made for this manifest; None for any other bytes."""
    start = len(_HEAD) + _DIGEST_SIZE + len(_NONCE)
    nonce = asked[start : start + _NONCE_SIZE]
    if len(nonce) != _NONCE_SIZE or not 0 < nonce[0] < 0x80 or asked != _query(manifest, nonce):
        return None
    return int.from_bytes(nonce, "big")


def is_possible() -> bool:
    """Whether the library is there."""
    return find_spec("rfc3161_client") is not None


def needed() -> None:
    """Raises EvidenceError where the library is missing."""
    if not is_possible():
        raise EvidenceError(
            "time stamps need rfc3161-client: install the extra with"
            " pip install 'vidrecover[evidence]'"
        )


def read(reply: bytes, asked: bytes, manifest: bytes, authority: bytes | None) -> Stamp:
    """What a reply says, once it is known to answer the query for this manifest.

    authority: certificates, PEM or DER, one of them the root that the signature must lead to;
    without them the signature is not checked. Raises EvidenceError with the reason.
    """
    needed()
    from rfc3161_client import decode_timestamp_response

    nonce = nonce_of(asked, manifest)
    if nonce is None:
        raise EvidenceError("the query is not for this tag manifest")
    try:
        answer = decode_timestamp_response(_in_order(reply))
        if answer.status != 0:
            raise EvidenceError(
                f"the authority did not grant a stamp (status {answer.status}"
                f" {' '.join(answer.status_string)})".rstrip()
            )
        _answers(answer, nonce, hashlib.sha256(manifest).digest())
        stamp = _said(answer, checked=authority is not None)
        if authority is not None:
            _signed(answer, nonce, hashlib.sha256(manifest).digest(), authority)
    except _strange() as error:
        raise EvidenceError(f"the reply does not hold: {error}") from error
    return stamp


def _strange() -> tuple[type[Exception], ...]:
    """What the libraries raise on bytes that are no certificates or no reply."""
    from cryptography import exceptions, x509
    from rfc3161_client import VerificationError

    return (
        VerificationError,
        LookupError,
        OverflowError,
        TypeError,
        ValueError,
        exceptions.UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    )


def _answers(answer: "TimeStampResponse", nonce: int, digest: bytes) -> None:
    """Raises EvidenceError unless the reply is for this digest and this query."""
    info = answer.tst_info
    if info.message_imprint.hash_algorithm.dotted_string != _SHA256:
        raise EvidenceError("the reply is over another kind of digest than the query")
    if info.message_imprint.message != digest:
        raise EvidenceError("the reply stamps other bytes than this tag manifest")
    if info.nonce != nonce:
        raise EvidenceError("the reply answers another query")


def _said(answer: "TimeStampResponse", *, checked: bool) -> Stamp:
    info, names = answer.tst_info, list[str]()
    for signer in answer.signed_data.signer_infos:
        names = [
            one.subject.rfc4514_string()
            for one in _inside(answer)
            if (one.serial_number, one.issuer) == (signer.serial_number, signer.issuer)
        ]
        names = names or [f"an authority under {signer.issuer.rfc4514_string()}"]
    name = names[0] if names else "an authority that is not named"
    return Stamp(info.gen_time, name, info.serial_number, checked)


def _inside(answer: "TimeStampResponse") -> "Iterator[Certificate]":
    from cryptography import x509

    return (x509.load_der_x509_certificate(one) for one in answer.signed_data.certificates)


def _signed(answer: "TimeStampResponse", nonce: int, digest: bytes, authority: bytes) -> None:
    """Raises unless the signature leads to a root among the certificates."""
    from rfc3161_client import VerifierBuilder

    given = certificates(authority)
    roots = [one for one in given if one.issuer == one.subject]
    others = {one.serial_number: one for one in _inside(answer) if one.issuer != one.subject}
    between = [one for one in given if one not in roots]
    between += [one for one in others.values() if one not in between]
    VerifierBuilder(roots=roots, intermediates=between, nonce=nonce).build().verify(answer, digest)


def certificates(content: bytes) -> "list[Certificate]":
    """Certificates of a file, PEM or DER, at least one root; raises EvidenceError."""
    needed()
    from cryptography import x509

    try:
        if b"-----BEGIN" in content:
            found = x509.load_pem_x509_certificates(content)
        else:
            found = [x509.load_der_x509_certificate(content)]
    except _strange() as error:
        raise EvidenceError(f"the authority's certificate cannot be read: {error}") from error
    if not any(one.issuer == one.subject for one in found):
        raise EvidenceError(
            "none of the authority's certificates is a root: give the certificate that signed the"
            " others, too"
        )
    return found


def add(package: Path, reply: bytes, authority: bytes | None = None) -> Stamp:
    """Puts a reply into a package, as it came, after all checks of `read`.

    Raises EvidenceError when it does not hold, when there is one already, or when the package
    cannot be read or written.
    """
    try:
        manifest = (package / TAG_MANIFEST).read_bytes()
        asked = (package / QUERY).read_bytes()
    except OSError as error:
        raise EvidenceError(
            f"{error.filename} cannot be read ({error.strerror}): give the folder of a package"
        ) from error
    stamp = read(reply, asked, manifest, authority)
    try:
        with (package / REPLY).open("xb") as file:
            file.write(reply)
    except FileExistsError as error:
        raise EvidenceError(f"{package} bears a time stamp already; it stays as it is") from error
    except OSError as error:
        raise EvidenceError(f"{package / REPLY} cannot be written ({error.strerror})") from error
    return stamp


def _in_order(reply: bytes) -> bytes:
    """The reply with the certificates inside in the order that DER asks of a set.

    Some authorities (`openssl ts -reply -chain` too) send them as they come, and the reader
    refuses that. No signature covers their order. [A: RFC 5652 section 5.4; measured]
    """
    try:
        _, start, end = _element(reply, 0)
        granted = _elements(reply, start, end)[1]
        content = _elements(reply, *granted[1:])[1]
        signed = _element(reply, content[1])
        bags = [one for one in _elements(reply, *signed[1:]) if one[0] == _CONTEXT_0]
        start, end = bags[0][1:]
        parts, place = [], start
        for _, _, behind in _elements(reply, start, end):
            parts.append(reply[place:behind])
            place = behind
    except (IndexError, ValueError):
        return reply
    return reply[:start] + b"".join(sorted(parts)) + reply[end:]


def _elements(data: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    """Tag, start and end of the content of each element that lies in [start, end)."""
    found = []
    while start < end:
        one = _element(data, start)
        found.append(one)
        start = one[2]
    return found


def _element(data: bytes, place: int) -> tuple[int, int, int]:
    """One DER element; raises ValueError or IndexError on what is none. [A: X.690 section 8.1]"""
    tag, size, start = data[place], data[place + 1], place + 2
    if size & 0x80:
        count = size & 0x7F
        if not 0 < count < 5:
            raise ValueError("no length of DER")
        size = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + size > len(data):
        raise ValueError("an element is cut off")
    return tag, start, start + size
