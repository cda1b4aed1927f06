"""The bag itself: what files there are, what the manifests say, whether both agree."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from vidrecover.evidence._findings import Area, Findings
from vidrecover.evidence._package import DECLARED
from vidrecover.evidence._values import (
    DECLARATION,
    INFO,
    MANIFEST,
    SEALS,
    TAG_MANIFEST,
    Stored,
)

_TAGS = (DECLARATION, INFO, MANIFEST)
_MOST_MANIFEST = 64 << 20


class Bag(NamedTuple):
    """A package on disk. files: size by path from its root, regular files only, links never;
    listed: SHA-256 by path as the manifests say."""

    root: Path
    files: Mapping[str, int]
    listed: Mapping[str, str]

    def text(self, name: str) -> bytes | None:
        """A small file's bytes; None when it is not there or not small."""
        if self.files.get(name, _MOST_MANIFEST) >= _MOST_MANIFEST:
            return None
        return (self.root / name).read_bytes()


def opened(root: Path, findings: Findings) -> Bag:
    """The bag with both manifests; whatever they leave out or name wrongly is a difference."""
    files = _files(root, findings)
    bag = Bag(root, files, {})
    declared = bag.text(DECLARATION)
    if declared != DECLARED.encode():
        findings.differs(Area.STRUCTURE, DECLARATION, "does not declare a BagIt 1.0 bag")
    payload = _manifest(bag, MANIFEST, findings)
    tags = _manifest(bag, TAG_MANIFEST, findings)
    for name in payload:
        if not name.startswith("data/"):
            findings.differs(Area.STRUCTURE, MANIFEST, f"lists {name}, which is not payload")
    for name in tags.keys() ^ set(_TAGS):
        where = "lists" if name in tags else "does not list"
        findings.differs(Area.STRUCTURE, TAG_MANIFEST, f"{where} {name}")
    return Bag(root, files, {**payload, **tags})


def _files(root: Path, findings: Findings) -> dict[str, int]:
    found: dict[str, int] = {}
    for folder, below, names in os.walk(root):
        for name in [*below, *names]:
            path = Path(folder) / name
            where = path.relative_to(root).as_posix()
            if path.is_symlink():
                findings.differs(Area.STRUCTURE, where, "is a link, not a file of the package")
            elif name in names:
                if path.is_file():
                    found[where] = path.stat().st_size
                else:
                    findings.differs(Area.STRUCTURE, where, "is not a file")
    return found


def _manifest(bag: Bag, name: str, findings: Findings) -> dict[str, str]:
    """Digests by path; a line that cannot be read is a difference."""
    content = bag.text(name)
    if content is None:
        findings.differs(Area.STRUCTURE, name, "is missing or far too large")
        return {}
    found: dict[str, str] = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        sha256, _, path = line.partition("  ")
        known = len(sha256) == 64 and set(sha256) <= set("0123456789abcdef")
        if not known or not path or path in found:
            findings.differs(Area.STRUCTURE, name, f"line {number} is no entry of a manifest")
        else:
            found[path] = sha256
    return found


def hashed(bag: Bag, name: str) -> Stored:
    """A file as it is now."""
    return Stored(file=name, size=bag.files[name], sha256=digest(bag.root / name))


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compare(bag: Bag, now: Mapping[str, Stored], findings: Findings) -> None:
    """Every file against the manifests; now: all files but the tag manifest and its seals."""
    seals = {TAG_MANIFEST, *SEALS}
    missing = {name: one for name, one in bag.listed.items() if name not in bag.files}
    extra = [name for name in bag.files if name not in bag.listed and name not in seals]
    moved = {now[name].sha256: name for name in extra}
    for name, listed in sorted(missing.items()):
        new = moved.get(listed)
        what = f"is missing: it was renamed to {new}" if new else "is missing"
        findings.differs(Area.STRUCTURE, name, what)
    for name in sorted(extra):
        findings.differs(Area.STRUCTURE, name, "was added: no manifest lists it")
    for name, listed in sorted(bag.listed.items()):
        if name in now and now[name].sha256 != listed:
            findings.differs(Area.STRUCTURE, name, _changed(bag, name, now[name].sha256, listed))


def _changed(bag: Bag, name: str, is_: str, listed: str) -> str:
    other = next((one for one, sha256 in bag.listed.items() if sha256 == is_ and one != name), None)
    if other is not None:
        return f"holds the bytes that belong to {other}"
    return f"was changed: its SHA-256 is {is_}, the manifest says {listed}"
