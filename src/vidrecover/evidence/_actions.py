"""The log of actions in a package: its end, and whether its chain is whole."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from vidrecover import actions
from vidrecover.evidence._tables import UNREADABLE
from vidrecover.evidence._values import Contents, Stored

EXPORT = "export"
SIGNED_BY = "signed_by"
"""Key in the line of an export that was signed: the public key, as minisign writes it."""


def bag_info(contents: Contents, last: bytes) -> list[tuple[str, str]]:
    """Lines of bag-info.txt that follow from the log's last line and the contents."""
    entry = msgspec.json.decode(last, type=dict[str, Any])
    key = entry.get(SIGNED_BY)
    return [
        ("Bag-Software-Agent", f"vidrecover {contents.tool}"),
        ("Bagging-Date", str(entry.get("at"))[:10]),
        ("Contact-Name", contents.operator or "not named"),
        ("External-Identifier", contents.exhibit),
        ("External-Description", f"evidence package of the case {contents.case}"),
        ("Action-Log-End", actions.digest(last.rstrip(b"\n"))),
        *([] if key is None else [("Signature-Public-Key", str(key))]),
    ]


def content_digest(files: Sequence[Stored]) -> str:
    """SHA-256 over names, sizes and digests of files, whatever their order."""
    whole = hashlib.sha256()
    for one in sorted(files, key=lambda one: one.file):
        whole.update(f"{one.sha256} {one.size} {one.file}\n".encode())
    return whole.hexdigest()


def read(log: bytes) -> tuple[list[dict[str, Any]], list[str]]:
    """The entries of a log, and what is wrong with the chain, a sentence each."""
    entries: list[dict[str, Any]] = []
    wrong: list[str] = []
    previous: str | None = None
    if log and not log.endswith(b"\n"):
        wrong.append("its last line is cut off")
    for number, one in enumerate(log.splitlines(), 1):
        try:
            entry = msgspec.json.decode(one, type=dict[str, Any])
        except UNREADABLE as error:
            wrong.append(f"line {number} cannot be read: {error}")
            previous = actions.digest(one)
            continue
        if entry.get("previous") != previous:
            wrong.append(
                f"line {number} does not follow the line before it: an action was changed,"
                " removed or put in between"
                if number > 1
                else "line 1 is not the beginning of the log: an action before it was removed"
            )
        entries.append(entry)
        previous = actions.digest(one)
    return entries, wrong
