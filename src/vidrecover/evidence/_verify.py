"""Verifying: a package against itself, and against its source."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from vidrecover import extents
from vidrecover.errors import EvidenceError
from vidrecover.evidence import _again, _agreement, _exhibits, _leaks, _seals, _structure
from vidrecover.evidence._copies import crew_of
from vidrecover.evidence._findings import Area, Findings, Verification
from vidrecover.evidence._job import Job
from vidrecover.evidence._records import SourceRecord
from vidrecover.evidence._seals import NOBODY, Trust
from vidrecover.evidence._values import TAG_MANIFEST, Contents
from vidrecover.model import Progress, Source

_NEVER = "That the recorder's clock was right, and what the pictures show."
_MADE = (Area.STRUCTURE, Area.TABLES, Area.MASTERS)


def verify(
    package: Path,
    source: Source | None = None,
    *,
    decode: bool = True,
    trust: Trust = NOBODY,
    jobs: int = 1,
    scratch: Path | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Checks a package alone, or against its source too, and lists all that differs.

    decode: play every access copy; trust: whose signature and time stamp are expected; jobs:
    processes that make and play copies, where there are enough of them to be worth their start;
    scratch: folder for copies that are made again, by default the system's; progress: bytes of
    native footage. Raises EvidenceError when there is no package at all or it cannot be read;
    every other trouble is a difference.
    """
    root = Path(package)
    if not root.is_dir():
        raise EvidenceError(f"{package} is no folder: give the folder of a package")
    findings = Findings()
    try:
        with (
            TemporaryDirectory(dir=scratch, prefix="vidrecover-") as folder,
            ExitStack() as stack,
        ):
            bag = _structure.opened(root, findings)
            crew = stack.enter_context(crew_of(jobs, sum(bag.files.values())))
            job = Job(
                bag=bag,
                tables=_agreement.load(bag, findings),
                source=source,
                scratch=Path(folder),
                findings=findings,
                progress=progress,
                crew=crew,
            )
            _check(job, trust, decode=decode)
    except OSError as error:
        raise EvidenceError(f"{package} cannot be read or checked ({error})") from error
    return findings.result(str(package))


def _check(job: Job, trust: Trust, *, decode: bool) -> None:
    """All checks in order, then the words."""
    contents, record = job.tables.contents, job.tables.source
    if job.source is not None and record is not None:
        _same_source(job, job.source, record)
    _exhibits.check(job)
    for name in sorted(job.bag.files.keys() - {TAG_MANIFEST}):
        job.hash(name)
    _structure.compare(job.bag, job.now, job.findings)
    _agreement.check(job)
    played = None
    if contents is not None and decode and not contents.content_free:
        played = _again.play(job, contents)
    if contents is not None and contents.content_free:
        _content_free(job)
    if contents is not None:
        _state(job, contents, played)
    _seals.check(job, trust)
    job.findings.unproved.append(_NEVER)


def _content_free(job: Job) -> None:
    """That nothing of the recording is in the package, as far as can be told."""
    names = sorted(job.bag.files)
    for one in _leaks.of_package(job.bag.root, names, job.source):
        job.findings.differs(Area.CONTENT, one.file, one.what)
    said = "No file holds a picture or film that can be decoded, or coordinates of places"
    if job.source is not None:
        said += f", or {_leaks.SHORTEST} bytes of the recordings in a row"
    job.findings.prove(f"{said}.", Area.CONTENT)


def _same_source(job: Job, source: Source, record: SourceRecord) -> None:
    """Size, serial and stored digests of the source at hand."""
    here = source.identity
    job.findings.unequal(Area.SOURCE, "source", "size", source.size, record.size)
    if here.serial and record.serial:
        job.findings.unequal(Area.SOURCE, "source", "serial number", here.serial, record.serial)
    known = record.image_hash if isinstance(record.image_hash, dict) else {}
    for name in sorted(known.keys() & here.stored_hashes.keys()):
        stored = here.stored_hashes[name]
        job.findings.unequal(Area.SOURCE, "source", f"stored {name}", stored, known[name])


def _state(job: Job, contents: Contents, played: int | None) -> None:
    """What was proved and what was not, in plain words."""
    findings, exhibits = job.findings, contents.exhibits
    copies = sum(len(one.access) for one in exhibits)
    runs = sum(one.fragments for one in exhibits)
    size = sum(one.size for one in exhibits)
    findings.prove(
        f"All {len(job.bag.listed)} files are listed in the manifests; none was added, removed,"
        " renamed or changed since the manifests were written.",
        Area.STRUCTURE,
    )
    findings.prove(
        f"The log of {len(job.tables.actions)} actions is unbroken and ends with the packing of"
        " exactly these files.",
        Area.LOG,
    )
    findings.prove("Every table agrees with every other.", Area.TABLES)
    if not contents.content_free:
        findings.prove(
            "All masters consist of the runs of bytes in the table of fragments and of nothing"
            f" else; every byte was hashed again (masters: {len(exhibits)}, runs: {runs},"
            f" bytes: {size}).",
            *_MADE,
        )
    if not contents.content_free or job.source is not None:
        _state_copies(job, copies, played)
    if job.source is not None:
        findings.prove(
            f"All {runs} runs were read again from the source: the same {size} bytes stand at the"
            " same places.",
            Area.SOURCE,
            Area.TABLES,
        )
    findings.unproved += _open_questions(job, contents, played)


def _state_copies(job: Job, copies: int, played: int | None) -> None:
    origin = "masters" if job.source is None else "source"
    if not job.other:
        job.findings.prove(
            f"All access copies were made again of the {origin}: the same bytes"
            f" (copies: {copies}).",
            Area.COPIES,
            *_MADE,
        )
    if played is not None:
        job.findings.prove(
            "All access copies were played by a decoder, as well as it is said"
            f" (copies: {played}).",
            Area.PLAYING,
        )


def _open_questions(job: Job, contents: Contents, played: int | None) -> list[str]:
    said = []
    if job.source is None:
        said.append(
            "That the bytes stand on the source: the source was not given. Verify with --source."
        )
    if job.other:
        names = ", ".join(sorted(set(job.other))[:5])
        said.append(
            "What this version makes in another way than the one that packed was not compared"
            f" byte for byte: {names}."
        )
    if contents.content_free:
        said.append("What the footage shows: the package is content-free by design.")
    elif played is None:
        said.append("That the access copies play: they were not decoded.")
    derived = sum(len(copy.derived) for one in contents.exhibits for copy in one.access)
    if derived:
        said.append(
            f"That {derived} stills and proxies show what their access copies show: they are"
            " encoded anew, are no evidence, and were not made again."
        )
    unreadable = extents.total(bad for one in contents.exhibits for bad in one.unreadable)
    if unreadable:
        said.append(f"{unreadable} bytes that the device refused: they are zeros in the masters.")
    return said
