"""Numbers of the cameras that naked footage was sorted to, burnt into their pictures."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from vidrecover import clips, timeline
from vidrecover.case._loans import Lender
from vidrecover.case._opened import Opened
from vidrecover.catalogue import Shown
from vidrecover.model import Codec, Segment, Source
from vidrecover.repair import burntname, clockreading, parametersets
from vidrecover.repair.clockreading import ClockJob, FontData, InkJob
from vidrecover.servant import Servant

_MOST_PICTURES = 300
"""That calibration looks at: half a minute of several cameras."""
_LONGEST = 400
"""Pictures of a piece that are read for that."""
_EVERY = 3
_MOST_LOOKED = 12
"""Key pictures of a camera in which the number must stand."""


class Numbered(NamedTuple):
    """numbers: of cameras, by label; more: labels of segments that had none, by id: they show the
    number of one of these."""

    numbers: dict[str, int]
    more: dict[int, str]


def read_numbers(
    case: Opened,
    source: Source,
    lent: Lender,
    labels: Mapping[int, str],
    shown: Sequence[Shown],
    nameless: Sequence[Segment],
) -> Numbered:
    """The numbers that stand in the pictures of the labelled cameras.

    labels: by id of segment. Cameras of one stream kind prove together where the number stands,
    as far as they were recorded at one time, lying between each other: else a date could pass for
    a number. What a further label shows that one of them has, is not told of it.
    """
    kinds = {one.segment_id: one.kind for one in shown}
    cameras: dict[tuple[bytes, Codec], dict[str, list[Segment]]] = {}
    rest: dict[tuple[bytes, Codec], list[Segment]] = defaultdict(list)
    for one in sorted(nameless, key=lambda one: one.start):
        kind = (kinds.get(one.id or 0, b""), one.codec)
        label = labels.get(one.id or 0)
        if label is None:
            rest[kind].append(one)
        else:
            cameras.setdefault(kind, defaultdict(list))[label].append(one)
    found = Numbered({}, {})
    with clockreading.reader() as servant:
        for kind, alike in sorted(cameras.items(), key=lambda one: one[0]):
            if len(_together(alike)) >= burntname.LEAST_CAMERAS:
                told = _Reading(case, source, lent, servant, kind[1]).numbers(alike, rest[kind])
                found.numbers.update(told.numbers)
                found.more.update(told.more)
    values = [*found.numbers.values()]
    numbers = {label: one for label, one in found.numbers.items() if values.count(one) == 1}
    return Numbered(numbers, {k: one for k, one in found.more.items() if one in numbers})


def _together(cameras: Mapping[str, Sequence[Segment]]) -> list[str]:
    """The labels whose footage goes on over one place, the most that are; recorded at one time."""
    spans = {label: (own[0].start, own[-1].end) for label, own in cameras.items()}
    begun = [start for start, _ in spans.values()]
    found = [[k for k, (start, end) in spans.items() if start <= at < end] for at in begun]
    return max(found, key=len, default=[])


class _Reading:
    """Reads pictures of cameras of one kind."""

    def __init__(
        self, case: Opened, source: Source, lent: Lender, servant: Servant, codec: Codec
    ) -> None:
        self._case, self._source, self._lent = case, source, lent
        self._servant, self._codec = servant, codec

    def numbers(
        self, cameras: Mapping[str, Sequence[Segment]], rest: Sequence[Segment]
    ) -> Numbered:
        """The number of each camera whose number is told, and what of the rest shows it."""
        font = self._font(cameras)
        if font is None:
            return Numbered({}, {})
        seen = {label: self._inked(own, font) for label, own in cameras.items()}
        sure = {label: one[0] for label, one in seen.items() if one is not None and one[1]}
        known = {label: sure[label] for label in _together(cameras) if label in sure}
        told = burntname.read([*known.values()], burntname.font_of(font))
        if told is None:
            return Numbered({}, {})
        numbers = {a: n for a, n in zip(known, told.numbers, strict=True) if n is not None}
        labels = {number: label for label, number in numbers.items()}
        for label in sure.keys() - known.keys():
            number = told.field.number(sure[label])
            if number is not None and number not in labels:
                numbers[label] = number
        more = dict[int, str]()
        for segment in rest:
            shown = self._inked([segment], font)
            number = None if shown is None else told.field.number(shown[0])
            if segment.id is not None and number in labels:
                more[segment.id] = labels[number]
        return Numbered(numbers, more)

    def _font(self, cameras: Mapping[str, Sequence[Segment]]) -> FontData | None:
        """The letters of the clock, from the cameras with most footage, one behind the other."""
        longest = sorted(cameras.values(), key=lambda own: -sum(one.frames for one in own))
        units = list(islice(self._units(longest), _EVERY * _MOST_PICTURES))
        step = _EVERY if len(units) >= _EVERY * clockreading.LEAST_PICTURES else 1
        wanted = tuple(range(0, len(units), step))
        if len(wanted) < clockreading.LEAST_PICTURES:
            return None
        job = ClockJob(
            codec=self._codec, units=tuple(units), wanted=wanted, fonts=(), calibrate=True
        )
        answer = clockreading.ask(job, self._servant)
        return None if answer is None else answer.font

    def _units(self, cameras: Sequence[Sequence[Segment]]) -> Iterator[bytes]:
        for own in cameras:
            for segment in own:
                yield from self._pictures(segment, keys_only=False)

    def _pictures(self, segment: Segment, *, keys_only: bool) -> list[bytes]:
        """Access units of a segment, the first with parameter sets."""
        (recording,) = timeline.recordings([segment])
        told = self._lent(recording)
        found = clips.pictures(recording, self._source, self._case.unpack, keys_only=keys_only)
        units = [one.unit for one in islice(found, _LONGEST)]
        if units and told is not None and parametersets.sets_of(self._codec, units[0]) is None:
            units[0] = told.units + units[0]
        return units

    def _inked(self, own: Sequence[Segment], font: FontData) -> tuple[burntname.Inked, bool] | None:
        """Where ink is in key pictures of a camera, from its first piece to its last; and whether
        these were enough to know what never changes."""
        places = np.linspace(0, len(own) - 1, min(len(own), _MOST_LOOKED)).round().astype(int)
        some = [self._pictures(own[place], keys_only=True) for place in places]
        groups = [(one[0],) for one in some if one]
        if len(groups) < burntname.LEAST_PICTURES and some and some[0]:
            groups += [(one,) for one in some[-1][1:][-burntname.LEAST_PICTURES :]]
        job = InkJob(codec=self._codec, groups=tuple(groups), font=font)
        answer = clockreading.inked(job, self._servant) if groups else None
        if answer is None:
            return None
        inked = np.frombuffer(answer.inked, np.uint8).reshape(answer.rows, answer.columns)
        return inked, answer.pictures >= burntname.LEAST_PICTURES
