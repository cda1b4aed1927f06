"""A raw image in object storage (`s3://bucket/name`, `gs://`, `az://`, `https://`).

Ranges are asked for in bulk, as each request takes long to begin. Credentials and endpoints come
from the environment, as the storage's own tools take them (`AWS_ACCESS_KEY_ID`,
`AWS_ENDPOINT_URL`, ...). Needs the extra `cluster`.
"""

from typing import Any
from urllib.parse import urlsplit

import numpy as np

from vidrecover.errors import SourceError
from vidrecover.model import Extent, SourceIdentity
from vidrecover.source._ewfsections import looks_like_segment
from vidrecover.source._readable import Readable
from vidrecover.source._reading import Buffer, writable_view
from vidrecover.source._recognition import MAGIC_SIZE, foreign

SCHEMES = ("s3", "gs", "az", "https", "http")
RANGE = 2 << 20
"""Bytes of one range; a larger read asks for several at once."""


def is_remote(path: str) -> bool:
    """Whether a source is named by where it lies in object storage."""
    scheme, mark, rest = path.partition("://")
    return bool(mark and rest) and scheme in SCHEMES


class RemoteSource(Readable):
    """An object of fixed size, read by ranges."""

    def __init__(self, url: str) -> None:
        """Raises SourceError with what to do."""
        self._store, self._name = _store(url)
        import obstore
        from obstore.exceptions import BaseError

        self._obstore: Any = obstore
        self._errors: tuple[type[Exception], ...] = (BaseError, OSError)
        try:
            size = int(obstore.head(self._store, self._name)["size"])
        except self._errors as error:
            raise SourceError(
                f"{url}: cannot be opened ({_first_line(error)}); check its name, the network and"
                " the credentials in the environment",
                url,
            ) from error
        if size == 0:
            raise SourceError(f"{url}: is empty; copy the image again", url)
        self._identity = SourceIdentity(path=url, kind="object", size=size)
        head = self.read(0, MAGIC_SIZE)
        container = foreign(head, url)
        title = container[0] if container else "Expert Witness image"
        if container or looks_like_segment(head):
            raise SourceError(
                f"{url}: is a {title}; only raw images are read from object storage: copy it to a"
                " disk, or convert it",
                url,
            )

    def read_into(self, offset: int, buffer: Buffer) -> list[Extent]:
        """See `Source.read_into`; raises SourceError when the storage stops answering."""
        writable_view(offset, buffer, self.size)
        starts = list(range(offset, offset + len(buffer), RANGE))
        ends = [min(start + RANGE, offset + len(buffer)) for start in starts]
        if not starts:
            return []
        try:
            parts = self._obstore.get_ranges(self._store, self._name, starts=starts, ends=ends)
        except self._errors as error:
            raise self._stopped(_first_line(error)) from error
        for start, end, part in zip(starts, ends, parts, strict=True):
            view = np.frombuffer(part, dtype=np.uint8)
            if len(view) != end - start:
                raise self._stopped("fewer bytes than were asked for")
            buffer[start - offset : end - offset] = view
        return []

    def _stopped(self, words: str) -> SourceError:
        url = self._identity.path
        return SourceError(
            f"{url}: reading stopped ({words}); check the network, then run the same command again",
            url,
        )

    def close(self) -> None:
        """Nothing is held open."""


def _store(url: str) -> tuple[Any, str]:
    """The store and the object's name in it."""
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise SourceError(
            f"{url}: object storage needs more libraries: pip install 'vidrecover[cluster]'", url
        ) from error
    parts = urlsplit(url)
    name = parts.path.strip("/")
    if not parts.netloc or not name:
        raise SourceError(f"{url}: give the bucket and the object, such as s3://bucket/disk.img")
    try:
        return from_url(f"{parts.scheme}://{parts.netloc}"), name
    except (ValueError, OSError) as error:
        raise SourceError(f"{url}: {_first_line(error)}", url) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
