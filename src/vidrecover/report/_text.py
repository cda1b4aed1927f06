"""The report as plain text: the same content as the page, every span listed."""

from collections.abc import Iterator, Sequence

from vidrecover import show
from vidrecover.model import ChannelDiagnosis, State, StateSpan
from vidrecover.report import _lanes
from vidrecover.report._answer import answer, lasting
from vidrecover.report._clocks import clocks
from vidrecover.report._facts import Facts
from vidrecover.report._page import slices
from vidrecover.report._shown import shown
from vidrecover.report._spans import basis_text
from vidrecover.report._why import brief, deadline, labels_of, why
from vidrecover.report._words import Words, share, spoken

_LANE_WIDTH = 48
_TIMED = frozenset({"cameras", "spans", "events", "clips"})  # headings that say whose time it is


def text(facts: Facts, words: Words) -> str:
    """The whole report, lines ended by line feeds."""
    parts = [
        [words("heading.title"), _pair(words("label.source"), shown(facts.source.path))],
        _part("answer", _answer(facts, words), words),
        _part("why", _why(facts, words), words),
        _part("lanes", _timeline(facts, words), words),
        _part("cameras", _cameras(facts, words), words),
        _part("spans", _spans(facts, words), words),
        _part("events", _events(facts, words), words),
        _part("clocks", clocks(facts, words), words),
        _part("read", _read(facts, words), words),
        _part("unreadable", _unreadable(facts, words), words),
        _part("volumes", _volumes(facts, words), words),
        _part("clips", _clips(facts, words), words),
        _part("tool", _tool(facts, words), words),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _part(key: str, lines: Iterator[str] | Sequence[str], words: Words) -> list[str]:
    """A heading over the lines, or nothing when there are none."""
    found = list(lines)
    title = words(f"heading.{key}")
    if key in _TIMED:
        title += f" ({words('label.time')})"
    return [title, "-" * show.columns(title), *found] if found else []


def _why(facts: Facts, words: Words) -> Iterator[str]:
    around = labels_of(words)
    for one in why(facts, words):
        yield one.book.title
        for seen in one.seen:
            yield f"  {seen.who}, {seen.when} ({seen.grade}): {shown(seen.reason)}"
        yield f"  {around.normal} {one.book.normal}"
        yield f"  {around.customer} {one.book.customer}"
        yield "  " + around.steps.format(minutes=one.book.minutes)
        for number, step in enumerate(one.book.steps, start=1):
            part = around.parts[step.part]
            told = around.step.format(number=number, part=part, minutes=step.minutes, do=step.do)
            yield f"    {told}"
        yield f"  {around.escalate} {one.book.escalate}"
        yield f"  {around.along} {one.book.along}"
    blips = brief(facts, words)
    if blips:
        yield around.brief
        yield from (f"  {line}" for line in blips)


def _answer(facts: Facts, words: Words) -> Iterator[str]:
    yield from map(shown, deadline(facts, words))
    yield from (one.text for one in answer(facts, words))
    for note in (*words.notes(facts.diagnosis), *facts.notes):
        yield f"* {shown(note)}"
    yield words("label.recorder_time")


def _timeline(facts: Facts, words: Words) -> Iterator[str]:
    window, channels = facts.diagnosis.window, facts.diagnosis.channels
    if window is None:
        return
    names = [words.camera(one.channel or one.label) for one in channels]
    width = max(map(show.columns, names), default=0)
    yield words("chart.showing", start=spoken(window[0]), end=spoken(window[1]))
    for one in channels:
        name = words.camera(one.channel or one.label)
        lane = _lanes.blocks(one.spans, window, _LANE_WIDTH)
        yield f"{name}{' ' * (width - show.columns(name))}  {lane}  {words.state(one.state)}"
    used = {span.state for one in channels for span in one.spans}
    for state in State:
        if state in used:
            yield f"  {_lanes.block(state)} {words.state(state)}: {words.general(state)}"


def _cameras(facts: Facts, words: Words) -> Iterator[str]:
    totals = {one.channel: one for one in facts.totals}
    for one in facts.diagnosis.channels:
        yield _pair(words.camera(one.channel or one.label), words.state(one.state))
        total = totals.get(one.channel) if one.label is None else None
        if total is not None:
            yield "  " + _pair(words("label.frames"), f"{total.frames:,}")
            yield "  " + _pair(words("label.bytes"), f"{total.size:,}")
            yield "  " + _pair(words("label.first"), words.time(total.first_ms))
            yield "  " + _pair(words("label.last"), words.time(total.last_ms))
        for state, length in lasting(one).items():
            yield "  " + _pair(words.state(state), words.length(length))


def _spans(facts: Facts, words: Words) -> Iterator[str]:
    for one in facts.diagnosis.channels:
        if one.spans:
            yield from _of_camera(one, words)


def _of_camera(one: ChannelDiagnosis, words: Words) -> Iterator[str]:
    count = words("label.spans", count=f"{len(one.spans):,}")
    yield f"{words.camera(one.channel or one.label)} ({count})"
    for span in one.spans:
        yield from _span(span, words)


def _span(span: StateSpan, words: Words) -> Iterator[str]:
    length = words.length(span.span.end_ms - span.span.start_ms)
    times = words.range(*map(spoken, span.span))
    yield f"  {times} ({length})  {words.state(span.state)}"
    yield "    " + _pair(words("label.reason"), shown(words.reason(span)))
    yield "    " + _pair(words("label.basis"), basis_text(span, words))
    listed = words("label.yes" if span.indexed else "label.no")
    yield "    " + _pair(words("label.picture"), words.picture(span.picture))
    yield "    " + _pair(words("label.listed"), listed)


def _events(facts: Facts, words: Words) -> Iterator[str]:
    if not facts.events:
        yield words("label.no_events")
    for one in facts.events:
        camera = "" if one.channel is None else f"  {words.camera(one.channel)}"
        yield f"{words.time(one.time_ms)}  {words.event(one.kind)}{camera}  {shown(one.text)}"


def _read(facts: Facts, words: Words) -> Iterator[str]:
    for one in slices(facts.read):
        amount = f"{words.size(one.size)}, {share(one.size, facts.read.size)}"
        yield _pair(words(f"read.{one.key}"), amount)
    yield _pair(words("read.whole"), words.size(facts.read.size))


def _unreadable(facts: Facts, words: Words) -> Iterator[str]:
    for one in facts.read.unreadable:
        yield f"{words.bytes(one)}  {words.size(one.size)}"


def _volumes(facts: Facts, words: Words) -> Iterator[str]:
    if not facts.volumes:
        yield words("label.no_volumes")
    for one in facts.volumes:
        label = f" “{shown(one.label)}”" if one.label else ""
        yield f"{shown(one.layout)}{label}  {words.bytes(one.extent)}"
        yield "  " + _pair(words("label.entries"), f"{one.claims:,}")
        yield "  " + _pair(words("label.log_records"), f"{one.events:,}")
        for key, size in (("allocated", one.allocated), ("unallocated", one.unallocated)):
            if size is not None:
                yield "  " + _pair(words(f"label.{key}"), f"{size:,}")
        yield from ("  " + _pair(words("label.damage"), shown(damage)) for damage in one.damage)


def _clips(facts: Facts, words: Words) -> Iterator[str]:
    if not facts.clips:
        yield words("label.no_clips")
    if facts.clips_folder:
        yield _pair(words("label.folder"), shown(facts.clips_folder))
    for one in facts.clips or ():
        camera = words.camera(one.channel or one.label)
        yield f"{shown(one.file)}  {camera}  {words(f'grade.{one.grade.value}')}"
        yield "  " + words.range(words.time(one.from_ms), words.time(one.to_ms))
        yield "  " + _pair(words("label.frames"), f"{one.frames:,}, {one.codec.name}")
        yield from ("  " + _pair(words("label.notes"), shown(note)) for note in one.notes)


def _tool(facts: Facts, words: Words) -> Iterator[str]:
    source = facts.source
    yield words("label.version", version=shown(facts.tool_version))
    yield _pair(words("label.made"), words("label.utc", time=facts.created_at.replace("T", " ")))
    yield _pair(words("label.kind"), shown(source.kind))
    yield _pair(words("label.size"), words.size(source.size))
    yield _pair(words("label.sector"), words.size(source.sector_size))
    for key, value in (("model", source.model), ("serial", source.serial)):
        if value:
            yield _pair(words(f"label.{key}"), shown(value))
    for name, digest in source.stored_hashes.items():
        yield _pair(f"{words('label.hashes')} ({shown(name)})", shown(digest))
    for run in facts.runs:
        started = run.started.replace("T", " ").replace("+00:00", "")
        version = shown(run.tool_version)
        yield _pair(words("label.runs"), words("label.run", started=started, version=version))
    yield _pair(words("label.digest"), shown(facts.formats_digest))
    for one in facts.formats:
        yield f"{shown(one.title)} ({shown(one.name)})"
        yield "  " + _pair(words("label.frames"), f"{one.frames:,}")
        if one.vendors:
            yield "  " + _pair(words("label.vendors"), ", ".join(map(shown, one.vendors)))
        yield from ("  " + _pair(words("label.limits"), shown(limit)) for limit in one.limits)


def _pair(name: str, value: str) -> str:
    return f"{name}: {value}"
