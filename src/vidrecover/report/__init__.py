"""The whole case on one page: what every camera has, why the rest is missing, what was read.

`html` gives one file that opens offline and prints well, `text` and `as_json` the same content
for a terminal and for programs. Only the page leaves anything out, and says how much.
"""

import hashlib
import json
from pathlib import Path

from vidrecover.errors import EvidenceError, SourceError
from vidrecover.model import SourceRef
from vidrecover.report import _page, _text
from vidrecover.report._facts import Facts, FormatUsed, ReadShare, StillShown, VolumeSeen
from vidrecover.report._gather import gather
from vidrecover.report._json import as_json
from vidrecover.report._words import Words, languages
from vidrecover.source import lies_on, open_source

__all__ = [
    "FORMS", "Facts", "FormatUsed", "ReadShare", "StillShown", "VolumeSeen",
    "as_json", "gather", "html", "languages", "save", "text", "written",
]  # fmt: skip

FORMS = ("html", "json", "text")
"""How a report can be written down."""


def html(facts: Facts, *, language: str = "en") -> str:
    """One self-contained HTML file, under 5 MB whatever the case holds; to be stored as UTF-8.

    language: one of `languages()`; ValueError for another.
    """
    return _page.page(facts, Words(language))


def text(facts: Facts, *, language: str = "en") -> str:
    """The report as plain text, with every span; ValueError for an unknown language."""
    return _text.text(facts, Words(language))


def written(facts: Facts, form: str, *, language: str = "en") -> str:
    """The report in one of `FORMS`, as it is stored; JSON holds both languages anyhow."""
    if form == "json":
        return json.dumps(as_json(facts), indent=1) + "\n"
    return {"html": html, "text": text}[form](facts, language=language)


def save(content: str, path: Path, source: SourceRef) -> str:
    """Store a report as a new UTF-8 file and return its SHA-256 in hexadecimal.

    Raises EvidenceError when the file exists, would lie on the source, or cannot be written;
    then none is left behind.
    """
    _refuse(path, source)
    encoded = content.encode()
    try:
        with path.open("xb") as file:
            file.write(encoded)
    except FileExistsError as error:
        raise EvidenceError(f"{path} exists already: choose another name") from error
    except OSError as error:
        path.unlink(missing_ok=True)
        raise EvidenceError(f"{path} cannot be written ({error.strerror})") from error
    return hashlib.sha256(encoded).hexdigest()


def _refuse(path: Path, ref: SourceRef) -> None:
    try:
        with open_source(ref) as source:
            if lies_on(path, source):
                raise EvidenceError(f"{path} lies on {ref.path} itself: choose another disk")
    except SourceError:
        return  # the source is not here, so that nothing can lie on it
