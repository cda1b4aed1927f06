"""Strings from the evidence, made safe to show: they may be hostile, broken or endless."""

import re

LONGEST = 1000
"""Characters shown of one string; the sentences of a diagnosis are shorter."""

_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]"
)
"""Control characters, half surrogates, and marks that are invisible or turn the direction."""


def shown(text: str) -> str:
    """The text in visible characters, at most 1000 of them.

    Anything else is written as `\\x1b` or `\\u202e`, so that no name can pass for another, drive
    a terminal, or break the page's bytes.
    """
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return _UNSAFE.sub(_written, cut)


def _written(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
