"""The rows of a recording that an order wants, and what is learnt while they go by."""

from collections.abc import Iterator

from vidrecover import clips, clock
from vidrecover.clips import TickClock, Unpack
from vidrecover.evidence import _runs
from vidrecover.model import Frames, RecorderMs, Recording, TimeSpan


class Choice:
    """Rows of a recording within a span; `tables` once, then the rest holds."""

    def __init__(
        self, recording: Recording, unpack: Unpack, ticks: TickClock, span: TimeSpan | None
    ) -> None:
        self.recording, self.unpack, self.ticks, self.span = recording, unpack, ticks, span
        self.dated = any(one.start_ms is not None for one in recording.segments)
        self.seen = _runs.Count()
        self._first_ms: RecorderMs | None = None
        self._last_ms: RecorderMs | None = None

    def tables(self) -> Iterator[Frames]:
        """Once through all wanted rows."""
        for rows, times in clips.within(self.recording, self.unpack, self.ticks, self.span):
            low, high = int(times.min()), int(times.max())
            self._first_ms = low if self._first_ms is None else min(self._first_ms, low)
            self._last_ms = high if self._last_ms is None else max(self._last_ms, high)
            self.seen = self.seen.plus(_runs.counted(rows))
            yield rows

    def start(self) -> RecorderMs | None:
        """When its first row was recorded; None when no row is wanted."""
        found = clips.within(self.recording, self.unpack, self.ticks, self.span)
        return next((int(times[0]) for _, times in found), None)

    @property
    def begins(self) -> str | None:
        """Recorder time of the earliest row; None where nothing is dated."""
        return self.iso(self._first_ms)

    @property
    def ends(self) -> str | None:
        """Recorder time of the latest row; None where nothing is dated."""
        return self.iso(self._last_ms)

    def iso(self, time_ms: RecorderMs | None) -> str | None:
        """As it stands in the tables; None where nothing is dated."""
        return clock.iso(time_ms) if self.dated and time_ms is not None else None

    def name(self, names: clips.Names) -> tuple[str, str] | None:
        """Camera and file name of its master, the next one free; None when no row is wanted."""
        start = self.start()
        if start is None:
            return None
        one = self.recording
        camera = names.camera(one.channel, one.label)
        return camera, names.clip(camera, one.stream, start if self.dated else None, one.format)
