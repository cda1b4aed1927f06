"""From measures to a word: what the key pictures of one camera show.

The rules are those of codec-repair.md 8.2 [B], moved where tests on real footage and on
pictures made to deceive said so [C]; each constant says why.
"""

from collections.abc import Sequence
from statistics import median
from typing import Any

import msgspec

from vidrecover.model import Certainty, PictureState
from vidrecover.picture._measure import MISSING, available, cells_of, measure
from vidrecover.picture._values import (
    Image,
    Judgement,
    Measures,
    Picture,
    not_checked,
)

CARD_UNIFORM = 0.97
BLUE_UNIFORM = 0.99
BLUE_FALLOFF = 0.5
"""Share of equal pixels that a video-loss picture keeps at least (rendered and coarsely encoded:
0.98), and what a blue one without letters must keep; blue tape over a lens falls off by 1. [C]"""

CARD_LUMA = 200
"""Brighter grounds are glare, snow or title pages: no recorder is known to write them. [C]"""

CARD_OVERLAID = 0.45
BLUE = 20
"""Tint of a blue screen that needs no letters; darkest rendered, (0, 0, 64) RGB: 29. [C]"""

DARK_MEAN = 32
DARK_TEXTURE = 3.5
DARK_EDGES = 0.004
DARK_FLAT = 0.88
"""Dark means black with nothing in it: night driving keeps more edges (0.007 and up [B]) or
fewer flat cells (below 0.85 where there are edges [C]). Flat cells alone serve where lines of
overlay reach into the picture. [C]"""

COVER_EDGES = 0.001
COVER_TEXTURE = 3.0
COVER_DEVIATION = 20
COVER_MEAN = 200
COVER_FLAT = 0.9
"""Stricter than 8.2 (0.004, 5, 25), which called bare asphalt covered; brighter is glare or
snow. [C]"""

COVER_PICTURES = 3
COVER_MS = 60_000
"""A bus can fill a picture for a moment: fewer pictures, or less time, say nothing. [B]"""

BLUR_SHARPNESS = 0.25
BLUR_DEVIATION = 8
BLUR_SHARE = 0.6
BLUR_WIDTH = 320
BLUR_PICTURES = 3
"""Real footage stays above 0.30 (8.2's limit: too near), blur of sigma 2 below 0.24; smaller
pictures are enlarged and look blurred by that; one or two may show smooth things. [C]"""

NOISE = 7.0
COLOURLESS = 1.0
"""Distance from grey: real infrared is 0; real scenes 5 and more, bare asphalt 2 to 3. 8.2's
spread of the chroma does not part asphalt from infrared. [C]"""

FROZEN_PICTURES = 4
FROZEN_CHANGE = 0.75
FROZEN_PEAK = 4.5
FROZEN_CELLS = 0.3
"""Repeated pictures differ by coding alone: 0.1 to 0.6, 2 to 4, 0.05 to 0.27 from 500 kbit/s at
CIF. Real empty rooms: 0.72 to 1.0, 5 to 7, 0.41 to 0.46 (medians). Coarser coding hides the
difference, so a frozen picture at a low rate is called live. [C]"""

OVERLAY_MOVES = 0.3
"""Mean difference in the overlay bands from which a clock in them runs. [C]"""

_SEEN = frozenset({PictureState.LIVE, PictureState.BLURRED, PictureState.COLOURLESS})

ROLL_ROWS = 15
ROLL_GAIN = 0.25
ROLL_SHARE = 0.6


def judge(
    pictures: Sequence[Picture | Image | None],
    *,
    span_ms: int | None = None,
    usual_sharpness: float | None = None,
) -> Judgement:
    """What the key pictures of one camera show.

    pictures: in time order; None stands for one that did not decode. span_ms: time from the
    first to the last, None when unknown. usual_sharpness: the camera's own running median, if
    there is one. NOT_CHECKED without OpenCV or without a whole picture. With one picture only
    what one picture can tell: never frozen, rolling or covered.
    """
    if not available():
        return not_checked(MISSING, len(pictures))
    measures: list[Measures | None] = []
    before: Picture | Image | None = None
    for picture in pictures:
        if picture is None or (isinstance(picture, Picture) and picture.damaged):
            measures.append(None)
            continue
        measures.append(measure(picture, before))
        before = picture
    judged = judge_measures(measures, span_ms=span_ms, usual_sharpness=usual_sharpness)
    first = next((p for p, m in zip(pictures, measures, strict=True) if m is not None), None)
    if first is None or not _stands(judged, measures):
        return judged
    return msgspec.structs.replace(judged, cells=cells_of(first))


def _stands(judged: Judgement, measures: Sequence[Measures | None]) -> bool:
    """Whether all pictures are one and the same but for coding; a single one is."""
    if judged.state is PictureState.FROZEN:
        return True
    later = [each for each in measures if each is not None][1:]
    return judged.state in _SEEN and all(is_unmoved(each) for each in later)


