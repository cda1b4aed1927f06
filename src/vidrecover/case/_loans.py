"""What a case lends to recordings whose frames do not tell enough to be played."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property

from vidrecover import clips, timeline
from vidrecover.case._opened import Opened
from vidrecover.model import Codec, Recording, Segment, Source
from vidrecover.repair import parametersets
from vidrecover.repair.parametersets import Library, Loan, ParameterSets
from vidrecover.servant import Servant

_CODECS = (Codec.H264, Codec.H265)
_SAMPLES = 24
"""Segments of a camera whose parameter sets are looked at, spread over the source."""
_OWN = -1
"""Stands for the camera of a recording that has no number."""


@contextmanager
def lender(case: Opened, source: Source) -> Iterator["Lender"]:
    """Lends for as long as it lasts; the process that tries sets ends with it."""
    with ExitStack() as stack:
        yield Lender(case, source, stack)


class Lender:
    """Answers what `clips.write` asks once for each recording."""

    def __init__(self, case: Opened, source: Source, stack: ExitStack) -> None:
        self._case, self._source, self._stack = case, source, stack
        self._tracks = case.catalogue.tracks()

    def __call__(self, recording: Recording) -> clips.Borrowed | None:
        """What the recording's container says, and parameter sets where neither it nor the first
        key picture has them."""
        number = recording.segments[0].track
        if number is not None and number not in self._tracks:  # its file was read meanwhile
            self._tracks = self._case.catalogue.tracks()
        told = clips.of_container(self._tracks[number]) if number in self._tracks else None
        if recording.codec not in _CODECS or (told is not None and told.units):
            return told
        loan = self._loan(recording, 0 if told is None else told.lengths)
        if loan is None:
            return told
        base = told or clips.Borrowed(b"", "", False)
        return base._replace(units=loan.units, origin=_origin(loan), foreign=not loan.own)

    def _loan(self, recording: Recording, lengths: int) -> Loan | None:
        codec = recording.codec
        found = clips.opening(
            recording,
            self._source,
            self._case.unpack,
            count=parametersets.PICTURES,
            lengths=lengths,
        )
        if found is None or parametersets.sets_of(codec, found.units[0]) is not None:
            return None
        channel = _OWN if recording.channel is None else recording.channel
        own = self._sets(recording, channel)
        candidates = self._library.candidates(codec, channel, found.place)
        return parametersets.borrow(codec, found.units, channel, [*own, *candidates], self._servant)

    def _sets(self, recording: Recording, channel: int | None) -> list[ParameterSets]:
        """The first sets that stand in a recording, none when there are none near its start."""
        codec = recording.codec
        found = clips.opening(
            recording,
            self._source,
            self._case.unpack,
            count=1,
            begins=lambda unit: parametersets.sets_of(codec, unit) is not None,
        )
        if found is None:
            return []
        sets = parametersets.sets_of(codec, found.units[0])
        assert sets is not None
        return [ParameterSets(codec=codec, units=sets, channel=channel, place=found.place)]

    @cached_property
    def _servant(self) -> Servant:
        return self._stack.enter_context(parametersets.trials())

    @cached_property
    def _library(self) -> Library:
        """What stands before the key pictures of all cameras, and in the heads of their files."""
        groups: dict[tuple[str, int | None, Codec], list[Segment]] = defaultdict(list)
        for one in self._case.segments():
            if one.codec in _CODECS and one.keys:
                groups[one.format, one.channel, one.codec].append(one)
        library = Library()
        for alike in groups.values():
            for one in _spread(alike):
                (recording,) = timeline.recordings([one])
                for sets in [*self._told(one), *self._sets(recording, one.channel)]:
                    library.add(sets)
        return library

    def _told(self, segment: Segment) -> list[ParameterSets]:
        """The sets that the file of a segment holds beside its pictures."""
        track = self._tracks.get(segment.track or 0)
        if track is None or not track.sets:
            return []
        place = segment.start if track.sets_at is None else track.sets_at.start
        return [
            ParameterSets(
                codec=segment.codec, units=track.sets, channel=segment.channel, place=place
            )
        ]


def _spread(segments: Sequence[Segment]) -> list[Segment]:
    ordered = sorted(segments, key=lambda one: one.start)
    step = max(len(ordered) / _SAMPLES, 1)
    return [ordered[int(place * step)] for place in range(min(len(ordered), _SAMPLES))]


def _origin(loan: Loan) -> str:
    channel = loan.lender.channel
    whose = "the same recording" if channel == _OWN else f"camera {channel}"
    whose = "footage of unknown camera" if channel is None else whose
    return f"{whose}, offset {loan.lender.place}"
