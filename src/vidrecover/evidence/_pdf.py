"""The printable report, where reportlab is installed (extra `evidence`)."""

import io
from collections.abc import Iterator
from importlib.util import find_spec
from textwrap import wrap

_COLUMNS, _LINES = 96, 66
_MARGIN, _LEADING, _SIZE = 50, 11, 8.5


def is_possible() -> bool:
    """Whether the library is there."""
    return find_spec("reportlab") is not None


def printed(text: str, title: str) -> bytes:
    """The text as a PDF of A4 pages; the same text gives the same bytes.

    Characters outside Latin-1 are printed as `?`, which a last line says.
    """
    from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
    from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1, pageCompression=0)
    canvas.setTitle(title)
    lines = list(_lines(text))
    pages = [lines[place : place + _LINES] for place in range(0, len(lines), _LINES)] or [[]]
    for number, page in enumerate(pages, 1):
        body = canvas.beginText(_MARGIN, A4[1] - _MARGIN)
        body.setFont("Courier", _SIZE, _LEADING)
        for line in page:
            body.textLine(line)
        canvas.drawText(body)
        canvas.setFont("Courier", _SIZE)
        canvas.drawRightString(A4[0] - _MARGIN, 30, f"{title}, page {number} of {len(pages)}")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _lines(text: str) -> Iterator[str]:
    known = text.encode("latin-1", "replace").decode("latin-1")
    for line in known.splitlines():
        yield from wrap(line, _COLUMNS, subsequent_indent="    ", break_on_hyphens=False) or [""]
    if known != text:
        yield ""
        yield "This font lacks some characters, printed as ?; report.txt has them."
