"""Words that all results share: sizes, cameras, times, tables."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from unicodedata import east_asian_width

from vidrecover import clock
from vidrecover.model import RecorderMs


def size_words(size: int) -> str:
    """Bytes as GB and exactly: `4.00 GB (4,000,000,000 bytes)`."""
    return f"{size / 1e9:.{2 if size >= 10**9 else 3}f} GB ({size:,} bytes)"


def camera_words(channel: int | str | None) -> str:
    """`camera 3`, `camera A` by its label, or that it is unknown."""
    return "camera unknown" if channel is None else f"camera {channel}"


def ranges(numbers: Iterable[int]) -> list[str]:
    """`1-3`, `5`, `7`, `8`: the numbers in order, three and more neighbours as a range."""
    parts: list[str] = []
    for _, group in groupby(enumerate(sorted(set(numbers))), key=lambda one: one[1] - one[0]):
        run = [number for _, number in group]
        parts += [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(number) for number in run]
    return parts


def time_words(time_ms: RecorderMs | None) -> str:
    """Recorder time for people, or that there is none."""
    return "no date" if time_ms is None else clock.spoken(time_ms)


def iso(time_ms: RecorderMs | None) -> str | None:
    """Recorder time as the contract writes it, or None."""
    return None if time_ms is None else clock.iso(time_ms)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns of text, left-aligned, under a head; trailing blanks cut."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(columns(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell + " " * (width - columns(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def columns(text: str) -> int:
    """Columns of a terminal that a text takes: wide characters take two."""
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in text)
