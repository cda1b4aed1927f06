"""Every way of tampering with an evidence package, and whether `verify` names it; a table.

Run as `python tests/benchmarks/evidence_tampering.py`. It simulates a disk, packs two seconds of a
camera, and does to copies of the package: each file changed by a byte, removed, added, renamed, two
swapped; each row of the tables altered; a clip replaced by another valid one; actions removed; then
bits of the source changed. `plain`: the manifests are as they were; `sealed`: a forger made the
manifests again; `forged`: graph, log and bag-info.txt too. Then each kind of payload is planted in
each file of a content-free package. Exit code 1 when anything was not found.
"""

import base64
import csv
import io
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from tests.evidence import test_content_free as free  # noqa: E402
from tests.evidence import test_verify as made  # noqa: E402
from tests.evidence.conftest import WINDOW, Scanned  # noqa: E402

from vidrecover import evidence  # noqa: E402
from vidrecover.evidence import _leaks  # noqa: E402
from vidrecover.model import SourceRef  # noqa: E402
from vidrecover.simulate import building, scenario  # noqa: E402
from vidrecover.source import open_source  # noqa: E402

SOURCE_BITS = 60


class Case(NamedTuple):
    """A way of tampering: of its kind, on what; change does it to a copy of the package; named:
    one of these must be in what is said."""

    kind: str
    what: str
    change: Callable[[Path], object]
    named: tuple[str, ...]


def main() -> int:
    """Make, tamper, print the table."""
    with tempfile.TemporaryDirectory(prefix="vidrecover-") as folder:
        root = Path(folder)
        disk = root / "disk.img"
        building.build(scenario.load(ROOT / "fixtures/scenarios/jt1078-ten.toml"), disk)
        case = Scanned(disk, root)
        case.export(root / "bag", channel=2, span=WINDOW)
        case.export(root / "other", channel=3, span=WINDOW)
        case.export(root / "free", channel=1, span=WINDOW, content_free=True)
        found: Counter[str] = Counter()
        asked: Counter[str] = Counter()
        results = [
            *tampered(root, made.reseal, "sealed"),
            *tampered(root, lambda _: None, "plain"),
            *tampered(root, made.forge, "forged"),
            *on_source(root, case),
            *planted(root, case),
        ]
        for kind, what, ok in results:
            asked[kind] += 1
            found[kind] += ok
            if not ok:
                print(f"NOT FOUND: {kind}: {what}")
    print(f"{'tampering':<62}{'cases':>7}{'found':>7}")
    for kind in asked:
        print(f"{kind:<62}{asked[kind]:>7}{found[kind]:>7}")
    print(f"{'all':<62}{asked.total():>7}{found.total():>7}")
    return int(found != asked)


def tampered(
    root: Path, seal: Callable[[Path], None], word: str
) -> Iterator[tuple[str, str, bool]]:
    """Each case done to a fresh copy, then sealed in this way."""
    work, whole = root / "work", root / "bag"
    cases = (
        [*of_files(whole), *of_rows(), *of_clips(root)] if word != "forged" else [*of_clips(root)]
    )
    for one in cases:
        if word != "plain" and one.what in (made.MANIFEST, made.TAGS):
            continue
        shutil.copytree(whole, work)
        one.change(work)
        seal(work)
        said = made.names(made.check(work))
        yield f"{one.kind}, {word}", one.what, any(name in said for name in one.named)
        shutil.rmtree(work)


def of_files(whole: Path) -> Iterator[Case]:
    """Files changed by a byte, removed, renamed, swapped, added."""
    names = made.files(whole)
    for name in names:
        yield Case("a file changed by one byte", name, flipped(name), (name,))
        gone = (name, "data/report/report") if name.endswith(".pdf") else (name,)
        yield Case("a file removed", name, removed(name), gone)
        yield Case("a file renamed", name, moved(name, f"{name}.old"), (f"{name}.old", name))
    for one, other in pairwise([*names, names[0]]):
        yield Case("two files swapped", one, swapped(one, other), (one, other))
    for name in ("data/more.txt", "data/master/x.mp4", "note.txt", "data/provenance/x.json"):
        yield Case("a file added", name, added(name), (name,))


