"""Strings from the evidence, made safe to show: they may be hostile, broken or endless."""

LONGEST = 1000
"""Characters shown of one string; the sentences of a diagnosis are shorter."""

_HIDDEN = frozenset(
    {
        *(0x00AD, 0x061C, 0x2028, 0x2029, 0xFEFF),
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
    }
)
"""Characters that are invisible or turn the direction of text."""


def shown(text: str) -> str:
    """The text in visible characters, at most 1000 of them.

    Control characters, half surrogates and marks that turn or hide text are written as `\\x1b` or
    `\\u202e`, so that no name can pass for another, drive a terminal, or break the page's bytes.
    """
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(_visible(one) for one in cut)


def _visible(one: str) -> str:
    code = ord(one)
    if code < 0x20 or 0x7F <= code < 0xA0:
        return f"\\x{code:02x}"
    if code in _HIDDEN or 0xD800 <= code < 0xE000 or code & 0xFFFE == 0xFFFE:
        return f"\\u{code:04x}"
    return one
