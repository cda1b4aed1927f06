"""MP4 files of the corpus without their index: frames found, false frames, speed, file by file.

    python tests/benchmarks/moovless.py [FOLDER]

Each file is laid between random bytes three ways: its `moov` cut out; cut off after 70 % of the
media data as well; and with all sound overwritten by zeros as well. A frame counts as found when
its bytes are exactly those of a packet that PyAV reads from the untouched file; any other frame
that is not marked as unfinished or unproven is false. Speed is CPU time over the media data
repeated to 64 MiB, all of the walk included.
"""

import hashlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from vidrecover import containers, formats, scan, segments
from vidrecover.model import FrameFlag, Media, SourceRef, together
from vidrecover.source import open_source

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
LARGE = 64 << 20
CUT = 0.7
CODECS = {"h264", "hevc"}


class Packet(NamedTuple):
    """Where a sample lies in its file."""

    start: int
    size: int


class Original(NamedTuple):
    """An untouched file: its bytes, the samples of its pictures and of its sound, its boxes."""

    data: bytes
    pictures: list[Packet]
    sound: list[Packet]
    boxes: list[tuple[bytes, int, int]]


class Score(NamedTuple):
    """True frames, those of them that were found, and frames that are none."""

    true: int
    found: int
    false: int


def original(path: Path) -> Original | None:
    """A file that PyAV reads, with pictures of H.264 or H.265."""
    packets: dict[str, list[Packet]] = {"video": [], "audio": []}
    try:
        with av.open(str(path)) as container:
            names = {one.codec_context.name for one in container.streams.video}
            if not names or not names <= CODECS:
                return None
            for packet in container.demux(*container.streams.video, *container.streams.audio):
                if packet.size and packet.pos is not None:
                    packets[packet.stream.type].append(Packet(packet.pos, packet.size))
    except av.FFmpegError:
        return None
    data = path.read_bytes()
    return Original(data, packets["video"], packets["audio"], list(top_level(data)))


def top_level(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of each box, as far as their sizes lead."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        end = len(data) if size == 0 else min(at + size, len(data))
        if end < at + 8:
            return
        yield data[at + 4 : at + 8], at, end
        at = end


def without_index(one: Original, *, share: float = 1.0, silent: bool = False) -> tuple[bytes, int]:
    """The file without `moov`, cut off after a share of it, and where in the original that is."""
    data = bytearray(one.data)
    if silent:
        for packet in one.sound:
            data[packet.start : packet.start + packet.size] = bytes(packet.size)
    end = len(data)
    if share < 1:
        media = [(start, stop) for kind, start, stop in one.boxes if kind == b"mdat"]
        end = media[0][0] + int((media[-1][1] - media[0][0]) * share)
    kept = [data[start:stop] for kind, start, stop in cut(one.boxes, end) if kind != b"moov"]
    return b"".join(kept), end


def cut(boxes: list[tuple[bytes, int, int]], end: int) -> list[tuple[bytes, int, int]]:
    """The boxes up to a position."""
    return [(kind, start, min(stop, end)) for kind, start, stop in boxes if start < end]


def digest(data: bytes) -> bytes:
    """Of a frame's bytes."""
    return hashlib.sha256(data).digest()


def frames(image: Path) -> tuple[Counter[bytes], Counter[bytes], float]:
    """Digests of the frames that a scan and the reading of containers find, and of those whose
    end is not proven; CPU seconds."""
    known = formats.load(formats.shipped())
    source = open_source(SourceRef(path=str(image)))
    scanner = scan.Scanner(source, known)
    listed = [one for unit in scan.unit_extents(source.size) for one in scanner.scan(unit).segments]
    boxes = together([segments.unpack(one.rows) for one in listed if one.format == "mp4"])
    began = time.process_time()
    built = list(containers.build(source, boxes, known["mp4"]))
    seconds = time.process_time() - began
    proven, unproven = Counter[bytes](), Counter[bytes]()
    for segment in (segment for one in built for segment in one.segments):
        rows = segments.unpack(segment.rows)
        whole = (rows["flags"] & FrameFlag.UNFINISHED) == 0
        video = rows[np.isin(rows["kind"], (Media.KEY, Media.DELTA)) & whole]
        for start, size, flags in video[["offset", "size", "flags"]].tolist():
            found = unproven if flags & FrameFlag.END_UNPROVEN else proven
            found[digest(source.read(start, size))] += 1
    source.close()
    return proven, unproven, seconds


def score(one: Original, folder: Path, *, share: float = 1.0, silent: bool = False) -> Score:
    """What is found of a file that lost its index."""
    data, end = without_index(one, share=share, silent=silent)
    random = np.random.default_rng(9)
    image = folder / "disk.img"
    image.write_bytes(random.bytes(70_001) + data + random.bytes(200_000))
    wanted = Counter(
        digest(one.data[packet.start : packet.start + packet.size])
        for packet in one.pictures
        if packet.start + packet.size <= end
    )
    proven, unproven, _ = frames(image)
    found = (proven + unproven) & wanted
    return Score(wanted.total(), found.total(), (proven - wanted).total())


def speed(one: Original, folder: Path, *, silent: bool = False) -> float:
    """MB of media data a second of CPU time."""
    data, _ = without_index(one, silent=silent)
    media = b"".join(
        data[start + 8 : stop] for kind, start, stop in top_level(data) if kind == b"mdat"
    )
    head = b"\0\0\0\x18ftypisom\0\0\2\0isomavc1"
    count = LARGE // len(media) + 1
    image = folder / "large.img"
    with image.open("wb") as file:
        file.write(head + b"\0\0\0\0mdat")
        for _ in range(count):
            file.write(media)
    _, _, seconds = frames(image)
    return count * len(media) / 1e6 / seconds


def files(folder: Path) -> Iterator[tuple[Path, Original]]:
    """All files of the folder that can be judged."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".mp4", ".mov", ".3gp") and "broken" not in path.parts:
            one = original(path)
            if one is not None:
                yield path, one


def main(folder: Path) -> None:
    """Print the table."""
    print(f"{'file':<42} {'frames':>7} {'found':>7} {'false':>5}  {'cut':>13} {'false':>5}"
          f"  {'zeros':>13} {'false':>5} {'MB/s':>6} {'zeros':>6}")  # fmt: skip
    sums = [np.zeros(3, dtype=np.int64) for _ in range(3)]
    for path, one in files(folder):
        with tempfile.TemporaryDirectory() as place:
            here = Path(place)
            told = [score(one, here), score(one, here, share=CUT), score(one, here, silent=True)]
            rates = speed(one, here), speed(one, here, silent=True)
        for total, each in zip(sums, told, strict=True):
            total += each
        whole, short, silent = told
        print(f"{path.name[:42]:<42} {whole.true:>7} {whole.found:>7} {whole.false:>5}"
              f"  {short.found:>6}/{short.true:<6} {short.false:>5}"
              f"  {silent.found:>6}/{silent.true:<6} {silent.false:>5}"
              f" {rates[0]:>6.0f} {rates[1]:>6.0f}", flush=True)  # fmt: skip
    for word, (true, found, false) in zip(("whole", "cut", "zeros"), sums, strict=True):
        print(f"{word}: {found} of {true} frames ({found / true:.2%}), {false} false")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else CORPUS)
