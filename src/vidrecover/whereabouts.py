"""Where the source of a case is, and whether what lies there is still the same."""

from pathlib import Path

import msgspec
from blake3 import blake3

from vidrecover.errors import CatalogueError
from vidrecover.model import Source, SourceIdentity, SourceRef
from vidrecover.source import is_file_name

SOURCE = "source.json"
_SAMPLES, _SAMPLE_SIZE = 64, 4096


def remember(folder: Path, ref: SourceRef) -> None:
    """Store in the case's folder how to open the source again; raises CatalogueError."""
    path = folder / SOURCE
    known = msgspec.structs.replace(
        ref,
        path=str(Path(ref.path).absolute()) if is_file_name(ref.path) else ref.path,
        map_path=None if ref.map_path is None else str(Path(ref.map_path).absolute()),
    )
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n")
    except OSError as error:
        raise CatalogueError(f"{path} cannot be written ({error.strerror}): make room") from error


def recall(folder: Path, moved: str | None = None) -> SourceRef:
    """How to open the source of a case; moved: where it is now. Raises CatalogueError."""
    try:
        ref = msgspec.json.decode((folder / SOURCE).read_bytes(), type=SourceRef)
    except (OSError, msgspec.DecodeError) as error:
        raise CatalogueError(
            f"{folder}: {SOURCE} is missing or damaged; scan the source again"
        ) from error
    return ref if moved is None else msgspec.structs.replace(ref, path=moved)


def compare(source: Source, known: SourceIdentity | None, folder: Path) -> None:
    """Raises CatalogueError when the source cannot be the one that the case knows."""
    if known is None or known.size != source.size:
        raise CatalogueError(
            f"{source.identity.path} has {source.size} bytes, but the case {folder} is of"
            f" a source of {known.size if known else 0}; name the right one with --source"
        )


def fingerprint(source: Source) -> str:
    """Digest of samples spread over the source, by which it is known again under another name."""
    digest = blake3(source.size.to_bytes(8, "little"))
    step = max((source.size - _SAMPLE_SIZE) // _SAMPLES, 1)
    for offset in range(0, source.size, step):
        digest.update(source.read(offset, _SAMPLE_SIZE))
    return digest.hexdigest()
