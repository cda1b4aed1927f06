"""Signature and time stamp of a package: written beside the tag manifest, checked by `verify`.

No manifest can list them, as both are made of the last one. Their names are fixed; what a
package says of its own signature stands in its action log, which the tag manifest covers.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from vidrecover.errors import EvidenceError
from vidrecover.evidence import _signature, _stamp
from vidrecover.evidence._actions import SIGNED_BY
from vidrecover.evidence._findings import Area
from vidrecover.evidence._job import Job
from vidrecover.evidence._signature import Signer
from vidrecover.evidence._values import QUERY, REPLY, SIGNATURE, TAG_MANIFEST


class Trust(NamedTuple):
    """Whom the person who verifies trusts. public_key: of the signer, as one line; authority:
    certificates of the one who stamped, PEM or DER."""

    public_key: str | None = None
    authority: bytes | None = None


NOBODY = Trust()


def made(manifest: bytes, signer: Signer | None, now: datetime) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of what seals a package at packing."""
    yield QUERY, _stamp.query(manifest)
    if signer is not None:
        yield SIGNATURE, signer.sign(manifest, now)


def check(job: Job, trust: Trust) -> None:
    """Adds what signature and stamp prove, what they do not, and what is wrong with them."""
    manifest = job.bag.text(TAG_MANIFEST)
    if manifest is None:
        return
    _check_signature(job, manifest, trust.public_key)
    _check_stamp(job, manifest, trust.authority)


def _check_signature(job: Job, manifest: bytes, trusted: str | None) -> None:
    findings, content = job.findings, job.bag.text(SIGNATURE)
    last = job.tables.actions[-1] if job.tables.actions else {}
    recorded = last.get(SIGNED_BY)
    if content is None:
        if recorded is not None:
            findings.differs(Area.SIGNATURE, SIGNATURE, "is missing: the log says it was signed")
        elif trusted is not None:
            findings.differs(Area.SIGNATURE, SIGNATURE, "is missing: nobody signed this package")
        else:
            findings.unproved.append("Who packed this: the package is not signed.")
        return
    number = _signature.number_in(content)
    if number is None:
        findings.differs(Area.SIGNATURE, SIGNATURE, "is no signature of minisign")
        return
    key = trusted if trusted is not None else recorded
    if recorded is not None and not _signature.own_comment(content):
        findings.differs(Area.SIGNATURE, SIGNATURE, "bears another comment than it was given")
    if trusted is not None and isinstance(recorded, str) and recorded != trusted:
        what = f"must be of another key, the log says, than {_signature.key_number(trusted)}"
        findings.differs(Area.SIGNATURE, SIGNATURE, what)
        return
    if not isinstance(key, str):
        findings.unproved.append(
            f"Who packed this: it is signed with the key {number}, which is not known here, so the"
            " signature was not checked. Verify with --public-key."
        )
        return
    _hold_signature(job, manifest, content, key, known=trusted is not None)


def _hold_signature(job: Job, manifest: bytes, content: bytes, key: str, *, known: bool) -> None:
    """The signature against a key; known: by the one who verifies."""
    findings, number = job.findings, _signature.number_in(content)
    if not _signature.is_possible() and not known:
        findings.unproved.append(
            f"The signature with the key {number} was not checked: py-minisign is not installed."
        )
        return
    try:
        comment = _signature.check(manifest, content, key).replace("\t", " ")
    except EvidenceError as error:
        if not _signature.is_possible():
            raise
        findings.differs(Area.SIGNATURE, SIGNATURE, f"does not hold: {error}")
        return
    if known:
        findings.prove(
            f"The manifests were signed with the given key {number} ({comment}).",
            Area.SIGNATURE,
            Area.STRUCTURE,
        )
        return
    findings.unproved.append(
        f"Who packed this: it is signed with the key {number} that its own log names, and that"
        " signature holds, but whose key that is is not known here. Verify with --public-key."
    )


def _check_stamp(job: Job, manifest: bytes, authority: bytes | None) -> None:
    findings, bag = job.findings, job.bag
    asked, reply = bag.text(QUERY), bag.text(REPLY)
    if asked is None:
        findings.differs(Area.SIGNATURE, QUERY, "is missing")
    elif _stamp.nonce_of(asked, manifest) is None:
        findings.differs(Area.SIGNATURE, QUERY, f"is not the query for this {TAG_MANIFEST}")
    elif reply is not None:
        _hold_stamp(job, manifest, asked, reply, authority)
        return
    if reply is not None:
        findings.differs(Area.SIGNATURE, REPLY, "answers no query of this package")
    elif authority is not None:
        findings.differs(Area.SIGNATURE, REPLY, "is missing: nobody stamped this package")
    else:
        findings.unproved.append(
            "When this was packed: no third party stamped it; whoever has a package can make"
            f" another one that agrees with itself. {QUERY} can be sent to an authority."
        )


def _hold_stamp(
    job: Job, manifest: bytes, asked: bytes, reply: bytes, authority: bytes | None
) -> None:
    findings = job.findings
    if not _stamp.is_possible() and authority is None:
        findings.unproved.append(
            "When this was packed: its time stamp was not read; rfc3161-client is not installed."
        )
        return
    _stamp.needed()
    try:
        stamp = _stamp.read(reply, asked, manifest, authority)
    except EvidenceError as error:
        findings.differs(Area.SIGNATURE, REPLY, str(error))
        return
    at = stamp.at.isoformat().replace("+00:00", "Z")
    if stamp.checked:
        findings.prove(
            f"The manifests existed at {at}: stamped by {stamp.authority}, whose signature leads"
            " to the given certificate.",
            Area.SIGNATURE,
            Area.STRUCTURE,
        )
        return
    findings.unproved.append(
        f"When this was packed: a time stamp of {at} by {stamp.authority} answers the query of"
        " this package, but its signature was not checked. Verify with --authority."
    )
