"""What is said of the pictures of real footage: every clip that is flagged, with its values.

python tests/benchmarks/false_alarms.py

Reads ../shared/corpus, of which nothing is kept; `broken` is left out. Whether a person would flag
a clip too is for a person to say: the values and the name of the clip tell where to look.
"""

import runpy
import sys
from collections import Counter
from pathlib import Path

import av

from vidrecover.model import PictureState

ROOT = Path(__file__).parents[2]
FOLDERS = ("vehicle", "ipcam", "h264", "h265", "mjpeg", "containers")
FINE = frozenset({PictureState.LIVE, PictureState.COLOURLESS, PictureState.NOT_CHECKED})


def main() -> None:
    """Judge all clips and print the flagged ones."""
    av.logging.set_level(av.logging.PANIC)
    corpus = ROOT.parent / "shared" / "corpus"
    if not corpus.is_dir():
        sys.exit(f"{corpus} is not on this machine")
    judged = runpy.run_path(str(ROOT / "tests" / "test_picture.py"))["real_judgement"]
    said = Counter[str]()
    for folder in FOLDERS:
        for path in sorted((corpus / folder).iterdir()):
            found = judged(path)
            said[found.state.value] += 1
            if found.state in FINE:
                continue
            print(f"{folder}/{path.name}: {found.state.value}, {found.certainty.value}")
            print(f"    {found.judged} key pictures; {found.reason}")
            values = found.measures
            if values is not None:
                print(
                    f"    {values.width}x{values.height} mean {values.mean:.0f}"
                    f" deviation {values.deviation:.0f} texture {values.texture:.1f}"
                    f" edges {values.edges:.4f} flat {values.flat:.2f}"
                    f" sharpness {values.sharpness} noise {values.noise:.1f}"
                    f" change {values.change}"
                )
    flagged = sum(count for word, count in said.items() if PictureState(word) not in FINE)
    print(f"\n{flagged} of {said.total()} clips flagged: {dict(said)}")


if __name__ == "__main__":
    main()
