"""Parameter sets for pictures that have lost theirs: borrowed from other footage, never made up.

Vehicle recorders write the same sets before every key picture of a camera, so those of its other
footage nearly always stand on the same disk. [B: two recorders] Whether a loan fits is shown by
decoding: it must go without any error. What decoding cannot show (offsets of chroma, the first
quantiser of CAVLC) only the same camera's own sets can; so these come first, and where sets that
decode cleanly give different pictures, no foreign ones are lent, and of CAVLC none while the source
holds several.
"""

import pickle
from collections.abc import Iterable, Sequence

import msgspec

from vidrecover import nal
from vidrecover.model import Codec
from vidrecover.repair._rewriting import with_picture_id
from vidrecover.repair._values import Trial, TrialJob
from vidrecover.servant import Servant

MOST_CANDIDATES = 64
"""Different sets that are tried on one orphan; a trial takes milliseconds."""
PICTURES = 12
"""Of an orphan that are decoded in a trial."""
TIME_LIMIT_S = 30.0
_CLIPPED = 0.01
"""Share of luma at the ends of its range: more is no picture of H.265. [B: fitted on 12 clips]"""
_CLEARLY = 1.5
_START = b"\0\0\0\1"
_MODULE = "vidrecover.repair._trial"


class ParameterSets(msgspec.Struct, frozen=True, kw_only=True):
    """Sets that were seen before a key picture.

    units: SPS and PPS (and VPS) with start codes; channel: of that picture, None unknown; place:
    where it stands on the source, in bytes.
    """

    codec: Codec
    units: bytes
    channel: int | None
    place: int


class Loan(msgspec.Struct, frozen=True, kw_only=True):
    """Sets that fit an orphan. units: what to put before it, ids rewritten where needed; lender:
    where they come from; own: from the orphan's own camera."""

    units: bytes
    lender: ParameterSets
    own: bool


def sets_of(codec: Codec, unit: bytes) -> bytes | None:
    """The parameter sets in a key access unit with start codes, None when one is missing."""
    head = nal.head(codec, unit)
    needed = {"sps", "pps"} | ({"vps"} if codec == Codec.H265 else set())
    found = [one for one in head if one.kind in needed]
    if {one.kind for one in found} != needed:
        return None
    return b"".join(_START + one.data for one in dict.fromkeys(found))


class Library:
    """All different parameter sets of a source, in the order of their places."""

    def __init__(self, found: Iterable[ParameterSets] = ()) -> None:
        self._sets: dict[tuple[Codec, int | None, bytes], list[ParameterSets]] = {}
        for one in found:
            self.add(one)

    def add(self, one: ParameterSets) -> None:
        """Take in what was seen; of equal sets of a camera the places are kept."""
        self._sets.setdefault((one.codec, one.channel, one.units), []).append(one)

    def candidates(self, codec: Codec, channel: int | None, place: int) -> list[ParameterSets]:
        """Different sets for an orphan, the likeliest first: its own camera's, nearest first, then
        those of others. Where the camera is not known, nearness is all."""
        nearest = [
            min(alike, key=lambda one: abs(one.place - place))
            for (kind, _, _), alike in self._sets.items()
            if kind == codec
        ]
        ranked = sorted(
            nearest,
            key=lambda one: (
                channel is None or one.channel != channel,
                abs(one.place - place),
            ),
        )
        different: dict[bytes, ParameterSets] = {}
        for one in ranked:
            different.setdefault(one.units, one)
        return list(different.values())[:MOST_CANDIDATES]


def borrow(
    codec: Codec,
    units: Sequence[bytes],
    channel: int | None,
    candidates: Sequence[ParameterSets],
    servant: Servant,
) -> Loan | None:
    """The sets that fit an orphan, None where none do or it cannot be told which.

    units: its access units with start codes, the first a key picture; candidates: likeliest
    first, see `Library.candidates`; servant: see `trials`.
    """
    fitting = [(one, fitted) for one in candidates if (fitted := _fitted(codec, units[0], one))]
    if not fitting:
        return None
    job = TrialJob(
        codec=codec,
        units=tuple(units[:PICTURES]),
        candidates=tuple(fitted for _, fitted in fitting),
    )
    tried = [
        (lender, fitted, trial)
        for (lender, fitted), trial in zip(fitting, _answers(job, servant), strict=True)
        if not trial.errors and not trial.corrupt and trial.pictures >= len(job.units)
    ]
    own = [one for one in tried if channel is not None and one[0].channel == channel]
    chosen = own or [one for one in tried if one[2].clipped <= _CLIPPED or codec == Codec.H264]
    if not chosen:
        return None
    lender, fitted, trial = _likeliest(codec, chosen)
    if not own and (
        _ambiguous(codec, trial, [one[2] for one in chosen])
        or (_hides_its_quantiser(lender) and len(candidates) > 1)
    ):
        return None
    return Loan(units=fitted, lender=lender, own=bool(own))


def trials() -> Servant:
    """The process that `borrow` asks; a context manager."""
    return Servant(_MODULE, TIME_LIMIT_S)


def _fitted(codec: Codec, unit: bytes, one: ParameterSets) -> bytes | None:
    """The sets with the id that the picture asks for, None when its slice head cannot be read."""
    head = nal.head(codec, unit)
    if not head or head[-1].kind != "slice":
        return None
    wanted = nal.picture_id(codec, head[-1].data)
    found = nal.head(codec, one.units)
    ids = [
        parameters.id
        for each in found
        if each.kind == "pps"
        and (parameters := nal.picture_parameters(codec, each.data)) is not None
    ]
    if wanted is None or not ids:
        return None
    if wanted in ids:
        return one.units
    return b"".join(
        _START + (with_picture_id(codec, each.data, wanted) if each.kind == "pps" else each.data)
        for each in found
    )


def _answers(job: TrialJob, servant: Servant) -> list[Trial]:
    """A trial for each candidate; one that crashes the decoder counts as an error."""
    answer = servant.ask(pickle.dumps(job))
    if not isinstance(answer, str):
        return msgspec.msgpack.decode(answer, type=list[Trial])
    if len(job.candidates) == 1:
        return [Trial(errors=1, corrupt=0, pictures=0)]
    return [
        trial
        for one in job.candidates
        for trial in _answers(msgspec.structs.replace(job, candidates=(one,)), servant)
    ]


def _hides_its_quantiser(lender: ParameterSets) -> bool:
    """Whether a wrong first quantiser decodes without an error: so it is with CAVLC."""
    found = [
        nal.picture_parameters(lender.codec, one.data)
        for one in nal.head(lender.codec, lender.units)
        if one.kind == "pps"
    ]
    return any(one is not None and not one.arithmetic for one in found)


_Clean = tuple[ParameterSets, bytes, Trial]


def _likeliest(codec: Codec, clean: Sequence[_Clean]) -> _Clean:
    """The first, as candidates come; of H.265 the smoothest, as its decoders tell no errors."""
    if codec == Codec.H264:
        return clean[0]
    return min(clean, key=lambda one: one[2].roughness)


def _ambiguous(codec: Codec, chosen: Trial, clean: Sequence[Trial]) -> bool:
    """Whether other sets decode as well, but to other pictures."""
    others = [one for one in clean if one.digest != chosen.digest]
    if codec == Codec.H264:
        return bool(others)
    return any(one.roughness < _CLEARLY * chosen.roughness for one in others)
