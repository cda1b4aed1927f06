"""A BagIt bag in the making: exclusive, hashed while it is written, whole or not there at all.

RFC 8493, version 1.0: payload under `data/`, one manifest of SHA-256 for it and one for the tag
files. [A: RFC 8493 sections 2.1.3, 2.2.1, 2.2.2]
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from vidrecover.errors import EvidenceError
from vidrecover.evidence._values import DECLARATION, INFO, MANIFEST, TAG_MANIFEST, Stored
from vidrecover.model import Source
from vidrecover.source import lies_on

DECLARED = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_BUFFER = 1 << 20


class Hashed:
    """A file of the package while it is written; its digest grows with it."""

    def __init__(self, path: Path) -> None:
        self._digest = hashlib.sha256()
        self._file: BinaryIO = path.open("xb", buffering=_BUFFER)
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Adds bytes."""
        self._digest.update(data)
        self._file.write(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        """Of all bytes so far, hexadecimal."""
        return self._digest.hexdigest()

    def flush(self) -> None:
        """Hands over what was written, so that others can read it."""
        self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        self._file.close()


class Package:
    """A package under a temporary name beside its target; a context manager.

    Unless `finish` was reached, leaving it removes everything; what a killed process left goes
    when the same package is asked for again. Raises EvidenceError when the
    target exists, lies on the source, or cannot be written.
    """

    def __init__(self, target: Path, source: Source) -> None:
        self.target = Path(target)
        self.files: list[Stored] = []
        self._finished = False
        if lies_on(self.target, source):
            raise EvidenceError(
                f"{target} lies on the source {source.identity.path}: choose a folder on another"
                " disk"
            )
        self._refuse_existing()
        self.root = self.target.with_name(f".{self.target.name}.{os.getpid()}.partial")
        with self.explained():
            self.target.parent.mkdir(parents=True, exist_ok=True)
            _clear(self.target)
            self.root.mkdir()
            self._lock = _locked(self.root)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._finished:
            shutil.rmtree(self.root, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)

    def _refuse_existing(self) -> None:
        if self.target.exists() or self.target.is_symlink():
            raise EvidenceError(f"{self.target} exists already: choose another folder")

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turns what the system refuses into words that say what to do."""
        try:
            yield
        except OSError as error:
            raise EvidenceError(
                f"{self.target} cannot be written ({error.strerror or error}): nothing was left"
                " behind; make room or choose another folder"
            ) from error

    @contextmanager
    def file(self, name: str) -> Iterator[Hashed]:
        """A new file, listed when it is whole; name: from the bag's root, with slashes."""
        path = self._path(name)
        with self.explained():
            made = Hashed(path)
            try:
                yield made
            finally:
                made.close()
        self.files.append(Stored(file=name, size=made.size, sha256=made.sha256))

    def put(self, name: str, content: bytes | str) -> Stored:
        """A small file at once."""
        with self.file(name) as made:
            made.write(content.encode() if isinstance(content, str) else content)
        return self.files[-1]

    def adopt(self, stored: Stored, path: Path) -> None:
        """Takes a finished file from elsewhere on the same disk, which was hashed there."""
        with self.explained():
            path.rename(self._path(stored.file))
        self.files.append(stored)

    def work(self) -> Path:
        """A folder for what is not part of the package; emptied by `finish`."""
        path = self.root / ".work"
        with self.explained():
            path.mkdir(exist_ok=True)
        return path

    def finish(
        self,
        info: Iterable[tuple[str, str]],
        seals: Callable[[bytes], Iterable[tuple[str, bytes]]] = lambda _: (),
    ) -> None:
        """Writes the tag files and gives the package its name.

        info: lines of bag-info.txt; seals: names and bytes of the files that are made of the
        tag manifest, which is given.
        """
        with self.explained():
            shutil.rmtree(self.root / ".work", ignore_errors=True)
        payload = list(self.files)
        self.put(DECLARATION, DECLARED)
        self.put(INFO, info_text(info, payload))
        self.put(MANIFEST, manifest_text(payload))
        tags = manifest_text(self.files[len(payload) :]).encode()
        self.put(TAG_MANIFEST, tags)
        for name, content in seals(tags):
            self.put(name, content)
        self._refuse_existing()
        with self.explained():
            self.root.rename(self.target)
        self._finished = True

    def _path(self, name: str) -> Path:
        path = self.root / name
        with self.explained():
            path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _clear(target: Path) -> None:
    """Removes what packing to this target left that was killed; one that goes on holds a lock."""
    for left in target.parent.glob(f".{escape(target.name)}.*.partial"):
        lock = _locked(left)
        if lock is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the lock of a folder until it is closed, or its process ends; None
    where another holds it, or the system knows no such locks."""
    try:
        import fcntl  # not there on Windows
    except ImportError:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def info_text(info: Iterable[tuple[str, str]], payload: Sequence[Stored]) -> str:
    """bag-info.txt; Payload-Oxum is bytes and number of the payload files."""
    oxum = f"{sum(one.size for one in payload)}.{len(payload)}"
    lines = [*info, ("Payload-Oxum", oxum)]
    return "".join(f"{label}: {' '.join(value.split())}\n" for label, value in lines)


def manifest_text(files: Iterable[Stored]) -> str:
    """Lines as `sha256sum -c` takes them, ordered by name."""
    return "".join(f"{one.sha256}  {one.file}\n" for one in sorted(files, key=lambda one: one.file))
