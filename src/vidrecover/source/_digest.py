"""The digest that a container carries of its whole content, compared while it is read."""

import hashlib
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from vidrecover.source._reading import Buffer

ALGORITHMS = ("md5", "sha1")
"""What Expert Witness files store. Broken for signing, good for telling accidental damage."""


class HashState(StrEnum):
    """How far the comparison with the stored digest has come."""

    MATCHED = "matched"
    DIFFERS = "differs"
    NOT_COMPLETE = "not_complete"
    NOT_STORED = "not_stored"


class HashCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Stored and computed digests of the whole content.

    stored, computed: hexadecimal by lower-case name; computed is empty until all is read.
    hashed: bytes digested so far, in order from 0.
    """

    state: HashState
    stored: dict[str, str]
    computed: dict[str, str]
    hashed: int


class RunningDigest:
    """Digests of content that comes in order from offset 0, in pieces that may overlap."""

    def __init__(self, stored: Mapping[str, str], size: int) -> None:
        """`stored`: hexadecimal digests; those other than MD5 and SHA-1 are left alone."""
        self._stored = {name: stored[name] for name in ALGORITHMS if name in stored}
        self._running = {name: hashlib.new(name, usedforsecurity=False) for name in self._stored}
        self._size = size
        self._hashed = 0

    def feed(self, offset: int, data: Buffer) -> None:
        """Digest what of the data comes next; data that leaves a gap is not digested."""
        end = offset + len(data)
        if not self._running or not offset <= self._hashed < end:
            return
        fresh = data.data[self._hashed - offset :]
        for running in self._running.values():
            running.update(fresh)
        self._hashed = end

    def check(self) -> HashCheck:
        """The comparison as far as it has come."""
        complete = self._hashed == self._size
        computed = {name: one.hexdigest() for name, one in self._running.items() if complete}
        if not self._stored:
            state = HashState.NOT_STORED
        elif not complete:
            state = HashState.NOT_COMPLETE
        else:
            state = HashState.MATCHED if computed == self._stored else HashState.DIFFERS
        return HashCheck(
            state=state, stored=dict(self._stored), computed=computed, hashed=self._hashed
        )
