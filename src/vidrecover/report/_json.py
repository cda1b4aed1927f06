"""The report as values that JSON can hold, for other programs; nothing is left out."""

from collections.abc import Mapping
from typing import Any

import msgspec

from vidrecover import clips, clock, show
from vidrecover.model import RecorderMs
from vidrecover.report._answer import answer
from vidrecover.report._clocks import clocks
from vidrecover.report._facts import Facts
from vidrecover.report._words import Words, languages


def as_json(facts: Facts) -> dict[str, Any]:
    """All facts; `diagnosis` and `clips` as their commands write them. Sizes are bytes, extents
    half-open, times recorder time without a zone, except `created_at` and `started`: UTC.
    """
    read = facts.read
    return {
        "source": msgspec.to_builtins(facts.source),
        "created_at": facts.created_at,
        "tool_version": facts.tool_version,
        "answer": {
            language: [one.text for one in answer(facts, Words(language))]
            for language in languages()
        },
        "diagnosis": show.diagnosis_json(facts.diagnosis),
        "totals": [_timed(msgspec.to_builtins(one), "first", "last") for one in facts.totals],
        "events": [_timed(msgspec.to_builtins(one), "time") for one in facts.events],
        "clocks": clocks(facts, Words("en")),
        "read": {
            "size": read.size,
            "scanned": read.scanned,
            "understood": read.understood,
            "blank": read.blank,
            "unidentified": read.unidentified,
            "unreadable": read.refused,
            "not_read": read.not_read,
            "unreadable_extents": [_extent(one) for one in read.unreadable],
        },
        "volumes": [
            msgspec.to_builtins(one) | {"extent": _extent(one.extent)} for one in facts.volumes
        ],
        "clips": None if facts.clips is None else [clips.as_json(one) for one in facts.clips],
        "clips_folder": facts.clips_folder,
        "formats": msgspec.to_builtins(facts.formats),
        "formats_digest": facts.formats_digest,
        "runs": msgspec.to_builtins(facts.runs),
        "notes": list(facts.notes),
        "stills": [one.still.file for one in facts.stills],
    }


def _extent(one: tuple[int, int]) -> dict[str, int]:
    return {"start": one[0], "end": one[1]}


def _timed(value: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The value with its `..._ms` written as the contract writes times."""
    times = {name: _iso(value[f"{name}_ms"]) for name in names}
    return {key: one for key, one in value.items() if not key.endswith("_ms")} | times


def _iso(time_ms: RecorderMs | None) -> str | None:
    return None if time_ms is None else clock.iso(time_ms)
