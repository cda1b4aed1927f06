"""What a package says in words: originality, completeness, limits, and the printable report.

Pure text from the tables, so that it can be made again and compared.
"""

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from vidrecover import clock
from vidrecover.evidence import _onvif
from vidrecover.evidence._records import ClockRecord, SourceRecord
from vidrecover.evidence._tables import Covered
from vidrecover.evidence._values import (
    CIRCUMSTANCES,
    COMPLETENESS,
    COVERAGE,
    FRAGMENTS,
    LIMITS,
    ORIGINALITY,
    PAGE,
    TEXT,
    Contents,
    Exhibit,
)
from vidrecover.model import State

_STATES = {
    State.RECORDED: "recorded",
    State.NOT_INDEXED: "on the disk, not in the recorder's list",
    State.NO_SIGNAL: "no camera signal",
    State.INDEXED_NOT_FOUND: "in the recorder's list, not on the disk",
    State.OVERWRITTEN: "overwritten",
    State.UNREADABLE: "unreadable",
    State.RECORDER_OFF: "recorder off",
    State.NOT_RECORDED: "not recorded",
    State.NOT_KNOWN: "not known",
}
FILES = (COMPLETENESS, LIMITS, ORIGINALITY, PAGE, TEXT)
"""What `texts` makes."""


class Said(NamedTuple):
    """All that the words are made of."""

    contents: Contents
    source: SourceRecord
    clock: ClockRecord
    coverage: Sequence[Covered]


def texts(said: Said) -> dict[str, str]:
    """The text files of a package by their path."""
    made = {
        ORIGINALITY: "".join(f"{line}\n" for line in _originality(said)),
        COMPLETENESS: "".join(f"{line}\n" for line in _completeness(said)),
        LIMITS: "".join(f"{line}\n" for line in _limits(said)),
    }
    whole = [*_summary(said), "", *(made[name] for name in (ORIGINALITY, COMPLETENESS, LIMITS))]
    text = "\n".join(whole)
    return {**made, TEXT: text, PAGE: page(text, f"{said.contents.exhibit} {said.contents.case}")}


def page(text: str, title: str) -> str:
    """The report as a page of its own, printable; lines as in `texts`."""
    body = "\n".join(_marked_up(text.splitlines()))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"{body}\n</body>\n</html>\n"
    )


_STYLE = (
    "body{max-width:60em;margin:2em auto;padding:0 1em;font:11pt/1.4 sans-serif}"
    "p,li{margin:.2em 0;overflow-wrap:anywhere}h2{margin:1.4em 0 .3em;font-size:12pt}"
    "h1{margin:2em 0 .5em;font-size:15pt;border-bottom:1px solid}@media print{body{margin:0}}"
)


def _marked_up(lines: Sequence[str]) -> Iterator[str]:
    """Headings, entries of lists and paragraphs."""
    for line in lines:
        for mark, tag in (("## ", "h2"), ("# ", "h1"), ("- ", "li"), ("", "p")):
            if line.startswith(mark) and line:
                yield f"<{tag}>{escape(line.removeprefix(mark))}</{tag}>"
                break


def _camera(channel: int | None) -> str:
    return "camera unknown" if channel is None else f"camera {channel}"


def _spoken(text: str | None) -> str:
    return "undated" if text is None else text.replace("T", " ")


def _summary(said: Said) -> Iterator[str]:
    contents, source = said.contents, said.source
    yield f"# {contents.exhibit}: {contents.case}"
    yield ""
    yield f"Made with vidrecover {contents.tool} from {source.name} ({source.size:,} bytes)."
    yield f"Contact: {contents.operator or 'not named'}."
    yield f"{_clips(len(contents.exhibits))}; asked for: {_asked(contents)}."
    yield "All times are recorder time: what the recorder's clock showed, without a zone."
    yield f"Clock: {said.clock.method}."
    yield from _clock(said.clock)
    if contents.content_free:
        yield "This package is content-free: it holds neither pictures nor sound."
    for one in contents.exhibits:
        yield ""
        yield from _exhibit(one, contents)


def _clock(record: ClockRecord) -> Iterator[str]:
    if record.offset_s is not None:
        low, high = record.offset_low, record.offset_high
        bar = "" if low is None or high is None else f" (between {low:+g} s and {high:+g} s)"
        yield (
            f"Recorder time minus true time: {record.offset_s:+g} s{bar}, by"
            f" {record.reference_source or 'a reference that is not named'}."
        )
    for one in record.jumps:
        yield f"The recorder logs that its clock was set: {_spoken(one.recorder_time)}, {one.text}."


def _asked(contents: Contents) -> str:
    camera = "all cameras" if contents.channel is None else f"camera {contents.channel}"
    if contents.span is None:
        return f"{camera}, all times"
    return f"{camera}, {_spoken(contents.span[0])} to {_spoken(contents.span[1])}"


