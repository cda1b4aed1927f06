"""The same disks given to vidrecover and to photorec, foremost, scalpel and ffmpeg.

Run as `python tests/benchmarks/side_by_side.py`, with the Debian packages `testdisk`, `foremost`,
`scalpel` and `ffmpeg` installed; tools that are missing are left out and named. Each tool gets the
image once, all its kinds of files switched on. What it recovers is decoded and counted by ffmpeg:
pictures of all files, and of those the pictures that the tool puts under a camera's name. Seconds
are those of the recovery alone, without the counting. vidrecover runs twice: as it is by default,
with every clip played and graded, and `unplayed`, with the pictures on disk under their cameras,
which is what the other tools are timed for.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.find_speed import write  # noqa: E402
from tests.virtual_ring import APART, MIXED, VirtualRing  # noqa: E402

GIB = 1 << 30
RINGS = {"ring-mixed": {"streams": MIXED}, "ring-fragments": {"streams": APART, "block": 2 << 20}}
_LIMIT_S = 3600


class Result(NamedTuple):
    """What a tool made of an image. named: pictures under a known camera."""

    seconds: float
    files: int
    pictures: int
    named: int
    remark: str = ""


def main() -> None:
    """Make the images, run the tools, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where images are kept; default: thrown away")
    parser.add_argument("--size", type=float, default=4, help="GiB of each ring")
    parser.add_argument("--images", nargs="*", default=["van", "dhfs-orphaned", "gbps-plain",
                        "xm-plain", *RINGS])  # fmt: skip
    parser.add_argument("--tools", nargs="*", default=list(TOOLS), choices=list(TOOLS))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vidrecover-beside-", dir=chosen.folder) as made:
        print(f"{'image':16}{'tool':12}{'seconds':>9}{'files':>7}{'pictures':>10}"
              f"{'under a camera':>16}")  # fmt: skip
        for name in chosen.images:
            image = made_image(name, Path(made), round(chosen.size * GIB))
            for tool in chosen.tools:
                work = Path(made) / "work"
                work.mkdir()
                try:
                    one = TOOLS[tool](image, work)
                except FileNotFoundError as error:
                    one = Result(0, 0, 0, 0, f"not installed: {error.filename}")
                except subprocess.TimeoutExpired:
                    one = Result(_LIMIT_S, 0, 0, 0, "stopped, it took too long")
                print(f"{name:16}{tool:12}{one.seconds:9.1f}{one.files:7}{one.pictures:10}"
                      f"{one.named:16}  {one.remark}", flush=True)  # fmt: skip
                shutil.rmtree(work)
            shutil.rmtree(image.parent)


def made_image(name: str, folder: Path, size: int) -> Path:
    """A ring of this size, or the disk of a scenario."""
    image = folder / name / "disk.img"
    image.parent.mkdir()
    if name in RINGS:
        write(VirtualRing(size, **RINGS[name]), image)  # type: ignore[arg-type]
    else:
        call(sys.executable, "-m", "vidrecover", "simulate", name, "--output", image)
    return image


def call(*words: object, cwd: Path | None = None) -> str:
    """Run a program; its output, whatever its exit code: tools that carve seldom give 0."""
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, capture_output=True, timeout=_LIMIT_S, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout.decode(errors="replace")


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def decoded(paths: Iterable[Path]) -> dict[Path, int]:
    """Pictures that ffmpeg decodes out of each file."""
    found = list(paths)
    with ThreadPoolExecutor(2) as threads:
        return dict(zip(found, threads.map(_pictures, found), strict=True))


def _pictures(path: Path) -> int:
    words = ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v",
             "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]  # fmt: skip
    kind = ["-f", "dhav"] if path.suffix == ".dad" else []
    return sum(int(one) for one in re.findall(r"^(\d+)", call(*words, *kind, path), re.MULTILINE))


def counted(folder: Path, seconds: float) -> Result:
    """Pictures in all files that a carver wrote; it names no cameras."""
    files = [
        one for one in folder.rglob("*") if one.is_file() and one.suffix not in (".txt", ".xml")
    ]
    found = decoded(files)
    return Result(seconds, len(files), sum(found.values()), 0)


def unplayed(image: Path, work: Path) -> Result:
    """The same without playing the clips to grade them, which no other tool does."""
    return vidrecover(image, work, "--no-decode")


def vidrecover(image: Path, work: Path, *options: str) -> Result:
    """Scan and recover; cameras are those that the bytes or the recorder's records name."""
    program = [sys.executable, "-m", "vidrecover"]

    def recovery() -> None:
        call(*program, "scan", image, "--case", work / "case", "--no-pictures")
        call(*program, "recover", "--case", work / "case", "--folder", work / "clips", *options)

    seconds = timed(recovery)
    listed = json.loads((work / "clips" / "clips.json").read_text())
    found = decoded(work / "clips" / one["file"] for one in listed)
    named = sum(found[work / "clips" / one["file"]] for one in listed if one["channel"])
    return Result(seconds, len(listed), sum(found.values()), named)


def photorec(image: Path, work: Path) -> Result:
    """All kinds of files, the whole image."""
    orders = "partition_none,options,paranoid_no,fileopt,everything,enable,search"
    seconds = timed(lambda: call("photorec", "/d", work / "out", "/cmd", image, orders, cwd=work))
    return counted(work, seconds)


def foremost(image: Path, work: Path) -> Result:
    """All kinds of files."""
    seconds = timed(lambda: call("foremost", "-t", "all", "-i", image, "-o", work / "out"))
    return counted(work / "out", seconds)


def scalpel(image: Path, work: Path) -> Result:
    """All kinds of pictures and films that its own configuration knows, switched on."""
    known = Path("/etc/scalpel/scalpel.conf").read_text(encoding="utf-8")
    kinds = re.findall(r"^#?(\s+(?:jpg|gif|png|avi|mov|mpg|wmv|fws|bmp|tif)\s+[yn]\s+\d.*)$", known,
                       re.MULTILINE)  # fmt: skip
    (work / "scalpel.conf").write_text("\n".join(kinds) + "\n", encoding="utf-8")
    words = ["scalpel", "-c", work / "scalpel.conf", "-o", work / "out", image]
    seconds = timed(lambda: call(*words))
    return counted(work / "out", seconds)


def ffmpeg(image: Path, work: Path) -> Result:
    """The image itself as a film: guessed by ffmpeg, or as what the recorder writes."""
    best = Result(0.0, 0, 0, 0)
    seconds = 0.0
    for kind in ("", "dhav", "mpeg", "h264"):
        target = work / f"out{kind}.mkv"
        words = ["ffmpeg", "-v", "quiet", "-y", *(["-f", kind] if kind else []), "-i", image]
        words += ["-map", "0:v", "-c", "copy", target]
        seconds += timed(lambda words=words: call(*words))  # type: ignore[misc]
        if target.exists():
            pictures = _pictures(target)
            if pictures > best.pictures:
                best = Result(0.0, 1, pictures, 0, f"as {kind or 'guessed'}")
    return best._replace(seconds=seconds)


TOOLS: dict[str, Callable[[Path, Path], Result]] = {
    "vidrecover": vidrecover,
    "unplayed": unplayed,
    "photorec": photorec,
    "foremost": foremost,
    "scalpel": scalpel,
    "ffmpeg": ffmpeg,
}

if __name__ == "__main__":
    main()
