"""Causes in words and as JSON, and the runbook of a case."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from vidrecover import clock
from vidrecover.model import Cause, Diagnosis, OverwriteClock, StateSpan, TimeSpan
from vidrecover.runbooks import Labels, Language, first_step, labels, runbook
from vidrecover.show._words import iso, ranges
from vidrecover.wording import said, text


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


def causes_text(
    causes: Sequence[Cause], window: TimeSpan | None, language: Language = "en"
) -> list[str]:
    """Three lines for each cause that is worth it, the last what to do first; blips in one each."""
    words, lines = labels(language), list[str]()
    for one in causes:
        if one.is_brief:
            continue
        grade = words.certain if one.certainty == "certain" else words.suspected
        title = runbook(one.kind, language).title
        head = said("cause_title", who=who(one, words), title=title, grade=grade)
        times = when(one.span, words, window)
        detail = said("cause_detail", when=times, told=one.said or one.reason)
        following = words.next.format(do=first_step(one.kind, language))
        lines += [text([head], language), f"  {text([detail], language)}", f"  {following}"]
    if lines:
        lines.append(words.all_steps)
    brief = [one for one in causes if one.is_brief]
    if brief:
        lines.append(words.brief)
        lines += [f"  {_line(one, words, window, language)}" for one in brief]
    return lines


def reason_in(one: Cause | OverwriteClock | StateSpan, language: Language) -> str:
    """The reason in a language; as it is where it came from elsewhere."""
    return text(one.said, language) if one.said else one.reason


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


def overwrite_text(one: OverwriteClock | None, language: Language = "en") -> list[str]:
    """Until when the recorder may run, to be told before all else."""
    if one is None:
        return []
    told = one.said or one.reason
    if one.rate is None or one.kept_ms is None:
        return [text([said("clock_unknown", told=told)], language)]
    if one.left_ms is None or one.least_ms is None or one.most_ms is None:
        return [text([said("clock_kept", kept=one.kept_ms, told=told)], language)]
    newest, before = (clock.spoken(t or 0)[:19] for t in (one.newest_ms, one.pull_before_ms))
    left = said("clock_left", left=one.left_ms, least=one.least_ms, most=one.most_ms, told=told)
    return [
        text([said("clock_before", before=before, newest=newest[11:])], language),
        f"  {text([left], language)}",
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
        yield f"   {words.seen} {reason_in(one, language)}"
    yield f"{words.normal} {book.normal}"
    yield f"{words.customer} {book.customer}"
    yield words.steps.format(minutes=book.minutes)
    for place, step in enumerate(book.steps, start=1):
        yield "  " + words.step.format(
            number=place, part=words.parts[step.part], minutes=step.minutes, do=step.do
        )
    yield f"{words.escalate} {book.escalate}"
    yield f"{words.along} {book.along}"


def _line(one: Cause, words: Labels, window: TimeSpan | None, language: Language) -> str:
    title, times = runbook(one.kind, language).title, when(one.span, words, window)
    line = said("cause_line", who=who(one, words), title=title, when=times)
    return text([line], language)


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
