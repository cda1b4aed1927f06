"""Pictures and proxies of finished clips: made by another process, with a time limit."""

import subprocess
import sys
from pathlib import Path

import msgspec

from vidrecover.model import Clip

PROXY_COMMENT = (
    "PROXY, NOT EVIDENCE: decoded and encoded again for browsers; the access copy and the master"
    " beside it are what counts"
)
_START_S = 60.0
_PICTURE_S = 1.0
_MAKER = "vidrecover.clips._derive"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the process shall make. stills: at most so many; proxy: its file, None for none;
    said: stands in all of it."""

    clip: str
    folder: str
    stills: int
    proxy: str | None
    said: str


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A still: milliseconds from the start of the clip, and its file in the folder."""

    at_ms: int
    file: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. frames: pictures in the proxy, 0 for none; failed: why nothing came."""

    pictures: tuple[Picture, ...] = ()
    frames: int = 0
    failed: str | None = None


def derive(
    clip: Clip, path: Path, folder: Path, *, stills: int = 0, proxy: Path | None = None
) -> Shown:
    """Key pictures of a clip as JPEG files in the folder, at most `stills`, and an H.264 proxy.

    path: of the clip's file. Both are encoded anew and say so inside. The decoder is a process of
    its own: its crash or hang is told in `failed`, and nothing of it stays.
    """
    said = f"DERIVED, NOT EVIDENCE: decoded from {path.name}"
    order = Order(
        clip=str(path),
        folder=str(folder),
        stills=stills,
        proxy=None if proxy is None else str(proxy),
        said=said,
    )
    limit = _START_S + _PICTURE_S * clip.frames
    try:
        done = subprocess.run(
            [sys.executable, "-m", _MAKER],
            input=msgspec.json.encode(order),
            capture_output=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _nothing(folder, proxy, f"the decoder was stopped after {limit:.0f} s")
    if done.returncode != 0:
        return _nothing(folder, proxy, f"the decoder broke down (exit code {done.returncode})")
    return msgspec.json.decode(done.stdout, type=Shown)


def _nothing(folder: Path, proxy: Path | None, why: str) -> Shown:
    for path in [*folder.glob("*.jpg"), *([proxy] if proxy is not None else [])]:
        path.unlink(missing_ok=True)
    return Shown(failed=why)
