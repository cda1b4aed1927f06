"""How many frames of the corpus's media come back from an image, and whether others appear.

Run as `python tests/benchmarks/corpus_recovery.py --kinds h264 h265`. Each file is laid between
other data (random bytes, zeros, text, a ZIP archive) whole, cut at both ends, and with 64 KiB
overwritten in the middle. The frames that are present are counted by PyAV's demuxers, and told
by a digest of their slices; the image is scanned with all formats. `torn` are frames that were
damaged on purpose, or whose end nothing shows; `false` are pictures that nobody recorded.
"""

import argparse
import hashlib
import io
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from vidrecover import segments
from vidrecover.case import Case
from vidrecover.catalogue import Catalogue
from vidrecover.model import Codec, FrameFlag, Media, SourceRef

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
KINDS = ("h264", "h265", "mjpeg", "containers", "ipcam", "vehicle", "broken")
VARIANTS = ("whole", "cut", "holed")
FILLERS = ("random", "zeros", "text", "zip")
GRID, SECTOR, HOLE = 4096, 512, 64 << 10
_DOUBTFUL = FrameFlag.END_UNPROVEN | FrameFlag.UNFINISHED
_SPREAD = frozenset({"mpegts", "mpeg"})  # containers whose frames lie in many packets


class Present(NamedTuple):
    """A frame that is in a file: its digest, and where its bytes lie in the file."""

    digest: bytes
    start: int
    end: int


class Laid(NamedTuple):
    """A file, or what is left of it, in an image.

    start, end: in the image; shift: place in the image minus place in the file; damaged:
    half-open ranges of the file that are not there.
    """

    name: str
    start: int
    end: int
    shift: int
    damaged: tuple[tuple[int, int], ...]


class Count(NamedTuple):
    """Frames of one file in one image."""

    present: int
    found: int
    torn: int
    false: int


def main() -> None:
    """Lay the files into images, scan them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS)
    parser.add_argument("--match", default="", help="only files whose path holds this")
    parser.add_argument("--fillers", nargs="*", default=list(FILLERS), choices=FILLERS)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=VARIANTS)
    chosen = parser.parse_args()
    files = media(chosen.kinds, chosen.match)
    if not files:
        sys.exit(f"no media below {CORPUS}")
    present = {name: list(frames_of(CORPUS / name)) for name in files}
    heads = "".join(
        f"{one + ' found/present':>22}{'torn':>6}{'false':>6}" for one in chosen.variants
    )
    sums = {one: Count(0, 0, 0, 0) for one in chosen.variants}
    table: dict[str, dict[str, Count]] = {name: {} for name in files}
    for variant in chosen.variants:
        for filler in chosen.fillers:
            for name, count in measured(present, variant, filler).items():
                old = table[name].get(variant, Count(0, 0, 0, 0))
                table[name][variant] = Count(*map(sum, zip(old, count, strict=True)))
    print(f"{'file (all of ' + ', '.join(chosen.fillers) + ')':64}{heads}")
    for name, counts in table.items():
        print(f"{name[:63]:64}" + "".join(line(counts[one]) for one in chosen.variants))
        for one in chosen.variants:
            sums[one] = Count(*map(sum, zip(sums[one], counts[one], strict=True)))
    print(f"{'sum':64}" + "".join(line(sums[one]) for one in chosen.variants))


def line(count: Count) -> str:
    """The columns of one variant."""
    return f"{count.found:>14}/{count.present:<7}{count.torn:>6}{count.false or '-':>6}"


def media(kinds: list[str], match: str) -> list[str]:
    """Paths of the corpus's media, by the manifest."""
    rows = (CORPUS / "MANIFEST.tsv").read_text(encoding="utf-8").splitlines()[1:]
    names = [row.split("\t")[0] for row in rows]
    return [
        name
        for name in names
        if name.split("/")[0] in kinds and match in name and not name.endswith((".txt", ".rtp"))
    ]


def frames_of(path: Path) -> Iterator[Present]:
    """The pictures of all streams that PyAV's demuxer gives, with their places."""
    data, reach = path.read_bytes(), 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                return
            streams = container.streams.video
            spread = container.format.name in _SPREAD
            packets = (packet for packet in container.demux(*streams) if packet.size)
            places = [(one.pos, bytes(one), one.stream.codec_context.name) for one in packets]
    except av.FFmpegError:
        return
    for number, (place, content, codec) in enumerate(places):
        if spread:
            following = [other for other, *_ in places[number + 1 :] if other is not None]
            start, end = place or 0, following[0] if following else len(data)
        else:
            start = data.find(content, reach)
            if start < 0:
                start = data.find(content)
            if start < 0:
                start = place or 0
            end = start + len(content)
            reach = max(reach, start)
        yield Present(digest(codec, content), start, end)


def digest(codec: str, payload: bytes) -> bytes:
    """Of H.264 and H.265 the slices, behind start codes or lengths; of others all bytes."""
    if codec in ("h264", "hevc"):
        payload = b"\0".join(unit.rstrip(b"\0") for unit in units(payload) if is_slice(codec, unit))
    else:
        payload = payload.rstrip(b"\0")
    return hashlib.sha256(payload).digest()


