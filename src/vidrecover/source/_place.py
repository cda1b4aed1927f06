"""Whether a folder lies on the source itself, where nothing may be written."""

import os
import sys
from pathlib import Path, PureWindowsPath

from vidrecover.model import Source
from vidrecover.source._windows import is_device_path, lies_on_drive


def lies_on(folder: Path, source: Source) -> bool:
    """Whether the folder's file system is on the source: a device, a partition of it, or a
    loop device over the image. Linux tells all of that, Windows of physical drives.
    The folder need not exist yet.
    """
    if sys.platform == "win32" and is_device_path(source.identity.path):
        return lies_on_drive(PureWindowsPath(folder.resolve()), source.identity.path)
    path = Path(source.identity.path)
    return path.exists() and _is_on(folder, path)


def _is_on(folder: Path, source: Path) -> bool:
    existing = next(one for one in (folder, *folder.resolve().parents) if one.exists())
    device = existing.stat().st_dev
    if existing.resolve() == source.resolve():
        return True
    entry = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    holders = [entry.resolve(), entry.resolve().parent] if entry.exists() else []
    for holder in holders:
        backing = holder / "loop" / "backing_file"
        if backing.is_file() and backing.read_text().strip() == str(source.resolve()):
            return True
    if not source.is_block_device():
        return False
    wanted = source.stat().st_rdev
    number = f"{os.major(wanted)}:{os.minor(wanted)}"
    return device == wanted or any(
        (holder / "dev").is_file() and (holder / "dev").read_text().strip() == number
        for holder in holders
    )
