"""Many scanned sources in words and as JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec

from vidrecover.model import State
from vidrecover.outcome import Outcome
from vidrecover.show._diagnosis import STATE_WORDS
from vidrecover.show._words import iso, table, time_words


def many_json(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One object a source; `from` and `to` are recorder time."""
    rows = []
    for one in outcomes:
        row: dict[str, Any] = msgspec.to_builtins(one)
        row["from"], row["to"] = iso(row.pop("first_ms")), iso(row.pop("last_ms"))
        rows.append(row)
    return rows


def many_text(outcomes: Sequence[Outcome]) -> str:
    """A line a source, then what is missing or broken."""
    head = ("case", "cameras", "hours", "first frame (recorder time)", "last frame", "cameras are")
    rows = [
        (
            one.case,
            str(one.cameras),
            f"{one.seconds / 3600:.1f}",
            time_words(one.first_ms),
            time_words(one.last_ms),
            "not scanned" if one.error is not None else _state_words(one.states),
        )
        for one in outcomes
    ]
    troubles = [
        f"{one.case}: {words}"
        for one in outcomes
        for words in (*one.damage, *([one.error] if one.error is not None else []))
    ]
    return "\n".join([table(head, rows), *([""] if troubles else []), *troubles])


def _state_words(states: dict[str, int]) -> str:
    return (
        "; ".join(
            f"{states[state.value]} {STATE_WORDS[state]}"
            for state in reversed(State)
            if state.value in states
        )
        or "no footage"
    )