def judge_measures(
    measures: Sequence[Measures | None],
    *,
    span_ms: int | None = None,
    usual_sharpness: float | None = None,
) -> Judgement:
    """Like `judge`, from measures in time order, each taken against the one before it."""
    judged = [each for each in measures if each is not None]
    if not judged:
        return not_checked("no key picture decodes without errors", len(measures))
    cards = [each for each in judged if is_card(each)]
    if 2 * len(cards) >= len(judged) and all(map(is_plain, judged)) and _steady(judged):
        cards = judged
        verdict = _card_verdict(cards)
    else:
        scenes = [each for each in judged if not is_card(each)]
        verdict = _scene_verdict(scenes, span_ms, usual_sharpness)
        if cards:
            verdict = msgspec.structs.replace(
                verdict,
                certainty=Certainty.SUSPECTED,
                also=(PictureState.NO_SIGNAL, *verdict.also),
                reason=f"{len(cards)} of {len(judged)} are video-loss pictures; "
                f"the rest: {verdict.reason}",
            )
    return msgspec.structs.replace(
        verdict,
        judged=len(judged),
        rejected=len(measures) - len(judged),
        cards=len(cards),
        alone=tuple(state_alone(each) for each in measures),
        unmoved=tuple(each is not None and is_unmoved(each) for each in measures),
        rolled=tuple(each is not None and is_rolled(each) for each in measures),
        sizes=tuple((0, 0) if each is None else (each.width, each.height) for each in measures),
    )


def is_card(measures: Measures) -> bool:
    """Whether the picture alone is a video-loss picture: one colour, with letters or blue.

    Black or grey without a message in the middle does not count: an unlit or covered camera
    looks the same once encoded. Nor do light grounds.
    """
    blue = (
        measures.tint_blue >= BLUE
        and measures.tint_red <= BLUE // 2
        and measures.uniform >= BLUE_UNIFORM
        and _below(measures.falloff, BLUE_FALLOFF)
    )
    return is_plain(measures) and (measures.lettering or blue)


def is_plain(measures: Measures) -> bool:
    """Whether a picture has one colour, letters apart, as a video-loss picture has.

    An unlit or covered camera can have that too.
    """
    return (
        measures.ground <= CARD_LUMA
        and measures.overlaid <= CARD_OVERLAID
        and measures.uniform >= CARD_UNIFORM
    )


def state_alone(measures: Measures | None) -> PictureState:
    """What one picture shows by itself; for dating a change, see `date_change`."""
    if measures is None:
        return PictureState.NOT_CHECKED
    if is_card(measures):
        return PictureState.NO_SIGNAL
    found = _found(measures, None)
    return found[0] if found else PictureState.LIVE


def is_unmoved(measures: Measures) -> bool:
    """Whether a picture differs from the one before it by no more than coding does."""
    return (
        _below(measures.change, FROZEN_CHANGE)
        and _below(measures.change_peak, FROZEN_PEAK)
        and _below(measures.cell_change, FROZEN_CELLS)
    )


def is_rolled(measures: Measures) -> bool:
    """Whether a picture shows the scene of the one before it, moved up or down as a whole."""
    return (measures.shift_rows or 0) > ROLL_ROWS and (measures.shift_gain or 0) > ROLL_GAIN


def _steady(measures: Sequence[Measures]) -> bool:
    """Whether all pictures have the same ground, as far as coding allows."""
    return all(
        max(values) - min(values) <= tolerance
        for values, tolerance in (
            ([each.ground for each in measures], 3),
            ([each.tint_blue for each in measures], 6),
            ([each.tint_red for each in measures], 6),
        )
    )


def _card_verdict(cards: Sequence[Measures]) -> Judgement:
    """Every picture is one and the same card: sure when letters were seen in three."""
    lettered = sum(each.lettering for each in cards)
    middle = _medians(cards)
    text = f"letters in the middle of {lettered}" if lettered else "blue, no letters found"
    return Judgement(
        state=PictureState.NO_SIGNAL,
        certainty=Certainty.CERTAIN if lettered >= 3 else Certainty.SUSPECTED,
        reason=f"{len(cards)} of {len(cards)} pictures have one and the same colour over "
        f"{middle.uniform:.1%} of the ground; {text}",
        measures=middle,
    )


