"""What stands in the way of saying that nothing was recorded."""

from collections.abc import Iterator

from vidrecover.diagnosis._facts import Facts
from vidrecover.model import Claim, Said, TimeSpan
from vidrecover.wording import said


def untimed(facts: Facts, channel: int) -> Iterator[Said]:
    """Frames that may be of any time."""
    if count := facts.undated.get(None):
        yield said("nameless_untimed", count=count)
    if count := facts.undated.get(channel):
        yield said("own_untimed", count=count)


def of_camera(facts: Facts, channel: int, span: TimeSpan, others: bool) -> Iterator[Said]:
    """Why footage of this camera may exist, or have existed, after all."""
    yield from untimed(facts, channel)
    sound = facts.sound.get(channel)
    if sound is not None and sound.holds(span):
        yield said("sound_found")
    if facts.nameless.holds(span):
        yield said("entry_nameless")
    for claim in (facts.timeless.get(channel), facts.timeless.get(None)):
        if claim is not None:
            yield said("entry_untimed", claim=named(claim))
    if others and facts.is_reused(channel, span):
        yield _reused(facts, channel)
    if others and facts.footage.coarse:
        yield said("too_fine")


def _reused(facts: Facts, channel: int) -> Said:
    key = "rewritten" if facts.rewritten else "maybe_rewritten"
    return said(key, since=facts.proven_from(channel) or 0)


def of_pause(facts: Facts, channel: int, span: TimeSpan) -> Iterator[Said]:
    """Why the recorder may have run after all."""
    told = [facts.numbers.over(one, span.start_ms) for one in facts.cameras]
    is_proven = all(step is not None and not step.frames for step in told)
    if facts.is_reused(channel, span) and not is_proven:
        yield _reused(facts, channel)
    if any(count for channel, count in facts.undated.items() if channel is not None):
        yield said("untimed_found")
    if facts.activity.holds(span):
        yield said("ran")
    if facts.oldest is None:
        yield said("none_timed")
    elif span.start_ms < facts.oldest:
        yield said("older_than_all")


def named(claim: Claim) -> str:
    """`claim 4`, or where it stands when it has no number."""
    return f"claim {claim.id}" if claim.id is not None else f"claim at {claim.entry.start:#x}"
