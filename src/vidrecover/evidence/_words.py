"""Results of packing and verifying, for people and for programs."""

from typing import Any

import msgspec

from vidrecover.evidence._findings import Verification
from vidrecover.evidence._stamp import Stamp
from vidrecover.evidence._values import Packed


def packed_json(packed: Packed) -> dict[str, Any]:
    """Where the package is, and all of its `clips.json`."""
    return {
        "folder": packed.folder,
        "files": len(packed.files),
        **msgspec.to_builtins(packed.contents),
    }


def packed_text(packed: Packed) -> str:
    """A line per exhibit; recorder time."""
    contents = packed.contents
    size = sum(one.size for one in packed.files)
    lines = [f"{packed.folder}: {len(packed.files)} files, {size / 1e9:.2f} GB ({size:,} bytes)"]
    for one in contents.exhibits:
        grades = ", ".join(copy.grade.value for copy in one.access) or "no access copy"
        span = "undated" if one.begins is None else f"{one.begins} to {one.ends}"
        span = span.replace("T", " ")
        lines.append(f"{one.exhibit}  {one.clip}  {span}  {one.pictures:,} pictures  {grades}")
        lines += [f"  no access copy of {it.frames} frames: {it.reason}" for it in one.left_out]
    if not contents.exhibits:
        lines.append("no footage in this span: the package says why, in data/report/coverage.csv")
    return "\n".join(lines)


def stamp_json(found: Stamp) -> dict[str, Any]:
    """What an added time stamp says; `checked`: its signature was followed to a certificate."""
    return found._asdict() | {"at": found.at.isoformat()}


def stamp_text(found: Stamp) -> str:
    """The same in words."""
    said = f"stamped at {found.at.isoformat()} by {found.authority}, number {found.serial}"
    if found.checked:
        return f"{said}; its signature leads to the given certificate"
    return f"{said}; its signature was not checked: give --authority"


def verification_json(found: Verification) -> dict[str, Any]:
    """The result of a verification, with `sound` for whether nothing differs."""
    return {"sound": found.is_sound, **msgspec.to_builtins(found)}


def verification_text(found: Verification) -> str:
    """All differences, then what was proved and what was not."""
    lines = [f"{found.package}: " + ("sound" if found.is_sound else "NOT SOUND")]
    if found.differences:
        lines += ["", f"{len(found.differences)} differences:"]
        lines += [f"  {one.where}: {one.what} [{one.area}]" for one in found.differences]
    for title, said in (("proved", found.proved), ("not proved", found.unproved)):
        if said:
            lines += ["", f"{title}:", *[f"  {one}" for one in said]]
    return "\n".join(lines)