def flipped(name: str) -> Callable[[Path], object]:
    """Changes a bit in the middle of the file."""

    def change(work: Path) -> None:
        content = bytearray((work / name).read_bytes())
        content[len(content) // 2] ^= 1
        (work / name).write_bytes(content)

    return change


def removed(name: str) -> Callable[[Path], object]:
    """Removes a file."""
    return lambda work: (work / name).unlink()


def added(name: str) -> Callable[[Path], object]:
    """Adds a file."""
    return lambda work: (work / name).write_text("new")


def moved(name: str, new: str) -> Callable[[Path], object]:
    """Renames a file."""
    return lambda work: (work / name).rename(work / new)


def swapped(one: str, other: str) -> Callable[[Path], object]:
    """Exchanges two files."""

    def change(work: Path) -> None:
        (work / one).rename(work / "aside")
        (work / other).rename(work / one)
        (work / "aside").rename(work / other)

    return change


def of_rows() -> Iterator[Case]:
    """Rows of tables altered, actions removed."""
    for column, value in made.FRAGMENT_CHANGES:
        change = altered(made.FRAGMENTS, 5, column, value)
        yield Case("a row of fragments.csv altered", column, change, (made.FRAGMENTS, "line 6"))
    for column, value in made.COVERAGE_CHANGES:
        change = altered(made.COVERAGE, 1, column, value)
        yield Case("a row of coverage.csv altered", column, change, (made.COVERAGE,))
    for line in (0, 1, -1):
        yield Case("an action removed", str(line), cut(line), (made.ACTIONS,))


def altered(name: str, row: int, column: str, value: str) -> Callable[[Path], object]:
    """Puts another value into a cell."""
    return lambda work: made._in_table(work, name, row, column, value)


def cut(line: int) -> Callable[[Path], object]:
    """Takes a line out of the log."""

    def change(work: Path) -> None:
        lines = (work / made.ACTIONS).read_bytes().splitlines(keepends=True)
        del lines[line]
        (work / made.ACTIONS).write_bytes(b"".join(lines))

    return change


def of_clips(root: Path) -> Iterator[Case]:
    """Entries of clips.json altered, a clip replaced by another valid one with all that is said
    of it."""
    for key, value in made.EXHIBIT_CHANGES:
        change = entry({key: value})
        yield Case("an entry of clips.json altered", key, change, ("",))
    (theirs,) = json.loads((root / "other" / made.CLIPS).read_bytes())["exhibits"]
    copy = theirs["access"][0]

    def replace(work: Path) -> None:
        (mine,) = json.loads((work / made.CLIPS).read_bytes())["exhibits"]
        shutil.copyfile(root / "other" / copy["file"], work / mine["access"][0]["file"])
        facts = {"size": copy["size"], "sha256": copy["sha256"]}
        made._in_json(work, made.CLIPS, lambda all_: all_["exhibits"][0]["access"][0].update(facts))

    yield Case("a clip replaced by another valid one", copy["file"], replace, ("__ACCESS",))


def entry(values: dict[str, object]) -> Callable[[Path], object]:
    """Changes the only exhibit in clips.json."""
    return lambda work: made._in_json(
        work, made.CLIPS, lambda document: document["exhibits"][0].update(values)
    )


def on_source(root: Path, case: Scanned) -> Iterator[tuple[str, str, bool]]:
    """A bit changed in a fragment of the source, at random places."""
    dice = random.Random(7)
    content = bytearray(case.disk.read_bytes())
    text = (root / "bag" / made.FRAGMENTS).read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    for _ in range(SOURCE_BITS):
        row = dice.choice(rows)
        offset, length = int(row["offset"]), int(row["length"])
        place, bit = offset + dice.randrange(length), 1 << dice.randrange(8)
        content[place] ^= bit
        (root / "changed.img").write_bytes(content)
        content[place] ^= bit
        with open_source(SourceRef(path=str(root / "changed.img"))) as source:
            said = evidence.verify(root / "bag", source, decode=False).differences
        where = {one.where for one in said}
        yield (
            "one bit of the source changed",
            str(place),
            f"source [{offset}, {offset + length})" in where,
        )


def planted(root: Path, case: Scanned) -> Iterator[tuple[str, str, bool]]:
    """Each kind of payload in each file of a content-free package, as it is and in base64."""
    folder = root / "free"
    with case.open() as source:
        plants = free.planted(folder, source)
        for name in free.names(folder):
            path, content = folder / name, (folder / name).read_bytes()
            middle = content.find(b"\n", len(content) // 2) + 1
            for what, data in plants.items():
                for how, put in (("", data), (" in base64", base64.b64encode(data))):
                    path.write_bytes(content[:middle] + put + b"\n" + content[middle:])
                    found = _leaks.of_package(folder, free.names(folder), source, decimals=1)
                    yield f"{what}{how} planted", name, name in {one.file for one in found}
            path.write_bytes(content)


if __name__ == "__main__":
    raise SystemExit(main())
