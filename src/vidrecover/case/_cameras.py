"""Which naked streams without a camera are of one camera, from what their pictures show."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from string import ascii_uppercase

import msgspec
import numpy as np

from vidrecover import clips, timeline
from vidrecover.case._loans import Lender, lender
from vidrecover.case._numbers import read_numbers
from vidrecover.case._opened import Opened
from vidrecover.catalogue import Shown
from vidrecover.model import Codec, FrameFlag, Frames, Media, Segment, Source
from vidrecover.repair import cameras, parametersets
from vidrecover.repair.cameras import Piece, View, ViewJob
from vidrecover.servant import Servant

_CODECS = (Codec.H264, Codec.H265)
_MOST_PICTURES = 400
"""Of a group that are decoded to see its last one."""
_BATCH = 50


def sort_cameras(case: Opened, source: Source) -> None:
    """Look at the pictures of all naked footage that was not looked at yet, and say anew which of
    it is of one camera."""
    nameless = _nameless(case)
    shown = case.catalogue.views.stored()
    known = {one.segment_id for one in shown}
    new = [one for one in nameless if one.id not in known]
    if new:
        with lender(case, source) as lent, cameras.reader() as servant:
            views = (_shown(case, source, lent, servant, one) for one in new)
            while batch := list(islice(views, _BATCH)):
                case.catalogue.views.store(batch)
        shown = case.catalogue.views.stored()
    if not shown:
        return
    labels = _over_borders(case, _labels(nameless, shown))
    if new or not labels.items() <= case.catalogue.views.labels().items():
        with lender(case, source) as lent:
            told = read_numbers(case, source, lent, labels, shown, nameless)
        labels = _over_borders(case, labels | told.more)
        case.catalogue.views.label(labels, told.numbers)


def _nameless(case: Opened) -> list[Segment]:
    """Streams of pictures that name no camera and have key pictures, in the catalogue's order."""
    return [one for one in _naked(case) if one.codec in _CODECS and one.keys]


def _naked(case: Opened) -> Iterator[Segment]:
    naked = {one.name for one in case.formats.formats if one.framing.yields}
    return (one for one in case.catalogue.segments(channel=None) if one.format in naked)


def _over_borders(case: Opened, labels: dict[int, str]) -> dict[int, str]:
    """The labels, also of what pictures put together over borders link to labelled footage; where
    that has several, all stays as it is."""
    every = {one.id or 0: one for one in _naked(case)}
    places: dict[tuple[str, bool, int], int] = {}
    for number, one in every.items():
        if not one.joined:
            places[one.format, True, one.end] = places[one.format, False, one.start] = number
    group = {number: {number} for number in every}
    for number, one in every.items():
        for after, place in ((True, one.start), (False, one.end)) if one.joined else ():
            other = places.get((one.format, after, place))
            if other is not None and group[other] is not group[number]:
                group[number] |= group[other]
                group |= dict.fromkeys(group[other], group[number])
    found = dict(labels)
    for number, linked in group.items():
        told = {labels[one] for one in linked if one in labels}
        if number not in labels and len(told) == 1:
            found[number] = told.pop()
    return found


def _labels(nameless: Sequence[Segment], shown: Sequence[Shown]) -> dict[int, str]:
    """A label for each segment that is clearly of one camera, by id."""
    places = {one.id: one.start for one in nameless}
    pieces, numbers = list[Piece](), list[int]()
    for one in shown:
        if one.view is not None and one.segment_id in places:
            view = msgspec.msgpack.decode(one.view, type=View)
            pieces.append(Piece(places[one.segment_id], one.kind, view))
            numbers.append(one.segment_id)
    found = zip(numbers, cameras.together(pieces), strict=True)
    return {number: _letters(camera) for number, camera in found if camera is not None}


def _letters(number: int) -> str:
    """A, B, ... Z, AA, AB, ... for 0, 1, 2, ..."""
    text, rest = "", number + 1
    while rest:
        rest, place = divmod(rest - 1, len(ascii_uppercase))
        text = ascii_uppercase[place] + text
    return text


def _shown(case: Opened, source: Source, lent: Lender, servant: Servant, segment: Segment) -> Shown:
    """What a segment's first picture and its last one show."""
    assert segment.id is not None
    (recording,) = timeline.recordings([segment])
    told = lent(recording)
    sets = b"" if told is None else told.units

    def ends(one: Segment) -> Frames:
        return _first_and_last(case.unpack(one))

    found = list(islice(clips.pictures(recording, source, ends), _MOST_PICTURES + 1))
    if not found:
        return Shown(segment.id, b"", None)
    own = parametersets.sets_of(segment.codec, found[0].unit)
    last_key = max(place for place, one in enumerate(found) if one.key)
    first = [one.unit for one in (found[:1] if last_key else found)]
    last = [one.unit for one in found[last_key:]] if last_key else []
    for group in (first, last):
        if group and parametersets.sets_of(segment.codec, group[0]) is None:
            group[0] = sets + group[0]
    job = ViewJob(codec=segment.codec, first=tuple(first), last=tuple(last))
    view = cameras.ask(job, servant)
    kind = hashlib.sha256(own or sets).digest()[:16] if own or sets else b""
    return Shown(segment.id, kind, None if view is None else msgspec.msgpack.encode(view))


def _first_and_last(rows: Frames) -> Frames:
    """The rows of the first key picture, and those from the last one on."""
    begins = np.flatnonzero(
        (rows["kind"] == Media.KEY) & ((rows["flags"] & FrameFlag.CONTINUES) == 0)
    )
    if len(begins) < 2:
        return rows
    pictures = np.cumsum((rows["flags"] & FrameFlag.CONTINUES) == 0)
    wanted = pictures == pictures[begins[0]]
    wanted[begins[-1] :] = True
    return rows.compress(wanted)