def _exhibit(one: Exhibit, contents: Contents) -> Iterator[str]:
    stream = f", {one.stream} stream" if one.stream else ""
    yield f"## {one.exhibit}: {one.clip}"
    yield f"{_camera(one.channel)}{stream}, {one.codec} in {one.format} frames"
    yield f"recorder time {_spoken(one.begins)} to {_spoken(one.ends)}"
    yield f"{one.frames} frames: {one.pictures} pictures ({one.keys} key), {one.sounds} of sound"
    yield f"native bytes: {one.size:,}, SHA-256 {one.sha256}"
    yield f"on the source: {one.fragments} runs at {one.places} places, {one.first} to {one.end}"
    if one.unreadable:
        lost = sum(bad.size for bad in one.unreadable)
        yield f"{lost:,} bytes could not be read from the source; they are zeros in the master"
    for copy in one.access:
        played = "played by a decoder" if contents.decoded else "not played by a decoder"
        where = f"{copy.file} (not in this package)" if contents.content_free else copy.file
        yield f"access copy {where}: {copy.frames} pictures, {copy.grade.value}, {played}"
        yield from (f"  {note}" for note in copy.notes)
        for it in copy.derived:
            at = f" of {_spoken(it.at)}" if it.at else ""
            yield f"  derived, encoded anew, not evidence: {it.kind.value}{at}, {it.file}"
        if copy.underived:
            yield f"  no stills or proxy: {copy.underived}"
    for missed in one.left_out:
        yield f"no access copy of {missed.frames} frames: {missed.reason}"
    if one.loan is not None:
        yield f"parameter sets at hand for the access copy: {one.loan.origin}"


def _originality(said: Said) -> Iterator[str]:
    """These bytes stand at these places on this source."""
    contents, source = said.contents, said.source
    yield "# Statement 1: originality"
    yield ""
    yield (
        "Each master below consists of the bytes that stand at the listed places on the source"
        f" {source.name}, in the listed order, nothing added, left out or changed in between."
    )
    yield f"Each run of bytes is a row of {FRAGMENTS} with its position, length and SHA-256."
    yield "Anybody who has the source can read these places again and compare."
    if isinstance(source.image_hash, dict):
        hashes = ", ".join(f"{name} {value}" for name, value in sorted(source.image_hash.items()))
        yield f"The image carries these digests of itself: {hashes}."
    else:
        yield f"The source as a whole: {source.image_hash}."
    yield f"Write protection: {source.write_block}."
    yield ""
    for one in contents.exhibits:
        yield (
            f"- {one.exhibit} {one.clip}: {one.size:,} bytes in {one.fragments} runs,"
            f" SHA-256 {one.sha256}"
        )
    yield ""
    yield "Access copies are made of the masters without decoding or encoding a picture again."
    yield "This statement does not say that the footage is complete, nor what it shows."


def _completeness(said: Said) -> Iterator[str]:
    """For this camera and window these frames exist, these are missing, for these reasons."""
    contents = said.contents
    yield "# Statement 2: completeness"
    yield ""
    yield f"Asked for: {_asked(contents)}."
    yield f"{100 * said.source.scanned_share:.4g} % of the source was read with every format."
    yield ""
    for channel in dict.fromkeys(one.camera for one in said.coverage):
        own = [one for one in said.coverage if one.camera == channel]
        clips = [one for one in contents.exhibits if one.channel == channel]
        pictures = sum(one.pictures for one in clips)
        yield f"## {_camera(channel)}: {_clips(len(clips))}, {pictures} pictures"
        yield from (f"- {_span(one)}" for one in own)
        yield ""
    absent = [note for one in contents.exhibits for note in _absent(one)]
    yield "## Frames missing inside the clips"
    yield from absent or ["None is known to be missing."]
    yield ""
    yield f"The same as a table: {COVERAGE}. Marks: {_marks()}."


def _span(one: Covered) -> str:
    start, end = clock.spoken(one.start_ms), clock.spoken(one.end_ms)
    return f"{start} to {end}: {_STATES[one.state]} [{one.confidence}]: {one.reason}"


def _absent(one: Exhibit) -> Iterator[str]:
    for copy in one.access:
        yield from (f"- {one.exhibit}: {note}" for note in copy.notes)
    for missed in one.left_out:
        yield f"- {one.exhibit}: {missed.frames} frames have no access copy: {missed.reason}"


def _marks() -> str:
    return (
        "A the recorder's list and the bytes agree, B one of them shows it, C it follows from"
        " what was found around it, - nothing is claimed"
    )


def _limits(said: Said) -> Iterator[str]:
    """What was not read, not decoded, assumed."""
    source, contents = said.source, said.contents
    yield "# Limits"
    yield ""
    yield "## Not read"
    yield f"- {100 * (1 - source.scanned_share):.4g} % of the source was not read by every format."
    yield f"- {source.unreadable:,} bytes of the source were refused by the device."
    yield f"- {source.unidentified:,} bytes of the source were read, but no format knows them."
    for bad in source.bad_ranges:
        yield f"- [{bad.start}, {bad.end}) lies in exported clips and could not be read."
    yield ""
    yield "## Not decoded"
    if contents.decoded:
        yield "- Every access copy was played by a decoder; nobody looked at the pictures."
    else:
        yield "- The access copies were not played by a decoder."
    for one in contents.exhibits:
        if not one.access and not contents.content_free:
            yield f"- {one.exhibit} {one.clip} has no access copy."
    for name, limits in source.format_limits.items():
        yield from (f"- format {name}: {limit}" for limit in limits)
    yield ""
    yield "## Assumed"
    yield "- Recorder time is taken as the recorder wrote it; see the clock record."
    if _onvif.offset_to_utc(said.clock) is None:
        yield "- Access copies bear no start time in UTC: no clock check against UTC is recorded."
    yield "- The computer that packed this had the right time."
    yield ""
    yield "## Records of circumstances"
    yield "Two packages of the same source, window and version differ in these files only:"
    yield from (f"- {name}: {why}" for name, why in sorted(CIRCUMSTANCES.items()))


def _clips(count: int) -> str:
    """The count with its noun."""
    return "1 clip" if count == 1 else f"{count} clips"
