"""Causes and what to do about them, and the overwrite clock, in the report's language."""

from collections.abc import Iterator
from typing import NamedTuple

from vidrecover import show
from vidrecover.model import Cause
from vidrecover.report._facts import Facts
from vidrecover.report._words import Words, spoken
from vidrecover.runbooks import (
    Labels,
    Runbook,
    first_step,
    labels,
    language_of,
    runbook,
)


class Seen(NamedTuple):
    """One cause of a kind: cameras, span, how sure, and the sentence behind it."""

    who: str
    when: str
    grade: str
    reason: str


class Why(NamedTuple):
    """A kind of cause with its runbook, what to do first, and all that was seen of it."""

    book: Runbook
    first: str
    seen: list[Seen]


def labels_of(words: Words) -> Labels:
    """The words around runbooks in the report's language."""
    return labels(language_of(words.language))


def why(facts: Facts, words: Words) -> list[Why]:
    """The causes that are worth it, by kind, in the order in which they are to be dealt with."""
    told = [one for one in facts.diagnosis.causes if not one.is_brief]
    kinds = dict.fromkeys(one.kind for one in told)
    language = language_of(words.language)
    return [
        Why(
            runbook(kind, language),
            first_step(kind, language),
            [_seen(one, facts, words) for one in told if one.kind is kind],
        )
        for kind in kinds
    ]


def brief(facts: Facts, words: Words) -> list[str]:
    """Blips, a line each."""
    language = language_of(words.language)
    lines = []
    for one in facts.diagnosis.causes:
        if one.is_brief:
            seen = _seen(one, facts, words)
            lines.append(f"{seen.who}: {runbook(one.kind, language).title}, {seen.when}")
    return lines


def _seen(one: Cause, facts: Facts, words: Words) -> Seen:
    language = language_of(words.language)
    who, when = show.cause_words(one, facts.diagnosis.window, language)
    around = labels(language)
    grade = around.certain if one.certainty == "certain" else around.suspected
    return Seen(who, when, grade, words.reason(one))


def _seconds(length_ms: int, words: Words) -> str:
    return words.length(round(length_ms / 1000) * 1000)


def deadline(facts: Facts, words: Words) -> Iterator[str]:
    """Until when the recorder may run on, or why that is not known."""
    one = facts.diagnosis.overwrite
    if one is None:
        return
    if one.rate is None or one.kept_ms is None:
        yield words("overwrite.unknown", reason=words.reason(one))
    elif one.left_ms is None or one.least_ms is None or one.most_ms is None:
        yield words("overwrite.kept", length=words.length(one.kept_ms), reason=words.reason(one))
    else:
        before, newest = (spoken(t or 0)[:19] for t in (one.pull_before_ms, one.newest_ms))
        yield words("overwrite.before", before=before, newest=newest)
        yield words(
            "overwrite.left",
            left=_seconds(one.left_ms, words),
            least=_seconds(one.least_ms, words),
            most=_seconds(one.most_ms, words),
            reason=words.reason(one),
        )
