"""Causes in words and as JSON, and the runbook of a case."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from vidrecover import clock
from vidrecover.model import Cause, Diagnosis, OverwriteClock, TimeSpan
from vidrecover.runbooks import Labels, Language, labels, runbook
from vidrecover.show._words import iso, ranges


def causes_json(causes: Sequence[Cause], language: Language = "en") -> list[dict[str, Any]]:
    """Every cause: kind, title, channels (empty: the whole recorder), from, to, certainty."""
    return [
        {
            "kind": one.kind.value,
            "title": runbook(one.kind, language).title,
            "channels": list(one.channels),
            "from": None if one.span is None else clock.iso(one.span.start_ms),
            "to": None if one.span is None else clock.iso(one.span.end_ms),
            "certainty": one.certainty.value,
            "stretches": one.count,
            "brief": one.is_brief,
            "reason": one.reason,
            "basis": list(one.basis),
        }
        for one in causes
    ]


def runbooks_json(causes: Sequence[Cause], language: Language) -> dict[str, Any]:
    """The runbooks of the causes that are not brief, by kind."""
    kinds = dict.fromkeys(one.kind for one in causes if not one.is_brief)
    return {kind.value: msgspec.to_builtins(runbook(kind, language)) for kind in kinds}


def causes_text(causes: Sequence[Cause], window: TimeSpan | None) -> list[str]:
    """Two lines for each cause that is worth it, blips in one line each."""
    words, lines = labels("en"), list[str]()
    for one in causes:
        if one.is_brief:
            continue
        lines.append(f"{who(one, words)}: {runbook(one.kind).title} ({one.certainty.value})")
        lines.append(f"  {when(one.span, words, window)}; {one.reason}")
    brief = [one for one in causes if one.is_brief]
    if brief:
        lines.append(words.brief)
        lines += [f"  {_line(one, words, window, 'en')}" for one in brief]
    return lines


def overwrite_json(one: OverwriteClock | None) -> dict[str, Any] | None:
    """The overwrite clock: times of recording in seconds, or why it is not known."""
    if one is None:
        return None
    times = {"expected": one.left_ms, "least": one.least_ms, "most": one.most_ms}
    seconds = {key: None if ms is None else ms / 1000 for key, ms in times.items()}
    return {
        "known": one.rate is not None,
        "reason": one.reason,
        "bytes_per_second": None if one.rate is None else round(one.rate),
        "kept_seconds": None if one.kept_ms is None else one.kept_ms / 1000,
        "newest_footage": iso(one.newest_ms),
        "seconds_left": None if one.left_ms is None else seconds,
        "pull_before": iso(one.pull_before_ms),
    }


def overwrite_text(one: OverwriteClock | None) -> list[str]:
    """Until when the recorder may run, to be told before all else."""
    if one is None:
        return []
    if one.rate is None or one.kept_ms is None:
        return [f"overwriting: not known; {one.reason}"]
    if one.left_ms is None or one.least_ms is None or one.most_ms is None:
        kept = clock.lasting(one.kept_ms)
        return [
            f"overwriting: footage stays on the disk for about {kept} of recording ({one.reason});"
            " with --from and --to it is told for your time"
        ]
    newest, before = (clock.spoken(t or 0)[:19] for t in (one.newest_ms, one.pull_before_ms))
    return [
        f"PULL THE DISK BEFORE {before}, recorder time, if the recorder runs on from"
        f" {newest[11:]}:",
        f"  after {clock.lasting(one.left_ms)} more of recording ({clock.lasting(one.least_ms)} to"
        f" {clock.lasting(one.most_ms)}) it overwrites this footage ({one.reason})",
    ]


def explanation(result: Diagnosis, language: Language = "en") -> str:
    """The runbook of this case, to be read aloud from the top: each cause with its steps."""
    words = labels(language)
    head = words.heading.format(source=result.source)
    told = [one for one in result.causes if not one.is_brief]
    brief = [one for one in result.causes if one.is_brief]
    parts = [[head]] if told else [[head, words.nothing]]
    by_kind = {one.kind: [o for o in told if o.kind is one.kind] for one in told}
    for number, alike in enumerate(by_kind.values(), start=1):
        parts.append(list(_explained(number, alike, words, result.window, language)))
    if brief:
        lines = [f"  {_line(one, words, result.window, language)}" for one in brief]
        parts.append([words.brief, *lines])
    return "\n\n".join("\n".join(lines) for lines in parts)


def _explained(
    number: int,
    alike: Sequence[Cause],
    words: Labels,
    window: TimeSpan | None,
    language: Language,
) -> Iterator[str]:
    book = runbook(alike[0].kind, language)
    yield f"== {number}. {book.title}"
    for one in alike:
        grade = words.certain if one.certainty == "certain" else words.suspected
        yield f"   {who(one, words)}, {when(one.span, words, window)} ({grade})"
        yield f"   {words.seen} {one.reason}"
    for label, text in (
        (words.normal, book.normal),
        (words.customer, book.customer),
    ):
        yield f"{label} {text}"
    yield words.steps.format(minutes=book.minutes)
    for place, step in enumerate(book.steps, start=1):
        yield "  " + words.step.format(
            number=place, part=words.parts[step.part], minutes=step.minutes, do=step.do
        )
    yield f"{words.escalate} {book.escalate}"
    yield f"{words.along} {book.along}"


def _line(one: Cause, words: Labels, window: TimeSpan | None, language: Language) -> str:
    title = runbook(one.kind, language).title
    return f"{who(one, words)}: {title}, {when(one.span, words, window)}"


def cause_words(one: Cause, window: TimeSpan | None, language: Language) -> tuple[str, str]:
    """Which cameras a cause is about, and from when to when."""
    words = labels(language)
    return who(one, words), when(one.span, words, window)


def who(one: Cause, words: Labels) -> str:
    """`cameras 1-6`, or the whole recorder."""
    if not one.channels:
        return words.recorder
    known = ranges(channel for channel in one.channels if channel is not None)
    known += [words.camera_unknown] * (None in one.channels)
    template = words.cameras_one if len(one.channels) == 1 else words.cameras_more
    return template.format(list=", ".join(known))


def when(span: TimeSpan | None, words: Labels, window: TimeSpan | None) -> str:
    """From when to when, without the date where one day is looked at."""
    if span is None:
        return words.undated
    days = {time // 86_400_000 for time in (*span, *(window or ()))}
    start, end = (clock.spoken(time)[11 if len(days) == 1 else 0 : 19] for time in span)
    template = words.moment if start == end else words.between
    return template.format(start=start, end=end)