def _scene_verdict(
    scenes: Sequence[Measures], span_ms: int | None, usual_sharpness: float | None
) -> Judgement:
    middle = _medians(scenes)
    found = _found(middle, usual_sharpness) + _found_in_time(scenes, middle)
    brief = len(scenes) < COVER_PICTURES or (span_ms is not None and span_ms < COVER_MS)
    notes = []
    if PictureState.COVERED in found and brief:
        found.remove(PictureState.COVERED)
        notes.append("without structure, but too few pictures to call it covered")
    if PictureState.BLURRED in found and len(scenes) < BLUR_PICTURES:
        found.remove(PictureState.BLURRED)
        notes.append("not sharp, but too few pictures to call it blurred")
    if not found:
        sure = len(scenes) >= 2 and (middle.change or 0) > 2 and not notes
        return Judgement(
            state=PictureState.LIVE,
            certainty=Certainty.CERTAIN if sure else Certainty.SUSPECTED,
            reason="; ".join([*notes, _why(PictureState.LIVE, middle)]),
            measures=middle,
        )
    found.sort(key=ORDER.index)
    sure = found[0] == PictureState.COLOURLESS and len(scenes) >= 3
    return Judgement(
        state=found[0],
        certainty=Certainty.CERTAIN if sure else Certainty.SUSPECTED,
        reason="; ".join([*notes, _why(found[0], middle)]),
        also=tuple(found[1:]),
        measures=middle,
    )


ORDER = (
    PictureState.DARK,
    PictureState.COVERED,
    PictureState.ROLLING,
    PictureState.NOISY,
    PictureState.FROZEN,
    PictureState.BLURRED,
    PictureState.COLOURLESS,
)
"""Which word wins where several fit: dark pictures also look frozen, noisy ones sharp."""


def _found(values: Measures, usual_sharpness: float | None) -> list[PictureState]:
    """What one picture, or the medians of many, can show."""
    still = values.edges < DARK_EDGES or values.flat >= DARK_FLAT
    smooth = values.edges < COVER_EDGES and values.deviation < COVER_DEVIATION
    plain = (
        (smooth or values.flat >= COVER_FLAT)
        and values.texture < COVER_TEXTURE
        and values.mean <= COVER_MEAN
    )
    limit = BLUR_SHARPNESS if usual_sharpness is None else BLUR_SHARE * usual_sharpness
    dark = values.mean < DARK_MEAN and values.texture < DARK_TEXTURE and still
    found = {
        PictureState.DARK: dark,
        PictureState.COVERED: plain and not dark,
        PictureState.NOISY: values.noise > NOISE,
        PictureState.BLURRED: values.width >= BLUR_WIDTH
        and _below(values.sharpness, limit)
        and values.deviation > BLUR_DEVIATION
        and values.mean >= DARK_MEAN
        and not plain,
        PictureState.COLOURLESS: values.colour is not None
        and values.colour <= COLOURLESS
        and not (dark or plain),
    }
    return [state for state, holds in found.items() if holds]


def _found_in_time(scenes: Sequence[Measures], middle: Measures) -> list[PictureState]:
    """What only a row of pictures can show."""
    pairs = [each for each in scenes if each.change is not None]
    found = []
    if len(scenes) >= FROZEN_PICTURES and is_unmoved(middle):
        found.append(PictureState.FROZEN)
    rolled = sum(map(is_rolled, pairs))
    if len(pairs) >= 3 and rolled >= ROLL_SHARE * len(pairs):
        found.append(PictureState.ROLLING)
    return found


def _below(value: float | None, limit: float) -> bool:
    return value is not None and value < limit


def _medians(measures: Sequence[Measures]) -> Measures:
    """Medians of the values that half of the pictures have; a yes needs more than half."""
    values: dict[str, Any] = {}
    for name in Measures.__struct_fields__:
        known = [value for each in measures if (value := getattr(each, name)) is not None]
        values[name] = median(known) if 2 * len(known) >= len(measures) else None
    for name in ("width", "height", "ground", "tint_blue", "tint_red", "shift_rows"):
        values[name] = None if values[name] is None else int(values[name])
    values["lettering"] = values["lettering"] > 0.5
    return Measures(**values)


def _why(state: PictureState, values: Measures) -> str:
    """The measured values behind a word, as a sentence for people."""
    twin = is_plain(values)
    same = "; a video-loss picture without a message would look the same" if twin else ""
    moved = (values.overlay_change or 0) > OVERLAY_MOVES
    clock = "moves" if moved else "stands still, so the recorder may repeat the picture"
    texts = {
        PictureState.LIVE: f"edges in {values.edges:.1%} of the picture",
        PictureState.DARK: f"mean luma {values.mean:.0f} of 255 and no edges{same}",
        PictureState.COVERED: f"mean luma {values.mean:.0f} of 255 and no structure{same}; "
        "fog or a wall close by can too",
        PictureState.ROLLING: f"rows shifted by {values.shift_rows} from picture to picture",
        PictureState.NOISY: f"noise {values.noise:.1f}, above {NOISE:.0f}",
        PictureState.FROZEN: f"pictures differ by {values.change or 0:.2f} on average; the overlay "
        f"{clock}; a standing vehicle can look the same",
        PictureState.BLURRED: f"sharpness {values.sharpness or 0:.2f}",
        PictureState.COLOURLESS: "no colour, as in infrared light",
    }
    changes = "" if values.change is None else f", change {values.change:.1f} between pictures"
    return texts[state] + (changes if state == PictureState.LIVE else "")
