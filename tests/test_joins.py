"""Every frame that was put together over a border is told with its proof."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from vidrecover import show, timeline
from vidrecover.case import Case
from vidrecover.case._joins import of_clip
from vidrecover.diagnosis import Medium, of_media
from vidrecover.evidence import verify
from vidrecover.model import Clip, Diagnosis, Grade, Joins, SourceRef


@pytest.fixture(scope="module")
def case(
    simulated: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Case]:
    folder = tmp_path_factory.mktemp("joins") / "case"
    with Case.open(folder, create=True) as made:
        made.scan(SourceRef(path=str(simulated("dhfs-wrapped") / "disk.img")), pictures=False)
    return lambda: Case.open(folder)


def test_the_diagnosis_counts_joins_by_their_proof_and_their_doubt(
    case: Callable[[], Case],
) -> None:
    with case() as opened:
        answer, seams = opened.diagnose(), opened.catalogue.seams()
    told = {(one.joined, one.words): one.frames for one in answer.joins}
    assert sum(told.values()) == len(seams) > 10
    assert sum(n for (joined, _), n in told.items() if joined) == sum(s.joined for s in seams)
    assert show.diagnosis_json(answer)["joins"][0].keys() == {"joined", "frames", "words"}
    text = show.diagnosis_text(answer)
    for one in answer.joins:
        assert f"  {one.frames:,}: {one.words}" in text
    assert answer.joins[0].words not in show.diagnosis_text(answer, "zh")


def test_a_clip_names_the_proof_of_the_frames_that_were_put_together_in_it(
    case: Callable[[], Case], tmp_path: Path
) -> None:
    with case() as opened:
        made = opened.recover(tmp_path / "clips")
        proofs = {one.words for one in opened.catalogue.seams() if one.joined}
    told = [note for one in made if isinstance(one, Clip) for note in one.notes]
    named = [note for note in told if note.startswith("of the frames put together")]
    assert named and {note.partition(": ")[2] for note in named} <= proofs


def test_a_proof_outside_of_a_clip_s_time_is_not_named(case: Callable[[], Case]) -> None:
    with case() as opened:
        known = {one.start: one.words for one in opened.catalogue.seams() if one.joined}
        recordings = timeline.recordings(opened.segments())
    first = next(one for one in recordings if any(s.joined for s in one.segments))
    joined = next(one for one in first.segments if one.joined and one.start in known)
    assert joined.start_ms is not None
    clip = Clip(
        file="a.mp4", channel=1, stream=joined.stream, from_ms=joined.start_ms,
        to_ms=joined.start_ms + 40, frames=1, codec=joined.codec, grade=Grade.COMPLETE,
        format="dhav", notes=(),
    )  # fmt: skip
    assert of_clip(clip, first, known) == [f"of the frames put together 1: {known[joined.start]}"]
    other = msgspec.structs.replace(clip, from_ms=0, to_ms=40)
    assert of_clip(other, first, known) == []


def test_the_lines_of_a_package_s_frames_carry_the_proof(
    case: Callable[[], Case], tmp_path: Path
) -> None:
    with case() as opened:
        opened.export(tmp_path / "EX", decode=False)
        proofs = {one.start: one.words for one in opened.catalogue.seams() if one.joined}
    (table,) = (tmp_path / "EX").rglob("frames.jsonl")
    lines = [json.loads(line) for line in table.read_text().splitlines()]
    told = {one["segment"]["start"]: one["proof"] for one in lines if "proof" in one}
    assert told and told.items() <= proofs.items()
    assert all(one["segment"]["joined"] == ("proof" in one) for one in lines)
    assert verify(tmp_path / "EX", None).differences == ()


def test_several_media_count_a_proof_once_with_all_its_frames() -> None:
    def medium(name: str, *joins: Joins) -> Medium:
        found = Diagnosis(source=name, scanned_share=1.0, window=None, channels=(), joins=joins)
        return Medium(name, found)

    proof, doubt = (
        Joins(joined=one, frames=n, words=w) for one, n, w in ((True, 3, "a"), (False, 5, "b"))
    )
    both = of_media([medium("disk", proof), medium("sd", proof, doubt)], None)
    assert both.joins == (Joins(joined=True, frames=6, words="a"), doubt)