def units(payload: bytes) -> list[bytes]:
    """NAL units of Annex B, or of units with lengths of 4 or 2 bytes."""
    if payload[:3] != b"\0\0\1" and payload[:4] != b"\0\0\0\1":
        for size in (4, 2):
            at, found = 0, []
            while at + size < len(payload):
                length = int.from_bytes(payload[at : at + size], "big")
                found.append(payload[at + size : at + size + length])
                at += size + length
            if at == len(payload):
                return found
    return [unit for unit in payload.split(b"\0\0\1") if unit.rstrip(b"\0")]


def is_slice(codec: str, unit: bytes) -> bool:
    """Whether a NAL unit carries coded samples."""
    return 1 <= unit[0] & 31 <= 5 if codec == "h264" else unit[0] >> 1 < 32


def filling(kind: str, size: int, seed: int) -> bytes:
    """Other data between files."""
    rng = np.random.default_rng(seed)
    if kind == "zeros":
        return bytes(size)
    if kind == "random":
        return rng.bytes(size)
    words = " ".join(f"line {value} of a log" for value in rng.integers(0, 1 << 30, size // 16))
    if kind == "text":
        return words.encode()[:size].ljust(size, b".")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("log.txt", rng.bytes(size // 2) + words.encode())
    return buffer.getvalue()[:size].ljust(size, b"\0")


def laid(names: list[str], variant: str, filler: str, image: bytearray) -> Iterator[Laid]:
    """Writes the files into the image, one after the other."""
    for number, name in enumerate(names):
        data = (CORPUS / name).read_bytes()
        image += filling(filler, 64 << 10, number)
        start, first, damaged = len(image), 0, []
        if variant == "cut":
            first = len(data) // 8 // SECTOR * SECTOR
            last = max(len(data) * 7 // 8 // SECTOR * SECTOR, first + SECTOR)
            damaged = [(0, first), (last, len(data))]
            image += data[first:last]
        else:
            body = bytearray(data)
            if variant == "holed":
                hole = max(len(data) // 2 // SECTOR * SECTOR - HOLE // 2, 0)
                damaged = [(hole, min(hole + HOLE, len(data)))]
                body[hole : hole + HOLE] = filling(filler, HOLE, number)[: len(body) - hole]
            image += body + bytes(-len(body) % SECTOR)
        end = len(image)
        image += filling(filler, -len(image) % GRID, number)
        yield Laid(name, start, end, start - first, tuple(damaged))
    image += filling(filler, 64 << 10, len(names))


def measured(present: dict[str, list[Present]], variant: str, filler: str) -> dict[str, Count]:
    """Counts by file, of one image with all files."""
    image = bytearray()
    places = list(laid(list(present), variant, filler, image))
    with tempfile.TemporaryDirectory(prefix="vidrecover-corpus-") as folder:
        path = Path(folder) / "image.dd"
        path.write_bytes(image)
        found = list(recovered(path, bytes(image)))
    result = {}
    starts = np.array([one.start for one in places])
    owners = np.searchsorted(starts, [offset for offset, *_ in found], side="right") - 1
    for number, one in enumerate(places):
        own = [found[at] for at in np.flatnonzero(owners == number).tolist()]
        result[one.name] = counted(present[one.name], one, own)
    return result


def counted(
    present: list[Present], place: Laid, found: list[tuple[int, int, bool, bytes]]
) -> Count:
    """Frames of one file against those found in its stretch of the image."""
    broken = [
        one for one in present if any(one.start < b and a < one.end for a, b in place.damaged)
    ]
    intact = Counter(one.digest for one in present) - Counter(one.digest for one in broken)
    left, right, torn, false = intact.copy(), 0, 0, 0
    for offset, end, doubtful, mark in found:
        start, stop = offset - place.shift, end - place.shift
        if left[mark] > 0:
            left[mark] -= 1
            right += 1
        elif doubtful or any(one.start < stop and start < one.end for one in broken):
            torn += 1
        else:
            false += 1
    return Count(sum(intact.values()), right, torn, false)


def recovered(path: Path, image: bytes) -> Iterator[tuple[int, int, bool, bytes]]:
    """Pictures that a scan with all formats finds, those of container files with them: where,
    whether in doubt, and their digest."""
    names = {Codec.H264: "h264", Codec.H265: "hevc"}
    with Case.open(path.parent / "case", create=True) as case:
        case.scan(SourceRef(path=str(path)), pictures=False)
    with Catalogue.open(path.parent / "case" / "catalogue.db", create=False) as catalogue:
        for segment in catalogue.segments(rows=True):
            rows = segments.unpack(segment.rows)
            rows = rows[(rows["kind"] == Media.KEY) | (rows["kind"] == Media.DELTA)]
            begins = np.flatnonzero((rows["flags"] & FrameFlag.CONTINUES) == 0)
            for first, last in zip(begins, [*begins[1:], len(rows)], strict=False):
                pieces = rows[first:last]
                payload = b"".join(
                    image[at + skip : at + skip + size]
                    for at, skip, size in pieces[
                        ["offset", "payload_offset", "payload_size"]
                    ].tolist()
                )
                doubtful = bool((pieces["flags"] & _DOUBTFUL).any())
                end = int((pieces["offset"] + pieces["size"]).max())
                codec = names.get(Codec(int(pieces["codec"][0])), "other")
                yield int(pieces["offset"][0]), end, doubtful, digest(codec, payload)


if __name__ == "__main__":
    main()
