"""Time as the recorder counted it."""

from typing import NamedTuple, TypeAlias

RecorderMs: TypeAlias = int
"""Milliseconds since 1970-01-01 as the recorder's own clock counted them; not UTC, no zone."""


class TimeSpan(NamedTuple):
    """Recorder time [start_ms, end_ms)."""

    start_ms: RecorderMs
    end_ms: RecorderMs
